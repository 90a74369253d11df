//! Watches raw frames: `ffmpeg -i IN -vf scale=256:144 -pix_fmt yuv420p -f rawvideo - | watch 256 144 25 [--trace]`.
//! Prints the sighting as JSON, or what the detectors saw as CSV; nanoseconds a frame on stderr.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the people who tune the detectors"
)]

use std::io::{Read, Write};

use synchresis_cue::Frame;
use synchresis_picture::sight::Watcher;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, width, height, rate, ..] = args.as_slice() else {
        return Err("usage: watch WIDTH HEIGHT FPS [--trace]".into());
    };
    let (width, height, rate): (usize, usize, f64) = (width.parse()?, height.parse()?, rate.parse()?);
    let (luma, chroma) = (width * height, width.div_ceil(2) * height.div_ceil(2));
    let mut bytes = vec![0; luma + 2 * chroma];
    let mut input = std::io::stdin().lock();
    let mut watcher = Watcher::default();
    let mut spent = std::time::Duration::ZERO;
    let mut index = 0;
    while input.read_exact(&mut bytes).is_ok() {
        let (y, c) = bytes.split_at(luma);
        let (cb, cr) = c.split_at(chroma);
        let begun = std::time::Instant::now();
        watcher.see(&Frame {
            index,
            time_s: index as f64 / rate,
            width,
            height,
            y,
            cb,
            cr,
        })?;
        spent += begun.elapsed();
        index += 1;
    }
    let begun = std::time::Instant::now();
    let sighting = watcher.finish(index as f64 / rate);
    eprintln!(
        "{index} frames, {} ns each; finish {:.2} ms",
        spent.as_nanos() / u128::from(index.max(1)),
        begun.elapsed().as_secs_f64() * 1e3
    );
    let mut out = std::io::stdout().lock();
    if args.iter().any(|a| a == "--trace") {
        let (names, rows) = watcher.trace();
        writeln!(out, "{}", names.join(","))?;
        for row in rows {
            let values: Vec<String> = row.iter().map(|v| format!("{v:.5}")).collect();
            writeln!(out, "{}", values.join(","))?;
        }
    } else {
        writeln!(out, "{}", serde_json::json!({ "sighting": sighting }))?;
    }
    Ok(())
}
