//! Operators of our own inside ONNX Runtime, for what its processor kernels leave on the table: convolutions of 3 × 3 with a quarter of the
//! products, the norms before them, and linear layers over weights as they lie. Graphs ask for them in the domain `synchresis` ([`crate::graph::Graph::convolve`]).

mod after;
mod attention;
mod conv1;
mod conv3;
mod dense;
mod few;
mod groups;
mod lanes;
mod product;
mod quarters;
mod rooms;
mod rows;
mod shared;
mod weights;
mod winograd;

use std::sync::{Arc, Mutex, PoisonError};

use ort::operator::ShapeInferenceContext;
use ort::operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput};
use ort::value::{SymbolicDimensions, TensorElementType, ValueRef, ValueType};
use ort::{Error, Result};

use conv3::{Kernels, Layer, Past};
use product::Left;
use rooms::Rooms;
use rows::{Attention, Linear};

pub(crate) use after::After;
pub(crate) use conv1::MOST_TAPS;

/// The domain of our operators.
pub(crate) const DOMAIN: &str = "synchresis";
/// A convolution of 3 × 3: picture, kernels, bias, norm (N × 2 × channels), what is added. Attributes `channels`,
/// `n`, `height` and `width` (of the results: a number and names), `scale`, `silu`, `after`,
/// and `keep`: whether the kernels stay as they are after the first run, in four times the room.
pub(crate) const CONVOLUTION: &str = "Convolution3";
/// A convolution along the last axis of N × channels × 1 × length, which stays as long as it is: signal, kernels, bias, what is added.
/// Attributes as above, `dilation` and `slope`.
pub(crate) const CONVOLUTION_ALONG: &str = "Convolution1";
/// A linear layer over weights as they lie, to × from: what flows (… × from), weights, bias, and in 8 bits the scales of blocks. Attributes `to` and
/// `after`, and `taps`: more than none for a convolution of that many along each side, of a picture. For weights in single, half and brain
/// precision, and in 8 bits ([`crate::eight_bits`]).
pub(crate) const LINEAR: [(&str, TensorElementType); 4] = [
    ("Linear", FLOATS),
    ("LinearHalf", TensorElementType::Float16),
    ("LinearBrain", TensorElementType::Bfloat16),
    ("LinearEight", TensorElementType::Uint8),
];
/// Attention of queries over keys and values (N × rows × heads · width), and where they are given over keys and values of what was read before (1 ×
/// heads × room × width, of which the last input says how many are known). Attributes `heads` and `causal`.
pub(crate) const ATTENTION: &str = "Attention";
/// What a group norm multiplies each channel by and then adds: picture, weight, bias; attributes `groups`, `epsilon`.
pub(crate) const GROUP_SCALE: &str = "GroupScale";
/// A group norm scaled and shifted place by place (diffusers' `SpatialNorm`): picture, what [`GROUP_SCALE`] found, a smaller picture, and of two 1 × 1
/// convolutions of that the weight and bias each. Attribute `after`.
pub(crate) const SPATIAL_NORM: &str = "SpatialNorm";

/// Our operators, computing with so many threads.
pub(crate) fn domain(threads: usize) -> Result<OperatorDomain> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let shared = Arc::new(Shelf::default());
    let mut domain = OperatorDomain::new(DOMAIN)?
        .add(Convolution {
            threads,
            shared: Arc::clone(&shared),
        })?
        .add(ConvolutionAlong {
            threads,
            shared: Arc::clone(&shared),
        })?
        .add(GroupScale)?
        .add(SpatialNorm)?
        .add(Attention {
            shared: Arc::clone(&shared),
        })?;
    for (name, weights) in LINEAR {
        domain = domain.add(Linear {
            name,
            weights,
            threads,
            shared: Arc::clone(&shared),
        })?;
    }
    Ok(domain)
}

/// Kernels that are brought to the points at once where they are not kept: some sixty megabytes of them.
const AT_ONCE: usize = 400_000;

const FLOATS: TensorElementType = TensorElementType::Float32;

/// Room that all layers of a graph share, since one is computed after another.
#[derive(Default)]
struct Shelf {
    pictures: Rooms<conv3::Room>,
    signals: Rooms<conv1::Room>,
    layers: dense::Room,
    heads: Rooms<attention::Room>,
    /// Of kernels that are brought to the points in every run.
    kernels: Mutex<Vec<Left>>,
}

/// The numbers of an input, and the lengths of its axes.
fn numbers<'v>(value: &'v ValueRef<'_>) -> Result<(Vec<usize>, &'v [f32])> {
    let (shape, data) = value.try_extract_tensor::<f32>()?;
    Ok((shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect(), data))
}

fn wrong(what: &str) -> Error {
    Error::new(format!("{DOMAIN}: {what}"))
}

/// An input that may be missing, of one of these lengths.
fn given<'c>(context: &'c ComputeContext, place: usize, allowed: &[usize]) -> Result<Option<ValueRef<'c>>> {
    if place >= context.num_inputs()? {
        return Ok(None);
    }
    let Some(value) = context.input(place)? else {
        return Ok(None);
    };
    let length = numbers(&value)?.1.len();
    if allowed.contains(&length) {
        Ok(Some(value))
    } else {
        Err(wrong("what comes beside has another size"))
    }
}

struct Convolution {
    threads: usize,
    shared: Arc<Shelf>,
}

impl Operator for Convolution {
    type Kernel<'k> = ConvolutionKernel;

    // What is added may lie where the results go.
    const INPLACES: &[(u32, u32)] = &[(4, 0)];

    fn name(&self) -> &str {
        CONVOLUTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(FLOATS),
            OperatorInput::required(FLOATS),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(FLOATS),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        let attribute = |name| context.get::<i64>(name).ok_or_else(|| wrong("an attribute is missing"));
        Ok(ConvolutionKernel {
            kernels: None,
            keeps: attribute("keep")? != 0,
            shared: Arc::clone(&self.shared),
            threads: self.threads,
            scale: attribute("scale")?.clamp(1, 2) as usize,
            silu: attribute("silu")? != 0,
            after: After::of(attribute("after")?),
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<()> {
        let scale = context.attr::<i64>("scale")?;
        size(context, scale)
    }
}

/// Says how large what comes out is: as large as what goes in, times `scale`.
fn size(context: &mut ShapeInferenceContext, scale: i64) -> Result<()> {
    // Axes whose length nobody knows yet have the names that the graph gave them: without a name ONNX Runtime takes all unknown lengths
    // for the same one.
    let inputs = context.inputs();
    let Some(ValueType::Tensor { ty, shape, .. }) = inputs.first() else {
        return Ok(());
    };
    let known = |axis: usize, factor: i64| shape.get(axis).map_or(-1, |length| (length * factor).max(-1));
    let channels = context.attr::<i64>("channels")?;
    let shape: Vec<i64> = vec![known(0, 1), channels, known(2, scale), known(3, scale)];
    let name = |axis: usize, what: &str| match shape[axis] {
        -1 => context.attr::<String>(what),
        _ => Ok(String::new()),
    };
    let names = [name(0, "n")?, String::new(), name(2, "height")?, name(3, "width")?];
    context.set_output(
        0,
        &ValueType::Tensor {
            ty: *ty,
            shape: shape.into(),
            dimension_symbols: SymbolicDimensions::new(names),
        },
    )
}

struct ConvolutionKernel {
    /// From the first run on, if they are to be kept.
    kernels: Option<Kernels>,
    keeps: bool,
    shared: Arc<Shelf>,
    threads: usize,
    scale: usize,
    silu: bool,
    after: After,
}

impl Kernel for ConvolutionKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let x = context.input(0)?.ok_or_else(|| wrong("there is no picture"))?;
        let weights = context.input(1)?.ok_or_else(|| wrong("there are no kernels"))?;
        let ((shape, x), (lengths, weights)) = (numbers(&x)?, numbers(&weights)?);
        let (&[n, channels, height, width], &[to, from, 3, 3]) = (&shape[..], &lengths[..]) else {
            return Err(wrong("what it looks at is no picture, or its kernels are not 3 × 3"));
        };
        if channels != from || x.len() != n * from * height * width {
            return Err(wrong("its kernels are for other channels"));
        }
        let size = [n, to, height * self.scale, width * self.scale];
        let all: usize = size.iter().product();
        let (bias, norm, past) = (
            given(context, 2, &[to, n * to])?,
            given(context, 3, &[n * 2 * from])?,
            given(context, 4, &[all])?,
        );
        let bias = bias.as_ref().map(numbers).transpose()?;
        let norm = norm.as_ref().map(numbers).transpose()?;
        let lies = past.as_ref().map(numbers).transpose()?.map(|(_, data)| data.as_ptr());
        let mut out = context
            .output(0, size.map(|d| d as i64).to_vec())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        if all == 0 {
            return Ok(());
        }
        let past = match &past {
            None => Past::None,
            Some(_) if lies == Some(out.as_ptr()) => Past::Here,
            Some(past) => Past::Of(numbers(past)?.1),
        };
        // Kernels that are kept are kept whole; others come to the points part by part.
        let each = match self.keeps {
            true => to,
            false => (AT_ONCE / from.max(1)).next_multiple_of(conv3::OUTS).max(conv3::OUTS),
        };
        let mut ran = Ok(());
        let mut spread = |n: usize, work: &(dyn Fn(usize) + Sync)| {
            if ran.is_ok() {
                ran = context.par_for(n, n, work);
            }
        };
        for first in (0..to).step_by(each) {
            let last = (first + each).min(to);
            let kernels = self.kernels.take().unwrap_or_else(|| {
                let room = match self.keeps {
                    true => Vec::new(),
                    false => std::mem::take(&mut *self.shared.kernels.lock().unwrap_or_else(PoisonError::into_inner)),
                };
                let weights = &weights[first * from * 9..last * from * 9];
                Kernels::of(weights, (from, last - first), room, &mut spread)
            });
            let layer = Layer {
                x,
                n,
                height,
                width,
                scale: self.scale,
                kernels: &kernels,
                channels: (first, to),
                norm: norm.as_ref().map(|(_, data)| *data),
                silu: self.silu,
                bias: bias.as_ref().map(|(_, data)| *data),
                past,
                after: self.after,
            };
            layer.run(out, &self.shared.pictures, self.threads, &mut spread);
            if self.keeps {
                self.kernels = Some(kernels);
            } else {
                *self.shared.kernels.lock().unwrap_or_else(PoisonError::into_inner) = kernels.room();
            }
        }
        if ran.is_err() {
            // They may not all have come to the points.
            self.kernels = None;
        }
        ran
    }
}

struct ConvolutionAlong {
    threads: usize,
    shared: Arc<Shelf>,
}

impl Operator for ConvolutionAlong {
    type Kernel<'k> = AlongKernel;

    fn name(&self) -> &str {
        CONVOLUTION_ALONG
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(FLOATS),
            OperatorInput::required(FLOATS),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(FLOATS),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        Ok(AlongKernel {
            kernels: None,
            shared: Arc::clone(&self.shared),
            threads: self.threads,
            dilation: context
                .get::<i64>("dilation")
                .ok_or_else(|| wrong("no dilation"))?
                .max(1) as usize,
            slope: context.get::<f32>("slope").ok_or_else(|| wrong("no slope"))?,
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<()> {
        size(context, 1)
    }
}

struct AlongKernel {
    /// From the first run on.
    kernels: Option<conv1::Kernels>,
    shared: Arc<Shelf>,
    threads: usize,
    dilation: usize,
    slope: f32,
}

impl Kernel for AlongKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let x = context.input(0)?.ok_or_else(|| wrong("there is no signal"))?;
        let weights = context.input(1)?.ok_or_else(|| wrong("there are no kernels"))?;
        let ((shape, x), (lengths, weights)) = (numbers(&x)?, numbers(&weights)?);
        let (&[n, channels, 1, length], &[to, from, 1, taps]) = (&shape[..], &lengths[..]) else {
            return Err(wrong(
                "what it listens to is no signal, or its kernels do not lie along one",
            ));
        };
        if channels != from || x.len() != n * from * length || taps > MOST_TAPS || taps % 2 == 0 {
            return Err(wrong("its kernels are for other signals"));
        }
        let kernels = self
            .kernels
            .get_or_insert_with(|| conv1::Kernels::of(weights, (from, to, taps)));
        let (bias, past) = (given(context, 2, &[to])?, given(context, 3, &[n * to * length])?);
        let bias = bias.as_ref().map(numbers).transpose()?;
        let past = past.as_ref().map(numbers).transpose()?;
        let mut out = context
            .output(0, [n, to, 1, length].map(|d| d as i64).to_vec())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        if out.is_empty() {
            return Ok(());
        }
        let layer = conv1::Layer {
            x,
            n,
            length,
            dilation: self.dilation,
            kernels,
            slope: self.slope,
            bias: bias.as_ref().map(|(_, data)| *data),
            past: past.as_ref().map(|(_, data)| *data),
        };
        let mut ran = Ok(());
        layer.run(out, &self.shared.signals, self.threads, |n, work| {
            ran = context.par_for(n, n, work)
        });
        ran
    }
}

struct GroupScale;

impl Operator for GroupScale {
    type Kernel<'k> = GroupScaleKernel;

    fn name(&self) -> &str {
        GROUP_SCALE
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [FLOATS; 3].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        Ok(GroupScaleKernel {
            groups: context.get::<i64>("groups").ok_or_else(|| wrong("no groups"))?.max(1) as usize,
            epsilon: context.get::<f32>("epsilon").ok_or_else(|| wrong("no ε"))?,
        })
    }
}

struct GroupScaleKernel {
    groups: usize,
    epsilon: f32,
}

impl Kernel for GroupScaleKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let input = |place| context.input(place)?.ok_or_else(|| wrong("an input is missing"));
        let (x, weight, bias) = (input(0)?, input(1)?, input(2)?);
        let ((shape, x), (_, weight), (_, bias)) = (numbers(&x)?, numbers(&weight)?, numbers(&bias)?);
        let (Some(&n), Some(&channels)) = (shape.first(), shape.get(1)) else {
            return Err(wrong("what it looks at is no picture"));
        };
        if channels == 0 || channels % self.groups != 0 || weight.len() != channels || bias.len() != channels {
            return Err(wrong("its weights are for other channels"));
        }
        let mut out = context
            .output(0, [n as i64, 2, channels as i64].to_vec())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        let mut ran = Ok(());
        groups::scales(
            x,
            (n, channels, self.groups),
            self.epsilon,
            (weight, bias),
            out,
            |n, work| {
                ran = context.par_for(n, n, work);
            },
        );
        ran
    }
}

/// What comes out is as large as what goes in first.
fn as_it_was(context: &mut ShapeInferenceContext) -> Result<()> {
    let inputs = context.inputs();
    match inputs.first() {
        Some(ValueType::Tensor {
            shape,
            dimension_symbols,
            ..
        }) if named(shape, dimension_symbols) => context.set_output(0, &inputs[0]),
        _ => Ok(()),
    }
}

/// Whether all lengths are known or have a name: ONNX Runtime takes those without one for the same.
fn named(shape: &[i64], names: &[String]) -> bool {
    shape
        .iter()
        .zip(names)
        .all(|(length, name)| *length >= 0 || !name.is_empty())
}

struct SpatialNorm;

impl Operator for SpatialNorm {
    type Kernel<'k> = SpatialNormKernel;

    fn name(&self) -> &str {
        SPATIAL_NORM
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [FLOATS; 7].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        let after = context
            .get::<i64>("after")
            .ok_or_else(|| wrong("an attribute is missing"))?;
        Ok(SpatialNormKernel {
            after: After::of(after),
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<()> {
        as_it_was(context)
    }
}

struct SpatialNormKernel {
    after: After,
}

impl Kernel for SpatialNormKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let input = |place| context.input(place)?.ok_or_else(|| wrong("an input is missing"));
        let given: Vec<ValueRef<'_>> = (0..7).map(input).collect::<Result<_>>()?;
        let given: Vec<(Vec<usize>, &[f32])> = given.iter().map(numbers).collect::<Result<_>>()?;
        let (Ok(shape), Ok([count, wide, rows, columns])) = (
            <[usize; 4]>::try_from(given[0].0.as_slice()),
            <[usize; 4]>::try_from(given[2].0.as_slice()),
        ) else {
            return Err(wrong("what it looks at is no picture"));
        };
        let [n, channels, height, width] = shape;
        let divides = |all: usize, of: usize| of > 0 && all.is_multiple_of(of);
        let lengths = [2 * n * channels, channels * wide, channels, channels * wide, channels];
        let fit = [1, 3, 4, 5, 6]
            .iter()
            .zip(lengths)
            .all(|(at, length)| given[*at].1.len() == length);
        if count != n || !divides(height, rows) || !divides(width, columns) || !fit {
            return Err(wrong("what scales it has another size"));
        }
        let mut out = context
            .output(0, shape.map(|d| d as i64).to_vec())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        let layer = groups::Spatial {
            x: given[0].1,
            shape,
            norm: given[1].1,
            small: given[2].1,
            sides: [wide, rows, columns],
            scale: (given[3].1, given[4].1),
            shift: (given[5].1, given[6].1),
            after: self.after,
        };
        let mut ran = Ok(());
        layer.run(out, |n, work| ran = context.par_for(n, n, work));
        ran
    }
}

/// Numbers from −½ to ½, always the same ones.
#[cfg(test)]
fn drawn(count: usize, salt: u32) -> Vec<f32> {
    let mut state = salt.wrapping_mul(2_654_435_769).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..count).map(|_| next()).collect()
}
