//! A graph being written: each method adds a node and returns what comes out of it, so that a model file reads like the model.

mod activation;
mod attention;
mod conv;
mod convolve;
mod dense;
mod norm;
mod size;
#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "what models choose from")]
pub(crate) use attention::{Attention, Heads, Past};
#[allow(unused_imports, reason = "what models choose from")]
pub(crate) use conv::{Conv, Conv1d};
pub(crate) use convolve::{Around, Normed, Operators};

use crate::checkpoint::Weights;
use crate::error::ModelError;
use crate::onnx::{self, Attribute, Dim, Element, GraphParts};

/// Something that flows through a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

/// A graph of `model` over the weights of a checkpoint.
pub(crate) struct Graph<'w> {
    model: &'static str,
    weights: &'w dyn Weights,
    parts: GraphParts,
    known: std::collections::BTreeSet<String>,
    next: usize,
    weight_bytes: u64,
    /// How often pictures were halved, where their sizes have names (`size.rs`).
    halvings: Option<i32>,
    operators: Operators,
}

/// A finished graph: the bytes of an ONNX model whose weights lie elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) model: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// What its weights take in memory.
    pub(crate) weight_bytes: u64,
}

impl<'w> Graph<'w> {
    pub(crate) fn new(model: &'static str, weights: &'w dyn Weights) -> Self {
        Self {
            model,
            weights,
            parts: GraphParts::default(),
            known: std::collections::BTreeSet::new(),
            next: 0,
            weight_bytes: 0,
            halvings: None,
            operators: Operators::default(),
        }
    }

    /// The bytes of the model.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            model: self.model,
            bytes: onnx::model(self.model, &self.parts),
            weight_bytes: self.weight_bytes,
        }
    }

    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Dim<'_>]) -> Value {
        self.parts.inputs.push(onnx::value(name, element, shape));
        Value(name.to_owned())
    }

    /// Names `value` as a result.
    pub(crate) fn output(&mut self, name: &str, value: &Value) {
        self.push("Identity", "", &[value], &[name], &[]);
        self.parts.outputs.push(onnx::open_value(name, Element::F32));
    }

    /// A weight of the checkpoint as 32-bit floats; half precision is widened when the graph is loaded.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, ModelError> {
        self.weight_as(name, shape, shape)
    }

    /// A weight of shape `shape` whose numbers are read, in the same order, as a tensor of shape `read`.
    pub(crate) fn weight_as(&mut self, name: &str, shape: &[usize], read: &[usize]) -> Result<Value, ModelError> {
        let (value, element) = self.lying(name, shape, read, true)?;
        if element == Element::F32 {
            return Ok(value);
        }
        Ok(self.wide(&value))
    }

    /// A tensor of the checkpoint in the type that it lies in.
    pub(crate) fn stored(&mut self, name: &str, shape: &[usize]) -> Result<Value, ModelError> {
        Ok(self.lying(name, shape, shape, false)?.0)
    }

    /// As 32-bit floats.
    pub(crate) fn wide(&mut self, x: &Value) -> Value {
        self.op("Cast", &[x], &[("to", Attribute::Int(Element::F32 as i64))])
    }

    /// The tensor, and the type that it lies in; whether it will be widened.
    fn lying(
        &mut self,
        name: &str,
        shape: &[usize],
        read: &[usize],
        widened: bool,
    ) -> Result<(Value, Element), ModelError> {
        let stored = self.weights.tensor(self.model, name, shape)?;
        let turned = stored.turned();
        if self.known.insert(name.to_owned()) {
            // Halves are widened while the graph is loaded.
            let times = if widened && stored.element.size() == 2 { 2 } else { 1 };
            self.weight_bytes += stored.length * times;
            self.parts.initializers.push(onnx::tensor_elsewhere(
                name,
                stored.element,
                turned.as_ref().map_or(read, |(lying, _)| lying),
                &stored.file,
                stored.offset,
                stored.length,
            ));
        }
        let value = Value(name.to_owned());
        let Some((_, order)) = turned else {
            return Ok((value, stored.element));
        };
        // Turned once, when the graph is loaded.
        let mut value = self.transpose(&value, &order);
        if read != shape {
            value = self.reshape(&value, &read.iter().map(|n| *n as i64).collect::<Vec<_>>());
        }
        Ok((value, stored.element))
    }

    /// Whether the checkpoint has a tensor of that name and shape.
    pub(crate) fn holds(&self, name: &str, shape: &[usize]) -> bool {
        self.weights.holds(name, shape)
    }

    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("_{}", self.next)
    }

    /// Numbers known now.
    pub(crate) fn floats(&mut self, values: &[f32], shape: &[usize]) -> Value {
        let name = self.fresh();
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.parts
            .initializers
            .push(onnx::tensor(&name, Element::F32, shape, &data));
        Value(name)
    }

    /// A list of integers, for shapes and axes.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Value {
        let name = self.fresh();
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.parts
            .initializers
            .push(onnx::tensor(&name, Element::I64, &[values.len()], &data));
        Value(name)
    }

    /// An operator with several results that ONNX Runtime contributes.
    pub(crate) fn contributed_several(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        n: usize,
    ) -> Vec<Value> {
        self.results(op, "com.microsoft", inputs, attributes, n)
    }

    fn results(
        &mut self,
        op: &str,
        domain: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        n: usize,
    ) -> Vec<Value> {
        let outs: Vec<String> = (0..n).map(|_| self.fresh()).collect();
        let names: Vec<&str> = outs.iter().map(String::as_str).collect();
        self.push(op, domain, inputs, &names, attributes);
        outs.into_iter().map(Value).collect()
    }

    fn push(&mut self, op: &str, domain: &str, inputs: &[&Value], outputs: &[&str], attributes: &[(&str, Attribute)]) {
        let inputs: Vec<&str> = inputs.iter().map(|v| v.0.as_str()).collect();
        let name = outputs.first().copied().unwrap_or_default();
        let node = onnx::node(op, domain, &format!("{op}{name}"), &inputs, outputs, attributes);
        self.parts.nodes.push(node);
    }

    /// Any operator with one result.
    pub(crate) fn op(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) -> Value {
        let out = self.fresh();
        self.push(op, "", inputs, &[&out], attributes);
        Value(out)
    }

    /// An operator that ONNX Runtime contributes.
    pub(crate) fn contributed(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) -> Value {
        let out = self.fresh();
        self.push(op, "com.microsoft", inputs, &[&out], attributes);
        Value(out)
    }

    /// An operator of our own.
    fn own(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) -> Value {
        let out = self.fresh();
        self.push(op, crate::kernels::DOMAIN, inputs, &[&out], attributes);
        Value(out)
    }

    /// An operator with several results.
    pub(crate) fn several(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        n: usize,
    ) -> Vec<Value> {
        self.results(op, "", inputs, attributes, n)
    }

    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.op("Add", &[a, b], &[])
    }

    pub(crate) fn multiply(&mut self, a: &Value, b: &Value) -> Value {
        self.op("Mul", &[a, b], &[])
    }

    pub(crate) fn concat(&mut self, values: &[&Value], axis: i64) -> Value {
        self.op("Concat", values, &[("axis", Attribute::Int(axis))])
    }

    /// In parts of these lengths along an axis.
    pub(crate) fn split(&mut self, x: &Value, lengths: &[usize], axis: i64) -> Vec<Value> {
        let sizes = self.ints(&lengths.iter().map(|n| *n as i64).collect::<Vec<_>>());
        self.several("Split", &[x, &sizes], &[("axis", Attribute::Int(axis))], lengths.len())
    }

    /// 0 keeps a length, −1 takes what is left.
    pub(crate) fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.op("Reshape", &[x, &shape], &[])
    }

    /// An optional input that is not given.
    pub(crate) fn nothing() -> Value {
        Value(String::new())
    }

    pub(crate) fn subtract(&mut self, a: &Value, b: &Value) -> Value {
        self.op("Sub", &[a, b], &[])
    }

    /// Each number times `factor`.
    pub(crate) fn scaled(&mut self, x: &Value, factor: f32) -> Value {
        let factor = self.floats(&[factor], &[1]);
        self.multiply(x, &factor)
    }

    /// Axes in another order.
    pub(crate) fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.op("Transpose", &[x], &[("perm", Attribute::Ints(order.to_vec()))])
    }

    /// New axes of length 1 at these places.
    pub(crate) fn unsqueeze(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op("Unsqueeze", &[x, &axes], &[])
    }

    /// Without these axes of length 1.
    pub(crate) fn squeeze(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op("Squeeze", &[x, &axes], &[])
    }

    /// From `from` up to `to` along an axis; below zero counts from the end.
    pub(crate) fn slice(&mut self, x: &Value, axis: i64, from: i64, to: i64) -> Value {
        let (from, to, axis) = (self.ints(&[from]), self.ints(&[to]), self.ints(&[axis]));
        self.op("Slice", &[x, &from, &to, &axis], &[])
    }

    /// The lengths of `x`'s axes, from one up to another.
    pub(crate) fn lengths(&mut self, x: &Value, from: i64, to: i64) -> Value {
        self.op(
            "Shape",
            &[x],
            &[("start", Attribute::Int(from)), ("end", Attribute::Int(to))],
        )
    }

    /// As a list of lengths says that was computed.
    pub(crate) fn reshape_to(&mut self, x: &Value, lengths: &Value) -> Value {
        self.op("Reshape", &[x, lengths], &[])
    }

    /// The mean over axes, which go.
    pub(crate) fn mean(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op("ReduceMean", &[x, &axes], &[("keepdims", Attribute::Int(0))])
    }
}
