//! Attention, over heads that lie side by side in the last axis.

use super::{Graph, Operators, Value};
use crate::error::ModelError;
use crate::kernels::{self, After};
use crate::onnx::Attribute;

/// The heads of an attention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    /// What the products of queries and keys are multiplied by; none: 1 / √(width of a head).
    pub(crate) scale: Option<f32>,
}

impl Heads {
    /// So many, scaled as usual.
    pub(crate) const fn of(count: usize) -> Self {
        Self { count, scale: None }
    }
}

/// The projections of an attention and their names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention<'a> {
    /// Queries, keys, values, and what comes out: `to_q`, `to_k`, `to_v`, `to_out.0` in diffusers.
    pub(crate) names: [&'a str; 4],
    /// Width of what asks (and of what comes out), of all heads together, of what is asked.
    pub(crate) widths: [usize; 3],
    /// Whether queries, keys and values have a bias.
    pub(crate) bias: bool,
    /// Whether what comes out has one.
    pub(crate) bias_out: bool,
    /// Whether all four are over weights as they lie ([`Graph::linear_lying`]).
    pub(crate) lying: bool,
    pub(crate) heads: Heads,
}

/// Keys and values of what was read before, in memory of the caller's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'v> {
    /// Of one alone, 1 × heads × room × width of a head, of which so many are known (one 64-bit integer). The last query sees all, the one before
    /// it all but the last, and so on; `alone`: there is only that last one.
    Room {
        keys: &'v Value,
        values: &'v Value,
        known: &'v Value,
        alone: bool,
    },
    /// Of several in places that they share, places × width: `lines` (N × tokens before, 64-bit integers) says in which each token of each is.
    Places {
        keys: &'v Value,
        values: &'v Value,
        lines: &'v Value,
    },
}

impl Graph<'_> {
    /// Attention by our operator, where keys and values have the width of the queries: over all, or also over what was read before.
    pub(crate) fn attend_after(
        &mut self,
        (queries, keys, values): (&Value, &Value, &Value),
        heads: usize,
        past: Option<Past<'_>>,
    ) -> Value {
        if self.operators != Operators::Library {
            let causal = matches!(past, Some(Past::Room { .. }));
            let attributes = [
                ("heads", Attribute::Int(heads as i64)),
                ("causal", Attribute::Int(i64::from(causal))),
            ];
            let mut inputs = vec![queries, keys, values];
            match &past {
                Some(Past::Room {
                    keys, values, known, ..
                }) => inputs.extend([*keys, *values, *known]),
                Some(Past::Places { keys, values, lines }) => inputs.extend([*keys, *values, *lines]),
                None => {}
            }
            return self.own(kernels::ATTENTION, &inputs, &attributes);
        }
        let (before, known, alone) = match past {
            None => return self.attend((queries, keys, values), Heads::of(heads), None),
            Some(Past::Places {
                keys: places,
                values: places_too,
                lines,
            }) => {
                let [keys, values] = [(places, keys), (places_too, values)].map(|(places, new)| {
                    let before = self.gather(places, lines, 0);
                    self.concat(&[&before, new], 1)
                });
                return self.attend((queries, &keys, &values), Heads::of(heads), None);
            }
            Some(Past::Room {
                keys,
                values,
                known,
                alone,
            }) => ([keys, values], known, alone),
        };
        let [keys_before, values_before] = before.map(|x| {
            let (from, axis) = (self.ints(&[0]), self.ints(&[2]));
            self.op("Slice", &[x, &from, known, &axis], &[])
        });
        // To a mask one that asks alone were the first.
        let attributes = [
            ("num_heads", Attribute::Int(heads as i64)),
            ("unidirectional", Attribute::Int(i64::from(!alone))),
        ];
        let none = Self::nothing();
        let inputs = [queries, keys, values, &none, &none, &none, &keys_before, &values_before];
        let mut attended = self.contributed_several("MultiHeadAttention", &inputs, &attributes, 3);
        attended.swap_remove(0)
    }

    /// Attention of queries N × S × width over keys N × T × width and values N × T × any width, with as many heads in each:
    /// N × S × values' width. `bias` is added before the softmax: (1 or N) × (1 or heads) × S × T.
    pub(crate) fn attend(
        &mut self,
        (queries, keys, values): (&Value, &Value, &Value),
        heads: Heads,
        bias: Option<&Value>,
    ) -> Value {
        let mut attributes = vec![("num_heads", Attribute::Int(heads.count as i64))];
        if let Some(scale) = heads.scale {
            attributes.push(("scale", Attribute::Float(scale)));
        }
        let none = Self::nothing();
        let mut inputs = vec![queries, keys, values];
        if let Some(bias) = bias {
            inputs.extend([&none, &none, bias]);
        }
        self.contributed("MultiHeadAttention", &inputs, &attributes)
    }

    /// An attention with its projections: `x` N × S × width asks `context` N × T × its width (itself, where there is none).
    pub(crate) fn attention(
        &mut self,
        x: &Value,
        context: Option<&Value>,
        attention: Attention<'_>,
        bias: Option<&Value>,
    ) -> Result<Value, ModelError> {
        let Attention {
            names: [q, k, v, out],
            widths: [width, inner, asked],
            ..
        } = attention;
        let context = context.unwrap_or(x);
        let linear = |g: &mut Self, x: &Value, name: &str, size, bias| match attention.lying {
            true => g.linear_where_it_lies(x, name, size, bias, After::Nothing),
            false => g.linear(x, name, size, bias),
        };
        let queries = linear(self, x, q, (width, inner), attention.bias)?;
        let keys = linear(self, context, k, (asked, inner), attention.bias)?;
        let values = linear(self, context, v, (asked, inner), attention.bias)?;
        let y = self.attend((&queries, &keys, &values), attention.heads, bias);
        linear(self, &y, out, (inner, width), attention.bias_out)
    }

    /// A bias of attention from a mask N × T of floats, 1 for what may be seen and 0 for what may not: N × 1 × 1 × T, which
    /// [`Graph::wide_bias`] spreads over queries.
    pub(crate) fn mask_bias(&mut self, mask: &Value) -> Value {
        self.soft_mask_bias(mask, f32::MIN)
    }

    /// The same, where what may not be seen gets `hidden` instead of the least of numbers.
    pub(crate) fn soft_mask_bias(&mut self, mask: &Value, hidden: f32) -> Value {
        let one = self.floats(&[1.0], &[1]);
        let away = self.op("Sub", &[&one, mask], &[]);
        let bias = self.scaled(&away, hidden);
        self.unsqueeze(&bias, &[1, 2])
    }

    /// A bias … × 1 × T for each of the queries N × S × width.
    pub(crate) fn wide_bias(&mut self, bias: &Value, queries: &Value) -> Value {
        let one = self.ints(&[1]);
        let length = self.op(
            "Shape",
            &[queries],
            &[("start", Attribute::Int(1)), ("end", Attribute::Int(2))],
        );
        let shape = self.concat(&[&one, &one, &length, &one], 0);
        self.op("Expand", &[bias, &shape], &[])
    }
}
