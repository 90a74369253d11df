//! What can go wrong with samples.

use std::path::PathBuf;

/// Why a sound could not be read, made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// A sound bank's file could not be opened or read.
    #[error("reading the sound bank {}: {source}", path.display())]
    BankFile {
        /// The bank.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not a sound bank, or a broken one.
    #[error("reading the sound bank {}: {reason}\nhint: a bank is a SoundFont file, .sf2 or .sf3", path.display())]
    BankFormat {
        /// The bank.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
