//! Short-time Fourier transform as librosa has it: Hann window, centred frames, zeros beyond both ends.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Samples a second that songs are heard at.
pub const RATE: u32 = 22_050;
/// Samples of a frame.
pub const N_FFT: usize = 2048;
/// Samples from frame to frame.
pub const HOP: usize = 512;

/// Time in seconds of the middle of frame `frame` at [`RATE`] and [`HOP`].
pub fn frame_time(frame: usize) -> f64 {
    (frame * HOP) as f64 / f64::from(RATE)
}

/// One frame's transform, with its window and scratch memory.
pub struct Stft {
    window: Vec<f32>,
    plan: Arc<dyn RealToComplex<f32>>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Clone for Stft {
    fn clone(&self) -> Self {
        Self {
            window: self.window.clone(),
            plan: Arc::clone(&self.plan),
            frame: self.frame.clone(),
            spectrum: self.spectrum.clone(),
            scratch: self.scratch.clone(),
        }
    }
}

impl std::fmt::Debug for Stft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stft").field("n_fft", &self.n_fft()).finish()
    }
}

impl Stft {
    /// A transform of `n_fft` samples (2 or more) with the periodic Hann window.
    pub fn new(n_fft: usize) -> Self {
        let n_fft = n_fft.max(2);
        let plan = RealFftPlanner::<f32>::new().plan_fft_forward(n_fft);
        Self {
            window: hann(n_fft),
            frame: plan.make_input_vec(),
            spectrum: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            plan,
        }
    }

    /// Samples of a frame.
    pub fn n_fft(&self) -> usize {
        self.window.len()
    }

    /// Bins of a spectrum: `n_fft / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.spectrum.len()
    }

    /// The spectrum of one frame of `n_fft` samples; a shorter one is followed by zeros.
    pub fn transform(&mut self, frame: &[f32]) -> &[Complex32] {
        self.frame.fill(0.0);
        for ((out, x), w) in self.frame.iter_mut().zip(frame).zip(&self.window) {
            *out = x * w;
        }
        // The buffers were made by the plan, so their lengths cannot disagree.
        let done = self
            .plan
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok(), "the plan made these buffers");
        &self.spectrum
    }

    /// The squared magnitudes of one frame's spectrum, `bins` of them, into `out`.
    pub fn power(&mut self, frame: &[f32], out: &mut [f32]) {
        for (out, z) in out.iter_mut().zip(self.transform(frame)) {
            *out = z.norm_sqr();
        }
    }
}

/// Periodic Hann window of `n` samples.
pub(super) fn hann(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n as f64).cos()) as f32)
        .collect()
}

/// Cuts a stream of samples into overlapping frames, the first one centred on the first sample.
#[derive(Debug, Clone)]
pub struct Framer {
    n_fft: usize,
    hop: usize,
    pending: Vec<f32>,
    start: usize,
    nonfinite: u64,
}

impl Framer {
    /// Frames of `n_fft` samples every `hop` samples (both 1 or more).
    pub fn new(n_fft: usize, hop: usize) -> Self {
        Self {
            n_fft,
            hop: hop.max(1),
            pending: vec![0.0; n_fft / 2],
            start: 0,
            nonfinite: 0,
        }
    }

    /// How many samples were not finite and were taken for silence.
    pub fn nonfinite(&self) -> u64 {
        self.nonfinite
    }

    /// Takes samples and gives every frame that they complete to `each`.
    pub fn push(&mut self, samples: &[f32], mut each: impl FnMut(&[f32])) {
        // Blocks keep the memory bounded however long the slice is.
        for block in samples.chunks(1 << 16) {
            self.pending.extend(block.iter().map(|&x| {
                if x.is_finite() {
                    x
                } else {
                    self.nonfinite += 1;
                    0.0
                }
            }));
            self.drain(&mut each);
        }
    }

    /// Follows the stream with zeros and gives the frames that are centred within it, `1 + samples / hop` in all.
    pub fn finish(mut self, mut each: impl FnMut(&[f32])) {
        self.pending.resize(self.pending.len() + self.n_fft / 2, 0.0);
        self.drain(&mut each);
    }

    fn drain(&mut self, each: &mut impl FnMut(&[f32])) {
        while let Some(frame) = self.pending.get(self.start..self.start + self.n_fft) {
            each(frame);
            self.start += self.hop;
        }
        let gone = self.start.min(self.pending.len());
        self.pending.drain(..gone);
        self.start -= gone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_depend_on_how_the_stream_is_cut() {
        let samples: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.1).sin()).collect();
        let frames = |cut: usize| {
            let mut all = Vec::new();
            let mut framer = Framer::new(512, 128);
            for part in samples.chunks(cut) {
                framer.push(part, |f| all.push(f.to_vec()));
            }
            framer.finish(|f| all.push(f.to_vec()));
            all
        };
        let whole = frames(5000);
        assert_eq!(whole.len(), 1 + 5000 / 128);
        assert_eq!(whole, frames(1));
        assert_eq!(whole, frames(333));
        assert_eq!(whole[0][256], samples[0]);
    }

    #[test]
    fn a_hop_above_the_frame_loses_its_place() {
        let mut seen = Vec::new();
        let mut framer = Framer::new(4, 10);
        for i in 0..35 {
            framer.push(&[i as f32], |f| seen.push(f[2]));
        }
        framer.finish(|f| seen.push(f[2]));
        assert_eq!(seen, vec![0.0, 10.0, 20.0, 30.0]);
    }

    #[test]
    fn a_sine_has_its_peak_elsewhere() {
        let mut stft = Stft::new(2048);
        let frame: Vec<f32> = (0..2048)
            .map(|i| (std::f32::consts::TAU * 100.0 * i as f32 / 2048.0).sin())
            .collect();
        let mut power = vec![0.0; stft.bins()];
        stft.power(&frame, &mut power);
        let top = power
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map(|(i, _)| i);
        assert_eq!(top, Some(100));
        // A sine of amplitude 1 under a Hann window: (N / 4)².
        assert!((power[100] / 262_144.0 - 1.0).abs() < 1e-4);
    }
}
