//! Two films, or two documents, side by side.

use std::path::{Path, PathBuf};

use serde::Serialize;
use synchresis_cue::{Document, Figure, Sync};

use crate::error::StudioError;
use crate::evaluate::page::{self, Exhibit};
use crate::evaluate::{Judged, Trial, judged};
use crate::run::write_whole;
use crate::world::World;

/// One side of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    /// The file's name.
    pub name: String,
    /// Its figures.
    pub sync: Sync,
}

/// What a comparison came to.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// `synchresis/comparison/1`.
    pub schema: &'static str,
    /// The first.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// Which of both holds together better, in a sentence.
    pub verdict: String,
}

/// Either a document with figures, or a film that was judged.
enum Witness {
    Document(Box<Side>),
    Film(Box<Judged>),
}

/// Puts `a` and `b` side by side: documents that hold the figures, or films that are judged with `seed`. `report` is
/// where a page for a browser goes.
///
/// # Errors
/// Those of [`evaluate`](crate::evaluate), and a document without figures.
pub fn compare(
    a: &Path,
    b: &Path,
    seed: u64,
    report: Option<&PathBuf>,
    world: &dyn World,
) -> Result<Comparison, StudioError> {
    let both = [witness(a, seed, world)?, witness(b, seed, world)?];
    let [a, b] = both.each_ref().map(side);
    let verdict = verdict(&a, &b);
    if let Some(path) = report {
        world.begin("reporting");
        let exhibits: Vec<Exhibit<'_>> = both
            .iter()
            .map(|one| match one {
                Witness::Film(judged) => judged.exhibit(),
                Witness::Document(side) => Exhibit {
                    name: side.name.clone(),
                    sync: &side.sync,
                    scene: None,
                },
            })
            .collect();
        let page = page::of(&exhibits, Some(&verdict))?;
        write_whole(path, page.as_bytes(), "writing the report to")?;
    }
    Ok(Comparison {
        schema: "synchresis/comparison/1",
        a,
        b,
        verdict,
    })
}

fn side(witness: &Witness) -> Side {
    match witness {
        Witness::Document(side) => (**side).clone(),
        Witness::Film(judged) => Side {
            name: judged.name.clone(),
            sync: judged.sync.clone(),
        },
    }
}

fn witness(path: &Path, seed: u64, world: &dyn World) -> Result<Witness, StudioError> {
    let is_document = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if !is_document {
        let trial = Trial {
            video: path.to_owned(),
            name: None,
            audio: None,
            document: None,
            seed,
            report: None,
        };
        return Ok(Witness::Film(Box::new(judged(&trial, world)?)));
    }
    let document: Document = crate::order::read_document(path)?.ok_or_else(|| {
        StudioError::Brief(format!(
            "reading the document {}: there is no such file",
            path.display()
        ))
    })?;
    let sync: Sync = document.get().map_err(|error| {
        StudioError::Brief(format!(
            "comparing {}: {error}\nhint: `synchresis evaluate VIDEO --json > {}` makes a document with figures",
            path.display(),
            path.file_name().unwrap_or_default().to_string_lossy()
        ))
    })?;
    Ok(Witness::Document(Box::new(Side {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        sync,
    })))
}

/// The share of what chance leaves that is reached; 0 is chance, 1 is all.
fn gain(figure: Figure) -> f64 {
    if figure.chance < 1.0 {
        (figure.value - figure.chance) / (1.0 - figure.chance)
    } else {
        0.0
    }
}

fn verdict(a: &Side, b: &Side) -> String {
    let judged = |s: &Sync| s.hits > 0 && s.events > 0;
    match (judged(&a.sync), judged(&b.sync)) {
        (false, false) => return "Neither has both hits and events, so there is nothing to compare.".into(),
        (false, true) => return format!("Only {} has both hits and events.", b.name),
        (true, false) => return format!("Only {} has both hits and events.", a.name),
        (true, true) => {}
    }
    let rates = [a, b].map(|side| gain(side.sync.hit_rate_1f));
    let bells = [a, b].map(|side| gain(side.sync.beat_alignment));
    // Half a hit of the shorter list is within luck.
    let least = 0.5 / a.sync.hits.min(b.sync.hits) as f64;
    let lead = |pair: [f64; 2]| {
        if (pair[0] - pair[1]).abs() <= least.min(0.05) {
            0
        } else if pair[0] > pair[1] {
            1
        } else {
            -1
        }
    };
    let says = |figure: Figure| format!("{:.2} (chance {:.2})", figure.value, figure.chance);
    let numbers = |a: &Side, b: &Side| {
        format!(
            "hits within a frame {} against {}, beat alignment {} against {}",
            says(a.sync.hit_rate_1f),
            says(b.sync.hit_rate_1f),
            says(a.sync.beat_alignment),
            says(b.sync.beat_alignment)
        )
    };
    let better = |a: &Side, b: &Side| format!("{} holds together better than {}: {}.", a.name, b.name, numbers(a, b));
    match (lead(rates), lead(bells)) {
        (0, 0) => format!("Both hold together alike: {}.", numbers(a, b)),
        (1, 0 | 1) | (0, 1) => better(a, b),
        (-1, 0 | -1) | (0, -1) => better(b, a),
        _ => format!(
            "The figures disagree about {} and {}: {}.",
            a.name,
            b.name,
            numbers(a, b)
        ),
    }
}

impl Comparison {
    /// Both sides and the verdict as JSON.
    pub fn to_json(&self) -> String {
        // Names, numbers and lists of them always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The figures side by side, as a person reads them.
    pub fn table(&self) -> Vec<String> {
        let short = |name: &str| {
            let n = name.chars().count();
            if n > 22 {
                let end: String = name.chars().skip(n - 21).collect();
                format!("…{end}")
            } else {
                name.to_owned()
            }
        };
        let mut lines = vec![format!(
            "{:<28}{:>22}{:>10}{:>24}{:>10}",
            "",
            short(&self.a.name),
            "chance",
            short(&self.b.name),
            "chance"
        )];
        let (a, b) = (&self.a.sync, &self.b.sync);
        lines.push(format!("{:<28}{:>22}{:>34}", "hits", a.hits, b.hits));
        lines.push(format!("{:<28}{:>22}{:>34}", "events", a.events, b.events));
        for (name, a, b) in [
            ("hits heard within a frame", Some(a.hit_rate_1f), Some(b.hit_rate_1f)),
            ("median offset, ms", Some(a.median_offset_ms), Some(b.median_offset_ms)),
            ("beat alignment", Some(a.beat_alignment), Some(b.beat_alignment)),
            ("precision at 50 ms", Some(a.precision), Some(b.precision)),
            ("recall at 50 ms", Some(a.recall), Some(b.recall)),
            ("rhythm consistency", a.rhythm_consistency, b.rhythm_consistency),
        ] {
            let cells = |figure: Option<Figure>| {
                figure.map_or_else(
                    || ("–".to_owned(), "–".to_owned()),
                    |f| (format!("{:.3}", f.value), format!("{:.3}", f.chance)),
                )
            };
            if a.is_some() || b.is_some() {
                let ((av, ac), (bv, bc)) = (cells(a), cells(b));
                lines.push(format!("{name:<28}{av:>22}{ac:>10}{bv:>24}{bc:>10}"));
            }
        }
        lines.push(self.verdict.clone());
        lines
    }
}

#[cfg(test)]
mod tests {
    use synchresis_cue::figures;

    use super::*;

    fn one(name: &str, late_s: f64) -> Side {
        let hits = [1.0, 3.2, 5.9, 8.1, 12.4, 17.7, 20.3];
        let events: Vec<f64> = hits.iter().map(|h| h + late_s).collect();
        Side {
            name: name.into(),
            sync: figures::sync(&hits, &events, 1.0 / 30.0, 30.0, 1),
        }
    }

    #[test]
    fn the_looser_film_wins() {
        let (tight, loose) = (one("tight", 0.0), one("loose", 0.12));
        for (a, b) in [(&tight, &loose), (&loose, &tight)] {
            let says = verdict(a, b);
            assert!(says.starts_with("tight holds together better than loose"), "{says}");
            assert!(says.contains("1.00 (chance") && says.contains("0.00 (chance"), "{says}");
        }
        assert!(verdict(&tight, &tight).starts_with("Both hold together alike"));
        let deaf = Side {
            name: "deaf".into(),
            sync: figures::sync(&[1.0], &[], 0.04, 10.0, 1),
        };
        assert_eq!(verdict(&tight, &deaf), "Only tight has both hits and events.");
    }

    #[test]
    fn the_table_leaves_its_columns() {
        let comparison = Comparison {
            schema: "synchresis/comparison/1",
            a: one("a film with a name that is far too long for a column.mp4", 0.0),
            b: one("b", 0.01),
            verdict: String::new(),
        };
        let table = comparison.table();
        let widths: Vec<usize> = table[..table.len() - 1].iter().map(|l| l.chars().count()).collect();
        assert!(widths[0] == 94 && widths[3..].iter().all(|w| *w == 94), "{widths:?}");
    }
}
