//! Kandinsky 2.2 (Razzhigaev et al. 2023): words and pictures become a picture, by way of CLIP's embedding of the picture it is to be.
//!
//! Folders are those that diffusers saves: `prior/` of `KandinskyV22PriorPipeline`, `decoder/` of `KandinskyV22Pipeline`.

mod ancestral;
mod movq;
#[cfg(test)]
mod parity;
mod prior;
mod transformer;
mod unet;

use std::path::Path;

use ancestral::Ancestral;
use movq::Movq;
pub use prior::{Embeddings, Piece, Prior, PriorSteps};
use synchresis_cue::Watch;
use unet::Unet;

use crate::error::ModelError;
use crate::image::Picture;
use crate::part::Part;
use crate::runtime::{Runtime, Tensor};
use crate::torch_random::TorchRandom;

const MODEL: &str = "Kandinsky";
/// Sides longer than this are refused: latents and attention grow with the picture's area.
const LONGEST: usize = 4096;

/// How the decoder goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecoderSteps {
    /// Steps of its schedule.
    pub steps: usize,
    /// How much more the embedding counts than the one to keep away from; nothing is guided at 1 or below.
    pub guidance: f32,
    /// Width and height in pixels; the picture's are the next multiples of 64.
    pub size: (usize, usize),
}

impl Default for DecoderSteps {
    fn default() -> Self {
        Self {
            steps: 50,
            guidance: 4.0,
            size: (768, 768),
        }
    }
}

/// A loaded decoder: the U-Net and MoVQ.
#[derive(Debug)]
pub struct Decoder {
    unet: Part<Unet>,
    sizes: unet::Sizes,
    movq: Movq,
    schedule: Ancestral,
}

impl Decoder {
    /// Loads a folder as diffusers' `KandinskyV22Pipeline` saves it.
    ///
    /// # Errors
    /// [`ModelError`]: a part is missing or another model's, or there is no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let schedule = Ancestral::read(&folder.join("scheduler"))?;
        let at = folder.join("unet");
        let unet = Unet::load(&at, runtime)?;
        let movq = Movq::load(&folder.join("movq"), runtime)?;
        let sizes = unet.config.sizes();
        let (says, channels) = (unet.config.out_channels, sizes.channels);
        if says != 2 * channels {
            return Err(ModelError::Config {
                path: folder.join("unet/config.json"),
                model: MODEL,
                reason: format!("it says {says} channels of {channels}, not the noise and its variance"),
            });
        }
        Ok(Self {
            unet: Part::new(unet, runtime, move |runtime| Unet::load(&at, runtime)),
            sizes,
            movq,
            schedule,
        })
    }

    /// Paints what the embeddings say.
    ///
    /// # Errors
    /// [`ModelError::Input`] for embeddings of another width, steps or a size that cannot be, [`ModelError::Run`],
    /// [`ModelError::Cancelled`].
    pub fn paint(
        &mut self,
        embeddings: &Embeddings,
        how: DecoderSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Picture, ModelError> {
        let latents = self.latents(embeddings, how, random, watch)?;
        watch.check()?;
        let planes = self.movq.decode(&latents)?;
        picture(&planes).ok_or_else(|| ModelError::Input {
            model: MODEL,
            reason: "the picture is empty".to_owned(),
        })
    }

    /// The latents before MoVQ.
    fn latents(
        &mut self,
        embeddings: &Embeddings,
        how: DecoderSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Tensor, ModelError> {
        let refused = |reason: String| ModelError::Input { model: MODEL, reason };
        let (width, height) = how.size;
        if !(1..=LONGEST).contains(&width) || !(1..=LONGEST).contains(&height) {
            return Err(refused(format!(
                "a picture of {width} × {height} pixels; 1 to {LONGEST} each way"
            )));
        }
        let wide = self.sizes.image;
        if embeddings.image.len() != wide || embeddings.negative.len() != wide {
            return Err(refused(format!(
                "an embedding of {} numbers for a decoder of {wide}: do prior and decoder belong together?",
                embeddings.image.len()
            )));
        }
        let factor = self.movq.config.factor();
        let side = |pixels: usize| pixels.div_ceil(factor * factor) * factor;
        let channels = self.sizes.channels;
        let shape = [1, channels, side(height), side(width)];
        let count: usize = shape.iter().product();
        let timesteps = self.schedule.timesteps(how.steps)?;
        let guided = how.guidance > 1.0;
        let images = if guided {
            [embeddings.negative.as_slice(), &embeddings.image].concat()
        } else {
            embeddings.image.clone()
        };
        let mut latents = random.normal(count);
        self.unet.within(|unet| {
            for (i, at) in timesteps.iter().enumerate() {
                watch.check()?;
                let n = if guided { 2 } else { 1 };
                let sample = Tensor {
                    shape: [&[n], &shape[1..]].concat(),
                    data: latents.repeat(n),
                };
                let said = unet.step(&sample, *at, &images)?.data;
                // Noise and variance of the one to keep away from, then of the one to paint.
                let mut parts = said.chunks_exact(count);
                let mut next = || parts.next().unwrap_or_default();
                let (mut noise, mut variance) = (next().to_vec(), next());
                if guided {
                    let with = next();
                    variance = next();
                    noise
                        .iter_mut()
                        .zip(with)
                        .for_each(|(a, b)| *a += how.guidance * (b - *a));
                }
                let drawn = if *at > 0 { random.normal(count) } else { Vec::new() };
                let to = timesteps.get(i + 1).copied();
                self.schedule
                    .step((*at, to), &noise, Some(variance), &drawn, &mut latents);
                watch.progress((i + 1) as f64 / timesteps.len() as f64);
            }
            Ok(())
        })?;
        Ok(Tensor {
            shape: shape.to_vec(),
            data: latents,
        })
    }
}

/// Planes about −1 to 1 as a picture, rounded as diffusers rounds.
pub(crate) fn picture(planes: &Tensor) -> Option<Picture> {
    let [_, 3, height, width] = *planes.shape.as_slice() else {
        return None;
    };
    let plane = width * height;
    let value = |c: usize, i: usize| {
        let x = planes.data.get(c * plane + i).copied().unwrap_or(0.0);
        ((x * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
    };
    let rgb = (0..plane).flat_map(|i| (0..3).map(move |c| value(c, i))).collect();
    Picture::new(width, height, rgb)
}
