//! The picture room: what is seen in footage ([`sight`]), and the frames of a film ([`paint`]).
//!
//! Nothing here reads a file or starts a process: frames come in as [`synchresis_cue::Frame`].

mod error;
pub mod paint;
pub mod sight;

pub use error::PictureError;
