//! How much an input may ask of the machine.

/// Limits on what is read and on the processes that read it. Every one can be set; the defaults let through anything
/// that a camera, a phone or an editor makes and stop what only an attacker would.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Size of the input file in bytes. Default 64 GiB.
    pub bytes: u64,
    /// Length of the input in seconds. Default 12 h.
    pub duration_s: f64,
    /// Longer side of the picture in pixels. Default 16384.
    pub side: u32,
    /// Pixels of one picture. Default 16384 × 16384.
    pub pixels: u64,
    /// Streams in the container. Default 64.
    pub streams: u32,
    /// Wall-clock seconds that one process may take. Default 6 h, for hours of 4K on a small machine.
    pub wall_clock_s: u64,
    /// Wall-clock seconds that looking at the headers may take. Default 120.
    pub probe_wall_clock_s: u64,
    /// Bytes of private memory one process may have (`RLIMIT_DATA`, Linux). Default 6 GiB: 8K with its frame threads.
    pub memory: u64,
    /// Bytes that one process may write to one file (`RLIMIT_FSIZE`, Linux). Default 256 GiB.
    pub output_bytes: u64,
    /// Threads a process may decode or encode with; 0 for one a core.
    pub threads: u32,
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            bytes: 64 * GIB,
            duration_s: 12.0 * 3600.0,
            side: 16_384,
            pixels: 16_384 * 16_384,
            streams: 64,
            wall_clock_s: 6 * 3600,
            probe_wall_clock_s: 120,
            memory: 6 * GIB,
            output_bytes: 256 * GIB,
            threads: 0,
        }
    }
}
