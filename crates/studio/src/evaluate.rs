//! How well a sound and a picture hold together, whoever made them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_cue::{Document, Figure, Footage, Sighting, Spotting, Sync, Transition, figures, round_to};
use synchresis_media::{AudioOptions, DecodeOptions, decode_audio, decode_frames, decode_song, probe};
use synchresis_picture::sight::{Matrix, Watcher};
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::OnsetDetector;

use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::open::identity;
use crate::run::Outcome;
use crate::world::World;

/// Version of what is seen and heard here.
const EVALUATE: u32 = 1;

/// A motion peak or flash must be this strong to count as something the picture does.
const STRONG: f64 = 0.5;

/// Something to be judged.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The film.
    pub video: PathBuf,
    /// Its sound, if not its own.
    pub audio: Option<PathBuf>,
    /// A document whose taken hits are judged instead of what is seen.
    pub document: Option<PathBuf>,
    /// Where chance is drawn from.
    pub seed: u64,
}

/// What the picture does and what is heard, before any figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Witnessed {
    pub(crate) footage: Footage,
    pub(crate) sighting: Sighting,
    pub(crate) events: Vec<f64>,
}

/// Judges `trial`: a document with `footage`, `sighting` and `sync`.
///
/// # Errors
/// A film without picture or sound, or a document without hits.
pub fn evaluate(trial: &Trial, world: &dyn World) -> Result<Outcome, StudioError> {
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
    let sync = judge(&witnessed, &hits, trial.seed);
    let mut ledger = Ledger::new(None);
    ledger.put(&witnessed.footage)?;
    ledger.put(&witnessed.sighting)?;
    ledger.put(&sync)?;
    ledger.provenance(trial.seed, world)?;
    let told = table(&sync);
    Ok(Outcome {
        document: ledger.document().clone(),
        result: None,
        told,
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

/// Watches and listens, or remembers.
fn witness(video: &Path, audio: Option<&Path>, world: &dyn World) -> Result<Witnessed, StudioError> {
    let name = |path: &Path| identity(path).map(|key| key.as_str().to_owned());
    let known = name(video).zip(audio.map_or(Some(String::new()), name));
    let key = Key::new("witnessed", EVALUATE, &known);
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
    let sighting = watcher.finish(footage.duration_s.max(decoded.end_s));
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
    };
    world
        .cache()
        .put_json("witnessed", &key, &witnessed)
        .map_err(StudioError::cache)?;
    Ok(witnessed)
}
