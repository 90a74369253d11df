//! Swells, vibrato and scoops.

use synchresis_cue::{Bend, Note, VoiceFamily};

use crate::dice::Dice;
use crate::orchestra::Player;
use crate::plan::Piece;
use crate::style::{Ending, Plays};

/// Expression of a player whose notes can swell: it follows the picture's arousal and the phrase, comes in softly where
/// a section brings it in, and dies with the last chord.
pub(super) fn expression(player: &Player, notes: &[Note], piece: &Piece) -> Vec<(f64, f64)> {
    let swells = player.voice.sustains && !matches!(player.voice.family, VoiceFamily::Bass | VoiceFamily::Kit);
    let (Some(first), true) = (notes.first(), swells) else {
        return Vec::new();
    };
    let lead = matches!(player.part.plays, Plays::Melody | Plays::Double);
    let step = if lead { 0.5 } else { 1.0 };
    let mut points: Vec<(f64, f64)> = Vec::new();
    for span in piece.sections.iter().filter(|s| !s.silent) {
        let (from, to) = (span.cue.start_s, piece.grid.seconds(span.pulse_end()));
        let length = to - from;
        if length <= 0.05 {
            continue;
        }
        let count = (length / step).ceil().clamp(1.0, 4000.0) as usize;
        for k in 0..count {
            let t = from + length * k as f64 / count as f64;
            let x = k as f64 / count as f64;
            let base = 0.5 + 0.3 * span.cue.intensity + 0.2 * piece.energy(t);
            let swell = match span.cue.role {
                synchresis_cue::Role::Build => 0.72 + 0.33 * x,
                synchresis_cue::Role::Release => 1.02 - 0.2 * x,
                _ => 0.9 + 0.12 * (std::f64::consts::PI * x).sin(),
            };
            points.push((t, (base * swell).clamp(0.15, 1.0)));
        }
        if let Some(last) = span.last {
            let at = piece.grid.seconds(last);
            let end = span.cue.end_s.min(piece.end_s);
            let ring = (end - at).max(0.0);
            let level = (0.6 + 0.35 * span.cue.intensity).min(1.0);
            points.push((at, level));
            match piece.style.ending {
                Ending::Stab => points.push((at + ring * 0.3, level)),
                Ending::Ring => points.push((at + ring * 0.35, level * 0.85)),
                Ending::Dissolve => points.push((at + ring * 0.25, level * 0.8)),
            }
            points.push((at + ring * 0.8, 0.04));
            // Another cue may follow after silence.
            points.push((end - 0.001, 0.04));
        }
    }
    let soft = !player.voice.sharp && player.part.plays == Plays::Sustain;
    if soft && first.start_s > 0.5 && !first.locked {
        points.retain(|p| p.0 < first.start_s - 0.2 || p.0 > first.start_s + 0.8);
        points.push((first.start_s, 0.3));
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|b, a| b.0 - a.0 < 1e-4);
    points
        .iter_mut()
        .for_each(|p| *p = (synchresis_cue::round_to(p.0, 4), synchresis_cue::round_to(p.1, 3)));
    points
}

/// Vibrato on the long notes of a synthetic or reed lead, and a scoop into some accents.
pub(super) fn bends(player: &Player, notes: &[Note], piece: &Piece) -> Vec<Bend> {
    let depth = match player.voice.name {
        "saw-lead" | "square-lead" | "soft-lead" | "chip-pulse" => 0.22,
        "saxophone" | "harmonica" => 0.16,
        _ => return Vec::new(),
    };
    if player.part.plays != Plays::Melody {
        return Vec::new();
    }
    let mut dice = Dice::of(piece.seed, "bend", 0);
    let mut bends: Vec<Bend> = Vec::new();
    let mut free_from = 0.0;
    for note in notes {
        let end = note.start_s + note.duration_s;
        if note.start_s < free_from {
            continue;
        }
        if !note.locked && note.duration_s > 0.3 && dice.chance(0.22) {
            for (dt, semitones) in [(0.0, -0.7), (0.05, -0.25), (0.1, 0.0)] {
                bends.push(Bend {
                    time_s: note.start_s + dt,
                    semitones,
                });
            }
        }
        if note.duration_s > 0.65 {
            // It begins late and grows, at 5.4 cycles a second, drawn with eight points a cycle.
            let from = note.start_s + 0.28;
            let rate = 5.4 + dice.between(-0.3, 0.3);
            let until = end.min(from + 4.0);
            let count = ((until - from) * rate * 8.0) as usize;
            bends.push(Bend {
                time_s: from,
                semitones: 0.0,
            });
            for k in 1..count {
                let t = k as f64 / (rate * 8.0);
                let grown = depth * (t / 0.6).min(1.0);
                let semitones = grown * (std::f64::consts::TAU * rate * t).sin();
                bends.push(Bend {
                    time_s: from + t,
                    semitones,
                });
            }
            bends.push(Bend {
                time_s: until,
                semitones: 0.0,
            });
            free_from = until;
        }
    }
    bends.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    bends
}
