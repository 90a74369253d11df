//! Where ffmpeg and ffprobe are, and whether they are new enough.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use synchresis_cue::{Silent, Watch};

use crate::{JailLevel, Limits, MediaError, child, jail};

/// The oldest ffmpeg that is known to work.
pub const OLDEST: (u32, u32) = (5, 1);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Ffmpeg,
    Ffprobe,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Ffmpeg => "ffmpeg",
            Tool::Ffprobe => "ffprobe",
        }
    }
}

/// The two programs this crate starts.
#[derive(Debug)]
pub struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    /// Version as the program says it, once asked.
    version: OnceLock<String>,
    /// Set once a program was seen not to start within the landlock walls (a wrapper that needs more of the system).
    unwalled: AtomicBool,
}

impl Tools {
    /// Takes the paths given, and looks for what was not given in `search_path` (the caller's `PATH`: this library reads
    /// no environment). Starts nothing: the version is checked by the first probe, or by [`Tools::check`].
    ///
    /// # Errors
    /// [`MediaError::ToolMissing`].
    pub fn locate(
        ffmpeg: Option<&Path>,
        ffprobe: Option<&Path>,
        search_path: Option<&OsStr>,
    ) -> Result<Self, MediaError> {
        Ok(Self {
            ffmpeg: find(Tool::Ffmpeg, ffmpeg, search_path)?,
            ffprobe: find(Tool::Ffprobe, ffprobe, search_path)?,
            version: OnceLock::new(),
            unwalled: AtomicBool::new(false),
        })
    }

    /// Path of ffmpeg.
    pub fn ffmpeg(&self) -> &Path {
        &self.ffmpeg
    }

    /// Path of ffprobe.
    pub fn ffprobe(&self) -> &Path {
        &self.ffprobe
    }

    /// Starts both programs and reads their versions; returns ffmpeg's.
    ///
    /// # Errors
    /// [`MediaError::ToolBroken`], [`MediaError::ToolTooOld`].
    pub fn check(&self, limits: &Limits) -> Result<String, MediaError> {
        let mut ffmpeg = String::new();
        for tool in [Tool::Ffprobe, Tool::Ffmpeg] {
            let job = child::Job::new(tool, "starting", self.path(tool)).args(["-version"]);
            let text = child::capture(self, limits, &Silent as &dyn Watch, job)?;
            let text = String::from_utf8_lossy(&text);
            let found = text.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
            self.accept(tool, &found)?;
            ffmpeg = found;
        }
        Ok(ffmpeg)
    }

    /// The version, if a probe or [`Tools::check`] has asked for it already.
    pub fn version(&self) -> Option<&str> {
        self.version.get().map(String::as_str)
    }

    /// What holds the child processes in, here and now.
    pub fn jail(&self) -> JailLevel {
        if self.unwalled.load(Ordering::Relaxed) {
            JailLevel::Limits
        } else {
            jail::level()
        }
    }

    pub(crate) fn accept(&self, tool: Tool, version: &str) -> Result<(), MediaError> {
        match parse_version(version) {
            Some(found) if found < OLDEST => Err(MediaError::ToolTooOld {
                tool: self.path(tool).to_owned(),
                found: version.to_owned(),
            }),
            _ => {
                self.version.get_or_init(|| version.to_owned());
                Ok(())
            }
        }
    }

    pub(crate) fn path(&self, tool: Tool) -> &Path {
        match tool {
            Tool::Ffmpeg => &self.ffmpeg,
            Tool::Ffprobe => &self.ffprobe,
        }
    }

    pub(crate) fn walled(&self) -> bool {
        !self.unwalled.load(Ordering::Relaxed)
    }

    pub(crate) fn give_up_walls(&self) {
        self.unwalled.store(true, Ordering::Relaxed);
    }
}

fn find(tool: Tool, given: Option<&Path>, search_path: Option<&OsStr>) -> Result<PathBuf, MediaError> {
    let missing = || MediaError::ToolMissing { tool: tool.name() };
    if let Some(path) = given {
        return if runnable(path) {
            Ok(path.to_owned())
        } else {
            Err(missing())
        };
    }
    let mut file = OsString::from(tool.name());
    file.push(std::env::consts::EXE_SUFFIX);
    let folders = search_path.ok_or_else(missing)?;
    std::env::split_paths(folders)
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| folder.join(&file))
        .find(|path| runnable(path))
        .ok_or_else(missing)
}

fn runnable(path: &Path) -> bool {
    let Ok(meta) = std::fs::metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        meta.is_file() && meta.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        meta.is_file()
    }
}

/// Major and minor number of `5.1.9-0+deb12u1`, `n6.0`, `7.1`; nothing for a build from a repository (`N-112233-gabc`),
/// which is taken for new.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let text = text.strip_prefix('n').unwrap_or(text);
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|m| m.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_distributions_and_of_repositories_are_misread() {
        assert_eq!(parse_version("5.1.9-0+deb12u1"), Some((5, 1)));
        assert_eq!(parse_version("n7.0"), Some((7, 0)));
        assert_eq!(parse_version("4.4.2-0ubuntu0.22.04.1"), Some((4, 4)));
        assert_eq!(parse_version("N-112233-gabcdef"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn a_tool_that_is_not_there_is_looked_for_in_vain() {
        let error = Tools::locate(None, None, Some(OsStr::new("/nonexistent"))).expect_err("nothing there");
        assert_eq!(error.exit_code(), 4);
        assert!(Tools::locate(Some(Path::new("/nonexistent/ffmpeg")), None, None).is_err());
    }
}
