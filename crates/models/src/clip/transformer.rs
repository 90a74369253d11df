//! The layers that both towers are made of.

use crate::error::ModelError;
use crate::graph::{Attention, Graph, Heads, Value};
use crate::kernels::After;

#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) count: usize,
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) activation: &'a str,
    pub(super) epsilon: f32,
}

impl Layers<'_> {
    /// `x` through every layer of `at`.layers.
    pub(super) fn write(
        &self,
        g: &mut Graph<'_>,
        x: &Value,
        at: &str,
        bias: Option<&Value>,
    ) -> Result<Value, ModelError> {
        let mut x = x.clone();
        for layer in 0..self.count {
            let at = format!("{at}.layers.{layer}");
            let y = g.layer_norm(&x, &format!("{at}.layer_norm1"), self.width, self.epsilon)?;
            let names = ["q_proj", "k_proj", "v_proj", "out_proj"].map(|name| format!("{at}.self_attn.{name}"));
            let attention = Attention {
                names: [&names[0], &names[1], &names[2], &names[3]],
                widths: [self.width; 3],
                bias: true,
                bias_out: true,
                lying: true,
                heads: Heads::of(self.heads),
            };
            let y = g.attention(&y, None, attention, bias)?;
            x = g.add(&x, &y);
            let y = g.layer_norm(&x, &format!("{at}.layer_norm2"), self.width, self.epsilon)?;
            let y = g.linear_lying(&y, &format!("{at}.mlp.fc1"), (self.width, self.inner), After::Nothing)?;
            let y = match self.activation {
                "quick_gelu" => g.quick_gelu(&y),
                "gelu_new" | "gelu_pytorch_tanh" => g.gelu_tanh(&y),
                _ => g.gelu(&y),
            };
            let y = g.linear_lying(&y, &format!("{at}.mlp.fc2"), (self.inner, self.width), After::Nothing)?;
            x = g.add(&x, &y);
        }
        Ok(x)
    }
}

/// What may stand as `hidden_act`.
pub(super) fn known(activation: &str) -> bool {
    ["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh"].contains(&activation)
}
