//! Each with its exit code, a sentence and a hint, and nothing left behind.

use std::fs;

use crate::bench::Bench;

/// Runs `score` on `input`, expects `code`, a sentence that holds `says`, and the work folder as it was.
fn refused(bench: &Bench, input: &str, code: i32, says: &str) {
    let before = bench.names();
    let run = bench.run(&["score", input]);
    assert_eq!(run.code, code, "{input}: {}", run.err);
    assert!(run.err.contains(says), "{input}: {}", run.err);
    assert!(run.err.contains("hint:"), "{input} has no hint: {}", run.err);
    assert!(!run.err.contains("panicked"), "{}", run.err);
    assert_eq!(bench.names(), before, "{input} left something behind");
}

#[test]
fn a_bad_input_is_taken_or_told_badly() {
    let bench = Bench::new();
    refused(&bench, "missing.mp4", 3, "no such file");
    fs::create_dir(bench.path("folder")).expect("makes");
    refused(&bench, "folder", 3, "folder");
    fs::write(bench.path("empty.mp4"), "").expect("writes");
    refused(&bench, "empty.mp4", 3, "empty");
    fs::write(bench.path("text.mp4"), "Dear diary, today nothing moved.\n".repeat(99)).expect("writes");
    refused(&bench, "text.mp4", 3, "text.mp4");
    bench.cuts("good.mp4", 2, 1.0, 25);
    let whole = fs::read(bench.path("good.mp4")).expect("reads");
    fs::write(bench.path("cut.mp4"), &whole[..whole.len() / 2]).expect("writes");
    refused(&bench, "cut.mp4", 3, "cut.mp4");
    bench.ffmpeg("-f lavfi -i sine=d=1 sound.mp4");
    refused(&bench, "sound.mp4", 3, "no picture");
}

#[test]
fn music_plays_on_where_the_picture_breaks_off() {
    let bench = Bench::new();
    bench.cuts("whole.mkv", 6, 1.0, 25);
    bench.ffmpeg("-i whole.mkv -c copy -movflags faststart whole.mp4");
    for name in ["mkv", "mp4"] {
        let whole = fs::read(bench.path(&format!("whole.{name}"))).expect("reads");
        let broken = format!("broken.{name}");
        fs::write(bench.path(&broken), &whole[..whole.len() * 3 / 5]).expect("writes");
        let film = format!("{name}.film.mp4");
        let run = bench.good(&["score", &broken, "-o", &film]);
        assert!(run.err.contains("breaks off"), "{}", run.err);
        let length = |kind: &str| -> f64 {
            let length = bench.probe(&film, &format!("-select_streams {kind} -show_entries stream=duration"));
            length.trim().parse().expect("a number")
        };
        let (picture, sound) = (length("v"), length("a"));
        assert!(
            (1.0..5.5).contains(&picture) && (picture - sound).abs() < 0.05,
            "{picture} s, {sound} s"
        );
    }
}

#[test]
fn a_playlist_named_mp4_reads_another_file() {
    let bench = Bench::new();
    bench.cuts("secret.ts", 1, 1.0, 25);
    for (name, target) in [
        ("local.mp4", "secret.ts".to_owned()),
        ("net.mp4", "http://127.0.0.1:9/x.ts".to_owned()),
    ] {
        let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n");
        fs::write(bench.path(name), list).expect("writes");
        refused(&bench, name, 3, "refused");
    }
    fs::write(bench.path("concat.mp4"), "ffconcat version 1.0\nfile secret.ts\n").expect("writes");
    refused(&bench, "concat.mp4", 3, "concat.mp4");
}

#[test]
fn a_picture_too_large_for_any_machine_is_decoded() {
    let bench = Bench::new();
    // A PNG whose header promises 100,000 × 100,000 pixels.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(100_000u32.to_be_bytes());
    png.extend(100_000u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    png.extend(crc(&png[12..]).to_be_bytes());
    png.extend([0, 0, 0, 0]);
    png.extend(b"IDAT");
    png.extend(crc(b"IDAT").to_be_bytes());
    fs::write(bench.path("huge.png"), png).expect("writes");
    refused(&bench, "huge.png", 3, "huge.png");
}

/// CRC-32 as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn an_output_that_cannot_be_written_fails_late_or_badly() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 2, 1.0, 25);
    let run = bench.run(&["score", "clip.mp4", "-o", "no/such/folder/film.mp4"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("hint:"), "{}", run.err);
    let run = bench.run(&["score", "clip.mp4", "-o", "clip.mp4", "--force"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("input itself"), "{}", run.err);
    fs::write(bench.path("kept.mp4"), "a film of somebody").expect("writes");
    let run = bench.run(&["score", "clip.mp4", "-o", "kept.mp4"]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert_eq!(fs::read(bench.path("kept.mp4")).expect("reads"), b"a film of somebody");
    assert_eq!(bench.names(), ["clip.mp4", "kept.mp4"]);
}

#[test]
fn a_film_that_was_made_is_lost_because_the_cache_takes_no_more() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 3, 1.0, 25);
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x64 -frames:v 1 art.png");
    bench.ffmpeg("-f lavfi -i sine=f=330:d=2 song.wav");
    let score = ["score", "clip.mp4", "-o", "scored.mp4", "--force"];
    let film = [
        "film", "song.wav", "art.png", "-o", "film.mp4", "--size", "64x64", "--fps", "10", "--force",
    ];
    bench.good(&score);
    bench.good(&film);
    // Folders where results want to lie: nothing can be put under their names, whoever asks.
    let cache = bench.work().with_file_name("cache").join("synchresis");
    for entry in fs::read_dir(&cache).expect("a cache") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let told = path.extension().is_some_and(|e| e == "json") && !name.starts_with("filmstrip-");
        if told || name.starts_with("film-") {
            fs::remove_file(&path).expect("removes");
            fs::create_dir(&path).expect("makes");
            fs::write(path.join("in the way"), "").expect("writes");
        }
    }
    for (command, made) in [(&score[..], "scored.mp4"), (&film, "film.mp4")] {
        let before = fs::read(bench.path(made)).expect("reads");
        fs::remove_file(bench.path(made)).expect("removes");
        let run = bench.good(command);
        assert!(run.err.contains("cache: not all was kept"), "{}", run.err);
        assert_eq!(fs::read(bench.path(made)).expect("reads"), before, "{made}");
    }
}

#[test]
fn a_missing_ffmpeg_is_told_without_a_way_to_get_it() {
    let bench = Bench::new();
    fs::write(bench.path("clip.mp4"), "x").expect("writes");
    let run = bench
        .command(&["score", "clip.mp4"])
        .env("PATH", "/nonexistent")
        .output()
        .expect("starts");
    assert_eq!(run.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&run.stderr).contains("install ffmpeg"));
}

#[test]
fn wrong_usage_has_the_exit_code_of_something_else() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 1, 0.5, 25);
    for args in [
        &["score"][..],
        &["score", "clip.mp4", "--music-volume", "7"],
        &["score", "clip.mp4", "--no-such-flag"],
        &["score", "clip.mp4", "--style", "polka-metal"],
    ] {
        let run = bench.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.err);
    }
    let run = bench.run(&["score", "clip.mp4", "--music", "audioldm2"]);
    assert_eq!(run.code, 4, "{}", run.err);
}
