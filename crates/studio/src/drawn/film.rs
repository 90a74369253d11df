//! The music and effects of a film, drawn: made, chosen among, brought onto its hits and to its length.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synchresis_cue::Sounds;
use synchresis_models::audioldm::{AudioLdm, Wish};
use synchresis_models::diffusion::Method;
use synchresis_models::warm::Held;
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::Resampler;
use synchresis_sound::mix::RawWriter;

use super::{Engine, NEGATIVE, STEPS, drawing, draws, landing, replicate};
use crate::brief::{Brief, Music};
use crate::cache::Key;
use crate::error::StudioError;
use crate::render::Sound;
use crate::sections::{Candidate, Drawing, Licence, PromptCombiner};
use crate::world::World;

/// Version of what is drawn and how it is fitted to the film.
pub(super) const DRAWN: u32 = 6;
pub(super) const MUSIC: &str = "drawn-music";

/// Mean level that what is drawn is brought to before the mix, about the composer's.
const LEVEL: f32 = 0.08;
/// What fades in at the beginning and out at the end, seconds.
const FADE_IN: f64 = 0.01;
const FADE_OUT: f64 = 1.5;
const LEAST_FADE: f64 = 0.25;

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
    /// Moments that an attack is wanted at, seconds, and how much each matters, 0 to 1.
    pub(crate) hits: &'a [(f64, f64)],
    pub(crate) frame_s: f64,
}

impl Film<'_> {
    pub(super) fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(SAMPLE_RATE)
    }

    /// How long the end fades: the last hit is heard whole.
    pub(super) fn fall(&self) -> f64 {
        let last = self.hits.last().map_or(0.0, |hit| hit.0);
        FADE_OUT.min(self.seconds() - last).max(LEAST_FADE)
    }

    pub(super) fn moments(&self) -> Vec<f64> {
        self.hits.iter().map(|hit| hit.0).collect()
    }
}

/// What the cache keeps of a drawing beside its samples.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept(pub(super) Drawing);

/// One sound that the film wants, and what for.
struct Part<'a> {
    name: &'static str,
    /// Whether it is asked to meet the hits.
    meets: bool,
    wish: Wish<'a>,
    key: Key,
}

/// Music and effects by the engines of the brief. An engine that draws both is loaded once and reads the words of both at once.
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
    if brief.music == Music::Replicate {
        drawn.licences.push(replicate::licence());
        drawn.music = Some(replicate::run(brief, &words.prompt, film, world)?);
    }
    let music = draws(brief).then(|| brief.music.clone());
    let asked = [
        (MUSIC, music, words.prompt.as_str()),
        ("drawn-effects", effects, words.sound_prompt.as_str()),
    ];
    let mut engines: Vec<(Engine, Held<'static, AudioLdm>, Vec<Part<'_>>)> = Vec::new();
    for (name, engine, prompt) in asked {
        let Some(engine) = engine else { continue };
        let Some(mut engine) = Engine::find(&engine, world)? else {
            continue;
        };
        let same = |e: &Engine| e.folder == engine.folder && e.family == engine.family;
        if let Some((engine, model, parts)) = engines.iter_mut().find(|(e, ..)| same(e)) {
            parts.push(part(name, brief, (engine, model), prompt, film));
            continue;
        }
        let model = engine.open(world)?;
        let first = part(name, brief, (&engine, &model), prompt, film);
        engines.push((engine, model, vec![first]));
    }
    for (engine, model, parts) in &mut engines {
        drawn.licences.push(engine.licence());
        let new = parts.iter().filter(|part| kept(part, world).is_none());
        let new: Vec<Wish<'_>> = new.map(|part| part.wish).collect();
        if !new.is_empty() {
            world.begin("reading");
            model.read_ahead(&new, world)?;
        }
        for part in parts {
            let made = fitted(part, engine, model, film, brief.seed, world)?;
            if part.name == MUSIC {
                drawn.music = Some(made);
            } else {
                drawn.effects = Some(made);
            }
        }
    }
    Ok(drawn)
}

/// What is wished for, and the key it is kept under.
fn part<'a>(
    name: &'static str,
    brief: &'a Brief,
    (engine, model): (&Engine, &AudioLdm),
    prompt: &'a str,
    film: &Film<'_>,
) -> Part<'a> {
    let negative = if brief.negative_prompt.is_empty() {
        NEGATIVE
    } else {
        &brief.negative_prompt
    };
    let meets = name == MUSIC && !film.hits.is_empty();
    let seconds = film.seconds() + if meets { landing::SPARE } else { 0.0 };
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
    let hits = if meets { film.hits } else { &[] };
    let inputs = (
        (&engine.weights, engine.name, prompt, negative, wish.seed, wish.steps),
        (wish.guidance, wish.seconds, waveforms, film.frames, hits, film.frame_s),
    );
    Part {
        name,
        meets,
        wish,
        key: Key::new(name, DRAWN, &inputs),
    }
}

/// What an earlier run drew.
fn kept(part: &Part<'_>, world: &dyn World) -> Option<(Sound, Drawing)> {
    let (cache, key) = (world.cache(), &part.key);
    let path = cache.file(part.name, key, "f32")?;
    let Kept(drawing) = cache.json(part.name, key)?;
    let key = key.clone();
    Some((Sound { key, path }, drawing))
}

/// Draws for a film, chooses among what was drawn, and fits it to the film's length.
fn fitted(
    part: &Part<'_>,
    engine: &Engine,
    model: &mut AudioLdm,
    film: &Film<'_>,
    seed: u64,
    world: &dyn World,
) -> Result<(Sound, Drawing), StudioError> {
    if let Some(kept) = kept(part, world) {
        return Ok(kept);
    }
    let (name, key) = (part.name, part.key.clone());
    world.begin("drawing");
    let made = model.make(part.wish, world)?;
    let without = Film { hits: &[], ..*film };
    let film = if part.meets { film } else { &without };
    let mut candidates = Vec::new();
    let mut best: Option<(f64, usize, Vec<f32>)> = None;
    for (rank, waveform) in made.waveforms.iter().enumerate() {
        world.check()?;
        let sound = resampled(&waveform.samples, made.rate);
        let path = keep(&format!("{name}-{}", waveform.index), &key, &sound, world)?;
        let (heard, landing) = landing::landed(&sound, film, seed);
        // The words come first; among equals, so to say, the one that lands better.
        let value =
            f64::from(waveform.score.unwrap_or(0.0)) + 0.2 * landing.as_ref().map_or(0.0, |l| l.after - l.after_chance);
        if best.as_ref().is_none_or(|(most, ..)| value > *most) {
            best = Some((value, rank, heard));
        }
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
    let sound = finished(sound, film.frames as usize, film.fall());
    let path = keep(name, &key, &sound, world)?;
    let drawing = drawing(engine, &part.wish, &made, candidates);
    world
        .cache()
        .put_json(name, &key, &Kept(drawing.clone()))
        .map_err(StudioError::cache)?;
    Ok((Sound { key, path }, drawing))
}

pub(super) fn resampled(samples: &[f32], rate: u32) -> Vec<f32> {
    let mut out = Vec::with_capacity(samples.len() * 3);
    let mut resampler = Resampler::new(rate, SAMPLE_RATE);
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}

/// Exactly as long as the film, at an even level, with an ending.
pub(super) fn finished(mut sound: Vec<f32>, frames: usize, fall: f64) -> Vec<f32> {
    sound.resize(frames, 0.0);
    let mean = (sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / frames.max(1) as f64).sqrt() as f32;
    let gain = if mean > 1e-6 { LEVEL / mean } else { 1.0 };
    let fade = |seconds: f64| ((seconds * f64::from(SAMPLE_RATE)) as usize).min(frames / 4).max(1);
    let (rise, fall) = (fade(FADE_IN), fade(fall));
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
pub(super) fn keep(name: &str, key: &Key, sound: &[f32], world: &dyn World) -> Result<PathBuf, StudioError> {
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
    fn what_is_drawn_is_longer_than_the_film_or_stops_short() {
        let sound = finished(vec![0.5; 100_000], 96_000, FADE_OUT);
        assert_eq!(sound.len(), 96_000);
        assert!(sound[95_999].abs() < 1e-3 && sound[0].abs() < 1e-3 && sound[40_000] > 0.05);
        assert_eq!(finished(vec![0.5; 10], 96_000, FADE_OUT).len(), 96_000);
    }
}
