//! `AudioLDM2ProjectionModel`: what both text encoders say, side by side in the width of the language model, each between a vector
//! that opens and one that closes it.

use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Value};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "AudioLDM2's projection";

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    text_encoder_dim: usize,
    text_encoder_1_dim: usize,
    // So spelt there.
    #[serde(rename = "langauge_model_dim")]
    language_model_dim: usize,
    use_learned_position_embedding: Option<bool>,
}

impl Config {
    /// Reads `config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Self = config::read(&path, MODEL)?;
        if config.use_learned_position_embedding.is_some() {
            return Err(ModelError::Config {
                path,
                model: MODEL,
                reason: "its positions are those of the checkpoints that speak, which are not done here".to_owned(),
            });
        }
        Ok(config)
    }
}

/// A loaded projection.
#[derive(Debug)]
pub(crate) struct Projection {
    net: Net,
}

impl Projection {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?;
        Ok(Self { net })
    }

    /// CLAP's vector (1 × width) and T5's (1 × tokens × width): 1 × (tokens + 5) × the language model's width.
    pub(crate) fn join(&mut self, clap: &Tensor, t5: &Tensor) -> Result<Tensor, ModelError> {
        let shape = [1, 1, clap.data.len()];
        let feeds = [
            ("clap", Feed::F32(&shape, &clap.data)),
            ("t5", Feed::F32(&t5.shape, &t5.data)),
        ];
        Ok(self.net.run(&feeds)?.remove(0))
    }
}

/// Its graph: `clap` and `t5` to `joined`.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let to = config.language_model_dim;
    let input = |g: &mut Graph<'_>, name: &str, width: usize| {
        g.input(
            name,
            Element::F32,
            &[
                Dim::Known(1),
                Dim::Named(if name == "t5" { "length" } else { "one" }),
                Dim::Known(width),
            ],
        )
    };
    let clap = input(&mut g, "clap", config.text_encoder_dim);
    let t5 = input(&mut g, "t5", config.text_encoder_1_dim);
    let mut part = |x: &Value, end: &str, from: usize| -> Result<Value, ModelError> {
        let y = g.linear(x, &format!("projection{end}"), (from, to), true)?;
        let edge = |g: &mut Graph<'_>, name: &str| -> Result<Value, ModelError> {
            let edge = g.weight(&format!("{name}{end}"), &[to])?;
            Ok(g.reshape(&edge, &[1, 1, to as i64]))
        };
        let (first, last) = (edge(&mut g, "sos_embed")?, edge(&mut g, "eos_embed")?);
        Ok(g.concat(&[&first, &y, &last], 1))
    };
    let (clap, t5) = (
        part(&clap, "", config.text_encoder_dim)?,
        part(&t5, "_1", config.text_encoder_1_dim)?,
    );
    let joined = g.concat(&[&clap, &t5], 1);
    g.output("joined", &joined);
    Ok(g.finish())
}
