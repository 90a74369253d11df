//! A chord in its key, and the scale that goes with it.

use synchresis_cue::{Key, Mode};

use super::roman::{Roman, suffix};

/// What a chord does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Tonic,
    Predominant,
    Dominant,
}

/// A chord over a span of the piece.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chord {
    /// Quarter at which it begins.
    pub(crate) from: f64,
    /// Quarter at which it ends.
    pub(crate) to: f64,
    /// Pitch classes, root first.
    pub(crate) tones: Vec<u8>,
    /// Pitch class in the bass.
    pub(crate) bass: u8,
    /// The seven degrees above the tonic in semitones, bent to hold the chord's tones.
    pub(crate) degrees: [u8; 7],
    /// The key.
    pub(crate) key: Key,
    /// The numeral.
    pub(crate) roman: String,
    /// The symbol of a lead sheet.
    pub(crate) symbol: String,
    /// What it does.
    pub(crate) function: Function,
    /// Index of its section.
    pub(crate) section: usize,
}

impl Chord {
    /// The chord of this numeral in a key.
    pub(crate) fn new(roman: &Roman, key: Key, function: Function) -> Self {
        let root = (key.tonic + roman.root) % 12;
        let tones: Vec<u8> = roman.tones.iter().map(|t| (root + t) % 12).collect();
        let bass = tones[roman.bass];
        let mut symbol = format!("{}{}", name_of(key, roman.root, roman.degree), suffix(&roman.tones));
        if roman.bass != 0 {
            let third = roman.tones[roman.bass];
            // The members of a chord stand two, four and six letters above its root; a sus4 three, a sus2 one.
            let letters = match (roman.bass, third) {
                (1, 2) => 1,
                (1, 5) => 3,
                (1, _) => 2,
                (2, _) => 4,
                _ => 6,
            };
            let letter = (roman.degree + letters) % 7;
            symbol = format!("{symbol}/{}", name_of(key, (roman.root + third) % 12, letter));
        }
        Self {
            from: 0.0,
            to: 0.0,
            degrees: degrees(key.mode, roman),
            tones,
            bass,
            key,
            roman: roman.text.clone(),
            symbol,
            function,
            section: 0,
        }
    }

    /// Pitch of scale step `step`; step 0 is the tonic at or above MIDI 0.
    pub(crate) fn pitch(&self, step: i32) -> i32 {
        let octave = step.div_euclid(7);
        i32::from(self.key.tonic) + 12 * octave + i32::from(self.degrees[step.rem_euclid(7) as usize])
    }

    /// Whether a pitch is one of its tones.
    pub(crate) fn has(&self, pitch: i32) -> bool {
        self.tones.contains(&(pitch.rem_euclid(12) as u8))
    }

    /// Root as a pitch class.
    pub(crate) fn root(&self) -> u8 {
        self.tones[0]
    }

    /// The n-th member (1, 3, 5, 7) as a pitch class; the root where there is none.
    pub(crate) fn member(&self, n: u8) -> u8 {
        let index = match n {
            3 => 1,
            5 => 2.min(self.tones.len() - 1),
            7 => 3,
            _ => 0,
        };
        self.tones.get(index).copied().unwrap_or(self.tones[0])
    }
}

/// The scale of a key over a chord: every tone of the chord is in it, taking the place of its neighbour.
fn degrees(mode: Mode, roman: &Roman) -> [u8; 7] {
    // The seventh of harmonic minor is raised by the chords that hold it; elsewhere a line walks on natural minor.
    let mode = if mode == Mode::HarmonicMinor {
        Mode::Aeolian
    } else {
        mode
    };
    let mut degrees = mode.degrees();
    let tones: Vec<u8> = roman.tones.iter().map(|t| (roman.root + t) % 12).collect();
    for &tone in &tones {
        if degrees.contains(&tone) {
            continue;
        }
        let up = (1..7).find(|&i| degrees[i] == (tone + 1) % 12 && !tones.contains(&degrees[i]));
        let down = (1..7).find(|&i| degrees[i] + 1 == tone && !tones.contains(&degrees[i]));
        if let Some(i) = up.or(down) {
            degrees[i] = tone;
        }
    }
    degrees.sort_unstable();
    degrees
}

const LETTERS: [(char, i8); 7] = [('C', 0), ('D', 2), ('E', 4), ('F', 5), ('G', 7), ('A', 9), ('B', 11)];

/// Name of the note `semitones` above the tonic that stands on scale degree `degree` (0 to 6).
pub(crate) fn name_of(key: Key, semitones: u8, degree: u8) -> String {
    let tonic = key.tonic_name();
    let first = LETTERS.iter().position(|(l, _)| tonic.starts_with(*l)).unwrap_or(0);
    let (letter, natural) = LETTERS[(first + usize::from(degree)) % 7];
    let pitch = (key.tonic + semitones) % 12;
    let mut bend = (pitch as i8 - natural).rem_euclid(12);
    if bend > 6 {
        bend -= 12;
    }
    match bend {
        0 => letter.to_string(),
        1 => format!("{letter}#"),
        2 if key.mode.is_minor() => format!("{letter}##"),
        -1 => format!("{letter}b"),
        // Two flats or more are written as the plain note that sounds.
        _ => Key {
            tonic: pitch,
            mode: Mode::Ionian,
        }
        .tonic_name()
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmony::parse_roman;

    fn symbol(text: &str, tonic: u8, mode: Mode) -> String {
        Chord::new(&parse_roman(text).expect(text), Key { tonic, mode }, Function::Tonic).symbol
    }

    #[test]
    fn a_chord_is_spelt_as_nobody_would() {
        assert_eq!(symbol("ii7", 10, Mode::Ionian), "Cm7");
        assert_eq!(symbol("bVI", 4, Mode::Aeolian), "C");
        assert_eq!(symbol("V7", 6, Mode::Ionian), "C#7");
        assert_eq!(symbol("V/3", 0, Mode::Ionian), "G/B");
        assert_eq!(symbol("bVII", 5, Mode::Ionian), "Eb");
        assert_eq!(symbol("viiø7", 2, Mode::Ionian), "C#m7b5");
        assert_eq!(symbol("IV", 1, Mode::Ionian), "Gb");
    }

    #[test]
    fn a_chord_tone_is_not_in_its_scale() {
        for mode in [
            Mode::Lydian,
            Mode::Ionian,
            Mode::Mixolydian,
            Mode::Dorian,
            Mode::Aeolian,
            Mode::HarmonicMinor,
            Mode::Phrygian,
        ] {
            for text in ["I", "V7", "bVI", "iv", "V7/ii", "bII", "ii7", "IVmaj7", "bVII", "v"] {
                let chord = Chord::new(&parse_roman(text).expect(text), Key { tonic: 3, mode }, Function::Tonic);
                assert!(
                    chord.degrees.windows(2).all(|w| w[0] < w[1]),
                    "{mode:?} {text} {:?}",
                    chord.degrees
                );
                for tone in &chord.tones {
                    let inside = (0..7).any(|s| chord.pitch(s).rem_euclid(12) as u8 == *tone);
                    assert!(inside, "{mode:?} {text} {tone} {:?}", chord.degrees);
                }
            }
        }
    }
}
