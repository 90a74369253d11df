//! `score` on clips.

use crate::bench::Bench;

/// `make test` fetches the real clips; a test that runs without them would judge nothing.
fn bikes() -> Bench {
    let bench = Bench::new();
    assert!(bench.real("bikes.mp4"), "the real clips are missing: run scripts/media");
    bench
}

#[test]
fn a_scored_film_has_another_picture_length_or_loudness_than_promised() {
    let bench = bikes();
    let document = bench.document(&["score", "bikes.mp4"]);
    let film = "bikes.scored.mp4";
    assert_eq!(
        bench.picture_md5("bikes.mp4"),
        bench.picture_md5(film),
        "the picture stream changed"
    );
    let streams = bench.probe(film, "-show_entries stream=codec_name");
    assert!(streams.contains("h264") && streams.contains("aac"), "{streams}");
    let length: f64 = bench
        .probe(film, "-show_entries format=duration")
        .parse()
        .expect("a length");
    assert!((length - 10.0).abs() < 0.04, "{length}");
    let sound: f64 = bench
        .probe(film, "-select_streams a -show_entries stream=duration")
        .parse()
        .expect("a length");
    assert!((sound - 10.0).abs() < 0.04, "{sound}");
    let (loudness, peak) = bench.loudness(film);
    assert!((loudness + 14.0).abs() <= 0.3, "{loudness} LUFS");
    assert!(peak <= -0.9, "{peak} dBTP after AAC");
    assert_eq!(document["schema"], "synchresis/1");
    assert_eq!(document["sync"]["hit_rate_1f"]["value"], 1.0, "{}", document["sync"]);
    let taken = document["spotting"]["hits"]
        .as_array()
        .expect("hits")
        .iter()
        .filter(|h| h["taken"] == true)
        .count();
    assert!(
        taken >= 4,
        "{taken} hits of a clip with five cuts, the last of which is too near the end"
    );
    for section in [
        "video_input",
        "options",
        "footage",
        "sighting",
        "frame_extraction",
        "object_detection",
        "frame_selection",
        "frame_description",
        "prompt_combiner",
        "mood",
        "spotting",
        "cue_sheet",
        "audio_generation",
        "mix",
        "sync",
        "video_reconstruction",
        "licences",
        "provenance",
    ] {
        assert!(document.get(section).is_some(), "section {section} is missing");
    }
}

#[test]
fn the_same_seed_sounds_different_or_another_seed_the_same() {
    let bench = bikes();
    bench.good(&["score", "bikes.mp4", "--seed", "1", "-o", "a.mp4", "--no-cache"]);
    bench.good(&["score", "bikes.mp4", "--seed", "1", "-o", "b.mp4", "--no-cache"]);
    bench.good(&["score", "bikes.mp4", "--seed", "2", "-o", "c.mp4", "--no-cache"]);
    assert_eq!(bench.sound_md5("a.mp4"), bench.sound_md5("b.mp4"));
    assert_ne!(bench.sound_md5("a.mp4"), bench.sound_md5("c.mp4"));
}

#[test]
fn a_second_run_of_the_same_brief_works_again_or_replaces_another_film() {
    let bench = bikes();
    bench.good(&["score", "bikes.mp4"]);
    let written = std::fs::metadata(bench.path("bikes.scored.mp4"))
        .and_then(|m| m.modified())
        .expect("a film");
    let document = bench.document(&["score", "bikes.mp4"]);
    let again = std::fs::metadata(bench.path("bikes.scored.mp4"))
        .and_then(|m| m.modified())
        .expect("a film");
    assert_eq!(written, again, "the film was written again");
    let stages = document["provenance"]["stages"].as_array().expect("stages");
    assert!(stages.iter().all(|stage| stage["how"] == "cached"), "{stages:?}");
    let other = bench.run(&["score", "bikes.mp4", "--seed", "9"]);
    assert_eq!(other.code, 2, "{}", other.err);
    assert!(other.err.contains("--force"), "{}", other.err);
    bench.good(&["score", "bikes.mp4", "--seed", "9", "--force"]);
}

#[test]
fn a_new_volume_decodes_or_composes_again() {
    let bench = Bench::new();
    assert!(
        bench.real("bigbuckbunny.mp4"),
        "the real clips are missing: run scripts/media"
    );
    bench.good(&["score", "bigbuckbunny.mp4"]);
    let document = bench.document(&["score", "bigbuckbunny.mp4", "--music-volume", "0.5", "--force"]);
    let stages = document["provenance"]["stages"].as_array().expect("stages");
    for stage in stages {
        let section = stage["section"].as_str().expect("a name");
        let mixed = matches!(section, "mix" | "sync" | "video_reconstruction");
        assert!(mixed || stage["how"] == "cached", "{section} was {}", stage["how"]);
    }
}

#[test]
fn one_broken_clip_of_a_batch_stops_the_others() {
    let bench = Bench::new();
    bench.cuts("one.mp4", 2, 1.0, 25);
    bench.cuts("two.mp4", 2, 1.0, 30);
    std::fs::write(bench.path("broken.mp4"), "not a film").expect("writes");
    let run = bench.run(&["score", "one.mp4", "broken.mp4", "two.mp4", "-o", "out"]);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("2 of 3 done"), "{}", run.err);
    assert!(bench.path("out/one.scored.mp4").is_file() && bench.path("out/two.scored.mp4").is_file());
    assert!(!bench.path("out/broken.scored.mp4").exists());
}

#[test]
fn the_clips_own_sound_is_lost_or_not_ducked_under() {
    let bench = Bench::new();
    bench.cuts("mute.mp4", 3, 2.0, 25);
    // A voice-like sound for the middle two seconds.
    bench.ffmpeg(
        "-i mute.mp4 -f lavfi -i aevalsrc=0.4*sin(2*PI*220*t)*sin(2*PI*3*t)*between(t\\,2\\,4):s=48000:d=6 \
         -c:v copy -c:a aac -shortest talk.mp4",
    );
    bench.good(&["score", "talk.mp4", "--original", "drop", "-o", "drop.mp4"]);
    bench.good(&["score", "talk.mp4", "--original", "duck", "-o", "duck.mp4"]);
    bench.good(&["score", "talk.mp4", "--original", "keep", "-o", "keep.mp4"]);
    let all = ["drop.mp4", "duck.mp4", "keep.mp4"].map(|film| bench.sound_md5(film));
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    for film in ["drop.mp4", "duck.mp4", "keep.mp4"] {
        let (loudness, _) = bench.loudness(film);
        assert!((loudness + 14.0).abs() <= 0.3, "{film}: {loudness}");
    }
}

#[test]
fn stems_or_midi_or_the_picture_are_not_written() {
    let bench = bikes();
    bench.good(&[
        "score",
        "bikes.mp4",
        "--stems",
        "stems",
        "--midi",
        "tune.mid",
        "--timeline",
        "t.png",
        "--document",
        "d.json",
        "--musicxml",
        "lead.musicxml",
    ]);
    let midi = std::fs::read(bench.path("tune.mid")).expect("midi");
    assert_eq!(&midi[..4], b"MThd");
    assert_eq!(&std::fs::read(bench.path("t.png")).expect("png")[1..4], b"PNG");
    assert!(
        std::fs::read_to_string(bench.path("lead.musicxml"))
            .expect("xml")
            .contains("<score-partwise")
    );
    let stems: Vec<_> = std::fs::read_dir(bench.path("stems"))
        .expect("stems")
        .flatten()
        .collect();
    assert!(stems.len() >= 3, "{} stems", stems.len());
    for stem in stems {
        let name = format!("stems/{}", stem.file_name().to_string_lossy());
        let about = bench.probe(&name, "-show_entries stream=codec_name,sample_rate,channels");
        assert_eq!(about, "pcm_s24le,48000,2", "{name}");
    }
}
