//! The operators over rows of numbers, as ONNX Runtime calls them: linear layers and attention.

use std::sync::Arc;

use ort::Result;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use ort::value::{SymbolicDimensions, TensorElementType, ValueType};

use super::after::After;
use super::dense;
use super::weights::Weights;
use super::{ATTENTION, FLOATS, Shelf, as_it_was, attention, given, named, numbers, wrong};

pub(super) struct Linear {
    pub(super) name: &'static str,
    pub(super) weights: TensorElementType,
    pub(super) threads: usize,
    pub(super) shared: Arc<Shelf>,
}

impl Operator for Linear {
    type Kernel<'k> = LinearKernel;

    fn name(&self) -> &str {
        self.name
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(FLOATS),
            OperatorInput::required(self.weights),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(FLOATS),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        let attribute = |name| context.get::<i64>(name).ok_or_else(|| wrong("an attribute is missing"));
        Ok(LinearKernel {
            weights: self.weights,
            shared: Arc::clone(&self.shared),
            threads: self.threads,
            to: attribute("to")?.max(0) as usize,
            taps: attribute("taps")?.max(0) as usize,
            after: After::of(attribute("after")?),
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<()> {
        let inputs = context.inputs();
        let Some(ValueType::Tensor {
            shape,
            dimension_symbols,
            ..
        }) = inputs.first()
        else {
            return Ok(());
        };
        let mut shape = shape.to_vec();
        let place = match context.attr::<i64>("taps")? {
            0 => shape.len().saturating_sub(1),
            _ => 1,
        };
        match shape.get_mut(place) {
            Some(made) => *made = context.attr::<i64>("to")?,
            None => return Ok(()),
        }
        // What it was called has another length.
        let names = dimension_symbols.iter().enumerate();
        let names: SymbolicDimensions = names
            .map(|(at, name)| if at == place { String::new() } else { name.clone() })
            .collect();
        if !named(&shape, &names) {
            return Ok(());
        }
        context.set_output(
            0,
            &ValueType::Tensor {
                ty: FLOATS,
                shape: shape.into(),
                dimension_symbols: names,
            },
        )
    }
}

pub(super) struct LinearKernel {
    weights: TensorElementType,
    shared: Arc<Shelf>,
    threads: usize,
    to: usize,
    taps: usize,
    after: After,
}

impl Kernel for LinearKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let x = context.input(0)?.ok_or_else(|| wrong("nothing flows"))?;
        let lying = context.input(1)?.ok_or_else(|| wrong("there are no weights"))?;
        let scales = match context.num_inputs()? {
            4.. => context.input(3)?,
            _ => None,
        };
        let (mut shape, x) = numbers(&x)?;
        let weights = match self.weights {
            TensorElementType::Float16 => Weights::Half(lying.try_extract_tensor()?.1),
            TensorElementType::Bfloat16 => Weights::Brain(lying.try_extract_tensor()?.1),
            TensorElementType::Uint8 => {
                let scales = scales.as_ref().ok_or_else(|| wrong("there are no scales"))?;
                Weights::Eight(lying.try_extract_tensor()?.1, numbers(scales)?.1)
            }
            _ => Weights::Single(lying.try_extract_tensor()?.1),
        };
        let (seen, wide) = match (self.taps, &mut shape[..]) {
            (0, [.., last]) => (dense::Seen::Rows, last),
            (taps, &mut [_, ref mut channels, height, width]) if taps % 2 == 1 => {
                (dense::Seen::Picture { height, width, taps }, channels)
            }
            _ => return Err(wrong("what flows has other axes")),
        };
        let wide = std::mem::replace(wide, self.to);
        let rows = x.len().checked_div(wide).unwrap_or(0);
        let from = wide * self.taps.max(1).pow(2);
        if !weights.are(from, self.to) || rows * wide != x.len() {
            return Err(wrong("its weights are for another width"));
        }
        let bias = given(context, 2, &[self.to])?;
        let bias = bias.as_ref().map(numbers).transpose()?;
        let mut out = context
            .output(0, shape.iter().map(|d| *d as i64).collect::<Vec<_>>())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        if out.len() != rows * self.to {
            return Err(wrong("what it makes has another size"));
        }
        let layer = dense::Layer {
            x,
            seen,
            rows,
            from,
            to: self.to,
            weights,
            bias: bias.as_ref().map(|(_, data)| *data),
            after: self.after,
        };
        let mut ran = Ok(());
        layer.run(out, &self.shared.layers, self.threads, |n, work| {
            if ran.is_ok() {
                ran = context.par_for(n, n, work);
            }
        });
        ran
    }
}

pub(super) struct Attention {
    pub(super) shared: Arc<Shelf>,
}

impl Operator for Attention {
    type Kernel<'k> = AttentionKernel;

    fn name(&self) -> &str {
        ATTENTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(FLOATS),
            OperatorInput::required(FLOATS),
            OperatorInput::required(FLOATS),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(FLOATS),
            OperatorInput::optional(TensorElementType::Int64),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(FLOATS)]
    }

    fn create_kernel<'k>(&self, context: &KernelContext<'k>) -> Result<Self::Kernel<'k>> {
        let attribute = |name| context.get::<i64>(name).ok_or_else(|| wrong("an attribute is missing"));
        Ok(AttentionKernel {
            shared: Arc::clone(&self.shared),
            heads: attribute("heads")?.max(1) as usize,
            causal: attribute("causal")? != 0,
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<()> {
        as_it_was(context)
    }
}

pub(super) struct AttentionKernel {
    shared: Arc<Shelf>,
    heads: usize,
    causal: bool,
}

impl Kernel for AttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<()> {
        let input = |place| context.input(place)?.ok_or_else(|| wrong("an input is missing"));
        let (queries, keys, values) = (input(0)?, input(1)?, input(2)?);
        let ((shape, queries), (lengths, keys), (_, values)) = (numbers(&queries)?, numbers(&keys)?, numbers(&values)?);
        let (&[n, rows, width], &[_, others, _]) = (&shape[..], &lengths[..]) else {
            return Err(wrong("what asks has other axes"));
        };
        let head = width / self.heads;
        if head * self.heads != width || keys.len() != n * others * width || values.len() != keys.len() {
            return Err(wrong("its keys are for other heads"));
        }
        let before = match context.num_inputs()? {
            6.. => (context.input(3)?, context.input(4)?, context.input(5)?),
            _ => (None, None, None),
        };
        let past = match &before {
            (Some(keys), Some(values), Some(known)) => {
                let ((shape, keys), (_, values)) = (numbers(keys)?, numbers(values)?);
                let (_, told) = known.try_extract_tensor::<i64>()?;
                let (known, lie, fits) = match shape[..] {
                    [places, across] => {
                        let there = |place: &i64| usize::try_from(*place).is_ok_and(|place| place < places);
                        let fits = across == width && told.len().is_multiple_of(n.max(1)) && told.iter().all(there);
                        (told.len() / n.max(1), attention::Lie::Places(told), fits)
                    }
                    [1, _, room, _] => {
                        let known = told.first().map_or(Ok(0), |known| usize::try_from(*known));
                        let known = known.map_err(|_| wrong("less than nothing is known"))?;
                        let fits = n == 1 && known <= room && keys.len() == room * width;
                        (known, attention::Lie::Room(room), fits)
                    }
                    _ => return Err(wrong("what was read before has other axes")),
                };
                if !fits || values.len() != keys.len() {
                    return Err(wrong("what was read before has another size"));
                }
                Some(attention::Past {
                    keys,
                    values,
                    known,
                    lie,
                })
            }
            _ => None,
        };
        if others == 0 && past.is_none_or(|past| past.known == 0) || self.causal && rows > others {
            return Err(wrong("a query sees nothing"));
        }
        let mut out = context
            .output(0, shape.iter().map(|d| *d as i64).collect::<Vec<_>>())?
            .ok_or_else(|| wrong("nobody takes what it makes"))?;
        let (_, out) = out.try_extract_tensor_mut::<f32>()?;
        let layer = attention::Layer {
            queries,
            keys,
            values,
            past,
            n,
            rows,
            others,
            heads: self.heads,
            head,
            causal: self.causal,
        };
        let mut ran = Ok(());
        layer.run(out, &self.shared.heads, |n, work| ran = context.par_for(n, n, work));
        ran
    }
}
