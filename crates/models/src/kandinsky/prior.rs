//! Kandinsky 2.2's prior (Ramesh et al. 2022; Razzhigaev et al. 2023): words become the CLIP embedding of a picture that they could
//! describe. `PriorTransformer` over CLIP's text tower, `UnCLIPScheduler`, and `interpolate` over texts and pictures.

use std::path::Path;

use synchresis_cue::Watch;

use super::ancestral::Ancestral;
use super::transformer::{Config, MODEL, Read, Transformer};
use crate::checkpoint::Checkpoint;
use crate::clip::{ClipImage, ClipText, Preparation};
use crate::error::ModelError;
use crate::image::Picture;
use crate::part::Part;
use crate::runtime::{Runtime, Tensor};
use crate::tokens::{Length, Tokens};
use crate::torch_random::TorchRandom;

/// An image's place among CLIP's embeddings.
type Embedding = Vec<f32>;

/// What the prior says: the embedding of the picture to paint, and of what it should not be.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// What to paint.
    pub image: Vec<f32>,
    /// What to keep away from.
    pub negative: Vec<f32>,
}

/// One of the things between which a picture is to lie.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// Words.
    Text(&'a str),
    /// A picture.
    Picture(&'a Picture),
}

/// How the prior goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriorSteps {
    /// Steps of its schedule.
    pub steps: usize,
    /// How much more the words count than no words; nothing is guided at 1 or below.
    pub guidance: f32,
}

impl Default for PriorSteps {
    /// The reference's: 25 steps, guidance 4.
    fn default() -> Self {
        Self {
            steps: 25,
            guidance: 4.0,
        }
    }
}

/// The noise that one call of the reference draws.
struct Drawn {
    start: Vec<f32>,
    steps: Vec<Vec<f32>>,
}

/// One text on its way to an embedding.
struct Walk {
    with: usize,
    without: Option<usize>,
    sample: Vec<f32>,
    noise: Vec<Vec<f32>>,
}

/// The transformer and its schedule: from texts that were read to embeddings.
pub(super) struct Diffusion {
    pub(super) transformer: Transformer,
    schedule: Ancestral,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Diffusion {
    /// Loads `prior/` and `scheduler/` of a prior's folder.
    pub(super) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let own = folder.join("prior");
        let config = Config::read(&own)?;
        let checkpoint = Checkpoint::open(&own)?;
        let clip = config.clip();
        Ok(Self {
            mean: checkpoint.floats(MODEL, "clip_mean", &[1, clip])?,
            deviation: checkpoint.floats(MODEL, "clip_std", &[1, clip])?,
            schedule: Ancestral::read(&folder.join("scheduler"))?,
            transformer: Transformer::load(config, &checkpoint, runtime)?,
        })
    }

    /// The reference's plain call: the embedding of `prompt`, and of `away` where it was asked for in words.
    pub(super) fn plain(
        &mut self,
        (prompt, away): (&Read, &Read),
        asked: bool,
        how: PriorSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<(Embedding, Option<Embedding>), ModelError> {
        let drawn = self.draws(asked, how.steps, random)?;
        let mut walks = vec![self.walk(1, &drawn, 0, how)];
        if asked {
            walks.push(self.walk(0, &drawn, 1, how));
        }
        let mut found = self.walked(&[away, prompt], walks, how, watch)?.into_iter();
        Ok((found.next().unwrap_or_default(), found.next()))
    }

    /// The reference's calls within `interpolate`: an embedding for each of `texts`, and of `away` where it was asked for in words. For a
    /// text that does not count only the random numbers are drawn.
    pub(super) fn each(
        &mut self,
        texts: &[Option<&Read>],
        (away, asked): (&Read, bool),
        how: PriorSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<(Vec<Embedding>, Option<Embedding>), ModelError> {
        let mut walks = Vec::new();
        let mut all = vec![away];
        for text in texts {
            let drawn = self.draws(asked, how.steps, random)?;
            if let Some(text) = text {
                walks.push(self.walk(all.len(), &drawn, 0, how));
                all.push(text);
            }
        }
        // Its last call, for what to keep away from.
        let drawn = self.draws(asked, how.steps, random)?;
        if asked {
            walks.push(self.walk(0, &drawn, 1, how));
        }
        let mut found = self.walked(&all, walks, how, watch)?;
        let negative = if asked { found.pop() } else { None };
        Ok((found, negative))
    }

    /// What one call of the reference draws: with a negative prompt it paints that too.
    fn draws(&self, asked: bool, steps: usize, random: &mut TorchRandom) -> Result<Drawn, ModelError> {
        let count = self.transformer.config.embedding_dim * if asked { 2 } else { 1 };
        let steps = self.schedule.timesteps(steps)?;
        let start = random.normal(count);
        let steps = steps
            .into_iter()
            .filter(|t| *t > 0)
            .map(|_| random.normal(count))
            .collect();
        Ok(Drawn { start, steps })
    }

    /// The walk of text `with` away from the first, with the noise of row `row` of a call.
    fn walk(&self, with: usize, drawn: &Drawn, row: usize, how: PriorSteps) -> Walk {
        let width = self.transformer.config.embedding_dim;
        let part = |all: &[f32]| all.iter().skip(row * width).take(width).copied().collect::<Vec<f32>>();
        Walk {
            with,
            // Away from itself is nowhere.
            without: (how.guidance > 1.0 && with != 0).then_some(0),
            sample: part(&drawn.start),
            noise: drawn.steps.iter().map(|step| part(step)).collect(),
        }
    }

    /// All walks to their ends, together.
    fn walked(
        &mut self,
        texts: &[&Read],
        mut walks: Vec<Walk>,
        how: PriorSteps,
        watch: &dyn Watch,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let rows: Vec<usize> = walks
            .iter()
            .flat_map(|w| w.without.into_iter().chain([w.with]))
            .collect();
        let width = self.transformer.config.embedding_dim;
        let timesteps = self.schedule.timesteps(how.steps)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let heard = self.transformer.hear(texts)?;
        for (i, at) in timesteps.iter().enumerate() {
            watch.check()?;
            let samples: Vec<f32> = walks
                .iter()
                .flat_map(|w| w.sample.repeat(if w.without.is_some() { 2 } else { 1 }))
                .collect();
            let said = self.transformer.says(*at, &samples, (&heard, &rows))?;
            let mut rows = said.chunks_exact(width);
            for walk in &mut walks {
                let mut said = rows.next().unwrap_or_default().to_vec();
                if walk.without.is_some()
                    && let Some(with) = rows.next()
                {
                    said.iter_mut()
                        .zip(with)
                        .for_each(|(a, b)| *a += how.guidance * (*b - *a));
                }
                let noise = walk.noise.get(i).map(Vec::as_slice).unwrap_or_default();
                let next = timesteps.get(i + 1).copied();
                self.schedule.step((*at, next), &said, None, noise, &mut walk.sample);
            }
        }
        Ok(walks
            .into_iter()
            .map(|w| {
                let parts = w.sample.iter().zip(&self.deviation).zip(&self.mean);
                parts.map(|((x, deviation), mean)| x * deviation + mean).collect()
            })
            .collect())
    }
}

/// As many pictures as are remembered: those of a film's sections come again and again.
const REMEMBERED: usize = 16;

/// A loaded prior: text and picture towers, the transformer between them, one of them in memory at a time.
pub struct Prior {
    tokens: Tokens,
    text: Part<ClipText>,
    image: Part<ClipImage>,
    diffusion: Part<Diffusion>,
    /// Of the prior, before its parts are there.
    length: usize,
    width: usize,
    preparation: Preparation,
    /// Height and width of what the picture tower looks at, pixels.
    side: usize,
    /// What it said of pictures before, the last one at the end.
    looked: Vec<(Vec<f32>, Embedding)>,
}

impl Prior {
    /// Loads a folder as diffusers' `KandinskyV22PriorPipeline` saves it.
    ///
    /// # Errors
    /// [`ModelError`]: a part is missing or another model's, or there is no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let at = folder.to_path_buf();
        let diffusion = Diffusion::load(&at, runtime)?;
        let (length, width) = (
            diffusion.transformer.config.num_embeddings,
            diffusion.transformer.config.clip(),
        );
        let diffusion = Part::new(diffusion, runtime, move |runtime| Diffusion::load(&at, runtime));
        // Each reads a few texts or pictures.
        let few = &runtime.clone().for_few_runs();
        let at = folder.join("image_encoder");
        let image = ClipImage::load(&at, few)?;
        let side = image.side();
        let processor = folder.join("image_processor");
        let preparation = match processor.is_dir() {
            true => Preparation::open(&processor, side)?,
            false => image.preparation().clone(),
        };
        let image = Part::new(image, few, move |few| ClipImage::load(&at, few));
        let at = folder.join("text_encoder");
        let text = ClipText::load(&at, few)?;
        Ok(Self {
            tokens: Tokens::open(&folder.join("tokenizer"))?,
            text: Part::new(text, few, move |few| ClipText::load(&at, few)),
            image,
            diffusion,
            length,
            width,
            preparation,
            side,
            looked: Vec::new(),
        })
    }

    /// The embedding that `prompt` stands for: the reference's plain call. Without `negative` the embedding to keep away from is that of
    /// a black picture.
    ///
    /// # Errors
    /// [`ModelError::Input`], [`ModelError::Run`], [`ModelError::Cancelled`].
    pub fn embed(
        &mut self,
        prompt: &str,
        negative: Option<&str>,
        how: PriorSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Embeddings, ModelError> {
        let mut read = self.read(&[negative.unwrap_or_default(), prompt])?.into_iter();
        let (away, prompt) = (read.next().unwrap_or_default(), read.next().unwrap_or_default());
        let asked = negative.is_some();
        let (image, negative) = self
            .diffusion
            .within(|diffusion| diffusion.plain((&prompt, &away), asked, how, random, watch))?;
        let negative = negative.map_or_else(|| self.black(), Ok)?;
        Ok(Embeddings { image, negative })
    }

    /// Between texts and pictures by weights, as the reference's `interpolate` with the negative prompt at its default. What the
    /// reference computes and throws away is not computed; its random numbers are drawn all the same.
    ///
    /// # Errors
    /// [`ModelError::Input`], [`ModelError::Run`], [`ModelError::Cancelled`].
    pub fn interpolate(
        &mut self,
        pieces: &[(Piece<'_>, f32)],
        negative: Option<&str>,
        how: PriorSteps,
        random: &mut TorchRandom,
        watch: &dyn Watch,
    ) -> Result<Embeddings, ModelError> {
        let asked = pieces.iter().filter_map(|(piece, weight)| match piece {
            Piece::Text(text) => Some((*text, *weight != 0.0)),
            Piece::Picture(_) => None,
        });
        let asked: Vec<(&str, bool)> = asked.collect();
        let counts = asked.iter().filter(|(_, counts)| *counts).map(|(text, _)| *text);
        let to_read: Vec<&str> = std::iter::once(negative.unwrap_or_default()).chain(counts).collect();
        let read = self.read(&to_read)?;
        let mut read = read.iter();
        let nothing = Read::default();
        let away = (read.next().unwrap_or(&nothing), negative.is_some());
        let texts: Vec<Option<&Read>> = asked
            .iter()
            .map(|(_, counts)| counts.then(|| read.next()).flatten())
            .collect();
        let (found, negative) = self
            .diffusion
            .within(|diffusion| diffusion.each(&texts, away, how, random, watch))?;
        let mut found = found.into_iter();
        let mut image = vec![0.0f32; self.width];
        for (piece, weight) in pieces.iter().filter(|(_, weight)| *weight != 0.0) {
            watch.check()?;
            let embedding = match piece {
                Piece::Text(_) => found.next().unwrap_or_default(),
                Piece::Picture(picture) => self.look(self.preparation.planes(picture))?,
            };
            if embedding.len() != image.len() {
                return Err(ModelError::Input {
                    model: MODEL,
                    reason: format!(
                        "its picture tower says {} numbers, the prior {}",
                        embedding.len(),
                        image.len()
                    ),
                });
            }
            image.iter_mut().zip(&embedding).for_each(|(sum, x)| *sum += x * weight);
        }
        let negative = negative.map_or_else(|| self.black(), Ok)?;
        Ok(Embeddings { image, negative })
    }

    fn read(&mut self, texts: &[&str]) -> Result<Vec<Read>, ModelError> {
        let (length, tokens) = (self.length, &self.tokens);
        self.text.within(|tower| {
            let each = texts.iter().map(|text| {
                let encoded = tokens.encode(text, Length::Exactly(length))?;
                let said = tower.run(&encoded.ids, 1, None)?;
                Ok(Read {
                    words: projected(said.projected)?,
                    hidden: said.last_hidden.data,
                    mask: encoded.mask.iter().map(|m| *m as f32).collect(),
                })
            });
            each.collect()
        })
    }

    /// The embedding of a black picture, as it comes to the tower: nothing is taken off its planes.
    fn black(&mut self) -> Result<Embedding, ModelError> {
        self.look(vec![0.0; 3 * self.side * self.side])
    }

    /// The embedding of a picture in planes as they come to the tower.
    fn look(&mut self, planes: Vec<f32>) -> Result<Embedding, ModelError> {
        let seen = self.looked.iter().position(|(before, _)| *before == planes);
        let one = match seen {
            Some(at) => self.looked.remove(at),
            None => {
                let said = self.image.within(|tower| tower.run(&planes, 1))?;
                (planes, projected(said.projected)?)
            }
        };
        let embedding = one.1.clone();
        if self.looked.len() == REMEMBERED {
            self.looked.remove(0);
        }
        self.looked.push(one);
        Ok(embedding)
    }
}

fn projected(said: Option<Tensor>) -> Result<Vec<f32>, ModelError> {
    said.map(|t| t.data).ok_or_else(|| ModelError::Input {
        model: MODEL,
        reason: "its CLIP has no projection".to_owned(),
    })
}
