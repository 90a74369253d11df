//! The stages by themselves, over one document.

use serde_json::{Value, json};

use crate::bench::Bench;

#[test]
fn the_stages_one_by_one_make_another_film_than_score() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 1.5, 25);
    for stage in [
        "frames", "objects", "select", "describe", "prompt", "generate", "render", "mix", "mux",
    ] {
        let mut args = vec![stage, "--document", "d.json"];
        if stage == "frames" {
            args.insert(1, "clip.mp4");
        }
        if stage == "mux" {
            args.extend(["-o", "staged.mp4"]);
        }
        bench.good(&args);
    }
    bench.good(&["score", "clip.mp4", "-o", "whole.mp4", "--no-cache"]);
    assert_eq!(bench.sound_md5("staged.mp4"), bench.sound_md5("whole.mp4"));
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("d.json")).expect("reads")).expect("parses");
    assert_eq!(document["video_input"]["token"].as_str().map(str::len), Some(32));
    assert_eq!(document["frame_extraction"]["frame_count"], 6, "⌊10·log10(4.5)⌋");
}

#[test]
fn an_edit_by_hand_is_overwritten_or_ignored() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 1.5, 25);
    bench.good(&["generate", "clip.mp4", "--document", "d.json"]);
    let path = bench.path("d.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("reads")).expect("parses");
    // The person moves a cut: the music must land on it.
    document["sighting"]["shots"][1]["start_s"] = json!(1.8);
    document["sighting"]["shots"][0]["end_s"] = json!(1.8);
    std::fs::write(&path, document.to_string()).expect("writes");
    for _ in 0..2 {
        let after = bench.document(&["generate", "--document", "d.json"]);
        assert_eq!(after["sighting"]["shots"][1]["start_s"], 1.8);
        let hits = after["spotting"]["hits"].as_array().expect("hits");
        assert!(
            hits.iter().any(|hit| hit["taken"] == true && hit["time_s"] == 1.8),
            "{hits:?}"
        );
    }
}

#[test]
fn stdout_carries_something_else_than_the_document() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 1, 0.5, 25);
    let document = bench.document(&["frames", "clip.mp4"]);
    assert!(document["sighting"]["shots"].is_array());
}

#[test]
fn a_config_file_or_the_environment_wins_over_a_flag() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 1, 0.5, 25);
    let config = bench.work().join("../config/synchresis");
    std::fs::create_dir_all(&config).expect("makes");
    std::fs::write(config.join("config.toml"), "seed = 3\nmood = \"calm\"\n").expect("writes");
    let seed = |args: &[&str], env: Option<&str>| {
        let mut command = bench.command(args);
        command.arg("--json");
        if let Some(value) = env {
            command.env("SYNCHRESIS_SEED", value);
        }
        let out = command.output().expect("starts");
        let document: Value = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
        document["options"]["seed"].as_u64()
    };
    assert_eq!(seed(&["frames", "clip.mp4"], None), Some(3));
    assert_eq!(seed(&["frames", "clip.mp4"], Some("4")), Some(4));
    assert_eq!(seed(&["frames", "clip.mp4", "--seed", "5"], Some("4")), Some(5));
}

#[test]
fn takes_are_unranked_or_another_than_the_best_is_heard() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 6, 2.0, 25);
    let document = bench.document(&["generate", "clip.mp4", "--takes", "3", "--seed", "5"]);
    let ranked = document["takes"]["ranked"].as_array().expect("takes");
    let values: Vec<f64> = ranked.iter().filter_map(|take| take["value"].as_f64()).collect();
    assert!(values.len() == 3 && values.is_sorted_by(|a, b| a >= b), "{values:?}");
    let best = ranked[0]["seed"].as_u64().expect("a seed");
    assert!((5..8).contains(&best));
    let alone = bench.document(&["generate", "clip.mp4", "--seed", &best.to_string()]);
    assert_eq!(document["score"], alone["score"]);
}

#[test]
fn a_kept_section_is_composed_again() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 10, 3.0, 25);
    let old = bench.document(&["generate", "clip.mp4", "--document", "d.json", "--seed", "1"]);
    let form = old["cue_sheet"]["form"].as_array().expect("form");
    assert!(form.len() > 1, "{form:?}");
    let kept = bench.document(&[
        "generate",
        "--document",
        "d.json",
        "--keep-sections",
        "1",
        "--seed",
        "8",
    ]);
    let end = form[0]["end_s"].as_f64().expect("an end");
    // Every note that begins and ends within the section, by track.
    let inside = |document: &Value| -> Vec<String> {
        let mut notes: Vec<String> = document["score"]["tracks"]
            .as_array()
            .expect("tracks")
            .iter()
            .flat_map(|track| {
                let name = track["name"].to_string();
                let notes = track["notes"].as_array().expect("notes").iter();
                let early = notes.filter(|note| note["start_s"].as_f64().is_some_and(|start| start < end - 0.1));
                early.map(|note| format!("{name} {note}")).collect::<Vec<_>>()
            })
            .collect();
        notes.sort();
        notes
    };
    assert_eq!(inside(&old), inside(&kept));
    assert_ne!(old["score"], kept["score"]);
    let wrong = bench.run(&["generate", "--document", "d.json", "--keep-sections", "99"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}
