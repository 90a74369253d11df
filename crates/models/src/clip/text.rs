//! The text tower.

use std::path::Path;

use super::config::{self, TextConfig};
use super::transformer::{Layers, known};
use super::{MODEL, Said, said};
use crate::checkpoint::{Checkpoint, Weights};
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Operators};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime};

/// A loaded text tower.
#[derive(Debug)]
pub struct ClipText {
    net: Net,
    config: TextConfig,
}

impl ClipText {
    /// Loads `CLIPModel`, `CLIPTextModel` or `CLIPTextModelWithProjection` from its folder.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's, or no ONNX Runtime.
    pub fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config: TextConfig = config::read(folder, "text_config", "clip_text_model")?;
        let sizes = [config.vocab_size, config.intermediate_size, config.projection_dim];
        config::check(folder, &sizes, (config.hidden_size, config.num_attention_heads))?;
        if !known(&config.hidden_act) {
            return Err(ModelError::Config {
                path: folder.join("config.json"),
                model: MODEL,
                reason: format!("there is no activation {:?}", config.hidden_act),
            });
        }
        let checkpoint = Checkpoint::open(folder)?;
        let at = if checkpoint.has("text_model.") {
            "text_model."
        } else {
            ""
        };
        let projected = checkpoint.has("text_projection.");
        let net = runtime.session(
            &graph(&checkpoint, &config, at, projected, runtime.layers())?,
            &checkpoint,
        )?;
        Ok(Self { net, config })
    }

    /// The most tokens of a text.
    pub fn longest(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Width of `last_hidden` and `pooled`.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// Reads `texts` texts of equally many tokens, one after the other in `ids`, each with its opening and closing token. Where
    /// `mask` (1 to read, 0 to leave out) is none, all are read, as diffusers' pipelines do.
    ///
    /// # Errors
    /// [`ModelError::Input`] for too many tokens or a number that is no token's, [`ModelError::Run`].
    pub fn run(&mut self, ids: &[i64], texts: usize, mask: Option<&[i64]>) -> Result<Said, ModelError> {
        let refused = |reason: String| ModelError::Input { model: MODEL, reason };
        let length = ids.len().checked_div(texts).unwrap_or(0);
        if length == 0 || length * texts != ids.len() || mask.is_some_and(|m| m.len() != ids.len()) {
            return Err(refused(format!(
                "{} tokens are not {texts} texts of one length",
                ids.len()
            )));
        }
        if length > self.longest() {
            return Err(refused(format!("{length} tokens, it reads {} at most", self.longest())));
        }
        if let Some(id) = ids.iter().find(|id| !(0..self.config.vocab_size as i64).contains(*id)) {
            return Err(refused(format!(
                "{id} is none of its {} tokens",
                self.config.vocab_size
            )));
        }
        let rows: Vec<i64> = ids
            .chunks_exact(length)
            .enumerate()
            .map(|(text, ids)| (text * length + self.closing(ids)) as i64)
            .collect();
        let mut bias = vec![0.0; texts * length * length];
        for (at, x) in bias.iter_mut().enumerate() {
            let (text, asks, asked) = (at / (length * length), at / length % length, at % length);
            let hidden = mask.is_some_and(|m| m[text * length + asked] == 0);
            if asked > asks || hidden {
                *x = f32::MIN;
            }
        }
        said(self.net.run(&[
            ("ids", Feed::I64(&[texts, length], ids)),
            ("rows", Feed::I64(&[texts], &rows)),
            ("bias", Feed::F32(&[texts, 1, length, length], &bias)),
        ])?)
    }

    /// Where the token stands that stands for the text: the first closing one; in old configurations, where that is 2 by
    /// mistake, the one with the highest number.
    fn closing(&self, ids: &[i64]) -> usize {
        let end = if self.config.eos_token_id == 2 {
            ids.iter().copied().max().unwrap_or(0)
        } else {
            self.config.eos_token_id
        };
        ids.iter().position(|id| *id == end).unwrap_or(0)
    }
}

pub(super) fn graph(
    weights: &dyn Weights,
    config: &TextConfig,
    at: &str,
    projected: bool,
    by: Operators,
) -> Result<Finished, ModelError> {
    let width = config.hidden_size;
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let ids = g.input("ids", Element::I64, &[Dim::Named("texts"), Dim::Named("tokens")]);
    let rows = g.input("rows", Element::I64, &[Dim::Named("texts")]);
    let lengths = [
        Dim::Named("texts"),
        Dim::Known(1),
        Dim::Named("tokens"),
        Dim::Named("tokens"),
    ];
    let bias = g.input("bias", Element::F32, &lengths);
    let token = format!("{at}embeddings.token_embedding");
    let x = g.embedding(&ids, &token, (config.vocab_size, width))?;
    let place = format!("{at}embeddings.position_embedding.weight");
    let places = g.weight(&place, &[config.max_position_embeddings, width])?;
    let (start, length, axis) = (g.ints(&[0]), g.lengths(&ids, 1, 2), g.ints(&[0]));
    let places = g.op("Slice", &[&places, &start, &length, &axis], &[]);
    let x = g.add(&x, &places);
    let layers = Layers {
        count: config.num_hidden_layers,
        width,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        activation: &config.hidden_act,
        epsilon: config.layer_norm_eps,
    };
    let x = layers.write(&mut g, &x, &format!("{at}encoder"), Some(&bias))?;
    let x = g.layer_norm(&x, &format!("{at}final_layer_norm"), width, config.layer_norm_eps)?;
    g.output("last_hidden", &x);
    let all = g.reshape(&x, &[-1, width as i64]);
    let pooled = g.gather(&all, &rows, 0);
    g.output("pooled", &pooled);
    if projected {
        let y = g.linear(&pooled, "text_projection", (width, config.projection_dim), false)?;
        g.output("projected", &y);
    }
    Ok(g.finish())
}
