//! EfficientNet-Lite0 (Tan, Le 2019), which is no engine of the house: published weights, small enough to be tried, through the same
//! room as the engines', and what they say of real photographs.

use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Value};
use crate::image::{Filter, IMAGENET_DEVIATION, IMAGENET_MEAN, Picture};
use crate::onnx::{Attribute, Dim, Element};
use crate::parity::runtime;
use crate::runtime::Feed;

const SIDE: usize = 224;
/// How often, side of the kernel, stride, how much wider within, channels.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];

/// A convolution with its norm; the padding is TensorFlow's, of which a stride of 2 has more at the end.
fn conv(
    g: &mut Graph<'_>,
    x: &Value,
    (name, norm): (&str, &str),
    shape: [usize; 4],
    (stride, groups): (usize, usize),
) -> Result<Value, ModelError> {
    let (kernel, bias) = g.normed_kernel(name, norm, shape, 1e-3)?;
    let attributes = [
        ("auto_pad", Attribute::Text("SAME_UPPER")),
        ("strides", Attribute::Ints(vec![stride as i64; 2])),
        ("group", Attribute::Int(groups as i64)),
    ];
    Ok(g.op("Conv", &[x, &kernel, &bias], &attributes))
}

fn relu6(g: &mut Graph<'_>, x: &Value) -> Value {
    let (least, most) = (g.floats(&[0.0], &[]), g.floats(&[6.0], &[]));
    g.op("Clip", &[x, &least, &most], &[])
}

fn graph(checkpoint: &Checkpoint) -> Result<Finished, ModelError> {
    let mut g = Graph::new("EfficientNet-Lite0", checkpoint);
    let shape = [Dim::Known(1), Dim::Known(3), Dim::Known(SIDE), Dim::Known(SIDE)];
    let image = g.input("image", Element::F32, &shape);
    let x = conv(&mut g, &image, ("_conv_stem", "_bn0"), [32, 3, 3, 3], (2, 1))?;
    let mut x = relu6(&mut g, &x);
    let (mut block, mut from) = (0, 32);
    for (repeat, kernel, stride, wider, to) in STAGES {
        for i in 0..repeat {
            let name = |part: &str| format!("_blocks.{block}.{part}");
            let (stride, within) = (if i == 0 { stride } else { 1 }, from * wider);
            let mut y = x.clone();
            if wider > 1 {
                let shape = [within, from, 1, 1];
                y = conv(&mut g, &y, (&name("_expand_conv"), &name("_bn0")), shape, (1, 1))?;
                y = relu6(&mut g, &y);
            }
            let (shape, names) = ([within, 1, kernel, kernel], [name("_depthwise_conv"), name("_bn1")]);
            y = conv(&mut g, &y, (&names[0], &names[1]), shape, (stride, within))?;
            y = relu6(&mut g, &y);
            let (shape, names) = ([to, within, 1, 1], [name("_project_conv"), name("_bn2")]);
            y = conv(&mut g, &y, (&names[0], &names[1]), shape, (1, 1))?;
            x = if stride == 1 && from == to { g.add(&x, &y) } else { y };
            (block, from) = (block + 1, to);
        }
    }
    let x = conv(&mut g, &x, ("_conv_head", "_bn1"), [1280, 320, 1, 1], (1, 1))?;
    let x = relu6(&mut g, &x);
    let x = g.mean(&x, &[2, 3]);
    let x = g.linear(&x, "_fc", (1280, 1000), true)?;
    let x = g.softmax(&x, -1);
    g.output("likely", &x);
    Ok(g.finish())
}

pub(crate) fn media(name: &str) -> PathBuf {
    let folder = std::env::var_os("SYNCHRESIS_TEST_MEDIA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/media"));
    let path = folder.join(name);
    assert!(path.is_file(), "{}: scripts/photos fetches it", path.display());
    path
}

#[test]
fn published_weights_name_other_things_than_a_photograph_shows() {
    // Saved in June 2020, in the form of the time before PyTorch 1.6.
    let checkpoint = Checkpoint::open(&media("efficientnet-lite0.pth")).expect("a checkpoint");
    let graph = graph(&checkpoint).expect("a graph");
    let mut net = runtime().session(&graph, &checkpoint).expect("a session");
    // The likeliest of ImageNet's classes (Egyptian cat, espresso, missile), and how likely the package's own code finds it, which
    // prepared the picture in the same way.
    for (name, label, likely) in [
        ("chelsea.png", 285, 0.337),
        ("coffee.png", 967, 0.779),
        ("rocket.jpg", 657, 0.304),
    ] {
        let photo = ::image::open(media(name)).expect("a photograph").to_rgb8();
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let photo = Picture::new(width, height, photo.into_raw()).expect("a picture");
        let seen = photo.shorter_side(256, Filter::Bicubic).centre(SIDE);
        let planes = seen.planes(IMAGENET_MEAN, IMAGENET_DEVIATION);
        let feed = Feed::F32(&[1, 3, SIDE, SIDE], &planes);
        let found = &net.run(&[("image", feed)]).expect("runs")[0].data;
        let best = (0..found.len()).max_by(|a, b| found[*a].total_cmp(&found[*b]));
        assert_eq!(best, Some(label), "{name}");
        assert!((found[label] - likely).abs() < 0.01, "{name}: {}", found[label]);
    }
}
