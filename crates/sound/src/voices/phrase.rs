//! The phrase by which voices are compared: what their loudness is brought level on.

use synchresis_cue::{Articulation, Layer, Note, Track, VoiceFamily, VoiceInfo};

/// A track of `info` in the middle of its range: eight quarter notes at 100 beats a minute for pitched voices, a plain beat
/// for kits, three separate notes for effects, one long note for places. All at velocity 0.8.
pub fn phrase(info: &VoiceInfo) -> Track {
    const STEPS: [i32; 8] = [0, 4, 7, 4, 0, -5, -3, 2];
    let middle = i32::from(info.range.0) + (i32::from(info.range.1) - i32::from(info.range.0)) / 2;
    let note = |start_s: f64, duration_s: f64, pitch: i32| Note {
        start_s: start_s + 0.5,
        duration_s,
        pitch: pitch.clamp(0, 127) as u8,
        velocity: 0.8,
        articulation: Articulation::Normal,
        locked: false,
    };
    let notes = match info.family {
        VoiceFamily::Kit => {
            let mut notes = Vec::new();
            for beat in 0..8 {
                let at = f64::from(beat) * 0.6;
                notes.push(note(at, 0.1, if beat % 2 == 0 { 36 } else { 38 }));
                notes.push(note(at, 0.1, 42));
                notes.push(note(at + 0.3, 0.1, 42));
            }
            notes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
            notes
        }
        VoiceFamily::Effect => (0..3).map(|i| note(f64::from(i) * 3.0, 2.0, middle)).collect(),
        VoiceFamily::Ambience => vec![note(0.0, 10.0, middle)],
        _ => (0..8).map(|i| note(i as f64 * 0.6, 0.57, middle + STEPS[i])).collect(),
    };
    Track {
        name: info.name.to_owned(),
        layer: Layer::Lead,
        voice: info.name.to_owned(),
        level_db: 0.0,
        pan: 0.0,
        room: 0.0,
        hall: 0.0,
        notes,
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves: Vec::new(),
    }
}
