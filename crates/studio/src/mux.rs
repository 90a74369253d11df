//! Sound and picture together: the film.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synchresis_media::{Container, MediaError, MuxJob, Muxed, Picture, mux};

use crate::cache::Key;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::mix::Mixed;
use crate::open::{Opened, identity};
use crate::order::Order;
use crate::sections::VideoReconstruction;
use crate::world::World;

/// Version of how films are put together.
const MUX: u32 = 1;
const FILM: &str = "film";

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
    let report = mux(
        &MuxJob {
            input: &order.input,
            footage: &opened.footage,
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
        picture_copied: report.picture == Picture::Copied,
        notes: told(&report),
    };
    if let Some(identity) = identity(&path) {
        let written = Written {
            key: key.as_str().to_owned(),
            section: section.clone(),
        };
        world
            .cache()
            .put_json(FILM, &identity, &written)
            .map_err(StudioError::cache)?;
    }
    ledger.put(&section)?;
    ledger.note::<VideoReconstruction>(&key, world.seconds() - began, "made");
    Ok(Film {
        path,
        notes: section.notes,
    })
}
