//! The ears beside librosa 0.11, on signals made by formulas that `tests/reference/librosa_parity.py` shares; it writes
//! `data/librosa.json`. Real songs are compared by the same script.

use serde_json::Value;
use synchresis_sound::hear::{self, HOP, N_FFT, PaceListener, Picking, RATE, Resampler};

fn expected() -> Value {
    serde_json::from_str(include_str!("data/librosa.json")).expect("the fixture reads")
}

fn numbers(fixture: &Value, name: &str) -> Vec<f64> {
    let list = fixture[name]
        .as_array()
        .unwrap_or_else(|| panic!("the fixture has {name}"));
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn frames(fixture: &Value, name: &str) -> Vec<usize> {
    numbers(fixture, name).iter().map(|&v| v as usize).collect()
}

/// Strokes every half second, over notes and a soft fifth: `tune` of the script.
fn tune(rate: u32, seconds: f64) -> Vec<f32> {
    use std::f64::consts::TAU;
    let mut state = 12_345u32;
    let notes = [220.0, 261.63, 329.63, 293.66];
    (0..(seconds * f64::from(rate)) as usize)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(state >> 8) / f64::from(1 << 23) - 1.0;
            let t = i as f64 / f64::from(rate);
            let beat = (t / 0.5) as usize;
            let since = t - beat as f64 * 0.5;
            let loud = if beat.is_multiple_of(4) { 0.8 } else { 0.4 };
            let y = loud * (-since / 0.02).exp() * hiss * 0.5
                + 0.3 * (-since / 0.25).exp() * (TAU * notes[beat % 4] * since).sin()
                + 0.05 * (TAU * 110.0 * t).sin()
                + 0.03 * (TAU * 165.0 * t).sin();
            y as f32
        })
        .collect()
}

/// The greatest difference as a share of the greatest expected value.
fn error(ours: impl IntoIterator<Item = f32>, theirs: &[f64]) -> f64 {
    let ours: Vec<f32> = ours.into_iter().collect();
    assert_eq!(ours.len(), theirs.len());
    let top = theirs.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    ours.iter()
        .zip(theirs)
        .map(|(a, b)| (f64::from(*a) - b).abs())
        .fold(0.0, f64::max)
        / top
}

#[test]
fn the_mel_spectrogram_differs_from_librosa() {
    let mel = hear::mel_spectrogram(&tune(RATE, 8.0), RATE, N_FFT, HOP, 128);
    let theirs = numbers(&expected(), "mel_every_40th_frame");
    let ours: Vec<f32> = mel.into_iter().step_by(40).flatten().collect();
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!(
            (f64::from(*a) - b).abs() <= 1e-4 * b + 1e-9,
            "value {i}: {a}, librosa has {b}"
        );
    }
}

#[test]
fn onset_strength_or_onsets_differ_from_librosa() {
    let samples = tune(RATE, 8.0);
    let fixture = expected();
    let strength = hear::onset_strength(&samples);
    let off = error(strength.iter().copied(), &numbers(&fixture, "onset_strength"));
    assert!(off < 1e-4, "{off}");
    let off = error(
        hear::onset_strength_median(&samples),
        &numbers(&fixture, "onset_strength_median"),
    );
    assert!(off < 1e-4, "{off}");
    let onsets = hear::onset_detect(&strength, &Picking::default());
    assert_eq!(onsets, frames(&fixture, "onset_detect"));
    let normalised = hear::normalised(&strength);
    assert_eq!(
        hear::onset_backtrack(&onsets, &normalised),
        frames(&fixture, "onset_backtrack")
    );
}

#[test]
fn the_tempo_or_a_beat_differs_from_librosa() {
    let fixture = expected();
    let (tempo, beats) = hear::beat_track(&hear::onset_strength_median(&tune(RATE, 8.0)));
    assert!(
        (tempo - fixture["tempo"].as_f64().expect("a number")).abs() < 1e-6,
        "{tempo}"
    );
    assert_eq!(beats, frames(&fixture, "beats"));
}

#[test]
fn a_plain_feature_differs_from_librosa() {
    let samples = tune(RATE, 8.0);
    let fixture = expected();
    assert!(error(hear::rms(&samples), &numbers(&fixture, "rms")) < 1e-5);
    assert!(error(hear::spectral_centroid(&samples), &numbers(&fixture, "centroid")) < 1e-4);
}

#[test]
fn tuning_or_chroma_differs_from_librosa() {
    let samples = tune(RATE, 8.0);
    let fixture = expected();
    let tuning = hear::estimate_tuning(&samples);
    assert!(
        (tuning - fixture["tuning"].as_f64().expect("a number")).abs() < 1e-9,
        "{tuning}"
    );
    let chroma = hear::chroma_stft(&samples, None).into_iter().step_by(20).flatten();
    let off = error(chroma, &numbers(&fixture, "chroma_every_20th_frame"));
    assert!(off < 1e-3, "{off}");
}

#[test]
fn the_pace_of_a_film_differs_from_librosas() {
    let mut listener = PaceListener::new(30.0, (5.0, 5.0));
    listener.push(&tune(RATE, 8.0));
    let curves = listener.finish();
    let fixture = expected();
    let off = error(curves.harmonic, &numbers(&fixture, "pace_harmonic"));
    assert!(off < 1e-3, "harmonic: {off}");
    let off = error(curves.percussive, &numbers(&fixture, "pace_percussive"));
    assert!(off < 1e-3, "percussive: {off}");
}

#[test]
fn resampling_differs_from_librosas() {
    let mut resampler = Resampler::new(44_100, RATE);
    let mut out = Vec::new();
    resampler.push(&tune(44_100, 0.5), &mut out);
    resampler.finish(&mut out);
    let off = error(
        out.into_iter().step_by(5),
        &numbers(&expected(), "resampled_44100_every_5th"),
    );
    assert!(off < 1e-5, "{off}");
}
