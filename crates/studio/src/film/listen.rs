//! A song, heard once: by the built-in decoders, else by ffmpeg.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use synchresis_media::{AudioOptions, MediaError, decode_song};
use synchresis_sound::SoundError;
use synchresis_sound::hear::{self, Listener, PaceListener, Resampler};

use super::{Listened, quietly};
use crate::error::StudioError;
use crate::world::World;

/// Margins of the separation into tones and strokes: the seed's.
const MARGINS: (f32, f32) = (5.0, 5.0);

/// The rate at which ffmpeg gives what the built-in decoders cannot read.
const RATE: u32 = 44_100;

/// Hears `song`; the curves of the pace come at `fps` values a second.
pub(super) fn run(song: &Path, fps: f64, world: &dyn World) -> Result<Listened, StudioError> {
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => MediaError::NotFound { input: song.to_owned() },
        _ => MediaError::Unreadable {
            input: song.to_owned(),
            why: e.to_string(),
        },
    };
    let meta = std::fs::metadata(song).map_err(unreadable)?;
    if meta.is_dir() {
        return Err(MediaError::IsFolder { input: song.to_owned() }.into());
    }
    if meta.len() == 0 {
        return Err(MediaError::Empty { input: song.to_owned() }.into());
    }
    let file = File::open(song).map_err(unreadable)?;
    let extension = song.extension().map(|e| e.to_string_lossy().to_lowercase());
    let mut ears = Ears::new(fps);
    let decoded = hear::decode(file, extension.as_deref(), &quietly(world), |block| {
        ears.hear(block.samples, block.rate, block.channels);
        Ok(())
    });
    match decoded {
        Ok(_) => Ok(ears.finish()),
        Err(SoundError::Cancelled(_)) => Err(StudioError::Cancelled),
        Err(_) => {
            let mut ears = Ears::new(fps);
            let options = AudioOptions {
                rate: RATE,
                channels: 2,
            };
            decode_song(song, options, world.tools()?, world.limits(), world, |samples| {
                ears.hear(samples, RATE, 2);
                ControlFlow::Continue(())
            })?;
            Ok(ears.finish())
        }
    }
}

/// Everything that listens to the same samples.
struct Ears {
    listener: Option<Listener>,
    rate: u32,
    channels: usize,
    resampler: Option<Resampler>,
    pace: PaceListener,
    mono: Vec<f32>,
    low: Vec<f32>,
}

impl Ears {
    fn new(fps: f64) -> Self {
        Self {
            listener: None,
            rate: 0,
            channels: 0,
            resampler: None,
            pace: PaceListener::new(fps, MARGINS),
            mono: Vec::new(),
            low: Vec::new(),
        }
    }

    fn hear(&mut self, samples: &[f32], rate: u32, channels: usize) {
        let channels = channels.max(1);
        let listener = self.listener.get_or_insert_with(|| Listener::new(rate, channels));
        if (rate, channels) != (self.rate, self.channels) && self.rate != 0 {
            listener.change(rate, channels);
        }
        if rate != self.rate
            && let Some(done) = self.resampler.replace(Resampler::new(rate, hear::RATE))
        {
            self.low.clear();
            done.finish(&mut self.low);
            self.pace.push(&self.low);
        }
        (self.rate, self.channels) = (rate, channels);
        listener.push(samples);
        self.mono.clear();
        self.mono.extend(samples.chunks_exact(channels).map(|frame| {
            let sum: f32 = frame.iter().filter(|x| x.is_finite()).sum();
            sum / channels as f32
        }));
        self.low.clear();
        if let Some(resampler) = &mut self.resampler {
            resampler.push(&self.mono, &mut self.low);
        }
        self.pace.push(&self.low);
    }

    fn finish(mut self) -> Listened {
        if let Some(resampler) = self.resampler {
            self.low.clear();
            resampler.finish(&mut self.low);
            self.pace.push(&self.low);
        }
        let curves = self.pace.finish();
        let heard = self.listener.unwrap_or_else(|| Listener::new(hear::RATE, 1)).finish();
        Listened {
            hearing: heard.hearing,
            harmonic: curves.harmonic,
            percussive: curves.percussive,
        }
    }
}
