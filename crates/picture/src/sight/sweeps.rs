//! Quick movements of the camera within shots: whip pans, tilts, swings.

use synchresis_cue::{Sweep, round_to};

use super::glance::Film;
use super::shots::Found;

/// Slower than this at its peak a movement is no sweep, picture widths a second.
const LEAST: f64 = 0.3;
/// A movement that lasts longer is how the shot moves, not an event, seconds.
const LONGEST_S: f64 = 1.6;
/// Two sweeps are never nearer than this, seconds.
const APART_S: f64 = 0.5;
/// Frames this near to a border may have been compared with another shot's, seconds.
const BORDER_S: f64 = 0.06;

/// The sweeps of the film, in order: peaks of the camera's speed that stand well above the shot's own median.
pub(crate) fn sweeps(film: &Film<'_>, found: &Found) -> Vec<Sweep> {
    let n = film.glances.len();
    // Whose movement it is counts: a crowd that runs is no sweep of the camera.
    let raw: Vec<[f64; 2]> = film
        .glances
        .iter()
        .enumerate()
        .map(|(i, g)| {
            let share = ((f64::from(g.camera) - 0.35) / 0.3).clamp(0.0, 1.0);
            let own = if found.near_border(film, i, BORDER_S) {
                0.0
            } else {
                share
            };
            g.pan.map(|v| f64::from(v) * own)
        })
        .collect();
    let mut sweeps: Vec<Sweep> = Vec::new();
    let mut from = 0;
    while from < n {
        let to = found.within(from).1.min(n).max(from + 1);
        shot(film, &raw[from..to], from, &mut sweeps);
        from = to;
    }
    // Of two that are too near the stronger stays.
    sweeps.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.peak_s.total_cmp(&b.peak_s)));
    let mut kept: Vec<Sweep> = Vec::new();
    for sweep in sweeps {
        if kept.iter().all(|k| (k.peak_s - sweep.peak_s).abs() >= APART_S) {
            kept.push(sweep);
        }
    }
    kept.sort_by(|a, b| a.peak_s.total_cmp(&b.peak_s));
    kept
}

/// The sweeps of one shot, whose frames begin at `first`.
fn shot(film: &Film<'_>, raw: &[[f64; 2]], first: usize, sweeps: &mut Vec<Sweep>) {
    let n = raw.len();
    // Three frames together: a repeated or misjudged frame is no peak.
    let smooth: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let near = &raw[i.saturating_sub(1)..(i + 2).min(n)];
            [0, 1].map(|k| near.iter().map(|v| v[k]).sum::<f64>() / near.len() as f64)
        })
        .collect();
    let speed: Vec<f64> = smooth.iter().map(|v| v[0].hypot(v[1])).collect();
    let mut sorted = speed.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let usual = sorted.get(n / 2).copied().unwrap_or(0.0);
    let time = |i: usize| film.glances[first + i].time_s;
    let mut i = 0;
    while i < n {
        if speed[i] < LEAST.max(2.0 * usual + 0.1) {
            i += 1;
            continue;
        }
        // The hill that this frame belongs to, down to half of its top on both sides.
        let mut end = i;
        while end + 1 < n && speed[end + 1] >= LEAST.max(2.0 * usual + 0.1) {
            end += 1;
        }
        let top = speed[i..=end].iter().copied().fold(0.0, f64::max);
        let (mut a, mut b) = (i, end);
        while a > 0 && speed[a - 1] >= top / 2.0 {
            a -= 1;
        }
        while b + 1 < n && speed[b + 1] >= top / 2.0 {
            b += 1;
        }
        // Speed that was too great to be measured makes a plateau: its middle is the peak.
        let high: Vec<usize> = (a..=b).filter(|&k| speed[k] >= 0.96 * top).collect();
        let peak = (high.first().copied().unwrap_or(i) + high.last().copied().unwrap_or(i)) / 2;
        if b > a && time(b) - time(a) <= LONGEST_S {
            sweeps.push(Sweep {
                start_s: round_to(time(a), 6),
                peak_s: round_to(time(peak), 6),
                end_s: round_to(time(b), 6),
                pan: (round_to(smooth[peak][0], 4), round_to(smooth[peak][1], 4)),
                strength: round_to((top - usual).clamp(0.0, 1.0), 3),
            });
        }
        i = b.max(end) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Planes, RATE, scene, watch};

    #[test]
    fn a_whip_pan_is_missed_misplaced_or_turned_round() {
        // Still, then 0.48 s to the left and still again: quickest (1.5 widths a second would be too quick to follow) in frame 41.
        let place = |i: i32| {
            let t = (f64::from(i - 36) / 12.0).clamp(0.0, 1.0);
            36.0 * (t - (std::f64::consts::TAU * t).sin() / std::f64::consts::TAU)
        };
        let frames: Vec<Planes> = (0..75).map(|i| scene(7, place(i), 0.0)).collect();
        let sighting = watch(&frames);
        assert_eq!(sighting.shots.len(), 1);
        let [sweep] = sighting.sweeps[..] else {
            panic!("{:?}", sighting.sweeps)
        };
        assert!((sweep.peak_s - 42.0 / RATE).abs() <= 1.01 / RATE, "{sweep:?}");
        assert!(
            sweep.pan.0 < -0.4 && sweep.pan.1.abs() < 0.1,
            "the camera goes left: {sweep:?}"
        );
        assert!(sweep.start_s < sweep.peak_s && sweep.peak_s < sweep.end_s);
        // A steady pan is how the shot moves, and a running crowd is not the camera.
        let steady: Vec<Planes> = (0..75).map(|i| scene(7, -2.0 * f64::from(i), 0.0)).collect();
        assert!(watch(&steady).sweeps.is_empty());
    }
}
