//! Which moments the music lands on, and the grid of bars that makes it land.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Meter, Section};

/// Hits and the grid that reaches them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spotting {
    /// Every moment that was weighed, in order of time.
    pub hits: Vec<Hit>,
    /// The best constant tempos, best first, with what each would miss.
    pub tempo_candidates: Vec<TempoCandidate>,
    /// The bars, in order, from the first to the end of the music.
    pub bars: Vec<Bar>,
    /// When the music begins, seconds (not always 0).
    pub music_start_s: f64,
    /// When the last sound has died, seconds (never past the film's end).
    pub music_end_s: f64,
}

impl Section for Spotting {
    const NAME: &'static str = "spotting";
}

/// What kind of moment a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HitKind {
    Start,
    Cut,
    Fade,
    Dissolve,
    Flash,
    Motion,
    Light,
    /// The first of a flurry of cuts that count as one.
    Flurry,
    /// The last moment, where the music resolves.
    End,
    /// Put there by the person.
    Manual,
}

/// A moment of the picture that the music may land on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// Time of the frame, seconds.
    pub time_s: f64,
    /// How much it matters, 0 to 1.
    pub weight: f64,
    /// What it is.
    pub kind: HitKind,
    /// Why it was taken or left, in a sentence.
    pub reason: String,
    /// Whether the music promises an onset there.
    pub taken: bool,
    /// Where it stands in the grid, if taken: index of the bar.
    pub bar: Option<usize>,
    /// Where it stands in the grid, if taken: quarters after the bar's start.
    pub beat: Option<f64>,
}

/// A constant tempo and what it would reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TempoCandidate {
    /// Quarters a minute.
    pub bpm: f64,
    /// Sum of the weights times frames missed, lower is better.
    pub cost: f64,
    /// Share of the hits within one frame of an eighth.
    pub reached: f64,
}

/// One bar of the grid. The tempo is constant within a bar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bar {
    /// Time of its first beat, seconds.
    pub start_s: f64,
    /// Its meter.
    pub meter: Meter,
    /// Quarters a minute within it.
    pub bpm: f64,
    /// Free: no pulse is played in it (a pad, a fermata, silence).
    pub free: bool,
}

impl Bar {
    /// Seconds a quarter note lasts here.
    pub fn quarter_s(&self) -> f64 {
        60.0 / self.bpm
    }

    /// Time of the bar's end, seconds.
    pub fn end_s(&self) -> f64 {
        self.start_s + self.meter.quarters() * self.quarter_s()
    }
}
