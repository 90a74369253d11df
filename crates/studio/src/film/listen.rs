//! A song, heard once.

use std::ops::ControlFlow;
use std::path::Path;

use synchresis_cue::round_to;
use synchresis_media::{AudioOptions, decode_song};
use synchresis_sound::hear::{self, Listener, OnsetDetector, PaceListener, Resampler};

use super::Listened;
use crate::error::StudioError;
use crate::world::World;

/// Margins of the separation into tones and strokes: the seed's.
const MARGINS: (f32, f32) = (5.0, 5.0);

/// The rate at which a song is heard; the listener resamples it as librosa does.
const RATE: u32 = 44_100;

/// Hears `song`; the curves of the pace come at `fps` values a second. ffmpeg decodes it, since ffmpeg also puts it into
/// the film: both must agree on where it begins and ends.
pub(super) fn run(song: &Path, fps: f64, world: &dyn World) -> Result<Listened, StudioError> {
    let mut ears = Ears::new(fps);
    let options = AudioOptions {
        rate: RATE,
        channels: 2,
    };
    decode_song(song, options, world.tools()?, world.limits(), world, |samples| {
        ears.hear(samples);
        ControlFlow::Continue(())
    })?;
    Ok(ears.finish())
}

/// Everything that listens to the same samples.
struct Ears {
    listener: Listener,
    attacks: OnsetDetector,
    resampler: Resampler,
    pace: PaceListener,
    mono: Vec<f32>,
    low: Vec<f32>,
}

impl Ears {
    fn new(fps: f64) -> Self {
        Self {
            listener: Listener::new(RATE, 2),
            attacks: OnsetDetector::new(RATE, 2),
            resampler: Resampler::new(RATE, hear::RATE),
            pace: PaceListener::new(fps, MARGINS),
            mono: Vec::new(),
            low: Vec::new(),
        }
    }

    fn hear(&mut self, samples: &[f32]) {
        self.listener.push(samples);
        self.attacks.push(samples);
        self.mono.clear();
        self.mono
            .extend(samples.chunks_exact(2).map(|frame| 0.5 * (frame[0] + frame[1])));
        self.low.clear();
        self.resampler.push(&self.mono, &mut self.low);
        self.pace.push(&self.low);
    }

    fn finish(mut self) -> Listened {
        self.low.clear();
        self.resampler.finish(&mut self.low);
        self.pace.push(&self.low);
        let curves = self.pace.finish();
        let heard = self.listener.finish();
        let attacks = self.attacks.finish();
        Listened {
            hearing: heard.hearing,
            harmonic: curves.harmonic,
            percussive: curves.percussive,
            attacks: attacks.iter().map(|a| (round_to(a.time_s, 5), a.strength)).collect(),
        }
    }
}
