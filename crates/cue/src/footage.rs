//! What the probe says of an input.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Rational, Section};

/// A moving clip or a still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FootageKind {
    /// Frames over time.
    Video,
    /// One picture that is shown for the asked duration.
    Picture,
}

/// The input as probed. Times are seconds on the film's own timeline, which begins at 0 where the container begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Footage {
    /// Clip or picture.
    pub kind: FootageKind,
    /// Names of the container as ffprobe gives them, `mov,mp4,m4a,3gp,3g2,mj2` say.
    pub container: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Length of the film in seconds: from 0 to the end of the last frame of picture.
    pub duration_s: f64,
    /// Timestamp in seconds at which the container begins; already subtracted from every other time here.
    pub container_start_s: f64,
    /// The picture.
    pub video: VideoStream,
    /// The sound, where there is one.
    pub audio: Option<AudioStream>,
    /// Every other stream (subtitles, data, cover art), kept on the way out where the container allows.
    pub others: Vec<Stream>,
    /// Count of chapters.
    pub chapters: u32,
}

impl Section for Footage {
    const NAME: &'static str = "footage";
}

/// The picture stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VideoStream {
    /// Index of the stream in the container.
    pub index: u32,
    /// Codec as ffprobe names it: `h264`, `hevc`, `vp9`, `png`, …
    pub codec: String,
    /// Pixel format as ffprobe names it.
    pub pixel_format: String,
    /// Bits a component.
    pub bit_depth: u8,
    /// Width as coded, in pixels.
    pub width: u32,
    /// Height as coded, in pixels.
    pub height: u32,
    /// Width as shown: rotated, and with square pixels.
    pub display_width: u32,
    /// Height as shown: rotated, and with square pixels.
    pub display_height: u32,
    /// Clockwise rotation to show it upright, in degrees: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Average frames a second.
    pub frame_rate: Rational,
    /// Whether the frames come at uneven times.
    pub variable_rate: bool,
    /// When the first frame is shown, seconds.
    pub start_s: f64,
    /// How long the stream lasts, seconds.
    pub duration_s: f64,
    /// Transfer characteristic if it is a high-dynamic-range one (`smpte2084`, `arib-std-b67`).
    pub hdr: Option<String>,
}

/// The sound stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AudioStream {
    /// Index of the stream in the container.
    pub index: u32,
    /// Codec as ffprobe names it.
    pub codec: String,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
    /// When the first sample sounds, seconds.
    pub start_s: f64,
    /// How long it lasts, seconds.
    pub duration_s: f64,
}

/// Any other stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Index of the stream in the container.
    pub index: u32,
    /// `subtitle`, `data`, `attachment`, `video` (cover art), `audio` (a second sound).
    pub kind: String,
    /// Codec as ffprobe names it.
    pub codec: String,
}
