//! Which tempo the picture asks for.

use synchresis_cue::{Mood, TempoCandidate};

use crate::style::Style;

/// Tempos of a style for this mood: from, aim, to, in quarters a minute.
///
/// The words' range and the style's are intersected; where they do not meet the words win, within sense.
pub(super) fn range(mood: &Mood, style: &Style) -> (f64, f64, f64) {
    let sane = |x: f64, other: f64| if x.is_finite() { x.clamp(30.0, 240.0) } else { other };
    let (mut low, mut high) = (sane(style.tempo.low, 70.0), sane(style.tempo.high, 140.0));
    if low > high {
        std::mem::swap(&mut low, &mut high);
    }
    let mut usual = sane(style.tempo.usual, 0.5 * (low + high)).clamp(low, high);
    let (from, to) = style.feeling.arousal;
    let lean = ((mood.arousal - 0.5 * (from + to)) / (0.5 * (to - from)).abs().max(0.2)).clamp(-1.0, 1.0);
    let lean = if lean.is_finite() { lean } else { 0.0 };
    usual += 0.6 * lean * if lean > 0.0 { high - usual } else { usual - low };
    if let Some((from, to)) = mood.tempo_range {
        let (from, to) = (sane(from, low), sane(to, high));
        let (from, to) = (from.min(to), from.max(to));
        if from <= high && to >= low {
            (low, high) = (low.max(from), high.min(to));
        } else {
            (low, high) = (from, to);
        }
        usual = usual.clamp(low, high);
    }
    (low, usual, high)
}

/// Scores constant tempos as Dorico's *Find Tempo* does: the sum over the hits of weight times frames missed, here to
/// the nearest eighth counted from the cue's beginning. `hits` are (seconds since that beginning, weight). Best first,
/// at most eight, no two nearer than 1.5 %.
pub(super) fn constant(hits: &[(f64, f64)], frame_s: f64, (low, high): (f64, f64)) -> Vec<TempoCandidate> {
    let mut all = Vec::new();
    let steps = (((high - low) * 2.0).floor() as usize).min(600);
    for i in 0..=steps {
        let bpm = low + i as f64 * 0.5;
        let eighth = 30.0 / bpm;
        let (mut cost, mut reached) = (0.0, 0usize);
        for &(time_s, weight) in hits {
            let at = time_s / eighth;
            let missed = (at - at.round()).abs() * eighth / frame_s;
            cost += weight * missed;
            reached += usize::from(missed <= 1.0);
        }
        all.push(TempoCandidate {
            bpm,
            cost,
            reached: reached as f64 / hits.len().max(1) as f64,
        });
    }
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.bpm.total_cmp(&b.bpm)));
    let mut best: Vec<TempoCandidate> = Vec::new();
    for candidate in all {
        if best.len() < 8 && best.iter().all(|b| (b.bpm / candidate.bpm - 1.0).abs() > 0.015) {
            best.push(candidate);
        }
    }
    best
}
