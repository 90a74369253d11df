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
    /// An artwork that cannot be used.
    #[error("reading artwork {name:?}: {why}\nhint: {hint}")]
    Artwork {
        /// As the person named it.
        name: String,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A storyboard that cannot be painted.
    #[error("reading the storyboard: {why}\nhint: {hint}")]
    Storyboard {
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A table of genres that does not read.
    #[error("reading the table of genres: {why}\nhint: each [[genre]] needs a name, words and a style")]
    Genres {
        /// Why, with the line where there is one.
        why: String,
    },
    /// A frame that could not be painted.
    #[error("{doing}: {why}")]
    Paint {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
}
