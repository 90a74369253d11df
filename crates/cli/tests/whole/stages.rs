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
