//! How far the way to the next picture is gone.

use synchresis_cue::Pace;

/// The way through a section of `frames` frames, 0 at the first and (but for [`Pace::Constant`]) 1 at the last.
///
/// For [`Pace::Energy`] this is the seed system's curve: `harmonic` and `percussive` (per-frame maxima over mel bands
/// of the two parts) are each brought to 0…1 by their least and greatest value in the section, mixed by the weights,
/// summed up, divided by the sum, and the first value is set to 0. A section in which nothing is heard goes linearly.
pub fn progress(
    pace: Pace,
    frames: usize,
    harmonic: &[f32],
    percussive: &[f32],
    harmonic_weight: f64,
    percussive_weight: f64,
) -> Vec<f32> {
    let linear = || -> Vec<f32> {
        let last = frames.saturating_sub(1).max(1) as f32;
        (0..frames).map(|i| i as f32 / last).collect()
    };
    match pace {
        Pace::Constant => return vec![0.0; frames],
        Pace::Linear => return linear(),
        Pace::Energy => {}
    }
    let (harmonic, percussive) = (normalised(harmonic, frames), normalised(percussive, frames));
    let mut sum = 0.0f64;
    let mut way: Vec<f64> = (0..frames)
        .map(|i| {
            let mixed = harmonic_weight * f64::from(harmonic[i]) + percussive_weight * f64::from(percussive[i]);
            sum += mixed.max(0.0);
            sum
        })
        .collect();
    if sum.is_nan() || sum < 1e-9 {
        return linear();
    }
    way.iter_mut().for_each(|v| *v /= sum);
    if let Some(first) = way.first_mut() {
        *first = 0.0;
    }
    way.into_iter().map(|v| v as f32).collect()
}

/// `values` between 0 and 1 by their extremes, held or cut to `frames`; all 0 where they do not differ.
fn normalised(values: &[f32], frames: usize) -> Vec<f32> {
    let finite = |v: f32| if v.is_finite() { v } else { 0.0 };
    let low = values.iter().copied().map(finite).fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().map(finite).fold(f32::NEG_INFINITY, f32::max);
    let span = high - low;
    (0..frames)
        .map(|i| match values.get(i.min(values.len().saturating_sub(1))) {
            Some(v) if span > 0.0 => (finite(*v) - low) / span,
            _ => 0.0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_curve_is_another() {
        // Worked by hand: harmonic 0, .5, 1; percussive 1, 0, .5; mixed .8, .1, .6; sums .8, .9, 1.5.
        let way = progress(Pace::Energy, 3, &[1.0, 2.0, 3.0], &[8.0, 4.0, 6.0], 0.2, 0.8);
        let want = [0.0, 0.6, 1.0];
        assert!(way.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{way:?}");
    }

    #[test]
    fn silence_or_nan_breaks_the_curve() {
        for (h, p) in [
            (vec![], vec![]),
            (vec![0.0; 9], vec![0.0; 9]),
            (vec![f32::NAN; 9], vec![f32::INFINITY; 9]),
        ] {
            let way = progress(Pace::Energy, 9, &h, &p, 0.2, 0.8);
            assert_eq!((way.len(), way[0], way[8]), (9, 0.0, 1.0));
            assert!(way.windows(2).all(|w| w[1] >= w[0]));
        }
        assert!(progress(Pace::Energy, 0, &[], &[], 0.2, 0.8).is_empty());
        assert_eq!(progress(Pace::Constant, 2, &[1.0], &[1.0], 0.2, 0.8), [0.0, 0.0]);
    }
}
