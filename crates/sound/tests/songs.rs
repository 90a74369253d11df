//! Songs as people have them: every container, broken files, and samples that are no numbers.
//!
//! `data/tone.*` are 0.4 s of a sine at 440 Hz:
//! `ffmpeg -f lavfi -i sine=frequency=440:sample_rate=22050:duration=0.4 -af volume=0.8 -ac 1 tone.ogg` and so on.

use std::io::Cursor;

use proptest::prelude::*;
use synchresis_cue::{Cancelled, Silent, Watch};
use synchresis_sound::SoundError;
use synchresis_sound::hear::{Listener, RATE, decode, hear_song};

const TONES: [(&str, &[u8]); 5] = [
    ("ogg", include_bytes!("data/tone.ogg")),
    ("mp3", include_bytes!("data/tone.mp3")),
    ("flac", include_bytes!("data/tone.flac")),
    ("m4a", include_bytes!("data/tone.m4a")),
    ("aiff", include_bytes!("data/tone.aiff")),
];

fn wav(samples: &[f32], rate: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
    for &x in samples {
        writer.write_sample(x).expect("a sample");
    }
    writer.finalize().expect("an end");
    bytes.into_inner()
}

#[test]
fn a_container_is_not_read_or_loses_its_end() {
    for (name, bytes) in TONES {
        // The name is a hint that may be wrong.
        for hint in [Some(name), None, Some("wav")] {
            let (mut count, mut peak) = (0usize, 0.0f32);
            let done = decode(Cursor::new(bytes), hint, &Silent, |block| {
                count += block.samples.len() / block.channels;
                peak = block.samples.iter().fold(peak, |m, v| m.max(v.abs()));
                Ok(())
            })
            .unwrap_or_else(|e| panic!("{name}: {e}"));
            let seconds = count as f64 / f64::from(done.rate);
            assert!((0.39..0.53).contains(&seconds), "{name}: {seconds} s");
            assert!((0.05..0.3).contains(&peak), "{name}: {peak}");
        }
    }
}

#[test]
fn a_tone_is_heard_as_something_else() {
    for (name, bytes) in TONES {
        let heard = hear_song(Cursor::new(bytes), Some(name), &Silent).unwrap_or_else(|e| panic!("{name}: {e}"));
        let hearing = heard.hearing;
        assert!(
            (hearing.brightness_hz - 440.0).abs() < 120.0,
            "{name}: {} Hz",
            hearing.brightness_hz
        );
        assert!(hearing.percussive < 0.5, "{name}: {}", hearing.percussive);
        assert_eq!(hearing.sections.len(), 1);
        assert!(!hearing.words.is_empty());
    }
}

#[test]
fn garbage_an_empty_file_or_a_header_alone_is_a_song() {
    let garbage: Vec<u8> = (0..20_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for bytes in [
        Vec::new(),
        garbage,
        b"RIFF\x24\x00\x00\x00WAVE".to_vec(),
        TONES[0].1[..60].to_vec(),
        wav(&[], 44_100),
    ] {
        let answer = hear_song(Cursor::new(bytes), Some("mp3"), &Silent);
        let Err(error) = answer else { panic!("{answer:?}") };
        assert!(matches!(error, SoundError::Song { .. }), "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }
}

#[test]
fn samples_that_are_no_numbers_spoil_the_song() {
    let mut samples: Vec<f32> = (0..44_100).map(|i| 0.3 * (i as f32 * 0.06).sin()).collect();
    samples[5_000] = f32::NAN;
    samples[9_000] = f32::INFINITY;
    samples[9_001] = f32::NEG_INFINITY;
    let hearing = hear_song(Cursor::new(wav(&samples, 44_100)), Some("wav"), &Silent)
        .expect("a song")
        .hearing;
    assert_eq!(hearing.broken_samples, 3);
    assert!(hearing.brightness_hz.is_finite() && hearing.loudness_lufs.is_some_and(f64::is_finite));
    let text = serde_json::to_string(&hearing).expect("a document");
    assert!(
        !text.contains("null,\"loudness_range") && !text.contains("NaN"),
        "{text}"
    );
}

#[test]
fn silence_or_a_moment_of_sound_cannot_be_heard() {
    for n in [1usize, 100, 2_047, 11_025, 22_050] {
        for level in [0.0f32, 0.5, 3.0e9] {
            let mut listener = Listener::new(RATE, 1);
            listener.push(&vec![level; n]);
            let heard = listener.finish();
            assert_eq!(heard.onset_strength.len(), 1 + n / 512);
            assert!((heard.hearing.duration_s - n as f64 / f64::from(RATE)).abs() < 1e-5);
            serde_json::to_string(&heard.hearing).expect("a document");
        }
    }
    let nothing = Listener::new(48_000, 2).finish();
    assert_eq!(nothing.hearing.words, "silence");
}

#[test]
fn a_song_that_changes_its_rate_loses_its_length() {
    let mut listener = Listener::new(44_100, 2);
    listener.push(&vec![0.1; 88_200]);
    listener.change(48_000, 1);
    listener.push(&vec![0.1; 48_000]);
    assert!((listener.finish().hearing.duration_s - 2.0).abs() < 1e-3);
}

#[test]
fn a_person_who_stops_waits_for_the_end() {
    struct Stopped;
    impl Watch for Stopped {
        fn cancelled(&self) -> bool {
            true
        }
        fn progress(&self, _fraction: f64) {}
    }
    let answer = hear_song(Cursor::new(TONES[0].1), None, &Stopped);
    assert!(matches!(answer, Err(SoundError::Cancelled(Cancelled))), "{answer:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_brings_the_program_down(
        which in 0..TONES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, bytes) = TONES[which];
        let mut bytes = bytes.to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        // Either something was heard or there is an error that a person can read; how much sound a broken header
        // promises, nobody gets more than the bytes can hold.
        let mut count = 0usize;
        let answer = decode(Cursor::new(bytes), Some(name), &Silent, |block| {
            count += block.samples.len();
            Ok(())
        });
        prop_assert!(count < 50_000_000);
        if let Err(error) = answer {
            prop_assert!(error.to_string().contains("hint:"), "{}", error);
        }
    }
}
