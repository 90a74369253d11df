//! Many players at once: string sections, choirs, pads. Each pitch is a seamless swarm (see [`super::wave::Swarm`]), read
//! from different places left and right, opened and closed by a filter that follows the bow.

use std::sync::Arc;

use realfft::RealFftPlanner;
use synchresis_cue::Articulation;

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

use super::filter::SvfShape;
use super::noise::{Chance, Drift, Hiss};
use super::sections::{Bowing, Section};
use super::track::{Control, Frame, Gesture, Instrument, QUANTA, QUANTUM, falling, hertz};
use super::wave::{Compass, Shelf, Swarm};

const MOST_VOICES: usize = 24;

/// Below this (−90 dB) the noise of a bow is over.
const QUIET: f32 = 3e-5;

struct Voice {
    id: u32,
    swarm: Arc<Swarm>,
    /// Read positions left and right: point and fraction.
    at: [(usize, f32); 2],
    open: f32,
    bow: f32,
    velocity: f32,
    loud: f32,
    attack_s: f32,
    release_s: f32,
    age_s: f32,
    envelope: f32,
    /// Gains of the open and the closed shade, left and right.
    gain: [[f32; 2]; 2],
    released: bool,
    /// Seconds since, and the level then.
    gone_s: f32,
    last: f32,
    begun: usize,
    first: bool,
    drift: Drift,
    tremor: [f32; 2],
    tremor_left: [f32; 2],
    chance: Chance,
    accent: f32,
}

/// A section.
pub(crate) struct Ensemble {
    section: &'static Section,
    shelf: Shelf<Swarm>,
    voices: Vec<Voice>,
    seed: u64,
    sway: f32,
    air: Hiss,
}

impl Ensemble {
    /// For the pitches that the track plays.
    pub(crate) fn new(section: &'static Section, pitches: &[u8], seed: u64) -> Self {
        let mut planner = RealFftPlanner::new();
        // A longer loop where few pitches are held for long.
        let bits = if pitches.len() <= 6 { 17 } else { 16 };
        let compass = Compass::new();
        let shelf = Shelf::new(pitches, |pitch| {
            let mut chance = Chance::new(seed ^ 0x5357_4152, u64::from(pitch));
            Swarm::new(
                &section.partials(hertz(pitch)),
                bits,
                &mut chance,
                &compass,
                &mut planner,
            )
        });
        Self {
            section,
            shelf,
            voices: Vec::with_capacity(MOST_VOICES),
            seed,
            sway: 0.0,
            air: Hiss::new(&SvfShape::new(section.air.1, 0.6), &mut Chance::new(seed, 0x626f_7773)),
        }
    }

    fn attack_s(&self, g: &Gesture) -> f32 {
        let s = self.section;
        let slow = s.attack_s.0 + (s.attack_s.1 - s.attack_s.0) * g.velocity;
        match g.articulation {
            _ if g.locked => slow.min(0.02),
            Articulation::Staccato => slow * 0.3,
            Articulation::Accent => slow * 0.4,
            Articulation::Legato if g.tied => slow * 0.8,
            _ => slow,
        }
        .min(0.7 * g.held_s().max(0.04))
    }
}

impl Voice {
    fn tremolo(&mut self, side: usize, dt: f32) -> f32 {
        // Every bow turns on its own, about thirteen times a second; a section blurs it to a shiver.
        self.tremor_left[side] -= dt;
        if self.tremor_left[side] <= 0.0 {
            self.tremor_left[side] += self.chance.between(0.062, 0.088);
            self.tremor[side] = self.chance.between(0.75, 1.0);
        }
        self.tremor[side] *= (-dt / 0.16).exp();
        self.tremor[side] * 1.25
    }

    fn render(&mut self, s: &Section, control: &Control, slow: f32, air: (&[f32], &[f32]), out: &mut Frame) -> bool {
        let from = if self.first { self.begun } else { 0 };
        self.first = false;
        let n = QUANTUM - from;
        let dt = n as f32 / SAMPLE_RATE as f32;
        self.age_s += dt;
        if self.released {
            self.gone_s += dt;
            self.envelope = self.last * falling(self.gone_s, self.release_s);
        } else if s.bowing == Bowing::Spiccato {
            let x = (self.age_s / self.attack_s).min(1.0);
            self.envelope = x * (2.0 - x) * (-(self.age_s - self.attack_s).max(0.0) / s.life_s).exp();
        } else {
            let x = (self.age_s / self.attack_s).min(1.0);
            self.envelope = x * x * (3.0 - 2.0 * x);
        }
        self.accent *= (-dt / 0.12).exp();
        let wander = self.drift.step(&mut self.chance);
        let drive = self.velocity * (0.35 + 0.65 * control.expression);
        let open = (drive * (0.45 + 0.55 * self.envelope) + 0.2 * self.accent + s.motion * (0.6 * slow + 0.4 * wander))
            .clamp(0.0, 1.1);
        self.open += (open - self.open) * 0.35;
        let bright = self.open.clamp(0.0, 1.1).powf(1.4);
        let mut level = 0.12 * self.loud * self.envelope * (1.0 + 0.5 * self.accent) * (1.0 + s.unsteady * wander);
        if s.bowing == Bowing::Spiccato {
            level *= 1.3;
        }
        let step = control.bend;
        let length = self.swarm.len();
        for (side, channel) in [&mut out.l, &mut out.r].into_iter().enumerate() {
            let aim = level
                * if s.bowing == Bowing::Tremolo {
                    self.tremolo(side, dt)
                } else {
                    1.0
                };
            let aim = [aim * bright, aim * (1.0 - bright).max(0.0)];
            let gain = self.gain[side];
            let rise = [(aim[0] - gain[0]) / n as f32, (aim[1] - gain[1]) / n as f32];
            let (whole, part) = self.at[side];
            let (Some(open), Some(closed)) = (self.swarm.open.get(whole..), self.swarm.closed.get(whole..)) else {
                return false;
            };
            let channel = &mut channel[from..];
            if step == 1.0 && part == 0.0 {
                shades(channel, open, closed, gain, rise);
                self.at[side] = (whole + n, 0.0);
            } else {
                let mut at = part;
                for (i, o) in channel.iter_mut().enumerate() {
                    let j = (at as usize).min(Swarm::MORE - 2);
                    let f = at - j as f32;
                    let i = i as f32;
                    let a = open[j] + (open[j + 1] - open[j]) * f;
                    let b = closed[j] + (closed[j + 1] - closed[j]) * f;
                    *o += a * (gain[0] + rise[0] * i) + b * (gain[1] + rise[1] * i);
                    at += step;
                }
                let moved = at as usize;
                // Back on the points as soon as the bend is over: a shift of less than one.
                self.at[side] = (whole + moved, if step == 1.0 { 0.0 } else { at - moved as f32 });
            }
            if self.at[side].0 >= length {
                self.at[side].0 -= length;
            }
            self.gain[side] = aim;
        }
        if self.bow > QUIET {
            let goal = self.bow * (-dt / s.air.2).exp();
            let (bow, step) = (self.bow, (goal - self.bow) / n as f32);
            for (side, air) in [(&mut out.l, air.0), (&mut out.r, air.1)] {
                for (i, (o, x)) in side[from..].iter_mut().zip(&air[from..]).enumerate() {
                    *o += x * (bow + step * i as i32 as f32);
                }
            }
            self.bow = goal;
        }
        !(self.envelope < 2e-5 && (self.released || s.bowing == Bowing::Spiccato) && self.age_s > self.attack_s)
    }
}

widened! {
    /// Adds both shades of a loop, each with a gain that moves by `rise` a sample.
    fn shades(out: &mut [f32], open: &[f32], closed: &[f32], gain: [f32; 2], rise: [f32; 2]) {
        for (i, ((o, a), b)) in out.iter_mut().zip(open).zip(closed).enumerate() {
            let i = i as i32 as f32;
            let (open, closed) = (Unit::fused(rise[0], i, gain[0]), Unit::fused(rise[1], i, gain[1]));
            *o = Unit::fused(*a, open, Unit::fused(*b, closed, *o));
        }
    }
}

impl Instrument for Ensemble {
    fn lead_s(&self, g: &Gesture) -> f32 {
        match self.section.bowing {
            Bowing::Spiccato => 0.004,
            _ => self.attack_s(g) * 0.42,
        }
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let Some(swarm) = self.shelf.get(g.pitch) else { return };
        if self.voices.len() == MOST_VOICES {
            let quietest =
                (0..MOST_VOICES).min_by(|&a, &b| self.voices[a].envelope.total_cmp(&self.voices[b].envelope));
            if let Some(i) = quietest {
                self.voices.swap_remove(i);
            }
        }
        let s = self.section;
        let mut chance = Chance::new(self.seed, u64::from(g.id) + 1);
        let length = swarm.len();
        let start = (chance.unit() * (length - 1) as f32) as usize;
        let other = (start + (length as f32 * (0.38 + 0.2 * chance.unit())) as usize) % length;
        let sharp = g.locked || g.articulation == Articulation::Accent || s.bowing == Bowing::Spiccato;
        self.voices.push(Voice {
            id: g.id,
            swarm,
            at: [(start, 0.0), (other, 0.0)],
            open: 0.0,
            bow: 0.12 * s.air.0 * if sharp { 1.0 } else { 0.35 } * (0.3 + 0.7 * g.velocity),
            velocity: g.velocity,
            loud: (g.velocity / 0.8).powf(s.loud),
            attack_s: self.attack_s(g),
            release_s: s.release_s
                * if g.articulation == Articulation::Staccato {
                    0.4
                } else {
                    1.0
                },
            age_s: 0.0,
            envelope: 0.0,
            gain: [[0.0; 2]; 2],
            released: false,
            gone_s: 0.0,
            last: 0.0,
            begun: at,
            first: true,
            drift: Drift::new(&mut chance, (0.15 * QUANTA, 0.8 * QUANTA)),
            tremor: [0.8; 2],
            tremor_left: [chance.unit() * 0.03, chance.unit() * 0.07],
            accent: if g.locked || g.articulation == Articulation::Accent {
                1.0
            } else {
                0.0
            },
            chance,
        });
    }

    fn end(&mut self, id: u32) {
        if self.section.bowing == Bowing::Spiccato {
            return;
        }
        for voice in self.voices.iter_mut().filter(|v| v.id == id && !v.released) {
            voice.released = true;
            voice.last = voice.envelope;
        }
    }

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        self.sway = (self.sway + 0.11 / QUANTA).fract();
        let slow = (self.sway * std::f32::consts::TAU).sin();
        let sounding = !self.voices.is_empty();
        let air = self.air.next();
        let mut i = 0;
        while i < self.voices.len() {
            if self.voices[i].render(self.section, control, slow, air, out) {
                i += 1;
            } else {
                self.voices.swap_remove(i);
            }
        }
        sounding
    }
}
