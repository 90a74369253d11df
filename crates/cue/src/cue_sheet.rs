//! What was composed, so that a person can read it and a stage can play it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Key, Layer, Meter, Section};

/// The plan of the piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CueSheet {
    /// A working title.
    pub title: String,
    /// The style.
    pub style: String,
    /// The seed it was composed with.
    pub seed: u64,
    /// The home key.
    pub key: Key,
    /// The usual meter.
    pub meter: Meter,
    /// Every change of tempo or meter, from 0 s on.
    pub tempo_map: Vec<TempoMark>,
    /// The form, in order.
    pub form: Vec<SectionCue>,
    /// The chords, in order.
    pub chords: Vec<ChordCue>,
    /// The motifs and where they sound.
    pub motifs: Vec<MotifCue>,
    /// Who plays.
    pub instruments: Vec<InstrumentCue>,
    /// Why it is as it is, a sentence each.
    pub why: Vec<String>,
}

impl Section for CueSheet {
    const NAME: &'static str = "cue_sheet";
}

/// From `time_s` on, this tempo and meter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TempoMark {
    /// Seconds.
    pub time_s: f64,
    /// Quarters since the beginning.
    pub quarter: f64,
    /// Quarters a minute.
    pub bpm: f64,
    /// Time signature.
    pub meter: Meter,
}

/// What a section does in the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Intro,
    Statement,
    Contrast,
    Build,
    Peak,
    Release,
    Ending,
    Silence,
    /// The whole of a piece of a few seconds.
    Sting,
}

/// How a section closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Cadence {
    None,
    Half,
    Deceptive,
    Plagal,
    Authentic,
}

/// One section of the form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SectionCue {
    /// Its role.
    pub role: Role,
    /// Seconds.
    pub start_s: f64,
    /// Seconds.
    pub end_s: f64,
    /// Index of its first bar in the spotting's grid.
    pub first_bar: usize,
    /// How many bars.
    pub bars: usize,
    /// Its key.
    pub key: Key,
    /// 0 to 1.
    pub intensity: f64,
    /// The layers that play.
    pub layers: Vec<Layer>,
    /// How it closes.
    pub cadence: Cadence,
    /// The shots it covers, as indices of the sighting's.
    pub shots: Vec<usize>,
    /// Why, in a sentence.
    pub why: String,
}

/// One chord.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChordCue {
    /// Seconds.
    pub start_s: f64,
    /// Seconds.
    pub end_s: f64,
    /// As on a lead sheet: `Am7`, `F/A`, `Bbmaj7`.
    pub symbol: String,
    /// As in analysis: `i`, `V7`, `bVI`.
    pub roman: String,
    /// Pitch class of the root, 0 to 11.
    pub root: u8,
    /// Pitch class of the bass, 0 to 11.
    pub bass: u8,
    /// Pitch classes, root first.
    pub tones: Vec<u8>,
}

/// A motif and its returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MotifCue {
    /// `A`, `B`, …
    pub name: String,
    /// Scale steps from its first note.
    pub contour: Vec<i8>,
    /// Lengths in quarters.
    pub rhythm: Vec<f64>,
    /// Where it sounds, seconds, with how it was developed there (`statement`, `sequence`, `inversion`, …).
    pub returns: Vec<(f64, String)>,
}

/// A player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstrumentCue {
    /// Layer it serves.
    pub layer: Layer,
    /// Name a person knows.
    pub name: String,
    /// Voice of [`crate::VOICES`].
    pub voice: String,
    /// Notes it plays.
    pub notes: usize,
}
