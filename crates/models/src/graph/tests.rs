//! Each layer against its definition, written out.

use super::{Around, Attention, Conv1d, Graph, Heads, Normed, Operators};
use crate::checkpoint::Checkpoint;
use crate::kernels::After;
use crate::onnx::{Dim, Element};
use crate::parity::{Wanted, apart, between, runtime};
use crate::runtime::{Feed, Tensor};

const NAMED: [Dim; 3] = [Dim::Named("n"), Dim::Named("s"), Dim::Named("t")];

/// The weight of a name, drawn for layers whose rows have so many numbers.
type Drawn = Box<dyn Fn(&str, usize) -> Vec<f32>>;

/// A layer run over weights drawn from their names; the weights too, by name.
fn run(build: impl Fn(&mut Graph<'_>), feeds: &[(&str, Feed<'_>)]) -> (Vec<Tensor>, Drawn) {
    let wanted = Wanted::default();
    build(&mut Graph::new("a layer", &wanted));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    wanted.write(&path, 6.0);
    let checkpoint = Checkpoint::open(&path).expect("opens");
    let mut graph = Graph::new("a layer", &checkpoint);
    build(&mut graph);
    let mut net = runtime().session(&graph.finish(), &checkpoint).expect("builds");
    let out = net.run(feeds).expect("runs");
    let weight = move |name: &str, fan: usize| {
        let shape = checkpoint.shape(name).expect("it was asked for").to_vec();
        let count = shape.iter().product();
        let reach = (6.0 / fan as f64).sqrt();
        let limits = match (shape.len(), name.ends_with("weight")) {
            (1, true) => (0.8, 1.2),
            (1, false) => (-0.1, 0.1),
            _ => (-reach, reach),
        };
        between(name, count, limits)
    };
    (out, Box::new(weight))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// x · wᵀ + b, row by row.
fn dense(x: &[f32], w: &[f32], b: &[f32]) -> Vec<f32> {
    let from = w.len() / b.len();
    x.chunks(from)
        .flat_map(|row| w.chunks(from).zip(b).map(move |(w, b)| dot(row, w) + b))
        .collect()
}

#[test]
fn attention_mixes_heads_or_sees_what_is_hidden() {
    let (s, t, width, heads, asked) = (3, 5, 8, 2, 6);
    let x = between("x", s * width, (-1.0, 1.0));
    let context = between("context", t * asked, (-1.0, 1.0));
    let mask = [1.0, 1.0, 0.0, 1.0, 0.0];
    let build = |g: &mut Graph<'_>| {
        let x = g.input("x", Element::F32, &NAMED);
        let context = g.input(
            "context",
            Element::F32,
            &[Dim::Named("n"), Dim::Named("k"), Dim::Known(6)],
        );
        let mask = g.input("mask", Element::F32, &[Dim::Named("n"), Dim::Named("k")]);
        let bias = g.mask_bias(&mask);
        let bias = g.wide_bias(&bias, &x);
        let layer = Attention {
            names: ["q", "k", "v", "o"],
            widths: [8, 8, 6],
            bias: true,
            bias_out: true,
            lying: false,
            heads: Heads::of(2),
        };
        let y = g.attention(&x, Some(&context), layer, Some(&bias)).expect("a graph");
        g.output("y", &y);
    };
    let feeds = [
        ("x", Feed::F32(&[1, s, width], &x)),
        ("context", Feed::F32(&[1, t, asked], &context)),
        ("mask", Feed::F32(&[1, t], &mask)),
    ];
    let (out, weight) = run(build, &feeds);
    let layer = |x: &[f32], name: &str, from: usize| {
        dense(
            x,
            &weight(&format!("{name}.weight"), from),
            &weight(&format!("{name}.bias"), 1),
        )
    };
    let (q, k, v) = (
        layer(&x, "q", width),
        layer(&context, "k", asked),
        layer(&context, "v", asked),
    );
    let each = width / heads;
    let mut mixed = vec![0.0; s * width];
    for h in 0..heads {
        let part = |rows: &[f32], i: usize| rows[i * width + h * each..][..each].to_vec();
        for i in 0..s {
            let weights: Vec<f32> = (0..t)
                .map(|j| mask[j] * (dot(&part(&q, i), &part(&k, j)) / (each as f32).sqrt()).exp())
                .collect();
            let sum: f32 = weights.iter().sum();
            for (j, w) in weights.iter().enumerate() {
                for (c, value) in part(&v, j).iter().enumerate() {
                    mixed[i * width + h * each + c] += w / sum * value;
                }
            }
        }
    }
    let wanted = layer(&mixed, "o", width);
    assert_eq!(out[0].shape, [1, s, width]);
    assert!(apart(&out[0].data, &wanted) < 1e-5);
}

#[test]
fn a_group_is_normed_with_another_groups_mean() {
    let x = between("x", 2 * 4 * 3, (-1.0, 3.0));
    let build = |g: &mut Graph<'_>| {
        let shape = [Dim::Named("n"), Dim::Known(4), Dim::Known(1), Dim::Named("t")];
        let x = g.input("x", Element::F32, &shape);
        let y = g.group_norm_silu(&x, "norm", (4, 2), 1e-5).expect("a graph");
        g.output("y", &y);
    };
    let (out, weight) = run(build, &[("x", Feed::F32(&[2, 4, 1, 3], &x))]);
    let (gamma, beta) = (weight("norm.weight", 1), weight("norm.bias", 1));
    let mut wanted = Vec::new();
    for (group, part) in x.chunks(6).enumerate() {
        let mean = part.iter().sum::<f32>() / 6.0;
        let deviation = (part.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 6.0 + 1e-5).sqrt();
        for (i, x) in part.iter().enumerate() {
            let channel = group % 2 * 2 + i / 3;
            let y = (x - mean) / deviation * gamma[channel] + beta[channel];
            wanted.push(y / (1.0 + (-y).exp()));
        }
    }
    assert!(apart(&out[0].data, &wanted) < 1e-5);
}

#[test]
fn the_other_norms_or_activations_are_anothers() {
    let x = between("x", 3 * 4, (-2.0, 2.0));
    let build = |g: &mut Graph<'_>| {
        let x = g.input("x", Element::F32, &[Dim::Named("n"), Dim::Known(4)]);
        let y = g.rms_norm(&x, "rms", 4, 1e-6).expect("a graph");
        g.output("rms", &y);
        let y = g.layer_norm(&x, "layer", 4, 1e-5).expect("a graph");
        g.output("layer", &y);
        let y = g.unit_length(&x);
        g.output("unit", &y);
        let tanh = g.gelu_tanh(&x);
        g.output("tanh", &tanh);
        let quick = g.quick_gelu(&x);
        g.output("quick", &quick);
        let leaky = g.leaky_relu(&x, 0.1);
        g.output("leaky", &leaky);
        let erf = g.gelu(&x);
        g.output("erf", &erf);
    };
    let (out, weight) = run(build, &[("x", Feed::F32(&[3, 4], &x))]);
    let rows = |f: &dyn Fn(&[f32]) -> Vec<f32>| -> Vec<f32> { x.chunks(4).flat_map(f).collect() };
    let (gamma, g2, b2) = (
        weight("rms.weight", 1),
        weight("layer.weight", 1),
        weight("layer.bias", 1),
    );
    let rms = rows(&|r| {
        let root = (dot(r, r) / 4.0 + 1e-6).sqrt();
        r.iter().zip(&gamma).map(|(x, g)| x / root * g).collect()
    });
    let layer = rows(&|r| {
        let mean = r.iter().sum::<f32>() / 4.0;
        let root = (r.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 4.0 + 1e-5).sqrt();
        (0..4).map(|i| (r[i] - mean) / root * g2[i] + b2[i]).collect()
    });
    let unit = rows(&|r| r.iter().map(|x| x / dot(r, r).sqrt()).collect());
    let each = |f: &dyn Fn(f32) -> f32| -> Vec<f32> { x.iter().map(|x| f(*x)).collect() };
    let tanh = each(&|x| 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x.powi(3))).tanh()));
    let quick = each(&|x| x / (1.0 + (-1.702 * x).exp()));
    let leaky = each(&|x| if x < 0.0 { 0.1 * x } else { x });
    for (i, wanted) in [rms, layer, unit, tanh.clone(), quick, leaky].iter().enumerate() {
        assert!(apart(&out[i].data, wanted) < 1e-5, "number {i}");
    }
    // The two GELUs are close, and not the same.
    let between = apart(&out[6].data, &tanh);
    assert!(between > 1e-5 && between < 1e-3, "{between}");
}

#[test]
fn a_transposed_or_dilated_convolution_lands_elsewhere() {
    let (length, stride, kernel) = (5, 3, 7);
    let x = between("x", 2 * length, (-1.0, 1.0));
    let build = |g: &mut Graph<'_>| {
        let shape = [Dim::Named("n"), Dim::Known(2), Dim::Known(1), Dim::Named("t")];
        let x = g.input("x", Element::F32, &shape);
        let y = g
            .conv_transpose1d(&x, "up", (2, 3), Conv1d::strided(7, 3, 2))
            .expect("a graph");
        g.output("up", &y);
        let y = g.conv1d(&x, "wide", (2, 1), Conv1d::same(3, 2), true).expect("a graph");
        g.output("wide", &y);
    };
    let (out, weight) = run(build, &[("x", Feed::F32(&[1, 2, 1, length], &x))]);
    let (w, b) = (weight("up.weight", 3 * kernel), weight("up.bias", 1));
    let long = length * stride + kernel - 4 - stride;
    let mut up = vec![0.0; 3 * long];
    for to in 0..3 {
        for at in 0..long {
            let mut sum = b[to];
            for from in 0..2 {
                for i in 0..length {
                    if let Some(k) = (at + 2).checked_sub(i * stride).filter(|k| *k < kernel) {
                        sum += x[from * length + i] * w[(from * 3 + to) * kernel + k];
                    }
                }
            }
            up[to * long + at] = sum;
        }
    }
    assert!(apart(&out[0].data, &up) < 1e-5);
    let (w, b) = (weight("wide.weight", 6), weight("wide.bias", 1));
    let wide: Vec<f32> = (0..length)
        .map(|at| {
            let taps = (0..2).flat_map(|c| (0..3).map(move |k| (c, k)));
            taps.filter_map(|(c, k)| Some((c, k, (at + 2 * k).checked_sub(2).filter(|i| *i < length)?)))
                .map(|(c, k, i)| x[c * length + i] * w[c * 3 + k])
                .sum::<f32>()
                + b[0]
        })
        .collect();
    assert!(apart(&out[1].data, &wide) < 1e-5);
}

#[test]
fn whole_numbers_choose_other_rows() {
    let build = |g: &mut Graph<'_>| {
        let ids = g.input("ids", Element::I64, &[Dim::Named("n"), Dim::Named("s")]);
        let y = g.embedding(&ids, "table", (4, 3)).expect("a graph");
        g.output("y", &y);
    };
    let (out, weight) = run(build, &[("ids", Feed::I64(&[1, 2], &[2, 0]))]);
    let table = weight("table.weight", 3);
    assert_eq!(out[0].shape, [1, 2, 3]);
    assert_eq!(out[0].data, [&table[6..9], &table[..3]].concat());
}

/// What convolutions with everything around them make, by whoever computes them: on a picture, on one made twice as large, along a signal.
fn convolved(by: Operators) -> Vec<Tensor> {
    let (n, from, to, height, width, length) = (2, 24, 20, 9, 7, 61);
    let picture = between("picture", n * from * height * width, (-1.0, 1.0));
    let past = between("past", n * to * height * width, (-1.0, 1.0));
    let (plus, scale) = (
        between("plus", n * to, (-1.0, 1.0)),
        between("scale", n * from, (-0.5, 0.5)),
    );
    let signal = between("signal", n * 128 * length, (-1.0, 1.0));
    let build = |g: &mut Graph<'_>| {
        g.operators = by;
        // Named sizes too: a norm before a picture is made larger is of the smaller size.
        g.name_sizes();
        let sized = |channels| [Dim::Named("n"), Dim::Known(channels), Dim::Named("h"), Dim::Named("w")];
        let x = g.input("picture", Element::F32, &sized(from));
        let past = g.input("past", Element::F32, &sized(to));
        let plus = g.input("plus", Element::F32, &[Dim::Named("n"), Dim::Known(to)]);
        let scale = g.input("scale", Element::F32, &[Dim::Named("n"), Dim::Known(from)]);
        let normed = Normed {
            name: "norm",
            groups: 4,
            epsilon: 1e-5,
            modulated: Some((&scale, &scale)),
        };
        let all = Around {
            normed: Some(normed),
            plus: Some(&plus),
            past: Some(&past),
            after: After::Silu,
            ..Around::default()
        };
        // Twice by the same kernels: those that are kept, and those that are made anew.
        for (name, around) in [("once", all), ("again", all)] {
            let y = g.convolve(&x, "conv", (from, to), around).expect("a graph");
            g.output(name, &y);
        }
        let larger = Around {
            normed: Some(Normed {
                modulated: None,
                ..normed
            }),
            twice: true,
            after: After::Rectified,
            ..Around::default()
        };
        let y = g.convolve(&x, "conv", (from, to), larger).expect("a graph");
        g.output("larger", &y);
        g.halvings = None;
        let shape = [Dim::Named("n"), Dim::Known(128), Dim::Known(1), Dim::Named("t")];
        let x = g.input("signal", Element::F32, &shape);
        let kernel = g
            .weight_as("along.weight", &[128, 128, 7], &[128, 128, 1, 7])
            .expect("a graph");
        // As the kernels of weight norms are: made of two.
        let kernel = g.scaled(&kernel, 0.5);
        let conv = Conv1d::same(7, 3);
        let y = g
            .convolve_along(&x, (&kernel, "along"), (128, 128), conv, (0.1, Some(&x)))
            .expect("a graph");
        g.output("along", &y);
    };
    let feeds = [
        ("picture", Feed::F32(&[n, from, height, width], &picture)),
        ("past", Feed::F32(&[n, to, height, width], &past)),
        ("plus", Feed::F32(&[n, to], &plus)),
        ("scale", Feed::F32(&[n, from], &scale)),
        ("signal", Feed::F32(&[n, 128, 1, length], &signal)),
    ];
    run(build, &feeds).0
}

#[test]
fn our_convolutions_say_something_else_than_onnx_runtimes() {
    let library = convolved(Operators::Library);
    for by in [Operators::Ours, Operators::OursSparing] {
        for (ours, theirs) in convolved(by).iter().zip(&library) {
            assert_eq!(ours.shape, theirs.shape);
            let apart = apart(&ours.data, &theirs.data);
            assert!(apart < 2e-5, "{by:?}: {apart}");
        }
    }
}

#[test]
fn our_linear_layers_say_something_else_than_onnx_runtimes() {
    let x = between("x", 2 * 70 * 48, (-1.0, 1.0));
    let mut made = Vec::new();
    for by in [Operators::Ours, Operators::Library] {
        let build = |g: &mut Graph<'_>| {
            g.operators = by;
            let shape = [Dim::Named("n"), Dim::Named("rows"), Dim::Known(48)];
            let x = g.input("x", Element::F32, &shape);
            for (name, after) in [("bare", After::Nothing), ("bent", After::GeluTanh)] {
                let y = g.linear_lying(&x, "layer", (48, 36), after).expect("a graph");
                g.output(name, &y);
            }
        };
        // Many rows, and one.
        for rows in [70, 1] {
            let feeds = [("x", Feed::F32(&[2, rows, 48], &x[..2 * rows * 48]))];
            made.push(run(build, &feeds).0);
        }
    }
    for (ours, theirs) in made[..2].concat().iter().zip(&made[2..].concat()) {
        assert_eq!(ours.shape, theirs.shape);
        let apart = apart(&ours.data, &theirs.data);
        assert!(apart < 1e-6, "{apart}");
    }
}
