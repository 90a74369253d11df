//! The sound designer: which effects and beds the picture gets, where, and why. Plans and notes; makes no sound.
//!
//! Strikes and risers come from the hits, whooshes from sweeps of the camera and bursts of motion, beds from recognised
//! objects, words and, last and quietest, colour. What is not known is not guessed: the rule that decided stands in
//! [`SoundDesign::why`].

mod passes;
mod places;
mod play;
mod strikes;

use synchresis_cue::{Hit, Mood, Sighting, SoundDesign, SoundKind, Spotting, round_to};

use crate::spot::SpotOptions;

pub use play::play;

/// Something recognised in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// When it is seen, seconds.
    pub time_s: f64,
    /// What it is, in English, as recognisers name it: `car`, `bird`.
    pub label: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Middle of its box, 0 (left) to 1 (right), and the share of the picture that the box fills, where there is a box.
    pub place: Option<(f64, f64)>,
}

/// All that the designer plans from.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What is seen.
    pub sighting: &'a Sighting,
    /// How stirred it is.
    pub mood: &'a Mood,
    /// The moments that may be struck, in order: with music, those that the music takes too.
    pub hits: &'a [Hit],
    /// Texts, with what they are called to a person: (`the mood`, "rainy night").
    pub words: &'a [(&'a str, &'a str)],
    /// What was recognised.
    pub things: &'a [Thing],
    /// No music plays: every taken hit is struck.
    pub alone: bool,
    /// The clip's own sound stays in the film.
    pub own_sound: bool,
    /// Same scene and seed, same plan.
    pub seed: u64,
}

/// Plans the effects of a film.
pub fn design(scene: &Scene<'_>) -> SoundDesign {
    let mut design = SoundDesign::default();
    strikes::strike(scene, &mut design);
    passes::pass(scene, &mut design);
    places::place(scene, &mut design);
    let duration = scene.sighting.duration_s;
    for cue in &mut design.cues {
        for t in [&mut cue.start_s, &mut cue.peak_s, &mut cue.end_s] {
            *t = round_to(t.clamp(0.0, duration), 6);
        }
        cue.level_db = round_to(cue.level_db, 1);
        cue.pan = round_to(cue.pan.clamp(-1.0, 1.0), 2);
        cue.pan_to = round_to(cue.pan_to.clamp(-1.0, 1.0), 2);
    }
    design
        .cues
        .sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.kind.cmp(&b.kind)));
    if !design.cues.iter().any(|c| c.kind != SoundKind::Ambience) {
        design.why.push(
            "Nothing is struck and nothing passes: no hit is heavy enough, no camera sweeps, no light flashes.".into(),
        );
    }
    design
}

/// The moments of a film that has effects and no music, weighed; `taken` are those that get a strike of their own.
/// There are no bars.
pub fn spot_alone(sighting: &Sighting, mood: &Mood, options: &SpotOptions) -> Spotting {
    let mut hits = crate::spot::events(sighting, mood, options);
    strikes::take(&mut hits, mood);
    Spotting {
        hits,
        tempo_candidates: Vec::new(),
        bars: Vec::new(),
        music_start_s: 0.0,
        music_end_s: 0.0,
    }
}

/// Arousal at a time, −1 to 1.
fn stir(mood: &Mood, time_s: f64) -> f64 {
    if mood.arousal_curve.is_empty() || !(mood.step_s.is_finite() && mood.step_s > 0.0) {
        return mood.arousal.clamp(-1.0, 1.0);
    }
    let i = ((time_s / mood.step_s).max(0.0) as usize).min(mood.arousal_curve.len() - 1);
    f64::from(mood.arousal_curve[i]).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests;
