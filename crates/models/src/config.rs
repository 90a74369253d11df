//! The configurations that hub repositories keep beside their weights.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::ModelError;

/// Configurations are small; a longer file is something else.
const LONGEST: u64 = 16 << 20;

/// Reads `file` of a model folder as the configuration of `model`.
///
/// # Errors
/// [`ModelError::Config`]: it is missing, no JSON, or lacks what the model needs.
pub(crate) fn read<T: DeserializeOwned>(file: &Path, model: &'static str) -> Result<T, ModelError> {
    let bad = |reason: String| ModelError::Config {
        path: file.to_path_buf(),
        model,
        reason,
    };
    let size = std::fs::metadata(file).map_err(|e| bad(e.to_string()))?.len();
    if size > LONGEST {
        return Err(bad(format!("it has {size} bytes, which is no configuration")));
    }
    let text = std::fs::read_to_string(file).map_err(|e| bad(e.to_string()))?;
    // Python writes numbers that JSON does not have.
    let text = text
        .replace(": -Infinity", ": -1e308")
        .replace(": Infinity", ": 1e308")
        .replace(": NaN", ": null");
    serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
}

/// What reference libraries take where a configuration is silent.
pub(crate) const fn yes() -> bool {
    true
}

/// Steps that a diffusion model was trained on, where a schedule is silent.
pub(crate) const fn thousand() -> usize {
    1000
}

/// The first noise of a schedule that is silent.
pub(crate) const fn beta_start() -> f64 {
    1e-4
}

/// And its last.
pub(crate) const fn beta_end() -> f64 {
    0.02
}

/// One for all, or one for each.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrEach<T> {
    Each(Vec<T>),
    One(T),
}

impl<T: Clone> OneOrEach<T> {
    /// As many as there are levels; none, where the list has another length.
    pub(crate) fn spread(&self, levels: usize) -> Option<Vec<T>> {
        match self {
            Self::One(one) => Some(vec![one.clone(); levels]),
            Self::Each(list) => (list.len() == levels).then(|| list.clone()),
        }
    }
}
