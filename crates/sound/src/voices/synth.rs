//! Synthesisers: band-limited oscillators in unison, a filter with its envelope, and nothing that pretends otherwise.

use std::sync::Arc;

use realfft::RealFftPlanner;
use synchresis_cue::Articulation;

use crate::SAMPLE_RATE;
use crate::lanes::widened;

use super::filter::{Sides, Svf, SvfShape};
use super::noise::Chance;
use super::patches::{Patch, Shape};
use super::track::{Control, Frame, Gesture, Instrument, QUANTA, QUANTUM, falling, hertz};
use super::wave::{Cycle, Shelf, turns};

const MOST_VOICES: usize = 20;
/// Oscillators of one note.
const MOST_UNISON: usize = 7;

/// The two waves a patch mixes, for one pitch.
struct Pair {
    main: Cycle,
    low: Option<Cycle>,
}

#[derive(Clone, Copy, Default)]
struct Oscillator {
    phase: u32,
    ratio: f32,
    pan: (f32, f32),
}

struct Voice {
    id: u32,
    waves: Arc<Pair>,
    hz: f32,
    oscillators: [Oscillator; MOST_UNISON],
    low_phase: u32,
    filter: [Svf; 2],
    velocity: f32,
    loud: f32,
    age_s: f32,
    envelope: f32,
    gain: f32,
    released: bool,
    /// Seconds since, and the level then.
    gone_s: f32,
    last: f32,
    begun: usize,
    first: bool,
    sharp: bool,
    bright: f32,
    vibrato: f32,
    glide: f32,
    short: f32,
}

/// A synthesiser playing one patch.
pub(crate) struct Synth {
    patch: &'static Patch,
    shelf: Shelf<Pair>,
    voices: Vec<Voice>,
    seed: u64,
    last_pitch: Option<u8>,
    sway: f32,
}

impl Synth {
    /// For the pitches that the track plays.
    pub(crate) fn new(patch: &'static Patch, pitches: &[u8], seed: u64) -> Self {
        let mut planner = RealFftPlanner::new();
        let shelf = Shelf::new(pitches, |pitch| {
            let hz = hertz(pitch);
            Pair {
                main: Cycle::new(hz * 1.01, |k| patch.shape.harmonic(k), &mut planner),
                low: (patch.sub > 0.0).then(|| Cycle::new(hz * 0.5, |k| Shape::Triangle.harmonic(k), &mut planner)),
            }
        });
        Self {
            patch,
            shelf,
            voices: Vec::with_capacity(MOST_VOICES),
            seed,
            last_pitch: None,
            sway: 0.0,
        }
    }
}

impl Voice {
    fn render(&mut self, p: &Patch, control: &Control, sway: f32, out: &mut Frame) -> bool {
        let from = if self.first { self.begun } else { 0 };
        self.first = false;
        let n = (QUANTUM - from) as f32;
        let dt = n / SAMPLE_RATE as f32;
        self.age_s += dt;
        let attack = if self.sharp { p.attack_s.min(0.006) } else { p.attack_s };
        if self.released {
            self.gone_s += dt;
            self.envelope = self.last * falling(self.gone_s, p.release_s * self.short);
        } else {
            let rise = (self.age_s / attack).min(1.0);
            let fall = p.sustain + (1.0 - p.sustain) * (-(self.age_s - attack).max(0.0) / p.decay_s).exp();
            self.envelope = rise * (2.0 - rise) * fall;
        }
        let mut left = [0.0f32; QUANTUM];
        let mut right = [0.0f32; QUANTUM];
        self.vibrato = (self.vibrato + 5.4 * dt).fract();
        let onset = ((self.age_s - 0.3) / 0.4).clamp(0.0, 1.0);
        self.glide *= (-dt / 0.03).exp();
        let cents = p.vibrato * onset * (self.vibrato * std::f32::consts::TAU).sin() + self.glide;
        let pitch = self.hz * control.bend * (cents / 1200.0).exp2();
        let aim = self.envelope;
        let step = (aim - self.gain) / n;
        let unison = p.unison;
        for o in self.oscillators.iter_mut().take(unison) {
            let turn = turns(pitch * o.ratio) as u32;
            let pulse = match p.shape {
                // A pulse is the difference of two saws: its width can move without aliasing.
                Shape::Pulse(width, motion) => Some(width + motion * sway),
                _ => None,
            };
            let mut play = |phase: u32, gain: (f32, f32)| {
                let out = (&mut left[from..], &mut right[from..]);
                self.waves.main.add(phase, turn, gain, o.pan, out)
            };
            let phase = play(o.phase, (self.gain, step));
            if let Some(width) = pulse {
                let apart = (width.clamp(0.03, 0.97) * 4_294_967_296.0) as u32;
                play(o.phase.wrapping_add(apart), (-self.gain, -step));
            }
            o.phase = phase;
        }
        if let Some(low) = &self.waves.low {
            let turn = turns(pitch * 0.5) as u32;
            let out = (&mut left[from..], &mut right[from..]);
            self.low_phase = low.add(self.low_phase, turn, (self.gain * p.sub, step * p.sub), (1.0, 1.0), out);
        }
        self.gain = aim;
        if p.open_hz > 0.0 {
            let sweep = p.sweep * (-self.age_s / p.sweep_s).exp() * (0.4 + 0.6 * self.velocity);
            let corner = p.open_hz
                * (p.track * (self.hz / 261.6).log2()
                    + sweep
                    + 1.2 * (self.velocity - 0.8)
                    + 0.8 * (control.expression - 1.0)
                    + p.motion * sway)
                    .exp2();
            self.bright = if self.bright == 0.0 {
                corner
            } else {
                self.bright + (corner - self.bright) * 0.5
            };
            let shape = SvfShape::new(self.bright.min(19_000.0), p.peak);
            low_pass(&mut self.filter, &shape, p.drive, &mut left[from..], &mut right[from..]);
        }
        let loud = self.loud;
        for (side, own) in [(&mut out.l, &left), (&mut out.r, &right)] {
            for (o, x) in side.iter_mut().zip(own) {
                *o += x * loud;
            }
        }
        self.envelope > 2e-5 || self.age_s < attack
    }
}

widened! {
    /// The filter on both sides, in place, saturated by `drive` where it is above 0.
    fn low_pass(filter: &mut [Svf; 2], shape: &SvfShape, drive: f32, left: &mut [f32], right: &mut [f32]) {
        let mut sides = Sides::new(filter, shape);
        for (l, r) in left.iter_mut().zip(right.iter_mut()) {
            [*l, *r] = sides.low::<Unit>([*l, *r]);
        }
        let [mut a, mut b] = sides.state();
        if drive > 0.0 {
            for x in left.iter_mut().chain(right.iter_mut()) {
                *x = soft(*x * drive);
            }
        }
        a.settle();
        b.settle();
        *filter = [a, b];
    }
}

/// Gentle saturation of an already filtered signal.
#[inline(always)]
fn soft(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    x * (27.0 + x * x) / (27.0 + 9.0 * x * x)
}

impl Instrument for Synth {
    fn lead_s(&self, g: &Gesture) -> f32 {
        (if g.locked {
            self.patch.attack_s.min(0.006)
        } else {
            self.patch.attack_s
        }) * 0.35
            + self.patch.early_s
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let Some(waves) = self.shelf.get(g.pitch) else { return };
        if self.voices.len() == MOST_VOICES {
            let quietest =
                (0..MOST_VOICES).min_by(|&a, &b| self.voices[a].envelope.total_cmp(&self.voices[b].envelope));
            if let Some(i) = quietest {
                self.voices.swap_remove(i);
            }
        }
        let p = self.patch;
        let mut chance = Chance::new(self.seed, u64::from(g.id) + 1);
        let mut oscillators = [Oscillator::default(); MOST_UNISON];
        let count = p.unison as f32;
        for (i, o) in oscillators.iter_mut().take(p.unison).enumerate() {
            let place = if p.unison > 1 {
                i as f32 / (count - 1.0) * 2.0 - 1.0
            } else {
                0.0
            };
            o.phase = if p.unison > 1 { chance.next() } else { 0 };
            // Detuned as on the well-known supersaw: closer in the middle, wider outside.
            o.ratio = (p.detune * place * (0.55 + 0.45 * place.abs()) / 1200.0).exp2();
            let side = if i % 2 == 0 { place } else { -place };
            let angle = (side * p.width + 1.0) * std::f32::consts::FRAC_PI_4;
            let share = std::f32::consts::SQRT_2 / count.sqrt();
            o.pan = (angle.cos() * share, angle.sin() * share);
        }
        let glide = match self.last_pitch {
            Some(last) if g.tied && p.glides => (f32::from(last) - f32::from(g.pitch)) * 100.0,
            _ => 0.0,
        };
        self.last_pitch = Some(g.pitch);
        self.voices.push(Voice {
            id: g.id,
            waves,
            hz: hertz(g.pitch),
            oscillators,
            low_phase: 0,
            filter: Default::default(),
            velocity: g.velocity,
            loud: 0.15 * (g.velocity / 0.8).powf(p.loud),
            age_s: 0.0,
            envelope: 0.0,
            gain: 0.0,
            released: false,
            gone_s: 0.0,
            last: 0.0,
            begun: at,
            first: true,
            sharp: g.locked || g.articulation == Articulation::Accent,
            bright: 0.0,
            vibrato: 0.0,
            glide,
            short: if g.articulation == Articulation::Staccato {
                0.5
            } else {
                1.0
            },
        });
    }

    fn end(&mut self, id: u32) {
        for voice in self.voices.iter_mut().filter(|v| v.id == id && !v.released) {
            voice.released = true;
            voice.last = voice.envelope;
        }
    }

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        self.sway = (self.sway + self.patch.sway_hz / QUANTA).fract();
        let sway = (self.sway * std::f32::consts::TAU).sin();
        let sounding = !self.voices.is_empty();
        let mut i = 0;
        while i < self.voices.len() {
            if self.voices[i].render(self.patch, control, sway, out) {
                i += 1;
            } else {
                self.voices.swap_remove(i);
            }
        }
        sounding
    }
}
