//! Phrases: motifs set in bars, developed by the section's role, breathing at their ends.

use synchresis_cue::{Cadence, Layer, Meter, MotifCue, Role};

use super::line::{Goal, Taste, Want, sing};
use super::motif::{Cell, Tune, tune};
use crate::dice::Dice;
use crate::harmony::{Chord, chord_at};
use crate::plan::{Piece, Span};

/// A note of the tune, before it is performed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sung {
    pub(crate) q: f64,
    pub(crate) len: f64,
    pub(crate) pitch: u8,
    /// Weight of its place in the bar, 0 to 1.
    pub(crate) strength: f64,
    /// Where in its phrase it lies, 0 to 1.
    pub(crate) phrase: f64,
    /// Index of its section.
    pub(crate) section: usize,
}

/// What is done with a cell in a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Statement,
    Sequence,
    Inversion,
    Augmentation,
    Fragmentation,
    Continuation,
    Cadence,
    Rest,
}

impl Turn {
    fn name(self) -> &'static str {
        match self {
            Turn::Statement => "statement",
            Turn::Sequence => "sequence",
            Turn::Inversion => "inversion",
            Turn::Augmentation => "augmentation",
            Turn::Fragmentation => "fragmentation",
            Turn::Continuation => "continuation",
            Turn::Cadence => "cadence",
            Turn::Rest => "rest",
        }
    }
}

/// Weight of a place in a bar.
pub(crate) fn strength(at: f64, meter: Meter) -> f64 {
    let total = meter.quarters();
    let compound = meter.unit == 8 && meter.beats.is_multiple_of(3);
    let beat = if compound { 1.5 } else { 1.0 };
    let on = |unit: f64| ((at / unit) - (at / unit).round()).abs() < 0.02;
    if at < 0.02 {
        1.0
    } else if (at - total / 2.0).abs() < 0.02 && on(beat) {
        0.8
    } else if on(beat) {
        0.6
    } else if on(0.5) {
        0.35
    } else {
        0.2
    }
}

/// The tune of the whole piece, and its motifs for the cue sheet. `lead` says in which sections it is heard.
pub(crate) fn melody(piece: &Piece, chords: &[Chord], register: (u8, u8)) -> (Vec<Sung>, Vec<MotifCue>) {
    // A theme is written in the style's own meter, whatever odd bar the piece begins with: another cut of the film keeps it.
    let meter = piece
        .style
        .meters
        .first()
        .copied()
        .unwrap_or(Meter { beats: 4, unit: 4 });
    let mut tunes: Vec<Tune> = Vec::new();
    let mut cues: Vec<MotifCue> = Vec::new();
    let mut sung: Vec<Sung> = Vec::new();
    for (index, span) in piece.sections.iter().enumerate() {
        while tunes.len() <= span.theme {
            let busy = 0.25 + 0.5 * (piece.mood.arousal + 1.0) / 2.0;
            let tune = tune(piece.style, piece.seed, tunes.len(), busy, meter);
            let mut at = 0;
            let steps = tune.head.steps(meter);
            let contour = (0..steps.len())
                .map(|i| {
                    at += if i == 0 { 0 } else { tune.head.interval(i) };
                    at.clamp(-100, 100) as i8
                })
                .collect();
            let name = char::from(b'A' + (tunes.len() % 26) as u8).to_string();
            cues.push(MotifCue {
                name,
                contour,
                rhythm: steps.iter().map(|s| s.len).collect(),
                returns: Vec::new(),
            });
            tunes.push(tune);
        }
        if span.silent || !span.cue.layers.contains(&Layer::Lead) {
            continue;
        }
        let (wants, places, turns) = wants(piece, span, &tunes[span.theme], chords, register);
        let taste = Taste {
            register,
            pentatonic: piece.style.melody.pentatonic,
            leaps: piece.style.melody.leaps,
        };
        let pitches = sing(&wants, chords, taste, &[]);
        for ((want, pitch), phrase) in wants.iter().zip(pitches).zip(places) {
            sung.push(Sung {
                q: want.q,
                len: want.len,
                pitch,
                strength: want.strength,
                phrase,
                section: index,
            });
        }
        let returns = turns
            .iter()
            .filter(|(_, t)| !matches!(t, Turn::Rest | Turn::Cadence | Turn::Continuation));
        cues[span.theme]
            .returns
            .extend(returns.map(|&(q, t)| (piece.grid.seconds(q), t.name().to_string())));
    }
    cues.retain(|c| !c.returns.is_empty());
    single(&mut sung);
    (sung, cues)
}

/// Makes a line of one voice: a pickup ends what it interrupts.
pub(crate) fn single(line: &mut Vec<Sung>) {
    line.sort_by(|a, b| a.q.total_cmp(&b.q));
    line.dedup_by(|b, a| (b.q - a.q).abs() < 0.05);
    for i in 1..line.len() {
        let next = line[i].q;
        let before = &mut line[i - 1];
        before.len = before.len.min(next - before.q);
    }
}

/// The order of turns of a phrase of `n` bars; the last bar breathes.
fn turns(tune: &Tune, role: Role, n: usize, second: bool, dice: &mut Dice) -> Vec<Turn> {
    use Turn::{Augmentation, Cadence, Continuation, Fragmentation, Inversion, Rest, Sequence, Statement};
    let mut line = match role {
        Role::Intro => vec![Statement, Cadence, Statement, Cadence],
        Role::Build => vec![Statement, Fragmentation, Fragmentation, Fragmentation],
        Role::Release => vec![Augmentation, Augmentation, Continuation, Cadence],
        Role::Contrast if second => vec![Inversion, Continuation, Sequence, Cadence],
        _ => match (tune.plan, second) {
            (0, false) => vec![Statement, Sequence, Continuation, Cadence],
            (1, false) => vec![Statement, Continuation, Sequence, Cadence],
            (2, false) => vec![Statement, Statement, Continuation, Cadence],
            (_, false) => vec![Statement, Continuation, Statement, Cadence],
            (0 | 1, true) => vec![Statement, Sequence, Inversion, Cadence],
            (_, true) => vec![Statement, Continuation, Fragmentation, Cadence],
        },
    };
    match n {
        0 => line.clear(),
        1 => line = vec![if dice.chance(0.5) { Statement } else { Cadence }],
        2 => line = vec![Statement, Cadence],
        3 => {
            line.remove(2);
        }
        4 => {}
        5 => line.push(Rest),
        _ => {
            while line.len() < n {
                line.insert(2, Continuation);
            }
        }
    }
    line
}

type Wanted = (Vec<Want>, Vec<f64>, Vec<(f64, Turn)>);

fn wants(piece: &Piece, span: &Span, tune: &Tune, chords: &[Chord], register: (u8, u8)) -> Wanted {
    let mut dice = Dice::of(piece.seed, "phrase", (span.theme * 8 + span.cue.role as usize) as u64);
    let grid = &piece.grid;
    let end = span.pulse_end();
    let first = grid.bar_at(span.from);
    let count = if end > span.from + 1e-6 {
        grid.bar_at(end - 1e-3) + 1 - first
    } else {
        0
    };
    let reach = f64::from(register.1.saturating_sub(register.0));
    let centre = f64::from(register.0) + reach * (0.32 + 0.34 * span.cue.intensity);
    let mut wants: Vec<Want> = Vec::new();
    let mut places: Vec<f64> = Vec::new();
    let mut record = Vec::new();
    let mut done = 0;
    let mut phrase_number = 0;
    while done < count {
        let left = count - done;
        let n = if left <= 5 { left } else { 4 };
        let line = turns(tune, span.cue.role, n, phrase_number % 2 == 1, &mut dice);
        let closing = left == n;
        let phrase_from = grid.quarter(first + done);
        let phrase_to = grid.quarter(first + done + n).min(end);
        let mut fresh = true;
        for (i, &turn) in line.iter().enumerate() {
            let bar_index = first + done + i;
            let Some(bar) = grid.bars().get(bar_index) else { break };
            let q = grid.quarter(bar_index);
            let cap = (end - q).min(bar.meter.quarters());
            if cap < 0.2 || turn == Turn::Rest {
                continue;
            }
            record.push((q, turn));
            let mut notes: Vec<(f64, f64, i32)> = if bar.free {
                vec![(0.0, cap * 0.8, 0)]
            } else {
                set(tune, turn, bar.meter, i, &line, piece.style.melody.breath)
            };
            notes.retain(|n| n.0 < cap - 0.1);
            if span.cue.intensity < 0.3 && notes.len() > 3 {
                thin(&mut notes, bar.meter);
            }
            let last = notes.len().saturating_sub(1);
            for (k, &(at, len, interval)) in notes.iter().enumerate() {
                let goal = match turn {
                    Turn::Cadence if k == last && closing && span.cue.cadence != Cadence::Half => Goal::Home,
                    // An antecedent asks, and so does a section that closes on the dominant; a consequent answers.
                    Turn::Cadence if k == last && (phrase_number % 2 == 0 || closing) => Goal::Open,
                    Turn::Cadence if k == last => Goal::Home,
                    _ => Goal::Free,
                };
                let at_q = q + at;
                // A build climbs, a release sinks.
                let x = (at_q - span.from) / (end - span.from).max(0.1);
                let drift = match span.cue.role {
                    Role::Build => reach * 0.34 * (x - 0.3),
                    Role::Release => reach * 0.2 * (0.4 - x),
                    _ => 0.0,
                };
                wants.push(Want {
                    q: at_q,
                    len: len.min(cap - at),
                    strength: strength(at, bar.meter),
                    interval: if std::mem::take(&mut fresh) {
                        None
                    } else {
                        Some(interval)
                    },
                    goal,
                    chord: chord_at(chords, at_q),
                    centre: centre + drift,
                });
                places.push(((at_q - phrase_from) / (phrase_to - phrase_from).max(0.1)).clamp(0.0, 1.0));
            }
        }
        phrase_number += 1;
        done += n;
    }
    pickup(piece, span, tune, chords, centre, &mut wants, &mut places, &mut dice);
    attack_hits(piece, span, chords, centre, &mut wants, &mut places);
    if let Some(last) = span.last {
        wants.retain(|w| w.q < last - 0.1);
        places.truncate(wants.len());
        if let Some(w) = wants.last_mut() {
            w.len = w.len.min(last - w.q);
        }
        wants.push(Want {
            q: last,
            len: (span.to - last).max(0.25),
            strength: 1.0,
            interval: Some(0),
            goal: Goal::Home,
            chord: chord_at(chords, last),
            centre,
        });
        places.push(1.0);
    }
    (wants, places, record)
}

/// The notes of a bar: (quarters after its start, length, interval from the note before).
fn set(tune: &Tune, turn: Turn, meter: Meter, i: usize, line: &[Turn], breath: f64) -> Vec<(f64, f64, i32)> {
    let total = meter.quarters();
    let plain = |cell: &Cell, sign: i32, entry: i32| -> Vec<(f64, f64, i32)> {
        let notes = cell.steps(meter);
        notes
            .iter()
            .enumerate()
            .map(|(k, s)| (s.at, s.len, if k == 0 { entry } else { sign * cell.interval(k) }))
            .collect()
    };
    match turn {
        Turn::Statement => plain(&tune.head, 1, 0),
        // The sequence enters where the statement did, moved by steps; the way back is the sum of what it walked.
        Turn::Sequence => {
            let walked: i32 = (1..tune.head.steps(meter).len()).map(|k| tune.head.interval(k)).sum();
            plain(&tune.head, 1, (tune.sequence - walked).clamp(-5, 5))
        }
        Turn::Inversion => plain(&tune.head, -1, tune.sequence),
        Turn::Continuation => plain(&tune.tail, 1, if i.is_multiple_of(2) { 1 } else { -1 }),
        Turn::Augmentation => {
            // The head at half speed: its first half in one bar, its second in the next.
            let steps = tune.head.steps(meter);
            let second = i > 0 && line[i - 1] == Turn::Augmentation;
            let from = if second { total / 2.0 } else { 0.0 };
            steps
                .iter()
                .enumerate()
                .filter(|(_, s)| s.at >= from - 1e-6 && s.at < from + total / 2.0 - 1e-6)
                .map(|(k, s)| {
                    let at = (s.at - from) * 2.0;
                    (
                        at,
                        (s.len * 2.0).min(total - at),
                        if k == 0 { 0 } else { tune.head.interval(k) },
                    )
                })
                .collect()
        }
        Turn::Fragmentation => {
            // The first half of the head, twice, each time a step higher.
            let half = (total / 2.0).floor().max(1.0);
            let mut notes: Vec<(f64, f64, i32)> = plain(&tune.head, 1, 1)
                .into_iter()
                .filter(|n| n.0 < half - 1e-6)
                .collect();
            for n in &mut notes {
                n.1 = n.1.min(half - n.0);
            }
            let walked: i32 = notes.iter().skip(1).map(|n| n.2).sum();
            let again: Vec<(f64, f64, i32)> = notes
                .iter()
                .enumerate()
                .map(|(k, n)| (n.0 + half, n.1, if k == 0 { (1 - walked).clamp(-4, 4) } else { n.2 }))
                .filter(|n| n.0 < total - 1e-6)
                .collect();
            notes.extend(again);
            notes
        }
        Turn::Cadence => {
            let half = if total > 2.5 { (total / 2.0).floor() } else { total };
            let mut notes: Vec<(f64, f64, i32)> = plain(&tune.tail, -1, -1)
                .into_iter()
                .filter(|n| n.0 < half - 1e-6)
                .collect();
            for n in &mut notes {
                n.1 = n.1.min(half - n.0);
                n.2 = n.2.clamp(-2, 1);
            }
            if half < total {
                notes.push((half, (total - half) * (1.0 - breath * 0.8), -1));
            } else if let Some(n) = notes.last_mut() {
                n.1 = (total - n.0) * (1.0 - breath);
            }
            notes
        }
        Turn::Rest => Vec::new(),
    }
}

/// A calm bar keeps its first note and those on beats.
fn thin(notes: &mut Vec<(f64, f64, i32)>, meter: Meter) {
    let mut kept: Vec<(f64, f64, i32)> = Vec::new();
    for n in notes.iter() {
        if kept.is_empty() || strength(n.0, meter) >= 0.6 {
            kept.push(*n);
        } else if let Some(last) = kept.last_mut() {
            last.1 = (n.0 + n.1 - last.0).max(last.1);
        }
    }
    *notes = kept;
}

/// One to three notes that lead into the section's first, if there is room before it.
#[expect(
    clippy::too_many_arguments,
    reason = "they are the state of the phrase that it opens"
)]
fn pickup(
    piece: &Piece,
    span: &Span,
    tune: &Tune,
    chords: &[Chord],
    centre: f64,
    wants: &mut Vec<Want>,
    places: &mut Vec<f64>,
    dice: &mut Dice,
) {
    let Some(first) = wants.first() else { return };
    let before = piece.grid.bar_at(span.from - 0.1);
    let free = piece.grid.bars().get(before).is_none_or(|b| b.free);
    let silent = piece
        .section_at(span.from - 0.1)
        .is_none_or(|i| piece.sections[i].silent);
    if span.from < 1.0 || first.q > span.from + 0.01 || free || silent || !dice.chance(piece.style.melody.pickups) {
        return;
    }
    let count = 1 + dice.below(3);
    let each = if count == 1 { 1.0 } else { 0.5 };
    let rise = if tune.sequence > 0 { 1 } else { -1 };
    let mut lead_in = Vec::new();
    for k in 0..count {
        let q = span.from - each * (count - k) as f64;
        lead_in.push(Want {
            q,
            len: each,
            strength: 0.35,
            interval: (k > 0).then_some(rise),
            goal: Goal::Free,
            chord: chord_at(chords, q),
            centre,
        });
    }
    wants[0].interval = Some(rise);
    wants.splice(0..0, lead_in);
    places.splice(0..0, vec![0.0; count]);
}

/// Every hit of some weight has a note of the tune.
fn attack_hits(
    piece: &Piece,
    span: &Span,
    chords: &[Chord],
    centre: f64,
    wants: &mut Vec<Want>,
    places: &mut Vec<f64>,
) {
    for hit in piece
        .hits
        .iter()
        .filter(|h| h.weight >= 0.3 && h.q >= span.from - 1e-6 && h.q < span.pulse_end() - 1e-6)
    {
        let at = wants.partition_point(|w| w.q < hit.q - 0.26);
        if let Some(w) = wants.get_mut(at).filter(|w| (w.q - hit.q).abs() < 0.26) {
            w.len = (w.len + w.q - hit.q).max(0.2);
            w.q = hit.q;
            if hit.weight > 0.6 && w.goal == Goal::Free {
                w.goal = Goal::Stable;
            }
            continue;
        }
        // Only where the line sounds: a rest is kept.
        let Some(before) = at.checked_sub(1).filter(|&i| wants[i].q + wants[i].len > hit.q + 0.1) else {
            continue;
        };
        let rest = wants[before].q + wants[before].len - hit.q;
        wants[before].len = hit.q - wants[before].q;
        let place = places[before];
        wants.insert(
            at,
            Want {
                q: hit.q,
                len: rest,
                strength: 0.8,
                interval: Some(1),
                goal: Goal::Stable,
                chord: chord_at(chords, hit.q),
                centre,
            },
        );
        places.insert(at, place);
    }
}
