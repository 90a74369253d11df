//! Symbols: what the picture asks for, which moments the music lands on, and the notes. Depends on the vocabulary
//! alone; makes no sound.

mod dice;
mod error;
pub mod form;
mod harmony;
pub mod mood;
pub mod spot;
pub mod style;
pub mod words;

pub use error::ComposerError;
