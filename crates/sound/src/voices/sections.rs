//! Which partials each section has, and how it is bowed: the table that [`super::ensemble`] plays from.

use super::wave::Band;

/// How the sound is kept going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bowing {
    /// As long as it is held.
    Sustained,
    /// Bows turning quickly.
    Tremolo,
    /// Bounced: short whatever the length.
    Spiccato,
}

/// A section.
#[derive(Debug)]
pub(crate) struct Section {
    /// (ratio, level) where the partials are given; else the harmonics of a bowed string.
    bells: &'static [(f32, f32)],
    /// Decibels an octave of the harmonics.
    slope: f32,
    /// Half-width of a partial, cents.
    blur: f32,
    formants: &'static [(f32, f32, f32)],
    floor: f32,
    pub(crate) bowing: Bowing,
    /// Low-pass closed and open, hertz; its quality.
    corner: (f32, f32),
    peak: f32,
    /// Rise in seconds, softest and hardest.
    pub(crate) attack_s: (f32, f32),
    pub(crate) release_s: f32,
    /// Decay of a bounced note, seconds.
    pub(crate) life_s: f32,
    /// Bow or breath at the onset: level, hertz, seconds.
    pub(crate) air: (f32, f32, f32),
    /// How far the filter sways by itself.
    pub(crate) motion: f32,
    pub(crate) unsteady: f32,
    /// Exponent from velocity to level.
    pub(crate) loud: f32,
}

const BASE: Section = Section {
    bells: &[],
    slope: 6.8,
    blur: 14.0,
    formants: &[],
    floor: 0.0,
    bowing: Bowing::Sustained,
    corner: (700.0, 5200.0),
    peak: 0.6,
    attack_s: (0.3, 0.12),
    release_s: 0.7,
    life_s: 0.2,
    air: (0.0, 2500.0, 0.05),
    motion: 0.0,
    unsteady: 0.06,
    loud: 1.25,
};

const STRING_BODIES: &[(f32, f32, f32)] = &[
    (110.0, 4.0, 0.5),
    (210.0, 4.0, 0.7),
    (290.0, 4.0, 0.7),
    (480.0, 4.0, 0.9),
    (1000.0, 3.0, 0.4),
    (2500.0, 1.6, 1.3),
    (3600.0, 3.0, 0.5),
];
const LOW_BODIES: &[(f32, f32, f32)] = &[
    (70.0, 4.0, 0.6),
    (105.0, 4.0, 0.9),
    (185.0, 4.0, 1.0),
    (400.0, 3.0, 0.7),
    (1400.0, 1.8, 0.7),
];
/// Formants of a sung "ah" closing to "oh" (Fant 1960).
const VOWEL: &[(f32, f32, f32)] = &[
    (620.0, 5.0, 5.0),
    (1060.0, 7.0, 3.2),
    (2500.0, 9.0, 1.0),
    (3100.0, 8.0, 0.9),
    (320.0, 3.0, 1.2),
];

const SECTIONS: &[(&str, Section)] = &[
    (
        "warm-pad",
        Section {
            slope: 7.5,
            blur: 11.0,
            corner: (350.0, 2400.0),
            peak: 0.8,
            attack_s: (0.7, 0.35),
            release_s: 1.6,
            motion: 0.12,
            loud: 1.1,
            ..BASE
        },
    ),
    (
        "glass-pad",
        Section {
            bells: &[
                (1.0, 1.0),
                (2.0, 0.55),
                (3.0, 0.18),
                (4.0, 0.34),
                (5.03, 0.08),
                (6.02, 0.16),
                (8.05, 0.14),
                (10.1, 0.06),
                (12.1, 0.05),
                (16.2, 0.035),
            ],
            blur: 5.0,
            corner: (2200.0, 9000.0),
            attack_s: (0.5, 0.22),
            release_s: 2.2,
            air: (0.04, 7000.0, 0.35),
            motion: 0.1,
            loud: 1.1,
            ..BASE
        },
    ),
    (
        "choir-pad",
        Section {
            slope: 7.0,
            blur: 15.0,
            formants: VOWEL,
            floor: 90.0,
            corner: (1800.0, 7000.0),
            attack_s: (0.45, 0.22),
            release_s: 0.9,
            air: (0.05, 3200.0, 0.25),
            unsteady: 0.08,
            loud: 1.15,
            ..BASE
        },
    ),
    (
        "dark-drone",
        Section {
            bells: &[
                (0.5, 0.5),
                (1.0, 1.0),
                (1.498, 0.22),
                (2.0, 0.5),
                (3.0, 0.34),
                (3.02, 0.2),
                (4.0, 0.22),
                (5.0, 0.14),
                (6.0, 0.13),
                (7.0, 0.10),
                (8.0, 0.09),
                (9.0, 0.07),
                (11.0, 0.05),
                (13.0, 0.04),
            ],
            blur: 16.0,
            corner: (140.0, 1100.0),
            peak: 1.3,
            attack_s: (1.6, 0.8),
            release_s: 2.6,
            motion: 0.30,
            unsteady: 0.14,
            loud: 1.1,
            ..BASE
        },
    ),
    (
        "strings-legato",
        Section {
            formants: STRING_BODIES,
            floor: 150.0,
            corner: (900.0, 5600.0),
            attack_s: (0.30, 0.13),
            release_s: 0.55,
            air: (0.05, 3000.0, 0.12),
            ..BASE
        },
    ),
    (
        "strings-low",
        Section {
            formants: LOW_BODIES,
            floor: 35.0,
            blur: 13.0,
            corner: (450.0, 3600.0),
            attack_s: (0.28, 0.12),
            release_s: 0.5,
            air: (0.05, 1500.0, 0.12),
            ..BASE
        },
    ),
    (
        "strings-tremolo",
        Section {
            formants: STRING_BODIES,
            floor: 150.0,
            bowing: Bowing::Tremolo,
            corner: (1100.0, 7500.0),
            attack_s: (0.22, 0.08),
            release_s: 0.45,
            air: (0.06, 3500.0, 0.2),
            ..BASE
        },
    ),
    (
        "strings-spiccato",
        Section {
            formants: STRING_BODIES,
            floor: 120.0,
            bowing: Bowing::Spiccato,
            corner: (1100.0, 8000.0),
            attack_s: (0.014, 0.007),
            release_s: 0.2,
            life_s: 0.085,
            air: (0.40, 2600.0, 0.020),
            loud: 1.35,
            ..BASE
        },
    ),
];

impl Section {
    /// The section of a voice.
    pub(crate) fn named(name: &str) -> Option<&'static Section> {
        SECTIONS.iter().find(|s| s.0 == name).map(|s| &s.1)
    }

    /// Every partial of a note of `f0` hertz, in both shades.
    pub(crate) fn partials(&self, f0: f32) -> Vec<Band> {
        let mut list = Vec::new();
        let cents = (self.blur / 1200.0).exp2() - 1.0;
        let mut push = |ratio: f32, level: f32| {
            let hz = f0 * ratio;
            if hz > 18_500.0 {
                return;
            }
            let body: f32 = self
                .formants
                .iter()
                .map(|&(centre, q, gain)| {
                    let apart = q * (hz / centre - centre / hz);
                    gain / (1.0 + apart * apart)
                })
                .sum();
            let base = if self.formants == VOWEL { 0.12 } else { 1.0 };
            let bottom = 1.0 / (1.0 + (self.floor / hz).powi(2));
            let level = level * bottom * (base + body);
            // What a resonant low-pass of the second order leaves, open and closed.
            let pass = |corner: f32| {
                let x = (hz / corner).powi(2);
                1.0 / ((1.0 - x).powi(2) + x / (self.peak * self.peak)).sqrt()
            };
            list.push(Band {
                hz,
                open: level * pass(self.corner.1.max(f0 * 1.5)),
                closed: level * pass(self.corner.0.max(f0 * 0.8)),
                half: hz * cents,
            });
        };
        if self.bells.is_empty() {
            for k in 1..=((18_500.0 / f0) as usize).max(1) {
                let n = k as f32;
                push(n, 10f32.powf(-self.slope * n.log2() / 20.0));
            }
        } else {
            for &(ratio, level) in self.bells {
                push(ratio, level);
            }
        }
        list
    }
}
