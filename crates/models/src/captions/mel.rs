//! What LP-MusicCaps hears with: 128 bands on the HTK scale over 10 ms, in decibels.
//!
//! The original's conventions: a periodic Hann window of 1024 samples, centred by reflection; of each Fourier coefficient the *real
//! part alone*, squared; triangular bands without area normalisation; 10 · log10 of at least 1e-10. (torchaudio's `Spectrogram`,
//! `MelScale` and `AmplitudeToDB` as lpmc/music_captioning/model/modules.py calls them.)

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

/// Samples a second.
pub const RATE: u32 = 16_000;
/// Samples of a window: ten seconds.
pub const WINDOW: usize = 160_000;
const FFT: usize = 1024;
const HOP: usize = 160;
const BINS: usize = FFT / 2 + 1;
const LEAST: f64 = 1e-10;

/// The front end for so many bands. It reckons in double precision: where the real part of a coefficient all but vanishes, single
/// precision is hundredths of a decibel off, the original's too.
pub(crate) struct Mel {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    /// First bin and weights of each band.
    bands: Vec<(usize, Vec<f64>)>,
}

impl Mel {
    pub(crate) fn new(bands: usize) -> Self {
        let turn = std::f64::consts::TAU / FFT as f64;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(FFT),
            // Rounded as the original keeps it.
            window: (0..FFT)
                .map(|i| f64::from((0.5 - 0.5 * (turn * i as f64).cos()) as f32))
                .collect(),
            bands: triangles(bands),
        }
    }

    /// Frames that so many samples give.
    pub(crate) const fn frames(samples: usize) -> usize {
        1 + samples / HOP
    }

    /// Decibels, band by band, of more than half a Fourier window of samples.
    pub(crate) fn decibels(&self, samples: &[f32]) -> Vec<f32> {
        let frames = Self::frames(samples.len());
        let mut out = vec![0.0; self.bands.len() * frames];
        let mut input = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0; BINS];
        for frame in 0..frames {
            let begin = (frame * HOP) as i64 - (FFT / 2) as i64;
            for (i, (x, w)) in input.iter_mut().zip(&self.window).enumerate() {
                *x = f64::from(reflected(samples, begin + i as i64)) * w;
            }
            // The three buffers are as long as the plan says.
            if self
                .fft
                .process_with_scratch(&mut input, &mut spectrum, &mut scratch)
                .is_err()
            {
                continue;
            }
            for (p, c) in power.iter_mut().zip(&spectrum) {
                *p = c.re * c.re;
            }
            for (band, (first, weights)) in self.bands.iter().enumerate() {
                let heard: f64 = power.iter().skip(*first).zip(weights).map(|(p, w)| p * w).sum();
                out[band * frames + frame] = (10.0 * heard.max(LEAST).log10()) as f32;
            }
        }
        out
    }
}

/// The sample at `i`, mirrored at both ends without repeating them.
fn reflected(samples: &[f32], i: i64) -> f32 {
    let last = samples.len() as i64 - 1;
    let i = i.abs();
    let i = if i > last { 2 * last - i } else { i };
    usize::try_from(i)
        .ok()
        .and_then(|i| samples.get(i))
        .copied()
        .unwrap_or(0.0)
}

fn triangles(bands: usize) -> Vec<(usize, Vec<f64>)> {
    let nyquist = f64::from(RATE) / 2.0;
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let top = mel(nyquist);
    let corner = |i: usize| hertz(top * i as f64 / (bands + 1) as f64);
    (0..bands)
        .map(|band| {
            let (low, middle, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let f = nyquist * bin as f64 / (BINS - 1) as f64;
                let (rise, fall) = ((f - low) / (middle - low), (high - f) / (high - middle));
                f64::from(rise.min(fall).max(0.0) as f32)
            };
            let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            let weights = (first..BINS).map(weight).take_while(|w| *w > 0.0).collect();
            (first, weights)
        })
        .collect()
}

/// The ten-second windows of a song of mono samples at 16 kHz as the original cuts them: what is left at the end is not heard, unless it is
/// all there is; then silence follows it.
pub(crate) fn windows(samples: &[i16]) -> impl ExactSizeIterator<Item = Vec<f32>> + '_ {
    let count = (samples.len() / WINDOW).max(1);
    (0..count).map(move |i| {
        let part = samples.iter().skip(i * WINDOW).take(WINDOW);
        let mut window: Vec<f32> = part.map(|x| f32::from(*x) / 32768.0).collect();
        window.resize(WINDOW, 0.0);
        window
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_is_cut_elsewhere_than_every_ten_seconds() {
        let of = |n: usize| {
            windows(&vec![16384i16; n])
                .map(|w| (w.len(), w.iter().sum::<f32>()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0), [(WINDOW, 0.0)]);
        assert_eq!(of(2), [(WINDOW, 1.0)]);
        assert_eq!(of(WINDOW + 5), [(WINDOW, 80_000.0)]);
        assert_eq!(of(2 * WINDOW).len(), 2);
    }

    #[test]
    fn a_tone_is_heard_in_another_band() {
        let tone: Vec<f32> = (0..16_000)
            .map(|i| (std::f32::consts::TAU * 1000.0 * i as f32 / 16_000.0).cos())
            .collect();
        let mel = Mel::new(128).decibels(&tone);
        let frames = Mel::frames(tone.len());
        let loudest = (0..128).max_by(|a, b| mel[a * frames + 50].total_cmp(&mel[b * frames + 50]));
        // 1000 Hz lies at 1000 mel, of 2840 in 129 steps.
        assert!(loudest.is_some_and(|band| (44..=45).contains(&band)), "{loudest:?}");
        assert_eq!(Mel::new(128).decibels(&[0.0; 2000])[7], -100.0);
    }
}
