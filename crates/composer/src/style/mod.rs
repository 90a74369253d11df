//! A style is a data file: tempo, meters, feeling, grammar, grooves, instruments. See `docs/styles.md`.

mod builtin;
mod pattern;
mod read;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_cue::{Layer, Meter, Mode, Role};

pub use builtin::{builtin, find};
pub(crate) use pattern::{Pattern, Step};
pub(crate) use read::marks;
pub use read::{drum_pitch, schema};

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
    /// How it is played against the grid.
    #[serde(default)]
    pub feel: Feel,
    /// Its chords.
    pub harmony: Harmony,
    /// Its tunes.
    pub melody: Melody,
    /// Its players, from the ground up.
    pub layers: Vec<Part>,
    /// What plays on a hit. At least one, with a sharp voice.
    pub accents: Vec<Accent>,
    /// How a piece ends.
    #[serde(default)]
    pub ending: Ending,
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

/// How a style is played against the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Feel {
    /// Where the second of two notes falls: 0.5 straight, 0.667 triplets.
    pub swing: f64,
    /// The note value that swings: 8 or 16.
    pub swing_unit: u8,
    /// Deviation of a player's timing, milliseconds.
    pub humanise_ms: f64,
    /// How late snare and lead lie, milliseconds; below 0 they push.
    pub laid_back_ms: f64,
}

impl Default for Feel {
    fn default() -> Self {
        Self {
            swing: 0.5,
            swing_unit: 8,
            humanise_ms: 6.0,
            laid_back_ms: 0.0,
        }
    }
}

/// Chords. Roman numerals count from the major scale on the tonic, whatever the mode: the chord on the sixth degree of
/// minor is `bVI`. Upper case is major, lower case minor; after it may stand `°`, `ø7`, `+`, `7`, `maj7`, `6`, `9`,
/// `maj9`, `add9`, `sus2`, `sus4`, `7sus4`, `5`; after a slash the member in the bass (`/3`, `/5`, `/7`) or the degree
/// that it is the dominant of (`V7/ii`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Harmony {
    /// Modes it is at home in.
    pub modes: Vec<Mode>,
    /// Tonics it likes, as pitch classes; empty for any.
    #[serde(default)]
    pub tonics: Vec<u8>,
    /// Bars that a chord lasts, in calm and in busy sections (0.5, 1, 2, 4).
    pub bars_per_chord: (f64, f64),
    /// Share of themes that take a loop; the others are made by the grammar.
    pub loop_share: f64,
    /// Chance that a plain triad takes its seventh.
    #[serde(default)]
    pub sevenths: f64,
    /// Chance that a plain triad takes its ninth.
    #[serde(default)]
    pub ninths: f64,
    /// Chance that a plain triad is suspended first.
    #[serde(default)]
    pub suspensions: f64,
    /// Chance that a theme takes a borrowed chord.
    #[serde(default)]
    pub borrowing: f64,
    /// Chords in lydian, ionian and mixolydian.
    pub major: Grammar,
    /// Chords in the other modes.
    pub minor: Grammar,
}

/// A functional grammar. Sets are chords with weights: `"I:5 vi:2"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grammar {
    /// Chord sequences that go round: `"I V vi IV"`.
    #[serde(default)]
    pub loops: Vec<String>,
    /// Orders of functions for a theme: `"T T P D"`.
    #[serde(default = "phrases")]
    pub phrases: Vec<String>,
    /// Chords at rest.
    pub tonic: String,
    /// Chords that leave.
    pub predominant: String,
    /// Chords that want home.
    pub dominant: String,
    /// Chords from the parallel mode, for colour.
    #[serde(default)]
    pub borrowed: String,
}

fn phrases() -> Vec<String> {
    ["T P D T", "T T P D", "T P P D", "T D T P"].map(String::from).to_vec()
}

/// Tunes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Melody {
    /// Rhythm cells of one bar, from calm to busy (see `Part::patterns`; marks `x` and `X`).
    pub rhythms: Vec<String>,
    /// How readily it leaps, 0 (steps alone) to 1.
    #[serde(default = "third")]
    pub leaps: f64,
    /// How much of a phrase is silence at its end, 0 to 1.
    #[serde(default = "quarter")]
    pub breath: f64,
    /// Chance that a long note is ornamented (grace, turn).
    #[serde(default)]
    pub ornaments: f64,
    /// Chance that a bar before a phrase has a pickup.
    #[serde(default = "third")]
    pub pickups: f64,
    /// Share of a note that sounds: 1 legato, 0.5 staccato.
    #[serde(default = "most")]
    pub length: f64,
    /// Only the five notes of the scale that never rub.
    #[serde(default)]
    pub pentatonic: bool,
}

fn third() -> f64 {
    0.3
}

fn quarter() -> f64 {
    0.25
}

fn most() -> f64 {
    0.95
}

/// What a player does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plays {
    /// Holds each chord, its voices led from one to the next. Patterns, if any, say where it strikes again.
    Sustain,
    /// Strikes led chords in a rhythm: `x` plain, `X` accented, `o` soft, `-` held on, `.` rest.
    Comp,
    /// Strums led chords: `d` down, `u` up, `D` and `U` accented, `o` muffled, `-` held on, `.` rest.
    Strum,
    /// Breaks chords: `1` to `9` is the n-th chord tone upwards from the register's foot, `-` held on, `.` rest.
    Arpeggio,
    /// Bass: `1` root, `3` `5` `7` members, `8` octave, `a` a step into the next root, `w` a walking note, `-`, `.`.
    Bass,
    /// Root, and fifth where thickness is 2 or more, held as long as the harmony allows.
    Drone,
    /// The tune.
    Melody,
    /// A second line that moves where the tune rests.
    Counter,
    /// The tune again, `shift` semitones away.
    Double,
    /// Drums and percussion by `grooves`.
    Drums,
}

/// One player of a style.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its place in the texture.
    pub layer: Layer,
    /// What it does.
    pub plays: Plays,
    /// Voices it may have, most usual first; a seed may take any, words of the brief may forbid some.
    pub voices: Vec<String>,
    /// Lowest and highest pitch.
    #[serde(default = "anywhere")]
    pub register: (u8, u8),
    /// How many notes a chord has.
    #[serde(default = "three")]
    pub thickness: u8,
    /// Rhythms from calm to busy. A group of marks is a quarter, however many they are; `|` divides bars; a meter in
    /// front (`3/4: x-- x-- x--`) makes the groups share a bar of that meter.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Drum rhythms from calm to busy: lane (`kick`, `snare`, `hat-closed`, …) to a rhythm of `x`, `X`, `o`, `.`.
    /// The lane `meter` names the meter they are for.
    #[serde(default)]
    pub grooves: Vec<BTreeMap<String, String>>,
    /// What replaces the last bar before a section begins.
    #[serde(default)]
    pub fills: Vec<BTreeMap<String, String>>,
    /// It plays from this intensity on, 0 to 1.
    #[serde(default)]
    pub from: f64,
    /// And up to this.
    #[serde(default = "one")]
    pub to: f64,
    /// Only in sections of these roles; empty for all.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Chance that a piece has it at all.
    #[serde(default = "one")]
    pub chance: f64,
    /// Semitones from the tune, for `double`.
    #[serde(default)]
    pub shift: i8,
    /// Softest and loudest velocity.
    #[serde(default = "velocity")]
    pub velocity: (f64, f64),
    /// Level, decibels against the voice's own.
    #[serde(default)]
    pub level_db: f64,
    /// −1 (left) to 1 (right).
    #[serde(default)]
    pub pan: f64,
    /// Send to the room, 0 to 1.
    #[serde(default = "room")]
    pub room: f64,
    /// Send to the hall, 0 to 1.
    #[serde(default)]
    pub hall: f64,
}

fn anywhere() -> (u8, u8) {
    (0, 127)
}

fn three() -> u8 {
    3
}

fn one() -> f64 {
    1.0
}

fn velocity() -> (f64, f64) {
    (0.4, 0.9)
}

fn room() -> f64 {
    0.2
}

/// What an accent strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strikes {
    /// The bass note in its lowest octave of the register.
    Root,
    /// The bass note and its octave.
    Octaves,
    /// The chord.
    Chord,
    /// One high chord tone.
    Bell,
    /// Drums, by name.
    Drums,
}

/// What plays on a hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Accent {
    /// Voices it may have, most usual first.
    pub voices: Vec<String>,
    /// What it strikes.
    pub strikes: Strikes,
    /// Drums it strikes, `kick` say.
    #[serde(default)]
    pub drums: Vec<String>,
    /// Lowest and highest pitch.
    #[serde(default = "anywhere")]
    pub register: (u8, u8),
    /// It plays on hits of this weight and more.
    #[serde(default)]
    pub from: f64,
    /// Level, decibels against the voice's own.
    #[serde(default)]
    pub level_db: f64,
    /// −1 (left) to 1 (right).
    #[serde(default)]
    pub pan: f64,
    /// Send to the room, 0 to 1.
    #[serde(default = "room")]
    pub room: f64,
    /// Send to the hall, 0 to 1.
    #[serde(default)]
    pub hall: f64,
    /// How long it rings, seconds.
    #[serde(default = "ring")]
    pub ring_s: f64,
}

fn ring() -> f64 {
    1.5
}

/// How a piece ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The last chord is struck and rings.
    #[default]
    Ring,
    /// The last chord is short; only the room rings.
    Stab,
    /// The last chord thins out, voice by voice.
    Dissolve,
}

impl Style {
    /// The layers that sound at this intensity (0 to 1) in a section of this role, from the ground up: the ladder.
    /// Silence has none.
    pub fn layers_at(&self, role: Role, intensity: f64) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        if role == Role::Silence {
            return layers;
        }
        for part in &self.layers {
            let fits = intensity >= part.from - 1e-9
                && intensity <= part.to + 1e-9
                && (part.roles.is_empty() || part.roles.contains(&role));
            if fits && !layers.contains(&part.layer) {
                layers.push(part.layer);
            }
        }
        layers.sort();
        layers.push(Layer::Accent);
        layers
    }

    /// The grammar for a mode.
    pub(crate) fn grammar(&self, mode: Mode) -> &Grammar {
        if mode.is_minor() {
            &self.harmony.minor
        } else {
            &self.harmony.major
        }
    }
}
