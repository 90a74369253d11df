//! Sound and picture together: the film.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_cue::{Footage, FootageKind, Rational};
use synchresis_media::{
    Container, MediaError, Movement, MuxJob, Muxed, Picture, PictureJob, encode_picture, mux, probe,
};

use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::mix::Mixed;
use crate::open::{Opened, Quietly, identity};
use crate::order::Order;
use crate::sections::VideoReconstruction;
use crate::world::World;

/// Version of how films are put together.
const MUX: u32 = 1;
const FILM: &str = "film";
const PICTURE: &str = "picture";

/// Frames a second of the film that a picture becomes.
const PICTURE_RATE: Rational = Rational { num: 30, den: 1 };

/// The film.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    pub(crate) notes: Vec<String>,
}

/// What was written where, so that the same film is not written twice.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    key: String,
    section: VideoReconstruction,
}

/// Refuses, before any work is done, what would be refused at the end.
pub(crate) fn refuse_early(order: &Order, world: &dyn World) -> Result<(), StudioError> {
    let film = order.film();
    Container::of(&film)?;
    let real = film.canonicalize().ok();
    if real.is_some() && real == order.input.canonicalize().ok() {
        return Err(MediaError::OutputIsInput { output: film }.into());
    }
    // A film of ours may turn out to be the very one that is asked for; whether it is, is known later.
    if real.is_some() && !order.deliver.force && written(&film, world).is_none() {
        return Err(MediaError::OutputExists { output: film }.into());
    }
    let folder = film
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(MediaError::Unwritable {
            output: film.clone(),
            why: "there is no such folder".into(),
        }
        .into());
    }
    Ok(())
}

/// A still picture as a silent film, from the cache or made.
fn pictured(order: &Order, opened: &Opened, world: &dyn World) -> Result<Option<(PathBuf, Footage)>, StudioError> {
    if opened.footage.kind == FootageKind::Video {
        return Ok(None);
    }
    let (tools, limits) = (world.tools()?, world.limits());
    let movement = if order.brief.drift {
        Movement::Drift
    } else {
        Movement::Still
    };
    let duration_s = opened.footage.duration_s;
    let key = Key::new(PICTURE, MUX, &(&opened.content, duration_s, order.brief.drift));
    let path = match world.cache().file(PICTURE, &key, "mp4") {
        Some(path) => path,
        None => {
            let pending = world.cache().create(PICTURE, &key, "mp4").map_err(StudioError::cache)?;
            let job = PictureJob {
                input: &order.input,
                footage: &opened.footage,
                output: pending.path(),
                duration_s,
                frame_rate: PICTURE_RATE,
                movement,
                force: true,
            };
            encode_picture(&job, tools, limits, world)?;
            pending.keep().map_err(StudioError::cache)?
        }
    };
    let footage = probe(&path, tools, limits, &Quietly(world))?;
    Ok(Some((path, footage)))
}

fn told(report: &Muxed) -> Vec<String> {
    let mut notes = report.left_out.clone();
    if let Picture::Reencoded { why } = &report.picture {
        notes.insert(0, format!("note: the picture was encoded again: {why}"));
    }
    notes
}

/// The record of the film at `path`, if we wrote it and nobody has touched it since.
fn written(path: &Path, world: &dyn World) -> Option<Written> {
    world.cache().json(FILM, &identity(path)?)
}

/// Puts the film together, unless it lies there already.
pub(crate) fn run(
    ledger: &mut Ledger,
    order: &Order,
    opened: &Opened,
    mixed: &Mixed,
    world: &dyn World,
) -> Result<Film, StudioError> {
    world.begin("muxing");
    let path = order.film();
    let inputs = (
        &opened.content,
        opened.footage.duration_s,
        mixed.key.as_str(),
        order.brief.drift,
    );
    let key = Key::new(FILM, MUX, &inputs);
    if let Some(written) = written(&path, world).filter(|written| written.key == key.as_str()) {
        ledger.put(&written.section)?;
        ledger.note::<VideoReconstruction>(&key, 0.0, "cached");
        return Ok(Film {
            path,
            notes: written.section.notes,
        });
    }
    let began = world.seconds();
    let pictured = pictured(order, opened, world)?;
    let (input, footage) = match &pictured {
        Some((path, footage)) => (path.as_path(), footage),
        None => (order.input.as_path(), &opened.footage),
    };
    let report = mux(
        &MuxJob {
            input,
            footage,
            audio: mixed.sound.as_deref(),
            output: &path,
            title: None,
            comment: None,
            force: order.deliver.force,
        },
        world.tools()?,
        world.limits(),
        world,
    )?;
    let section = VideoReconstruction {
        output_path: path.display().to_string(),
        picture_copied: pictured.is_none() && report.picture == Picture::Copied,
        notes: told(&report),
    };
    if let Some(identity) = identity(&path) {
        let written = Written {
            key: key.as_str().to_owned(),
            section: section.clone(),
        };
        world.cache().remember(FILM, &identity, &written);
    }
    ledger.put(&section)?;
    ledger.note::<VideoReconstruction>(&key, world.seconds() - began, "made");
    Ok(Film {
        path,
        notes: section.notes,
    })
}
