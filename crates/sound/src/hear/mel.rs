//! Mel spectrogram: Slaney's scale and normalisation, and power in decibels.

use super::spectrum::{Framer, Stft};

/// Triangular filters on the mel scale, each of equal area (Slaney, Auditory Toolbox, 1998), as `librosa.filters.mel`.
#[derive(Debug, Clone)]
pub struct MelBank {
    /// First bin of each band and where its weights begin.
    bands: Vec<(usize, usize)>,
    weights: Vec<f32>,
}

impl MelBank {
    /// `bands` filters from 0 Hz to half the `rate` for spectra of `n_fft / 2 + 1` bins.
    pub fn new(rate: u32, n_fft: usize, bands: usize) -> Self {
        let top = hz_to_mel(f64::from(rate) / 2.0);
        let edges: Vec<f64> = (0..bands + 2)
            .map(|i| mel_to_hz(top * i as f64 / (bands + 1) as f64))
            .collect();
        let bin_hz = f64::from(rate) / n_fft as f64;
        let mut starts = Vec::with_capacity(bands + 1);
        let mut weights = Vec::new();
        for triple in edges.windows(3) {
            let (low, mid, high) = (triple[0], triple[1], triple[2]);
            let area = 2.0 / (high - low);
            let first = (low / bin_hz).ceil() as usize;
            starts.push((first, weights.len()));
            for bin in first..=n_fft / 2 {
                let hz = bin as f64 * bin_hz;
                let weight = ((hz - low) / (mid - low)).min((high - hz) / (high - mid));
                if weight < 0.0 {
                    break;
                }
                // librosa keeps the triangle in f32 before it scales it.
                weights.push((f64::from(weight as f32) * area) as f32);
            }
        }
        starts.push((0, weights.len()));
        Self { bands: starts, weights }
    }

    /// How many bands.
    pub fn bands(&self) -> usize {
        self.bands.len() - 1
    }

    /// Power in each band, from the power in each bin, into `out`.
    pub fn apply(&self, power: &[f32], out: &mut [f32]) {
        for (out, pair) in out.iter_mut().zip(self.bands.windows(2)) {
            let (first, from) = pair[0];
            let weights = &self.weights[from..pair[1].1];
            let bins = power.get(first..).unwrap_or(&[]);
            *out = inner(weights, bins);
        }
    }
}

/// The sum of products, in eight sums side by side so that the processor need not wait for each.
fn inner(weights: &[f32], bins: &[f32]) -> f32 {
    let n = weights.len().min(bins.len());
    let (weights, bins) = (&weights[..n], &bins[..n]);
    let (w, p) = (weights.as_chunks::<8>(), bins.as_chunks::<8>());
    let mut sums = [0f32; 8];
    for (w, p) in w.0.iter().zip(p.0) {
        for ((s, w), p) in sums.iter_mut().zip(w).zip(p) {
            *s += w * p;
        }
    }
    let rest: f32 = w.1.iter().zip(p.1).map(|(w, p)| w * p).sum();
    sums.iter().sum::<f32>() + rest
}

/// Slaney's mel: linear below 1 kHz, logarithmic above.
fn hz_to_mel(hz: f64) -> f64 {
    let step = 200.0 / 3.0;
    if hz < 1000.0 {
        hz / step
    } else {
        15.0 + (hz / 1000.0).ln() / (6.4f64.ln() / 27.0)
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1000.0 * ((mel - 15.0) * (6.4f64.ln() / 27.0)).exp()
    }
}

/// `librosa.feature.melspectrogram` of samples at `rate`: a row of `bands` values for each of `1 + samples / hop` frames.
pub fn mel_spectrogram(samples: &[f32], rate: u32, n_fft: usize, hop: usize, bands: usize) -> Vec<Vec<f32>> {
    let mut rows = Vec::new();
    each_mel(samples, rate, n_fft, hop, bands, |row| rows.push(row.to_vec()));
    rows
}

/// The rows of [`mel_spectrogram`], one by one.
pub(super) fn each_mel(
    samples: &[f32],
    rate: u32,
    n_fft: usize,
    hop: usize,
    bands: usize,
    mut take: impl FnMut(&[f32]),
) {
    let bank = MelBank::new(rate, n_fft, bands);
    let mut stft = Stft::new(n_fft);
    let mut power = vec![0.0; stft.bins()];
    let mut row = vec![0.0; bands];
    let mut each = |frame: &[f32]| {
        stft.power(frame, &mut power);
        bank.apply(&power, &mut row);
        take(&row);
    };
    let mut framer = Framer::new(n_fft, hop);
    framer.push(samples, &mut each);
    framer.finish(&mut each);
}

/// The least power that decibels are taken of.
pub(super) const AMIN: f32 = 1e-10;
/// How far below the loudest value of a piece the quietest may lie, decibels.
pub(super) const TOP_DB: f32 = 80.0;

/// Decibels of one power, not below −100.
pub(super) fn db(power: f32) -> f32 {
    10.0 * power.max(AMIN).log10()
}

/// `librosa.power_to_db` with its defaults: 10·log₁₀ of each value, none more than 80 dB below the greatest of all rows.
pub fn power_to_db(rows: &mut [Vec<f32>]) {
    let mut top = f32::NEG_INFINITY;
    for value in rows.iter_mut().flatten() {
        *value = db(*value);
        top = top.max(*value);
    }
    for value in rows.iter_mut().flatten() {
        *value = value.max(top - TOP_DB);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_leave_holes_or_differ_in_area() {
        let bank = MelBank::new(22_050, 2048, 128);
        let flat = vec![1.0f32; 1025];
        let mut out = vec![0.0; 128];
        bank.apply(&flat, &mut out);
        // Area 1 in hertz over bins of 10.77 Hz each; narrow bands see it coarsely.
        for (i, v) in out.iter().enumerate().skip(60) {
            assert!((v * 22_050.0 / 2048.0 - 1.0).abs() < 0.05, "band {i}: {v}");
        }
        assert!(out.iter().all(|&v| v > 0.0));
    }

    #[test]
    fn decibels_reach_below_the_range() {
        let mut rows = vec![vec![1.0, 1e-20], vec![100.0, 1e-3]];
        power_to_db(&mut rows);
        assert_eq!(rows, vec![vec![0.0, -60.0], vec![20.0, -30.0]]);
    }

    #[test]
    fn more_bands_than_bins_read_past_the_end() {
        let bank = MelBank::new(22_050, 64, 512);
        let mut out = vec![0.0; 512];
        bank.apply(&[1.0; 33], &mut out);
        bank.apply(&[1.0; 3], &mut out);
        assert_eq!(bank.bands(), 512);
    }
}
