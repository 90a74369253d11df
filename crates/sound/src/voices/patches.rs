//! The patches that [`super::synth`] plays.

/// The wave of the main oscillators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Saw,
    /// Width (0 to 1) and how far it sways.
    Pulse(f32, f32),
    Triangle,
    /// A sine with a little of its second and third harmonic.
    Soft,
    /// The four-bit triangle of an old game console: its staircase adds a buzz.
    Stairs,
}

impl Shape {
    /// Level of harmonic `k`, sine phase. A pulse is made of saws.
    pub(crate) fn harmonic(self, k: usize) -> f32 {
        let n = k as f32;
        match self {
            Shape::Saw | Shape::Pulse(..) => std::f32::consts::FRAC_2_PI / n,
            Shape::Triangle if k % 2 == 1 => 0.81 / (n * n) * if k % 4 == 1 { 1.0 } else { -1.0 },
            Shape::Stairs if k % 2 == 1 => {
                let triangle = 0.81 / (n * n) * if k % 4 == 1 { 1.0 } else { -1.0 };
                // Thirty-two steps a period: images around harmonics 31, 33, 63, 65.
                let step = std::f32::consts::PI * n / 32.0;
                let hold = if step.sin().abs() < 1e-6 {
                    0.0
                } else {
                    step.sin() / step
                };
                let image = [(32.0 - n).abs(), (64.0 - n).abs()]
                    .into_iter()
                    .filter(|m| *m >= 1.0 && *m < 16.0)
                    .map(|m| 0.81 / (m * m) * (step.sin() / step).abs())
                    .sum::<f32>();
                if k < 16 { triangle * hold } else { image * 0.7 }
            }
            Shape::Triangle | Shape::Stairs => 0.0,
            Shape::Soft => match k {
                1 => 0.9,
                2 => 0.16,
                3 => 0.10,
                4 => 0.03,
                5 => 0.02,
                _ => 0.0,
            },
        }
    }
}

/// A patch.
#[derive(Debug)]
pub(crate) struct Patch {
    pub(crate) shape: Shape,
    pub(crate) unison: usize,
    /// Cents of the outermost oscillators.
    pub(crate) detune: f32,
    pub(crate) width: f32,
    /// Level of a triangle an octave below.
    pub(crate) sub: f32,
    /// Corner of the low-pass at C4, hertz; 0 for no filter.
    pub(crate) open_hz: f32,
    pub(crate) peak: f32,
    /// How far the corner follows the pitch, 0 to 1.
    pub(crate) track: f32,
    /// Octaves by which the onset opens the filter, and the seconds in which it closes.
    pub(crate) sweep: f32,
    pub(crate) sweep_s: f32,
    /// Octaves by which the filter sways, and how often.
    pub(crate) motion: f32,
    pub(crate) sway_hz: f32,
    pub(crate) drive: f32,
    pub(crate) attack_s: f32,
    /// Seconds by which the ear is late on so low or so smooth an onset.
    pub(crate) early_s: f32,
    pub(crate) decay_s: f32,
    pub(crate) sustain: f32,
    pub(crate) release_s: f32,
    /// Cents of a vibrato that sets in late.
    pub(crate) vibrato: f32,
    pub(crate) glides: bool,
    /// Exponent from velocity to level.
    pub(crate) loud: f32,
}

const BASE: Patch = Patch {
    shape: Shape::Saw,
    unison: 1,
    detune: 0.0,
    width: 0.0,
    sub: 0.0,
    open_hz: 2500.0,
    peak: 0.9,
    track: 0.6,
    sweep: 1.0,
    sweep_s: 0.2,
    motion: 0.0,
    sway_hz: 0.2,
    drive: 0.0,
    attack_s: 0.004,
    early_s: 0.002,
    decay_s: 0.4,
    sustain: 0.7,
    release_s: 0.15,
    vibrato: 0.0,
    glides: false,
    loud: 1.2,
};

const PATCHES: &[(&str, Patch)] = &[
    (
        "saw-lead",
        Patch {
            unison: 3,
            detune: 9.0,
            width: 0.5,
            open_hz: 3200.0,
            peak: 1.1,
            sweep: 0.9,
            vibrato: 12.0,
            glides: true,
            ..BASE
        },
    ),
    (
        "square-lead",
        Patch {
            shape: Shape::Pulse(0.5, 0.06),
            unison: 2,
            detune: 5.0,
            width: 0.3,
            open_hz: 3000.0,
            sweep: 0.6,
            vibrato: 12.0,
            glides: true,
            ..BASE
        },
    ),
    (
        "supersaw",
        Patch {
            unison: 7,
            detune: 26.0,
            width: 0.9,
            open_hz: 5200.0,
            peak: 0.75,
            track: 0.4,
            sweep: 0.7,
            sweep_s: 0.35,
            decay_s: 0.8,
            sustain: 0.8,
            release_s: 0.35,
            attack_s: 0.006,
            ..BASE
        },
    ),
    (
        "soft-lead",
        Patch {
            shape: Shape::Soft,
            unison: 2,
            detune: 4.0,
            width: 0.3,
            open_hz: 2600.0,
            sweep: 0.0,
            attack_s: 0.045,
            sustain: 0.85,
            release_s: 0.3,
            vibrato: 14.0,
            glides: true,
            ..BASE
        },
    ),
    (
        "pluck-synth",
        Patch {
            unison: 3,
            detune: 8.0,
            width: 0.7,
            open_hz: 700.0,
            peak: 1.3,
            track: 0.7,
            sweep: 3.2,
            sweep_s: 0.075,
            attack_s: 0.0015,
            decay_s: 0.28,
            sustain: 0.0,
            release_s: 0.25,
            ..BASE
        },
    ),
    (
        "synth-bass",
        Patch {
            unison: 2,
            detune: 5.0,
            width: 0.0,
            sub: 0.5,
            open_hz: 620.0,
            peak: 1.5,
            track: 0.35,
            sweep: 2.2,
            sweep_s: 0.11,
            drive: 1.2,
            attack_s: 0.002,
            decay_s: 0.35,
            sustain: 0.65,
            release_s: 0.07,
            early_s: 0.005,
            ..BASE
        },
    ),
    (
        "reese-bass",
        Patch {
            unison: 3,
            detune: 22.0,
            width: 0.35,
            sub: 0.6,
            open_hz: 900.0,
            peak: 1.0,
            track: 0.2,
            sweep: 0.5,
            motion: 0.7,
            sway_hz: 0.31,
            drive: 1.1,
            attack_s: 0.005,
            sustain: 0.95,
            release_s: 0.10,
            early_s: 0.009,
            ..BASE
        },
    ),
    (
        "sub-bass",
        Patch {
            shape: Shape::Soft,
            open_hz: 420.0,
            peak: 0.6,
            track: 0.2,
            sweep: 0.6,
            sweep_s: 0.04,
            drive: 1.2,
            attack_s: 0.004,
            decay_s: 0.9,
            sustain: 0.8,
            release_s: 0.09,
            early_s: 0.008,
            ..BASE
        },
    ),
    (
        "braam",
        Patch {
            unison: 7,
            detune: 20.0,
            width: 0.7,
            sub: 0.7,
            open_hz: 420.0,
            peak: 1.1,
            track: 0.2,
            sweep: 2.6,
            sweep_s: 0.55,
            drive: 2.6,
            attack_s: 0.022,
            decay_s: 1.2,
            sustain: 0.7,
            release_s: 1.4,
            ..BASE
        },
    ),
    (
        "chip-pulse",
        Patch {
            shape: Shape::Pulse(0.25, 0.0),
            open_hz: 0.0,
            attack_s: 0.001,
            decay_s: 0.12,
            sustain: 0.65,
            release_s: 0.025,
            vibrato: 18.0,
            loud: 1.0,
            ..BASE
        },
    ),
    (
        "chip-triangle",
        Patch {
            shape: Shape::Stairs,
            open_hz: 0.0,
            attack_s: 0.001,
            sustain: 1.0,
            release_s: 0.012,
            loud: 1.0,
            early_s: 0.004,
            ..BASE
        },
    ),
];

impl Patch {
    /// The patch of a voice.
    pub(crate) fn named(name: &str) -> Option<&'static Patch> {
        PATCHES.iter().find(|p| p.0 == name).map(|p| &p.1)
    }
}
