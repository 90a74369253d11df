//! Symbols: what the picture asks for, which moments the music lands on, and the notes. Depends on the vocabulary
//! alone; makes no sound.

mod compose;
pub mod design;
mod dice;
mod error;
pub mod form;
mod grid;
mod groove;
mod harmony;
mod keep;
mod melody;
pub mod midi;
pub mod mood;
pub mod musicxml;
mod orchestra;
mod perform;
mod plan;
pub mod rank;
mod sheet;
pub mod spot;
pub mod style;
pub mod words;

pub use compose::compose;
pub use error::ComposerError;
pub use keep::{Before, kept_spans, recompose};
