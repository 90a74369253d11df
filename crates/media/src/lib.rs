//! The media room: files in, files out, and the only place that starts a process.
//!
//! ffmpeg and ffprobe do the work, held in by a [`jail`](JailLevel): formats and protocols whitelisted, memory, time and
//! file size limited, and on Linux walled in by landlock so that a child reads the one input and writes the one output.
//!
//! [`probe`] says what a file is, [`decode_frames`] and [`decode_audio`] give its frames and samples on the film's own
//! timeline.

mod child;
mod complaint;
mod decode;
mod error;
mod exif;
mod jail;
mod limits;
mod nut;
mod probe;
mod sniff;
mod tools;

pub use decode::{DecodeOptions, Decoded, analysis_size, decode_frames};
pub use error::{ErrorKind, MediaError};
pub use jail::JailLevel;
pub use limits::Limits;
pub use probe::{probe, probe_audio};
pub use tools::{OLDEST, Tools};
