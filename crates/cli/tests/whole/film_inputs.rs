//! Songs and pictures that nobody would give on purpose: a sensible film, or a sentence and nothing left behind.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::bench::Bench;

const SIZE: [&str; 4] = ["--size", "64x64", "--fps", "10"];

fn film<'a>(song: &'a str, art: &'a str) -> Vec<&'a str> {
    let mut args = vec!["film", song, art, "-o", "x.mp4", "--force"];
    args.extend(SIZE);
    args
}

/// A chord with clicks, `seconds` long.
fn song(bench: &Bench, name: &str, seconds: f64) {
    bench.ffmpeg(&format!(
        "-f lavfi -i aevalsrc=0.2*sin(2*PI*220*t)+0.6*sin(2*PI*1500*t)*exp(-60*mod(t\\,0.5)):s=44100:d={seconds} {name}"
    ));
}

fn length(bench: &Bench, name: &str) -> f64 {
    bench
        .probe(name, "-show_entries format=duration")
        .parse()
        .expect("a length")
}

#[test]
fn an_odd_picture_makes_no_film() {
    let bench = Bench::new();
    song(&bench, "song.wav", 1.0);
    bench.ffmpeg("-f lavfi -i testsrc2=s=16x16 -vf scale=1:1,format=rgb24 -frames:v 1 dot.png");
    bench.ffmpeg("-f lavfi -i testsrc2=s=300x10 -vf scale=30000:10 -frames:v 1 line.png");
    bench.ffmpeg("-f lavfi -i testsrc2=s=10x300 -vf scale=10:9000 -frames:v 1 column.png");
    for art in ["dot.png", "line.png", "column.png"] {
        for look in ["pulse", "kaleido", "seed"] {
            let mut args = film("song.wav", art);
            args.extend(["--look", look]);
            bench.good(&args);
            assert!((length(&bench, "x.mp4") - 1.0).abs() <= 0.1, "{art} {look}");
        }
    }
}

#[test]
fn an_odd_song_makes_no_film() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x64 -frames:v 1 art.png");
    bench.ffmpeg("-f lavfi -i anullsrc=r=44100:cl=stereo -t 3 silent.wav");
    song(&bench, "short.wav", 0.5);
    song(&bench, "whole.ogg", 4.0);
    // MPEG 2.5, which MP4 has no place for.
    bench.ffmpeg("-i whole.ogg -t 2 -ar 8000 -ac 1 telephone.mp3");
    let whole = fs::read(bench.path("whole.ogg")).expect("reads");
    fs::write(bench.path("cut.ogg"), &whole[..whole.len() / 2]).expect("writes");
    // Two seconds of a float WAV with samples that are no numbers.
    bench.ffmpeg(
        "-f lavfi -i aevalsrc=0.6*sin(2*PI*1500*t)*exp(-60*mod(t\\,0.5)):s=44100:d=2 -c:a pcm_f32le floats.wav",
    );
    let mut floats = fs::read(bench.path("floats.wav")).expect("reads");
    let data = (floats.len() / 2) & !3;
    for (k, bad) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30].iter().enumerate() {
        let at = data + 4 * 97 * k;
        floats[at..at + 4].copy_from_slice(&bad.to_le_bytes());
    }
    fs::write(bench.path("floats.wav"), floats).expect("writes");
    for (song, seconds, within) in [
        ("silent.wav", 3.0, 0.1),
        ("short.wav", 0.5, 0.1),
        ("telephone.mp3", 2.0, 0.2),
        ("cut.ogg", 2.0, 1.2),
        ("floats.wav", 2.0, 0.1),
    ] {
        let run = bench.good(&film(song, "art.png"));
        assert!(!run.err.contains("panicked"), "{}", run.err);
        let long = length(&bench, "x.mp4");
        assert!((long - seconds).abs() <= within, "{song}: {long}");
    }
}

#[test]
fn a_film_that_cannot_be_written_is_told_badly_or_half_written() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x64 -frames:v 1 art.png");
    song(&bench, "song.wav", 1.0);
    let before = bench.names();
    for (output, code) in [("nowhere/x.mp4", 3), ("x.xyz", 2), ("song.wav", 2), ("art.png", 2)] {
        let mut args = vec!["film", "song.wav", "art.png", "-o", output, "--force"];
        args.extend(SIZE);
        let run = bench.run(&args);
        assert!(
            run.code == code || run.code == 5 - code,
            "{output}: {} {}",
            run.code,
            run.err
        );
        assert!(!run.err.contains("panicked") && run.err.len() > 20, "{}", run.err);
        assert_eq!(bench.names(), before, "{output}");
    }
}

#[test]
fn ctrl_c_leaves_half_a_music_video() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i mandelbrot=s=640x480 -frames:v 1 art.png");
    song(&bench, "song.wav", 30.0);
    let mut cancelled = 0;
    for delay in [100, 600, 1500, 3000] {
        let child = bench
            .command(&["film", "song.wav", "art.png", "-o", "x.mp4", "--force", "--no-cache"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        sleep(Duration::from_millis(delay));
        let _ = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        let out = child.wait_with_output().expect("ends");
        if out.status.code() == Some(0) {
            fs::remove_file(bench.path("x.mp4")).expect("the film of a finished run");
            continue;
        }
        assert_eq!(
            out.status.code(),
            Some(130),
            "after {delay} ms: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        cancelled += 1;
        assert_eq!(bench.names(), ["art.png", "song.wav"], "after {delay} ms");
    }
    assert!(cancelled > 0, "no run was slow enough to be cancelled");
}

#[test]
fn the_same_command_paints_again() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x64 -frames:v 1 art.png");
    song(&bench, "song.wav", 2.0);
    let first = bench.document(&film("song.wav", "art.png"));
    let made = fs::read(bench.path("x.mp4")).expect("reads");
    fs::remove_file(bench.path("x.mp4")).expect("removes");
    let again = bench.document(&film("song.wav", "art.png"));
    assert_eq!(fs::read(bench.path("x.mp4")).expect("reads"), made);
    assert_eq!(first["sync"], again["sync"]);
    let how = |document: &serde_json::Value| {
        document["provenance"]["stages"]
            .as_array()
            .and_then(|stages| stages.iter().find(|s| s["section"] == "video_reconstruction"))
            .map(|stage| stage["how"].clone())
    };
    assert_eq!(how(&again), Some("cached".into()), "{}", again["provenance"]);
    // Another look is another film.
    let mut other = film("song.wav", "art.png");
    other.extend(["--look", "cut"]);
    bench.good(&other);
    assert_ne!(fs::read(bench.path("x.mp4")).expect("reads"), made);
}
