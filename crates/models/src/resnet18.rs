//! ResNet18 (He et al. 2015) up to its last stage, as torchvision builds it: the latent that frames are compared by.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::graph::{Around, Conv, Finished, Graph, Operators, Value};
use crate::image::{Filter, IMAGENET_DEVIATION, IMAGENET_MEAN, Picture};
use crate::kernels::After;
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "ResNet18";
const EPSILON: f32 = 1e-5;
/// Shorter side of what it looks at, pixels.
const SIDE: usize = 512;
/// Channels of its four stages.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// A loaded ResNet18.
#[derive(Debug)]
pub struct ResNet18 {
    net: Net,
}

impl ResNet18 {
    /// Loads torchvision's or timm's weights from a file or folder.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(path: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let checkpoint = Checkpoint::open(path)?;
        let net = runtime.session(&graph(&checkpoint, runtime.operators())?, &checkpoint)?;
        Ok(Self { net })
    }

    /// The latent of a picture: 512 × h × w, where h and w are a thirty-second of the picture with its shorter side at 512.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn latent(&mut self, picture: &Picture) -> Result<Tensor, ModelError> {
        let picture = picture.shorter_side(SIDE, Filter::Bilinear);
        let planes = picture.planes(IMAGENET_MEAN, IMAGENET_DEVIATION);
        self.forward(&planes, picture.width(), picture.height())
    }

    /// The latent of planes that are already scaled.
    pub(crate) fn forward(&mut self, planes: &[f32], width: usize, height: usize) -> Result<Tensor, ModelError> {
        let shape = [1, 3, height, width];
        let mut out = self.net.run(&[("image", Feed::F32(&shape, planes))])?;
        Ok(out.remove(0))
    }
}

pub(crate) fn graph(weights: &dyn crate::checkpoint::Weights, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let shape = [Dim::Known(1), Dim::Known(3), Dim::Named("height"), Dim::Named("width")];
    let image = g.input("image", Element::F32, &shape);
    let stem = Conv {
        kernel: 7,
        stride: 2,
        padding: 3,
        groups: 1,
    };
    let x = g.conv_norm(
        &image,
        ("conv1", "bn1"),
        (3, STAGES[0]),
        stem,
        EPSILON,
        After::Rectified,
    )?;
    let mut x = g.max_pool(&x, 3, 2, 1);
    let mut from = STAGES[0];
    for (stage, to) in STAGES.into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(&mut g, &x, &format!("layer{}.{block}", stage + 1), (from, to), stride)?;
            from = to;
        }
    }
    g.output("latent", &x);
    Ok(g.finish())
}

fn basic_block(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    stride: usize,
) -> Result<Value, ModelError> {
    let name = |n: usize| (format!("{at}.conv{n}"), format!("{at}.bn{n}"));
    let ((conv1, bn1), (conv2, bn2)) = (name(1), name(2));
    let y = g.conv_norm(
        x,
        (&conv1, &bn1),
        (from, to),
        Conv::same(3, stride),
        EPSILON,
        After::Rectified,
    )?;
    let past = if stride == 1 && from == to {
        x.clone()
    } else {
        let (conv, bn) = (format!("{at}.downsample.0"), format!("{at}.downsample.1"));
        g.conv_norm(
            x,
            (&conv, &bn),
            (from, to),
            Conv::same(1, stride),
            EPSILON,
            After::Nothing,
        )?
    };
    let (kernel, bias) = g.normed_kernel(&conv2, &bn2, [to, to, 3, 3], EPSILON)?;
    let around = Around {
        past: Some(&past),
        after: After::Rectified,
        ..Around::default()
    };
    g.convolve_by(&y, (&kernel, &bias), (to, to), around)
}
