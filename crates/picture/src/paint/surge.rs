//! Time as the camera has it: in looks that gather their motion on strong beats it runs on after each and rests between.

use synchresis_cue::{Act, FilmEvent};

/// A rest longer than this (nothing strong enough is heard) is filled with slow, even motion, seconds.
const LONG_S: f64 = 4.6;
/// How fast time runs in such a rest.
const IDLE: f64 = 0.35;
/// The most time that a single beat makes up for, seconds.
const MOST_S: f64 = 1.6;

/// One beat that carries the picture on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Surge {
    at: f64,
    /// Camera time at `at`, what the beat adds to it, and within how long.
    before: f64,
    gain: f64,
    length: f64,
    /// Whether it sets in softly, as after a cut.
    soft: bool,
    /// Camera time that goes by evenly until the next one.
    idle: f64,
    next: f64,
}

/// Camera time over the film.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Surges {
    list: Vec<Surge>,
}

impl Surges {
    /// The surges among `events` (any order) of a film of `duration_s`, each `length_s` long at most. Without any, camera
    /// time is time.
    pub(crate) fn new(events: &[FilmEvent], fps: f64, duration_s: f64, length_s: f32) -> Self {
        if length_s <= 0.0 {
            return Self::default();
        }
        let mut at: Vec<(f64, f64)> = events
            .iter()
            .filter(|e| e.acts.contains(&Act::Surge))
            .map(|e| {
                let strength = if e.strength.is_finite() { e.strength } else { 0.0 };
                // After a cut (told by the sign) the picture glides; the cut itself was the jolt.
                let share = if e.acts.contains(&Act::Cut) { -0.5 } else { 1.0 };
                (e.frame as f64 / fps, share * (0.5 + 0.5 * strength.clamp(0.0, 1.0)))
            })
            .collect();
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        at.dedup_by(|b, a| b.0 <= a.0);
        let Some(first) = at.first().copied() else {
            return Self::default();
        };
        let mut list = Vec::with_capacity(at.len() + 1);
        // The start counts as one that adds nothing.
        let mut before = 0.0;
        let starts = [(0.0, None)].into_iter().filter(|_| first.0 > 0.0);
        let all: Vec<(f64, Option<f64>)> = starts.chain(at.into_iter().map(|(t, s)| (t, Some(s)))).collect();
        for (k, (t, share)) in all.iter().enumerate() {
            let next = all.get(k + 1).map_or(duration_s.max(*t), |n| n.0);
            let gap = next - t;
            // A tenth of a gap is left still, so that the next beat finds a picture at rest.
            let soft = share.is_some_and(|s| s < 0.0);
            let longest = f64::from(length_s) * if soft { 2.5 } else { 1.0 };
            let length = longest.min(0.9 * gap).max(1e-3);
            let gain = share.map_or(0.0, |s| s.abs() * gap.clamp(0.35, MOST_S));
            let idle = if gap > LONG_S { IDLE * (gap - length) } else { 0.0 };
            list.push(Surge {
                at: *t,
                before,
                gain,
                length,
                soft,
                idle,
                next,
            });
            before += gain + idle;
        }
        Self { list }
    }

    /// Camera time at `t` seconds.
    pub(crate) fn time(&self, t: f64) -> f64 {
        if self.list.is_empty() {
            return t;
        }
        let k = self.list.partition_point(|s| s.at <= t).saturating_sub(1);
        let Some(s) = self.list.get(k) else { return t };
        let x = ((t - s.at) / s.length).clamp(0.0, 1.0);
        let rest = (s.next - s.at - s.length).max(1e-3);
        let y = ((t - s.at - s.length) / rest).clamp(0.0, 1.0);
        let way = if s.soft { x * x * (3.0 - 2.0 * x) } else { settled(x) };
        s.before + s.gain * way + s.idle * y * y * (3.0 - 2.0 * y)
    }

    /// Whether camera time is not time.
    pub(crate) fn gathers(&self) -> bool {
        !self.list.is_empty()
    }
}

/// From 0 to 1, fastest at once, settling.
pub(crate) fn settled(x: f64) -> f64 {
    1.0 - (1.0 - x).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use synchresis_cue::EventKind;

    fn event(time_s: f64, strength: f64) -> FilmEvent {
        FilmEvent {
            time_s,
            frame: (time_s * 30.0).round() as u64,
            kind: EventKind::Beat,
            strength,
            acts: vec![Act::Surge],
        }
    }

    #[test]
    fn the_picture_moves_between_beats_or_goes_back() {
        let surges = Surges::new(&[event(1.0, 1.0), event(3.0, 0.5)], 30.0, 6.0, 0.5);
        let mut last = -1.0;
        for i in 0..180 {
            let t = surges.time(f64::from(i) / 30.0);
            assert!(t >= last, "frame {i}");
            last = t;
        }
        assert_eq!(surges.time(0.2), surges.time(0.99));
        assert!(surges.time(1.1) > surges.time(0.99) + 0.3);
        assert_eq!(surges.time(1.55), surges.time(2.9));
        assert!((surges.time(3.0) - surges.time(2.999)).abs() < 1e-9);
    }

    #[test]
    fn a_song_without_beats_stands_still() {
        assert_eq!(Surges::new(&[], 30.0, 6.0, 0.5).time(2.5), 2.5);
        let surges = Surges::new(&[event(1.0, 1.0)], 30.0, 30.0, 0.5);
        assert!(surges.time(20.0) > surges.time(10.0) + 1.0);
        // A strange storyboard.
        let strange = Surges::new(&[event(1.0, f64::NAN), event(1.0, 9.0)], 30.0, 0.0, 0.5);
        assert!(strange.time(5.0).is_finite());
    }
}
