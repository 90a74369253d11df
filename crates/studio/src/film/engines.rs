//! The neural engines of a film: which were asked for, which are there, and what is done where one is not.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use synchresis_models::{ModelError, weights};

use crate::easel::{LATENT_NAMES, Place};
use crate::error::StudioError;
use crate::eyes::{Weights, find, runtime};
use crate::sections::Licence;
use crate::world::World;

use super::FilmBrief;

/// Who paints the pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FilmPainter {
    /// Nobody: the artworks themselves are shown.
    #[default]
    Morph,
    /// Kandinsky 2.2, with the weights of this folder or of the model folder: a picture a section.
    Kandinsky(Option<PathBuf>),
}

/// How a picture becomes the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FilmTransition {
    /// The look's own way.
    #[default]
    Morph,
    /// Through the latents of Stable Diffusion's autoencoder, with the weights of this folder or of the model folder.
    Latent(Option<PathBuf>),
}

/// Who says what is heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FilmCaption {
    /// Hearing itself: tempo, key, energy, colour.
    #[default]
    Hearing,
    /// LP-MusicCaps, with the weights of this file or folder, or of the model folder.
    LpMusiccaps(Option<PathBuf>),
}

/// What is there of what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Engines {
    pub(crate) kandinsky: Option<Place>,
    pub(crate) latent: Option<PathBuf>,
    /// LP-MusicCaps, and the checkpoint as it is now.
    pub(crate) caption: Option<(PathBuf, Weights)>,
    /// What is not there, and what is done in its place.
    pub(crate) notes: Vec<String>,
}

impl Engines {
    /// Looks for them. One that was asked for with its folder must be there.
    pub(crate) fn of(brief: &FilmBrief, world: &dyn World) -> Result<Self, StudioError> {
        let mut engines = Self::default();
        if let FilmPainter::Kandinsky(given) = &brief.painter {
            let found = Place::find(given.as_deref(), world).and_then(|place| {
                place.weights()?;
                runtime(world)?;
                Ok(place)
            });
            let instead = "the artworks are shown themselves (painter morph)";
            engines.kandinsky = engines.there(given.as_deref(), found, instead)?;
        }
        if let FilmTransition::Latent(given) = &brief.transition {
            let found =
                find(given.as_deref(), &LATENT_NAMES, "Stable Diffusion's autoencoder", world).and_then(|folder| {
                    let inner = folder.join("vae");
                    Weights::of(if inner.is_dir() { &inner } else { &folder })?;
                    runtime(world)?;
                    Ok(folder)
                });
            let instead = "pictures turn into one another as the look does it (transition morph)";
            engines.latent = engines.there(given.as_deref(), found, instead)?;
        }
        if let FilmCaption::LpMusiccaps(given) = &brief.caption {
            let found = crate::captions::placed(given.as_deref(), world).and_then(|found| {
                runtime(world)?;
                Ok(found)
            });
            let instead = "what is heard is said in the words of the hearing (caption hearing)";
            engines.caption = engines.there(given.as_deref(), found, instead)?;
        }
        Ok(engines)
    }

    fn there<T>(
        &mut self,
        given: Option<&Path>,
        found: Result<T, StudioError>,
        instead: &str,
    ) -> Result<Option<T>, StudioError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(why) if given.is_some() => Err(why.of_an_engine()),
            Err(why @ StudioError::Model(ModelError::NoWeights { .. } | ModelError::Runtime { .. })) => {
                let why = why.tell();
                let sentence = why.lines().next().unwrap_or_default();
                self.notes.push(format!("{sentence}; {instead}"));
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }

    /// What the models that were used ask of those who publish the film.
    pub(crate) fn licences(&self) -> Vec<Licence> {
        let used = [
            ("kandinsky-2-2-decoder", self.kandinsky.is_some()),
            ("sd-image-variations", self.latent.is_some()),
            ("lp-musiccaps", self.caption.is_some()),
        ];
        let entries = used
            .iter()
            .filter(|(_, used)| *used)
            .filter_map(|(name, _)| weights::entry(name));
        entries
            .map(|entry| Licence {
                what: format!("the weights of {}", entry.repository),
                licence: entry.licence.clone(),
                commercial: entry.commercial,
                notice: entry.cite.clone(),
            })
            .collect()
    }
}
