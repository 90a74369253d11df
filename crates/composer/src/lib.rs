//! Symbols: what the picture asks for, which moments the music lands on, and the notes. Depends on the vocabulary
//! alone; makes no sound.

pub mod style;
