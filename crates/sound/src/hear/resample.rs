//! Resampling to [`RATE`](super::RATE), in blocks of Fourier transforms.
//!
//! The filter is a Kaiser-windowed sinc with the corner, the length and the window of SoX's high quality (which
//! `librosa.load` uses): flat to 0.913 of the lower Nyquist frequency, 125 dB down at that frequency.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Half amplitude, as a share of the lower rate.
const CORNER: f64 = 0.478_435_91;
/// Half the filter's length, in samples of the lower rate.
const REACH: f64 = 97.249_068;
/// Shape of the Kaiser window.
const BETA: f64 = 13.039_78;

/// Changes the rate of a mono stream by a ratio of whole numbers; delay and length are those of the input.
pub struct Resampler {
    up: usize,
    down: usize,
    engine: Option<Engine>,
    pending: Vec<f32>,
    taken: u64,
    given: u64,
}

/// The transforms of a block and the filter between them.
struct Engine {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    response: Vec<f32>,
    time_in: Vec<f32>,
    bins_in: Vec<Complex32>,
    bins_out: Vec<Complex32>,
    time_out: Vec<f32>,
    scratch: Vec<Complex32>,
    /// Input samples at each end of a block whose output is thrown away.
    pad: usize,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler")
            .field("up", &self.up)
            .field("down", &self.down)
            .finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `from` to `to` samples a second (both 1 or more; 0 counts as 1).
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (from.max(1), to.max(1));
        let common = gcd(from, to);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        if up == down {
            return Self {
                up,
                down,
                engine: None,
                pending: Vec::new(),
                taken: 0,
                given: 0,
            };
        }
        let low = f64::from(from.min(to));
        // Reach in input samples, rounded up to a whole number of periods of the ratio.
        let pad_periods = (REACH * f64::from(from) / low / down as f64).ceil() as usize + 1;
        let wanted = (8 * pad_periods * down).max(4096) / down;
        let periods = wanted.next_power_of_two().max(4);
        let (n_in, n_out) = (down * periods, up * periods);
        let mut planner = RealFftPlanner::<f32>::new();
        let forward = planner.plan_fft_forward(n_in);
        let inverse = planner.plan_fft_inverse(n_out);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let pad = pad_periods * down;
        let engine = Engine {
            response: response(n_in, n_out),
            time_in: forward.make_input_vec(),
            bins_in: forward.make_output_vec(),
            bins_out: inverse.make_input_vec(),
            time_out: inverse.make_output_vec(),
            scratch: vec![Complex32::default(); scratch],
            forward,
            inverse,
            pad,
        };
        Self {
            up,
            down,
            engine: Some(engine),
            pending: vec![0.0; pad],
            taken: 0,
            given: 0,
        }
    }

    /// Takes samples and appends what they complete to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        let Some(engine) = &mut self.engine else {
            out.extend_from_slice(samples);
            return;
        };
        let before = out.len();
        for part in samples.chunks(1 << 16) {
            self.pending.extend_from_slice(part);
            engine.drain(self.up, self.down, &mut self.pending, out);
        }
        self.given += (out.len() - before) as u64;
    }

    /// Ends the stream: appends what is left, so that ⌈samples · to / from⌉ were given in all.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let Some(engine) = &mut self.engine else { return };
        let total = (u128::from(self.taken) * self.up as u128).div_ceil(self.down as u128) as u64;
        let before = out.len();
        while self.given + ((out.len() - before) as u64) < total {
            self.pending.resize(self.pending.len() + engine.time_in.len(), 0.0);
            engine.drain(self.up, self.down, &mut self.pending, out);
        }
        out.truncate(before + (total - self.given) as usize);
    }
}

impl Engine {
    fn drain(&mut self, up: usize, down: usize, pending: &mut Vec<f32>, out: &mut Vec<f32>) {
        let (n_in, n_out) = (self.time_in.len(), self.time_out.len());
        let step = n_in - 2 * self.pad;
        let skip = self.pad / down * up;
        let mut at = 0;
        while let Some(block) = pending.get(at..at + n_in) {
            self.time_in.copy_from_slice(block);
            // These buffers were made by the plans, and the ends of a real signal's spectrum are real.
            let _ = self
                .forward
                .process_with_scratch(&mut self.time_in, &mut self.bins_in, &mut self.scratch);
            self.bins_out.fill(Complex32::default());
            for ((o, i), h) in self.bins_out.iter_mut().zip(&self.bins_in).zip(&self.response) {
                *o = i * h;
            }
            for end in [0, n_out / 2] {
                if let Some(bin) = self.bins_out.get_mut(end) {
                    bin.im = 0.0;
                }
            }
            let _ = self
                .inverse
                .process_with_scratch(&mut self.bins_out, &mut self.time_out, &mut self.scratch);
            out.extend_from_slice(&self.time_out[skip..n_out - skip]);
            at += step;
        }
        pending.drain(..at);
    }
}

/// The filter at the bins of a block, scaled by the length of the forward transform.
fn response(n_in: usize, n_out: usize) -> Vec<f32> {
    // Sampled at the higher rate, where it fits below the Nyquist frequency.
    let n = n_in.max(n_out);
    let low = n_in.min(n_out) as f64 / n as f64;
    let reach = REACH / low;
    let corner = 2.0 * CORNER * low;
    let mut kernel = vec![0.0f64; n];
    let mut sum = 0.0;
    for i in 0..=(reach as usize).min(n / 2 - 1) {
        let x = i as f64;
        let phase = std::f64::consts::PI * corner * x;
        let sinc = if i == 0 { 1.0 } else { phase.sin() / phase };
        let window = bessel(BETA * (1.0 - (x / reach).powi(2)).max(0.0).sqrt()) / bessel(BETA);
        kernel[i] = sinc * window;
        sum += kernel[i];
        if i > 0 {
            kernel[n - i] = kernel[i];
            sum += kernel[i];
        }
    }
    let scale = 1.0 / (sum * n_in as f64);
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(n);
    let mut bins = plan.make_output_vec();
    // The kernel has the length that the plan was made for.
    let _ = plan.process(&mut kernel, &mut bins);
    bins.iter().map(|z| (z.re * scale) as f32).collect()
}

/// Modified Bessel function of the first kind, order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(samples: &[f32], from: u32, to: u32, cut: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for part in samples.chunks(cut) {
            resampler.push(part, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_changes_pitch_level_or_place() {
        for from in [8_000u32, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 44_056] {
            let hz = 1000.0;
            let tone = |rate: u32, i: usize| (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin() as f32;
            let samples: Vec<f32> = (0..from as usize).map(|i| tone(from, i)).collect();
            let out = resample(&samples, from, 22_050, 4096);
            assert_eq!(out.len(), 22_050, "{from} Hz");
            for (i, v) in out.iter().enumerate().take(21_000).skip(1000) {
                assert!((v - tone(22_050, i)).abs() < 2e-5, "{from} Hz, sample {i}: {v}");
            }
        }
    }

    #[test]
    fn what_is_above_the_band_comes_back_below_it() {
        let samples: Vec<f32> = (0..48_000).map(|i| (f64::from(i) * 1.7).sin() as f32).collect();
        let out = resample(&samples, 48_000, 22_050, 1000);
        let peak = out[500..21_500].iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(peak < 1e-5, "{peak}");
    }

    #[test]
    fn the_result_depends_on_how_the_stream_is_cut() {
        let samples: Vec<f32> = (0..30_000).map(|i| ((i * i) as f32 * 0.001).sin()).collect();
        let whole = resample(&samples, 44_100, 22_050, 30_000);
        assert_eq!(whole.len(), 15_000);
        assert_eq!(whole, resample(&samples, 44_100, 22_050, 1));
        assert_eq!(whole, resample(&samples, 44_100, 22_050, 777));
        assert!(resample(&[], 48_000, 22_050, 1).is_empty());
        assert_eq!(resample(&[0.5], 48_000, 22_050, 1).len(), 1);
    }
}
