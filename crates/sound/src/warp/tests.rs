use proptest::prelude::*;

use super::*;
use crate::hear::{Stft, onsets};

const R: u32 = 48_000;

fn seconds(seconds: f64) -> usize {
    (seconds * f64::from(R)) as usize
}

/// A constant bend from the beginning to the end.
fn even(ratio: f64, length: f64) -> TimeMap {
    TimeMap::new(vec![(0.0, 0.0), (length, length * ratio)]).expect("a map")
}

/// A chord with overtones, held.
fn chord(length: f64, pitches: &[f64]) -> Vec<f32> {
    let mut out = vec![0.0f32; seconds(length)];
    for (n, f) in pitches.iter().enumerate() {
        for overtone in 1..=4 {
            let (f, level) = (f * f64::from(overtone), 0.12 / f64::from(overtone));
            for (i, x) in out.iter_mut().enumerate() {
                let phase = i as f64 / f64::from(R) * f * std::f64::consts::TAU + n as f64;
                *x += (level * phase.sin()) as f32;
            }
        }
    }
    out
}

fn noise(count: usize) -> Vec<f32> {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// Struck notes at these moments.
fn struck(times: &[f64], length: f64) -> Vec<f32> {
    let mut out = vec![0.0f32; seconds(length)];
    for (n, time) in times.iter().enumerate() {
        let f = 220.0 * 2f64.powf((n * 5 % 12) as f64 / 12.0);
        for (i, x) in out[seconds(*time)..].iter_mut().take(seconds(1.2)).enumerate() {
            let t = i as f64 / f64::from(R);
            let tone = (t * f * std::f64::consts::TAU).sin() + 0.5 * (t * 2.0 * f * std::f64::consts::TAU).sin();
            *x += (0.3 * (-t * 5.0).exp() * (t * 900.0).min(1.0) * tone) as f32;
        }
    }
    out
}

/// Mean level of each 50 ms, decibels.
fn levels(samples: &[f32]) -> Vec<f32> {
    let parts = samples.chunks_exact(seconds(0.05));
    parts
        .map(|p| 10.0 * (p.iter().map(|x| x * x).sum::<f32>() / p.len() as f32 + 1e-12).log10())
        .collect()
}

/// Mean power of each bin of 8192 samples, decibels.
fn spectrum(samples: &[f32]) -> Vec<f32> {
    let mut stft = Stft::new(8192);
    let mut sum = vec![0.0f32; stft.bins()];
    let mut power = vec![0.0f32; stft.bins()];
    let frames: Vec<&[f32]> = samples.windows(8192).step_by(2048).collect();
    for frame in &frames {
        stft.power(frame, &mut power);
        sum.iter_mut().zip(&power).for_each(|(s, p)| *s += p);
    }
    let count = frames.len() as f32;
    sum.iter().map(|s| 10.0 * (s / count + 1e-9).log10()).collect()
}

#[test]
fn what_is_not_bent_is_changed() {
    let sound = noise(seconds(1.0));
    assert_eq!(warped(&sound, R, &even(1.0, 1.0), &[0.1, 0.5]), sound);
    let later = TimeMap::new(vec![(0.25, 0.0), (0.75, 0.5)]).expect("a map");
    assert_eq!(warped(&sound, R, &later, &[]), sound[seconds(0.25)..seconds(0.75)]);
}

#[test]
fn a_map_that_bends_too_far_or_goes_back_is_taken() {
    for bad in [
        vec![],
        vec![(0.0, 0.0)],
        vec![(0.0, 0.1), (1.0, 1.1)],
        vec![(0.0, 0.0), (1.0, 1.07)],
        vec![(0.0, 0.0), (1.0, 0.93)],
        vec![(0.0, 0.0), (1.0, 1.0), (0.9, 1.9)],
        vec![(0.0, 0.0), (f64::NAN, 1.0)],
    ] {
        assert_eq!(TimeMap::new(bad.clone()), None, "{bad:?}");
    }
    let map = TimeMap::new(vec![(0.5, 0.0), (1.5, 1.05), (2.5, 2.0)]).expect("a map");
    for moment in [0.0, 0.3, 1.05, 1.9, 5.0] {
        assert!((map.place(map.source(moment)) - moment).abs() < 1e-12);
    }
    assert!((map.most() - 0.05).abs() < 1e-9);
}

#[test]
fn an_attack_lands_beside_its_place_or_is_smeared() {
    let times: Vec<f64> = (0..28)
        .map(|n| 0.2 + f64::from(n) * 0.27 + f64::from(n % 3) * 0.03)
        .collect();
    let sound = struck(&times, 9.0);
    let heard: Vec<f64> = onsets(&sound, R, 1).iter().map(|o| o.time_s).collect();
    assert!(heard.len() >= times.len());
    let map = TimeMap::new(vec![(0.05, 0.0), (2.0, 2.05), (5.0, 4.9), (8.5, 8.5)]).expect("a map");
    let out = warped(&sound, R, &map, &heard);
    let again: Vec<f64> = onsets(&out, R, 1).iter().map(|o| o.time_s).collect();
    for time in times.iter().filter(|t| map.place(**t) < 8.4) {
        let place = map.place(*time);
        let away = again.iter().map(|t| (t - place).abs()).fold(f64::INFINITY, f64::min);
        assert!(away < 0.005, "{time}: {away}");
        // The first 20 ms are the attack's own, sample by sample.
        let own = &sound[seconds(*time)..][..seconds(0.02)];
        let near = (-200i64..=200).map(|lag| {
            let from = (place * f64::from(R)).round() as i64 + lag;
            let part = &out[from as usize..][..own.len()];
            own.iter().zip(part).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        });
        let off = near.fold(f32::INFINITY, f32::min);
        assert!(off < 1e-3, "{time}: {off}");
    }
    assert!(again.len() <= heard.len() + 1, "{} became {}", heard.len(), again.len());
}

#[test]
fn a_chord_gets_another_pitch_or_pumps() {
    for (pitches, ratio) in [
        ([220.0, 277.18, 329.63], 1.06),
        ([130.81, 196.0, 311.13], 0.94),
        ([98.0, 146.83, 246.94], 1.03),
    ] {
        let sound = chord(4.0, &pitches);
        let out = warped(&sound, R, &even(ratio, 4.0), &[]);
        assert_eq!(out.len(), (4.0 * ratio * f64::from(R)).round() as usize);
        let (before, after) = (spectrum(&sound), spectrum(&out));
        for f in pitches.iter().flat_map(|f| (1..=4).map(move |n| f * f64::from(n))) {
            let bin = (f * 8192.0 / f64::from(R)).round() as usize;
            let peak = |s: &[f32]| {
                let around = bin - 6..=bin + 6;
                around.max_by(|a, b| s[*a].total_cmp(&s[*b])).expect("bins")
            };
            assert_eq!(peak(&before), peak(&after), "{f} Hz moved");
            assert!(
                (before[bin] - after[bin]).abs() < 1.5,
                "{f} Hz: {} dB",
                before[bin] - after[bin]
            );
        }
        let steady = |s: &[f32]| {
            let levels = levels(s);
            let mean = levels.iter().sum::<f32>() / levels.len() as f32;
            levels.iter().map(|l| (l - mean).abs()).fold(0.0, f32::max)
        };
        assert!(
            steady(&out) < steady(&sound) + 1.0,
            "{} and {}",
            steady(&sound),
            steady(&out)
        );
    }
}

#[test]
fn noise_pumps() {
    let sound = noise(seconds(4.0));
    for ratio in [0.94, 1.06] {
        let out = warped(&sound, R, &even(ratio, 4.0), &[]);
        let levels = levels(&out);
        let mean = levels.iter().sum::<f32>() / levels.len() as f32;
        assert!(levels.iter().all(|l| (l - mean).abs() < 1.2), "{levels:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_map_within_the_limits_gives_another_length_or_another_sound_each_time(
        steps in prop::collection::vec((0.02f64..0.8, 0.94f64..1.06), 1..8),
        start in 0.0f64..0.5,
        mut attacks in prop::collection::vec(0.0f64..4.0, 0..40),
        rate in prop::sample::select(vec![8_000u32, 16_000, 22_050, 48_000]),
    ) {
        attacks.sort_by(f64::total_cmp);
        let mut anchors = vec![(start, 0.0)];
        for (long, ratio) in steps {
            let (s, t) = anchors[anchors.len() - 1];
            anchors.push((s + long, t + long * ratio));
        }
        let map = TimeMap::new(anchors).expect("a map");
        let sound = noise(rate as usize * 3);
        let out = warped(&sound, rate, &map, &attacks);
        prop_assert_eq!(out.len(), (map.length() * f64::from(rate)).round() as usize);
        prop_assert!(out.iter().all(|x| x.abs() <= 0.75));
        prop_assert_eq!(warped(&sound, rate, &map, &attacks), out);
    }
}
