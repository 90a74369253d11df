//! Norms that need no statistics of their own; batch norms become part of the convolutions before them (`conv.rs`).

use super::{Graph, Value};
use crate::error::ModelError;
use crate::onnx::Attribute;

impl Graph<'_> {
    /// Over the last axis, by `name`.weight and `name`.bias.
    pub(crate) fn layer_norm(
        &mut self,
        x: &Value,
        name: &str,
        width: usize,
        epsilon: f32,
    ) -> Result<Value, ModelError> {
        let weight = self.weight(&format!("{name}.weight"), &[width])?;
        let bias = self.weight(&format!("{name}.bias"), &[width])?;
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
        Ok(self.op("LayerNormalization", &[x, &weight, &bias], &attributes))
    }

    /// By the root of the mean square of the last axis, and `name`.weight: T5's layer norm, Llama's.
    pub(crate) fn rms_norm(&mut self, x: &Value, name: &str, width: usize, epsilon: f32) -> Result<Value, ModelError> {
        let weight = self.weight(&format!("{name}.weight"), &[width])?;
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
        // Not marked as contributed: ONNX Runtime keeps this one in the standard domain.
        Ok(self.op("SimplifiedLayerNormalization", &[x, &weight], &attributes))
    }

    /// Over groups of channels of N × channels × height × width, by `name`.weight and `name`.bias.
    ///
    /// Written as the norm of each group as if it were one channel: ONNX's own operator for this is a function of twenty others, which
    /// walk the numbers eight times where this walks them three times, and which make loading several times as long.
    pub(crate) fn group_norm(
        &mut self,
        x: &Value,
        name: &str,
        (channels, groups): (usize, usize),
        epsilon: f32,
    ) -> Result<Value, ModelError> {
        let weight = self.weight_as(&format!("{name}.weight"), &[channels], &[channels, 1, 1])?;
        let bias = self.weight_as(&format!("{name}.bias"), &[channels], &[channels, 1, 1])?;
        let y = self.grouped_norm(x, (channels, groups), epsilon);
        let y = self.multiply(&y, &weight);
        Ok(self.add(&y, &bias))
    }

    /// Groups of channels of N × channels × height × width, each with mean 0 and variance 1.
    pub(crate) fn grouped_norm(&mut self, x: &Value, (channels, groups): (usize, usize), epsilon: f32) -> Value {
        let shape = self.op("Shape", &[x], &[]);
        let y = self.reshape(x, &[0, groups as i64, -1]);
        self.sized_rows(&y, groups, channels / groups);
        let (ones, zeros) = (
            self.floats(&vec![1.0; groups], &[groups]),
            self.floats(&vec![0.0; groups], &[groups]),
        );
        let attributes = [("epsilon", Attribute::Float(epsilon))];
        let y = self.op("InstanceNormalization", &[&y, &ones, &zeros], &attributes);
        let y = self.reshape_to(&y, &shape);
        self.sized(&y, channels);
        y
    }

    /// A group norm and the SiLU after it.
    pub(crate) fn group_norm_silu(
        &mut self,
        x: &Value,
        name: &str,
        size: (usize, usize),
        epsilon: f32,
    ) -> Result<Value, ModelError> {
        let y = self.group_norm(x, name, size, epsilon)?;
        Ok(self.silu(&y))
    }

    /// To length 1 along the last axis, as PyTorch's `normalize` does.
    pub(crate) fn unit_length(&mut self, x: &Value) -> Value {
        let axes = self.ints(&[-1]);
        let length = self.op("ReduceL2", &[x, &axes], &[("keepdims", Attribute::Int(1))]);
        let least = self.floats(&[1e-12], &[1]);
        let length = self.op("Max", &[&length, &least], &[]);
        self.op("Div", &[x, &length], &[])
    }
}
