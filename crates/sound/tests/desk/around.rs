//! Spans of earlier takes within a new one.

use proptest::prelude::*;
use synchresis_cue::{Score, Silent};
use synchresis_sound::mix::{Earlier, StemSink, render, render_around, stem_names};
use synchresis_sound::{Player, SoundError};

use crate::player::{Kind, score, tune};
use crate::rendered;

/// Frames beside a span in which one take fades into the other.
const NEAR: usize = 480;

fn tones(count: usize, hz: f32) -> Vec<Box<dyn Player>> {
    let tone = |i: usize| Kind::Tone {
        hz: hz * (1.0 + i as f32 * 0.31),
        phase: 0.0,
    };
    (0..count).map(|i| Box::new(tone(i)) as Box<dyn Player>).collect()
}

fn around(
    score: &Score,
    players: Vec<Box<dyn Player>>,
    earlier: Vec<Earlier<'_>>,
) -> Result<(Vec<f32>, Vec<Vec<i32>>), SoundError> {
    let count = stem_names(score, earlier.iter().map(|take| take.score)).len();
    let (mut mix, mut stems) = (Vec::new(), vec![Vec::new(); count]);
    let mut sink = |frames: &[f32]| {
        mix.extend_from_slice(frames);
        Ok(())
    };
    let mut stem = |i: usize, samples: &[i32]| {
        stems[i].extend_from_slice(samples);
        Ok(())
    };
    render_around(
        score,
        players,
        earlier,
        &mut sink,
        Some(&mut stem as &mut StemSink<'_>),
        &Silent,
    )?;
    Ok((mix, stems))
}

fn stems_of(score: &Score, players: Vec<Box<dyn Player>>) -> Vec<Vec<i32>> {
    let mut stems = vec![Vec::new(); score.tracks.len()];
    let mut stem = |i: usize, samples: &[i32]| {
        stems[i].extend_from_slice(samples);
        Ok(())
    };
    render(score, players, &mut |_: &[f32]| Ok(()), Some(&mut stem), &Silent).expect("renders");
    stems
}

#[test]
fn a_kept_span_has_other_samples_than_the_take_it_is_kept_from() {
    // The earlier take has a track that the new one lacks, and the other way round.
    let (mut new, old) = (score(3.0, 5), score(3.0, 6));
    new.tracks[4].name = "new".into();
    let spans = vec![(0.5, 0.9), (0.9, 1.4), (2.2, 9.0)];
    let earlier = || Earlier {
        score: &old,
        players: tones(6, 220.0),
        spans: spans.clone(),
    };
    let (mix, stems) = around(&new, tune(5), vec![earlier()]).expect("renders");
    let (before, _) = rendered(&old, tones(6, 220.0));
    let (alone, _) = rendered(&new, tune(5));
    let (old_stems, new_stems) = (stems_of(&old, tones(6, 220.0)), stems_of(&new, tune(5)));
    let names = stem_names(&new, [&old]);
    assert_eq!(
        names,
        ["track 0", "track 1", "track 2", "track 3", "new", "track 4", "track 5"]
    );
    let frame = |s: f64| ((s * 48_000.0) as usize).min(mix.len() / 2);
    let kept = |t: usize| (frame(0.5)..frame(1.4)).contains(&t) || t >= frame(2.2);
    let fading = |t: usize| {
        [frame(0.5), frame(1.4), frame(2.2)]
            .iter()
            .any(|edge| t.abs_diff(*edge) <= NEAR)
    };
    let place = |score: &Score, name: &str| score.tracks.iter().position(|track| track.name == name);
    for t in 0..mix.len() {
        let sum: i64 = stems.iter().map(|stem| i64::from(stem[t])).sum();
        assert!(
            (f64::from(mix[t]) * 8_388_608.0 - sum as f64).abs() <= 2.0,
            "stems at {t}"
        );
        if fading(t / 2) && !kept(t / 2) {
            let (low, high) = (before[t].min(alone[t]), before[t].max(alone[t]));
            assert!(mix[t] >= low - 1e-6 && mix[t] <= high + 1e-6, "the fade at {t}");
            continue;
        }
        let (whole, score, parts) = if kept(t / 2) {
            (&before, &old, &old_stems)
        } else {
            (&alone, &new, &new_stems)
        };
        assert_eq!(mix[t].to_bits(), whole[t].to_bits(), "sample {t}");
        for (name, stem) in names.iter().zip(&stems) {
            let wanted = place(score, name).map_or(0, |i| parts[i][t]);
            assert_eq!(stem[t], wanted, "{name} at {t}");
        }
    }
}

#[test]
fn an_older_take_does_not_lie_on_top() {
    let score = score(2.0, 2);
    let take = |hz: f32, spans: &[(f64, f64)]| Earlier {
        score: &score,
        players: tones(2, hz),
        spans: spans.to_vec(),
    };
    let first = take(200.0, &[(0.4, 0.8)]);
    let (second, _) = around(&score, tones(2, 300.0), vec![first]).expect("renders");
    // Both are kept up to where the first ended: its fade, in what followed it, must stay too.
    let layers = vec![take(300.0, &[(0.8, 1.2)]), take(200.0, &[(0.8, 0.8)])];
    let (third, _) = around(&score, tones(2, 400.0), layers).expect("renders");
    let span = 2 * 38_400..2 * 57_600;
    assert!(
        second[span.clone()] == third[span],
        "what was kept before does not fade as it did"
    );
}

#[test]
fn a_take_of_another_length_is_kept() {
    let (new, old) = (score(2.0, 1), score(2.5, 1));
    let earlier = Earlier {
        score: &old,
        players: tune(1),
        spans: vec![(0.0, 1.0)],
    };
    assert!(matches!(
        around(&new, tune(1), vec![earlier]),
        Err(SoundError::Score { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn nothing_that_is_kept_changes_the_music(at in 0.0f64..2.0, empty in proptest::bool::ANY) {
        let score = score(1.0, 3);
        // Spans beyond the end, and no takes at all.
        let spans = if empty { Vec::new() } else { vec![(1.5 + at, 3.0 + at)] };
        let earlier = vec![Earlier { score: &score, players: tones(3, 300.0), spans }];
        let (mix, _) = around(&score, tune(3), earlier).expect("renders");
        let (alone, _) = rendered(&score, tune(3));
        prop_assert!(mix == alone);
    }
}
