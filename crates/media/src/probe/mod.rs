//! What a file holds, by its headers and its first packets.

mod report;

use std::path::Path;

use synchresis_cue::{AudioStream, Footage, FootageKind, Rational, Stream, VideoStream, Watch};

use self::report::{Packet, Report, StreamReport};
use crate::{
    Limits, MediaError, Tools, child,
    child::Job,
    complaint, exif,
    sniff::{self, Sniffed},
    tools::Tool,
};

/// Packets looked at besides the headers: enough for the first frame of every stream and the rhythm of the frames.
const PACKETS: usize = 240;

/// What the file holds. Reads headers and a few packets; all packets (without decoding) only where the headers keep
/// silent about the length.
///
/// # Errors
/// One of the input errors of [`MediaError`], each with its own sentence; [`MediaError::ToolMissing`] and its like;
/// [`MediaError::Cancelled`].
pub fn probe(input: &Path, tools: &Tools, limits: &Limits, watch: &dyn Watch) -> Result<Footage, MediaError> {
    let (report, bytes, still) = report(input, tools, limits, watch)?;
    let mut footage = footage(input, &report, bytes, still)?;
    if footage.kind == FootageKind::Picture {
        if let Some(turn) = exif::rotation(input) {
            footage.video.rotate(turn);
        }
    } else if !footage.video.duration_s.is_finite() || footage.video.duration_s <= 0.0 {
        let (first, last_end, step) = scan(input, &footage, tools, limits, watch)?;
        footage.video.start_s = (first - footage.container_start_s).max(0.0);
        footage.video.duration_s = (last_end - first).max(step);
        footage.duration_s = footage.video.start_s + footage.video.duration_s;
    }
    check(input, &footage, limits)?;
    Ok(footage)
}

/// What a file that may have no picture says of its sound: for songs.
///
/// # Errors
/// As [`probe`]; [`MediaError::NoSound`] where there is none.
pub fn probe_audio(input: &Path, tools: &Tools, limits: &Limits, watch: &dyn Watch) -> Result<AudioStream, MediaError> {
    let (report, _, _) = report(input, tools, limits, watch)?;
    let no_sound = || MediaError::NoSound {
        input: input.to_owned(),
    };
    let stream = report.best("audio").ok_or_else(no_sound)?;
    let mut audio = audio_stream(&report, stream, report.origin(None)).ok_or_else(no_sound)?;
    audio.start_s = audio.start_s.max(0.0);
    Ok(audio)
}

/// Timestamp of the first packet of the sound, in the container's seconds.
pub(crate) fn first_audio_packet(
    input: &Path,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Option<f64>, MediaError> {
    let (report, _, _) = report(input, tools, limits, watch)?;
    let Some(audio) = report.best("audio") else {
        return Ok(None);
    };
    let times = report
        .packets
        .iter()
        .filter(|p| p.stream == audio.index)
        .filter_map(|p| p.pts_s);
    Ok(times.reduce(f64::min))
}

/// Whether the input is a picture by its first bytes; a GIF or an animated PNG may yet be one.
fn report(input: &Path, tools: &Tools, limits: &Limits, watch: &dyn Watch) -> Result<(Report, u64, bool), MediaError> {
    let (bytes, sniffed) = sniff::open(input, limits)?;
    let mut still = false;
    let mut force = Vec::new();
    match sniffed {
        Sniffed::Playlist(what) => {
            return Err(MediaError::Playlist {
                input: input.to_owned(),
                what,
            });
        }
        Sniffed::Text(why) => {
            return Err(MediaError::NotMedia {
                input: input.to_owned(),
                why: why.into(),
            });
        }
        Sniffed::Forced(format) => {
            still = format.ends_with("_pipe");
            force = vec!["-f", format];
        }
        Sniffed::Unknown => {}
    }
    let interval = format!("%+#{PACKETS}");
    let job = Job::new(Tool::Ffprobe, "reading", input)
        .args([
            "-v",
            "error",
            "-of",
            "json",
            "-show_program_version",
            "-show_format",
            "-show_streams",
        ])
        .args([
            "-show_chapters",
            "-show_entries",
            "packet=stream_index,pts_time,duration_time",
            "-read_intervals",
        ])
        .args([
            interval.as_str(),
            "-protocol_whitelist",
            sniff::PROTOCOLS,
            "-format_whitelist",
            sniff::FORMATS,
        ])
        .args(force)
        .read(input)
        .within(limits.probe_wall_clock_s);
    let (text, messages) = child::capture_with_messages(tools, limits, watch, job).map_err(|error| match error {
        // By its name alone it was taken for a film.
        MediaError::Truncated { input, .. } if sniffed == Sniffed::Unknown => MediaError::NotMedia {
            input,
            why: "its first bytes are those of no kind that is known".into(),
        },
        other => other,
    })?;
    let report = Report::parse(&text).map_err(|why| MediaError::NotMedia {
        input: input.to_owned(),
        why,
    })?;
    if let Some(version) = &report.version {
        tools.accept(Tool::Ffprobe, version)?;
    }
    let found = report.streams.len();
    if found as u64 > u64::from(limits.streams) {
        return Err(too_large(input, "the number of streams", found, limits.streams));
    }
    if let Some(size) = complaint::refused_size(&messages)
        && report.best("video").is_none_or(|video| video.width == 0)
    {
        return Err(complaint::too_large(input, size, limits));
    }
    if report.streams.iter().all(|s| s.codec.is_empty()) {
        let complaint = complaint::last_line(&messages);
        let why = if complaint.is_empty() {
            "it holds no stream that is known".into()
        } else {
            complaint
        };
        return Err(MediaError::NotMedia {
            input: input.to_owned(),
            why,
        });
    }
    Ok((report, bytes, still))
}

fn too_large(input: &Path, what: &'static str, found: impl ToString, limit: impl ToString) -> MediaError {
    MediaError::TooLarge {
        input: input.to_owned(),
        what,
        found: found.to_string(),
        limit: limit.to_string(),
    }
}

fn check(input: &Path, footage: &Footage, limits: &Limits) -> Result<(), MediaError> {
    let video = &footage.video;
    let (width, height) = (video.width, video.height);
    if width.max(height) > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        let limit = format!("{} pixels a side and {} in all", limits.side, limits.pixels);
        return Err(too_large(
            input,
            "the picture",
            format!("{width} × {height} pixels"),
            limit,
        ));
    }
    if footage.duration_s > limits.duration_s {
        let found = format!("{:.0} s long", footage.duration_s);
        return Err(too_large(
            input,
            "the film",
            found,
            format!("{:.0} s", limits.duration_s),
        ));
    }
    Ok(())
}

fn footage(input: &Path, report: &Report, bytes: u64, still: bool) -> Result<Footage, MediaError> {
    let Some(stream) = report.best("video") else {
        return Err(if report.best("audio").is_some() {
            MediaError::NoPicture {
                input: input.to_owned(),
            }
        } else {
            MediaError::NotMedia {
                input: input.to_owned(),
                why: "it has neither picture nor sound".into(),
            }
        });
    };
    if stream.width == 0 || stream.height == 0 || stream.codec.is_empty() {
        let why = "its headers do not say how large the picture is".into();
        return Err(MediaError::Truncated {
            input: input.to_owned(),
            why,
        });
    }
    let packets: Vec<&Packet> = report.packets.iter().filter(|p| p.stream == stream.index).collect();
    let origin = report.origin(Some(stream));
    let animated = matches!(report.container.as_str(), "gif" | "apng");
    let kind = if still || (animated && packets.len() == 1 && report.packets.len() < PACKETS) {
        FootageKind::Picture
    } else {
        FootageKind::Video
    };
    let mut video = video_stream(report, stream, &packets, origin);
    if kind == FootageKind::Picture {
        video.start_s = 0.0;
        video.duration_s = 0.0;
        video.variable_rate = false;
    }
    let audio_stream = report.best("audio");
    let audio = audio_stream.and_then(|s| audio_stream_of(report, s, origin));
    let others = report
        .streams
        .iter()
        .filter(|s| s.index != video.index && Some(s.index) != audio.as_ref().map(|a| a.index))
        .map(|s| Stream {
            index: s.index,
            kind: s.kind.clone(),
            codec: s.codec.clone(),
        })
        .collect();
    Ok(Footage {
        kind,
        container: report.container.clone(),
        bytes,
        duration_s: video.start_s + video.duration_s,
        container_start_s: origin,
        video,
        audio,
        others,
        chapters: report.chapters,
    })
}

fn audio_stream_of(report: &Report, stream: &StreamReport, origin: f64) -> Option<AudioStream> {
    audio_stream(report, stream, origin).map(|mut audio| {
        // A codec's priming lies before 0 and is never heard.
        audio.start_s = audio.start_s.max(0.0);
        audio
    })
}

fn audio_stream(report: &Report, stream: &StreamReport, origin: f64) -> Option<AudioStream> {
    if stream.codec.is_empty() || stream.sample_rate == 0 || stream.channels == 0 {
        return None;
    }
    let start = report.start_of(stream).unwrap_or(origin);
    let whole = report.duration_s.unwrap_or(0.0);
    Some(AudioStream {
        index: stream.index,
        codec: stream.codec.clone(),
        sample_rate: stream.sample_rate,
        channels: stream.channels,
        start_s: start - origin,
        duration_s: stream.duration_s.unwrap_or(whole).max(0.0),
    })
}

fn video_stream(report: &Report, stream: &StreamReport, packets: &[&Packet], origin: f64) -> VideoStream {
    let start = report.start_of(stream).unwrap_or(origin);
    let rotation = stream.rotation;
    let (sar_num, sar_den) = stream.sample_aspect;
    // Wide pixels are stretched, tall pixels too: nothing that was seen is thrown away.
    let (mut wide, mut high) = (f64::from(stream.width), f64::from(stream.height));
    let aspect = f64::from(sar_num) / f64::from(sar_den);
    if aspect > 1.0 {
        wide *= aspect;
    } else {
        high /= aspect;
    }
    let average = stream.average_rate;
    let nominal = stream.nominal_rate;
    let rate = average.or(nominal).unwrap_or(Rational { num: 25, den: 1 });
    let mut video = VideoStream {
        index: stream.index,
        codec: stream.codec.clone(),
        pixel_format: stream.pixel_format.clone(),
        bit_depth: stream.bit_depth(),
        width: stream.width,
        height: stream.height,
        display_width: wide.round().clamp(1.0, 1e6) as u32,
        display_height: high.round().clamp(1.0, 1e6) as u32,
        rotation: 0,
        frame_rate: rate,
        variable_rate: uneven(packets, average, nominal),
        start_s: (start - origin).max(0.0),
        duration_s: stream.duration_s.unwrap_or(f64::NAN),
        hdr: matches!(stream.transfer.as_str(), "smpte2084" | "arib-std-b67").then(|| stream.transfer.clone()),
    };
    video.rotate(rotation);
    video
}

trait Rotate {
    /// Turns it further, clockwise, by a multiple of 90 degrees.
    fn rotate(&mut self, clockwise: u16);
}

impl Rotate for VideoStream {
    fn rotate(&mut self, clockwise: u16) {
        self.rotation = (self.rotation + clockwise) % 360;
        if clockwise % 180 == 90 {
            std::mem::swap(&mut self.display_width, &mut self.display_height);
        }
    }
}

/// Whether the frames come at uneven times, by the rates of the header and by the first packets.
fn uneven(packets: &[&Packet], average: Option<Rational>, nominal: Option<Rational>) -> bool {
    if let (Some(average), Some(nominal)) = (average, nominal) {
        // A field rate of twice the frame rate is not a variable one.
        let ratio = nominal.value() / average.value();
        if ![1.0, 2.0].iter().any(|even| (ratio / even - 1.0).abs() < 0.01) {
            return true;
        }
    }
    let mut times: Vec<f64> = packets.iter().filter_map(|p| p.pts_s).collect();
    times.sort_by(f64::total_cmp);
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Packets near the end of what was read may be out of order with ones not read.
    steps.truncate(steps.len().saturating_sub(8));
    if steps.len() < 3 {
        return false;
    }
    steps.sort_by(f64::total_cmp);
    let median = steps[steps.len() / 2];
    // Timestamps in milliseconds are even enough.
    let odd = steps
        .iter()
        .filter(|step| (*step - median).abs() > 0.0015 + median * 0.05)
        .count();
    odd * 20 > steps.len()
}

/// First timestamp, end of the last frame and usual step of the picture, in the container's seconds, from every packet.
fn scan(
    input: &Path,
    footage: &Footage,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<(f64, f64, f64), MediaError> {
    let index = footage.video.index.to_string();
    let job = Job::new(Tool::Ffprobe, "reading", input)
        .args(["-v", "error", "-of", "csv=p=0", "-select_streams", index.as_str()])
        .args(["-show_entries", "packet=pts_time,duration_time"])
        .args(sniff::input_args(&footage.container))
        .read(input);
    let text = child::capture(tools, limits, watch, job)?;
    report::extent(&String::from_utf8_lossy(&text), footage.video.frame_rate.value()).ok_or_else(|| {
        MediaError::NoFrames {
            input: input.to_owned(),
            why: "the picture stream holds no packet".into(),
        }
    })
}
