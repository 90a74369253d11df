//! The neural painters of a film, where they are not there or broken: what they paint is checked in the model room.

use std::fs;

use crate::bench::Bench;

fn song_and_art() -> Bench {
    let bench = Bench::new();
    bench.ffmpeg(
        "-f lavfi -i aevalsrc=0.2*sin(2*PI*220*t)+0.6*sin(2*PI*1500*t)*exp(-60*mod(t\\,0.5)):s=44100:d=2 song.wav",
    );
    bench.ffmpeg("-f lavfi -i mandelbrot=s=160x120 -frames:v 1 art.png");
    bench
}

#[test]
fn a_film_without_weights_is_not_made_or_does_not_say_why_it_looks_otherwise() {
    let bench = song_and_art();
    let document = bench.document(&[
        "film",
        "song.wav",
        "art.png",
        "-o",
        "clip.mp4",
        "--size",
        "96x64",
        "--fps",
        "10",
        "--painter",
        "kandinsky",
        "--transition",
        "latent",
        "--caption",
        "lp-musiccaps",
    ]);
    let notes: Vec<&str> = document["video_reconstruction"]["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .filter_map(|note| note.as_str())
        .collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    for (note, instead) in notes
        .iter()
        .zip(["painter morph", "transition morph", "caption hearing"])
    {
        assert!(note.contains(instead) && note.contains("is not there"), "{note}");
    }
    assert!(document.get("film_pictures").is_none());
    assert_eq!(document["licences"]["used"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_painter_that_was_named_and_is_broken_is_passed_over() {
    let bench = song_and_art();
    for part in ["kandinsky/prior/prior", "kandinsky/decoder/unet", "vae"] {
        fs::create_dir_all(bench.path(part)).expect("a folder");
    }
    fs::write(bench.path("broken.pth"), b"no zip").expect("writes");
    fs::write(bench.path("vae/diffusion_pytorch_model.safetensors"), b"12345678").expect("writes");
    let cases = [
        ["--painter", "kandinsky=nowhere"],
        ["--painter", "kandinsky=kandinsky"],
        ["--transition", "latent=nowhere"],
        ["--transition", "latent=vae"],
        ["--caption", "lp-musiccaps=broken.pth"],
    ];
    for [flag, engine] in cases {
        let refused = bench.run(&["film", "song.wav", "art.png", "-o", "clip.mp4", flag, engine]);
        assert_eq!(refused.code, 4, "{flag} {engine}: {}", refused.err);
        assert!(refused.err.contains("hint:"), "{}", refused.err);
        assert!(!bench.path("clip.mp4").exists(), "{flag} {engine}");
    }
    let unknown = bench.run(&["film", "song.wav", "art.png", "-o", "clip.mp4", "--painter", "crayons"]);
    assert_eq!(unknown.code, 4, "{}", unknown.err);
    let weights = bench.run(&["film", "song.wav", "art.png", "-o", "clip.mp4", "--weights", "1,2"]);
    assert_eq!(weights.code, 2, "{}", weights.err);
}

#[test]
fn a_picture_that_cannot_be_painted_is_not_refused_first() {
    let bench = song_and_art();
    let nothing = bench.run(&["paint", "-o", "out.png"]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
    let several = bench.run(&[
        "paint",
        "--prompt",
        "rain",
        "--image",
        "art.png",
        "--weights",
        "1",
        "-o",
        "out.png",
    ]);
    assert_eq!(several.code, 2, "{}", several.err);
    let ending = bench.run(&["paint", "--prompt", "rain", "-o", "out.xyz"]);
    assert_eq!(ending.code, 2, "{}", ending.err);
    let there = bench.run(&["paint", "--prompt", "rain", "-o", "art.png"]);
    assert_eq!(there.code, 2, "{}", there.err);
    let missing = bench.run(&[
        "paint",
        "--prompt",
        "rain",
        "--painter",
        "kandinsky=nowhere",
        "-o",
        "out.png",
    ]);
    assert_eq!(missing.code, 4, "{}", missing.err);
    let song = bench.run(&["describe", "song.wav", "--caption", "lp-musiccaps"]);
    assert_eq!(song.code, 4, "{}", song.err);
    assert!(!bench.path("out.png").exists());
}
