//! Sections that stay as they were while the rest is composed anew.

use synchresis_cue::{Bend, ChordCue, CueSheet, Mood, MotifCue, Pedal, Score, Sighting, Spotting, Track};

use crate::compose::build;
use crate::style::Style;

/// Onsets this much before a section's border still belong to it: a player's timing. Seconds.
const EARLY_S: f64 = 0.03;

/// The piece that is composed anew in part.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// Its plan.
    pub sheet: &'a CueSheet,
    /// Its notes.
    pub score: &'a Score,
    /// The seed that decided its form, keys and players: its own, or, where it was itself composed round kept sections, that of the
    /// first of them all.
    pub frame: u64,
    /// Which sections stay: indices of the sheet's form.
    pub keep: &'a [usize],
}

/// From when to when the sections `keep` of `sheet` are played, seconds, in order, one for each: a player's timing earlier than
/// their first beats, as much earlier than the next one's; the last one to the end of all.
pub fn kept_spans(sheet: &CueSheet, duration_s: f64, keep: &[usize]) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = keep
        .iter()
        .filter_map(|&i| {
            let section = sheet.form.get(i)?;
            let last = i + 1 == sheet.form.len();
            let end = if last {
                duration_s.max(section.end_s) + 1.0
            } else {
                section.end_s - EARLY_S
            };
            Some(((section.start_s - EARLY_S).max(0.0), end))
        })
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    spans.dedup();
    spans
}

/// Composes again with another seed, leaving the sections `before.keep` with the notes, chords, pedal and expression that they
/// had. Form, keys and players stay those of the seed `before.frame`, so that old and new belong together. Needs the sighting,
/// mood, spotting and style that the old piece was made from.
pub fn recompose(
    sighting: &Sighting,
    mood: &Mood,
    spotting: &Spotting,
    style: &Style,
    before: Before<'_>,
    seed: u64,
) -> (CueSheet, Score) {
    let (mut sheet, mut score) = build(sighting, mood, spotting, style, before.frame, seed);
    let (old, keep) = ((before.sheet, before.score), before.keep);
    let kept = kept_spans(old.0, old.1.duration_s, keep);
    let inside = |t: f64| kept.iter().any(|(from, to)| t >= *from && t < *to);
    for &i in keep {
        if let (Some(new), Some(old)) = (sheet.form.get_mut(i), old.0.form.get(i))
            && (new.start_s, new.end_s) == (old.start_s, old.end_s)
        {
            new.clone_from(old);
        }
    }
    for track in &mut score.tracks {
        let before = old.1.tracks.iter().find(|t| t.name == track.name);
        splice(track, before, &kept);
    }
    for before in old
        .1
        .tracks
        .iter()
        .filter(|t| !score.tracks.iter().any(|n| n.name == t.name))
        .collect::<Vec<_>>()
    {
        let mut track = Track {
            notes: Vec::new(),
            pedal: Vec::new(),
            bends: Vec::new(),
            ..before.clone()
        };
        splice(&mut track, Some(before), &kept);
        if !track.notes.is_empty() {
            score.tracks.push(track);
        }
    }
    score.tracks.retain(|t| !t.notes.is_empty());
    let mut chords: Vec<ChordCue> = sheet.chords.iter().filter(|c| !inside(c.start_s)).cloned().collect();
    chords.extend(old.0.chords.iter().filter(|c| inside(c.start_s)).cloned());
    chords.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    sheet.chords = chords;
    for motif in &mut sheet.motifs {
        motif.returns.retain(|r| !inside(r.0));
    }
    let held = old.0.motifs.iter().filter_map(|m| {
        let returns: Vec<(f64, String)> = m.returns.iter().filter(|r| inside(r.0)).cloned().collect();
        // A motif that was kept before has the mark already.
        let name = format!("{} (kept)", m.name.trim_end_matches(" (kept)"));
        (!returns.is_empty()).then(|| MotifCue {
            name,
            returns,
            ..m.clone()
        })
    });
    sheet.motifs.extend(held);
    sheet.motifs.retain(|m| !m.returns.is_empty());
    for instrument in &mut sheet.instruments {
        instrument.notes = score
            .tracks
            .iter()
            .find(|t| t.name == instrument.name)
            .map_or(0, |t| t.notes.len());
    }
    let names: Vec<String> = keep.iter().map(|i| (i + 1).to_string()).collect();
    sheet.why.push(format!(
        "Sections {} are as seed {} made them.",
        names.join(", "),
        old.0.seed
    ));
    (sheet, score)
}

/// Takes from `before` what lies in the kept spans, and from `track` the rest.
fn splice(track: &mut Track, before: Option<&Track>, kept: &[(f64, f64)]) {
    let inside = |t: f64| kept.iter().any(|(from, to)| t >= *from && t < *to);
    track.notes.retain(|n| !inside(n.start_s));
    for note in &mut track.notes {
        if let Some((from, _)) = kept
            .iter()
            .find(|(from, _)| note.start_s < *from && note.start_s + note.duration_s > *from)
        {
            note.duration_s = (from - note.start_s).max(0.02);
        }
    }
    track.pedal.retain(|p| !inside(p.down_s));
    for pedal in &mut track.pedal {
        if let Some((from, _)) = kept.iter().find(|(from, _)| pedal.down_s < *from && pedal.up_s > *from) {
            pedal.up_s = *from;
        }
    }
    track.bends.retain(|b| !inside(b.time_s));
    track.expression.retain(|e| !inside(e.0));
    if let Some(before) = before {
        track.notes.extend(before.notes.iter().filter(|n| inside(n.start_s)));
        track.pedal.extend(
            before
                .pedal
                .iter()
                .filter(|p| inside(p.down_s))
                .copied()
                .collect::<Vec<Pedal>>(),
        );
        track.bends.extend(
            before
                .bends
                .iter()
                .filter(|b| inside(b.time_s))
                .copied()
                .collect::<Vec<Bend>>(),
        );
        track
            .expression
            .extend(before.expression.iter().filter(|e| inside(e.0)).copied());
    }
    track
        .notes
        .sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.pitch.cmp(&b.pitch)));
    track.pedal.sort_by(|a, b| a.down_s.total_cmp(&b.down_s));
    for i in 1..track.pedal.len() {
        let next = track.pedal[i].down_s;
        track.pedal[i - 1].up_s = track.pedal[i - 1].up_s.min(next);
    }
    track.bends.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    track.expression.sort_by(|a, b| a.0.total_cmp(&b.0));
}
