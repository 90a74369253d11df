//! What spotting promises, over thousands of made-up films.

mod footage;

use footage::{Film, Look};
use proptest::prelude::*;
use synchresis_composer::spot::{BAND, HOLD_S, PUSH_S, SLEW, SpotOptions, hits, spot};
use synchresis_composer::style::{Style, builtin};
use synchresis_composer::{form, mood};
use synchresis_cue::{HitKind, Mood, Role, Sighting, Spotting};

fn asked(sighting: &Sighting, style: &Style) -> Mood {
    mood::choose(sighting, "", Some(&style.name), builtin()).expect("a built-in style")
}

fn style(index: usize) -> &'static Style {
    &builtin()[index % builtin().len()]
}

/// Everything that must hold of any spotting; the message says what does not.
fn check(spotting: &Spotting, duration: f64, frame: f64) -> Result<(), String> {
    let fail = |what: String| Err(what);
    let bars = &spotting.bars;
    if bars.is_empty() {
        return fail("no bars".into());
    }
    if (bars[0].start_s - spotting.music_start_s).abs() > 1e-6 {
        return fail("the first bar begins elsewhere than the music".into());
    }
    if (bars[bars.len() - 1].end_s() - duration).abs() > 1e-6 || (spotting.music_end_s - duration).abs() > 1e-6 {
        return fail(format!(
            "bars end at {}, the film at {duration}",
            bars[bars.len() - 1].end_s()
        ));
    }
    for (i, pair) in bars.windows(2).enumerate() {
        if (pair[0].end_s() - pair[1].start_s).abs() > 1e-6 {
            return fail(format!(
                "bar {i} ends at {}, the next begins at {}",
                pair[0].end_s(),
                pair[1].start_s
            ));
        }
        let change = (pair[1].bpm / pair[0].bpm - 1.0).abs();
        if !pair[0].free && !pair[1].free && change > SLEW + 1e-9 {
            return fail(format!("the tempo changes by {change} after bar {i}"));
        }
    }
    if bars
        .iter()
        .any(|b| !b.bpm.is_finite() || b.bpm <= 0.0 || b.meter.beats == 0 || b.end_s() <= b.start_s)
    {
        return fail("a bar has no length or no tempo".into());
    }
    let pulse = || bars.iter().filter(|b| !b.free).map(|b| b.bpm);
    let (low, high) = (pulse().fold(f64::MAX, f64::min), pulse().fold(0.0, f64::max));
    if high > 0.0 && high / low > (1.0 + BAND) / (1.0 - BAND) + 1e-9 {
        return fail(format!("tempos from {low} to {high}"));
    }
    if !spotting.hits.windows(2).all(|w| w[0].time_s <= w[1].time_s) {
        return fail("hits out of order".into());
    }
    for hit in &spotting.hits {
        if !(hit.weight.is_finite() && (0.0..=1.0).contains(&hit.weight) && hit.time_s.is_finite()) {
            return fail(format!("{hit:?}"));
        }
        // The beginning of the film stands on the grid and is not counted as a hit.
        let placed = hit.taken || (hit.kind == HitKind::Start && hit.time_s < 0.05);
        if hit.reason.is_empty() || placed != hit.bar.is_some() || placed != hit.beat.is_some() {
            return fail(format!("{hit:?}"));
        }
        if let (Some(bar), Some(beat)) = (hit.bar, hit.beat) {
            let Some(laid) = bars.get(bar) else {
                return fail(format!("no such bar: {hit:?}"));
            };
            let at = laid.start_s + beat * laid.quarter_s();
            let reach = match (beat * 2.0).fract() == 0.0 {
                true if hit.reason.contains(" ms to it") => 2.0 * PUSH_S,
                true => 1e-6,
                false if laid.free => 1e-6,
                false => 2.0 * HOLD_S,
            };
            if (at - hit.time_s).abs() > reach + 1e-6 {
                return fail(format!("the grid has {at}: {hit:?}"));
            }
            if !laid.free && (beat * 4.0).fract() != 0.0 || beat >= laid.meter.quarters() {
                return fail(format!("not on a sixteenth of its bar ({}): {hit:?}", laid.meter));
            }
            let frames = hit.time_s / frame;
            if (frames - frames.round()).abs() > 1e-6 {
                return fail(format!("not on a frame: {hit:?}"));
            }
        }
    }
    let taken = |kind| {
        spotting
            .hits
            .iter()
            .filter(|h| h.bar.is_some() && h.kind == kind)
            .count()
    };
    if taken(HitKind::Start) == 0 || taken(HitKind::Start) != taken(HitKind::End) {
        return fail("starts and ends do not pair".into());
    }
    Ok(())
}

fn films() -> impl Strategy<Value = (Film, u64)> {
    let rate = prop::sample::select(vec![12.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0]);
    let look = (0.0..1.0f64, 0.0..1.0f64, -1.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64).prop_map(
        |(light, saturation, warmth, motion, density)| Look {
            light,
            saturation,
            warmth,
            motion,
            density,
        },
    );
    let duration = prop_oneof![8 => 0.02..3.0f64, 16 => 3.0..40.0f64, 6 => 40.0..120.0f64, 1 => 350.0..500.0f64];
    (
        duration,
        rate,
        0.3..12.0f64,
        0.1..1.2f64,
        look,
        0.0..1.5f64,
        any::<u64>(),
    )
        .prop_map(|(duration_s, frame_rate, shot_s, sigma, look, peaks, seed)| {
            (
                Film {
                    duration_s,
                    frame_rate,
                    shot_s,
                    sigma,
                    look,
                    peaks,
                },
                seed,
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_film_breaks_the_promises_of_its_grid((film, seed) in films(), which in 0usize..64, manual in prop::collection::vec(-5.0..300.0f64, 0..4)) {
        let sighting = film.shoot(seed);
        let style = style(which);
        let mood = asked(&sighting, style);
        let options = SpotOptions { seed, manual, ..SpotOptions::default() };
        let spotting = spot(&sighting, &mood, style, &options);
        let checked = check(&spotting, sighting.duration_s, 1.0 / sighting.frame_rate);
        prop_assert!(checked.is_ok(), "{}: {}", style.name, checked.unwrap_err());
        prop_assert_eq!(&spotting, &spot(&sighting, &mood, style, &options));
        let weighed = hits(&sighting, &mood, style, &options);
        prop_assert_eq!(weighed.len(), spotting.hits.len());
    }

    #[test]
    fn a_form_leaves_bars_or_shots_uncovered((film, seed) in films(), which in 0usize..64) {
        let sighting = film.shoot(seed);
        let style = style(which);
        let mood = asked(&sighting, style);
        let spotting = spot(&sighting, &mood, style, &SpotOptions { seed, ..SpotOptions::default() });
        let form = form::form(&sighting, &mood, &spotting, style, seed);
        let mut bar = 0;
        for section in &form {
            prop_assert_eq!(section.first_bar, bar);
            prop_assert!(section.bars > 0);
            bar += section.bars;
            prop_assert!((section.start_s - spotting.bars[section.first_bar].start_s).abs() < 1e-9);
            prop_assert!((section.end_s - spotting.bars[bar - 1].end_s()).abs() < 1e-6);
            prop_assert!((0.0..=1.0).contains(&section.intensity));
            prop_assert!(!section.why.is_empty());
            let bars = &spotting.bars[section.first_bar..bar];
            prop_assert!(section.role != Role::Silence || bars.iter().all(|b| b.free));
        }
        prop_assert_eq!(bar, spotting.bars.len());
        for (i, shot) in sighting.shots.iter().enumerate() {
            prop_assert!(shot.end_s <= 0.0 || form.iter().any(|s| s.shots.contains(&i)), "shot {} is in no section", i);
        }
    }
}

#[test]
fn clips_of_any_length_get_no_sensible_grid() {
    for seconds in [0.04, 0.08, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 400.0, 1200.0] {
        for style in builtin() {
            let sighting = Film::cut(seconds, 25.0, 3.5).shoot(5);
            let spotting = spot(&sighting, &asked(&sighting, style), style, &SpotOptions::default());
            check(&spotting, sighting.duration_s, 0.04)
                .unwrap_or_else(|e| panic!("{} s, {}: {e}", seconds, style.name));
            let end = spotting.hits.iter().rfind(|h| h.kind == HitKind::End).expect("an end");
            let ring = sighting.duration_s - end.time_s;
            assert!(
                ring <= 4.1 && (seconds < 3.0 || ring >= 0.9),
                "{seconds} s, {}: rings {ring} s",
                style.name
            );
        }
    }
}

#[test]
fn most_cuts_are_missed() {
    for style in builtin() {
        let (mut taken, mut all) = (0usize, 0usize);
        for seed in 0..12 {
            let sighting = Film::cut(60.0, 25.0, 3.5).shoot(seed);
            let spotting = spot(&sighting, &asked(&sighting, style), style, &SpotOptions::default());
            let cuts = spotting
                .hits
                .iter()
                .filter(|h| h.kind == HitKind::Cut && !h.reason.contains("inside a flurry"));
            for hit in cuts {
                all += 1;
                taken += usize::from(hit.taken);
            }
        }
        let share = taken as f64 / all as f64;
        assert!(share > 0.9, "{}: {taken} of {all}", style.name);
    }
}

#[test]
fn cuts_at_a_constant_beat_bend_the_tempo() {
    let style = builtin()
        .iter()
        .find(|s| s.name == "electronic-house")
        .expect("built in");
    let mut sighting = Film {
        sigma: 0.0,
        ..Film::cut(40.0, 24.0, 2.0)
    }
    .shoot(1);
    sighting.shots.iter_mut().for_each(|s| s.strength = 0.8);
    let spotting = spot(&sighting, &asked(&sighting, style), style, &SpotOptions::default());
    let taken = spotting.hits.iter().filter(|h| h.taken).count();
    assert!(taken + 2 >= sighting.shots.len(), "{taken} of {}", sighting.shots.len());
    for bar in spotting.bars.iter().filter(|b| !b.free) {
        assert!((bar.bpm - 120.0).abs() < 1e-6, "{bar:?}");
    }
}

#[test]
fn a_moment_asked_for_by_hand_is_left_out() {
    let style = builtin().iter().find(|s| s.name == "acoustic-folk").expect("built in");
    for seed in 0..20 {
        let sighting = Film::cut(30.0, 25.0, 4.0).shoot(seed);
        let manual = vec![7.33, 13.1 + 0.04 * seed as f64, 500.0, f64::NAN];
        let options = SpotOptions {
            manual,
            ..SpotOptions::default()
        };
        let spotting = spot(&sighting, &asked(&sighting, style), style, &options);
        let by_hand: Vec<_> = spotting.hits.iter().filter(|h| h.kind == HitKind::Manual).collect();
        assert_eq!(by_hand.iter().filter(|h| h.taken).count(), 2, "{by_hand:?}");
    }
}

#[test]
fn a_cut_that_brings_a_thing_weighs_as_before_or_does_not_say_so() {
    let sighting = Film::cut(40.0, 25.0, 4.0).shoot(5);
    let style = style(0);
    let plain = asked(&sighting, style);
    let options = SpotOptions::default();
    let before = hits(&sighting, &plain, style, &options);
    let cut = before
        .iter()
        .filter(|hit| hit.kind == HitKind::Cut && hit.weight < 0.9)
        .nth(2)
        .expect("a cut");
    let dog = synchresis_cue::Appearance {
        what: "dog".into(),
        after_s: cut.time_s - 0.5,
        by_s: cut.time_s + 0.5,
    };
    let mood = Mood {
        appearing: vec![dog],
        ..plain
    };
    let after = hits(&sighting, &mood, style, &options);
    let moved = after.iter().find(|hit| hit.time_s == cut.time_s).expect("the same cut");
    assert!(moved.weight > cut.weight, "{moved:?} against {cut:?}");
    assert!(moved.reason.contains("which brings dog"), "{}", moved.reason);
    let others = |all: &[synchresis_cue::Hit]| all.iter().filter(|hit| hit.reason.contains("brings")).count();
    assert_eq!((others(&before), others(&after)), (0, 1));
}

#[test]
fn a_logo_has_no_form_or_the_last_ring_is_called_silence() {
    for style in builtin() {
        for seconds in [3.0, 8.0, 10.0, 13.0, 30.0, 90.0] {
            let sighting = Film::cut(seconds, 25.0, 3.0).shoot(4);
            let mood = asked(&sighting, style);
            let spotting = spot(&sighting, &mood, style, &SpotOptions::default());
            let form = form::form(&sighting, &mood, &spotting, style, 1);
            let roles: Vec<Role> = form.iter().map(|s| s.role).collect();
            let name = &style.name;
            if seconds < 6.0 {
                assert_eq!(roles, [Role::Sting], "{name}, {seconds} s");
                continue;
            }
            assert!(!roles.contains(&Role::Silence), "{name}, {seconds} s: {roles:?}");
            let pulsed = spotting.bars.iter().filter(|b| !b.free).count();
            if pulsed > 2 {
                assert!(roles.len() > 1, "{name}, {seconds} s: {roles:?}");
                assert_eq!(roles.last(), Some(&Role::Ending), "{name}, {seconds} s: {roles:?}");
            }
        }
    }
}

#[test]
fn a_long_film_never_falls_silent() {
    let style = builtin()
        .iter()
        .find(|s| s.name == "cinematic-strings")
        .expect("built in");
    let sighting = Film::cut(1200.0, 25.0, 5.0).shoot(3);
    let mood = asked(&sighting, style);
    let spotting = spot(&sighting, &mood, style, &SpotOptions::default());
    let form = form::form(&sighting, &mood, &spotting, style, 1);
    let silent: f64 = form
        .iter()
        .filter(|s| s.role == Role::Silence)
        .map(|s| s.end_s - s.start_s)
        .sum();
    assert!(silent > 60.0 && silent < 400.0, "{silent} s of silence");
}

#[test]
fn nonsense_in_the_sighting_reaches_the_grid() {
    let style = &builtin()[0];
    let mut sighting = Film::cut(20.0, 25.0, 3.0).shoot(2);
    sighting.shots[1].start_s = f64::NAN;
    sighting.shots[2].strength = f64::INFINITY;
    sighting.curves.light.iter_mut().for_each(|v| *v = f32::NAN);
    sighting.curves.step_s = 0.0;
    let spotting = spot(&sighting, &asked(&sighting, style), style, &SpotOptions::default());
    check(&spotting, 20.0, 0.04).expect("a whole grid");
    sighting.shots.clear();
    sighting.duration_s = f64::NAN;
    let spotting = spot(&sighting, &asked(&sighting, style), style, &SpotOptions::default());
    assert!(!spotting.bars.is_empty() && spotting.bars.iter().all(|b| b.bpm.is_finite()));
    assert!(!form::form(&sighting, &asked(&sighting, style), &spotting, style, 1).is_empty());
}
