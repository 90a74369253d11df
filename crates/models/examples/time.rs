//! How long an engine takes, for `benches/models.py`: one JSON object on stdout, times in seconds.
//!
//!     time yolov9|resnet18|clip|moondream2|moondream2-q8 LIBRARY WEIGHTS RUNS
#![allow(clippy::print_stdout, reason = "its result is what it prints")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use synchresis_models::clip::ClipImage;
use synchresis_models::moondream::Moondream;
use synchresis_models::resnet18::ResNet18;
use synchresis_models::yolov9::{Keep, YoloV9};
use synchresis_models::{ModelError, Picture, Runtime};

/// A picture of `width` × `height` with slopes and grain.
fn picture(width: usize, height: usize) -> Option<Picture> {
    let mut state = 1u32;
    let mut pixel = |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((i / 3 % width * 200 / width) as u8).wrapping_add((state >> 26) as u8)
    };
    Picture::new(width, height, (0..width * height * 3).map(&mut pixel).collect())
}

/// The middle of so many runs after one that is not counted.
fn middle(runs: usize, mut run: impl FnMut() -> Result<(), ModelError>) -> Result<f64, ModelError> {
    run()?;
    let mut times = Vec::new();
    for _ in 0..runs.max(1) {
        let began = Instant::now();
        run()?;
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The most memory that this process ever had, bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn measured(engine: &str, weights: &Path, runs: usize, runtime: &Runtime) -> Result<serde_json::Value, ModelError> {
    let no_picture = || ModelError::Input {
        model: "time",
        reason: "no picture".to_owned(),
    };
    let square = |side: usize| picture(side, side).ok_or_else(no_picture);
    let began = Instant::now();
    Ok(match engine {
        "yolov9" => {
            let mut net = YoloV9::load(weights, runtime)?;
            let load = began.elapsed().as_secs_f64();
            let picture = square(640)?;
            let run = middle(runs, || net.detect(&picture, &Keep::default()).map(drop))?;
            serde_json::json!({"load": load, "run": run, "peak": peak()})
        }
        "resnet18" => {
            let mut net = ResNet18::load(weights, runtime)?;
            let load = began.elapsed().as_secs_f64();
            let picture = square(512)?;
            let run = middle(runs, || net.latent(&picture).map(drop))?;
            serde_json::json!({"load": load, "run": run, "peak": peak()})
        }
        "clip" => {
            let mut net = ClipImage::load(weights, runtime)?;
            let load = began.elapsed().as_secs_f64();
            let picture = square(224)?;
            let run = middle(runs, || net.look(&picture).map(drop))?;
            serde_json::json!({"load": load, "run": run, "peak": peak()})
        }
        _ => {
            let eight = weights.join("eight.safetensors");
            let eight = (engine == "moondream2-q8").then_some(eight.as_path());
            let mut packing = 0.0;
            if let Some(eight) = eight.filter(|path| !path.exists()) {
                Moondream::in_eight_bits(weights, eight, &mut |_| true)?;
                packing = began.elapsed().as_secs_f64();
            }
            let began = Instant::now();
            let mut net = Moondream::load(weights, eight, runtime)?;
            let load = began.elapsed().as_secs_f64();
            let picture = square(378)?;
            let began = Instant::now();
            let mut asked = Vec::new();
            // Asked before every token, and as it is told: what is told in between is not counted.
            let answer = net.answer(&picture, "What is it?", runs, &mut |words| {
                if words.is_empty() {
                    asked.push(began.elapsed().as_secs_f64());
                }
                true
            })?;
            let first = asked.first().copied().unwrap_or(0.0);
            let last = asked.last().copied().unwrap_or(0.0);
            let token = (last - first) / (asked.len().max(2) - 1) as f64;
            serde_json::json!({"packing": packing, "load": load, "first": first, "token": token, "tokens": answer.tokens.len(),
                "peak": peak()})
        }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, engine, library, weights, runs] = args.as_slice() else {
        return Err("time ENGINE LIBRARY WEIGHTS RUNS".into());
    };
    let runtime = Runtime::load(&[PathBuf::from(library)], 2)?;
    println!("{}", measured(engine, Path::new(weights), runs.parse()?, &runtime)?);
    Ok(())
}
