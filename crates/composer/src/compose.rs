//! From the grid of bars to a performed piece.

use synchresis_cue::{CueSheet, Layer, Mood, Role, Score, SectionCue, Sighting, Spotting, Track};

use crate::dice::Dice;
use crate::form::form;
use crate::harmony::harmonise;
use crate::melody::{counter, melody};
use crate::orchestra::{Material, cast, ground, strike, strikers, write};
use crate::perform::{marks, perform, perform_accent};
use crate::plan::Piece;
use crate::sheet::cue_sheet;
use crate::style::{Plays, Style};

/// Composes and performs a piece: the plan that a person reads and the notes that the sound room plays.
///
/// Every taken hit of the spotting has a locked note of a sharp voice at exactly its time. The same arguments give the
/// same notes; another seed gives another tune on the same grid. Nothing sounds after `spotting.music_end_s`.
pub fn compose(sighting: &Sighting, mood: &Mood, spotting: &Spotting, style: &Style, seed: u64) -> (CueSheet, Score) {
    build(sighting, mood, spotting, style, seed, seed)
}

/// As [`compose`], with form, keys and players decided by `frame` and all else by `seed`.
pub(crate) fn build(
    sighting: &Sighting,
    mood: &Mood,
    spotting: &Spotting,
    style: &Style,
    frame: u64,
    seed: u64,
) -> (CueSheet, Score) {
    let mut cues = form(sighting, mood, spotting, style, frame);
    spread(&mut cues);
    let count = cues.len();
    let waits = Dice::of(seed, "intro", 0).chance(0.65);
    for (i, cue) in cues.iter_mut().enumerate() {
        if cue.layers.is_empty() {
            cue.layers = style.layers_at(cue.role, cue.intensity);
            // The tune waits for the statement, where the introduction has something else to say.
            let others = cue
                .layers
                .iter()
                .filter(|l| !matches!(l, Layer::Lead | Layer::Counter | Layer::Accent))
                .count();
            if cue.role == Role::Intro && i == 0 && count > 2 && waits && others >= 2 && !mood.solo && cue.bars <= 6 {
                cue.layers.retain(|l| !matches!(l, Layer::Lead | Layer::Counter));
            }
        }
    }
    let piece = Piece::new(sighting, mood, spotting, style, cues, seed);
    let chords = harmonise(&piece);
    let players = cast(style, mood, frame);
    let bass = ground(&chords, &players);
    let register_of = |plays: Plays| players.iter().find(|p| p.part.plays == plays).map(|p| p.register);
    let (tune, motifs) = match register_of(Plays::Melody) {
        Some(register) => melody(&piece, &chords, register),
        None => (Vec::new(), Vec::new()),
    };
    let counter = register_of(Plays::Counter).map_or_else(Vec::new, |r| counter(&piece, &chords, &tune, r));
    let material = Material {
        piece: &piece,
        chords: &chords,
        bass: &bass,
        tune: &tune,
        counter: &counter,
    };
    let mut tracks: Vec<Track> = Vec::new();
    for player in &players {
        let drafts = write(player, &players, &material);
        let track = perform(player, drafts, &piece, &chords);
        if !track.notes.is_empty() {
            tracks.push(track);
        }
    }
    for striker in &strikers(style, mood, &players, frame) {
        let track = perform_accent(striker, &strike(striker, &piece, &chords), &piece);
        if !track.notes.is_empty() {
            tracks.push(track);
        }
    }
    let sheet = cue_sheet(&piece, &chords, motifs, &tracks, &players);
    (
        sheet,
        Score {
            duration_s: piece.end_s.max(0.0),
            tracks,
            marks: marks(&piece),
        },
    )
}

/// Spreads the sections' intensities over the style's ladder: the quietest section still has ground and tune and leaves
/// room above it, the fullest comes near the top, and the order stays that of the form.
fn spread(cues: &mut [SectionCue]) {
    let (low, high) = cues
        .iter()
        .filter(|c| c.role != Role::Silence)
        .fold((1.0f64, 0.0f64), |(l, h), c| (l.min(c.intensity), h.max(c.intensity)));
    let floor = low.clamp(0.3, 0.45);
    let ceiling = high.max(floor + 0.4).min(1.0);
    for cue in cues.iter_mut().filter(|c| c.role != Role::Silence) {
        let mut x = if high - low > 0.02 {
            (cue.intensity - low) / (high - low)
        } else {
            0.5
        };
        if cue.role == Role::Intro {
            x *= 0.5;
        }
        cue.intensity = synchresis_cue::round_to(floor + (ceiling - floor) * x, 3);
    }
}
