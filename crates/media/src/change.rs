//! How many colour values change from one frame to the next, at full size.
//!
//! The numbers are those of `count_nonzero(absdiff(frame, before))` over the frames of OpenCV's `VideoCapture`: ffmpeg's
//! own conversion to BGR with the matrix and range that the film is tagged with (BT.601, limited, where it is not), and
//! the codec's smoothing as for showing. So nothing is scaled, turned or skipped here.

use std::{ops::ControlFlow, path::Path};

use synchresis_cue::{Footage, Watch};

use crate::{
    Limits, MediaError, Tools,
    child::Job,
    decode::{Pass, timeline_args},
    sniff,
    tools::Tool,
};

/// Values of all frames together that [`changed_values`] looks at most: an hour and a half of 1080p at 30 frames a second.
pub const CHANGED_VALUES: u64 = 1_000_000_000_000;

/// Frames read ahead: at full size, each is several megabytes.
const READ_AHEAD: usize = 2;

/// One frame beside the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// When the later frame is shown, seconds on the film's timeline.
    pub time_s: f64,
    /// Blue, green and red values (three a pixel) that differ at all.
    pub values: u64,
}

/// Decodes the picture at its full size and hands over, for each frame but the first, how many values changed.
///
/// Memory: four to six frames. `None` for films of more than [`CHANGED_VALUES`], which would take hours.
///
/// # Errors
/// As [`decode_frames`](crate::decode_frames).
pub fn changed_values(
    footage: &Footage,
    input: &Path,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    mut each: impl FnMut(Change),
) -> Result<Option<u64>, MediaError> {
    let video = &footage.video;
    let a_frame = u64::from(video.width) * u64::from(video.height) * 3;
    let frames = footage.duration_s.max(0.0) * video.frame_rate.value().max(1.0);
    if a_frame as f64 * frames > CHANGED_VALUES as f64 {
        return Ok(None);
    }
    let bytes = usize::try_from(a_frame).unwrap_or(usize::MAX);
    let threads = limits.threads.to_string();
    let job = Job::new(Tool::Ffmpeg, "decoding", input)
        .args(["-v", "error", "-nostdin", "-noautorotate", "-threads", threads.as_str()])
        .args(timeline_args(footage))
        .args(sniff::input_args(&footage.container))
        .args(["-an", "-sn", "-dn", "-i"])
        .read(input)
        .args(["-map".to_owned(), format!("0:{}", video.index)])
        .args([
            "-vf",
            "format=bgr24",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "-1",
        ])
        .args([
            "-c:v",
            "rawvideo",
            "-threads",
            "1",
            "-f",
            "nut",
            "-write_index",
            "0",
            "pipe:1",
        ]);
    let pass = Pass {
        job,
        input,
        bytes,
        ahead: READ_AHEAD,
        length_s: footage.duration_s,
    };
    let mut before: Vec<u8> = Vec::new();
    let (clock, _) = pass.run(tools, limits, watch, |frame, index, time_s| {
        if frame.len() != bytes {
            return None;
        }
        if index > 0 {
            let values = differing(&before, frame);
            each(Change { time_s, values });
        }
        std::mem::swap(&mut before, frame);
        Some(ControlFlow::Continue(()))
    })?;
    Ok(Some(clock.frames))
}

/// How many bytes of two equally long frames differ.
fn differing(a: &[u8], b: &[u8]) -> u64 {
    // A sum of up to 255 fits a byte, so that a whole register counts at once.
    let part = |a: &[u8], b: &[u8]| u64::from(a.iter().zip(b).fold(0u8, |n, (a, b)| n + u8::from(a != b)));
    a.chunks(255).zip(b.chunks(255)).map(|(a, b)| part(a, b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_twice_or_not_at_all() {
        let a: Vec<u8> = (0..4000u32).map(|i| (i * 7 % 256) as u8).collect();
        let mut b = a.clone();
        assert_eq!(differing(&a, &b), 0);
        for i in (0..4000).step_by(3) {
            b[i] = b[i].wrapping_add(1 + (i % 200) as u8);
        }
        assert_eq!(differing(&a, &b), 1334);
        assert_eq!(differing(&a, &a.iter().map(|v| !v).collect::<Vec<_>>()), 4000);
    }
}
