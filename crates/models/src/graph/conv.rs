//! Convolutions, pools and resampling, in one dimension and in two.

use super::{Around, Graph, Value};
use crate::error::ModelError;
use crate::kernels::After;
use crate::onnx::Attribute;

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

/// A convolution's geometry along the last axis of N × channels × 1 × length. Signals are pictures of one row, since ONNX Runtime's
/// kernels in blocks of channels, which need no copy of the signal for each tap, take pictures alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conv1d {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
    pub(crate) groups: usize,
}

impl Conv1d {
    /// Stride 1, padded so that the length stays.
    pub(crate) const fn same(kernel: usize, dilation: usize) -> Self {
        Self {
            kernel,
            stride: 1,
            padding: (kernel * dilation - dilation) / 2,
            dilation,
            groups: 1,
        }
    }

    /// With a stride.
    pub(crate) const fn strided(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel,
            stride,
            padding,
            dilation: 1,
            groups: 1,
        }
    }

    fn attributes(self) -> Vec<(&'static str, Attribute)> {
        let along = |n: usize| Attribute::Ints(vec![1, n as i64]);
        let (no, pad) = (0, self.padding as i64);
        vec![
            ("kernel_shape", along(self.kernel)),
            ("strides", along(self.stride)),
            ("pads", Attribute::Ints(vec![no, pad, no, pad])),
            ("dilations", along(self.dilation)),
            ("group", Attribute::Int(self.groups as i64)),
        ]
    }
}

impl Graph<'_> {
    /// A convolution of `name`.weight over `x`, with `name`.bias where it has one.
    pub(crate) fn conv2d(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        conv: Conv,
        bias: bool,
    ) -> Result<Value, ModelError> {
        if bias && self.ours((from, to), conv) {
            return self.convolve(x, name, (from, to), Around::default());
        }
        if bias && self.lies((from, to), conv) {
            return self.convolution_lying(x, name, (from, to), conv.kernel);
        }
        let weight = self.weight(
            &format!("{name}.weight"),
            &[to, from / conv.groups, conv.kernel, conv.kernel],
        )?;
        let y = if bias {
            let bias = self.weight(&format!("{name}.bias"), &[to])?;
            self.op("Conv", &[x, &weight, &bias], &conv.attributes())
        } else {
            self.op("Conv", &[x, &weight], &conv.attributes())
        };
        if conv.stride == 1 && conv.kernel == 2 * conv.padding + 1 {
            self.sized(&y, to);
        }
        Ok(y)
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

    /// A convolution with the batch norm after it, as one, and what is done to its results.
    pub(crate) fn conv_norm(
        &mut self,
        x: &Value,
        (conv_name, norm_name): (&str, &str),
        size: (usize, usize),
        conv: Conv,
        epsilon: f32,
        after: After,
    ) -> Result<Value, ModelError> {
        let shape = [size.1, size.0 / conv.groups, conv.kernel, conv.kernel];
        let (kernel, bias) = self.normed_kernel(conv_name, norm_name, shape, epsilon)?;
        if conv.kernel == 3 && conv.stride == 1 && conv.groups == 1 {
            let around = Around {
                after,
                ..Around::default()
            };
            return self.convolve_by(x, (&kernel, &bias), size, around);
        }
        let y = self.op("Conv", &[x, &kernel, &bias], &conv.attributes());
        Ok(self.bent(&y, after))
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
        let none = Self::nothing();
        let scales = self.floats(&[1.0, 1.0, 2.0, 2.0], &[4]);
        self.nearest(&[x, &none, &scales])
    }

    /// As large as `target`, by the nearest pixel (PyTorch's `nearest`).
    pub(crate) fn as_large_as(&mut self, x: &Value, target: &Value, channels: usize) -> Value {
        let none = Self::nothing();
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

    /// A convolution of `name`.weight along N × from × 1 × length, with `name`.bias where it has one.
    pub(crate) fn conv1d(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        conv: Conv1d,
        bias: bool,
    ) -> Result<Value, ModelError> {
        let (lying, row) = (
            [to, from / conv.groups, conv.kernel],
            [to, from / conv.groups, 1, conv.kernel],
        );
        let weight = self.weight_as(&format!("{name}.weight"), &lying, &row)?;
        self.conv1d_of(x, &weight, bias.then_some((name, to)), conv)
    }

    /// A convolution along N × channels × 1 × length with a kernel (to × from × 1 × taps) that was computed, and the bias of a layer of so many channels.
    pub(crate) fn conv1d_of(
        &mut self,
        x: &Value,
        kernel: &Value,
        bias: Option<(&str, usize)>,
        conv: Conv1d,
    ) -> Result<Value, ModelError> {
        let Some((name, to)) = bias else {
            return Ok(self.op("Conv", &[x, kernel], &conv.attributes()));
        };
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        Ok(self.op("Conv", &[x, kernel, &bias], &conv.attributes()))
    }

    /// PyTorch's `ConvTranspose1d` (weight from × to × kernel) with its bias: length · stride + kernel − 2 · padding − stride.
    pub(crate) fn conv_transpose1d(
        &mut self,
        x: &Value,
        name: &str,
        (from, to): (usize, usize),
        conv: Conv1d,
    ) -> Result<Value, ModelError> {
        let (lying, row) = (
            [from, to / conv.groups, conv.kernel],
            [from, to / conv.groups, 1, conv.kernel],
        );
        let weight = self.weight_as(&format!("{name}.weight"), &lying, &row)?;
        self.conv_transpose1d_of(x, &weight, (name, to), conv)
    }

    /// The same with a kernel that was computed.
    pub(crate) fn conv_transpose1d_of(
        &mut self,
        x: &Value,
        kernel: &Value,
        (name, to): (&str, usize),
        conv: Conv1d,
    ) -> Result<Value, ModelError> {
        let bias = self.weight(&format!("{name}.bias"), &[to])?;
        Ok(self.op("ConvTranspose", &[x, kernel, &bias], &conv.attributes()))
    }
}
