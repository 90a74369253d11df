//! The film's mix: what is ducked, what a volume means, how long and how loud it is.

use synchresis_cue::{Original, Silent};
use synchresis_sound::mix::{Balance, Mixed, Parts, RawReader, RawWriter, Samples, Source, Target, film};

use super::{noise, reference};

const SECONDS: usize = 8;

fn balance(original: Original) -> Balance {
    Balance {
        frames: SECONDS as u64 * 48_000,
        music_volume: 1.0,
        sounds_volume: 1.0,
        original,
    }
}

fn mixed(music: Option<&[f32]>, sounds: Option<&[f32]>, original: Option<&[f32]>, how: &Balance) -> (Vec<f32>, Mixed) {
    let (mut m, mut s, mut o) = (
        music.map(Samples::new),
        sounds.map(Samples::new),
        original.map(Samples::new),
    );
    let parts = Parts {
        music: m.as_mut().map(|x| x as &mut dyn Source),
        sounds: s.as_mut().map(|x| x as &mut dyn Source),
        original: o.as_mut().map(|x| x as &mut dyn Source),
    };
    let mut out = Vec::new();
    let mut sink = |frames: &[f32]| {
        out.extend_from_slice(frames);
        Ok(())
    };
    let report = film(parts, how, &Target::default(), &mut sink, &Silent).expect("mixes");
    (out, report)
}

/// A held chord, 0.2 loud.
fn music() -> Vec<f32> {
    (0..SECONDS * 48_000)
        .flat_map(|i| {
            let at = i as f32 * std::f32::consts::TAU / 48_000.0;
            let x = 0.07 * ((220.0 * at).sin() + (280.0 * at).sin() + (330.0 * at).sin());
            [x, x]
        })
        .collect()
}

/// Bursts like syllables from 3 to 5 s, over a faint hiss.
fn speech() -> Vec<f32> {
    let grain = noise(9, SECONDS * 48_000);
    (0..SECONDS * 48_000)
        .flat_map(|i| {
            let t = i as f32 / 48_000.0;
            let open = if (3.0..5.0).contains(&t) {
                (t * 12.0).sin().max(0.1)
            } else {
                0.0
            };
            [0.25 * open * grain[i] + 0.0008 * grain[i]; 2]
        })
        .collect()
}

/// How loud the 220 Hz of the music are around `at_s`.
fn chord(out: &[f32], at_s: f32) -> f32 {
    let from = (at_s * 48_000.0) as usize;
    let (mut sin, mut cos) = (0.0f32, 0.0f32);
    for i in from..from + 4_800 {
        let at = 220.0 * i as f32 * std::f32::consts::TAU / 48_000.0;
        sin += at.sin() * out[2 * i];
        cos += at.cos() * out[2 * i];
    }
    10.0 * (sin * sin + cos * cos).log10()
}

#[test]
fn the_music_talks_over_speech() {
    let (out, report) = mixed(Some(&music()), None, Some(&speech()), &balance(Original::Duck));
    let down = chord(&out, 4.0) - chord(&out, 1.0);
    assert!((-15.5..-5.0).contains(&down), "{down} dB under speech, {report:?}");
    let back = chord(&out, 7.5) - chord(&out, 1.0);
    assert!(back.abs() < 0.3, "it comes back to {back} dB, {report:?}");
    assert!((1.9..4.0).contains(&report.ducked_s), "{report:?}");
    let (out, report) = mixed(Some(&music()), None, Some(&speech()), &balance(Original::Keep));
    assert!((chord(&out, 4.0) - chord(&out, 1.0)).abs() < 1.0 && report.ducked_s == 0.0);
    let (out, report) = mixed(Some(&music()), None, Some(&speech()), &balance(Original::Drop));
    assert!((chord(&out, 4.0) - chord(&out, 1.0)).abs() < 0.2 && report.original_active == 0.0);
}

#[test]
fn the_music_ducks_under_a_hiss_or_plays_over_a_song() {
    let hiss: Vec<f32> = noise(4, SECONDS * 96_000).iter().map(|x| 0.01 * x).collect();
    let (_, report) = mixed(Some(&music()), None, Some(&hiss), &balance(Original::Duck));
    assert_eq!((report.ducked_s, report.deepest_db), (0.0, 0.0), "{report:?}");
    let song: Vec<f32> = music().iter().map(|x| 1.5 * x).collect();
    let (_, report) = mixed(Some(&music()), None, Some(&song), &balance(Original::Duck));
    assert!(report.deepest_db < -18.0 && report.original_music > 0.9, "{report:?}");
}

#[test]
fn a_mix_has_another_length_or_loudness_than_the_film() {
    let (music, speech) = (music(), speech());
    for original in [Original::Keep, Original::Duck, Original::Drop] {
        for frames in [48_000u64, 8 * 48_000, 9 * 48_000 + 17] {
            let how = Balance {
                frames,
                ..balance(original)
            };
            let (out, report) = mixed(Some(&music), Some(&speech), Some(&speech), &how);
            assert_eq!((out.len() as u64, report.master.frames), (2 * frames, frames));
            let (loudness, peak) = reference(&out);
            assert!(
                (loudness + 14.0).abs() < 0.1 && peak <= -1.0,
                "{original:?} {frames}: {loudness} {peak}"
            );
        }
    }
    let (out, report) = mixed(None, None, None, &balance(Original::Keep));
    assert!(out.len() == SECONDS * 96_000 && out.iter().all(|x| *x == 0.0) && report.music_db.is_none());
}

#[test]
fn a_volume_means_nothing() {
    let (music, speech) = (music(), speech());
    let how = |music_volume: f64, sounds_volume: f64| Balance {
        music_volume,
        sounds_volume,
        ..balance(Original::Keep)
    };
    let (half, _) = mixed(Some(&music), None, None, &how(0.5, 1.0));
    assert!((reference(&half).0 + 20.02).abs() < 0.1);
    let (off, _) = mixed(Some(&music), Some(&speech), None, &how(0.0, 1.0));
    assert!(
        chord(&off, 1.0) < -20.0,
        "music at volume 0 is heard: {}",
        chord(&off, 1.0)
    );
    let share = |volume: f64| {
        let (out, _) = mixed(Some(&music), None, Some(&speech), &how(volume, 1.0));
        f64::from(chord(&out, 1.0)) - reference(&out[3 * 96_000..5 * 96_000]).0
    };
    assert!(
        share(1.0) - share(0.3) > 6.0,
        "the music is lower beside the film's own sound"
    );
}

#[test]
fn a_scratch_file_gives_other_samples_back() {
    let (music, speech) = (music(), speech());
    let mut writer = RawWriter::new("music", std::io::Cursor::new(Vec::new()));
    writer.write(&music).expect("writes");
    let file = writer.finish().expect("ends");
    let mut read = RawReader::new("music", file);
    let mut original = Samples::new(&speech);
    let parts = Parts {
        music: Some(&mut read),
        sounds: None,
        original: Some(&mut original),
    };
    let mut out = Vec::new();
    let mut sink = |frames: &[f32]| {
        out.extend_from_slice(frames);
        Ok(())
    };
    film(parts, &balance(Original::Duck), &Target::default(), &mut sink, &Silent).expect("mixes");
    assert!(out == mixed(Some(&music), None, Some(&speech), &balance(Original::Duck)).0);
}
