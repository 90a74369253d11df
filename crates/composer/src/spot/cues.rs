//! A long film gets several cues with silence between them: music that never stops is not scoring.

use synchresis_cue::{HitKind, Mood};

use super::moments::{Weighed, moment};
use crate::dice::Dice;

/// Films longer than this are divided, seconds.
const ONE_CUE_S: f64 = 360.0;

/// A moment this heavy may open or close a cue.
const HEAVY: f64 = 0.45;

/// Puts the ends and beginnings of the inner cues among the moments, on heavy ones where there are any, and leaves
/// out what falls into the silences.
///
/// A cue lasts from 70 to 150 s and ends where the picture grows calm; a silence lasts from 10 to 32 s and ends where
/// it stirs again.
pub(super) fn divide(all: &mut Vec<Weighed>, mood: &Mood, duration: f64, frame: f64, seed: u64) {
    if duration <= ONE_CUE_S {
        return;
    }
    all.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    let arousal = |from: f64, to: f64| mean(mood, from, to);
    let mut dice = Dice::of(seed, "cues", 0);
    let mut start = 0.0;
    let mut silences = Vec::new();
    while duration - start > 230.0 {
        let longest = (start + 150.0).min(duration - 75.0);
        let calms = |t: f64| arousal(t - 8.0, t) - arousal(t, t + 16.0);
        let end = border(all, start + 70.0, longest, start + 105.0, frame, calms, &mut dice);
        let stirs = |t: f64| arousal(t, t + 12.0) - arousal(t - 8.0, t);
        let calm = (0.5 - arousal(end, end + 20.0) / 2.0).clamp(0.0, 1.0);
        let wish = end + 13.0 + 14.0 * calm;
        let next = border(
            all,
            end + 10.0,
            (end + 32.0).min(duration - 40.0),
            wish,
            frame,
            stirs,
            &mut dice,
        );
        silences.push((end, next));
        start = next;
    }
    for (end, next) in silences {
        put(all, end, HitKind::End, "a cue ends");
        put(all, next, HitKind::Start, "a cue begins");
        let inside = |m: &&mut Weighed| m.time_s > end + 1e-9 && m.time_s < next - 1e-9;
        for m in all.iter_mut().filter(inside) {
            m.left
                .get_or_insert_with(|| "the music is silent here, between two cues".to_owned());
        }
    }
}

/// The best time for a border within a span: a heavy moment near `wish` where the picture turns as wanted.
fn border(
    all: &[Weighed],
    from: f64,
    to: f64,
    wish: f64,
    frame: f64,
    turns: impl Fn(f64) -> f64,
    dice: &mut Dice,
) -> f64 {
    let span = (to - from).max(1.0);
    let best = all
        .iter()
        .filter(|m| m.left.is_none() && m.weight >= HEAVY && m.time_s >= from && m.time_s <= to)
        .map(|m| {
            (
                m.weight + 0.8 * turns(m.time_s) - 0.5 * (m.time_s - wish).abs() / span + 0.1 * dice.unit(),
                m.time_s,
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(|| (wish.clamp(from, to.max(from)) / frame).round() * frame, |b| b.1)
}

/// Makes the moment at `time_s` the border of a cue, or puts one there.
fn put(all: &mut Vec<Weighed>, time_s: f64, kind: HitKind, what: &str) {
    let border = |m: &Weighed| matches!(m.kind, HitKind::Start | HitKind::End);
    let weight = if kind == HitKind::End { 1.0 } else { 0.9 };
    if let Some(m) = all
        .iter_mut()
        .find(|m| (m.time_s - time_s).abs() < 1e-9 && m.left.is_none() && !border(m))
    {
        m.what = format!("{what}, on {}", m.what);
        m.kind = kind;
        m.weight = weight;
    } else {
        all.push(moment(time_s, weight, kind, what));
    }
}

/// Mean arousal from `from` to `to`, seconds.
fn mean(mood: &Mood, from: f64, to: f64) -> f64 {
    let curve = &mood.arousal_curve;
    if curve.is_empty() || !(mood.step_s.is_finite() && mood.step_s > 0.0) {
        return 0.0;
    }
    let last = curve.len() - 1;
    let at = |t: f64| ((t / mood.step_s).max(0.0) as usize).min(last);
    let part = &curve[at(from)..=at(to).max(at(from))];
    part.iter()
        .map(|&v| f64::from(v))
        .filter(|v| v.is_finite())
        .sum::<f64>()
        / part.len() as f64
}
