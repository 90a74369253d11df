//! Pictures from words and pictures: Kandinsky by itself, and for the sections of a film.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::Document;
use synchresis_media::MediaError;
use synchresis_models::kandinsky::{Decoder, DecoderSteps, Embeddings, Piece, Prior, PriorSteps};
use synchresis_models::variations::{VariationSteps, Variations};
use synchresis_models::{ModelError, Picture, TorchRandom};
use synchresis_picture::paint::Artwork;

use crate::error::StudioError;
use crate::eyes::{Weights, find, runtime};
use crate::run::Outcome;
use crate::sections::Painting;
use crate::world::World;

/// Folders in the model folder that hold Kandinsky 2.2, best first.
const NAMES: [&str; 3] = ["kandinsky", "kandinsky-2-2", "kandinsky-community"];

/// Folders in the model folder that hold Stable Diffusion's autoencoder, best first.
pub(crate) const LATENT_NAMES: [&str; 4] = [
    "sd-image-variations",
    "sd-image-variations-diffusers",
    "lambdalabs/sd-image-variations-diffusers",
    "sd-vae",
];

/// Longest side a picture is looked at with.
const LONGEST: u32 = 4096;

/// How pictures are painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PaintSteps {
    /// Steps of the prior.
    pub prior_steps: usize,
    /// Guidance of the prior.
    pub prior_guidance: f32,
    /// Steps of the decoder.
    pub steps: usize,
    /// Guidance of the decoder.
    pub guidance: f32,
}

impl Default for PaintSteps {
    fn default() -> Self {
        let (prior, decoder) = (PriorSteps::default(), DecoderSteps::default());
        Self {
            prior_steps: prior.steps,
            prior_guidance: prior.guidance,
            steps: decoder.steps,
            guidance: decoder.guidance,
        }
    }
}

impl PaintSteps {
    fn prior(&self) -> PriorSteps {
        PriorSteps {
            steps: self.prior_steps,
            guidance: self.prior_guidance,
        }
    }

    fn decoder(&self, size: (u32, u32)) -> DecoderSteps {
        DecoderSteps {
            steps: self.steps,
            guidance: self.guidance,
            size: (size.0 as usize, size.1 as usize),
        }
    }
}

/// Who paints a picture by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaintEngine {
    /// Kandinsky 2.2, from words and pictures.
    Kandinsky(Option<PathBuf>),
    /// SD Image Variations, from one picture.
    Variations(Option<PathBuf>),
}

/// A picture to be painted.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintOrder {
    /// Who paints, with the weights of this folder or of the model folder.
    pub engine: PaintEngine,
    /// What to paint.
    pub prompt: Option<String>,
    /// Pictures to stay near to.
    pub images: Vec<PathBuf>,
    /// How much the prompt and each picture count, in that order; 0.3 and 0.7 where none are given.
    pub weights: Vec<f32>,
    /// What to keep away from.
    pub negative: Option<String>,
    /// The same seed: the reference's picture of that seed.
    pub seed: u64,
    /// Steps and guidance.
    pub how: PaintSteps,
    /// Width and height in pixels; the next multiples of 64 are painted.
    pub size: (u32, u32),
    /// Where the picture goes: PNG, JPEG or WebP by its ending.
    pub output: PathBuf,
    /// Whether to replace what is there.
    pub force: bool,
}

/// Paints one picture.
///
/// # Errors
/// An order that cannot be, pictures that do not read, weights or a library that are missing, cancellation.
pub fn paint(order: &PaintOrder, world: &dyn World) -> Result<Outcome, StudioError> {
    synchresis_models::watched(world, || at_the_easel(order, world))
}

fn at_the_easel(order: &PaintOrder, world: &dyn World) -> Result<Outcome, StudioError> {
    let weights = weights(order)?;
    let alone = order.prompt.is_none() && order.negative.is_none() && order.images.len() == 1;
    if matches!(order.engine, PaintEngine::Variations(_)) && !alone {
        let why = "painting a variation: it is made of one picture and no words\nhint: --image FILE, without --prompt";
        return Err(StudioError::Brief(why.into()));
    }
    if image::ImageFormat::from_path(&order.output).is_err() {
        return Err(StudioError::Brief(format!(
            "painting to {}: its ending is no picture's\nhint: -o out.png",
            order.output.display()
        )));
    }
    if order.output.exists() && !order.force {
        let output = order.output.clone();
        return Err(MediaError::OutputExists { output }.into());
    }
    let art = order
        .images
        .iter()
        .map(|path| crate::film::artwork(path, LONGEST).and_then(|art| picture(&art)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut random = TorchRandom::seeded(order.seed);
    let (engine, folder, painted) = match &order.engine {
        PaintEngine::Kandinsky(given) => {
            let place = Place::find(given.as_deref(), world)?;
            let painted =
                by_kandinsky(order, &place, (&art, &weights), &mut random, world).map_err(StudioError::of_an_engine)?;
            ("kandinsky", place.folder, painted)
        }
        PaintEngine::Variations(given) => {
            let folder = find(given.as_deref(), &LATENT_NAMES, "SD Image Variations", world)?;
            let mut variations =
                Variations::load(&folder, &runtime(world)?).map_err(|e| StudioError::from(e).of_an_engine())?;
            let how = VariationSteps {
                steps: order.how.steps,
                guidance: order.how.guidance,
                size: (order.size.0 as usize, order.size.1 as usize),
            };
            world.begin("painting");
            let like = art
                .first()
                .ok_or_else(|| StudioError::Brief("painting a variation: of what?".into()))?;
            ("variations", folder, variations.paint(like, how, &mut random, world)?)
        }
    };
    write(&painted, &order.output)?;
    let mut document = Document::default();
    document.put(&Painting {
        engine: engine.into(),
        note: format!("weights of {}", folder.display()),
        prompt: order.prompt.clone().unwrap_or_default(),
        images: order.images.iter().map(|p| p.display().to_string()).collect(),
        weights,
        negative_prompt: order.negative.clone(),
        seed: order.seed,
        how: order.how.clone(),
        width: painted.width(),
        height: painted.height(),
        path: order.output.display().to_string(),
    })?;
    Ok(Outcome {
        document,
        result: Some(order.output.clone()),
        told: Vec::new(),
    })
}

/// One generator feeds the prior's calls in the reference's order, then the decoder.
fn by_kandinsky(
    order: &PaintOrder,
    place: &Place,
    (art, weights): (&[Picture], &[f32]),
    random: &mut TorchRandom,
    world: &dyn World,
) -> Result<Picture, StudioError> {
    world.begin("imagining");
    let embeddings = {
        let mut prior = place.prior(world)?;
        let negative = order.negative.as_deref();
        match (order.prompt.as_deref(), art) {
            (Some(prompt), []) => prior.embed(prompt, negative, order.how.prior(), random, world)?,
            (prompt, art) => {
                let words = prompt.into_iter().map(Piece::Text);
                let pieces: Vec<_> = words
                    .chain(art.iter().map(Piece::Picture))
                    .zip(weights.iter().copied())
                    .collect();
                prior.interpolate(&pieces, negative, order.how.prior(), random, world)?
            }
        }
    };
    let mut decoder = place.decoder(world)?;
    world.begin("painting");
    Ok(decoder.paint(&embeddings, order.how.decoder(order.size), random, world)?)
}

/// How much the prompt and each picture count.
fn weights(order: &PaintOrder) -> Result<Vec<f32>, StudioError> {
    let pieces = usize::from(order.prompt.is_some()) + order.images.len();
    let wrong = |why: String| Err(StudioError::Brief(format!("painting a picture: {why}")));
    if pieces == 0 {
        return wrong("there is nothing to paint\nhint: --prompt TEXT, --image FILE, or both".into());
    }
    if order.weights.is_empty() {
        let images = order.images.len();
        return Ok(match (&order.prompt, images) {
            (Some(_), 0) => vec![1.0],
            (Some(_), _) => std::iter::once(0.3).chain(vec![0.7 / images as f32; images]).collect(),
            (None, _) => vec![1.0 / images as f32; images],
        });
    }
    if order.weights.len() != pieces {
        return wrong(format!(
            "{} weights for {pieces} things\nhint: --weights takes one for the prompt, then one for each picture: 0.3,0.7",
            order.weights.len()
        ));
    }
    Ok(order.weights.clone())
}

/// Where Kandinsky lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    folder: PathBuf,
    prior: PathBuf,
    decoder: PathBuf,
}

impl Place {
    pub(crate) fn find(given: Option<&Path>, world: &dyn World) -> Result<Self, StudioError> {
        let folder = find(given, &NAMES, "Kandinsky 2.2", world)?;
        let part = |name: &str, inner: &str| {
            let names = [name.to_owned(), format!("kandinsky-2-2-{name}")];
            let found = names.iter().map(|n| folder.join(n)).find(|p| p.join(inner).is_dir());
            found.ok_or_else(|| {
                StudioError::Model(ModelError::NoWeights {
                    path: folder.clone(),
                    reason: format!("there is no folder {name} with {inner} in it, as diffusers saves Kandinsky 2.2"),
                })
            })
        };
        let (prior, decoder) = (part("prior", "prior")?, part("decoder", "unet")?);
        Ok(Self { folder, prior, decoder })
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Another one is another painter.
    pub(crate) fn weights(&self) -> Result<[Weights; 5], StudioError> {
        Ok([
            Weights::of(&self.prior.join("prior"))?,
            Weights::of(&self.prior.join("text_encoder"))?,
            Weights::of(&self.prior.join("image_encoder"))?,
            Weights::of(&self.decoder.join("unet"))?,
            Weights::of(&self.decoder.join("movq"))?,
        ])
    }

    /// The prior, alone: the decoder is loaded once it is gone.
    pub(crate) fn prior(&self, world: &dyn World) -> Result<Prior, StudioError> {
        Ok(Prior::load(&self.prior, &runtime(world)?)?)
    }

    /// The decoder.
    pub(crate) fn decoder(&self, world: &dyn World) -> Result<Decoder, StudioError> {
        Ok(Decoder::load(&self.decoder, &runtime(world)?)?)
    }
}

/// One picture to be embedded and then painted, its generator on its way from the one to the other.
pub(crate) struct Sketch {
    embeddings: Embeddings,
    random: TorchRandom,
}

impl Sketch {
    /// Between a text and pictures by weights.
    pub(crate) fn draw(
        prior: &mut Prior,
        pieces: &[(Piece<'_>, f32)],
        negative: Option<&str>,
        (how, seed): (&PaintSteps, u64),
        world: &dyn World,
    ) -> Result<Self, StudioError> {
        let mut random = TorchRandom::seeded(seed);
        let embeddings = prior.interpolate(pieces, negative, how.prior(), &mut random, world)?;
        Ok(Self { embeddings, random })
    }

    /// The picture.
    pub(crate) fn paint(
        mut self,
        decoder: &mut Decoder,
        how: &PaintSteps,
        size: (u32, u32),
        world: &dyn World,
    ) -> Result<Picture, StudioError> {
        Ok(decoder.paint(&self.embeddings, how.decoder(size), &mut self.random, world)?)
    }
}

/// An artwork as the engines take pictures.
pub(crate) fn picture(art: &Artwork) -> Result<Picture, StudioError> {
    Picture::new(art.width() as usize, art.height() as usize, art.rgb().to_vec())
        .ok_or_else(|| StudioError::Brief("looking at a picture: it is empty".into()))
}

/// Writes a picture, whole or not at all.
pub(crate) fn write(picture: &Picture, path: &Path) -> Result<(), StudioError> {
    let failed = |e: image::ImageError| StudioError::file("writing the picture to", path, std::io::Error::other(e));
    let format = image::ImageFormat::from_path(path).map_err(failed)?;
    let bytes = encoded(picture, format).map_err(failed)?;
    crate::run::write_whole(path, &bytes, "writing the picture to")
}

/// A picture's file.
pub(crate) fn encoded(picture: &Picture, format: image::ImageFormat) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    image::write_buffer_with_format(
        &mut bytes,
        picture.rgb(),
        width,
        height,
        image::ExtendedColorType::Rgb8,
        format,
    )?;
    Ok(bytes.into_inner())
}
