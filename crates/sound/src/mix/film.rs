//! The film's mix: music, sound effects and the film's own sound, balanced and brought to the master's loudness.

use synchresis_cue::{Original, Watch, decibel_to_gain, gain_to_decibel};

use super::biquad::{Biquad, Cascade};
use super::character::{self, Character, Levels, STEP};
use super::duck::{self, Plan};
use super::loudness::{CELL, Gate};
use super::master::{Mastered, Target, master};
use super::source::{Sink, Source};
use crate::SoundError;

/// Loudness of the music at volume 1 beside the film's own sound, LUFS.
const MUSIC_LUFS: f64 = -18.0;

/// How far sound effects stay below the music at equal volumes, LU.
const SOUNDS_BELOW: f64 = 3.0;

/// How much more than the music effects may be raised to get there, dB: soft ones are meant to be soft.
const SOUNDS_LIFT: f64 = 5.0;

/// Effects with nothing beside them come up by this much at most, dB: a bed of rain may be heard better than under music, the
/// air of a room does not become a storm.
const ALONE_DB: f64 = 14.0;

/// How far music may rest above the speech of the film when nobody speaks, LU.
const REST_ABOVE: f64 = 5.0;

/// What the music gives up at 2 to 4 kHz under speech, as a share of the amplitude there: −5 dB.
const PRESENCE: f32 = 0.44;

/// What is mixed; each is read from its beginning, what is shorter than the film is followed by silence.
#[derive(Default)]
pub struct Parts<'a> {
    /// The music before its master, as [`super::render`] gave it.
    pub music: Option<&'a mut dyn Source>,
    /// The sound effects, likewise.
    pub sounds: Option<&'a mut dyn Source>,
    /// The film's own sound.
    pub original: Option<&'a mut dyn Source>,
}

/// How it is mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Balance {
    /// Sample frames of the result.
    pub frames: u64,
    /// Linear gain of the music, 0 to 1.
    pub music_volume: f64,
    /// Linear gain of the sound effects, 0 to 1.
    pub sounds_volume: f64,
    /// What becomes of the film's own sound.
    pub original: Original,
}

/// What was mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixed {
    /// The master's figures.
    pub master: Mastered,
    /// Gain that the music got before it was ducked, dB; `None` without music or at volume 0.
    pub music_db: Option<f64>,
    /// How far the effects stay below the music, LU, volumes included; `None` where either is missing or silent.
    pub sounds_below_lu: Option<f64>,
    /// How far the music was ducked at most, dB, 0 or below.
    pub deepest_db: f64,
    /// Seconds in which the music was at least 3 dB down.
    pub ducked_s: f64,
    /// Share of the film's own sound that is music, 0 to 1.
    pub original_music: f64,
    /// Share of the film's own sound that stands out of its background, 0 to 1.
    pub original_active: f64,
}

/// Mixes `parts` and masters the sum to `target`: it is the whole mix that has the target's loudness. Where there is
/// nothing but music and effects and both volumes are below 1, the louder volume lowers the target too, so that a volume
/// still means something.
///
/// # Errors
/// What the sources and the sink return, and [`SoundError::Cancelled`].
pub fn film(
    mut parts: Parts<'_>,
    balance: &Balance,
    target: &Target,
    sink: &mut Sink<'_>,
    watch: &dyn Watch,
) -> Result<Mixed, SoundError> {
    let volume = |v: f64| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.0 };
    let (music_volume, sounds_volume) = (volume(balance.music_volume), volume(balance.sounds_volume));
    if balance.original == Original::Drop {
        parts.original = None;
    }
    parts.music = parts.music.filter(|_| music_volume > 0.0);
    parts.sounds = parts.sounds.filter(|_| sounds_volume > 0.0);

    let music = parts
        .music
        .as_deref_mut()
        .map(|s| character::levels(s, watch, |_| ()))
        .transpose()?;
    let sounds = parts
        .sounds
        .as_deref_mut()
        .map(|s| character::levels(s, watch, |_| ()))
        .transpose()?;
    let original = parts
        .original
        .as_deref_mut()
        .map(|s| character::listen(s, watch))
        .transpose()?;
    let loud = |levels: &Option<Levels>| levels.as_ref().and_then(integrated);
    let (music_lufs, sounds_lufs) = (loud(&music), loud(&sounds));

    let mut music_db = music_lufs.map_or(0.0, |l| MUSIC_LUFS - l);
    let sounds_db = match (music_lufs, sounds_lufs) {
        (Some(_), Some(sounds)) => (MUSIC_LUFS - SOUNDS_BELOW - sounds).min(music_db + SOUNDS_LIFT),
        _ => 0.0,
    };
    let steps = (balance.frames as usize).div_ceil(STEP) + 1;
    let mut plan = Plan::default();
    if let (Some(original), Some(music), Original::Duck) = (&original, &music, balance.original) {
        music_db -= too_loud(original, gain_to_decibel(music_volume));
        plan = duck::plan(original, music, decibel_to_gain(music_db) * music_volume, steps);
    }
    let share = |flags: fn(&Character) -> &Vec<bool>| {
        let flags = original.as_ref().map(flags).filter(|f| !f.is_empty());
        flags.map_or(0.0, |f| f.iter().filter(|f| **f).count() as f64 / f.len() as f64)
    };
    let (original_music, original_active) = (share(|c| &c.music), share(|c| &c.active));

    let mut target = *target;
    if parts.original.is_none() {
        let volumes = [
            parts.music.as_ref().map(|_| music_volume),
            parts.sounds.as_ref().map(|_| sounds_volume),
        ];
        let loudest = volumes.into_iter().flatten().fold(0.0, f64::max);
        if loudest > 0.0 {
            target.loudness_lufs += gain_to_decibel(loudest);
        }
        if let (None, Some(sounds)) = (&parts.music, sounds_lufs) {
            target.loudness_lufs = target
                .loudness_lufs
                .min(sounds + ALONE_DB + gain_to_decibel(sounds_volume));
        }
    }
    let sounds_below_lu = music_lufs.zip(sounds_lufs).map(|(music, sounds)| {
        let volumes = gain_to_decibel(music_volume) - gain_to_decibel(sounds_volume);
        music + music_db - sounds - sounds_db + volumes
    });
    let (deepest_db, ducked_s) = (plan.deepest_db, plan.ducked_s);
    let has_music = parts.music.is_some();
    let mut sum = Sum {
        parts,
        music_gain: (decibel_to_gain(music_db) * music_volume) as f32,
        sounds_gain: (decibel_to_gain(sounds_db) * sounds_volume) as f32,
        plan,
        presence: presence_filter(),
        frames: balance.frames,
        at: 0,
        part: Vec::new(),
        lanes: Vec::new(),
    };
    let mastered = master(&mut sum, &target, sink, watch)?;
    Ok(Mixed {
        master: mastered,
        music_db: has_music.then(|| music_db + gain_to_decibel(music_volume)),
        sounds_below_lu,
        deepest_db,
        ducked_s,
        original_music,
        original_active,
    })
}

/// How much lower than [`MUSIC_LUFS`] the music must rest where the film's speech is quiet, dB.
fn too_loud(original: &Character, volume_db: f64) -> f64 {
    let speech = |i: usize| original.active[i] && !original.music[i];
    let spoken = (0..original.active.len()).filter(|i| speech(*i)).count();
    if spoken < 50 {
        return 0.0;
    }
    let level = original.levels.mean_where(speech).unwrap_or(0.0).max(-40.0);
    (MUSIC_LUFS + volume_db - (level + REST_ABOVE)).clamp(0.0, 12.0)
}

/// Integrated loudness out of steps of 10 ms.
fn integrated(levels: &Levels) -> Option<f64> {
    let mut gate = Gate::default();
    let cells = STEP / CELL;
    for power in &levels.power {
        for _ in 0..cells {
            gate.push(f64::from(*power) * CELL as f64, CELL);
        }
    }
    gate.integrated()
}

fn presence_filter() -> Cascade<2, 1> {
    Cascade::all([Biquad::band_pass(2_800.0, 0.8)])
}

/// The sum of the parts before its master.
struct Sum<'a> {
    parts: Parts<'a>,
    music_gain: f32,
    sounds_gain: f32,
    plan: Plan,
    presence: Cascade<2, 1>,
    frames: u64,
    at: u64,
    part: Vec<f32>,
    lanes: Vec<[f32; 2]>,
}

/// Fills `out` from `source`, with silence where it has ended.
fn fill(source: &mut dyn Source, out: &mut [f32]) -> Result<(), SoundError> {
    let mut filled = 0;
    while filled < out.len() {
        match source.read(&mut out[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    out[filled..].fill(0.0);
    for x in out {
        *x = if x.abs() < 64.0 { *x } else { 0.0 };
    }
    Ok(())
}

/// `curve`, linear between its steps, at the frames from `at` on: value at the first, and slope, for each run of frames
/// within a step. The value of a step stands at its middle, so that a curve is as late as it is early.
fn runs(curve: &[f32], at: u64, frames: usize, mut run: impl FnMut(std::ops::Range<usize>, f32, f32)) {
    let half = STEP / 2;
    let value = |i: usize| curve.get(i).or(curve.last()).copied().unwrap_or(1.0);
    let mut t = 0;
    while t < frames {
        let place = at as usize + t + half;
        let (step, within) = (place / STEP, place % STEP);
        let n = (STEP - within).min(frames - t);
        let (from, to) = (value(step.saturating_sub(1)), value(step));
        let slope = (to - from) / STEP as f32;
        run(t..t + n, from + slope * within as f32, slope);
        t += n;
    }
}

impl Source for Sum<'_> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, SoundError> {
        let n = ((out.len() / 2) as u64).min(self.frames - self.at) as usize;
        let out = &mut out[..2 * n];
        out.fill(0.0);
        self.part.resize(2 * n, 0.0);
        let part = &mut self.part[..2 * n];
        if let Some(music) = self.parts.music.as_deref_mut() {
            fill(music, part)?;
            if self.plan.gain.is_empty() {
                part.iter_mut().for_each(|x| *x *= self.music_gain);
            } else {
                self.lanes.clear();
                self.lanes.extend(part.chunks_exact(2).map(|f| [f[0], f[1]]));
                self.presence.process(&mut self.lanes);
                let lanes = &self.lanes;
                runs(&self.plan.presence, self.at, n, |run, from, slope| {
                    for (t, frame) in part[2 * run.start..2 * run.end].chunks_exact_mut(2).enumerate() {
                        let amount = PRESENCE * (from + slope * t as f32);
                        frame[0] -= amount * lanes[run.start + t][0];
                        frame[1] -= amount * lanes[run.start + t][1];
                    }
                });
                runs(&self.plan.gain, self.at, n, |run, from, slope| {
                    for (t, frame) in part[2 * run.start..2 * run.end].chunks_exact_mut(2).enumerate() {
                        let gain = self.music_gain * (from + slope * t as f32);
                        frame[0] *= gain;
                        frame[1] *= gain;
                    }
                });
            }
            out.iter_mut().zip(part.iter()).for_each(|(o, x)| *o += x);
        }
        if let Some(sounds) = self.parts.sounds.as_deref_mut() {
            fill(sounds, part)?;
            out.iter_mut()
                .zip(part.iter())
                .for_each(|(o, x)| *o += self.sounds_gain * x);
        }
        if let Some(original) = self.parts.original.as_deref_mut() {
            fill(original, part)?;
            out.iter_mut().zip(part.iter()).for_each(|(o, x)| *o += x);
        }
        self.at += n as u64;
        Ok(2 * n)
    }

    fn rewind(&mut self) -> Result<(), SoundError> {
        let parts = [&mut self.parts.music, &mut self.parts.sounds, &mut self.parts.original];
        for part in parts.into_iter().flatten() {
            part.rewind()?;
        }
        self.presence = presence_filter();
        self.at = 0;
        Ok(())
    }
}
