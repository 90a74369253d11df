//! What can go wrong, and how a client is told.

use std::io;
use std::path::{Path, PathBuf};

use synchresis_studio::StudioError;

/// Errors of the server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The database.
    #[error("{doing}: {why}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        why: sqlx::Error,
    },
    /// The database is not there, or is none.
    #[error("connecting to the database {at}: {why}\nhint: {hint}")]
    Connect {
        /// A file, or host, port and name; nothing secret.
        at: String,
        /// Why it failed.
        why: sqlx::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The queue.
    #[error("{doing}: {why}")]
    Queue {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
    /// The object store.
    #[error("{doing} the object store: {why}")]
    Objects {
        /// What was being done: `writing to`.
        doing: &'static str,
        /// Why it failed.
        why: object_store::Error,
    },
    /// A file of ours.
    #[error("{doing} {}: {why}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        why: io::Error,
    },
    /// Listening.
    #[error("listening at {at}: {why}\nhint: choose another --port")]
    Listen {
        /// The address.
        at: std::net::SocketAddr,
        /// Why it failed.
        why: io::Error,
    },
    /// Open to others without a token.
    #[error(
        "listening at {0}: other machines can reach it, so a token is needed\nhint: set SYNCHRESIS_TOKEN, or listen at 127.0.0.1"
    )]
    Open(std::net::SocketAddr),
    /// A setting that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// A stored record that does not read.
    #[error("reading the record of a job: {0}")]
    Record(#[from] serde_json::Error),
    /// What the studio says.
    #[error("{}", .0.tell())]
    Studio(#[from] StudioError),
}

impl ServerError {
    pub(crate) fn file(doing: &'static str, path: &Path, why: io::Error) -> Self {
        Self::File {
            doing,
            path: path.to_owned(),
            why,
        }
    }

    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |why| Self::Database { doing, why }
    }

    /// Whether the disk is full.
    pub(crate) fn storage_full(&self) -> bool {
        match self {
            Self::File { why, .. } => why.kind() == io::ErrorKind::StorageFull,
            Self::Studio(error) => error.storage_full(),
            Self::Objects { why, .. } => {
                let mut cause: Option<&dyn std::error::Error> = Some(why);
                while let Some(error) = cause {
                    if let Some(io) = error.downcast_ref::<io::Error>() {
                        return io.kind() == io::ErrorKind::StorageFull;
                    }
                    cause = error.source();
                }
                false
            }
            _ => false,
        }
    }

    /// The exit code of the contract.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Studio(error) => error.exit_code(),
            Self::Open(_) | Self::Setting(_) | Self::Listen { .. } => 2,
            _ => 1,
        }
    }
}
