//! Several takes of one brief: composed, rendered, ranked by what speaks for each, and all of them kept.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_composer::rank;
use synchresis_composer::style::Style;
use synchresis_cue::{Mood, Sighting, round_to};
use synchresis_sound::mix::{RawReader, quality};

use crate::cache::Key;
use crate::compose::{COMPOSITION, take};
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::mix;
use crate::open::{Opened, identity};
use crate::order::{Order, Stage};
use crate::render::{self, Rendered};
use crate::sections::{Locks, Take, Takes};
use crate::world::World;

/// Version of what is measured and of how takes are written.
const TAKES: u32 = 1;
const TAKE: &str = "take";

/// Where the take of this rank goes: `holiday.scored.take-2.wav` beside `holiday.scored.mp4`.
pub(crate) fn path(film: &Path, rank: usize) -> PathBuf {
    let stem = film.file_stem().unwrap_or_default().to_string_lossy();
    film.with_file_name(format!("{stem}.take-{rank}.wav"))
}

/// What was written where, so that the same take is not written twice.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    key: String,
}

fn written(path: &Path, world: &dyn World) -> Option<Written> {
    world.cache().json(TAKE, &identity(path)?)
}

/// Refuses, before any work is done, to write over files that are not ours.
pub(crate) fn refuse_early(order: &Order, world: &dyn World) -> Result<(), StudioError> {
    if order.deliver.force {
        return Ok(());
    }
    let film = order.film();
    for rank in 2..=order.brief.takes as usize {
        let path = path(&film, rank);
        if path.exists() && written(&path, world).is_none() {
            return Err(exists(&path));
        }
    }
    Ok(())
}

fn exists(path: &Path) -> StudioError {
    StudioError::Brief(format!(
        "writing the take {}: it exists already and is kept\nhint: --force replaces it",
        path.display()
    ))
}

/// Composes and renders every take, ranks them, and returns the seed of the best. The document lists all.
pub(crate) fn best(
    ledger: &mut Ledger,
    order: &Order,
    until: Stage,
    sighting: &Sighting,
    (mood, style): (&Mood, &Style),
    kept: Option<&Locks>,
    world: &dyn World,
) -> Result<u64, StudioError> {
    let brief = &order.brief;
    if brief.takes <= 1 {
        return Ok(brief.seed);
    }
    let film = (until == Stage::Mux).then(|| order.film());
    let bank = render::bank_identity(brief, world);
    let inputs = (
        (sighting, mood, style, kept),
        (&brief.hits, brief.seed, brief.takes),
        &film,
        bank,
    );
    let takes: Takes = ledger.section(COMPOSITION + TAKES, &inputs, world, || {
        let mut ranked = Vec::new();
        for number in 0..u64::from(brief.takes) {
            world.check()?;
            let seed = brief.seed.wrapping_add(number);
            let (spotting, cue_sheet, score) = take(sighting, (mood, style), brief, kept, seed);
            let mut values = Vec::new();
            let mut reasons = Vec::new();
            for reason in rank::reasons(&cue_sheet, &spotting, &score) {
                values.push(reason.value);
                reasons.push(format!("{}: {}", reason.name, reason.why));
            }
            if let Some(sound) = render::music(&score, seed, kept, brief, world)? {
                let file = File::open(&sound.path).map_err(StudioError::cache)?;
                let mut reader = RawReader::new("a rendered take", file);
                if let Some(quality) = quality(&mut reader, world)? {
                    values.push(quality.value());
                    reasons.push(format!(
                        "mix: crest {:.1} dB, loudness range {:.1} LU, lows {:+.1} dB and highs {:+.1} dB against the \
                         middle, correlation {:.2} ({:.0} % like recordings)",
                        quality.crest_db,
                        quality.range_lu,
                        quality.low_db,
                        quality.high_db,
                        quality.correlation,
                        quality.value() * 100.0
                    ));
                }
            }
            ranked.push(Take {
                seed,
                value: round_to(values.iter().sum::<f64>() / values.len().max(1) as f64, 4),
                reasons,
                path: None,
            });
        }
        ranked.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.seed.cmp(&b.seed)));
        if let Some(film) = &film {
            for (i, take) in ranked.iter_mut().enumerate() {
                let path = if i == 0 { film.clone() } else { path(film, i + 1) };
                take.path = Some(path.display().to_string());
            }
        }
        Ok(Takes { ranked })
    })?;
    Ok(takes.ranked.first().map_or(brief.seed, |take| take.seed))
}

/// Writes the takes that are not in the film beside it: each the whole sound that the film would have with it.
pub(crate) fn keep(
    ledger: &Ledger,
    order: &Order,
    opened: &Opened,
    sighting: &Sighting,
    choices: (&Mood, &Style),
    effects: &Rendered,
    world: &dyn World,
) -> Result<Vec<PathBuf>, StudioError> {
    let brief = &order.brief;
    let Ok(takes) = ledger.document().get::<Takes>() else {
        return Ok(Vec::new());
    };
    let film = order.film();
    let bars = ledger.document().get::<Locks>().ok();
    let mut paths = Vec::new();
    for (i, Take { seed, .. }) in takes.ranked.iter().enumerate().skip(1) {
        world.begin("keeping takes");
        let path = path(&film, i + 1);
        let (_, _, score) = take(sighting, choices, brief, bars.as_ref(), *seed);
        let rendered = Rendered {
            music: render::music(&score, *seed, bars.as_ref(), brief, world)?,
            ..effects.clone()
        };
        let key = mix::bounced(order, opened, &rendered, sighting, world)?;
        if written(&path, world).is_some_and(|written| written.key == key.as_str()) {
            paths.push(path);
            continue;
        }
        if path.exists() && !order.deliver.force {
            return Err(exists(&path));
        }
        mix::bounce(order, opened, &rendered, sighting, &path, world)?;
        if let Some(identity) = identity(&path) {
            let written = Written {
                key: key.as_str().to_owned(),
            };
            world
                .cache()
                .put_json(TAKE, &identity, &written)
                .map_err(StudioError::cache)?;
        }
        paths.push(path);
    }
    Ok(paths)
}

/// The key of a take's file.
pub(crate) fn key(inputs: &impl Serialize) -> Key {
    Key::new(TAKE, TAKES, inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_of_two_films_in_one_folder_share_a_name() {
        assert_eq!(
            path(Path::new("/a/one.scored.mp4"), 2),
            Path::new("/a/one.scored.take-2.wav")
        );
        assert_ne!(path(Path::new("a.mp4"), 2), path(Path::new("b.mp4"), 2));
    }
}
