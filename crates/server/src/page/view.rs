//! What the templates are given.

use askama::Template;
use serde_json::Value;

use super::fields::{Field, Fields};
use super::words::Words;
use crate::history::Job;
use crate::job::{Extra, Kind, Role, Status};
use crate::trade::THUMBNAIL;

/// A look to choose.
#[derive(Debug)]
pub(super) struct LookView {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) says: String,
    pub(super) chosen: bool,
}

/// Every look; `chosen`, or the usual one, is marked.
pub(super) fn looks(t: &Words, chosen: Option<&str>) -> Vec<LookView> {
    let chosen = chosen.unwrap_or("pulse");
    let looks = synchresis_studio::Look::ALL.iter().map(|look| {
        let name = look.name();
        LookView {
            name: name.to_owned(),
            label: t.get(&format!("look.{name}")).to_owned(),
            says: t.get(&format!("look.{name}.says")).to_owned(),
            chosen: name == chosen,
        }
    });
    looks.collect()
}

/// A file to take home.
#[derive(Debug)]
pub(super) struct FileView {
    pub(super) url: String,
    pub(super) label: String,
    pub(super) kind: String,
    pub(super) size: String,
}

/// A name and the key of its words.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) key: String,
}

impl Named {
    fn new(name: &str, group: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: format!("{group}.{}", name.replace(' ', "_")),
        }
    }
}

/// A job as the page tells of it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) name: String,
    /// What was asked of it, to tell it from others of the same film.
    pub(super) wish: String,
    pub(super) kind: &'static str,
    pub(super) kind_key: String,
    pub(super) status: &'static str,
    pub(super) status_key: String,
    pub(super) stage_key: String,
    pub(super) stages: Vec<Named>,
    pub(super) percent: u32,
    pub(super) ended: bool,
    /// Whether it may come out better another time: it was stopped, or the machine was at fault.
    pub(super) again: bool,
    pub(super) english: bool,
    pub(super) when: String,
    pub(super) day: String,
    pub(super) error: String,
    pub(super) hint: String,
    pub(super) told: Vec<String>,
    pub(super) film: String,
    pub(super) picture: String,
    pub(super) strip: String,
    pub(super) thumbnail: String,
    pub(super) third: String,
    pub(super) two_thirds: String,
    pub(super) medoid: String,
    pub(super) files: Vec<FileView>,
    pub(super) missing: Vec<Named>,
    pub(super) delivered: String,
}

fn stages(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Score => &["opening", "watching", "composing", "rendering", "mixing", "muxing"],
        Kind::Watch => &["opening", "watching", "extracting"],
        Kind::Film => &["opening", "listening", "painting", "watching"],
        Kind::Evaluate => &["opening", "watching", "listening", "reporting"],
    }
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Year, month, day, hour, minute and second of a time in milliseconds since 1970, UTC (Hinnant's civil-from-days).
pub(super) fn civil(ms: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

/// Files that a person saves, by the name they are made under: the key of their words, and their kind.
fn label(name: &str, t: &Words) -> Option<(String, String)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let kind = extension.to_ascii_uppercase();
    if let Some(rank) = stem.strip_prefix("take-") {
        return Some((format!("{} {rank}", t.get("file.take")), kind));
    }
    let key = match name {
        "waveform.json" | "filmstrip.json" | THUMBNAIL => return None,
        "document.json" => "file.document",
        "music.mid" => "file.midi",
        "music.musicxml" => "file.musicxml",
        "cue-sheet.html" => "file.cue-sheet",
        "timeline.png" => "file.timeline",
        "filmstrip.jpg" => "file.filmstrip",
        "sound.wav" => "file.wav",
        "stems.zip" => "file.stems",
        "report.html" => "file.report",
        _ if stem == "film" => "file.film",
        _ => return Some((name.to_owned(), kind)),
    };
    Some((t.get(key).to_owned(), kind))
}

/// Mood, style or look, and seed, as far as something was said.
fn wish(job: &Job, t: &Words) -> String {
    let said = |name: &str| {
        let value = job.request.options.get(name).and_then(|values| values.last());
        value.filter(|value| !value.is_empty()).map(String::as_str)
    };
    let style = said("style").filter(|style| *style != "auto");
    let seed = said("seed").filter(|seed| *seed != "0");
    let parts = [
        said("mood").map(str::to_owned),
        style.map(|style| t.get(&format!("style.{style}")).to_owned()),
        said("look").map(|look| t.get(&format!("look.{look}")).to_owned()),
        seed.map(|seed| t.get("takes.seed").replace("{seed}", seed)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

impl Seen {
    pub(super) fn new(job: &Job, t: &Words) -> Self {
        let id = &job.id;
        let artefact = |name: &str| {
            let found = job.artefacts.iter().find(|artefact| artefact.name == name);
            found.map_or_else(String::new, |artefact| {
                format!("/api/v1/jobs/{id}/artefacts/{}", artefact.name)
            })
        };
        let main = if job.kind == Kind::Film { Role::Song } else { Role::File };
        let first = job.inputs.iter().position(|input| input.role == main);
        let name = first
            .and_then(|place| job.inputs.get(place))
            .map_or("", |input| input.name.as_str());
        let film = job.artefacts.iter().find(|artefact| artefact.name.starts_with("film."));
        let (year, month, day, hour, minute, second) = civil(job.created);
        let stage = match job.status {
            Status::Running => job.stage.as_deref().unwrap_or("starting"),
            _ => "queued",
        };
        let offered = if job.kind == Kind::Score {
            &[
                Extra::Wav,
                Extra::Stems,
                Extra::Midi,
                Extra::Musicxml,
                Extra::CueSheet,
                Extra::Report,
                Extra::Timeline,
            ][..]
        } else {
            &[]
        };
        let delivered: Vec<&str> = job.request.deliver.iter().map(|extra| extra.name()).collect();
        Self {
            id: id.clone(),
            name: name.to_owned(),
            wish: wish(job, t),
            kind: job.kind.name(),
            kind_key: format!("kind.{}", job.kind.name()),
            status: job.status.name(),
            status_key: format!("status.{}", job.status.name()),
            stage_key: format!("stage.{}", stage.replace(' ', "_")),
            stages: stages(job.kind).iter().map(|name| Named::new(name, "stage")).collect(),
            percent: (job.progress.clamp(0.0, 1.0) * 100.0) as u32,
            ended: job.status.ended(),
            again: match job.status {
                Status::Cancelled => true,
                Status::Failed => job.failure.as_ref().is_some_and(|failure| failure.code != 3),
                _ => false,
            },
            english: false,
            when: format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            day: format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC"),
            error: job.failure.as_ref().map_or("", |failure| &failure.detail).to_owned(),
            hint: job
                .failure
                .as_ref()
                .and_then(|failure| failure.hint.clone())
                .unwrap_or_default(),
            told: job.told.clone(),
            film: film.map_or_else(String::new, |film| artefact(&film.name)),
            picture: first.map_or_else(String::new, |place| format!("/api/v1/jobs/{id}/inputs/{place}")),
            strip: artefact("filmstrip.jpg"),
            thumbnail: artefact(THUMBNAIL),
            third: artefact("frame-33.jpg"),
            two_thirds: artefact("frame-66.jpg"),
            medoid: artefact("frame-medoid.jpg"),
            files: job
                .artefacts
                .iter()
                .filter_map(|artefact| {
                    let (label, kind) = label(&artefact.name, t)?;
                    Some(FileView {
                        url: format!("/api/v1/jobs/{id}/artefacts/{}", artefact.name),
                        label,
                        kind,
                        size: size(artefact.bytes),
                    })
                })
                .collect(),
            missing: offered
                .iter()
                .filter(|extra| !job.request.deliver.contains(extra))
                .map(|extra| Named::new(extra.name(), "file"))
                .collect(),
            delivered: delivered.join(","),
        }
    }
}

/// What there is to say of a result in a line: length, tempo, meter, style, seed.
pub(super) fn facts(document: &Value, t: &Words) -> Vec<String> {
    let number = |place: &str| document.pointer(place).and_then(Value::as_f64);
    let word = |place: &str| document.pointer(place).and_then(Value::as_str).map(str::to_owned);
    let seconds = number("/footage/duration_s").or_else(|| number("/hearing/duration_s"));
    let tempo = number("/cue_sheet/tempo_map/0/bpm").or_else(|| number("/hearing/tempo"));
    let meter = match (number("/cue_sheet/meter/beats"), number("/cue_sheet/meter/unit")) {
        (Some(beats), Some(unit)) => Some(format!("{beats}/{unit}")),
        _ => None,
    };
    let facts = [
        seconds.map(|seconds| format!("{}:{:04.1}", (seconds / 60.0).floor(), seconds % 60.0)),
        tempo.map(|bpm| t.get("result.facts").replace("{bpm}", &format!("{bpm:.0}"))),
        meter,
        word("/mood/style").or_else(|| word("/film_options/look")),
        number("/cue_sheet/seed").map(|seed| t.get("takes.seed").replace("{seed}", &seed.to_string())),
    ];
    facts.into_iter().flatten().collect()
}

/// A thing that touched the result, and under which licence.
#[derive(Debug)]
pub(super) struct Licence {
    pub(super) what: String,
    pub(super) licence: String,
}

pub(super) fn licences(document: &Value) -> Vec<Licence> {
    let used = document.pointer("/licences/used").and_then(Value::as_array);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    used.into_iter()
        .flatten()
        .map(|used| Licence {
            what: text(used, "what"),
            licence: text(used, "licence"),
        })
        .collect()
}

/// Keys of a tab's words, and where its form goes.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) title: String,
    pub(super) head: String,
    pub(super) lede: String,
    pub(super) action: &'static str,
}

/// A tab: what is asked for, and what was done before.
#[derive(Template)]
#[template(path = "start.html")]
pub(super) struct Start<'a> {
    pub(super) t: &'a Words,
    pub(super) tab: &'a str,
    pub(super) keys: Keys,
    pub(super) wrong: &'a str,
    pub(super) hint: &'a str,
    /// The field that something was wrong with.
    pub(super) blame: Option<&'a Field>,
    pub(super) looks: Vec<LookView>,
    pub(super) fields: &'a Fields,
    /// Whether the brief is shown at once.
    pub(super) open: bool,
    pub(super) past: Vec<Seen>,
    /// The last of `past`, where there are older ones.
    pub(super) older: String,
}

/// What was done before, a page of it.
#[derive(Template)]
#[template(path = "history.html")]
pub(super) struct Past<'a> {
    pub(super) t: &'a Words,
    pub(super) tab: &'a str,
    pub(super) past: Vec<Seen>,
    pub(super) older: String,
    pub(super) newest: bool,
}

/// A job: how far it is, what to choose, what came of it.
#[derive(Template)]
#[template(path = "job.html")]
pub(super) struct Shown<'a> {
    pub(super) t: &'a Words,
    pub(super) tab: &'a str,
    pub(super) job: Seen,
    pub(super) title: String,
    pub(super) facts: Vec<String>,
    pub(super) words: String,
    pub(super) prompt: String,
    /// The prompt before anybody changed it.
    pub(super) written: String,
    pub(super) frame: String,
    pub(super) seconds: f64,
    pub(super) verdict: String,
    pub(super) licence: String,
    pub(super) licences: Vec<Licence>,
    pub(super) still: bool,
    pub(super) wrong: &'a str,
    pub(super) hint: &'a str,
    pub(super) blame: Option<&'a Field>,
    pub(super) fields: &'a Fields,
}

/// Where the token is asked for.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct Login<'a> {
    pub(super) t: &'a Words,
    pub(super) tab: &'a str,
    pub(super) wrong: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_dated_on_another_day() {
        assert_eq!(civil(0), (1970, 1, 1, 0, 0, 0));
        assert_eq!(civil(951_782_399_000), (2000, 2, 28, 23, 59, 59));
        assert_eq!(civil(951_782_400_000), (2000, 2, 29, 0, 0, 0));
        assert_eq!(civil(1_795_287_197_013), (2026, 11, 21, 18, 53, 17));
    }

    #[test]
    fn a_file_looks_larger_than_it_is() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(78_895), "79 KB");
        assert_eq!(size(2_880_080), "2.9 MB");
    }
}
