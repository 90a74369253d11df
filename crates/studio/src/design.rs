//! From what is seen and said to effects: the sound designer's plan, and its notes.

use synchresis_composer::design::{self, Scene, Thing};
use synchresis_cue::{Mood, Original, Score, Sighting, SoundDesign, SoundKind, Sounds, Spotting};

use crate::brief::Brief;
use crate::compose::{self, Composed};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::Opened;
use crate::order::Order;
use crate::sections::{FrameDescription, ObjectDetection, PromptCombiner};
use crate::tell;
use crate::world::World;

/// Versions of the designer and of its choice of moments.
const DESIGN: u32 = 1;
const ALONE: u32 = 1;

/// The effects on paper.
#[derive(Debug, Clone)]
pub(crate) struct Designed {
    pub(crate) plan: SoundDesign,
    pub(crate) score: Score,
    /// The moments that effects strike, where there is no music to strike them.
    pub(crate) spotting: Option<Spotting>,
}

impl Designed {
    /// The plan in a sentence.
    pub(crate) fn told(&self) -> String {
        let count = |kind: SoundKind| self.plan.cues.iter().filter(|cue| cue.kind == kind).count();
        let mut beds: Vec<&str> = self
            .plan
            .cues
            .iter()
            .filter(|cue| cue.kind == SoundKind::Ambience)
            .map(|cue| cue.voice.as_str())
            .collect();
        beds.sort_unstable();
        beds.dedup();
        let strikes = count(SoundKind::Impact) + count(SoundKind::Flash);
        let mut parts = Vec::new();
        for (n, one, many) in [
            (strikes, "strike", "strikes"),
            (count(SoundKind::Riser), "riser", "risers"),
            (count(SoundKind::Whoosh), "whoosh", "whooshes"),
        ] {
            if n > 0 {
                parts.push(format!("{n} {}", if n == 1 { one } else { many }));
            }
        }
        if !beds.is_empty() {
            parts.push(format!("beds of {}", beds.join(", ")));
        }
        if parts.is_empty() {
            parts.push("nothing".into());
        }
        format!("effects: {}; `sound_design` of the document says why", parts.join(", "))
    }
}

/// The moments that matter, where nobody composes.
pub(crate) fn alone(
    ledger: &mut Ledger,
    brief: &Brief,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Spotting, StudioError> {
    let (mood, _) = compose::mood(ledger, brief, sighting, None, world)?;
    let options = compose::spot_options(brief, sighting, brief.seed);
    let inputs = (sighting, &mood, &brief.hits, "alone");
    ledger.section(ALONE, &inputs, world, || {
        Ok(design::spot_alone(sighting, &mood, &options))
    })
}

/// The seed of the effects: they follow the picture, and stay as they were where sections of the music do.
pub(crate) fn seed(brief: &Brief, composed: Option<&Composed>) -> u64 {
    let locks = composed.and_then(|composed| composed.locks.as_ref());
    locks.map_or(brief.seed, |locks| locks.effects_seed)
}

/// Plans the effects; `None` where the brief asks for none.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    composed: Option<&Composed>,
    world: &dyn World,
) -> Result<Option<Designed>, StudioError> {
    let brief = &order.brief;
    if brief.sounds != Sounds::Designer {
        return Ok(None);
    }
    world.begin("designing");
    let (mood, alone): (Mood, Option<Spotting>) = match composed {
        Some(_) => (ledger.document().get()?, None),
        None => {
            let spotting = alone(ledger, brief, sighting, world)?;
            (ledger.document().get()?, Some(spotting))
        }
    };
    let spotting = composed.map(|composed| &composed.spotting).or(alone.as_ref());
    let hits = spotting.map_or(&[][..], |spotting| spotting.hits.as_slice());
    let objects: ObjectDetection = ledger.document().get()?;
    let words = words(ledger, brief, &objects)?;
    let own_sound = opened.footage.audio.is_some() && brief.original != Some(Original::Drop);
    let things = things(&objects, opened, sighting);
    let seed = seed(brief, composed);
    let inputs = (sighting, &mood, hits, &objects, &words, own_sound, seed);
    let plan: SoundDesign = ledger.section(DESIGN, &(inputs, composed.is_none()), world, || {
        let words: Vec<(&str, &str)> = words.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Ok(design::design(&Scene {
            sighting,
            mood: &mood,
            hits,
            words: &words,
            things: &things,
            alone: composed.is_none(),
            own_sound,
            seed,
        }))
    })?;
    let score = design::play(&plan, sighting.duration_s);
    Ok(Some(Designed {
        plan,
        score,
        spotting: alone,
    }))
}

/// The texts that may name a place. What the program itself said of the recognised objects is left out: their boxes say
/// more.
fn words(
    ledger: &Ledger,
    brief: &Brief,
    objects: &ObjectDetection,
) -> Result<Vec<(&'static str, String)>, StudioError> {
    let combined: PromptCombiner = ledger.document().get()?;
    let described: FrameDescription = ledger.document().get()?;
    let own = tell::combine(brief, objects, &described.description).sound_prompt;
    let mut words = vec![("the mood", brief.mood.clone())];
    if let Some(prompt) = &brief.prompt {
        words.push(("the prompt", prompt.clone()));
    }
    if combined.sound_prompt != own {
        words.push(("the sound prompt", combined.sound_prompt));
    } else if described.engine != "measured" {
        words.push(("the description", described.description));
    }
    Ok(words)
}

/// Recognised things at the times of their frames; boxes as shares of the picture.
fn things(objects: &ObjectDetection, opened: &Opened, sighting: &Sighting) -> Vec<Thing> {
    let (width, height) = (
        f64::from(opened.footage.video.display_width),
        f64::from(opened.footage.video.display_height),
    );
    let mut things = Vec::new();
    for frame in &objects.frames {
        let sample = sighting.samples.iter().find(|sample| sample.frame == frame.frame);
        let time_s = sample.map_or(frame.frame as f64 / sighting.frame_rate.max(1.0), |sample| {
            sample.time_s
        });
        for object in &frame.boxes {
            let [left, top, right, bottom] = object.corners;
            let place = (
                (left + right) / 2.0 / width,
                (right - left) * (bottom - top) / (width * height),
            );
            let sound = place.0.is_finite() && place.1.is_finite();
            things.push(Thing {
                time_s,
                label: object.label.clone(),
                confidence: object.confidence,
                place: sound.then_some((place.0.clamp(0.0, 1.0), place.1.clamp(0.0, 1.0))),
            });
        }
        let boxed = |label: &String| frame.boxes.iter().any(|object| object.label == *label);
        for label in frame.labels.iter().filter(|label| !boxed(label)) {
            things.push(Thing {
                time_s,
                label: label.clone(),
                confidence: 1.0,
                place: None,
            });
        }
    }
    things
}
