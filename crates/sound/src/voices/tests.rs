use synchresis_cue::{VOICES, VoiceFamily};

use super::{phrase, player};
use crate::{BLOCK, SAMPLE_RATE};

/// The phrase of a voice, rendered in blocks of `block`.
fn render(track: &synchresis_cue::Track, length_s: f64, seed: u64, block: usize) -> (Vec<f32>, Vec<f32>) {
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

#[test]
fn a_voice_is_mute_or_clips_or_drones_on() {
    for info in VOICES {
        let mut track = phrase(info);
        track.notes.truncate(3);
        let (left, right) = render(&track, 14.0, 3, BLOCK);
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
                "{}: still {after} twelve seconds after its last note",
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
