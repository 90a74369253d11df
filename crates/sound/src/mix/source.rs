//! Streams of samples: 48 kHz, stereo, 32-bit float, interleaved.

use std::io::{Read, Seek, SeekFrom, Write};

use crate::SoundError;

/// Where the mixer's samples go: called with interleaved stereo, in order.
pub type Sink<'a> = dyn FnMut(&[f32]) -> Result<(), SoundError> + Send + 'a;

/// Interleaved stereo at 48 kHz that can be read more than once.
pub trait Source {
    /// Fills `out` (an even length) from the front and returns how many samples it wrote: fewer than asked only at the
    /// end, 0 after it.
    ///
    /// # Errors
    /// [`SoundError::Read`].
    fn read(&mut self, out: &mut [f32]) -> Result<usize, SoundError>;

    /// Back to the beginning.
    ///
    /// # Errors
    /// [`SoundError::Read`].
    fn rewind(&mut self) -> Result<(), SoundError>;
}

/// Samples in memory.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    data: &'a [f32],
    at: usize,
}

impl<'a> Samples<'a> {
    /// Reads `data`, interleaved stereo.
    pub fn new(data: &'a [f32]) -> Self {
        Self { data, at: 0 }
    }
}

impl Source for Samples<'_> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, SoundError> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let n = rest.len().min(out.len()) & !1;
        out[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }

    fn rewind(&mut self) -> Result<(), SoundError> {
        self.at = 0;
        Ok(())
    }
}

/// A scratch file: little-endian 32-bit floats, interleaved stereo, no header. Bytes that do not make a whole frame at
/// its end are left out.
#[derive(Debug)]
pub struct RawReader<R> {
    name: String,
    inner: R,
    bytes: Vec<u8>,
}

impl<R: Read + Seek> RawReader<R> {
    /// Reads `inner` from its beginning; `name` is what errors call it. Needs no buffering around `inner`.
    pub fn new(name: impl Into<String>, inner: R) -> Self {
        Self {
            name: name.into(),
            inner,
            bytes: Vec::new(),
        }
    }
}

impl<R: Read + Seek> Source for RawReader<R> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, SoundError> {
        self.bytes.resize(out.len() * 4, 0);
        let mut filled = 0;
        while filled < self.bytes.len() {
            match self.inner.read(&mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(SoundError::Read {
                        what: self.name.clone(),
                        source,
                    });
                }
            }
        }
        let n = filled / 8 * 2;
        for (to, from) in out.iter_mut().zip(self.bytes[..n * 4].chunks_exact(4)) {
            *to = f32::from_le_bytes([from[0], from[1], from[2], from[3]]);
        }
        Ok(n)
    }

    fn rewind(&mut self) -> Result<(), SoundError> {
        let to = self.inner.seek(SeekFrom::Start(0));
        to.map(drop).map_err(|source| SoundError::Read {
            what: self.name.clone(),
            source,
        })
    }
}

/// Writes a scratch file as [`RawReader`] reads it.
#[derive(Debug)]
pub struct RawWriter<W> {
    name: String,
    inner: W,
    bytes: Vec<u8>,
}

impl<W: Write> RawWriter<W> {
    /// Writes to `inner`; `name` is what errors call it. Needs no buffering around `inner`.
    pub fn new(name: impl Into<String>, inner: W) -> Self {
        Self {
            name: name.into(),
            inner,
            bytes: Vec::new(),
        }
    }

    /// Appends samples.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self.inner.write_all(&self.bytes).map_err(|source| SoundError::Write {
            what: self.name.clone(),
            source,
        })
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Errors
    /// [`SoundError::Write`].
    pub fn finish(mut self) -> Result<W, SoundError> {
        self.inner.flush().map_err(|source| SoundError::Write {
            what: self.name.clone(),
            source,
        })?;
        Ok(self.inner)
    }
}
