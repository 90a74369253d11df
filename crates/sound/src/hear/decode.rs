//! Songs as samples, without a subprocess.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use synchresis_cue::Watch;

use crate::SoundError;

/// Decoded samples on their way to a listener.
#[derive(Debug, Clone, Copy)]
pub struct SongBlock<'a> {
    /// Interleaved samples, full scale ±1, whole frames.
    pub samples: &'a [f32],
    /// Samples a second of each channel.
    pub rate: u32,
    /// Channels, 1 or more.
    pub channels: usize,
}

/// What was decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoded {
    /// Samples a second, as the song began.
    pub rate: u32,
    /// Channels, as the song began.
    pub channels: usize,
    /// Frames given.
    pub frames: u64,
    /// Packets that could not be decoded and were left out.
    pub broken_packets: u64,
}

/// The hint of an error that another decoder may not have.
const ELSEWHERE: &str =
    "ffmpeg may read what this decoder cannot; a protected (DRM) or damaged file must be saved anew";
/// More packets in a row than this without a sample, and the file is given up.
const PATIENCE: u64 = 4096;

/// Decodes the first sound stream of `source` (WAV, AIFF, FLAC, Ogg Vorbis, MP3, AAC and ALAC in MP4, Matroska) and gives
/// it in blocks to `each`. `extension` is a hint (`mp3`) that is believed only if the bytes agree. A stream that breaks
/// off is given as far as it goes.
///
/// # Errors
/// [`SoundError::Song`] where nothing could be decoded, [`SoundError::Cancelled`], or what `each` answers.
pub fn decode(
    source: impl Read + Seek + Send + Sync + 'static,
    extension: Option<&str>,
    watch: &dyn Watch,
    mut each: impl FnMut(SongBlock<'_>) -> Result<(), SoundError>,
) -> Result<Decoded, SoundError> {
    watch.check()?;
    let (mut format, mut decoder, track) = guarded("the header", || open(source, extension))?;
    let mut done = Decoded {
        rate: 0,
        channels: 0,
        frames: 0,
        broken_packets: 0,
    };
    let mut samples: Vec<f32> = Vec::new();
    let mut idle = 0;
    loop {
        watch.check()?;
        samples.clear();
        let step = guarded("a packet", || {
            next(format.as_mut(), decoder.as_mut(), track, &mut samples)
        });
        let (rate, channels) = match step {
            Ok(Step::Samples { rate, channels }) => (rate, channels),
            Ok(Step::Other) => (0, 0),
            Ok(Step::Broken) => {
                done.broken_packets += 1;
                (0, 0)
            }
            Ok(Step::End) => break,
            // What went before is worth hearing.
            Err(_) if done.frames > 0 => {
                done.broken_packets += 1;
                break;
            }
            Err(error) => return Err(error),
        };
        if samples.is_empty() || rate == 0 || channels == 0 {
            idle += 1;
            if idle > PATIENCE {
                break;
            }
            continue;
        }
        idle = 0;
        if done.frames == 0 {
            (done.rate, done.channels) = (rate, channels);
        }
        done.frames += (samples.len() / channels) as u64;
        each(SongBlock {
            samples: &samples,
            rate,
            channels,
        })?;
    }
    if done.frames == 0 {
        return Err(song("it holds no sound that can be decoded"));
    }
    Ok(done)
}

fn song(reason: impl Into<String>) -> SoundError {
    SoundError::Song {
        reason: reason.into(),
        hint: ELSEWHERE,
    }
}

/// The decoder is foreign code on foreign bytes: should it panic on them, that is an error like any other.
fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T, SoundError>) -> Result<T, SoundError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(song(format!("{what} is malformed"))))
}

type Opened = (Box<dyn FormatReader>, Box<dyn AudioDecoder>, u32);

fn open(source: impl Read + Seek + Send + Sync + 'static, extension: Option<&str>) -> Result<Opened, SoundError> {
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(&extension.to_ascii_lowercase());
    }
    let stream = MediaSourceStream::new(Box::new(Seekable::new(source)), Default::default());
    let format = symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(|e| song(format!("its format is not known ({e})")))?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| song("it holds no sound stream"))?;
    let id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|p| p.audio())
        .ok_or_else(|| song("it does not say how its sound is coded"))?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| song(format!("its sound is coded in a way that is not known ({e})")))?;
    Ok((format, decoder, id))
}

enum Step {
    Samples { rate: u32, channels: usize },
    Other,
    Broken,
    End,
}

fn next(
    format: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track: u32,
    samples: &mut Vec<f32>,
) -> Result<Step, SoundError> {
    let packet = match format.next_packet() {
        Ok(Some(packet)) => packet,
        Ok(None) => return Ok(Step::End),
        Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Step::End),
        // The next song of a chained stream.
        Err(Error::ResetRequired) => return Ok(Step::End),
        Err(e) => return Err(song(e.to_string())),
    };
    if packet.track_id != track {
        return Ok(Step::Other);
    }
    match decoder.decode(&packet) {
        Ok(buffer) => {
            buffer.copy_to_vec_interleaved(samples);
            Ok(Step::Samples {
                rate: buffer.spec().rate(),
                channels: buffer.spec().channels().count(),
            })
        }
        Err(Error::DecodeError(_) | Error::IoError(_)) => Ok(Step::Broken),
        Err(e) => Err(song(e.to_string())),
    }
}

/// A source whose length is known from seeking to its end.
struct Seekable<S> {
    source: S,
    length: Option<u64>,
}

impl<S: Read + Seek> Seekable<S> {
    fn new(mut source: S) -> Self {
        let length = source.stream_position().and_then(|here| {
            let end = source.seek(SeekFrom::End(0))?;
            source.seek(SeekFrom::Start(here))?;
            Ok(end)
        });
        Self {
            source,
            length: length.ok(),
        }
    }
}

impl<S: Read> Read for Seekable<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.source.read(buffer)
    }
}

impl<S: Seek> Seek for Seekable<S> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.source.seek(to)
    }
}

impl<S: Read + Seek + Send + Sync> MediaSource for Seekable<S> {
    fn is_seekable(&self) -> bool {
        self.length.is_some()
    }

    fn byte_len(&self) -> Option<u64> {
        self.length
    }
}
