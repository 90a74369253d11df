//! The mixing desk from outside: length, silence, determinism, stems, loudness, peaks, time.

mod around;
mod film;
mod player;

use player::{Kind, score, tune};
use proptest::prelude::*;
use synchresis_cue::{Cancelled, Mark, Score, Silent, Watch};
use synchresis_sound::mix::{Mastered, Rendered, Samples, Target, master, render};
use synchresis_sound::{Player, SoundError};

fn rendered(score: &Score, players: Vec<Box<dyn Player>>) -> (Vec<f32>, Rendered) {
    let mut out = Vec::new();
    let mut sink = |frames: &[f32]| {
        out.extend_from_slice(frames);
        Ok(())
    };
    let report = render(score, players, &mut sink, None, &Silent).expect("renders");
    (out, report)
}

fn mastered(samples: &[f32], target: &Target) -> (Vec<f32>, Mastered) {
    let mut out = Vec::new();
    let mut sink = |frames: &[f32]| {
        out.extend_from_slice(frames);
        Ok(())
    };
    let report = master(&mut Samples::new(samples), target, &mut sink, &Silent).expect("masters");
    (out, report)
}

/// Loudness and true peak as the ebur128 crate measures them.
fn reference(samples: &[f32]) -> (f64, f64) {
    let mode = ebur128::Mode::I | ebur128::Mode::TRUE_PEAK;
    let mut meter = ebur128::EbuR128::new(2, 48_000, mode).expect("meter");
    meter.add_frames_f32(samples).expect("frames");
    // Before the silence that its peaks come out with, which may make another block whole.
    let loudness = meter.loudness_global().expect("loudness");
    meter.add_frames_f32(&[0.0; 192]).expect("frames");
    let peak = meter.true_peak(0).expect("peak").max(meter.true_peak(1).expect("peak"));
    (loudness, 20.0 * peak.log10())
}

fn noise(seed: u32, n: usize) -> Vec<f32> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    })
    .take(n)
    .collect()
}

#[test]
fn the_music_is_a_sample_longer_or_shorter_than_the_film() {
    for duration_s in [0.0, 0.00001, 0.001, 0.2, 1.0, 5.280_033, 7.007] {
        let (out, report) = rendered(&score(duration_s, 3), tune(3));
        let frames = (duration_s * 48_000.0).round() as u64;
        assert_eq!((out.len() as u64, report.frames), (2 * frames, frames), "{duration_s}");
        let (out, report) = mastered(&out, &Target::default());
        assert_eq!((out.len() as u64, report.frames), (2 * frames, frames), "{duration_s}");
    }
}

#[test]
fn something_still_sounds_at_the_end() {
    for duration_s in [0.2, 3.0, 12.0] {
        let mut score = score(duration_s, 4);
        score.tracks.iter_mut().for_each(|t| (t.room, t.hall) = (1.0, 1.0));
        let (out, report) = rendered(&score, tune(4));
        assert!(report.peak > 0.01);
        let end = &out[out.len() - 2..];
        assert_eq!(end, [0.0, 0.0]);
        let near = &out[out.len() - 2 * 96..];
        assert!(
            near.iter().all(|x| x.abs() < 0.01 * report.peak),
            "the last 2 ms are all but silent"
        );
    }
}

#[test]
fn silence_makes_a_noise() {
    let silent: Vec<Box<dyn Player>> = (0..5).map(|_| Box::new(Kind::Silence) as Box<dyn Player>).collect();
    let (out, report) = rendered(&score(2.0, 5), silent);
    assert!(out.iter().all(|x| *x == 0.0));
    assert_eq!((report.loudness_lufs, report.peak), (None, 0.0));
    let (out, report) = mastered(&out, &Target::default());
    assert!(out.iter().all(|x| *x == 0.0));
    assert_eq!(
        (report.loudness_lufs, report.peak_dbtp, report.gain_db),
        (None, None, 0.0)
    );
}

#[test]
fn the_count_of_threads_or_the_making_of_stems_changes_the_music() {
    let score = score(3.3, 9);
    let with = |threads: usize, stems: bool| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("pool");
        pool.install(|| {
            let mut out = Vec::new();
            let mut sink = |frames: &[f32]| {
                out.extend(frames.iter().map(|x| x.to_bits()));
                Ok(())
            };
            let mut count = 0usize;
            let mut stem = |_: usize, samples: &[i32]| {
                count += samples.len();
                Ok(())
            };
            let stems = stems.then_some(&mut stem as &mut synchresis_sound::mix::StemSink<'_>);
            render(&score, tune(9), &mut sink, stems, &Silent).expect("renders");
            out
        })
    };
    let one = with(1, false);
    assert!(one == with(4, false) && one == with(3, true) && one == with(1, true));
}

#[test]
fn the_stems_are_not_the_mix() {
    let mut score = score(4.0, 6);
    for (i, track) in score.tracks.iter_mut().enumerate() {
        (track.room, track.hall) = (0.4, 0.1 * i as f64);
        track.level_db = 3.0;
    }
    score.marks.push(Mark {
        time_s: 2.0,
        weight: 1.0,
        breath_s: 0.2,
        breath_db: -9.0,
        label: "cut".into(),
    });
    let mut mix = Vec::new();
    let mut stems = vec![Vec::new(); 6];
    let mut sink = |frames: &[f32]| {
        mix.extend_from_slice(frames);
        Ok(())
    };
    let mut stem = |i: usize, samples: &[i32]| {
        stems[i].extend_from_slice(samples);
        Ok(())
    };
    let report = render(&score, tune(6), &mut sink, Some(&mut stem), &Silent).expect("renders");
    assert_eq!(report.clipped, 0);
    assert!(stems.iter().all(|s| s.len() == mix.len() && s.iter().any(|x| *x != 0)));
    for (t, x) in mix.iter().enumerate() {
        let sum: i64 = stems.iter().map(|s| i64::from(s[t])).sum();
        let off = (f64::from(*x) * 8_388_608.0 - sum as f64).abs();
        assert!(off <= 1.0, "sample {t}: {off} steps");
    }
}

#[test]
fn an_impulse_moves_on_its_way_through_the_desk() {
    for at in [0usize, 1, 999, 6_143, 6_144, 50_000] {
        let mut score = score(2.0, 1);
        (score.tracks[0].room, score.tracks[0].hall) = (0.0, 0.0);
        let (out, _) = rendered(&score, vec![Box::new(Kind::Impulse { at, now: 0 })]);
        let (out, _) = mastered(&out, &Target::default());
        let first = out.chunks(2).position(|f| f[0].abs() > 1e-3).expect("sounds");
        let largest = (0..out.len() / 2).max_by(|a, b| out[2 * a].abs().total_cmp(&out[2 * b].abs()));
        assert_eq!((first, largest), (at, Some(at)));
    }
}

#[test]
fn a_broken_player_breaks_the_mix() {
    let players: Vec<Box<dyn Player>> = vec![Box::new(Kind::Broken), Box::new(Kind::Tone { hz: 440.0, phase: 0.0 })];
    let (out, report) = rendered(&score(2.0, 2), players);
    assert!(out.iter().all(|x| x.is_finite()));
    assert!(report.peak > 0.01 && report.loudness_lufs.is_some());
    let broken: Vec<f32> = out
        .iter()
        .enumerate()
        .map(|(i, x)| if i % 1000 == 7 { f32::NAN } else { *x })
        .collect();
    let (out, report) = mastered(&broken, &Target::default());
    assert!(out.iter().all(|x| x.is_finite()) && report.loudness_lufs.is_some());
}

#[test]
fn players_that_do_not_fit_the_score_are_taken() {
    let mut sink = |_: &[f32]| Ok(());
    for score in [score(1.0, 2), score(f64::NAN, 3), score(-1.0, 3), score(1e9, 3)] {
        let result = render(&score, tune(3), &mut sink, None, &Silent);
        assert!(matches!(result, Err(SoundError::Score { .. })), "{}", score.duration_s);
    }
}

struct Stopped;

impl Watch for Stopped {
    fn cancelled(&self) -> bool {
        true
    }
    fn progress(&self, _fraction: f64) {}
}

#[test]
fn a_cancelled_render_goes_on() {
    let mut sink = |_: &[f32]| -> Result<(), SoundError> { panic!("nothing is written") };
    let result = render(&score(10.0, 1), tune(1), &mut sink, None, &Stopped);
    assert!(matches!(result, Err(SoundError::Cancelled(Cancelled))));
    let result = master(
        &mut Samples::new(&[0.1; 96_000]),
        &Target::default(),
        &mut sink,
        &Stopped,
    );
    assert!(matches!(result, Err(SoundError::Cancelled(Cancelled))));
}

/// Material that makes limiters fail.
fn hostile() -> Vec<(&'static str, Vec<f32>)> {
    let stereo = |f: &dyn Fn(usize) -> f32| (0..4 * 48_000).flat_map(|i| [f(i), 0.9 * f(i)]).collect::<Vec<f32>>();
    let grain = noise(5, 4 * 48_000);
    vec![
        ("square", stereo(&|i| if i / 37 % 2 == 0 { 1.0 } else { -1.0 })),
        ("square near the top", stereo(&|i| if i % 5 < 2 { 4.0 } else { -4.0 })),
        (
            "between the samples",
            stereo(&|i| (std::f32::consts::FRAC_PI_2 * i as f32 + 0.785).sin()),
        ),
        (
            "impulses",
            stereo(&|i| if i % 9_001 == 0 { 8.0 } else { 0.01 * grain[i] }),
        ),
        (
            "bursts",
            stereo(&|i| grain[i] * if i % 24_000 < 1_000 { 3.0 } else { 0.02 }),
        ),
        ("loud at once", stereo(&|i| if i == 0 { -20.0 } else { 0.1 * grain[i] })),
        (
            "loud at last",
            stereo(&|i| if i == 4 * 48_000 - 1 { 20.0 } else { 0.1 * grain[i] }),
        ),
        ("noise", stereo(&|i| grain[i])),
        (
            "a low tone and clicks",
            stereo(&|i| (0.006 * i as f32).sin() + if i % 4_800 == 0 { 2.0 } else { 0.0 }),
        ),
    ]
}

#[test]
fn a_hostile_signal_passes_the_ceiling() {
    for (name, samples) in hostile() {
        let (out, report) = mastered(&samples, &Target::default());
        let (loudness, peak) = reference(&out);
        assert!(peak <= -1.0, "{name}: {peak} dBTP");
        assert!(
            (report.peak_dbtp.expect("sounds") - peak).abs() < 0.3,
            "{name}: {report:?} {peak}"
        );
        assert!(
            (report.loudness_lufs.expect("sounds") - loudness).abs() < 0.05,
            "{name}: {report:?} {loudness}"
        );
        let reached = (loudness + 14.0).abs() < 0.1;
        assert!(
            reached || report.limiting_db > 15.5,
            "{name}: {loudness} LUFS, {report:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_master_misses_its_loudness(
        seed: u32, level in -45.0f32..6.0, seconds in 0.5f32..6.0, beat in 2_000usize..40_000, decay in 0.5f32..12.0,
        target in -24.0f64..-12.0,
    ) {
        let n = (seconds * 48_000.0) as usize;
        let gain = 10f32.powf(level / 20.0);
        let samples: Vec<f32> = noise(seed, n).iter().enumerate().flat_map(|(i, x)| {
            let shape = (-decay * (i % beat) as f32 / beat as f32).exp();
            let tone = (i as f32 * 0.03).sin();
            [gain * shape * (0.3 * x + 0.7 * tone), gain * shape * (0.2 * x + 0.6 * tone)]
        }).collect();
        let target = Target { loudness_lufs: target, most_gain_db: 60.0, ..Target::default() };
        let (out, report) = mastered(&samples, &target);
        let (loudness, peak) = reference(&out);
        prop_assert!(peak <= -1.0, "{peak}");
        let reached = (loudness - target.loudness_lufs).abs() < 0.1;
        prop_assert!(reached || report.limiting_db > 15.99, "{loudness} {report:?}");
    }
}

#[test]
fn near_silence_is_blown_up() {
    let hiss: Vec<f32> = noise(3, 96_000).iter().map(|x| x * 3e-4).collect();
    let target = Target {
        most_gain_db: 20.0,
        ..Target::default()
    };
    let (out, report) = mastered(&hiss, &target);
    assert!(report.gain_db <= 20.01 && reference(&out).0 < -40.0, "{report:?}");
    let nothing: Vec<f32> = noise(3, 96_000).iter().map(|x| x * 1e-6).collect();
    let (out, report) = mastered(&nothing, &Target::default());
    assert!(
        out == nothing && report.gain_db == 0.0,
        "what no gate lets pass is left alone"
    );
}

#[test]
fn a_sting_of_a_fifth_of_a_second_is_silent_or_too_loud() {
    let (out, _) = rendered(&score(0.2, 2), tune(2));
    let (out, report) = mastered(&out, &Target::default());
    assert!((report.loudness_lufs.expect("sounds") + 14.0).abs() < 0.3, "{report:?}");
    assert!(reference(&out).1 <= -1.0);
}

#[test]
fn a_telephone_loses_a_part_of_the_music() {
    let mut score = score(6.0, 6);
    for (i, track) in score.tracks.iter_mut().enumerate() {
        track.pan = [-0.8, 0.8, 0.4, -0.4, 0.0, 0.6][i];
        (track.room, track.hall) = (0.3, 0.3);
    }
    let (out, report) = rendered(&score, tune(6));
    assert!(report.correlation > 0.3, "{report:?}");
    let mono: Vec<f32> = out.chunks(2).flat_map(|f| [f32::midpoint(f[0], f[1]); 2]).collect();
    let lost = reference(&out).0 - reference(&mono).0;
    assert!(lost < 3.0, "{lost} dB are lost in mono");
}

#[test]
fn a_breath_is_not_heard_before_its_hit() {
    let mut score = score(4.0, 1);
    (score.tracks[0].room, score.tracks[0].hall) = (0.5, 0.5);
    let tone = || -> Vec<Box<dyn Player>> { vec![Box::new(Kind::Tone { hz: 700.0, phase: 0.0 })] };
    let level = |out: &[f32], from_s: f64, to_s: f64| {
        let part = &out[(from_s * 96_000.0) as usize & !1..(to_s * 96_000.0) as usize & !1];
        10.0 * (part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32).log10()
    };
    let (plain, _) = rendered(&score, tone());
    score.marks.push(Mark {
        time_s: 2.0,
        weight: 1.0,
        breath_s: 0.25,
        breath_db: -10.0,
        label: "cut".into(),
    });
    let (out, _) = rendered(&score, tone());
    let dip = level(&out, 1.93, 1.985) - level(&plain, 1.93, 1.985);
    assert!((-11.0..-8.5).contains(&dip), "{dip}");
    assert!((level(&out, 2.0, 2.05) - level(&plain, 2.0, 2.05)).abs() < 1.5);
    assert!((level(&out, 1.0, 1.7) - level(&plain, 1.0, 1.7)).abs() < 0.01);
}
