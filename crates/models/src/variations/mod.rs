//! Stable Diffusion Image Variations (Lambda Labs, after Rombach et al. 2022): pictures like a picture, and the pictures that lie between two
//! in its autoencoder's latents.
//!
//! The folder is that of `StableDiffusionImageVariationPipeline`: `vae/`, `unet/`, `image_encoder/`, `feature_extractor/`, `scheduler/`.
//! There is no safety checker here, whatever the folder holds.

#[cfg(test)]
mod parity;
mod plms;

use std::path::Path;

use plms::Plms;
use synchresis_cue::Watch;

use crate::clip::{ClipImage, Preparation};
use crate::config;
use crate::diffusion::autoencoder::{Decoder, Encoder};
use crate::diffusion::scheduler::Scheduler;
use crate::diffusion::unet::{Given, Looks, Unet};
use crate::error::ModelError;
use crate::image::Picture;
use crate::kandinsky::picture;
use crate::runtime::{Runtime, Tensor};
use crate::torch_random::TorchRandom;

const MODEL: &str = "SD Image Variations";
/// Latents whose directions are nearer than this are mixed along a straight line.
const ALIKE: f64 = 0.9995;
/// Sides longer than this are refused: latents and attention grow with the picture's area.
const LONGEST: usize = 4096;

/// Between `a` and `b` along the great circle, `t` from 0 to 1; along a straight line where they point almost the same way. Both have the
/// same shape.
pub fn slerp(a: &Tensor, b: &Tensor, t: f64) -> Tensor {
    let product = |x: &[f32], y: &[f32]| -> f64 { x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    let lengths = (product(&a.data, &a.data) * product(&b.data, &b.data)).sqrt();
    let cosine = if lengths > 0.0 {
        product(&a.data, &b.data) / lengths
    } else {
        1.0
    };
    let (of_a, of_b) = if cosine.abs() > ALIKE {
        (1.0 - t, t)
    } else {
        let angle = cosine.acos();
        ((angle * (1.0 - t)).sin() / angle.sin(), (angle * t).sin() / angle.sin())
    };
    Tensor {
        shape: a.shape.clone(),
        data: a
            .data
            .iter()
            .zip(&b.data)
            .map(|(x, y)| (of_a * f64::from(*x) + of_b * f64::from(*y)) as f32)
            .collect(),
    }
}

/// The autoencoder, both ways: pictures to latents, and what lies between latents to pictures.
#[derive(Debug)]
pub struct Between {
    encoder: Encoder,
    decoder: Decoder,
}

impl Between {
    /// Loads `vae/` of a pipeline's folder, or the autoencoder's own folder.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let inner = folder.join("vae");
        let folder = if inner.is_dir() { inner.as_path() } else { folder };
        Ok(Self {
            encoder: Encoder::load(folder, runtime)?,
            decoder: Decoder::load(folder, runtime)?,
        })
    }

    /// Pixels, each way, that one latent stands for: a picture's sides must be multiples of it.
    pub fn factor(&self) -> usize {
        self.encoder.config.factor()
    }

    /// The latents of a picture: the middle of what the encoder says, so that the same picture has the same.
    ///
    /// # Errors
    /// [`ModelError::Input`] for sides that are no multiples of [`Between::factor`], [`ModelError::Run`].
    pub fn latents(&mut self, picture: &Picture) -> Result<Tensor, ModelError> {
        let factor = self.factor();
        let (width, height) = (picture.width(), picture.height());
        if width % factor != 0 || height % factor != 0 || width > LONGEST || height > LONGEST {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("a picture of {width} × {height}; sides are multiples of {factor} up to {LONGEST}"),
            });
        }
        let planes = Tensor {
            shape: vec![1, 3, height, width],
            data: picture.planes([0.5; 3], [0.5; 3]),
        };
        Ok(self.encoder.encode(&planes)?.mean)
    }

    /// The pictures of latents of one shape, decoded together.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn pictures(&mut self, latents: &[Tensor]) -> Result<Vec<Picture>, ModelError> {
        let Some(first) = latents.first() else {
            return Ok(Vec::new());
        };
        let mut shape = first.shape.clone();
        if let Some(n) = shape.first_mut() {
            *n = latents.len();
        }
        let data = latents.iter().flat_map(|l| l.data.iter().copied()).collect();
        let all = self.decoder.decode(&Tensor { shape, data })?;
        let one = all.data.len() / latents.len();
        let pictures = all.data.chunks_exact(one.max(1)).map(|planes| {
            let mut shape = all.shape.clone();
            if let Some(n) = shape.first_mut() {
                *n = 1;
            }
            picture(&Tensor {
                shape,
                data: planes.to_vec(),
            })
        });
        pictures.collect::<Option<Vec<_>>>().ok_or_else(|| ModelError::Input {
            model: MODEL,
            reason: "its autoencoder makes no pictures of three colours".to_owned(),
        })
    }
}

/// How a variation is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariationSteps {
    /// Steps of its schedule.
    pub steps: usize,
    /// How much more the picture counts than none; nothing is guided at 1 or below.
    pub guidance: f32,
    /// Width and height in pixels, multiples of 8.
    pub size: (usize, usize),
}

impl Default for VariationSteps {
    /// The reference's: 50 steps, guidance 7.5, 512 × 512.
    fn default() -> Self {
        Self {
            steps: 50,
            guidance: 7.5,
            size: (512, 512),
        }
    }
}

/// Its schedule: the one that the folder names.
#[derive(Debug)]
enum Schedule {
    Plms(Plms),
    Other(Box<Scheduler>),
}

/// One step of a schedule: its number, what the network said, and the latents that it moves.
type Step<'a> = Box<dyn FnMut(usize, &[f32], &mut [f32]) + 'a>;

impl Schedule {
    fn read(folder: &Path) -> Result<Self, ModelError> {
        #[derive(serde::Deserialize)]
        struct Named {
            #[serde(rename = "_class_name", default)]
            class_name: String,
        }
        let named: Named = config::read(&folder.join("scheduler_config.json"), MODEL)?;
        if named.class_name == "PNDMScheduler" {
            return Ok(Self::Plms(Plms::read(folder)?));
        }
        Ok(Self::Other(Box::new(Scheduler::read(folder, None)?)))
    }
}

/// The loaded pipeline.
#[derive(Debug)]
pub struct Variations {
    image: ClipImage,
    painted: Painted,
}

/// What makes a picture of an embedding.
#[derive(Debug)]
struct Painted {
    unet: Unet,
    decoder: Decoder,
    schedule: Schedule,
}

impl Variations {
    /// Loads a folder as diffusers' `StableDiffusionImageVariationPipeline` saves it.
    ///
    /// # Errors
    /// [`ModelError`]: a part is missing or another model's, or there is no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let schedule = Schedule::read(&folder.join("scheduler"))?;
        let image = ClipImage::load(&folder.join("image_encoder"), runtime)?;
        let preparation = Preparation::open(&folder.join("feature_extractor"), image.side())?;
        Ok(Self {
            image: image.prepared(preparation),
            painted: Painted {
                unet: Unet::load(&folder.join("unet"), Looks::Context, runtime)?,
                decoder: Decoder::load(&folder.join("vae"), runtime)?,
                schedule,
            },
        })
    }

    /// Paints a picture like `like`.
    ///
    /// # Errors
    /// [`ModelError::Input`] for steps or a size that cannot be, [`ModelError::Run`], [`ModelError::Cancelled`].
    pub fn paint(
        &mut self,
        like: &Picture,
        how: VariationSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Picture, ModelError> {
        let embedding = self.image.look(like)?.projected.ok_or_else(|| ModelError::Input {
            model: MODEL,
            reason: "its CLIP has no projection".to_owned(),
        })?;
        self.painted.paint(&embedding.data, how, random, watch)
    }
}

impl Painted {
    fn paint(
        &mut self,
        embedding: &[f32],
        how: VariationSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Picture, ModelError> {
        let mut latents = self.latents(embedding, how, random, watch)?;
        watch.check()?;
        let scale = self.decoder.config.scaling_factor;
        latents.data.iter_mut().for_each(|x| *x /= scale);
        let planes = self.decoder.decode(&latents)?;
        picture(&planes).ok_or_else(|| ModelError::Input {
            model: MODEL,
            reason: "its autoencoder makes no pictures of three colours".to_owned(),
        })
    }

    /// Latents by the embedding of a picture, scaled as the U-Net sees them.
    fn latents(
        &mut self,
        embedding: &[f32],
        how: VariationSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Tensor, ModelError> {
        let factor = self.decoder.config.factor();
        let (width, height) = how.size;
        let fits = |side: usize| side > 0 && side <= LONGEST && side.is_multiple_of(factor);
        if !fits(width) || !fits(height) {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("a picture of {width} × {height}; sides are multiples of {factor} up to {LONGEST}"),
            });
        }
        let shape = [1, self.unet.config.in_channels, height / factor, width / factor];
        let count: usize = shape.iter().product();
        let guided = how.guidance > 1.0;
        let n = if guided { 2 } else { 1 };
        let mut vectors = vec![0.0; (n - 1) * embedding.len()];
        vectors.extend_from_slice(embedding);
        let context = Tensor {
            shape: vec![n, 1, embedding.len()],
            data: vectors,
        };
        let given = Given {
            context: Some(&context),
            ..Given::default()
        };
        let mut steps: Step<'_>;
        let timesteps: Vec<i64>;
        match &self.schedule {
            Schedule::Plms(plms) => {
                let mut way = plms.start(how.steps)?;
                timesteps = way.timesteps().to_vec();
                steps = Box::new(move |i, said, x| way.step(i, said, x));
            }
            Schedule::Other(schedule) => {
                let mut sampler = schedule.start(how.steps)?;
                timesteps = sampler.timesteps().to_vec();
                steps = Box::new(move |i, said, x| sampler.step(i, said, x));
            }
        }
        let mut latents = random.normal(count);
        for (i, at) in timesteps.iter().enumerate() {
            watch.check()?;
            let sample = Tensor {
                shape: [&[n], &shape[1..]].concat(),
                data: latents.repeat(n),
            };
            let mut said = self.unet.step(&sample, *at, given)?.data;
            if guided && said.len() == 2 * count {
                let with = said.split_off(count);
                said.iter_mut()
                    .zip(&with)
                    .for_each(|(a, b)| *a += how.guidance * (b - *a));
            }
            steps(i, &said, &mut latents);
            watch.progress((i + 1) as f64 / timesteps.len() as f64);
        }
        Ok(Tensor {
            shape: shape.to_vec(),
            data: latents,
        })
    }
}
