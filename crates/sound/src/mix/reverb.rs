//! Two spaces of our own: a room with early reflections, and a hall.
//!
//! Each is a feedback delay network (J.-M. Jot, A. Chaigne, 1991) with a Hadamard matrix, behind a pre-delay and a
//! chain of all-passes. Every line's length drifts slowly, each at its own rate, so that no mode stands still long
//! enough to ring; reading between two samples is also what damps the highest frequencies (a third of the power at 6 kHz each
//! time round). Nothing in the loop is recursive sample by sample, and every loop runs over time in the processor's lanes.
//!
//! The spaces run at half the sample rate: what is sent to them ends below 10 kHz.

use super::biquad::Biquad;
use super::delay::{AllPass, CHUNK, Delay};
use super::half::LATENCY;
use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

/// Samples a second of what goes in and comes out.
const RATE: f64 = SAMPLE_RATE as f64 / 2.0;

/// What a space is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Space {
    /// Seconds in which it dies by 60 dB, at middle frequencies.
    pub(super) decay_s: f64,
    /// Milliseconds before it answers.
    pub(super) pre_delay_ms: f64,
    /// Shortest and longest line, milliseconds.
    pub(super) lines_ms: (f64, f64),
    /// Depth of the drift, samples.
    pub(super) drift: f64,
    /// Lengths of the input's all-passes, milliseconds.
    pub(super) diffusion_ms: [f64; 4],
    /// Lower and upper corner of what is sent to it, hertz.
    pub(super) band_hz: (f64, f64),
    /// Level of the early reflections, 0 for none.
    pub(super) early: f32,
    /// Level of what it returns.
    pub(super) level: f32,
}

impl Space {
    /// The filters that what is sent to it goes through first.
    pub(super) fn bands(&self) -> [Biquad; 2] {
        let (low, high) = self.band_hz;
        [Biquad::high_pass(low, 0.6), Biquad::low_pass(high, 0.55)]
    }

    /// A wooden studio of some 200 m³.
    pub(super) const ROOM: Self = Self {
        decay_s: 0.62,
        pre_delay_ms: 3.0,
        lines_ms: (13.1, 31.7),
        drift: 2.0,
        diffusion_ms: [2.7, 3.5, 4.6, 6.1],
        band_hz: (150.0, 9_000.0),
        early: 0.42,
        level: 0.5,
    };

    /// A concert hall, smooth and dark at its end.
    pub(super) const HALL: Self = Self {
        decay_s: 2.3,
        pre_delay_ms: 24.0,
        lines_ms: (29.3, 71.9),
        drift: 4.5,
        diffusion_ms: [3.6, 4.8, 9.3, 12.7],
        band_hz: (190.0, 8_000.0),
        early: 0.0,
        level: 0.5,
    };
}

/// Times in milliseconds, gains, and whether the other side's wall gave it, of the early reflections that reach the
/// left ear; the right ear's come a little later.
const EARLY: [(f64, f32, bool); 8] = [
    (5.3, 0.72, false),
    (8.9, -0.61, true),
    (13.7, 0.55, false),
    (18.1, 0.48, true),
    (23.9, -0.41, false),
    (29.3, 0.36, true),
    (37.1, -0.29, true),
    (44.9, 0.24, false),
];

/// One line of the network.
#[derive(Debug, Clone)]
struct Line {
    delay: Delay,
    length: f64,
    /// What is left each time round.
    gain: f32,
    /// The drift's present value is `drift · phase.1`; `phase` is turned by `turn` every chunk.
    drift: f64,
    phase: (f64, f64),
    turn: (f64, f64),
}

impl Line {
    /// Turns the drift one chunk further and returns the length before and after.
    #[inline(always)]
    fn drift(&mut self) -> (f64, f64) {
        let from = self.length + self.drift * self.phase.1;
        let (cos, sin) = self.phase;
        self.phase = (
            cos * self.turn.0 - sin * self.turn.1,
            sin * self.turn.0 + cos * self.turn.1,
        );
        (from, self.length + self.drift * self.phase.1)
    }

    /// The next chunk that comes out of the line, interpolated linearly.
    #[inline(always)]
    fn read<U: Arithmetic>(&mut self, out: &mut [f32; CHUNK]) {
        let (from, to) = self.drift();
        let first = from.min(to).floor();
        let (from, to) = ((from - first) as f32, (to - first) as f32);
        let step = (to - from) / CHUNK as f32;
        let window = self.delay.past(first as usize + 2, CHUNK + 2);
        let Ok(window) = <&[f32; CHUNK + 2]>::try_from(window) else {
            return;
        };
        if from.max(to) <= 1.0 {
            for t in 0..CHUNK {
                let (a, b) = (window[t + 2], window[t + 1]);
                out[t] = U::fused(b - a, U::fused(step, RAMP[t], from), a);
            }
        } else {
            for t in 0..CHUNK {
                let offset = U::fused(step, RAMP[t], from);
                let (near, far) = (offset.min(1.0), (offset - 1.0).max(0.0));
                let (a, b, c) = (window[t + 2], window[t + 1], window[t]);
                out[t] = U::fused(c - b, far, U::fused(b - a, near, a));
            }
        }
    }

    /// Feeds a chunk: what came back, and what is new.
    #[inline(always)]
    fn write<U: Arithmetic>(&mut self, back: &[f32; CHUNK], fed: &[f32; CHUNK], sign: f32) {
        let (gain, fed_gain) = (self.gain, sign * self.gain);
        let Ok(to) = <&mut [f32; CHUNK]>::try_from(self.delay.advance(CHUNK)) else {
            return;
        };
        for t in 0..CHUNK {
            to[t] = U::fused(fed_gain, fed[t], gain * back[t]);
        }
    }
}

/// 0, 1, 2, …
const RAMP: [f32; CHUNK] = {
    let mut ramp = [0.0; CHUNK];
    let mut i = 0;
    while i < CHUNK {
        ramp[i] = i as f32;
        i += 1;
    }
    ramp
};

/// A reverberant space with `N` lines (a power of two): stereo in, stereo out, wet alone.
#[derive(Debug, Clone)]
pub(super) struct Reverb<const N: usize> {
    input: [Delay; 2],
    pre_delay: usize,
    diffusers: [[AllPass; 4]; 2],
    lines: Vec<Line>,
    early: Vec<[(usize, f32, bool); 2]>,
    level: f32,
    chunks: Box<[[f32; CHUNK]; N]>,
    /// Chunks without input after which nothing can be heard.
    memory: usize,
    idle: usize,
}

fn samples(ms: f64) -> usize {
    (ms * RATE / 1000.0).round() as usize
}

impl<const N: usize> Reverb<N> {
    pub(super) fn new(space: &Space) -> Self {
        assert!(
            N.is_power_of_two() && N >= 4,
            "a Hadamard matrix has a power of two rows"
        );
        let (short, long) = space.lines_ms;
        let lines = (0..N)
            .map(|i| {
                // Geometric spacing, nudged off any regular pattern by the golden ratio.
                let nudge = (i as f64 * 0.618_034).fract() - 0.5;
                let place = (i as f64 + 0.6 * nudge) / (N - 1) as f64;
                let ms = short * (long / short).powf(place.clamp(0.0, 1.0));
                let length = (ms * RATE / 1000.0).round();
                let drift = space.drift * (0.7 + 0.6 * (i as f64 * 0.754_878).fract());
                let hertz = 0.31 + 0.83 * (i as f64 * 0.569_840).fract();
                let start = std::f64::consts::TAU * (i as f64 * 0.618_034).fract();
                let step = std::f64::consts::TAU * hertz * CHUNK as f64 / RATE;
                let gain = 10f64.powf(-3.0 * length / (space.decay_s * RATE)) / (N as f64).sqrt();
                Line {
                    delay: Delay::new(length as usize + drift as usize + 3 + CHUNK),
                    length,
                    gain: gain as f32,
                    drift,
                    phase: (start.cos(), start.sin()),
                    turn: (step.cos(), step.sin()),
                }
            })
            .collect();
        // The way down and up again takes its part.
        let pre_delay = samples(space.pre_delay_ms).saturating_sub(LATENCY).max(CHUNK);
        let diffusers = std::array::from_fn(|side| {
            std::array::from_fn(|i| {
                let ms = space.diffusion_ms[i] * (1.0 + 0.043 * side as f64);
                AllPass::new(samples(ms), if i < 2 { 0.7 } else { 0.6 })
            })
        });
        let early = EARLY.iter().filter(|_| space.early > 0.0).map(|&(ms, gain, crossed)| {
            let gain = gain * space.early;
            [ms, ms * 1.037 + 0.4].map(|ms| (samples(ms) - LATENCY, gain, crossed))
        });
        let early: Vec<_> = early.collect();
        Self {
            input: std::array::from_fn(|_| Delay::new(pre_delay.max(samples(60.0)) + CHUNK)),
            pre_delay,
            diffusers,
            lines,
            early,
            level: space.level,
            chunks: Box::new([[0.0; CHUNK]; N]),
            memory: samples(space.decay_s * 1000.0) * 5 / 2 / CHUNK + samples(200.0) / CHUNK,
            idle: usize::MAX,
        }
    }

    /// Adds what the space answers to `input` (already within its [`Space::bands`]) to `out`; all four have the same
    /// length. Calls must bring whole chunks ([`CHUNK`]) except the last.
    pub(super) fn process(&mut self, input: (&[f32], &[f32]), out: (&mut [f32], &mut [f32])) {
        let pieces = input.0.chunks(CHUNK).zip(input.1.chunks(CHUNK));
        for ((l, r), (out_l, out_r)) in pieces.zip(out.0.chunks_mut(CHUNK).zip(out.1.chunks_mut(CHUNK))) {
            let silent = l.iter().chain(r).all(|x| *x == 0.0);
            if silent && self.idle > self.memory {
                self.drift();
                continue;
            }
            self.idle = if silent { self.idle + 1 } else { 0 };
            let n = l.len();
            let mut fed = [[0.0; CHUNK]; 2];
            fed[0][..n].copy_from_slice(l);
            fed[1][..n].copy_from_slice(r);
            let mut wet = [[0.0; CHUNK]; 2];
            answer(self, &fed, &mut wet);
            for (out, wet) in [(out_l, &wet[0]), (out_r, &wet[1])] {
                for (out, wet) in out.iter_mut().zip(wet) {
                    *out += wet;
                }
            }
            if self.idle > self.memory {
                self.forget();
            }
        }
    }

    /// The drift goes on in silence, so that a space answers the same whoever played in it before.
    fn drift(&mut self) {
        for line in &mut self.lines {
            line.drift();
        }
    }

    /// All that still lingers is below −150 dB.
    fn forget(&mut self) {
        for line in &mut self.lines {
            line.delay.clear();
        }
        self.input.iter_mut().for_each(Delay::clear);
        self.diffusers.iter_mut().flatten().for_each(AllPass::clear);
    }
}

widened! {
    /// What a space answers to one chunk.
    fn answer<const N: usize>(space: &mut Reverb<N>, input: &[[f32; CHUNK]; 2], out: &mut [[f32; CHUNK]; 2]) {
        let mut fed = [[0.0f32; CHUNK]; 2];
        for side in 0..2 {
            let line = &mut space.input[side];
            line.advance(CHUNK).copy_from_slice(&input[side]);
            let fed = &mut fed[side];
            fed.copy_from_slice(line.past(space.pre_delay + CHUNK, CHUNK));
            for diffuser in &mut space.diffusers[side] {
                diffuser.process::<Unit>(fed);
            }
        }
        for (line, chunk) in space.lines.iter_mut().zip(space.chunks.iter_mut()) {
            line.read::<Unit>(chunk);
        }
        // Even lines face left, odd ones right; signs alternate in pairs so that the two sides are not alike.
        for (i, chunk) in space.chunks.iter().enumerate() {
            let gain = if i / 2 % 2 == 0 { space.level } else { -space.level };
            let out = &mut out[i % 2];
            for t in 0..CHUNK {
                out[t] = Unit::fused(gain, chunk[t], out[t]);
            }
        }
        for taps in &space.early {
            for (side, out) in out.iter_mut().enumerate() {
                let (delay, gain, crossed) = taps[side];
                let from = if crossed { 1 - side } else { side };
                for (out, x) in out.iter_mut().zip(space.input[from].past(delay + CHUNK, CHUNK)) {
                    *out = Unit::fused(gain, *x, *out);
                }
            }
        }
        hadamard(&mut space.chunks);
        for (i, (line, chunk)) in space.lines.iter_mut().zip(space.chunks.iter()).enumerate() {
            let sign = if i / 4 % 2 == 0 { 1.0 } else { -1.0 };
            line.write::<Unit>(chunk, &fed[i % 2], sign);
        }
    }
}

/// Unnormalised fast Hadamard transform across the lines, sample by sample, a few samples at a time so that all lines stay
/// in the processor.
#[inline(always)]
fn hadamard<const N: usize>(lines: &mut [[f32; CHUNK]; N]) {
    const LANES: usize = 8;
    for at in (0..CHUNK).step_by(LANES) {
        let mut rows: [[f32; LANES]; N] = std::array::from_fn(|i| std::array::from_fn(|t| lines[i][at + t]));
        let mut half = 1;
        while half < N {
            for i in (0..N).filter(|i| i & half == 0) {
                let (a, b) = (rows[i], rows[i + half]);
                rows[i] = std::array::from_fn(|t| a[t] + b[t]);
                rows[i + half] = std::array::from_fn(|t| a[t] - b[t]);
            }
            half *= 2;
        }
        for (line, row) in lines.iter_mut().zip(&rows) {
            line[at..at + LANES].copy_from_slice(row);
        }
    }
}
