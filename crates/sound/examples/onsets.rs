//! Prints the onsets of a WAV file as JSON: `[[time_s, strength], …]`, and on stderr how fast they were heard.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Instant;

use synchresis_sound::hear::onsets;

fn main() {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: onsets FILE.wav");
        std::process::exit(2);
    };
    let mut reader = hound::WavReader::open(&path).expect("a WAV file");
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().filter_map(Result::ok).collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f32;
            reader
                .samples::<i32>()
                .filter_map(Result::ok)
                .map(|s| s as f32 * scale)
                .collect()
        }
    };
    let begun = Instant::now();
    let heard = onsets(&samples, spec.sample_rate, usize::from(spec.channels));
    let took = begun.elapsed().as_secs_f64();
    let seconds = samples.len() as f64 / f64::from(spec.channels) / f64::from(spec.sample_rate);
    eprintln!(
        "{seconds:.1} s of sound in {:.1} ms: {:.0} times real time",
        took * 1e3,
        seconds / took
    );
    let list: Vec<String> = heard
        .iter()
        .map(|o| format!("[{:.4},{:.3}]", o.time_s, o.strength))
        .collect();
    println!("[{}]", list.join(","));
}
