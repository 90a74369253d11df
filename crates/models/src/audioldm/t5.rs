//! T5's encoder (Raffel et al. 2019; FLAN-T5 is its later training), as transformers' `T5EncoderModel` has it.

use std::path::Path;

use serde::Deserialize;

use super::clap_text::activate;
use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Attention, Finished, Graph, Heads};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "T5's encoder";

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    #[serde(default = "vocabulary")]
    pub(crate) vocab_size: usize,
    pub(crate) d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    #[serde(default = "buckets")]
    relative_attention_num_buckets: usize,
    #[serde(default = "distance")]
    relative_attention_max_distance: usize,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f32,
    #[serde(default = "relu")]
    feed_forward_proj: String,
}

fn vocabulary() -> usize {
    32_128
}

fn buckets() -> usize {
    32
}

fn distance() -> usize {
    128
}

fn epsilon() -> f32 {
    1e-6
}

fn relu() -> String {
    "relu".to_owned()
}

impl Config {
    /// Reads `config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let kind: serde_json::Value = config::read(&path, MODEL)?;
        let said = kind
            .get("model_type")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("t5");
        let bad = |reason: String| ModelError::Config {
            path: path.clone(),
            model: MODEL,
            reason,
        };
        if said != "t5" {
            return Err(bad(format!(
                "it is the configuration of {said}; the checkpoints that speak (text_encoder_2 of VITS) are not done here"
            )));
        }
        let config: Self = config::read(&path, MODEL)?;
        if config.relative_attention_num_buckets < 4 {
            return Err(bad("it has fewer than four buckets of distance".to_owned()));
        }
        Ok(config)
    }

    /// The bucket of each query's distance to each key, query by query.
    fn distances(&self, length: usize) -> Vec<i64> {
        let half = (self.relative_attention_num_buckets / 2) as i64;
        let exact = half / 2;
        let far = (self.relative_attention_max_distance as f64 / exact as f64).ln();
        let bucket = |distance: i64| {
            let away = distance.abs();
            let near = if away < exact {
                away
            } else {
                let share = (away as f32 / exact as f32).ln() / far as f32;
                (exact + (share * (half - exact) as f32) as i64).min(half - 1)
            };
            near + if distance > 0 { half } else { 0 }
        };
        let length = length as i64;
        (0..length)
            .flat_map(|q| (0..length).map(move |k| bucket(k - q)))
            .collect()
    }
}

/// A loaded encoder.
#[derive(Debug)]
pub(crate) struct T5 {
    config: Config,
    net: Net,
}

impl T5 {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Vectors of the tokens of several texts (each with a mask as long, all of one length), 1 × tokens × width for each: the weights are
    /// read from memory once for all of them.
    pub(crate) fn read(&mut self, texts: &[(&[i64], &[i64])]) -> Result<Vec<Tensor>, ModelError> {
        let refused = |reason: String| Err(ModelError::Input { model: MODEL, reason });
        let most = self.config.vocab_size as i64;
        let ids: Vec<i64> = texts.iter().flat_map(|(ids, _)| *ids).copied().collect();
        let mask: Vec<f32> = texts.iter().flat_map(|(_, mask)| *mask).map(|m| *m as f32).collect();
        if ids.iter().any(|id| *id < 0 || *id >= most) {
            return refused(format!("a token beyond its {most}; is its tokenizer another model's?"));
        }
        let (n, length) = (texts.len(), texts.first().map_or(0, |(ids, _)| ids.len()));
        if texts
            .iter()
            .any(|(ids, mask)| (ids.len(), mask.len()) != (length, length))
        {
            return refused("texts of different lengths at once".to_owned());
        }
        let shape = [n, length];
        let feeds = [
            ("ids", Feed::I64(&shape, &ids)),
            ("mask", Feed::F32(&shape, &mask)),
            (
                "distances",
                Feed::I64(&[length, length], &self.config.distances(length)),
            ),
        ];
        let vectors = self.net.run(&feeds)?.remove(0);
        let width = self.config.d_model;
        let each = vectors.data.chunks_exact((length * width).max(1)).map(|data| Tensor {
            shape: vec![1, length, width],
            data: data.to_vec(),
        });
        Ok(each.collect())
    }
}

/// Its graph: `ids`, `mask` and the buckets of `distances` to `vectors`.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let (width, inner) = (config.d_model, config.d_kv * config.num_heads);
    let ids = g.input("ids", Element::I64, &[Dim::Named("n"), Dim::Named("length")]);
    let mask = g.input("mask", Element::F32, &[Dim::Named("n"), Dim::Named("length")]);
    let distances = g.input("distances", Element::I64, &[Dim::Named("length"), Dim::Named("length")]);
    let table = if g.holds("encoder.embed_tokens.weight", &[config.vocab_size, width]) {
        "encoder.embed_tokens"
    } else {
        "shared"
    };
    let mut x = g.embedding(&ids, table, (config.vocab_size, width))?;
    let sizes = (config.relative_attention_num_buckets, config.num_heads);
    let name = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias";
    let near = g.embedding(&distances, name, sizes)?;
    let near = g.transpose(&near, &[2, 0, 1]);
    let near = g.unsqueeze(&near, &[0]);
    let hidden = g.mask_bias(&mask);
    let bias = g.add(&near, &hidden);
    for block in 0..config.num_layers {
        let name = |part: &str| format!("encoder.block.{block}.layer.{part}");
        let y = g.rms_norm(&x, &name("0.layer_norm"), width, config.layer_norm_epsilon)?;
        let parts = ["q", "k", "v", "o"].map(|part| name(&format!("0.SelfAttention.{part}")));
        let [q, k, v, o] = &parts;
        let attention = Attention {
            names: [q, k, v, o],
            widths: [width, inner, width],
            bias: false,
            bias_out: false,
            lying: false,
            heads: Heads {
                count: config.num_heads,
                scale: Some(1.0),
            },
        };
        let y = g.attention(&y, None, attention, Some(&bias))?;
        x = g.add(&x, &y);
        let y = g.rms_norm(&x, &name("1.layer_norm"), width, config.layer_norm_epsilon)?;
        let inside = (width, config.d_ff);
        let y = match config.feed_forward_proj.strip_prefix("gated-") {
            Some(activation) => {
                // Since T5 1.1 "gated-gelu" has meant the one by the hyperbolic tangent.
                let activation = if activation == "gelu" { "gelu_new" } else { activation };
                let gate = g.linear(&y, &name("1.DenseReluDense.wi_0"), inside, false)?;
                let gate = activate(&mut g, &gate, activation);
                let y = g.linear(&y, &name("1.DenseReluDense.wi_1"), inside, false)?;
                g.multiply(&gate, &y)
            }
            None => {
                let y = g.linear(&y, &name("1.DenseReluDense.wi"), inside, false)?;
                activate(&mut g, &y, &config.feed_forward_proj)
            }
        };
        let y = g.linear(&y, &name("1.DenseReluDense.wo"), (config.d_ff, width), false)?;
        x = g.add(&x, &y);
    }
    let x = g.rms_norm(&x, "encoder.final_layer_norm", width, config.layer_norm_epsilon)?;
    g.output("vectors", &x);
    Ok(g.finish())
}
