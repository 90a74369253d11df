//! One decoding pass of the picture: small frames with exact times.
//!
//! ffmpeg decodes, scales and writes raw frames in NUT to a pipe. Three things make this cheaper than decoding to
//! nothing: the deblocking filter is skipped (what it smooths is far below the size of an analysed pixel), the scaler
//! runs before anything is copied, and sound is not touched. See `docs/media.md` for the figures.

use std::{
    io::BufReader,
    ops::ControlFlow,
    path::Path,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use synchresis_cue::{Footage, FootageKind, Frame, Watch};

use crate::{
    Limits, MediaError, Tools, child,
    child::{Finish, Halt, Job},
    complaint, nut, sniff,
    tools::Tool,
};

/// How frames are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Widest frame in pixels, 16 or more. Default 256.
    pub max_width: u32,
    /// Highest frame in pixels, 16 or more. Default 256.
    pub max_height: u32,
    /// Whether every frame goes through the codec's own smoothing, as for showing it. Default false: faster, and no
    /// difference at this size.
    pub faithful: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            max_width: 256,
            max_height: 256,
            faithful: false,
        }
    }
}

/// What a decoding pass came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Frames handed over.
    pub frames: u64,
    /// End of the last frame, seconds: its time and the median step of those before it, or what the probe said where it
    /// was the only one.
    pub end_s: f64,
    /// The last thing ffmpeg complained of (a damaged part say); empty where all was well.
    pub complaint: String,
}

impl Decoded {
    /// Length of the film, seconds: as the file says, or to the last frame's end where that is later. A file that broke off still says how
    /// long it was: where ffmpeg complained, the film ends with its last frame.
    pub fn length_s(&self, footage: &Footage) -> f64 {
        let frames = 1.5 / footage.video.frame_rate.value().max(1.0);
        match footage.kind {
            FootageKind::Picture => footage.duration_s,
            FootageKind::Video if !self.complaint.is_empty() && self.end_s + frames < footage.duration_s => self.end_s,
            FootageKind::Video => footage.duration_s.max(self.end_s),
        }
    }
}

/// Size of the analysed frames of `footage`: even, upright, square pixels, never larger than the film.
pub fn analysis_size(footage: &Footage, options: DecodeOptions) -> (u32, u32) {
    let (w, h) = (footage.video.display_width.max(1), footage.video.display_height.max(1));
    let scale = (f64::from(options.max_width.max(16)) / f64::from(w))
        .min(f64::from(options.max_height.max(16)) / f64::from(h))
        .min(1.0);
    let even = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32 * 2).max(2);
    (even(w), even(h))
}

/// Decodes the picture once, from the first frame to the last, and hands every frame to `each` in order of display, with
/// its own time: none doubled, none left out. `each` stops the pass early by [`ControlFlow::Break`]. A picture gives one
/// frame at 0 s.
///
/// # Errors
/// [`MediaError::NoFrames`] where nothing decodes, [`MediaError::Cancelled`], [`MediaError::TimedOut`] and the others of
/// a child process.
pub fn decode_frames(
    footage: &Footage,
    input: &Path,
    options: DecodeOptions,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    mut each: impl FnMut(Frame<'_>) -> ControlFlow<()>,
) -> Result<Decoded, MediaError> {
    let (width, height) = analysis_size(footage, options);
    let (wide, high) = (width as usize, height as usize);
    let pass = Pass {
        job: job(footage, input, options, (width, height), limits),
        input,
        bytes: wide * high * 3 / 2,
        ahead: READ_AHEAD,
        length_s: footage.duration_s,
    };
    let (clock, complaint) = pass.run(tools, limits, watch, |buffer, index, time_s| {
        let (y, chroma) = buffer.split_at_checked(wide * high)?;
        let (cb, cr) = chroma.split_at_checked(wide * high / 4)?;
        (cr.len() == wide * high / 4).then(|| {
            each(Frame {
                index,
                time_s,
                width: wide,
                height: high,
                y,
                cb,
                cr,
            })
        })
    })?;
    let usual = if footage.video.frame_rate.value() > 0.0 {
        1.0 / footage.video.frame_rate.value()
    } else {
        0.04
    };
    let end_s = if footage.kind == FootageKind::Picture {
        0.0
    } else {
        clock.end(usual)
    };
    Ok(Decoded {
        frames: clock.frames,
        end_s,
        complaint,
    })
}

/// Frames read before they are asked for.
const READ_AHEAD: usize = 8;

/// One pass over the raw frames that a child writes in NUT.
pub(crate) struct Pass<'a> {
    pub(crate) job: Job,
    pub(crate) input: &'a Path,
    /// Bytes of a frame at most.
    pub(crate) bytes: usize,
    /// Frames that are read before they are asked for.
    pub(crate) ahead: usize,
    /// How long the film is, for the progress alone; 0 if unknown.
    pub(crate) length_s: f64,
}

impl Pass<'_> {
    /// Hands every frame to `each` with its number and its time, until it breaks; it answers `None` to a frame that is
    /// not whole. Gives the clock after the last frame, and ffmpeg's last complaint.
    pub(crate) fn run(
        self,
        tools: &Tools,
        limits: &Limits,
        watch: &dyn Watch,
        mut each: impl FnMut(&mut Vec<u8>, u64, f64) -> Option<ControlFlow<()>>,
    ) -> Result<(FrameClock, String), MediaError> {
        let Pass {
            job,
            input,
            bytes,
            ahead,
            length_s,
        } = self;
        let mut clock = FrameClock::default();
        let ((), messages) = child::run(tools, limits, watch, job, |pipes| {
            enlarge(&pipes.out);
            // Frames are read ahead on a thread of their own, so that ffmpeg seldom waits for what looks at them.
            thread::scope(|scope| {
                let (full, frames) = sync_channel::<(Vec<u8>, f64)>(ahead);
                let (empty, spent) = sync_channel::<Vec<u8>>(ahead + 2);
                let reading = scope.spawn(move || {
                    let mut nut = nut::Reader::new(BufReader::with_capacity(1 << 16, pipes.out), bytes);
                    loop {
                        let mut buffer = spent.try_recv().unwrap_or_default();
                        match nut.next(&mut buffer) {
                            Ok(Some(time_s)) if full.send((buffer, time_s)).is_ok() => {}
                            Ok(_) => return Ok(()),
                            Err(error) => return Err(error),
                        }
                    }
                });
                loop {
                    let (mut buffer, time_s) = match frames.recv_timeout(Duration::from_millis(50)) {
                        Ok(frame) => frame,
                        Err(RecvTimeoutError::Timeout) => {
                            watch.check()?;
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => break,
                    };
                    watch.check()?;
                    let time_s = clock.next(time_s);
                    match each(&mut buffer, clock.frames - 1, time_s) {
                        None => return Err(Halt::Pipe(std::io::ErrorKind::InvalidData.into())),
                        Some(ControlFlow::Break(())) => return Ok(Finish::Stop(())),
                        Some(ControlFlow::Continue(())) => {}
                    }
                    if length_s > 0.0 {
                        watch.progress((time_s / length_s).clamp(0.0, 1.0));
                    }
                    let _ = empty.try_send(buffer);
                }
                drop(frames);
                match reading.join() {
                    Ok(Ok(())) => Ok(Finish::Wait(())),
                    Ok(Err(error)) => Err(Halt::Pipe(error)),
                    Err(_) => Err(Halt::Pipe(std::io::ErrorKind::Other.into())),
                }
            })
        })
        .map_err(|error| match error {
            MediaError::NotMedia { input, why } => MediaError::NoFrames { input, why },
            other => other,
        })?;
        let complaint = complaint::last_line(&messages);
        if clock.frames == 0 {
            let why = if complaint.is_empty() {
                "it has none".into()
            } else {
                complaint
            };
            return Err(MediaError::NoFrames {
                input: input.to_owned(),
                why,
            });
        }
        Ok((clock, complaint))
    }
}

/// Times of frames: in order, and what comes after the last.
#[derive(Debug, Default)]
pub(crate) struct FrameClock {
    pub(crate) frames: u64,
    last_s: f64,
    last_step_s: Option<f64>,
}

impl FrameClock {
    /// Counts a frame; its time, never before the last one's.
    fn next(&mut self, time_s: f64) -> f64 {
        let time_s = if self.frames > 0 {
            time_s.max(self.last_s)
        } else {
            time_s.max(0.0)
        };
        if self.frames > 0 {
            self.last_step_s = Some(time_s - self.last_s);
        }
        self.frames += 1;
        self.last_s = time_s;
        time_s
    }

    fn end(&self, usual: f64) -> f64 {
        self.last_s
            + self
                .last_step_s
                .filter(|s| *s > 0.0 && *s < 4.0 * usual)
                .unwrap_or(usual)
    }
}

fn job(footage: &Footage, input: &Path, options: DecodeOptions, size: (u32, u32), limits: &Limits) -> Job {
    let video = &footage.video;
    let (width, height) = size;
    // Scaled as it lies and turned when it is small.
    let (scale_w, scale_h) = if video.rotation % 180 == 90 {
        (height, width)
    } else {
        (width, height)
    };
    let turn = turn(video.rotation);
    // Lines are left out, at no cost, while four or more would be averaged into one: scaling is dear beside decoding.
    let halvings = if options.faithful {
        0
    } else {
        halvings(video.height, scale_h)
    };
    let fewer_lines = "field=top,".repeat(halvings);
    let filter = format!("{fewer_lines}scale={scale_w}:{scale_h}:flags=area:out_range=tv,format=yuv420p{turn}");
    let threads = limits.threads.to_string();
    let mut job = Job::new(Tool::Ffmpeg, "decoding", input).args(["-v", "error", "-nostdin", "-noautorotate"]);
    job = job.args(["-threads", threads.as_str()]);
    if !options.faithful {
        job = job.args(["-skip_loop_filter", "all"]);
    }
    job.args(timeline_args(footage))
        .args(sniff::input_args(&footage.container))
        .args(["-an", "-sn", "-dn", "-i"])
        .read(input)
        .args(["-map".to_owned(), format!("0:{}", video.index)])
        .args([
            "-vf",
            filter.as_str(),
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
        ])
}

/// How often every other line can be left out so that two at least still make one.
fn halvings(from: u32, to: u32) -> usize {
    std::iter::successors(Some(from / to.max(1) / 2), |lines| Some(lines / 2))
        .take_while(|lines| *lines >= 2)
        .count()
}

/// The filter that shows a picture upright.
pub(crate) fn turn(rotation: u16) -> &'static str {
    match rotation {
        90 => ",transpose=clock",
        180 => ",hflip,vflip",
        270 => ",transpose=cclock",
        _ => "",
    }
}

/// The input options by which ffmpeg's times become the film's: the container's own, less its beginning.
pub(crate) fn timeline_args(footage: &Footage) -> Vec<String> {
    let mut offset_s = -footage.container_start_s;
    if offset_s != 0.0 && matches!(footage.container.as_str(), "mpegts" | "mpeg") {
        // By exactly the beginning, ffmpeg takes it for its own doing and makes the first stream that is used begin at 0.
        // A microsecond is a tenth of these containers' tick.
        offset_s += 1e-6;
    }
    let mut args = vec!["-copyts".to_owned()];
    if offset_s != 0.0 {
        args.extend(["-itsoffset".to_owned(), format!("{offset_s:.6}")]);
    }
    args
}

/// A pipe of a megabyte instead of 64 KiB: fewer turns between the two processes.
pub(crate) fn enlarge(pipe: &std::process::ChildStdout) {
    #[cfg(target_os = "linux")]
    {
        // Refused where the person's pipe quota is used up, which is no matter.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_lines_are_left_to_average() {
        assert_eq!(
            [(1080, 144), (2160, 144), (720, 144), (270, 144), (100, 100), (100, 0)].map(|(f, t)| halvings(f, t)),
            [1, 2, 1, 0, 0, 5]
        );
    }

    #[test]
    fn a_late_or_doubled_timestamp_runs_backwards() {
        let mut clock = FrameClock::default();
        assert_eq!([0.0, 0.04, 0.03, 0.12].map(|t| clock.next(t)), [0.0, 0.04, 0.04, 0.12]);
        assert_eq!(clock.frames, 4);
        assert!((clock.end(0.04) - 0.2).abs() < 1e-9);
    }
}
