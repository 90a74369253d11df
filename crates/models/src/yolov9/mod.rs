//! YOLOv9 (Wang, Yeh, Liao 2024), sizes t, s, m, c and e: GELAN backbone, PAN neck, decoupled heads with a distribution for each side of
//! a box. Layer numbers and weight names are those of MultimediaTechLab's implementation (MIT), whose `v9-*.pt` state dicts load as
//! published; the auxiliary branch, which only training needs, is left out.

mod boxes;
mod labels;
mod layers;
mod network;

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::image::Picture;
use crate::runtime::{Feed, Net, Runtime, Tensor};

pub(crate) use boxes::boxes;
pub use boxes::{Detection, Keep};
pub use labels::COCO;
pub use layers::Size;
pub(crate) use network::graph;

const MODEL: &str = "YOLOv9";
/// Bins of a side's distribution.
const BINS: usize = 16;
/// Side of the square that it looks at, pixels.
pub const SIDE: usize = 640;

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
        let net = runtime.session(&graph(&checkpoint, size, classes, runtime.operators())?, &checkpoint)?;
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
        tracing::trace!("{MODEL}: boxes: {}", kept.len());
        Ok(kept)
    }

    /// Class logits and distances to the four sides (in cells) of each head.
    pub(crate) fn heads(&mut self, planes: &[f32], width: usize, height: usize) -> Result<Vec<Tensor>, ModelError> {
        self.net.run(&[("image", Feed::F32(&[1, 3, height, width], planes))])
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
