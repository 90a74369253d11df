//! How well sound and picture hold together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Section;

/// A figure with its chance level beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Its mean over 1,000 circular shifts of the same hits.
    pub chance: f64,
}

/// The report of `evaluate`. Hits are what the picture does, events are onsets heard in the rendered sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sync {
    /// Hits judged.
    pub hits: usize,
    /// Events heard.
    pub events: usize,
    /// Seconds a frame lasts.
    pub frame_s: f64,
    /// Share of the hits with an event within one frame.
    pub hit_rate_1f: Figure,
    /// Median of (event − hit) over hits, nearest event, milliseconds; negative: the sound comes early.
    pub median_offset_ms: Figure,
    /// Beat alignment: mean over hits of exp(−d²/2σ²), σ = 50 ms, d to the nearest event.
    pub beat_alignment: Figure,
    /// Share of the events with a hit within ±50 ms.
    pub precision: Figure,
    /// Share of the hits with an event within ±50 ms.
    pub recall: Figure,
    /// The seed system's own score, for comparison only: `docs/document.md` says why it never leads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rhythm_consistency: Option<Figure>,
    /// What `rhythm_consistency` was made from, where `evaluate` looked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rhythm: Option<Rhythm>,
    /// The verdict in a sentence.
    pub verdict: String,
    /// Per hit: time in seconds, and offset of the nearest event in milliseconds (absent where none was heard).
    pub offsets: Vec<(f64, Option<f64>)>,
}

/// What the seed system's score was made from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rhythm {
    /// Beats of librosa's tracker over 0.40 of the normalised onset strength, seconds.
    pub beats: Vec<f64>,
    /// Frames in which more than 225,000 colour values change, a second or more apart, seconds.
    pub events: Vec<f64>,
    /// Sum of the distances along the path, seconds; 0 without beats or events.
    pub distance: f64,
    /// Which beat was laid beside which event (numbers in the lists above), by fast DTW with radius 1.
    pub path: Vec<(usize, usize)>,
}

impl Section for Sync {
    const NAME: &'static str = "sync";
}
