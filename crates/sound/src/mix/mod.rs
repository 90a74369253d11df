//! The mixing desk: tracks to music, music and the film's own sound to a mix, the mix to a master.
//!
//! 1. [`render`] plays a score's tracks, puts them through strips, spaces and glue, and streams the music before its
//!    master to a sink (a scratch file); stems beside it where they are asked for.
//!    [`render_around`] does so round spans of earlier takes that stay as they were.
//! 2. [`film`] sums music, effects and the film's own sound, ducks the first by the last, and masters the sum. A change
//!    of volume needs this step alone.
//! 3. [`master`] brings any [`Source`] to a loudness under a true peak.

mod around;
mod biquad;
mod bus;
mod character;
mod delay;
mod duck;
mod envelope;
mod film;
mod half;
mod loudness;
mod master;
mod peak;
mod quality;
mod render;
mod reverb;
mod source;
mod spaces;
mod strip;
mod wav;

pub use around::{Earlier, render_around, stem_names};
pub use film::{Balance, Mixed, Parts, film};
pub use master::{Mastered, Target, master};
pub use quality::{Quality, quality};
pub use render::{Rendered, StemSink, render};
pub use source::{RawReader, RawWriter, Samples, Sink, Source};
pub use wav::{Broadcast, SampleFormat, WavWriter};
