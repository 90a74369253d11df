//! From a stream of samples to a [`Hearing`].

use std::io::{Read, Seek};

use ebur128::{EbuR128, Mode};
use synchresis_cue::{Beat, HeardKey, Hearing, HearingCurves, Moment, SongSection, Watch, round_to};

use super::analysis::{Analysis, BLOCK_FRAMES, BlockFacts, Facts, FrameFacts};
use super::decode::decode;
use super::onset::{Picking, normalised, onset_detect};
use super::resample::Resampler;
use super::rhythm::beat_track;
use super::spectrum::{HOP, RATE, frame_time};
use super::tonal::{Pitches, key_of};
use super::{form, words};
use crate::SoundError;

/// Values that a curve of a hearing has at most.
const CURVE: usize = 12_000;

/// A song that was heard: the section for the document, and the numbers behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What was heard.
    pub hearing: Hearing,
    /// `librosa.onset.onset_strength` of the song, a value every [`HOP`] samples at [`RATE`].
    pub onset_strength: Vec<f32>,
    /// The same by the median over bands: what the beats were tracked in.
    pub onset_strength_median: Vec<f32>,
    /// Frames of the beats of `librosa.beat.beat_track(y)`.
    pub beat_frames: Vec<usize>,
    /// Frames of the onsets of `librosa.onset.onset_detect(y)`.
    pub onset_frames: Vec<usize>,
}

/// Hears a song that comes in pieces. Memory does not depend on the sound, and grows by about 6 kB a second.
#[derive(Debug)]
pub struct Listener {
    rate: u32,
    channels: usize,
    resampler: Resampler,
    loudness: Option<EbuR128>,
    analysis: Analysis,
    mono: Vec<f32>,
    low: Vec<f32>,
    clean: Vec<f32>,
    broken: u64,
}

impl Listener {
    /// For samples at `rate` a second, interleaved in `channels` channels (0 counts as 1).
    pub fn new(rate: u32, channels: usize) -> Self {
        let (rate, channels) = (rate.max(1), channels.max(1));
        Self {
            rate,
            channels,
            resampler: Resampler::new(rate, RATE),
            loudness: meter(rate, channels),
            analysis: Analysis::new(),
            mono: Vec::new(),
            low: Vec::new(),
            clean: Vec::new(),
            broken: 0,
        }
    }

    /// Takes the next samples: interleaved, whole frames, full scale ±1. What is not a number counts as silence.
    pub fn push(&mut self, samples: &[f32]) {
        for part in samples.chunks(self.channels * 16_384) {
            let bad = part.iter().filter(|x| !x.is_finite()).count();
            let part = if bad > 0 {
                self.broken += bad as u64;
                self.clean.clear();
                self.clean
                    .extend(part.iter().map(|&x| if x.is_finite() { x } else { 0.0 }));
                &self.clean
            } else {
                part
            };
            if let Some(loudness) = &mut self.loudness
                && loudness.add_frames_f32(part).is_err()
            {
                self.loudness = None;
            }
            self.mono.clear();
            match self.channels {
                1 => self.mono.extend_from_slice(part),
                2 => self.mono.extend(part.chunks_exact(2).map(|f| 0.5 * (f[0] + f[1]))),
                n => self
                    .mono
                    .extend(part.chunks_exact(n).map(|f| f.iter().sum::<f32>() / n as f32)),
            }
            self.low.clear();
            self.resampler.push(&self.mono, &mut self.low);
            self.analysis.push(&self.low);
        }
    }

    /// Goes on with samples of another kind, as chained streams have them.
    pub fn change(&mut self, rate: u32, channels: usize) {
        let (rate, channels) = (rate.max(1), channels.max(1));
        if rate != self.rate {
            let done = std::mem::replace(&mut self.resampler, Resampler::new(rate, RATE));
            self.low.clear();
            done.finish(&mut self.low);
            self.analysis.push(&self.low);
        }
        if let Some(loudness) = &mut self.loudness
            && (rate, channels) != (self.rate, self.channels)
            && loudness.change_parameters(channels as u32, rate).is_err()
        {
            self.loudness = None;
        }
        (self.rate, self.channels) = (rate, channels);
    }

    /// Ends the stream and says what was heard. Anything is answered, if only silence.
    pub fn finish(mut self) -> Heard {
        self.low.clear();
        self.resampler.finish(&mut self.low);
        self.analysis.push(&self.low);
        let loudness = self
            .loudness
            .as_ref()
            .and_then(|m| m.loudness_global().ok())
            .filter(|l| l.is_finite());
        let range = self
            .loudness
            .as_ref()
            .and_then(|m| m.loudness_range().ok())
            .filter(|l| l.is_finite());
        let mut heard = conclude(self.analysis.finish());
        let hearing = &mut heard.hearing;
        hearing.broken_samples = self.broken;
        hearing.loudness_lufs = loudness.map(|l| round_to(l, 2));
        hearing.loudness_range_lu = loudness.and(range).map(|l| round_to(l, 2));
        hearing.words = words::song(hearing);
        heard
    }
}

/// Loudness that stands for silence is below the absolute gate, −70 LUFS, and comes out as −∞.
fn meter(rate: u32, channels: usize) -> Option<EbuR128> {
    EbuR128::new(
        u32::try_from(channels).ok()?,
        rate,
        Mode::I | Mode::LRA | Mode::HISTOGRAM,
    )
    .ok()
}

/// Decodes a song and hears it; see [`decode`] for what is read.
///
/// # Errors
/// Those of [`decode`].
pub fn hear_song(
    source: impl Read + Seek + Send + Sync + 'static,
    extension: Option<&str>,
    watch: &dyn Watch,
) -> Result<Heard, SoundError> {
    let mut listener: Option<Listener> = None;
    decode(source, extension, watch, |block| {
        let listener = listener.get_or_insert_with(|| Listener::new(block.rate, block.channels));
        if (block.rate, block.channels) != (listener.rate, listener.channels) {
            listener.change(block.rate, block.channels);
        }
        listener.push(block.samples);
        Ok(())
    })?;
    watch.check()?;
    Ok(listener.unwrap_or_else(|| Listener::new(RATE, 1)).finish())
}

fn conclude(facts: Facts) -> Heard {
    let duration_s = facts.samples as f64 / f64::from(RATE);
    let strengths = normalised(&facts.mean);
    let strength = |frame: usize| strengths.get(frame).copied().map_or(0.0, f64::from);
    let (tempo, beat_frames) = beat_track(&facts.median);
    let onset_frames = onset_detect(&facts.mean, &Picking::default());
    let onsets: Vec<Moment> = onset_frames
        .iter()
        .map(|&f| Moment {
            time_s: round_to(frame_time(f), 6),
            strength: round_to(strength(f), 4),
        })
        .collect();

    let (beats_in_bar, first) = form::bars(&accents(&facts, &beat_frames));
    let beats: Vec<Beat> = beat_frames
        .iter()
        .enumerate()
        .map(|(i, &f)| Beat {
            time_s: round_to(frame_time(f), 6),
            strength: round_to(strength(f), 4),
            downbeat: beats_in_bar > 0 && i >= first && (i - first).is_multiple_of(beats_in_bar),
        })
        .collect();

    let loud = Loudness::of(&facts.frames);
    let mut pitches = Pitches::default();
    for block in &facts.blocks {
        pitches.join(&block.pitches);
    }
    let sections = sections(&facts, &loud, &beats, &onsets, duration_s);
    let hearing = Hearing {
        duration_s: round_to(duration_s, 6),
        tempo: round_to(tempo, 4),
        beats_in_bar: beats_in_bar as u8,
        beats,
        onsets,
        key: rounded(key_of(&pitches.classes(facts.tuning))),
        tuning: round_to(facts.tuning, 2),
        sections,
        loudness_lufs: None,
        loudness_range_lu: None,
        brightness_hz: round_to(brightness(&facts.frames, &loud), 1),
        percussive: round_to(percussive(&facts.frames), 4),
        curves: curves(&facts, &loud, &strengths),
        broken_samples: 0,
        words: String::new(),
    };
    Heard {
        hearing,
        onset_strength: facts.mean,
        onset_strength_median: facts.median,
        beat_frames,
        onset_frames,
    }
}

fn rounded(key: Option<HeardKey>) -> Option<HeardKey> {
    key.map(|k| HeardKey {
        strength: round_to(k.strength, 4),
        margin: round_to(k.margin, 4),
        ..k
    })
}

/// Loudness of frames beside the loudest of the song.
struct Loudness {
    top_db: f64,
}

impl Loudness {
    fn of(frames: &[FrameFacts]) -> Self {
        let top = frames.iter().map(|f| f.level).fold(0.0, f32::max);
        Self { top_db: decibels(top) }
    }

    /// 0 for 60 dB below the loudest or less, 1 for the loudest.
    fn share(&self, level: f32) -> f64 {
        if self.top_db <= -90.0 {
            0.0
        } else {
            ((decibels(level) - self.top_db + 60.0) / 60.0).clamp(0.0, 1.0)
        }
    }
}

fn decibels(level: f32) -> f64 {
    20.0 * f64::from(level).max(1e-5).log10()
}

/// Mean centre of the spectrum of the frames that sound.
fn brightness(frames: &[FrameFacts], loud: &Loudness) -> f64 {
    let sounding = frames.iter().filter(|f| loud.share(f.level) > 0.5);
    let (sum, n) = sounding.fold((0.0, 0usize), |(s, n), f| (s + f64::from(f.centroid), n + 1));
    if n == 0 { 0.0 } else { sum / n as f64 }
}

fn percussive(frames: &[FrameFacts]) -> f64 {
    let (mut h, mut p) = (0.0f64, 0.0f64);
    for frame in frames {
        h += f64::from(frame.harmonic);
        p += f64::from(frame.percussive);
    }
    if h + p > 1e-9 { p / (h + p) } else { 0.0 }
}

/// How strongly a bar seems to begin at each beat: the rise of the bass, the stroke, and the change of pitch together.
fn accents(facts: &Facts, beats: &[usize]) -> Vec<f64> {
    let near = |values: &dyn Fn(usize) -> f32, beat: usize| {
        (beat.saturating_sub(1)..=beat + 2).map(values).fold(0.0f32, f32::max)
    };
    let frame = |i: usize| facts.frames.get(i).copied().unwrap_or_default();
    let bass = |i: usize| (frame(i + 1).bass - frame(i.saturating_sub(2)).bass).max(0.0);
    let stroke = |i: usize| facts.median.get(i).copied().unwrap_or(0.0);
    let scaled = |values: Vec<f32>| -> Vec<f64> {
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32 + 1e-9;
        values.iter().map(|v| f64::from(v / mean).min(4.0)).collect()
    };
    let basses = scaled(beats.iter().map(|&b| near(&bass, b)).collect());
    let strokes = scaled(beats.iter().map(|&b| near(&stroke, b)).collect());
    let changes = scaled(
        beats
            .iter()
            .map(|&b| {
                let at = |i: Option<usize>| {
                    i.and_then(|i| facts.blocks.get(i))
                        .map(|k| k.pitches.classes(facts.tuning))
                };
                let here = (b + BLOCK_FRAMES / 2) / BLOCK_FRAMES;
                let (Some(before), Some(after)) = (at(here.checked_sub(1)), at(Some(here))) else {
                    return 0.0;
                };
                distance(&before, &after) as f32
            })
            .collect(),
    );
    basses
        .iter()
        .zip(&strokes)
        .zip(&changes)
        .map(|((b, s), c)| 0.4 * b + 0.3 * s + 0.3 * c)
        .collect()
}

/// 1 − cosine of two sets of pitch classes.
fn distance(a: &[f64; 12], b: &[f64; 12]) -> f64 {
    let dot = |x: &[f64; 12], y: &[f64; 12]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    1.0 - dot(a, b) / ((dot(a, a) * dot(b, b)).sqrt() + 1e-9)
}

/// Timbre, pitch and the balance of strokes and tones of a block, for comparison with others.
fn vector(block: &BlockFacts, frames: &[FrameFacts], tuning: f64) -> Vec<f32> {
    let classes = block.pitches.classes(tuning);
    let norm = classes.iter().map(|c| c * c).sum::<f64>().sqrt() + 1e-6;
    let mut out: Vec<f32> = block.timbre.to_vec();
    out.extend(classes.iter().map(|c| (c / norm) as f32));
    out.push(percussive(frames) as f32);
    out.push(frames.iter().map(|f| decibels(f.level) as f32).sum::<f32>() / frames.len().max(1) as f32);
    out
}

fn sections(facts: &Facts, loud: &Loudness, beats: &[Beat], onsets: &[Moment], duration_s: f64) -> Vec<SongSection> {
    if duration_s <= 0.0 {
        return Vec::new();
    }
    let block_s = (BLOCK_FRAMES * HOP) as f64 / f64::from(RATE);
    let vectors: Vec<Vec<f32>> = facts
        .blocks
        .iter()
        .zip(facts.frames.chunks(BLOCK_FRAMES))
        .map(|(block, frames)| vector(block, frames, facts.tuning))
        .collect();
    let turns = form::turns(&vectors, block_s);
    let mut starts = vec![0];
    starts.extend(turns.iter().map(|t| t.0));
    let labels = form::likeness(&vectors, &starts);
    let mut times = vec![(0.0, 1.0)];
    times.extend(
        turns
            .iter()
            .map(|&(at, turn)| (on_beat(at as f64 * block_s, beats), turn)),
    );
    let loudest_db = means(&times, duration_s, facts).map(decibels).fold(-100.0, f64::max);
    (0..times.len())
        .map(|k| {
            let (start_s, turn) = times[k];
            let end_s = times.get(k + 1).map_or(duration_s, |t| t.0);
            let frame = |s: f64| ((s * f64::from(RATE) / HOP as f64) as usize).min(facts.frames.len());
            let frames = &facts.frames[frame(start_s)..frame(end_s).max(frame(start_s))];
            let mut pitches = Pitches::default();
            let (from, to) = (frame(start_s) / BLOCK_FRAMES, frame(end_s) / BLOCK_FRAMES);
            for block in facts.blocks.iter().take(to.max(from + 1)).skip(from) {
                pitches.join(&block.pitches);
            }
            let bright = brightness(frames, loud);
            let heard = onsets.iter().filter(|o| (start_s..end_s).contains(&o.time_s)).count();
            let mut section = SongSection {
                start_s: round_to(start_s, 6),
                end_s: round_to(end_s, 6),
                likeness: labels.get(k).copied().unwrap_or(0),
                turn: round_to(turn, 4),
                energy: round_to(energy(decibels(mean_level(frames)), loudest_db), 4),
                brightness: round_to(bright_share(bright), 4),
                percussive: round_to(percussive(frames), 4),
                onset_rate: round_to(heard as f64 / (end_s - start_s).max(0.1), 3),
                key: rounded(key_of(&pitches.classes(facts.tuning))),
                words: Vec::new(),
            };
            section.words = words::section(&section, bright);
            section
        })
        .collect()
}

/// Loudness of a part beside the loudest part: 1 there, 0 from 18 dB below it on.
fn energy(level_db: f64, loudest_db: f64) -> f64 {
    if loudest_db <= -90.0 {
        0.0
    } else {
        (1.0 - (loudest_db - level_db) / 18.0).clamp(0.0, 1.0)
    }
}

fn mean_level(frames: &[FrameFacts]) -> f32 {
    (frames.iter().map(|f| f.level * f.level).sum::<f32>() / frames.len().max(1) as f32).sqrt()
}

fn means<'a>(times: &'a [(f64, f64)], duration_s: f64, facts: &'a Facts) -> impl Iterator<Item = f32> + 'a {
    let frame = |s: f64| ((s * f64::from(RATE) / HOP as f64) as usize).min(facts.frames.len());
    (0..times.len()).map(move |k| {
        let end = times.get(k + 1).map_or(duration_s, |t| t.0);
        mean_level(&facts.frames[frame(times[k].0)..frame(end).max(frame(times[k].0))])
    })
}

/// 0 for 100 Hz, 1 for 8 kHz, logarithmic.
fn bright_share(hz: f64) -> f64 {
    ((hz.max(1.0) / 100.0).log2() / 80f64.log2()).clamp(0.0, 1.0)
}

/// A turn falls on the nearest downbeat within 1.2 s, else on the nearest beat within 0.6 s, else where it is.
fn on_beat(time_s: f64, beats: &[Beat]) -> f64 {
    let nearest = |only: bool, within: f64| {
        beats
            .iter()
            .filter(|b| b.downbeat || !only)
            .map(|b| b.time_s)
            .min_by(|a, b| (a - time_s).abs().total_cmp(&(b - time_s).abs()))
            .filter(|t| (t - time_s).abs() <= within)
    };
    nearest(true, 1.2).or_else(|| nearest(false, 0.6)).unwrap_or(time_s)
}

fn curves(facts: &Facts, loud: &Loudness, onset: &[f32]) -> HearingCurves {
    let n = facts.frames.len();
    let stride = n.div_ceil(CURVE).max(2);
    // The greatest value of each step, so that no stroke falls between two.
    let peak = |value: &dyn Fn(usize) -> f64| -> Vec<f32> {
        let scale = (0..n).map(value).fold(1e-9, f64::max);
        (0..n)
            .step_by(stride)
            .map(|i| (i..(i + stride).min(n)).map(value).fold(0.0, f64::max) / scale)
            .map(|v| round_to(v, 4) as f32)
            .collect()
    };
    let frame = |i: usize| facts.frames[i];
    HearingCurves {
        step_s: (stride * HOP) as f64 / f64::from(RATE),
        loudness: peak(&|i| loud.share(frame(i).level)),
        brightness: (0..n)
            .step_by(stride)
            .map(|i| round_to(bright_share(f64::from(frame(i).centroid)), 4) as f32)
            .collect(),
        harmonic: peak(&|i| f64::from(frame(i).harmonic)),
        percussive: peak(&|i| f64::from(frame(i).percussive)),
        bass: peak(&|i| f64::from(frame(i).bass)),
        onset: peak(&|i| onset.get(i).copied().map_or(0.0, f64::from)),
    }
}
