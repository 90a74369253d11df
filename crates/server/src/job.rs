//! What a job is: what was asked, of which files, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synchresis_studio::{
    Brief, Describe, Features, FilmBrief, FilmCaption, FilmPainter, FilmTransition, Music, Objects, Scenes, Soundbank,
    StudioError,
};
use utoipa::ToSchema;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Give a clip or a picture its sound.
    #[default]
    Score,
    /// Give a song its picture.
    Film,
    /// Say how well a sound and a picture hold together.
    Evaluate,
    /// Look at a clip before it is scored: shots, frames to choose from, words to edit.
    Watch,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Score, Kind::Film, Kind::Evaluate, Kind::Watch];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Score => "score",
            Kind::Film => "film",
            Kind::Evaluate => "evaluate",
            Kind::Watch => "watch",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The long names of the options it takes.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Kind::Score | Kind::Watch => Brief::OPTIONS,
            Kind::Film => FilmBrief::OPTIONS,
            Kind::Evaluate => &["seed"],
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Waiting for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Finished; its artefacts can be fetched.
    Done,
    /// Given up; `error` says why.
    Failed,
    /// Stopped by the client.
    Cancelled,
}

impl Status {
    pub(crate) const ALL: [Status; 5] = [
        Status::Queued,
        Status::Running,
        Status::Done,
        Status::Failed,
        Status::Cancelled,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether nothing more will happen.
    pub(crate) fn ended(self) -> bool {
        matches!(self, Status::Done | Status::Failed | Status::Cancelled)
    }
}

/// What is made beside the film and its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Extra {
    /// `music.mid`.
    Midi,
    /// `music.musicxml`, the lead sheet.
    Musicxml,
    /// `cue-sheet.html`, what plays when, and why.
    CueSheet,
    /// `timeline.png`.
    Timeline,
    /// `waveform.json`, peaks of the film's sound.
    Waveform,
    /// `filmstrip.jpg` and `filmstrip.json`.
    Filmstrip,
    /// `frame-33.jpg`, `frame-66.jpg` and `frame-medoid.jpg`.
    Frames,
    /// `stems.zip`, a WAV for each instrument.
    Stems,
    /// `sound.wav`, the film's whole sound.
    Wav,
    /// `report.html`, how well sound and picture hold together.
    Report,
}

impl Extra {
    pub(crate) const ALL: [Extra; 10] = [
        Extra::Midi,
        Extra::Musicxml,
        Extra::CueSheet,
        Extra::Timeline,
        Extra::Waveform,
        Extra::Filmstrip,
        Extra::Frames,
        Extra::Stems,
        Extra::Wav,
        Extra::Report,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Extra::Midi => "midi",
            Extra::Musicxml => "musicxml",
            Extra::CueSheet => "cue-sheet",
            Extra::Timeline => "timeline",
            Extra::Waveform => "waveform",
            Extra::Filmstrip => "filmstrip",
            Extra::Frames => "frames",
            Extra::Stems => "stems",
            Extra::Wav => "wav",
            Extra::Report => "report",
        }
    }

    /// `midi,stems`, or `none`.
    pub(crate) fn list(text: &str) -> Result<Vec<Self>, String> {
        let mut extras: Vec<Self> = Vec::new();
        for name in text.split(',').map(str::trim) {
            if name.is_empty() || name == "none" {
                continue;
            }
            let extra = Self::ALL
                .into_iter()
                .find(|extra| extra.name() == name)
                .ok_or_else(|| {
                    let names: Vec<&str> = Self::ALL.iter().map(|extra| extra.name()).collect();
                    format!("{name:?} is not one of {}", names.join(", "))
                })?;
            if !extras.contains(&extra) {
                extras.push(extra);
            }
        }
        Ok(extras)
    }

    /// What is made where nothing is said: what costs next to nothing.
    pub(crate) fn usual(kind: Kind) -> Vec<Self> {
        match kind {
            Kind::Score => vec![Extra::Midi, Extra::CueSheet, Extra::Waveform, Extra::Filmstrip],
            Kind::Watch => vec![Extra::Filmstrip, Extra::Frames],
            Kind::Film | Kind::Evaluate => Vec::new(),
        }
    }
}

/// Options by their long names; several values where an option may be given several times.
pub(crate) type Options = BTreeMap<String, Vec<String>>;

/// Everything that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    pub(crate) from: Option<String>,
    pub(crate) deliver: Vec<Extra>,
    /// `mp4`, `mov`, `mkv` or `webm`.
    pub(crate) container: String,
    /// 0 to 9; the higher, the sooner.
    pub(crate) priority: u8,
}

/// Containers a film may be asked for.
pub(crate) const CONTAINERS: [&str; 4] = ["mp4", "mov", "mkv", "webm"];

impl Request {
    /// The brief of a score: `base` with the options over it.
    ///
    /// # Errors
    /// Those of [`Brief::set`], and options that name a file of this machine.
    pub(crate) fn score(&self, mut base: Brief) -> Result<Brief, StudioError> {
        for (name, values) in &self.options {
            base.set(name, values)?;
        }
        let refused = |name: &str, why: &str| {
            Err(StudioError::Option {
                name: name.to_owned(),
                why: why.to_owned(),
            })
        };
        // A document that was edited by hand may say anything, too.
        if let Some(style) = &base.style
            && !synchresis_studio::styles().iter().any(|known| known.name == *style)
        {
            return refused(
                "style",
                &format!("there is no style {style:?}; /api/v1/styles lists them"),
            );
        }
        if matches!(base.soundbank, Soundbank::File(_)) {
            return refused("soundbank", "auto and none are to be had; a file of the server is not");
        }
        if matches!(base.objects, Objects::Yolov9(Some(_))) {
            return refused(
                "objects",
                "auto, none and yolov9 are to be had; a file of the server is not",
            );
        }
        if matches!(base.describe, Describe::Moondream2(Some(_)) | Describe::Openai { .. }) {
            return refused(
                "describe",
                "auto, none, moondream2 and replicate are to be had; a file of the server or an address it can reach is not",
            );
        }
        if matches!(base.scene, Scenes::Clip(Some(_))) {
            return refused(
                "scene",
                "auto, none and clip are to be had; a file of the server is not",
            );
        }
        if base.sounds_weights.is_some() || matches!(base.music, Music::Audioldm2(Some(_)) | Music::Audioldm(Some(_))) {
            return refused(
                "music",
                "composer, audioldm2, audioldm, replicate and none are to be had; a folder of the server is not",
            );
        }
        if matches!(base.features, Features::Resnet18(Some(_))) {
            return refused(
                "features",
                "built-in and resnet18 are to be had; a file of the server is not",
            );
        }
        Ok(base)
    }

    /// The brief of a film.
    ///
    /// # Errors
    /// Those of [`FilmBrief::set`], and options that name a file of this machine.
    pub(crate) fn film(&self) -> Result<FilmBrief, StudioError> {
        let mut brief = FilmBrief::default();
        // In the order of the list: what takes another's place comes after it.
        for name in FilmBrief::OPTIONS {
            if let Some(values) = self.options.get(*name) {
                brief.set(name, values)?;
            }
        }
        if brief.genres.is_some() {
            return Err(StudioError::Option {
                name: "genres".to_owned(),
                why: "a file of the server is not to be had".to_owned(),
            });
        }
        let refused = [
            ("painter", matches!(brief.painter, FilmPainter::Kandinsky(Some(_)))),
            (
                "transition",
                matches!(brief.transition, FilmTransition::Latent(Some(_))),
            ),
            ("caption", matches!(brief.caption, FilmCaption::LpMusiccaps(Some(_)))),
        ];
        if let Some((name, _)) = refused.iter().find(|(_, of_this_machine)| *of_this_machine) {
            return Err(StudioError::Option {
                name: (*name).to_owned(),
                why: "a folder of the server is not to be had; the engine by its name is".to_owned(),
            });
        }
        Ok(brief)
    }

    /// Where chance is drawn from.
    ///
    /// # Errors
    /// A seed that is no number.
    pub(crate) fn seed(&self) -> Result<u64, StudioError> {
        let mut brief = Brief::default();
        if let Some(values) = self.options.get("seed") {
            brief.set("seed", values)?;
        }
        Ok(brief.seed)
    }

    /// Reads every option once.
    ///
    /// # Errors
    /// The first that does not read.
    pub(crate) fn check(&self) -> Result<(), StudioError> {
        if let Some(name) = self
            .options
            .keys()
            .find(|name| !self.kind.options().contains(&name.as_str()))
        {
            return Err(StudioError::Option {
                name: name.clone(),
                why: format!("there is no such option for {}", self.kind.name()),
            });
        }
        match self.kind {
            Kind::Score | Kind::Watch => self.score(Brief::default()).map(drop),
            Kind::Film => self.film().map(drop),
            Kind::Evaluate => self.seed().map(drop),
        }
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// The clip or picture, or the film to be judged.
    File,
    /// The song of a film.
    Song,
    /// An artwork of a film.
    Art,
    /// Another sound for a film that is judged.
    Audio,
    /// A document of an earlier run, perhaps edited.
    Document,
}

/// A file that a client gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) role: Role,
    /// As the client calls it, for people alone: no file is ever called so here.
    pub(crate) name: String,
    pub(crate) blob: String,
    pub(crate) extension: String,
    pub(crate) bytes: u64,
}

/// A file that a job made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Artefact {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) blob: String,
    pub(crate) bytes: u64,
}

/// Why a job was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Failure {
    /// The exit code the command would have had: 1 the machine could not go on, 2 wrong usage, 3 input unusable, 4 a tool
    /// is missing.
    pub(crate) code: u8,
    /// What was being done, to what, and why it failed.
    pub(crate) detail: String,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Whether it was tried as often as jobs are tried, and put aside.
    pub(crate) set_aside: bool,
}
