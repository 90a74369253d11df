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
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] synchresis_cue::Cancelled),
    /// Samples could not be read.
    #[error("reading samples of {what}: {source}")]
    Read {
        /// Which stream.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Samples could not be written.
    #[error("writing samples of {what}: {source}\nhint: is the disk full?")]
    Write {
        /// Which stream.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A WAV file that cannot be read or made.
    #[error("handling a WAV file: {reason}")]
    Wav {
        /// What is wrong with it.
        reason: String,
    },
    /// A score that cannot be rendered.
    #[error("rendering the score: {reason}")]
    Score {
        /// What is wrong with it.
        reason: String,
    },
    /// A song that cannot be decoded.
    #[error("decoding the song: {reason}\nhint: {hint}")]
    Song {
        /// What is wrong with it.
        reason: String,
        /// What a person can do.
        hint: &'static str,
    },
}
