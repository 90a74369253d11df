//! Engines that could work on this machine now: their weights are here, their keys are known.

use std::collections::BTreeMap;

use synchresis_studio::options::ENGINES;
use synchresis_studio::{World, weights};

/// Engines by the option that takes them.
pub(crate) type Engines = BTreeMap<&'static str, Vec<&'static str>>;

/// What an engine needs beside the binary.
enum Needs {
    Nothing,
    /// One of the models whose names begin so.
    Any(&'static [&'static str]),
    /// All of these models.
    All(&'static [&'static str]),
    /// A key for an endpoint.
    Key(&'static str),
}

fn needs(engine: &str) -> Needs {
    match engine {
        "yolov9" => Needs::Any(&["yolov9"]),
        "audioldm2" => Needs::Any(&["audioldm2"]),
        "audioldm" => Needs::All(&["audioldm"]),
        "resnet18" => Needs::All(&["resnet18"]),
        "clip" => Needs::All(&["clip"]),
        "moondream2" => Needs::All(&["moondream2"]),
        "lp-musiccaps" => Needs::All(&["lp-musiccaps", "bart-base"]),
        "kandinsky" => Needs::All(&["kandinsky-2-2-prior", "kandinsky-2-2-decoder"]),
        "latent" => Needs::All(&["sd-image-variations"]),
        "replicate" => Needs::Key("REPLICATE_API_TOKEN"),
        _ => Needs::Nothing,
    }
}

/// The engines of every option that takes one, but for those whose weights, licence, runtime or key are missing.
pub(crate) fn here(world: &dyn World) -> Engines {
    let runs = world.ort_libraries().iter().any(|library| library.is_file());
    let may = |name: &str| weights::allowed(name, world).is_ok();
    let shelves: Vec<String> = weights::shelves(world)
        .into_iter()
        .filter(|shelf| runs && shelf.there && may(&shelf.entry.name))
        .map(|shelf| shelf.entry.name.clone())
        .collect();
    let there = |engine: &&&'static str| match needs(engine) {
        Needs::Nothing => true,
        Needs::Any(heads) => shelves
            .iter()
            .any(|name| heads.iter().any(|head| name.starts_with(head))),
        Needs::All(names) => names.iter().all(|wanted| shelves.iter().any(|name| name == wanted)),
        Needs::Key(name) => world.secret(name).is_some(),
    };
    ENGINES
        .iter()
        .map(|(option, engines)| (*option, engines.iter().filter(there).copied().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_needs_a_model_that_cannot_be_pulled() {
        let known = |wanted: &str| {
            ["yolov9", "audioldm2"].contains(&wanted) || weights::shelf_names().any(|name| name == wanted)
        };
        for (_, engines) in ENGINES {
            for engine in *engines {
                if let Needs::Any(names) | Needs::All(names) = needs(engine) {
                    assert!(names.iter().all(|name| known(name)), "{engine}: {names:?}");
                }
            }
        }
    }
}
