//! Probes and decodes a file: `cargo run -p synchresis-media --release --example look -- CLIP`.
#![allow(clippy::print_stdout, reason = "an example speaks")]

use std::{ops::ControlFlow, path::Path, time::Instant};

use synchresis_cue::Silent;
use synchresis_media::{DecodeOptions, Limits, Tools, decode_frames, probe};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = std::env::args_os().nth(1).ok_or("usage: look CLIP")?;
    let input = Path::new(&input);
    let tools = Tools::locate(None, None, std::env::var_os("PATH").as_deref())?;
    let limits = Limits::default();
    let began = Instant::now();
    let footage = probe(input, &tools, &limits, &Silent)?;
    println!(
        "{footage:#?}\nprobed in {:.3} s, {}",
        began.elapsed().as_secs_f64(),
        tools.jail().describe()
    );
    let began = Instant::now();
    let (mut sum, mut times) = (0u64, Vec::new());
    let decoded = decode_frames(
        &footage,
        input,
        DecodeOptions::default(),
        &tools,
        &limits,
        &Silent,
        |frame| {
            sum += frame.y.iter().map(|v| u64::from(*v)).sum::<u64>();
            times.push(frame.time_s);
            ControlFlow::Continue(())
        },
    )?;
    println!(
        "{decoded:?} in {:.3} s; luma {sum}; {:?}",
        began.elapsed().as_secs_f64(),
        times.get(..times.len().min(6))
    );
    Ok(())
}
