//! From the plan to notes for the sound room.

use synchresis_cue::{Articulation, Layer, Note, Score, SoundCue, SoundDesign, SoundKind, Track, VoiceFamily, voice};

/// A riser has died this long before the hit that it climbs to, so that the strike stands out, seconds.
const BREATH_S: f64 = 0.02;
/// The longest that the last beds take to die with the film, seconds.
const OUT_S: f64 = 0.6;

/// The plan as a score of effects and ambiences, for a film of `duration_s` seconds. Cues whose voice is no effect and
/// no ambience, or whose times are no times of the film, are left out: effects never contain music.
pub fn play(design: &SoundDesign, duration_s: f64) -> Score {
    let mut tracks: Vec<(SoundKind, Vec<&SoundCue>)> = Vec::new();
    let mut cues: Vec<&SoundCue> = design.cues.iter().filter(|c| plays(c, duration_s)).collect();
    cues.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    for cue in cues {
        let same = |t: &&mut (SoundKind, Vec<&SoundCue>)| t.0 == cue.kind && t.1.iter().all(|c| c.voice == cue.voice);
        match tracks.iter_mut().find(same) {
            Some(track) => track.1.push(cue),
            None => tracks.push((cue.kind, vec![cue])),
        }
    }
    tracks.sort_by(|a, b| {
        let name = |t: &(SoundKind, Vec<&SoundCue>)| t.1.first().map_or(String::new(), |c| c.voice.clone());
        a.0.cmp(&b.0).then_with(|| name(a).cmp(&name(b)))
    });
    Score {
        duration_s,
        tracks: tracks
            .iter()
            .map(|(kind, cues)| track(*kind, cues, duration_s))
            .collect(),
        marks: Vec::new(),
    }
}

/// Whether a cue, perhaps written by hand, can be played: braams and bells have a pitch and are music.
fn plays(cue: &SoundCue, duration_s: f64) -> bool {
    let times = [cue.start_s, cue.end_s, cue.level_db, cue.pan, cue.pan_to];
    let family = voice(&cue.voice).map(|v| v.family);
    let unpitched = !matches!(cue.voice.as_str(), "braam" | "sparkle");
    times.iter().all(|t| t.is_finite())
        && (0.0..duration_s).contains(&cue.start_s)
        && cue.end_s > cue.start_s
        && matches!(family, Some(VoiceFamily::Effect | VoiceFamily::Ambience))
        && unpitched
}

fn track(kind: SoundKind, cues: &[&SoundCue], duration_s: f64) -> Track {
    let loudest = cues
        .iter()
        .map(|c| c.level_db)
        .fold(f64::NEG_INFINITY, f64::max)
        .min(6.0);
    let name = cues.first().map_or("", |c| c.voice.as_str());
    let (layer, room, hall) = match kind {
        SoundKind::Ambience => (Layer::Ambience, 0.0, 0.0),
        SoundKind::Whoosh => (Layer::Effects, 0.12, 0.0),
        SoundKind::Riser => (Layer::Effects, 0.0, 0.1),
        SoundKind::Impact => (Layer::Effects, 0.1, 0.22),
        SoundKind::Flash => (Layer::Effects, 0.1, 0.15),
    };
    let notes = cues
        .iter()
        .map(|cue| note(cue, cue.level_db - loudest, duration_s))
        .collect();
    let wanders = cues.iter().any(|c| c.pan != 0.0 || c.pan_to != 0.0) || kind == SoundKind::Whoosh;
    let moves = if wanders { moves(cues) } else { Vec::new() };
    Track {
        name: title(kind, name),
        layer,
        voice: name.into(),
        level_db: loudest,
        pan: 0.0,
        room,
        hall,
        notes,
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves,
    }
}

/// `Impact`, `Night insects`; what strikes with a flash is a track of its own.
fn title(kind: SoundKind, voice: &str) -> String {
    let mut name: String = voice.replace('-', " ");
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match kind {
        SoundKind::Flash => format!("{name} (flashes)"),
        _ => name,
    }
}

/// A cue as a note, `below` dB under the track's loudest.
fn note(cue: &SoundCue, below: f64, duration_s: f64) -> Note {
    // Decibels a tenfold velocity is worth, as the voices play: passages are linear, strikes grow brighter too, beds follow
    // their own law.
    let law = match cue.kind {
        SoundKind::Whoosh | SoundKind::Riser => 20.0,
        SoundKind::Impact | SoundKind::Flash => 30.0,
        SoundKind::Ambience => 28.0,
    };
    let end_s = match cue.kind {
        SoundKind::Riser => cue.end_s - BREATH_S,
        SoundKind::Ambience if cue.end_s >= duration_s - 1e-6 => {
            cue.end_s - OUT_S.min(0.15 * (cue.end_s - cue.start_s))
        }
        _ => cue.end_s,
    };
    let length = cue.end_s - cue.start_s;
    // Larger things sound lower.
    let pitch = match cue.kind {
        SoundKind::Impact => 48.0 - 1.2 * below,
        SoundKind::Flash if cue.voice == "boom" => 40.0,
        SoundKind::Flash => 72.0,
        SoundKind::Whoosh => 84.0 - 18.0 * length,
        SoundKind::Riser => 57.0,
        SoundKind::Ambience => 60.0,
    };
    Note {
        start_s: cue.start_s,
        duration_s: (end_s - cue.start_s).max(0.02),
        pitch: pitch.clamp(36.0, 96.0) as u8,
        velocity: (0.8 * 10f64.powf(below / law)).clamp(0.01, 1.0) as f32,
        articulation: Articulation::Normal,
        locked: cue.hit_s.is_some(),
    }
}

/// Where a track's cues go; between two it moves from the one's end to the other's beginning.
fn moves(cues: &[&SoundCue]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(2 * cues.len());
    for cue in cues {
        // Beds that overlap hand over in the middle.
        if let Some(last) = points.last_mut()
            && last.0 > cue.start_s
        {
            last.0 = cue.start_s;
        }
        points.push((cue.start_s, cue.pan));
        points.push((cue.end_s, cue.pan_to));
    }
    points
}
