//! What strikes on a hit.

use synchresis_cue::Articulation;

use super::{Draft, Striker};
use crate::harmony::{Chord, chord_at, nearest};
use crate::plan::Piece;
use crate::style::{Strikes, drum_pitch};

/// The notes of one striker: at every taken hit of enough weight.
pub(crate) fn strike(striker: &Striker, piece: &Piece, chords: &[Chord]) -> Vec<Draft> {
    let accent = striker.accent;
    let mut notes = Vec::new();
    for (i, hit) in piece.hits.iter().enumerate() {
        if hit.weight < accent.from && !striker.always {
            continue;
        }
        let room = piece.hits.get(i + 1).map_or(piece.end_s, |h| h.time_s) - hit.time_s;
        let mut ring = accent
            .ring_s
            .min(room.max(0.12) * 1.5)
            .min((piece.end_s - hit.time_s) * 0.8);
        if hit.weight < 0.4 {
            ring = ring.min(accent.ring_s * 0.6);
        }
        let len = ring / piece.grid.quarter_s(hit.q).max(1e-3);
        let mut add = |pitch: u8, force: f64| {
            notes.push(Draft {
                hit: Some(i),
                articulation: Articulation::Accent,
                ..Draft::new(hit.q, len, pitch, force)
            });
        };
        let drums = striker.voice.family == synchresis_cue::VoiceFamily::Kit;
        if drums {
            for (k, name) in accent.drums.iter().enumerate() {
                // The first drum always; cymbals and claps wait for weight.
                if let Some(pitch) = drum_pitch(name).filter(|_| k == 0 || hit.weight >= 0.25 + 0.2 * k as f64) {
                    add(pitch, 1.0);
                }
            }
            continue;
        }
        let Some(chord) = chords.get(chord_at(chords, hit.q)) else {
            add(striker.register.0 + (striker.register.1 - striker.register.0) / 2, 1.0);
            continue;
        };
        let (low, high) = striker.register;
        match accent.strikes {
            Strikes::Root => add(deepest(chord.bass, low), 1.0),
            Strikes::Octaves => {
                let root = deepest(chord.bass, low);
                add(root, 1.0);
                if root + 12 <= high {
                    add(root + 12, 0.92);
                }
            }
            Strikes::Bell | Strikes::Drums => {
                let class = [chord.member(5), chord.root(), chord.member(3)][i % 3];
                add(nearest(class, Some(low + (high - low) * 2 / 3), striker.register), 1.0);
            }
            Strikes::Chord => {
                let mut pitch = deepest(chord.bass, low);
                add(pitch, 1.0);
                let count = if hit.weight > 0.6 { 5 } else { 4 };
                for k in 1..count {
                    let class = chord.tones[k % chord.tones.len().min(3)];
                    // Wide below, close above.
                    let gap = if pitch < 52 { 5 } else { 3 };
                    let next = (pitch + gap..=high).find(|p| p % 12 == class);
                    let Some(p) = next else { break };
                    add(p, 0.95);
                    pitch = p;
                }
            }
        }
    }
    notes
}

/// The lowest pitch of a class from `low` upwards.
fn deepest(class: u8, low: u8) -> u8 {
    low + (class + 12 - low % 12) % 12
}
