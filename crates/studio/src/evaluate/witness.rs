//! What is seen and what is heard, before any figure; remembered in the cache.

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use synchresis_cue::{Footage, Sighting, round_to};
use synchresis_media::{AudioOptions, DecodeOptions, changed_values, decode_audio, decode_frames, decode_song, probe};
use synchresis_picture::sight::{Matrix, Thumbnail, Watcher};
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::{self, Framer, Listener, MelBank, N_FFT, OnsetDetector, Resampler, Stft};

use crate::cache::Key;
use crate::error::StudioError;
use crate::open::identity;
use crate::world::World;

/// Version of what is seen and heard here.
const WITNESS: u32 = 2;
/// Version of what the seed's score is made from.
const RHYTHM: u32 = 2;

/// What the picture does and what is heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Witnessed {
    pub(crate) footage: Footage,
    pub(crate) sighting: Sighting,
    pub(crate) events: Vec<f64>,
    pub(crate) strip: Strip,
}

/// Small pictures side by side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Strip {
    /// When each is shown.
    pub(crate) times: Vec<f64>,
    /// All of them in one JPEG, [`Strip::WIDTH`] by [`Strip::HEIGHT`] pixels each, as base64.
    pub(crate) jpeg: String,
}

impl Strip {
    pub(crate) const WIDTH: usize = 96;
    pub(crate) const HEIGHT: usize = 54;

    /// The middle of each picture, filling its place.
    fn new(thumbnails: &[Thumbnail]) -> Self {
        let (w, h, n) = (Self::WIDTH, Self::HEIGHT, thumbnails.len());
        let mut rgb = vec![0; w * n * h * 3];
        for (k, thumb) in thumbnails.iter().enumerate() {
            let scale = (thumb.width as f64 / w as f64).min(thumb.height as f64 / h as f64);
            let left = (thumb.width as f64 - w as f64 * scale) / 2.0;
            let top = (thumb.height as f64 - h as f64 * scale) / 2.0;
            for y in 0..h {
                for x in 0..w {
                    let at = |v: usize, from: f64, most: usize| {
                        ((from + (v as f64 + 0.5) * scale) as usize).min(most.saturating_sub(1))
                    };
                    let from = (at(y, top, thumb.height) * thumb.width + at(x, left, thumb.width)) * 3;
                    let to = (y * w * n + k * w + x) * 3;
                    if let (Some(to), Some(from)) = (rgb.get_mut(to..to + 3), thumb.rgb.get(from..from + 3)) {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
        Self {
            times: thumbnails.iter().map(|t| t.time_s).collect(),
            jpeg: super::plot::jpeg(&rgb, w * n, h, 80),
        }
    }
}

/// What the seed's score is made from, and the pictures of the sound.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rhythmic {
    /// All beats of librosa's tracker with the onset strength there, 0 to 1.
    pub(crate) beats: Vec<(f64, f64)>,
    /// Beats a minute.
    pub(crate) tempo: f64,
    /// Onset strength, 0 to 1, and the seconds between its values.
    pub(crate) onset: Vec<f32>,
    pub(crate) onset_step_s: f64,
    /// For each frame but the first: when, and how many colour values changed; absent for films too large for it.
    pub(crate) changes: Option<Vec<(f64, u64)>>,
    pub(crate) mel: Mel,
}

/// A mel spectrogram, coarse enough to be looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mel {
    /// Columns from left to right, each [`Mel::BANDS`] decibels from low to high.
    pub(crate) columns: Vec<Vec<f32>>,
    /// Seconds from one column to the next.
    pub(crate) step_s: f64,
}

impl Mel {
    const BANDS: usize = 96;
    /// Columns at most.
    const MOST: usize = 2048;
}

/// Gathers a [`Mel`] from samples of any length in bounded memory.
struct MelListener {
    resampler: Resampler,
    framer: Framer,
    stft: Stft,
    bank: MelBank,
    power: Vec<f32>,
    low: Vec<f32>,
    columns: Vec<Vec<f32>>,
    /// Frames in a column, and how many the last one has.
    factor: usize,
    filled: usize,
}

impl MelListener {
    fn new(rate: u32) -> Self {
        let stft = Stft::new(N_FFT);
        Self {
            resampler: Resampler::new(rate, hear::RATE),
            framer: Framer::new(N_FFT, hear::HOP),
            power: vec![0.0; stft.bins()],
            stft,
            bank: MelBank::new(hear::RATE, N_FFT, Mel::BANDS),
            low: Vec::new(),
            columns: Vec::new(),
            factor: 1,
            filled: 0,
        }
    }

    fn push(&mut self, mono: &[f32]) {
        self.low.clear();
        self.resampler.push(mono, &mut self.low);
        let Self {
            framer,
            stft,
            bank,
            power,
            low,
            columns,
            factor,
            filled,
            ..
        } = self;
        framer.push(low, |frame| {
            stft.power(frame, power);
            let mut row = vec![0.0; Mel::BANDS];
            bank.apply(power, &mut row);
            if *filled > 0
                && *filled < *factor
                && let Some(last) = columns.last_mut()
            {
                last.iter_mut().zip(&row).for_each(|(sum, v)| *sum += v);
                *filled += 1;
                return;
            }
            if columns.len() == Mel::MOST {
                // Full: two columns become one from here on.
                let pairs = columns.chunks_exact(2);
                *columns = pairs
                    .map(|pair| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect())
                    .collect();
                *factor *= 2;
            }
            columns.push(row);
            *filled = 1;
        });
    }

    fn finish(mut self) -> Mel {
        hear::power_to_db(&mut self.columns);
        Mel {
            columns: self.columns,
            step_s: self.factor as f64 * hear::HOP as f64 / f64::from(hear::RATE),
        }
    }
}

/// Watches and listens, or remembers.
pub(crate) fn witness(video: &Path, audio: Option<&Path>, world: &dyn World) -> Result<Witnessed, StudioError> {
    let known = known(video, audio);
    let key = Key::new("witnessed", WITNESS, &known);
    if let Some(witnessed) = world.cache().json("witnessed", &key).filter(|_| known.is_some()) {
        return Ok(witnessed);
    }
    let (tools, limits) = (world.tools()?, world.limits());
    world.begin("opening");
    let footage = probe(video, tools, limits, world)?;
    world.begin("watching");
    let matrix = if footage.video.height >= 720 {
        Matrix::Bt709
    } else {
        Matrix::Bt601
    };
    let mut watcher = Watcher::new(matrix);
    let mut broken = None;
    let decoded = decode_frames(
        &footage,
        video,
        DecodeOptions::default(),
        tools,
        limits,
        world,
        |frame| match watcher.see(&frame) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                broken = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    let strip = Strip::new(&watcher.thumbnails());
    let sighting = watcher.finish(decoded.length_s(&footage));
    world.begin("listening");
    let mut ears = OnsetDetector::new(SAMPLE_RATE, 2);
    let options = AudioOptions {
        rate: SAMPLE_RATE,
        channels: 2,
    };
    let mut listen = |samples: &[f32]| {
        ears.push(samples);
        ControlFlow::Continue(())
    };
    match audio {
        Some(song) => decode_song(song, options, tools, limits, world, &mut listen)?,
        None => decode_audio(&footage, video, options, tools, limits, world, &mut listen)?,
    };
    let events = ears.finish().iter().map(|onset| round_to(onset.time_s, 5)).collect();
    let witnessed = Witnessed {
        footage,
        sighting,
        events,
        strip,
    };
    world.cache().remember("witnessed", &key, &witnessed);
    Ok(witnessed)
}

/// What the files are known by, if they are there.
fn known(video: &Path, audio: Option<&Path>) -> Option<(String, String)> {
    let name = |path: &Path| identity(path).map(|key| key.as_str().to_owned());
    name(video).zip(audio.map_or(Some(String::new()), name))
}

/// Looks for what the seed's score is made from, or remembers.
pub(crate) fn rhythmic(
    video: &Path,
    audio: Option<&Path>,
    footage: &Footage,
    world: &dyn World,
) -> Result<Rhythmic, StudioError> {
    let known = known(video, audio);
    let key = Key::new("rhythm", RHYTHM, &known);
    if let Some(rhythmic) = world.cache().json("rhythm", &key).filter(|_| known.is_some()) {
        return Ok(rhythmic);
    }
    let (tools, limits) = (world.tools()?, world.limits());
    world.begin("listening for beats");
    // At the sound's own rate, so that it is resampled once and as librosa does.
    let rate = match (audio, &footage.audio) {
        (None, Some(sound)) => sound.sample_rate.clamp(8_000, 192_000),
        _ => 44_100,
    };
    let options = AudioOptions { rate, channels: 2 };
    let mut ears = Listener::new(rate, 2);
    let mut eyes = MelListener::new(rate);
    let mut mono = Vec::new();
    let mut listen = |samples: &[f32]| {
        ears.push(samples);
        mono.clear();
        mono.extend(samples.chunks_exact(2).map(|frame| 0.5 * (frame[0] + frame[1])));
        eyes.push(&mono);
        ControlFlow::Continue(())
    };
    match audio {
        Some(song) => decode_song(song, options, tools, limits, world, &mut listen)?,
        None => decode_audio(footage, video, options, tools, limits, world, &mut listen)?,
    };
    let heard = ears.finish();
    world.begin("counting changes");
    let mut changes = Vec::new();
    let counted = changed_values(footage, video, tools, limits, world, |change| {
        changes.push((round_to(change.time_s, 6), change.values));
    })?;
    let beats = heard.hearing.beats.iter();
    let rhythmic = Rhythmic {
        beats: beats.map(|beat| (beat.time_s, beat.strength)).collect(),
        tempo: heard.hearing.tempo,
        onset: heard.hearing.curves.onset.clone(),
        onset_step_s: heard.hearing.curves.step_s,
        changes: counted.map(|_| changes),
        mel: eyes.finish(),
    };
    world.cache().remember("rhythm", &key, &rhythmic);
    Ok(rhythmic)
}
