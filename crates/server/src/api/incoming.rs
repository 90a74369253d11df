//! A file on its way in.

use std::fs::File;
use std::io::{self, Write};

use axum::http::StatusCode;
use synchresis_studio::{Document, admit};
use tempfile::NamedTempFile;

use super::problem::Problem;
use super::upload::Received;
use crate::error::ServerError;
use crate::job::Role;
use crate::service::App;

/// First bytes that tell what a file is.
const HEAD: usize = 4096;

/// Bytes that are hashed and written at once, where blocking is allowed: answers do not wait for a disk, and a thread is not
/// woken for every packet.
const BATCH: usize = 1 << 20;

/// A file that grows on the disk, under a name of ours, and is gone when it is dropped.
pub(super) struct Incoming<'a> {
    app: &'a App,
    role: Role,
    temporary: NamedTempFile,
    /// With a thread while that writes.
    ink: Option<Ink>,
    waiting: Vec<u8>,
    head: Vec<u8>,
    /// Why it will be refused: nothing more of it is kept.
    refused: Option<String>,
    pub(super) bytes: u64,
}

struct Ink {
    file: File,
    hasher: blake3::Hasher,
}

impl<'a> Incoming<'a> {
    pub(super) fn begin(app: &'a App, role: Role) -> Result<Self, Problem> {
        let folder = app.runner.shop.scratch();
        let failed = |why| ServerError::file("taking an upload in", folder, why);
        if let Ok(disk) = rustix::fs::statvfs(folder)
            && disk.f_bavail.saturating_mul(disk.f_frsize) < app.config.limits.free_bytes
        {
            return Err(failed(io::Error::from(io::ErrorKind::StorageFull)).into());
        }
        let temporary = tempfile::Builder::new()
            .prefix("upload-")
            .tempfile_in(folder)
            .map_err(failed)?;
        let file = temporary.reopen().map_err(failed)?;
        let hasher = blake3::Hasher::new();
        Ok(Self {
            app,
            role,
            temporary,
            ink: Some(Ink { file, hasher }),
            waiting: Vec::new(),
            head: Vec::with_capacity(HEAD),
            refused: None,
            bytes: 0,
        })
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        self.bytes += chunk.len() as u64;
        if self.refused.is_some() {
            return Ok(());
        }
        let room = HEAD.saturating_sub(self.head.len());
        if room > 0 {
            self.head.extend(chunk.iter().take(room));
            if self.head.len() >= HEAD && self.role != Role::Document {
                self.refused = admit(&self.head).err();
            }
        }
        self.waiting.extend_from_slice(chunk);
        if self.waiting.len() >= BATCH {
            self.press().await?;
        }
        Ok(())
    }

    /// Hashes and writes what waits.
    async fn press(&mut self) -> Result<(), Problem> {
        let folder = self.app.runner.shop.scratch();
        let failed = |why| ServerError::file("taking an upload in", folder, why);
        let mut waiting = std::mem::take(&mut self.waiting);
        let Some(mut ink) = self.ink.take() else {
            return Err(failed(io::Error::other("an earlier part was not written")).into());
        };
        let pressed = tokio::task::spawn_blocking(move || {
            ink.hasher.update(&waiting);
            let written = ink.file.write_all(&waiting);
            waiting.clear();
            (ink, waiting, written)
        });
        let (ink, waiting, written) = pressed
            .await
            .map_err(|_| failed(io::Error::other("the writing thread failed")))?;
        (self.ink, self.waiting) = (Some(ink), waiting);
        Ok(written.map_err(failed)?)
    }

    pub(super) async fn finish(mut self, name: String) -> Result<Received, Problem> {
        if self.refused.is_none() {
            self.press().await?;
        }
        self.app.metrics.uploaded(self.bytes);
        let refuse = |why: String| {
            self.app.metrics.refused();
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{name}: {why}"))
        };
        let extension = if self.role == Role::Document {
            let text = std::fs::read_to_string(self.temporary.path()).map_err(|_| refuse("not a document".into()))?;
            Document::parse(&text).map_err(|why| refuse(why.to_string()))?;
            "json"
        } else {
            match self.refused.take() {
                Some(why) => return Err(refuse(why)),
                None => admit(&self.head).map_err(refuse)?.extension,
            }
        };
        let hash = self.ink.map(|ink| ink.hasher.finalize().to_hex().to_string());
        Ok(Received {
            role: self.role,
            name,
            extension,
            file: self.temporary,
            blob: hash.unwrap_or_default(),
            bytes: self.bytes,
        })
    }
}
