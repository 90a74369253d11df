//! Several inputs, one after the other; one that fails does not stop the others.

use std::io::Write;
use std::path::{Path, PathBuf};

use synchresis_studio::Outcome;

use crate::failure::{Failure, print};
use crate::place::Place;

/// The folder that `output` names, made where it is not there: it is one with several inputs, where there is one of that name, and
/// where the name ends as a folder's does.
pub(crate) fn folder(output: Option<&Path>, several: bool) -> Result<Option<&Path>, Failure> {
    let is_folder = |path: &Path| several || path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator);
    let Some(folder) = output.filter(|path| is_folder(path)) else {
        return Ok(None);
    };
    std::fs::create_dir_all(folder).map_err(|e| {
        let hint = "with several inputs, or a name that ends in a slash, --output is a folder";
        Failure::usage(format!("making the folder {}: {e}\nhint: {hint}", folder.display()))
    })?;
    Ok(Some(folder))
}

/// Does `work` for each of `inputs`, prints what came of each, and fails if one failed.
///
/// stdout gets the documents with `json`, else the films' paths; stderr what a person wants to know.
pub(crate) fn run(
    inputs: &[PathBuf],
    place: &Place,
    json: bool,
    work: impl Fn(&Path) -> Result<Outcome, Failure>,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for input in inputs {
        let outcome = work(input);
        place.clear();
        match outcome {
            Ok(outcome) => tell(&outcome, json, place)?,
            Err(failure) if place.stopped() => {
                return Err(Failure::new(
                    130,
                    if failure.number() == 130 {
                        "cancelled"
                    } else {
                        failure.message()
                    },
                ));
            }
            Err(failure) if inputs.len() == 1 => return Err(failure),
            Err(failure) => {
                failure.tell();
                failed.push((input, failure.number()));
            }
        }
    }
    let Some((_, code)) = failed.first() else { return Ok(()) };
    let names: Vec<String> = failed.iter().map(|(input, _)| input.display().to_string()).collect();
    Err(Failure::new(
        *code,
        format!(
            "{} of {} done; not done: {}",
            inputs.len() - failed.len(),
            inputs.len(),
            names.join(", ")
        ),
    ))
}

fn tell(outcome: &Outcome, json: bool, place: &Place) -> Result<(), Failure> {
    if json {
        return print(&outcome.document.to_json());
    }
    // A stage that makes no file of its own: what it says is the result.
    if outcome.result.is_none() && !outcome.told.is_empty() {
        return print(&format!("{}\n", outcome.told.join("\n")));
    }
    let mut err = std::io::stderr().lock();
    for line in outcome.told.iter().filter(|_| !place.quiet()) {
        let _ = writeln!(err, "{line}");
    }
    match &outcome.result {
        Some(path) => print(&format!("{}\n", path.display())),
        None => print(&outcome.document.to_json()),
    }
}
