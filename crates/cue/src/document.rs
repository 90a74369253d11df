//! The one JSON document: sections appended by the stage that makes them, never reshaped.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

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

/// A growing document. Sections that this version does not know are kept as they are. Each is held as text: the notes of
/// an hour are a tenth of what they would be as a tree.
#[derive(Debug, Clone)]
pub struct Document {
    sections: Vec<(String, Box<RawValue>)>,
}

impl Default for Document {
    fn default() -> Self {
        let schema = RawValue::from_string(format!("{SCHEMA:?}")).unwrap_or_default();
        Self {
            sections: vec![("schema".into(), schema)],
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.sections.len() == other.sections.len()
            && self
                .sections
                .iter()
                .all(|(name, _)| self.value(name) == other.value(name))
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.sections.len()))?;
        for (name, text) in &self.sections {
            // Through a tree, so that it is laid out as the rest is.
            let value: Value = serde_json::from_str(text.get()).map_err(S::Error::custom)?;
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sections;
        impl<'de> Visitor<'de> for Sections {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut document = Document { sections: Vec::new() };
                while let Some((name, text)) = map.next_entry::<String, Box<RawValue>>()? {
                    document.set(&name, text);
                }
                Ok(document)
            }
        }
        deserializer.deserialize_map(Sections)
    }
}

impl Document {
    /// Reads a document from JSON text.
    ///
    /// # Errors
    /// [`DocumentError::NotJson`] or [`DocumentError::Schema`].
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let document: Self = serde_json::from_str(text).map_err(|e| DocumentError::NotJson(e.to_string()))?;
        match document.value("schema") {
            Some(Value::String(schema)) if schema == SCHEMA => Ok(document),
            other => Err(DocumentError::Schema {
                found: other.as_ref().and_then(Value::as_str).unwrap_or("").into(),
            }),
        }
    }

    fn set(&mut self, name: &str, text: Box<RawValue>) {
        match self.sections.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = text,
            None => self.sections.push((name.into(), text)),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.sections
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, text)| text.get())
    }

    /// The document as JSON text, pretty-printed, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The section of type `S`.
    ///
    /// # Errors
    /// [`DocumentError::Missing`] or [`DocumentError::Section`].
    pub fn get<S: Section>(&self) -> Result<S, DocumentError> {
        let text = self.text(S::NAME).ok_or(DocumentError::Missing { name: S::NAME })?;
        serde_json::from_str(text).map_err(|e| DocumentError::Section {
            name: S::NAME,
            why: e.to_string(),
        })
    }

    /// Whether a section of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// A section as it stands, by name.
    pub fn value(&self, name: &str) -> Option<Value> {
        self.text(name).and_then(|text| serde_json::from_str(text).ok())
    }

    /// Appends a section, or replaces the one that an earlier run of the same stage made.
    ///
    /// # Errors
    /// [`DocumentError::Section`] if the section holds something that JSON cannot say.
    pub fn put<S: Section>(&mut self, section: &S) -> Result<(), DocumentError> {
        let text = serde_json::value::to_raw_value(section).map_err(|e| DocumentError::Section {
            name: S::NAME,
            why: e.to_string(),
        })?;
        self.set(S::NAME, text);
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
