//! Moments within shots: flashes, jumps of light, peaks of motion.

use synchresis_cue::{Moment, round_to};

use super::glance::Film;
use super::shots::Found;

/// How far motion before and after is looked at, seconds. What is nearer weighs more, so that the step is greatest at the
/// very frame where motion changes, and the same on both sides, so that a single burst is not taken for its end.
const SPAN_S: f64 = 0.16;
/// Two peaks are never nearer than this, seconds.
const APART_S: f64 = 0.4;
/// A burst of motion has an end as well: that end counts for less than its beginning.
const END: f64 = 0.8;

/// Where motion breaks off or bursts out within a shot: the largest steps of the motion, each at least an eighth of full
/// motion and well above the shot's own restlessness. A burst stands at the first frame that has moved, an impact at the
/// last.
pub(crate) fn motion_peaks(film: &Film<'_>, found: &Found, motion: &[f32]) -> Vec<Moment> {
    let n = film.glances.len().min(motion.len());
    if n < 3 {
        return Vec::new();
    }
    let time = |i: usize| film.glances[i].time_s;
    // Motion is what lies between two frames: `motion[i]` speaks of the time since frame `i - 1`.
    let weighed = |frames: &mut dyn Iterator<Item = usize>, boundary: f64| {
        let (mut sum, mut whole) = (0.0, 0.0);
        for i in frames {
            let (from, to) = ((time(i - 1) - boundary).abs(), (time(i) - boundary).abs());
            let (near, far) = (from.min(to), from.max(to).min(SPAN_S));
            if near >= SPAN_S {
                break;
            }
            // The weight falls in a straight line to 0 at the end of the span.
            let weight = (far - near) * (1.0 - (near + far) / (2.0 * SPAN_S));
            sum += weight * f64::from(motion[i]);
            whole += weight;
        }
        if whole > 0.0 { sum / whole } else { 0.0 }
    };
    // Where, how large, and how large beside the others.
    let mut steps: Vec<(usize, f64, f64)> = Vec::new();
    for i in 1..n {
        let (from, to) = found.within(i);
        let to = to.min(n);
        if from + 1 < i && i < to && !found.near_border(film, i, 0.15) {
            let boundary = time(i - 1);
            let after = weighed(&mut (i..to), boundary);
            let before = weighed(&mut (from + 1..i).rev(), boundary);
            if after >= before {
                steps.push((i, after - before, after - before));
            } else {
                steps.push((i - 1, before - after, (before - after) * END));
            }
        }
    }
    let mut sizes: Vec<f64> = steps.iter().map(|s| s.1).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let restless = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let least = (3.0 * restless).max(0.12);
    steps.retain(|s| s.1 >= least);
    steps.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    let mut taken: Vec<(usize, f64)> = Vec::new();
    for (i, size, _) in steps {
        if taken.iter().all(|&(j, _)| (time(j) - time(i)).abs() >= APART_S) {
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
