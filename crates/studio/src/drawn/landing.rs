//! A drawn sound meets what the picture does: the film begins in it where most hits are met, and its pulse is bent to the cuts.

use synchresis_composer::spot::{self, Asked, Attack, Bent};
use synchresis_cue::figures;
use synchresis_sound::SAMPLE_RATE;
use synchresis_sound::hear::{Onset, RATE, Resampler, beat_track, frame_time, onset_strength_median, onsets};
use synchresis_sound::warp::{TimeMap, warped};

use super::film::Film;
use crate::sections::Landing;

/// How much more than the film is drawn, seconds, so that it may begin where most of the hits are met.
pub(super) const SPARE: f64 = 1.0;
/// How far an attack may lie beside a beat, or beside half of one, and count as on it, seconds.
const ON_BEAT: f64 = 0.05;

/// What of `sound` (48 kHz, one channel, somewhat longer than the film) is heard with the film, and how that meets its hits.
pub(super) fn landed(sound: &[f32], film: &Film<'_>, seed: u64) -> (Vec<f32>, Option<Landing>) {
    let length = film.frames as usize;
    let from = |start: f64| -> Vec<f32> {
        let start = (start * f64::from(SAMPLE_RATE)).round() as usize;
        let mut part = sound[start.min(sound.len())..].to_vec();
        part.truncate(length);
        part
    };
    if film.hits.is_empty() {
        return (from(0.0), None);
    }
    let heard = onsets(sound, SAMPLE_RATE, 1);
    let times: Vec<f64> = heard.iter().map(|onset| onset.time_s).collect();
    let begins_s = begins(sound, film, &times);
    let film_s = film.seconds();
    let before = figures::sync(&film.moments(), &shown(&times, 0.0, film_s), film.frame_s, film_s, seed).hit_rate_1f;
    let held = figures::sync(
        &film.moments(),
        &shown(&times, begins_s, film_s),
        film.frame_s,
        film_s,
        seed,
    )
    .hit_rate_1f;
    let mut landing = Landing {
        begins_s,
        tempo_bpm: None,
        bent: Vec::new(),
        most_bent: 0.0,
        rejected: String::new(),
        before: before.value,
        before_chance: before.chance,
        after: held.value,
        after_chance: held.chance,
    };
    let (tempo, attacks) = pulse(sound, &heard);
    landing.tempo_bpm = tempo;
    match bent(sound, film, (&attacks, &times), held.value, seed) {
        Ok((map, sound, rate)) => {
            landing.begins_s = map.source(0.0);
            landing.most_bent = map.most();
            landing.bent = map.anchors().to_vec();
            (landing.after, landing.after_chance) = (rate.value, rate.chance);
            (sound, Some(landing))
        }
        Err(why) => {
            landing.rejected = why;
            (from(begins_s), Some(landing))
        }
    }
}

/// Moments of a sound that are heard in the film, in its time.
fn shown(times: &[f64], begins_s: f64, film_s: f64) -> Vec<f64> {
    let shifted = times.iter().map(|t| t - begins_s);
    shifted.filter(|t| (0.0..=film_s).contains(t)).collect()
}

/// Where in `sound` the film should begin so that most of its hits are met without bending anything.
fn begins(sound: &[f32], film: &Film<'_>, times: &[f64]) -> f64 {
    let spare = (sound.len() as f64 / f64::from(SAMPLE_RATE) - film.seconds()).clamp(0.0, SPARE);
    let near = |start: f64| -> f64 {
        let events = shown(times, start, film.seconds());
        let each = film.hits.iter().map(|(hit, _)| {
            // The nearest stands on one side of it or the other.
            let after = events.partition_point(|t| t < hit);
            let around = events.iter().skip(after.saturating_sub(1)).take(2);
            let away = around.map(|t| (t - hit).abs()).fold(f64::INFINITY, f64::min);
            // A hit within a frame counts whole; nearer is better still.
            if away <= film.frame_s {
                1.0 + (1.0 - away / film.frame_s) * 0.1
            } else {
                (-away * 40.0).exp() * 0.1
            }
        });
        each.sum()
    };
    let steps = (spare * 1000.0) as usize;
    let best = (0..=steps)
        .map(|ms| ms as f64 / 1000.0)
        .fold((f64::MIN, 0.0), |best, start| {
            let value = near(start);
            if value > best.0 + 1e-9 { (value, start) } else { best }
        });
    best.1
}

/// The tempo, where there is a pulse, and the attacks with what each is worth: those on the beat most, and clear ones more.
fn pulse(sound: &[f32], heard: &[Onset]) -> (Option<f64>, Vec<Attack>) {
    let mut slow = Vec::with_capacity(sound.len() / 2);
    let mut resampler = Resampler::new(SAMPLE_RATE, RATE);
    resampler.push(sound, &mut slow);
    resampler.finish(&mut slow);
    let (tempo, beats) = beat_track(&onset_strength_median(&slow));
    let beats: Vec<f64> = beats.into_iter().map(frame_time).collect();
    let halves: Vec<f64> = beats.windows(2).map(|b| f64::midpoint(b[0], b[1])).collect();
    let near = |all: &[f64], t: f64| {
        let after = all.partition_point(|b| *b < t);
        let around = all.iter().skip(after.saturating_sub(1)).take(2);
        around.map(|b| (b - t).abs()).any(|away| away <= ON_BEAT)
    };
    let attacks = heard.iter().map(|onset| {
        let place = if near(&beats, onset.time_s) {
            1.0
        } else if near(&halves, onset.time_s) {
            0.8
        } else {
            0.5
        };
        Attack {
            time_s: onset.time_s,
            worth: place * (0.5 + 0.5 * f64::from(onset.strength)),
        }
    });
    ((tempo > 0.0 && beats.len() > 3).then_some(tempo), attacks.collect())
}

/// The sound bent to the film, and how many hits it meets then as it is heard; or why it is not bent.
fn bent(
    sound: &[f32],
    film: &Film<'_>,
    (attacks, times): (&[Attack], &[f64]),
    held: f64,
    seed: u64,
) -> Result<(TimeMap, Vec<f32>, synchresis_cue::Figure), String> {
    let film_s = film.seconds();
    let percent = 100.0 * spot::BEND;
    if attacks.is_empty() {
        return Err("no attack is heard in it that could meet a hit".into());
    }
    let asked = Asked {
        hits: film.hits,
        attacks,
        film_s,
        music_s: sound.len() as f64 / f64::from(SAMPLE_RATE),
        spare_s: SPARE,
    };
    let all = film.hits.len();
    let Some(Bent { anchors, met }) = spot::bend(asked) else {
        return Err(format!(
            "none of its attacks comes to a hit when it is bent by {percent} % at most"
        ));
    };
    let Some(map) = TimeMap::new(anchors) else {
        return Err(format!("it would have to be bent by more than {percent} %"));
    };
    let mut bent = warped(sound, SAMPLE_RATE, &map, times);
    bent.resize(film.frames as usize, 0.0);
    let heard: Vec<f64> = onsets(&bent, SAMPLE_RATE, 1).iter().map(|onset| onset.time_s).collect();
    let rate = figures::sync(&film.moments(), &heard, film.frame_s, film_s, seed).hit_rate_1f;
    if rate.value <= held + 1e-9 {
        return Err(format!(
            "bent by {percent} % at most it would meet {} of {all} hits, no more than it meets as it is",
            met.len()
        ));
    }
    if rate.value <= rate.chance {
        return Err(format!(
            "bent by {percent} % at most it would meet {} of {all} hits, no more than by chance",
            met.len()
        ));
    }
    Ok((map, bent, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clicks at these moments.
    fn clicks(times: &[f64], seconds: usize) -> Vec<f32> {
        let mut sound = vec![0.0f32; SAMPLE_RATE as usize * seconds];
        for time in times {
            let at = (time * f64::from(SAMPLE_RATE)) as usize;
            for (i, x) in sound[at..].iter_mut().take(2000).enumerate() {
                *x = (0.8 * (-(i as f64) / 300.0).exp() * (i as f64 * 0.9).sin()) as f32;
            }
        }
        sound
    }

    fn film<'a>(hits: &'a [(f64, f64)], seconds: u64) -> Film<'a> {
        Film {
            frames: u64::from(SAMPLE_RATE) * seconds,
            hits,
            frame_s: 1.0 / 30.0,
        }
    }

    #[test]
    fn what_is_drawn_begins_where_it_misses_the_hits() {
        // Clicks each half second, 0.2 s late; hits on whole and half seconds.
        let times: Vec<f64> = (0..9).map(|n| 0.2 + f64::from(n) * 0.5).collect();
        let hits = [(0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (3.5, 1.0)];
        let film = film(&hits, 4);
        let (sound, landing) = landed(&clicks(&times, 5), &film, 1);
        let landing = landing.expect("there are hits");
        assert!(
            (landing.begins_s - 0.2).abs() < 0.02 || (landing.begins_s - 0.7).abs() < 0.02,
            "{landing:?}"
        );
        assert!(landing.before < 0.3 && landing.after > 0.99, "{landing:?}");
        // Nothing is gained by bending, which is told.
        assert!(landing.bent.is_empty() && landing.rejected.contains("no more than it meets as it is"));
        assert_eq!(sound.len(), 4 * SAMPLE_RATE as usize);
    }

    #[test]
    fn a_pulse_a_little_off_stays_beside_the_cuts() {
        // 104 in the picture, 100 in the music.
        let times: Vec<f64> = (0..21).map(|n| 0.05 + f64::from(n) * 0.6).collect();
        let hits: Vec<(f64, f64)> = (1..10).map(|n| (f64::from(n) * 2.0 * 60.0 / 104.0, 0.9)).collect();
        let film = film(&hits, 11);
        let (sound, landing) = landed(&clicks(&times, 13), &film, 1);
        let landing = landing.expect("there are hits");
        assert_eq!(landing.rejected, "");
        assert!(landing.before < 0.5 && landing.after > 0.99, "{landing:?}");
        assert!(landing.most_bent > 0.03 && landing.most_bent <= spot::BEND + 1e-9);
        let tempo = landing.tempo_bpm.expect("a pulse");
        assert!((tempo - 100.0).abs() < 4.0 || (tempo - 200.0).abs() < 8.0, "{tempo}");
        let heard: Vec<f64> = onsets(&sound, SAMPLE_RATE, 1).iter().map(|o| o.time_s).collect();
        for (hit, _) in &hits {
            let away = heard.iter().map(|t| (t - hit).abs()).fold(f64::INFINITY, f64::min);
            assert!(away < 0.006, "{hit}: {away}");
        }
    }

    #[test]
    fn a_take_that_meets_nothing_is_bent_or_does_not_say_why() {
        let hits = [(1.0, 1.0), (2.0, 1.0)];
        let silent = vec![0.0; SAMPLE_RATE as usize * 5];
        let (sound, landing) = landed(&silent, &film(&hits, 4), 1);
        assert_eq!(sound.len(), 4 * SAMPLE_RATE as usize);
        let landing = landing.expect("there are hits");
        assert!(landing.rejected.contains("no attack"), "{landing:?}");
        let (sound, landing) = landed(&clicks(&[4.9], 5), &film(&hits, 4), 1);
        assert!(landing.is_some_and(|l| l.rejected.contains("none of its attacks")) && !sound.is_empty());
        assert_eq!(landed(&silent, &film(&[], 4), 1).1, None);
    }
}
