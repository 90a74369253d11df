//! What is to be done: an input, a brief, and what to write where.

use std::path::{Path, PathBuf};

use synchresis_cue::{Document, Section};

use crate::brief::Brief;
use crate::error::StudioError;
use crate::sections::VideoInput;

/// The stages, in order. Each is a subcommand; `score` is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Probe and watch.
    Frames,
    /// Recognise.
    Objects,
    /// Choose the frame that stands for the film.
    Select,
    /// Put the film in words.
    Describe,
    /// Words for a generating engine.
    Prompt,
    /// Spot and compose.
    Generate,
    /// Notes to sound.
    Render,
    /// Mix and master.
    Mix,
    /// Put sound and picture together.
    Mux,
}

/// What is written beside the film, and where.
#[derive(Debug, Clone, Default)]
pub struct Deliver {
    /// Folder for the stems.
    pub stems: Option<PathBuf>,
    /// MIDI file.
    pub midi: Option<PathBuf>,
    /// Lead sheet.
    pub musicxml: Option<PathBuf>,
    /// Cue sheet for people, Markdown or HTML.
    pub cue_sheet: Option<PathBuf>,
    /// Picture of what happened.
    pub timeline: Option<PathBuf>,
    /// JSON of the loudest sample, 0 to 1, of each of many equal spans of the film's sound: `{"seconds", "peaks"}`.
    pub waveform: Option<PathBuf>,
    /// JPEG of small pictures of the film side by side, and beside it, as `.json`, when each is shown.
    pub filmstrip: Option<PathBuf>,
    /// JPEG that stands for the film in a list: moments of it side by side, 660 × 90 pixels.
    pub thumbnail: Option<PathBuf>,
    /// The document: read if it is there, and written.
    pub document: Option<PathBuf>,
    /// Folder for the sampled frames.
    pub frames: Option<PathBuf>,
    /// WAV of what the last stage made.
    pub audio: Option<PathBuf>,
    /// Whether to replace what is there.
    pub force: bool,
}

/// One input and everything asked of it.
#[derive(Debug, Clone)]
pub struct Order {
    /// The clip or picture.
    pub input: PathBuf,
    /// What people call the clip, where its file is called otherwise.
    pub name: Option<String>,
    /// What it should sound like.
    pub brief: Brief,
    /// The film; [`scored_name`] beside the input where absent.
    pub output: Option<PathBuf>,
    /// What is written beside it.
    pub deliver: Deliver,
    pub(crate) earlier: Option<Document>,
}

impl Order {
    /// An order for `input`, with the document of an earlier run if `deliver` names one that is there: its options are the
    /// brief then, but for the sections that were kept that time.
    ///
    /// # Errors
    /// A document that is there but does not read.
    pub fn new(input: PathBuf, deliver: Deliver) -> Result<Self, StudioError> {
        let earlier = deliver.document.as_deref().map(read_document).transpose()?.flatten();
        let mut brief = match &earlier {
            Some(document) if document.has(Brief::NAME) => document.get::<Brief>()?,
            _ => Brief::default(),
        };
        brief.keep_sections.clear();
        Ok(Self {
            input,
            name: None,
            brief,
            output: None,
            deliver,
            earlier,
        })
    }

    /// An order that goes on where the document left off: its options, and its input unless another is given.
    ///
    /// # Errors
    /// No document, or one that does not read or lacks what is needed.
    pub fn resume(input: Option<PathBuf>, deliver: Deliver) -> Result<Self, StudioError> {
        let earlier = deliver.document.as_deref().map(read_document).transpose()?.flatten();
        let brief = match &earlier {
            Some(document) if document.has("options") => document.get::<Brief>()?,
            _ => Brief::default(),
        };
        let input = match (input, &earlier) {
            (Some(input), _) => input,
            (None, Some(document)) => PathBuf::from(document.get::<VideoInput>()?.video_path),
            (None, None) => {
                let path = deliver.document.clone().unwrap_or_default();
                return Err(StudioError::Brief(format!(
                    "reading the document {}: there is no such file\nhint: name the clip, and the document will be written there",
                    path.display()
                )));
            }
        };
        Ok(Self {
            input,
            name: None,
            brief,
            output: None,
            deliver,
            earlier,
        })
    }

    /// What the clip is called.
    pub(crate) fn called(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => self
                .input
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        }
    }

    /// Where the film goes.
    pub(crate) fn film(&self) -> PathBuf {
        self.output
            .clone()
            .unwrap_or_else(|| self.input.with_file_name(scored_name(&self.input)))
    }
}

/// `holiday.mp4` → `holiday.scored.mp4`; containers that cannot hold a modern film become MP4.
pub fn scored_name(input: &Path) -> PathBuf {
    let stem = input.file_stem().unwrap_or_default().to_string_lossy();
    let extension = input.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let extension = match extension.as_str() {
        "mov" | "mkv" | "webm" | "m4v" => extension.as_str(),
        _ => "mp4",
    };
    PathBuf::from(format!("{stem}.scored.{extension}"))
}

pub(crate) fn read_document(path: &Path) -> Result<Option<Document>, StudioError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Document::parse(&text).map(Some).map_err(|why| {
            StudioError::Brief(format!(
                "{why}: {}\nhint: give another name to --document",
                path.display()
            ))
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StudioError::file("reading the document", path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_named_after_something_else_than_its_clip() {
        assert_eq!(
            scored_name(Path::new("/a/holiday.mp4")),
            Path::new("holiday.scored.mp4")
        );
        assert_eq!(scored_name(Path::new("b.c.MKV")), Path::new("b.c.scored.mkv"));
        assert_eq!(scored_name(Path::new("cat.gif")), Path::new("cat.scored.mp4"));
        assert_eq!(scored_name(Path::new("noext")), Path::new("noext.scored.mp4"));
    }
}
