//! Kandinsky 2.2's prior (Ramesh et al. 2022; Razzhigaev et al. 2023): words become the CLIP embedding of a picture that they could
//! describe. `PriorTransformer` over CLIP's text tower, `UnCLIPScheduler`, and `interpolate` over texts and pictures.

use std::path::Path;

use serde::Deserialize;
use synchresis_cue::Watch;

use super::ancestral::Ancestral;
use crate::checkpoint::{Checkpoint, Weights};
use crate::clip::{ClipImage, ClipText, Preparation};
use crate::config;
use crate::diffusion::blocks;
use crate::error::ModelError;
use crate::graph::{Attention, Finished, Graph, Heads, Value};
use crate::image::Picture;
use crate::onnx::{Dim, Element};
use crate::part::Part;
use crate::runtime::{Feed, Net, Runtime, Tensor};
use crate::tokens::{Length, Tokens};
use crate::torch_random::TorchRandom;

const MODEL: &str = "Kandinsky's prior";
const EPSILON: f32 = 1e-5;
/// What the mask adds where a token may not be seen.
const HIDDEN: f32 = -10_000.0;

/// An image's place among CLIP's embeddings.
type Embedding = Vec<f32>;

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    #[serde(default = "thirty_two")]
    pub(super) num_attention_heads: usize,
    #[serde(default = "sixty_four")]
    pub(super) attention_head_dim: usize,
    #[serde(default = "twenty")]
    pub(super) num_layers: usize,
    pub(super) embedding_dim: usize,
    #[serde(default = "seventy_seven")]
    pub(super) num_embeddings: usize,
    #[serde(default = "four")]
    pub(super) additional_embeddings: usize,
    time_embed_dim: Option<usize>,
    embedding_proj_dim: Option<usize>,
    clip_embed_dim: Option<usize>,
    time_embed_act_fn: Option<String>,
    norm_in_type: Option<String>,
    embedding_proj_norm_type: Option<String>,
    #[serde(default = "linear")]
    encoder_hid_proj_type: Option<String>,
    #[serde(default = "prd")]
    added_emb_type: Option<String>,
}

fn thirty_two() -> usize {
    32
}

fn sixty_four() -> usize {
    64
}

fn twenty() -> usize {
    20
}

fn seventy_seven() -> usize {
    77
}

fn four() -> usize {
    4
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn linear() -> Option<String> {
    Some("linear".to_owned())
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn prd() -> Option<String> {
    Some("prd".to_owned())
}

impl Config {
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Self = config::read(&path, MODEL)?;
        let other = [
            (config.norm_in_type.is_some(), "a norm before its layers"),
            (
                config.embedding_proj_norm_type.is_some(),
                "a norm of the text's embedding",
            ),
            (
                config.encoder_hid_proj_type.as_deref() != Some("linear"),
                "no projection of the text",
            ),
            (config.added_emb_type.as_deref() != Some("prd"), "no token of its own"),
            (
                config.time_embed_act_fn.as_deref().is_some_and(|a| a != "silu"),
                "another activation than SiLU",
            ),
            (
                config.additional_embeddings != 4,
                "another number of added tokens than 4",
            ),
            (
                config.num_attention_heads == 0 || config.embedding_dim == 0,
                "no heads or no width",
            ),
        ];
        match other.iter().find(|(asked, _)| *asked) {
            Some((_, what)) => Err(ModelError::Config {
                path,
                model: MODEL,
                reason: format!("it asks for {what}, which is not done here"),
            }),
            None => Ok(config),
        }
    }

    fn inner(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    fn clip(&self) -> usize {
        self.clip_embed_dim.unwrap_or(self.embedding_dim)
    }
}

/// Its graph. Into it go `sample` (n × width), `time` (1 × inner width), `words` (n × width), `hidden` (n × tokens × width), `mask`
/// (n × tokens, 1 for what is read); out comes `said` (n × width).
pub(super) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let (width, inner, tokens) = (config.embedding_dim, config.inner(), config.num_embeddings);
    let n = Dim::Named("n");
    let sample = g.input("sample", Element::F32, &[n, Dim::Known(width)]);
    let time = g.input("time", Element::F32, &[Dim::Known(1), Dim::Known(inner)]);
    let asked = config.embedding_proj_dim.unwrap_or(width);
    let words = g.input("words", Element::F32, &[n, Dim::Known(asked)]);
    let hidden = g.input("hidden", Element::F32, &[n, Dim::Known(tokens), Dim::Known(width)]);
    let mask = g.input("mask", Element::F32, &[n, Dim::Known(tokens)]);

    let middle = config.time_embed_dim.unwrap_or(inner);
    let t = g.linear(&time, "time_embedding.linear_1", (inner, middle), true)?;
    let t = g.silu(&t);
    let t = g.linear(&t, "time_embedding.linear_2", (middle, inner), true)?;
    let words = g.linear(&words, "embedding_proj", (asked, inner), true)?;
    let words = g.unsqueeze(&words, &[1]);
    let hidden = g.linear(&hidden, "encoder_hidden_states_proj", (width, inner), true)?;
    let sample = g.linear(&sample, "proj_in", (width, inner), true)?;
    let sample = g.unsqueeze(&sample, &[1]);
    let one_each = g.lengths(&sample, 0, 3);
    let t = g.unsqueeze(&t, &[1]);
    let t = g.op("Expand", &[&t, &one_each], &[]);
    let own = g.weight("prd_embedding", &[1, 1, inner])?;
    let own = g.op("Expand", &[&own, &one_each], &[]);
    let x = g.concat(&[&hidden, &words, &t, &sample, &own], 1);
    let length = tokens + config.additional_embeddings;
    let places = g.weight("positional_embedding", &[1, length, inner])?;
    let mut x = g.add(&x, &places);

    // Nothing sees what comes after it, nor what fills the text up.
    let masked = g.soft_mask_bias(&mask, HIDDEN);
    let seen = g.floats(
        &vec![0.0; config.additional_embeddings],
        &[1, 1, 1, config.additional_embeddings],
    );
    let batch = g.lengths(&masked, 0, 3);
    let added = g.ints(&[config.additional_embeddings as i64]);
    let seen_shape = g.concat(&[&batch, &added], 0);
    let seen = g.op("Expand", &[&seen, &seen_shape], &[]);
    let masked = g.concat(&[&masked, &seen], 3);
    let causal: Vec<f32> = (0..length * length)
        .map(|i| if i % length > i / length { HIDDEN } else { 0.0 })
        .collect();
    let causal = g.floats(&causal, &[1, 1, length, length]);
    let bias = g.add(&masked, &causal);

    for layer in 0..config.num_layers {
        x = block(&mut g, &x, &format!("transformer_blocks.{layer}"), config, &bias)?;
    }
    let x = g.layer_norm(&x, "norm_out", inner, EPSILON)?;
    let x = g.slice(&x, 1, -1, i64::MAX);
    let x = g.squeeze(&x, &[1]);
    let said = g.linear(&x, "proj_to_clip_embeddings", (inner, config.clip()), true)?;
    g.output("said", &said);
    Ok(g.finish())
}

/// `BasicTransformerBlock` with one attention and a GELU.
fn block(g: &mut Graph<'_>, x: &Value, at: &str, config: &Config, bias: &Value) -> Result<Value, ModelError> {
    let inner = config.inner();
    let y = g.layer_norm(x, &format!("{at}.norm1"), inner, EPSILON)?;
    let parts = ["to_q", "to_k", "to_v", "to_out.0"].map(|part| format!("{at}.attn1.{part}"));
    let [q, k, v, out] = &parts;
    let attention = Attention {
        names: [q, k, v, out],
        widths: [inner; 3],
        bias: true,
        bias_out: true,
        heads: Heads::of(config.num_attention_heads),
    };
    let y = g.attention(&y, None, attention, Some(bias))?;
    let x = g.add(x, &y);
    let y = g.layer_norm(&x, &format!("{at}.norm3"), inner, EPSILON)?;
    let y = g.linear(&y, &format!("{at}.ff.net.0.proj"), (inner, 4 * inner), true)?;
    let y = g.gelu(&y);
    let y = g.linear(&y, &format!("{at}.ff.net.2"), (4 * inner, inner), true)?;
    Ok(g.add(&x, &y))
}

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

/// A text as the prior reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// Its projection.
    pub(super) words: Vec<f32>,
    /// What its tokens say, tokens × width.
    pub(super) hidden: Vec<f32>,
    /// 1 for each token that is not filled up.
    pub(super) mask: Vec<f32>,
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
    net: Net,
    pub(super) config: Config,
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
            net: runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?,
            config,
        })
    }

    /// What the model says of `n` samples at a training step.
    pub(super) fn says(
        &mut self,
        step: i64,
        samples: &[f32],
        (words, hidden, mask): (&[f32], &[f32], &[f32]),
    ) -> Result<Vec<f32>, ModelError> {
        let (width, tokens) = (self.config.embedding_dim, self.config.num_embeddings);
        let n = samples.len() / width.max(1);
        let time = blocks::timestep(step as f32, self.config.inner(), true, 0.0);
        let asked = words.len() / n.max(1);
        let out = self.net.run(&[
            ("sample", Feed::F32(&[n, width], samples)),
            ("time", Feed::F32(&[1, time.len()], &time)),
            ("words", Feed::F32(&[n, asked], words)),
            ("hidden", Feed::F32(&[n, tokens, width], hidden)),
            ("mask", Feed::F32(&[n, tokens], mask)),
        ])?;
        Ok(out.into_iter().next().map(|t| t.data).unwrap_or_default())
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
        let count = self.config.embedding_dim * if asked { 2 } else { 1 };
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
        let width = self.config.embedding_dim;
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
        let of = |part: &dyn Fn(&Read) -> &[f32]| -> Vec<f32> {
            let read = rows.iter().filter_map(|i| texts.get(*i));
            read.flat_map(|r| part(r).iter().copied()).collect()
        };
        let (words, hidden, mask) = (of(&|r| &r.words), of(&|r| &r.hidden), of(&|r| &r.mask));
        let width = self.config.embedding_dim;
        let timesteps = self.schedule.timesteps(how.steps)?;
        for (i, at) in timesteps.iter().enumerate().filter(|_| !rows.is_empty()) {
            watch.check()?;
            let samples: Vec<f32> = walks
                .iter()
                .flat_map(|w| w.sample.repeat(if w.without.is_some() { 2 } else { 1 }))
                .collect();
            let said = self.says(*at, &samples, (&words, &hidden, &mask))?;
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
        let (length, width) = (diffusion.config.num_embeddings, diffusion.config.clip());
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
