//! A graph being written: each method adds a node and returns what comes out of it, so that a model file reads like the model.

use crate::checkpoint::Weights;
use crate::error::ModelError;
use crate::onnx::{self, Attribute, Dim, Element, GraphParts};

/// Something that flows through a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

/// A convolution's geometry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) groups: usize,
}

impl Conv {
    /// Kernel and stride, padded so that stride 1 keeps the size.
    pub(crate) const fn same(kernel: usize, stride: usize) -> Self {
        Self {
            kernel,
            stride,
            padding: kernel / 2,
            groups: 1,
        }
    }

    /// In groups.
    pub(crate) const fn grouped(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    fn attributes(self) -> Vec<(&'static str, Attribute)> {
        let two = |n: usize| Attribute::Ints(vec![n as i64; 2]);
        vec![
            ("kernel_shape", two(self.kernel)),
            ("strides", two(self.stride)),
            ("pads", Attribute::Ints(vec![self.padding as i64; 4])),
            ("group", Attribute::Int(self.groups as i64)),
        ]
    }
}

/// A graph of `model` over the weights of a checkpoint.
pub(crate) struct Graph<'w> {
    model: &'static str,
    weights: &'w dyn Weights,
    parts: GraphParts,
    known: std::collections::BTreeSet<String>,
    next: usize,
}

/// A finished graph: the bytes of an ONNX model whose weights lie elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) model: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl<'w> Graph<'w> {
    pub(crate) fn new(model: &'static str, weights: &'w dyn Weights) -> Self {
        Self {
            model,
            weights,
            parts: GraphParts::default(),
            known: std::collections::BTreeSet::new(),
            next: 0,
        }
    }

    /// The bytes of the model.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            model: self.model,
            bytes: onnx::model(self.model, &self.parts),
        }
    }

    pub(crate) fn input(&mut self, name: &str, element: Element, shape: &[Dim]) -> Value {
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
        let stored = self.weights.tensor(self.model, name, shape)?;
        if self.known.insert(name.to_owned()) {
            self.parts.initializers.push(onnx::tensor_elsewhere(
                name,
                stored.element,
                shape,
                &stored.file,
                stored.offset,
                stored.length,
            ));
        }
        let value = Value(name.to_owned());
        if stored.element == Element::F32 {
            return Ok(value);
        }
        Ok(self.op("Cast", &[&value], &[("to", Attribute::Int(Element::F32 as i64))]))
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

    /// An operator with several results.
    pub(crate) fn several(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        n: usize,
    ) -> Vec<Value> {
        let outs: Vec<String> = (0..n).map(|_| self.fresh()).collect();
        let names: Vec<&str> = outs.iter().map(String::as_str).collect();
        self.push(op, "", inputs, &names, attributes);
        outs.into_iter().map(Value).collect()
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

    /// A convolution of `name`.weight over `x`, with `name`.bias where it has one.
    pub(crate) fn conv2d(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        conv: Conv,
        bias: bool,
    ) -> Result<Value, ModelError> {
        let weight = self.weight(
            &format!("{name}.weight"),
            &[to, from / conv.groups, conv.kernel, conv.kernel],
        )?;
        if !bias {
            return Ok(self.op("Conv", &[x, &weight], &conv.attributes()));
        }
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        Ok(self.op("Conv", &[x, &weight, &bias], &conv.attributes()))
    }

    /// What a batch norm does to the kernels before it: the kernel of `conv`, and the bias that takes the norm's place. Arithmetic
    /// over weights alone, which ONNX Runtime does once, when the graph is loaded.
    pub(crate) fn normed_kernel(
        &mut self,
        conv: &str,
        norm: &str,
        shape: [usize; 4],
        epsilon: f32,
    ) -> Result<(Value, Value), ModelError> {
        let to = shape[0];
        let kernel = self.weight(&format!("{conv}.weight"), &shape)?;
        let part = |g: &mut Self, what: &str| g.weight(&format!("{norm}.{what}"), &[to]);
        let (gamma, beta) = (part(self, "weight")?, part(self, "bias")?);
        let (mean, variance) = (part(self, "running_mean")?, part(self, "running_var")?);
        let epsilon = self.floats(&[epsilon], &[1]);
        let variance = self.add(&variance, &epsilon);
        let deviation = self.op("Sqrt", &[&variance], &[]);
        let scale = self.op("Div", &[&gamma, &deviation], &[]);
        let shift = self.multiply(&mean, &scale);
        let bias = self.op("Sub", &[&beta, &shift], &[]);
        let scale = self.reshape(&scale, &[to as i64, 1, 1, 1]);
        Ok((self.multiply(&kernel, &scale), bias))
    }

    /// A convolution with the batch norm after it, as one.
    pub(crate) fn conv_norm(
        &mut self,
        x: &Value,
        (conv_name, norm_name): (&str, &str),
        (from, to): (usize, usize),
        conv: Conv,
        epsilon: f32,
    ) -> Result<Value, ModelError> {
        let shape = [to, from / conv.groups, conv.kernel, conv.kernel];
        let (kernel, bias) = self.normed_kernel(conv_name, norm_name, shape, epsilon)?;
        Ok(self.op("Conv", &[x, &kernel, &bias], &conv.attributes()))
    }

    /// A convolution with a kernel and bias that were computed.
    pub(crate) fn conv_of(&mut self, x: &Value, kernel: &Value, bias: &Value, conv: Conv) -> Value {
        self.op("Conv", &[x, kernel, bias], &conv.attributes())
    }

    pub(crate) fn max_pool(&mut self, x: &Value, kernel: usize, stride: usize, padding: usize) -> Value {
        let conv = Conv {
            kernel,
            stride,
            padding,
            groups: 1,
        };
        let attributes = &conv.attributes()[..3];
        self.op("MaxPool", &[x], attributes)
    }

    /// The padding counts into the mean, as it does in PyTorch.
    pub(crate) fn mean_pool(&mut self, x: &Value, kernel: usize, stride: usize, padding: usize) -> Value {
        let conv = Conv {
            kernel,
            stride,
            padding,
            groups: 1,
        };
        let mut attributes = conv.attributes();
        attributes.truncate(3);
        attributes.push(("count_include_pad", Attribute::Int(1)));
        self.op("AveragePool", &[x], &attributes)
    }

    /// Twice as large, each pixel four times.
    pub(crate) fn twice(&mut self, x: &Value) -> Value {
        let none = Value(String::new());
        let scales = self.floats(&[1.0, 1.0, 2.0, 2.0], &[4]);
        self.nearest(&[x, &none, &scales])
    }

    /// As large as `target`, by the nearest pixel (PyTorch's `nearest`).
    pub(crate) fn as_large_as(&mut self, x: &Value, target: &Value, channels: usize) -> Value {
        let none = Value(String::new());
        let shape = self.op("Shape", &[target], &[("start", Attribute::Int(2))]);
        let batch = self.op("Shape", &[x], &[("end", Attribute::Int(1))]);
        let channels = self.ints(&[channels as i64]);
        let sizes = self.concat(&[&batch, &channels, &shape], 0);
        self.nearest(&[x, &none, &none, &sizes])
    }

    fn nearest(&mut self, inputs: &[&Value]) -> Value {
        let attributes = [
            ("mode", Attribute::Text("nearest")),
            ("nearest_mode", Attribute::Text("floor")),
            ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
        ];
        self.op("Resize", inputs, &attributes)
    }
}
