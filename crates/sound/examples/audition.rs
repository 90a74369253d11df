//! Plays the comparison phrase of every voice (or those named) into WAV files, and prints loudness and cost.
//!
//!     cargo run --release -p synchresis-sound --example audition -- OUT_DIR [--bank FILE] [--goes N] [VOICE…]
#![allow(clippy::print_stdout, reason = "a command-line tool")]

use std::path::PathBuf;
use std::time::Instant;

use synchresis_cue::{VOICES, VoiceFamily};
use synchresis_sound::voices::{Bank, BankLimits, phrase, player};
use synchresis_sound::{BLOCK, SAMPLE_RATE};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = PathBuf::from(".");
    let mut bank = None;
    let mut names = Vec::new();
    let mut goes = 1;
    let mut args = std::env::args().skip(1);
    if let Some(dir) = args.next() {
        out = PathBuf::from(dir);
    }
    while let Some(arg) = args.next() {
        if arg == "--goes" {
            goes = args.next().and_then(|n| n.parse().ok()).unwrap_or(1);
        } else if arg == "--bank" {
            bank = Some(Bank::open(
                &PathBuf::from(args.next().unwrap_or_default()),
                BankLimits::default(),
            )?);
        } else {
            names.push(arg);
        }
    }
    std::fs::create_dir_all(&out)?;
    println!(
        "{:<18} {:>8} {:>8} {:>8} {:>10} {:>10}",
        "voice", "lufs", "most", "peak", "begin ms", "ns/sample"
    );
    for info in VOICES
        .iter()
        .filter(|v| names.is_empty() || names.iter().any(|n| n == v.name))
    {
        let track = phrase(info);
        let length_s = track.notes.iter().map(|n| n.start_s + n.duration_s).fold(0.0, f64::max) + 1.0;
        let length = (length_s * f64::from(SAMPLE_RATE)) as usize;
        // The best of several goes: what the machine does beside is not ours.
        let (mut begin, mut cost) = (f64::INFINITY, f64::INFINITY);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for _ in 0..goes {
            let begun = Instant::now();
            let mut band = player(&track, length_s, 1, bank.as_ref());
            begin = begin.min(begun.elapsed().as_secs_f64() * 1e3);
            left = vec![0.0f32; length];
            right = vec![0.0f32; length];
            let begun = Instant::now();
            for (l, r) in left.chunks_mut(BLOCK).zip(right.chunks_mut(BLOCK)) {
                band.play((l, r));
            }
            cost = cost.min(begun.elapsed().as_secs_f64() * 1e9 / length as f64);
        }
        let mut meter = ebur128::EbuR128::new(2, SAMPLE_RATE, ebur128::Mode::I | ebur128::Mode::S | ebur128::Mode::M)?;
        let mut loudest = f64::NEG_INFINITY;
        let from = (0.5 * f64::from(SAMPLE_RATE)) as usize;
        for (l, r) in left[from..].chunks(480).zip(right[from..].chunks(480)) {
            meter.add_frames_planar_f32(&[l, r])?;
            loudest = loudest.max(meter.loudness_momentary()?);
        }
        let lufs = if info.family == VoiceFamily::Effect {
            loudest
        } else {
            meter.loudness_global()?
        };
        let peak = left.iter().chain(&right).fold(0.0f32, |p, x| p.max(x.abs()));
        println!(
            "{:<18} {:>8.2} {:>8.2} {:>8.3} {:>10.2} {:>10.2}",
            info.name, lufs, loudest, peak, begin, cost
        );
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut wav = hound::WavWriter::create(out.join(format!("{}.wav", info.name)), spec)?;
        for (l, r) in left.iter().zip(&right) {
            wav.write_sample(*l)?;
            wav.write_sample(*r)?;
        }
        wav.finalize()?;
    }
    Ok(())
}
