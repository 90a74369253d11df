//! Bars, bells and kettles.

use super::modal::{Burst, Recipe, Strike};
use super::noise::Chance;
use super::track::{Frame, Gesture, QUANTA, QUANTUM, hertz};

/// One mode of a bar, bell or membrane.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Frequency against the note's.
    pub(crate) ratio: f32,
    /// Level at a soft and at a hard blow.
    pub(crate) amp: (f32, f32),
    /// Life against the fundamental's.
    pub(crate) life: f32,
}

const fn ring(ratio: f32, soft: f32, hard: f32, life: f32) -> Ring {
    Ring {
        ratio,
        amp: (soft, hard),
        life,
    }
}

/// A mallet instrument: its modes, how long it rings, its stick. Mode ratios after Fletcher and Rossing, The Physics of
/// Musical Instruments (1998), chapters 18 to 21.
#[derive(Debug)]
pub(crate) struct Mallet {
    pub(crate) rings: &'static [Ring],
    /// Seconds to −60 dB at C5, and halving per how many semitones.
    pub(crate) life_s: f32,
    pub(crate) halving: f32,
    /// Noise of the stick: level, hertz, seconds.
    pub(crate) stick: (f32, f32, f32),
    pub(crate) attack_s: f32,
    /// Let go: seconds to −60 dB; bars without dampers keep ringing.
    pub(crate) release_s: f32,
    /// Beating of the nearly degenerate pairs, cents.
    pub(crate) beating: f32,
    /// Vibraphone fan: turns a second, 0 for none.
    pub(crate) fan_hz: f32,
    pub(crate) width: f32,
    pub(crate) turn: f32,
    pub(crate) gain: f32,
}

impl Mallet {
    /// The named instrument.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let base = Self {
            rings: &[],
            life_s: 1.0,
            halving: 18.0,
            stick: (0.1, 2000.0, 0.01),
            attack_s: 0.0008,
            release_s: 30.0,
            beating: 0.0,
            fan_hz: 0.0,
            width: 0.5,
            turn: 0.0,
            gain: 1.0,
        };
        Some(match name {
            "celesta" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(2.0, 0.08, 0.12, 0.5),
                        ring(3.98, 0.10, 0.22, 0.35),
                        ring(6.3, 0.02, 0.08, 0.15),
                        ring(10.2, 0.01, 0.06, 0.08),
                    ]
                },
                life_s: 2.2,
                halving: 22.0,
                stick: (0.10, 1700.0, 0.03),
                attack_s: 0.0015,
                release_s: 0.35,
                ..base
            },
            "music-box" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(2.0, 0.10, 0.16, 0.6),
                        ring(3.0, 0.06, 0.12, 0.5),
                        ring(6.27, 0.14, 0.32, 0.30),
                        ring(9.1, 0.03, 0.08, 0.15),
                        ring(17.55, 0.02, 0.07, 0.08),
                    ]
                },
                life_s: 2.6,
                halving: 16.0,
                stick: (0.14, 4200.0, 0.012),
                attack_s: 0.0006,
                ..base
            },
            "glockenspiel" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 0.9, 1.0),
                        ring(2.71, 0.20, 0.42, 0.5),
                        ring(5.15, 0.06, 0.20, 0.25),
                        ring(8.43, 0.02, 0.10, 0.12),
                    ]
                },
                life_s: 4.5,
                halving: 14.0,
                stick: (0.16, 6000.0, 0.008),
                beating: 1.5,
                ..base
            },
            "vibraphone" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(3.99, 0.10, 0.28, 0.35),
                        ring(9.97, 0.01, 0.07, 0.10),
                        ring(17.3, 0.002, 0.02, 0.05),
                    ]
                },
                life_s: 6.5,
                halving: 20.0,
                stick: (0.06, 900.0, 0.02),
                attack_s: 0.0022,
                release_s: 0.30,
                fan_hz: 5.2,
                ..base
            },
            "marimba" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(3.93, 0.10, 0.30, 0.32),
                        ring(9.6, 0.02, 0.10, 0.12),
                        ring(16.0, 0.004, 0.03, 0.06),
                    ]
                },
                life_s: 0.85,
                halving: 15.0,
                stick: (0.10, 650.0, 0.03),
                attack_s: 0.0016,
                ..base
            },
            "xylophone" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 0.9, 1.0),
                        ring(3.0, 0.25, 0.45, 0.55),
                        ring(6.1, 0.10, 0.28, 0.30),
                        ring(10.2, 0.04, 0.14, 0.15),
                    ]
                },
                life_s: 0.45,
                halving: 20.0,
                stick: (0.30, 2800.0, 0.02),
                attack_s: 0.0004,
                ..base
            },
            // The strike note is the octave below modes 4, 5 and 6 of the tube (2 : 3 : 4).
            "tubular-bells" => Self {
                rings: const {
                    &[
                        ring(0.31, 0.10, 0.08, 1.2),
                        ring(0.61, 0.16, 0.14, 1.3),
                        ring(1.0, 0.50, 0.45, 1.2),
                        ring(2.0, 1.0, 0.9, 1.0),
                        ring(3.01, 0.60, 0.75, 0.7),
                        ring(4.17, 0.35, 0.60, 0.45),
                        ring(5.43, 0.15, 0.40, 0.30),
                        ring(6.80, 0.06, 0.25, 0.2),
                        ring(8.2, 0.03, 0.16, 0.12),
                    ]
                },
                life_s: 7.0,
                halving: 24.0,
                stick: (0.16, 2300.0, 0.03),
                attack_s: 0.0008,
                release_s: 1.6,
                beating: 2.0,
                gain: 0.6,
                ..base
            },
            // Preferred modes (1,1) (2,1) (3,1) (4,1) (5,1) lie near 2 : 3 : 4 : 5 : 6.
            "timpani" => Self {
                rings: const {
                    &[
                        ring(0.85, 0.30, 0.5, 0.14),
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(1.504, 0.60, 0.85, 0.95),
                        ring(1.742, 0.10, 0.25, 0.2),
                        ring(2.0, 0.28, 0.60, 0.75),
                        ring(2.495, 0.12, 0.42, 0.5),
                        ring(2.98, 0.06, 0.30, 0.4),
                        ring(3.46, 0.03, 0.20, 0.25),
                        ring(4.2, 0.01, 0.12, 0.15),
                    ]
                },
                life_s: 1.1,
                halving: 26.0,
                stick: (0.35, 260.0, 0.07),
                attack_s: 0.0025,
                release_s: 1.2,
                beating: 3.0,
                ..base
            },
            "bell-synth" => Self {
                rings: const {
                    &[
                        ring(1.0, 1.0, 1.0, 1.0),
                        ring(1.0, 0.4, 0.4, 1.3),
                        ring(2.0, 0.30, 0.40, 0.8),
                        ring(2.76, 0.16, 0.34, 0.55),
                        ring(3.0, 0.10, 0.22, 0.6),
                        ring(5.40, 0.08, 0.30, 0.30),
                        ring(8.93, 0.03, 0.16, 0.18),
                        ring(11.3, 0.01, 0.08, 0.10),
                    ]
                },
                life_s: 3.2,
                halving: 24.0,
                stick: (0.02, 4000.0, 0.01),
                attack_s: 0.0012,
                release_s: 1.1,
                beating: 6.0,
                width: 0.9,
                ..base
            },
            _ => return None,
        })
    }
}

impl Recipe for Mallet {
    fn strike(&mut self, g: &Gesture, chance: &mut Chance, s: &mut Strike) {
        let p = f32::from(g.pitch);
        let v = g.velocity;
        let f0 = hertz(g.pitch);
        let level = 0.4 * self.gain * (v / 0.8).powf(1.45);
        let hard = v * v;
        let life = self.life_s * (-(p - 72.0) / self.halving).exp2();
        for (i, r) in self.rings.iter().enumerate() {
            let amp = level * (r.amp.0 + (r.amp.1 - r.amp.0) * hard) * chance.between(0.85, 1.15);
            let t60 = life * r.life;
            let hz = f0 * r.ratio;
            // High modes die sooner on small bars too.
            let t60 = t60 / (1.0 + (hz / 9000.0).powi(2));
            if self.beating > 0.0 && i > 0 {
                let apart = (self.beating * chance.between(0.4, 1.0) / 1200.0).exp2();
                s.partial(hz, amp * 0.6, t60, chance.unit(), false);
                s.partial(hz * apart, amp * 0.5, t60, chance.unit(), true);
            } else {
                s.partial(hz, amp, t60, chance.unit(), i % 2 == 1);
            }
        }
        let (amp, hz, t60) = self.stick;
        s.bursts = [
            Burst {
                amp: level * amp * (0.3 + v),
                hz,
                q: 0.6,
                t60: t60 * 2.0,
            },
            Burst {
                amp: level * amp * 0.5 * v,
                hz: (hz * 2.6).min(9000.0),
                q: 0.7,
                t60,
            },
        ];
        s.attack_s = self.attack_s;
        s.width = self.width * 0.6;
        s.pan = (p - 72.0) / 90.0;
        s.release = (self.release_s, 0.2);
    }

    fn finish(&mut self, out: &mut Frame) {
        if self.fan_hz <= 0.0 {
            return;
        }
        // Fans open and close the resonators: the fundamental's level sways; both sides slightly apart.
        let before = self.turn;
        self.turn = (self.turn + self.fan_hz / QUANTA).fract();
        let gain = |turn: f32| 0.86 + 0.14 * (turn * std::f32::consts::TAU).sin();
        let (l0, l1) = (gain(before), gain(self.turn));
        let (r0, r1) = (gain(before + 0.12), gain(self.turn + 0.12));
        for (i, (l, r)) in out.l.iter_mut().zip(&mut out.r).enumerate() {
            let at = (i + 1) as f32 / QUANTUM as f32;
            *l *= l0 + (l1 - l0) * at;
            *r *= r0 + (r1 - r0) * at;
        }
    }
}
