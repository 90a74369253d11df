//! YOLOv9 (Wang, Yeh, Liao 2024), sizes t, s, m, c and e: GELAN backbone, PAN neck, decoupled heads with a distribution for each side of
//! a box. Layer numbers and weight names are those of MultimediaTechLab's implementation (MIT), whose `v9-*.pt` state dicts load as
//! published; the auxiliary branch, which only training needs, is left out.

use std::path::Path;

use crate::checkpoint::{Checkpoint, Weights};
use crate::error::ModelError;
use crate::graph::{Conv, Finished, Graph, Value};
use crate::image::{Letterbox, Picture};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "YOLOv9";
const EPSILON: f32 = 1e-3;
/// Bins of a side's distribution.
const BINS: usize = 16;
/// Pixels a cell, of the three heads.
const STRIDES: [usize; 3] = [8, 16, 32];
/// Side of the square that it looks at, pixels.
pub const SIDE: usize = 640;

/// The classes of COCO (Lin et al. 2014), which the published weights know.
pub const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// Which size a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Tiny.
    T,
    /// Small.
    S,
    /// Medium.
    M,
    /// Compact, the one the others are measured by.
    C,
    /// Extended.
    E,
}

/// Where a layer takes its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Image,
    Last,
    Layer(usize),
}

use Source::{Image, Last};

#[derive(Debug, Clone)]
enum Layer {
    /// 3 × 3, stride 2, to so many channels.
    Conv(usize),
    Elan {
        out: usize,
        part: usize,
    },
    RepElan {
        out: usize,
        part: usize,
        repeat: usize,
    },
    /// Half by means, half by maxima.
    ADown(usize),
    /// By means.
    AConv(usize),
    Spp {
        out: usize,
        neck: usize,
    },
    Twice,
    Concat(usize),
    /// One convolution cut into features for other layers.
    Branches(Vec<usize>),
    /// The last, and from each (layer, branch) its features at the same size.
    Fuse(Vec<(usize, usize)>),
    Detect([usize; 3]),
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 5] = [Self::T, Self::S, Self::M, Self::C, Self::E];

    fn layers(self) -> Vec<(Source, Layer)> {
        use Layer::{AConv, ADown, Concat, Conv, Detect, Elan, RepElan, Spp, Twice};
        let rep = |out, part, repeat| RepElan { out, part, repeat };
        let shape = match self {
            Self::T => Some(([16, 32, 32], [64, 96, 128], [48, 64], 3)),
            Self::S => Some(([32, 64, 64], [128, 192, 256], [96, 128], 3)),
            Self::M => Some(([32, 64, 128], [240, 360, 480], [184, 240], 1)),
            Self::C | Self::E => None,
        };
        if let Some((stem, [b3, b4, b5], [down4, down5], repeat)) = shape {
            let first = if self == Self::M {
                rep(stem[2], stem[2], 1)
            } else {
                Elan {
                    out: stem[2],
                    part: stem[2],
                }
            };
            let list = vec![
                Conv(stem[0]),
                Conv(stem[1]),
                first,
                AConv(b3),
                rep(b3, b3, repeat),
                AConv(b4),
                rep(b4, b4, repeat),
                AConv(b5),
                rep(b5, b5, repeat),
                Spp { out: b5, neck: b5 / 2 },
                Twice,
                Concat(6),
                rep(b4, b4, repeat),
                Twice,
                Concat(4),
                rep(b3, b3, repeat),
                AConv(down4),
                Concat(12),
                rep(b4, b4, repeat),
                AConv(down5),
                Concat(9),
                rep(b5, b5, repeat),
                Detect([15, 18, 21]),
            ];
            return in_a_row(list);
        }
        if self == Self::C {
            return in_a_row(vec![
                Conv(64),
                Conv(128),
                rep(256, 128, 1),
                ADown(256),
                rep(512, 256, 1),
                ADown(512),
                rep(512, 512, 1),
                ADown(512),
                rep(512, 512, 1),
                Spp { out: 512, neck: 256 },
                Twice,
                Concat(6),
                rep(512, 512, 1),
                Twice,
                Concat(4),
                rep(256, 256, 1),
                ADown(256),
                Concat(12),
                rep(512, 512, 1),
                ADown(512),
                Concat(9),
                rep(512, 512, 1),
                Detect([15, 18, 21]),
            ]);
        }
        extended()
    }
}

/// Each layer takes what the one before gives.
fn in_a_row(layers: Vec<Layer>) -> Vec<(Source, Layer)> {
    let from = std::iter::once(Image).chain(std::iter::repeat(Last));
    from.zip(layers).collect()
}

/// Size e: a second backbone that is fed by branches of the first.
fn extended() -> Vec<(Source, Layer)> {
    use Layer::{ADown, Branches, Concat, Conv, Detect, Fuse, RepElan, Spp, Twice};
    let rep = |out, part| RepElan { out, part, repeat: 2 };
    let widths = [64, 128, 256, 512, 1024];
    let backbone = [
        (Image, Conv(64)),
        (Last, Conv(128)),
        (Last, rep(256, 128)),
        (Last, ADown(256)),
        (Last, rep(512, 256)),
        (Last, ADown(512)),
        (Last, rep(1024, 512)),
        (Last, ADown(1024)),
        (Last, rep(1024, 512)),
    ];
    let branches = (0..5).map(|i| (Source::Layer(2 * i), Branches(widths[..=i].to_vec())));
    let fuse = |i: usize| Fuse((9 + i..14).map(|layer| (layer, i)).collect());
    let second = [
        Conv(64),
        fuse(0),
        Conv(128),
        fuse(1),
        rep(256, 128),
        ADown(256),
        fuse(2),
        rep(512, 256),
        ADown(512),
        fuse(3),
        rep(1024, 512),
        ADown(1024),
        fuse(4),
        rep(1024, 512),
        Spp { out: 512, neck: 256 },
        Twice,
        Concat(24),
        rep(512, 512),
        Twice,
        Concat(21),
        rep(256, 256),
        ADown(256),
        Concat(31),
        rep(512, 512),
        ADown(512),
        Concat(28),
        rep(512, 1024),
        Detect([34, 37, 40]),
    ];
    backbone
        .into_iter()
        .chain(branches)
        .chain(in_a_row(second.to_vec()))
        .collect()
}

/// A box and what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Number of the class.
    pub class: usize,
    /// 0 to 1.
    pub confidence: f32,
    /// Left, top, right, bottom in pixels of the picture.
    pub corners: [f32; 4],
}

/// What is kept of what the heads say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// Least confidence.
    pub confidence: f32,
    /// Overlap (intersection over union) above which the weaker of two boxes of a class goes.
    pub overlap: f32,
    /// Most boxes.
    pub most: usize,
}

impl Default for Keep {
    /// The seed system's confidence, the reference's overlap and count.
    fn default() -> Self {
        Self {
            confidence: 0.25,
            overlap: 0.5,
            most: 300,
        }
    }
}

/// A loaded YOLOv9.
#[derive(Debug)]
pub struct YoloV9 {
    net: Net,
    size: Size,
    classes: usize,
}

impl YoloV9 {
    /// Loads a state dict, from a file or a folder; its size is read off its weights.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(path: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        // As saved by the trainer, by its wrapper, or bare.
        let checkpoint = Checkpoint::open(path)?
            .renamed("model.model.", "")
            .renamed("model.", "");
        let (size, classes) = recognise(&checkpoint)?;
        let net = runtime.session(&graph(&checkpoint, size, classes)?, &checkpoint)?;
        Ok(Self { net, size, classes })
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many classes it knows.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The things in a picture, surest first.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn detect(&mut self, picture: &Picture, keep: &Keep) -> Result<Vec<Detection>, ModelError> {
        let (boxed, letterbox) = picture.letterboxed(SIDE);
        let planes = boxed.planes([0.0; 3], [1.0; 3]);
        let heads = self.heads(&planes, SIDE, SIDE)?;
        let mut kept = boxes(&heads, &letterbox, keep);
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        for detection in &mut kept {
            for (i, x) in detection.corners.iter_mut().enumerate() {
                *x = x.clamp(0.0, if i % 2 == 0 { width } else { height });
            }
        }
        Ok(kept)
    }

    /// Class logits and distances to the four sides (in cells) of each head.
    pub(crate) fn heads(&mut self, planes: &[f32], width: usize, height: usize) -> Result<Vec<Tensor>, ModelError> {
        self.net.run(&[("image", Feed(&[1, 3, height, width], planes))])
    }
}

/// Size and classes, by shapes that tell.
fn recognise(checkpoint: &Checkpoint) -> Result<(Size, usize), ModelError> {
    let first = checkpoint.shape("0.conv.weight").and_then(|s| s.first().copied());
    let second = checkpoint.shape("2.conv4.conv.weight").and_then(|s| s.first().copied());
    let head = |layer: usize| format!("{layer}.heads.0.class_conv.2.weight");
    let size = match (first, second) {
        (Some(16), _) => Size::T,
        (Some(32), Some(64)) => Size::S,
        (Some(32), Some(128)) => Size::M,
        (Some(64), _) if checkpoint.shape(&head(41)).is_some() => Size::E,
        _ => Size::C,
    };
    let head = head(if size == Size::E { 41 } else { 22 });
    let classes = checkpoint.shape(&head).and_then(|s| s.first().copied());
    let classes = classes.ok_or_else(|| ModelError::MissingTensor {
        path: checkpoint.path().to_path_buf(),
        name: head,
        model: MODEL,
    })?;
    Ok((size, classes))
}

pub(crate) fn graph(weights: &dyn Weights, size: Size, classes: usize) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let shape = [Dim::Known(1), Dim::Known(3), Dim::Named("height"), Dim::Named("width")];
    let image = g.input("image", Element::F32, &shape);
    // What each layer gives: usually one feature map, with its channels.
    let mut made: Vec<Vec<(Value, usize)>> = Vec::new();
    for (i, (from, layer)) in size.layers().into_iter().enumerate() {
        let (x, channels) = match from {
            Image => (image.clone(), 3),
            Last => made[i - 1][0].clone(),
            Source::Layer(layer) => made[layer][0].clone(),
        };
        let at = i.to_string();
        let out = match layer {
            Layer::Conv(out) => vec![(conv(&mut g, &x, &at, (channels, out), Conv::same(3, 2))?, out)],
            Layer::Elan { out, part } => vec![(elan(&mut g, &x, &at, channels, out, part)?, out)],
            Layer::RepElan { out, part, repeat } => {
                vec![(rep_elan(&mut g, &x, &at, (channels, out), part, repeat)?, out)]
            }
            Layer::ADown(out) => vec![(a_down(&mut g, &x, &at, channels, out)?, out)],
            Layer::AConv(out) => {
                let means = g.mean_pool(&x, 2, 1, 0);
                let at = format!("{at}.conv");
                vec![(conv(&mut g, &means, &at, (channels, out), Conv::same(3, 2))?, out)]
            }
            Layer::Spp { out, neck } => vec![(spp(&mut g, &x, &at, channels, out, neck)?, out)],
            Layer::Twice => vec![(g.twice(&x), channels)],
            Layer::Concat(other) => {
                let (y, more) = made[other][0].clone();
                vec![(g.concat(&[&x, &y], 1), channels + more)]
            }
            Layer::Branches(widths) => {
                let all = widths.iter().sum();
                let name = format!("{at}.conv");
                let x = g.conv2d(&x, &name, (channels, all), Conv::same(1, 1), true)?;
                let parts = if widths.len() == 1 {
                    vec![x]
                } else {
                    g.split(&x, &widths, 1)
                };
                parts.into_iter().zip(widths).collect()
            }
            Layer::Fuse(sources) => {
                let mut sum = None;
                for (layer, branch) in sources {
                    let (y, width) = made[layer][branch].clone();
                    let y = g.as_large_as(&y, &x, width);
                    sum = Some(match sum {
                        None => y,
                        Some(sum) => g.add(&sum, &y),
                    });
                }
                let fused = match sum {
                    None => x,
                    Some(sum) => g.add(&sum, &x),
                };
                vec![(fused, channels)]
            }
            Layer::Detect(layers) => {
                let features = layers.map(|layer| made[layer][0].clone());
                detect(&mut g, &at, &features, classes)?;
                Vec::new()
            }
        };
        made.push(out);
    }
    Ok(g.finish())
}

/// Convolution, batch norm, SiLU.
fn conv(g: &mut Graph<'_>, x: &Value, at: &str, widths: (usize, usize), shape: Conv) -> Result<Value, ModelError> {
    let (conv, norm) = (format!("{at}.conv"), format!("{at}.bn"));
    let y = g.conv_norm(x, (&conv, &norm), widths, shape, EPSILON)?;
    Ok(g.gated_sigmoid(&y, 1.0))
}

/// A 3 × 3 and a 1 × 1 convolution beside each other: at inference one 3 × 3, whose kernel is their sum.
fn rep_conv(g: &mut Graph<'_>, x: &Value, at: &str, width: usize) -> Result<Value, ModelError> {
    let part = |n: usize| (format!("{at}.conv{n}.conv"), format!("{at}.conv{n}.bn"));
    let ((conv1, norm1), (conv2, norm2)) = (part(1), part(2));
    let (wide, bias1) = g.normed_kernel(&conv1, &norm1, [width, width, 3, 3], EPSILON)?;
    let (narrow, bias2) = g.normed_kernel(&conv2, &norm2, [width, width, 1, 1], EPSILON)?;
    let pads = g.ints(&[0, 0, 1, 1, 0, 0, 1, 1]);
    let narrow = g.op("Pad", &[&narrow, &pads], &[]);
    let (kernel, bias) = (g.add(&wide, &narrow), g.add(&bias1, &bias2));
    let y = g.conv_of(x, &kernel, &bias, Conv::same(3, 1));
    Ok(g.gated_sigmoid(&y, 1.0))
}

fn rep_csp(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    repeat: usize,
) -> Result<Value, ModelError> {
    let neck = to / 2;
    let one = Conv::same(1, 1);
    let mut deep = conv(g, x, &format!("{at}.conv1"), (from, neck), one)?;
    for i in 0..repeat {
        let block = format!("{at}.bottleneck.{i}");
        let y = rep_conv(g, &deep, &format!("{block}.conv1"), neck)?;
        let y = conv(g, &y, &format!("{block}.conv2"), (neck, neck), Conv::same(3, 1))?;
        deep = g.add(&deep, &y);
    }
    let shallow = conv(g, x, &format!("{at}.conv2"), (from, neck), one)?;
    let both = g.concat(&[&deep, &shallow], 1);
    conv(g, &both, &format!("{at}.conv3"), (2 * neck, to), one)
}

fn rep_elan(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    part: usize,
    repeat: usize,
) -> Result<Value, ModelError> {
    let half = part / 2;
    let x = conv(g, x, &format!("{at}.conv1"), (from, part), Conv::same(1, 1))?;
    let parts = g.split(&x, &[half, half], 1);
    let mut list = parts.clone();
    for n in [2, 3] {
        let last = &list[list.len() - 1].clone();
        let y = rep_csp(g, last, &format!("{at}.conv{n}.0"), (half, half), repeat)?;
        list.push(conv(g, &y, &format!("{at}.conv{n}.1"), (half, half), Conv::same(3, 1))?);
    }
    let all = g.concat(&list.iter().collect::<Vec<_>>(), 1);
    conv(g, &all, &format!("{at}.conv4"), (part + 2 * half, to), Conv::same(1, 1))
}

fn elan(g: &mut Graph<'_>, x: &Value, at: &str, from: usize, to: usize, part: usize) -> Result<Value, ModelError> {
    let half = part / 2;
    let x = conv(g, x, &format!("{at}.conv1"), (from, part), Conv::same(1, 1))?;
    let mut list = g.split(&x, &[half, half], 1);
    for n in [2, 3] {
        let last = &list[list.len() - 1].clone();
        list.push(conv(g, last, &format!("{at}.conv{n}"), (half, half), Conv::same(3, 1))?);
    }
    let all = g.concat(&list.iter().collect::<Vec<_>>(), 1);
    conv(g, &all, &format!("{at}.conv4"), (part + 2 * half, to), Conv::same(1, 1))
}

fn a_down(g: &mut Graph<'_>, x: &Value, at: &str, from: usize, to: usize) -> Result<Value, ModelError> {
    let means = g.mean_pool(x, 2, 1, 0);
    let halves = g.split(&means, &[from / 2, from / 2], 1);
    let a = conv(
        g,
        &halves[0],
        &format!("{at}.conv1"),
        (from / 2, to / 2),
        Conv::same(3, 2),
    )?;
    let maxima = g.max_pool(&halves[1], 3, 2, 1);
    let b = conv(g, &maxima, &format!("{at}.conv2"), (from / 2, to / 2), Conv::same(1, 1))?;
    Ok(g.concat(&[&a, &b], 1))
}

fn spp(g: &mut Graph<'_>, x: &Value, at: &str, from: usize, to: usize, neck: usize) -> Result<Value, ModelError> {
    let one = Conv::same(1, 1);
    let mut list = vec![conv(g, x, &format!("{at}.conv1"), (from, neck), one)?];
    for _ in 0..3 {
        let pooled = g.max_pool(&list[list.len() - 1], 5, 1, 2);
        list.push(pooled);
    }
    let all = g.concat(&list.iter().collect::<Vec<_>>(), 1);
    conv(g, &all, &format!("{at}.conv5"), (4 * neck, to), one)
}

/// For each head, `classN` (1 × classes × h × w) and `sidesN` (1 × 4 × h × w, in cells): the mean of each side's distribution.
fn detect(g: &mut Graph<'_>, at: &str, features: &[(Value, usize); 3], classes: usize) -> Result<(), ModelError> {
    let first = features[0].1;
    let sides = 4 * BINS;
    let anchor_neck = (first / 4).next_multiple_of(4).max(sides);
    let class_neck = first.max((2 * classes).min(128));
    let (three, one) = (Conv::same(3, 1), Conv::same(1, 1));
    for (i, (x, width)) in features.iter().enumerate() {
        let head = format!("{at}.heads.{i}");
        let class = format!("{head}.class_conv");
        let y = conv(g, x, &format!("{class}.0"), (*width, class_neck), three)?;
        let y = conv(g, &y, &format!("{class}.1"), (class_neck, class_neck), three)?;
        let logits = g.conv2d(&y, &format!("{class}.2"), (class_neck, classes), one, true)?;
        g.output(&format!("class{i}"), &logits);
        let anchor = format!("{head}.anchor_conv");
        let y = conv(g, x, &format!("{anchor}.0"), (*width, anchor_neck), three)?;
        let y = conv(
            g,
            &y,
            &format!("{anchor}.1"),
            (anchor_neck, anchor_neck),
            three.grouped(4),
        )?;
        let y = g.conv2d(&y, &format!("{anchor}.2"), (anchor_neck, sides), one.grouped(4), true)?;
        // 1 × (4 · bins) × h × w to 1 × 4 × h × w.
        let shape = g.op("Shape", &[&y], &[("start", crate::onnx::Attribute::Int(2))]);
        let head_shape = g.ints(&[4, BINS as i64, -1]);
        let bins = g.op("Reshape", &[&y, &head_shape], &[]);
        let shares = g.softmax(&bins, 1);
        let ramp: Vec<f32> = (0..BINS).map(|b| b as f32).collect();
        let ramp = g.floats(&ramp, &[1, BINS]);
        let means = g.op("MatMul", &[&ramp, &shares], &[]);
        let front = g.ints(&[1, 4]);
        let shape = g.concat(&[&front, &shape], 0);
        let means = g.op("Reshape", &[&means, &shape], &[]);
        g.output(&format!("sides{i}"), &means);
    }
    Ok(())
}

/// What the heads found, in pixels of the picture that was fitted into the square: suppression happens there, as in the reference.
pub(crate) fn boxes(heads: &[Tensor], letterbox: &Letterbox, keep: &Keep) -> Vec<Detection> {
    let mut found = decode(heads, keep.confidence);
    let scale = letterbox.scale as f32;
    let margins = [letterbox.left as f32, letterbox.top as f32];
    for detection in &mut found {
        for (i, x) in detection.corners.iter_mut().enumerate() {
            *x = (*x - margins[i % 2]) / scale;
        }
    }
    suppress(found, keep)
}

/// Boxes in pixels of the square, of every class and cell above `confidence`, in the reference's order.
fn decode(heads: &[Tensor], confidence: f32) -> Vec<Detection> {
    let mut found = Vec::new();
    for (pair, stride) in heads.chunks_exact(2).zip(STRIDES) {
        let (class, sides) = (&pair[0], &pair[1]);
        let [_, classes, height, width] = class.shape[..] else {
            continue;
        };
        let cells = height * width;
        for cell in 0..cells {
            for c in 0..classes {
                let sure = 1.0 / (1.0 + (-class.data[c * cells + cell]).exp());
                if sure <= confidence {
                    continue;
                }
                let centre = |n: usize| (n * stride + stride / 2) as f32;
                let (x, y) = (centre(cell % width), centre(cell / width));
                let side = |n: usize| sides.data[n * cells + cell] * stride as f32;
                found.push(Detection {
                    class: c,
                    confidence: sure,
                    corners: [x - side(0), y - side(1), x + side(2), y + side(3)],
                });
            }
        }
    }
    found
}

/// Of boxes of one class that overlap, the surest stays.
fn suppress(mut found: Vec<Detection>, keep: &Keep) -> Vec<Detection> {
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<Detection> = Vec::new();
    for detection in found {
        if kept.len() == keep.most {
            break;
        }
        let clear = kept
            .iter()
            .filter(|k| k.class == detection.class)
            .all(|k| overlap(&k.corners, &detection.corners) <= keep.overlap);
        if clear {
            kept.push(detection);
        }
    }
    kept
}

/// Intersection over union.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |c: &[f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    shared / (area(a) + area(b) - shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weaker_box_over_a_surer_one_of_its_class_stays() {
        let at = |class, confidence, x: f32| Detection {
            class,
            confidence,
            corners: [x, 0.0, x + 10.0, 10.0],
        };
        let found = vec![at(1, 0.5, 0.0), at(1, 0.9, 1.0), at(2, 0.4, 0.0), at(1, 0.6, 30.0)];
        let kept = suppress(found, &Keep::default());
        let confidences: Vec<f32> = kept.iter().map(|k| k.confidence).collect();
        assert_eq!(confidences, [0.9, 0.6, 0.4]);
    }
}
