//! The cue sheet for people: what plays when, why, and what it asks of whoever publishes it; Markdown or one HTML file.

use std::collections::BTreeSet;
use std::path::Path;

use synchresis_cue::{CueSheet, Document, Hit, Mood, SectionCue, SoundDesign, SoundKind, Spotting, Sync};

use crate::error::StudioError;
use crate::run::write_whole;
use crate::sections::{FrameDescription, Licences, MixReport, ObjectDetection, Scene, Takes, VideoInput};

/// Chords that are written out in a section's row.
const CHORDS: usize = 12;

/// How a cue sheet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Markdown,
    Html,
}

impl Form {
    fn of(path: &Path) -> Result<Self, StudioError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "md" | "markdown" => Ok(Self::Markdown),
            "html" | "htm" => Ok(Self::Html),
            _ => Err(StudioError::Brief(format!(
                "writing the cue sheet to {}: its ending says neither Markdown nor HTML\nhint: end its name in .md or .html",
                path.display()
            ))),
        }
    }
}

/// Refuses a name from which the form cannot be told, before any work is done.
pub(crate) fn refuse_early(path: &Path) -> Result<(), StudioError> {
    Form::of(path).map(drop)
}

/// Writes the cue sheet of `document` to `path`. What no stage has made yet is left out.
pub(crate) fn write(document: &Document, path: &Path) -> Result<(), StudioError> {
    let page = page(document);
    let text = match Form::of(path)? {
        Form::Markdown => page.markdown(),
        Form::Html => page.html(),
    };
    write_whole(path, text.as_bytes(), "writing the cue sheet to")
}

/// A page: a title, facts, and parts one below the other.
#[derive(Debug, Default)]
struct Page {
    title: String,
    facts: Vec<(&'static str, String)>,
    parts: Vec<Part>,
}

/// A part of a page: a table, then sentences.
#[derive(Debug, Default)]
struct Part {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    sentences: Vec<String>,
}

fn page(document: &Document) -> Page {
    let mut page = Page::default();
    let film = document.get::<VideoInput>().ok();
    let sheet = document.get::<CueSheet>().ok();
    let spotting = document.get::<Spotting>().ok();
    let sync = document.get::<Sync>().ok();
    page.title = match &film {
        Some(film) => format!("Cue sheet: {}", film.video_name),
        None => "Cue sheet".into(),
    };
    if let Some(film) = &film {
        page.facts
            .push(("Film", format!("{}, {}", film.video_name, clock(film.video_duration))));
    }
    if let Some(sheet) = &sheet {
        page.facts.push(("Music", sheet.title.clone()));
        page.facts.push(("Style", sheet.style.clone()));
        page.facts.push(("Seed", sheet.seed.to_string()));
        page.facts.push(("Key", sheet.key.to_string()));
        page.facts
            .push(("Meter", format!("{}/{}", sheet.meter.beats, sheet.meter.unit)));
    }
    if let Some(spotting) = &spotting {
        if let Some(tempo) = tempo(spotting, 0, spotting.bars.len()) {
            page.facts.push(("Tempo", tempo));
        }
        let taken = spotting.hits.iter().filter(|hit| hit.taken).count();
        page.facts
            .push(("Hits", format!("{taken} taken of {}", spotting.hits.len())));
    }
    if let Ok(mix) = document.get::<MixReport>()
        && let (Some(loudness), Some(peak)) = (mix.loudness_lufs, mix.true_peak_dbtp)
    {
        page.facts
            .push(("Loudness", format!("{loudness:.1} LUFS, true peak {peak:.1} dBTP")));
        page.facts.push(("The clip's own sound", mix.original));
    }
    if let Some(sync) = &sync {
        page.facts.push(("Sync", sync.verdict.clone()));
    }
    if let (Some(sheet), Some(spotting)) = (&sheet, &spotting) {
        page.parts.push(form(sheet, spotting));
    }
    if let Some(spotting) = &spotting {
        page.parts.push(hits(&spotting.hits, sync.as_ref()));
    }
    if let Ok(design) = document.get::<SoundDesign>() {
        page.parts.push(effects(&design));
    }
    if let Some(sheet) = &sheet {
        page.parts.push(instruments(sheet));
        page.parts.push(motifs(sheet));
    }
    if let Ok(takes) = document.get::<Takes>() {
        page.parts.push(takes_part(&takes));
    }
    if let Some(sheet) = &sheet {
        let mut sentences = sheet.why.clone();
        sentences.extend(looked(document));
        if let Ok(mood) = document.get::<Mood>() {
            if !mood.seen.is_empty() {
                let seen = mood.seen.join(", ");
                sentences.push(format!("What was recognised moved feeling, style and effects: {seen}."));
            }
            if !mood.unknown.is_empty() {
                sentences.push(format!("Words that were not understood: {}.", mood.unknown.join(", ")));
            }
        }
        page.parts.push(Part {
            title: "Why",
            sentences,
            ..Part::default()
        });
    }
    if let Ok(licences) = document.get::<Licences>() {
        page.parts.push(licences_part(&licences));
    }
    page
}

fn form(sheet: &CueSheet, spotting: &Spotting) -> Part {
    let rows = sheet.form.iter().enumerate().map(|(i, section)| {
        vec![
            (i + 1).to_string(),
            format!("{} to {}", clock(section.start_s), clock(section.end_s)),
            word(section.role),
            section.key.to_string(),
            tempo(spotting, section.first_bar, section.bars).unwrap_or_else(|| "free".into()),
            section.bars.to_string(),
            chords(sheet, section),
            players(sheet, section),
            section.why.clone(),
        ]
    });
    Part {
        title: "Sections",
        head: vec![
            "#",
            "Time",
            "Section",
            "Key",
            "Tempo",
            "Bars",
            "Chords",
            "Instruments",
            "Why",
        ],
        rows: rows.collect(),
        sentences: Vec::new(),
    }
}

/// `96` or `92 to 98` quarters a minute over these bars; none where no pulse is played.
fn tempo(spotting: &Spotting, first: usize, count: usize) -> Option<String> {
    let bars = spotting.bars.iter().skip(first).take(count).filter(|bar| !bar.free);
    let (low, high) = bars.fold((f64::INFINITY, 0.0f64), |(low, high), bar| {
        (low.min(bar.bpm), high.max(bar.bpm))
    });
    if high <= 0.0 {
        None
    } else if high - low < 0.5 {
        Some(format!("{low:.0} bpm"))
    } else {
        Some(format!("{low:.0} to {high:.0} bpm"))
    }
}

fn chords(sheet: &CueSheet, section: &SectionCue) -> String {
    let mut symbols: Vec<&str> = sheet
        .chords
        .iter()
        .filter(|chord| chord.start_s >= section.start_s - 0.02 && chord.start_s < section.end_s - 0.02)
        .map(|chord| chord.symbol.as_str())
        .collect();
    symbols.dedup();
    let more = symbols.len() > CHORDS;
    symbols.truncate(CHORDS);
    let mut text = symbols.join(" · ");
    if more {
        text.push_str(" …");
    }
    text
}

fn players(sheet: &CueSheet, section: &SectionCue) -> String {
    let names: Vec<&str> = sheet
        .instruments
        .iter()
        .filter(|instrument| section.layers.contains(&instrument.layer))
        .map(|instrument| instrument.name.as_str())
        .collect();
    names.join(", ")
}

/// What the engines that looked at the picture said, a sentence each.
fn looked(document: &Document) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Ok(objects) = document.get::<ObjectDetection>()
        && objects.engine != "none"
    {
        let labels: BTreeSet<&String> = objects.frames.iter().flat_map(|frame| &frame.labels).collect();
        let labels: Vec<&str> = labels.into_iter().map(String::as_str).collect();
        let found = if labels.is_empty() {
            "nothing it knows".to_owned()
        } else {
            labels.join(", ")
        };
        sentences.push(format!("{} recognised {found}.", objects.engine));
    }
    if let Ok(scene) = document.get::<Scene>()
        && scene.engine != "none"
    {
        let best = scene.lists.iter().filter_map(|list| {
            let first = list.shares.first()?;
            Some(format!("{} {} ({:.0} %)", list.name, first.what, 100.0 * first.share))
        });
        sentences.push(format!("CLIP finds: {}.", best.collect::<Vec<_>>().join("; ")));
    }
    if let Ok(described) = document.get::<FrameDescription>()
        && described.engine != "measured"
    {
        sentences.push(format!("{} says: {}", described.engine, described.description));
    }
    sentences
}

fn hits(hits: &[Hit], sync: Option<&Sync>) -> Part {
    let heard = |hit: &Hit| {
        let offsets = sync.map_or(&[][..], |sync| sync.offsets.as_slice());
        let offset = offsets.iter().find(|(at, _)| (at - hit.time_s).abs() < 1e-4)?.1?;
        Some(format!("{offset:+.0} ms"))
    };
    let rows = hits.iter().map(|hit| {
        vec![
            clock(hit.time_s),
            word(hit.kind),
            format!("{:.2}", hit.weight),
            if hit.taken { "taken" } else { "left" }.into(),
            heard(hit).filter(|_| hit.taken).unwrap_or_default(),
            hit.reason.clone(),
        ]
    });
    Part {
        title: "Hits",
        head: vec!["Time", "What", "Weight", "Taken", "Heard", "Why"],
        rows: rows.collect(),
        sentences: if hits.is_empty() {
            vec!["The picture does nothing that could be hit.".into()]
        } else {
            Vec::new()
        },
    }
}

fn effects(design: &SoundDesign) -> Part {
    let rows = design.cues.iter().map(|cue| {
        let place = match (cue.pan, cue.pan_to) {
            (a, b) if (a - b).abs() > 0.05 => format!("{} to {}", side(a), side(b)),
            (a, _) => side(a).to_owned(),
        };
        vec![
            format!("{} to {}", clock(cue.start_s), clock(cue.end_s)),
            word(cue.kind),
            cue.voice.replace('-', " "),
            place,
            format!("{:+.0} dB", cue.level_db),
            if cue.kind == SoundKind::Ambience {
                String::new()
            } else {
                clock(cue.peak_s)
            },
            cue.why.clone(),
        ]
    });
    Part {
        title: "Effects",
        head: vec!["Time", "What", "Sound", "Place", "Level", "Strongest", "Why"],
        rows: rows.collect(),
        sentences: design.why.clone(),
    }
}

fn side(pan: f64) -> &'static str {
    match pan {
        p if p < -0.5 => "left",
        p if p < -0.1 => "half left",
        p if p > 0.5 => "right",
        p if p > 0.1 => "half right",
        _ => "centre",
    }
}

fn instruments(sheet: &CueSheet) -> Part {
    let rows = sheet.instruments.iter().map(|instrument| {
        vec![
            instrument.name.clone(),
            word(instrument.layer),
            instrument.voice.replace('-', " "),
            instrument.notes.to_string(),
        ]
    });
    Part {
        title: "Instruments",
        head: vec!["Instrument", "Layer", "Voice", "Notes"],
        rows: rows.collect(),
        sentences: Vec::new(),
    }
}

fn motifs(sheet: &CueSheet) -> Part {
    let list = |values: Vec<String>| values.join(" ");
    let rows = sheet.motifs.iter().map(|motif| {
        vec![
            motif.name.clone(),
            list(motif.contour.iter().map(|step| format!("{step:+}")).collect()),
            list(motif.rhythm.iter().map(|length| format!("{length}")).collect()),
            motif
                .returns
                .iter()
                .map(|(at, how)| format!("{} ({how})", clock(*at)))
                .collect::<Vec<_>>()
                .join(", "),
        ]
    });
    Part {
        title: "Motifs",
        head: vec!["Motif", "Scale steps", "Quarters", "Where"],
        rows: rows.collect(),
        sentences: Vec::new(),
    }
}

fn takes_part(takes: &Takes) -> Part {
    let rows = takes.ranked.iter().enumerate().map(|(i, take)| {
        vec![
            (i + 1).to_string(),
            take.seed.to_string(),
            format!("{:.3}", take.value),
            take.reasons.join("; "),
        ]
    });
    Part {
        title: "Takes",
        head: vec!["Rank", "Seed", "Value", "Reasons"],
        rows: rows.collect(),
        sentences: Vec::new(),
    }
}

fn licences_part(licences: &Licences) -> Part {
    let rows = licences.used.iter().map(|licence| {
        vec![
            licence.what.clone(),
            licence.licence.clone(),
            if licence.commercial { "yes" } else { "no" }.into(),
            licence.notice.clone(),
        ]
    });
    Part {
        title: "Licences",
        head: vec!["What", "Licence", "May be sold", "To be named"],
        rows: rows.collect(),
        sentences: vec![licences.summary.clone()],
    }
}

/// The document's own word for a value that is one word.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text.replace('-', " "),
        _ => String::new(),
    }
}

/// `1:04.250`.
fn clock(seconds: f64) -> String {
    let thousandths = (seconds.max(0.0) * 1000.0).round() as u64;
    format!(
        "{}:{:02}.{:03}",
        thousandths / 60_000,
        thousandths / 1000 % 60,
        thousandths % 1000
    )
}

impl Page {
    fn markdown(&self) -> String {
        // A bar would end a cell, and a tag would be taken for one.
        let plain = |text: &str| {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('\\', "\\\\");
            text.replace('|', "\\|").replace(['\n', '\r'], " ")
        };
        let row = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        let mut text = format!("# {}\n\n", plain(&self.title));
        for (name, value) in &self.facts {
            text.push_str(&format!("- **{name}**: {}\n", plain(value)));
        }
        for part in &self.parts {
            text.push_str(&format!("\n## {}\n\n", part.title));
            if !part.rows.is_empty() {
                text.push_str(&row(&mut part.head.iter().map(|cell| (*cell).to_owned())));
                text.push_str(&row(&mut part.head.iter().map(|_| "---".to_owned())));
                for cells in &part.rows {
                    text.push_str(&row(&mut cells.iter().map(|cell| plain(cell))));
                }
                text.push('\n');
            }
            for sentence in &part.sentences {
                text.push_str(&format!("- {}\n", plain(sentence)));
            }
        }
        text
    }

    fn html(&self) -> String {
        let plain = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
        };
        let mut text = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n",
            title = plain(&self.title)
        );
        for (name, value) in &self.facts {
            text.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", plain(name), plain(value)));
        }
        text.push_str("</dl>\n");
        for part in &self.parts {
            text.push_str(&format!("<section>\n<h2>{}</h2>\n", plain(part.title)));
            if !part.rows.is_empty() {
                text.push_str("<div class=\"table\">\n<table>\n<thead><tr>");
                for cell in &part.head {
                    text.push_str(&format!("<th scope=\"col\">{}</th>", plain(cell)));
                }
                text.push_str("</tr></thead>\n<tbody>\n");
                for cells in &part.rows {
                    let left = if cells.iter().any(|cell| cell == "left") {
                        " class=\"left\""
                    } else {
                        ""
                    };
                    text.push_str(&format!("<tr{left}>"));
                    for cell in cells {
                        text.push_str(&format!("<td>{}</td>", plain(cell)));
                    }
                    text.push_str("</tr>\n");
                }
                text.push_str("</tbody>\n</table>\n</div>\n");
            }
            if !part.sentences.is_empty() {
                text.push_str("<ul>\n");
                for sentence in &part.sentences {
                    text.push_str(&format!("<li>{}</li>\n", plain(sentence)));
                }
                text.push_str("</ul>\n");
            }
            text.push_str("</section>\n");
        }
        text.push_str("</body>\n</html>\n");
        text
    }
}

/// Readable on a screen of any width, light or dark, and on paper.
const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; }
dt { font-weight: 600; }
dd { margin: 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid #8886; }
tr.left { opacity: 0.7; }
@media print {
  body { font-size: 9.5pt; margin: 0; max-width: none; }
  section { break-inside: auto; }
  tr, h2 { break-inside: avoid; break-after: avoid; }
  thead { display: table-header-group; }
}
@page { size: A4 landscape; margin: 15mm; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_signs_of_its_own_breaks_the_page() {
        let page = Page {
            title: "a < b & \"c\" | d".into(),
            facts: vec![("Film", "x\n<script>".into())],
            parts: vec![Part {
                title: "Hits",
                head: vec!["a", "b"],
                rows: vec![vec!["1 | 2".into(), "</td>".into()]],
                sentences: vec!["<b>".into()],
            }],
        };
        let html = page.html();
        assert!(
            !html.contains("<script>") && !html.contains("</td></td>") && !html.contains("<b>"),
            "{html}"
        );
        let markdown = page.markdown();
        let table: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        assert!(
            table
                .iter()
                .all(|line| line.replace("\\|", "").matches('|').count() == 3),
            "{table:?}"
        );
    }

    #[test]
    fn a_time_is_written_wrong() {
        assert_eq!(clock(0.0), "0:00.000");
        assert_eq!(clock(64.25), "1:04.250");
        assert_eq!(clock(59.9996), "1:00.000");
        assert_eq!(clock(-1.0), "0:00.000");
    }
}
