//! The one JSON document: sections appended by the stage that makes them, never reshaped.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The value of the document's first key, `schema`.
pub const SCHEMA: &str = "synchresis/1";

/// A section of the document: a type and the key it stands under.
pub trait Section: Serialize + DeserializeOwned {
    /// The key in the document.
    const NAME: &'static str;
}

/// What can be wrong with a document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON, or not an object.
    #[error("reading the document: it is not a JSON object ({0})")]
    NotJson(String),
    /// Made by another schema.
    #[error("reading the document: its schema is {found:?}, this program writes {SCHEMA:?}")]
    Schema {
        /// What stood under `schema`.
        found: String,
    },
    /// The stage that makes this section has not run.
    #[error("reading the document: it has no section {name:?} yet")]
    Missing {
        /// The section.
        name: &'static str,
    },
    /// The section is there but does not read, after an edit by hand say.
    #[error("reading section {name:?} of the document: {why}")]
    Section {
        /// The section.
        name: &'static str,
        /// What serde said.
        why: String,
    },
}

/// A growing document. Sections that this version does not know are kept as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    map: Map<String, Value>,
}

impl Default for Document {
    fn default() -> Self {
        let mut map = Map::new();
        map.insert("schema".into(), SCHEMA.into());
        Self { map }
    }
}

impl Document {
    /// Reads a document from JSON text.
    ///
    /// # Errors
    /// [`DocumentError::NotJson`] or [`DocumentError::Schema`].
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let value: Value = serde_json::from_str(text).map_err(|e| DocumentError::NotJson(e.to_string()))?;
        let Value::Object(map) = value else {
            return Err(DocumentError::NotJson("another kind of value".into()));
        };
        match map.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => Ok(Self { map }),
            other => Err(DocumentError::Schema {
                found: other.unwrap_or("").into(),
            }),
        }
    }

    /// The document as JSON text, pretty-printed, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.map).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The section of type `S`.
    ///
    /// # Errors
    /// [`DocumentError::Missing`] or [`DocumentError::Section`].
    pub fn get<S: Section>(&self) -> Result<S, DocumentError> {
        let value = self.map.get(S::NAME).ok_or(DocumentError::Missing { name: S::NAME })?;
        S::deserialize(value).map_err(|e| DocumentError::Section {
            name: S::NAME,
            why: e.to_string(),
        })
    }

    /// Whether a section of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// A section as it stands, by name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// Appends a section, or replaces the one that an earlier run of the same stage made.
    ///
    /// # Errors
    /// [`DocumentError::Section`] if the section holds something that JSON cannot say.
    pub fn put<S: Section>(&mut self, section: &S) -> Result<(), DocumentError> {
        let value = serde_json::to_value(section).map_err(|e| DocumentError::Section {
            name: S::NAME,
            why: e.to_string(),
        })?;
        self.map.insert(S::NAME.into(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_a_newer_version_wrote_are_lost_on_the_way_through() {
        let text = "{\"schema\":\"synchresis/1\",\"from_the_future\":{\"x\":1}}";
        let doc = Document::parse(text).expect("parses");
        assert!(doc.to_json().contains("from_the_future"));
    }

    #[test]
    fn a_document_of_another_schema_is_taken_for_ours() {
        assert!(matches!(
            Document::parse("{\"schema\":\"x\"}"),
            Err(DocumentError::Schema { .. })
        ));
        assert!(matches!(Document::parse("[]"), Err(DocumentError::NotJson(_))));
        assert!(matches!(Document::parse("{"), Err(DocumentError::NotJson(_))));
    }
}
