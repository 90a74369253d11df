//! Weights that a person can pull: what there is, where it is published, and what its licence asks.

mod pull;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use pull::{HUB, Receipt, Remote, Source, fetch, list, remove};

/// A model of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called here.
    pub name: String,
    /// What it is for.
    pub gives: String,
    /// Where it is published.
    pub repository: String,
    /// Which of its states.
    pub revision: String,
    /// Files that are published one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Where, with `{repository}`, `{revision}` and `{file}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Which files of a hub's repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<String>,
    /// Its place in the model folder.
    pub folder: String,
    /// About how much there is to pull.
    pub megabytes: u64,
    /// An SPDX expression, or in words.
    pub licence: String,
    /// Whether money may be made with what it makes.
    pub commercial: bool,
    /// Whom to name.
    pub cite: String,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    model: Vec<Entry>,
}

/// Every model that can be pulled.
pub fn manifest() -> &'static [Entry] {
    static MANIFEST: OnceLock<Vec<Entry>> = OnceLock::new();
    MANIFEST.get_or_init(|| {
        let read: Result<Manifest, _> = toml::from_str(include_str!("../../weights/manifest.toml"));
        // It is part of the program; a test reads it.
        read.map_or_else(|_| Vec::new(), |manifest| manifest.model)
    })
}

/// The model of this name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    manifest().iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Its place under `models`: a folder, or the one file where it is one.
    pub fn place(&self, models: &Path) -> PathBuf {
        match (self.folder.as_str(), self.files.as_slice()) {
            ("", [file]) => models.join(file),
            (folder, _) => models.join(folder),
        }
    }

    /// The folder that its files go into.
    pub(crate) fn home(&self, models: &Path) -> PathBuf {
        models.join(&self.folder)
    }

    /// Whether it was pulled, or put there by hand.
    pub fn is_there(&self, models: &Path) -> bool {
        let place = self.place(models);
        place.is_file() || std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_does_not_read_or_forgets_an_engine() {
        let names: Vec<&str> = manifest().iter().map(|entry| entry.name.as_str()).collect();
        for name in [
            "yolov9-c",
            "resnet18",
            "clip",
            "moondream2",
            "audioldm2",
            "audioldm2-large",
            "audioldm2-music",
            "audioldm",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        for name in [
            "lp-musiccaps",
            "kandinsky-2-2-prior",
            "kandinsky-2-2-decoder",
            "sd-image-variations",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        let mut places: Vec<PathBuf> = manifest().iter().map(|entry| entry.place(Path::new("m"))).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), names.len(), "two models in one place");
        for entry in manifest() {
            assert!(entry.files.is_empty() != entry.wants.is_empty(), "{}", entry.name);
            assert_eq!(entry.files.is_empty(), entry.url.is_none(), "{}", entry.name);
            assert!(!entry.licence.contains("NC") || !entry.commercial, "{}", entry.name);
        }
    }
}
