//! `PriorTransformer`: what a text and the noise of a picture say of the picture's embedding.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::diffusion::blocks;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Heads, Operators, Value};
use crate::kernels::After;
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Kept, Net, Runtime};

/// Whose it is.
pub(super) const MODEL: &str = "Kandinsky's prior";
const EPSILON: f32 = 1e-5;
/// What the mask adds where a token may not be seen.
const HIDDEN: f32 = -10_000.0;

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

    /// Places of a text's tokens and of those that are added.
    fn places(&self) -> usize {
        self.num_embeddings + self.additional_embeddings
    }

    pub(super) fn clip(&self) -> usize {
        self.clip_embed_dim.unwrap_or(self.embedding_dim)
    }
}

/// Its graph, over tokens of several texts and pictures beside each other: all its layers but attention take each token for itself, and nothing
/// sees what comes after it, so that texts are read once and not in every step.
///
/// Into it go the rows that tokens are made of, `hidden` (texts' tokens × width), `words` (texts × width), `time` (1 × inner width) and `sample`
/// (pictures × width); `order` (tokens), which of those rows, in that order and the token that pictures come out of last, each token is; `places`
/// (tokens), each one's place in its text; `seen` (1 × 1 × tokens × (before + tokens)), what attention adds; `last` (pictures), the tokens that
/// pictures come out of; and of every layer `key.N` and `value.N` (1 × before × inner width) of the tokens before. Out come `said` (pictures ×
/// width), and the tokens' own keys and values, layer by layer.
pub(super) fn graph(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let (width, inner, places) = (config.embedding_dim, config.inner(), config.places());
    let asked = config.embedding_proj_dim.unwrap_or(width);
    let floats = |g: &mut Graph<'_>, name: &str, rows: &'static str, width: usize| {
        g.input(name, Element::F32, &[Dim::Named(rows), Dim::Known(width)])
    };
    let hidden = floats(&mut g, "hidden", "texts' tokens", width);
    let words = floats(&mut g, "words", "texts", asked);
    let time = floats(&mut g, "time", "steps", inner);
    let sample = floats(&mut g, "sample", "pictures", width);
    let tokens = Dim::Named("tokens");
    let order = g.input("order", Element::I64, &[tokens]);
    let at = g.input("places", Element::I64, &[tokens]);
    let last = g.input("last", Element::I64, &[Dim::Named("asked")]);
    let one = Dim::Known(1);
    let seen = g.input("seen", Element::F32, &[one, one, tokens, Dim::Named("all")]);

    let middle = config.time_embed_dim.unwrap_or(inner);
    let t = g.linear_lying(&time, "time_embedding.linear_1", (inner, middle), After::Nothing)?;
    let t = g.silu(&t);
    let t = g.linear_lying(&t, "time_embedding.linear_2", (middle, inner), After::Nothing)?;
    let words = g.linear_lying(&words, "embedding_proj", (asked, inner), After::Nothing)?;
    let hidden = g.linear_lying(&hidden, "encoder_hidden_states_proj", (width, inner), After::Nothing)?;
    let sample = g.linear_lying(&sample, "proj_in", (width, inner), After::Nothing)?;
    let own = g.weight_as("prd_embedding", &[1, 1, inner], &[1, inner])?;
    let rows = g.concat(&[&hidden, &words, &t, &sample, &own], 0);
    let x = g.gather(&rows, &order, 0);
    let table = g.weight_as("positional_embedding", &[1, places, inner], &[places, inner])?;
    let table = g.gather(&table, &at, 0);
    let x = g.add(&x, &table);
    let mut x = g.unsqueeze(&x, &[0]);

    let mut told = Vec::with_capacity(2 * config.num_layers);
    for layer in 0..config.num_layers {
        let before = ["key", "value"].map(|which| {
            let shape = [one, Dim::Named("before"), Dim::Known(inner)];
            g.input(&format!("{which}.{layer}"), Element::F32, &shape)
        });
        let (y, own) = block(
            &mut g,
            &x,
            &format!("transformer_blocks.{layer}"),
            config,
            (&before, &seen),
        )?;
        x = y;
        told.push(own);
    }
    let x = g.gather(&x, &last, 1);
    let x = g.squeeze(&x, &[0]);
    let x = g.layer_norm(&x, "norm_out", inner, EPSILON)?;
    let said = g.linear_lying(&x, "proj_to_clip_embeddings", (inner, config.clip()), After::Nothing)?;
    g.output("said", &said);
    for (layer, [key, value]) in told.iter().enumerate() {
        g.output(&format!("key.{layer}.own"), key);
        g.output(&format!("value.{layer}.own"), value);
    }
    Ok(g.finish())
}

/// `BasicTransformerBlock` with one attention and a GELU, after keys and values of what was before; and its own.
fn block(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    config: &Config,
    (before, seen): (&[Value; 2], &Value),
) -> Result<(Value, [Value; 2]), ModelError> {
    let inner = config.inner();
    let y = g.layer_norm(x, &format!("{at}.norm1"), inner, EPSILON)?;
    let of = |g: &mut Graph<'_>, y: &Value, part: &str| {
        g.linear_lying(y, &format!("{at}.attn1.{part}"), (inner, inner), After::Nothing)
    };
    let queries = of(g, &y, "to_q")?;
    let own = [of(g, &y, "to_k")?, of(g, &y, "to_v")?];
    let [keys, values] = [0, 1].map(|i| g.concat(&[&before[i], &own[i]], 1));
    let heads = Heads::of(config.num_attention_heads);
    let y = g.attend((&queries, &keys, &values), heads, Some(seen));
    let y = of(g, &y, "to_out.0")?;
    let x = g.add(x, &y);
    let y = g.layer_norm(&x, &format!("{at}.norm3"), inner, EPSILON)?;
    let y = g.linear_lying(&y, &format!("{at}.ff.net.0.proj"), (inner, 4 * inner), After::Nothing)?;
    let y = g.gelu(&y);
    let y = g.linear_lying(&y, &format!("{at}.ff.net.2"), (4 * inner, inner), After::Nothing)?;
    Ok((g.add(&x, &y), own))
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

/// What all layers keep of texts that were read, for as many pictures as there are to come.
pub(super) struct Heard {
    /// Of every layer.
    keys_and_values: Vec<Kept>,
    /// Each text's tokens among them.
    texts: Vec<Range<usize>>,
    tokens: usize,
}

/// The graph, loaded.
pub(super) struct Transformer {
    net: Net,
    pub(super) config: Config,
}

impl Transformer {
    pub(super) fn load(config: Config, checkpoint: &Checkpoint, runtime: &Runtime) -> Result<Self, ModelError> {
        let net = runtime.session(&graph(checkpoint, &config, runtime.operators())?, checkpoint)?;
        Ok(Self { net, config })
    }

    /// Reads texts: tokens that fill them up nobody sees, and they are left out.
    pub(super) fn hear(&mut self, texts: &[&Read]) -> Result<Heard, ModelError> {
        let config = &self.config;
        let (width, inner, filled) = (config.embedding_dim, config.inner(), config.num_embeddings);
        let (mut hidden, mut words, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let (mut order, mut ranges) = (Vec::new(), Vec::new());
        let all = texts
            .iter()
            .flat_map(|text| &text.mask)
            .filter(|seen| **seen > 0.5)
            .count();
        for text in texts {
            let begin = order.len();
            let tokens = text.hidden.chunks_exact(width).zip(&text.mask).take(filled).enumerate();
            for (place, (token, _)) in tokens.filter(|(_, (_, seen))| **seen > 0.5) {
                order.push((hidden.len() / width) as i64);
                places.push(place as i64);
                hidden.extend_from_slice(token);
            }
            order.push((all + ranges.len()) as i64);
            places.push(filled as i64);
            words.extend_from_slice(&text.words);
            ranges.push(begin..order.len());
        }
        // Before the first texts there is one token, which none of them sees.
        let tokens = order.len();
        let seen = ranges.iter().flat_map(|range| {
            range.clone().flat_map(move |row| {
                let own = move |column: usize| range.contains(&column) && column <= row;
                (0..=tokens).map(move |column| if column > 0 && own(column - 1) { 0.0 } else { HIDDEN })
            })
        });
        let seen: Vec<f32> = seen.collect();
        let (nothing, first) = (vec![0.0; inner.max(width)], [1, 1, inner]);
        let names = self.names();
        let asked = words.len() / texts.len().max(1);
        let feeds = [
            ("hidden", Feed::F32(&[hidden.len() / width, width], &hidden)),
            ("words", Feed::F32(&[texts.len(), asked], &words)),
            ("time", Feed::F32(&[1, inner], &nothing[..inner])),
            ("sample", Feed::F32(&[1, width], &nothing[..width])),
            ("order", Feed::I64(&[tokens], &order)),
            ("places", Feed::I64(&[tokens], &places)),
            ("last", Feed::I64(&[1], &[0])),
            ("seen", Feed::F32(&[1, 1, tokens, tokens + 1], &seen)),
        ];
        let before = names
            .iter()
            .map(|name| (name.as_str(), Feed::F32(&first, &nothing[..inner])));
        let feeds: Vec<_> = feeds.into_iter().chain(before).collect();
        let mut told = self.net.run_kept(&feeds, &[])?;
        Ok(Heard {
            keys_and_values: told.split_off(1.min(told.len())),
            texts: ranges,
            tokens,
        })
    }

    fn names(&self) -> Vec<String> {
        let layers = 0..self.config.num_layers;
        layers
            .flat_map(|layer| [format!("key.{layer}"), format!("value.{layer}")])
            .collect()
    }

    /// What the model says of samples at a training step, each for the text of that number.
    pub(super) fn says(
        &mut self,
        step: i64,
        samples: &[f32],
        (heard, texts): (&Heard, &[usize]),
    ) -> Result<Vec<f32>, ModelError> {
        let config = &self.config;
        let (width, inner, filled) = (config.embedding_dim, config.inner(), config.num_embeddings);
        let asked = config.embedding_proj_dim.unwrap_or(width);
        let (n, before) = (texts.len(), heard.tokens);
        let time = blocks::timestep(step as f32, inner, true, 0.0);
        // Rows: one of no text's token, one of no words, the time, the samples, the token that pictures come out of.
        let order: Vec<i64> = (0..n as i64).flat_map(|i| [2, 3 + i, 3 + n as i64]).collect();
        let places: Vec<i64> = (0..n).flat_map(|_| (1..=3).map(|i| (filled + i) as i64)).collect();
        let last: Vec<i64> = (0..n as i64).map(|i| 3 * i + 2).collect();
        let (tokens, nothing) = (3 * n, vec![0.0; width.max(asked)]);
        let seen = texts.iter().enumerate().flat_map(|(i, text)| {
            let text = heard.texts.get(*text).cloned().unwrap_or_default();
            (3 * i..3 * i + 3).flat_map(move |row| {
                let (text, own) = (text.clone(), before + 3 * i..=before + row);
                let sees = move |column: usize| text.contains(&column) || own.contains(&column);
                (0..before + tokens).map(move |column| if sees(column) { 0.0 } else { HIDDEN })
            })
        });
        let seen: Vec<f32> = seen.collect();
        let feeds = [
            ("hidden", Feed::F32(&[1, width], &nothing[..width])),
            ("words", Feed::F32(&[1, asked], &nothing[..asked])),
            ("time", Feed::F32(&[1, inner], &time)),
            ("sample", Feed::F32(&[n, width], samples)),
            ("order", Feed::I64(&[tokens], &order)),
            ("places", Feed::I64(&[tokens], &places)),
            ("last", Feed::I64(&[n], &last)),
            ("seen", Feed::F32(&[1, 1, tokens, before + tokens], &seen)),
        ];
        let names = self.names();
        let kept: Vec<_> = names.iter().map(String::as_str).zip(&heard.keys_and_values).collect();
        let told = self.net.run_kept(&feeds, &kept)?;
        let said = told.first().map(|said| said.tensor(MODEL)).transpose()?;
        Ok(said.map(|said| said.data).unwrap_or_default())
    }
}
