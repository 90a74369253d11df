//! Sound drawn by a diffusion model from words: by itself, and as the music and effects of a film.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_cue::{Document, Sounds, figures};
use synchresis_models::audioldm::{AudioLdm, Family, Made, Wish};
use synchresis_models::diffusion::Method;
use synchresis_models::warm::{Held, Warm};
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::{Resampler, onsets};
use synchresis_sound::mix::RawWriter;

use crate::brief::{Brief, Music};
use crate::cache::Key;
use crate::error::StudioError;
use crate::eyes::{Weights, find, runtime};
use crate::render::Sound;
use crate::run::{Outcome, write_whole};
use crate::sections::{AudioGeneration, Candidate, Drawing, Landing, Licence, Licences, PromptCombiner};
use crate::weights::allowed;
use crate::world::World;

/// Version of what is drawn and how it is fitted to the film.
const DRAWN: u32 = 1;

/// The seed systems' settings.
const STEPS: u32 = 75;
const NEGATIVE: &str = "Low quality, average quality, bad quality, poor quality";

/// Up to this length, seconds, a sound by itself is drawn whole, as the reference does it; a longer one in windows.
const WHOLE: f64 = 30.0;

/// Mean level that what is drawn is brought to before the mix, about the composer's.
const LEVEL: f32 = 0.08;
/// What fades in at the beginning and out at the end, seconds.
const FADE_IN: f64 = 0.01;
const FADE_OUT: f64 = 1.5;
/// How much more than the film is drawn, seconds, so that it may begin where most of the hits are met.
const SPARE: f64 = 1.0;

/// What `generate` may be told beside the brief.
#[derive(Debug, Clone, Default)]
pub struct DrawOrder {
    /// Length in seconds; what the model was trained with, where absent.
    pub seconds: Option<f64>,
    /// `ddim` or `dpmsolver++`; the folder's own, where absent.
    pub scheduler: Option<String>,
    /// The WAV: the model's own samples, 32-bit float. Others than the best are numbered beside it.
    pub output: Option<PathBuf>,
    /// The document to put the section in.
    pub document: Option<PathBuf>,
    /// Whether to replace what is there.
    pub force: bool,
}

/// A family and where its folder lies.
struct Engine {
    family: Family,
    name: &'static str,
    folder: PathBuf,
    weights: Vec<Weights>,
}

impl Engine {
    fn find(music: &Music, world: &dyn World) -> Result<Option<Self>, StudioError> {
        let (family, name, given, names): (_, _, _, &[&str]) = match music {
            Music::Audioldm2(given) => (
                Family::AudioLdm2,
                "audioldm2",
                given,
                &[
                    "audioldm2",
                    "cvssp/audioldm2",
                    "audioldm2-music",
                    "cvssp/audioldm2-music",
                    "audioldm2-large",
                    "cvssp/audioldm2-large",
                ],
            ),
            Music::Audioldm(given) => (
                Family::AudioLdm,
                "audioldm",
                given,
                &[
                    "audioldm",
                    "cvssp/audioldm-s-full-v2",
                    "cvssp/audioldm",
                    "cvssp/audioldm-m-full",
                    "cvssp/audioldm-l-full",
                ],
            ),
            Music::Composer | Music::None => return Ok(None),
        };
        allowed(name, world)?;
        let folder = find(given.as_deref(), names, family.name(), world)?;
        if !folder.is_dir() {
            return Err(synchresis_models::ModelError::NoWeights {
                path: folder,
                reason: "there is no such folder".to_owned(),
            }
            .into());
        }
        Ok(Some(Self {
            family,
            name,
            weights: Vec::new(),
            folder,
        }))
    }

    /// Opened, or still warm from an earlier time, and known by its weights.
    fn open(&mut self, world: &dyn World) -> Result<Held<'static, AudioLdm>, StudioError> {
        // A part that is missing is told as such before anything is asked of it.
        let model = AudioLdm::open(&self.folder, self.family, &runtime(world)?)?;
        let parts = ["text_encoder", "unet", "vae", "vocoder"];
        self.weights = parts
            .iter()
            .map(|part| Weights::of(&self.folder.join(part)))
            .collect::<Result<_, _>>()?;
        let keys: Vec<String> = self.weights.iter().map(|w| w.key(self.name, world)).collect();
        let bytes = self.weights.iter().map(|w| w.bytes).sum();
        Warm::shared().held(&keys.join("\n"), bytes, || Ok(model))
    }

    fn guidance(&self) -> f64 {
        match self.family {
            Family::AudioLdm2 => 3.5,
            Family::AudioLdm => 2.5,
        }
    }

    /// How many are drawn to choose among, as the seed systems do.
    fn usual_waveforms(&self) -> u32 {
        match self.family {
            Family::AudioLdm2 => 4,
            Family::AudioLdm => 3,
        }
    }

    fn licence(&self) -> Licence {
        Licence {
            what: format!("{} with the weights of {}", self.family.name(), self.folder.display()),
            licence: "CC-BY-NC-SA-4.0, as the published weights (cvssp) have it".into(),
            commercial: false,
            notice: match self.family {
                Family::AudioLdm2 => "AudioLDM 2, H. Liu et al. 2023".into(),
                Family::AudioLdm => "AudioLDM, H. Liu et al. 2023".into(),
            },
        }
    }
}

/// Whether `name` is a method, and which.
fn method(name: Option<&str>) -> Result<Option<Method>, StudioError> {
    match name {
        None => Ok(None),
        Some("ddim") => Ok(Some(Method::Ddim)),
        Some("dpmsolver++" | "dpmsolver") => Ok(Some(Method::DpmSolver)),
        Some(other) => Err(StudioError::Option {
            name: "scheduler".into(),
            why: format!("{other:?} is none of ddim and dpmsolver++"),
        }),
    }
}

fn method_name(method: Option<Method>) -> String {
    match method {
        None => "the folder's own",
        Some(Method::Ddim) => "ddim",
        Some(Method::DpmSolver) => "dpmsolver++",
    }
    .into()
}

/// Whether the brief's music is drawn by an engine.
pub(crate) fn draws(brief: &Brief) -> bool {
    matches!(brief.music, Music::Audioldm2(_) | Music::Audioldm(_))
}

/// Draws a sound of the brief's prompt alone, without a film.
///
/// # Errors
/// No words, weights that are missing or another model's, a wish that cannot be met, cancellation; nothing is left half-written.
pub fn draw(brief: &Brief, order: &DrawOrder, world: &dyn World) -> Result<Outcome, StudioError> {
    let Some(prompt) = brief.prompt.as_deref() else {
        let words = "drawing a sound: there are no words for it\nhint: --prompt \"rain on a tin roof\"";
        return Err(StudioError::Brief(words.into()));
    };
    let method = method(order.scheduler.as_deref())?;
    let earlier = order
        .document
        .as_deref()
        .map(crate::order::read_document)
        .transpose()?
        .flatten();
    let Some(mut engine) = Engine::find(&brief.music, world)? else {
        let words =
            "drawing a sound: the built-in composer needs a film\nhint: name a clip, or --music audioldm2=FOLDER";
        return Err(StudioError::Brief(words.into()));
    };
    let files: Vec<PathBuf> = match &order.output {
        Some(output) => (0..brief.takes.max(1)).map(|n| numbered(output, n)).collect(),
        None => {
            return Err(StudioError::Brief(
                "drawing a sound: it has no name\nhint: -o sound.wav".into(),
            ));
        }
    };
    if let Some(there) = files.iter().find(|file| file.exists() && !order.force) {
        return Err(StudioError::Brief(format!(
            "writing {}: it exists already and is kept\nhint: --force replaces it",
            there.display()
        )));
    }
    world.begin("opening");
    let mut model = engine.open(world)?;
    let seconds = order.seconds.unwrap_or_else(|| model.usual_seconds());
    let wish = Wish {
        prompt,
        negative: Some(brief.negative_prompt.as_str()),
        seed: brief.seed,
        steps: brief.steps.unwrap_or(STEPS) as usize,
        guidance: brief.guidance.unwrap_or_else(|| engine.guidance()) as f32,
        seconds,
        waveforms: brief.takes.max(1) as usize,
        method,
        windows: seconds > WHOLE.max(model.usual_seconds()),
    };
    world.begin("drawing");
    let made = model.make(wish, world)?;
    let mut candidates = Vec::new();
    for (file, waveform) in files.iter().zip(&made.waveforms) {
        write_whole(file, &wav(&waveform.samples, made.rate), "writing the sound to")?;
        candidates.push(Candidate {
            index: waveform.index,
            score: waveform.score.map(f64::from),
            path: Some(file.display().to_string()),
            landing: None,
        });
    }
    let mut document = earlier.unwrap_or_else(Document::default);
    document.put(&AudioGeneration {
        path: files.first().map(|file| file.display().to_string()),
        engine: engine.name.into(),
        drawn: Some(drawing(&engine, &wish, &made, candidates)),
    })?;
    document.put(&Licences {
        used: vec![engine.licence()],
        summary: "The published weights of this engine are not for commercial use.".into(),
    })?;
    if let Some(path) = &order.document {
        write_whole(path, document.to_json().as_bytes(), "writing the document to")?;
    }
    let told = made
        .unranked
        .iter()
        .map(|why| format!("note: the sounds are in the order they were drawn: {why}"));
    Ok(Outcome {
        document,
        result: files.first().cloned(),
        told: told.collect(),
    })
}

fn drawing(engine: &Engine, wish: &Wish<'_>, made: &Made, candidates: Vec<Candidate>) -> Drawing {
    Drawing {
        prompt: wish.prompt.to_owned(),
        negative_prompt: wish.negative.unwrap_or_default().to_owned(),
        seed: wish.seed,
        steps: wish.steps,
        guidance: f64::from(wish.guidance),
        scheduler: method_name(wish.method),
        seconds: wish.seconds,
        windows: wish.windows,
        weights: engine.folder.display().to_string(),
        candidates,
        note: made.unranked.clone().unwrap_or_default(),
    }
}

/// `rain.wav`, `rain.2.wav`, `rain.3.wav`.
fn numbered(output: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return output.to_path_buf();
    }
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let extension = output.extension().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!("{stem}.{}.{extension}", n + 1))
}

/// One channel of 32-bit floats.
fn wav(samples: &[f32], rate: u32) -> Vec<u8> {
    let bytes = samples.len() as u32 * 4;
    let mut out = Vec::with_capacity(samples.len() * 4 + 58);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(50 + bytes).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&18u32.to_le_bytes());
    for field in [3u16, 1] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for field in [rate, rate * 4] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for field in [4u16, 32, 0] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(b"fact");
    for field in [4, samples.len() as u32] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    out
}

/// What is drawn for a film.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) music: Option<(Sound, Drawing)>,
    pub(crate) effects: Option<(Sound, Drawing)>,
    pub(crate) licences: Vec<Licence>,
}

/// What a film asks of what is drawn for it.
pub(crate) struct Film<'a> {
    /// Samples a channel at 48 kHz.
    pub(crate) frames: u64,
    /// Moments that an onset is wanted at, seconds.
    pub(crate) hits: &'a [f64],
    pub(crate) frame_s: f64,
}

/// What the cache keeps of a drawing beside its samples.
#[derive(Debug, Serialize, Deserialize)]
struct Kept(Drawing);

/// Music and effects by the engines of the brief, which are loaded once.
pub(crate) fn run(
    brief: &Brief,
    words: &PromptCombiner,
    film: &Film<'_>,
    world: &dyn World,
) -> Result<Drawn, StudioError> {
    let mut drawn = Drawn::default();
    let effects = match &brief.sounds {
        Sounds::Audioldm2 => match &brief.music {
            Music::Audioldm2(given) => Some(Music::Audioldm2(given.clone().or(brief.sounds_weights.clone()))),
            _ => Some(Music::Audioldm2(brief.sounds_weights.clone())),
        },
        _ => None,
    };
    let music = draws(brief).then(|| brief.music.clone());
    let mut open: Option<(Engine, Held<'static, AudioLdm>)> = None;
    let parts = [
        ("drawn-music", music, &words.prompt),
        ("drawn-effects", effects, &words.sound_prompt),
    ];
    for (name, asked, prompt) in parts {
        let Some(asked) = asked else { continue };
        let Some(mut engine) = Engine::find(&asked, world)? else {
            continue;
        };
        let same = open
            .as_ref()
            .is_some_and(|(e, _)| e.folder == engine.folder && e.family == engine.family);
        if !same {
            let model = engine.open(world)?;
            drawn.licences.push(engine.licence());
            open = Some((engine, model));
        }
        let Some((engine, model)) = open.as_mut() else { continue };
        let part = fitted(name, brief, (engine, model), prompt, film, world)?;
        if name == "drawn-music" {
            drawn.music = Some(part);
        } else {
            drawn.effects = Some(part);
        }
    }
    Ok(drawn)
}

/// Draws for a film, chooses among what was drawn, and fits it to the film's length.
fn fitted(
    name: &'static str,
    brief: &Brief,
    (engine, model): (&Engine, &mut AudioLdm),
    prompt: &str,
    film: &Film<'_>,
    world: &dyn World,
) -> Result<(Sound, Drawing), StudioError> {
    let negative = if brief.negative_prompt.is_empty() {
        NEGATIVE
    } else {
        &brief.negative_prompt
    };
    let length = film.frames as f64 / f64::from(SAMPLE_RATE);
    let hits = if name == "drawn-music" { film.hits } else { &[] };
    let seconds = length + if hits.is_empty() { 0.0 } else { SPARE };
    let waveforms = if brief.takes > 1 {
        brief.takes
    } else {
        engine.usual_waveforms()
    };
    let wish = Wish {
        prompt,
        negative: Some(negative),
        seed: brief.seed,
        steps: brief.steps.unwrap_or(STEPS) as usize,
        guidance: brief.guidance.unwrap_or_else(|| engine.guidance()) as f32,
        // Shorter films than this begin like one of half a second.
        seconds: seconds.max(0.5),
        waveforms: waveforms as usize,
        method: Some(Method::DpmSolver),
        windows: seconds > model.usual_seconds(),
    };
    let inputs = (
        (&engine.weights, engine.name, prompt, negative, wish.seed, wish.steps),
        (wish.guidance, wish.seconds, waveforms, film.frames, hits, film.frame_s),
    );
    let key = Key::new(name, DRAWN, &inputs);
    let cache = world.cache();
    if let (Some(path), Some(Kept(drawing))) = (cache.file(name, &key, "f32"), cache.json(name, &key)) {
        return Ok((Sound { key, path }, drawing));
    }
    world.begin("drawing");
    let made = model.make(wish, world)?;
    let mut candidates = Vec::new();
    let mut best: Option<(f64, usize, Vec<f32>)> = None;
    for (rank, waveform) in made.waveforms.iter().enumerate() {
        world.check()?;
        let sound = resampled(&waveform.samples, made.rate);
        let (from, landing) = landed(&sound, film, hits, brief.seed);
        // The words come first; among equals, so to say, the one that lands better.
        let value =
            f64::from(waveform.score.unwrap_or(0.0)) + 0.2 * landing.as_ref().map_or(0.0, |l| l.after - l.after_chance);
        if best.as_ref().is_none_or(|(most, ..)| value > *most) {
            best = Some((value, rank, sound[from.min(sound.len())..].to_vec()));
        }
        let path = keep(&format!("{name}-{}", waveform.index), &key, &sound, world)?;
        candidates.push(Candidate {
            index: waveform.index,
            score: waveform.score.map(f64::from),
            path: Some(path.display().to_string()),
            landing,
        });
    }
    let Some((_, rank, sound)) = best else {
        return Err(StudioError::Brief("drawing a sound: nothing was drawn".into()));
    };
    // The one that is heard is named first.
    if rank < candidates.len() {
        let chosen = candidates.remove(rank);
        candidates.insert(0, chosen);
    }
    let sound = finished(sound, film.frames as usize);
    let path = keep(name, &key, &sound, world)?;
    let drawing = drawing(engine, &wish, &made, candidates);
    cache
        .put_json(name, &key, &Kept(drawing.clone()))
        .map_err(StudioError::cache)?;
    Ok((Sound { key, path }, drawing))
}

fn resampled(samples: &[f32], rate: u32) -> Vec<f32> {
    let mut out = Vec::with_capacity(samples.len() * 3);
    let mut resampler = Resampler::new(rate, SAMPLE_RATE);
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}

/// Where in `sound` the film should begin so that most of its hits are met, and how much that helps.
fn landed(sound: &[f32], film: &Film<'_>, hits: &[f64], seed: u64) -> (usize, Option<Landing>) {
    if hits.is_empty() {
        return (0, None);
    }
    let heard: Vec<f64> = onsets(sound, SAMPLE_RATE, 1).iter().map(|onset| onset.time_s).collect();
    let length = film.frames as f64 / f64::from(SAMPLE_RATE);
    let spare = (sound.len() as f64 / f64::from(SAMPLE_RATE) - length).clamp(0.0, SPARE);
    let from = |start: f64| -> Vec<f64> {
        let shifted = heard.iter().map(|t| t - start);
        shifted.filter(|t| *t >= 0.0 && *t <= length).collect()
    };
    let near = |start: f64| -> f64 {
        let events = from(start);
        let each = hits.iter().map(|hit| {
            let away = events.iter().map(|t| (t - hit).abs()).fold(f64::INFINITY, f64::min);
            // A hit within a frame counts whole; nearer is better still.
            if away <= film.frame_s {
                1.0 + (1.0 - away / film.frame_s) * 0.1
            } else {
                (-away * 40.0).exp() * 0.1
            }
        });
        each.sum()
    };
    let steps = (spare * 1000.0) as usize;
    let best = (0..=steps)
        .map(|ms| ms as f64 / 1000.0)
        .fold((f64::MIN, 0.0), |best, start| {
            let value = near(start);
            if value > best.0 + 1e-9 { (value, start) } else { best }
        });
    let rate = |start: f64| figures::sync(hits, &from(start), film.frame_s, length, seed).hit_rate_1f;
    let (before, after) = (rate(0.0), rate(best.1));
    let landing = Landing {
        begins_s: best.1,
        before: before.value,
        before_chance: before.chance,
        after: after.value,
        after_chance: after.chance,
    };
    ((best.1 * f64::from(SAMPLE_RATE)).round() as usize, Some(landing))
}

/// Exactly as long as the film, at an even level, with an ending.
fn finished(mut sound: Vec<f32>, frames: usize) -> Vec<f32> {
    sound.resize(frames, 0.0);
    let mean = (sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / frames.max(1) as f64).sqrt() as f32;
    let gain = if mean > 1e-6 { LEVEL / mean } else { 1.0 };
    let fade = |seconds: f64| ((seconds * f64::from(SAMPLE_RATE)) as usize).min(frames / 4).max(1);
    let (rise, fall) = (fade(FADE_IN), fade(FADE_OUT));
    for (i, x) in sound.iter_mut().enumerate() {
        let edge = |at: usize, length: usize| {
            let share = (at as f32 / length as f32).min(1.0);
            0.5 - 0.5 * (std::f32::consts::PI * share).cos()
        };
        *x *= gain * edge(i + 1, rise) * edge(frames - i - 1, fall);
    }
    sound
}

/// Keeps one channel as the two of a scratch file.
fn keep(name: &str, key: &Key, sound: &[f32], world: &dyn World) -> Result<PathBuf, StudioError> {
    let mut pending = world.cache().create(name, key, "f32").map_err(StudioError::cache)?;
    {
        let mut scratch = RawWriter::new("the drawn sound", pending.file());
        for part in sound.chunks(1 << 16) {
            let both: Vec<f32> = part.iter().flat_map(|x| [*x, *x]).collect();
            scratch.write(&both)?;
        }
        scratch.finish()?;
    }
    pending.keep().map_err(StudioError::cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_begins_where_it_misses_the_hits() {
        // Clicks each half second, 0.2 s late; hits on whole and half seconds.
        let mut sound = vec![0.0f32; SAMPLE_RATE as usize * 5];
        for n in 0..9 {
            let at = ((0.2 + f64::from(n) * 0.5) * f64::from(SAMPLE_RATE)) as usize;
            for (i, x) in sound[at..at + 2000].iter_mut().enumerate() {
                *x = (0.8 * (-(i as f64) / 300.0).exp() * (i as f64 * 0.9).sin()) as f32;
            }
        }
        let film = Film {
            frames: u64::from(SAMPLE_RATE) * 4,
            hits: &[0.5, 1.0, 2.0, 3.5],
            frame_s: 1.0 / 30.0,
        };
        let (from, landing) = landed(&sound, &film, film.hits, 1);
        let landing = landing.expect("there are hits");
        assert!(
            (landing.begins_s - 0.2).abs() < 0.02 || (landing.begins_s - 0.7).abs() < 0.02,
            "{landing:?}"
        );
        assert!(landing.before < 0.3 && landing.after > 0.99, "{landing:?}");
        assert_eq!(from, (landing.begins_s * f64::from(SAMPLE_RATE)).round() as usize);
    }

    #[test]
    fn what_is_drawn_is_longer_than_the_film_or_stops_short() {
        let sound = finished(vec![0.5; 100_000], 96_000);
        assert_eq!(sound.len(), 96_000);
        assert!(sound[95_999].abs() < 1e-3 && sound[0].abs() < 1e-3 && sound[40_000] > 0.05);
        assert_eq!(finished(vec![0.5; 10], 96_000).len(), 96_000);
    }

    #[test]
    fn a_wav_of_floats_has_a_wrong_head() {
        let bytes = wav(&[0.25, -1.0], 16_000);
        assert_eq!(bytes.len(), 58 + 8);
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(
            u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize,
            bytes.len() - 8
        );
        assert_eq!(bytes[20], 3);
        assert_eq!(&bytes[58..62], &0.25f32.to_le_bytes());
    }
}
