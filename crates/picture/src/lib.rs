//! The picture room: what is seen in footage ([`sight`]).
//!
//! Nothing here reads a file or starts a process: frames come in as [`synchresis_cue::Frame`].

mod error;
pub mod sight;

pub use error::PictureError;
