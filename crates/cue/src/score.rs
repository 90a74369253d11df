//! Notes, and who plays them: what the composer hands to the sound room.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Section;

/// A performed piece: every time is final, swing and a player's timing included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// Length in seconds. Every sound, reverberation included, has died by then.
    pub duration_s: f64,
    /// Players. Track order is mix order and MIDI order.
    pub tracks: Vec<Track>,
    /// Marks: breaths before hits, and the hits themselves.
    pub marks: Vec<Mark>,
}

impl Section for Score {
    const NAME: &'static str = "score";
}

/// What a track does in the texture, from the ground up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Layer {
    Pad,
    Bass,
    Drums,
    Percussion,
    Chords,
    Arpeggio,
    Counter,
    Lead,
    /// Accents on hits.
    Accent,
    /// Risers, impacts, whooshes of the sound designer.
    Effects,
    /// Rain, wind, rooms: beds of the sound designer.
    Ambience,
}

/// One player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Track {
    /// Name a person knows, unique in the score: the stem's and the MIDI track's name.
    pub name: String,
    /// Its place in the texture.
    pub layer: Layer,
    /// A voice of [`VOICES`].
    pub voice: String,
    /// Level in the mix, decibels against the voice's own.
    pub level_db: f64,
    /// −1 (left) to 1 (right).
    pub pan: f64,
    /// Send to the room reverb, 0 to 1.
    pub room: f64,
    /// Send to the plate or hall reverb, 0 to 1.
    pub hall: f64,
    /// Notes, ordered by start, then pitch.
    pub notes: Vec<Note>,
    /// Spans in which the sustain pedal is down, ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pedal: Vec<Pedal>,
    /// Pitch bends, ordered; linear between points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bends: Vec<Bend>,
    /// Expression over time: (seconds, gain 0 to 1), linear between points, 1 where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expression: Vec<(f64, f64)>,
    /// Where it goes: (seconds, −1 to 1), linear between points; `pan` comes on top. It stays where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<(f64, f64)>,
}

/// How a note is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Articulation {
    #[default]
    Normal,
    Legato,
    Staccato,
    Accent,
    Ghost,
}

/// One note.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// When its attack is heard, seconds from the film's beginning. Voices with a slow attack start it early enough.
    pub start_s: f64,
    /// How long it is held, seconds.
    pub duration_s: f64,
    /// MIDI pitch, 0 to 127; for kits, the General MIDI drum map.
    pub pitch: u8,
    /// How hard, above 0 to 1.
    pub velocity: f32,
    /// How.
    #[serde(default)]
    pub articulation: Articulation,
    /// It lands on a hit: its attack must be heard, and its time is exact.
    #[serde(default)]
    pub locked: bool,
}

/// The sustain pedal is down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pedal {
    /// Seconds.
    pub down_s: f64,
    /// Seconds.
    pub up_s: f64,
}

/// A point of a pitch bend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bend {
    /// Seconds.
    pub time_s: f64,
    /// Semitones, −2 to 2.
    pub semitones: f64,
}

/// A moment that the mixer must know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Time of the hit, seconds.
    pub time_s: f64,
    /// Its weight, 0 to 1.
    pub weight: f64,
    /// The mix is lowered during this long before it, so that its onset is heard; seconds, 0 for none.
    pub breath_s: f64,
    /// By how much, decibels, 0 or below.
    pub breath_db: f64,
    /// What a person reads in the DAW: `cut 0:12.480`.
    pub label: String,
}

/// How a voice sounds and is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum VoiceFamily {
    Pad,
    Strings,
    Keys,
    Mallet,
    Guitar,
    Bass,
    Brass,
    Wind,
    Synth,
    Kit,
    Effect,
    Ambience,
}

/// A voice that every sound engine must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceInfo {
    /// Its name in scores and styles.
    pub name: &'static str,
    /// Its family.
    pub family: VoiceFamily,
    /// General MIDI program, 0 to 127; for kits the program of the drum channel.
    pub program: u8,
    /// Lowest and highest MIDI pitch a player would use.
    pub range: (u8, u8),
    /// Whether a note sounds as long as it is held (bowed, blown) rather than decaying (struck, plucked).
    pub sustains: bool,
    /// Whether its attack is quick enough to be heard as an onset on a hit.
    pub sharp: bool,
}

macro_rules! voices {
    ($($name:literal $family:ident $program:literal $low:literal..$high:literal $sustains:literal $sharp:literal;)*) => {
        &[$(VoiceInfo {
            name: $name, family: VoiceFamily::$family, program: $program, range: ($low, $high),
            sustains: $sustains, sharp: $sharp,
        }),*]
    };
}

/// Every voice, in one table. Name, family, General MIDI program, range, sustains, sharp.
pub const VOICES: &[VoiceInfo] = voices! {
    "warm-pad" Pad 89 36..84 true false;
    "glass-pad" Pad 88 48..96 true false;
    "choir-pad" Pad 52 43..84 true false;
    "dark-drone" Pad 97 24..60 true false;
    "strings-legato" Strings 48 43..93 true false;
    "strings-low" Strings 43 28..62 true false;
    "strings-tremolo" Strings 44 43..91 true false;
    "strings-spiccato" Strings 48 36..91 false true;
    "strings-pizzicato" Strings 45 36..88 false true;
    "solo-violin" Strings 40 55..96 true false;
    "solo-cello" Strings 42 36..76 true false;
    "harp" Strings 46 24..103 false true;
    "grand-piano" Keys 0 21..108 false true;
    "felt-piano" Keys 1 28..96 false true;
    "electric-piano" Keys 4 28..96 false true;
    "organ" Keys 17 36..96 true true;
    "accordion" Keys 21 41..89 true true;
    "celesta" Mallet 8 60..108 false true;
    "music-box" Mallet 10 60..100 false true;
    "glockenspiel" Mallet 9 72..108 false true;
    "vibraphone" Mallet 11 53..89 false true;
    "marimba" Mallet 12 45..96 false true;
    "xylophone" Mallet 13 65..108 false true;
    "tubular-bells" Mallet 14 60..77 false true;
    "timpani" Mallet 47 36..57 false true;
    "nylon-guitar" Guitar 24 40..84 false true;
    "steel-guitar" Guitar 25 40..84 false true;
    "clean-guitar" Guitar 27 40..86 false true;
    "drive-guitar" Guitar 30 38..86 true true;
    "banjo" Guitar 105 48..86 false true;
    "ukulele" Guitar 24 55..88 false true;
    "upright-bass" Bass 32 28..60 false true;
    "electric-bass" Bass 33 28..64 false true;
    "slap-bass" Bass 36 28..64 false true;
    "synth-bass" Bass 38 24..60 true true;
    "reese-bass" Bass 39 24..55 true true;
    "sub-bass" Bass 39 24..48 true true;
    "horns" Brass 60 41..77 true false;
    "brass-section" Brass 61 40..84 true true;
    "trumpet" Brass 56 54..86 true true;
    "muted-trumpet" Brass 59 54..84 true true;
    "trombone" Brass 57 40..72 true true;
    "tuba" Brass 58 28..58 true true;
    "flute" Wind 73 60..96 true false;
    "piccolo" Wind 72 74..108 true false;
    "clarinet" Wind 71 50..91 true false;
    "oboe" Wind 68 58..91 true false;
    "bassoon" Wind 70 34..72 true true;
    "saxophone" Wind 66 44..80 true true;
    "whistle" Wind 78 67..96 true false;
    "harmonica" Wind 22 60..96 true false;
    "saw-lead" Synth 81 36..96 true true;
    "square-lead" Synth 80 36..96 true true;
    "supersaw" Synth 90 36..96 true true;
    "soft-lead" Synth 82 48..96 true false;
    "pluck-synth" Synth 84 36..96 false true;
    "bell-synth" Synth 98 48..103 false true;
    "chip-pulse" Synth 80 36..108 true true;
    "chip-triangle" Synth 80 24..84 true true;
    "kit-acoustic" Kit 0 27..87 false true;
    "kit-brush" Kit 40 27..87 false true;
    "kit-rock" Kit 16 27..87 false true;
    "kit-house" Kit 24 27..87 false true;
    "kit-808" Kit 25 27..87 false true;
    "kit-lofi" Kit 25 27..87 false true;
    "kit-breaks" Kit 24 27..87 false true;
    "kit-chip" Kit 24 27..87 false true;
    "kit-orchestral" Kit 48 27..87 false true;
    "kit-hand" Kit 0 27..87 false true;
    "riser" Effect 119 36..84 true false;
    "reverse-cymbal" Effect 119 36..84 true false;
    "impact" Effect 127 24..84 false true;
    "boom" Effect 127 24..60 false true;
    "sub-drop" Effect 127 24..60 false true;
    "braam" Effect 127 24..60 true true;
    "whoosh" Effect 122 36..96 true false;
    "tick" Effect 115 36..96 false true;
    "sparkle" Effect 112 60..108 false true;
    "wind" Ambience 122 36..84 true false;
    "rain" Ambience 96 36..84 true false;
    "sea" Ambience 122 36..84 true false;
    "stream" Ambience 122 36..84 true false;
    "fire" Ambience 122 36..84 true false;
    "night-insects" Ambience 122 36..84 true false;
    "birds" Ambience 123 36..84 true false;
    "engine" Ambience 125 36..84 true false;
    "traffic" Ambience 125 36..84 true false;
    "crowd" Ambience 126 36..84 true false;
    "room-tone" Ambience 122 36..84 true false;
};

/// The General MIDI drum pitches that every kit answers to; others fall to the nearest of its family.
pub const DRUM_PITCHES: &[(u8, &str)] = &[
    (35, "kick low"),
    (36, "kick"),
    (37, "side stick"),
    (38, "snare"),
    (39, "clap"),
    (40, "snare rim"),
    (41, "tom floor"),
    (42, "hat closed"),
    (43, "tom low"),
    (44, "hat pedal"),
    (45, "tom mid low"),
    (46, "hat open"),
    (47, "tom mid"),
    (48, "tom mid high"),
    (49, "crash"),
    (50, "tom high"),
    (51, "ride"),
    (52, "china"),
    (53, "ride bell"),
    (54, "tambourine"),
    (55, "splash"),
    (56, "cowbell"),
    (60, "bongo high"),
    (61, "bongo low"),
    (62, "conga mute"),
    (63, "conga high"),
    (64, "conga low"),
    (69, "cabasa"),
    (70, "shaker"),
    (75, "claves"),
    (76, "wood block high"),
    (77, "wood block low"),
    (80, "triangle mute"),
    (81, "triangle"),
    (82, "shaker soft"),
];

/// The voice of this name.
pub fn voice(name: &str) -> Option<&'static VoiceInfo> {
    VOICES.iter().find(|v| v.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_voices_share_a_name_or_a_range_is_empty() {
        for (i, a) in VOICES.iter().enumerate() {
            assert!(a.range.0 < a.range.1, "{}", a.name);
            assert!(a.program < 128, "{}", a.name);
            assert!(VOICES[i + 1..].iter().all(|b| b.name != a.name), "{}", a.name);
        }
    }
}
