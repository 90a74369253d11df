//! The picture tower, a vision transformer.

use std::path::Path;

use super::config::{self, ImageConfig};
use super::transformer::{Layers, known};
use super::{MODEL, Preparation, Said, said};
use crate::checkpoint::{Checkpoint, Weights};
use crate::error::ModelError;
use crate::graph::{Conv, Finished, Graph, Operators};
use crate::image::Picture;
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime};

/// A loaded picture tower.
#[derive(Debug)]
pub struct ClipImage {
    net: Net,
    config: ImageConfig,
    preparation: Preparation,
}

impl ClipImage {
    /// Loads `CLIPModel`, `CLIPVisionModel` or `CLIPVisionModelWithProjection` from its folder; pictures are prepared as
    /// `preprocessor_config.json` beside it says, or as CLIP's are.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config: ImageConfig = config::read(folder, "vision_config", "clip_vision_model")?;
        let sizes = [
            config.intermediate_size,
            config.projection_dim,
            config.image_size,
            config.patch_size,
        ];
        config::check(folder, &sizes, (config.hidden_size, config.num_attention_heads))?;
        if !known(&config.hidden_act) || config.num_channels != 3 || config.patch_size > config.image_size {
            return Err(ModelError::Config {
                path: folder.join("config.json"),
                model: MODEL,
                reason: format!(
                    "a picture tower with {} channels, patches of {} in {} pixels and the activation {:?}",
                    config.num_channels, config.patch_size, config.image_size, config.hidden_act
                ),
            });
        }
        let preparation = Preparation::open(folder, config.image_size)?;
        let checkpoint = Checkpoint::open(folder)?;
        let at = if checkpoint.has("vision_model.") {
            "vision_model."
        } else {
            ""
        };
        let projected = checkpoint.has("visual_projection.");
        let net = runtime.session(
            &graph(&checkpoint, &config, at, projected, runtime.layers())?,
            &checkpoint,
        )?;
        Ok(Self {
            net,
            config,
            preparation,
        })
    }

    /// With pictures prepared as another folder says (a diffusers pipeline's `image_processor` or `feature_extractor`).
    #[must_use]
    pub fn prepared(mut self, preparation: Preparation) -> Self {
        self.preparation = preparation;
        self
    }

    /// How pictures are prepared.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Width of `last_hidden` and `pooled`.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// Height and width of what it looks at, pixels.
    pub fn side(&self) -> usize {
        self.config.image_size
    }

    /// Looks at a picture.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn look(&mut self, picture: &Picture) -> Result<Said, ModelError> {
        let planes = self.preparation.planes(picture);
        self.run(&planes, 1)
    }

    /// Looks at `pictures` pictures that are already prepared: three planes of the tower's size each.
    ///
    /// # Errors
    /// [`ModelError::Input`] for another size, [`ModelError::Run`].
    pub fn run(&mut self, planes: &[f32], pictures: usize) -> Result<Said, ModelError> {
        let side = self.config.image_size;
        if pictures == 0 || planes.len() != pictures * 3 * side * side {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!(
                    "{} numbers are not {pictures} pictures of {side} × {side}",
                    planes.len()
                ),
            });
        }
        said(
            self.net
                .run(&[("image", Feed::F32(&[pictures, 3, side, side], planes))])?,
        )
    }
}

pub(super) fn graph(
    weights: &dyn Weights,
    config: &ImageConfig,
    at: &str,
    projected: bool,
    by: Operators,
) -> Result<Finished, ModelError> {
    let (width, side) = (config.hidden_size, config.image_size);
    let across = side / config.patch_size;
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let shape = [
        Dim::Named("pictures"),
        Dim::Known(3),
        Dim::Known(side),
        Dim::Known(side),
    ];
    let image = g.input("image", Element::F32, &shape);
    let patch = Conv {
        kernel: config.patch_size,
        stride: config.patch_size,
        padding: 0,
        groups: 1,
    };
    let x = g.conv2d(
        &image,
        &format!("{at}embeddings.patch_embedding"),
        (3, width),
        patch,
        false,
    )?;
    let x = g.reshape(&x, &[0, width as i64, -1]);
    let x = g.transpose(&x, &[0, 2, 1]);
    let class = g.weight(&format!("{at}embeddings.class_embedding"), &[width])?;
    let (count, rest) = (g.lengths(&image, 0, 1), g.ints(&[1, width as i64]));
    let each = g.concat(&[&count, &rest], 0);
    let class = g.op("Expand", &[&class, &each], &[]);
    let x = g.concat(&[&class, &x], 1);
    let places = g.weight(
        &format!("{at}embeddings.position_embedding.weight"),
        &[across * across + 1, width],
    )?;
    let x = g.add(&x, &places);
    // So spelled in the checkpoints.
    let x = g.layer_norm(&x, &format!("{at}pre_layrnorm"), width, config.layer_norm_eps)?;
    let layers = Layers {
        count: config.num_hidden_layers,
        width,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        activation: &config.hidden_act,
        epsilon: config.layer_norm_eps,
    };
    let x = layers.write(&mut g, &x, &format!("{at}encoder"), None)?;
    g.output("last_hidden", &x);
    let first = g.slice(&x, 1, 0, 1);
    let first = g.squeeze(&first, &[1]);
    let pooled = g.layer_norm(&first, &format!("{at}post_layernorm"), width, config.layer_norm_eps)?;
    g.output("pooled", &pooled);
    if projected {
        let y = g.linear(&pooled, "visual_projection", (width, config.projection_dim), false)?;
        g.output("projected", &y);
    }
    Ok(g.finish())
}
