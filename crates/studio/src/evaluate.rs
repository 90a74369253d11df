//! How well a sound and a picture hold together, whoever made them.

pub(crate) mod page;
mod plot;
pub(crate) mod witness;

use std::path::{Path, PathBuf};

use synchresis_cue::{Document, Figure, Sighting, Spotting, Sync, Transition, figures};

use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::run::{Outcome, write_whole};
use crate::world::World;
use page::Exhibit;
use witness::{Rhythmic, Witnessed, rhythmic, witness};

/// A motion peak or flash must be this strong to count as something the picture does.
const STRONG: f64 = 0.5;

/// Something to be judged.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The film.
    pub video: PathBuf,
    /// What people call it, where its file is called otherwise.
    pub name: Option<String>,
    /// Its sound, if not its own.
    pub audio: Option<PathBuf>,
    /// A document whose taken hits are judged instead of what is seen.
    pub document: Option<PathBuf>,
    /// Where chance is drawn from.
    pub seed: u64,
    /// Where a report goes that a browser shows, if one is wanted.
    pub report: Option<PathBuf>,
}

/// Judges `trial`: a document with `footage`, `sighting` and `sync`.
///
/// # Errors
/// A film without picture or sound, or a document without hits.
pub fn evaluate(trial: &Trial, world: &dyn World) -> Result<Outcome, StudioError> {
    let judged = judged(trial, world)?;
    let mut ledger = Ledger::new(None);
    ledger.put(&judged.witnessed.footage)?;
    ledger.put(&judged.witnessed.sighting)?;
    ledger.put(&judged.sync)?;
    ledger.provenance(trial.seed, world)?;
    let mut told = table(&judged.sync);
    if let Some(path) = &trial.report {
        world.begin("reporting");
        let page = page::of(&[judged.exhibit()], None)?;
        write_whole(path, page.as_bytes(), "writing the report to")?;
        told.push(format!("report: {}", path.display()));
    }
    Ok(Outcome {
        document: ledger.document().clone(),
        result: None,
        told,
    })
}

/// A trial and what came of it.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) witnessed: Witnessed,
    pub(crate) rhythmic: Rhythmic,
    pub(crate) sync: Sync,
}

impl Judged {
    /// As the page shows it.
    pub(crate) fn exhibit(&self) -> Exhibit<'_> {
        Exhibit {
            name: self.name.clone(),
            sync: &self.sync,
            scene: Some(page::Scene {
                witnessed: &self.witnessed,
                rhythmic: &self.rhythmic,
            }),
        }
    }
}

/// Watches, listens and judges.
pub(crate) fn judged(trial: &Trial, world: &dyn World) -> Result<Judged, StudioError> {
    let witnessed = witness(&trial.video, trial.audio.as_deref(), world)?;
    let hits = match &trial.document {
        Some(path) => {
            let document: Document = crate::order::read_document(path)?.ok_or_else(|| {
                StudioError::Brief(format!(
                    "reading the document {}: there is no such file",
                    path.display()
                ))
            })?;
            let spotting: Spotting = document.get()?;
            spotting
                .hits
                .iter()
                .filter(|hit| hit.taken)
                .map(|hit| hit.time_s)
                .collect()
        }
        None => seen(&witnessed.sighting),
    };
    let mut sync = judge(&witnessed, &hits, trial.seed);
    let rhythmic = rhythmic(&trial.video, trial.audio.as_deref(), &witnessed.footage, world)?;
    if let Some(changes) = &rhythmic.changes {
        let beats: Vec<f64> = rhythmic
            .beats
            .iter()
            .filter(|beat| beat.1 > figures::BEAT_FLOOR)
            .map(|beat| beat.0)
            .collect();
        let events = figures::picture_events(changes.iter().copied());
        sync.rhythm_consistency =
            figures::rhythm_consistency(&beats, &events, witnessed.sighting.duration_s, trial.seed);
        sync.rhythm = Some(figures::rhythm(&beats, &events));
    }
    let file = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = match (&trial.name, &trial.audio) {
        (Some(name), _) => name.clone(),
        (None, Some(song)) => format!("{} with {}", file(&trial.video), file(song)),
        (None, None) => file(&trial.video),
    };
    Ok(Judged {
        name,
        witnessed,
        rhythmic,
        sync,
    })
}

/// The figures as a person reads them, each beside chance.
fn table(sync: &Sync) -> Vec<String> {
    let mut lines = vec![format!("{} hits, {} events{:>21}chance", sync.hits, sync.events, "")];
    let mut row =
        |name: &str, figure: Figure| lines.push(format!("{name:<28}{:>8.3}{:>12.3}", figure.value, figure.chance));
    row("hits heard within a frame", sync.hit_rate_1f);
    row("median offset, ms", sync.median_offset_ms);
    row("beat alignment", sync.beat_alignment);
    row("precision at 50 ms", sync.precision);
    row("recall at 50 ms", sync.recall);
    if let Some(figure) = sync.rhythm_consistency {
        row("rhythm consistency", figure);
    }
    lines.push(sync.verdict.clone());
    lines
}

/// Judges a film that was just made, and appends what was found to its document.
pub(crate) fn of_film(ledger: &mut Ledger, film: &Path, seed: u64, world: &dyn World) -> Result<Sync, StudioError> {
    let witnessed = witness(film, None, world)?;
    let sync = judge(&witnessed, &seen(&witnessed.sighting), seed);
    ledger.put(&sync)?;
    Ok(sync)
}

fn judge(witnessed: &Witnessed, hits: &[f64], seed: u64) -> Sync {
    let sighting = &witnessed.sighting;
    let frame_s = 1.0 / sighting.frame_rate.max(1.0);
    figures::sync(hits, &witnessed.events, frame_s, sighting.duration_s, seed)
}

/// What the picture does: cuts, fades, dissolves, flashes and strong motion peaks, in order.
pub(crate) fn seen(sighting: &Sighting) -> Vec<f64> {
    let cuts = sighting
        .shots
        .iter()
        .filter(|shot| shot.entry != Transition::Start)
        .map(|shot| shot.start_s);
    let moments = sighting.flashes.iter().chain(&sighting.motion_peaks);
    let mut hits: Vec<f64> = cuts
        .chain(
            moments
                .filter(|moment| moment.strength >= STRONG)
                .map(|moment| moment.time_s),
        )
        .collect();
    hits.sort_by(f64::total_cmp);
    // A flash on a cut is one thing that the picture does.
    let frame_s = 1.0 / sighting.frame_rate.max(1.0);
    hits.dedup_by(|later, earlier| *later - *earlier < 1.5 * frame_s);
    hits
}
