//! Moments within shots: flashes, jumps of light, peaks of motion.

use synchresis_cue::{Moment, round_to};

use super::glance::Film;
use super::shots::Found;

/// Half of the span over which motion before and after is compared, seconds.
const SPAN_S: f64 = 0.12;
/// Two peaks are never nearer than this, seconds.
const APART_S: f64 = 0.4;

/// Where motion breaks off or bursts out within a shot: the largest steps of the motion's mean over 0.12 s, each at least
/// an eighth of full motion and well above the shot's own restlessness.
pub(crate) fn motion_peaks(film: &Film<'_>, found: &Found, motion: &[f32]) -> Vec<Moment> {
    let n = film.glances.len();
    if n < 3 {
        return Vec::new();
    }
    let mut sums = vec![0f64; n + 1];
    for (i, &m) in motion.iter().enumerate() {
        sums[i + 1] = sums[i] + f64::from(m);
    }
    let mean = |a: usize, b: usize| {
        if b > a {
            (sums[b] - sums[a]) / (b - a) as f64
        } else {
            0.0
        }
    };
    let mut steps: Vec<(usize, f64)> = Vec::new();
    for i in 1..n {
        let t = film.glances[i].time_s;
        let (from, to) = found.within(i);
        let a = film.glances.partition_point(|g| g.time_s < t - SPAN_S).max(from);
        let b = film.glances.partition_point(|g| g.time_s < t + SPAN_S).min(to);
        if a < i && i < b && !found.near_border(film, i, 0.15) {
            steps.push((i, (mean(i, b) - mean(a, i)).abs()));
        }
    }
    let mut sizes: Vec<f64> = steps.iter().map(|s| s.1).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let restless = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let least = (3.0 * restless).max(0.12);
    steps.retain(|s| s.1 >= least);
    steps.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut taken: Vec<(usize, f64)> = Vec::new();
    for (i, size) in steps {
        let t = film.glances[i].time_s;
        if taken
            .iter()
            .all(|&(j, _)| (film.glances[j].time_s - t).abs() >= APART_S)
        {
            taken.push((i, size));
        }
    }
    taken.sort_unstable_by_key(|t| t.0);
    taken
        .into_iter()
        .map(|(i, size)| Moment {
            time_s: round_to(film.glances[i].time_s, 6),
            strength: round_to((size * 1.5).min(1.0), 3),
        })
        .collect()
}
