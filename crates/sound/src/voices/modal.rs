//! Struck and plucked things as what physics says they are: sums of decaying partials (modal synthesis, Adrien 1991;
//! Bilbao, Numerical Sound Synthesis, 2009), with the noise of the hand, hammer or pick that set them going.
//!
//! A decaying sinusoid needs one multiplication and one subtraction a sample; sixteen neighbouring samples are computed
//! beside each other, so that a partial costs a fraction of a cycle a sample and nothing need be stored beforehand.

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

use super::filter::{Svf, SvfShape};
use super::noise::{Chance, White};
use super::track::{Control, Frame, Gesture, Instrument, QUANTUM};

const LANES: usize = 16;

/// Partials that one note may have.
pub(crate) const MOST_PARTIALS: usize = 120;

/// Below this (−90 dB) a partial is over.
const SILENCE: f32 = 3e-5;

/// So is one this much (−76 dB) below the loudest that the instrument rings, which nobody hears beside it.
const MASKED: f32 = 1.6e-4;

/// A partial as a recipe writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial {
    /// Frequency, hertz.
    pub(crate) hz: f32,
    /// Peak, linear.
    pub(crate) amp: f32,
    /// Seconds to fall by 60 dB.
    pub(crate) t60: f32,
    /// Phase at the start, turns.
    pub(crate) phase: f32,
    /// Which of the note's two images it belongs to.
    pub(crate) right: bool,
}

/// Noise of the excitation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Burst {
    /// Peak, linear.
    pub(crate) amp: f32,
    /// Centre of its band, hertz.
    pub(crate) hz: f32,
    /// Quality of the band.
    pub(crate) q: f32,
    /// Seconds to fall by 60 dB.
    pub(crate) t60: f32,
}

/// A note about to ring, filled by a recipe.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) partials: Vec<Partial>,
    pub(crate) bursts: [Burst; 2],
    /// Rise of the onset, seconds.
    pub(crate) attack_s: f32,
    /// −1 to 1, where the note sits.
    pub(crate) pan: f32,
    /// 0 (both images in the middle) to 1 (apart).
    pub(crate) width: f32,
    /// Seconds to fall by 60 dB once let go: at 0 Hz, and how much faster at 1 kHz.
    pub(crate) release: (f32, f32),
    /// Noise of letting go (damper, finger).
    pub(crate) lift: Burst,
}

impl Strike {
    fn new() -> Self {
        Self {
            partials: Vec::with_capacity(MOST_PARTIALS),
            bursts: [Burst::default(); 2],
            attack_s: 0.001,
            pan: 0.0,
            width: 0.5,
            release: (0.25, 1.0),
            lift: Burst::default(),
        }
    }

    fn clear(&mut self) {
        self.partials.clear();
        self.bursts = [Burst::default(); 2];
        self.attack_s = 0.001;
        self.pan = 0.0;
        self.width = 0.5;
        self.release = (0.25, 1.0);
        self.lift = Burst::default();
    }

    /// Adds a partial that can be heard.
    pub(crate) fn partial(&mut self, hz: f32, amp: f32, t60: f32, phase: f32, right: bool) {
        if hz > 15.0 && hz < 19_000.0 && amp.abs() > SILENCE && self.partials.len() < MOST_PARTIALS {
            self.partials.push(Partial {
                hz,
                amp,
                t60: t60.clamp(0.004, 60.0),
                phase,
                right,
            });
        }
    }
}

/// An instrument's physics: what rings when a note is struck.
pub(crate) trait Recipe: Send {
    /// Fills `strike` for this note. `chance` is the note's own.
    fn strike(&mut self, gesture: &Gesture, chance: &mut Chance, strike: &mut Strike);
    /// What the instrument's electronics or case does to the sum of its notes.
    fn finish(&mut self, _out: &mut Frame) {}
    /// Whether `finish` still sounds after the last note has died.
    fn rings(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy)]
struct Mode {
    x0: [f32; LANES],
    x1: [f32; LANES],
    c: f32,
    d: f32,
    amp: f32,
    fall: f32,
    /// Log of the fall a sample.
    sigma: f32,
    /// Turns a sample.
    turn: f64,
    phase: f64,
    /// Quanta rung since the recurrence was set.
    rung: u32,
    /// Turns a quantum.
    stride: f64,
}

impl Mode {
    fn new(p: &Partial, at: usize) -> Self {
        let mut mode = Self {
            x0: [0.0; LANES],
            x1: [0.0; LANES],
            c: 0.0,
            d: 0.0,
            amp: p.amp,
            fall: 1.0,
            sigma: -6.907_755 / (p.t60 * SAMPLE_RATE as f32),
            turn: f64::from(p.hz) / f64::from(SAMPLE_RATE),
            phase: f64::from(p.phase),
            rung: 0,
            stride: 0.0,
        };
        // The quantum begins `at` samples before the note: the wave is continued backwards, and masked there.
        mode.phase -= mode.turn * at as f64;
        mode.amp *= (-mode.sigma * at as f32).exp();
        mode.aim(1.0);
        mode
    }

    /// Sets the recurrence for the frequency times `bend`, from the phase and level reached.
    fn aim(&mut self, bend: f32) {
        self.phase = (self.phase + self.stride * f64::from(self.rung)).fract();
        self.rung = 0;
        let turn = self.turn * f64::from(bend);
        self.stride = turn * QUANTUM as f64;
        let angle = turn * std::f64::consts::TAU;
        let lanes = LANES as f64;
        let stride = (f64::from(self.sigma) * lanes).exp();
        self.c = (2.0 * stride * (angle * lanes).cos()) as f32;
        self.d = (stride * stride) as f32;
        self.fall = (self.sigma * QUANTUM as f32).exp();
        // One rotation at a time back through the 32 samples before the quantum.
        let start = (self.phase - turn * 2.0 * lanes) * std::f64::consts::TAU;
        let (mut im, mut re) = start.sin_cos();
        let level = f64::from(self.amp) * (-2.0 * lanes * f64::from(self.sigma)).exp();
        im *= level;
        re *= level;
        let fall = f64::from(self.sigma).exp();
        let (s, k) = angle.sin_cos();
        let (s, k) = (s * fall, k * fall);
        for x in self.x0.iter_mut().chain(&mut self.x1) {
            *x = im as f32;
            (re, im) = (re * k - im * s, re * s + im * k);
        }
    }

    #[inline(always)]
    fn step<U: Arithmetic>(&self, x0: &[f32; LANES], x1: &[f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|i| U::fused(self.c, x1[i], -self.d * x0[i]))
    }

    #[inline(always)]
    fn settle(&mut self, x0: [f32; LANES], x1: [f32; LANES]) {
        (self.x0, self.x1) = (x0, x1);
        self.amp *= self.fall;
        self.rung += 1;
    }
}

/// What is left of an image's partials.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// Sum of their levels.
    sum: f32,
    loudest: f32,
    quietest: f32,
}

impl Left {
    const NOTHING: Self = Self {
        sum: 0.0,
        loudest: 0.0,
        quietest: f32::INFINITY,
    };

    #[inline(always)]
    fn count(&mut self, mode: &Mode) {
        let level = mode.amp.abs();
        self.sum += level;
        self.loudest = self.loudest.max(level);
        self.quietest = self.quietest.min(level);
    }
}

widened! {
    /// Adds a quantum of every mode to `out`. Two at a time: while one waits for its last product the other is counted.
    fn ring(modes: &mut [Mode], out: &mut [f32; QUANTUM]) -> Left {
        let mut left = Left::NOTHING;
        let (pairs, last) = modes.as_chunks_mut::<2>();
        for [a, b] in pairs {
            let (mut a0, mut a1, mut b0, mut b1) = (a.x0, a.x1, b.x0, b.x1);
            for lanes in out.as_chunks_mut::<LANES>().0 {
                let (y, z) = (a.step::<Unit>(&a0, &a1), b.step::<Unit>(&b0, &b1));
                for i in 0..LANES {
                    lanes[i] += y[i] + z[i];
                }
                (a0, a1, b0, b1) = (a1, y, b1, z);
            }
            a.settle(a0, a1);
            b.settle(b0, b1);
            left.count(a);
            left.count(b);
        }
        for a in last {
            let (mut a0, mut a1) = (a.x0, a.x1);
            for lanes in out.as_chunks_mut::<LANES>().0 {
                let y = a.step::<Unit>(&a0, &a1);
                for i in 0..LANES {
                    lanes[i] += y[i];
                }
                (a0, a1) = (a1, y);
            }
            a.settle(a0, a1);
            left.count(a);
        }
        left
    }
}

widened! {
    /// Adds both images of a note to both sides: gains of (a, b) to the left, then to the right.
    fn spread(a: &[f32; QUANTUM], b: &[f32; QUANTUM], gains: [f32; 4], out: &mut Frame) {
        let [al, bl, ar, br] = gains;
        let Frame { l, r } = out;
        for (((a, b), l), r) in a.iter().zip(b).zip(l).zip(r) {
            *l = Unit::fused(*a, al, Unit::fused(*b, bl, *l));
            *r = Unit::fused(*a, ar, Unit::fused(*b, br, *r));
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Noise {
    level: f32,
    fall: f32,
    shape: SvfShape,
    state: Svf,
}

impl Noise {
    fn new(b: &Burst) -> Self {
        // A narrow band lets less of the noise through: its level is kept.
        let keep = (SAMPLE_RATE as f32 * 0.25 * b.q.max(0.3) / b.hz.max(20.0))
            .sqrt()
            .min(12.0);
        Self {
            level: b.amp * keep,
            fall: (-6.907_755 / (b.t60.max(0.002) * SAMPLE_RATE as f32)).exp(),
            shape: SvfShape::new(b.hz, b.q.max(0.3)),
            state: Svf::default(),
        }
    }

    /// Below `over` it is at its end, as a partial is.
    fn add(&mut self, white: &mut White, from: usize, over: f32, out: &mut [f32; QUANTUM]) {
        if self.level < over {
            // Or what is left of three bursts would keep a dead note alive.
            self.level = 0.0;
            return;
        }
        let mut noise = [0.0; QUANTUM];
        white.fill(&mut noise);
        for (o, n) in out.iter_mut().zip(&noise).skip(from) {
            *o += self.state.band(&self.shape, n * self.level);
            self.level *= self.fall;
        }
    }
}

struct Voice {
    id: u32,
    pitch: u8,
    /// The modes of each image.
    modes: [Vec<Mode>; 2],
    bursts: [Noise; 3],
    white: White,
    lift: Burst,
    release: (f32, f32),
    released: bool,
    fading: bool,
    begun: usize,
    rise: f32,
    rise_step: f32,
    first: bool,
    bend: f32,
    /// Gains of image A in left and right; image B mirrors them.
    near: f32,
    far: f32,
    pan: (f32, f32),
    loudness: f32,
}

/// Polyphony of one track.
const MOST_VOICES: usize = 40;

/// A struck or plucked instrument.
pub(crate) struct Modal {
    recipe: Box<dyn Recipe>,
    voices: Vec<Voice>,
    free: Vec<Voice>,
    strike: Strike,
    seed: u64,
    restrike: bool,
    bend: f32,
    /// Level of the loudest partial in the last quantum.
    loudest: f32,
    tail: bool,
}

impl Modal {
    /// `restrike`: a second note of the same pitch stops the first, as on one string.
    pub(crate) fn new(recipe: Box<dyn Recipe>, seed: u64, restrike: bool) -> Self {
        let mut chance = Chance::new(seed, 0x6d6f_6461);
        let free = (0..MOST_VOICES)
            .map(|_| Voice {
                id: u32::MAX,
                pitch: 0,
                modes: std::array::from_fn(|_| Vec::with_capacity(MOST_PARTIALS)),
                bursts: [Noise::default(); 3],
                white: White::new(&mut chance),
                lift: Burst::default(),
                release: (0.1, 1.0),
                released: false,
                fading: false,
                begun: 0,
                rise: 0.0,
                rise_step: 1.0,
                first: true,
                bend: 1.0,
                near: 1.0,
                far: 1.0,
                pan: (1.0, 1.0),
                loudness: 0.0,
            })
            .collect();
        Self {
            recipe,
            voices: Vec::with_capacity(MOST_VOICES),
            free,
            strike: Strike::new(),
            seed,
            restrike,
            bend: 1.0,
            loudest: 0.0,
            tail: false,
        }
    }
}

impl Voice {
    /// New decays from here on; the waves go on without a step.
    fn damp(&mut self, t60: impl Fn(f32) -> f32) {
        for mode in self.modes.iter_mut().flatten() {
            let hz = (mode.turn * f64::from(SAMPLE_RATE)) as f32;
            let sigma = -6.907_755 / (t60(hz).max(0.004) * SAMPLE_RATE as f32);
            if sigma < mode.sigma {
                mode.sigma = sigma;
                mode.aim(self.bend);
            }
        }
    }

    /// Partials below `over` are dropped. Returns the level of the loudest, `None` when the note is over.
    fn render(&mut self, bend: f32, over: f32, out: &mut Frame) -> Option<f32> {
        if bend != self.bend {
            self.bend = bend;
            for mode in self.modes.iter_mut().flatten() {
                mode.aim(bend);
            }
        }
        let mut a = [0.0; QUANTUM];
        let mut b = [0.0; QUANTUM];
        let [near_modes, far_modes] = &mut self.modes;
        let left = [ring(near_modes, &mut a), ring(far_modes, &mut b)];
        let mut loudness = left[0].sum + left[1].sum;
        let loudest = left[0].loudest.max(left[1].loudest);
        for (modes, left) in [near_modes, far_modes].into_iter().zip(left) {
            if left.quietest < over {
                modes.retain(|m| m.amp.abs() >= over);
            }
        }
        let from = if self.first { self.begun } else { 0 };
        for burst in &mut self.bursts {
            burst.add(&mut self.white, from, over, &mut a);
            loudness += burst.level;
        }
        if self.rise < 1.0 {
            for i in 0..QUANTUM {
                let gain = if i < from {
                    0.0
                } else {
                    self.rise = (self.rise + self.rise_step).min(1.0);
                    self.rise * self.rise * (3.0 - 2.0 * self.rise)
                };
                a[i] *= gain;
                b[i] *= gain;
            }
        }
        self.first = false;
        let (near, far) = (self.near, self.far);
        let (pl, pr) = self.pan;
        spread(&a, &b, [near * pl, far * pl, far * pr, near * pr], out);
        self.loudness = loudness;
        (loudness > over).then_some(loudest)
    }
}

impl Instrument for Modal {
    fn lead_s(&self, _gesture: &Gesture) -> f32 {
        0.001
    }

    fn begin(&mut self, gesture: &Gesture, at: usize) {
        if self.restrike {
            for voice in self.voices.iter_mut().filter(|v| v.pitch == gesture.pitch && !v.fading) {
                voice.fading = true;
                voice.damp(|_| 0.12);
            }
        }
        let mut voice = match self.free.pop() {
            Some(voice) => voice,
            None => {
                let quietest =
                    (0..self.voices.len()).min_by(|&a, &b| self.voices[a].loudness.total_cmp(&self.voices[b].loudness));
                match quietest {
                    Some(i) => self.voices.swap_remove(i),
                    None => return,
                }
            }
        };
        let mut chance = Chance::new(self.seed, u64::from(gesture.id) + 1);
        self.strike.clear();
        self.recipe.strike(gesture, &mut chance, &mut self.strike);
        let s = &self.strike;
        voice.id = gesture.id;
        voice.pitch = gesture.pitch;
        for (modes, right) in voice.modes.iter_mut().zip([false, true]) {
            modes.clear();
            modes.extend(s.partials.iter().filter(|p| p.right == right).map(|p| Mode::new(p, at)));
        }
        voice.bursts = [Noise::new(&s.bursts[0]), Noise::new(&s.bursts[1]), Noise::default()];
        voice.white = White::new(&mut chance);
        voice.lift = s.lift;
        voice.release = s.release;
        voice.released = false;
        voice.fading = false;
        voice.begun = at;
        voice.first = true;
        voice.rise = 0.0;
        voice.rise_step = 1.0 / (s.attack_s * SAMPLE_RATE as f32).max(1.0);
        voice.bend = 1.0;
        voice.near = ((1.0 + s.width) * 0.5).sqrt();
        voice.far = ((1.0 - s.width) * 0.5).sqrt();
        let angle = (s.pan.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4;
        voice.pan = (
            angle.cos() * std::f32::consts::SQRT_2,
            angle.sin() * std::f32::consts::SQRT_2,
        );
        voice.loudness = 1.0;
        self.voices.push(voice);
    }

    fn end(&mut self, id: u32) {
        for voice in self.voices.iter_mut().filter(|v| v.id == id && !v.released) {
            voice.released = true;
            let (base, faster) = voice.release;
            voice.damp(|hz| base / (1.0 + faster * hz / 1000.0));
            voice.bursts[2] = Noise::new(&voice.lift);
        }
    }

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        // A bend re-aims every partial: steps under a twentieth of a cent are not worth it.
        if (control.bend / self.bend - 1.0).abs() > 3e-5 {
            self.bend = control.bend;
        }
        let mut i = 0;
        let over = SILENCE.max(MASKED * self.loudest);
        self.loudest = 0.0;
        while i < self.voices.len() {
            if let Some(loudest) = self.voices[i].render(self.bend, over, out) {
                self.loudest = self.loudest.max(loudest);
                i += 1;
            } else {
                let voice = self.voices.swap_remove(i);
                self.free.push(voice);
            }
        }
        if !self.voices.is_empty() {
            self.tail = true;
        }
        if self.tail {
            self.recipe.finish(out);
            self.tail = !self.voices.is_empty() || self.recipe.rings();
            return true;
        }
        false
    }
}
