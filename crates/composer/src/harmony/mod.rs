//! Chords: what they are, which follow which, and how their voices move.

mod bass;
mod chord;
mod grammar;
mod progression;
mod roman;
mod voicing;

pub(crate) use bass::{bass_notes, nearest};
pub(crate) use chord::Chord;

pub(crate) use progression::{chord_at, harmonise};
pub(crate) use roman::{parse_roman, parse_set};
pub(crate) use voicing::lead;
