//! What can go wrong between a file and its frames, and what a person can do about it.

use std::path::PathBuf;

use synchresis_cue::Cancelled;

/// The family an error belongs to; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked cannot be done as asked (an output that exists, a folder that cannot be written): exit code 2.
    Usage,
    /// The input cannot be used: exit code 3.
    Input,
    /// A tool, or an encoder within it, is missing: exit code 4.
    Missing,
    /// The person asked to stop: exit code 130.
    Cancelled,
    /// The machine could not go on (disk full, killed): exit code 1.
    Failure,
}

/// Every way in which this crate fails. The sentence says what was being done, to which file, and why it failed;
/// [`MediaError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// ffmpeg or ffprobe is not there.
    #[error("looking for {tool}: it is not installed, or not in the search path")]
    ToolMissing {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
    },
    /// The tool is there but does not start.
    #[error("starting {}: {why}", tool.display())]
    ToolBroken {
        /// Path of the tool.
        tool: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Older than 5.1.
    #[error("asking {} for its version: it is {found}, and 5.1 or newer is needed", tool.display())]
    ToolTooOld {
        /// Path of the tool.
        tool: PathBuf,
        /// Version as the tool says it.
        found: String,
    },
    /// This build of ffmpeg lacks an encoder or a muxer.
    #[error("writing {}: this ffmpeg was built without {what}", output.display())]
    EncoderMissing {
        /// What was to be written.
        output: PathBuf,
        /// Name of the encoder or muxer, as ffmpeg says it.
        what: String,
    },
    /// No such file.
    #[error("opening {}: there is no such file", input.display())]
    NotFound {
        /// The input.
        input: PathBuf,
    },
    /// A folder.
    #[error("opening {}: it is a folder", input.display())]
    IsFolder {
        /// The input.
        input: PathBuf,
    },
    /// A device, a socket, a pipe.
    #[error("opening {}: it is not a regular file", input.display())]
    NotAFile {
        /// The input.
        input: PathBuf,
    },
    /// The system does not let it be read.
    #[error("opening {}: {why}", input.display())]
    Unreadable {
        /// The input.
        input: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Zero bytes long.
    #[error("opening {}: the file is empty", input.display())]
    Empty {
        /// The input.
        input: PathBuf,
    },
    /// No film, no sound, no picture that ffmpeg knows.
    #[error("reading {}: it is not a video, a picture or a sound ({why})", input.display())]
    NotMedia {
        /// The input.
        input: PathBuf,
        /// What it seems to be, or what ffmpeg said.
        why: String,
    },
    /// A playlist or another list of references to other files or addresses: refused, since following it would read
    /// what the person did not name.
    #[error("reading {}: it is {what} that points at other files or at the network, which is refused", input.display())]
    Playlist {
        /// The input.
        input: PathBuf,
        /// Which kind of list.
        what: &'static str,
    },
    /// The file ends before what is needed to read it.
    #[error("reading {}: the file is cut short or was never finished ({why})", input.display())]
    Truncated {
        /// The input.
        input: PathBuf,
        /// What is lacking.
        why: String,
    },
    /// There is sound but nothing to see.
    #[error("reading {}: it has sound but no picture", input.display())]
    NoPicture {
        /// The input.
        input: PathBuf,
    },
    /// There is nothing to hear.
    #[error("reading {}: it has no sound", input.display())]
    NoSound {
        /// The input.
        input: PathBuf,
    },
    /// Not one frame could be decoded.
    #[error("decoding {}: not one frame of its picture can be decoded ({why})", input.display())]
    NoFrames {
        /// The input.
        input: PathBuf,
        /// What ffmpeg said.
        why: String,
    },
    /// Beyond a limit of [`crate::Limits`].
    #[error("reading {}: {what} is {found}, the limit is {limit}", input.display())]
    TooLarge {
        /// The input.
        input: PathBuf,
        /// Of what there is too much.
        what: &'static str,
        /// How much there is.
        found: String,
        /// How much is allowed.
        limit: String,
    },
    /// It took longer than the wall-clock limit.
    #[error("{doing} {}: it took longer than {limit_s} s and was stopped", subject.display())]
    TimedOut {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        subject: PathBuf,
        /// The limit in seconds.
        limit_s: u64,
    },
    /// It needed more memory than the limit.
    #[error("{doing} {}: it needs more than the allowed {limit_mb} MB of memory", subject.display())]
    OutOfMemory {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        subject: PathBuf,
        /// The limit in megabytes.
        limit_mb: u64,
    },
    /// It has sound or a picture of a known kind, but what is in it cannot be decoded.
    #[error("{doing} {}: what is in it cannot be decoded ({why})", input.display())]
    Undecodable {
        /// What was being done.
        doing: &'static str,
        /// The input.
        input: PathBuf,
        /// The last useful line of ffmpeg's messages.
        why: String,
    },
    /// ffmpeg failed for a reason that has no name of its own here.
    #[error("{doing} {}: {why}", subject.display())]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        subject: PathBuf,
        /// The last useful line of its messages.
        why: String,
    },
    /// Sound or frames handed over do not fit what was announced.
    #[error("writing {}: {why}", output.display())]
    BadSamples {
        /// What was to be written.
        output: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// The output is there already.
    #[error("writing {}: it exists already and is kept", output.display())]
    OutputExists {
        /// The output.
        output: PathBuf,
    },
    /// The output would replace the input.
    #[error("writing {}: it is the input itself", output.display())]
    OutputIsInput {
        /// The output.
        output: PathBuf,
    },
    /// The folder is missing or cannot be written.
    #[error("writing {}: its folder cannot be written ({why})", output.display())]
    Unwritable {
        /// The output.
        output: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No container is known by this extension.
    #[error("writing {}: no film can be written with the extension {extension:?}", output.display())]
    UnknownContainer {
        /// The output.
        output: PathBuf,
        /// Its extension.
        extension: String,
    },
    /// No space left.
    #[error("writing {}: the disk is full, or the file-size limit is reached", output.display())]
    DiskFull {
        /// The output.
        output: PathBuf,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl MediaError {
    /// The family it belongs to.
    pub fn kind(&self) -> ErrorKind {
        use MediaError as E;
        match self {
            E::ToolMissing { .. } | E::ToolBroken { .. } | E::ToolTooOld { .. } | E::EncoderMissing { .. } => {
                ErrorKind::Missing
            }
            E::NotFound { .. }
            | E::IsFolder { .. }
            | E::NotAFile { .. }
            | E::Unreadable { .. }
            | E::Empty { .. }
            | E::NotMedia { .. }
            | E::Playlist { .. }
            | E::Truncated { .. }
            | E::NoPicture { .. }
            | E::NoSound { .. }
            | E::NoFrames { .. }
            | E::Undecodable { .. }
            | E::TooLarge { .. } => ErrorKind::Input,
            E::OutputExists { .. } | E::OutputIsInput { .. } | E::Unwritable { .. } | E::UnknownContainer { .. } => {
                ErrorKind::Usage
            }
            E::TimedOut { .. }
            | E::OutOfMemory { .. }
            | E::Failed { .. }
            | E::BadSamples { .. }
            | E::DiskFull { .. } => ErrorKind::Failure,
            E::Cancelled(_) => ErrorKind::Cancelled,
        }
    }

    /// The exit code of the contract: 1, 2, 3, 4 or 130.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Failure => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Input => 3,
            ErrorKind::Missing => 4,
            ErrorKind::Cancelled => 130,
        }
    }

    /// What the person can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        use MediaError as E;
        let text = match self {
            E::ToolMissing { .. } | E::ToolTooOld { .. } | E::ToolBroken { .. } => {
                "apt-get install ffmpeg (Debian, Ubuntu) or brew install ffmpeg (macOS); 5.1 or newer"
            }
            E::EncoderMissing { .. } => "install a full build of ffmpeg, or choose another extension such as .mkv",
            E::NotFound { .. } => "check the spelling of the path",
            E::IsFolder { .. } => "name the files in it one by one",
            E::NotAFile { .. } => "save it to a file first",
            E::Unreadable { .. } => "check who may read it (ls -l)",
            E::Empty { .. } => "copy or download it again",
            E::NotMedia { .. } => "play it in a video player; what does not play there cannot be used here",
            E::Playlist { .. } => "give the film itself rather than the list",
            E::Truncated { .. } => "copy or download it again; a recording that was never closed needs a repair tool",
            E::NoPicture { .. } => "give a video or a picture; for a song, see `synchresis film`",
            E::NoSound { .. } => "give a file that has sound",
            E::NoFrames { .. } => "play it in a video player; it may be damaged or encrypted",
            E::Undecodable { .. } => {
                "it may be damaged, or protected against copying (DRM): give a copy that any player plays"
            }
            E::TooLarge { .. } => "make a smaller copy, or raise the limit",
            E::TimedOut { .. } => "raise the wall-clock limit, or cut the clip into parts",
            E::OutOfMemory { .. } => "raise the memory limit, or make a smaller copy of the clip",
            E::OutputExists { .. } => "--force replaces it, -o writes elsewhere",
            E::OutputIsInput { .. } => "choose another name with -o; the input is never overwritten",
            E::Unwritable { .. } => "choose a folder that exists and that you may write, with -o",
            E::UnknownContainer { .. } => "end the output's name in .mp4, .mov, .mkv, .webm or .avi",
            E::DiskFull { .. } => "free some space, or write to another disk with -o",
            E::Failed { .. } | E::BadSamples { .. } | E::Cancelled(_) => return None,
        };
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_and_an_unusable_input_leave_with_the_same_code() {
        assert_eq!(MediaError::ToolMissing { tool: "ffmpeg" }.exit_code(), 4);
        assert_eq!(MediaError::Empty { input: "x".into() }.exit_code(), 3);
        assert_eq!(MediaError::OutputExists { output: "x".into() }.exit_code(), 2);
        assert_eq!(MediaError::from(Cancelled).exit_code(), 130);
        assert!(
            MediaError::ToolMissing { tool: "ffmpeg" }
                .hint()
                .expect("a hint")
                .contains("apt-get install ffmpeg")
        );
    }
}
