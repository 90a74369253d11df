//! The few messages of ONNX's protocol buffers that a graph of ours needs, written by hand: field numbers from onnx.proto
//! (ONNX 1.17, IR version 10).

/// Element types, by ONNX's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Element {
    F32 = 1,
    U8 = 2,
    I32 = 6,
    I64 = 7,
    F16 = 10,
    F64 = 11,
    Bf16 = 16,
}

impl Element {
    /// Bytes of one.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// Numbers of this type, little-endian, as 32-bit floats; none for whole numbers.
    pub(crate) fn floats(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let (pairs, fours, eights) = (
            bytes.as_chunks::<2>().0,
            bytes.as_chunks::<4>().0,
            bytes.as_chunks::<8>().0,
        );
        Some(match self {
            Self::F32 => fours.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F16 => pairs.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
            Self::Bf16 => {
                let wide = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                pairs.iter().map(wide).collect()
            }
            Self::F64 => eights.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Self::U8 | Self::I32 | Self::I64 => return None,
        })
    }
}

/// A half-precision number.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10) & 31, u32::from(bits) & 0x3ff);
    match exponent {
        // Below 2^-14 the fraction counts in steps of 2^-24.
        0 => {
            let size = fraction as f32 / 16_777_216.0;
            if sign == 0 { size } else { -size }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// An attribute of a node.
#[derive(Debug, Clone)]
pub(crate) enum Attribute {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
    Text(&'static str),
    /// A text that was made for this node.
    Name(String),
}

/// A length of an input: known, or named and only known when the graph is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dim<'a> {
    Known(usize),
    Named(&'a str),
}

/// A message being written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.0.push((x as u8) | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
    }

    /// An integer; negative ones take ten bytes, as protocol buffers will have it.
    pub(crate) fn int(mut self, field: u32, x: i64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(x as u64);
        self
    }

    /// A 32-bit float.
    pub(crate) fn float(mut self, field: u32, x: f32) -> Self {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend(x.to_le_bytes());
        self
    }

    /// Bytes, a string or another message.
    pub(crate) fn bytes(mut self, field: u32, x: impl AsRef<[u8]>) -> Self {
        let x = x.as_ref();
        self.varint(u64::from(field) << 3 | 2);
        self.varint(x.len() as u64);
        self.0.extend(x);
        self
    }

    /// What was written.
    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// `NodeProto`.
pub(crate) fn node(
    op: &str,
    domain: &str,
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[(&str, Attribute)],
) -> Vec<u8> {
    let mut m = Message::default();
    for input in inputs {
        m = m.bytes(1, input);
    }
    for output in outputs {
        m = m.bytes(2, output);
    }
    m = m.bytes(3, name).bytes(4, op);
    for (name, value) in attributes {
        let a = Message::default().bytes(1, name);
        let a = match value {
            Attribute::Float(x) => a.float(2, *x).int(20, 1),
            Attribute::Int(x) => a.int(3, *x).int(20, 2),
            Attribute::Text(x) => a.bytes(4, x).int(20, 3),
            Attribute::Name(x) => a.bytes(4, x).int(20, 3),
            Attribute::Ints(list) => list.iter().fold(a, |a, x| a.int(8, *x)).int(20, 7),
        };
        m = m.bytes(5, a.done());
    }
    if !domain.is_empty() {
        m = m.bytes(7, domain);
    }
    m.done()
}

fn tensor_head(name: &str, element: Element, shape: &[usize]) -> Message {
    let m = shape.iter().fold(Message::default(), |m, d| m.int(1, *d as i64));
    m.int(2, element as i64).bytes(8, name)
}

/// `TensorProto` with its data inside.
pub(crate) fn tensor(name: &str, element: Element, shape: &[usize], data: &[u8]) -> Vec<u8> {
    tensor_head(name, element, shape).bytes(9, data).done()
}

/// `TensorProto` whose data lie in a file beside the graph.
pub(crate) fn tensor_elsewhere(
    name: &str,
    element: Element,
    shape: &[usize],
    file: &str,
    offset: u64,
    length: u64,
) -> Vec<u8> {
    let entry = |key: &str, value: &str| Message::default().bytes(1, key).bytes(2, value).done();
    tensor_head(name, element, shape)
        .bytes(13, entry("location", file))
        .bytes(13, entry("offset", &offset.to_string()))
        .bytes(13, entry("length", &length.to_string()))
        .int(14, 1)
        .done()
}

/// `ValueInfoProto` of a tensor.
pub(crate) fn value(name: &str, element: Element, shape: &[Dim<'_>]) -> Vec<u8> {
    let shape = shape.iter().fold(Message::default(), |m, dim| {
        let dim = match dim {
            Dim::Known(n) => Message::default().int(1, *n as i64),
            Dim::Named(name) => Message::default().bytes(2, name),
        };
        m.bytes(1, dim.done())
    });
    let tensor = Message::default().int(1, element as i64).bytes(2, shape.done());
    let kind = Message::default().bytes(1, tensor.done());
    Message::default().bytes(1, name).bytes(2, kind.done()).done()
}

/// An output, whose shape ONNX Runtime infers.
pub(crate) fn open_value(name: &str, element: Element) -> Vec<u8> {
    let tensor = Message::default().int(1, element as i64);
    let kind = Message::default().bytes(1, tensor.done());
    Message::default().bytes(1, name).bytes(2, kind.done()).done()
}

/// The parts of a graph, each already a message.
#[derive(Debug, Default, Clone)]
pub(crate) struct GraphParts {
    pub(crate) nodes: Vec<Vec<u8>>,
    pub(crate) initializers: Vec<Vec<u8>>,
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) outputs: Vec<Vec<u8>>,
    /// What is known of values between nodes.
    pub(crate) known: Vec<Vec<u8>>,
}

/// `ModelProto`: operator set 21, the contributed operators of ONNX Runtime, and ours.
pub(crate) fn model(name: &str, parts: &GraphParts) -> Vec<u8> {
    let mut graph = Message::default();
    for node in &parts.nodes {
        graph = graph.bytes(1, node);
    }
    graph = graph.bytes(2, name);
    let lists = [
        (5, &parts.initializers),
        (11, &parts.inputs),
        (12, &parts.outputs),
        (13, &parts.known),
    ];
    for (field, list) in lists {
        for message in list {
            graph = graph.bytes(field, message);
        }
    }
    let opset = |domain: &str, version| Message::default().bytes(1, domain).int(2, version).done();
    Message::default()
        .int(1, 10)
        .bytes(2, "synchresis")
        .bytes(7, graph.done())
        .bytes(8, opset("", 21))
        .bytes(8, opset("com.microsoft", 1))
        .bytes(8, opset(crate::kernels::DOMAIN, 1))
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_widened_wrong() {
        let known = [
            (0x3c00u16, 1.0f32),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ];
        for (bits, value) in known {
            assert_eq!(Element::F16.floats(&bits.to_le_bytes()), Some(vec![value]));
        }
        assert_eq!(Element::F16.floats(&0x7c00u16.to_le_bytes()), Some(vec![f32::INFINITY]));
        assert_eq!(Element::Bf16.floats(&[0x80, 0xbf]), Some(vec![-1.0]));
        assert_eq!(Element::I64.floats(&[0; 8]), None);
    }

    #[test]
    fn numbers_above_a_byte_or_below_zero_are_written_wrong() {
        assert_eq!(Message::default().int(3, 300).done(), [0x18, 0xac, 0x02]);
        let minus = Message::default().int(3, -1).done();
        assert_eq!((minus.len(), minus[10]), (11, 1));
        assert_eq!(Message::default().bytes(2, "abc").done(), [0x12, 3, b'a', b'b', b'c']);
        assert_eq!(Message::default().float(2, 1.0).done(), [0x15, 0, 0, 0x80, 0x3f]);
    }
}
