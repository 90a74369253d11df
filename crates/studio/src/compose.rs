//! From what is seen to notes: mood, spotting, composition.

use std::collections::BTreeSet;
use std::path::Path;

use synchresis_composer::mood::Recognised;
use synchresis_composer::spot::{SpotOptions, spot};
use synchresis_composer::style::{self, Style};
use synchresis_composer::{compose, mood};
use synchresis_cue::{Appearance, CueSheet, Mood, Score, Sighting, Spotting};

use crate::brief::{Brief, Music};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::order::{Order, Stage};
use crate::recut;
use crate::sections::{FrameDescription, Locks, ObjectDetection, Recut, Scene};
use crate::takes;
use crate::world::World;

/// Versions of the stages' code: raise one when its result changes for the same inputs.
const MOOD: u32 = 3;
const SPOTTING: u32 = 5;
pub(crate) const COMPOSITION: u32 = 7;

/// The music on paper.
#[derive(Debug, Clone)]
pub(crate) struct Composed {
    pub(crate) mood: Mood,
    pub(crate) style: Style,
    pub(crate) spotting: Spotting,
    pub(crate) cue_sheet: CueSheet,
    pub(crate) score: Score,
    /// What stays of an earlier take.
    pub(crate) locks: Option<Locks>,
}

/// The styles that come with the program.
pub fn styles() -> &'static [Style] {
    style::builtin()
}

/// Composes for `sighting`; `None` where the brief asks for no music.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    until: Stage,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Option<Composed>, StudioError> {
    let brief = &order.brief;
    if brief.music != Music::Composer {
        return Ok(None);
    }
    world.begin("composing");
    let recut = recut::of(ledger, brief)?;
    let (mood, style) = mood(ledger, brief, sighting, recut.as_ref(), world)?;
    let (mood, style) = (&mood, &style);
    let kept = Locks::of(ledger, brief)?;
    if let Some(kept) = &kept {
        ledger.put(kept)?;
    }
    let seed = match recut.as_ref().and_then(|recut| recut.seed) {
        Some(seed) => seed,
        None => takes::best(ledger, order, until, sighting, (mood, style), kept.as_ref(), world)?,
    };
    let spotting: Spotting = match &kept {
        // The bars that stay must stay where they are.
        Some(kept) => {
            ledger.put(&kept.spotting)?;
            kept.spotting.clone()
        }
        None => ledger.section(SPOTTING, &(sighting, mood, style, &brief.hits, seed), world, || {
            Ok(spot(sighting, mood, style, &spot_options(brief, sighting, seed)))
        })?,
    };
    world.check()?;
    let inputs = (sighting, mood, &spotting, style, seed, &kept);
    let cue_sheet_and_score = || match &kept {
        Some(kept) => {
            let (_, cue_sheet, score) = kept.recompose(sighting, mood, style, seed);
            (cue_sheet, score)
        }
        None => compose(sighting, mood, &spotting, style, seed),
    };
    let mut made: Option<(CueSheet, Score)> = None;
    let cue_sheet = ledger.section(COMPOSITION, &inputs, world, || {
        let (cue_sheet, score) = cue_sheet_and_score();
        made = Some((cue_sheet.clone(), score));
        Ok(cue_sheet)
    })?;
    let score = ledger.section(COMPOSITION, &inputs, world, || match made.take() {
        Some((_, score)) => Ok(score),
        None => Ok(cue_sheet_and_score().1),
    })?;
    Ok(Some(Composed {
        mood: mood.clone(),
        style: style.clone(),
        spotting,
        cue_sheet,
        score,
        locks: kept,
    }))
}

/// A take: the bars of its seed (or those that are kept), and the music on them.
pub(crate) fn take(
    sighting: &Sighting,
    (mood, style): (&Mood, &Style),
    brief: &Brief,
    kept: Option<&Locks>,
    seed: u64,
) -> (Spotting, CueSheet, Score) {
    if let Some(kept) = kept {
        return kept.recompose(sighting, mood, style, seed);
    }
    let spotting = spot(sighting, mood, style, &spot_options(brief, sighting, seed));
    let (cue_sheet, score) = compose(sighting, mood, &spotting, style, seed);
    (spotting, cue_sheet, score)
}

/// What picture and words ask for, and the style that was chosen.
pub(crate) fn mood(
    ledger: &mut Ledger,
    brief: &Brief,
    sighting: &Sighting,
    recut: Option<&Recut>,
    world: &dyn World,
) -> Result<(Mood, Style), StudioError> {
    let (wanted, styles) = choose_from(brief)?;
    let named = wanted
        .as_ref()
        .map(|style| style.name.as_str())
        .or(brief.style.as_deref())
        .or(recut.and_then(|recut| recut.style.as_deref()));
    let before = recut.and_then(|recut| recut.mood.as_ref());
    // What a style's file says is an input like any other: an edited file composes anew.
    let recognised = recognised(ledger, sighting);
    let inputs = (sighting, &brief.mood, named, wanted.as_ref(), before);
    let inputs = (inputs, &recognised.words, recognised.feeling, &recognised.appearing);
    let mood: Mood = ledger.section(MOOD, &inputs, world, || {
        let fresh = mood::choose_with(sighting, &brief.mood, &recognised, named, &styles)?;
        Ok(match before {
            Some(before) => mood::keep(fresh, before),
            None => fresh,
        })
    })?;
    let style = styles.into_iter().find(|style| style.name == mood.style).ok_or_else(|| {
        StudioError::Brief(format!("composing: the document's mood asks for a style {:?}, which nothing has\nhint: `synchresis styles` lists them", mood.style))
    })?;
    Ok((mood, style))
}

/// What the engines that looked at the picture say of it: things that were recognised, the scene, the description.
fn recognised(ledger: &Ledger, sighting: &Sighting) -> Recognised {
    let document = ledger.document();
    let mut words: Vec<String> = Vec::new();
    let mut appearing = Vec::new();
    if let Ok(objects) = document.get::<ObjectDetection>() {
        appearing = appearances(&objects, sighting);
        let labels: BTreeSet<String> = objects.frames.into_iter().flat_map(|frame| frame.labels).collect();
        words.extend(labels);
    }
    let mut feeling = None;
    if let Ok(scene) = document.get::<Scene>() {
        words.extend(scene.words);
        feeling = scene.valence.zip(scene.arousal);
    }
    if let Ok(described) = document.get::<FrameDescription>()
        && described.engine != "measured"
    {
        words.push(described.description);
    }
    Recognised {
        words: words.join(", "),
        feeling,
        appearing,
    }
}

/// What is recognised in a sampled frame and in none before.
fn appearances(objects: &ObjectDetection, sighting: &Sighting) -> Vec<Appearance> {
    let time_s = |frame: u64| {
        let sample = sighting.samples.iter().find(|sample| sample.frame == frame);
        sample.map_or(frame as f64 / sighting.frame_rate.max(1.0), |sample| sample.time_s)
    };
    let mut met: BTreeSet<&String> = BTreeSet::new();
    let mut all = Vec::new();
    let mut after_s = None;
    for frame in &objects.frames {
        let by_s = time_s(frame.frame);
        for what in &frame.labels {
            if met.insert(what)
                && let Some(after_s) = after_s
            {
                all.push(Appearance {
                    what: what.clone(),
                    after_s,
                    by_s,
                });
            }
        }
        after_s = Some(by_s);
    }
    all
}

pub(crate) fn spot_options(brief: &Brief, sighting: &Sighting, seed: u64) -> SpotOptions {
    SpotOptions {
        duration_s: sighting.duration_s,
        frame_rate: sighting.frame_rate,
        seed,
        manual: brief.hits.clone(),
    }
}

/// The style file that the brief names, if it names a file, and every style there is to choose from.
fn choose_from(brief: &Brief) -> Result<(Option<Style>, Vec<Style>), StudioError> {
    let mut styles = style::builtin().to_vec();
    let Some(name) = brief.style.as_deref().filter(|name| name.ends_with(".toml")) else {
        return Ok((None, styles));
    };
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|e| StudioError::file("reading the style", path, e))?;
    let style = Style::from_toml_named(&text, name)?;
    styles.retain(|other| other.name != style.name);
    styles.push(style.clone());
    Ok((Some(style), styles))
}
