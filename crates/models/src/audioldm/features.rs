//! What CLAP hears: log-mel spectrograms as transformers' `ClapFeatureExtractor` makes them, and the resampling before it.

use std::path::Path;

use realfft::RealFftPlanner;
use serde::Deserialize;

use crate::config;
use crate::error::ModelError;

const MODEL: &str = "CLAP's features";

/// `preprocessor_config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Features {
    feature_size: usize,
    sampling_rate: u32,
    hop_length: usize,
    fft_window_size: usize,
    frequency_min: f64,
    frequency_max: f64,
    max_length_s: f64,
    nb_max_samples: Option<usize>,
    truncation: String,
    padding: String,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            feature_size: 64,
            sampling_rate: 48_000,
            hop_length: 480,
            fft_window_size: 1024,
            frequency_min: 0.0,
            frequency_max: 14_000.0,
            max_length_s: 10.0,
            nb_max_samples: None,
            truncation: "fusion".to_owned(),
            padding: "repeatpad".to_owned(),
        }
    }
}

impl Features {
    /// Reads `preprocessor_config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("preprocessor_config.json");
        let features: Self = config::read(&path, MODEL)?;
        let window = features.fft_window_size;
        let sensible = features.feature_size > 0
            && features.hop_length > 0
            && (2..1 << 20).contains(&window)
            && features.sampling_rate > 0
            && (1..1 << 28).contains(&features.longest())
            && features.frequency_max > features.frequency_min;
        if !sensible {
            return Err(ModelError::Config {
                path,
                model: MODEL,
                reason: "a size or a rate of it makes no sense".to_owned(),
            });
        }
        if features.truncation == "fusion" {
            return Err(ModelError::Config {
                path,
                model: MODEL,
                reason: "it fuses longer sounds, which is not done here".to_owned(),
            });
        }
        Ok(features)
    }

    fn longest(&self) -> usize {
        self.nb_max_samples
            .unwrap_or((self.max_length_s * f64::from(self.sampling_rate)) as usize)
    }

    /// Frames × bands in decibels, of a sound at `rate`. A longer one than CLAP takes is heard in its middle (the reference
    /// takes a random part), a shorter one repeated.
    pub(crate) fn hear(&self, sound: &[f32], rate: u32) -> Vec<f32> {
        let mut sound = resampled(sound, rate, self.sampling_rate);
        let longest = self.longest();
        if sound.len() > longest {
            let from = (sound.len() - longest) / 2;
            sound = sound[from..from + longest].to_vec();
        } else if !sound.is_empty() && sound.len() < longest {
            let whole = sound.clone();
            let times = match self.padding.as_str() {
                "repeat" => longest.div_ceil(whole.len()),
                "repeatpad" => longest / whole.len(),
                _ => 1,
            };
            for _ in 1..times {
                sound.extend_from_slice(&whole);
            }
            sound.truncate(longest);
        }
        sound.resize(longest, 0.0);
        self.log_mel(&sound)
    }

    fn log_mel(&self, sound: &[f32]) -> Vec<f32> {
        let window = self.fft_window_size;
        let bins = window / 2 + 1;
        let filters = self.filters(bins);
        let hann: Vec<f64> = (0..window)
            .map(|i| 0.5 - 0.5 * (2.0 * std::f64::consts::PI * i as f64 / window as f64).cos())
            .collect();
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(window);
        let (mut buffer, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
        let half = window / 2;
        let at = |i: i64| {
            // Mirrored at both ends, the last sample not twice.
            let last = sound.len() as i64 - 1;
            let period = (2 * last).max(1);
            let i = i.rem_euclid(period);
            f64::from(sound[(if i > last { period - i } else { i }) as usize])
        };
        let mut out = Vec::new();
        for frame in 0..=sound.len() / self.hop_length {
            let from = (frame * self.hop_length) as i64 - half as i64;
            for (i, x) in buffer.iter_mut().enumerate() {
                *x = at(from + i as i64) * hann[i];
            }
            if fft.process(&mut buffer, &mut spectrum).is_err() {
                continue;
            }
            let power: Vec<f64> = spectrum.iter().map(|c| c.norm_sqr()).collect();
            out.extend(filters.iter().map(|(from, weights)| {
                let sum: f64 = power[*from..].iter().zip(weights).map(|(p, w)| p * w).sum();
                (10.0 * sum.max(1e-10).log10()) as f32
            }));
        }
        out
    }

    /// Slaney's triangles of equal area: the first bin of each and its weights.
    fn filters(&self, bins: usize) -> Vec<(usize, Vec<f64>)> {
        let (low, high) = (slaney(self.frequency_min), slaney(self.frequency_max));
        let corner = |i: usize| from_slaney(low + (high - low) * i as f64 / (self.feature_size + 1) as f64);
        let top = f64::from(self.sampling_rate / 2);
        let bin = |i: usize| top * i as f64 / (bins - 1) as f64;
        (0..self.feature_size)
            .map(|band| {
                let (left, middle, right) = (corner(band), corner(band + 1), corner(band + 2));
                let weight = |i: usize| {
                    let up = (bin(i) - left) / (middle - left);
                    let down = (right - bin(i)) / (right - middle);
                    up.min(down).max(0.0) * 2.0 / (right - left)
                };
                let first = (0..bins).find(|i| weight(*i) > 0.0).unwrap_or(0);
                let weights = (first..bins).map(weight).take_while(|w| *w > 0.0).collect();
                (first, weights)
            })
            .collect()
    }
}

/// Hertz to Slaney's mel: straight up to 1 kHz, logarithmic from there.
fn slaney(hertz: f64) -> f64 {
    if hertz < 1000.0 {
        3.0 * hertz / 200.0
    } else {
        15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4f64.ln()
    }
}

fn from_slaney(mel: f64) -> f64 {
    if mel < 15.0 {
        200.0 * mel / 3.0
    } else {
        1000.0 * (6.4f64.ln() / 27.0 * (mel - 15.0)).exp()
    }
}

/// Zero crossings of the resampler's sinc on each side, at the lower of both rates.
const CROSSINGS: f64 = 48.0;
/// Where its passband ends, as a share of the lower rate's half.
const PASSED: f64 = 0.95;
/// Of its Kaiser window: 120 dB down.
const BETA: f64 = 12.3;

/// A sound at another rate, by a windowed sinc (Smith 1984); as long as librosa makes it.
pub(crate) fn resampled(sound: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || sound.is_empty() {
        return sound.to_vec();
    }
    let ratio = f64::from(to) / f64::from(from);
    let cut = PASSED * ratio.min(1.0);
    let reach = CROSSINGS / ratio.min(1.0);
    let bessel = |x: f64| {
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1..64 {
            term *= (x / (2.0 * f64::from(k))).powi(2);
            sum += term;
        }
        sum
    };
    let whole = bessel(BETA);
    let tap = |away: f64| {
        let share = away / reach;
        if share.abs() >= 1.0 {
            return 0.0;
        }
        let x = std::f64::consts::PI * cut * away;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        cut * sinc * bessel(BETA * (1.0 - share * share).sqrt()) / whole
    };
    // The kernels repeat after as many samples as the lowest terms of the ratio say.
    let common = gcd(from, to);
    let (up, down) = ((to / common) as usize, (from / common) as usize);
    let width = reach.ceil() as i64;
    let kernels: Vec<Vec<f64>> = (0..up)
        .map(|phase| {
            let offset = (phase * down % up) as f64 / up as f64;
            (-width..=width).map(|i| tap(i as f64 - offset)).collect()
        })
        .collect();
    let length = (sound.len() * up).div_ceil(down);
    (0..length)
        .map(|i| {
            let middle = (i * down / up) as i64;
            let kernel = &kernels[i % up];
            let sum: f64 = kernel
                .iter()
                .enumerate()
                .filter_map(|(k, w)| {
                    let at = usize::try_from(middle + k as i64 - width).ok()?;
                    Some(f64::from(*sound.get(at)?) * w)
                })
                .sum();
            sum as f32
        })
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::resampled;

    #[test]
    fn a_resampled_tone_is_another_tone() {
        for (from, to) in [(16_000, 48_000), (48_000, 16_000), (44_100, 48_000)] {
            let tone = |rate: u32, i: usize| (std::f64::consts::TAU * 1234.5 * i as f64 / f64::from(rate)).sin();
            let sound: Vec<f32> = (0..from as usize).map(|i| tone(from, i) as f32).collect();
            let out = resampled(&sound, from, to);
            assert_eq!(out.len(), to as usize);
            for (i, x) in out.iter().enumerate().skip(4000).take(8000) {
                assert!((f64::from(*x) - tone(to, i)).abs() < 1e-4, "{from} to {to}, sample {i}");
            }
        }
    }
}
