//! The plan of a film: which picture is shown when, and what it does at each moment the song gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Curve, Rational, Section};

/// How a film looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Slow drift and slow dissolve; beats are breaths of light.
    Calm,
    /// The pictures flow into one another, glowing.
    Dream,
    /// Zooms and flashes on the beat.
    Pulse,
    /// Hard cuts on downbeats, with punch-ins.
    Cut,
    /// A turning kaleidoscope.
    Kaleido,
    /// Colours come apart on the beat.
    Prism,
    /// Grain, gate weave, light leaks.
    Film,
    /// A plain cross-fade along the song's energy with nothing on the beats: the seed system's way, for comparison.
    Seed,
}

impl Look {
    /// Every look, in the order in which they are listed to a person.
    pub const ALL: [Look; 8] = [
        Look::Calm,
        Look::Dream,
        Look::Pulse,
        Look::Cut,
        Look::Kaleido,
        Look::Prism,
        Look::Film,
        Look::Seed,
    ];

    /// The name a person types.
    pub fn name(self) -> &'static str {
        match self {
            Look::Calm => "calm",
            Look::Dream => "dream",
            Look::Pulse => "pulse",
            Look::Cut => "cut",
            Look::Kaleido => "kaleido",
            Look::Prism => "prism",
            Look::Film => "film",
            Look::Seed => "seed",
        }
    }

    /// The look in a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Look::Calm => "slow drift and slow dissolve; beats are breaths of light",
            Look::Dream => "the pictures flow into one another, glowing",
            Look::Pulse => "zooms and flashes on the beat",
            Look::Cut => "hard cuts on downbeats, with punch-ins",
            Look::Kaleido => "a turning kaleidoscope that steps with the beat",
            Look::Prism => "colours come apart on the beat",
            Look::Film => "grain, gate weave and light leaks",
            Look::Seed => "a plain cross-fade along the song's energy, for comparison",
        }
    }

    /// The look of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }
}

/// What drives the way from a picture to the next within a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// The sum of what was heard so far in the section.
    Energy,
    /// Time alone, from the first picture to the next.
    Linear,
    /// Nothing: the section's picture stays, and the next section begins with its own.
    Constant,
}

impl Pace {
    /// The pace of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "energy" => Some(Self::Energy),
            "linear" => Some(Self::Linear),
            "constant" => Some(Self::Constant),
            _ => None,
        }
    }
}

/// The plan of a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Storyboard {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames a second.
    pub fps: Rational,
    /// Length of the song, seconds.
    pub duration_s: f64,
    /// Frames of the film: the song's length within one frame.
    pub frames: u64,
    /// What every choice that could as well be another is drawn from.
    pub seed: u64,
    /// The look that was asked for.
    pub look: Look,
    /// What drives the transitions.
    pub pace: Pace,
    /// Weight of the percussive part in `progress`.
    pub percussive: f64,
    /// Weight of the harmonic part in `progress`.
    pub harmonic: f64,
    /// Colour by key and energy.
    pub grade: Grade,
    /// In order, from 0 s to the end without a gap.
    pub sections: Vec<FilmSection>,
    /// In order of time.
    pub events: Vec<FilmEvent>,
    /// Seconds between the values of `swell`.
    pub swell_step_s: f64,
    /// Strength of the harmonic part, 0 to 1: what the camera drifts with.
    pub swell: Curve,
    /// Why it is as it is, a sentence each.
    pub why: Vec<String>,
}

impl Section for Storyboard {
    const NAME: &'static str = "storyboard";
}

/// Colour of the whole film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// −1 (cold) to 1 (warm); 0 leaves the picture's own.
    pub warmth: f64,
    /// Factor on saturation; 1 leaves the picture's own.
    pub saturation: f64,
    /// −1 (flat) to 1 (hard); 0 leaves the picture's own.
    pub contrast: f64,
    /// Why, in a sentence.
    pub why: String,
}

/// A stretch of the song with its own picture. It turns into the next one's picture along `progress`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FilmSection {
    /// Seconds.
    pub start_s: f64,
    /// Seconds.
    pub end_s: f64,
    /// How it looks.
    pub look: Look,
    /// What is shown, the first from `start_s` on; more than one where the section has cuts.
    pub shots: Vec<FilmShot>,
    /// How far the way to the next section's picture is gone, one value a frame, 0 at the first frame, 1 at the end.
    pub progress: Curve,
    /// From this `progress` on the picture begins to turn into the next one, 0 to 1; 1: it cuts.
    pub turns_from: f64,
    /// What was heard, in words.
    pub words: Vec<String>,
    /// The genre that the words suggest.
    pub genre: String,
    /// The art style that goes with the genre, for painters that take words.
    pub style: String,
    /// Mean loudness beside the rest of the song, 0 to 1.
    pub energy: f64,
    /// Why, in a sentence.
    pub why: String,
}

/// A picture and the part of it that fills the frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FilmShot {
    /// Seconds.
    pub start_s: f64,
    /// Which artwork, from 0.
    pub artwork: usize,
    /// Left, top, right, bottom as shares of the artwork's width and height, 0 to 1.
    pub crop: [f64; 4],
    /// Left and right are swapped.
    #[serde(default)]
    pub mirrored: bool,
}

/// What was heard at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A beat.
    Beat,
    /// The first beat of a bar.
    Downbeat,
    /// An onset off the beat.
    Onset,
    /// The song turns: a section of its own begins.
    Turn,
}

/// What the picture does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The picture jumps nearer and falls back.
    Pulse,
    /// The light goes up and dies away.
    Flash,
    /// Another picture, at once.
    Cut,
    /// Coloured light falls in from an edge.
    LightLeak,
    /// The camera moves on, and all that is slow with it; until the next one it rests.
    Surge,
    /// Specks of dust in the light shine up.
    Glint,
}

/// A moment of the song that is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FilmEvent {
    /// When it sounds, seconds.
    pub time_s: f64,
    /// The frame that shows it first.
    pub frame: u64,
    /// What was heard.
    pub kind: EventKind,
    /// 0 to 1.
    pub strength: f64,
    /// What the picture does there, together.
    pub acts: Vec<Act>,
}
