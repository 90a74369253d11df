//! The sound designer, heard from outside.

use serde_json::{Value, json};

use crate::bench::Bench;

fn cues<'a>(document: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = document["sound_design"]["cues"].as_array().expect("cues");
    all.iter().filter(|cue| cue["kind"] == kind).collect()
}

/// The largest share of four octaves from A2 on that one pitch class keeps for a second: near a half where a tune or a chord
/// is held, near a twelfth where there is none.
fn held(samples: &[f32], rate: f64) -> f64 {
    let window = (rate / 4.0) as usize;
    let classes: Vec<[f64; 12]> = samples
        .chunks_exact(window)
        .map(|part| {
            let mut classes = [0.0; 12];
            for semitone in 0..48 {
                let turn = std::f64::consts::TAU * 110.0 * 2f64.powf(f64::from(semitone) / 12.0) / rate;
                let (mut re, mut im) = (0.0, 0.0);
                for (i, x) in part.iter().enumerate() {
                    let fade = (std::f64::consts::PI * i as f64 / window as f64).sin().powi(2);
                    let (sin, cos) = (turn * i as f64).sin_cos();
                    re += f64::from(*x) * fade * cos;
                    im += f64::from(*x) * fade * sin;
                }
                classes[semitone as usize % 12] += re * re + im * im;
            }
            let sum = classes.iter().sum::<f64>().max(1e-9);
            classes.map(|c| c / sum)
        })
        .collect();
    classes
        .windows(4)
        .flat_map(|second| (0..12).map(|class| second.iter().map(|w| w[class]).fold(1.0, f64::min)))
        .fold(0.0, f64::max)
}

#[test]
fn effects_alone_contain_music_or_miss_the_hits() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 5, 2.4, 25);
    let alone = [
        "--music",
        "none",
        "--sounds",
        "designer",
        "--mood",
        "rainy street, traffic",
    ];
    let run = |film: &str, more: &[&str]| {
        let args: Vec<&str> = ["score", "clip.mp4", "-o", film]
            .into_iter()
            .chain(alone)
            .chain(more.iter().copied())
            .collect();
        bench.document(&args)
    };
    let document = run("a.mp4", &["--stems", "stems", "--no-cache"]);
    assert!(document.get("score").is_none() && document.get("cue_sheet").is_none());
    assert_eq!(document["audio_generation"]["path"], Value::Null);
    assert!(
        document["sound_generation"]["path"].is_string(),
        "{}",
        document["sound_generation"]
    );
    let voices: Vec<&str> = cues(&document, "ambience")
        .iter()
        .filter_map(|cue| cue["voice"].as_str())
        .collect();
    assert!(voices.contains(&"rain") && voices.contains(&"traffic"), "{voices:?}");
    let strikes = cues(&document, "impact");
    assert!(strikes.len() >= 3, "{}", document["sound_design"]);
    assert_eq!(document["sync"]["hit_rate_1f"]["value"], 1.0, "{}", document["sync"]);
    assert!(document["sync"]["hits"].as_u64() >= Some(3), "{}", document["sync"]);
    for stem in std::fs::read_dir(bench.path("stems")).expect("stems").flatten() {
        let name = stem.file_name().to_string_lossy().into_owned();
        let known = [
            "premaster",
            "rain",
            "traffic",
            "impact",
            "riser",
            "reverse",
            "boom",
            "sub-drop",
            "whoosh",
            "wind",
        ];
        assert!(known.iter().any(|k| name.contains(k)), "{name}");
    }
    let samples = bench.samples("stems/premaster.wav", 8000);
    let effects = held(&samples, 8000.0);
    assert!(
        effects < 0.3,
        "a pitch class holds {effects} of the effects for a second"
    );
    // The measure hears music where there is some.
    bench.good(&[
        "score", "clip.mp4", "-o", "m.mp4", "--style", "ambient", "--stems", "music",
    ]);
    let music = held(&bench.samples("music/premaster.wav", 8000), 8000.0);
    assert!(music > 0.38, "a pitch class holds {music} of the music for a second");
    run("b.mp4", &["--no-cache"]);
    assert_eq!(
        bench.sound_md5("a.mp4"),
        bench.sound_md5("b.mp4"),
        "the same seed sounds different"
    );
}

#[test]
fn effects_drown_the_music_or_a_volume_renders_again() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 5, 2.4, 25);
    let both = ["--sounds", "designer", "--mood", "storm at sea", "--seed", "3"];
    let args = |more: &[&'static str]| -> Vec<&'static str> {
        ["score", "clip.mp4"]
            .into_iter()
            .chain(both)
            .chain(more.iter().copied())
            .collect()
    };
    let document = bench.document(&args(&["--document", "d.json"]));
    assert_eq!(document["sync"]["hit_rate_1f"]["value"], 1.0, "{}", document["sync"]);
    let again = bench.document(&args(&["--sounds-volume", "0.5", "--force"]));
    for stage in again["provenance"]["stages"].as_array().expect("stages") {
        let section = stage["section"].as_str().expect("a name");
        let mixed = matches!(section, "mix" | "sync" | "video_reconstruction");
        assert!(mixed || stage["how"] == "cached", "{section} was {}", stage["how"]);
    }
    // By loudness, each part as it stands in the mix.
    bench.good(&args(&["-o", "music.mp4", "--sounds-volume", "0", "--loudness", "-20"]));
    bench.good(&args(&[
        "-o",
        "effects.mp4",
        "--music-volume",
        "0",
        "--loudness",
        "-20",
    ]));
    bench.good(&args(&["-o", "both.mp4", "--loudness", "-20"]));
    let notes = document["mix"]["notes"].to_string();
    let below = notes
        .split("effects ")
        .nth(1)
        .and_then(|rest| rest.split(" LU below").next());
    let below: f64 = below.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{notes}"));
    assert!(below >= 3.0 - 0.05, "{notes}");
}

#[test]
fn a_recognised_object_is_heard_on_the_wrong_side() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 3.0, 25);
    bench.good(&["prompt", "clip.mp4", "--document", "d.json", "--sounds", "designer"]);
    let path = bench.path("d.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("reads")).expect("parses");
    let frames = document["object_detection"]["frames"].as_array_mut().expect("frames");
    assert!(frames.len() > 1);
    frames[0]["labels"] = json!(["car"]);
    frames[0]["boxes"] = json!([{ "label": "car", "confidence": 0.9, "box": [10.0, 60.0, 70.0, 150.0] }]);
    std::fs::write(&path, document.to_string()).expect("writes");
    for _ in 0..2 {
        let after = bench.document(&["generate", "--document", "d.json"]);
        assert_eq!(after["object_detection"]["frames"][0]["labels"], json!(["car"]));
        let engine = cues(&after, "ambience")
            .into_iter()
            .find(|cue| cue["voice"] == "engine")
            .expect("an engine");
        assert!(engine["pan"].as_f64() < Some(-0.3), "{engine}");
        assert!(engine["end_s"].as_f64() < Some(5.0), "{engine}");
    }
}

#[test]
fn an_effect_written_by_hand_is_not_played() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 1, 4.0, 25);
    let alone = ["--music", "none", "--sounds", "designer"];
    let args = |first: &'static str| -> Vec<&'static str> { [first].into_iter().chain(alone).collect() };
    let mut begin = args("generate");
    begin.extend(["clip.mp4", "--document", "d.json", "--mood", "no wind"]);
    bench.good(&begin);
    let path = bench.path("d.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("reads")).expect("parses");
    document["sound_design"]["cues"] = json!([{
        "start_s": 2.0, "end_s": 3.0, "peak_s": 2.0, "kind": "impact", "voice": "impact",
        "pan": 0.0, "pan_to": 0.0, "level_db": 0.0, "why": "by hand"
    }]);
    std::fs::write(&path, document.to_string()).expect("writes");
    bench.good(&["render", "--document", "d.json", "-o", "out.wav"]);
    let samples = bench.samples("out.wav", 8000);
    let power = |from: usize, to: usize| samples[from * 800..to * 800].iter().map(|x| x * x).sum::<f32>();
    assert!(
        power(0, 19) < 1e-6 && power(20, 25) > 0.01,
        "{} {}",
        power(0, 19),
        power(20, 25)
    );
}
