//! The choices of a brief that more than one room must understand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of the clip's own sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Original {
    /// Mixed under or over the music as it is.
    Keep,
    /// The music steps aside by the loudness of the clip's own sound.
    Duck,
    /// Left out.
    Drop,
}

/// Who makes the sound effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sounds {
    /// Nobody.
    None,
    /// The built-in sound designer.
    Designer,
    /// AudioLDM2, from words.
    Audioldm2,
}
