//! To half the sample rate and back, for what has nothing to say in the highest octave.
//!
//! A half-band filter of 31 taps, of which every other is zero (P. P. Vaidyanathan, T. Q. Nguyen, 1987), split by phase so that
//! each sum runs over neighbouring samples in the processor's lanes. Flat to 9 kHz, −6 dB at 12 kHz.

use std::f64::consts::PI;

use crate::lanes::{Arithmetic, widened};

/// Pairs of equal taps on either side of the middle one.
const PAIRS: usize = 8;

/// What both ways together delay by, in samples of the half rate.
pub(super) const LATENCY: usize = 2 * PAIRS - 1;

/// The most samples of the half rate that are made at a time.
const PART: usize = 64;

/// Taps from the middle outwards: a sinc under Kaiser's window with 55 dB of attenuation.
fn taps() -> [f32; PAIRS] {
    const BETA: f64 = 5.1;
    let bessel = |x: f64| -> f64 {
        let terms = (1..20).scan(1.0, |term, k| {
            *term *= (x / 2.0 / f64::from(k)).powi(2);
            Some(*term)
        });
        1.0 + terms.sum::<f64>()
    };
    let raw: [f64; PAIRS] = std::array::from_fn(|k| {
        let n = (2 * k + 1) as f64;
        let window = bessel(BETA * (1.0 - (n / (2 * PAIRS) as f64).powi(2)).sqrt()) / bessel(BETA);
        (PI * n / 2.0).sin() / (PI * n) * window
    });
    // Their sum and the middle tap make 1.
    let sum: f64 = raw.iter().sum();
    raw.map(|x| (x * 0.25 / sum) as f32)
}

/// The past that a sum still needs, and what is new.
type Tape = [f32; 2 * PAIRS + PART];

/// Makes room for `n` new samples behind the last `2 · PAIRS`.
fn wind(tape: &mut Tape, n: usize) {
    tape.copy_within(n..n + 2 * PAIRS, 0);
}

/// One signal on its way down.
#[derive(Debug, Clone)]
pub(super) struct Halver {
    taps: [f32; PAIRS],
    even: Tape,
    odd: Tape,
    made: usize,
}

impl Halver {
    pub(super) fn new() -> Self {
        Self {
            taps: taps(),
            even: [0.0; 2 * PAIRS + PART],
            odd: [0.0; 2 * PAIRS + PART],
            made: 0,
        }
    }

    /// Half as many samples, rounded up; every call but the last brings an even number.
    pub(super) fn process(&mut self, input: &[f32], out: &mut [f32]) {
        for (input, out) in input.chunks(2 * PART).zip(out.chunks_mut(PART)) {
            wind(&mut self.even, self.made);
            wind(&mut self.odd, self.made);
            self.made = out.len();
            let news = self.even[2 * PAIRS..].iter_mut().zip(&mut self.odd[2 * PAIRS..]);
            for ((even, odd), pair) in news.zip(input.chunks(2)) {
                (*even, *odd) = (pair[0], pair.get(1).copied().unwrap_or_default());
            }
            let mut sums = [0.0; PART];
            symmetric(&self.odd, &self.taps, &mut sums);
            for ((out, sum), even) in out.iter_mut().zip(&sums).zip(&self.even[PAIRS + 1..]) {
                *out = sum + 0.5 * even;
            }
        }
    }
}

/// One signal on its way up.
#[derive(Debug, Clone)]
pub(super) struct Doubler {
    taps: [f32; PAIRS],
    tape: Tape,
    made: usize,
}

impl Doubler {
    pub(super) fn new() -> Self {
        Self {
            taps: taps().map(|tap| 2.0 * tap),
            tape: [0.0; 2 * PAIRS + PART],
            made: 0,
        }
    }

    /// Twice as many samples; `out` may be one shorter than that in the last call.
    pub(super) fn process(&mut self, input: &[f32], out: &mut [f32]) {
        for (input, out) in input.chunks(PART).zip(out.chunks_mut(2 * PART)) {
            wind(&mut self.tape, self.made);
            self.made = input.len();
            self.tape[2 * PAIRS..2 * PAIRS + input.len()].copy_from_slice(input);
            let mut sums = [0.0; PART];
            symmetric(&self.tape, &self.taps, &mut sums);
            for ((pair, sum), even) in out.chunks_mut(2).zip(&sums).zip(&self.tape[PAIRS..]) {
                pair[0] = *even;
                if let Some(odd) = pair.get_mut(1) {
                    *odd = *sum;
                }
            }
        }
    }
}

widened! {
    /// What lies between `tape[PAIRS + t]` and its neighbour on one side: taps from the middle outwards over the samples on both
    /// sides of `PAIRS + t + ½`.
    fn symmetric(tape: &Tape, taps: &[f32; PAIRS], out: &mut [f32; PART]) {
        for (k, tap) in taps.iter().enumerate() {
            let near = &tape[PAIRS - k..PAIRS - k + PART];
            let far = &tape[PAIRS + 1 + k..PAIRS + 1 + k + PART];
            for t in 0..PART {
                out[t] = Unit::fused(*tap, near[t] + far[t], out[t]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone down and up again.
    fn there_and_back(hz: f64) -> (Vec<f32>, Vec<f32>) {
        let tone: Vec<f32> = (0..9_601)
            .map(|i| (2.0 * PI * hz * f64::from(i) / 48_000.0).sin() as f32)
            .collect();
        let (mut down, mut up) = (vec![0.0; tone.len().div_ceil(2)], vec![0.0; tone.len()]);
        Halver::new().process(&tone, &mut down);
        Doubler::new().process(&down, &mut up);
        (tone, up)
    }

    #[test]
    fn a_tone_comes_back_late_or_changed() {
        for hz in [40.0, 1_000.0, 5_000.0, 8_500.0] {
            let (tone, back) = there_and_back(hz);
            let late = 2 * LATENCY;
            let worst = tone.iter().zip(&back[late..]).skip(200).map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f32::max) < 0.02, "{hz} Hz");
        }
    }

    #[test]
    fn what_the_half_rate_cannot_hold_folds_back() {
        for hz in [15_000.0, 18_000.0, 22_000.0] {
            let (_, back) = there_and_back(hz);
            let peak = back.iter().skip(200).fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(peak < 0.004, "{hz} Hz: {peak}");
        }
    }

    #[test]
    fn pieces_of_a_signal_give_something_else_than_the_whole() {
        let signal: Vec<f32> = (0..1000).map(|i| ((i * i) as f32 * 0.01).sin()).collect();
        let (mut whole, mut pieces) = (vec![0.0; 500], vec![0.0; 500]);
        Halver::new().process(&signal, &mut whole);
        let mut halver = Halver::new();
        for (input, out) in signal.chunks(256).zip(pieces.chunks_mut(128)) {
            halver.process(input, out);
        }
        assert_eq!(whole, pieces);
    }
}
