//! The media room: files in, files out, and the only place that starts a process.
//!
//! ffmpeg and ffprobe do the work, held in by a [`jail`](JailLevel): formats and protocols whitelisted, memory, time and
//! file size limited, and on Linux walled in by landlock so that a child reads the one input and writes the one output.
//!
//! [`probe`] says what a file is, [`decode_frames`] and [`decode_audio`] give its frames and samples on the film's own
//! timeline; [`encode_audio`] and [`mux`] write the film, its picture copied bit for bit; [`encode_film`] makes one of raw
//! frames. A file appears under its name whole or not at all, and a child never outlives the call that started it.

mod admit;
mod audio;
mod change;
mod child;
mod complaint;
mod container;
mod decode;
mod drift;
mod encode;
mod error;
mod exif;
mod extract;
mod jail;
mod limits;
mod mux;
mod nut;
mod output;
mod picture;
mod probe;
mod sniff;
mod tools;

pub use admit::{Admitted, admit};
pub use audio::{AudioOptions, Heard, decode_audio, decode_song};
pub use change::{CHANGED_VALUES, Change, changed_values};
pub use container::{AudioCodec, Container};
pub use decode::{DecodeOptions, Decoded, analysis_size, decode_frames};
pub use encode::{AudioJob, FilmJob, FrameSink, PixelLayout, RATE, SampleSink, Song, encode_audio, encode_film};
pub use error::{ErrorKind, MediaError};
pub use extract::extract_frames;
pub use jail::JailLevel;
pub use limits::Limits;
pub use mux::{MuxJob, Muxed, Picture, mux};
pub use picture::{Movement, PictureJob, encode_picture, film_size};
pub use probe::{probe, probe_audio};
pub use tools::{OLDEST, Tools};
