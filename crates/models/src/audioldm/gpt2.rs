//! GPT-2 (Radford et al. 2019), which AudioLDM2 asks not for words but for the vectors after those that it is given.

use std::path::Path;

use serde::Deserialize;

use super::clap_text::activate;
use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Finished, Graph};
use crate::onnx::{Attribute, Dim, Element};
use crate::runtime::{Feed, Kept, Net, Runtime, Tensor};

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

    /// Goes on after the vectors of several texts (each 1 × length × width with a mask as long, all of one length): the vectors that it says
    /// one after the other, 1 × count × width for each text. Keys and values of what was read are kept, and all texts go together: so
    /// the weights, which are read from memory anew for every vector, are read once for all.
    pub(crate) fn go_on(&mut self, texts: &[(&Tensor, &[i64])]) -> Result<Vec<Tensor>, ModelError> {
        let Config {
            n_embd: width,
            n_head: heads,
            ..
        } = self.config;
        let count = self.config.max_new_tokens.unwrap_or(USUAL);
        let n = texts.len();
        let given = texts.first().map_or(0, |(_, mask)| mask.len());
        let refused = |reason: String| Err(ModelError::Input { model: MODEL, reason });
        if texts
            .iter()
            .any(|(vectors, mask)| (vectors.data.len(), mask.len()) != (given * width, given))
        {
            return refused("texts of different lengths at once".to_owned());
        }
        if given + count > self.config.n_positions + 1 {
            let places = self.config.n_positions;
            return refused(format!("{} vectors are more than its {places} places", given + count));
        }
        let mut masks: Vec<Vec<i64>> = texts.iter().map(|(_, mask)| mask.to_vec()).collect();
        let mut vectors: Vec<f32> = texts.iter().flat_map(|(vectors, _)| &vectors.data).copied().collect();
        let mut said = vec![Vec::with_capacity(count * width); n];
        let names: Vec<String> = (0..2 * self.config.n_layer).map(|i| format!("past{i}")).collect();
        let nothing = [n, heads, 0, width / heads.max(1)];
        let (mut kept, mut before): (Vec<Kept>, usize) = (Vec::new(), 0);
        for _ in 0..count {
            let length = vectors.len() / (n * width).max(1);
            let bias: Vec<f32> = masks.iter().flat_map(|mask| causal(mask, before)).collect();
            let places: Vec<i64> = (before..before + length).map(|at| at as i64).collect();
            let (shape, seen) = ([n, length, width], [n, 1, length, before + length]);
            let mut feeds = vec![
                ("vectors", Feed::F32(&shape, &vectors)),
                ("at", Feed::I64(std::slice::from_ref(&length), &places)),
                ("bias", Feed::F32(&seen, &bias)),
            ];
            if kept.is_empty() {
                feeds.extend(names.iter().map(|name| (name.as_str(), Feed::F32(&nothing, &[]))));
            }
            let past: Vec<(&str, &Kept)> = names.iter().map(String::as_str).zip(&kept).collect();
            let mut out = self.net.run_kept(&feeds, &past)?;
            vectors = out.remove(0).tensor(MODEL)?.data;
            kept = out;
            before += length;
            for ((said, vector), mask) in said.iter_mut().zip(vectors.chunks_exact(width)).zip(&mut masks) {
                said.extend_from_slice(vector);
                mask.push(1);
            }
        }
        let shape = vec![1, count, width];
        Ok(said
            .into_iter()
            .map(|data| Tensor {
                shape: shape.clone(),
                data,
            })
            .collect())
    }
}

/// Nobody looks ahead, or at what was filled up: rows for what comes after the first `before`.
fn causal(mask: &[i64], before: usize) -> Vec<f32> {
    let seen = |q: usize, k: usize| k <= q && mask[k] != 0;
    (before..mask.len())
        .flat_map(|q| (0..mask.len()).map(move |k| if seen(q, k) { 0.0 } else { f32::MIN }))
        .collect()
}

/// Its graph: `vectors` at the places `at`, after what is `past`, under `bias`, to the last vector, after the last norm.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let (width, heads) = (config.n_embd, config.n_head);
    let inside = config.n_inner.unwrap_or(4 * width);
    let (n, length, all) = (Dim::Named("n"), Dim::Named("length"), Dim::Named("all"));
    let vectors = g.input("vectors", Element::F32, &[n, length, Dim::Known(width)]);
    let at = g.input("at", Element::I64, &[length]);
    let bias = g.input("bias", Element::F32, &[n, Dim::Known(1), length, all]);
    let places = g.embedding(&at, "wpe", (config.n_positions, width))?;
    let mut x = g.add(&vectors, &places);
    let mut remembered = Vec::new();
    for layer in 0..config.n_layer {
        let name = |part: &str| format!("h.{layer}.{part}");
        let past = [0, 1].map(|part| {
            let shape = [
                n,
                Dim::Known(heads),
                Dim::Named("past"),
                Dim::Known(width / heads.max(1)),
            ];
            g.input(&format!("past{}", 2 * layer + part), Element::F32, &shape)
        });
        let y = g.layer_norm(&x, &name("ln_1"), width, config.layer_norm_epsilon)?;
        let y = g.linear_flipped(&y, &name("attn.c_attn"), (width, 3 * width))?;
        let parts = g.split(&y, &[width; 3], -1);
        let none = Graph::nothing();
        let inputs = [&parts[0], &parts[1], &parts[2], &none, &none, &bias, &past[0], &past[1]];
        let attributes = [("num_heads", Attribute::Int(heads as i64))];
        let attended = g.contributed_several("MultiHeadAttention", &inputs, &attributes, 3);
        let y = g.linear_flipped(&attended[0], &name("attn.c_proj"), (width, width))?;
        x = g.add(&x, &y);
        let y = g.layer_norm(&x, &name("ln_2"), width, config.layer_norm_epsilon)?;
        let y = g.linear_flipped(&y, &name("mlp.c_fc"), (width, inside))?;
        let y = activate(&mut g, &y, &config.activation_function);
        let y = g.linear_flipped(&y, &name("mlp.c_proj"), (inside, width))?;
        x = g.add(&x, &y);
        remembered.extend([attended[1].clone(), attended[2].clone()]);
    }
    let x = g.slice(&x, 1, -1, i64::MAX);
    let x = g.layer_norm(&x, "ln_f", width, config.layer_norm_epsilon)?;
    g.output("vector", &x);
    for (i, value) in remembered.iter().enumerate() {
        g.output(&format!("present{i}"), value);
    }
    Ok(g.finish())
}
