//! The blocks that U-Nets and autoencoders of diffusion models are made of, with the names that diffusers gives their weights.

use crate::error::ModelError;
use crate::graph::{Around, Attention, Conv, Graph, Heads, Normed, Value};
use crate::kernels::After;
use crate::onnx::Attribute;

/// Sines and cosines of a training step (Ho et al. 2020), `width` numbers: what `TimestepEmbedding` takes.
pub(crate) fn timestep(step: f32, width: usize, flip: bool, shift: f32) -> Vec<f32> {
    let half = width / 2;
    let angle = |i: usize| {
        let exponent = -(10_000f64.ln() as f32) * i as f32 / (half as f32 - shift);
        step * exponent.exp()
    };
    let sines = (0..half).map(|i| angle(i).sin());
    let cosines = (0..half).map(|i| angle(i).cos());
    let mut out: Vec<f32> = if flip {
        cosines.chain(sines).collect()
    } else {
        sines.chain(cosines).collect()
    };
    out.resize(width, 0.0);
    out
}

/// `TimestepEmbedding`: two linear layers with a SiLU between them.
pub(crate) fn time_embedding(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
) -> Result<Value, ModelError> {
    let y = g.linear_lying(x, &format!("{at}.linear_1"), (from, to), After::Nothing)?;
    let y = g.silu(&y);
    g.linear_lying(&y, &format!("{at}.linear_2"), (to, to), After::Nothing)
}

/// Groups and ε of a block's norms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norms {
    pub(crate) groups: usize,
    pub(crate) epsilon: f32,
}

/// What the time says to the blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time<'a> {
    /// The time embedding after its SiLU, N × width or 1 × width.
    pub(crate) embedding: &'a Value,
    pub(crate) width: usize,
    /// Whether it scales and shifts what is normed, instead of being added before.
    pub(crate) scale_shift: bool,
}

/// `ResnetBlock2D`.
pub(crate) fn resnet(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    norms: Norms,
    time: Option<Time<'_>>,
) -> Result<Value, ModelError> {
    let name = |part: &str| format!("{at}.{part}");
    let (norm1, norm2) = (name("norm1"), name("norm2"));
    let normed = |name| Normed {
        name,
        groups: norms.groups,
        epsilon: norms.epsilon,
        modulated: None,
    };
    let told = match time {
        Some(time) => time.told(g, &name("time_emb_proj"), to)?,
        None => Told::Nothing,
    };
    let around = Around {
        normed: Some(normed(&norm1)),
        plus: told.plus(),
        ..Around::default()
    };
    let y = g.convolve(x, &name("conv1"), (from, to), around)?;
    let past = match from == to {
        true => x.clone(),
        false => g.conv2d(x, &name("conv_shortcut"), (from, to), Conv::same(1, 1), true)?,
    };
    let around = Around {
        normed: Some(Normed {
            modulated: told.modulated(),
            ..normed(&norm2)
        }),
        past: Some(&past),
        ..Around::default()
    };
    g.convolve(&y, &name("conv2"), (to, to), around)
}

/// What the time says to a block, N × channels.
#[derive(Debug)]
pub(crate) enum Told {
    Nothing,
    Plus(Value),
    /// A scale, around one, and a shift.
    Modulated(Value, Value),
}

impl Told {
    /// Added to what comes out of the first convolution.
    pub(crate) fn plus(&self) -> Option<&Value> {
        match self {
            Self::Plus(plus) => Some(plus),
            _ => None,
        }
    }

    /// What the second norm is scaled and shifted by.
    pub(crate) fn modulated(&self) -> Option<(&Value, &Value)> {
        match self {
            Self::Modulated(scale, shift) => Some((scale, shift)),
            _ => None,
        }
    }
}

impl Time<'_> {
    /// By the linear layer `at`, to a block of so many channels.
    pub(crate) fn told(&self, g: &mut Graph<'_>, at: &str, channels: usize) -> Result<Told, ModelError> {
        if !self.scale_shift {
            return Ok(Told::Plus(g.linear_lying(
                self.embedding,
                at,
                (self.width, channels),
                After::Nothing,
            )?));
        }
        let t = g.linear_lying(self.embedding, at, (self.width, 2 * channels), After::Nothing)?;
        let parts = g.split(&t, &[channels, channels], 1);
        Ok(match <[Value; 2]>::try_from(parts) {
            Ok([scale, shift]) => Told::Modulated(scale, shift),
            Err(_) => Told::Nothing,
        })
    }
}

/// What a transformer's second attention looks at: vectors N × length × width, and a bias N × 1 × 1 × length that hides some.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) vectors: &'a Value,
    pub(crate) width: usize,
    pub(crate) bias: Option<&'a Value>,
}

/// `Transformer2DModel` over N × channels × height × width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transformer<'a> {
    pub(crate) at: &'a str,
    pub(crate) channels: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) groups: usize,
    /// Whether its projections are linear layers instead of 1 × 1 convolutions.
    pub(crate) linear: bool,
    /// None: the second attention looks at the picture too.
    pub(crate) context: Option<Context<'a>>,
    /// Whether the first one looks at the context as well.
    pub(crate) only_context: bool,
}

/// Runs it.
pub(crate) fn transformer(g: &mut Graph<'_>, x: &Value, t: Transformer<'_>) -> Result<Value, ModelError> {
    let channels = t.channels;
    let name = |part: &str| format!("{}.{part}", t.at);
    let shape = g.op("Shape", &[x], &[]);
    let y = g.group_norm(x, &name("norm"), (channels, t.groups), 1e-6)?;
    let mut y = if t.linear {
        let y = rows(g, &y, channels);
        g.linear(&y, &name("proj_in"), (channels, channels), true)?
    } else {
        let y = g.conv2d(&y, &name("proj_in"), (channels, channels), Conv::same(1, 1), true)?;
        rows(g, &y, channels)
    };
    for layer in 0..t.layers {
        y = transformer_block(g, &y, &name(&format!("transformer_blocks.{layer}")), t)?;
    }
    let y = if t.linear {
        let y = g.linear(&y, &name("proj_out"), (channels, channels), true)?;
        let y = g.transpose(&y, &[0, 2, 1]);
        let y = g.reshape_to(&y, &shape);
        g.sized(&y, channels);
        y
    } else {
        let y = g.transpose(&y, &[0, 2, 1]);
        let y = g.reshape_to(&y, &shape);
        g.sized(&y, channels);
        g.conv2d(&y, &name("proj_out"), (channels, channels), Conv::same(1, 1), true)?
    };
    Ok(g.add(x, &y))
}

/// N × channels × height × width as N × places × channels.
pub(crate) fn rows(g: &mut Graph<'_>, x: &Value, channels: usize) -> Value {
    let y = g.reshape(x, &[0, channels as i64, -1]);
    g.sized_rows(&y, channels, 1);
    g.transpose(&y, &[0, 2, 1])
}

/// `BasicTransformerBlock`: two attentions and a GEGLU, each behind its norm.
fn transformer_block(g: &mut Graph<'_>, x: &Value, at: &str, t: Transformer<'_>) -> Result<Value, ModelError> {
    let channels = t.channels;
    let name = |part: &str| format!("{at}.{part}");
    let mut x = x.clone();
    for (norm, attention, context) in [
        ("norm1", "attn1", t.context.filter(|_| t.only_context)),
        ("norm2", "attn2", t.context),
    ] {
        let y = g.layer_norm(&x, &name(norm), channels, 1e-5)?;
        let parts = ["to_q", "to_k", "to_v", "to_out.0"].map(|part| format!("{at}.{attention}.{part}"));
        let [q, k, v, out] = &parts;
        let layer = Attention {
            names: [q, k, v, out],
            widths: [channels, channels, context.map_or(channels, |c| c.width)],
            bias: false,
            bias_out: true,
            lying: false,
            heads: Heads::of(t.heads),
        };
        let bias = context.and_then(|c| c.bias).map(|bias| g.wide_bias(bias, &y));
        let y = g.attention(&y, context.map(|c| c.vectors), layer, bias.as_ref())?;
        x = g.add(&x, &y);
    }
    let y = g.layer_norm(&x, &name("norm3"), channels, 1e-5)?;
    let y = g.linear(&y, &name("ff.net.0.proj"), (channels, 8 * channels), true)?;
    let halves = g.split(&y, &[4 * channels, 4 * channels], -1);
    let gate = g.gelu(&halves[1]);
    let y = g.multiply(&halves[0], &gate);
    let y = g.linear(&y, &name("ff.net.2"), (4 * channels, channels), true)?;
    Ok(g.add(&x, &y))
}

/// `Downsample2D` with its convolution: half as large. Without `padded` the picture gets a row and a column at its end first.
pub(crate) fn down(g: &mut Graph<'_>, x: &Value, at: &str, channels: usize, padded: bool) -> Result<Value, ModelError> {
    let name = format!("{at}.conv");
    let weight = g.weight(&format!("{name}.weight"), &[channels, channels, 3, 3])?;
    let bias = g.weight(&format!("{name}.bias"), &[channels])?;
    let pads = if padded { vec![1; 4] } else { vec![0, 0, 1, 1] };
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![3, 3])),
        ("strides", Attribute::Ints(vec![2, 2])),
        ("pads", Attribute::Ints(pads)),
    ];
    let y = g.op("Conv", &[x, &weight, &bias], &attributes);
    g.halved();
    g.sized(&y, channels);
    Ok(y)
}

/// `Upsample2D` with its convolution: twice as large, or as large as `target`.
pub(crate) fn up(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    channels: usize,
    target: Option<&Value>,
) -> Result<Value, ModelError> {
    let name = format!("{at}.conv");
    let Some(target) = target else {
        let around = Around {
            twice: true,
            ..Around::default()
        };
        return g.convolve(x, &name, (channels, channels), around);
    };
    g.doubled();
    let y = g.as_large_as(x, target, channels);
    g.sized(&y, channels);
    g.conv2d(&y, &name, (channels, channels), Conv::same(3, 1), true)
}

/// The norm, the SiLU and the convolution that a network ends with.
pub(crate) fn last(
    g: &mut Graph<'_>,
    x: &Value,
    (norm, conv): (&str, &str),
    size: (usize, usize),
    norms: Norms,
) -> Result<Value, ModelError> {
    let normed = Normed {
        name: norm,
        groups: norms.groups,
        epsilon: norms.epsilon,
        modulated: None,
    };
    let around = Around {
        normed: Some(normed),
        ..Around::default()
    };
    g.convolve(x, conv, size, around)
}
