//! Pianos, struck strings and struck tines.

use super::modal::{Burst, Recipe, Strike};
use super::noise::Chance;
use super::track::{Frame, Gesture, QUANTA, QUANTUM, hertz};

/// A grand piano, bare or felted. Inharmonic strings in pairs that beat and decay in two stages (Weinreich 1977), a
/// hammer whose brightness follows its speed, the knock of action and soundboard.
#[derive(Debug)]
pub(crate) struct Piano {
    /// Strip of felt between hammers and strings: softer, shorter, closer.
    pub(crate) felt: bool,
}

/// Inharmonicity of a medium grand: bass and treble asymptotes after Rigaud, David and Daudet (2013).
pub(crate) fn piano_inharmonicity(pitch: f32) -> f32 {
    (0.0926 * pitch - 13.64).exp() + (-0.0847 * pitch - 5.82).exp()
}

impl Recipe for Piano {
    fn strike(&mut self, g: &Gesture, chance: &mut Chance, s: &mut Strike) {
        let p = f32::from(g.pitch);
        let v = g.velocity;
        let f0 = hertz(g.pitch);
        let b = piano_inharmonicity(p);
        let treble = ((p - 60.0) / 48.0).clamp(-1.0, 1.0);
        let long = 20.0 * (-(p - 21.0) / 20.0).exp2() * if p > 84.0 { (-(p - 84.0) / 24.0).exp2() } else { 1.0 };
        let soft = if self.felt { 0.62 } else { 1.0 };
        // Decibels lost per kilohertz above the fundamental: hard blows keep the upper partials.
        let tilt = (15.5 - 11.0 * v * soft) * if self.felt { 1.5 } else { 1.0 } * (1.0 - 0.35 * treble.max(0.0));
        let place = 0.12 - 0.03 * treble;
        let level = 0.30 * (v / 0.8).powf(1.55);
        let detune = 0.35 + 0.5 * chance.unit();
        for k in 1..=60 {
            let n = k as f32;
            // The wave on a stiff string is faster the shorter it is; tuned so that the first partials
            // together give the key's pitch.
            let hz = n * f0 * ((1.0 + b * n * n) / (1.0 + 5.0 * b)).sqrt();
            if hz > 13_000.0 {
                break;
            }
            let above = ((hz - f0) / 1000.0).max(0.0);
            let loss = tilt * above.powf(0.85) + 1.1 * n.log2();
            let comb = 0.25 + 0.75 * (std::f32::consts::PI * n * place).sin().abs();
            let board = 1.0 / (1.0 + (75.0 / hz).powi(2));
            let amp = level * 10f32.powf(-loss / 20.0) * comb * board * chance.between(0.75, 1.25);
            if amp < level * 2e-4 {
                continue;
            }
            let t = 1.0 / (1.0 / long + 0.10 * (hz / 1000.0).powf(1.2)) * chance.between(0.8, 1.2) * soft;
            let apart = (detune * chance.between(0.3, 1.0) / 1731.0 * (1.0 + (60.0 / p).powi(2) * 0.3)).exp();
            s.partial(hz, amp * 0.85, t * 0.42, chance.unit(), k % 2 == 0);
            s.partial(hz * apart, amp * 0.34, t * 1.5, chance.unit(), k % 2 == 1);
        }
        let knock = level * if self.felt { 0.16 } else { 0.07 } * (0.6 + v);
        for hz in [78.0, 113.0, 171.0, 242.0, 355.0, 521.0] {
            s.partial(
                hz * chance.between(0.96, 1.04),
                knock * chance.between(0.5, 1.0),
                0.09,
                chance.unit(),
                hz > 200.0,
            );
        }
        let hammer = level * v * soft * if self.felt { 0.25 } else { 0.20 };
        s.bursts = [
            Burst {
                amp: hammer * 0.6,
                hz: 420.0 + 6.0 * p,
                q: 0.7,
                t60: 0.07,
            },
            Burst {
                amp: hammer * 0.35 * soft,
                hz: 1500.0 + 1800.0 * v,
                q: 0.6,
                t60: 0.022,
            },
        ];
        s.attack_s = if self.felt { 0.004 } else { 0.0022 - 0.0012 * v };
        s.pan = (p - 62.0) / 90.0;
        s.width = if self.felt { 0.5 } else { 0.65 };
        s.release = if p > 89.0 {
            (3.0, 0.5)
        } else {
            (0.12 + 0.35 * ((65.0 - p) / 44.0).max(0.0), 0.3)
        };
        s.lift = Burst {
            amp: level * 0.004,
            hz: 300.0,
            q: 0.7,
            t60: 0.08,
        };
    }
}

/// An electric piano of tines and pickups: a near-sine fork, the pickup's harmonics that grow with the blow, the tine's
/// bell at the onset; slow stereo tremolo.
#[derive(Debug, Default)]
pub(crate) struct ElectricPiano {
    turn: f32,
    gains: (f32, f32),
}

impl Recipe for ElectricPiano {
    fn strike(&mut self, g: &Gesture, chance: &mut Chance, s: &mut Strike) {
        let p = f32::from(g.pitch);
        let v = g.velocity;
        let f0 = hertz(g.pitch);
        let level = 0.34 * (v / 0.8).powf(1.35);
        let long = 9.0 * (-(p - 40.0) / 26.0).exp2();
        let bite = v * v * (1.0 - ((p - 72.0) / 48.0).max(0.0));
        for (k, soft, hard, life) in [
            (1.0, 1.0, 0.85, 1.0),
            (2.0, 0.20, 0.62, 0.72),
            (3.0, 0.05, 0.36, 0.50),
            (4.0, 0.015, 0.22, 0.38),
            (5.0, 0.006, 0.13, 0.30),
            (6.0, 0.002, 0.08, 0.24),
            (7.0, 0.001, 0.05, 0.2),
        ] {
            let amp = level * (soft + (hard - soft) * bite);
            s.partial(f0 * k, amp, long * life, 0.0, false);
        }
        // The same fork through the other pickup, a hair later: width without chorus.
        s.partial(f0 * 1.0004, level * 0.25, long * 0.8, 0.25, true);
        let bell = level * (0.06 + 0.22 * v * v);
        s.partial(f0 * 6.267, bell * 0.5, 0.45, chance.unit(), true);
        s.partial(
            (f0 * 17.55).min(9_000.0 + 5.0 * p),
            bell * 0.35,
            0.16,
            chance.unit(),
            false,
        );
        s.partial(f0 * 4.06, bell * 0.25, 0.22, chance.unit(), true);
        s.bursts = [
            Burst {
                amp: level * 0.10 * v,
                hz: 700.0,
                q: 0.6,
                t60: 0.03,
            },
            Burst {
                amp: level * 0.05 * v,
                hz: 3200.0,
                q: 0.7,
                t60: 0.012,
            },
        ];
        s.attack_s = 0.0016;
        s.width = 0.3;
        s.pan = (p - 62.0) / 160.0;
        s.release = (0.16, 0.1);
        s.lift = Burst {
            amp: level * 0.003,
            hz: 900.0,
            q: 0.8,
            t60: 0.03,
        };
    }

    fn finish(&mut self, out: &mut Frame) {
        // Tremolo from side to side, 4.6 Hz.
        self.turn = (self.turn + 4.6 / QUANTA).fract();
        let sway = (self.turn * std::f32::consts::TAU).sin();
        let aim = (0.16 * sway, -0.16 * sway);
        let step = (
            (aim.0 - self.gains.0) / QUANTUM as f32,
            (aim.1 - self.gains.1) / QUANTUM as f32,
        );
        for (i, (l, r)) in out.l.iter_mut().zip(&mut out.r).enumerate() {
            let at = (i + 1) as f32;
            *l *= 1.0 + self.gains.0 + step.0 * at;
            *r *= 1.0 + self.gains.1 + step.1 * at;
        }
        self.gains = aim;
    }
}
