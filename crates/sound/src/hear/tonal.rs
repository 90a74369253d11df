//! Tuning, chroma and key.

use synchresis_cue::{HeardKey, Key, Mode};

use super::spectrum::{Framer, HOP, N_FFT, RATE, Stft};

/// Pitch that tuning is measured from, Hz.
const A4_HZ: f64 = 440.0;

/// A spectral peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub(super) hz: f32,
    pub(super) height: f32,
}

/// The peaks of one spectrum of [`N_FFT`] samples at [`RATE`], between 150 and 4,000 Hz and above a tenth of its greatest
/// value, by parabolic interpolation: `librosa.piptrack`. `spectrum` is what librosa is given there: magnitudes or powers.
pub(super) fn peaks(spectrum: &[f32], out: &mut Vec<Peak>) {
    out.clear();
    let bin_hz = f64::from(RATE) / N_FFT as f64;
    let from = (150.0 / bin_hz).ceil() as usize;
    let to = (4000.0 / bin_hz).ceil() as usize;
    let floor = 0.1 * spectrum.iter().copied().fold(0.0, f32::max);
    let shown = |v: f32| if v > floor { v } else { 0.0 };
    for (i, w) in spectrum
        .windows(3)
        .enumerate()
        .map(|(i, w)| (i + 1, w))
        .take(to.saturating_sub(1))
        .skip(from - 1)
    {
        let here = shown(w[1]);
        if !(here > shown(w[0]) && here >= shown(w[2])) {
            continue;
        }
        let slope = (w[2] - w[0]) / 2.0;
        let bend = w[2] + w[0] - 2.0 * w[1];
        let shift = if slope.abs() >= bend.abs() { 0.0 } else { -slope / bend };
        let hz = ((i as f64 + f64::from(shift)) * bin_hz) as f32;
        if hz > 0.0 {
            out.push(Peak {
                hz,
                height: w[1] + 0.5 * slope * shift,
            });
        }
    }
}

/// How far pitches lie from the tempered scale at A = 440 Hz, in semitones from −0.5 to 0.49: the fullest hundredth of
/// those that are at least as strong as the median, as `librosa.estimate_tuning`. 0 without peaks.
pub(super) fn tuning_of(peaks: &[Peak]) -> f64 {
    let mut heights: Vec<f32> = peaks.iter().map(|p| p.height).collect();
    let threshold = super::onset::median_of(&mut heights);
    let mut counts = [0u32; 100];
    for peak in peaks.iter().filter(|p| p.height >= threshold) {
        let mut residual = (12.0 * (f64::from(peak.hz) / (A4_HZ / 16.0)).log2()).rem_euclid(1.0);
        if residual >= 0.5 {
            residual -= 1.0;
        }
        counts[(((residual + 0.5) * 100.0) as usize).min(99)] += 1;
    }
    let mut best = (0, None);
    for (i, &count) in counts.iter().enumerate() {
        if count > best.0 {
            best = (count, Some(i));
        }
    }
    best.1.map_or(0.0, |i| i as f64 / 100.0 - 0.5)
}

/// `librosa.estimate_tuning` of the power spectrogram of samples at [`RATE`], as `chroma_stft` calls it.
pub fn estimate_tuning(samples: &[f32]) -> f64 {
    let mut all = Vec::new();
    let mut some = Vec::new();
    each_power(samples, |power| {
        peaks(power, &mut some);
        all.extend_from_slice(&some);
    });
    tuning_of(&all)
}

fn each_power(samples: &[f32], mut take: impl FnMut(&[f32])) {
    let mut stft = Stft::new(N_FFT);
    let mut power = vec![0.0; stft.bins()];
    let mut each = |frame: &[f32]| {
        stft.power(frame, &mut power);
        take(&power);
    };
    let mut framer = Framer::new(N_FFT, HOP);
    framer.push(samples, &mut each);
    framer.finish(&mut each);
}

/// Weights of the bins of a spectrum for the twelve pitch classes, C first: `librosa.filters.chroma` with its defaults.
#[derive(Debug, Clone)]
pub struct ChromaBank {
    weights: Vec<[f32; 12]>,
}

impl ChromaBank {
    /// For spectra of [`N_FFT`] samples at [`RATE`], and a tuning in semitones from A = 440 Hz.
    pub fn new(tuning: f64) -> Self {
        let a = A4_HZ * 2f64.powf(tuning / 12.0) / 16.0;
        let bin_hz = f64::from(RATE) / N_FFT as f64;
        let place = |bin: usize| 12.0 * (bin as f64 * bin_hz / a).log2();
        // The constant bin is put an octave and a half below the first.
        let place = |bin: usize| if bin == 0 { place(1) - 18.0 } else { place(bin) };
        let weights = (0..=N_FFT / 2)
            .map(|bin| {
                let here = place(bin);
                let width = (place(bin + 1) - here).max(1.0);
                let mut column = [0.0f64; 12];
                for (class, w) in column.iter_mut().enumerate() {
                    let distance = (here - class as f64 + 126.0).rem_euclid(12.0) - 6.0;
                    *w = (-0.5 * (2.0 * distance / width).powi(2)).exp();
                }
                let norm = column.iter().map(|w| w * w).sum::<f64>().sqrt();
                let octave = (-0.5 * ((here / 12.0 - 5.0) / 2.0).powi(2)).exp();
                // librosa counts from A and turns to C.
                std::array::from_fn(|class| (column[(class + 3) % 12] / norm * octave) as f32)
            })
            .collect();
        Self { weights }
    }

    /// Strength of the twelve pitch classes in a power spectrum, divided by the greatest.
    pub fn apply(&self, power: &[f32]) -> [f32; 12] {
        let mut out = [0.0f32; 12];
        for (weights, &p) in self.weights.iter().zip(power) {
            for (o, w) in out.iter_mut().zip(weights) {
                *o += w * p;
            }
        }
        let top = out.iter().copied().fold(0.0, f32::max);
        if top >= f32::MIN_POSITIVE {
            for o in &mut out {
                *o /= top;
            }
        }
        out
    }
}

/// `librosa.feature.chroma_stft` of samples at [`RATE`]: twelve values from 0 to 1 for each frame, C first. Without
/// `tuning` it is estimated first, which reads the samples once more.
pub fn chroma_stft(samples: &[f32], tuning: Option<f64>) -> Vec<[f32; 12]> {
    let bank = ChromaBank::new(tuning.unwrap_or_else(|| estimate_tuning(samples)));
    let mut out = Vec::new();
    each_power(samples, |power| out.push(bank.apply(power)));
    out
}

/// How often each degree sounds in a major and in a minor key (Albrecht and Shanahan, "The use of large corpora to train a
/// new type of key-finding algorithm", 2013); unlike older profiles they know the minor seventh of the natural minor.
const MAJOR: [f64; 12] = [
    0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081,
];
const MINOR: [f64; 12] = [
    0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052,
];

/// The key whose profile the strengths of the pitch classes (C first) correlate with best. `None` where they are all
/// the same.
pub fn key_of(classes: &[f64; 12]) -> Option<HeardKey> {
    let mut scores: Vec<(f64, Key)> = Vec::with_capacity(24);
    for (profile, mode) in [(&MAJOR, Mode::Ionian), (&MINOR, Mode::Aeolian)] {
        for tonic in 0..12u8 {
            let turned: [f64; 12] = std::array::from_fn(|i| classes[(i + usize::from(tonic)) % 12]);
            scores.push((correlation(&turned, profile)?, Key { tonic, mode }));
        }
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let [(strength, key), (next, _), ..] = scores[..] else {
        return None;
    };
    Some(HeardKey {
        key,
        strength,
        margin: strength - next,
    })
}

fn correlation(a: &[f64; 12], b: &[f64; 12]) -> Option<f64> {
    let mean = |x: &[f64; 12]| x.iter().sum::<f64>() / 12.0;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    let norm = (aa * bb).sqrt();
    (norm > 1e-12 && norm.is_finite()).then(|| ab / norm)
}

/// Parts of a semitone that pitch is counted in.
const FINE: usize = 10;

/// Strength of pitch in tenths of a semitone within the octave, C first, to be turned into pitch classes once the tuning
/// is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pitches([f32; 12 * FINE]);

impl Default for Pitches {
    fn default() -> Self {
        Self([0.0; 12 * FINE])
    }
}

impl Pitches {
    /// Adds a spectrum's peaks: the root of their height, so that loud notes do not hide the others.
    pub(super) fn add(&mut self, peaks: &[Peak]) {
        for peak in peaks {
            // C is three semitones above A.
            let place = 12.0 * (f64::from(peak.hz) / A4_HZ).log2() - 3.0;
            let at = ((place * FINE as f64).round() as i64).rem_euclid((12 * FINE) as i64) as usize;
            self.0[at] += peak.height.max(0.0).sqrt();
        }
    }

    /// Sum of both.
    pub(super) fn join(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a += b;
        }
    }

    /// The twelve pitch classes, C first, for a tuning in semitones; each reaches half a semitone either way.
    pub(super) fn classes(&self, tuning: f64) -> [f64; 12] {
        let shift = (tuning * FINE as f64).round() as i64;
        let n = (12 * FINE) as i64;
        std::array::from_fn(|class| {
            (-(FINE as i64) / 2..=FINE as i64 / 2)
                .map(|d| {
                    let at = (class as i64 * FINE as i64 + d + shift).rem_euclid(n) as usize;
                    let weight = (std::f64::consts::PI * d as f64 / FINE as f64).cos();
                    f64::from(self.0[at]) * weight
                })
                .sum()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(notes: &[i32], cents: f64) -> Vec<f32> {
        (0..22_050)
            .map(|i| {
                notes
                    .iter()
                    .map(|n| {
                        let hz = 440.0 * 2f64.powf((f64::from(*n - 69) + cents / 100.0) / 12.0);
                        (std::f64::consts::TAU * hz * f64::from(i) / 22_050.0).sin() as f32 * 0.2
                    })
                    .sum()
            })
            .collect()
    }

    #[test]
    fn a_chord_shows_other_pitch_classes() {
        let chroma = chroma_stft(&chord(&[60, 64, 67], 0.0), Some(0.0));
        let middle = &chroma[20];
        let mut order: Vec<usize> = (0..12).collect();
        order.sort_by(|&a, &b| middle[b].total_cmp(&middle[a]));
        let mut top = order[..3].to_vec();
        top.sort_unstable();
        assert_eq!(top, vec![0, 4, 7], "{middle:?}");
    }

    #[test]
    fn a_mistuned_chord_is_taken_for_tuned() {
        for cents in [-30.0, 0.0, 20.0] {
            let tuning = estimate_tuning(&chord(&[57, 60, 64, 69, 72], cents));
            assert!((tuning - cents / 100.0).abs() <= 0.05, "{cents} cents: {tuning}");
        }
        assert_eq!(estimate_tuning(&[0.0; 9000]), 0.0);
    }

    #[test]
    fn a_scale_has_another_key() {
        let scale = |tonic: usize, degrees: [usize; 7]| {
            let mut classes = [0.0; 12];
            for (i, d) in degrees.iter().enumerate() {
                classes[(tonic + d) % 12] = if i == 0 || i == 4 { 2.0 } else { 1.0 };
            }
            classes
        };
        for tonic in 0..12 {
            let major = key_of(&scale(tonic, [0, 2, 4, 5, 7, 9, 11])).map(|k| k.key);
            assert_eq!(
                major,
                Some(Key {
                    tonic: tonic as u8,
                    mode: Mode::Ionian
                })
            );
            let minor = key_of(&scale(tonic, [0, 2, 3, 5, 7, 8, 10])).map(|k| k.key);
            assert_eq!(
                minor,
                Some(Key {
                    tonic: tonic as u8,
                    mode: Mode::Aeolian
                })
            );
        }
        assert!(key_of(&[0.0; 12]).is_none());
        assert!(key_of(&[f64::NAN; 12]).is_none());
    }

    #[test]
    fn pitches_lose_their_class_through_tuning() {
        let mut pitches = Pitches::default();
        let hz = 440.0 * 2f32.powf((7.0 + 0.3) / 12.0);
        pitches.add(&[Peak { hz, height: 4.0 }]);
        let classes = pitches.classes(0.3);
        assert!((classes[4] - 2.0).abs() < 1e-6, "{classes:?}");
        assert!(classes.iter().enumerate().all(|(i, &v)| i == 4 || v < 1e-6));
    }
}
