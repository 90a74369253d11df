//! Sound out, and frames out: what is made here goes through a pipe into ffmpeg.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ChildStdin,
};

use synchresis_cue::{AudioStream, Rational, Watch};

use crate::{
    AudioCodec, Container, Limits, MediaError, Tools, child,
    child::{Finish, Halt, Job},
    output::Output,
    sniff,
    tools::Tool,
};

/// Samples a second of everything this crate encodes.
pub const RATE: u32 = 48_000;

/// A sound file to write.
#[derive(Debug, Clone, Copy)]
pub struct AudioJob<'a> {
    /// Where; [`AudioCodec::extension`] says with which extension.
    pub output: &'a Path,
    /// How it is coded.
    pub codec: AudioCodec,
    /// Whether to replace what is there.
    pub force: bool,
    /// Samples a channel there will be, for the progress alone; 0 if unknown.
    pub expected: u64,
}

/// Where samples go.
#[derive(Debug)]
pub struct SampleSink<'a> {
    pipe: Feed<'a>,
    bytes: Vec<u8>,
    samples: u64,
    expected: u64,
}

impl SampleSink<'_> {
    /// Hands over interleaved stereo samples at 48 kHz, nominally −1 to 1, any number of whole frames. What is no finite
    /// number becomes silence.
    ///
    /// # Errors
    /// [`MediaError::BadSamples`] for half a frame, [`MediaError::Cancelled`]; what went wrong in ffmpeg is told by the
    /// function that lent this sink.
    pub fn write(&mut self, interleaved: &[f32]) -> Result<(), MediaError> {
        if !interleaved.len().is_multiple_of(2) {
            let why = "the samples are not whole frames of two channels".into();
            return Err(MediaError::BadSamples {
                output: self.pipe.subject.clone(),
                why,
            });
        }
        // A quarter of a second at a time, so that a cancellation is seen soon.
        for block in interleaved.chunks(RATE as usize / 2) {
            self.bytes.clear();
            for value in block {
                let value = if value.is_finite() { *value } else { 0.0 };
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            self.pipe.write(&self.bytes)?;
            self.samples += (block.len() / 2) as u64;
            if self.expected > 0 {
                self.pipe
                    .watch
                    .progress((self.samples as f64 / self.expected as f64).min(1.0));
            }
        }
        Ok(())
    }
}

/// Our end of a child's standard input, which remembers how it broke.
struct Feed<'a> {
    pipe: Option<ChildStdin>,
    broken: Option<io::Error>,
    watch: &'a dyn Watch,
    subject: PathBuf,
}

impl std::fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("subject", &self.subject)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl<'a> Feed<'a> {
    fn new(pipe: Option<ChildStdin>, watch: &'a dyn Watch, subject: &Path) -> Self {
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &pipe {
            // Refused where the person's pipe quota is used up, which is no matter.
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1 << 20);
        }
        Self {
            pipe,
            broken: None,
            watch,
            subject: subject.to_owned(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.watch.check()?;
        let result = match &mut self.pipe {
            Some(pipe) => pipe.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        result.map_err(|error| {
            let why = error.to_string();
            self.broken = Some(error);
            MediaError::Failed {
                doing: "writing",
                subject: self.subject.clone(),
                why,
            }
        })
    }
}

/// Encodes what `feed` writes. Returns the count of samples a channel. Stereo, 48 kHz, exactly as long as what was written
/// (AAC and Opus mark their own delay, which players and [`crate::mux`] take away).
///
/// # Errors
/// What `feed` returned; those of the output ([`MediaError::DiskFull`] and its like) and of a child process. Nothing is left
/// behind then.
pub fn encode_audio(
    job: AudioJob<'_>,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    feed: impl FnOnce(&mut SampleSink<'_>) -> Result<(), MediaError>,
) -> Result<u64, MediaError> {
    let output = Output::prepare(job.output, &[], job.force)?;
    let run = Job::new(Tool::Ffmpeg, "writing", job.output)
        .args([
            "-v", "error", "-nostdin", "-y", "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0",
        ])
        .args(job.codec.options().iter().copied())
        .args(["-map_metadata", "-1", "-f", job.codec.muxer()])
        .write(output.path())
        .fed();
    let (samples, _) = child::run(tools, limits, watch, run, |pipes| {
        let pipe = Feed::new(pipes.feed, watch, job.output);
        let mut sink = SampleSink {
            pipe,
            bytes: Vec::new(),
            samples: 0,
            expected: job.expected,
        };
        let fed = feed(&mut sink);
        if let Some(error) = sink.pipe.broken {
            return Err(Halt::Pipe(error));
        }
        fed?;
        Ok(Finish::Wait(sink.samples))
    })?;
    output.finish()?;
    Ok(samples)
}

/// How a pixel is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelLayout {
    /// Three bytes a pixel, full range sRGB.
    Rgb24,
    /// Planes of Y, then Cb, then Cr with ⌈w/2⌉ × ⌈h/2⌉, BT.709, limited range.
    Yuv420p,
}

/// The sound of a film made of frames.
#[derive(Debug, Clone, Copy)]
pub enum Song<'a> {
    /// None.
    None,
    /// A song's file: its stream is copied where the container takes it, else coded anew.
    File(&'a Path),
}

/// A film to be made of raw frames.
#[derive(Debug, Clone, Copy)]
pub struct FilmJob<'a> {
    /// Where; the extension says the container.
    pub output: &'a Path,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: Rational,
    /// How the pixels come.
    pub layout: PixelLayout,
    /// Its sound.
    pub song: Song<'a>,
    /// Title for the metadata.
    pub title: Option<&'a str>,
    /// Comment for the metadata.
    pub comment: Option<&'a str>,
    /// Whether to replace what is there.
    pub force: bool,
    /// Frames there will be: the film, song and all, is as long as they are.
    pub frames: u64,
}

/// Where frames go.
#[derive(Debug)]
pub struct FrameSink<'a> {
    pipe: Feed<'a>,
    bytes: usize,
    frames: u64,
    expected: u64,
}

impl FrameSink<'_> {
    /// Bytes that one frame has.
    pub fn frame_bytes(&self) -> usize {
        self.bytes
    }

    /// Hands over one whole frame.
    ///
    /// # Errors
    /// [`MediaError::BadSamples`] for a frame of another size, [`MediaError::Cancelled`]; what went wrong in ffmpeg is told
    /// by the function that lent this sink.
    pub fn write(&mut self, frame: &[u8]) -> Result<(), MediaError> {
        if frame.len() != self.bytes {
            let why = format!("a frame has {} bytes instead of {}", frame.len(), self.bytes);
            return Err(MediaError::BadSamples {
                output: self.pipe.subject.clone(),
                why,
            });
        }
        self.pipe.write(frame)?;
        self.frames += 1;
        if self.expected > 0 {
            self.pipe
                .watch
                .progress((self.frames as f64 / self.expected as f64).min(1.0));
        }
        Ok(())
    }
}

/// Makes a film of the frames that `draw` writes, H.264 (VP9 in WebM) 4:2:0, BT.709, with its song. The film ends with the
/// last frame: a longer song is cut there, a shorter one leaves silence. Returns the count of frames.
///
/// # Errors
/// What `draw` returned; [`MediaError::BadSamples`] for an odd size; those of the output and of a child process. Nothing is
/// left behind then.
pub fn encode_film(
    job: FilmJob<'_>,
    tools: &Tools,
    limits: &Limits,
    watch: &dyn Watch,
    draw: impl FnOnce(&mut FrameSink<'_>) -> Result<(), MediaError>,
) -> Result<u64, MediaError> {
    let container = Container::of(job.output)?;
    let (w, h) = (job.width as usize, job.height as usize);
    if w == 0 || h == 0 || !w.is_multiple_of(2) || !h.is_multiple_of(2) || job.frame_rate.value() <= 0.0 {
        let why = format!(
            "{w} × {h} pixels at {} frames a second cannot be encoded",
            job.frame_rate
        );
        return Err(MediaError::BadSamples {
            output: job.output.to_owned(),
            why,
        });
    }
    let (pixels, bytes) = match job.layout {
        PixelLayout::Rgb24 => ("rgb24", w * h * 3),
        PixelLayout::Yuv420p => ("yuv420p", w * h * 3 / 2),
    };
    let song = match job.song {
        Song::None => None,
        Song::File(path) => Some((
            path,
            crate::probe_audio(path, tools, limits, watch)?,
            sniff::open(path, limits)?.1,
        )),
    };
    let inputs: Vec<&Path> = song.iter().map(|s| s.0).collect();
    let output = Output::prepare(job.output, &inputs, job.force)?;
    let mut run = Job::new(Tool::Ffmpeg, "writing", job.output)
        .args(["-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", pixels])
        .args([
            "-s:v".to_owned(),
            format!("{w}x{h}"),
            "-framerate".to_owned(),
            job.frame_rate.to_string(),
        ])
        .args(["-i", "pipe:0"]);
    if let Some((path, _, sniffed)) = &song {
        run = run.args(sniff::sniffed_args(*sniffed)).args(["-i"]).read(path);
    }
    // sRGB to BT.709 matrix and limited range; the tags say what the pixels are.
    let filter = match job.layout {
        PixelLayout::Rgb24 => "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,format=yuv420p",
        PixelLayout::Yuv420p => "null",
    };
    run = run
        .args(["-map", "0:v:0", "-vf", filter])
        .args(container.video_codec(false))
        .args(BT709);
    if let Some((_, audio, _)) = &song {
        run = run.args(["-map".to_owned(), format!("1:{}", audio.index)]);
        run = if takes_song(container, audio) {
            run.args(["-c:a", "copy"])
        } else {
            if audio.codec.starts_with("pcm_f") {
                // Floats may be anything; an encoder stops at what is no number.
                run = run.args([
                    "-af",
                    "aeval=exprs=if(isnan(val(ch))\\,0\\,clip(val(ch)\\,-4\\,4)):c=same",
                ]);
            }
            run.args(container.audio_codec().options().iter().copied())
                .args(["-ar", "48000", "-ac", "2"])
        };
        let length = job.frames as f64 / job.frame_rate.value();
        run = run.args([
            "-map_metadata".to_owned(),
            "1".to_owned(),
            "-t".to_owned(),
            format!("{length:.6}"),
        ]);
    }
    run = tag(run, job.title, job.comment);
    if container.is_quicktime() {
        run = run.args(["-movflags", "+faststart"]);
    }
    let run = run.args(["-f", container.muxer()]).write(output.path()).fed();
    let (frames, _) = child::run(tools, limits, watch, run, |pipes| {
        let pipe = Feed::new(pipes.feed, watch, job.output);
        let mut sink = FrameSink {
            pipe,
            bytes,
            frames: 0,
            expected: job.frames,
        };
        let drawn = draw(&mut sink);
        if let Some(error) = sink.pipe.broken {
            return Err(Halt::Pipe(error));
        }
        drawn?;
        if sink.frames != job.frames {
            let why = format!("{} frames came instead of {}", sink.frames, job.frames);
            return Err(MediaError::BadSamples {
                output: job.output.to_owned(),
                why,
            }
            .into());
        }
        Ok(Finish::Wait(sink.frames))
    })?;
    output.finish()?;
    Ok(frames)
}

/// The tags of what was made here.
pub(crate) const BT709: [&str; 8] = [
    "-colorspace",
    "bt709",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-color_range",
    "tv",
];

/// Title and comment.
pub(crate) fn tag(mut job: Job, title: Option<&str>, comment: Option<&str>) -> Job {
    for (name, text) in [("title", title), ("comment", comment)] {
        if let Some(text) = text {
            job = job.args(["-metadata".to_owned(), format!("{name}={}", text.replace('\0', " "))]);
        }
    }
    job
}

/// Whether a song's stream can stay as it is.
fn takes_song(container: Container, audio: &AudioStream) -> bool {
    let codec = audio.codec.as_str();
    match container {
        // MPEG 2.5 has no place in MP4, and ffmpeg's muxer refuses it.
        Container::Mp4 if codec == "mp3" => audio.sample_rate >= 16_000,
        Container::Mp4 => matches!(codec, "aac" | "alac" | "ac3"),
        Container::Mov => matches!(codec, "aac" | "alac" | "pcm_s16le" | "pcm_s24le"),
        Container::Mkv => matches!(
            codec,
            "aac" | "mp3" | "flac" | "vorbis" | "opus" | "ac3" | "pcm_s16le" | "pcm_s24le"
        ),
        Container::Webm => matches!(codec, "vorbis" | "opus"),
        Container::Avi => matches!(codec, "pcm_s16le"),
    }
}
