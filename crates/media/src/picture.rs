//! A picture becomes a film: still, or in a slow move.

use std::path::Path;

use synchresis_cue::{Footage, Rational, Watch};

use crate::{
    Limits, MediaError, Tools, child,
    child::Job,
    decode::turn,
    drift::{Drift, Planes},
    encode::{BT709, FilmJob, PixelLayout, Song, encode_film},
    output::Output,
    sniff,
    tools::Tool,
};

/// What a picture does while it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// It stands still.
    Still,
    /// A slow zoom of an eighth, drifting a little to one side, without a pixel of jitter.
    Drift,
}

/// A picture to be shown for a while.
#[derive(Debug, Clone, Copy)]
pub struct PictureJob<'a> {
    /// The picture.
    pub input: &'a Path,
    /// What the probe said of it.
    pub footage: &'a Footage,
    /// Where the silent film goes; `.mp4`.
    pub output: &'a Path,
    /// Seconds; the film has as many whole frames as come nearest, one at least.
    pub duration_s: f64,
    /// Frames a second, 30 say.
    pub frame_rate: Rational,
    /// What it does.
    pub movement: Movement,
    /// Whether to replace what is there.
    pub force: bool,
}

/// Size of the film that a picture becomes: even sides, at most 3840 × 2160 (or 2160 × 3840), 16 at least.
pub fn film_size(footage: &Footage) -> (u32, u32) {
    let (w, h) = (
        f64::from(footage.video.display_width.max(1)),
        f64::from(footage.video.display_height.max(1)),
    );
    let (most_w, most_h) = if w >= h { (3840.0, 2160.0) } else { (2160.0, 3840.0) };
    let scale = (most_w / w).min(most_h / h).min(1.0);
    let even = |side: f64| ((side * scale / 2.0).ceil() as u32 * 2).clamp(16, 3840);
    (even(w), even(h))
}

/// Writes a silent film of a picture, H.264 4:2:0, BT.709. Returns the count of frames. What is transparent becomes black.
///
/// # Errors
/// [`MediaError::TooLarge`] for a length beyond the limits; those of the output and of a child process.
pub fn encode_picture(
    job: &PictureJob<'_>,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<u64, MediaError> {
    let rate = job.frame_rate.value();
    if !job.duration_s.is_finite() || job.duration_s <= 0.0 || job.duration_s > limits.duration_s || rate <= 0.0 {
        return Err(MediaError::TooLarge {
            input: job.input.to_owned(),
            what: "the asked length",
            found: format!("{} s at {} frames a second", job.duration_s, job.frame_rate),
            limit: format!("above 0 and up to {} s", limits.duration_s),
        });
    }
    let frames = ((job.duration_s * rate).round() as u64).max(1);
    match job.movement {
        Movement::Still => still(job, frames, tools, limits, watch)?,
        Movement::Drift => drift(job, frames, tools, limits, watch)?,
    }
    Ok(frames)
}

/// Input options and the filter that brings the picture upright to `width` × `height`, over black.
fn reading(footage: &Footage, input: &Path, doing: &'static str, size: (u32, u32)) -> (Job, String) {
    let video = &footage.video;
    let (w, h) = if video.rotation % 180 == 90 {
        (size.1, size.0)
    } else {
        size
    };
    let name = video.pixel_format.as_str();
    let has_alpha = ["rgba", "bgra", "argb", "abgr", "ya", "yuva", "gbrap", "pal8"]
        .iter()
        .any(|a| name.starts_with(a));
    let flatten = if has_alpha {
        "format=rgba,premultiply=inplace=1,format=rgb24,"
    } else {
        ""
    };
    let filter = format!(
        "{flatten}scale={w}:{h}:flags=lanczos+accurate_rnd:out_color_matrix=bt709:out_range=tv,setsar=1,\
         format=yuv420p{}",
        turn(video.rotation)
    );
    let job = Job::new(Tool::Ffmpeg, doing, input)
        .args(["-v", "error", "-nostdin", "-y", "-noautorotate"])
        .args(sniff::input_args(&footage.container))
        .args(["-an", "-i"])
        .read(input)
        .args(["-map".to_owned(), format!("0:{}", video.index)]);
    (job, filter)
}

/// Five seconds are encoded; the rest repeats them bit for bit.
fn still(
    job: &PictureJob<'_>,
    frames: u64,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<(), MediaError> {
    let output = Output::prepare(job.output, &[job.input], job.force)?;
    let rate = job.frame_rate;
    let part = frames.min((rate.value() * 5.0).round().max(1.0) as u64);
    let (read, filter) = reading(job.footage, job.input, "encoding", film_size(job.footage));
    let filter = format!(
        "{filter},loop=loop=-1:size=1:start=0,setpts=N*{}/({}*TB),fps={rate}:start_time=0",
        rate.den, rate.num
    );
    let count = part.to_string();
    let encode = |to: &Output| {
        read.clone()
            .args([
                "-vf",
                filter.as_str(),
                "-frames:v",
                count.as_str(),
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
            ])
            // A whole film of one group without B-frames: it can be repeated and cut at any frame.
            .args([
                "-tune",
                "stillimage",
                "-crf",
                "16",
                "-bf",
                "0",
                "-g",
                "100000",
                "-sc_threshold",
                "0",
            ])
            .args(BT709)
            .args(["-movflags", "+faststart", "-f", "mp4"])
            .write(to.path())
    };
    if part == frames {
        child::capture(tools, limits, watch, encode(&output))?;
        return output.finish();
    }
    let mut name = job.output.file_stem().unwrap_or_default().to_owned();
    name.push(".part.mp4");
    let beginning = Output::prepare(&job.output.with_file_name(name), &[job.input], true)?;
    child::capture(tools, limits, watch, encode(&beginning))?;
    watch.progress(0.5);
    let repeat = Job::new(Tool::Ffmpeg, "writing", job.output)
        .args(["-v", "error", "-nostdin", "-y", "-stream_loop", "-1"])
        .args(sniff::input_args("mov"))
        .args(["-i"])
        .read(beginning.path())
        .args([
            "-c".to_owned(),
            "copy".to_owned(),
            "-frames:v".to_owned(),
            frames.to_string(),
        ])
        .args(["-movflags", "+faststart", "-f", "mp4"])
        .write(output.path());
    child::capture(tools, limits, watch, repeat)?;
    watch.progress(1.0);
    output.finish()
}

fn drift(
    job: &PictureJob<'_>,
    frames: u64,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<(), MediaError> {
    let (width, height) = film_size(job.footage);
    let drift = Drift::new(width as usize, height as usize, frames);
    let (wide, high) = drift.source_size();
    let (read, filter) = reading(job.footage, job.input, "decoding", (wide as u32, high as u32));
    let read = read.args([
        "-vf",
        filter.as_str(),
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p",
        "pipe:1",
    ]);
    let bytes = child::capture(tools, limits, watch, read)?;
    let picture = Planes::split(&bytes, wide, high).ok_or_else(|| MediaError::NoFrames {
        input: job.input.to_owned(),
        why: "the picture does not decode whole".into(),
    })?;
    let film = FilmJob {
        output: job.output,
        width,
        height,
        frame_rate: job.frame_rate,
        layout: PixelLayout::Yuv420p,
        song: Song::None,
        title: None,
        comment: None,
        force: job.force,
        frames,
    };
    encode_film(film, tools, limits, watch, |sink| {
        let mut frame = Vec::with_capacity(sink.frame_bytes());
        for n in 0..frames {
            drift.frame(&picture, n, &mut frame);
            sink.write(&frame)?;
        }
        Ok(())
    })?;
    Ok(())
}
