//! The layers written as a graph.

use super::layers::{Layer, Size, Source};
use super::{BINS, MODEL};
use crate::checkpoint::Weights;
use crate::error::ModelError;
use crate::graph::{Around, Conv, Finished, Graph, Operators, Value};
use crate::kernels::After;
use crate::onnx::{Dim, Element};

const EPSILON: f32 = 1e-3;

pub(crate) fn graph(weights: &dyn Weights, size: Size, classes: usize, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let shape = [Dim::Known(1), Dim::Known(3), Dim::Named("height"), Dim::Named("width")];
    let image = g.input("image", Element::F32, &shape);
    // What each layer gives: usually one feature map, with its channels.
    let mut made: Vec<Vec<(Value, usize)>> = Vec::new();
    for (i, (from, layer)) in size.layers().into_iter().enumerate() {
        let (x, channels) = match from {
            Source::Image => (image.clone(), 3),
            Source::Last => made[i - 1][0].clone(),
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
    g.conv_norm(x, (&conv, &norm), widths, shape, EPSILON, After::Silu)
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
    let around = Around {
        after: After::Silu,
        ..Around::default()
    };
    g.convolve_by(x, (&kernel, &bias), (width, width), around)
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
