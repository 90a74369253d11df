//! Films made of pictures and of frames, and frames taken out of films.

mod clips;

use std::{ops::ControlFlow, path::Path};

use clips::{Studio, text};
use synchresis_cue::{Footage, Rational, Silent};
use synchresis_media::{
    AudioCodec, AudioJob, DecodeOptions, FilmJob, Limits, MediaError, Movement, PictureJob, PixelLayout, Song,
    decode_frames, decode_song, encode_audio, encode_film, encode_picture, extract_frames, probe,
};

/// Mean luma and time of every frame.
fn lumas(studio: &Studio, footage: &Footage, path: &Path) -> Vec<(f64, f64)> {
    let mut lumas = Vec::new();
    decode_frames(
        footage,
        path,
        DecodeOptions::default(),
        &studio.tools,
        &Limits::default(),
        &Silent,
        |frame| {
            lumas.push((
                frame.y.iter().map(|v| f64::from(*v)).sum::<f64>() / frame.y.len() as f64,
                frame.time_s,
            ));
            ControlFlow::Continue(())
        },
    )
    .expect("decodes");
    lumas
}

#[test]
fn a_picture_is_shown_for_another_time_than_asked() {
    let studio = Studio::new();
    let picture = studio.clip("p.png", "testsrc=s=321x203:d=0.04", None, &["-frames:v", "1"]);
    let footage = probe(&picture, &studio.tools, &Limits::default(), &Silent).expect("probes");
    for (movement, seconds, frames) in [
        (Movement::Still, 7.3, 219),
        (Movement::Still, 0.01, 1),
        (Movement::Drift, 1.5, 45),
        (Movement::Drift, 0.01, 1),
    ] {
        let output = studio.path("film.mp4");
        let job = PictureJob {
            input: &picture,
            footage: &footage,
            output: &output,
            duration_s: seconds,
            frame_rate: Rational { num: 30, den: 1 },
            movement,
            force: true,
        };
        assert_eq!(
            encode_picture(&job, &studio.tools, &Limits::default(), &Silent).expect("encodes"),
            frames
        );
        let film = probe(&output, &studio.tools, &Limits::default(), &Silent).expect("probes");
        assert_eq!((film.video.width, film.video.height), (322, 204));
        assert!(
            (film.duration_s - frames as f64 / 30.0).abs() < 0.002,
            "{movement:?} {seconds}: {film:?}"
        );
        assert!(!film.video.variable_rate, "{film:?}");
        let seen = lumas(&studio, &film, &output);
        assert_eq!(seen.len() as u64, frames, "{movement:?} {seconds}");
        for (i, (_, time)) in seen.iter().enumerate() {
            assert!(
                (time - i as f64 / 30.0).abs() < 1e-4,
                "{movement:?} {seconds}: frame {i} at {time}"
            );
        }
        if movement == Movement::Still {
            assert!(
                seen.iter().all(|(luma, _)| (luma - seen[0].0).abs() < 0.3),
                "a still picture changes"
            );
        }
    }
    let names: Vec<_> = std::fs::read_dir(studio.folder())
        .expect("reads")
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

fn red_frames(
    layout: PixelLayout,
    output: &Path,
    song: Song<'_>,
    frames: u64,
    studio: &Studio,
) -> Result<u64, MediaError> {
    let job = FilmJob {
        output,
        width: 64,
        height: 48,
        frame_rate: Rational { num: 24, den: 1 },
        layout,
        song,
        title: Some("Red: a = b"),
        comment: None,
        force: false,
        frames: 48,
    };
    encode_film(job, &studio.tools, &Limits::default(), &Silent, |sink| {
        for _ in 0..frames {
            match layout {
                PixelLayout::Rgb24 => sink.write(&[200u8, 30, 30].repeat(64 * 48))?,
                PixelLayout::Yuv420p => {
                    let mut frame = vec![66u8; 64 * 48];
                    frame.extend([115u8; 32 * 24]);
                    frame.extend([200u8; 32 * 24]);
                    sink.write(&frame)?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn frames_become_a_film_of_another_colour_or_length() {
    let studio = Studio::new();
    let flac = &["-map", "1:a", "-c:a", "flac"][..];
    let long = studio.clip("long.flac", "color=s=16x16:d=0.1", Some("sine=d=5"), flac);
    let short = studio.clip("short.mp3", "color=s=16x16:d=0.1", Some("sine=d=1"), &["-map", "1:a"]);
    for (name, layout, song) in [
        ("rgb.mp4", PixelLayout::Rgb24, Song::File(&long)),
        ("yuv.mkv", PixelLayout::Yuv420p, Song::File(&short)),
        ("silent.mov", PixelLayout::Rgb24, Song::None),
    ] {
        let output = studio.path(name);
        assert_eq!(red_frames(layout, &output, song, 48, &studio).expect(name), 48);
        let film = probe(&output, &studio.tools, &Limits::default(), &Silent).expect(name);
        assert!((film.duration_s - 2.0).abs() < 0.03, "{name}: {film:?}");
        if let Some(audio) = &film.audio {
            assert!(audio.duration_s < 2.05, "{name}: {film:?}");
        }
        let mut seen = None;
        decode_frames(
            &film,
            &output,
            DecodeOptions::default(),
            &studio.tools,
            &Limits::default(),
            &Silent,
            |frame| {
                seen = Some((frame.y[24 * 64 + 32], frame.cr[12 * 32 + 16]));
                ControlFlow::Continue(())
            },
        )
        .expect(name);
        let (y, cr) = seen.expect("frames");
        // BT.709, limited range, of (200, 30, 30).
        assert!(y.abs_diff(72) <= 8 && cr.abs_diff(199) <= 6, "{name}: {y} {cr}");
    }
    let output = studio.path("few.mp4");
    assert!(matches!(
        red_frames(PixelLayout::Rgb24, &output, Song::None, 40, &studio),
        Err(MediaError::BadSamples { .. })
    ));
    assert!(!output.exists());
}

#[test]
fn another_frame_than_the_one_asked_for_is_written() {
    let studio = Studio::new();
    // Frame n is a plain grey of 4 n + 20.
    let grey = "color=black:s=64x64:r=25:d=2,format=gray,geq=lum='4*N+20'";
    for (name, codec) in [
        (
            "grey.mp4",
            &["-c:v", "libx264", "-qp", "4", "-bf", "3", "-pix_fmt", "yuvj420p"][..],
        ),
        (
            "grey.mkv",
            &[
                "-c:v",
                "libx264",
                "-qp",
                "4",
                "-bf",
                "3",
                "-pix_fmt",
                "yuvj420p",
                "-output_ts_offset",
                "5",
            ],
        ),
    ] {
        let clip = studio.clip(name, grey, None, codec);
        let footage = probe(&clip, &studio.tools, &Limits::default(), &Silent).expect("probes");
        let seen = lumas(&studio, &footage, &clip);
        let asked = [0usize, 7, 24, 25, 49];
        let times: Vec<f64> = asked.iter().map(|n| seen[*n].1).collect();
        let folder = studio.path(&format!("{name}.frames"));
        std::fs::create_dir(&folder).expect("makes");
        let written = extract_frames(
            &footage,
            &clip,
            &times,
            &folder,
            &studio.tools,
            &Limits::default(),
            &Silent,
        )
        .expect(name);
        for (path, n) in written.iter().zip(asked) {
            let picture = probe(path, &studio.tools, &Limits::default(), &Silent).expect("a picture");
            assert_eq!((picture.video.width, picture.video.height), (64, 64));
            let (luma, _) = lumas(&studio, &picture, path)[0];
            // Full range in the picture, limited range in the frame that is looked at.
            let due = 16.0 + (4.0 * n as f64 + 20.0) * 219.0 / 255.0;
            assert!(
                (luma - due).abs() < 1.8,
                "{name}: frame {n} has {luma} instead of {due}"
            );
        }
        // Past the end, the last frame.
        let last = extract_frames(
            &footage,
            &clip,
            &[9.0],
            &folder,
            &studio.tools,
            &Limits::default(),
            &Silent,
        );
        let last = last.expect("the last frame");
        let picture = probe(&last[0], &studio.tools, &Limits::default(), &Silent).expect("a picture");
        assert!(lumas(&studio, &picture, &last[0])[0].0 > 190.0, "{name}");
    }
}

#[test]
fn a_sound_file_has_another_length_than_what_was_written() {
    let studio = Studio::new();
    for codec in [AudioCodec::Aac, AudioCodec::Opus, AudioCodec::Pcm] {
        let path = studio.path(&format!("sound.{}", codec.extension()));
        let job = AudioJob {
            output: &path,
            codec,
            force: false,
            expected: 48_000,
        };
        encode_audio(job, &studio.tools, &Limits::default(), &Silent, |sink| {
            for block in 0..10 {
                let tone = |i: usize| (((block * 4800 + i) as f32) * 0.0576).sin() * 0.5;
                let block: Vec<f32> = (0..4800).flat_map(|i| [tone(i), f32::NAN]).collect();
                sink.write(&block)?;
            }
            Ok(())
        })
        .expect("encodes");
        let mut energy = [0.0f64; 2];
        let heard = decode_song(
            &path,
            Default::default(),
            &studio.tools,
            &Limits::default(),
            &Silent,
            |block| {
                for pair in block.chunks_exact(2) {
                    energy[0] += f64::from(pair[0] * pair[0]);
                    energy[1] += f64::from(pair[1] * pair[1]);
                }
                ControlFlow::Continue(())
            },
        )
        .expect("decodes");
        // A lossy codec ends on a whole block of its own.
        assert!(
            heard.samples >= 48_000 - 2 && heard.samples < 48_000 + 1_100,
            "{codec:?}: {heard:?}"
        );
        assert!(energy[0] > 5_000.0 && energy[1] < 1.0, "{codec:?}: {energy:?}");
        let length = clips::run(
            studio.tools.ffprobe(),
            [
                "-v",
                "error",
                "-show_entries",
                "format=duration",
                "-of",
                "csv=p=0",
                text(&path),
            ],
        );
        assert!(
            (length.trim().parse::<f64>().expect("a number") - 1.0).abs() < 0.022,
            "{codec:?}: {length}"
        );
    }
}
