//! Units. Times are `f64` seconds named `…_s`, levels `f64` decibels named `…_db`; the types below carry the rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Beats (quarter notes) per minute.
pub type Tempo = f64;

/// A ratio of whole numbers: frame rates, time bases, sample aspect ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rational {
    /// Numerator.
    pub num: u32,
    /// Denominator, never 0 in a document made here.
    pub den: u32,
}

impl Rational {
    /// The ratio as a number; 0 where the denominator is 0.
    pub fn value(self) -> f64 {
        if self.den == 0 {
            0.0
        } else {
            f64::from(self.num) / f64::from(self.den)
        }
    }
}

impl std::fmt::Display for Rational {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// A time signature. `unit` is 4 for quarters, 8 for eighths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Meter {
    /// Units in a bar, 1 or more.
    pub beats: u8,
    /// The note value that is counted: 2, 4, 8 or 16.
    pub unit: u8,
}

impl Meter {
    /// Length of a bar in quarter notes.
    pub fn quarters(self) -> f64 {
        f64::from(self.beats) * 4.0 / f64::from(self.unit.max(1))
    }
}

impl std::fmt::Display for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.beats, self.unit)
    }
}

/// The modes a key can have, from the brightest to the darkest, harmonic and melodic minor beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names of the modes say it")]
pub enum Mode {
    Lydian,
    Ionian,
    Mixolydian,
    Dorian,
    Aeolian,
    HarmonicMinor,
    MelodicMinor,
    Phrygian,
}

impl Mode {
    /// Semitones of the seven degrees above the tonic.
    pub fn degrees(self) -> [u8; 7] {
        match self {
            Mode::Lydian => [0, 2, 4, 6, 7, 9, 11],
            Mode::Ionian => [0, 2, 4, 5, 7, 9, 11],
            Mode::Mixolydian => [0, 2, 4, 5, 7, 9, 10],
            Mode::Dorian => [0, 2, 3, 5, 7, 9, 10],
            Mode::Aeolian => [0, 2, 3, 5, 7, 8, 10],
            Mode::HarmonicMinor => [0, 2, 3, 5, 7, 8, 11],
            Mode::MelodicMinor => [0, 2, 3, 5, 7, 9, 11],
            Mode::Phrygian => [0, 1, 3, 5, 7, 8, 10],
        }
    }

    /// Whether the third above the tonic is minor.
    pub fn is_minor(self) -> bool {
        self.degrees()[2] == 3
    }
}

/// A tonic and a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Pitch class of the tonic, 0 (C) to 11 (B).
    pub tonic: u8,
    /// The scale built on it.
    pub mode: Mode,
}

impl Key {
    /// The tonic's usual name: flats for flat keys.
    pub fn tonic_name(self) -> &'static str {
        const MAJOR: [&str; 12] = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
        const MINOR: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"];
        let names = if self.mode.is_minor() { MINOR } else { MAJOR };
        names[usize::from(self.tonic % 12)]
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = match self.mode {
            Mode::Ionian => "major",
            Mode::Aeolian => "minor",
            Mode::Lydian => "lydian",
            Mode::Mixolydian => "mixolydian",
            Mode::Dorian => "dorian",
            Mode::HarmonicMinor => "harmonic minor",
            Mode::MelodicMinor => "melodic minor",
            Mode::Phrygian => "phrygian",
        };
        write!(f, "{} {mode}", self.tonic_name())
    }
}

/// Linear gain of a level in decibels.
pub fn decibel_to_gain(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// Level in decibels of a linear gain; −∞ for 0.
pub fn gain_to_decibel(gain: f64) -> f64 {
    20.0 * gain.abs().log10()
}

/// `value` to the nearest multiple of 10^−`places`: what keeps a document short and the same everywhere.
pub fn round_to(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (value * scale).round() / scale
}
