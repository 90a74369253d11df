//! What makes a look, in numbers.

use synchresis_cue::Look;

/// How a look moves and shines. Lengths are shares of the frame's height, times are seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Manner {
    /// How much nearer the camera comes (or how much farther it goes) within a shot.
    pub(crate) zoom: f32,
    /// How far it drifts within a shot.
    pub(crate) drift: f32,
    /// How much nearer the picture jumps on a full beat.
    pub(crate) pulse: f32,
    /// How long a jump takes to fall by half; its light takes longer. Short, so that the burst of motion stands
    /// out more than its end.
    pub(crate) pulse_s: f32,
    /// How much brighter a full beat is; below a tenth, so that beats alone are never flashes (WCAG 2.3.1).
    pub(crate) lift: f32,
    /// How much brighter a flash is.
    pub(crate) flash: f32,
    /// Glow of bright parts, always, and on a full beat.
    pub(crate) glow: f32,
    pub(crate) glow_pulse: f32,
    /// Brightness of light leaks.
    pub(crate) leak: f32,
    /// Share of the matched displacement by which one picture moves towards the other.
    pub(crate) flow: f32,
    /// Warp in the middle of a transition, and always.
    pub(crate) melt: f32,
    pub(crate) sway: f32,
    /// Softness of the dissolve's edge, 0 to 1.
    pub(crate) soft: f32,
    /// Darkening of the corners, 0 to 1.
    pub(crate) vignette: f32,
    /// Deviation of the grain in codes.
    pub(crate) grain: f32,
    /// How far the frame wanders in the gate.
    pub(crate) weave: f32,
    /// How far red and blue lie apart at the frame's edge, always, and on a full beat.
    pub(crate) split: f32,
    pub(crate) split_pulse: f32,
    /// Whether the picture is folded as in a kaleidoscope.
    pub(crate) fold: bool,
    /// Radians that the fold turns in a second, and on a full beat.
    pub(crate) turn: f32,
    pub(crate) turn_pulse: f32,
    /// Factor on saturation, and how far contrast is bent.
    pub(crate) saturation: f32,
    pub(crate) contrast: f32,
    /// How softly highlights roll off, 0 to 1.
    pub(crate) shoulder: f32,
    /// How long the picture moves on after a strong beat before it rests, seconds; 0: it moves all the time.
    pub(crate) surge_s: f32,
    /// How long it may rest though weaker beats are heard, seconds.
    pub(crate) rest_s: f32,
    /// Share of the last step of a transition that is taken at once.
    pub(crate) leap: f32,
    /// Brightness of specks of dust that float in the light, and their size.
    pub(crate) motes: f32,
    pub(crate) mote_size: f32,
}

const PLAIN: Manner = Manner {
    zoom: 0.0,
    drift: 0.0,
    pulse: 0.0,
    pulse_s: 0.18,
    lift: 0.0,
    flash: 0.0,
    glow: 0.0,
    glow_pulse: 0.0,
    leak: 0.0,
    flow: 0.0,
    melt: 0.0,
    sway: 0.0,
    soft: 1.0,
    vignette: 0.0,
    grain: 0.0,
    weave: 0.0,
    split: 0.0,
    split_pulse: 0.0,
    fold: false,
    turn: 0.0,
    turn_pulse: 0.0,
    saturation: 1.0,
    contrast: 0.0,
    shoulder: 0.0,
    surge_s: 0.0,
    rest_s: 0.0,
    leap: 0.75,
    motes: 0.0,
    mote_size: 1.0,
};

impl Manner {
    /// The manner of `look`.
    pub(crate) fn of(look: Look) -> Self {
        match look {
            Look::Seed => PLAIN,
            Look::Calm => Manner {
                zoom: 0.10,
                drift: 0.035,
                pulse: 0.016,
                pulse_s: 0.15,
                lift: 0.05,
                glow: 0.06,
                glow_pulse: 0.08,
                flow: 0.8,
                melt: 0.010,
                soft: 0.8,
                vignette: 0.22,
                contrast: 0.10,
                shoulder: 0.6,
                ..PLAIN
            },
            Look::Dream => Manner {
                zoom: 0.16,
                drift: 0.05,
                pulse: 0.020,
                pulse_s: 0.14,
                lift: 0.05,
                glow: 0.20,
                glow_pulse: 0.08,
                leak: 0.22,
                flow: 1.0,
                melt: 0.055,
                sway: 0.010,
                soft: 0.6,
                vignette: 0.25,
                saturation: 1.10,
                contrast: 0.08,
                shoulder: 0.9,
                surge_s: 0.80,
                leap: 0.0,
                rest_s: 4.0,
                motes: 0.30,
                mote_size: 1.8,
                ..PLAIN
            },
            Look::Pulse => Manner {
                zoom: 0.12,
                drift: 0.05,
                pulse: 0.045,
                pulse_s: 0.14,
                lift: 0.05,
                flash: 0.65,
                glow: 0.06,
                glow_pulse: 0.08,
                leak: 0.20,
                flow: 1.0,
                melt: 0.03,
                soft: 0.4,
                vignette: 0.28,
                saturation: 1.12,
                contrast: 0.22,
                shoulder: 0.7,
                surge_s: 0.45,
                rest_s: 4.0,
                motes: 0.30,
                ..PLAIN
            },
            Look::Cut => Manner {
                zoom: 0.09,
                drift: 0.03,
                pulse: 0.028,
                pulse_s: 0.12,
                lift: 0.05,
                flash: 0.35,
                glow: 0.04,
                glow_pulse: 0.08,
                flow: 1.0,
                melt: 0.02,
                soft: 0.3,
                vignette: 0.22,
                saturation: 1.06,
                contrast: 0.26,
                shoulder: 0.5,
                surge_s: 0.40,
                rest_s: 3.0,
                ..PLAIN
            },
            Look::Kaleido => Manner {
                zoom: 0.10,
                drift: 0.03,
                pulse: 0.06,
                pulse_s: 0.12,
                lift: 0.05,
                flash: 0.35,
                glow: 0.10,
                glow_pulse: 0.08,
                flow: 0.0,
                melt: 0.03,
                soft: 0.45,
                vignette: 0.35,
                fold: true,
                turn: 0.03,
                turn_pulse: 0.06,
                saturation: 1.18,
                contrast: 0.20,
                shoulder: 0.7,
                surge_s: 0.30,
                rest_s: 3.0,
                ..PLAIN
            },
            Look::Prism => Manner {
                zoom: 0.13,
                drift: 0.05,
                pulse: 0.026,
                pulse_s: 0.13,
                lift: 0.05,
                flash: 0.30,
                glow: 0.10,
                glow_pulse: 0.08,
                leak: 0.30,
                flow: 1.0,
                melt: 0.045,
                sway: 0.004,
                soft: 0.5,
                vignette: 0.28,
                split: 0.0035,
                split_pulse: 0.020,
                saturation: 1.15,
                contrast: 0.16,
                shoulder: 0.7,
                surge_s: 0.45,
                rest_s: 4.0,
                motes: 0.26,
                ..PLAIN
            },
            Look::Film => Manner {
                zoom: 0.10,
                drift: 0.035,
                pulse: 0.042,
                pulse_s: 0.12,
                lift: 0.05,
                flash: 0.35,
                glow: 0.10,
                glow_pulse: 0.08,
                leak: 0.55,
                flow: 0.6,
                melt: 0.012,
                soft: 0.55,
                vignette: 0.38,
                grain: 2.6,
                weave: 0.0012,
                saturation: 0.88,
                contrast: 0.12,
                shoulder: 1.0,
                surge_s: 0.45,
                rest_s: 3.0,
                motes: 0.14,
                ..PLAIN
            },
        }
    }
}
