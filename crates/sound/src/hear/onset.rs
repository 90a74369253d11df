//! Onset strength and onset picking as librosa has them.

use super::envelope::Strength;
use rayon::prelude::*;

use super::mel::{MelBank, db};
use super::spectrum::{HOP, N_FFT, RATE, Stft};

/// Zeros before the first difference: one for the lag, `n_fft / (2 · hop)` for the middle of the frame.
pub(super) const LEAD: usize = 1 + N_FFT / (2 * HOP);

/// `librosa.onset.onset_strength` of samples at [`RATE`]: the mean over 128 mel bands of the rise in decibels.
pub fn onset_strength(samples: &[f32]) -> Vec<f32> {
    onset_strengths(samples).0
}

/// The same with the median over bands, which is what `librosa.beat.beat_track` listens to.
pub fn onset_strength_median(samples: &[f32]) -> Vec<f32> {
    onset_strengths(samples).1
}

/// Both, by mean and by median, from one spectrogram.
pub fn onset_strengths(samples: &[f32]) -> (Vec<f32>, Vec<f32>) {
    // Spectra on all threads, a stretch each; then the rises in order. Frame `i` is centred on sample `i * HOP`.
    const STRETCH: usize = 256;
    const BANDS: usize = 128;
    let frames = 1 + samples.len() / HOP;
    let bank = MelBank::new(RATE, N_FFT, BANDS);
    let stft = Stft::new(N_FFT);
    let stretches: Vec<Vec<Vec<f32>>> = (0..frames.div_ceil(STRETCH))
        .into_par_iter()
        .map_with((stft, vec![0f32; N_FFT], Vec::new()), |(stft, frame, power), k| {
            power.resize(stft.bins(), 0.0);
            let range = k * STRETCH..((k + 1) * STRETCH).min(frames);
            range
                .map(|i| {
                    let at = |j: usize| (i * HOP + j).checked_sub(N_FFT / 2).and_then(|n| samples.get(n));
                    for (j, x) in frame.iter_mut().enumerate() {
                        *x = at(j).copied().filter(|x| x.is_finite()).unwrap_or(0.0);
                    }
                    stft.power(frame, power);
                    let mut row = vec![0.0; BANDS];
                    bank.apply(power, &mut row);
                    row.iter_mut().for_each(|v| *v = db(*v));
                    row
                })
                .collect()
        })
        .collect();
    let mut strength = Strength::default();
    stretches.into_iter().flatten().for_each(|row| strength.push_db(row));
    strength.finish()
}

/// Median, the mean of the middle two of an even count. Reorders the values; 0 of nothing.
pub(super) fn median_of(values: &mut [f32]) -> f32 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f32::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    f32::midpoint(below.iter().copied().fold(f32::NEG_INFINITY, f32::max), upper)
}

/// Limits of [`peak_pick`], in frames; the defaults are librosa's at [`RATE`] and [`HOP`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picking {
    /// Frames before that a peak must not be below.
    pub pre_max: usize,
    /// Frames from the peak on, itself included, that it must not be below.
    pub post_max: usize,
    /// Frames before that count for the mean.
    pub pre_avg: usize,
    /// Frames from the peak on, itself included, that count for the mean.
    pub post_avg: usize,
    /// How far above the mean a peak must be.
    pub delta: f32,
    /// Frames after a peak in which there is no other.
    pub wait: usize,
}

impl Default for Picking {
    fn default() -> Self {
        Self::for_frames(f64::from(RATE), HOP)
    }
}

impl Picking {
    /// librosa's limits for frames every `hop` samples at `rate`.
    pub fn for_frames(rate: f64, hop: usize) -> Self {
        let frames = |seconds: f64| (seconds * rate / hop.max(1) as f64).floor() as usize;
        Self {
            pre_max: frames(0.03),
            post_max: 1,
            pre_avg: frames(0.10),
            post_avg: frames(0.10) + 1,
            delta: 0.07,
            wait: frames(0.03),
        }
    }
}

/// `librosa.util.peak_pick`: frames that are the greatest around and `delta` above the mean around (Böck, Krebs and
/// Schedl, 2012).
pub fn peak_pick(x: &[f32], picking: &Picking) -> Vec<usize> {
    let mut peaks = Vec::new();
    let mut n = 0;
    while let Some(&here) = x.get(n) {
        // librosa looks ahead only at the first frame.
        let post_max = picking.post_max.max(1);
        let around = &x[n.saturating_sub(picking.pre_max)..(n + post_max).min(x.len())];
        let top = around.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if here < top {
            n += 1;
            continue;
        }
        let near = &x[n.saturating_sub(picking.pre_avg)..(n + picking.post_avg.max(1)).min(x.len())];
        let mean = near.iter().map(|&v| f64::from(v)).sum::<f64>() / near.len() as f64;
        if f64::from(here) < mean + f64::from(picking.delta) {
            n += 1;
            continue;
        }
        peaks.push(n);
        n += picking.wait + 1;
    }
    peaks
}

/// An envelope from 0 to 1, as `onset_detect` compares it.
pub fn normalised(envelope: &[f32]) -> Vec<f32> {
    let low = envelope.iter().copied().fold(f32::INFINITY, f32::min);
    let high = envelope.iter().map(|v| v - low).fold(0.0, f32::max) + f32::MIN_POSITIVE;
    envelope.iter().map(|v| (v - low) / high).collect()
}

/// `librosa.onset.onset_detect` of an onset envelope: frames of onsets. Empty where the envelope is flat.
pub fn onset_detect(envelope: &[f32], picking: &Picking) -> Vec<usize> {
    let envelope = normalised(envelope);
    if envelope.iter().all(|&v| v == 0.0) || envelope.iter().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    peak_pick(&envelope, picking)
}

/// `librosa.onset.onset_backtrack`: each event moved back to the last minimum of `energy` before it, or to 0.
pub fn onset_backtrack(events: &[usize], energy: &[f32]) -> Vec<usize> {
    let minima: Vec<usize> = std::iter::once(0)
        .chain(
            energy
                .windows(3)
                .enumerate()
                .filter(|(_, w)| w[1] <= w[0] && w[1] < w[2])
                .map(|(i, _)| i + 1),
        )
        .collect();
    events
        .iter()
        .map(|&e| minima[minima.partition_point(|&m| m <= e).saturating_sub(1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_has_its_onset_elsewhere() {
        let mut samples = vec![0.0f32; 22_050 * 2];
        for k in 0..200 {
            samples[22_050 + k] = (-(k as f32) / 30.0).exp() * if k % 2 == 0 { 1.0 } else { -1.0 };
        }
        let frames = onset_detect(&onset_strength(&samples), &Picking::default());
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert!(frames[0].abs_diff(43) <= 1, "{frames:?}");
    }

    #[test]
    fn silence_or_nothing_has_onsets() {
        assert!(onset_detect(&onset_strength(&[0.0; 30_000]), &Picking::default()).is_empty());
        assert!(onset_detect(&onset_strength(&[]), &Picking::default()).is_empty());
        assert!(onset_detect(&[], &Picking::default()).is_empty());
    }

    #[test]
    fn backtracking_moves_past_the_minimum() {
        let energy = [1.0, 0.5, 0.2, 0.6, 0.9, 0.3, 0.8];
        assert_eq!(onset_backtrack(&[1, 4, 6], &energy), vec![0, 2, 5]);
    }

    #[test]
    fn the_median_of_an_even_count_is_one_of_them() {
        assert_eq!(median_of(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median_of(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median_of(&mut []), 0.0);
    }
}
