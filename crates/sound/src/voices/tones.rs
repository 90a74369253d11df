//! How each bowed, blown or winded tone is made: the table that [`super::blown`] plays from.

/// The source of a tone: which harmonics there are before the body shapes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Source {
    /// All harmonics, falling by so many decibels an octave (soft, hard).
    Full(f32, f32),
    /// A closed pipe: even harmonics weak at the bottom, coming in higher up.
    Odd(f32, f32),
    /// Given levels of the first harmonics.
    Drawbars(&'static [f32]),
}

/// A tone.
#[derive(Debug)]
pub(crate) struct Tone {
    pub(crate) source: Source,
    /// Where the spectrum falls off steeply, soft and hard, hertz, and how steeply (order).
    pub(crate) corner: (f32, f32),
    pub(crate) order: f32,
    /// Resonances: hertz, quality, gain above 1 (below 0: a dip).
    pub(crate) formants: &'static [(f32, f32, f32)],
    /// What of the sound passes below this, hertz.
    pub(crate) floor: f32,
    /// Rise, seconds, at velocity 0 and 1.
    pub(crate) attack_s: (f32, f32),
    /// Fall to −60 dB, seconds.
    pub(crate) release_s: f32,
    /// Hertz, cents, onset seconds, level depth.
    pub(crate) vibrato: (f32, f32, f32, f32),
    /// Breath or bow noise: level, hertz, quality, at least this multiple of the pitch.
    pub(crate) air: (f32, f32, f32, f32),
    /// Extra noise at the onset.
    pub(crate) chiff: f32,
    /// Overshoot of a hard onset.
    pub(crate) bite: f32,
    /// Seconds by which it must begin sooner than its rise and its pitch say, so that it is heard in time.
    pub(crate) speaks_s: f32,
    /// Cents from which the onset slides.
    pub(crate) scoop: f32,
    pub(crate) unsteady: f32,
    pub(crate) players: usize,
    pub(crate) detune: f32,
    pub(crate) width: f32,
    /// Seconds by which the players of a section miss each other.
    pub(crate) loose: f32,
    /// Exponent from velocity to level.
    pub(crate) loud: f32,
    /// Pitch of the period against the note's: 0.5 for a 16-foot stop.
    pub(crate) footage: f32,
    pub(crate) rotor: bool,
}

impl Tone {
    /// Level of harmonic `k` of a period of `hz` in one of the four shades (soft low, hard low, soft high, hard high).
    pub(crate) fn level(&self, shade: usize, k: usize, hz: f32) -> f32 {
        let hard = shade % 2 == 1;
        let n = k as f32;
        // The two ends of the vibrato look at the body from slightly different places.
        let reach = (self.vibrato.1.max(8.0) / 1200.0).exp2();
        let f = n * hz * if shade >= 2 { reach } else { 1.0 / reach };
        let slope = |soft: f32, strong: f32| 10f32.powf(-if hard { strong } else { soft } * n.log2() / 20.0);
        let source = match self.source {
            Source::Full(soft, strong) => slope(soft, strong),
            Source::Odd(soft, strong) => {
                let even = if k.is_multiple_of(2) {
                    (0.04 + f / 4500.0).min(0.8)
                } else {
                    1.0
                };
                slope(soft, strong) * even
            }
            Source::Drawbars(bars) => bars.get(k - 1).copied().unwrap_or(0.0),
        };
        let corner = if hard { self.corner.1 } else { self.corner.0 }.max(hz * 1.3);
        let top = (1.0 + (f / corner).powi(2)).powf(-0.5 * self.order);
        let bottom = 1.0 / (1.0 + (self.floor / f.max(1.0)).powi(2));
        let body: f32 = self
            .formants
            .iter()
            .map(|&(centre, q, gain)| {
                let apart = q * (f / centre - centre / f);
                gain / (1.0 + apart * apart)
            })
            .sum();
        source * top * bottom * (1.0 + body).max(0.05)
    }

    /// The tone of a voice.
    pub(crate) fn named(name: &str) -> Option<&'static Tone> {
        TONES.iter().find(|t| t.0 == name).map(|t| &t.1)
    }
}

const BASE: Tone = Tone {
    source: Source::Full(6.0, 6.0),
    corner: (3000.0, 6000.0),
    order: 2.0,
    formants: &[],
    floor: 0.0,
    attack_s: (0.08, 0.04),
    release_s: 0.15,
    vibrato: (5.3, 10.0, 0.25, 0.05),
    air: (0.0, 2000.0, 0.7, 0.0),
    chiff: 0.0,
    bite: 0.1,
    speaks_s: 0.0,
    scoop: 0.0,
    unsteady: 1.0,
    players: 1,
    detune: 0.0,
    width: 0.0,
    loose: 0.0,
    loud: 1.3,
    footage: 1.0,
    rotor: false,
};

/// Violin body: air resonance, the two main wood modes, the bridge hill (Bissinger 2008).
const VIOLIN: &[(f32, f32, f32)] = &[
    (280.0, 9.0, 1.2),
    (465.0, 10.0, 1.6),
    (560.0, 12.0, 1.5),
    (850.0, 12.0, 0.7),
    (1120.0, 12.0, 0.8),
    (1700.0, 8.0, 0.6),
    (2450.0, 2.2, 1.8),
    (3200.0, 5.0, 0.6),
];
const CELLO: &[(f32, f32, f32)] = &[
    (98.0, 9.0, 1.0),
    (178.0, 10.0, 1.6),
    (225.0, 10.0, 1.2),
    (390.0, 9.0, 1.0),
    (580.0, 7.0, 0.9),
    (1000.0, 5.0, 0.5),
    (1900.0, 2.2, 1.0),
];

const TONES: &[(&str, Tone)] = &[
    (
        "solo-violin",
        Tone {
            source: Source::Full(7.0, 5.0),
            corner: (3200.0, 6500.0),
            order: 3.0,
            formants: VIOLIN,
            floor: 200.0,
            attack_s: (0.16, 0.07),
            release_s: 0.25,
            vibrato: (5.6, 17.0, 0.18, 0.12),
            air: (0.045, 3500.0, 0.5, 0.0),
            chiff: 2.0,
            scoop: -12.0,
            ..BASE
        },
    ),
    (
        "solo-cello",
        Tone {
            source: Source::Full(7.0, 5.5),
            corner: (1900.0, 4200.0),
            order: 3.0,
            formants: CELLO,
            floor: 70.0,
            attack_s: (0.18, 0.08),
            release_s: 0.3,
            vibrato: (5.1, 15.0, 0.2, 0.12),
            air: (0.04, 2200.0, 0.5, 0.0),
            chiff: 2.0,
            scoop: -10.0,
            ..BASE
        },
    ),
    (
        "horns",
        Tone {
            source: Source::Full(5.0, 3.0),
            corner: (420.0, 1250.0),
            order: 3.2,
            formants: &[(340.0, 1.5, 0.8), (750.0, 2.0, 0.5)],
            floor: 60.0,
            attack_s: (0.12, 0.06),
            release_s: 0.25,
            vibrato: (4.8, 3.0, 0.5, 0.02),
            air: (0.01, 900.0, 0.6, 0.0),
            chiff: 2.0,
            bite: 0.2,
            scoop: -15.0,
            players: 3,
            detune: 5.0,
            width: 0.6,
            loose: 0.03,
            ..BASE
        },
    ),
    (
        "brass-section",
        Tone {
            source: Source::Full(4.0, 1.5),
            corner: (900.0, 3000.0),
            order: 3.0,
            formants: &[(1200.0, 1.2, 0.8), (2400.0, 2.0, 0.4)],
            floor: 80.0,
            attack_s: (0.06, 0.022),
            release_s: 0.16,
            vibrato: (5.0, 4.0, 0.5, 0.02),
            air: (0.012, 1800.0, 0.6, 0.0),
            chiff: 2.5,
            bite: 0.45,
            scoop: -25.0,
            players: 3,
            detune: 7.0,
            width: 0.7,
            loose: 0.012,
            ..BASE
        },
    ),
    (
        "trumpet",
        Tone {
            source: Source::Full(3.0, 0.5),
            corner: (1200.0, 3600.0),
            order: 3.2,
            formants: &[(1200.0, 1.4, 1.0), (2600.0, 2.5, 0.6)],
            floor: 150.0,
            attack_s: (0.05, 0.02),
            release_s: 0.13,
            vibrato: (5.4, 11.0, 0.35, 0.06),
            air: (0.012, 3000.0, 0.6, 0.0),
            chiff: 2.5,
            bite: 0.35,
            scoop: -25.0,
            ..BASE
        },
    ),
    (
        "muted-trumpet",
        Tone {
            source: Source::Full(1.0, -1.5),
            corner: (2600.0, 5200.0),
            order: 3.0,
            formants: &[(1700.0, 3.0, 2.2), (3200.0, 3.0, 1.2), (480.0, 1.2, -0.75)],
            floor: 500.0,
            attack_s: (0.045, 0.02),
            release_s: 0.12,
            vibrato: (5.6, 13.0, 0.25, 0.08),
            air: (0.02, 4200.0, 0.6, 0.0),
            chiff: 2.0,
            bite: 0.25,
            scoop: -30.0,
            ..BASE
        },
    ),
    (
        "trombone",
        Tone {
            source: Source::Full(3.0, 0.8),
            corner: (650.0, 2300.0),
            order: 3.0,
            formants: &[(520.0, 1.4, 0.9), (1400.0, 2.0, 0.5)],
            floor: 70.0,
            attack_s: (0.042, 0.017),
            release_s: 0.16,
            vibrato: (4.9, 8.0, 0.4, 0.04),
            air: (0.012, 1500.0, 0.6, 0.0),
            chiff: 4.0,
            bite: 0.45,
            speaks_s: 0.003,
            scoop: -30.0,
            ..BASE
        },
    ),
    (
        "tuba",
        Tone {
            source: Source::Full(4.0, 2.0),
            corner: (260.0, 800.0),
            order: 3.0,
            formants: &[(230.0, 1.5, 0.7)],
            floor: 35.0,
            attack_s: (0.038, 0.014),
            release_s: 0.18,
            vibrato: (4.6, 3.0, 0.5, 0.02),
            air: (0.014, 1100.0, 0.5, 0.0),
            chiff: 7.0,
            bite: 0.55,
            speaks_s: 0.006,
            scoop: -20.0,
            ..BASE
        },
    ),
    (
        "flute",
        Tone {
            source: Source::Full(13.0, 8.5),
            corner: (2200.0, 4200.0),
            order: 2.5,
            formants: &[(800.0, 1.2, 0.5)],
            floor: 120.0,
            attack_s: (0.10, 0.05),
            release_s: 0.16,
            vibrato: (5.0, 8.0, 0.25, 0.24),
            air: (0.05, 2200.0, 0.5, 2.0),
            chiff: 2.5,
            scoop: -14.0,
            ..BASE
        },
    ),
    (
        "piccolo",
        Tone {
            source: Source::Full(13.0, 9.0),
            corner: (4200.0, 7500.0),
            order: 2.5,
            formants: &[],
            floor: 300.0,
            attack_s: (0.07, 0.04),
            release_s: 0.12,
            vibrato: (5.6, 8.0, 0.2, 0.15),
            air: (0.08, 4500.0, 0.5, 2.0),
            chiff: 2.5,
            scoop: -12.0,
            ..BASE
        },
    ),
    (
        "clarinet",
        Tone {
            source: Source::Odd(7.0, 4.0),
            corner: (1500.0, 3600.0),
            order: 3.0,
            formants: &[(1500.0, 2.0, 0.5)],
            floor: 90.0,
            attack_s: (0.09, 0.045),
            release_s: 0.13,
            vibrato: (4.8, 2.0, 0.5, 0.02),
            air: (0.025, 2500.0, 0.6, 0.0),
            chiff: 2.0,
            scoop: -8.0,
            ..BASE
        },
    ),
    (
        "oboe",
        Tone {
            source: Source::Full(2.0, 0.0),
            corner: (1800.0, 3000.0),
            order: 3.2,
            formants: &[(1050.0, 2.6, 2.6), (2900.0, 3.5, 1.2)],
            floor: 200.0,
            attack_s: (0.07, 0.04),
            release_s: 0.12,
            vibrato: (5.4, 9.0, 0.25, 0.10),
            air: (0.015, 3000.0, 0.6, 0.0),
            chiff: 2.0,
            scoop: -12.0,
            ..BASE
        },
    ),
    (
        "bassoon",
        Tone {
            source: Source::Full(2.5, 0.5),
            corner: (900.0, 2000.0),
            order: 3.2,
            formants: &[(470.0, 2.6, 3.0), (1150.0, 3.0, 1.0)],
            floor: 90.0,
            attack_s: (0.038, 0.016),
            release_s: 0.12,
            vibrato: (5.0, 6.0, 0.3, 0.06),
            air: (0.015, 1500.0, 0.6, 0.0),
            chiff: 4.5,
            bite: 0.4,
            speaks_s: 0.003,
            scoop: -10.0,
            ..BASE
        },
    ),
    (
        "saxophone",
        Tone {
            source: Source::Full(4.0, 1.2),
            corner: (1400.0, 3200.0),
            order: 2.6,
            formants: &[(560.0, 1.8, 1.0), (1300.0, 2.0, 0.9), (2500.0, 3.0, 0.6)],
            floor: 100.0,
            attack_s: (0.045, 0.02),
            release_s: 0.14,
            vibrato: (5.1, 13.0, 0.25, 0.14),
            air: (0.05, 3200.0, 0.5, 0.0),
            chiff: 2.5,
            bite: 0.2,
            scoop: -35.0,
            ..BASE
        },
    ),
    (
        "whistle",
        Tone {
            source: Source::Full(26.0, 18.0),
            corner: (3000.0, 5000.0),
            order: 2.0,
            formants: &[],
            floor: 200.0,
            attack_s: (0.09, 0.05),
            release_s: 0.13,
            vibrato: (5.4, 16.0, 0.2, 0.10),
            air: (0.08, 2500.0, 1.2, 1.0),
            chiff: 2.0,
            scoop: -40.0,
            ..BASE
        },
    ),
    (
        "harmonica",
        Tone {
            source: Source::Full(1.0, -1.0),
            corner: (2200.0, 4600.0),
            order: 2.6,
            formants: &[(900.0, 1.6, 0.8), (2300.0, 2.0, 1.2)],
            floor: 250.0,
            attack_s: (0.07, 0.04),
            release_s: 0.11,
            vibrato: (5.2, 7.0, 0.25, 0.25),
            air: (0.03, 4000.0, 0.5, 0.0),
            chiff: 1.5,
            scoop: -30.0,
            ..BASE
        },
    ),
    (
        "accordion",
        Tone {
            source: Source::Full(2.0, 1.0),
            corner: (3200.0, 4600.0),
            order: 2.4,
            formants: &[(1000.0, 1.2, 0.8), (2400.0, 2.0, 0.7)],
            floor: 120.0,
            attack_s: (0.025, 0.012),
            release_s: 0.07,
            vibrato: (5.0, 0.0, 9.0, 0.0),
            air: (0.01, 2500.0, 0.5, 0.0),
            chiff: 4.0,
            bite: 0.15,
            players: 3,
            detune: 11.0,
            width: 0.35,
            ..BASE
        },
    ),
    (
        "organ",
        Tone {
            source: Source::Drawbars(&[
                0.55, 1.0, 0.70, 0.75, 0.0, 0.34, 0.0, 0.30, 0.0, 0.10, 0.0, 0.10, 0.0, 0.0, 0.0, 0.12,
            ]),
            corner: (5000.0, 6500.0),
            order: 2.0,
            formants: &[],
            floor: 30.0,
            attack_s: (0.008, 0.006),
            release_s: 0.035,
            vibrato: (6.0, 0.0, 9.0, 0.0),
            air: (0.015, 3000.0, 0.5, 0.0),
            chiff: 8.0,
            bite: 0.0,
            unsteady: 0.1,
            loud: 0.8,
            footage: 0.5,
            rotor: true,
            ..BASE
        },
    ),
];
