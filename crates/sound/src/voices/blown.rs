//! One player and one breath, bow or bellows: solo strings, brass, winds, reeds, organ.
//!
//! Each note is a period whose harmonics come from how the tone is made (bow, lips, reed, edge), shaped by the resonances
//! of the body at their true frequencies; soft and hard playing, and both ends of the vibrato, are crossfaded, so that
//! brightness follows loudness and the resonances shimmer under the vibrato as they do on the real thing.

use std::sync::Arc;

use realfft::RealFftPlanner;
use synchresis_cue::Articulation;

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

use super::filter::SvfShape;
use super::noise::{Chance, Drift, Hiss};
use super::tones::Tone;
use super::track::{Control, Frame, Gesture, Instrument, QUANTA, QUANTUM, falling, hertz};
use super::wave::{Period, Shelf, turns};

/// Players that one note may have.
const MOST_PLAYERS: usize = 4;
/// Notes at once.
const MOST_VOICES: usize = 20;

#[derive(Clone, Copy, Default)]
struct Mouth {
    phase: u32,
    ratio: f32,
    turn: f32,
    vibrato: f32,
    rate: f32,
    pan: (f32, f32),
    delay: f32,
}

struct Voice {
    id: u32,
    wave: Arc<Period>,
    hz: f32,
    mouths: [Mouth; MOST_PLAYERS],
    weights: [[f32; 4]; MOST_PLAYERS],
    drift: Drift,
    chance: Chance,
    air_level: f32,
    velocity: f32,
    gain: f32,
    attack_s: f32,
    age_s: f32,
    release_s: f32,
    envelope: f32,
    released: bool,
    /// Seconds since, and the level then.
    gone_s: f32,
    last: f32,
    begun: usize,
    first: bool,
    accent: f32,
    scoop: f32,
    vibrates: bool,
}

/// An instrument of this kind.
pub(crate) struct Blown {
    tone: &'static Tone,
    shelf: Shelf<Period>,
    voices: Vec<Voice>,
    seed: u64,
    rotor: Rotor,
    tail: u32,
    air: Hiss,
}

impl Blown {
    /// For the pitches that the track plays.
    pub(crate) fn new(tone: &'static Tone, pitches: &[u8], seed: u64) -> Self {
        let mut planner = RealFftPlanner::new();
        let shelf = Shelf::new(pitches, |pitch| {
            let hz = hertz(pitch) * tone.footage;
            Period::new(hz, |shade, k| tone.level(shade, k, hz), &mut planner)
        });
        // The breath is heard about the pitches that are played.
        let middle = pitches.get(pitches.len() / 2).map_or(440.0, |&p| hertz(p));
        Self {
            tone,
            shelf,
            voices: Vec::with_capacity(MOST_VOICES),
            seed,
            rotor: Rotor::new(),
            tail: 0,
            air: Hiss::new(
                &SvfShape::new(tone.air.1.max(middle * tone.air.3), tone.air.2),
                &mut Chance::new(seed, 0x6169_7200),
            ),
        }
    }

    fn attack_s(&self, g: &Gesture) -> f32 {
        let t = self.tone;
        let slow = t.attack_s.0 + (t.attack_s.1 - t.attack_s.0) * g.velocity;
        match g.articulation {
            _ if g.locked => slow.min(0.018),
            Articulation::Accent | Articulation::Staccato => slow * 0.5,
            Articulation::Legato if g.tied => (slow * 0.6).min(0.06),
            _ => slow,
        }
        .min(0.6 * g.held_s().max(0.03))
    }
}

impl Voice {
    fn render(&mut self, tone: &Tone, control: &Control, air: &[f32], out: &mut Frame) -> bool {
        let gain = self.gain;
        let from = if self.first { self.begun } else { 0 };
        self.first = false;
        let dt = (QUANTUM - from) as f32 / SAMPLE_RATE as f32;
        self.age_s += dt;
        if self.released {
            self.gone_s += dt;
            self.envelope = self.last * falling(self.gone_s, self.release_s);
        } else {
            let x = (self.age_s / self.attack_s).min(1.0);
            self.envelope = x * x * (3.0 - 2.0 * x);
        }
        let wander = self.drift.step(&mut self.chance);
        self.accent *= (-dt / 0.09).exp();
        let hard = (self.velocity * (0.35 + 0.65 * control.expression) * (0.55 + 0.45 * self.envelope)
            + 0.25 * self.accent
            + 0.03 * wander)
            .clamp(0.0, 1.0);
        let level = self.envelope * (1.0 + 0.6 * self.accent) * (1.0 + 0.05 * wander);
        let onset = ((self.age_s - tone.vibrato.2) / 0.45).clamp(0.0, 1.0);
        let depth = if self.vibrates {
            onset * onset * (1.0 + 0.25 * wander)
        } else {
            0.0
        };
        let scoop = self.scoop * (-self.age_s / 0.035).exp();
        let mut sound = [0.0f32; QUANTUM];
        for (i, mouth) in self.mouths.iter_mut().take(tone.players).enumerate() {
            mouth.vibrato = (mouth.vibrato + mouth.rate * (1.0 + 0.08 * wander) * dt).fract();
            let (sway, swell) = (mouth.vibrato * std::f32::consts::TAU).sin_cos();
            let cents = tone.vibrato.1 * depth * sway + 2.0 * wander * tone.unsteady + scoop;
            let aim = turns(self.hz * mouth.ratio * control.bend * (cents / 1200.0).exp2());
            if mouth.turn == 0.0 {
                mouth.turn = aim;
            }
            let late = (level * (1.0 - tone.vibrato.3 * depth * (0.5 + 0.5 * swell)))
                * if mouth.delay > 0.0 {
                    (self.age_s / mouth.delay).min(1.0)
                } else {
                    1.0
                };
            let up = 0.5 + 0.5 * sway * depth.min(1.0);
            let goal = [
                late * (1.0 - hard) * (1.0 - up),
                late * hard * (1.0 - up),
                late * (1.0 - hard) * up,
                late * hard * up,
            ];
            let n = (QUANTUM - from) as f32;
            let weights = self.weights[i];
            let mut steps = [0.0; 4];
            for j in 0..4 {
                steps[j] = (goal[j] - weights[j]) / n;
            }
            self.weights[i] = goal;
            if tone.players == 1 {
                mouth.phase = self.wave.add(
                    mouth.phase,
                    mouth.turn,
                    (aim - mouth.turn) / n,
                    weights,
                    steps,
                    &mut sound[from..],
                );
            } else {
                let mut own = [0.0f32; QUANTUM];
                mouth.phase = self.wave.add(
                    mouth.phase,
                    mouth.turn,
                    (aim - mouth.turn) / n,
                    weights,
                    steps,
                    &mut own[from..],
                );
                place(&own, (mouth.pan.0 * gain, mouth.pan.1 * gain), out);
            }
            mouth.turn = aim;
        }
        if tone.air.0 > 0.0 {
            let chiff = tone.chiff * (-self.age_s / 0.03).exp();
            let aim = tone.air.0 * (self.envelope * (0.4 + 0.6 * self.velocity) + chiff * self.velocity);
            let step = (aim - self.air_level) / (QUANTUM - from) as f32;
            let level = self.air_level;
            for (i, (o, n)) in sound[from..].iter_mut().zip(air).enumerate() {
                *o += n * (level + step * (i + 1) as f32);
            }
            self.air_level = aim;
        }
        if tone.players == 1 || tone.air.0 > 0.0 {
            place(&sound, (gain, gain), out);
        }
        !(self.released && self.envelope < 2e-5)
    }
}

widened! {
    /// Adds a sound to both sides, each with its gain.
    fn place(sound: &[f32; QUANTUM], gain: (f32, f32), out: &mut Frame) {
        for ((l, r), x) in out.l.iter_mut().zip(&mut out.r).zip(sound) {
            *l = Unit::fused(*x, gain.0, *l);
            *r = Unit::fused(*x, gain.1, *r);
        }
    }
}

impl Instrument for Blown {
    fn lead_s(&self, g: &Gesture) -> f32 {
        // Heard a third of the way up, where the first noise of lips or bow has turned into tone.
        // The ear needs longer for low tones.
        self.attack_s(g) * 0.3 + 0.0006 * (62.0 - f32::from(g.pitch)).max(0.0) + self.tone.speaks_s
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let Some(wave) = self.shelf.get(g.pitch) else { return };
        if self.voices.len() == MOST_VOICES {
            let quietest =
                (0..MOST_VOICES).min_by(|&a, &b| self.voices[a].envelope.total_cmp(&self.voices[b].envelope));
            if let Some(i) = quietest {
                self.voices.swap_remove(i);
            }
        }
        let tone = self.tone;
        let mut chance = Chance::new(self.seed, u64::from(g.id) + 1);
        let mut mouths = [Mouth::default(); MOST_PLAYERS];
        let count = tone.players as f32;
        for (i, mouth) in mouths.iter_mut().take(tone.players).enumerate() {
            let place = if tone.players > 1 {
                i as f32 / (count - 1.0) * 2.0 - 1.0
            } else {
                0.0
            };
            let cents = tone.detune * (place + 0.15 * chance.sign());
            mouth.phase = chance.next();
            mouth.ratio = (cents / 1200.0).exp2();
            mouth.vibrato = chance.unit();
            mouth.rate = tone.vibrato.0 * chance.between(0.93, 1.07);
            let angle = (place * tone.width + 1.0) * std::f32::consts::FRAC_PI_4;
            let share = std::f32::consts::SQRT_2 / count.sqrt();
            mouth.pan = (angle.cos() * share, angle.sin() * share);
            mouth.delay = if i > 0 && !g.locked {
                chance.between(0.0, tone.loose)
            } else {
                0.0
            };
        }
        let attack_s = self.attack_s(g);
        let short = g.articulation == Articulation::Staccato;
        self.voices.push(Voice {
            id: g.id,
            wave,
            hz: hertz(g.pitch) * tone.footage,
            mouths,
            weights: [[0.0; 4]; MOST_PLAYERS],
            drift: Drift::new(&mut chance, (0.05 * QUANTA, 0.3 * QUANTA)),
            air_level: 0.0,
            velocity: g.velocity,
            gain: 0.1 * (g.velocity / 0.8).powf(tone.loud),
            attack_s,
            age_s: 0.0,
            release_s: tone.release_s * if short { 0.6 } else { 1.0 },
            envelope: 0.0,
            released: false,
            gone_s: 0.0,
            last: 0.0,
            begun: at,
            first: true,
            accent: if g.locked || g.articulation == Articulation::Accent {
                1.0
            } else {
                tone.bite * g.velocity
            },
            scoop: if g.tied {
                0.0
            } else {
                tone.scoop * chance.between(0.5, 1.0)
            },
            vibrates: g.held_s() > 0.3,
            chance,
        });
    }

    fn end(&mut self, id: u32) {
        for voice in self.voices.iter_mut().filter(|v| v.id == id && !v.released) {
            voice.released = true;
            voice.last = voice.envelope;
        }
    }

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        let mut i = 0;
        let tone = self.tone;
        // One breath for the whole instrument.
        let (air, _) = self.air.next();
        while i < self.voices.len() {
            if self.voices[i].render(tone, control, air, out) {
                i += 1;
            } else {
                self.voices.swap_remove(i);
            }
        }
        if !self.voices.is_empty() {
            self.tail = 12;
        }
        if self.tail == 0 {
            return false;
        }
        self.tail -= 1;
        if tone.rotor {
            self.rotor.turn(out);
        }
        true
    }
}

/// A rotating loudspeaker: each side hears the horn come and go, a little sharp and a little flat.
struct Rotor {
    line: [[f32; 256]; 2],
    at: usize,
    turn: f32,
    delay: [f32; 2],
    gain: [f32; 2],
}

impl Rotor {
    fn new() -> Self {
        Self {
            line: [[0.0; 256]; 2],
            at: 0,
            turn: 0.0,
            delay: [20.0; 2],
            gain: [1.0; 2],
        }
    }

    fn turn(&mut self, out: &mut Frame) {
        self.turn = (self.turn + 0.9 / QUANTA).fract();
        let goal = [0.0, 0.25].map(|apart: f32| ((self.turn + apart) * std::f32::consts::TAU).sin());
        for (c, channel) in [&mut out.l, &mut out.r].into_iter().enumerate() {
            let step = (20.0 + 8.0 * goal[c] - self.delay[c]) / QUANTUM as f32;
            let rise = (1.0 + 0.12 * goal[c] - self.gain[c]) / QUANTUM as f32;
            for (i, x) in channel.iter_mut().enumerate() {
                let at = (self.at + i) & 255;
                self.line[c][at] = *x;
                self.delay[c] += step;
                self.gain[c] += rise;
                let whole = self.delay[c] as usize;
                let part = self.delay[c] - whole as f32;
                let a = self.line[c][(at + 256 - whole) & 255];
                let b = self.line[c][(at + 255 - whole) & 255];
                *x = (a + (b - a) * part) * self.gain[c];
            }
        }
        self.at = (self.at + QUANTUM) & 255;
    }
}
