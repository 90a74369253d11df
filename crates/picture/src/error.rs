//! What can go wrong with pictures.

/// An error of the picture room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A frame whose planes do not hold the pixels that its size promises, or that has no pixels.
    #[error(
        "looking at frame {index}: {width}x{height} needs {needed} bytes of {plane}, it has {found}\nhint: the decoder must hand over planar 8-bit 4:2:0"
    )]
    Frame {
        /// Number of the frame.
        index: u64,
        /// Width that it claims, pixels.
        width: usize,
        /// Height that it claims, pixels.
        height: usize,
        /// `luma`, `blue difference` or `red difference`.
        plane: &'static str,
        /// Bytes that the size asks for.
        needed: usize,
        /// Bytes that are there.
        found: usize,
    },
}
