//! The cue sheet: what was composed and why, for a person to read.

use synchresis_cue::{
    ChordCue, CueSheet, InstrumentCue, Key, Layer, Meter, Mode, MotifCue, Role, SectionCue, TempoMark, Track,
};

use crate::harmony::Chord;
use crate::orchestra::Player;
use crate::plan::Piece;

/// The plan of the piece as it was composed.
pub(crate) fn cue_sheet(
    piece: &Piece,
    chords: &[Chord],
    motifs: Vec<MotifCue>,
    tracks: &[Track],
    players: &[Player],
) -> CueSheet {
    let sounding = piece.sections.iter().find(|s| !s.silent);
    let key = sounding.map_or(
        Key {
            tonic: 0,
            mode: Mode::Ionian,
        },
        |s| s.cue.key,
    );
    let mut tempo_map: Vec<TempoMark> = Vec::new();
    for (i, bar) in piece.grid.bars().iter().enumerate() {
        let same = tempo_map
            .last()
            .is_some_and(|t| (t.bpm - bar.bpm).abs() < 1e-6 && t.meter == bar.meter);
        if !same {
            tempo_map.push(TempoMark {
                time_s: bar.start_s,
                quarter: piece.grid.quarter(i),
                bpm: bar.bpm,
                meter: bar.meter,
            });
        }
    }
    let meter = usual_meter(piece);
    let mut form: Vec<SectionCue> = piece.sections.iter().map(|s| s.cue.clone()).collect();
    for cue in &mut form {
        cue.layers = layers_heard(tracks, cue.start_s, cue.end_s);
    }
    let cues: Vec<ChordCue> = chords
        .iter()
        .map(|c| ChordCue {
            start_s: synchresis_cue::round_to(piece.grid.seconds(c.from), 6),
            end_s: synchresis_cue::round_to(piece.grid.seconds(c.to).min(piece.end_s), 6),
            symbol: c.symbol.clone(),
            roman: c.roman.clone(),
            root: c.root(),
            bass: c.bass,
            tones: c.tones.clone(),
        })
        .collect();
    let instruments = tracks
        .iter()
        .map(|t| InstrumentCue {
            layer: t.layer,
            name: t.name.clone(),
            voice: t.voice.clone(),
            notes: t.notes.len(),
        })
        .collect();
    CueSheet {
        title: title(piece, key),
        style: piece.style.name.clone(),
        seed: piece.seed,
        key,
        meter,
        tempo_map,
        form,
        chords: cues,
        motifs,
        instruments,
        why: why(piece, key, players),
    }
}

fn usual_meter(piece: &Piece) -> Meter {
    let mut counts: Vec<(Meter, f64)> = Vec::new();
    for bar in piece.grid.bars().iter().filter(|b| !b.free) {
        match counts.iter_mut().find(|(m, _)| *m == bar.meter) {
            Some((_, n)) => *n += 1.0,
            None => counts.push((bar.meter, 1.0)),
        }
    }
    let best = counts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|c| c.0);
    best.or_else(|| piece.style.meters.first().copied())
        .unwrap_or(Meter { beats: 4, unit: 4 })
}

/// The layers that are heard between two times.
fn layers_heard(tracks: &[Track], from: f64, to: f64) -> Vec<Layer> {
    let mut layers: Vec<Layer> = tracks
        .iter()
        .filter(|t| {
            let i = t.notes.partition_point(|n| n.start_s < from - 0.02);
            t.notes.get(i).is_some_and(|n| n.start_s < to - 0.02)
        })
        .map(|t| t.layer)
        .collect();
    layers.sort();
    layers.dedup();
    layers
}

fn title(piece: &Piece, key: Key) -> String {
    let feeling = match (piece.mood.valence > 0.0, piece.mood.arousal > 0.0) {
        (true, true) => "Bright",
        (true, false) => "Calm",
        (false, true) => "Restless",
        (false, false) => "Quiet",
    };
    let name = piece.style.name.replace('-', " ");
    format!("{feeling} {name} in {key}")
}

fn why(piece: &Piece, key: Key, players: &[Player]) -> Vec<String> {
    let mut why = Vec::new();
    if !piece.mood.style_reason.is_empty() {
        why.push(format!("Style {}: {}", piece.style.name, piece.mood.style_reason));
    }
    let feeling = if piece.mood.valence > 0.15 {
        "pleasant"
    } else if piece.mood.valence < -0.15 {
        "dark"
    } else {
        "neither bright nor dark"
    };
    why.push(format!(
        "{key}: the film reads as {feeling} (valence {:+.2}).",
        piece.mood.valence
    ));
    let heavy = piece.hits.iter().filter(|h| h.weight >= 0.75).count();
    why.push(format!(
        "{} hits are struck by every player or by the accents alone, as they weigh; the harmony resolves on the {heavy} heaviest.",
        piece.hits.len()
    ));
    let silent = piece.sections.iter().filter(|s| s.cue.role == Role::Silence).count();
    if silent > 0 {
        why.push(format!("{silent} sections are silent on purpose."));
    }
    let themes = piece
        .sections
        .iter()
        .filter(|s| !s.silent)
        .map(|s| s.theme + 1)
        .max()
        .unwrap_or(0);
    if themes > 1 {
        why.push(format!(
            "{themes} themes; a theme returns with the shot that brought it."
        ));
    }
    if piece.mood.solo {
        why.push("One instrument alone, as the words ask.".into());
    }
    if !players.is_empty() && piece.style.feel.swing > 0.51 {
        why.push(format!(
            "Swung {:.0} : {:.0}.",
            piece.style.feel.swing * 100.0,
            (1.0 - piece.style.feel.swing) * 100.0
        ));
    }
    why
}
