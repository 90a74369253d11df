//! Layers that mix the last axis, and tables of vectors.

use super::{Graph, Value};
use crate::error::ModelError;
use crate::onnx::Attribute;

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
