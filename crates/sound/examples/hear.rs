//! Hears a song and prints what was heard and how long each step took, as JSON.
//!
//! `hear SONG` decodes the song. `hear SAMPLES.f32 [FOLDER]` takes raw mono samples at 22,050 a second (32-bit little
//! endian) and, given a folder, writes the features that are compared with librosa's into it. `hear --core SAMPLES.f32`
//! prints how long onset strength, onsets, tempo and beats take of samples in memory, the best of three, in milliseconds.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use synchresis_cue::Silent;
use synchresis_sound::hear::{self, Heard, Listener, RATE};

fn main() {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        eprintln!("usage: hear SONG | SAMPLES.f32 [FOLDER]");
        std::process::exit(2);
    };
    let folder = args.next();
    if path == "--core" {
        core(&read(&folder.expect("samples")));
        return;
    }
    let begun = Instant::now();
    let heard = if path.ends_with(".f32") {
        let samples = read(&path);
        if let Some(folder) = &folder {
            write_features(Path::new(folder), &samples);
        }
        let begun = Instant::now();
        let mut listener = Listener::new(RATE, 1);
        listener.push(&samples);
        let heard = listener.finish();
        print(&heard, begun.elapsed().as_secs_f64());
        heard
    } else {
        let file = File::open(&path).expect("a readable file");
        let extension = Path::new(&path).extension().and_then(|e| e.to_str()).map(str::to_owned);
        let heard = hear::hear_song(file, extension.as_deref(), &Silent).expect("a song");
        print(&heard, begun.elapsed().as_secs_f64());
        heard
    };
    if let Some(folder) = folder {
        write_heard(Path::new(&folder), &heard);
    }
}

fn core(samples: &[f32]) {
    let mut best = f64::INFINITY;
    let mut found = (0, 0);
    for _ in 0..3 {
        let begun = Instant::now();
        let (mean, median) = hear::onset_strengths(samples);
        let onsets = hear::onset_detect(&mean, &hear::Picking::default());
        let (_, beats) = hear::beat_track(&median);
        best = best.min(begun.elapsed().as_secs_f64());
        found = (onsets.len(), beats.len());
    }
    println!(
        "{}",
        serde_json::json!({ "seconds": best, "onsets": found.0, "beats": found.1 })
    );
}

fn read(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("a readable file");
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

fn print(heard: &Heard, seconds: f64) {
    let mut hearing = serde_json::to_value(&heard.hearing).expect("JSON");
    if let Some(map) = hearing.as_object_mut() {
        map.remove("curves");
    }
    println!("{}", serde_json::json!({ "seconds": seconds, "hearing": hearing }));
}

fn write(path: std::path::PathBuf, values: impl Iterator<Item = f32>) {
    let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    File::create(path)
        .and_then(|mut f| f.write_all(&bytes))
        .expect("a writable folder");
}

fn write_heard(folder: &Path, heard: &Heard) {
    std::fs::create_dir_all(folder).expect("a writable folder");
    write(folder.join("onset.f32"), heard.onset_strength.iter().copied());
    write(
        folder.join("onset_median.f32"),
        heard.onset_strength_median.iter().copied(),
    );
    write(folder.join("beats.f32"), heard.beat_frames.iter().map(|&b| b as f32));
    write(folder.join("onsets.f32"), heard.onset_frames.iter().map(|&b| b as f32));
}

fn write_features(folder: &Path, samples: &[f32]) {
    std::fs::create_dir_all(folder).expect("a writable folder");
    let mel = hear::mel_spectrogram(samples, RATE, hear::N_FFT, hear::HOP, 128);
    write(folder.join("mel.f32"), mel.into_iter().flatten());
    write(folder.join("rms.f32"), hear::rms(samples).into_iter());
    write(
        folder.join("centroid.f32"),
        hear::spectral_centroid(samples).into_iter(),
    );
    write(
        folder.join("chroma.f32"),
        hear::chroma_stft(samples, None).into_iter().flatten(),
    );
    write(
        folder.join("tuning.f32"),
        std::iter::once(hear::estimate_tuning(samples) as f32),
    );
}
