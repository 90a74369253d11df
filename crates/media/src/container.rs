//! What each container takes.

use std::path::Path;

use synchresis_cue::Stream;

use crate::MediaError;

/// A container that a film can be written to, by the output's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `.mp4`, `.m4v`
    Mp4,
    /// `.mov`
    Mov,
    /// `.mkv`
    Mkv,
    /// `.webm`
    Webm,
    /// `.avi`
    Avi,
}

/// How sound is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC-LC, 256 kbit/s.
    Aac,
    /// Opus, 192 kbit/s.
    Opus,
    /// 16-bit PCM, what AVI carries without a delay.
    Pcm,
}

impl Container {
    /// By the extension of `output`, whatever its case.
    ///
    /// # Errors
    /// [`MediaError::UnknownContainer`].
    pub fn of(output: &Path) -> Result<Self, MediaError> {
        let extension = output
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        match extension.as_str() {
            "mp4" | "m4v" => Ok(Container::Mp4),
            "mov" => Ok(Container::Mov),
            "mkv" => Ok(Container::Mkv),
            "webm" => Ok(Container::Webm),
            "avi" => Ok(Container::Avi),
            _ => Err(MediaError::UnknownContainer {
                output: output.to_owned(),
                extension,
            }),
        }
    }

    /// How its sound is coded.
    pub fn audio_codec(self) -> AudioCodec {
        match self {
            Container::Mp4 | Container::Mov | Container::Mkv => AudioCodec::Aac,
            Container::Webm => AudioCodec::Opus,
            Container::Avi => AudioCodec::Pcm,
        }
    }

    pub(crate) fn muxer(self) -> &'static str {
        match self {
            Container::Mp4 => "mp4",
            Container::Mov => "mov",
            Container::Mkv => "matroska",
            Container::Webm => "webm",
            Container::Avi => "avi",
        }
    }

    pub(crate) fn is_quicktime(self) -> bool {
        matches!(self, Container::Mp4 | Container::Mov)
    }

    /// Options for a picture that is coded anew; `deep` keeps ten bits.
    pub(crate) fn video_codec(self, deep: bool) -> Vec<&'static str> {
        let pixels = if deep { "yuv420p10le" } else { "yuv420p" };
        match self {
            Container::Webm => {
                vec![
                    "-c:v",
                    "libvpx-vp9",
                    "-crf",
                    "24",
                    "-b:v",
                    "0",
                    "-row-mt",
                    "1",
                    "-cpu-used",
                    "4",
                    "-pix_fmt",
                    pixels,
                ]
            }
            _ => vec!["-c:v", "libx264", "-preset", "fast", "-crf", "17", "-pix_fmt", pixels],
        }
    }

    /// How a stream that is neither the picture nor the sound goes over: the codec's name, `copy`, or not at all.
    pub(crate) fn other(self, stream: &Stream) -> Option<&'static str> {
        const TEXT: [&str; 6] = ["subrip", "ass", "ssa", "webvtt", "mov_text", "text"];
        let is_text = TEXT.contains(&stream.codec.as_str());
        match (stream.kind.as_str(), self) {
            ("subtitle", Container::Mp4 | Container::Mov) if stream.codec == "mov_text" => Some("copy"),
            ("subtitle", Container::Mp4 | Container::Mov) if is_text => Some("mov_text"),
            ("subtitle", Container::Mkv) if matches!(stream.codec.as_str(), "mov_text" | "text") => Some("subrip"),
            ("subtitle", Container::Mkv) => Some("copy"),
            ("subtitle", Container::Webm) if stream.codec == "webvtt" => Some("copy"),
            ("subtitle", Container::Webm) if is_text => Some("webvtt"),
            ("attachment", Container::Mkv) => Some("copy"),
            ("video", Container::Mp4 | Container::Mov) if matches!(stream.codec.as_str(), "mjpeg" | "png" | "bmp") => {
                Some("copy")
            }
            _ => None,
        }
    }
}

impl AudioCodec {
    /// Extension of a file that holds this sound alone, as [`crate::encode_audio`] writes it.
    pub fn extension(self) -> &'static str {
        match self {
            AudioCodec::Aac => "m4a",
            AudioCodec::Opus => "mka",
            AudioCodec::Pcm => "wav",
        }
    }

    pub(crate) fn muxer(self) -> &'static str {
        match self {
            AudioCodec::Aac => "ipod",
            AudioCodec::Opus => "matroska",
            AudioCodec::Pcm => "wav",
        }
    }

    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            // The fast coder takes half the time of the default one; at this rate its noise lies lower on the whole, and a
            // little higher above 8 kHz (docs/media.md). Noise substitution and intensity stereo are for low rates: here they only
            // put peaks where none were, once 3.5 dB above the master's.
            AudioCodec::Aac => &[
                "-c:a",
                "aac",
                "-aac_coder",
                "fast",
                "-b:a",
                "256k",
                "-aac_pns",
                "0",
                "-aac_is",
                "0",
            ],
            AudioCodec::Opus => &["-c:a", "libopus", "-b:a", "192k"],
            AudioCodec::Pcm => &["-c:a", "pcm_s16le"],
        }
    }
}
