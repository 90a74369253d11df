//! `config.json` of a CLIP: of both towers, or of one alone.

use std::path::Path;

use serde::Deserialize;

use super::MODEL;
use crate::error::ModelError;

/// The text tower. What a file leaves out is as transformers has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct TextConfig {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) projection_dim: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) hidden_act: String,
    pub(super) layer_norm_eps: f32,
    pub(super) eos_token_id: i64,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            projection_dim: 512,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        }
    }
}

/// The picture tower: ViT-B/32 where a file says nothing else.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct ImageConfig {
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) projection_dim: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) num_channels: usize,
    pub(super) image_size: usize,
    pub(super) patch_size: usize,
    pub(super) hidden_act: String,
    pub(super) layer_norm_eps: f32,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            projection_dim: 512,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: 1e-5,
        }
    }
}

/// The tower that is asked for, out of a file of both or of it alone.
pub(super) fn read<T: serde::de::DeserializeOwned>(folder: &Path, tower: &str, kind: &str) -> Result<T, ModelError> {
    let path = folder.join("config.json");
    let refused = |reason: String| ModelError::Config {
        path: path.clone(),
        model: MODEL,
        reason,
    };
    let text = std::fs::read_to_string(&path).map_err(|e| refused(e.to_string()))?;
    let mut json: serde_json::Value = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
    let said = json
        .get("model_type")
        .and_then(|kind| kind.as_str())
        .unwrap_or_default()
        .to_owned();
    if said != "clip" && said != kind {
        return Err(refused(format!(
            "its model_type is {said:?}, not \"clip\" nor {kind:?}"
        )));
    }
    if said == "clip" {
        let both = json.get("projection_dim").cloned();
        json = json.get(tower).cloned().unwrap_or_else(|| serde_json::json!({}));
        if let (Some(object), Some(both)) = (json.as_object_mut(), both) {
            object.insert("projection_dim".to_owned(), both);
        }
    }
    serde_json::from_value(json).map_err(|e| refused(e.to_string()))
}

/// Whether the sizes can be of a model at all: heads that share the width, nothing of no size.
pub(super) fn check(folder: &Path, sizes: &[usize], (width, heads): (usize, usize)) -> Result<(), ModelError> {
    let whole = sizes.iter().all(|n| (1..=1 << 20).contains(n)) && heads > 0 && width % heads == 0;
    if whole {
        return Ok(());
    }
    Err(ModelError::Config {
        path: folder.join("config.json"),
        model: MODEL,
        reason: format!("no model has the sizes {sizes:?}, {width} in {heads} heads"),
    })
}
