//! What clients read names files as they named them, never where they lie here.

use std::path::Path;

use serde_json::Value;

use crate::blobs::Blobs;
use crate::history::Job;
use crate::shop::Shop;

/// Paths of this machine, and what stands in their place.
#[derive(Debug, Clone)]
pub(crate) struct Tidy {
    swaps: Vec<(String, String)>,
}

impl Tidy {
    pub(crate) fn of(job: &Job, blobs: &Blobs, shop: &Shop) -> Self {
        let mut tidy = Self { swaps: Vec::new() };
        for input in &job.inputs {
            for path in [
                blobs.lies(&input.blob, &input.extension),
                Some(Blobs::fetched(&input.blob, &input.extension, &shop.fetched())),
            ]
            .into_iter()
            .flatten()
            {
                tidy.swaps.push((path.display().to_string(), input.name.clone()));
            }
        }
        if let Some(folder) = blobs.folder() {
            tidy = tidy.and(folder, "");
        }
        // Where the tools lie is nobody's business either; which one it was may be told.
        if let Ok(Some(folder)) = shop.tools().map(|tools| tools.ffmpeg().parent()) {
            tidy = tidy.and(folder, "");
        }
        for folder in shop.private() {
            tidy = tidy.and(folder, "");
        }
        tidy.and(shop.scratch(), "").and(shop.cache().root(), "")
    }

    /// Files in `folder` are named without it.
    pub(crate) fn and(mut self, folder: &Path, instead: &str) -> Self {
        self.swaps.push((format!("{}/", folder.display()), instead.to_owned()));
        self.swaps.push((folder.display().to_string(), instead.to_owned()));
        // The longest first, so that a folder does not hide the files in it.
        self.swaps.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        self
    }

    /// The text without a path of this machine.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, instead) in &self.swaps {
            if text.contains(path.as_str()) {
                text = text.replace(path.as_str(), instead);
            }
        }
        text
    }

    /// The same for every string of a document.
    pub(crate) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains('/') => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.value(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_learns_where_files_lie() {
        let tidy = Tidy {
            swaps: vec![("/data/objects/ab/abc.mp4".into(), "holiday.mp4".into())],
        }
        .and(Path::new("/data/work/job-1"), "")
        .and(Path::new("/data/work"), "");
        assert_eq!(
            tidy.text("reading /data/objects/ab/abc.mp4: no; writing /data/work/job-1/film.mp4: no"),
            "reading holiday.mp4: no; writing film.mp4: no"
        );
        let mut value = serde_json::json!({"a": ["/data/work/job-1/x.wav", 3], "b": "/data/objects/ab/abc.mp4"});
        tidy.value(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["x.wav", 3], "b": "holiday.mp4"}));
    }
}
