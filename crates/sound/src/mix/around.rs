//! A score played round spans of earlier ones: where a person locked bars, the samples are those that they heard.
//!
//! Notes that stay as they were do not yet sound as they did: hands, noise and round robins follow the seed, tails of the
//! neighbours ring into them, the glue of the bus answers all of it. So the earlier score is played again beside the new one,
//! and within the spans its samples are taken, to the bit. Outside them, in 10 ms on either side, one fades into the other.

use std::collections::BTreeMap;

use synchresis_cue::{Score, Watch};

use super::render::{Desk, SPAN, StemSink, desk};
use super::source::Sink;
use crate::{Player, SAMPLE_RATE, SoundError};

/// Frames in which one take fades into another, just outside a span: over before a note on the border begins, which a player may strike
/// a hair early.
const CROSSFADE: u64 = 480;

/// An earlier take of which some spans stay.
pub struct Earlier<'a> {
    /// Its notes.
    pub score: &'a Score,
    /// Who plays them, in the order of its tracks.
    pub players: Vec<Box<dyn Player>>,
    /// What stays: from, to, seconds. In order and apart; those that begin where others end are one, an empty one is but its
    /// fades.
    pub spans: Vec<(f64, f64)>,
}

/// The names of all stems that [`render_around`] makes, in their order: the new score's tracks, then those that only earlier
/// takes have.
pub fn stem_names<'a>(score: &'a Score, earlier: impl IntoIterator<Item = &'a Score>) -> Vec<&'a str> {
    let mut names: Vec<&str> = score.tracks.iter().map(|track| track.name.as_str()).collect();
    for track in earlier.into_iter().flat_map(|score| &score.tracks) {
        if !names.contains(&track.name.as_str()) {
            names.push(&track.name);
        }
    }
    names
}

/// Mixes `score` as [`super::render`] does, but for the spans of `earlier`, the newest first: an older one lies on top of those before it.
/// With nothing earlier it is the same to the bit. Stems are numbered as in [`stem_names`].
///
/// # Errors
/// Those of [`super::render`], and [`SoundError::Score`] where an earlier take is not as long as the new one.
pub fn render_around(
    score: &Score,
    mut players: Vec<Box<dyn Player>>,
    earlier: Vec<Earlier<'_>>,
    sink: &mut Sink<'_>,
    mut stems: Option<&mut StemSink<'_>>,
    watch: &dyn Watch,
) -> Result<(), SoundError> {
    let (mut new, frames) = desk(score, players.len(), stems.is_some())?;
    let names: BTreeMap<&str, usize> = stem_names(score, earlier.iter().map(|take| take.score))
        .into_iter()
        .enumerate()
        .map(|(i, name)| (name, i))
        .collect();
    let mut layers = Vec::new();
    for take in earlier {
        let (desk, length) = desk(take.score, take.players.len(), stems.is_some())?;
        if length != frames {
            let reason = format!("it has {frames} frames, a take that is kept in part {length}");
            return Err(SoundError::Score { reason });
        }
        let tracks = take.score.tracks.iter();
        let places = tracks.filter_map(|track| names.get(track.name.as_str()).copied());
        layers.push(Layer {
            desk,
            players: take.players,
            places: places.collect(),
            spans: merged(&take.spans),
        });
    }
    let mut tracks = vec![vec![0i32; 2 * SPAN]; if stems.is_some() { names.len() } else { 0 }];
    let mut weights = vec![0.0f32; SPAN];
    let mut at = 0;
    while at < frames {
        watch.check()?;
        let n = (frames - at).min(SPAN as u64) as usize;
        rayon::scope(|_| new.span(&mut players, at, n));
        if stems.is_some() {
            new.quantise(n);
            for (i, track) in tracks.iter_mut().enumerate() {
                match new.quantised.get(i) {
                    Some(samples) => track[..2 * n].copy_from_slice(&samples[..2 * n]),
                    None => track[..2 * n].fill(0),
                }
            }
        }
        for layer in &mut layers {
            if !layer.is_heard_after(at) {
                continue;
            }
            let Layer { desk, players, .. } = layer;
            rayon::scope(|_| desk.span(players, at, n));
            if stems.is_some() {
                layer.desk.quantise(n);
            }
            let weights = &mut weights[..n];
            weights
                .iter_mut()
                .zip(at..)
                .for_each(|(weight, frame)| *weight = layer.weight(frame));
            if weights.iter().all(|weight| *weight == 0.0) {
                continue;
            }
            blend(&mut new.interleaved[..2 * n], &layer.desk.interleaved[..2 * n], weights);
            if stems.is_some() {
                layer.blend_stems(&mut tracks, weights);
            }
        }
        sink(&new.interleaved[..2 * n])?;
        if let Some(stems) = stems.as_deref_mut() {
            for (i, track) in tracks.iter().enumerate() {
                stems(i, &track[..2 * n])?;
            }
        }
        at += n as u64;
        watch.progress(at as f64 / frames as f64);
    }
    Ok(())
}

/// An earlier take being played.
struct Layer {
    desk: Desk,
    players: Vec<Box<dyn Player>>,
    /// Which stem each of its tracks is.
    places: Vec<usize>,
    /// Sample frames, in order and apart.
    spans: Vec<(u64, u64)>,
}

impl Layer {
    fn is_heard_after(&self, frame: u64) -> bool {
        self.spans.last().is_some_and(|(_, to)| frame < to + CROSSFADE)
    }

    /// How much of it is heard at `frame`: all within a span, a part on the way in or out.
    fn weight(&self, frame: u64) -> f32 {
        let share = |away: u64| 1.0 - away as f32 / (CROSSFADE + 1) as f32;
        let near = self.spans.iter().map(|&(from, to)| {
            if frame < from {
                if from - frame <= CROSSFADE {
                    share(from - frame)
                } else {
                    0.0
                }
            } else if frame < to {
                1.0
            } else if frame - to < CROSSFADE {
                share(frame - to + 1)
            } else {
                0.0
            }
        });
        near.fold(0.0, f32::max)
    }

    /// Its stems over those in `tracks`. What rounding took from one is given to the next, as it was before.
    fn blend_stems(&self, tracks: &mut [Vec<i32>], weights: &[f32]) {
        let mut mine = vec![None; tracks.len()];
        for (samples, place) in self.desk.quantised.iter().zip(&self.places) {
            mine[*place] = Some(samples);
        }
        for (t, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            for t in [2 * t, 2 * t + 1] {
                let mut carry = 0.0;
                for (track, mine) in tracks.iter_mut().zip(&mine) {
                    let mine = mine.map_or(0, |samples| samples[t]);
                    if *weight >= 1.0 || track[t] == mine {
                        track[t] = mine;
                        continue;
                    }
                    let old = f64::from(track[t]);
                    let wanted = old + (f64::from(mine) - old) * f64::from(*weight) + carry;
                    track[t] = wanted.round() as i32;
                    carry = wanted - wanted.round();
                }
            }
        }
    }
}

/// `over` over `under`, interleaved stereo, with a weight for each frame; 1 leaves nothing of `under`, to the bit.
fn blend(under: &mut [f32], over: &[f32], weights: &[f32]) {
    let frames = under.chunks_exact_mut(2).zip(over.chunks_exact(2)).zip(weights);
    for ((under, over), weight) in frames {
        for (under, over) in under.iter_mut().zip(over) {
            *under = if *weight >= 1.0 {
                *over
            } else {
                *under + (over - *under) * weight
            };
        }
    }
}

/// Spans as sample frames, those that touch as one.
fn merged(spans: &[(f64, f64)]) -> Vec<(u64, u64)> {
    let frame = |s: f64| (s.clamp(0.0, 1e6) * f64::from(SAMPLE_RATE)).round() as u64;
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans.iter().map(|(from, to)| (frame(*from), frame(*to))) {
        match whole.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => whole.push((from, to.max(from))),
        }
    }
    whole
}
