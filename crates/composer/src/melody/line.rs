//! From wished intervals to pitches: a shortest path over the scale that keeps the contour, puts chord tones on strong
//! beats and leads every dissonance onward by step.

use crate::harmony::Chord;

/// A note that wants a pitch.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    /// Quarter at which it begins.
    pub(crate) q: f64,
    /// Quarters it lasts.
    pub(crate) len: f64,
    /// Weight of its place in the bar, 0 to 1.
    pub(crate) strength: f64,
    /// Scale steps from the note before; `None` where a phrase begins.
    pub(crate) interval: Option<i32>,
    /// Where it must arrive.
    pub(crate) goal: Goal,
    /// Index of its chord.
    pub(crate) chord: usize,
    /// Where the line should lie, as a MIDI pitch.
    pub(crate) centre: f64,
}

/// What a note must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Anything that sounds well.
    Free,
    /// A tone of its chord.
    Stable,
    /// A tone of its chord other than the tonic: the question that an antecedent leaves.
    Open,
    /// The tonic, or else the chord's root or third.
    Home,
}

/// Limits and tastes of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taste {
    pub(crate) register: (u8, u8),
    pub(crate) pentatonic: bool,
    pub(crate) leaps: f64,
}

/// A pitch for every want. `against` gives the pitch that sounds above or below at a want's time, if any.
pub(crate) fn sing(wants: &[Want], chords: &[Chord], taste: Taste, against: &[Option<u8>]) -> Vec<u8> {
    if wants.is_empty() || chords.is_empty() {
        return Vec::new();
    }
    let mut layers: Vec<Vec<(i32, i32)>> = Vec::with_capacity(wants.len());
    let mut costs: Vec<f64> = Vec::new();
    let mut back: Vec<Vec<usize>> = Vec::with_capacity(wants.len());
    for (i, want) in wants.iter().enumerate() {
        let chord = &chords[want.chord.min(chords.len() - 1)];
        let options = options(chord, taste.register);
        let own: Vec<f64> = options
            .iter()
            .map(|&(_, p)| alone(want, p, chord, taste, against.get(i).copied().flatten()))
            .collect();
        let mut next = vec![f64::INFINITY; options.len()];
        let mut from = vec![0; options.len()];
        if i == 0 {
            next.clone_from_slice(&own);
        } else {
            let before = &chords[wants[i - 1].chord.min(chords.len() - 1)];
            for (b, &to) in options.iter().enumerate() {
                for (a, &prev) in layers[i - 1].iter().enumerate() {
                    let cost = costs[a] + own[b] + between(&wants[i - 1], want, prev, to, before, chord, taste);
                    if cost < next[b] {
                        next[b] = cost;
                        from[b] = a;
                    }
                }
            }
        }
        layers.push(options);
        costs = next;
        back.push(from);
    }
    let mut at = costs
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(i, _)| i);
    let mut line = vec![60; wants.len()];
    for i in (0..wants.len()).rev() {
        line[i] = layers[i][at].1.clamp(0, 127) as u8;
        at = back[i][at];
    }
    line
}

/// Scale steps and pitches within a register; never empty.
fn options(chord: &Chord, (low, high): (u8, u8)) -> Vec<(i32, i32)> {
    let (low, high) = (i32::from(low), i32::from(high).max(i32::from(low) + 7));
    (0..77)
        .map(|s| (s, chord.pitch(s)))
        .filter(|&(_, p)| p >= low && p <= high)
        .collect()
}

fn alone(want: &Want, pitch: i32, chord: &Chord, taste: Taste, against: Option<u8>) -> f64 {
    let mut cost = (f64::from(pitch) - want.centre).abs() * 0.09;
    let inside = chord.has(pitch);
    let weight = want.strength.max((want.len / 2.0).min(1.0));
    if !inside {
        cost += 0.15 + 4.3 * weight * weight;
        // A semitone above a chord tone grates against it.
        if chord.has(pitch - 1) {
            cost += 2.0 * weight;
        }
        if taste.pentatonic {
            let above = (pitch - i32::from(chord.key.tonic)).rem_euclid(12);
            let five: [i32; 5] = if chord.key.mode.is_minor() {
                [0, 3, 5, 7, 10]
            } else {
                [0, 2, 4, 7, 9]
            };
            if !five.contains(&above) {
                cost += 1.3;
            }
        }
    }
    match want.goal {
        Goal::Free => {}
        Goal::Stable if inside => {}
        Goal::Stable => cost += 8.0,
        Goal::Open if inside && pitch.rem_euclid(12) != i32::from(chord.key.tonic) => {}
        Goal::Open if inside => cost += 2.5,
        Goal::Open => cost += 8.0,
        Goal::Home if pitch.rem_euclid(12) == i32::from(chord.key.tonic) && inside => {}
        Goal::Home if inside => cost += 2.5,
        Goal::Home => cost += 10.0,
    }
    if let Some(other) = against {
        let gap = (pitch - i32::from(other)).abs();
        cost += match gap {
            0 => 4.0,
            1 | 2 => 4.0,
            _ if gap % 12 == 1 || gap % 12 == 11 => 3.0,
            _ if gap % 12 == 0 => 1.2,
            _ if gap % 12 == 2 || gap % 12 == 10 || gap % 12 == 6 => 0.8,
            _ => 0.0,
        };
    }
    cost
}

fn between(a: &Want, b: &Want, from: (i32, i32), to: (i32, i32), before: &Chord, now: &Chord, taste: Taste) -> f64 {
    let leap = (to.1 - from.1).abs();
    let mut cost = match b.interval {
        Some(wish) => {
            // Where chords bend the scale or the key changes, steps still count the same letters.
            let off = f64::from((to.0 - from.0) - wish).abs();
            1.1 * off.min(6.0)
        }
        None => f64::from(leap) * 0.05,
    };
    if leap > 4 {
        cost += f64::from(leap - 4) * (0.55 - 0.4 * taste.leaps);
    }
    if leap > 12 {
        cost += 15.0;
    }
    if leap == 6 || leap == 11 || leap == 10 {
        cost += 2.0;
    }
    if leap == 0 && b.interval.is_some_and(|i| i != 0) {
        cost += 0.9;
    }
    // A dissonance comes by step and goes by step.
    let near = leap <= 2;
    let gap = b.q - (a.q + a.len) > 0.6;
    if !before.has(from.1) && !near && !gap {
        cost += 5.0 * (0.4 + a.strength);
    }
    if !before.has(from.1) && leap == 0 && !now.has(to.1) {
        cost += 2.0;
    }
    if !now.has(to.1) && !near {
        cost += 2.5;
    }
    cost
}
