//! Clips whose display matrix or pixels' shape asks for another picture than the one stored.

mod clips;

use std::{ops::ControlFlow, path::Path};

use clips::{Studio, ffmpeg};
use synchresis_cue::{Footage, Silent};
use synchresis_media::{DecodeOptions, Limits, Tools, decode_frames, probe};

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
