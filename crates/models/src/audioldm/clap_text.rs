//! CLAP's text tower (Wu et al. 2022): RoBERTa and a projection into the space that sounds share, as transformers' `ClapModel` and
//! `ClapTextModelWithProjection` have it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Attention, Finished, Graph, Heads, Value};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "CLAP's text tower";

/// The text part of `config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    pub(crate) max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    pub(crate) pad_token_id: i64,
    pub(crate) projection_dim: usize,
    projection_hidden_act: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            vocab_size: 50_265,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu".to_owned(),
            max_position_embeddings: 514,
            type_vocab_size: 1,
            layer_norm_eps: 1e-12,
            pad_token_id: 1,
            projection_dim: 512,
            projection_hidden_act: "relu".to_owned(),
        }
    }
}

/// The part of CLAP's `config.json` called `part`, or the whole file where a tower lies alone. The parts share the width of the
/// projection that the whole names.
pub(super) fn part<T: serde::de::DeserializeOwned>(
    folder: &Path,
    part: &str,
    kind: &str,
    model: &'static str,
) -> Result<T, ModelError> {
    let path = folder.join("config.json");
    let whole: Json = config::read(&path, model)?;
    let bad = |reason: String| ModelError::Config {
        path: path.clone(),
        model,
        reason,
    };
    let said = whole.get("model_type").and_then(Json::as_str).unwrap_or("clap");
    if said != "clap" && said != kind {
        return Err(bad(format!("it is the configuration of {said}")));
    }
    let mut json = whole.get(part).unwrap_or(&whole).clone();
    if let (Some(parts), Some(width)) = (json.as_object_mut(), whole.get("projection_dim")) {
        parts.insert("projection_dim".to_owned(), width.clone());
    }
    serde_json::from_value(json).map_err(|e| bad(e.to_string()))
}

/// The activation of a projection or of a layer, by its name.
pub(super) fn activate(g: &mut Graph<'_>, x: &Value, name: &str) -> Value {
    match name {
        "gelu_new" | "gelu_pytorch_tanh" => g.gelu_tanh(x),
        "relu" => g.relu(x),
        "silu" | "swish" => g.silu(x),
        "quick_gelu" => g.quick_gelu(x),
        _ => g.gelu(x),
    }
}

/// `ClapProjectionLayer`.
pub(super) fn projection(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    activation: &str,
) -> Result<Value, ModelError> {
    let y = g.linear(x, &format!("{at}.linear1"), (from, to), true)?;
    let y = activate(g, &y, activation);
    g.linear(&y, &format!("{at}.linear2"), (to, to), true)
}

/// A loaded text tower.
#[derive(Debug)]
pub(crate) struct ClapText {
    pub(crate) config: Config,
    net: Net,
}

impl ClapText {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Self::config(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Its configuration.
    pub(crate) fn config(folder: &Path) -> Result<Config, ModelError> {
        part(folder, "text_config", "clap_text_model", MODEL)
    }

    /// Tokens of one text and their mask: its place in the shared space, of length 1.
    pub(crate) fn place(&mut self, ids: &[i64], mask: &[i64]) -> Result<Tensor, ModelError> {
        let most = self.config.vocab_size as i64;
        if ids.iter().any(|id| *id < 0 || *id >= most) {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("a token beyond its {most}; is its tokenizer another model's?"),
            });
        }
        // Positions count from one past the padding token's number; what is filled up stands at that number.
        let pad = self.config.pad_token_id;
        // What is filled up at the end is seen by nobody, and what becomes of it is not asked for.
        let length = mask.iter().rposition(|m| *m != 0).map_or(ids.len(), |last| last + 1);
        let (ids, mask) = (&ids[..length.min(ids.len())], &mask[..length]);
        let mut seen = 0;
        let places: Vec<i64> = ids
            .iter()
            .map(|id| {
                let here = i64::from(*id != pad);
                seen += here;
                seen * here + pad
            })
            .collect();
        if seen + pad >= self.config.max_position_embeddings as i64 {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!(
                    "{seen} tokens are more than its {} places",
                    self.config.max_position_embeddings
                ),
            });
        }
        let mask: Vec<f32> = mask.iter().map(|m| *m as f32).collect();
        let shape = [1, ids.len()];
        let feeds = [
            ("ids", Feed::I64(&shape, ids)),
            ("places", Feed::I64(&shape, &places)),
            ("mask", Feed::F32(&shape, &mask)),
        ];
        Ok(self.net.run(&feeds)?.remove(0))
    }
}

/// Its graph: `ids`, `places` and `mask` to `place`.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let width = config.hidden_size;
    let shape = [Dim::Named("n"), Dim::Named("length")];
    let ids = g.input("ids", Element::I64, &shape);
    let places = g.input("places", Element::I64, &shape);
    let mask = g.input("mask", Element::F32, &shape);
    let at = "text_model.embeddings";
    let words = g.embedding(&ids, &format!("{at}.word_embeddings"), (config.vocab_size, width))?;
    let sizes = (config.max_position_embeddings, width);
    let positions = g.embedding(&places, &format!("{at}.position_embeddings"), sizes)?;
    let kinds = g.weight(
        &format!("{at}.token_type_embeddings.weight"),
        &[config.type_vocab_size, width],
    )?;
    let kind = g.slice(&kinds, 0, 0, 1);
    let x = g.add(&words, &kind);
    let x = g.add(&x, &positions);
    let mut x = g.layer_norm(&x, &format!("{at}.LayerNorm"), width, config.layer_norm_eps)?;
    let bias = g.mask_bias(&mask);
    let bias = g.wide_bias(&bias, &x);
    for layer in 0..config.num_hidden_layers {
        let name = |part: &str| format!("text_model.encoder.layer.{layer}.{part}");
        let (q, k, v) = (
            name("attention.self.query"),
            name("attention.self.key"),
            name("attention.self.value"),
        );
        let attention = Attention {
            names: [&q, &k, &v, &name("attention.output.dense")],
            widths: [width; 3],
            bias: true,
            bias_out: true,
            lying: false,
            heads: Heads::of(config.num_attention_heads),
        };
        let y = g.attention(&x, None, attention, Some(&bias))?;
        let y = g.add(&x, &y);
        x = g.layer_norm(&y, &name("attention.output.LayerNorm"), width, config.layer_norm_eps)?;
        let y = g.linear(&x, &name("intermediate.dense"), (width, config.intermediate_size), true)?;
        let y = activate(&mut g, &y, &config.hidden_act);
        let y = g.linear(&y, &name("output.dense"), (config.intermediate_size, width), true)?;
        let y = g.add(&x, &y);
        x = g.layer_norm(&y, &name("output.LayerNorm"), width, config.layer_norm_eps)?;
    }
    let first = g.slice(&x, 1, 0, 1);
    let first = g.squeeze(&first, &[1]);
    let pooled = g.linear(&first, "text_model.pooler.dense", (width, width), true)?;
    let pooled = g.tanh(&pooled);
    let sizes = (width, config.projection_dim);
    let place = projection(&mut g, &pooled, "text_projection", sizes, &config.projection_hidden_act)?;
    let place = g.unit_length(&place);
    g.output("place", &place);
    Ok(g.finish())
}
