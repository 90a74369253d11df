//! The chords of the whole piece: themes laid over sections, cadences, modulations, the last chord.

use synchresis_cue::{Cadence, Role};

use super::chord::{Chord, Function};
use super::grammar::{Theme, theme};
use super::roman::{Roman, parse_roman};
use crate::dice::Dice;
use crate::plan::{Piece, Span};

/// A heavy hit: from this weight on the harmony resolves on it.
const HEAVY: f64 = 0.75;

/// The chords from the first section to the last, in order, without gaps but for silence.
pub(crate) fn harmonise(piece: &Piece) -> Vec<Chord> {
    let mut chords: Vec<Chord> = Vec::new();
    let mut arrival: Option<Cadence> = None;
    for (index, span) in piece.sections.iter().enumerate() {
        if span.silent {
            arrival = None;
            continue;
        }
        let theme = theme(
            piece.style,
            span.cue.key.mode,
            piece.mood.valence,
            piece.seed,
            span.theme,
        );
        let next = piece.sections.get(index + 1).filter(|s| !s.silent);
        lay(piece, index, span, &theme, arrival, next, &mut chords);
        arrival = Some(span.cue.cadence);
    }
    chords
}

fn lay(
    piece: &Piece,
    index: usize,
    span: &Span,
    theme: &Theme,
    arrival: Option<Cadence>,
    next: Option<&Span>,
    out: &mut Vec<Chord>,
) {
    let end = span.pulse_end();
    let slots = slots(piece, span, end);
    let n = slots.len();
    let mut line: Vec<(Roman, Function)> = (0..n).map(|i| theme.chords[i % theme.chords.len()].clone()).collect();
    let tonic = (theme.tonic.clone(), Function::Tonic);
    let dominant = (theme.dominant.clone(), Function::Dominant);
    let predominant = (theme.predominant.clone(), Function::Predominant);
    if span.cue.role == Role::Build && n >= 4 {
        // Tension gathers: no rest in the second half.
        for (i, slot) in line.iter_mut().enumerate().skip(n / 2) {
            *slot = if i.is_multiple_of(2) {
                predominant.clone()
            } else {
                dominant.clone()
            };
        }
    }
    if let Some(first) = line.first_mut() {
        match arrival {
            Some(Cadence::Authentic | Cadence::Plagal) if first.1 != Function::Tonic => *first = tonic.clone(),
            Some(Cadence::Deceptive) => *first = (theme.surprise.clone(), Function::Tonic),
            _ => {}
        }
    }
    // An antecedent of four bars closes on the dominant, where the theme would rest.
    let first_bar = piece.grid.bar_at(span.from);
    if span.cue.bars >= 7 && span.cue.role != Role::Build && theme.chords.iter().any(|c| c.1 != Function::Tonic) {
        let phrase_end = piece.grid.quarter(first_bar + 4);
        let at = slots.iter().position(|s| (s.1 - phrase_end).abs() < 0.05);
        if let Some(i) = at.filter(|&i| i > 0 && i + 1 < n && line[i].1 == Function::Tonic) {
            line[i] = dominant.clone();
        }
    }
    for hit in piece.hits.iter().filter(|h| h.weight >= HEAVY) {
        let at = slots.iter().position(|s| (s.0 - hit.q).abs() < 0.05);
        if let Some(i) = at.filter(|&i| i > 0) {
            line[i] = tonic.clone();
            if i > 1 {
                line[i - 1] = dominant.clone();
            }
        }
    }
    let cadence = if span.last.is_some() && span.cue.cadence == Cadence::None {
        Cadence::Authentic
    } else {
        span.cue.cadence
    };
    if n >= 2 {
        match cadence {
            Cadence::None => {}
            Cadence::Half | Cadence::Authentic | Cadence::Deceptive => {
                line[n - 1] = dominant.clone();
                if n >= 4 && line[n - 2].1 != Function::Predominant {
                    line[n - 2] = predominant.clone();
                }
            }
            Cadence::Plagal => {
                line[n - 1] = predominant.clone();
            }
        }
    }
    let mut dice = Dice::of(piece.seed, "suspend", index as u64);
    for (i, ((from, to), (roman, function))) in slots.iter().zip(&line).enumerate() {
        let mut roman = roman.clone();
        let mut key = span.cue.key;
        // The last chord before another key is that key's dominant.
        if i + 1 == n
            && n > 1
            && let Some(other) = next.filter(|s| s.cue.key.tonic != key.tonic)
        {
            key = other.cue.key;
            roman = parse_roman("V7").unwrap_or(roman);
        }
        let chord = Chord::new(&roman, key, *function);
        let middle = (from + to) / 2.0;
        let suspends = *function == Function::Dominant
            && roman.text == "V"
            && to - from >= 2.0
            && dice.chance(piece.style.harmony.suspensions * 1.5);
        if suspends && let Ok(held) = parse_roman("Vsus4") {
            push(out, Chord::new(&held, key, *function), (*from, middle), index);
            push(out, chord, (middle, *to), index);
            continue;
        }
        // A chord that goes somewhere may go through the dominant of where it goes; more readily once the theme is known.
        let known = i >= theme.chords.len() || index > 0;
        let readily = (0.24 + 0.5 * piece.style.harmony.borrowing) * if known { 1.0 } else { 0.5 };
        let goal = line.get(i + 1).map(|(next, _)| next);
        let through = goal.filter(|_| to - from >= 2.0 && key == span.cue.key && dice.chance(readily));
        match through.and_then(|next| lead_in(next, &roman)) {
            Some(through) => {
                let turn = to - (0.5 * (to - from)).clamp(1.0, 2.0);
                push(out, chord, (*from, turn), index);
                push(out, Chord::new(&through, key, Function::Dominant), (turn, *to), index);
            }
            None => push(out, chord, (*from, *to), index),
        }
    }
    if let Some(last) = span.last {
        let mut roman = theme.tonic.clone();
        if span.cue.key.mode.is_minor()
            && piece.mood.valence > 0.35
            && piece.style.harmony.borrowing > 0.0
            && dice.chance(0.4)
        {
            roman = parse_roman("I").unwrap_or(roman);
        }
        push(
            out,
            Chord::new(&roman, span.cue.key, Function::Tonic),
            (last, span.to.max(last + 1e-3)),
            index,
        );
    }
}

/// The dominant seventh that leads to `next`; nothing where the harmony stays, or leads there already.
fn lead_in(next: &Roman, here: &Roman) -> Option<Roman> {
    const NAMES: [&str; 7] = ["I", "II", "III", "IV", "V", "VI", "VII"];
    const MAJOR: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];
    // A chord without a perfect fifth is nobody's goal.
    if next.root == here.root || here.root == (next.root + 7) % 12 || !next.tones.contains(&7) {
        return None;
    }
    let name = NAMES.get(usize::from(next.degree))?;
    let sign = match (next.root + 12 - MAJOR.get(usize::from(next.degree))?) % 12 {
        0 => "",
        1 => "#",
        11 => "b",
        _ => return None,
    };
    parse_roman(&format!("V7/{sign}{name}")).ok()
}

fn push(out: &mut Vec<Chord>, mut chord: Chord, (from, to): (f64, f64), section: usize) {
    if to <= from + 1e-6 {
        return;
    }
    chord.from = from;
    chord.to = to;
    chord.section = section;
    out.push(chord);
}

/// Where chords may change: by bars, and at heavy hits.
fn slots(piece: &Piece, span: &Span, end: f64) -> Vec<(f64, f64)> {
    let grid = &piece.grid;
    let (calm, busy) = piece.style.harmony.bars_per_chord;
    let mut per = if span.cue.intensity < 0.5 { calm } else { busy };
    let first = grid.bar_at(span.from);
    let bars = grid.bar_at(end - 1e-3).saturating_sub(first) + 1;
    // A section of two bars must still move.
    while per > 1.0 && (bars as f64) < per * 2.0 {
        per /= 2.0;
    }
    let mut cuts: Vec<f64> = Vec::new();
    for i in 0..bars {
        let q = grid.quarter(first + i);
        let bar = &grid.bars()[(first + i).min(grid.bars().len() - 1)];
        if per <= 1.0 || i % (per as usize) == 0 {
            cuts.push(q);
        }
        let quarters = bar.meter.quarters();
        if per < 1.0 && quarters >= 3.5 && !bar.free {
            cuts.push(q + (quarters / 2.0).round());
        }
    }
    for hit in piece
        .hits
        .iter()
        .filter(|h| h.weight >= HEAVY && h.q > span.from + 0.4 && h.q < end - 0.4)
    {
        if cuts.iter().all(|c| (c - hit.q).abs() > 0.4) {
            cuts.push(hit.q);
        }
    }
    cuts.retain(|&c| c < end - 1e-6);
    if cuts.is_empty() && end > span.from {
        cuts.push(span.from);
    }
    cuts.sort_by(f64::total_cmp);
    if let Some(first) = cuts.first_mut() {
        *first = span.from;
    }
    (0..cuts.len())
        .map(|i| (cuts[i], cuts.get(i + 1).copied().unwrap_or(end)))
        .collect()
}

/// Index of the chord that sounds at quarter `q`.
pub(crate) fn chord_at(chords: &[Chord], q: f64) -> usize {
    chords.partition_point(|c| c.from <= q + 1e-6).saturating_sub(1)
}
