//! The seam between voices and mixer.

/// Samples a second of everything that is rendered.
pub const SAMPLE_RATE: u32 = 48_000;

/// Sample frames in a block, the last one of a piece may be shorter.
pub const BLOCK: usize = 1024;

/// Plays one track from beginning to end, block by block, dry: no level, pan, or reverb of the track is applied, but
/// velocity, expression, pedal and bends are. Memory does not grow with the length of the piece.
pub trait Player: Send {
    /// Writes the next `out.0.len()` sample frames into the left and right buffers, which have the same length.
    /// Returns `false` for silence: what the buffers hold then means nothing.
    fn play(&mut self, out: (&mut [f32], &mut [f32])) -> bool;
}
