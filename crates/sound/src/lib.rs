//! Samples: voices that play notes, the mixer that makes a record of them, and ears that judge it.

mod player;

pub use player::{BLOCK, Player, SAMPLE_RATE};
