//! What the picture and the person's words ask of the music.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Curve, Mode, Section};

/// A thing that comes into the picture between two frames that were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Appearance {
    /// What.
    pub what: String,
    /// When it was not there yet, seconds.
    pub after_s: f64,
    /// When it was there, seconds.
    pub by_s: f64,
}

/// Style, and feeling over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mood {
    /// Name of the style chosen.
    pub style: String,
    /// Why that one, in a sentence.
    pub style_reason: String,
    /// Pleasant or not, −1 to 1, over the whole film.
    pub valence: f64,
    /// Calm or stirred, −1 to 1, over the whole film.
    pub arousal: f64,
    /// Seconds between the values of the two curves.
    pub step_s: f64,
    /// Valence over time, −1 to 1.
    pub valence_curve: Curve,
    /// Arousal over time, −1 to 1.
    pub arousal_curve: Curve,
    /// Words of the brief that were understood, in order.
    pub understood: Vec<String>,
    /// Words of the brief that were not.
    pub unknown: Vec<String>,
    /// Words for what was recognised in the picture that moved feeling or style.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// Things that were recognised in one sampled frame and not in the one before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub appearing: Vec<Appearance>,
    /// Voices that the words asked for by name ("solo piano"), of [`crate::VOICES`].
    pub wanted_voices: Vec<String>,
    /// Voices that the words asked to leave out ("no drums").
    pub unwanted_voices: Vec<String>,
    /// Whether the words asked for one instrument alone.
    pub solo: bool,
    /// A tempo range that the words asked for, beats a minute.
    pub tempo_range: Option<(f64, f64)>,
    /// A mode that the words asked for.
    pub mode: Option<Mode>,
}

impl Section for Mood {
    const NAME: &'static str = "mood";
}
