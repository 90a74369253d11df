//! A decoded frame on its way from the media room to the picture room.

/// One frame, 8-bit planar YCbCr 4:2:0, limited range, BT.709 or BT.601 as the clip has it, upright, square pixels.
///
/// `y` is `height` rows of `width` bytes; `cb` and `cr` are ⌈height/2⌉ rows of ⌈width/2⌉ bytes.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Number in order of display, from 0.
    pub index: u64,
    /// When it is shown, seconds on the film's timeline.
    pub time_s: f64,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Luma plane.
    pub y: &'a [u8],
    /// Blue-difference plane.
    pub cb: &'a [u8],
    /// Red-difference plane.
    pub cr: &'a [u8],
}
