//! Samples: voices that play notes, the mixer that makes a record of them, and ears that judge it.

mod error;
pub mod hear;
mod lanes;
pub mod mix;
mod player;
pub mod voices;
pub mod warp;

pub use error::SoundError;
pub use player::{BLOCK, Player, SAMPLE_RATE};
