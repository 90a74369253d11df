use synchresis_cue::{Articulation, Note, Track, VOICES, VoiceFamily, VoiceInfo};

use super::{phrase, player};
use crate::{BLOCK, SAMPLE_RATE};

/// The phrase of a voice, rendered in blocks of `block`.
fn render(track: &Track, length_s: f64, seed: u64, block: usize) -> (Vec<f32>, Vec<f32>) {
    let length = (length_s * f64::from(SAMPLE_RATE)) as usize;
    let mut band = player(track, length_s, seed, None);
    let (mut left, mut right) = (vec![0.0; length], vec![0.0; length]);
    for (l, r) in left.chunks_mut(block).zip(right.chunks_mut(block)) {
        band.play((l, r));
    }
    (left, right)
}

fn rms(x: &[f32]) -> f32 {
    (x.iter().map(|v| v * v).sum::<f32>() / x.len().max(1) as f32).sqrt()
}

fn pitched(info: &VoiceInfo) -> bool {
    !matches!(
        info.family,
        VoiceFamily::Kit | VoiceFamily::Effect | VoiceFamily::Ambience
    )
}

/// One note in the middle of the voice's range.
fn single(info: &VoiceInfo, start_s: f64, duration_s: f64, locked: bool) -> Track {
    let mut track = phrase(info);
    let pitch = track.notes[0].pitch;
    let articulation = Articulation::Normal;
    track.notes = vec![Note {
        start_s,
        duration_s,
        pitch,
        velocity: 0.8,
        articulation,
        locked,
    }];
    track
}

#[test]
fn a_voice_is_mute_or_clips_or_drones_on() {
    for info in VOICES {
        let mut track = phrase(info);
        track.notes.truncate(3);
        let (left, right) = render(&track, if info.sustains { 8.0 } else { 3.0 }, 3, BLOCK);
        let all = left.iter().chain(&right);
        let peak = all.clone().fold(0.0f32, |p, x| p.max(x.abs()));
        assert!(
            all.clone().all(|x| x.is_finite()),
            "{}: a sample is no number",
            info.name
        );
        assert!(peak > 0.02 && peak < 1.6, "{}: peak {peak}", info.name);
        let mean = left.iter().sum::<f32>() / left.len() as f32;
        assert!(mean.abs() < 2e-3, "{}: stands off zero by {mean}", info.name);
        if info.family != VoiceFamily::Ambience && info.family != VoiceFamily::Effect && info.sustains {
            let after = rms(&left[left.len() - 4800..]);
            assert!(
                after < 1e-4,
                "{}: still {after} six seconds after its last note",
                info.name
            );
        }
    }
}

#[test]
fn the_sound_depends_on_the_size_of_the_blocks() {
    for name in [
        "grand-piano",
        "strings-legato",
        "trumpet",
        "supersaw",
        "kit-acoustic",
        "rain",
        "riser",
    ] {
        let Some(info) = synchresis_cue::voice(name) else {
            panic!("{name} is gone")
        };
        let mut track = phrase(info);
        track.notes.truncate(2);
        let whole = render(&track, 1.6, 9, BLOCK);
        let bits = render(&track, 1.6, 9, 333);
        assert!(whole == bits, "{name}");
        let again = render(&track, 1.6, 9, BLOCK);
        assert!(whole == again, "{name}: another time, another sound");
    }
}

/// Frequency by autocorrelation over several periods about the one expected.
fn frequency(x: &[f32], expected: f64) -> f64 {
    let period = f64::from(SAMPLE_RATE) / expected;
    let periods = (1400.0 / period).clamp(1.0, 24.0).floor();
    let centre = period * periods;
    let window = x.len() - (centre * 1.06) as usize - 2;
    let score = |lag: usize| -> f64 {
        let (mut dot, mut power) = (0.0f64, 1e-12f64);
        for (a, b) in x[..window].iter().zip(&x[lag..]) {
            dot += f64::from(a * b);
            power += f64::from(b * b);
        }
        dot / power.sqrt()
    };
    let reach = (centre * 0.02).min(period * 0.45).ceil() as usize;
    let lags: Vec<usize> = (centre as usize - reach..=centre as usize + reach + 1).collect();
    let scores: Vec<f64> = lags.iter().map(|&l| score(l)).collect();
    let best = (1..scores.len() - 1)
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .unwrap_or(1);
    let (a, b, c) = (scores[best - 1], scores[best], scores[best + 1]);
    let shift = 0.5 * (a - c) / (a - 2.0 * b + c);
    f64::from(SAMPLE_RATE) / ((lags[best] as f64 + shift) / periods)
}

#[test]
fn a_voice_is_out_of_tune() {
    let mut off = Vec::new();
    for info in VOICES.iter().filter(|v| pitched(v)) {
        let track = single(info, 0.2, 2.4, false);
        let expected = 440.0 * ((f64::from(track.notes[0].pitch) - 69.0) / 12.0).exp2();
        let (left, right) = render(&track, 2.6, 5, BLOCK);
        let mono: Vec<f32> = left.iter().zip(&right).map(|(l, r)| l + r).collect();
        let begin = if info.sustains { 33_600 } else { 11_500 };
        let length = if info.sustains { 72_000 } else { 24_000 };
        // The mean over short windows: a vibrato has no one period.
        let windows: Vec<&[f32]> = mono[begin..begin + length].windows(3600).step_by(4000).collect();
        let cents = windows
            .iter()
            .map(|w| 1200.0 * (frequency(w, expected) / expected).log2())
            .sum::<f64>()
            / windows.len() as f64;
        // A section, or three reeds, are many pitches; their middle is what must be right.
        let many = matches!(info.family, VoiceFamily::Pad | VoiceFamily::Strings) || info.name == "accordion";
        let most = if many { 8.0 } else { 5.0 };
        if cents.abs() > most {
            off.push(format!("{} {cents:.1}", info.name));
        }
    }
    assert!(off.is_empty(), "{off:?}");
}

#[test]
fn a_sharp_attack_comes_early_or_late() {
    let mut off = Vec::new();
    for info in VOICES.iter().filter(|v| v.sharp) {
        let track = single(info, 0.5, 0.8, true);
        let (left, right) = render(&track, 1.4, 7, BLOCK);
        // Energy in milliseconds; the first that reaches a quarter of the loudest of the first 60.
        let energy: Vec<f32> = left
            .chunks(48)
            .zip(right.chunks(48))
            .map(|(l, r)| l.iter().chain(r).map(|x| x * x).sum::<f32>())
            .collect();
        let loudest = energy[480..560].iter().copied().fold(0.0, f32::max);
        let at = energy.iter().position(|e| *e > loudest * 0.25).unwrap_or(0) as i64 - 500;
        if !(-8..=12).contains(&at) {
            off.push(format!("{} {at} ms", info.name));
        }
    }
    assert!(off.is_empty(), "{off:?}");
}

#[test]
fn a_voice_is_louder_or_softer_than_the_others() {
    let mut off = Vec::new();
    for info in VOICES.iter().filter(|v| v.name != "tick") {
        let track = phrase(info);
        let length = track.notes.iter().map(|n| n.start_s + n.duration_s).fold(0.0, f64::max) + 1.0;
        let (left, right) = render(&track, length, 11, BLOCK);
        let mode = ebur128::Mode::I | ebur128::Mode::M;
        let mut meter = ebur128::EbuR128::new(2, SAMPLE_RATE, mode).expect("a meter");
        let mut loudest = f64::NEG_INFINITY;
        for (l, r) in left[24_000..].chunks(2400).zip(right[24_000..].chunks(2400)) {
            meter.add_frames_planar_f32(&[l, r]).expect("frames are taken");
            loudest = loudest.max(meter.loudness_momentary().expect("a loudness"));
        }
        let (lufs, aim) = match info.family {
            VoiceFamily::Effect => (loudest, -18.0),
            _ => (meter.loudness_global().expect("a loudness"), -23.0),
        };
        if (lufs - aim).abs() > 2.0 {
            off.push(format!("{} {lufs:.1}", info.name));
        }
    }
    assert!(off.is_empty(), "{off:?}");
}
