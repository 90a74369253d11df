//! Tunes: motifs, the phrases that they make, and the line that answers them.

mod counter;
mod line;
mod motif;
mod phrase;

pub(crate) use counter::counter;
pub(crate) use phrase::{Sung, melody};
