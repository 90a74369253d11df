//! Parts that play chords: held, struck, strummed, broken.

use synchresis_cue::Articulation;

use super::{Draft, Material, Player, choose, patterns};
use crate::harmony::{Chord, chord_at, lead};
use crate::plan::Span;
use crate::style::{Pattern, Plays};

/// The notes of a chordal part.
pub(super) fn write(player: &Player, inside: &dyn Fn(usize) -> bool, material: &Material) -> Vec<Draft> {
    let part = player.part;
    let (low, high) = player.register;
    let (count, register) = match part.plays {
        // A broken chord climbs from a close voicing at the register's foot.
        Plays::Arpeggio => (3, (low, high.min(low.saturating_add(17)))),
        _ => (usize::from(part.thickness), (low, high)),
    };
    let led = lead(material.chords, material.bass, register, count);
    let patterns = patterns(part);
    let mut notes = Vec::new();
    for (index, span) in material.piece.sections.iter().enumerate().filter(|(i, _)| inside(*i)) {
        let pattern = choose(&patterns, span, player, material.piece);
        match (part.plays, pattern) {
            (Plays::Sustain, None) => hold(index, span, material, &led, &mut notes),
            (_, Some(pattern)) => rhythm(span, pattern, player, material, &led, &mut notes),
            _ => {}
        }
        if part.plays == Plays::Arpeggio {
            run(index, span, player, material, &led, &mut notes);
        }
        if let Some(q) = span.last {
            let voicing = &led[chord_at(material.chords, q)];
            let len = (span.to - q).max(0.25);
            for (k, &pitch) in voicing.iter().enumerate() {
                let late_s = if part.plays == Plays::Arpeggio {
                    k as f64 * 0.07
                } else {
                    k as f64 * 0.004
                };
                notes.push(Draft {
                    last: true,
                    late_s,
                    ..Draft::new(q, len, pitch, 1.0)
                });
            }
        }
    }
    notes
}

/// The texture of a flurry of cuts: the broken chord runs upwards in sixteenths until the picture comes to rest.
fn run(index: usize, span: &Span, player: &Player, material: &Material, led: &[Vec<u8>], notes: &mut Vec<Draft>) {
    for &(from, to) in &material.piece.flurries {
        let end = to.min(span.pulse_end()) - 0.1;
        if material.piece.section_at(from) != Some(index) || from >= end {
            continue;
        }
        let begin = (from * 4.0).ceil() / 4.0;
        notes.retain(|n| n.q < begin - 1e-6 || n.q > end || n.last);
        let mut n = 0;
        while begin + 0.25 * f64::from(n) < end && n < 64 {
            let at = begin + 0.25 * f64::from(n);
            let voicing = &led[chord_at(material.chords, at)];
            let size = voicing.len().max(1);
            let Some(&foot) = voicing.get(n as usize % size) else {
                break;
            };
            let mut pitch = usize::from(foot) + 12 * ((n as usize / size) % 2);
            while pitch > usize::from(player.register.1) && pitch >= 12 {
                pitch -= 12;
            }
            let swell = 0.7 + 0.35 * (at - begin) / (end - begin).max(0.25);
            notes.push(Draft::new(at, 0.25, pitch.min(127) as u8, swell));
            n += 1;
        }
    }
}

/// Long chords; a tone that two chords share is held over, but for a hit.
fn hold(index: usize, span: &Span, material: &Material, led: &[Vec<u8>], notes: &mut Vec<Draft>) {
    let end = span.pulse_end();
    let hits: Vec<f64> = material
        .piece
        .hits
        .iter()
        .filter(|h| h.weight >= 0.45 && h.q > span.from && h.q < end)
        .map(|h| h.q)
        .collect();
    let mut open: Vec<Draft> = Vec::new();
    for (k, chord) in material
        .chords
        .iter()
        .enumerate()
        .filter(|(_, c)| c.section == index && c.from < end - 1e-6)
    {
        let to = chord.to.min(end);
        let mut cuts = vec![chord.from];
        cuts.extend(hits.iter().copied().filter(|&h| h > chord.from + 0.2 && h < to - 0.2));
        cuts.push(to);
        for w in cuts.windows(2) {
            let struck = w[0] <= span.from + 1e-6 || hits.iter().any(|h| (h - w[0]).abs() < 0.2);
            let mut next: Vec<Draft> = Vec::new();
            for &pitch in &led[k] {
                let held = open.iter().position(|n| n.pitch == pitch).filter(|_| !struck);
                match held {
                    Some(i) if open[i].len < 12.0 => {
                        let mut n = open.remove(i);
                        n.len = w[1] - n.q;
                        next.push(n);
                    }
                    _ => {
                        let articulation = Articulation::Legato;
                        next.push(Draft {
                            articulation,
                            ..Draft::new(w[0], w[1] - w[0], pitch, 1.0)
                        });
                    }
                }
            }
            notes.append(&mut open);
            open = next;
        }
    }
    notes.append(&mut open);
}

fn rhythm(
    span: &Span,
    pattern: &Pattern,
    player: &Player,
    material: &Material,
    led: &[Vec<u8>],
    notes: &mut Vec<Draft>,
) {
    let grid = &material.piece.grid;
    let end = span.pulse_end();
    if end <= span.from + 1e-6 {
        return;
    }
    let first = grid.bar_at(span.from);
    for index in first..=grid.bar_at(end - 1e-3) {
        let bar = &grid.bars()[index];
        let q = grid.quarter(index);
        if bar.free {
            // No pulse: the chord is rolled once and rings.
            let k = chord_at(material.chords, q);
            let len = (end - q).min(bar.meter.quarters());
            for (i, &pitch) in led[k].iter().enumerate() {
                notes.push(Draft {
                    late_s: i as f64 * 0.03,
                    ..Draft::new(q, len, pitch, 0.8)
                });
            }
            continue;
        }
        for step in pattern.steps(index - first, bar.meter) {
            let at = q + step.at;
            if at >= end - 0.05 {
                break;
            }
            let k = chord_at(material.chords, at + 0.02);
            let chord = &material.chords[k];
            let len = step.len.min(end - at).min((chord.to - at).max(0.2));
            let from = notes.len();
            play(player, chord, &led[k], step.mark, (at, len), notes);
            if player.part.plays == Plays::Arpeggio {
                let stress = stress(step.at);
                notes[from..].iter_mut().for_each(|n| n.force *= stress);
            }
            // A chord that comes under a held note is struck where it comes.
            if step.len > len + 0.4 && chord.to < end - 0.1 && player.part.plays != Plays::Arpeggio {
                let next = k + 1;
                if let Some(other) = material.chords.get(next) {
                    let rest = (at + step.len - other.from).min(end - other.from);
                    play(player, other, &led[next], step.mark, (other.from, rest), notes);
                }
            }
        }
    }
}

/// How a figure of even notes leans on the beat, so that it is counted as it is written: by quarters after the bar line.
fn stress(at: f64) -> f64 {
    let on = |unit: f64| (at / unit - (at / unit).round()).abs() < 0.02;
    match () {
        () if at < 0.02 => 1.14,
        () if on(1.0) => 1.06,
        () if on(0.5) => 0.92,
        () => 0.84,
    }
}

fn play(player: &Player, chord: &Chord, voicing: &[u8], mark: char, (q, len): (f64, f64), notes: &mut Vec<Draft>) {
    let force = match mark {
        'X' | 'D' | 'U' => 1.15,
        'o' => 0.6,
        'u' => 0.82,
        _ => 1.0,
    };
    match player.part.plays {
        Plays::Arpeggio => {
            let n = mark.to_digit(10).unwrap_or(1).max(1) as usize - 1;
            let size = voicing.len().max(1);
            let Some(&foot) = voicing.get(n % size) else { return };
            let mut pitch = usize::from(foot) + 12 * (n / size);
            while pitch > usize::from(player.register.1) && pitch >= 12 {
                pitch -= 12;
            }
            let top = if n == 0 { 1.06 } else { 0.96 };
            notes.push(Draft::new(q, len, pitch.min(127) as u8, force * top));
        }
        Plays::Strum => {
            let up = matches!(mark, 'u' | 'U');
            // An upstroke reaches the higher strings only.
            let from = if up { voicing.len().saturating_sub(3) } else { 0 };
            let strings: Vec<u8> = voicing[from..].to_vec();
            let n = strings.len();
            for (i, &pitch) in strings.iter().enumerate() {
                let order = if up { n - 1 - i } else { i };
                let fade = 1.0 - 0.04 * order as f64;
                let articulation = if mark == 'o' {
                    Articulation::Ghost
                } else {
                    Articulation::Normal
                };
                notes.push(Draft {
                    late_s: order as f64 * 0.011,
                    articulation,
                    ..Draft::new(q, len, pitch, force * fade)
                });
            }
        }
        _ => {
            let short = len <= 0.3;
            for &pitch in voicing {
                let articulation = if short {
                    Articulation::Staccato
                } else {
                    Articulation::Normal
                };
                notes.push(Draft {
                    articulation,
                    ..Draft::new(q, len, pitch, force)
                });
            }
        }
    }
    let _ = chord;
}
