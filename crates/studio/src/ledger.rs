//! The growing document, and the rule that a stage whose inputs did not change is not run again.

use serde::Serialize;
use synchresis_cue::{Document, DocumentError, Section};

use crate::cache::Key;
use crate::error::StudioError;
use crate::sections::{Provenance, StageRecord};
use crate::world::World;

/// The document of this run beside that of an earlier one.
#[derive(Debug)]
pub(crate) struct Ledger {
    document: Document,
    earlier: Option<Document>,
    earlier_stages: Vec<StageRecord>,
    stages: Vec<StageRecord>,
}

impl Ledger {
    /// Begins a document. What a person edited by hand in `earlier` is taken over as it stands.
    pub(crate) fn new(earlier: Option<Document>) -> Self {
        let earlier_stages = earlier
            .as_ref()
            .and_then(|doc| doc.get::<Provenance>().ok())
            .map_or_else(Vec::new, |p| p.stages);
        Self {
            document: Document::default(),
            earlier,
            earlier_stages,
            stages: Vec::new(),
        }
    }

    /// The document so far.
    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// Closes the document with how it came to be.
    pub(crate) fn provenance(&mut self, seed: u64, world: &dyn World) -> Result<(), StudioError> {
        let ffmpeg = world
            .tools()
            .ok()
            .and_then(|tools| tools.version())
            .unwrap_or_default()
            .to_owned();
        let stages = self.stages.clone();
        self.put(&Provenance {
            synchresis: env!("CARGO_PKG_VERSION").into(),
            ffmpeg,
            seed,
            stages,
        })
    }

    /// The document of the earlier run.
    pub(crate) fn earlier(&self) -> Option<&Document> {
        self.earlier.as_ref()
    }

    /// Adds a section that no stage makes.
    pub(crate) fn put<S: Section>(&mut self, section: &S) -> Result<(), StudioError> {
        Ok(self.document.put(section)?)
    }

    /// The section `S` of this document: as edited by hand in the earlier one, else from the cache, else made.
    ///
    /// `inputs` is everything that the section is made from, `version` the version of the code that makes it.
    pub(crate) fn section<S: Section>(
        &mut self,
        version: u32,
        inputs: &impl Serialize,
        world: &dyn World,
        make: impl FnOnce() -> Result<S, StudioError>,
    ) -> Result<S, StudioError> {
        let key = Key::new(S::NAME, version, inputs);
        let began = world.seconds();
        let (section, how) = if let Some(edited) = self.edited::<S>(&key)? {
            (edited, "edited")
        } else if let Some(cached) = world.cache().json::<S>(S::NAME, &key) {
            (cached, "cached")
        } else {
            world.check()?;
            let made = make()?;
            world.cache().remember(S::NAME, &key, &made);
            (made, "made")
        };
        self.document.put(&section)?;
        let seconds = if how == "made" { world.seconds() - began } else { 0.0 };
        self.note::<S>(&key, seconds, how);
        Ok(section)
    }

    /// Whether [`Ledger::section`] would have to make nothing: the section was edited by hand, or is in the cache.
    pub(crate) fn stands<S: Section>(
        &self,
        version: u32,
        inputs: &impl Serialize,
        world: &dyn World,
    ) -> Result<bool, StudioError> {
        let key = Key::new(S::NAME, version, inputs);
        Ok(self.edited::<S>(&key)?.is_some() || world.cache().json::<S>(S::NAME, &key).is_some())
    }

    /// The section of the earlier document, if a person changed it since the stage wrote it.
    ///
    /// An edit counts only while the stage would still be made from the same: once the clip or the brief changes,
    /// the edit belonged to another film.
    fn edited<S: Section>(&self, key: &Key) -> Result<Option<S>, StudioError> {
        let Some(earlier) = &self.earlier else { return Ok(None) };
        let Some(record) = self.earlier_stages.iter().find(|stage| stage.section == S::NAME) else {
            return Ok(None);
        };
        let Some(value) = earlier.value(S::NAME) else {
            return Ok(None);
        };
        let untouched = content(&value) == record.content;
        if untouched || record.key != key.as_str() {
            return Ok(None);
        }
        match earlier.get::<S>() {
            Ok(section) => Ok(Some(section)),
            Err(DocumentError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Records how the section `S`, already put, came to be.
    pub(crate) fn note<S: Section>(&mut self, key: &Key, seconds: f64, how: &str) {
        let content = self.document.value(S::NAME).as_ref().map(content).unwrap_or_default();
        // An edited section keeps the mark of what the stage had written, so that it still counts as edited next time.
        let content = match how {
            "edited" => self
                .earlier_stages
                .iter()
                .find(|stage| stage.section == S::NAME)
                .map_or(content, |stage| stage.content.clone()),
            _ => content,
        };
        self.stages.push(StageRecord {
            section: S::NAME.into(),
            key: key.as_str().into(),
            content,
            seconds: (seconds * 1e4).round() / 1e4,
            how: how.into(),
        });
    }
}

fn content(value: &serde_json::Value) -> String {
    Key::new("content", 0, value).as_str().to_owned()
}
