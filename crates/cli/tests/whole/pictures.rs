//! Pictures, and clips of odd sizes and rates.

use crate::bench::Bench;

fn length(bench: &Bench, film: &str) -> f64 {
    bench
        .probe(film, "-show_entries format=duration")
        .parse()
        .expect("a length")
}

#[test]
fn a_picture_gets_no_film_or_one_of_another_length() {
    let bench = Bench::new();
    for (name, size) in [
        ("odd.png", "333x217"),
        ("photo.jpg", "640x480"),
        ("tall.webp", "101x400"),
        ("b.bmp", "64x64"),
    ] {
        bench.ffmpeg(&format!("-f lavfi -i testsrc2=s={size}:d=0.04 -frames:v 1 {name}"));
        let film = format!("{name}.film.mp4");
        bench.good(&["score", name, "--duration", "3", "-o", &film]);
        assert!(
            (length(&bench, &film) - 3.0).abs() < 0.05,
            "{name}: {}",
            length(&bench, &film)
        );
        assert!(
            bench.probe(&film, "-show_entries stream=codec_name").contains("h264"),
            "{name}"
        );
    }
    bench.good(&["score", "photo.jpg", "--duration", "2", "--drift", "-o", "drift.mp4"]);
    assert!((length(&bench, "drift.mp4") - 2.0).abs() < 0.05);
}

#[test]
fn a_clip_of_one_frame_or_under_a_second_breaks_something() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 1 -c:v libx264 -pix_fmt yuv420p one.mp4");
    bench.ffmpeg("-f lavfi -i testsrc2=s=64x48:r=25 -t 0.4 -c:v libx264 -pix_fmt yuv420p short.mp4");
    for name in ["one", "short"] {
        let before = length(&bench, &format!("{name}.mp4"));
        bench.good(&["score", &format!("{name}.mp4")]);
        let after = length(&bench, &format!("{name}.scored.mp4"));
        assert!((after - before).abs() <= 0.045, "{name}: {before} → {after}");
    }
}

#[test]
fn a_container_changes_its_codec_or_loses_its_picture() {
    let bench = Bench::new();
    for (name, codec) in [
        ("a.mkv", "-c:v libx264 -pix_fmt yuv420p"),
        ("b.mov", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("c.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
        ("d.avi", "-c:v mpeg4"),
        ("e.gif", ""),
    ] {
        bench.ffmpeg(&format!("-f lavfi -i testsrc2=s=160x120:r=10:d=2 {codec} {name}"));
        let document = bench.document(&["score", name]);
        let film = document["video_reconstruction"]["output_path"]
            .as_str()
            .expect("a path")
            .to_owned();
        assert!(
            (length(&bench, &film) - 2.0).abs() < 0.11,
            "{name}: {}",
            length(&bench, &film)
        );
        if name != "e.gif" {
            assert_eq!(document["video_reconstruction"]["picture_copied"], true, "{name}");
            assert_eq!(bench.picture_md5(name), bench.picture_md5(&film), "{name}");
        }
    }
}
