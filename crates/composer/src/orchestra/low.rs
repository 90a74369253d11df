//! The ground: bass lines that lead into the next root, and drones.

use super::{Draft, Material, Player, choose, patterns};
use crate::dice::Dice;
use crate::harmony::{Chord, bass_notes, chord_at, nearest};
use crate::plan::Span;
use crate::style::{Pattern, Plays};

/// The notes of a bass or a drone.
pub(super) fn write(player: &Player, inside: &dyn Fn(usize) -> bool, material: &Material) -> Vec<Draft> {
    let patterns = patterns(player.part);
    let roots = bass_notes(material.chords, player.register);
    let mut notes = Vec::new();
    for (index, span) in material.piece.sections.iter().enumerate().filter(|(i, _)| inside(*i)) {
        match player.part.plays {
            Plays::Drone => drone(index, span, player, material, &mut notes),
            _ => {
                if let Some(pattern) = choose(&patterns, span, player, material.piece) {
                    line(span, pattern, player, material, &roots, &mut notes);
                }
            }
        }
        if let Some(q) = span.last {
            let k = chord_at(material.chords, q);
            notes.push(Draft {
                last: true,
                ..Draft::new(q, (span.to - q).max(0.25), roots[k], 1.1)
            });
        }
    }
    notes
}

/// Root (and fifth) of the key while the chords allow it, else of the chord.
fn drone(index: usize, span: &Span, player: &Player, material: &Material, notes: &mut Vec<Draft>) {
    let end = span.pulse_end();
    let mut open: Option<(u8, f64, f64)> = None;
    let mut close = |held: Option<(u8, f64, f64)>| {
        if let Some((root, from, to)) = held {
            let pitch = nearest(root, None, player.register);
            notes.push(Draft::new(from, to - from, pitch, 1.0));
            if player.part.thickness >= 2 && pitch + 7 <= player.register.1 {
                notes.push(Draft::new(from, to - from, pitch + 7, 0.75));
            }
        }
    };
    for chord in material
        .chords
        .iter()
        .filter(|c| c.section == index && c.from < end - 1e-6)
    {
        let tonic = chord.key.tonic;
        let rubs = chord
            .tones
            .iter()
            .any(|&t| (t + 12 - tonic) % 12 == 1 || (t + 12 - tonic) % 12 == 11);
        let root = if rubs { chord.root() } else { tonic };
        let to = chord.to.min(end);
        match open {
            Some((r, from, _)) if r == root && to - from < 16.0 => open = Some((r, from, to)),
            held => {
                close(held);
                open = Some((root, chord.from, to));
            }
        }
    }
    close(open);
}

fn line(span: &Span, pattern: &Pattern, player: &Player, material: &Material, roots: &[u8], notes: &mut Vec<Draft>) {
    let grid = &material.piece.grid;
    let end = span.pulse_end();
    if end <= span.from + 1e-6 {
        return;
    }
    let mut dice = Dice::of(material.piece.seed, &player.name, span.cue.first_bar as u64);
    let first = grid.bar_at(span.from);
    let start = notes.len();
    let mut last = roots[chord_at(material.chords, span.from)];
    for index in first..=grid.bar_at(end - 1e-3) {
        let bar = &grid.bars()[index];
        let q = grid.quarter(index);
        if bar.free {
            let k = chord_at(material.chords, q);
            notes.push(Draft::new(q, (end - q).min(bar.meter.quarters()), roots[k], 0.9));
            continue;
        }
        for step in pattern.steps(index - first, bar.meter) {
            let at = q + step.at;
            if at >= end - 0.05 {
                break;
            }
            let k = chord_at(material.chords, at + 0.02);
            let chord = &material.chords[k];
            let next = material
                .chords
                .get(k + 1)
                .filter(|n| n.from < end + 1e-6 || span.last.is_some());
            let opening = at - chord.from < 0.3;
            let pitch = match step.mark {
                '1' => roots[k],
                '8' => octave(roots[k], player.register),
                '3' | '5' | '7' => {
                    let class = chord.member(step.mark.to_digit(10).unwrap_or(1) as u8);
                    nearest(class, Some(last), player.register)
                }
                'a' => approach(
                    chord,
                    next.zip(roots.get(k + 1).copied()),
                    last,
                    player.register,
                    &mut dice,
                ),
                'w' if opening => roots[k],
                'w' => {
                    let left = chord.to - at;
                    if left <= 1.05 {
                        approach(
                            chord,
                            next.zip(roots.get(k + 1).copied()),
                            last,
                            player.register,
                            &mut dice,
                        )
                    } else {
                        walk(
                            chord,
                            last,
                            roots.get(k + 1).copied().unwrap_or(roots[k]),
                            player.register,
                            &mut dice,
                        )
                    }
                }
                _ => roots[k],
            };
            let force = if opening { 1.08 } else { 0.96 };
            let len = step.len.min(end - at).min((chord.to - at).max(0.2));
            notes.push(Draft::new(at, len, pitch, force));
            last = pitch;
        }
    }
    if span.cue.intensity >= 0.4 && !player.voice.name.starts_with("sub") {
        lead_on(span, player, material, roots, start, notes, &mut dice);
    }
    // A chord that begins between the marks still has its root.
    for (k, chord) in material
        .chords
        .iter()
        .enumerate()
        .filter(|(_, c)| c.from >= span.from - 1e-6 && c.from < end - 0.3)
    {
        if !notes[start..].iter().any(|n| (n.q - chord.from).abs() < 0.55) {
            if let Some(before) = notes[start..].iter_mut().rev().find(|n| n.q < chord.from) {
                before.len = before.len.min(chord.from - before.q);
            }
            notes.push(Draft::new(
                chord.from,
                (chord.to.min(end) - chord.from).min(2.0),
                roots[k],
                1.0,
            ));
        }
    }
}

/// A step into the next root where the bass would only hold: what makes a line of roots.
fn lead_on(
    span: &Span,
    player: &Player,
    material: &Material,
    roots: &[u8],
    start: usize,
    notes: &mut Vec<Draft>,
    dice: &mut Dice,
) {
    let end = span.pulse_end();
    let chords = material.chords;
    for k in 0..chords.len().saturating_sub(1) {
        let (chord, next) = (&chords[k], &chords[k + 1]);
        let at = chord.to - 0.5;
        let here = chord.from >= span.from - 1e-6 && chord.to < end - 0.1;
        if !here || next.bass == chord.bass || chord.to - chord.from < 1.9 || !dice.chance(0.4) {
            continue;
        }
        let free = material.piece.grid.bars()[material.piece.grid.bar_at(at)].free;
        if free || notes[start..].iter().any(|n| n.q > at - 0.8 && n.q < chord.to - 0.05) {
            continue;
        }
        let Some(before) = notes[start..].iter_mut().rev().find(|n| n.q <= at - 0.8) else {
            continue;
        };
        before.len = before.len.min(at - before.q);
        let last = before.pitch;
        let pitch = approach(chord, Some((next, roots[k + 1])), last, player.register, dice);
        notes.push(Draft::new(at, 0.5, pitch, 0.86));
    }
}

fn octave(root: u8, (low, high): (u8, u8)) -> u8 {
    if root + 12 <= high {
        root + 12
    } else if root >= low + 12 {
        root - 12
    } else {
        root
    }
}

/// A step from below or above into the next root; the fifth where the root stays.
fn approach(chord: &Chord, next: Option<(&Chord, u8)>, last: u8, register: (u8, u8), dice: &mut Dice) -> u8 {
    let Some((next, target)) = next else {
        return nearest(chord.member(5), Some(last), register);
    };
    if next.bass == chord.bass {
        // The root stays: another member leads round to it, not the note that was just played.
        let members = [chord.member(5), chord.member(3), chord.root()];
        let other = members.into_iter().find(|m| last % 12 != *m).unwrap_or(chord.member(5));
        return nearest(other, Some(last), register);
    }
    let below = last <= target;
    // The next chord's scale says whether the step is a whole or a half.
    let size = (1..=2).find(|&s| {
        let pitch = if below {
            i32::from(target) - s
        } else {
            i32::from(target) + s
        };
        (0..7).any(|d| (chord.pitch(d) - pitch).rem_euclid(12) == 0)
    });
    let size = if dice.chance(0.2) { 1 } else { size.unwrap_or(1) };
    let pitch = if below {
        i32::from(target) - size
    } else {
        i32::from(target) + size
    };
    // The same note twice leads nowhere: then from the other side.
    let pitch = if pitch == i32::from(last) {
        2 * i32::from(target) - pitch
    } else {
        pitch
    };
    pitch.clamp(i32::from(register.0), i32::from(register.1)) as u8
}

/// The next note of a walk: a chord or scale tone a third or less away, towards where the line goes.
fn walk(chord: &Chord, last: u8, target: u8, register: (u8, u8), dice: &mut Dice) -> u8 {
    let up = if dice.chance(0.75) {
        target > last || (target == last && dice.chance(0.5))
    } else {
        dice.chance(0.5)
    };
    let mut best = last;
    let mut cost = f64::INFINITY;
    for step in 1..=5i32 {
        let pitch = i32::from(last) + if up { step } else { -step };
        if pitch < i32::from(register.0) || pitch > i32::from(register.1) {
            continue;
        }
        let inside = (0..7).any(|d| (chord.pitch(d) - pitch).rem_euclid(12) == 0);
        let c = match (chord.has(pitch), inside) {
            (true, _) => (step - 3).abs() as f64 * 0.3,
            (_, true) => 1.0 + (step - 2).abs() as f64 * 0.5,
            _ => 6.0,
        } + dice.unit() * 0.8;
        if c < cost {
            cost = c;
            best = pitch as u8;
        }
    }
    if best == last {
        nearest(chord.member(5), Some(last), register)
    } else {
        best
    }
}
