//! Where sections begin: dynamic programming over the bar lines of one cue.

use synchresis_cue::{Mood, Sighting, Spotting};

use super::mean;

/// The longest section, bars.
const LONGEST: usize = 12;

/// Weight of the heaviest hit on the downbeat of a bar, 0 where none is.
pub(super) fn weight_at(spotting: &Spotting, bar: usize) -> f64 {
    // Hits are in order of time, and so of bars where they are taken.
    let start = spotting.bars[bar].start_s;
    let from = spotting.hits.partition_point(|h| h.time_s < start - 1e-6);
    let here = spotting.hits[from..].iter().take_while(|h| h.time_s < start + 1e-6);
    here.filter(|h| h.taken).map(|h| h.weight).fold(0.0, f64::max)
}

/// Divides the bars from `first` up to `end` into sections: first bar and count of each.
pub(super) fn divide(
    first: usize,
    end: usize,
    sighting: &Sighting,
    mood: &Mood,
    spotting: &Spotting,
) -> Vec<(usize, usize)> {
    let bars = &spotting.bars;
    let count = end - first;
    if bars[end - 1].end_s() - bars[first].start_s < super::STING_S {
        return vec![(first, count)];
    }
    let gain: Vec<f64> = (first..end).map(|bar| pull(bar, sighting, mood, spotting)).collect();
    let mut best = vec![f64::INFINITY; count + 1];
    let mut from = vec![0; count + 1];
    best[0] = 0.0;
    for to in 1..=count {
        for len in 1..=LONGEST.min(to) {
            let begin = to - len;
            let seconds = bars[first + to - 1].end_s() - bars[first + begin].start_s;
            // A fermata or the last ring does not count as a bar of the phrase.
            let pulsed = (begin..to).filter(|&i| !bars[first + i].free).count();
            let mut cost = best[begin] + length_cost(pulsed, seconds);
            if to < count {
                cost -= gain[to];
            } else {
                // An ending is short.
                cost += 0.25 * pulsed.saturating_sub(4) as f64;
            }
            if cost < best[to] {
                (best[to], from[to]) = (cost, begin);
            }
        }
    }
    let mut sections = Vec::new();
    let mut at = count;
    while at > 0 {
        sections.push((first + from[at], at - from[at]));
        at = from[at];
    }
    sections.reverse();
    if sections.len() == 1 && bars[end - 1].end_s() - bars[first].start_s < super::LOGO_S {
        return logo(first, end, &gain, spotting);
    }
    sections
}

/// A logo's two sections: a statement, and the ending from the strongest bar line past its middle on.
fn logo(first: usize, end: usize, gain: &[f64], spotting: &Spotting) -> Vec<(usize, usize)> {
    let bars = &spotting.bars;
    let (from, to) = (bars[first].start_s, bars[end - 1].end_s());
    let best = (first + 1..end)
        .filter(|&bar| !bars[bar].free)
        .map(|bar| {
            let place = (bars[bar].start_s - from) / (to - from);
            (bar, gain[bar - first] - 1.5 * (place - 0.6).abs())
        })
        .filter(|&(bar, _)| (0.3..0.85).contains(&((bars[bar].start_s - from) / (to - from))))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((bar, _)) => vec![(first, bar - first), (bar, end - bar)],
        None => vec![(first, end - first)],
    }
}

/// What speaks for a border before this bar: the hit on its downbeat, a new look, a turn of the picture.
fn pull(bar: usize, sighting: &Sighting, mood: &Mood, spotting: &Spotting) -> f64 {
    let bars = &spotting.bars;
    let time = bars[bar].start_s;
    let shot = sighting.shots.partition_point(|s| s.start_s <= time + 1e-6);
    let look = |i: usize| sighting.shots.get(i).map(|s| s.likeness);
    let at_cut = shot > 0
        && sighting
            .shots
            .get(shot - 1)
            .is_some_and(|s| (s.start_s - time).abs() < 0.05);
    let new = at_cut && shot > 1 && look(shot - 1) != look(shot - 2);
    let around = |curve: &[f32]| {
        let before = mean(curve, mood.step_s, (time - 5.0).max(0.0), time);
        let after = mean(curve, mood.step_s, time, time + 5.0);
        before.zip(after).map_or(0.0, |(b, a)| (a - b).abs())
    };
    let turn = (around(&mood.arousal_curve) + around(&mood.valence_curve)).min(0.8);
    let weight = weight_at(spotting, bar);
    0.9 * weight * weight + if new { 0.2 } else { 0.0 } + 0.5 * turn
}

/// How badly a length fits: 4 and 8 bars are best, and between 6 and 20 seconds.
fn length_cost(bars: usize, seconds: f64) -> f64 {
    let count = match bars {
        4 => 0.3,
        8 => 0.35,
        2 => 0.6,
        6 => 0.65,
        3 | 5 => 0.8,
        7 => 0.95,
        1 => 1.3,
        0 => 2.0,
        9..=12 => 0.9,
        _ => 1.5,
    };
    count + 0.12 * (5.0 - seconds).max(0.0) + 0.06 * (seconds - 20.0).max(0.0)
}
