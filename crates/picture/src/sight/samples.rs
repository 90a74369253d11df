//! Sampled frames, and the one that stands for all.

use synchresis_cue::{Sample, round_to};

use super::glance::{Film, Tiny};
use super::grid::{H3, W3};

/// The seed systems' count of samples: ⌊10·log₁₀(seconds)⌋, one at least.
pub(crate) fn count(duration_s: f64) -> usize {
    let n = (10.0 * duration_s.max(0.0).log10()).floor();
    if n >= 1.0 { n as usize } else { 1 }
}

/// When the sampled frames of a film of so many seconds are on screen: the middles of equal parts, in seconds.
pub fn sample_times(duration_s: f64) -> impl Iterator<Item = f64> {
    let n = count(duration_s);
    (0..n).map(move |i| (i as f64 + 0.5) / n as f64 * duration_s)
}

/// The samples in the middles of equal parts, the frame a third of the way in and that at two thirds.
pub(crate) fn choose(film: &Film<'_>) -> (Vec<Sample>, Sample, Sample) {
    let at = |time_s: f64| match film.glances.get(film.shown_at(time_s)) {
        Some(g) => Sample {
            frame: g.index,
            time_s: round_to(g.time_s, 6),
        },
        None => Sample { frame: 0, time_s: 0.0 },
    };
    let samples = sample_times(film.duration_s).map(at).collect();
    (samples, at(film.duration_s / 3.0), at(film.duration_s * 2.0 / 3.0))
}

/// The sample whose features have the least sum of euclidean distances to all others (k-medoids with k = 1).
pub(crate) fn medoid(film: &Film<'_>, samples: &[Sample]) -> usize {
    if film.glances.is_empty() {
        return 0;
    }
    let features: Vec<Vec<f32>> = samples
        .iter()
        .map(|s| features(film.tiny(film.shown_at(s.time_s))))
        .collect();
    let sum = |i: usize| -> f32 {
        features
            .iter()
            .map(|f| {
                f.iter()
                    .zip(&features[i])
                    .map(|(a, b)| (a - b).powi(2))
                    .sum::<f32>()
                    .sqrt()
            })
            .sum()
    };
    let sums: Vec<f32> = (0..features.len()).map(sum).collect();
    (0..sums.len())
        .min_by(|&i, &j| sums[i].total_cmp(&sums[j]))
        .unwrap_or(0)
}

/// Colour layout (low frequencies of the cosine transform of luma and chroma, as MPEG-7 has it) and edge layout (energy
/// across and down in 4×3 parts).
fn features(tiny: &Tiny) -> Vec<f32> {
    let mut all = Vec::with_capacity(36);
    cosine(&tiny.y, W3, H3, 3, 1.0, &mut all);
    cosine(&tiny.cb, W3 / 2, H3, 2, 1.5, &mut all);
    cosine(&tiny.cr, W3 / 2, H3, 2, 1.5, &mut all);
    let cell = |x: usize, y: usize| f32::from(tiny.y[y * W3 + x]);
    for py in 0..3 {
        for px in 0..4 {
            let (mut across, mut down) = (0f32, 0f32);
            for y in py * H3 / 3..(py + 1) * H3 / 3 {
                for x in px * W3 / 4..(px + 1) * W3 / 4 {
                    across += (cell((x + 1).min(W3 - 1), y) - cell(x, y)).abs();
                    down += (cell(x, (y + 1).min(H3 - 1)) - cell(x, y)).abs();
                }
            }
            all.push(across / 12.0);
            all.push(down / 12.0);
        }
    }
    all
}

/// The `n`×`n` lowest frequencies of the orthonormal cosine transform, each a mean's size.
fn cosine(cells: &[u8], w: usize, h: usize, n: usize, weight: f32, out: &mut Vec<f32>) {
    for v in 0..n {
        for u in 0..n {
            let mut sum = 0f32;
            for (i, &p) in cells.iter().enumerate() {
                let (x, y) = ((i % w) as f32 + 0.5, (i / w) as f32 + 0.5);
                let wave = |k: usize, t: f32, n: usize| (std::f32::consts::PI * k as f32 * t / n as f32).cos();
                sum += f32::from(p) * wave(u, x, w) * wave(v, y, h);
            }
            let norm = if u + v == 0 { 1.0 } else { std::f32::consts::SQRT_2 };
            out.push(weight * norm * sum / cells.len() as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_film_has_no_sample_or_the_seeds_count_is_missed() {
        for (s, n) in [
            (0.0, 1),
            (0.04, 1),
            (1.0, 1),
            (1.3, 1),
            (2.0, 3),
            (10.0, 10),
            (60.0, 17),
            (3600.0, 35),
        ] {
            assert_eq!(count(s), n, "{s} s");
        }
        assert_eq!(count(f64::NAN), 1);
    }
}
