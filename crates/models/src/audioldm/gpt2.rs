//! GPT-2 (Radford et al. 2019), which AudioLDM2 asks not for words but for the vectors after those that it is given.

use std::path::Path;

use serde::Deserialize;

use super::clap_text::activate;
use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Heads};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "GPT-2";

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    #[serde(default = "places")]
    n_positions: usize,
    #[serde(default = "width")]
    pub(crate) n_embd: usize,
    #[serde(default = "layers")]
    n_layer: usize,
    #[serde(default = "layers")]
    n_head: usize,
    n_inner: Option<usize>,
    #[serde(default = "activation")]
    activation_function: String,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f32,
    max_new_tokens: Option<usize>,
}

fn places() -> usize {
    1024
}

fn width() -> usize {
    768
}

fn layers() -> usize {
    12
}

fn activation() -> String {
    "gelu_new".to_owned()
}

fn epsilon() -> f32 {
    1e-5
}

/// How many vectors AudioLDM2's checkpoints ask for, where a file does not say it.
const USUAL: usize = 8;

impl Config {
    /// Reads `config.json` in `folder`; the number of vectors to go on for may lie in `generation_config.json`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut config: Self = config::read(&folder.join("config.json"), MODEL)?;
        if config.max_new_tokens.is_none() {
            let beside = folder.join("generation_config.json");
            if beside.is_file() {
                let beside: serde_json::Value = config::read(&beside, MODEL)?;
                let count = beside.get("max_new_tokens").and_then(serde_json::Value::as_u64);
                config.max_new_tokens = count.map(|n| n as usize);
            }
        }
        Ok(config)
    }
}

/// A loaded GPT-2.
#[derive(Debug)]
pub(crate) struct Gpt2 {
    config: Config,
    net: Net,
}

impl Gpt2 {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let mut checkpoint = Checkpoint::open(folder)?;
        if checkpoint.has("transformer.") {
            checkpoint = checkpoint.renamed("transformer.", "");
        }
        let net = runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Goes on after `vectors` (1 × length × width, `mask` as long): the vectors that it says one after the other.
    pub(crate) fn go_on(&mut self, vectors: &Tensor, mask: &[i64]) -> Result<Tensor, ModelError> {
        let width = self.config.n_embd;
        let count = self.config.max_new_tokens.unwrap_or(USUAL);
        let (mut data, mut mask) = (vectors.data.clone(), mask.to_vec());
        if mask.len() + count > self.config.n_positions + 1 {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!(
                    "{} vectors are more than its {} places",
                    mask.len() + count,
                    self.config.n_positions
                ),
            });
        }
        let given = data.len();
        for _ in 0..count {
            let length = mask.len();
            let bias = causal(&mask);
            let feeds = [
                ("vectors", Feed::F32(&[1, length, width], &data)),
                ("bias", Feed::F32(&[1, 1, length, length], &bias)),
            ];
            let said = self.net.run(&feeds)?.remove(0);
            data.extend_from_slice(&said.data);
            mask.resize(length + 1, 1);
        }
        Ok(Tensor {
            shape: vec![1, count, width],
            data: data.split_off(given),
        })
    }
}

/// Nobody looks ahead, or at what was filled up.
fn causal(mask: &[i64]) -> Vec<f32> {
    let seen = |q: usize, k: usize| k <= q && mask[k] != 0;
    (0..mask.len())
        .flat_map(|q| (0..mask.len()).map(move |k| if seen(q, k) { 0.0 } else { f32::MIN }))
        .collect()
}

/// Its graph: `vectors` under `bias` to the last vector, after the last norm.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let width = config.n_embd;
    let inside = config.n_inner.unwrap_or(4 * width);
    let length = Dim::Named("length");
    let vectors = g.input("vectors", Element::F32, &[Dim::Known(1), length, Dim::Known(width)]);
    let bias = g.input("bias", Element::F32, &[Dim::Known(1), Dim::Known(1), length, length]);
    let places = g.weight("wpe.weight", &[config.n_positions, width])?;
    let (zero, end, axis) = (g.ints(&[0]), g.lengths(&vectors, 1, 2), g.ints(&[0]));
    let places = g.op("Slice", &[&places, &zero, &end, &axis], &[]);
    let mut x = g.add(&vectors, &places);
    for layer in 0..config.n_layer {
        let name = |part: &str| format!("h.{layer}.{part}");
        let y = g.layer_norm(&x, &name("ln_1"), width, config.layer_norm_epsilon)?;
        let y = g.linear_flipped(&y, &name("attn.c_attn"), (width, 3 * width))?;
        let parts = g.split(&y, &[width; 3], -1);
        let y = g.attend((&parts[0], &parts[1], &parts[2]), Heads::of(config.n_head), Some(&bias));
        let y = g.linear_flipped(&y, &name("attn.c_proj"), (width, width))?;
        x = g.add(&x, &y);
        let y = g.layer_norm(&x, &name("ln_2"), width, config.layer_norm_epsilon)?;
        let y = g.linear_flipped(&y, &name("mlp.c_fc"), (width, inside))?;
        let y = activate(&mut g, &y, &config.activation_function);
        let y = g.linear_flipped(&y, &name("mlp.c_proj"), (inside, width))?;
        x = g.add(&x, &y);
    }
    let x = g.slice(&x, 1, -1, i64::MAX);
    let x = g.layer_norm(&x, "ln_f", width, config.layer_norm_epsilon)?;
    g.output("vector", &x);
    Ok(g.finish())
}
