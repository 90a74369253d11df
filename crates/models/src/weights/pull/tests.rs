//! Against hubs on the loopback: whole, broken off, lying, away.

use std::cell::RefCell;

use super::*;
use crate::http::mock::{Answer, Asked, Mock, hasty, nobody, says};

fn entry() -> Entry {
    Entry {
        name: "small".into(),
        gives: "nothing".into(),
        repository: "who/small".into(),
        revision: "v1".into(),
        files: Vec::new(),
        url: None,
        wants: vec![
            "*.json".into(),
            "**/*.safetensors".into(),
            "**/*.bin".into(),
            "vae/*.json".into(),
        ],
        folder: "small".into(),
        megabytes: 1,
        licence: "MIT".into(),
        commercial: true,
        cite: "nobody".into(),
    }
}

const WEIGHTS: &[u8] = b"not quite a megabyte of weights";

fn hub(sha256: &str) -> String {
    let small = r#"{"rfilename": "config.json", "size": 2}, {"rfilename": "../evil.json", "size": 2}, {"rfilename": "README.md"}"#;
    let large = format!(
        r#"{{"rfilename": "vae/a.safetensors", "size": {}, "lfs": {{"sha256": "{sha256}"}}}}"#,
        WEIGHTS.len()
    );
    let twice = r#"{"rfilename": "vae/a.bin", "size": 7}, {"rfilename": "vae/a.fp16.safetensors", "size": 7}"#;
    format!(r#"{{"siblings": [{small}, {large}, {twice}]}}"#)
}

fn right() -> String {
    hexadecimal(&Sha256::digest(WEIGHTS))
}

fn source<'a>(hub: &'a str, cancelled: &'a dyn Fn() -> bool) -> Source<'a> {
    Source {
        hub,
        key: None,
        patience: hasty(),
        cancelled,
    }
}

/// A hub whose connection breaks after ten bytes the first `breaks` times.
fn breaking(sha256: &str, breaks: usize) -> Mock {
    let list = hub(sha256);
    let broken = RefCell::new(0);
    Mock::new(move |_, asked: &Asked| {
        let line = asked.line.as_str();
        if line.contains("/api/models/who/small/revision/v1") {
            return says(200, &list);
        }
        if line.contains("/who/small/resolve/v1/config.json") {
            return says(200, "{}");
        }
        let range = asked
            .headers
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let from: usize = range
            .and_then(|text| text.trim().trim_end_matches('-').parse().ok())
            .unwrap_or(0);
        let status = if from > 0 { 206 } else { 200 };
        if *broken.borrow() < breaks {
            *broken.borrow_mut() += 1;
            let end = (from + 10).min(WEIGHTS.len());
            return Answer::Says(status, "", WEIGHTS[from..end].to_vec());
        }
        Answer::Says(status, "", WEIGHTS[from..].to_vec())
    })
}

#[test]
fn a_broken_pull_begins_anew_or_leaves_half_a_file() {
    let mock = breaking(&right(), 2);
    let models = tempfile::tempdir().expect("a folder");
    let source = source(&mock.url, &|| false);
    let files = list(&entry(), &source).expect("lists");
    let paths: Vec<&str> = files.iter().map(|remote| remote.path.as_str()).collect();
    assert_eq!(paths, ["config.json", "vae/a.safetensors"]);
    let mut told = Vec::new();
    let receipt = fetch(&entry(), &files, models.path(), &source, &mut |done, all| {
        told.push((done, all))
    })
    .expect("pulls");
    assert_eq!(
        fs::read(models.path().join("small/vae/a.safetensors")).expect("is there"),
        WEIGHTS
    );
    assert!(!models.path().join("small/vae/a.safetensors.part").exists());
    assert_eq!(receipt.files[1].sha256, right());
    assert!(
        told.is_sorted() && told.last() == Some(&(WEIGHTS.len() as u64 + 2, WEIGHTS.len() as u64 + 2)),
        "{told:?}"
    );
    let ranges = mock
        .asked()
        .iter()
        .filter(|asked| asked.headers.to_lowercase().contains("range:"))
        .count();
    assert_eq!(ranges, 2);
    // Nothing is pulled twice.
    let before = mock.asked().len();
    fetch(&entry(), &files, models.path(), &source, &mut |_, _| ()).expect("is there");
    assert_eq!(mock.asked().len(), before);
    assert!(entry().is_there(models.path()));
    assert!(remove(&entry(), models.path()).expect("removes") > WEIGHTS.len() as u64);
    assert!(matches!(
        remove(&entry(), models.path()),
        Err(ModelError::NoWeights { .. })
    ));
}

#[test]
fn weights_that_are_not_those_announced_get_their_name() {
    let mock = breaking(&"0".repeat(64), 0);
    let models = tempfile::tempdir().expect("a folder");
    let source = source(&mock.url, &|| false);
    let files = list(&entry(), &source).expect("lists");
    let told = fetch(&entry(), &files, models.path(), &source, &mut |_, _| ())
        .expect_err("is refused")
        .to_string();
    assert!(told.contains("SHA-256") && told.contains("hint:"), "{told}");
    assert!(!models.path().join("small/vae/a.safetensors").exists());
}

#[test]
fn a_hub_that_is_away_or_ctrl_c_leaves_no_sentence() {
    let models = tempfile::tempdir().expect("a folder");
    let away = nobody();
    let told = list(&entry(), &source(&away, &|| false))
        .expect_err("fails")
        .to_string();
    assert!(told.contains("nobody listens"), "{told}");
    let mock = breaking(&right(), 0);
    let files = list(&entry(), &source(&mock.url, &|| false)).expect("lists");
    let stopped = fetch(
        &entry(),
        &files,
        models.path(),
        &source(&mock.url, &|| true),
        &mut |_, _| (),
    );
    assert!(matches!(stopped, Err(ModelError::Cancelled(_))));
    let gated = Mock::new(|_, _| says(401, "{}"));
    let remote = Remote {
        path: "a.bin".into(),
        url: gated.url.clone(),
        bytes: None,
        sha256: None,
    };
    let told = fetch(
        &entry(),
        &[remote],
        models.path(),
        &source(&gated.url, &|| false),
        &mut |_, _| (),
    );
    assert!(told.expect_err("is refused").to_string().contains("HF_TOKEN"));
}

#[test]
fn a_pattern_fits_otherwise_than_it_says() {
    for (pattern, path, fit) in [
        ("*.json", "config.json", true),
        ("*.json", "vae/config.json", false),
        ("**/*.json", "vae/config.json", true),
        ("**/*.json", "a/b/config.json", true),
        ("**/*.json", "config.json", false),
        ("model.safetensors", "model.safetensors", true),
        ("model.safetensors", "a/model.safetensors", false),
    ] {
        assert_eq!(fits(pattern, path), fit, "{pattern} {path}");
    }
    assert!(!inside("../x") && !inside("/x") && !inside("a\\..\\b") && inside("a/b"));
}
