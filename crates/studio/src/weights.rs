//! Weights of the engines: which there are, pulling, finding and removing them.

use std::path::{Path, PathBuf};

use synchresis_models::openai::Patience;
use synchresis_models::weights::{self, Entry, Remote, Source};

use synchresis_cue::Document;

use crate::error::StudioError;
use crate::sections::{FrameDescription, Licence, ObjectDetection, Scene};
use crate::world::World;

/// A model that can be pulled, and whether it is here.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// What it is.
    pub entry: &'static Entry,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is here.
    pub there: bool,
}

/// What a person agrees to before anything is pulled.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The model.
    pub entry: &'static Entry,
    /// How many files.
    pub files: usize,
    /// How many bytes; absent where that is not announced.
    pub bytes: Option<u64>,
    /// Where they go.
    pub path: PathBuf,
}

/// Every model that can be pulled.
pub fn shelves(world: &dyn World) -> Vec<Shelf> {
    let models = world.model_folder().unwrap_or_default();
    let each = |entry: &'static Entry| Shelf {
        path: entry.place(&models),
        there: entry.is_there(&models),
        entry,
    };
    weights::manifest().iter().map(each).collect()
}

/// The names of all models that can be pulled.
pub fn shelf_names() -> impl Iterator<Item = &'static str> {
    weights::manifest().iter().map(|entry| entry.name.as_str())
}

/// The model of this name.
///
/// # Errors
/// [`StudioError::Brief`] for a name that nothing has.
pub fn shelf(name: &str, world: &dyn World) -> Result<Shelf, StudioError> {
    let all = shelves(world);
    let names: Vec<&str> = all.iter().map(|shelf| shelf.entry.name.as_str()).collect();
    let unknown = format!("there is no model {name:?}\nhint: {}", names.join(", "));
    all.into_iter()
        .find(|shelf| shelf.entry.name == name)
        .ok_or(StudioError::Brief(unknown))
}

/// Whether the weights of `name` may be used as the person asked; engines ask before they load them.
///
/// # Errors
/// [`StudioError::Licence`] where commercial use was asked for and the licence forbids it.
pub fn allowed(name: &str, world: &dyn World) -> Result<(), StudioError> {
    match weights::entry(name) {
        Some(entry) if world.commercial() && !entry.commercial => Err(StudioError::Licence(format!(
            "{name}: its weights are under {}, which forbids commercial use\nhint: leave --commercial out, or take another engine",
            entry.licence
        ))),
        _ => Ok(()),
    }
}

/// The licences of the weights whose words or boxes moved the music and the effects.
pub(crate) fn used(document: &Document) -> Vec<Licence> {
    let mut names = Vec::new();
    if let Ok(objects) = document.get::<ObjectDetection>()
        && objects.engine.starts_with("yolov9")
    {
        names.push("yolov9-c");
    }
    if document.get::<Scene>().is_ok_and(|scene| scene.engine == "clip") {
        names.push("clip");
    }
    if document
        .get::<FrameDescription>()
        .is_ok_and(|described| described.engine == "moondream2")
    {
        names.push("moondream2");
    }
    let entries = names.into_iter().filter_map(weights::entry);
    entries
        .map(|entry| Licence {
            what: format!("the weights that looked at the picture: {}", entry.repository),
            licence: entry.licence.clone(),
            commercial: entry.commercial,
            notice: entry.cite.clone(),
        })
        .collect()
}

/// Pulls the weights of `name`, once `agree` has seen the terms and said yes; where they are.
///
/// # Errors
/// An unknown name, a licence that was not agreed to or forbids what was asked for, a hub or a disk that fails, cancellation.
pub fn pull(
    name: &str,
    hub: Option<&str>,
    agree: &mut dyn FnMut(&Terms) -> bool,
    world: &dyn World,
) -> Result<PathBuf, StudioError> {
    let shelf = shelf(name, world)?;
    allowed(name, world)?;
    let models = models(world)?;
    let key = world.secret("HF_TOKEN");
    let source = Source {
        hub: hub.unwrap_or(weights::HUB),
        key: key.as_deref(),
        patience: Patience::default(),
        cancelled: &|| world.cancelled(),
    };
    world.begin("listing");
    let files: Vec<Remote> = weights::list(shelf.entry, &source)?;
    let sizes: Vec<u64> = files.iter().filter_map(|remote| remote.bytes).collect();
    let terms = Terms {
        entry: shelf.entry,
        files: files.len(),
        bytes: (sizes.len() == files.len()).then(|| sizes.iter().sum()),
        path: shelf.path.clone(),
    };
    if !agree(&terms) {
        return Err(StudioError::Licence(format!(
            "{name} is not pulled: nobody agreed to its licence ({})\nhint: --yes agrees",
            shelf.entry.licence
        )));
    }
    world.begin("pulling");
    weights::fetch(shelf.entry, &files, &models, &source, &mut |done, all| {
        world.progress(done as f64 / all.max(1) as f64);
    })?;
    Ok(shelf.path)
}

/// Removes the weights of `name`; how many bytes that frees.
///
/// # Errors
/// An unknown name, weights that are not there or cannot be removed.
pub fn remove(name: &str, world: &dyn World) -> Result<u64, StudioError> {
    let shelf = shelf(name, world)?;
    Ok(weights::remove(shelf.entry, &models(world)?)?)
}

fn models(world: &dyn World) -> Result<PathBuf, StudioError> {
    world
        .model_folder()
        .filter(|folder| folder != Path::new(""))
        .ok_or_else(|| {
            StudioError::Brief("there is no model folder on this machine\nhint: name one with --model-dir".into())
        })
}
