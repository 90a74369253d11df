//! The mix with the clip's own sound, mastered, encoded, and listened to.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_cue::{Cancelled, Original, Sighting, Sync, figures, round_to};
use synchresis_media::{AudioCodec, AudioJob, AudioOptions, Container, MediaError, decode_audio, encode_audio};
use synchresis_sound::hear::OnsetDetector;
use synchresis_sound::mix::{self, Balance, Parts, RawReader, RawWriter, SampleFormat, Source, Target, WavWriter};
use synchresis_sound::{SAMPLE_RATE, SoundError};

use crate::brief::Brief;
use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::{Opened, Quietly};
use crate::order::Order;
use crate::render::{Rendered, Sound};
use crate::sections::MixReport;
use crate::takes;
use crate::timeline::Peaks;
use crate::world::World;

/// Versions of the decoder's settings and of the mix.
const ORIGINAL: u32 = 1;
const MIX: u32 = 7;

/// True peak of the film's sound at most, dBTP.
const PEAK_DBTP: f64 = -1.0;

/// What a lossy codec may add to a true peak, dB: 2.05 was the most over some two hundred films of eighteen styles (horns over a dry kit),
/// so the master stays this much below.
const OVERSHOOT_DB: f64 = 2.3;

/// The most that the limiter takes from a peak, dB: plucked and struck styles need this much to be as loud as the others.
const MOST_LIMITING_DB: f64 = 24.0;

/// How many spans the waveform of the timeline has.
const SPANS: usize = 4096;

/// The film's sound.
#[derive(Debug, Clone)]
pub(crate) struct Mixed {
    /// The encoded sound, ready for the film; `None` where there is nothing to hear.
    pub(crate) sound: Option<PathBuf>,
    pub(crate) key: Key,
    pub(crate) sync: Sync,
    pub(crate) peaks: Peaks,
}

/// What the cache keeps of a mix beside the encoded sound.
#[derive(Debug, Serialize, Deserialize)]
struct Heard {
    report: MixReport,
    onsets: Vec<f64>,
    peaks: Peaks,
    silent: bool,
}

/// Everything a mix is made from.
#[derive(Debug, Serialize)]
struct MixInputs<'a> {
    music: Option<&'a str>,
    effects: Option<&'a str>,
    original: Option<&'a str>,
    mode: Original,
    music_volume: f64,
    sounds_volume: f64,
    loudness: f64,
    frames: u64,
    codec: &'a str,
}

impl MixInputs<'_> {
    fn balance(&self) -> Balance {
        Balance {
            frames: self.frames,
            music_volume: self.music_volume,
            sounds_volume: self.sounds_volume,
            original: self.mode,
        }
    }
}

fn target(brief: &Brief, overshoot_db: f64) -> Target {
    Target {
        loudness_lufs: brief.loudness,
        peak_dbtp: PEAK_DBTP - overshoot_db,
        most_limiting_db: MOST_LIMITING_DB,
        ..Target::default()
    }
}

/// Mixes what was rendered with the clip's own sound; `hits` are the moments at which an onset is promised, seconds.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    hits: &[f64],
    rendered: &Rendered,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Mixed, StudioError> {
    let brief = &order.brief;
    let original = kept_original(order, opened, world)?;
    let codec = Container::of(&order.film())?.audio_codec();
    let inputs = inputs(brief, rendered, original.as_ref(), sighting, codec.extension());
    let key = Key::new("mixed", MIX, &inputs);
    world.begin("mixing");
    let cached = world.cache().json::<Heard>("mixed", &key).and_then(|heard| {
        let sound = world.cache().file("mixed", &key, codec.extension());
        (heard.silent || sound.is_some()).then_some((heard, sound))
    });
    let (heard, sound) = match cached.filter(|_| order.deliver.audio.is_none()) {
        Some(cached) => cached,
        None => make(order, rendered, original.as_ref(), &inputs, codec, world)?,
    };
    let report: MixReport = ledger.section(MIX, &inputs, world, || Ok(heard.report.clone()))?;
    drop(report);
    let frame_s = 1.0 / sighting.frame_rate.max(1.0);
    let held: Sync = ledger.section(MIX, &(&inputs, hits, frame_s), world, || {
        Ok(figures::sync(
            hits,
            &heard.onsets,
            frame_s,
            sighting.duration_s,
            brief.seed,
        ))
    })?;
    Ok(Mixed {
        sound,
        key,
        sync: held,
        peaks: heard.peaks,
    })
}

/// The clip's own sound, unless it is dropped.
fn kept_original(order: &Order, opened: &Opened, world: &dyn World) -> Result<Option<Sound>, StudioError> {
    match order.brief.original {
        Some(Original::Drop) => Ok(None),
        _ => own_sound(opened, order, world),
    }
}

fn inputs<'a>(
    brief: &Brief,
    rendered: &'a Rendered,
    original: Option<&'a Sound>,
    sighting: &Sighting,
    codec: &'a str,
) -> MixInputs<'a> {
    MixInputs {
        music: rendered.music.as_ref().map(|sound| sound.key.as_str()),
        effects: rendered.effects.as_ref().map(|sound| sound.key.as_str()),
        original: original.map(|sound| sound.key.as_str()),
        mode: brief.original.unwrap_or(Original::Duck),
        music_volume: brief.music_volume,
        sounds_volume: brief.sounds_volume,
        loudness: brief.loudness,
        frames: (sighting.duration_s * f64::from(SAMPLE_RATE)).round() as u64,
        codec,
    }
}

/// The key of what [`bounce`] would write.
pub(crate) fn bounced(
    order: &Order,
    opened: &Opened,
    rendered: &Rendered,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Key, StudioError> {
    let original = kept_original(order, opened, world)?;
    Ok(takes::key(&(
        MIX,
        inputs(&order.brief, rendered, original.as_ref(), sighting, "wav"),
    )))
}

/// Writes the sound that the film would have as a 24-bit WAV, mastered like the film's.
pub(crate) fn bounce(
    order: &Order,
    opened: &Opened,
    rendered: &Rendered,
    sighting: &Sighting,
    path: &Path,
    world: &dyn World,
) -> Result<(), StudioError> {
    let original = kept_original(order, opened, world)?;
    let inputs = inputs(&order.brief, rendered, original.as_ref(), sighting, "wav");
    let mut music = rendered.music.as_ref().map(open).transpose()?;
    let mut effects = rendered.effects.as_ref().map(open).transpose()?;
    let mut own = original.as_ref().map(open).transpose()?;
    let parts = Parts {
        music: music.as_mut().map(|source| source as &mut dyn Source),
        sounds: effects.as_mut().map(|source| source as &mut dyn Source),
        original: own.as_mut().map(|source| source as &mut dyn Source),
    };
    let mut wav = Wav::create(path, SampleFormat::Pcm24)?;
    let mut sink = |samples: &[f32]| wav.writer.write(samples);
    mix::film(parts, &inputs.balance(), &target(&order.brief, 0.0), &mut sink, world)?;
    wav.keep()
}

/// The clip's own sound as a scratch file, from the cache or decoded.
pub(crate) fn own_sound(opened: &Opened, order: &Order, world: &dyn World) -> Result<Option<Sound>, StudioError> {
    let Some(stream) = &opened.footage.audio else {
        return Ok(None);
    };
    let key = Key::new("original", ORIGINAL, &(&opened.content, stream.index));
    if let Some(path) = world.cache().file("original", &key, "f32") {
        return Ok(Some(Sound { key, path }));
    }
    let mut pending = world
        .cache()
        .create("original", &key, "f32")
        .map_err(StudioError::cache)?;
    {
        let mut scratch = RawWriter::new("the clip's own sound", pending.file());
        let mut failed = None;
        decode_audio(
            &opened.footage,
            &order.input,
            AudioOptions {
                rate: SAMPLE_RATE,
                channels: 2,
            },
            world.tools()?,
            world.limits(),
            &Quietly(world),
            |samples| match scratch.write(samples) {
                Ok(()) => std::ops::ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    std::ops::ControlFlow::Break(())
                }
            },
        )?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        scratch.finish()?;
    }
    let path = pending.keep().map_err(StudioError::cache)?;
    Ok(Some(Sound { key, path }))
}

fn make(
    order: &Order,
    rendered: &Rendered,
    original: Option<&Sound>,
    inputs: &MixInputs<'_>,
    codec: AudioCodec,
    world: &dyn World,
) -> Result<(Heard, Option<PathBuf>), StudioError> {
    let brief = &order.brief;
    let key = Key::new("mixed", MIX, inputs);
    let mut music = rendered.music.as_ref().map(open).transpose()?;
    let mut effects = rendered.effects.as_ref().map(open).transpose()?;
    let mut own = original.map(open).transpose()?;
    let silent = music.is_none() && effects.is_none() && own.is_none();
    let parts = Parts {
        music: music.as_mut().map(|source| source as &mut dyn Source),
        sounds: effects.as_mut().map(|source| source as &mut dyn Source),
        original: own.as_mut().map(|source| source as &mut dyn Source),
    };
    let balance = inputs.balance();
    let overshoot = if codec == AudioCodec::Pcm { 0.0 } else { OVERSHOOT_DB };
    let target = target(brief, overshoot);
    let cache = world.cache();
    let pending = cache
        .create("mixed", &key, codec.extension())
        .map_err(StudioError::cache)?;
    let mut wav = order
        .deliver
        .audio
        .as_deref()
        .map(|path| Wav::create(path, SampleFormat::Float32))
        .transpose()?;
    let mut ears = OnsetDetector::new(SAMPLE_RATE, 2);
    let span = (inputs.frames as usize).div_ceil(SPANS).max(1);
    let mut peaks = vec![0f32; (inputs.frames as usize).div_ceil(span)];
    let mut at = 0usize;
    let mut mixed: Option<Result<mix::Mixed, SoundError>> = None;
    let job = AudioJob {
        output: pending.path(),
        codec,
        force: true,
        expected: inputs.frames,
    };
    let quietly = Quietly(world);
    encode_audio(job, world.tools()?, world.limits(), &quietly, |encoder| {
        let mut broken = None;
        let made = mix::film(
            parts,
            &balance,
            &target,
            &mut |samples: &[f32]| {
                ears.push(samples);
                for frame in samples.chunks_exact(2) {
                    if let Some(peak) = peaks.get_mut(at / span) {
                        *peak = peak.max(frame[0].abs()).max(frame[1].abs());
                    }
                    at += 1;
                }
                if let Some(wav) = &mut wav {
                    wav.writer.write(samples)?;
                }
                encoder.write(samples).map_err(|error| {
                    broken = Some(error);
                    SoundError::Cancelled(Cancelled)
                })
            },
            world,
        );
        let stop = made.as_ref().err().map(|_| MediaError::Cancelled(Cancelled));
        mixed = Some(made);
        match broken.or(stop) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    })
    .map_err(|error| match (error, mixed.take()) {
        // The mixer stopped by itself: its own words say why.
        (MediaError::Cancelled(_), Some(Err(error))) => StudioError::from(error),
        (error, kept) => {
            mixed = kept;
            StudioError::from(error)
        }
    })?;
    let Some(mixed) = mixed.transpose()? else {
        return Err(StudioError::Brief("mixing: the encoder was never fed".into()));
    };
    if let Some(wav) = wav {
        wav.keep()?;
    }
    for peak in &mut peaks {
        *peak = round_to(f64::from(*peak), 3) as f32;
    }
    let heard = Heard {
        report: report(&mixed, inputs, brief),
        onsets: ears.finish().iter().map(|onset| round_to(onset.time_s, 5)).collect(),
        peaks,
        silent,
    };
    cache.remember("mixed", &key, &heard);
    if silent {
        return Ok((heard, None));
    }
    let path = pending.keep().map_err(StudioError::cache)?;
    Ok((heard, Some(path)))
}

fn open(sound: &Sound) -> Result<RawReader<File>, StudioError> {
    let file = File::open(&sound.path).map_err(StudioError::cache)?;
    Ok(RawReader::new("a scratch file of the cache", file))
}

fn report(mixed: &mix::Mixed, inputs: &MixInputs<'_>, brief: &Brief) -> MixReport {
    let mut notes = Vec::new();
    if let Some(gain) = mixed.music_db {
        notes.push(format!("music at {gain:+.1} dB before the master"));
    }
    if let Some(below) = mixed.sounds_below_lu {
        notes.push(match below {
            below if below >= 0.0 => format!("effects {below:.1} LU below the music"),
            below => format!("effects {:.1} LU above the music, as the volumes ask", -below),
        });
    }
    if mixed.ducked_s > 0.0 {
        notes.push(format!(
            "music ducked for {:.1} s, by {:.1} dB at most",
            mixed.ducked_s, -mixed.deepest_db
        ));
    }
    if mixed.original_music > 0.5 && inputs.original.is_some() {
        notes.push("the clip's own sound is mostly music: the new music steps aside for it; --original drop leaves the old out".into());
    }
    if mixed.master.limiting_db > 0.1 {
        notes.push(format!(
            "the limiter took {:.1} dB from the highest peak",
            mixed.master.limiting_db
        ));
    }
    let original = match (inputs.original, brief.original.unwrap_or(Original::Duck)) {
        (None, Original::Drop) => "dropped",
        (None, _) => "none",
        (Some(_), Original::Keep) => "kept",
        (Some(_), _) => "ducked under",
    };
    MixReport {
        loudness_lufs: mixed.master.loudness_lufs.map(|lufs| round_to(lufs, 2)),
        true_peak_dbtp: mixed.master.peak_dbtp.map(|peak| round_to(peak, 2)),
        original: original.into(),
        notes,
    }
}

/// A WAV that appears under its name once it is whole.
pub(crate) struct Wav {
    pub(crate) writer: WavWriter<File>,
    temporary: tempfile::TempPath,
    path: PathBuf,
}

impl Wav {
    /// Stereo at 48 kHz.
    pub(crate) fn create(path: &Path, format: SampleFormat) -> Result<Self, StudioError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let (file, temporary) = crate::run::unfinished(folder, "")
            .map_err(|e| StudioError::file("writing the sound to", path, e))?
            .into_parts();
        let writer = WavWriter::new(path.display().to_string(), file, format, None)?;
        Ok(Self {
            writer,
            temporary,
            path: path.to_owned(),
        })
    }

    pub(crate) fn keep(self) -> Result<(), StudioError> {
        self.writer.finish()?;
        self.temporary
            .persist(&self.path)
            .map_err(|e| StudioError::file("writing the sound to", &self.path, e.error))?;
        Ok(())
    }
}
