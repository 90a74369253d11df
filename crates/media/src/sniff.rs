//! What a file is, by its first bytes, before any foreign parser sees it.

use std::{fs::File, io::Read, path::Path};

use crate::{Limits, MediaError};

/// Demuxers that read the one file they are given. Left out on purpose: everything that opens other files or addresses
/// by what it reads (hls, dash, concat, imf, image2 with its patterns, vobsub, sdp, rtsp, webm_dash_manifest, …),
/// devices, and everything that turns any bytes into media (rawvideo, raw PCM, tty).
pub(crate) const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,flv,live_flv,mpegts,mpeg,\
mpegvideo,asf,ogg,mxf,gxf,nut,ivf,h264,hevc,vvc,obu,av1,m4v,mjpeg,mpjpeg,dv,rm,wtv,nsv,nuv,dirac,vc1,vc1test,yuv4mpegpipe,\
smjpeg,amv,avs,bink,smk,roq,film_cpk,swf,lvf,r3d,cine,rl2,thp,wc3movie,wv,wav,w64,mp3,aac,flac,ac3,eac3,aiff,au,caf,amr,ape,tta,\
tak,dts,opus,png_pipe,jpeg_pipe,jpegls_pipe,webp_pipe,tiff_pipe,bmp_pipe,gif_pipe,ppm_pipe,pgm_pipe,pbm_pipe,pam_pipe,\
jpegxl_pipe,j2k_pipe,exr_pipe,dpx_pipe,qoi_pipe,psd_pipe,sgi_pipe,sunrast_pipe,pcx_pipe,dds_pipe,hdr_pipe";

/// Protocols: the file itself and our pipes.
pub(crate) const PROTOCOLS: &str = "file,pipe";

/// The options before `-i` that hold ffmpeg to the container which the probe found.
pub(crate) fn input_args(container: &str) -> Vec<&'static str> {
    let mut args = vec!["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS];
    // A document edited by hand may say anything: only a name of ours goes through.
    let first = container.split(',').next().unwrap_or_default();
    if let Some(name) = FORMATS.split(',').find(|name| *name == first) {
        args.extend(["-f", name]);
    }
    args
}

/// The same by the first bytes alone.
pub(crate) fn sniffed_args(sniffed: Sniffed) -> Vec<&'static str> {
    match sniffed {
        Sniffed::Forced(format) => input_args(format),
        _ => input_args(""),
    }
}

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// Let ffmpeg find out among [`FORMATS`].
    Unknown,
    /// Read it with this demuxer and no other, whatever the file is called.
    Forced(&'static str),
    /// A list that points elsewhere.
    Playlist(&'static str),
    /// Text.
    Text(&'static str),
}

/// Looks at the file as a file: there, regular, readable, neither empty nor too large. Returns its size and first bytes.
pub(crate) fn open(input: &Path, limits: &Limits) -> Result<(u64, Sniffed), MediaError> {
    let owned = || input.to_owned();
    let fail = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => MediaError::NotFound { input: owned() },
        _ => MediaError::Unreadable {
            input: owned(),
            why: error.to_string(),
        },
    };
    let meta = std::fs::metadata(input).map_err(fail)?;
    if meta.is_dir() {
        return Err(MediaError::IsFolder { input: owned() });
    }
    if !meta.is_file() {
        return Err(MediaError::NotAFile { input: owned() });
    }
    if meta.len() == 0 {
        return Err(MediaError::Empty { input: owned() });
    }
    if meta.len() > limits.bytes {
        return Err(MediaError::TooLarge {
            input: owned(),
            what: "the file",
            found: format!("{} bytes long", meta.len()),
            limit: format!("{} bytes", limits.bytes),
        });
    }
    let mut head = Vec::with_capacity(4096);
    File::open(input)
        .and_then(|f| f.take(4096).read_to_end(&mut head))
        .map_err(fail)?;
    Ok((meta.len(), sniff(&head)))
}

/// The kind of a file that begins with `head` (up to 4096 bytes).
pub(crate) fn sniff(head: &[u8]) -> Sniffed {
    let at = |offset: usize, mark: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(mark));
    if let Some(binary) = binary(&at) {
        if binary == "png_pipe" && contains(head, b"acTL") {
            return Sniffed::Forced("apng");
        }
        return Sniffed::Forced(binary);
    }
    if let Some(list) = playlist(head) {
        return Sniffed::Playlist(list);
    }
    text(head).map_or(Sniffed::Unknown, Sniffed::Text)
}

fn binary(at: &dyn Fn(usize, &[u8]) -> bool) -> Option<&'static str> {
    const MOV_ATOMS: [&[u8]; 5] = [b"ftyp", b"moov", b"mdat", b"wide", b"pnot"];
    let found = if at(0, b"\x89PNG\r\n\x1a\n") {
        "png_pipe"
    } else if at(0, b"\xff\xd8\xff") {
        "jpeg_pipe"
    } else if at(0, b"GIF8") {
        "gif"
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        "webp_pipe"
    } else if at(0, b"II*\0") || at(0, b"MM\0*") {
        "tiff_pipe"
    } else if at(0, b"BM") && at(6, &[0; 4]) {
        "bmp_pipe"
    } else if MOV_ATOMS.iter().any(|atom| at(4, atom)) {
        "mov"
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        "matroska"
    } else if at(0, b"RIFF") && (at(8, b"AVI ") || at(8, b"AVIX")) {
        "avi"
    } else if at(0, b"RIFF") && at(8, b"WAVE") {
        "wav"
    } else if at(0, b"OggS") {
        "ogg"
    } else if at(0, b"FLV\x01") {
        "flv"
    } else if at(0, b"fLaC") {
        "flac"
    } else if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") {
        "asf"
    } else if at(0, b"\x47") && at(188, b"\x47") && at(376, b"\x47") {
        "mpegts"
    } else {
        return None;
    };
    Some(found)
}

fn playlist(head: &[u8]) -> Option<&'static str> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = text.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let text = text.get(start..).unwrap_or_default();
    const LISTS: [(&[u8], &str); 9] = [
        (b"#EXTM3U", "an HLS or M3U playlist"),
        (b"#EXT-X-", "an HLS playlist"),
        (b"ffconcat", "a list of parts (ffconcat)"),
        (b"file ", "a list of parts (ffconcat)"),
        (b"[playlist]", "a PLS playlist"),
        (b"[Reference]", "a reference to a stream (ASX)"),
        (b"<asx", "a playlist (ASX)"),
        (b"v=0", "a description of a stream (SDP)"),
        (b"RTSPtext", "a reference to a stream (RTSP)"),
    ];
    if let Some((_, name)) = LISTS.iter().find(|(mark, _)| {
        text.get(..mark.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(mark))
    }) {
        return Some(name);
    }
    let marks: [(&[u8], &str); 4] = [
        (b"<MPD", "a DASH manifest"),
        (b"<SmoothStreamingMedia", "a Smooth Streaming manifest"),
        (b"<CompositionPlaylist", "a composition playlist (IMF)"),
        (b"<smil", "a playlist (SMIL)"),
    ];
    if text.starts_with(b"<") {
        return marks
            .iter()
            .find(|(mark, _)| contains(text, mark))
            .map(|(_, name)| *name);
    }
    None
}

/// Whether the bytes are text, and of which kind. A file that begins so is no film, whatever its name.
fn text(head: &[u8]) -> Option<&'static str> {
    // The last character may be cut in two.
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if head.len() - e.valid_up_to() < 4 => std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if valid.is_empty()
        || valid
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c'))
    {
        return None;
    }
    // The one video format with a text header that ffmpeg reads.
    if valid.starts_with("YUV4MPEG2") {
        return None;
    }
    // Anymaps may be all text as well.
    if valid.starts_with('P') && valid.get(1..2).is_some_and(|d| matches!(d, "1" | "2" | "3")) {
        return None;
    }
    let begin = valid.trim_start();
    Some(match begin.get(..5).map(str::to_ascii_lowercase).as_deref() {
        Some("<html" | "<!doc") => "it is a web page, perhaps what a download left in place of the film",
        Some(b) if b.starts_with("<svg") || (b.starts_with("<?xml") && begin.contains("<svg")) => {
            "it is an SVG drawing"
        }
        _ => "it is text",
    })
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_playlist_passes_for_a_film_by_its_name() {
        assert!(matches!(
            sniff(b"#EXTM3U\n#EXT-X-VERSION:3\n/etc/passwd"),
            Sniffed::Playlist(_)
        ));
        assert!(matches!(
            sniff(b"\xef\xbb\xbf\n ffconcat version 1.0\nfile /etc/passwd"),
            Sniffed::Playlist(_)
        ));
        assert!(matches!(
            sniff(b"<?xml version='1.0'?><MPD></MPD>"),
            Sniffed::Playlist(_)
        ));
        assert!(matches!(
            sniff("Ich bin ein Text – mit Strich".as_bytes()),
            Sniffed::Text("it is text")
        ));
        assert!(matches!(sniff(b"<!DOCTYPE html><html>"), Sniffed::Text(_)));
        assert_eq!(sniff(b"\0\0\0\x18ftypmp42"), Sniffed::Forced("mov"));
        assert_eq!(sniff(b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n"), Sniffed::Unknown);
    }

    proptest! {
        #[test]
        fn some_first_bytes_bring_it_down(head in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = sniff(&head);
        }

        #[test]
        fn a_letter_is_taken_for_a_film(text in "[a-z][a-zA-Z ,.\n]{0,300}") {
            prop_assert!(matches!(sniff(text.as_bytes()), Sniffed::Text(_) | Sniffed::Playlist(_)));
        }
    }
}
