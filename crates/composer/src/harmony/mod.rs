//! Chords: what they are, which follow which, and how their voices move.

mod roman;

pub(crate) use roman::{Roman, parse_roman, parse_set, suffix};
