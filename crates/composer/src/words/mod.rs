//! What a person's words ask for.

use synchresis_cue::Mode;

/// What was understood of a brief.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Words that were understood, in order, as they were written.
    pub understood: Vec<String>,
    /// Words that were not.
    pub unknown: Vec<String>,
    /// Valence, −1 to 1, where the words speak of it.
    pub valence: Option<f64>,
    /// Arousal, −1 to 1, where the words speak of it.
    pub arousal: Option<f64>,
    /// Styles that the words ask for (above 0) or refuse (below 0), with how strongly.
    pub styles: Vec<(String, f64)>,
    /// Concepts that were named, to match with a style's own words: English, lower case.
    pub tags: Vec<String>,
    /// Voices asked for, of [`synchresis_cue::VOICES`].
    pub wanted: Vec<String>,
    /// Voices refused.
    pub unwanted: Vec<String>,
    /// One instrument alone.
    pub solo: bool,
    /// Tempo range, quarters a minute.
    pub tempo: Option<(f64, f64)>,
    /// Mode.
    pub mode: Option<Mode>,
}

/// Reads a brief in any of the lexicon's languages. Never fails: what is not understood is listed.
pub fn read(text: &str) -> Reading {
    let unknown = text
        .split_whitespace()
        .map(|w| w.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    let unknown = unknown.filter(|w| !w.is_empty()).collect();
    Reading {
        unknown,
        ..Reading::default()
    }
}
