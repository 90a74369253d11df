//! A style is a data file: tempo, meters, feeling, grammar, grooves, instruments. See `docs/styles.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::Meter;

/// A style as its file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Style {
    /// Its name on the command line: lower case, words joined by hyphens.
    pub name: String,
    /// One line for `synchresis styles`.
    pub description: String,
    /// Which pictures and words it fits.
    pub feeling: Feeling,
    /// Which tempos it is played at.
    pub tempo: TempoRange,
    /// Its meters, the usual one first.
    pub meters: Vec<Meter>,
}

/// Which pictures and words a style fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Feeling {
    /// Valence it fits, from and to, within −1 to 1.
    pub valence: (f64, f64),
    /// Arousal it fits, from and to, within −1 to 1.
    pub arousal: (f64, f64),
    /// Words that ask for it.
    pub words: Vec<String>,
}

/// Tempos in quarters a minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TempoRange {
    /// Slowest.
    pub low: f64,
    /// Where it feels at home.
    pub usual: f64,
    /// Fastest.
    pub high: f64,
    /// How strictly the pulse is kept, 0 (free, rubato: fermatas and odd bars are welcome) to 1 (for dancing).
    #[serde(default = "half")]
    pub steady: f64,
}

fn half() -> f64 {
    0.5
}
