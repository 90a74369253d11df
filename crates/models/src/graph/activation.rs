//! What bends a signal between two layers.

use super::{Graph, Value};
use crate::kernels::After;
use crate::onnx::Attribute;

impl Graph<'_> {
    /// As `after` says.
    pub(crate) fn bent(&mut self, x: &Value, after: After) -> Value {
        match after {
            After::Nothing => x.clone(),
            After::Rectified => self.relu(x),
            After::Silu => self.silu(x),
            After::GeluTanh => self.gelu_tanh(x),
        }
    }

    pub(crate) fn relu(&mut self, x: &Value) -> Value {
        self.op("Relu", &[x], &[])
    }

    /// x · sigmoid(alpha · x): SiLU with 1.
    pub(crate) fn gated_sigmoid(&mut self, x: &Value, alpha: f32) -> Value {
        self.contributed("QuickGelu", &[x], &[("alpha", Attribute::Float(alpha))])
    }

    pub(crate) fn softmax(&mut self, x: &Value, axis: i64) -> Value {
        self.op("Softmax", &[x], &[("axis", Attribute::Int(axis))])
    }

    /// x · sigmoid(x).
    pub(crate) fn silu(&mut self, x: &Value) -> Value {
        self.gated_sigmoid(x, 1.0)
    }

    /// x · sigmoid(1.702 · x): CLIP's.
    pub(crate) fn quick_gelu(&mut self, x: &Value) -> Value {
        self.gated_sigmoid(x, 1.702)
    }

    /// x · Φ(x).
    pub(crate) fn gelu(&mut self, x: &Value) -> Value {
        self.op("Gelu", &[x], &[])
    }

    /// GELU by the hyperbolic tangent: `gelu_new`, `gelu_pytorch_tanh`.
    pub(crate) fn gelu_tanh(&mut self, x: &Value) -> Value {
        self.op("Gelu", &[x], &[("approximate", Attribute::Text("tanh"))])
    }

    /// `slope` · x below zero.
    pub(crate) fn leaky_relu(&mut self, x: &Value, slope: f32) -> Value {
        self.op("LeakyRelu", &[x], &[("alpha", Attribute::Float(slope))])
    }

    pub(crate) fn tanh(&mut self, x: &Value) -> Value {
        self.op("Tanh", &[x], &[])
    }

    pub(crate) fn sigmoid(&mut self, x: &Value) -> Value {
        self.op("Sigmoid", &[x], &[])
    }
}
