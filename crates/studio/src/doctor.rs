//! What is installed, what is missing, and how to get it.

use crate::world::World;
use crate::{render, weights};

/// The state of the machine.
#[derive(Debug, Clone)]
pub struct Report {
    /// One line a thing.
    pub lines: Vec<Line>,
}

/// The state of one thing.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whether it is as it should be. Nothing but ffmpeg is needed.
    pub good: bool,
    /// What.
    pub what: String,
    /// What was found.
    pub found: String,
    /// How to get it, or make it better.
    pub hint: Option<String>,
}

/// Looks at everything that a film may need.
pub fn examine(world: &dyn World) -> Report {
    let mut lines = Vec::new();
    let mut line = |good, what: &str, found: String, hint: Option<String>| {
        lines.push(Line {
            good,
            what: what.to_owned(),
            found,
            hint,
        })
    };
    match world
        .tools()
        .and_then(|tools| Ok((tools, tools.check(world.limits())?)))
    {
        Ok((tools, version)) => {
            line(
                true,
                "ffmpeg",
                format!("{version} at {}", tools.ffmpeg().display()),
                None,
            );
            line(true, "jail", tools.jail().describe().to_owned(), None);
        }
        Err(error) => {
            let text = error.tell();
            let (found, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            line(
                false,
                "ffmpeg",
                found.into(),
                Some(hint.into()).filter(|hint: &String| !hint.is_empty()),
            );
        }
    }
    match render::found_bank(world) {
        Some(path) => line(true, "sound bank", path.display().to_string(), None),
        None => line(
            true,
            "sound bank",
            "none found, the built-in voices play".into(),
            Some(
                "for sampled instruments: apt-get install musescore-general-soundfont-small, or --soundbank FILE"
                    .into(),
            ),
        ),
    }
    let libraries = world.ort_libraries();
    match libraries.iter().find(|path| path.is_file()) {
        Some(path) => line(true, "ONNX Runtime", path.display().to_string(), None),
        None => line(
            true,
            "ONNX Runtime",
            "not found, no neural engine runs".into(),
            Some(
                "for recognising objects: unpack libonnxruntime from the PyPI wheel onnxruntime, and --ort-lib FILE"
                    .into(),
            ),
        ),
    }
    let folder = world.model_folder();
    let yolo = folder.as_deref().and_then(crate::eyes::yolo_in);
    match (yolo, folder) {
        (Some(path), _) => line(true, "YOLOv9", path.display().to_string(), None),
        (None, folder) => line(
            true,
            "YOLOv9",
            "no weights found, no objects are recognised".into(),
            folder.map(|folder| {
                format!(
                    "synchresis models pull yolov9-c, or put v9-c.pt of MultimediaTechLab/YOLO (MIT) into {}",
                    folder.display()
                )
            }),
        ),
    }
    // Objects have their own line: any size will do.
    for shelf in weights::shelves(world)
        .iter()
        .filter(|shelf| !shelf.entry.name.starts_with("yolov9"))
    {
        let entry = shelf.entry;
        if shelf.there {
            line(true, &entry.name, shelf.path.display().to_string(), None);
        } else {
            let found = format!("not here: would give {}", entry.gives);
            line(
                true,
                &entry.name,
                found,
                Some(format!("synchresis models pull {}", entry.name)),
            );
        }
    }
    line(true, "styles", format!("{} built in", crate::styles().len()), None);
    line(true, "cache", world.cache().root().display().to_string(), None);
    Report { lines }
}
