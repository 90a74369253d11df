//! The film out: the picture as it was, with its new sound.

use std::{
    io::{BufRead, BufReader},
    path::Path,
};

use synchresis_cue::{Footage, FootageKind, Watch};

use crate::{
    Container, Limits, MediaError, Tools, child,
    child::{Finish, Halt, Job},
    decode::timeline_args,
    encode::tag,
    output::Output,
    probe::first_audio_packet,
    sniff,
    tools::Tool,
};

/// A film to be put together.
#[derive(Debug, Clone, Copy)]
pub struct MuxJob<'a> {
    /// The clip whose picture it has.
    pub input: &'a Path,
    /// What the probe said of it.
    pub footage: &'a Footage,
    /// Its sound, from film time 0 on, as [`crate::encode_audio`] wrote it (copied where the container takes it, else coded
    /// anew); `None` for a silent film.
    pub audio: Option<&'a Path>,
    /// Where; the extension says the container.
    pub output: &'a Path,
    /// Title for the metadata; the clip's own where there is none.
    pub title: Option<&'a str>,
    /// Comment for the metadata; the clip's own where there is none.
    pub comment: Option<&'a str>,
    /// Whether to replace what is there.
    pub force: bool,
}

/// What became of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// Copied bit for bit.
    Copied,
    /// Coded anew, and why.
    Reencoded {
        /// Why, in a sentence.
        why: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Muxed {
    /// What became of the picture.
    pub picture: Picture,
    /// Streams that the container does not take, a line each.
    pub left_out: Vec<String>,
}

/// Writes the film. The picture is copied bit for bit wherever the container allows; chapters, subtitles, cover art and
/// metadata come along where it takes them. The file appears under its name whole or not at all.
///
/// # Errors
/// Those of the output ([`MediaError::OutputExists`], [`MediaError::DiskFull`], …) and of a child process.
pub fn mux(job: &MuxJob<'_>, tools: &Tools, limits: &Limits, watch: &dyn Watch) -> Result<Muxed, MediaError> {
    let container = Container::of(job.output)?;
    let inputs: Vec<&Path> = [Some(job.input), job.audio].into_iter().flatten().collect();
    let output = Output::prepare(job.output, &inputs, job.force)?;
    let left_out = left_out(job, container);
    let run = |copy, delay_s| run(job, container, &output, copy, delay_s, tools, limits, watch);
    let delay_s = if container == Container::Webm {
        OPUS_DELAY_S
    } else {
        0.0
    };
    let mut copied = true;
    let picture = match must_reencode(job.footage, container) {
        Some(why) => {
            copied = false;
            run(false, delay_s)?;
            Picture::Reencoded { why }
        }
        None => match run(true, delay_s) {
            Ok(()) => Picture::Copied,
            Err(MediaError::Failed { why, .. } | MediaError::NotMedia { why, .. }) => {
                copied = false;
                run(false, delay_s)?;
                let codec = &job.footage.video.codec;
                Picture::Reencoded {
                    why: format!("{codec} does not go into {} ({why})", container.muxer()),
                }
            }
            Err(error) => return Err(error),
        },
    };
    if container == Container::Webm && job.audio.is_some() {
        // Some versions of ffmpeg add Opus's delay when they write, some do not. The film says which.
        let film = first_audio_packet(output.path(), tools, limits, watch)?;
        let off_s = film.map_or(0.0, |first_s| -OPUS_DELAY_S - first_s);
        if off_s.abs() > 0.002 {
            run(copied, delay_s + off_s)?;
        }
    }
    output.finish()?;
    Ok(Muxed { picture, left_out })
}

/// What libopus puts before the first sample: 312 samples at 48 kHz. A player takes it away again, by what WebM says.
const OPUS_DELAY_S: f64 = 312.0 / 48_000.0;

/// Why the picture cannot be copied, where that is known beforehand.
fn must_reencode(footage: &Footage, container: Container) -> Option<String> {
    let name = footage.container.split(',').next().unwrap_or_default();
    if footage.kind == FootageKind::Picture {
        return Some("a picture is not a film".into());
    }
    if matches!(name, "gif" | "apng") {
        return Some(format!("{name} is not a film's codec"));
    }
    if matches!(
        name,
        "h264" | "hevc" | "mjpeg" | "m4v" | "mpegvideo" | "obu" | "yuv4mpegpipe" | "dirac" | "vc1"
    ) {
        return Some("a raw stream has no timestamps of its own".into());
    }
    if footage.video.rotation != 0 && !container.is_quicktime() {
        return Some(format!("{} does not keep the rotation", container.muxer()));
    }
    None
}

fn left_out(job: &MuxJob<'_>, container: Container) -> Vec<String> {
    job.footage
        .others
        .iter()
        .filter(|stream| container.other(stream).is_none())
        .map(|stream| format!("{} stream {} ({})", stream.kind, stream.index, stream.codec))
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "one caller, which has them all at hand")]
fn run(
    job: &MuxJob<'_>,
    container: Container,
    output: &Output,
    copy: bool,
    delay_s: f64,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<(), MediaError> {
    let footage = job.footage;
    let mut run = Job::new(Tool::Ffmpeg, "writing", job.output)
        .args([
            "-v",
            "error",
            "-nostdin",
            "-y",
            "-progress",
            "pipe:1",
            "-stats_period",
            "0.2",
        ])
        .args(timeline_args(footage))
        .args(sniff::input_args(&footage.container))
        .args(["-i"])
        .read(job.input);
    if let Some(audio) = job.audio {
        if delay_s != 0.0 {
            run = run.args(["-itsoffset".to_owned(), format!("{delay_s:.6}")]);
        }
        run = run.args(sniff::input_args("")).args(["-i"]).read(audio);
    }
    run = run.args(["-map".to_owned(), format!("0:{}", footage.video.index)]);
    run = if copy {
        let run = run.args(["-c:v:0", "copy"]);
        // The tag that every player knows; a QuickTime file keeps its own.
        if footage.video.codec == "hevc" && container.is_quicktime() && !footage.container.starts_with("mov") {
            run.args(["-tag:v:0", "hvc1"])
        } else {
            run
        }
    } else {
        let rate = if container == Container::Avi {
            "cfr"
        } else {
            "passthrough"
        };
        let mut run = run
            .args(["-filter:v:0", "scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=bicubic"])
            .args(["-fps_mode", rate]);
        if container != Container::Avi {
            run = run.args(["-enc_time_base", "-1"]);
        }
        run.args(container.video_codec(footage.video.hdr.is_some() || footage.video.bit_depth > 8))
    };
    if let Some(audio) = job.audio {
        run = run.args(["-map", "1:a:0"]);
        let codec = container.audio_codec();
        let fits = audio
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case(codec.extension()));
        run = if fits {
            run.args(["-c:a", "copy"])
        } else {
            run.args(codec.options().iter().copied())
                .args(["-ar", "48000", "-ac", "2"])
        };
    }
    let (mut subtitles, mut pictures, mut attachments) = (0, 1, 0);
    for stream in &footage.others {
        let Some(codec) = container.other(stream) else { continue };
        let (letter, count) = match stream.kind.as_str() {
            "subtitle" => ("s", &mut subtitles),
            "attachment" => ("t", &mut attachments),
            _ => ("v", &mut pictures),
        };
        run = run.args(["-map".to_owned(), format!("0:{}", stream.index)]);
        run = run.args([format!("-c:{letter}:{count}"), codec.to_owned()]);
        *count += 1;
    }
    run = run.args(["-map_metadata", "0", "-map_chapters", "0"]);
    run = tag(run, job.title, job.comment);
    if container.is_quicktime() {
        run = run.args(["-movflags", "+faststart"]);
    }
    if matches!(container, Container::Mkv | Container::Webm) {
        // Or the sound's priming, which begins before 0, would push the picture 21 ms back.
        run = run.args(["-avoid_negative_ts", "disabled"]);
    }
    let run = run.args(["-f", container.muxer()]).write(output.path());
    child::run(tools, limits, watch, run, |pipes| {
        follow(BufReader::new(pipes.out), footage.duration_s, watch)?;
        Ok(Finish::Wait(()))
    })?;
    Ok(())
}

/// Reads ffmpeg's own progress lines to their end.
fn follow(lines: impl BufRead, duration_s: f64, watch: &dyn Watch) -> Result<(), Halt> {
    for line in lines.lines() {
        watch.check()?;
        let done = line?
            .strip_prefix("out_time_us=")
            .and_then(|us| us.trim().parse::<f64>().ok());
        if let Some(us) = done.filter(|_| duration_s > 0.0) {
            watch.progress((us / 1e6 / duration_s).clamp(0.0, 1.0));
        }
    }
    Ok(())
}
