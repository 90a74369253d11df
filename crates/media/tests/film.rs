//! From clips of every kind through probe, decode and mux, and back.

mod clips;

use std::{ops::ControlFlow, path::Path};

use clips::{Studio, ffmpeg};
use synchresis_cue::{Footage, Silent};
use synchresis_media::{
    AudioCodec, AudioJob, AudioOptions, Container, DecodeOptions, Limits, MuxJob, Picture, Tools, decode_audio,
    decode_frames, encode_audio, mux, probe,
};

fn times(footage: &Footage, path: &Path, tools: &Tools) -> Vec<f64> {
    let mut times = Vec::new();
    decode_frames(
        footage,
        path,
        DecodeOptions::default(),
        tools,
        &Limits::default(),
        &Silent,
        |frame| {
            assert_eq!(frame.y.len(), frame.width * frame.height);
            times.push(frame.time_s);
            ControlFlow::Continue(())
        },
    )
    .expect("decodes");
    times
}

/// Stereo silence with a click of one sample every half second, encoded as the output's container wants.
fn clicks(studio: &Studio, codec: AudioCodec, seconds: f64) -> std::path::PathBuf {
    let path = studio.path(&format!("clicks.{}", codec.extension()));
    let total = (seconds * 48_000.0).round() as usize;
    let job = AudioJob {
        output: &path,
        codec,
        force: true,
        expected: total as u64,
    };
    let written = encode_audio(job, &studio.tools, &Limits::default(), &Silent, |sink| {
        let mut samples = vec![0.0f32; total * 2];
        for click in (12_000..total).step_by(24_000) {
            samples[click * 2] = 0.9;
            samples[click * 2 + 1] = 0.9;
        }
        sink.write(&samples)
    })
    .expect("encodes");
    assert_eq!(written, total as u64);
    path
}

#[test]
fn a_codec_or_a_container_loses_frames_or_its_times() {
    let studio = Studio::new();
    let cases: &[(&str, &[&str])] = &[
        ("h264.mp4", &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"]),
        ("h264.mov", &["-c:v", "libx264", "-preset", "ultrafast"]),
        ("h264.mkv", &["-c:v", "libx264", "-preset", "ultrafast"]),
        (
            "hevc.mp4",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "log-level=none",
            ],
        ),
        (
            "vp9.webm",
            &["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"],
        ),
        (
            "vp8.webm",
            &["-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime"],
        ),
        ("av1.mp4", &["-c:v", "libsvtav1", "-preset", "12"]),
        ("prores.mov", &["-c:v", "prores_ks"]),
        ("mpeg4.avi", &["-c:v", "mpeg4"]),
        ("mjpeg.avi", &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]),
        ("mpeg2.ts", &["-c:v", "mpeg2video"]),
        (
            "deep.mkv",
            &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"],
        ),
    ];
    for (name, codec) in cases {
        let clip = studio.clip(name, "testsrc2=s=320x180:r=25:d=1.2", Some("sine=d=1.2"), codec);
        let footage = probe(&clip, &studio.tools, &Limits::default(), &Silent).expect(name);
        assert!((footage.video.duration_s - 1.2).abs() < 0.005, "{name}: {footage:?}");
        assert!(!footage.video.variable_rate, "{name}");
        let times = times(&footage, &clip, &studio.tools);
        assert_eq!(times.len(), 30, "{name}");
        for (i, time) in times.iter().enumerate() {
            let due = footage.video.start_s + i as f64 / 25.0;
            assert!((time - due).abs() < 0.0012, "{name}: frame {i} at {time}, due at {due}");
        }
    }
}

#[test]
fn the_film_is_not_the_clip_with_another_sound() {
    let studio = Studio::new();
    let x264 = &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"][..];
    let clip = studio.clip("clip.mp4", "testsrc2=s=320x180:r=25:d=2", Some("sine=d=2.3"), x264);
    let footage = probe(&clip, &studio.tools, &Limits::default(), &Silent).expect("probes");
    for name in ["out.mp4", "out.mov", "out.mkv", "out.avi"] {
        let output = studio.path(name);
        let codec = Container::of(&output).expect("known").audio_codec();
        let audio = clicks(&studio, codec, footage.duration_s);
        let job = MuxJob {
            input: &clip,
            footage: &footage,
            audio: Some(&audio),
            output: &output,
            title: Some("A title"),
            comment: None,
            force: false,
        };
        let muxed = mux(&job, &studio.tools, &Limits::default(), &Silent).expect(name);
        assert_eq!(muxed.picture, Picture::Copied, "{name}");
        assert_eq!(
            studio.packets(&clip),
            studio.packets(&output),
            "{name}: the picture is not bit for bit the same"
        );
        let film = probe(&output, &studio.tools, &Limits::default(), &Silent).expect(name);
        assert!((film.duration_s - footage.duration_s).abs() < 0.02, "{name}: {film:?}");
        assert_eq!(times(&film, &output, &studio.tools).len(), 50, "{name}");
        let offset = click_offset(&film, &output, &studio.tools);
        assert!(offset.abs() < 0.001, "{name}: the clicks are off by {offset} s");
    }
}

/// Mean distance of the loudest sample near each click from where it was put, relative to the first frame, seconds.
fn click_offset(film: &Footage, path: &Path, tools: &Tools) -> f64 {
    let mut samples = Vec::new();
    let options = AudioOptions {
        rate: 48_000,
        channels: 1,
    };
    decode_audio(film, path, options, tools, &Limits::default(), &Silent, |block| {
        samples.extend_from_slice(block);
        ControlFlow::Continue(())
    })
    .expect("decodes");
    let first_frame = film.video.start_s;
    let mut off = Vec::new();
    for click in (12_000..90_000).step_by(24_000) {
        let near = &samples[click - 6_000..click + 6_000];
        let (peak, level) =
            near.iter().enumerate().fold(
                (0, 0.0f32),
                |best, (i, v)| {
                    if v.abs() > best.1 { (i, v.abs()) } else { best }
                },
            );
        assert!(level > 0.2, "no click near {click}");
        off.push((click - 6_000 + peak) as f64 / 48_000.0 - first_frame - click as f64 / 48_000.0);
    }
    off.iter().sum::<f64>() / off.len() as f64
}

#[test]
fn a_clip_held_upright_or_with_wide_pixels_is_seen_as_it_is_shown() {
    let studio = Studio::new();
    let x264 = &["-c:v", "libx264", "-preset", "ultrafast"][..];
    let flat = studio.clip("flat.mp4", "testsrc2=s=320x180:r=25:d=0.2", None, x264);
    let turned = studio.path("turned.mp4");
    ffmpeg([
        "-i",
        clips::text(&flat),
        "-c",
        "copy",
        "-metadata:s:v:0",
        "rotate=90",
        clips::text(&turned),
    ]);
    let footage = probe(&turned, &studio.tools, &Limits::default(), &Silent).expect("probes");
    assert_eq!(
        (footage.video.display_width, footage.video.display_height),
        (180, 320),
        "{footage:?}"
    );
    // The player's own way of turning it must give the same picture.
    let upright = studio.path("upright.mp4");
    ffmpeg([
        "-i",
        clips::text(&turned),
        "-c:v",
        "libx264",
        "-qp",
        "1",
        clips::text(&upright),
    ]);
    let plain = probe(&upright, &studio.tools, &Limits::default(), &Silent).expect("probes");
    let (a, b) = (
        first_frame(&footage, &turned, &studio.tools),
        first_frame(&plain, &upright, &studio.tools),
    );
    assert_eq!(a.len(), b.len());
    let apart = a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    assert!(apart < 2.0, "{apart}");

    let wide = &["-c:v", "libx264", "-preset", "ultrafast", "-vf", "setsar=2/1"][..];
    let wide = studio.clip("wide.mp4", "testsrc2=s=160x180:r=25:d=0.2", None, wide);
    let footage = probe(&wide, &studio.tools, &Limits::default(), &Silent).expect("probes");
    assert_eq!((footage.video.display_width, footage.video.display_height), (320, 180));
}

fn first_frame(footage: &Footage, path: &Path, tools: &Tools) -> Vec<u8> {
    let mut luma = Vec::new();
    decode_frames(
        footage,
        path,
        DecodeOptions::default(),
        tools,
        &Limits::default(),
        &Silent,
        |frame| {
            luma = frame.y.to_vec();
            ControlFlow::Break(())
        },
    )
    .expect("decodes");
    luma
}
