//! Voices: who plays the notes. Every voice of [`synchresis_cue::VOICES`] has a sound of its own here; a sound bank serves
//! the acoustic ones better where one is given.

#![allow(
    clippy::needless_range_loop,
    reason = "several buffers of one quantum are walked at once"
)]

mod ambience;
mod bank;
mod blown;
mod canvas;
mod drums;
mod effects;
mod ensemble;
mod filter;
mod keys;
mod kit;
mod kits;
mod levels;
mod mallets;
mod modal;
mod noise;
mod patches;
mod percussion;
mod phrase;
mod plucked;
mod scenes;
mod sections;
mod synth;
mod tones;
mod track;
mod wave;

pub use bank::{Bank, BankLimits};
pub use levels::gain_db;
pub use phrase::phrase;

use synchresis_cue::{Track, VOICES, VoiceInfo, voice};

use crate::Player;
use track::{Band, Gesture, Instrument};

/// A player for `track`: dry, mono-compatible stereo at [`crate::SAMPLE_RATE`], velocity, expression, pedal and bends
/// applied, every voice at about the same loudness (see [`gain_db`]). `duration_s` is the piece's length: what sounds then
/// is faded in its last 30 ms. `seed` varies hands and noises; the same seed gives the same samples. A voice that is not in
/// the table is played by the grand piano. With a bank, the voices it serves better than ours come from it.
pub fn player(track: &Track, duration_s: f64, seed: u64, bank: Option<&Bank>) -> Box<dyn Player> {
    let info = voice(&track.voice)
        .or_else(|| voice("grand-piano"))
        .unwrap_or(&VOICES[0]);
    let gestures = track::gestures(track, info);
    // Two tracks of one voice are two players.
    let seed = track.name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    if let Some((instrument, gain)) = bank.and_then(|b| b.instrument(info, &gestures)) {
        return Box::new(Band::new(track, gestures, instrument, gain, duration_s));
    }
    let instrument = own(info, &gestures, track.moves.is_empty(), seed);
    let gain = 10f32.powf(gain_db(info.name) as f32 / 20.0);
    Box::new(Band::new(track, gestures, instrument, gain, duration_s))
}

/// Our own instrument for a voice; `wanders`: it may choose its place itself.
fn own(info: &VoiceInfo, gestures: &[Gesture], wanders: bool, seed: u64) -> Box<dyn Instrument> {
    let mut pitches: Vec<u8> = gestures.iter().map(|g| g.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    let name = info.name;
    if let Some(tone) = tones::Tone::named(name) {
        return Box::new(blown::Blown::new(tone, &pitches, seed));
    }
    if let Some(section) = sections::Section::named(name) {
        return Box::new(ensemble::Ensemble::new(section, &pitches, seed));
    }
    if let Some(patch) = patches::Patch::named(name) {
        return Box::new(synth::Synth::new(patch, &pitches, seed));
    }
    if let Some(character) = kits::Character::named(name) {
        return Box::new(kit::Kit::new(character, &pitches, seed));
    }
    if let Some(scene) = ambience::Scene::named(name) {
        return Box::new(ambience::Place::new(scene, seed));
    }
    if let Some(mallet) = mallets::Mallet::named(name) {
        return Box::new(modal::Modal::new(Box::new(mallet), seed, false));
    }
    if let Some(pluck) = plucked::Pluck::named(name) {
        return Box::new(modal::Modal::new(Box::new(pluck), seed, true));
    }
    match name {
        "riser" => Box::new(effects::Passages::new(effects::Passage::Riser, wanders, seed)),
        "reverse-cymbal" => Box::new(effects::Passages::new(effects::Passage::ReverseCymbal, wanders, seed)),
        "whoosh" => Box::new(effects::Passages::new(effects::Passage::Whoosh, wanders, seed)),
        "impact" | "boom" | "sub-drop" | "tick" | "sparkle" => {
            Box::new(kit::Kit::effects(&pitches, seed, |pitch, chance| {
                effects::draw(name, pitch, chance)
            }))
        }
        "electric-piano" => Box::new(modal::Modal::new(Box::new(keys::ElectricPiano::default()), seed, true)),
        "felt-piano" => Box::new(modal::Modal::new(Box::new(keys::Piano { felt: true }), seed, true)),
        _ => Box::new(modal::Modal::new(Box::new(keys::Piano { felt: false }), seed, true)),
    }
}

#[cfg(test)]
mod tests;
