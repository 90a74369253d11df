//! Players that a test understands.

use synchresis_cue::{Layer, Score, Track};
use synchresis_sound::Player;

/// A simple player.
pub(crate) enum Kind {
    Silence,
    Tone { hz: f32, phase: f32 },
    Impulse { at: usize, now: usize },
    Plucks { hz: f32, every: usize, now: usize },
    Broken,
}

impl Player for Kind {
    fn play(&mut self, (left, right): (&mut [f32], &mut [f32])) -> bool {
        for (l, r) in left.iter_mut().zip(right.iter_mut()) {
            let (a, b) = match self {
                Kind::Silence => return false,
                Kind::Tone { hz, phase } => {
                    *phase = (*phase + *hz / 48_000.0).fract();
                    let x = 0.3 * (std::f32::consts::TAU * *phase).sin();
                    (x, x)
                }
                Kind::Impulse { at, now } => {
                    *now += 1;
                    if *now - 1 == *at { (0.8, 0.8) } else { (0.0, 0.0) }
                }
                Kind::Plucks { hz, every, now } => {
                    let t = (*now % *every) as f32 / 48_000.0;
                    *now += 1;
                    let shape = 0.5 * (-6.0 * t).exp() * (t * 900.0).min(1.0);
                    let at = std::f32::consts::TAU * *hz * t;
                    (
                        shape * (at.sin() + 0.4 * (2.01 * at).sin()),
                        shape * (at.sin() - 0.3 * (3.02 * at).sin()),
                    )
                }
                Kind::Broken => (f32::NAN, f32::INFINITY),
            };
            *l = a;
            *r = b;
        }
        true
    }
}

/// Plucked players, each with a pitch and a rhythm of its own.
pub(crate) fn tune(players: usize) -> Vec<Box<dyn Player>> {
    (0..players)
        .map(|i| {
            let hz = 55.0 * 1.498_3f32.powi(i as i32);
            Box::new(Kind::Plucks {
                hz,
                every: 9_000 + 3_001 * i,
                now: 0,
            }) as Box<dyn Player>
        })
        .collect()
}

/// A track without notes: what it plays is up to the player.
fn track(name: &str) -> Track {
    Track {
        name: name.into(),
        layer: Layer::Chords,
        voice: "grand-piano".into(),
        level_db: -3.0,
        pan: 0.0,
        room: 0.2,
        hall: 0.2,
        notes: Vec::new(),
        pedal: Vec::new(),
        bends: Vec::new(),
        expression: Vec::new(),
        moves: Vec::new(),
    }
}

/// A score of `tracks` tracks.
pub(crate) fn score(duration_s: f64, tracks: usize) -> Score {
    let voices = [
        "grand-piano",
        "electric-bass",
        "kit-rock",
        "warm-pad",
        "flute",
        "strings-legato",
    ];
    let tracks = (0..tracks).map(|i| {
        let mut track = track(&format!("track {i}"));
        track.voice = voices[i % voices.len()].into();
        track.pan = [0.0, -0.3, 0.4, -0.6, 0.2][i % 5];
        track
    });
    Score {
        duration_s,
        tracks: tracks.collect(),
        marks: Vec::new(),
    }
}
