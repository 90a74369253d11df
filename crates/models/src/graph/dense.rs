//! Layers that mix the last axis, and tables of vectors.

use super::{Graph, Operators, Value};
use crate::eight_bits::BLOCK;
use crate::error::ModelError;
use crate::kernels::{self, After};
use crate::onnx::{Attribute, Element};

impl Graph<'_> {
    /// `x` (… × from) times `name`.weight (to × from, as PyTorch keeps it), with `name`.bias where it has one: … × to.
    pub(crate) fn linear(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        bias: bool,
    ) -> Result<Value, ModelError> {
        let weight = self.weight(&format!("{name}.weight"), &[to, from])?;
        let y = self.times_transposed(x, &weight);
        if !bias {
            return Ok(y);
        }
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        Ok(self.add(&y, &bias))
    }

    /// A linear layer with a bias, and `after` it, over a weight that stays as it lies in the checkpoint, in half precision or in 8 bits: nothing is
    /// copied when the graph is loaded. Other devices get it as 32-bit floats, or as ONNX Runtime's products in 8 bits.
    pub(crate) fn linear_lying(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        after: After,
    ) -> Result<Value, ModelError> {
        self.linear_where_it_lies(x, name, (from, to), true, after)
    }

    /// The same, with a bias or without.
    pub(super) fn linear_where_it_lies(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        bias: bool,
        after: After,
    ) -> Result<Value, ModelError> {
        let scales = format!("{name}.weight_scale");
        let blocks = from.div_ceil(BLOCK);
        let eight = self.holds(&scales, &[to * blocks]);
        if self.operators == Operators::Library {
            let y = match eight {
                true => self.linear_eight(x, name, (from, to), bias)?,
                false => self.linear(x, name, (from, to), bias)?,
            };
            return Ok(self.bent(&y, after));
        }
        let shape: &[usize] = match eight {
            true => &[to, blocks, BLOCK],
            false => &[to, from],
        };
        let scales = match eight {
            true => self.stored(&scales, &[to * blocks])?,
            false => Self::nothing(),
        };
        self.over_lying(x, name, (shape, &scales), (to, 0), (bias, after))
    }

    /// A convolution of `taps` × `taps`, stride 1, of a picture whose size stays, over a weight that stays as it lies.
    pub(super) fn convolution_lying(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        taps: usize,
    ) -> Result<Value, ModelError> {
        let shape = [to, from, taps, taps];
        let y = self.over_lying(x, name, (&shape, &Self::nothing()), (to, taps), (true, After::Nothing))?;
        self.sized(&y, to);
        Ok(y)
    }

    fn over_lying(
        &mut self,
        x: &Value,
        name: &str,
        (shape, scales): (&[usize], &Value),
        (to, taps): (usize, usize),
        (bias, after): (bool, After),
    ) -> Result<Value, ModelError> {
        let (mut weight, element) = self.lying(&format!("{name}.weight"), shape, shape, false)?;
        let bias = match bias {
            true => self.weight(&format!("{name}.bias"), &[to])?,
            false => Self::nothing(),
        };
        let place = match element {
            Element::F16 => 1,
            Element::Bf16 => 2,
            Element::U8 => 3,
            Element::F32 => 0,
            _ => {
                weight = self.wide(&weight);
                0
            }
        };
        let attributes = [
            ("to", Attribute::Int(to as i64)),
            ("taps", Attribute::Int(taps as i64)),
            ("after", Attribute::Int(after as i64)),
        ];
        Ok(self.own(kernels::LINEAR[place].0, &[x, &weight, &bias, scales], &attributes))
    }

    /// A linear layer whose weight lies the other way round, from × to: GPT-2's `Conv1D`.
    pub(crate) fn linear_flipped(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
    ) -> Result<Value, ModelError> {
        let weight = self.weight(&format!("{name}.weight"), &[from, to])?;
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        let y = self.matmul(x, &weight);
        Ok(self.add(&y, &bias))
    }

    /// The matrix product of the last two axes.
    pub(crate) fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        self.op("MatMul", &[a, b], &[])
    }

    /// a · bᵀ: ONNX Runtime packs a weight that lies so without turning it first.
    pub(crate) fn times_transposed(&mut self, a: &Value, b: &Value) -> Value {
        self.contributed("FusedMatMul", &[a, b], &[("transB", Attribute::Int(1))])
    }

    /// Rows of the table `name`.weight (rows × width) for 64-bit integers `ids`: ids' axes × width.
    pub(crate) fn embedding(
        &mut self,
        ids: &Value,
        name: &str,
        (rows, width): (usize, usize),
    ) -> Result<Value, ModelError> {
        let table = self.weight(&format!("{name}.weight"), &[rows, width])?;
        Ok(self.gather(&table, ids, 0))
    }

    /// Slices of `x` along `axis`, by 64-bit integers.
    pub(crate) fn gather(&mut self, x: &Value, ids: &Value, axis: i64) -> Value {
        self.op("Gather", &[x, ids], &[("axis", Attribute::Int(axis))])
    }
}
