//! A second line: long guide tones, moving where the tune rests or holds.

use synchresis_cue::Layer;

use super::line::{Goal, Taste, Want, sing};
use super::phrase::{Sung, single};
use crate::harmony::{Chord, chord_at};
use crate::plan::Piece;

/// The counter-line of the sections that have one.
pub(crate) fn counter(piece: &Piece, chords: &[Chord], tune: &[Sung], register: (u8, u8)) -> Vec<Sung> {
    let mut line = Vec::new();
    let centre = (f64::from(register.0) + f64::from(register.1)) / 2.0;
    for (index, span) in piece.sections.iter().enumerate() {
        if span.silent || !span.cue.layers.contains(&Layer::Counter) {
            continue;
        }
        let end = span.pulse_end();
        let mut wants: Vec<Want> = Vec::new();
        for (k, chord) in chords
            .iter()
            .enumerate()
            .filter(|(_, c)| c.section == index && c.from < end - 1e-6)
        {
            let to = chord.to.min(end);
            let strength = 0.9;
            let held = (to - chord.from).max(0.1);
            wants.push(Want {
                q: chord.from,
                len: held,
                strength,
                interval: Some(0),
                goal: Goal::Stable,
                chord: k,
                centre,
            });
            // Where the tune leaves two quarters or more without an attack, the line walks on the second half.
            let mut q = (chord.from + 1.0).ceil();
            let mut up = k % 2 == 0;
            while q < to - 0.9 {
                let attacks = tune.iter().filter(|n| n.q >= q - 0.05 && n.q < q + 0.95).count();
                if attacks == 0 {
                    let step = if up { 1 } else { -1 };
                    up = !up;
                    if let Some(last) = wants.last_mut() {
                        last.len = q - last.q;
                    }
                    wants.push(Want {
                        q,
                        len: to - q,
                        strength: 0.5,
                        interval: Some(step),
                        goal: Goal::Free,
                        chord: chord_at(chords, q),
                        centre,
                    });
                }
                q += 1.0;
            }
        }
        if let Some(last) = span.last {
            wants.push(Want {
                q: last,
                len: (span.to - last).max(0.25),
                strength: 1.0,
                interval: Some(0),
                goal: Goal::Stable,
                chord: chord_at(chords, last),
                centre,
            });
        }
        let against: Vec<Option<u8>> = wants.iter().map(|w| sounding(tune, w.q)).collect();
        let taste = Taste {
            register,
            pentatonic: false,
            leaps: 0.1,
        };
        let pitches = sing(&wants, chords, taste, &against);
        let length = (end - span.from).max(0.1);
        for (w, pitch) in wants.iter().zip(pitches) {
            let phrase = ((w.q - span.from) / length).clamp(0.0, 1.0);
            line.push(Sung {
                q: w.q,
                len: w.len,
                pitch,
                strength: w.strength,
                phrase,
                section: index,
            });
        }
    }
    single(&mut line);
    line
}

fn sounding(tune: &[Sung], q: f64) -> Option<u8> {
    let i = tune.partition_point(|n| n.q <= q + 1e-6).checked_sub(1)?;
    let n = tune[i];
    (n.q + n.len > q + 1e-6).then_some(n.pitch)
}
