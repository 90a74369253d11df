//! Plucked strings: guitars, harp, basses, pizzicato, banjo, ukulele.

use crate::lanes::widened;

use super::filter::{Svf, SvfShape};
use super::modal::{Burst, Recipe, Strike};
use super::noise::Chance;
use super::track::{Frame, Gesture, QUANTUM, hertz};
use synchresis_cue::Articulation;

/// A resonance of a body: hertz, quality, gain above 1.
type Resonance = (f32, f32, f32);

/// A string on a body and what plucks it.
#[derive(Debug)]
pub(crate) struct Pluck {
    /// Stiffness of the string at E3; it grows with pitch.
    stiffness: f32,
    /// Where it is plucked, as a share of its length.
    place: f32,
    /// Decibels lost an octave above the fundamental.
    slope: f32,
    /// Corner of the pluck's brightness, soft and hard, hertz.
    bright: (f32, f32),
    /// Seconds to −60 dB at E3, and semitones for halving.
    life_s: f32,
    halving: f32,
    /// How much faster the partials at 1 kHz die.
    loss: f32,
    body: &'static [Resonance],
    /// Noise of finger, nail or pick: level, hertz, seconds.
    touch: (f32, f32, f32),
    attack_s: f32,
    release_s: f32,
    width: f32,
    /// Gain into the amplifier, 0 for none.
    drive: f32,
    amp: Amplifier,
}

/// What follows the pickup: a valve stage and a loudspeaker's response.
#[derive(Debug, Default)]
struct Amplifier {
    before: f32,
    tight: Svf,
    stages: Stages,
    ringing: bool,
}

/// States of the filters behind the valve, and what each gave last.
#[derive(Debug, Clone, Copy, Default)]
struct Stages {
    ic1: [f32; STAGES],
    ic2: [f32; STAGES],
    y: [f32; STAGES],
}

const GUITAR_BODY: &[Resonance] = &[
    (101.0, 14.0, 1.6),
    (204.0, 18.0, 1.9),
    (268.0, 22.0, 0.9),
    (398.0, 20.0, 1.1),
    (560.0, 16.0, 0.7),
    (780.0, 12.0, 0.6),
    (1150.0, 9.0, 0.5),
    (2300.0, 4.0, 0.4),
];
const SMALL_BODY: &[Resonance] = &[
    (196.0, 12.0, 1.4),
    (372.0, 16.0, 1.7),
    (560.0, 18.0, 1.1),
    (812.0, 14.0, 0.9),
    (1350.0, 9.0, 0.6),
    (2700.0, 5.0, 0.4),
];
const BASS_BODY: &[Resonance] = &[
    (62.0, 9.0, 1.2),
    (104.0, 10.0, 1.5),
    (158.0, 14.0, 1.0),
    (240.0, 12.0, 0.8),
    (420.0, 8.0, 0.4),
    (900.0, 4.0, 0.4),
];
const VIOLIN_BODIES: &[Resonance] = &[
    (105.0, 8.0, 0.8),
    (275.0, 8.0, 1.3),
    (460.0, 9.0, 1.5),
    (700.0, 8.0, 0.8),
    (1100.0, 5.0, 0.7),
    (2500.0, 2.0, 0.8),
];
const HARP_BODY: &[Resonance] = &[
    (150.0, 6.0, 0.7),
    (230.0, 8.0, 0.8),
    (420.0, 6.0, 0.5),
    (900.0, 3.0, 0.4),
];
const BANJO_HEAD: &[Resonance] = &[
    (320.0, 5.0, 1.8),
    (560.0, 6.0, 1.6),
    (900.0, 5.0, 1.5),
    (1500.0, 3.0, 1.3),
    (2600.0, 2.5, 1.0),
];
const NONE: &[Resonance] = &[];

impl Pluck {
    /// The named instrument.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let base = Self {
            stiffness: 4e-5,
            place: 0.18,
            slope: 5.0,
            bright: (900.0, 3200.0),
            life_s: 4.0,
            halving: 18.0,
            loss: 0.6,
            body: NONE,
            touch: (0.1, 2000.0, 0.015),
            attack_s: 0.0012,
            release_s: 0.2,
            width: 0.35,
            drive: 0.0,
            amp: Amplifier::default(),
        };
        Some(match name {
            "nylon-guitar" => Self {
                life_s: 3.4,
                loss: 1.1,
                bright: (850.0, 3300.0),
                body: GUITAR_BODY,
                touch: (0.10, 1400.0, 0.02),
                attack_s: 0.0016,
                ..base
            },
            "steel-guitar" => Self {
                stiffness: 6e-5,
                place: 0.15,
                slope: 3.6,
                life_s: 6.0,
                loss: 0.55,
                bright: (2000.0, 6800.0),
                body: GUITAR_BODY,
                touch: (0.16, 4200.0, 0.012),
                attack_s: 0.0007,
                ..base
            },
            "clean-guitar" => Self {
                stiffness: 6e-5,
                place: 0.13,
                slope: 4.0,
                life_s: 7.0,
                loss: 0.5,
                bright: (1300.0, 3800.0),
                touch: (0.06, 3000.0, 0.008),
                attack_s: 0.0008,
                width: 0.25,
                ..base
            },
            "drive-guitar" => Self {
                stiffness: 5e-5,
                place: 0.12,
                slope: 3.5,
                life_s: 14.0,
                halving: 24.0,
                loss: 0.35,
                bright: (2200.0, 4600.0),
                touch: (0.08, 2600.0, 0.01),
                attack_s: 0.0008,
                release_s: 0.06,
                width: 0.0,
                drive: 9.0,
                ..base
            },
            "banjo" => Self {
                stiffness: 5e-5,
                place: 0.10,
                slope: 2.8,
                life_s: 1.5,
                loss: 0.7,
                bright: (2400.0, 5200.0),
                body: BANJO_HEAD,
                touch: (0.35, 3600.0, 0.012),
                attack_s: 0.0004,
                ..base
            },
            "ukulele" => Self {
                place: 0.2,
                slope: 5.0,
                life_s: 1.6,
                halving: 22.0,
                loss: 0.8,
                bright: (1100.0, 3000.0),
                body: SMALL_BODY,
                touch: (0.14, 1800.0, 0.016),
                attack_s: 0.001,
                ..base
            },
            "harp" => Self {
                place: 0.42,
                slope: 6.5,
                life_s: 5.5,
                halving: 16.0,
                loss: 0.7,
                bright: (800.0, 2600.0),
                body: HARP_BODY,
                touch: (0.10, 900.0, 0.02),
                attack_s: 0.002,
                release_s: 1.6,
                width: 0.55,
                ..base
            },
            "strings-pizzicato" => Self {
                place: 0.22,
                slope: 5.5,
                life_s: 0.75,
                halving: 24.0,
                loss: 1.0,
                bright: (900.0, 2800.0),
                body: VIOLIN_BODIES,
                touch: (0.22, 700.0, 0.03),
                attack_s: 0.0025,
                release_s: 0.4,
                width: 0.8,
                ..base
            },
            "upright-bass" => Self {
                stiffness: 6e-5,
                place: 0.2,
                slope: 5.0,
                life_s: 1.9,
                halving: 26.0,
                loss: 2.2,
                bright: (380.0, 1300.0),
                body: BASS_BODY,
                touch: (0.16, 520.0, 0.035),
                attack_s: 0.003,
                release_s: 0.12,
                width: 0.15,
                ..base
            },
            "electric-bass" => Self {
                stiffness: 9e-5,
                place: 0.16,
                slope: 4.5,
                life_s: 4.5,
                halving: 26.0,
                loss: 1.4,
                bright: (500.0, 1900.0),
                touch: (0.07, 700.0, 0.02),
                attack_s: 0.002,
                release_s: 0.09,
                width: 0.0,
                ..base
            },
            "slap-bass" => Self {
                stiffness: 6e-5,
                place: 0.09,
                slope: 2.6,
                life_s: 3.6,
                halving: 26.0,
                loss: 0.9,
                bright: (1800.0, 5200.0),
                touch: (0.42, 2600.0, 0.018),
                attack_s: 0.0008,
                release_s: 0.07,
                width: 0.0,
                ..base
            },
            _ => return None,
        })
    }

    fn body_at(&self, hz: f32) -> f32 {
        let sum: f32 = self
            .body
            .iter()
            .map(|&(centre, q, gain)| {
                let apart = q * (hz / centre - centre / hz);
                gain / (1.0 + apart * apart)
            })
            .sum();
        0.5 + sum
    }
}

impl Recipe for Pluck {
    fn strike(&mut self, g: &Gesture, chance: &mut Chance, s: &mut Strike) {
        let p = f32::from(g.pitch);
        let v = g.velocity;
        let f0 = hertz(g.pitch);
        let level = 0.5 * (v / 0.8).powf(1.35);
        let b = self.stiffness * ((p - 52.0) / 12.0).exp2();
        let corner = (self.bright.0 + (self.bright.1 - self.bright.0) * v * v).max(f0 * 1.2);
        let life = self.life_s * (-(p - 52.0) / self.halving).exp2();
        let place = self.place * chance.between(0.92, 1.08);
        let staccato = if g.articulation == Articulation::Staccato {
            0.45
        } else {
            1.0
        };
        for k in 1..=56 {
            let n = k as f32;
            let hz = n * f0 * ((1.0 + b * n * n) / (1.0 + b)).sqrt();
            if hz > 14_000.0 {
                break;
            }
            let comb = 0.08 + (std::f32::consts::PI * n * place).sin().abs();
            let bright = 1.0 / (1.0 + (hz / corner).powi(4)).sqrt();
            let amp = level * 10f32.powf(-self.slope * n.log2() / 20.0) * comb * bright * self.body_at(hz);
            if amp < 3e-4 * level {
                continue;
            }
            let t = 1.0 / (1.0 / life + self.loss * (hz / 1000.0).powf(1.1) / life.max(0.5).sqrt() * 0.5);
            let t = t * chance.between(0.85, 1.15) * staccato;
            // Two polarisations: one couples to the body and dies first, the other rings on, a trifle apart.
            let apart = 1.0 + chance.between(0.0001, 0.0004);
            s.partial(hz, amp * 0.8, t * 0.7, chance.unit(), k % 2 == 0);
            s.partial(hz * apart, amp * 0.3, t * 1.4, chance.unit(), k % 2 == 1);
        }
        // The knock of the body itself.
        for &(hz, _, gain) in self.body.iter().take(4) {
            s.partial(hz, level * 0.06 * gain * v, 0.12, chance.unit(), false);
        }
        let (amp, hz, t60) = self.touch;
        s.bursts = [
            Burst {
                amp: level * amp * (0.4 + 0.6 * v),
                hz,
                q: 0.7,
                t60: t60 * 2.0,
            },
            Burst {
                amp: level * amp * 0.4 * v,
                hz: (hz * 2.4).min(9000.0),
                q: 0.7,
                t60,
            },
        ];
        s.attack_s = self.attack_s;
        s.width = self.width;
        s.pan = (p - 60.0) / 110.0 * self.width;
        s.release = (self.release_s * staccato, 0.4);
    }

    fn finish(&mut self, out: &mut Frame) {
        if self.drive > 0.0 {
            self.amp.play(self.drive, out);
        }
    }

    fn rings(&self) -> bool {
        self.drive > 0.0 && self.amp.ringing
    }
}

impl Amplifier {
    /// Soft clipping at twice the rate (the mean of two half-steps holds back most of what would fold), then a 12-inch
    /// cone: a bump at 110 Hz, presence at 2.4 kHz, nothing above 5.
    fn play(&mut self, drive: f32, out: &mut Frame) {
        // One amplifier: the guitar is mono until it leaves the cone.
        let peak = amplify(self, drive, &mut out.l);
        out.r = out.l;
        self.ringing = peak > 1e-5;
    }
}

/// Filters behind the valve, each fed by the one before: what stands still, presence, and the cone twice.
const STAGES: usize = 4;

widened! {
    /// [`Amplifier::play`] on one side, in place; returns the peak. The filters behind the valve run beside each other,
    /// each a sample behind the one before it.
    fn amplify(amplifier: &mut Amplifier, drive: f32, out: &mut [f32; QUANTUM]) -> f32 {
        let tight = SvfShape::new(110.0, 0.7);
        let mut state = amplifier.tight;
        for x in out.iter_mut() {
            *x = state.high(&tight, *x) * drive;
        }
        state.settle();
        amplifier.tight = state;
        let mut before = amplifier.before;
        let mut halves = [0.0f32; QUANTUM];
        for (half, x) in halves.iter_mut().zip(out.iter()) {
            *half = 0.5 * (x + before);
            before = *x;
        }
        amplifier.before = before;
        for (x, half) in out.iter_mut().zip(&halves) {
            // A valve leans to one side: even harmonics.
            *x = 0.5 * (bend(half * 1.6 + 0.15) + bend(*x * 1.6 + 0.15));
        }
        let shapes = [SvfShape::new(5.0, 0.7), SvfShape::new(2400.0, 0.9), SvfShape::new(4300.0, 0.8), SvfShape::new(4300.0, 0.8)];
        let parts = shapes.each_ref().map(SvfShape::parts);
        let (a1, a2, a3) = (parts.map(|p| p.0), parts.map(|p| p.1), parts.map(|p| p.2));
        let k = shapes.each_ref().map(SvfShape::band_gain);
        // What each stage gives of its input, band and low: high-pass, bell, low-pass, low-pass.
        let whole = [1.0, 1.0, 0.0, 0.0];
        let band = [-k[0], 0.9 * k[1], 0.0, 0.0];
        let low = [-1.0, 0.0, 1.0, 1.0];
        let Stages { mut ic1, mut ic2, mut y } = amplifier.stages;
        let mut peak = 0.0f32;
        for sample in out.iter_mut() {
            let x = [*sample, y[0], y[1], y[2]];
            for i in 0..STAGES {
                let v3 = x[i] - ic2[i];
                let v1 = a1[i] * ic1[i] + a2[i] * v3;
                let v2 = ic2[i] + a2[i] * ic1[i] + a3[i] * v3;
                ic1[i] = 2.0 * v1 - ic1[i];
                ic2[i] = 2.0 * v2 - ic2[i];
                y[i] = whole[i] * x[i] + band[i] * v1 + low[i] * v2;
            }
            *sample = y[STAGES - 1] * 0.3;
            peak = peak.max(sample.abs());
        }
        amplifier.stages = if peak > 1e-12 { Stages { ic1, ic2, y } } else { Stages::default() };
        peak
    }
}

/// A valve's curve.
#[inline(always)]
fn bend(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    x * (27.0 + x * x) / (27.0 + 9.0 * x * x)
}
