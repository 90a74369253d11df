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
    /// The seed system's own score, for comparison only: see `docs/evaluate.md`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rhythm_consistency: Option<Figure>,
    /// The verdict in a sentence.
    pub verdict: String,
    /// Per hit: time in seconds, and offset of the nearest event in milliseconds (absent where none was heard).
    pub offsets: Vec<(f64, Option<f64>)>,
}

impl Section for Sync {
    const NAME: &'static str = "sync";
}
