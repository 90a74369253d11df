//! `film` and `evaluate`.

use crate::bench::Bench;

/// Four seconds of clicks twice a second over a chord, and a picture.
fn song_and_art() -> Bench {
    let bench = Bench::new();
    bench.ffmpeg(
        "-f lavfi -i aevalsrc=0.2*sin(2*PI*220*t)+0.1*sin(2*PI*277*t)+0.6*sin(2*PI*1500*t)*exp(-60*mod(t\\,0.5)):s=44100:d=4 \
         -c:a aac song.m4a",
    );
    bench.ffmpeg("-f lavfi -i mandelbrot=s=320x240 -frames:v 1 art.png");
    bench
}

#[test]
fn a_film_is_of_another_length_or_size_than_asked() {
    let bench = song_and_art();
    let document = bench.document(&[
        "film", "song.m4a", "art.png", "-o", "clip.mp4", "--size", "192x160", "--fps", "25",
    ]);
    let about = bench.probe(
        "clip.mp4",
        "-select_streams v -show_entries stream=codec_name,width,height",
    );
    assert_eq!(about, "h264,192,160");
    let song: f64 = bench
        .probe("song.m4a", "-show_entries format=duration")
        .parse()
        .expect("a length");
    let film: f64 = bench
        .probe("clip.mp4", "-show_entries format=duration")
        .parse()
        .expect("a length");
    assert!((song - film).abs() <= 0.041, "{song} → {film}");
    assert_eq!(
        bench.probe("clip.mp4", "-select_streams a -show_entries stream=codec_name"),
        "aac"
    );
    for section in [
        "track",
        "film_options",
        "hearing",
        "storyboard",
        "sync",
        "licences",
        "provenance",
    ] {
        assert!(document.get(section).is_some(), "section {section} is missing");
    }
    let again = bench.run(&["film", "song.m4a", "art.png", "-o", "clip.mp4"]);
    assert_eq!(again.code, 2, "{}", again.err);
}

#[test]
fn the_same_seed_paints_other_frames() {
    let bench = song_and_art();
    for name in ["a.mp4", "b.mp4"] {
        bench.good(&[
            "film",
            "song.m4a",
            "art.png",
            "-o",
            name,
            "--size",
            "96x96",
            "--look",
            "dream",
            "--no-cache",
        ]);
    }
    assert_eq!(bench.picture_md5("a.mp4"), bench.picture_md5("b.mp4"));
}

#[test]
fn a_bad_song_or_artwork_is_told_badly_or_leaves_a_film() {
    let bench = song_and_art();
    std::fs::write(bench.path("broken.png"), b"\x89PNG\r\n\x1a\nnothing").expect("writes");
    std::fs::write(bench.path("empty.mp3"), "").expect("writes");
    let before = bench.names();
    for (args, code) in [
        (&["film", "song.m4a", "broken.png", "-o", "x.mp4"][..], 3),
        (&["film", "song.m4a", "missing.png", "-o", "x.mp4"], 3),
        (&["film", "empty.mp3", "art.png", "-o", "x.mp4"], 3),
        (&["film", "art.png", "art.png", "-o", "x.mp4"], 3),
        (&["film", "song.m4a", "-o", "x.mp4"], 2),
        (&["film", "song.m4a", "art.png", "-o", "x.mp4", "--size", "33x33"], 2),
        (
            &["film", "song.m4a", "art.png", "-o", "x.mp4", "--painter", "crayons"],
            4,
        ),
    ] {
        let run = bench.run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.err);
        assert!(!run.err.contains("panicked"), "{}", run.err);
        assert_eq!(bench.names(), before, "{args:?}");
    }
}

#[test]
fn clicks_on_cuts_are_judged_no_better_than_chance() {
    let bench = Bench::new();
    bench.cuts("mute.mp4", 6, 1.6, 25);
    bench.ffmpeg("-f lavfi -i aevalsrc=0.6*sin(2*PI*1500*t)*exp(-60*mod(t\\,1.6)):s=48000:d=9.6 clicks.wav");
    let document = bench.document(&["evaluate", "mute.mp4", "--audio", "clicks.wav"]);
    let rate = &document["sync"]["hit_rate_1f"];
    assert_eq!(rate["value"], 1.0, "{}", document["sync"]);
    assert!(rate["chance"].as_f64().is_some_and(|chance| chance < 0.3), "{rate}");
    let off =
        bench.ffmpeg("-f lavfi -i aevalsrc=0.6*sin(2*PI*1500*t)*exp(-60*mod(t+0.6\\,1.6)):s=48000:d=9.6 late.wav");
    drop(off);
    let document = bench.document(&["evaluate", "mute.mp4", "--audio", "late.wav"]);
    assert_eq!(document["sync"]["hit_rate_1f"]["value"], 0.0, "{}", document["sync"]);
}
