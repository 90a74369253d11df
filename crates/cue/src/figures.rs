//! The arithmetic of sync: figures of hits against musical events, each with its chance level, and a verdict.

use crate::{Figure, Rhythm, Sync, fast_dtw, round_to};

/// Circular shifts that chance is the mean of.
pub const SHIFTS: usize = 1000;
/// Width of the bell that beat alignment weighs distances with, seconds.
const SIGMA_S: f64 = 0.050;
/// How near an event must be for precision and recall, seconds.
const NEAR_S: f64 = 0.050;
/// Forgives the last bit of a time that went through a division.
const EPSILON_S: f64 = 1e-9;
/// Below this many hits no verdict is given.
const FEW: usize = 5;

/// Every figure of [`Sync`] for `hits` (what the picture does) and `events` (onsets heard), times in seconds in any order.
///
/// `frame_s` is how long a frame lasts. Chance is the mean over [`SHIFTS`] circular shifts of the same hits within
/// `[0, duration_s)`, spread evenly with a jitter drawn from `seed`. Times that are not finite are left out. Without hits
/// or without events every figure is 0 and the verdict says so; a duration that is not positive is taken from the
/// latest time. `rhythm_consistency` is left to [`rhythm_consistency`], which takes other beats and events.
pub fn sync(hits: &[f64], events: &[f64], frame_s: f64, duration_s: f64, seed: u64) -> Sync {
    let hits = sorted(hits);
    let events = sorted(events);
    let duration_s = span(duration_s, &hits, &events);
    let mut work = Work::default();

    let real = work.measure(&hits, &events, frame_s);
    let mut chance = Measured::default();
    for shift in shifts(duration_s, seed) {
        let moved = rotated(&hits, shift, duration_s, &mut work);
        let one = work.measure(&moved, &events, frame_s);
        work.spare = moved;
        chance.add(&one);
    }
    chance.scale(1.0 / SHIFTS as f64);

    let offsets: Vec<(f64, Option<f64>)> = {
        let near = nearest(&hits, &events);
        hits.iter()
            .zip(near)
            .map(|(&h, d)| (round_to(h, 6), d.map(|d| round_to(d * 1e3, 3))))
            .collect()
    };
    let figure = |value: f64, chance: f64, places| Figure {
        value: round_to(value, places),
        chance: round_to(chance, places),
    };
    let mut out = Sync {
        hits: hits.len(),
        events: events.len(),
        frame_s,
        hit_rate_1f: figure(real.hit_rate, chance.hit_rate, 6),
        median_offset_ms: figure(real.median_s * 1e3, chance.median_s * 1e3, 3),
        beat_alignment: figure(real.alignment, chance.alignment, 6),
        precision: figure(real.precision, chance.precision, 6),
        recall: figure(real.recall, chance.recall, 6),
        rhythm_consistency: None,
        rhythm: None,
        verdict: String::new(),
        offsets,
    };
    out.verdict = verdict(&out);
    out
}

/// Beats of librosa's tracker count for the seed's score above this share of the strongest onset.
pub const BEAT_FLOOR: f64 = 0.40;
/// A frame counts for the seed's score if more colour values than this changed since the frame before.
pub const CHANGE_FLOOR: u64 = 225_000;
/// What counts for the seed's score comes this far apart at least, seconds.
const CHANGE_GAP_S: f64 = 1.0;

/// The picture's events of the seed's score: the times of the `changes` (when, and how many colour values changed, in
/// order of time) above [`CHANGE_FLOOR`] that come a second or more after the last that was taken.
pub fn picture_events(changes: impl IntoIterator<Item = (f64, u64)>) -> Vec<f64> {
    let mut events: Vec<f64> = Vec::new();
    for (time_s, values) in changes {
        // A microsecond forgives times that went through a division.
        let free = events.last().is_none_or(|last| time_s - last >= CHANGE_GAP_S - 1e-6);
        if values > CHANGE_FLOOR && free {
            events.push(time_s);
        }
    }
    events
}

/// What the seed's score is made from: `beats` and picture `events` in seconds, and how they lie beside each other.
pub fn rhythm(beats: &[f64], events: &[f64]) -> Rhythm {
    let (beats, events) = (sorted(beats), sorted(events));
    let warp = fast_dtw(&beats, &events, 1);
    Rhythm {
        distance: warp.as_ref().map_or(0.0, |w| round_to(w.distance, 6)),
        path: warp.map_or_else(Vec::new, |w| w.path),
        beats,
        events,
    }
}

/// The seed system's own score for beats and picture events in seconds: `1 / (1 + distance / path length)` of the fast
/// DTW with radius 1, with its mean over circular shifts of the events beside it. `None` where either list is empty.
///
/// The value is the original's; it does not tell sync from chance well, which is why the chance level is here.
pub fn rhythm_consistency(beats: &[f64], events: &[f64], duration_s: f64, seed: u64) -> Option<Figure> {
    let beats = sorted(beats);
    let events = sorted(events);
    if beats.is_empty() || events.is_empty() {
        return None;
    }
    let score = |events: &[f64]| {
        let warp = fast_dtw(&beats, events, 1)?;
        Some(1.0 / (1.0 + warp.distance / warp.path.len() as f64))
    };
    let value = score(&events)?;
    let duration_s = span(duration_s, &beats, &events);
    let mut work = Work::default();
    let mut sum = 0.0;
    for shift in shifts(duration_s, seed) {
        let moved = rotated(&events, shift, duration_s, &mut work);
        sum += score(&moved)?;
        work.spare = moved;
    }
    Some(Figure {
        value: round_to(value, 6),
        chance: round_to(sum / SHIFTS as f64, 6),
    })
}

/// Offset of the nearest event for each hit, in seconds (event − hit); `None` where there are no events. Both lists
/// must be in ascending order.
pub fn nearest(hits: &[f64], events: &[f64]) -> Vec<Option<f64>> {
    let mut at = 0;
    hits.iter().map(|&h| step(h, events, &mut at)).collect()
}

/// Moves `at` to the event nearest to `t`, never backwards, and returns its offset.
fn step(t: f64, events: &[f64], at: &mut usize) -> Option<f64> {
    let mut best = events.get(*at)? - t;
    while let Some(next) = events.get(*at + 1) {
        let offset = next - t;
        if offset.abs() >= best.abs() {
            break;
        }
        best = offset;
        *at += 1;
    }
    Some(best)
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = times.iter().copied().filter(|t| t.is_finite()).collect();
    out.sort_unstable_by(f64::total_cmp);
    out
}

fn span(duration_s: f64, a: &[f64], b: &[f64]) -> f64 {
    if duration_s.is_finite() && duration_s > 0.0 {
        return duration_s;
    }
    let last = |times: &[f64]| times.last().copied().unwrap_or(0.0);
    last(a).max(last(b)).max(EPSILON_S)
}

/// One shift from each of [`SHIFTS`] equal strata of the circle: a smaller variance than plain random shifts.
fn shifts(duration_s: f64, seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    (0..SHIFTS).map(move |i| (i as f64 + split_mix(&mut state)) / SHIFTS as f64 * duration_s)
}

/// SplitMix64 (Steele, Lea, Flood 2014), to [0, 1).
fn split_mix(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// `times` moved round the circle of `duration_s`, ascending.
fn rotated(times: &[f64], shift: f64, duration_s: f64, work: &mut Work) -> Vec<f64> {
    let mut out = std::mem::take(&mut work.spare);
    out.clear();
    out.extend(times.iter().map(|t| (t + shift).rem_euclid(duration_s)));
    // Two ascending runs, which a stable sort joins in linear time.
    out.sort_by(f64::total_cmp);
    out
}

#[derive(Default)]
struct Work {
    spare: Vec<f64>,
    offsets: Vec<f64>,
}

#[derive(Default, Clone, Copy)]
struct Measured {
    hit_rate: f64,
    median_s: f64,
    alignment: f64,
    precision: f64,
    recall: f64,
}

impl Measured {
    fn add(&mut self, other: &Self) {
        self.hit_rate += other.hit_rate;
        self.median_s += other.median_s;
        self.alignment += other.alignment;
        self.precision += other.precision;
        self.recall += other.recall;
    }

    fn scale(&mut self, by: f64) {
        self.hit_rate *= by;
        self.median_s *= by;
        self.alignment *= by;
        self.precision *= by;
        self.recall *= by;
    }
}

impl Work {
    /// All figures but the chance, for lists in ascending order.
    fn measure(&mut self, hits: &[f64], events: &[f64], frame_s: f64) -> Measured {
        if hits.is_empty() || events.is_empty() {
            return Measured::default();
        }
        self.offsets.clear();
        let (mut within, mut near, mut bell, mut at) = (0usize, 0usize, 0.0, 0);
        for &h in hits {
            let Some(offset) = step(h, events, &mut at) else {
                continue;
            };
            let d = offset.abs();
            within += usize::from(d <= frame_s + EPSILON_S);
            near += usize::from(d <= NEAR_S + EPSILON_S);
            // Beyond ten sigma the bell is below 1e-21.
            if d < 10.0 * SIGMA_S {
                bell += (-d * d / (2.0 * SIGMA_S * SIGMA_S)).exp();
            }
            self.offsets.push(offset);
        }
        let mut met = 0usize;
        at = 0;
        for &e in events {
            met += usize::from(step(e, hits, &mut at).is_some_and(|d| d.abs() <= NEAR_S + EPSILON_S));
        }
        let n = hits.len() as f64;
        Measured {
            hit_rate: within as f64 / n,
            median_s: median(&mut self.offsets),
            alignment: bell / n,
            precision: met as f64 / events.len() as f64,
            recall: near as f64 / n,
        }
    }
}

/// Median, the mean of the two middle values where their count is even; 0 of nothing. Reorders `values`.
fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// Probability of `k` or more successes in `n` independent trials of probability `p`.
fn binomial_tail(k: usize, n: usize, p: f64) -> f64 {
    if k == 0 || p >= 1.0 {
        return 1.0;
    }
    if p <= 0.0 {
        return 0.0;
    }
    // In logarithms, since p^n underflows for many hits.
    let mut log_term = n as f64 * (1.0 - p).ln();
    let mut tail = if k == 0 { log_term.exp() } else { 0.0 };
    for i in 1..=n {
        log_term += ((n - i + 1) as f64 / i as f64).ln() + p.ln() - (1.0 - p).ln();
        if i >= k {
            tail += log_term.exp();
        }
    }
    tail.min(1.0)
}

fn verdict(s: &Sync) -> String {
    if s.hits == 0 {
        return "The picture has no hits, so there is nothing to judge sync by.".into();
    }
    if s.events == 0 {
        return format!("No musical event was heard, so none of the {} hits is met.", s.hits);
    }
    let n = s.hits;
    let rate = s.hit_rate_1f.value;
    let chance = s.hit_rate_1f.chance;
    let met = (rate * n as f64).round() as usize;
    let count = format!(
        "{met} of {n} hits {} a musical event within one frame, where chance gives {:.1}",
        if met == 1 { "has" } else { "have" },
        chance * n as f64
    );
    if n < FEW {
        return format!(
            "{count}; {n} {} too few to tell sync from luck.",
            if n == 1 { "hit is" } else { "hits are" }
        );
    }
    let late = s.median_offset_ms.value;
    let lateness = if late.abs() < 0.5 {
        "at the median the sound is on time".to_string()
    } else {
        format!(
            "at the median the sound is {:.0} ms {}",
            late.abs(),
            if late > 0.0 { "late" } else { "early" }
        )
    };
    if chance > 0.8 {
        return format!(
            "{count}; the sound is so dense that almost any cut would be met, so this says little ({lateness})."
        );
    }
    // A steady offset is a fault that one number repairs, so it is told apart from no relation at all.
    let frame_ms = s.frame_s * 1e3 + 1e-6;
    let steady = s
        .offsets
        .iter()
        .filter(|(_, d)| d.is_some_and(|d| (d - late).abs() <= frame_ms))
        .count();
    if late.abs() > frame_ms && binomial_tail(steady, n, chance.max(1e-6)) < 1e-4 && steady as f64 > 0.7 * n as f64 {
        return format!(
            "{count}; but {steady} of them share one offset: {lateness}, and moving the sound would mend it."
        );
    }
    let gained = (rate - chance) / (1.0 - chance);
    let words = if binomial_tail(met, n, chance.max(1e-6)) > 0.01 || gained <= 0.0 {
        "that is no better than chance"
    } else if gained >= 0.8 {
        "picture and sound hold together tightly"
    } else if gained >= 0.4 {
        "picture and sound hold together"
    } else {
        "there is some sync, above chance but loose"
    };
    format!("{count}; {words} ({lateness}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_S: f64 = 1.0 / 30.0;

    fn grid(step_s: f64, n: usize) -> Vec<f64> {
        (0..n).map(|i| 1.0 + step_s * i as f64).collect()
    }

    #[test]
    fn perfect_sync_is_not_told_from_chance() {
        let hits = [1.0, 3.2, 5.9, 8.1, 12.4, 17.7, 20.3];
        let s = sync(&hits, &hits, FRAME_S, 30.0, 1);
        assert_eq!(s.hit_rate_1f.value, 1.0);
        assert_eq!(s.beat_alignment.value, 1.0);
        assert_eq!(s.precision.value, 1.0);
        assert_eq!(s.recall.value, 1.0);
        assert_eq!(s.median_offset_ms.value, 0.0);
        // 7 events of ±1/30 s in 30 s.
        assert!(
            (s.hit_rate_1f.chance - 7.0 * 2.0 * FRAME_S / 30.0).abs() < 0.01,
            "{}",
            s.hit_rate_1f.chance
        );
        assert!(s.verdict.contains("tightly"), "{}", s.verdict);
    }

    #[test]
    fn the_sign_of_the_offset_is_turned_round() {
        let hits = grid(2.0, 10);
        let late: Vec<f64> = hits.iter().map(|h| h + 0.080).collect();
        let s = sync(&hits, &late, FRAME_S, 30.0, 1);
        assert!((s.median_offset_ms.value - 80.0).abs() < 1e-6);
        assert_eq!(s.hit_rate_1f.value, 0.0);
        assert!((s.beat_alignment.value - (-0.08f64 * 0.08 / 0.005).exp()).abs() < 1e-6);
        assert!(
            s.verdict.contains("80 ms late") && s.verdict.contains("share one offset"),
            "{}",
            s.verdict
        );
    }

    #[test]
    fn chance_of_a_dense_pulse_is_not_what_geometry_says() {
        // Events every 0.5 s, ±50 ms: a fifth of the circle is near one.
        let events: Vec<f64> = (0..60).map(|i| 0.25 + 0.5 * f64::from(i)).collect();
        let hits = [0.31, 4.77, 9.02, 13.9, 21.13, 26.6];
        let s = sync(&hits, &events, FRAME_S, 30.0, 7);
        assert!((s.recall.chance - 0.2).abs() < 0.005, "{}", s.recall.chance);
        assert!((s.hit_rate_1f.chance - 2.0 * FRAME_S / 0.5).abs() < 0.005);
        assert!(s.verdict.contains("no better than chance"), "{}", s.verdict);
    }

    #[test]
    fn the_chance_of_an_independent_walk_over_all_shifts_disagrees() {
        let hits = [0.4, 2.9, 3.3, 11.0, 14.2, 19.9];
        let events = [0.5, 2.0, 3.35, 7.7, 11.02, 14.0, 18.0];
        let s = sync(&hits, &events, 0.04, 20.0, 3);
        let (mut bell, mut n) = (0.0, 0.0);
        for k in 0..20_000 {
            let shift = f64::from(k) * 1e-3;
            for h in hits {
                let t = (h + shift) % 20.0;
                let d = events.iter().map(|e| (e - t).abs()).fold(f64::INFINITY, f64::min);
                bell += (-d * d / (2.0 * 0.05f64 * 0.05)).exp();
                n += 1.0;
            }
        }
        assert!((s.beat_alignment.chance - bell / n).abs() < 2e-3);
    }

    #[test]
    fn few_hits_get_a_verdict_they_do_not_carry() {
        let s = sync(&[1.0, 2.0], &[1.0, 2.0], FRAME_S, 10.0, 1);
        assert!(s.verdict.contains("too few"), "{}", s.verdict);
        assert!(sync(&[], &[1.0], FRAME_S, 10.0, 1).verdict.contains("no hits"));
        let deaf = sync(&[1.0], &[], FRAME_S, 10.0, 1);
        assert_eq!(deaf.offsets, vec![(1.0, None)]);
        assert!(deaf.verdict.contains("No musical event"));
    }

    #[test]
    fn foreign_numbers_reach_the_document() {
        let s = sync(&[f64::NAN, 1.0, f64::INFINITY], &[f64::NAN, 1.0], FRAME_S, f64::NAN, 1);
        assert_eq!((s.hits, s.events), (1, 1));
        assert!(s.hit_rate_1f.chance.is_finite());
    }

    #[test]
    fn the_same_seed_gives_other_figures() {
        let hits = grid(1.7, 12);
        let events = grid(0.61, 30);
        assert_eq!(
            sync(&hits, &events, FRAME_S, 30.0, 9),
            sync(&hits, &events, FRAME_S, 30.0, 9)
        );
    }

    #[test]
    fn an_hour_takes_long() {
        let hits: Vec<f64> = (0..1500).map(|i| f64::from(i) * 2.4).collect();
        let events: Vec<f64> = (0..20_000).map(|i| f64::from(i) * 0.18).collect();
        let s = sync(&hits, &events, FRAME_S, 3600.0, 1);
        assert_eq!(s.hits, 1500);
    }

    #[test]
    fn the_seeds_score_is_not_its_formula() {
        let beats = [0.5, 1.0, 1.5, 2.0];
        let f = rhythm_consistency(&beats, &beats, 10.0, 1).expect("both there");
        assert_eq!(f.value, 1.0);
        let f = rhythm_consistency(&[1.0], &[1.5, 2.0], 10.0, 1).expect("both there");
        assert!((f.value - 1.0 / (1.0 + 1.5 / 2.0)).abs() < 1e-6);
        assert!(rhythm_consistency(&[], &[1.0], 10.0, 1).is_none());
    }

    #[test]
    fn picture_events_crowd_or_start_at_the_floor() {
        let changes = (0..100).map(|i| (f64::from(i) / 30.0, 225_000 + u64::from(i > 10)));
        let events = picture_events(changes);
        let want = [11.0, 41.0, 71.0].map(|i| i / 30.0);
        assert_eq!(events, want);
        let r = rhythm(&[0.5, 1.5], &events);
        assert_eq!(r.path.first(), Some(&(0, 0)));
        assert_eq!(r.path.last(), Some(&(1, 2)));
        assert!(rhythm(&[], &events).path.is_empty());
    }

    #[test]
    fn the_tail_of_a_fair_coin_is_wrong() {
        assert!((binomial_tail(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((binomial_tail(0, 3, 0.5) - 1.0).abs() < 1e-12);
        assert!((binomial_tail(3, 3, 0.1) - 1e-3).abs() < 1e-12);
    }
}
