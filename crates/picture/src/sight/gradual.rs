//! Fades and dissolves.

use super::cuts::Cut;
use super::glance::Film;

/// A transition that takes a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gradual {
    /// Place of the frame in the visible middle.
    pub(crate) middle: usize,
    /// First frame that changes.
    pub(crate) from: usize,
    /// Last frame that changes.
    pub(crate) to: usize,
    /// Through or out of a plain colour, rather than from picture to picture.
    pub(crate) fade: bool,
    /// 0 to 1.
    pub(crate) strength: f32,
}

/// The gradual transitions of a film whose hard cuts are known, in order.
pub(crate) fn find(_film: &Film<'_>, _cuts: &[Cut]) -> Vec<Gradual> {
    Vec::new()
}
