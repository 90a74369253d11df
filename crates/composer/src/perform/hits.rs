//! Hits: everything attacks together on them, and nothing hides them.

use synchresis_cue::{HitKind, Layer, Mark, Note};

use crate::harmony::{Chord, bass_notes, chord_at};
use crate::orchestra::{Draft, Player};
use crate::plan::{HitAt, Piece};
use crate::style::Plays;

/// Notes nearer to a hit than this are meant for it, seconds.
const NEAR_S: f64 = 0.045;
/// Within this before a hit nothing loud begins, seconds.
const MASK_S: f64 = 0.1;
/// From this weight on every player strikes.
const TOGETHER: f64 = 0.4;

/// Ties notes to the hits that they fall on, and gives players that would be silent there a stroke on the heavy ones.
pub(crate) fn land(drafts: &mut Vec<Draft>, player: &Player, piece: &Piece, chords: &[Chord]) {
    let part = player.part;
    let soft = matches!(part.plays, Plays::Drone);
    let roots = (part.plays == Plays::Bass).then(|| bass_notes(chords, player.register));
    let mut added: Vec<Draft> = Vec::new();
    for (i, hit) in piece.hits.iter().enumerate() {
        let quarter_s = piece.grid.quarter_s(hit.q);
        let near = (NEAR_S / quarter_s).min(0.2);
        let from = drafts.partition_point(|d| d.q < hit.q - near);
        let to = drafts.partition_point(|d| d.q <= hit.q + near);
        for d in &mut drafts[from..to] {
            d.len = (d.q + d.len - hit.q).max(0.1);
            d.q = hit.q;
            d.hit = Some(i);
            d.late_s = 0.0;
        }
        if to > from || hit.weight < TOGETHER || soft || between(hit, piece) {
            continue;
        }
        // Only where the player is in the middle of something.
        let Some(section) = piece.section_at(hit.q).map(|s| &piece.sections[s]) else {
            continue;
        };
        if !section.cue.layers.contains(&part.layer) || hit.q >= section.pulse_end() - 1e-6 {
            continue;
        }
        let around = from
            .checked_sub(1)
            .and_then(|k| drafts.get(k))
            .filter(|d| hit.q - d.q < 2.5);
        let Some(before) = around.copied() else { continue };
        let rest = drafts.get(to).map_or(1.0, |d| d.q - hit.q).clamp(0.2, 1.0);
        let chord = &chords[chord_at(chords, hit.q).min(chords.len().saturating_sub(1))];
        let mut add = |pitch: u8, force: f64, len: f64| {
            added.push(Draft {
                hit: Some(i),
                ..Draft::new(hit.q, len, pitch, force)
            });
        };
        match part.plays {
            Plays::Bass => {
                if let Some(root) = roots.as_ref().and_then(|r| r.get(chord_at(chords, hit.q))) {
                    add(*root, 1.1, rest);
                }
            }
            Plays::Drums if part.layer == Layer::Drums => {
                add(36, 1.1, 0.2);
                if hit.weight > 0.55 {
                    add(38, 1.05, 0.2);
                }
            }
            Plays::Comp | Plays::Strum => {
                // The chord that it struck last, if it still holds.
                let same: Vec<u8> = drafts[..from]
                    .iter()
                    .rev()
                    .take_while(|d| (d.q - before.q).abs() < 0.01)
                    .map(|d| d.pitch)
                    .filter(|&p| chord.has(i32::from(p)))
                    .collect();
                for pitch in same {
                    add(pitch, 1.1, rest.min(0.5));
                }
            }
            _ => {}
        }
    }
    if !added.is_empty() {
        // What still sounds is let go where the stroke comes.
        for a in &added {
            for d in drafts
                .iter_mut()
                .filter(|d| d.q < a.q - 0.05 && d.q + d.len > a.q && d.pitch == a.pitch)
            {
                d.len = a.q - d.q;
            }
        }
        drafts.append(&mut added);
        drafts.sort_by(|a, b| a.q.total_cmp(&b.q).then(a.pitch.cmp(&b.pitch)));
    }
    pause(drafts, player, piece);
}

/// Whether a hit lies on a sixteenth between two eighths of a steady pulse: there the accents strike alone, and what carries
/// the pulse goes on.
fn between(hit: &HitAt, piece: &Piece) -> bool {
    let grid = &piece.grid;
    let eighths = (hit.q - grid.quarter(grid.bar_at(hit.q))) * 2.0;
    piece.style.tempo.steady >= 0.6 && (eighths - eighths.round()).abs() > 0.2
}

/// Whether the pulse stops before this hit: a very heavy one on a section's border, and in every piece the hardest of
/// those inside it.
fn silenced(hit: &HitAt, piece: &Piece) -> bool {
    let border = |h: &HitAt| {
        let at = |q: f64| (q - h.q).abs() < 0.05;
        piece.sections.iter().any(|s| at(s.from) || s.last.is_some_and(at))
    };
    if hit.kind == HitKind::Start || hit.q < 2.0 || !border(hit) {
        return false;
    }
    let inner = piece
        .hits
        .iter()
        .filter(|h| !matches!(h.kind, HitKind::Start | HitKind::End) && h.q >= 2.0 && border(h));
    let hardest = inner.map(|h| h.weight).fold(0.6, f64::max);
    hit.weight >= 0.85 || hit.weight >= hardest - 1e-9
}

/// Silence on purpose: before the heaviest hits the pulse stops for a moment.
fn pause(drafts: &mut Vec<Draft>, player: &Player, piece: &Piece) {
    if matches!(player.part.plays, Plays::Drone | Plays::Sustain) {
        return;
    }
    for hit in &piece.hits {
        if !silenced(hit, piece) {
            continue;
        }
        let gap = if hit.weight > 0.94 { 0.5 } else { 0.25 };
        drafts.retain(|d| d.hit.is_some() || d.q < hit.q - gap - 1e-3 || d.q >= hit.q - 1e-3);
        for d in drafts
            .iter_mut()
            .filter(|d| d.q < hit.q - 1e-3 && d.q + d.len > hit.q - gap / 2.0)
        {
            d.len = (hit.q - gap / 2.0 - d.q).max(0.1);
        }
    }
}

/// Quietens what begins shortly before a hit without being it, and moves what is nearly on it onto it.
pub(super) fn unmask(notes: &mut Vec<Note>, piece: &Piece) {
    let mut remove = Vec::new();
    for (i, note) in notes.iter_mut().enumerate().filter(|(_, n)| !n.locked) {
        let at = piece.hits.partition_point(|h| h.time_s < note.start_s - 0.03);
        let Some(hit) = piece.hits.get(at) else { continue };
        let ahead = hit.time_s - note.start_s;
        if ahead.abs() <= 0.03 {
            note.duration_s += note.start_s - hit.time_s;
            note.duration_s = note.duration_s.max(0.03);
            note.start_s = hit.time_s;
            note.locked = true;
        } else if ahead > 0.0 && ahead < MASK_S {
            if note.duration_s < 0.15 || ahead < 0.065 {
                remove.push(i);
            } else {
                note.velocity *= 0.45;
            }
        }
    }
    for i in remove.into_iter().rev() {
        notes.remove(i);
    }
}

/// The marks of a piece: every hit, and the breath before it.
pub(crate) fn marks(piece: &Piece) -> Vec<Mark> {
    let mut last = f64::NEG_INFINITY;
    piece
        .hits
        .iter()
        .map(|hit| {
            let room = (hit.time_s - last).max(0.0);
            last = hit.time_s;
            let breath_s = (0.05 + 0.1 * hit.weight).min(room * 0.3).min(hit.time_s);
            let breath_db = -6.0 - 12.0 * hit.weight * hit.weight;
            let kind = match hit.kind {
                HitKind::Start => "start",
                HitKind::Cut => "cut",
                HitKind::Fade => "fade",
                HitKind::Dissolve => "dissolve",
                HitKind::Flash => "flash",
                HitKind::Motion => "motion",
                HitKind::Light => "light",
                HitKind::Flurry => "flurry",
                HitKind::End => "end",
                HitKind::Manual => "mark",
            };
            let minutes = (hit.time_s / 60.0).floor();
            Mark {
                time_s: hit.time_s,
                weight: hit.weight,
                breath_s: if breath_s < 0.02 { 0.0 } else { breath_s },
                breath_db: if breath_s < 0.02 { 0.0 } else { breath_db },
                label: format!("{kind} {minutes}:{:06.3}", hit.time_s - minutes * 60.0),
            }
        })
        .collect()
}
