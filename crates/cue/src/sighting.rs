//! What is seen in the footage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Section;

/// What one decoding pass saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// Frames decoded.
    pub frames: u64,
    /// Time of the last frame's end, seconds: the length of the film.
    pub duration_s: f64,
    /// Median frames a second, as the decoded timestamps say.
    pub frame_rate: f64,
    /// Shots in order; together they cover 0 to `duration_s`.
    pub shots: Vec<Shot>,
    /// Curves over time.
    pub curves: Curves,
    /// Single bright frames or jumps of light that are no cut; strength 0 to 1.
    pub flashes: Vec<Moment>,
    /// Where motion peaks within a shot (an impact, a jump, a gesture's end); strength 0 to 1.
    pub motion_peaks: Vec<Moment>,
    /// Where the camera sweeps quickly within a shot, in order.
    #[serde(default)]
    pub sweeps: Vec<Sweep>,
    /// The colours that fill the film, largest first, at most six.
    pub palette: Vec<Colour>,
    /// The seed's sampled frames: n = ⌊10·log10(s)⌋ of them, one at least, evenly spread.
    pub samples: Vec<Sample>,
    /// The frame a third of the way in.
    pub third: Sample,
    /// The frame two thirds of the way in.
    pub two_thirds: Sample,
    /// Index into `samples` of the medoid: the frame whose features are nearest to all the others.
    pub medoid: usize,
    /// What was measured, in a sentence of plain English ("a slow, dim, blue scene that brightens at 0:12").
    pub words: String,
}

impl Section for Sighting {
    const NAME: &'static str = "sighting";
}

/// How a shot begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// The film begins with it.
    Start,
    /// A hard cut.
    Cut,
    /// It comes out of (or the one before went to) black, white or a plain colour.
    Fade,
    /// It dissolves or wipes out of the one before; `start_s` is the visible middle.
    Dissolve,
}

/// One shot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shot {
    /// Time of its first frame (for a dissolve or a fade, of the visible middle), seconds.
    pub start_s: f64,
    /// Time of its last frame's end, seconds.
    pub end_s: f64,
    /// Number of its first frame.
    pub first_frame: u64,
    /// How it begins.
    pub entry: Transition,
    /// How strongly picture and picture before differ there, 0 to 1.
    pub strength: f64,
    /// Mean motion, 0 (still) to 1 (a third of the picture's width a second, or more).
    pub motion: f64,
    /// Share of that motion which the whole picture makes together: camera rather than objects, 0 to 1.
    pub camera: f64,
    /// Mean direction of the camera, (right, down), each −1 to 1 of the picture's width a second.
    pub pan: (f64, f64),
    /// Mean luma, 0 to 1.
    pub light: f64,
    /// Mean saturation, 0 to 1.
    pub saturation: f64,
    /// −1 (cold) to 1 (warm).
    pub warmth: f64,
    /// How much detail there is, 0 to 1.
    pub density: f64,
    /// Shots that look alike share a number; the first shot is 0.
    pub likeness: usize,
    /// Its largest colours, at most three.
    pub palette: Vec<Colour>,
}

/// A colour and its share of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Colour {
    /// sRGB, 0 to 255.
    pub rgb: [u8; 3],
    /// 0 to 1.
    pub share: f64,
}

/// A moment that matters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// Seconds.
    pub time_s: f64,
    /// 0 to 1.
    pub strength: f64,
}

/// A quick movement of the camera within a shot: it is above half of its peak's speed from `start_s` to `end_s`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sweep {
    /// Seconds.
    pub start_s: f64,
    /// When it is quickest, seconds.
    pub peak_s: f64,
    /// Seconds.
    pub end_s: f64,
    /// Direction and speed of the camera at the peak, (right, down), picture widths a second.
    pub pan: (f64, f64),
    /// How far it stands out of the shot's own restlessness, 0 to 1.
    pub strength: f64,
}

/// A sampled frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Number in order of display.
    pub frame: u64,
    /// Seconds.
    pub time_s: f64,
}

/// Curves over time, all with the same step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Curves {
    /// Seconds between values; the first value speaks of 0 to `step_s`.
    pub step_s: f64,
    /// Amount of motion, 0 to 1 as in [`Shot::motion`].
    pub motion: Curve,
    /// Share of it that is the camera's, 0 to 1.
    pub camera: Curve,
    /// Mean luma, 0 to 1.
    pub light: Curve,
    /// Mean saturation, 0 to 1.
    pub saturation: Curve,
    /// −1 (cold) to 1 (warm).
    pub warmth: Curve,
    /// Detail, 0 to 1.
    pub density: Curve,
}

/// Values at equal steps.
pub type Curve = Vec<f32>;

impl Curves {
    /// The value of `curve` at `time_s`, held at both ends; 0 where the curve is empty.
    pub fn at(&self, curve: &Curve, time_s: f64) -> f64 {
        if curve.is_empty() || self.step_s <= 0.0 {
            return 0.0;
        }
        let i = (time_s / self.step_s).max(0.0) as usize;
        f64::from(curve[i.min(curve.len() - 1)])
    }
}
