//! What makes one kit another: sizes, heads, sticks, rooms, machines.

/// How the metal of a kit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metal {
    /// Many modes of a real plate.
    Bronze,
    /// Six square waves, as in the classic machines.
    Machine,
    /// Shift-register noise.
    Chip,
}

/// How the snare is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stick {
    Wood,
    Brush,
    Machine,
    Chip,
    /// A hand on a wooden box.
    Hand,
    /// Felt mallets, field drum.
    Orchestra,
}

/// A kit's character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Character {
    /// Kick: hertz, drop above it at the onset, fall of the drop, seconds to −60 dB, click.
    pub(crate) kick: (f32, f32, f32, f32, f32),
    /// Snare: hertz, seconds of the shell, seconds of the wires, their level, their centre.
    pub(crate) snare: (f32, f32, f32, f32, f32),
    /// Hats: seconds closed, seconds open, brightness (hertz of the high-pass).
    pub(crate) hat: (f32, f32, f32),
    /// Toms: hertz of the lowest, seconds.
    pub(crate) tom: (f32, f32),
    pub(crate) metal: Metal,
    pub(crate) stick: Stick,
    /// Room: level, seconds.
    pub(crate) room: (f32, f32),
    /// Saturation.
    pub(crate) drive: f32,
    /// Sampler rate in hertz and bits; the full rate leaves the sound alone.
    pub(crate) crush: (f32, f32),
    /// Upper limit of everything, hertz.
    pub(crate) top: f32,
}

const ACOUSTIC: Character = Character {
    kick: (56.0, 110.0, 0.012, 0.42, 0.30),
    snare: (188.0, 0.16, 0.26, 0.75, 4200.0),
    hat: (0.09, 0.9, 6500.0),
    tom: (82.0, 0.75),
    metal: Metal::Bronze,
    stick: Stick::Wood,
    room: (0.22, 0.32),
    drive: 0.15,
    crush: (48_000.0, 24.0),
    top: 19_000.0,
};

const KITS: &[(&str, Character)] = &[
    ("kit-acoustic", ACOUSTIC),
    (
        "kit-brush",
        Character {
            kick: (60.0, 60.0, 0.016, 0.38, 0.08),
            snare: (176.0, 0.14, 0.30, 0.9, 3600.0),
            hat: (0.07, 0.7, 5800.0),
            stick: Stick::Brush,
            room: (0.22, 0.40),
            drive: 0.0,
            top: 14_000.0,
            ..ACOUSTIC
        },
    ),
    (
        "kit-rock",
        Character {
            kick: (62.0, 190.0, 0.010, 0.38, 0.62),
            snare: (205.0, 0.20, 0.34, 0.95, 3600.0),
            hat: (0.12, 1.1, 5600.0),
            tom: (76.0, 0.9),
            room: (0.42, 0.50),
            drive: 0.9,
            ..ACOUSTIC
        },
    ),
    (
        "kit-house",
        Character {
            kick: (50.0, 260.0, 0.022, 0.42, 0.28),
            snare: (210.0, 0.12, 0.20, 0.9, 3000.0),
            hat: (0.07, 0.42, 7600.0),
            metal: Metal::Machine,
            stick: Stick::Machine,
            room: (0.05, 0.2),
            drive: 0.9,
            ..ACOUSTIC
        },
    ),
    (
        "kit-808",
        Character {
            kick: (46.0, 90.0, 0.030, 1.35, 0.12),
            snare: (185.0, 0.18, 0.22, 0.65, 3500.0),
            hat: (0.055, 0.55, 7200.0),
            tom: (88.0, 0.55),
            metal: Metal::Machine,
            stick: Stick::Machine,
            room: (0.0, 0.1),
            drive: 0.4,
            ..ACOUSTIC
        },
    ),
    (
        "kit-lofi",
        Character {
            kick: (58.0, 130.0, 0.018, 0.34, 0.16),
            snare: (182.0, 0.15, 0.20, 0.70, 2600.0),
            hat: (0.06, 0.4, 5200.0),
            room: (0.18, 0.25),
            drive: 1.2,
            crush: (18_000.0, 9.0),
            top: 6800.0,
            ..ACOUSTIC
        },
    ),
    (
        "kit-breaks",
        Character {
            kick: (68.0, 170.0, 0.011, 0.26, 0.50),
            snare: (232.0, 0.14, 0.19, 0.95, 4600.0),
            hat: (0.07, 0.5, 6200.0),
            tom: (96.0, 0.5),
            room: (0.30, 0.22),
            drive: 1.8,
            crush: (30_000.0, 11.0),
            top: 13_500.0,
            ..ACOUSTIC
        },
    ),
    (
        "kit-chip",
        Character {
            kick: (52.0, 320.0, 0.030, 0.20, 0.2),
            snare: (220.0, 0.07, 0.16, 1.0, 3000.0),
            hat: (0.035, 0.18, 8000.0),
            tom: (110.0, 0.25),
            metal: Metal::Chip,
            stick: Stick::Chip,
            room: (0.0, 0.1),
            drive: 0.0,
            ..ACOUSTIC
        },
    ),
    (
        "kit-orchestral",
        Character {
            kick: (42.0, 22.0, 0.05, 1.7, 0.05),
            snare: (196.0, 0.13, 0.28, 0.95, 5200.0),
            hat: (0.12, 1.2, 5200.0),
            tom: (72.0, 1.2),
            stick: Stick::Orchestra,
            room: (0.36, 0.8),
            drive: 0.0,
            ..ACOUSTIC
        },
    ),
    (
        "kit-hand",
        Character {
            kick: (72.0, 40.0, 0.02, 0.30, 0.10),
            snare: (310.0, 0.09, 0.10, 0.5, 3200.0),
            hat: (0.06, 0.3, 6000.0),
            tom: (98.0, 0.5),
            stick: Stick::Hand,
            room: (0.20, 0.30),
            drive: 0.0,
            ..ACOUSTIC
        },
    ),
];

impl Character {
    /// The kit of a voice.
    pub(crate) fn named(name: &str) -> Option<&'static Character> {
        KITS.iter().find(|k| k.0 == name).map(|k| &k.1)
    }
}
