//! From what is written to what is played: hits that are exact, and everything else like a player's.

mod dynamics;
mod hits;

use synchresis_cue::{Articulation, Layer, Note, Pedal, Track, VoiceFamily};

use crate::dice::Dice;
use crate::harmony::Chord;
use crate::orchestra::{Draft, Player, Striker};
use crate::plan::Piece;
use crate::style::{Ending, Plays};

pub(crate) use hits::{land, marks};

/// Plays a part.
pub(crate) fn perform(player: &Player, mut drafts: Vec<Draft>, piece: &Piece, chords: &[Chord]) -> Track {
    let part = player.part;
    land(&mut drafts, player, piece, chords);
    let feel = piece.style.feel;
    let mut dice = Dice::of(piece.seed, &player.name, 7);
    let late = match part.layer {
        Layer::Lead | Layer::Counter => feel.laid_back_ms,
        Layer::Drums => feel.laid_back_ms * 0.6,
        Layer::Bass => feel.laid_back_ms * 0.3,
        _ => 0.0,
    } / 1000.0;
    let mut drift = 0.0;
    let mut last_q = f64::NEG_INFINITY;
    let mut notes: Vec<Note> = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        // Timing wanders like a player's: slowly, and the notes of a chord together (autoregressive, not white).
        if (draft.q - last_q).abs() > 1e-6 {
            drift = 0.6 * drift + 0.8 * dice.normal() * feel.humanise_ms / 1000.0;
            last_q = draft.q;
        }
        let own = dice.normal() * 0.0015;
        let intensity = piece
            .section_at(draft.q)
            .map_or(0.5, |i| piece.sections[i].cue.intensity);
        let (soft, loud) = part.velocity;
        let at = piece.grid.seconds(draft.q);
        let drive = 0.62 * intensity + 0.38 * piece.energy(at);
        let mut velocity = (soft + (loud - soft) * drive) * draft.force * (1.0 + dice.normal() * 0.035);
        let locked = draft.hit.is_some();
        let start = match draft.hit {
            Some(i) => {
                let hit = &piece.hits[i];
                velocity = velocity.max(soft + (loud - soft) * (0.35 + 0.6 * hit.weight)).max(0.3);
                hit.time_s
            }
            None => {
                let swung = swing(draft.q, piece, true);
                let exact = if draft.last { 0.0 } else { drift + late + own };
                (piece.grid.seconds(swung) + exact + draft.late_s).max(0.0)
            }
        };
        let end = piece
            .grid
            .seconds(swing(draft.q + draft.len * length(player, draft, piece), piece, false));
        let end = if draft.last { last_end(piece, draft) } else { end };
        let duration = (end - start).max(0.03);
        let articulation = match draft.articulation {
            Articulation::Normal if locked => Articulation::Accent,
            Articulation::Normal if matches!(part.plays, Plays::Melody | Plays::Counter | Plays::Double) => {
                sung(duration, piece)
            }
            other => other,
        };
        notes.push(Note {
            start_s: start,
            duration_s: duration,
            pitch: draft.pitch,
            velocity: velocity.clamp(0.05, 1.0) as f32,
            articulation,
            locked,
        });
    }
    hits::unmask(&mut notes, piece);
    tidy(&mut notes, piece);
    let mut track = Track {
        name: player.name.clone(),
        layer: part.layer,
        voice: player.voice.name.into(),
        level_db: part.level_db,
        pan: part.pan,
        room: part.room,
        hall: part.hall,
        notes,
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves: Vec::new(),
    };
    track.pedal = pedal(player, &track.notes, piece, chords);
    track.expression = dynamics::expression(player, &track.notes, piece);
    track.bends = dynamics::bends(player, &track.notes, piece);
    track
}

/// Plays an accent.
pub(crate) fn perform_accent(striker: &Striker, drafts: &[Draft], piece: &Piece) -> Track {
    let accent = striker.accent;
    let mut notes: Vec<Note> = drafts
        .iter()
        .filter_map(|draft| {
            let hit = piece.hits.get(draft.hit?)?;
            let end = piece.grid.seconds(draft.q + draft.len).min(piece.end_s - 0.02);
            Some(Note {
                start_s: hit.time_s,
                duration_s: (end - hit.time_s).max(0.03),
                pitch: draft.pitch,
                velocity: ((0.56 + 0.4 * hit.weight) * (0.84 + 0.16 * piece.energy(hit.time_s)) * draft.force)
                    .clamp(0.05, 1.0) as f32,
                articulation: draft.articulation,
                locked: true,
            })
        })
        .collect();
    tidy(&mut notes, piece);
    Track {
        name: striker.name.clone(),
        layer: Layer::Accent,
        voice: striker.voice.name.into(),
        level_db: accent.level_db,
        pan: accent.pan,
        room: accent.room,
        hall: accent.hall,
        notes,
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves: Vec::new(),
    }
}

/// Where a quarter falls when it is swung: the second of a pair comes later, and what is between is stretched. An
/// `onset` that stands on none of the pair's halves or quarters is a triplet and stays; an end is always stretched.
fn swing(q: f64, piece: &Piece, onset: bool) -> f64 {
    let (share, unit) = (piece.style.feel.swing, piece.style.feel.swing_unit);
    if (share - 0.5).abs() < 1e-6 {
        return q;
    }
    let bar = piece.grid.bar_at(q);
    let info = &piece.grid.bars()[bar];
    // Compound meters and free bars have their own lilt.
    if info.free || (info.meter.unit == 8 && info.meter.beats.is_multiple_of(3)) {
        return q;
    }
    let pair = if unit == 16 { 0.5 } else { 1.0 };
    let start = piece.grid.quarter(bar);
    let at = q - start;
    let base = (at / pair + 1e-6).floor() * pair;
    let x = ((at - base) / pair).max(0.0);
    if onset && (x * 4.0 - (x * 4.0).round()).abs() > 0.02 {
        return q;
    }
    let y = if x < 0.5 {
        x * share / 0.5
    } else {
        share + (x - 0.5) * (1.0 - share) / 0.5
    };
    start + base + y * pair
}

/// Share of its written length that a note sounds.
fn length(player: &Player, draft: &Draft, piece: &Piece) -> f64 {
    let legato = piece.style.melody.length;
    match player.part.plays {
        Plays::Melody | Plays::Double | Plays::Counter => {
            if draft.len > 1.4 {
                legato.max(0.9)
            } else {
                legato
            }
        }
        Plays::Sustain | Plays::Drone => 1.0,
        Plays::Bass => 0.92,
        _ => 0.95,
    }
}

fn sung(duration: f64, piece: &Piece) -> Articulation {
    if piece.style.melody.length < 0.7 && duration < 0.35 {
        Articulation::Staccato
    } else if piece.style.melody.length >= 0.97 {
        Articulation::Legato
    } else {
        Articulation::Normal
    }
}

/// When the last chord of a cue is let go, so that its tail dies inside the section.
fn last_end(piece: &Piece, draft: &Draft) -> f64 {
    let from = piece.grid.seconds(draft.q);
    let to = piece
        .section_at(draft.q)
        .map_or(piece.end_s, |i| piece.sections[i].cue.end_s)
        .min(piece.end_s);
    let ring = (to - from).max(0.05);
    match piece.style.ending {
        Ending::Stab => from + (ring * 0.6).min(0.45),
        Ending::Ring => from + ring * 0.72,
        Ending::Dissolve => from + ring * 0.8,
    }
}

/// Order, one note a pitch at a time, nothing beyond the end.
fn tidy(notes: &mut Vec<Note>, piece: &Piece) {
    notes.retain(|n| n.start_s < piece.end_s - 0.02);
    for n in notes.iter_mut() {
        n.duration_s = n.duration_s.min(piece.end_s - 0.015 - n.start_s);
    }
    notes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.pitch.cmp(&b.pitch)));
    // Two strokes on one key within 25 ms are one; a key must be up before it goes down again.
    let mut sounding: [Option<usize>; 128] = [None; 128];
    let mut gone = vec![false; notes.len()];
    for i in 0..notes.len() {
        let key = usize::from(notes[i].pitch.min(127));
        if let Some(j) = sounding[key] {
            let gap = notes[i].start_s - notes[j].start_s;
            if gap < 0.025 {
                let (keep, drop) = if notes[i].locked && !notes[j].locked {
                    (i, j)
                } else {
                    (j, i)
                };
                notes[keep].velocity = notes[keep].velocity.max(notes[drop].velocity);
                let end =
                    (notes[drop].start_s + notes[drop].duration_s).max(notes[keep].start_s + notes[keep].duration_s);
                notes[keep].duration_s = end - notes[keep].start_s;
                gone[drop] = true;
                sounding[key] = Some(keep);
                continue;
            }
            notes[j].duration_s = notes[j].duration_s.min(gap - 0.005);
        }
        sounding[key] = Some(i);
    }
    let mut keep = gone.iter();
    notes.retain(|_| !keep.next().copied().unwrap_or(false));
    // Microseconds are enough, but for hits, which keep the frame's own time.
    for n in notes.iter_mut() {
        if !n.locked {
            n.start_s = synchresis_cue::round_to(n.start_s, 6);
        }
        n.duration_s = ((n.duration_s * 1e6).floor() / 1e6 - 1e-6).max(1e-3);
        n.velocity = (n.velocity * 1000.0).round() / 1000.0;
    }
}

/// Pedal of a piano: changed just after every chord, as pianists do.
fn pedal(player: &Player, notes: &[Note], piece: &Piece, chords: &[Chord]) -> Vec<Pedal> {
    let keys = player.voice.family == VoiceFamily::Keys && player.voice.name.ends_with("piano");
    if !keys || piece.style.melody.length < 0.95 || notes.is_empty() {
        return Vec::new();
    }
    chords
        .iter()
        .filter_map(|c| {
            let (from, to) = (
                piece.grid.seconds(c.from),
                piece.grid.seconds(c.to).min(piece.end_s - 0.02),
            );
            let at = notes.partition_point(|n| n.start_s < from - 0.05);
            let busy = notes.get(at).is_some_and(|n| n.start_s < to - 0.05);
            let (down_s, up_s) = (from + 0.06, to - 0.01);
            (busy && up_s > down_s + 0.1).then_some(Pedal { down_s, up_s })
        })
        .collect()
}
