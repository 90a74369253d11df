//! The form: sections from shots, with roles, keys, intensity and cadences.

use synchresis_cue::{Cadence, Key, Mode, Mood, Role, SectionCue, Sighting, Spotting};

use crate::style::Style;

/// The sections of the piece, in order: together they cover every bar of the spotting.
pub fn form(sighting: &Sighting, mood: &Mood, spotting: &Spotting, _style: &Style, seed: u64) -> Vec<SectionCue> {
    let mode = mood.mode.unwrap_or(if mood.valence > 0.0 {
        Mode::Ionian
    } else {
        Mode::Aeolian
    });
    let key = Key {
        tonic: (seed % 12) as u8,
        mode,
    };
    let bars = &spotting.bars;
    let count = bars.len();
    let mut sections = Vec::new();
    let mut first = 0;
    while first < count {
        let len = if count - first <= 6 { count - first } else { 4 };
        let (start_s, end_s) = (bars[first].start_s, bars[first + len - 1].end_s());
        let last = first + len == count;
        let role = match (first, last) {
            (0, true) => Role::Sting,
            (0, false) => Role::Intro,
            (_, true) => Role::Ending,
            _ => Role::Statement,
        };
        let shots = (0..sighting.shots.len())
            .filter(|&i| sighting.shots[i].start_s < end_s && sighting.shots[i].end_s > start_s)
            .collect();
        sections.push(SectionCue {
            role,
            start_s,
            end_s,
            first_bar: first,
            bars: len,
            key,
            intensity: ((mood.arousal + 1.0) / 2.0).clamp(0.0, 1.0),
            layers: Vec::new(),
            cadence: if last { Cadence::Authentic } else { Cadence::Half },
            shots,
            why: "four bars".into(),
        });
        first += len;
    }
    sections
}
