//! Which of several takes is the best, and why.

use synchresis_cue::{CueSheet, Layer, Note, Score, Spotting, Track, VoiceFamily, voice};

/// One reason for a take, 0 to 1, higher is better.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// `sync`, `voice leading`, `tune`, `variety`.
    pub name: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// In a sentence.
    pub why: String,
}

/// What speaks for and against a take, from its symbols alone. The mean of the values ranks takes of one brief.
pub fn reasons(sheet: &CueSheet, spotting: &Spotting, score: &Score) -> Vec<Reason> {
    vec![
        sync(spotting, score),
        leading(score),
        tune(sheet, score),
        variety(sheet, score),
    ]
}

fn sync(spotting: &Spotting, score: &Score) -> Reason {
    let taken: Vec<f64> = spotting.hits.iter().filter(|h| h.taken).map(|h| h.time_s).collect();
    let onsets: Vec<&Note> = score.tracks.iter().flat_map(|t| &t.notes).collect();
    let clear = taken
        .iter()
        .filter(|&&hit| {
            let near = |n: &&&Note| !n.locked && n.velocity > 0.5 && n.start_s < hit - 1e-6 && n.start_s > hit - 0.06;
            onsets.iter().any(|n| n.locked && (n.start_s - hit).abs() < 1e-6) && onsets.iter().filter(near).count() == 0
        })
        .count();
    let value = if taken.is_empty() {
        1.0
    } else {
        clear as f64 / taken.len() as f64
    };
    let why = format!(
        "{clear} of {} hits are struck with nothing loud just before them",
        taken.len()
    );
    Reason {
        name: "sync",
        value,
        why,
    }
}

/// Chords of a track: pitches that begin together.
fn chords(track: &Track) -> Vec<Vec<u8>> {
    let mut groups: Vec<(f64, Vec<u8>)> = Vec::new();
    for n in &track.notes {
        match groups.last_mut() {
            Some((at, pitches)) if n.start_s - *at < 0.06 => pitches.push(n.pitch),
            _ => groups.push((n.start_s, vec![n.pitch])),
        }
    }
    let mut groups: Vec<Vec<u8>> = groups.into_iter().map(|(_, p)| p).collect();
    for g in &mut groups {
        g.sort_unstable();
    }
    groups.dedup();
    groups
}

fn leading(score: &Score) -> Reason {
    let chordal = |t: &&Track| {
        matches!(t.layer, Layer::Pad | Layer::Chords) && voice(&t.voice).is_some_and(|v| v.family != VoiceFamily::Kit)
    };
    let (mut moves, mut count) = (0.0, 0.0);
    for track in score.tracks.iter().filter(chordal) {
        for w in chords(track)
            .windows(2)
            .filter(|w| w[0].len() == w[1].len() && w[0].len() > 1)
        {
            let step: f64 = w[0]
                .iter()
                .zip(&w[1])
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
                .sum();
            moves += step / w[0].len() as f64;
            count += 1.0;
        }
    }
    let mean = if count > 0.0 { moves / count } else { 1.5 };
    let why = format!("voices move {mean:.1} semitones from chord to chord");
    Reason {
        name: "voice leading",
        value: 1.0 / (1.0 + (mean - 1.0).max(0.0) / 3.0),
        why,
    }
}

fn lead(score: &Score) -> Vec<&Note> {
    score
        .tracks
        .iter()
        .find(|t| t.layer == Layer::Lead)
        .map_or_else(Vec::new, |t| t.notes.iter().collect())
}

fn tune(sheet: &CueSheet, score: &Score) -> Reason {
    let notes = lead(score);
    if notes.len() < 4 {
        return Reason {
            name: "tune",
            value: 0.5,
            why: "there is hardly a tune".into(),
        };
    }
    let steps: Vec<i32> = notes
        .windows(2)
        .map(|w| (i32::from(w[1].pitch) - i32::from(w[0].pitch)).abs())
        .collect();
    let near = steps.iter().filter(|&&s| s > 0 && s <= 4).count() as f64 / steps.len() as f64;
    let same = steps.iter().filter(|&&s| s == 0).count() as f64 / steps.len() as f64;
    let returns: usize = sheet.motifs.iter().map(|m| m.returns.len()).sum();
    let value = (near + 0.3 * (1.0 - same) + 0.1 * (returns.min(6) as f64 / 6.0)).min(1.0);
    let why = format!(
        "{:.0} % of its intervals can be sung, its motifs return {returns} times",
        near * 100.0
    );
    Reason {
        name: "tune",
        value,
        why,
    }
}

fn variety(sheet: &CueSheet, score: &Score) -> Reason {
    let mut pitches: Vec<u8> = lead(score).iter().map(|n| n.pitch % 12).collect();
    pitches.sort_unstable();
    pitches.dedup();
    let mut symbols: Vec<&str> = sheet.chords.iter().map(|c| c.symbol.as_str()).collect();
    symbols.sort_unstable();
    symbols.dedup();
    let textures: usize = sheet.form.windows(2).filter(|w| w[0].layers != w[1].layers).count();
    let changes = textures as f64 / sheet.form.len().saturating_sub(1).max(1) as f64;
    let full = |n: usize, enough: f64| (n as f64 / enough).min(1.0);
    let value = (full(pitches.len(), 6.0) + full(symbols.len(), 5.0) + changes.min(1.0)) / 3.0;
    let why = format!(
        "{} chords, {} tones in the tune, the texture changes {textures} times",
        symbols.len(),
        pitches.len()
    );
    Reason {
        name: "variety",
        value,
        why,
    }
}
