//! The arrows of `ARCHITECTURE.md`, checked against the manifests and the files.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms it may know.
const ROOMS: &[(&str, &[&str])] = &[
    ("cue", &[]),
    ("media", &["cue"]),
    ("picture", &["cue"]),
    ("composer", &["cue"]),
    ("sound", &["cue"]),
    ("models", &["cue"]),
    ("studio", &["cue", "media", "picture", "composer", "sound", "models"]),
    ("server", &["cue", "studio"]),
    ("cli", &["cue", "studio", "server"]),
];

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

/// Longer files are asking to be two; twice the patience, and they must be.
const LINES: usize = 600;
const MOST_LINES: usize = 800;

/// Every arrow runs the way it may, every file has a name and a size that a reader can take.
pub fn check(root: &Path) -> Result<String, String> {
    let (mut wrong, mut long) = (Vec::new(), vec!["arrows: every one runs the way it may".to_owned()]);
    for entry in read_dir(&root.join("crates"))? {
        let room = entry
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!(
                "crates/{room}: no such room in xtask/src/arrows.rs; add it there and to ARCHITECTURE.md"
            ));
            continue;
        };
        let manifest = read(&entry.join("Cargo.toml"))?;
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for (other, _) in ROOMS {
            let named = dependencies
                .lines()
                .any(|line| line.starts_with(&format!("synchresis-{other}")));
            if named && !may.contains(other) {
                wrong.push(format!(
                    "crates/{room} → crates/{other}: this arrow may not be; {room} may know {may:?}"
                ));
            }
        }
        let mut files = Vec::new();
        walk(&entry, &mut files)?;
        for file in files {
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            let folder = file
                .parent()
                .and_then(Path::file_name)
                .and_then(|s| s.to_str())
                .unwrap_or_default();
            if NAMELESS.contains(&stem) || NAMELESS.contains(&folder) {
                wrong.push(format!("{shown}: a name that says nothing"));
            }
            let lines = read(&file)?.lines().count();
            if lines > MOST_LINES {
                wrong.push(format!("{shown}: {lines} lines, over {MOST_LINES}: must be two"));
            } else if lines > LINES {
                long.push(format!("{shown}: {lines} lines, asking to be two"));
            }
        }
    }
    if wrong.is_empty() {
        Ok(long.join("\n"))
    } else {
        Err(wrong.join("\n"))
    }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    for path in read_dir(folder)? {
        if path.is_dir() {
            walk(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

fn read_dir(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("reading {}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    Ok(paths)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("reading {}: {e}", file.display()))
}
