//! From what is seen to notes: mood, spotting, composition.

use std::path::Path;

use serde::Serialize;
use synchresis_composer::spot::{SpotOptions, spot};
use synchresis_composer::style::{self, Style};
use synchresis_composer::{compose, mood, rank, recompose};
use synchresis_cue::{CueSheet, Mood, Score, Section, Sighting, Spotting, round_to};

use crate::brief::{Brief, Music};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::sections::{Take, Takes};
use crate::world::World;

/// Versions of the stages' code: raise one when its result changes for the same inputs.
const MOOD: u32 = 1;
const SPOTTING: u32 = 2;
const COMPOSITION: u32 = 2;

/// The music on paper.
#[derive(Debug, Clone)]
pub(crate) struct Composed {
    pub(crate) spotting: Spotting,
    pub(crate) cue_sheet: CueSheet,
    pub(crate) score: Score,
}

/// The styles that come with the program.
pub fn styles() -> &'static [Style] {
    style::builtin()
}

/// Composes for `sighting`; `None` where the brief asks for no music.
pub(crate) fn run(
    ledger: &mut Ledger,
    brief: &Brief,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Option<Composed>, StudioError> {
    if brief.music == Music::None {
        return Ok(None);
    }
    world.begin("composing");
    let (wanted, styles) = choose_from(brief)?;
    let named = wanted
        .as_ref()
        .map(|style| style.name.as_str())
        .or(brief.style.as_deref());
    // What a style's file says is an input like any other: an edited file composes anew.
    let inputs = (sighting, &brief.mood, named, wanted.as_ref());
    let mood: Mood = ledger.section(MOOD, &inputs, world, || {
        Ok(mood::choose(sighting, &brief.mood, named, &styles)?)
    })?;
    let style = styles.iter().find(|style| style.name == mood.style).ok_or_else(|| {
        StudioError::Brief(format!("composing: the document's mood asks for a style {:?}, which nothing has\nhint: `synchresis styles` lists them", mood.style))
    })?;
    let seed = best_take(ledger, brief, sighting, &mood, style, world)?;
    let kept = Kept::of(ledger, brief)?;
    let spotting: Spotting = match &kept {
        // The bars that stay must stay where they are.
        Some(kept) => {
            ledger.put(&kept.spotting)?;
            kept.spotting.clone()
        }
        None => ledger.section(SPOTTING, &(sighting, &mood, style, &brief.hits, seed), world, || {
            Ok(spot(sighting, &mood, style, &spot_options(brief, sighting, seed)))
        })?,
    };
    world.check()?;
    let inputs = (sighting, &mood, &spotting, style, seed, &kept);
    let cue_sheet_and_score = || -> Result<(CueSheet, Score), StudioError> {
        Ok(match &kept {
            Some(kept) => {
                let old = (&kept.cue_sheet, &kept.score);
                recompose(sighting, &mood, &spotting, style, old, &kept.sections, seed)
            }
            None => compose(sighting, &mood, &spotting, style, seed),
        })
    };
    let mut made: Option<(CueSheet, Score)> = None;
    let cue_sheet = ledger.section(COMPOSITION, &inputs, world, || {
        let (cue_sheet, score) = cue_sheet_and_score()?;
        made = Some((cue_sheet.clone(), score));
        Ok(cue_sheet)
    })?;
    let score = ledger.section(COMPOSITION, &inputs, world, || match made.take() {
        Some((_, score)) => Ok(score),
        None => Ok(cue_sheet_and_score()?.1),
    })?;
    Ok(Some(Composed {
        spotting,
        cue_sheet,
        score,
    }))
}

fn spot_options(brief: &Brief, sighting: &Sighting, seed: u64) -> SpotOptions {
    SpotOptions {
        duration_s: sighting.duration_s,
        frame_rate: sighting.frame_rate,
        seed,
        manual: brief.hits.clone(),
    }
}

/// The seed to compose with: the brief's, or that of the best of several takes, all of which the document lists.
fn best_take(
    ledger: &mut Ledger,
    brief: &Brief,
    sighting: &Sighting,
    mood: &Mood,
    style: &Style,
    world: &dyn World,
) -> Result<u64, StudioError> {
    if brief.takes <= 1 {
        return Ok(brief.seed);
    }
    let takes: Takes = ledger.section(
        COMPOSITION,
        &(sighting, mood, style, &brief.hits, brief.seed, brief.takes),
        world,
        || {
            let mut ranked = Vec::new();
            for take in 0..u64::from(brief.takes) {
                world.check()?;
                let seed = brief.seed.wrapping_add(take);
                let spotting = spot(sighting, mood, style, &spot_options(brief, sighting, seed));
                let (cue_sheet, score) = compose(sighting, mood, &spotting, style, seed);
                let reasons = rank::reasons(&cue_sheet, &spotting, &score);
                let value = reasons.iter().map(|reason| reason.value).sum::<f64>() / reasons.len().max(1) as f64;
                ranked.push(Take {
                    seed,
                    value: round_to(value, 4),
                    reasons: reasons
                        .into_iter()
                        .map(|reason| format!("{}: {}", reason.name, reason.why))
                        .collect(),
                });
            }
            ranked.sort_by(|a, b| b.value.total_cmp(&a.value));
            Ok(Takes { ranked })
        },
    )?;
    Ok(takes.ranked.first().map_or(brief.seed, |take| take.seed))
}

/// What stays of an earlier take.
#[derive(Debug, Serialize)]
struct Kept {
    spotting: Spotting,
    cue_sheet: CueSheet,
    score: Score,
    /// Indices of the sections, from 0.
    sections: Vec<usize>,
}

impl Kept {
    fn of(ledger: &Ledger, brief: &Brief) -> Result<Option<Self>, StudioError> {
        if brief.keep_sections.is_empty() {
            return Ok(None);
        }
        let missing = || {
            StudioError::Brief(
                "keeping sections: there is no earlier take\nhint: name the document of one with --document".into(),
            )
        };
        let earlier = ledger
            .earlier()
            .filter(|earlier| earlier.has(Score::NAME))
            .ok_or_else(missing)?;
        let (spotting, cue_sheet, score): (Spotting, CueSheet, Score) =
            (earlier.get()?, earlier.get()?, earlier.get()?);
        let all = cue_sheet.form.len();
        if let Some(wrong) = brief.keep_sections.iter().find(|number| !(1..=all).contains(number)) {
            return Err(StudioError::Brief(format!(
                "keeping section {wrong}: the earlier take has sections 1 to {all}\nhint: they stand under `cue_sheet.form`"
            )));
        }
        let sections = brief.keep_sections.iter().map(|number| number - 1).collect();
        Ok(Some(Self {
            spotting,
            cue_sheet,
            score,
            sections,
        }))
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
