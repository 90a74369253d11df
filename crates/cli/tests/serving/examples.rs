//! The examples of `docs/api.md`, each as a person would copy it.

use std::fs;
use std::process::Command;

use crate::desk::{Desk, clip};

/// The first fenced block of this language after this heading.
fn example(heading: &str, language: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let text = fs::read_to_string(path).expect("docs/api.md");
    let (_, after) = text.split_once(heading).expect("the heading");
    let (_, after) = after.split_once(&format!("```{language}\n")).expect("the example");
    after.split_once("\n```").expect("its end").0.to_owned()
}

fn run(program: &str, file: &str, heading: &str, language: &str) {
    if Command::new(program).arg("--version").output().is_err() {
        eprintln!("skipped: {program} is not installed");
        return;
    }
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let folder = desk.dir.path();
    fs::write(folder.join("holiday.mp4"), clip()).expect("writes");
    let text = example(heading, language).replace("http://127.0.0.1:8017", &format!("http://{}", server.address));
    fs::write(folder.join(file), text).expect("writes");
    let out = Command::new(program)
        .arg(file)
        .current_dir(folder)
        .output()
        .expect("it starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(out.status.success(), "{said}\n{}", server.log());
    let film = fs::read(folder.join("holiday.scored.mp4")).unwrap_or_else(|e| panic!("no film: {e}\n{said}"));
    assert!(film.len() > 1000 && film[4..8] == *b"ftyp", "{said}");
}

#[test]
fn the_example_for_the_shell_does_not_run() {
    run("bash", "example.sh", "## curl", "sh");
}

#[test]
fn the_example_in_python_does_not_run() {
    run("python3", "example.py", "## Python", "python");
}

#[test]
fn the_example_in_javascript_does_not_run() {
    run("node", "example.mjs", "## JavaScript", "js");
}
