//! A file that is either whole under its final name or not there at all.

use std::{
    fs::Permissions,
    io,
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::MediaError;

/// A file being written: hidden, beside its final place, gone on drop unless it was finished.
#[derive(Debug)]
pub(crate) struct Output {
    to: PathBuf,
    temporary: NamedTempFile,
    force: bool,
}

impl Output {
    /// Opens the temporary file.
    ///
    /// # Errors
    /// [`MediaError::OutputIsInput`], [`MediaError::OutputExists`] (kept unless `force`), [`MediaError::Unwritable`],
    /// [`MediaError::DiskFull`].
    pub(crate) fn prepare(to: &Path, inputs: &[&Path], force: bool) -> Result<Self, MediaError> {
        let output = || to.to_owned();
        let real = to.canonicalize().ok();
        if real.is_some() && inputs.iter().any(|input| input.canonicalize().ok() == real) {
            return Err(MediaError::OutputIsInput { output: output() });
        }
        if to.is_dir() {
            return Err(MediaError::Unwritable {
                output: output(),
                why: "a folder has this name".into(),
            });
        }
        if to.symlink_metadata().is_ok() && !force {
            return Err(MediaError::OutputExists { output: output() });
        }
        let folder = match to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(to.file_stem().unwrap_or_default());
        prefix.push(".");
        let mut suffix = std::ffi::OsString::from(".part");
        if let Some(extension) = to.extension() {
            suffix.push(".");
            suffix.push(extension);
        }
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(&suffix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any program creates a file: the person's mask takes away what it takes away.
            builder.permissions(Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(folder).map_err(|e| wrong(to, &e))?;
        Ok(Self {
            to: to.to_owned(),
            temporary,
            force,
        })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts it in its place, at once and whole.
    ///
    /// # Errors
    /// [`MediaError::OutputExists`] where another program put a file there meanwhile; those of [`Output::prepare`].
    pub(crate) fn finish(self) -> Result<(), MediaError> {
        let Self { to, temporary, force } = self;
        // On the disk before it bears the name, or a power cut could leave an empty file under it.
        temporary.as_file().sync_data().map_err(|e| wrong(&to, &e))?;
        let placed = if force {
            temporary.persist(&to)
        } else {
            temporary.persist_noclobber(&to)
        };
        placed.map(drop).map_err(|e| wrong(&to, &e.error))
    }
}

fn wrong(to: &Path, error: &io::Error) -> MediaError {
    let output = to.to_owned();
    match error.kind() {
        io::ErrorKind::AlreadyExists => MediaError::OutputExists { output },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            MediaError::DiskFull { output }
        }
        io::ErrorKind::NotFound => MediaError::Unwritable {
            output,
            why: "there is no such folder".into(),
        },
        _ => MediaError::Unwritable {
            output,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_stays_behind_or_a_finished_one_replaces_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("film.mp4");
        drop(Output::prepare(&to, &[], false).expect("prepared"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 0);

        let output = Output::prepare(&to, &[], false).expect("prepared");
        std::fs::write(&to, "another program's").expect("writes");
        assert!(matches!(output.finish(), Err(MediaError::OutputExists { .. })));
        assert_eq!(std::fs::read(&to).expect("reads"), b"another program's");
        assert!(matches!(
            Output::prepare(&to, &[], false),
            Err(MediaError::OutputExists { .. })
        ));
        assert!(matches!(
            Output::prepare(&to, &[&to], true),
            Err(MediaError::OutputIsInput { .. })
        ));

        let output = Output::prepare(&to, &[], true).expect("prepared");
        std::fs::write(output.path(), "ours").expect("writes");
        output.finish().expect("finished");
        assert_eq!(std::fs::read(&to).expect("reads"), b"ours");
        assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_error_of_its_own() {
        let error = Output::prepare(Path::new("/nonexistent/film.mp4"), &[], false).expect_err("no folder");
        assert!(matches!(error, MediaError::Unwritable { .. }));
        assert_eq!(error.exit_code(), 2);
    }
}
