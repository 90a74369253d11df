//! CLIP (Radford et al. 2021): a picture and a text become vectors that lie the nearer the better they fit. Any size, by its own
//! `config.json`; names and layout are those of transformers, for the whole model or for one tower with or without projection.

mod config;
mod image;
mod prepare;
#[cfg(test)]
mod tests;
mod text;
mod transformer;

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::runtime::{Runtime, Tensor};
use crate::tokens::Tokens;
use crate::{Picture, tokens::Length};

pub use image::ClipImage;
pub use prepare::Preparation;
pub use text::ClipText;

const MODEL: &str = "CLIP";

/// What a tower says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// N × tokens (or patches and one) × width: the text tower's after its last norm, the picture tower's before it.
    pub last_hidden: Tensor,
    /// N × width: the token that stands for all, after the last norm.
    pub pooled: Tensor,
    /// N × projection, where the checkpoint has one; not of length 1.
    pub projected: Option<Tensor>,
}

/// Both towers of a folder, for telling which words fit a picture.
#[derive(Debug)]
pub struct Clip {
    tokens: Tokens,
    text: ClipText,
    image: ClipImage,
    /// What likenesses are multiplied by before the softmax.
    scale: f32,
}

impl Clip {
    /// Loads the whole model from its folder: `config.json`, weights, tokenizer, `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let scale = Checkpoint::open(folder)?.floats(MODEL, "logit_scale", &[])?;
        Ok(Self {
            tokens: Tokens::open(folder)?,
            text: ClipText::load(folder, runtime)?,
            image: ClipImage::load(folder, runtime)?,
            scale: scale.first().copied().unwrap_or(0.0).exp(),
        })
    }

    /// Unit vectors of texts.
    ///
    /// # Errors
    /// [`ModelError::Run`], [`ModelError::Input`].
    pub fn texts(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut all = Vec::new();
        for text in texts {
            let encoded = self.tokens.encode(text, Length::AtMost(self.text.longest()))?;
            let said = self.text.run(&encoded.ids, 1, None)?;
            all.push(unit(said.projected.unwrap_or(said.pooled).data));
        }
        Ok(all)
    }

    /// The unit vector of a picture.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn picture(&mut self, picture: &Picture) -> Result<Vec<f32>, ModelError> {
        let said = self.image.look(picture)?;
        Ok(unit(said.projected.unwrap_or(said.pooled).data))
    }

    /// How well each text fits a picture, beside the others: shares that add up to 1.
    pub fn shares(&self, picture: &[f32], texts: &[Vec<f32>]) -> Vec<f32> {
        let like = |text: &Vec<f32>| text.iter().zip(picture).map(|(a, b)| a * b).sum::<f32>() * self.scale;
        let logits: Vec<f32> = texts.iter().map(like).collect();
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let raised: Vec<f32> = logits.iter().map(|x| (x - most).exp()).collect();
        let sum: f32 = raised.iter().sum();
        raised.into_iter().map(|x| x / sum).collect()
    }
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// The outputs of a tower, in its graph's order.
fn said(mut outputs: Vec<Tensor>) -> Result<Said, ModelError> {
    let projected = (outputs.len() > 2).then(|| outputs.remove(2));
    match (outputs.pop(), outputs.pop()) {
        (Some(pooled), Some(last_hidden)) => Ok(Said {
            last_hidden,
            pooled,
            projected,
        }),
        _ => Err(ModelError::Run {
            model: MODEL,
            doing: "running it",
            reason: "an output is missing".to_owned(),
        }),
    }
}
