//! The picture room: what is seen in footage ([`sight`]), and the frames of a film ([`paint`], and a [`sample`] to try).
//!
//! Nothing here reads a file or starts a process: frames come in as [`synchresis_cue::Frame`].

mod error;
pub mod paint;
pub mod sample;
pub mod sight;

pub use error::PictureError;
