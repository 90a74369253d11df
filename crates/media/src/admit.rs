//! The first look at a file that a stranger sent, before it is kept.

use crate::sniff::{Sniffed, sniff};

/// What a file may be, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The extension that fits what was seen, never the one that the sender chose; `bin` where only ffmpeg can tell.
    pub extension: &'static str,
}

/// Looks at `head`, the first bytes of a file (4096, or all of a shorter one): may it be media?
///
/// # Errors
/// What it is instead, as a sentence: a playlist, text, nothing at all.
pub fn admit(head: &[u8]) -> Result<Admitted, String> {
    if head.is_empty() {
        return Err("the file is empty".into());
    }
    match sniff(head) {
        Sniffed::Playlist(what) => Err(format!(
            "it is {what} that points at other files or at the network, which is refused"
        )),
        Sniffed::Text(what) => Err(format!("it is not a video, a picture or a sound ({what})")),
        Sniffed::Forced(format) => Ok(Admitted {
            extension: match format {
                "png_pipe" => "png",
                "jpeg_pipe" => "jpg",
                "webp_pipe" => "webp",
                "tiff_pipe" => "tiff",
                "bmp_pipe" => "bmp",
                "mov" => "mp4",
                "matroska" => "mkv",
                "mpegts" => "ts",
                other => other,
            },
        }),
        Sniffed::Unknown => match archive(head) {
            Some(what) => Err(format!("it is not a video, a picture or a sound ({what})")),
            None => Ok(Admitted { extension: "bin" }),
        },
    }
}

/// Archives and programs, which no decoder of ours needs to be asked about.
fn archive(head: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "it is a ZIP archive"),
        (b"PK\x05\x06", "it is a ZIP archive"),
        (b"\x1f\x8b", "it is a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
        (b"Rar!", "it is a RAR archive"),
        (b"\x28\xb5\x2f\xfd", "it is a zstd archive"),
        (b"\x7fELF", "it is a program"),
        (b"%PDF", "it is a PDF"),
    ];
    marks
        .iter()
        .find(|(mark, _)| head.starts_with(mark))
        .map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_or_a_playlist_is_kept_as_if_it_were_a_film() {
        assert!(admit(b"").is_err());
        assert!(admit(b"PK\x03\x04\x14\0\0\0").is_err());
        assert!(admit(b"#EXTM3U\nhttp://a/b.ts").is_err());
        assert!(admit(b"<html></html>").is_err());
        assert_eq!(admit(b"\0\0\0\x18ftypmp42").map(|a| a.extension), Ok("mp4"));
        assert_eq!(admit(b"ID3\x03\0\0\0\0\0\0\xff\xfb").map(|a| a.extension), Ok("bin"));
    }
}
