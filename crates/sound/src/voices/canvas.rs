//! Where a one-shot sound is drawn before it is played: modes, noises and sweeps laid over each other, then a case, a room
//! or a tape round it.

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

use super::filter::{Svf, SvfShape};
use super::noise::{Chance, White};

const RATE: f32 = SAMPLE_RATE as f32;

/// Which part of a band of frequencies a noise keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pass {
    Low(f32),
    Band(f32, f32),
    High(f32),
}

/// A mono sound being drawn.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) wave: Vec<f32>,
}

impl Canvas {
    /// Silence of that many seconds.
    pub(crate) fn new(seconds: f32) -> Self {
        Self {
            wave: vec![0.0; (seconds * RATE) as usize],
        }
    }

    /// A decaying sine from `start_s` whose frequency falls from `hz + drop` to `hz` with the time constant `fall_s`.
    #[expect(
        clippy::too_many_arguments,
        reason = "a line of a drawing: where, which way, how long, how strong"
    )]
    pub(crate) fn sweep(&mut self, start_s: f32, hz: f32, drop: f32, fall_s: f32, t60: f32, amp: f32, phase: f32) {
        let from = (start_s * RATE) as usize;
        let fall = (-1.0 / (fall_s.max(1e-4) * RATE)).exp();
        let decay = (-6.907_755 / (t60 * RATE)).exp();
        let (mut extra, mut level, mut turn) = (drop / RATE, amp, phase);
        let base = hz / RATE;
        for x in self.wave.iter_mut().skip(from) {
            *x += level * sine(turn);
            turn += base + extra;
            turn -= turn.floor();
            extra *= fall;
            level *= decay;
            if level.abs() < 1e-6 {
                break;
            }
        }
    }

    /// A decaying sine.
    pub(crate) fn mode(&mut self, start_s: f32, hz: f32, t60: f32, amp: f32, phase: f32) {
        if hz > 20_000.0 {
            return;
        }
        let from = (start_s * RATE) as usize;
        let last = ((t60 * 1.7 * RATE) as usize).max(8);
        let Some(rest) = self.wave.get_mut(from..) else { return };
        let end = rest.len().min(last);
        ring(
            &mut rest[..end],
            hz / RATE,
            -6.907_755 / (t60.max(0.002) * RATE),
            amp,
            phase,
        );
    }

    /// Noise through a filter, rising in `rise_s` and decaying to −60 dB in `t60`.
    pub(crate) fn noise(&mut self, start_s: f32, pass: Pass, rise_s: f32, t60: f32, amp: f32, chance: &mut Chance) {
        let from = (start_s * RATE) as usize;
        let mut white = White::new(chance);
        let decay = (-6.907_755 / (t60 * RATE)).exp();
        let rise = 1.0 / (rise_s * RATE).max(1.0);
        let shape = match pass {
            Pass::Low(hz) | Pass::High(hz) => SvfShape::new(hz, 0.7),
            Pass::Band(hz, q) => SvfShape::new(hz, q),
        };
        let mut state = Svf::default();
        let (mut level, mut up) = (amp, 0.0f32);
        let mut noise = [0.0; 64];
        let last = ((t60 * 1.7 + rise_s) * RATE) as usize;
        let end = self.wave.len().min(from + last);
        for part in self.wave.get_mut(from..end).unwrap_or(&mut []).chunks_mut(64) {
            white.fill(&mut noise);
            for (x, n) in part.iter_mut().zip(&noise) {
                let y = match pass {
                    Pass::Low(_) => state.low(&shape, *n),
                    Pass::Band(..) => state.band(&shape, *n),
                    Pass::High(_) => state.high(&shape, *n),
                };
                up = (up + rise).min(1.0);
                *x += y * level * up;
                if up >= 1.0 {
                    level *= decay;
                }
            }
        }
    }

    /// Filters what is there.
    pub(crate) fn pass(&mut self, pass: Pass) {
        let shape = match pass {
            Pass::Low(hz) | Pass::High(hz) => SvfShape::new(hz, 0.7),
            Pass::Band(hz, q) => SvfShape::new(hz, q),
        };
        let mut state = Svf::default();
        for x in &mut self.wave {
            *x = match pass {
                Pass::Low(_) => state.low(&shape, *x),
                Pass::Band(..) => state.band(&shape, *x),
                Pass::High(_) => state.high(&shape, *x),
            };
        }
    }

    /// Raises or lowers a region by a linear gain.
    pub(crate) fn bell(&mut self, hz: f32, q: f32, gain: f32) {
        let shape = SvfShape::new(hz, q);
        let mut state = Svf::default();
        for x in &mut self.wave {
            *x = state.bell(&shape, gain, *x);
        }
    }

    /// Soft saturation that keeps small signals at their level.
    pub(crate) fn drive(&mut self, amount: f32) {
        if amount <= 0.0 {
            return;
        }
        for x in &mut self.wave {
            let d = (*x * (1.0 + amount)).clamp(-3.0, 3.0);
            *x = d * (27.0 + d * d) / (27.0 + 9.0 * d * d) / (1.0 + amount * 0.6);
        }
    }

    /// An old sampler: fewer samples, fewer steps.
    pub(crate) fn crush(&mut self, rate: f32, bits: f32) {
        if rate >= RATE {
            return;
        }
        self.pass(Pass::Low(rate * 0.45));
        let steps = bits.exp2() * 0.5;
        let (mut held, mut due) = (0.0, 0.0);
        for x in &mut self.wave {
            due += rate / RATE;
            if due >= 1.0 {
                due -= 1.0;
                held = (*x * steps).round() / steps;
            }
            *x = held;
        }
        self.pass(Pass::Low(rate * 0.8));
    }

    /// Cuts the silence at the end and closes with a fade of 10 ms.
    pub(crate) fn trim(&mut self) {
        let end = self.wave.iter().rposition(|x| x.abs() > 3e-5).map_or(0, |i| i + 1);
        self.wave.truncate(end);
        let fade = (RATE * 0.01) as usize;
        let from = self.wave.len().saturating_sub(fade);
        for (i, x) in self.wave.iter_mut().skip(from).enumerate() {
            *x *= 1.0 - i as f32 / fade as f32;
        }
    }
}

/// Samples of a mode that are computed beside each other.
const LANES: usize = 16;

widened! {
    /// Adds a decaying sine: turns and log of the fall a sample. Each lane is turned by the lanes' number at a time.
    fn ring(out: &mut [f32], turn: f32, fall: f32, amp: f32, phase: f32) {
        let angle = f64::from(turn) * std::f64::consts::TAU;
        let (sin, cos) = (angle * LANES as f64).sin_cos();
        let stride = (f64::from(fall) * LANES as f64).exp();
        let (s, c) = ((sin * stride) as f32, (cos * stride) as f32);
        let (mut re, mut im) = ([0.0f32; LANES], [0.0f32; LANES]);
        for (i, (re, im)) in re.iter_mut().zip(&mut im).enumerate() {
            let level = f64::from(amp) * (f64::from(fall) * i as f64).exp();
            let (y, x) = (f64::from(phase) * std::f64::consts::TAU + angle * i as f64).sin_cos();
            (*re, *im) = ((level * x) as f32, (level * y) as f32);
        }
        let (whole, rest) = out.as_chunks_mut::<LANES>();
        for lanes in whole {
            for i in 0..LANES {
                lanes[i] += im[i];
                (re[i], im[i]) = (Unit::fused(re[i], c, -im[i] * s), Unit::fused(re[i], s, im[i] * c));
            }
        }
        for (x, im) in rest.iter_mut().zip(im) {
            *x += im;
        }
    }
}

/// Sine of a phase in turns (0 to 1), within 2e-3: enough for drums, at a few cycles.
#[inline(always)]
fn sine(turn: f32) -> f32 {
    let x = turn - 0.5;
    let y = 16.0 * x * (0.5 - x.abs());
    -(0.225 * (y * y.abs() - y) + y)
}

/// A one-shot ready to play: what a soft blow and what a hard blow brings out, left and right of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct OneShot {
    pub(crate) body: [Vec<f32>; 2],
    pub(crate) bright: [Vec<f32>; 2],
}

impl OneShot {
    /// Places both parts at `pan` (−1 to 1) and puts a small room round them: `room` its level, `room_s` its length.
    pub(crate) fn new(body: &Canvas, bright: &Canvas, pan: f32, room: f32, room_s: f32, chance: &mut Chance) -> Self {
        Self {
            body: place(body, pan, room, room_s, chance),
            bright: place(bright, pan, room, room_s, chance),
        }
    }
}

/// A small feedback-delay room (four lines, Householder mix) after equal-power panning.
fn place(mono: &Canvas, pan: f32, room: f32, room_s: f32, chance: &mut Chance) -> [Vec<f32>; 2] {
    if mono.wave.is_empty() {
        return Default::default();
    }
    let angle = (pan.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4;
    let (gl, gr) = (
        angle.cos() * std::f32::consts::SQRT_2,
        angle.sin() * std::f32::consts::SQRT_2,
    );
    let tail = if room > 0.0 { (room_s * RATE) as usize } else { 0 };
    let mut out = [vec![0.0; mono.wave.len() + tail], vec![0.0; mono.wave.len() + tail]];
    let [left, right] = &mut out;
    if room > 0.0 {
        let lengths = [397usize, 523, 661, 811].map(|n| n + (chance.unit() * 30.0) as usize);
        let mut lines = lengths.map(|n| vec![0.0f32; n]);
        let mut at = [0usize; 4];
        let mut damp = [0.0f32; 4];
        let feed = lengths.map(|n| 10f32.powf(-3.0 * n as f32 / RATE / room_s.max(0.05)));
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate() {
            let x = mono.wave.get(i).copied().unwrap_or(0.0);
            let mut y = [0.0; 4];
            for j in 0..4 {
                damp[j] += 0.55 * (lines[j][at[j]] - damp[j]) + 1e-20;
                y[j] = damp[j] * feed[j];
            }
            let sum = 0.5 * (y[0] + y[1] + y[2] + y[3]);
            for j in 0..4 {
                lines[j][at[j]] = x + y[j] - sum;
                at[j] = if at[j] + 1 == lengths[j] { 0 } else { at[j] + 1 };
            }
            *l = room * (y[0] + 0.6 * y[2] - 0.4 * y[3]);
            *r = room * (y[1] + 0.6 * y[3] - 0.4 * y[2]);
        }
    }
    let fade = (RATE * 0.02) as usize;
    for (side, gain) in [(left, gl), (right, gr)] {
        for (o, x) in side.iter_mut().zip(&mono.wave) {
            *o += x * gain;
        }
        let from = side.len().saturating_sub(fade);
        for (i, o) in side.iter_mut().skip(from).enumerate() {
            *o *= 1.0 - i as f32 / fade as f32;
        }
    }
    out
}
