//! Convolutions of 3 × 3 by our own operator, with the norm before them and the sum after them in the same pass, and the same by
//! ONNX Runtime's where another device computes.

use super::{Conv, Conv1d, Graph, Value};
use crate::error::ModelError;
use crate::kernels::{self, After, MOST_TAPS};
use crate::onnx::Attribute;

/// The most kernels of a layer that our operator takes where it keeps them at 36 points instead of nine, and where it brings them there in
/// every run. Layers with more look at pictures so small that reading and making those takes as long as the products that are saved.
const MOST_KERNELS: (usize, usize) = (400_000, 2_000_000);
/// The fewest channels that are worth bringing to the points.
const FEWEST_CHANNELS: usize = 16;

/// From so many weights on, pictures are so small that layers are computed over weights as they lie, where memory is spared.
const LYING: (usize, usize) = (9 * MOST_KERNELS.1, 400_000);

/// The same along a signal, where ONNX Runtime's kernels for few channels are as fast.
const FEWEST_ALONG: usize = 128;

/// Whose operators compute convolutions and linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Operators {
    /// Ours, on the processor: each convolution keeps its kernels as it needs them, in four times the room.
    #[default]
    Ours,
    /// The same with kernels brought to the points in every run, for what runs seldom or is large.
    OursSparing,
    /// Whatever the device has.
    Library,
}

/// A group norm and a SiLU before a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normed<'v> {
    /// The name of its weights.
    pub(crate) name: &'v str,
    pub(crate) groups: usize,
    pub(crate) epsilon: f32,
    /// N × channels each: (1 + the first) times what is normed, plus the second.
    pub(crate) modulated: Option<(&'v Value, &'v Value)>,
}

/// What else happens around a convolution.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around<'v> {
    pub(crate) normed: Option<Normed<'v>>,
    /// Whether each pixel counts four times: the results are twice as large, and so is the present size from there on.
    pub(crate) twice: bool,
    /// N × to, added to its channels.
    pub(crate) plus: Option<&'v Value>,
    /// As large as the results, and added to them.
    pub(crate) past: Option<&'v Value>,
    pub(crate) after: After,
}

impl Operators {
    /// Sparing with memory.
    pub(crate) fn sparing(self) -> Self {
        match self {
            Self::Ours => Self::OursSparing,
            other => other,
        }
    }
}

impl Graph<'_> {
    /// By these operators from here on.
    pub(crate) fn computed_by(mut self, by: Operators) -> Self {
        self.operators = by;
        self
    }

    /// Whether our operator computes this one.
    pub(super) fn ours(&self, (from, to): (usize, usize), conv: Conv) -> bool {
        let most = match self.operators {
            Operators::Library => return false,
            Operators::Ours => MOST_KERNELS.0,
            Operators::OursSparing => MOST_KERNELS.1,
        };
        (conv.kernel, conv.stride, conv.padding, conv.groups) == (3, 1, 1, 1)
            && from >= FEWEST_CHANNELS
            && from * to <= most
    }

    /// A convolution of 3 × 3 of `name`.weight and `name`.bias over `x`, and what is around it.
    pub(crate) fn convolve(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        around: Around<'_>,
    ) -> Result<Value, ModelError> {
        if self.lies((from, to), Conv::same(3, 1)) {
            return self.one_by_one(x, (from, to), around, |g, x| {
                g.convolution_lying(x, name, (from, to), 3)
            });
        }
        let kernel = self.weight(&format!("{name}.weight"), &[to, from, 3, 3])?;
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        self.convolve_by(x, (&kernel, &bias), (from, to), around)
    }

    /// Whether a layer is computed over its weight as it lies: it has so many that a copy of them is more than what flows.
    pub(super) fn lies(&self, (from, to): (usize, usize), conv: Conv) -> bool {
        let most = if conv.kernel == 1 { LYING.1 } else { LYING.0 };
        self.operators == Operators::OursSparing
            && (conv.stride, conv.padding, conv.groups) == (1, conv.kernel / 2, 1)
            && conv.kernel % 2 == 1
            && from * to * conv.kernel * conv.kernel > most
    }

    /// The same with a kernel and a bias that are known.
    pub(crate) fn convolve_by(
        &mut self,
        x: &Value,
        (kernel, bias): (&Value, &Value),
        (from, to): (usize, usize),
        around: Around<'_>,
    ) -> Result<Value, ModelError> {
        if self.ours((from, to), Conv::same(3, 1)) {
            return self.at_once(x, (kernel, bias), (from, to), around);
        }
        self.one_by_one(x, (from, to), around, |g, x| {
            Ok(g.conv_of(x, kernel, bias, Conv::same(3, 1)))
        })
    }

    /// The same, one operator after another.
    fn one_by_one(
        &mut self,
        x: &Value,
        (from, to): (usize, usize),
        around: Around<'_>,
        convolution: impl FnOnce(&mut Self, &Value) -> Result<Value, ModelError>,
    ) -> Result<Value, ModelError> {
        let mut x = x.clone();
        if let Some(normed) = around.normed {
            let Normed {
                name,
                groups,
                epsilon,
                modulated,
            } = normed;
            x = self.group_norm(&x, name, (from, groups), epsilon)?;
            if let Some((scale, shift)) = modulated {
                let one = self.floats(&[1.0], &[1]);
                let scale = self.add(scale, &one);
                let [scale, shift] = [&scale, shift].map(|x| self.unsqueeze(x, &[2, 3]));
                x = self.multiply(&x, &scale);
                x = self.add(&x, &shift);
            }
            x = self.silu(&x);
        }
        if around.twice {
            self.doubled();
            x = self.twice(&x);
            self.sized(&x, from);
        }
        let mut y = convolution(self, &x)?;
        self.sized(&y, to);
        if let Some(plus) = around.plus {
            let plus = self.unsqueeze(plus, &[2, 3]);
            y = self.add(&y, &plus);
        }
        if let Some(past) = around.past {
            y = self.add(past, &y);
        }
        Ok(self.bent(&y, around.after))
    }

    fn at_once(
        &mut self,
        x: &Value,
        (kernel, bias): (&Value, &Value),
        (from, to): (usize, usize),
        around: Around<'_>,
    ) -> Result<Value, ModelError> {
        let none = Self::nothing();
        let norm = match around.normed {
            Some(normed) => self.group_scale(x, from, normed)?,
            None => none.clone(),
        };
        let bias = match around.plus {
            Some(plus) => self.add(plus, bias),
            None => bias.clone(),
        };
        if around.twice {
            self.doubled();
        }
        let (height, width) = self.size_names();
        let attributes = [
            ("channels", Attribute::Int(to as i64)),
            ("n", Attribute::Text("n")),
            ("height", Attribute::Name(height)),
            ("width", Attribute::Name(width)),
            ("scale", Attribute::Int(if around.twice { 2 } else { 1 })),
            ("silu", Attribute::Int(i64::from(around.normed.is_some()))),
            ("after", Attribute::Int(around.after as i64)),
            ("keep", Attribute::Int(i64::from(self.operators == Operators::Ours))),
        ];
        let inputs = [x, kernel, &bias, &norm, around.past.unwrap_or(&none)];
        let y = self.own(kernels::CONVOLUTION, &inputs, &attributes);
        self.sized(&y, to);
        Ok(y)
    }

    /// A convolution along N × from × 1 × length, which stays as long, with a kernel (to × from × 1 × taps) and `name`.bias: over what a
    /// leaky rectifier of `slope` makes of `x`, and added to `past`.
    pub(crate) fn convolve_along(
        &mut self,
        x: &Value,
        (kernel, name): (&Value, &str),
        (from, to): (usize, usize),
        conv: Conv1d,
        (slope, past): (f32, Option<&Value>),
    ) -> Result<Value, ModelError> {
        let stays = conv.stride == 1 && conv.groups == 1 && 2 * conv.padding == (conv.kernel - 1) * conv.dilation;
        let fits = conv.kernel <= MOST_TAPS && conv.kernel % 2 == 1 && from >= FEWEST_ALONG && to >= FEWEST_ALONG;
        if self.operators != Operators::Library && stays && fits {
            let bias = self.weight(&format!("{name}.bias"), &[to])?;
            let (height, width) = self.size_names();
            let attributes = [
                ("channels", Attribute::Int(to as i64)),
                ("n", Attribute::Text("n")),
                ("height", Attribute::Name(height)),
                ("width", Attribute::Name(width)),
                ("dilation", Attribute::Int(conv.dilation as i64)),
                ("slope", Attribute::Float(slope)),
            ];
            let none = Self::nothing();
            let inputs = [x, kernel, &bias, past.unwrap_or(&none)];
            return Ok(self.own(kernels::CONVOLUTION_ALONG, &inputs, &attributes));
        }
        let y = if slope < 1.0 {
            self.leaky_relu(x, slope)
        } else {
            x.clone()
        };
        let y = self.conv1d_of(&y, kernel, Some((name, to)), conv)?;
        Ok(match past {
            Some(past) => self.add(past, &y),
            None => y,
        })
    }

    /// N × 2 × channels: what a group norm multiplies each channel by, and what it adds then.
    fn group_scale(&mut self, x: &Value, channels: usize, normed: Normed<'_>) -> Result<Value, ModelError> {
        let Normed {
            name,
            groups,
            epsilon,
            modulated,
        } = normed;
        let weight = self.weight(&format!("{name}.weight"), &[channels])?;
        let bias = self.weight(&format!("{name}.bias"), &[channels])?;
        let attributes = [
            ("groups", Attribute::Int(groups as i64)),
            ("epsilon", Attribute::Float(epsilon)),
        ];
        let norm = self.own(kernels::GROUP_SCALE, &[x, &weight, &bias], &attributes);
        let Some((scale, shift)) = modulated else {
            return Ok(norm);
        };
        let one = self.floats(&[1.0], &[1]);
        let scale = self.add(scale, &one);
        let [scale, shift] = [&scale, shift].map(|x| self.unsqueeze(x, &[1]));
        let norm = self.multiply(&norm, &scale);
        let parts = self.split(&norm, &[1, 1], 1);
        let shifted = self.add(&parts[1], &shift);
        Ok(self.concat(&[&parts[0], &shifted], 1))
    }

    /// Whether our operators look at pictures here.
    pub(crate) fn ours_on_pictures(&self) -> bool {
        self.operators != Operators::Library
    }

    /// The group norm `norm` (its name, channels and groups, ε), scaled and shifted place by place by what the 1 × 1 convolutions `told` say of a
    /// smaller picture with `wide` channels; and `after` it.
    pub(crate) fn spatial_norm(
        &mut self,
        x: &Value,
        (name, (channels, groups), epsilon): (&str, (usize, usize), f32),
        small: &Value,
        told: [&str; 2],
        wide: usize,
        after: After,
    ) -> Result<Value, ModelError> {
        let normed = Normed {
            name,
            groups,
            epsilon,
            modulated: None,
        };
        let norm = self.group_scale(x, channels, normed)?;
        let mut inputs = vec![x.clone(), norm, small.clone()];
        for name in told {
            inputs.push(self.weight(&format!("{name}.weight"), &[channels, wide, 1, 1])?);
            inputs.push(self.weight(&format!("{name}.bias"), &[channels])?);
        }
        let inputs: Vec<&Value> = inputs.iter().collect();
        let y = self.own(
            kernels::SPATIAL_NORM,
            &inputs,
            &[("after", Attribute::Int(after as i64))],
        );
        self.sized(&y, channels);
        Ok(y)
    }
}
