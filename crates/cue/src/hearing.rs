//! What was heard in a song.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Curve, Key, Moment, Section, Tempo};

/// A song as it sounds. Times are seconds from its first sample.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Hearing {
    /// Length in seconds.
    pub duration_s: f64,
    /// Beats a minute, as librosa estimates it; 0 where no pulse was heard.
    pub tempo: Tempo,
    /// Beats in a bar: 3 or 4; 0 where no pulse was heard.
    pub beats_in_bar: u8,
    /// The beats, in order of time.
    pub beats: Vec<Beat>,
    /// Onsets, with strength from 0 to 1, in order of time.
    pub onsets: Vec<Moment>,
    /// The key, where pitched sound was heard.
    pub key: Option<HeardKey>,
    /// How far the song is tuned from A = 440 Hz, in semitones, −0.5 to 0.5.
    pub tuning: f64,
    /// The parts of the song, in order, from 0 to the end without a gap.
    pub sections: Vec<SongSection>,
    /// Integrated loudness (EBU R 128), LUFS; absent for silence.
    pub loudness_lufs: Option<f64>,
    /// Loudness range (EBU Tech 3342), LU; absent for silence.
    pub loudness_range_lu: Option<f64>,
    /// Where the middle of the spectrum lies, Hz: the mean centroid of the frames that sound.
    pub brightness_hz: f64,
    /// Share of the sound that is strokes rather than tones, 0 to 1.
    pub percussive: f64,
    /// Curves over time.
    pub curves: HearingCurves,
    /// Samples that were not numbers and were taken for silence.
    #[serde(default)]
    pub broken_samples: u64,
    /// The song in a sentence: "a fast, bright, percussive piece in A minor at 128 beats a minute".
    pub words: String,
}

impl Section for Hearing {
    const NAME: &'static str = "hearing";
}

/// A beat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Beat {
    /// Seconds.
    pub time_s: f64,
    /// Onset strength there, as a share of the song's strongest, 0 to 1. The seed's score keeps beats above 0.40.
    pub strength: f64,
    /// Whether a bar begins here.
    pub downbeat: bool,
}

/// A key and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeardKey {
    /// Major (ionian) or minor (aeolian).
    pub key: Key,
    /// How well the pitches fit the key, −1 to 1 (a correlation); above 0.7 is clear.
    pub strength: f64,
    /// How much better it fits than the next best key, 0 or more.
    pub margin: f64,
}

/// A part of a song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SongSection {
    /// Seconds.
    pub start_s: f64,
    /// Seconds.
    pub end_s: f64,
    /// Parts that sound alike share a number; the first is 0.
    pub likeness: usize,
    /// How strongly the song turns where it begins, 0 to 1.
    pub turn: f64,
    /// Loudness beside the loudest part, 0 (18 dB below it or more) to 1 (the loudest itself).
    pub energy: f64,
    /// Mean brightness, 0 (dark) to 1 (bright).
    pub brightness: f64,
    /// Share of strokes rather than tones, 0 to 1.
    pub percussive: f64,
    /// Onsets a second.
    pub onset_rate: f64,
    /// Its own key, where one was heard.
    pub key: Option<HeardKey>,
    /// What was heard, a word or two each: `loud`, `bright`, `percussive`, `in A minor`.
    pub words: Vec<String>,
}

/// Curves over time, all with the same step. The value at `i` speaks of the moment `i · step_s`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HearingCurves {
    /// Seconds between values.
    pub step_s: f64,
    /// Loudness, 0 (60 dB or more below the loudest) to 1 (the loudest).
    pub loudness: Curve,
    /// Brightness, 0 (100 Hz) to 1 (8 kHz), logarithmic.
    pub brightness: Curve,
    /// Strength of the harmonic part, 0 to 1 of its greatest.
    pub harmonic: Curve,
    /// Strength of the percussive part, 0 to 1 of its greatest.
    pub percussive: Curve,
    /// Strength below 150 Hz, 0 to 1 of its greatest.
    pub bass: Curve,
    /// Onset strength, 0 to 1 of its greatest.
    pub onset: Curve,
}

impl HearingCurves {
    /// The value of `curve` at `time_s`, between its neighbours, held at both ends; 0 where the curve is empty.
    pub fn at(&self, curve: &Curve, time_s: f64) -> f64 {
        let (Some(last), true) = (curve.len().checked_sub(1), self.step_s > 0.0) else {
            return 0.0;
        };
        let x = (time_s / self.step_s).max(0.0).min(last as f64);
        let (i, part) = (x as usize, x.fract());
        let value = |i: usize| curve.get(i).copied().map_or(0.0, f64::from);
        value(i) + (value((i + 1).min(last)) - value(i)) * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_read_beside_its_values() {
        let curves = HearingCurves {
            step_s: 0.5,
            bass: vec![0.0, 1.0, 0.5],
            ..Default::default()
        };
        assert_eq!(curves.at(&curves.bass, 0.25), 0.5);
        assert_eq!(curves.at(&curves.bass, 0.75), 0.75);
        assert_eq!(curves.at(&curves.bass, 9.0), 0.5);
        assert_eq!(curves.at(&curves.bass, -1.0), 0.0);
        assert_eq!(curves.at(&curves.bass, f64::NAN), 0.0);
        assert_eq!(curves.at(&curves.onset, 1.0), 0.0);
    }
}
