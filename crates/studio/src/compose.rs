//! From what is seen to notes: mood, spotting, composition.

use std::path::Path;

use synchresis_composer::spot::{SpotOptions, spot};
use synchresis_composer::style::{self, Style};
use synchresis_composer::{compose, mood};
use synchresis_cue::{CueSheet, Layer, Mood, Score, Sighting, Sounds, Spotting};

use crate::brief::{Brief, Music};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::world::World;

/// Versions of the stages' code: raise one when its result changes for the same inputs.
const MOOD: u32 = 1;
const SPOTTING: u32 = 1;
const COMPOSITION: u32 = 1;

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

/// Composes for `sighting`; `None` where the brief asks for no music and no effects.
pub(crate) fn run(
    ledger: &mut Ledger,
    brief: &Brief,
    sighting: &Sighting,
    world: &dyn World,
) -> Result<Option<Composed>, StudioError> {
    if brief.music == Music::None && brief.sounds == Sounds::None {
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
    let spotting: Spotting = ledger.section(
        SPOTTING,
        &(sighting, &mood, style, &brief.hits, brief.seed),
        world,
        || {
            let options = SpotOptions {
                duration_s: sighting.duration_s,
                frame_rate: sighting.frame_rate,
                seed: brief.seed,
                manual: brief.hits.clone(),
            };
            Ok(spot(sighting, &mood, style, &options))
        },
    )?;
    world.check()?;
    let inputs = (sighting, &mood, &spotting, style, brief.seed, brief.music, brief.sounds);
    let cue_sheet_and_score = || -> Result<(CueSheet, Score), StudioError> {
        let (mut cue_sheet, mut score) = compose(sighting, &mood, &spotting, style, brief.seed);
        if brief.music == Music::None {
            score
                .tracks
                .retain(|track| matches!(track.layer, Layer::Effects | Layer::Ambience));
            cue_sheet
                .instruments
                .retain(|i| matches!(i.layer, Layer::Effects | Layer::Ambience));
        }
        Ok((cue_sheet, score))
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
