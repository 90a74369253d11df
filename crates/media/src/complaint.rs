//! What a child says on its standard error, and what that means.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use crate::{Limits, MediaError};

/// The first and the last bytes kept; a hostile file can make ffmpeg complain without end.
const KEPT: usize = 16 << 10;

/// Reads to the end, keeping the first and the last 16 KiB.
pub(crate) fn drain(mut pipe: impl Read) -> String {
    let mut head = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                let mut new = chunk.get(..n).unwrap_or_default();
                if head.len() < KEPT {
                    let take = new.len().min(KEPT - head.len());
                    let (now, rest) = new.split_at(take);
                    head.extend_from_slice(now);
                    new = rest;
                }
                tail.extend_from_slice(new);
                if tail.len() > 2 * KEPT {
                    tail.drain(..tail.len() - KEPT);
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    head.append(&mut tail);
    String::from_utf8_lossy(&head).into_owned()
}

/// The last line that says something, without ffmpeg's `[demuxer @ 0x…]` and the file's name, or an empty string.
pub(crate) fn last_line(messages: &str) -> String {
    // What ffmpeg says after the line that tells the cause.
    const NOISE: [&str; 6] = [
        "Conversion failed",
        "Error initializing output stream",
        "Could not write header",
        "Error while filtering",
        "Last message repeated",
        "Error closing file",
    ];
    let useful = |line: &&str| !line.is_empty() && !NOISE.iter().any(|noise| line.contains(noise));
    let line = messages.lines().rev().map(str::trim).find(useful).unwrap_or("");
    clean(line)
}

fn clean(line: &str) -> String {
    let mut line = line;
    while let Some(rest) = line
        .strip_prefix('[')
        .and_then(|l| l.split_once("] "))
        .map(|(_, rest)| rest)
    {
        line = rest;
    }
    let line = match line.strip_prefix("file:").and_then(|l| l.rsplit_once(": ")) {
        Some((_, why)) => why,
        None => line,
    };
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// The number pair in `Picture size 100000x100000 is invalid`.
pub(crate) fn refused_size(messages: &str) -> Option<&str> {
    let rest = messages
        .split_once("Picture size ")
        .or_else(|| messages.split_once("Invalid image size "))?
        .1;
    let size = rest.split_whitespace().next()?;
    let (w, h) = size.split_once('x')?;
    [w, h]
        .iter()
        .all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        .then_some(size)
}

/// Turns a failure into the error that names its reason.
#[expect(clippy::too_many_arguments, reason = "one caller, which has them all at hand")]
pub(crate) fn judge(
    messages: &str,
    status: Option<ExitStatus>,
    program: &Path,
    doing: &'static str,
    subject: &Path,
    reads: &[PathBuf],
    writes: &[PathBuf],
    limits: &Limits,
) -> MediaError {
    let has = |text: &str| messages.contains(text);
    let subject_owned = subject.to_owned();
    let input = reads.first().cloned().unwrap_or_else(|| subject.to_owned());
    let output = subject.to_owned();
    let why = last_line(messages);
    if status.and_then(|s| s.code()) == Some(127) || has("error while loading shared libraries") {
        return MediaError::ToolBroken {
            tool: program.to_owned(),
            why,
        };
    }
    if has("No space left on device") || has("File too large") || killed_by_size(status) {
        return MediaError::DiskFull { output };
    }
    if has("Cannot allocate memory") || has("Resource temporarily unavailable") {
        let limit_mb = limits.memory >> 20;
        return MediaError::OutOfMemory {
            doing,
            subject: subject_owned,
            limit_mb,
        };
    }
    if let Some(what) = [
        "Unknown encoder '",
        "Requested output format '",
        "Unable to find a suitable output format",
    ]
    .iter()
    .find_map(|mark| messages.split_once(mark))
    .map(|(_, rest)| rest.split('\'').next().unwrap_or("an encoder").to_owned())
    {
        return MediaError::EncoderMissing { output, what };
    }
    if !writes.is_empty() && has("Permission denied") {
        return MediaError::Unwritable { output, why };
    }
    if let Some(size) = refused_size(messages) {
        let limit = format!("{} × {} pixels", limits.side, limits.side);
        return MediaError::TooLarge {
            input,
            what: "the picture",
            found: format!("{size} pixels"),
            limit,
        };
    }
    if has("not on whitelist") {
        return MediaError::NotMedia {
            input,
            why: "it is of a kind that is not let in".into(),
        };
    }
    if has("moov atom not found") {
        return MediaError::Truncated {
            input,
            why: "it has no index, the moov atom".into(),
        };
    }
    if has("Invalid data found when processing input") || has("could not find codec parameters") {
        return MediaError::NotMedia { input, why };
    }
    let why = match (why.is_empty(), status) {
        (false, _) => why,
        (true, Some(status)) => format!("{} ended with {status}", program.display()),
        (true, None) => format!("{} ended for no stated reason", program.display()),
    };
    MediaError::Failed {
        doing,
        subject: subject_owned,
        why,
    }
}

/// The error for a picture whose size ffmpeg itself refused.
pub(crate) fn too_large(input: &Path, size: &str, limits: &Limits) -> MediaError {
    let limit = format!("{} pixels a side and {} in all", limits.side, limits.pixels);
    MediaError::TooLarge {
        input: input.to_owned(),
        what: "the picture",
        found: format!("{size} pixels"),
        limit,
    }
}

#[cfg(unix)]
fn killed_by_size(status: Option<ExitStatus>) -> bool {
    use std::os::unix::process::ExitStatusExt;
    /// `SIGXFSZ`, the same number on Linux and macOS.
    const FILE_TOO_LARGE: i32 = 25;
    status.and_then(|s| s.signal()) == Some(FILE_TOO_LARGE)
}

#[cfg(not(unix))]
fn killed_by_size(_status: Option<ExitStatus>) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_messages_fills_the_memory_or_loses_its_beginning() {
        let flood = format!(
            "the first line\n{}the last line\n",
            "[h264 @ 0x1] noise\n".repeat(100_000)
        );
        let kept = drain(flood.as_bytes());
        assert!(kept.len() <= 3 * KEPT + 4096);
        assert!(kept.starts_with("the first line"));
        assert_eq!(last_line(&kept), "the last line");
    }

    #[test]
    fn the_reason_is_buried_under_addresses_and_file_names() {
        assert_eq!(
            last_line("[mov @ 0x55] moov atom not found\nConversion failed!\n"),
            "moov atom not found"
        );
        assert_eq!(last_line("file:/a/b: c.mp4: Invalid data found"), "Invalid data found");
        assert_eq!(last_line(""), "");
    }

    #[test]
    fn a_refused_size_is_read_from_anything_but_a_size() {
        assert_eq!(
            refused_size("[png] Picture size 100000x100000 is invalid\n"),
            Some("100000x100000")
        );
        assert_eq!(refused_size("Picture size x is invalid"), None);
    }
}
