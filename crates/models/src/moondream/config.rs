//! `config.json` of Moondream2, and what only the shapes of its weights say.

use std::path::Path;

use serde::Deserialize;

use super::MODEL;
use crate::checkpoint::Checkpoint;
use crate::error::ModelError;

/// The language model: Phi-1.5 where a file says nothing else.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct TextConfig {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) layer_norm_eps: f32,
    pub(super) rope_theta: f64,
    pub(super) partial_rotary_factor: f64,
    hidden_act: String,
    qk_layernorm: bool,
    num_key_value_heads: Option<usize>,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 51200,
            hidden_size: 2048,
            intermediate_size: 8192,
            num_hidden_layers: 24,
            num_attention_heads: 32,
            max_position_embeddings: 2048,
            layer_norm_eps: 1e-5,
            rope_theta: 10000.0,
            partial_rotary_factor: 0.5,
            hidden_act: "gelu_new".to_owned(),
            qk_layernorm: false,
            num_key_value_heads: None,
        }
    }
}

impl TextConfig {
    /// Width of a head.
    pub(super) fn head(&self) -> usize {
        self.hidden_size / self.num_attention_heads.max(1)
    }

    /// How many numbers of a head turn with the position.
    pub(super) fn turning(&self) -> usize {
        (self.head() as f64 * self.partial_rotary_factor) as usize
    }

    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let refused = |reason: String| ModelError::Config {
            path: path.clone(),
            model: MODEL,
            reason,
        };
        let text = std::fs::read_to_string(&path).map_err(|e| refused(e.to_string()))?;
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
        let said = json
            .get("model_type")
            .and_then(|kind| kind.as_str())
            .unwrap_or_default();
        if said != "moondream1" {
            return Err(refused(format!("its model_type is {said:?}, not \"moondream1\"")));
        }
        // Renamed between the revisions of 2024-04-02 and 2024-05-08.
        let inner = ["phi_config", "text_config"].iter().find_map(|key| json.get(*key));
        let inner = inner.cloned().unwrap_or_else(|| serde_json::json!({}));
        let config: Self = serde_json::from_value(inner).map_err(|e| refused(e.to_string()))?;
        let sizes = [
            config.vocab_size,
            config.intermediate_size,
            config.num_hidden_layers,
            config.max_position_embeddings,
            config.turning(),
        ];
        let whole = config.num_attention_heads > 0
            && config.hidden_size.is_multiple_of(config.num_attention_heads)
            && config.turning().is_multiple_of(2)
            && config.turning() <= config.head()
            && config
                .num_key_value_heads
                .is_none_or(|heads| heads == config.num_attention_heads)
            && ["gelu_new", "gelu_pytorch_tanh"].contains(&config.hidden_act.as_str())
            && !config.qk_layernorm;
        if !whole || !sizes.iter().all(|n| (1..=1 << 20).contains(n)) {
            return Err(refused(format!("it is no Moondream2 of this revision: {config:?}")));
        }
        Ok(config)
    }
}

/// The encoder of pictures; a checkpoint's shapes say its sizes, its code said the number of heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImageConfig {
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) blocks: usize,
    pub(super) heads: usize,
    /// Patches along a side.
    pub(super) across: usize,
    /// Width between the projection's two layers.
    pub(super) projected: usize,
}

/// Pixels along a patch's side.
pub(super) const PATCH: usize = 14;
/// Where the picture's encoder begins in the checkpoint.
pub(super) const EYE: &str = "vision_encoder.encoder.model.visual";

impl ImageConfig {
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Self, ModelError> {
        let length = |name: &str, axis: usize| {
            let found = checkpoint.shape(name).and_then(|shape| shape.get(axis)).copied();
            found.ok_or_else(|| ModelError::MissingTensor {
                path: checkpoint.path().to_path_buf(),
                name: name.to_owned(),
                model: MODEL,
            })
        };
        let places = length(&format!("{EYE}.pos_embed"), 1)?;
        let blocks = (0..)
            .take_while(|i| checkpoint.has(&format!("{EYE}.blocks.{i}.")))
            .count();
        Ok(Self {
            width: length(&format!("{EYE}.pos_embed"), 2)?,
            inner: length(&format!("{EYE}.blocks.0.mlp.fc1.weight"), 0)?,
            blocks,
            heads: 16,
            across: places.isqrt(),
            projected: length("vision_encoder.projection.mlp.fc1.weight", 0)?,
        })
    }

    /// Pixels along the side of what it looks at.
    pub(super) fn side(&self) -> usize {
        self.across * PATCH
    }
}
