//! Tempo and beats as librosa finds them, to the frame.

use rayon::prelude::*;
use realfft::RealFftPlanner;

use super::onset::median_of;
use super::spectrum::{HOP, RATE, hann};

/// Tempo that the prior is centred on, beats a minute.
const START_BPM: f64 = 120.0;
/// Tempi above this are not believed.
const MAX_BPM: f64 = 320.0;
/// Frames of the window whose autocorrelation is taken: 8 s.
const WINDOW: usize = 8 * RATE as usize / HOP;
/// How closely beats keep to the tempo.
const TIGHTNESS: f64 = 100.0;

/// Frames a second of an onset envelope.
fn frame_rate() -> f64 {
    f64::from(RATE) / HOP as f64
}

/// `librosa.feature.tempo` of an onset envelope: the peak of the mean autocorrelation tempogram under a log-normal prior
/// around 120 beats a minute. 0 where the envelope is empty or nowhere above 0.
pub fn tempo(envelope: &[f32]) -> f64 {
    if !envelope.iter().any(|&v| v != 0.0) {
        return 0.0;
    }
    let mean = mean_tempogram(envelope);
    let mut best = (f64::NEG_INFINITY, 0.0);
    for (lag, correlation) in mean.iter().enumerate().skip(1) {
        let bpm = 60.0 * frame_rate() / lag as f64;
        if bpm >= MAX_BPM {
            continue;
        }
        let prior = -0.5 * (bpm.log2() - START_BPM.log2()).powi(2);
        let score = (1e6 * correlation).ln_1p() + prior;
        if score > best.0 {
            best = (score, bpm);
        }
    }
    best.1
}

/// Mean over frames of the windowed autocorrelation, each divided by its greatest value.
///
/// The greatest value of an autocorrelation is its energy, and the inverse transform is linear: so the power spectra are
/// divided and summed, and one inverse transform serves for all frames.
fn mean_tempogram(envelope: &[f32]) -> Vec<f64> {
    // Half a window before and behind, going to zero in a straight line.
    let half = WINDOW / 2;
    let (first, last) = (
        envelope.first().copied().unwrap_or(0.0),
        envelope.last().copied().unwrap_or(0.0),
    );
    let ramp = |i: usize| i as f32 / half as f32;
    let padded: Vec<f32> = (0..half)
        .map(|i| first * ramp(i))
        .chain(envelope.iter().copied())
        .chain((0..half).rev().map(|i| last * ramp(i)))
        .collect();
    let window = hann(WINDOW);
    let n = (2 * WINDOW - 1).next_multiple_of(16);
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(n);
    let inverse = planner.plan_fft_inverse(n);
    // Stretches of a fixed length, summed in order: the same sum on however many threads.
    const STRETCH: usize = 512;
    let count = envelope.len();
    let parts: Vec<Vec<f64>> = (0..count.div_ceil(STRETCH))
        .into_par_iter()
        .map(|k| {
            let mut time = forward.make_input_vec();
            let mut bins = forward.make_output_vec();
            let mut scratch = forward.make_scratch_vec();
            let mut sum = vec![0.0f64; bins.len()];
            let frames = padded.windows(WINDOW).take(count).skip(k * STRETCH).take(STRETCH);
            for frame in frames {
                time.fill(0.0);
                let mut energy = 0.0;
                for ((t, &x), &w) in time.iter_mut().zip(frame).zip(&window) {
                    *t = f64::from(x) * f64::from(w);
                    energy += *t * *t;
                }
                if energy < f64::MIN_POSITIVE {
                    continue;
                }
                // The plan made these buffers.
                let _ = forward.process_with_scratch(&mut time, &mut bins, &mut scratch);
                for (s, z) in sum.iter_mut().zip(&bins) {
                    *s += z.norm_sqr() / energy;
                }
            }
            sum
        })
        .collect();
    let mut time = inverse.make_output_vec();
    let mut bins = inverse.make_input_vec();
    let mut sum = vec![0.0f64; bins.len()];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    for (z, s) in bins.iter_mut().zip(&sum) {
        *z = realfft::num_complex::Complex64::new(*s, 0.0);
    }
    let _ = inverse.process(&mut bins, &mut time);
    let scale = 1.0 / (n as f64 * envelope.len().max(1) as f64);
    time.iter().take(WINDOW).map(|v| v * scale).collect()
}

/// `librosa.beat.beat_track` of an onset envelope: tempo and the frames of the beats (Ellis, "Beat tracking by dynamic
/// programming", 2007), trimmed where the ends are weak. For librosa's beats of a recording the envelope is
/// [`onset_strength_median`](super::onset_strength_median). (0, none) where the envelope is flat.
pub fn beat_track(envelope: &[f32]) -> (f64, Vec<usize>) {
    let bpm = tempo(envelope);
    if bpm <= 0.0 {
        return (0.0, Vec::new());
    }
    (bpm, beats_at(envelope, bpm))
}

/// The beats of [`beat_track`] for a given tempo (above 0), as frames.
pub fn beats_at(envelope: &[f32], bpm: f64) -> Vec<usize> {
    let period = (frame_rate() * 60.0 / bpm).round_ties_even();
    if envelope.len() < 2 || !(period >= 1.0 && period.is_finite()) {
        return Vec::new();
    }
    let local = local_score(envelope, period);
    let (links, total) = link(&local, period);
    let mut beats = Vec::new();
    let mut at = last_beat(&total);
    while let Some(frame) = at {
        beats.push(frame);
        at = links.get(frame).copied().flatten();
    }
    beats.reverse();
    trim(&local, &beats)
}

/// The envelope over its standard deviation, smoothed by a bell of a 32nd of the period.
fn local_score(envelope: &[f32], period: f64) -> Vec<f64> {
    let n = envelope.len();
    let mean = envelope.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64;
    let variance = envelope.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let scale = 1.0 / (variance.sqrt() + f64::from(f32::MIN_POSITIVE));
    let reach = period as usize;
    let bell: Vec<f64> = (0..=2 * reach)
        .map(|i| (-0.5 * ((i as f64 - period) * 32.0 / period).powi(2)).exp())
        .collect();
    // Beyond a fifth of the period the bell is below 1e-9.
    let core = (reach / 4 + 2).min(reach);
    (0..n)
        .map(|i| {
            let from = reach - core;
            let to = reach + core;
            // librosa's convolution never reads the very first value.
            (from.max((i + reach + 1).saturating_sub(n))..=to.min((i + reach).saturating_sub(1)))
                .map(|k| bell[k] * f64::from(envelope[i + reach - k]) * scale)
                .sum()
        })
        .collect()
}

/// For each frame the best beat before it, and the score of the best chain that ends there.
fn link(local: &[f64], period: f64) -> (Vec<Option<usize>>, Vec<f64>) {
    let threshold = 0.01 * local.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let nearest = (period / 2.0).round_ties_even() as usize;
    let farthest = 2 * period as usize;
    let costs: Vec<f64> = (0..=farthest)
        .map(|d| TIGHTNESS * ((d.max(1) as f64).ln() - period.ln()).powi(2))
        .collect();
    let mut links = vec![None; local.len()];
    let mut total: Vec<f64> = Vec::with_capacity(local.len());
    let mut waiting = true;
    for (i, &score) in local.iter().enumerate() {
        let (mut best, mut from) = (f64::NEG_INFINITY, None);
        for distance in nearest.max(1)..=farthest.min(i) {
            let value = total[i - distance] - costs[distance];
            if value > best {
                (best, from) = (value, Some(i - distance));
            }
        }
        total.push(if from.is_some() { score + best } else { score });
        // The chain begins where something is heard.
        if !(waiting && score < threshold) {
            links[i] = from;
            waiting = false;
        }
    }
    (links, total)
}

/// The last local maximum of at least half the median of all local maxima.
fn last_beat(total: &[f64]) -> Option<usize> {
    let n = total.len();
    let peak = |i: usize| i > 0 && total[i] > total[i - 1] && (i + 1 == n || total[i] >= total[i + 1]);
    let mut heights: Vec<f32> = (0..n).filter(|&i| peak(i)).map(|i| total[i] as f32).collect();
    let threshold = 0.5 * f64::from(median_of(&mut heights));
    (0..n)
        .rev()
        .find(|&i| peak(i) && total[i] >= threshold)
        .or(n.checked_sub(1))
}

/// Leaves out beats before and behind which nothing is as loud as half the level of the beats.
fn trim(local: &[f64], beats: &[usize]) -> Vec<usize> {
    let strengths: Vec<f64> = beats.iter().map(|&b| local[b]).collect();
    let n = strengths.len();
    // Convolved with a Hann window of five, whose ends are 0; two more values than beats count for the mean.
    let at = |i: isize| {
        usize::try_from(i)
            .ok()
            .and_then(|i| strengths.get(i))
            .copied()
            .unwrap_or(0.0)
    };
    let count = (n + 2).min(local.len());
    let energy: f64 = (0..count as isize)
        .map(|i| (0.5 * at(i - 1) + at(i) + 0.5 * at(i + 1)).powi(2))
        .sum();
    let threshold = 0.5 * (energy / count.max(1) as f64).sqrt();
    let from = local.iter().position(|&v| v > threshold).unwrap_or(local.len());
    let to = local.iter().rposition(|&v| v > threshold).map_or(0, |i| i + 1);
    beats.iter().copied().filter(|b| (from..to).contains(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An onset envelope with a pulse every `period` frames from `start`.
    fn pulses(n: usize, period: usize, start: usize) -> Vec<f32> {
        (0..n)
            .map(|i| {
                if i >= start && (i - start).is_multiple_of(period) {
                    3.0
                } else {
                    0.05
                }
            })
            .collect()
    }

    #[test]
    fn a_pulse_has_another_tempo_or_other_beats() {
        for period in [18, 21, 25] {
            let envelope = pulses(1500, period, 30);
            let (bpm, beats) = beat_track(&envelope);
            assert!((bpm - 60.0 * frame_rate() / period as f64).abs() < 1e-9, "{bpm}");
            assert!(beats.len() > 1400 / period, "{}", beats.len());
            // The last beat may hang on the end of the song, as librosa's does.
            assert!(
                beats.iter().rev().skip(1).all(|b| (b - 30).is_multiple_of(period)),
                "{beats:?}"
            );
        }
    }

    #[test]
    fn nothing_or_hardly_anything_has_a_pulse() {
        assert_eq!(beat_track(&[]), (0.0, vec![]));
        assert_eq!(beat_track(&[0.0; 400]), (0.0, vec![]));
        for n in 1..30 {
            let mut envelope = vec![0.0; n];
            envelope[n / 2] = 1.0;
            let (bpm, beats) = beat_track(&envelope);
            assert!(bpm >= 0.0 && beats.iter().all(|&b| b < n));
        }
    }
}
