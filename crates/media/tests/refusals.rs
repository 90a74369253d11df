//! Inputs that cannot be used, outputs that cannot be written, and people who change their mind: each with its own error,
//! and nothing left behind.

mod clips;

use std::{
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clips::{Studio, ffmpeg, text};
use synchresis_cue::{Footage, Rational, Silent, Watch};
use synchresis_media::{
    AudioCodec, AudioJob, AudioOptions, DecodeOptions, FilmJob, JailLevel, Limits, MediaError, MuxJob, PixelLayout,
    Song, Tools, decode_frames, decode_song, encode_audio, encode_film, mux, probe,
};

fn refusal(studio: &Studio, name: &str, limits: &Limits) -> MediaError {
    let error = probe(&studio.path(name), &studio.tools, limits, &Silent).expect_err(name);
    assert_eq!(error.exit_code(), 3, "{name}: {error}");
    assert!(error.hint().is_some(), "{name}: {error}");
    assert!(error.to_string().contains(name), "{name} is not named: {error}");
    error
}

fn short_clip(studio: &Studio, name: &str) -> std::path::PathBuf {
    studio.clip(
        name,
        "testsrc2=s=160x90:r=25:d=0.4",
        Some("sine=d=0.4"),
        &["-c:v", "libx264", "-preset", "ultrafast"],
    )
}

#[test]
fn two_unusable_inputs_are_told_apart_by_nobody() {
    let studio = Studio::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(studio.path(name), bytes).expect("writes");
    let limits = Limits::default();
    assert!(matches!(
        refusal(&studio, "absent.mp4", &limits),
        MediaError::NotFound { .. }
    ));
    std::fs::create_dir(studio.path("folder.mp4")).expect("makes");
    assert!(matches!(
        refusal(&studio, "folder.mp4", &limits),
        MediaError::IsFolder { .. }
    ));
    write("empty.mp4", b"");
    assert!(matches!(
        refusal(&studio, "empty.mp4", &limits),
        MediaError::Empty { .. }
    ));
    write("text.mp4", b"Dear diary,\ntoday I made a film.\n");
    assert!(matches!(
        refusal(&studio, "text.mp4", &limits),
        MediaError::NotMedia { .. }
    ));
    write(
        "noise.mp4",
        &(0..5000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect::<Vec<_>>(),
    );
    assert!(matches!(
        refusal(&studio, "noise.mp4", &limits),
        MediaError::NotMedia { .. }
    ));

    let whole = std::fs::read(short_clip(&studio, "whole.mp4")).expect("reads");
    write("cut.mp4", &whole[..whole.len() * 2 / 3]);
    assert!(matches!(
        refusal(&studio, "cut.mp4", &limits),
        MediaError::Truncated { .. }
    ));

    studio.clip("sound.m4a", "color=d=0.1", Some("sine=d=0.4"), &["-map", "1:a"]);
    assert!(matches!(
        refusal(&studio, "sound.m4a", &limits),
        MediaError::NoPicture { .. }
    ));
    studio.clip("cover.png", "testsrc2=s=64x64:d=0.04", None, &["-frames:v", "1"]);
    let (cover, sound, song) = (
        studio.path("cover.png"),
        studio.path("sound.m4a"),
        studio.path("song.m4a"),
    );
    ffmpeg([
        "-i",
        text(&sound),
        "-i",
        text(&cover),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
        text(&song),
    ]);
    assert!(
        matches!(refusal(&studio, "song.m4a", &limits), MediaError::NoPicture { .. }),
        "cover art is no film"
    );
}

#[test]
fn a_playlist_named_as_a_film_reads_another_file() {
    let studio = Studio::new();
    let secret = short_clip(&studio, "secret.ts");
    for (name, list) in [
        (
            "hls.mp4",
            format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
                text(&secret)
            ),
        ),
        (
            "net.mp4",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n".into(),
        ),
        ("concat.mp4", format!("ffconcat version 1.0\nfile {}\n", text(&secret))),
        (
            "dash.mp4",
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"></MPD>".into(),
        ),
    ] {
        std::fs::write(studio.path(name), list).expect("writes");
        let error = refusal(&studio, name, &Limits::default());
        assert!(matches!(error, MediaError::Playlist { .. }), "{name}: {error}");
    }
}

#[test]
fn more_than_the_limits_gets_through() {
    let studio = Studio::new();
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0".to_vec();
    header.extend(crc32(&header[12..29]).to_be_bytes());
    header.extend(b"\0\0\0\x0cIDAT\x78\x9c\x03\0\0\0\0\x01\0\0\0\0");
    std::fs::write(studio.path("huge.png"), &header).expect("writes");
    let error = refusal(&studio, "huge.png", &Limits::default());
    assert!(
        matches!(
            error,
            MediaError::TooLarge {
                what: "the picture",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("100000"), "{error}");

    short_clip(&studio, "clip.mp4");
    for limits in [
        Limits {
            side: 100,
            ..Limits::default()
        },
        Limits {
            pixels: 1000,
            ..Limits::default()
        },
        Limits {
            duration_s: 0.1,
            ..Limits::default()
        },
        Limits {
            bytes: 1000,
            ..Limits::default()
        },
        Limits {
            streams: 1,
            ..Limits::default()
        },
    ] {
        assert!(
            matches!(refusal(&studio, "clip.mp4", &limits), MediaError::TooLarge { .. }),
            "{limits:?}"
        );
    }
}

/// CRC-32 as PNG has it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn a_tool_that_is_missing_or_too_old_is_the_inputs_fault() {
    let studio = Studio::new();
    let clip = short_clip(&studio, "clip.mp4");
    let missing = Tools::locate(None, None, Some(studio.folder().as_os_str())).expect_err("not there");
    assert_eq!(missing.exit_code(), 4);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let old = studio.path("ffprobe");
        std::fs::write(
            &old,
            "#!/bin/sh\necho '{\"program_version\":{\"version\":\"4.4.2\"},\"streams\":[{\"codec_name\":\"h264\"}]}'\n",
        )
        .expect("writes");
        std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).expect("is ours");
        let tools = Tools::locate(Some(studio.tools.ffmpeg()), Some(&old), None).expect("there");
        let error = probe(&clip, &tools, &Limits::default(), &Silent).expect_err("too old");
        assert!(
            matches!(&error, MediaError::ToolTooOld { found, .. } if found == "4.4.2"),
            "{error}"
        );
        assert_eq!(error.exit_code(), 4);
        // It is a script, which does not start within the walls: that is seen, and said.
        assert!(!matches!(tools.jail(), JailLevel::Files | JailLevel::FilesAndNetwork));
    }
    let version = studio.tools.check(&Limits::default()).expect("works");
    assert!(!version.is_empty());
}

/// Cancelled once it was asked often enough, or when told.
#[derive(Default)]
struct Impatient {
    told: AtomicBool,
    after: Option<u64>,
    asked: AtomicU64,
}

impl Watch for Impatient {
    fn cancelled(&self) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.told.load(Ordering::Relaxed) || self.after.is_some_and(|after| asked >= after)
    }
    fn progress(&self, _fraction: f64) {}
}

/// Processes that run in a group which one of ours started, by the name of a file among their arguments.
#[cfg(target_os = "linux")]
fn children_that_name(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("reads").flatten() {
        let args = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let args = String::from_utf8_lossy(&args).replace('\0', " ");
        let program = args.split(' ').next().unwrap_or_default();
        if program.ends_with("ffmpeg") && args.contains(text(path)) {
            found.push(args);
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn children_that_name(_path: &Path) -> Vec<String> {
    Vec::new()
}

fn long_clip(studio: &Studio) -> (std::path::PathBuf, Footage) {
    let clip = studio.clip(
        "long.mp4",
        "testsrc2=s=1280x720:r=50:d=8",
        None,
        &["-c:v", "libx264", "-preset", "ultrafast"],
    );
    let footage = probe(&clip, &studio.tools, &Limits::default(), &Silent).expect("probes");
    (clip, footage)
}

#[test]
fn a_cancelled_pass_goes_on_or_leaves_a_process() {
    let studio = Studio::new();
    let (clip, footage) = long_clip(&studio);
    let watch = Impatient::default();
    let began = Instant::now();
    let mut told = None;
    let mut frames = 0;
    let error = decode_frames(
        &footage,
        &clip,
        DecodeOptions::default(),
        &studio.tools,
        &Limits::default(),
        &watch,
        |_| {
            frames += 1;
            if frames == 5 {
                watch.told.store(true, Ordering::Relaxed);
                told = Some(Instant::now());
            }
            ControlFlow::Continue(())
        },
    )
    .expect_err("cancelled");
    assert_eq!(error.exit_code(), 130, "{error}");
    assert!(
        told.expect("was told").elapsed() < Duration::from_millis(700),
        "{:?} in all",
        began.elapsed()
    );
    assert_eq!(children_that_name(&clip), Vec::<String>::new());
}

#[test]
fn a_pass_that_saw_enough_or_panicked_leaves_a_process() {
    let studio = Studio::new();
    let (clip, footage) = long_clip(&studio);
    let limits = Limits::default();
    let decoded = decode_frames(
        &footage,
        &clip,
        DecodeOptions::default(),
        &studio.tools,
        &limits,
        &Silent,
        |frame| {
            if frame.index == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )
    .expect("stops");
    assert_eq!(decoded.frames, 3);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = decode_frames(
            &footage,
            &clip,
            DecodeOptions::default(),
            &studio.tools,
            &limits,
            &Silent,
            |_| panic!("ours"),
        );
    }));
    assert!(panicked.is_err());
    assert_eq!(children_that_name(&clip), Vec::<String>::new());
}

#[test]
fn the_wall_clock_limit_is_no_limit() {
    let studio = Studio::new();
    let (clip, footage) = long_clip(&studio);
    let limits = Limits {
        wall_clock_s: 0,
        ..Limits::default()
    };
    let error = decode_frames(
        &footage,
        &clip,
        DecodeOptions::default(),
        &studio.tools,
        &limits,
        &Silent,
        |_| ControlFlow::Continue(()),
    )
    .expect_err("too slow");
    assert!(matches!(error, MediaError::TimedOut { .. }), "{error}");
}

fn silence(studio: &Studio, seconds: f64) -> std::path::PathBuf {
    let path = studio.path("silence.m4a");
    let job = AudioJob {
        output: &path,
        codec: AudioCodec::Aac,
        force: true,
        expected: 0,
    };
    encode_audio(job, &studio.tools, &Limits::default(), &Silent, |sink| {
        sink.write(&vec![0.0; (seconds * 48_000.0) as usize * 2])
    })
    .expect("encodes");
    path
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("reads")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn an_output_that_exists_is_lost_or_half_a_film_stays() {
    let studio = Studio::new();
    let clip = short_clip(&studio, "clip.mp4");
    let footage = probe(&clip, &studio.tools, &Limits::default(), &Silent).expect("probes");
    let audio = silence(&studio, 0.4);
    let folder = studio.path("out");
    std::fs::create_dir(&folder).expect("makes");
    let output = folder.join("film.mp4");
    std::fs::write(&output, "precious").expect("writes");
    let mut job = MuxJob {
        input: &clip,
        footage: &footage,
        audio: Some(&audio),
        output: &output,
        title: None,
        comment: None,
        force: false,
    };
    let limits = Limits::default();
    let error = mux(&job, &studio.tools, &limits, &Silent).expect_err("is there");
    assert!(matches!(error, MediaError::OutputExists { .. }) && error.hint().expect("a hint").contains("--force"));
    assert_eq!(std::fs::read(&output).expect("reads"), b"precious");

    job.force = true;
    let watch = Impatient {
        after: Some(2),
        ..Impatient::default()
    };
    assert_eq!(
        mux(&job, &studio.tools, &limits, &watch)
            .expect_err("cancelled")
            .exit_code(),
        130
    );
    assert_eq!(std::fs::read(&output).expect("reads"), b"precious");
    assert_eq!(names(&folder), ["film.mp4"]);

    mux(&job, &studio.tools, &limits, &Silent).expect("replaces");
    assert_eq!(names(&folder), ["film.mp4"]);
    assert!(probe(&output, &studio.tools, &limits, &Silent).is_ok());

    job.output = &clip;
    assert!(matches!(
        mux(&job, &studio.tools, &limits, &Silent),
        Err(MediaError::OutputIsInput { .. })
    ));
    let nowhere = studio.path("absent/film.mp4");
    job.output = &nowhere;
    let error = mux(&job, &studio.tools, &limits, &Silent).expect_err("no folder");
    assert!(matches!(error, MediaError::Unwritable { .. }) && error.exit_code() == 2);
    let strange = studio.path("film.txt");
    job.output = &strange;
    assert!(matches!(
        mux(&job, &studio.tools, &limits, &Silent),
        Err(MediaError::UnknownContainer { .. })
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_half_a_film() {
    let studio = Studio::new();
    let folder = studio.path("out");
    std::fs::create_dir(&folder).expect("makes");
    let output = folder.join("film.mkv");
    let noise: Vec<u8> = (0..640 * 360 * 3u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect();
    // What the child may write to one file stands for what the disk holds: it works without any privilege.
    let limits = Limits {
        output_bytes: 100_000,
        ..Limits::default()
    };
    let job = FilmJob {
        output: &output,
        width: 640,
        height: 360,
        frame_rate: Rational { num: 25, den: 1 },
        layout: PixelLayout::Rgb24,
        song: Song::None,
        title: None,
        comment: None,
        force: false,
        frames: 60,
    };
    let error = encode_film(job, &studio.tools, &limits, &Silent, |sink| {
        for frame in 0..60 {
            let mut turned = noise.clone();
            turned.rotate_left(frame * 977);
            sink.write(&turned)?;
        }
        Ok(())
    })
    .expect_err("full");
    assert!(matches!(error, MediaError::DiskFull { .. }), "{error}");
    assert_eq!(names(&folder), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_limit_is_no_limit() {
    let studio = Studio::new();
    let (clip, footage) = long_clip(&studio);
    let limits = Limits {
        memory: 8 << 20,
        ..Limits::default()
    };
    let result = decode_frames(
        &footage,
        &clip,
        DecodeOptions::default(),
        &studio.tools,
        &limits,
        &Silent,
        |_| ControlFlow::Continue(()),
    );
    assert!(result.is_err(), "eight megabytes sufficed");
    assert_eq!(children_that_name(&clip), Vec::<String>::new());
}

#[test]
fn a_song_protected_against_copying_is_heard_as_noise_or_blamed_on_the_machine() {
    let studio = Studio::new();
    let song = studio.path("protected.mp4");
    ffmpeg([
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=2:seed=1",
        "-c:a",
        "aac",
        "-encryption_scheme",
        "cenc-aes-ctr",
        "-encryption_key",
        "00112233445566778899aabbccddeeff",
        "-encryption_kid",
        "ffeeddccbbaa99887766554433221100",
        text(&song),
    ]);
    let options = AudioOptions {
        rate: 44_100,
        channels: 2,
    };
    let mut each = |_: &[f32]| ControlFlow::Continue(());
    let error =
        decode_song(&song, options, &studio.tools, &Limits::default(), &Silent, &mut each).expect_err("protected");
    assert_eq!(error.exit_code(), 3, "{error}");
    assert!(error.hint().is_some_and(|h| h.contains("DRM")), "{error}");
}
