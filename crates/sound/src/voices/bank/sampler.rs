//! The player of samples: interpolation, envelopes, filter, low-frequency oscillators.

use std::collections::BTreeMap;
use std::sync::Arc;

use synchresis_cue::Articulation;

use crate::SAMPLE_RATE;
use crate::voices::filter::{Svf, SvfShape};
use crate::voices::track::{Control, Frame, Gesture, Instrument, QUANTUM};

use super::region::{Envelope, Region};
use super::samples::{Frames, Sample};

const MOST_VOICES: usize = 64;
const RATE: f32 = SAMPLE_RATE as f32;

/// A layer ready to sound.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) region: Region,
    pub(super) sample: Arc<Sample>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) loop_start: usize,
    pub(super) loop_end: usize,
}

impl Layer {
    /// Checks a region against its sample; `None` where nothing of it can sound.
    pub(super) fn new(region: Region, sample: Arc<Sample>) -> Option<Self> {
        let length = sample.len();
        let moved = |at: usize, by: i64| (at as i64).saturating_add(by).clamp(0, length as i64) as usize;
        let start = moved(0, region.shift[0]);
        let end = moved(length, region.shift[1]);
        let loop_start = moved(sample.loop_start, region.shift[2]);
        let loop_end = moved(sample.loop_end, region.shift[3]).min(end);
        let mut region = region;
        if loop_end < loop_start + 8 || loop_start < start {
            region.looped = 0;
        }
        (end > start + 8).then_some(Self {
            region,
            sample,
            start,
            end,
            loop_start,
            loop_end,
        })
    }

    /// Seconds from the first sample to the attack.
    pub(super) fn onset_s(&self) -> f32 {
        let speed = (self.region.cents / 1200.0).exp2() * self.sample.rate;
        self.sample.onset.saturating_sub(self.start) as f32 / speed
            + self.region.volume.delay
            + 0.4 * self.region.volume.attack
    }
}

/// Stage of an envelope by its age.
fn envelope(e: &Envelope, age: f32, decibels: bool) -> f32 {
    let t = age - e.delay;
    if t < 0.0 {
        return 0.0;
    }
    if t < e.attack {
        return t / e.attack;
    }
    let t = t - e.attack - e.hold;
    if t < 0.0 {
        return 1.0;
    }
    if decibels {
        // A decay of the full 100 dB takes the decay's time.
        let fall = 10f32.powf(-5.0 * t / e.decay.max(1e-3));
        fall.max(e.sustain)
    } else {
        (1.0 - t / e.decay.max(1e-3)).max(e.sustain)
    }
}

struct Voice {
    id: u32,
    pitch: u8,
    layer: Layer,
    at: f64,
    speed: f64,
    age: f32,
    level: f32,
    gain: [f32; 2],
    velocity_gain: f32,
    filter: Svf,
    corner: f32,
    released: Option<f32>,
    release_s: f32,
    release_level: f32,
    stopping: bool,
    wait: usize,
    fresh: bool,
    rise: f32,
    swell: f32,
}

/// Layers of each (pitch, velocity band) that the track plays.
pub(super) struct Sampler {
    layers: BTreeMap<(u8, u8), Vec<Layer>>,
    drums: bool,
    exponent: f32,
    list: Vec<Voice>,
}

impl Sampler {
    pub(super) fn new(layers: BTreeMap<(u8, u8), Vec<Layer>>, drums: bool) -> Self {
        Self {
            layers,
            drums,
            exponent: 1.5,
            list: Vec::with_capacity(MOST_VOICES),
        }
    }

    fn of(&self, g: &Gesture) -> &[Layer] {
        self.layers.get(&(g.pitch, band(g.velocity))).map_or(&[], Vec::as_slice)
    }
}

/// Velocity as a bank knows it, 1 to 127, in steps of four.
pub(super) fn band(velocity: f32) -> u8 {
    ((velocity * 127.0 / 4.0).round() * 4.0).clamp(1.0, 127.0) as u8
}

/// Seconds from begin to attack: what the loudest layer needs, slow ones cut short where the hit must be heard.
fn lead(layers: &[Layer], locked: bool) -> f32 {
    let first = layers.iter().map(Layer::onset_s).fold(f32::INFINITY, f32::min);
    let first = if first.is_finite() { first } else { 0.0 };
    first.min(if locked { 0.06 } else { 0.25 })
}

impl Instrument for Sampler {
    fn lead_s(&self, g: &Gesture) -> f32 {
        lead(self.of(g), g.locked)
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let Some(layers) = self.layers.get(&(g.pitch, band(g.velocity))) else {
            return;
        };
        for class in layers.iter().map(|l| l.region.class).filter(|c| *c != 0) {
            for voice in self
                .list
                .iter_mut()
                .filter(|v| v.layer.region.class == class && v.id != g.id)
            {
                voice.stopping = true;
            }
        }
        if !self.drums {
            for voice in self
                .list
                .iter_mut()
                .filter(|v| v.pitch == g.pitch && v.released.is_none())
            {
                voice.released = Some(voice.age);
                voice.release_level = voice.level;
                voice.release_s = voice.release_s.min(0.3);
            }
        }
        for layer in layers {
            if self.list.len() == MOST_VOICES {
                let quietest = (0..MOST_VOICES).min_by(|&a, &b| self.list[a].level.total_cmp(&self.list[b].level));
                if let Some(i) = quietest {
                    self.list.swap_remove(i);
                }
            }
            let r = &layer.region;
            let angle = (r.pan + 1.0) * std::f32::consts::FRAC_PI_4;
            let short = g.articulation == Articulation::Staccato;
            // Where the hit must be heard exactly, a slow sample starts inside its own attack.
            let skip = if g.locked {
                (layer.onset_s() - 0.06).max(0.0)
            } else {
                0.0
            };
            let speed = f64::from((r.cents / 1200.0).exp2() * layer.sample.rate / RATE);
            let start = layer.start as f64 + f64::from(skip * RATE) * speed;
            self.list.push(Voice {
                id: g.id,
                pitch: g.pitch,
                layer: layer.clone(),
                at: start.min(layer.end as f64 - 4.0),
                speed,
                age: 0.0,
                level: 0.0,
                gain: [
                    angle.cos() * std::f32::consts::SQRT_2,
                    angle.sin() * std::f32::consts::SQRT_2,
                ],
                velocity_gain: 0.4 * r.gain * (g.velocity / 0.8).powf(self.exponent),
                filter: Svf::default(),
                corner: 0.0,
                released: None,
                release_s: (r.volume.release * if short { 0.5 } else { 1.0 }).clamp(0.02, 8.0),
                release_level: 1.0,
                stopping: false,
                wait: at,
                fresh: true,
                rise: if skip > 0.0 { 0.0 } else { 1.0 },
                swell: if g.locked { 0.5 } else { 0.0 },
            });
        }
    }

    fn end(&mut self, id: u32) {
        if self.drums {
            return;
        }
        for voice in self.list.iter_mut().filter(|v| v.id == id && v.released.is_none()) {
            if voice.layer.region.looped == 3 {
                voice.layer.region.looped = 0;
            }
            voice.released = Some(voice.age);
            voice.release_level = voice.level;
        }
    }

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        let sounding = !self.list.is_empty();
        let mut i = 0;
        while i < self.list.len() {
            if self.list[i].render(control, out) {
                i += 1;
            } else {
                self.list.swap_remove(i);
            }
        }
        sounding
    }
}

impl Voice {
    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        let from = self.wait;
        self.wait = 0;
        let n = QUANTUM - from;
        let dt = n as f32 / RATE;
        self.age += dt;
        let r = self.layer.region;
        let mut level = match self.released {
            Some(since) => {
                // Linear in decibels: 100 dB in the release's time.
                self.release_level * 10f32.powf(-5.0 * (self.age - since) / self.release_s)
            }
            None => envelope(&r.volume, self.age, true),
        };
        self.rise = (self.rise + dt / 0.012).min(1.0);
        level *= self.rise * (1.0 + self.swell * (-self.age / 0.15).exp());
        if self.stopping {
            level = self.level * (-dt / 0.012).exp();
        }
        let wobble = |delay: f32, hz: f32| {
            let t = self.age - delay;
            if t <= 0.0 {
                0.0
            } else {
                (t * hz * std::f32::consts::TAU).sin()
            }
        };
        let (mod_lfo, vib_lfo) = (wobble(r.mod_lfo.0, r.mod_lfo.1), wobble(r.vib_lfo.0, r.vib_lfo.1));
        let shape = if r.env_pitch != 0.0 || r.env_filter != 0.0 {
            envelope(&r.modulation, self.age, false)
        } else {
            0.0
        };
        level *= 10f32.powf(r.mod_lfo.4 * mod_lfo / 20.0);
        let cents = r.mod_lfo.2 * mod_lfo + r.vib_lfo.2 * vib_lfo + r.env_pitch * shape;
        let step = self.speed * f64::from(control.bend) * f64::from((cents / 1200.0).exp2());
        let before = if self.fresh && r.volume.attack < 0.002 && self.rise >= 1.0 {
            level
        } else {
            self.level
        };
        self.fresh = false;
        let mut wave = [0.0f32; QUANTUM];
        let alive = self.read(step, &mut wave[from..]);
        let corner = r.filter_hz * ((r.mod_lfo.3 * mod_lfo + r.env_filter * shape) / 1200.0).exp2();
        if corner < 17_000.0 {
            self.corner = if self.corner == 0.0 {
                corner
            } else {
                self.corner + (corner - self.corner) * 0.5
            };
            let filter = SvfShape::new(self.corner, r.filter_q.min(8.0));
            for x in &mut wave[from..] {
                *x = self.filter.low(&filter, *x);
            }
            self.filter.settle();
        }
        let mut gain = before * self.velocity_gain;
        let rise = (level - before) * self.velocity_gain / n as f32;
        let (gl, gr) = (self.gain[0], self.gain[1]);
        for j in from..QUANTUM {
            gain += rise;
            let x = wave[j] * gain;
            out.l[j] += x * gl;
            out.r[j] += x * gr;
        }
        self.level = level;
        alive
            && !((self.released.is_some() || self.stopping) && level < 1e-5)
            && (level > 1e-6 || self.age < r.volume.delay + r.volume.attack + r.volume.hold + 0.01)
    }

    /// Reads `out.len()` frames, `step` apart, four-point interpolated; `false` when the sample has ended.
    fn read(&mut self, step: f64, out: &mut [f32]) -> bool {
        let (layer, at) = (&self.layer, &mut self.at);
        match &layer.sample.frames {
            Frames::Short(frames) => walk(frames, layer, at, step, out),
            Frames::Fine(frames) => walk(frames, layer, at, step, out),
        }
    }
}

/// Reads on from `from` (frames), which it moves; `false` when the sample has ended.
fn walk<T: Copy + Default + Into<f32>>(
    frames: &[T],
    layer: &Layer,
    from: &mut f64,
    step: f64,
    out: &mut [f32],
) -> bool {
    const SCALE: f32 = 1.0 / 32_768.0;
    const ONE: f64 = 4_294_967_296.0;
    let looping = layer.region.looped != 0;
    let end = if looping { layer.loop_end } else { layer.end };
    let loop_length = layer.loop_end.saturating_sub(layer.loop_start).max(1);
    let step = (step.clamp(1e-4, 64.0) * ONE) as u64;
    // Positions as 32.32 fixed point: nothing drifts, and the whole part is a shift away.
    let mut at = (*from * ONE) as u64;
    let bend = |a: T, b: T, c: T, d: T, f: f32| {
        let (a, b, c, d): (f32, f32, f32, f32) = (a.into(), b.into(), c.into(), d.into());
        let c1 = 0.5 * (c - a);
        let c2 = a - 2.5 * b + 2.0 * c - 0.5 * d;
        let c3 = 0.5 * (d - a) + 1.5 * (b - c);
        (((c3 * f + c2) * f + c1) * f + b) * SCALE
    };
    let part = |at: u64| (at as u32) as f32 * (1.0 / ONE as f32);
    let mut done = 0;
    while done < out.len() {
        let mut whole = (at >> 32) as usize;
        if whole >= end {
            if !looping {
                *from = at as f64 / ONE;
                return false;
            }
            at -= (((whole - end) / loop_length + 1) * loop_length) as u64 * (1 << 32);
            whole = (at >> 32) as usize;
        }
        // As far as all four points lie before the end.
        let clear = ((end.saturating_sub(2) as u64) << 32).saturating_sub(at).div_ceil(step) as usize;
        let n = clear.min(out.len() - done);
        if n > 0 && whole >= 1 {
            for o in &mut out[done..done + n] {
                let whole = (at >> 32) as usize;
                if let Some(&[a, b, c, d]) = frames.get(whole - 1..whole + 3) {
                    *o = bend(a, b, c, d, part(at));
                }
                at += step;
            }
            done += n;
        } else {
            let look = |i: usize| {
                let i = if looping && i >= layer.loop_end {
                    i - loop_length
                } else {
                    i
                };
                frames.get(i).copied().unwrap_or_default()
            };
            out[done] = bend(
                look(whole.saturating_sub(1)),
                look(whole),
                look(whole + 1),
                look(whole + 2),
                part(at),
            );
            at += step;
            done += 1;
        }
    }
    *from = at as f64 / ONE;
    true
}
