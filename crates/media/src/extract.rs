//! Sampled frames at full size, for engines that look closely.

use std::path::{Path, PathBuf};

use synchresis_cue::{Footage, FootageKind, Watch};

use crate::{Limits, MediaError, Tools, child, child::Job, decode::turn, output::Output, sniff, tools::Tool};

/// Writes the frame shown at each of `times_s` (seconds on the film's timeline, as [`crate::decode_frames`] gives them) to
/// `folder` as `frame-0000.png`, `frame-0001.png`, …, upright, with square pixels, in the order of `times_s`. What was there
/// under these names is replaced. Each frame costs one seek and at most one group of pictures of decoding.
///
/// # Errors
/// [`MediaError::NoFrames`] where nothing is shown at such a time; those of the output and of a child process.
pub fn extract_frames(
    footage: &Footage,
    input: &Path,
    times_s: &[f64],
    folder: &Path,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Vec<PathBuf>, MediaError> {
    let half_frame_s = 0.5 / footage.video.frame_rate.value().clamp(1.0, 240.0);
    let mut written = Vec::with_capacity(times_s.len());
    for (number, time_s) in times_s.iter().enumerate() {
        let path = folder.join(format!("frame-{number:04}.png"));
        // What decodes first after this moment is the frame itself, however its time was rounded.
        let from_s = (time_s - half_frame_s).max(0.0);
        let output = Output::prepare(&path, &[input], true)?;
        shoot(footage, input, from_s, &output, tools, limits, watch)?;
        if std::fs::metadata(output.path()).map_or(0, |m| m.len()) == 0 {
            // After the last frame: the last frame stays.
            shoot(
                footage,
                input,
                last_frame_s(footage, half_frame_s),
                &output,
                tools,
                limits,
                watch,
            )?;
        }
        if std::fs::metadata(output.path()).map_or(0, |m| m.len()) == 0 {
            let why = format!("nothing is shown at {time_s:.3} s");
            return Err(MediaError::NoFrames {
                input: input.to_owned(),
                why,
            });
        }
        output.finish()?;
        written.push(path);
        watch.progress((number + 1) as f64 / times_s.len() as f64);
    }
    Ok(written)
}

fn last_frame_s(footage: &Footage, half_frame_s: f64) -> f64 {
    (footage.duration_s - 3.0 * half_frame_s).max(0.0)
}

fn shoot(
    footage: &Footage,
    input: &Path,
    from_s: f64,
    output: &Output,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<(), MediaError> {
    let video = &footage.video;
    let mut job = Job::new(Tool::Ffmpeg, "decoding", input).args(["-v", "error", "-nostdin", "-y", "-noautorotate"]);
    if footage.kind == FootageKind::Video && from_s > 0.0 {
        // In the container's own seconds.
        let raw_s = from_s + footage.container_start_s;
        job = job.args([
            "-seek_timestamp".to_owned(),
            "1".to_owned(),
            "-ss".to_owned(),
            format!("{raw_s:.6}"),
        ]);
    }
    let (wide, high) = if video.rotation % 180 == 90 {
        (video.display_height, video.display_width)
    } else {
        (video.display_width, video.display_height)
    };
    let filter = format!(
        "scale={wide}:{high}:flags=bicubic+accurate_rnd+full_chroma_int,setsar=1{}",
        turn(video.rotation)
    );
    let job = job
        .args(sniff::input_args(&footage.container))
        .args(["-an", "-sn", "-dn", "-i"])
        .read(input)
        .args([
            "-map".to_owned(),
            format!("0:{}", video.index),
            "-vf".to_owned(),
            filter,
        ])
        .args([
            "-frames:v",
            "1",
            "-fps_mode",
            "passthrough",
            "-c:v",
            "png",
            "-pix_fmt",
            "rgb24",
            "-f",
            "image2pipe",
        ])
        .write(output.path());
    child::capture(tools, limits, watch, job)?;
    Ok(())
}
