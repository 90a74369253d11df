//! Measures over time at equal steps.

use synchresis_cue::{Curve, Curves, round_to};

use super::glance::Film;
use super::shots::Found;

/// Seconds between values of a film of up to twenty minutes.
const STEP_S: f64 = 0.1;
/// Values of a longer film: the step grows so that there are no more.
const MOST: f64 = 12_000.0;
/// How long a frame may be repeated before the repetition is rest, seconds.
pub(crate) const REPEAT_S: f64 = 0.15;

/// Motion of every frame, 0 to 1: as measured within shots; across borders and flashes, where nothing can be measured,
/// that of the nearest frame within the shot; in a repeated frame, that of the next new one if it comes soon after the last.
pub(crate) fn motion(film: &Film<'_>, found: &Found) -> Vec<f32> {
    let n = film.glances.len();
    let mut motion: Vec<Option<f32>> = film.glances.iter().map(|g| Some(g.motion)).collect();
    for border in &found.borders {
        // The first frame of the film has nothing before it; a cut's first frame belongs to another picture.
        for m in motion.iter_mut().take(border.reach.1 + 1).skip(border.reach.0) {
            *m = None;
        }
    }
    for flash in &found.flashes {
        for (m, g) in motion.iter_mut().zip(film.glances) {
            if (g.time_s - flash.time_s).abs() < 0.1 {
                *m = None;
            }
        }
    }
    // A run of repeated frames is part of the motion if the frames that differ on both its sides come soon after one
    // another; else it is rest, and what moves after it moves in one step.
    let mut from = 0;
    for i in 0..=n {
        if film.glances.get(i).is_some_and(|g| !g.fresh) {
            continue;
        }
        let time = |k: usize| film.glances.get(k).map_or(f64::INFINITY, |g| g.time_s);
        let soon = time(i) - time(from) <= REPEAT_S;
        let moved = motion.get(i).copied().flatten();
        for m in motion.iter_mut().take(i).skip(from + 1) {
            *m = if soon { moved } else { Some(0.0) };
        }
        from = i;
    }
    // What is unknown takes the nearest known value on its own side of the border.
    let mut filled = vec![0f32; n];
    let mut from = 0;
    for k in 0..found.borders.len() {
        let to = found.borders.get(k + 1).map_or(n, |b| b.frame);
        let mut last = motion[from..to].iter().flatten().next().copied().unwrap_or(0.0);
        for i in from..to {
            last = motion[i].unwrap_or(last);
            filled[i] = last;
        }
        from = to;
    }
    filled
}

/// The curves: means over each step weighted by how long each frame stands.
pub(crate) fn resample(film: &Film<'_>, motion: &[f32]) -> Curves {
    let step_s = if film.duration_s <= MOST * STEP_S {
        STEP_S
    } else {
        (film.duration_s / MOST * 10.0).ceil() / 10.0
    };
    let n = if film.glances.is_empty() {
        0
    } else {
        (film.duration_s / step_s - 1e-6).ceil().max(1.0) as usize
    };
    let mut sums = vec![[0f64; 7]; n];
    for (i, g) in film.glances.iter().enumerate() {
        let start = if i == 0 { 0.0 } else { g.time_s };
        let end = film
            .glances
            .get(i + 1)
            .map_or(film.duration_s, |g| g.time_s)
            .min(film.duration_s);
        let m = f64::from(motion[i]);
        let values = [
            m,
            m * f64::from(g.camera),
            f64::from(g.light),
            f64::from(g.saturation),
            f64::from(g.warmth),
            f64::from(g.density),
            1.0,
        ];
        let mut t = start.max(0.0);
        while t < end - 1e-9 {
            let k = ((t + 1e-9) / step_s) as usize;
            let upto = ((k + 1) as f64 * step_s).min(end);
            if let Some(sum) = sums.get_mut(k) {
                for (s, v) in sum.iter_mut().zip(values) {
                    *s += v * (upto - t);
                }
            }
            t = upto.max(t + 1e-9);
        }
    }
    let curve = |of: &dyn Fn(&[f64; 7]) -> f64| -> Curve { sums.iter().map(|s| round_to(of(s), 4) as f32).collect() };
    let mean = |k: usize| curve(&move |s: &[f64; 7]| if s[6] > 0.0 { s[k] / s[6] } else { 0.0 });
    Curves {
        step_s,
        motion: mean(0),
        camera: curve(&|s| {
            if s[0] > 1e-9 {
                (s[1] / s[0]).clamp(0.0, 1.0)
            } else {
                0.0
            }
        }),
        light: mean(2),
        saturation: mean(3),
        warmth: mean(4),
        density: mean(5),
    }
}
