//! What can go wrong, and the exit code it has.

use std::io;
use std::path::{Path, PathBuf};

use synchresis_composer::ComposerError;
use synchresis_cue::{Cancelled, DocumentError};
use synchresis_media::MediaError;
use synchresis_models::ModelError;
use synchresis_picture::PictureError;
use synchresis_sound::SoundError;

/// Errors of the studio. Each says what was being done, to what, why it failed, and where there is one a hint.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// Reading, decoding or writing media.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Choosing a style, spotting or composing.
    #[error(transparent)]
    Composer(#[from] ComposerError),
    /// Rendering, mixing or hearing.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// Watching or painting.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Loading or running a model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A model that was asked for by its folder and cannot be used.
    #[error(transparent)]
    Engine(ModelError),
    /// The document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A file of ours.
    #[error("{doing} {}: {why}{hint}", path.display())]
    File {
        /// What was being done: `writing the stems to`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        why: io::Error,
        /// Empty, or a line that begins with `hint:`.
        hint: &'static str,
    },
    /// The stage cache.
    #[error("keeping a result in the cache folder: {0}\nhint: choose another with --cache-dir, or free some space")]
    Cache(io::Error),
    /// An option that is not known, or whose value does not read.
    #[error("--{name}: {why}")]
    Option {
        /// Its long name.
        name: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// An engine that this build does not have.
    #[error("--{name} {engine}: this build has no such engine\nhint: --{name} takes {have}")]
    NoEngine {
        /// The option's long name.
        name: String,
        /// What was asked for.
        engine: String,
        /// What there is.
        have: &'static str,
    },
    /// The brief cannot be carried out as it is.
    #[error("{0}")]
    Brief(String),
    /// A licence forbids it, or was not agreed to.
    #[error("{0}")]
    Licence(String),
    /// The person asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl StudioError {
    pub(crate) fn cache(error: io::Error) -> Self {
        Self::Cache(error)
    }

    pub(crate) fn file(doing: &'static str, path: &Path, why: io::Error) -> Self {
        let hint = match why.kind() {
            io::ErrorKind::StorageFull => "\nhint: the disk is full",
            io::ErrorKind::PermissionDenied => "\nhint: choose a folder you may write to",
            _ => "",
        };
        Self::File {
            doing,
            path: path.to_owned(),
            why,
            hint,
        }
    }
}

impl StudioError {
    /// The same of a model that was asked for: it is missing in effect, whatever is wrong with it.
    pub(crate) fn of_an_engine(self) -> Self {
        match self {
            Self::Model(other @ (ModelError::Cancelled(_) | ModelError::Input { .. })) => Self::Model(other),
            Self::Model(error) => Self::Engine(error),
            other => other,
        }
    }
}

impl From<Cancelled> for StudioError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl StudioError {
    /// The exit code of the contract: 1 the machine could not go on, 2 wrong usage, 3 input unusable, 4 a tool or
    /// a model is missing, 5 refused as unsafe, 130 cancelled.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Media(error) => error.exit_code(),
            Self::Model(
                ModelError::Runtime { .. }
                | ModelError::NoWeights { .. }
                | ModelError::NoKey { .. }
                | ModelError::Device { .. },
            ) => 4,
            Self::Model(ModelError::Run { .. } | ModelError::Memory { .. } | ModelError::Endpoint { .. })
            | Self::Engine(ModelError::Run { .. } | ModelError::Memory { .. }) => 1,
            Self::Model(ModelError::Code { .. }) | Self::Engine(ModelError::Code { .. }) | Self::Licence(_) => 5,
            Self::Engine(_) => 4,
            Self::Model(ModelError::Cancelled(_))
            | Self::Composer(ComposerError::Cancelled(_))
            | Self::Sound(SoundError::Cancelled(_))
            | Self::Cancelled => 130,
            Self::Composer(_) | Self::Brief(_) | Self::Option { .. } => 2,
            Self::NoEngine { .. } => 4,
            // Scratch files of ours: a full disk, not a bad input.
            Self::Sound(SoundError::Write { .. } | SoundError::Read { .. }) => 1,
            Self::Sound(_) | Self::Picture(_) | Self::Document(_) | Self::Model(_) => 3,
            Self::File { .. } if self.storage_full() => 1,
            Self::File { .. } => 2,
            Self::Cache(_) => 1,
        }
    }

    /// Whether the disk is full.
    pub fn storage_full(&self) -> bool {
        match self {
            Self::Media(MediaError::DiskFull { .. }) => true,
            Self::Sound(SoundError::Write { source: why, .. }) | Self::File { why, .. } | Self::Cache(why) => {
                why.kind() == io::ErrorKind::StorageFull
            }
            _ => false,
        }
    }

    /// The whole message for a person: the sentence, and the hint on a line of its own where there is one.
    pub fn tell(&self) -> String {
        match self {
            Self::Media(error) => match error.hint() {
                Some(hint) => format!("{error}\nhint: {hint}"),
                None => error.to_string(),
            },
            other => other.to_string(),
        }
    }
}
