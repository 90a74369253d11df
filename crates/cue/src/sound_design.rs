//! What the sound designer plans: effects and beds, each with its reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Section;

/// The plan of the effects. Edit it by hand, and the effects follow.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SoundDesign {
    /// In order of `start_s`.
    pub cues: Vec<SoundCue>,
    /// Places that words or recognised objects named, and what named them.
    pub understood: Vec<String>,
    /// Why there is what there is, or why there is nothing, a sentence each.
    pub why: Vec<String>,
}

impl Section for SoundDesign {
    const NAME: &'static str = "sound_design";
}

/// What an effect does for the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SoundKind {
    /// Where the scene plays: a bed under whole shots.
    Ambience,
    /// Something passes: the camera sweeps, or what it sees bursts out.
    Whoosh,
    /// Climbs towards a heavy hit and ends on it.
    Riser,
    /// Strikes on a hit.
    Impact,
    /// Strikes with a flash of light.
    Flash,
}

/// One effect or bed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SoundCue {
    /// When it begins to be heard, seconds.
    pub start_s: f64,
    /// When it ends (a strike rings on by itself), seconds.
    pub end_s: f64,
    /// Where it is strongest, seconds: a strike's onset, a whoosh's nearest point, a riser's top; a bed's beginning.
    pub peak_s: f64,
    /// What it does.
    pub kind: SoundKind,
    /// Who plays it: an effect or ambience of [`crate::VOICES`].
    pub voice: String,
    /// Where it stands at `start_s`, −1 (left) to 1 (right).
    pub pan: f64,
    /// Where it stands at `end_s`.
    pub pan_to: f64,
    /// Decibels against the voice's own level, which is about that of an instrument of the music.
    pub level_db: f64,
    /// The moment of the picture at which an onset is promised, seconds; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_s: Option<f64>,
    /// Why, in a sentence.
    pub why: String,
}
