//! Channel strips: what a track goes through before the sum. Four tracks share a group, eight lanes.

use synchresis_cue::{Layer, Score, Track, VoiceFamily, decibel_to_gain, voice};

use super::biquad::{Biquad, Cascade};
use super::loudness::CELL;
use super::spaces::Sums;
use crate::lanes::{Arithmetic, Octet, widened};

/// Tracks in a group.
pub(super) const GROUP: usize = 4;

/// Frames that go through a group's steps at a time.
const PART: usize = 5 * CELL;

/// What a track plays that does not.
const SILENCE: [f32; PART] = [0.0; PART];

/// Lanes of a group: left and right of each track.
const LANES: usize = 2 * GROUP;

/// Every track is this much lower than its level says, so that a full texture stays below full scale before the master.
const TRIM_DB: f64 = -6.0;

/// A pair of signals, left and right.
pub(super) type Stereo = [Vec<f32>; 2];

/// A silent pair of `frames` samples each.
pub(super) fn silent(frames: usize) -> Stereo {
    [vec![0.0; frames], vec![0.0; frames]]
}

/// What a track's character asks of the desk.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Treatment {
    /// Where the high-pass may stand at most, hertz.
    low_cut_hz: f64,
    bell: Biquad,
    top: Biquad,
    /// Stereo width: 0 mono, 1 as played.
    width: f64,
    /// How early the saturation bends: its ceiling is 2 / (3 · drive).
    drive: f64,
    levelling: Levelling,
}

/// A compressor's law on peaks: struck and plucked sounds come out of their voices with peaks 20 dB above their loudness,
/// and what is not held back here, gently and track by track, the master's limiter has to take from everything at once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Levelling {
    /// Peak level above which it works, linear.
    threshold: f32,
    /// Exponent of what is above: 1 / ratio − 1.
    slope: f32,
}

impl Levelling {
    /// Leaves everything as it is.
    const NONE: Self = Self {
        threshold: f32::INFINITY,
        slope: 0.0,
    };

    fn above(threshold_db: f64, ratio: f64) -> Self {
        Self {
            threshold: decibel_to_gain(threshold_db) as f32,
            slope: (1.0 / ratio - 1.0) as f32,
        }
    }

    fn of(voice: &str, family: VoiceFamily) -> Self {
        match family {
            VoiceFamily::Kit => Self::above(-20.0, 3.5),
            VoiceFamily::Bass => Self::above(-20.0, 3.0),
            // A finger on a string that is not let ring: all onset.
            VoiceFamily::Strings if voice == "strings-pizzicato" => Self::above(-26.0, 4.0),
            VoiceFamily::Guitar | VoiceFamily::Mallet => Self::above(-21.0, 3.5),
            VoiceFamily::Keys => Self::above(-19.0, 2.5),
            VoiceFamily::Strings | VoiceFamily::Brass | VoiceFamily::Wind => Self::above(-18.0, 2.5),
            VoiceFamily::Synth => Self::above(-19.0, 2.5),
            VoiceFamily::Effect => Self::above(-14.0, 2.0),
            VoiceFamily::Pad | VoiceFamily::Ambience => Self::NONE,
        }
    }
}

/// Where a track's compressor stands.
#[derive(Debug, Clone, Copy)]
struct Leveller {
    law: Levelling,
    level: f32,
    gain: f32,
}

impl Leveller {
    /// The gain at the end of a cell (1 ms) with this peak. The attack takes about a millisecond and a half, so that the edge of a blow passes;
    /// the release 110 ms.
    fn step(&mut self, peak: f32) -> f32 {
        const ATTACK: f32 = 0.55;
        const RELEASE: f32 = 0.009;
        self.level += (peak - self.level) * if peak > self.level { ATTACK } else { RELEASE };
        let over = self.level / self.law.threshold;
        self.gain = if over > 1.0 { over.powf(self.law.slope) } else { 1.0 };
        self.gain
    }
}

impl Treatment {
    fn of(track: &Track, others: &Texture) -> Self {
        let info = voice(&track.voice);
        let family = info.map_or(VoiceFamily::Synth, |v| v.family);
        let low = info.is_some_and(|v| v.range.1 <= 64);
        let bell = Biquad::bell;
        let shelf = Biquad::high_shelf;
        let (low_cut_hz, mut bell, top, width, drive) = match family {
            VoiceFamily::Bass => (28.0, bell(260.0, 0.9, -2.0), Biquad::FLAT, 0.35, 0.55),
            VoiceFamily::Kit => (25.0, bell(380.0, 0.8, -2.0), shelf(9_000.0, 1.0), 0.95, 0.55),
            VoiceFamily::Pad => (130.0, bell(320.0, 0.7, -2.0), shelf(10_000.0, -1.0), 1.0, 0.35),
            VoiceFamily::Strings | VoiceFamily::Brass => (90.0, bell(330.0, 0.7, -1.5), Biquad::FLAT, 0.95, 0.35),
            VoiceFamily::Keys => (55.0, bell(300.0, 0.8, -1.5), Biquad::FLAT, 0.9, 0.3),
            VoiceFamily::Mallet => (90.0, Biquad::FLAT, Biquad::FLAT, 0.9, 0.3),
            VoiceFamily::Guitar => (85.0, bell(250.0, 0.8, -1.5), Biquad::FLAT, 0.9, 0.4),
            VoiceFamily::Wind => (110.0, Biquad::FLAT, Biquad::FLAT, 0.8, 0.35),
            VoiceFamily::Synth => (100.0, bell(300.0, 0.7, -1.0), Biquad::FLAT, 0.95, 0.45),
            VoiceFamily::Effect => (24.0, Biquad::FLAT, Biquad::FLAT, 1.0, 0.4),
            VoiceFamily::Ambience => (45.0, Biquad::FLAT, Biquad::FLAT, 1.0, 0.3),
        };
        // What accompanies leaves the range of presence to what leads.
        if others.leads && matches!(track.layer, Layer::Pad | Layer::Chords | Layer::Arpeggio) {
            bell = Biquad::bell(2_600.0, 0.8, -2.0);
        }
        // Nothing below the lowest note is the note; and without a bass below it, nothing need make room.
        let lowest = track.notes.iter().map(|n| n.pitch).min().unwrap_or(0);
        let lowest_hz = 440.0 * 2f64.powf((f64::from(lowest) - 69.0) / 12.0);
        let pitched = !matches!(family, VoiceFamily::Kit | VoiceFamily::Effect | VoiceFamily::Ambience);
        let mut low_cut_hz = low_cut_hz;
        if pitched {
            let free: f64 = if others.bass && !low { low_cut_hz } else { 38.0 };
            low_cut_hz = free.min(0.72 * lowest_hz).max(26.0);
        }
        Self {
            low_cut_hz,
            bell,
            top,
            width,
            drive,
            levelling: Levelling::of(&track.voice, family),
        }
    }
}

/// What else plays, as far as a strip must know.
#[derive(Debug, Clone, Copy)]
struct Texture {
    bass: bool,
    leads: bool,
}

/// How a finished stereo pair comes out of what was played: `left = ll·l + lr·r`, `right = rl·l + rr·r`.
fn matrix(pan: f64, width: f64, gain: f64) -> [f32; 4] {
    let pan = if pan.is_finite() { pan.clamp(-1.0, 1.0) } else { 0.0 };
    // Equal power around a centre at 0 dB; the side signal narrows as the middle leaves the centre.
    let angle = (pan + 1.0) * std::f64::consts::FRAC_PI_4;
    let (right, left) = angle.sin_cos();
    let side = width * (1.0 - pan.abs());
    let (l, r) = (std::f64::consts::SQRT_2 * left, std::f64::consts::SQRT_2 * right);
    [l + side, l - side, r - side, r + side].map(|g| (g * gain / 2.0) as f32)
}

/// Gain of a level in decibels; silence where it is not a number, at most +24 dB.
fn level(db: f64) -> f64 {
    if db.is_nan() {
        0.0
    } else {
        decibel_to_gain(db.min(24.0))
    }
}

/// Gain of a send.
fn send(amount: f64) -> f32 {
    if amount.is_finite() {
        amount.clamp(0.0, 1.0) as f32
    } else {
        0.0
    }
}

/// Up to four strips, filtered side by side.
#[derive(Debug, Clone)]
pub(super) struct Group {
    filters: Cascade<LANES, 3>,
    drive: [f32; LANES],
    levellers: Vec<Leveller>,
    matrices: Vec<[f32; 4]>,
    sends: Vec<(f32, f32)>,
    lanes: Vec<Octet>,
    /// What the group adds, valid after [`Group::process`] where it sounded.
    pub(super) sums: Sums,
    /// Each track alone after its strip, valid after [`Group::process`] where they are wanted.
    pub(super) tracks: Vec<Stereo>,
    /// Whether anything sounded in the last [`Group::process`].
    pub(super) sounded: bool,
}

/// The strips of a score, in groups; `frames` is the most that is processed at a time.
pub(super) fn groups(score: &Score, frames: usize, apart: bool) -> Vec<Group> {
    let texture = Texture {
        bass: score.tracks.iter().any(|t| t.layer == Layer::Bass),
        leads: score
            .tracks
            .iter()
            .any(|t| matches!(t.layer, Layer::Lead | Layer::Counter)),
    };
    score
        .tracks
        .chunks(GROUP)
        .map(|tracks| Group::new(tracks, &texture, frames, apart))
        .collect()
}

impl Group {
    fn new(tracks: &[Track], texture: &Texture, frames: usize, apart: bool) -> Self {
        let mut filters = Cascade::flat();
        let mut drive = [1.0; LANES];
        let mut levellers = Vec::new();
        let mut matrices = Vec::new();
        let mut sends = Vec::new();
        for (i, track) in tracks.iter().enumerate() {
            let t = Treatment::of(track, texture);
            for lane in [2 * i, 2 * i + 1] {
                filters.set(
                    lane,
                    0,
                    Biquad::high_pass(t.low_cut_hz, std::f64::consts::FRAC_1_SQRT_2),
                );
                filters.set(lane, 1, t.bell);
                filters.set(lane, 2, t.top);
                drive[lane] = t.drive as f32;
            }
            levellers.push(Leveller {
                law: t.levelling,
                level: 0.0,
                gain: 1.0,
            });
            matrices.push(matrix(track.pan, t.width, level(track.level_db + TRIM_DB) / t.drive));
            sends.push((send(track.room), send(track.hall)));
        }
        Self {
            filters,
            drive,
            levellers,
            matrices,
            sends,
            lanes: vec![[0.0; LANES]; frames],
            sums: Sums::new(frames),
            tracks: if apart {
                tracks.iter().map(|_| silent(frames)).collect()
            } else {
                Vec::new()
            },
            sounded: false,
        }
    }

    /// Takes what its tracks played (`frames` of it, and whether it is more than silence) through the strips.
    pub(super) fn process(&mut self, played: &[(Stereo, bool)], frames: usize) {
        self.sounded = played.iter().any(|p| p.1) || !self.filters.is_still();
        for signal in self.tracks.iter_mut().flatten() {
            signal[..frames].fill(0.0);
        }
        if !self.sounded {
            return;
        }
        let lanes = &mut self.lanes[..frames];
        // A part at a time, so that what one step leaves is still near when the next one wants it.
        for (start, lanes) in (0..).step_by(PART).zip(lanes.chunks_mut(PART)) {
            let mut signals = [&SILENCE[..lanes.len()]; LANES];
            for (pair, ([l, r], sounded)) in signals.as_chunks_mut::<2>().0.iter_mut().zip(played) {
                if *sounded {
                    let part = start..start + lanes.len();
                    *pair = [&l[part.clone()], &r[part]];
                }
            }
            side_by_side(signals, lanes);
            self.filters.process(lanes);
            for (start, cell) in (start..).step_by(CELL).zip(lanes.chunks_mut(CELL)) {
                let peaks = peaks(cell);
                let (mut from, mut to) = (self.drive, self.drive);
                for (i, leveller) in self.levellers.iter_mut().enumerate() {
                    let before = leveller.gain;
                    let after = leveller.step(peaks[2 * i].max(peaks[2 * i + 1]));
                    for lane in [2 * i, 2 * i + 1] {
                        from[lane] *= before;
                        to[lane] *= after;
                    }
                }
                saturate(cell, &from, &to);
                let sums = self.sums.part(start..start + cell.len());
                match self.levellers.len() {
                    1 => sum::<1>(cell, &self.matrices, &self.sends, sums),
                    2 => sum::<2>(cell, &self.matrices, &self.sends, sums),
                    3 => sum::<3>(cell, &self.matrices, &self.sends, sums),
                    _ => sum::<GROUP>(cell, &self.matrices, &self.sends, sums),
                }
            }
        }
        for ((i, m), [left, right]) in self.matrices.iter().enumerate().zip(&mut self.tracks) {
            for ((l, r), lane) in left.iter_mut().zip(right).zip(lanes.iter()) {
                *l = m[0] * lane[2 * i] + m[1] * lane[2 * i + 1];
                *r = m[2] * lane[2 * i] + m[3] * lane[2 * i + 1];
            }
        }
    }

    /// How much of track `i` of the group goes to the room and to the hall.
    pub(super) fn sends(&self, i: usize) -> (f32, f32) {
        self.sends[i]
    }
}

widened! {
    /// Signals to frames; what is no sample is taken out.
    fn side_by_side(signals: [&[f32]; LANES], lanes: &mut [Octet]) {
        let n = lanes.len();
        let signals = signals.map(|signal| signal[..n].as_chunks::<8>());
        let (blocks, rest) = lanes.as_chunks_mut::<8>();
        for (t, block) in blocks.iter_mut().enumerate() {
            *block = Unit::transposed(&std::array::from_fn(|i| signals[i].0[t].map(sane)));
        }
        for (t, lane) in rest.iter_mut().enumerate() {
            *lane = std::array::from_fn(|i| sane(signals[i].1[t]));
        }
    }
}

widened! {
    /// The largest magnitude of each lane.
    fn peaks(cell: &[Octet]) -> Octet {
        let mut peaks = [0.0f32; LANES];
        for lane in cell {
            for i in 0..LANES {
                let x = lane[i].abs();
                peaks[i] = if x > peaks[i] { x } else { peaks[i] };
            }
        }
        peaks
    }
}

widened! {
    /// Saturates a cell, in place, behind a gain on its way from one value to another in each lane.
    fn saturate(cell: &mut [Octet], from: &Octet, to: &Octet) {
        let share = 1.0 / cell.len() as f32;
        let step: Octet = std::array::from_fn(|i| (to[i] - from[i]) * share);
        for (t, lane) in cell.iter_mut().enumerate() {
            let t = (t + 1) as i32 as f32;
            *lane = std::array::from_fn(|i| bend::<Unit>(lane[i] * Unit::fused(step[i], t, from[i])));
        }
    }
}

widened! {
    /// What the first `USED` tracks of a cell give to the sums.
    fn sum<const USED: usize>(cell: &[Octet], matrices: &[[f32; 4]], sends: &[(f32, f32)], sums: [&mut [f32]; 6]) {
        let (Some(matrices), Some(sends)) = (matrices.first_chunk::<USED>(), sends.first_chunk::<USED>()) else {
            return;
        };
        let mut sums = sums.map(|sum| sum.chunks_mut(8));
        for frames in cell.chunks(8) {
            let signals = match frames.as_array::<8>() {
                Some(block) => Unit::transposed(block),
                None => std::array::from_fn(|i| std::array::from_fn(|t| frames.get(t).map_or(0.0, |frame| frame[i]))),
            };
            let mut total = [[0.0f32; 8]; 6];
            for track in 0..USED {
                let (l, r, m) = (&signals[2 * track], &signals[2 * track + 1], &matrices[track]);
                let left: Octet = std::array::from_fn(|t| Unit::fused(m[0], l[t], m[1] * r[t]));
                let right: Octet = std::array::from_fn(|t| Unit::fused(m[2], l[t], m[3] * r[t]));
                let (room, hall) = sends[track];
                for t in 0..8 {
                    total[0][t] += left[t];
                    total[1][t] += right[t];
                }
                for t in 0..8 {
                    total[2][t] = Unit::fused(room, left[t], total[2][t]);
                    total[3][t] = Unit::fused(room, right[t], total[3][t]);
                }
                for t in 0..8 {
                    total[4][t] = Unit::fused(hall, left[t], total[4][t]);
                    total[5][t] = Unit::fused(hall, right[t], total[5][t]);
                }
            }
            for (sum, total) in sums.iter_mut().zip(&total) {
                if let Some(sum) = sum.next() {
                    match sum.as_mut_array::<8>() {
                        Some(whole) => *whole = *total,
                        None => sum.copy_from_slice(&total[..sum.len()]),
                    }
                }
            }
        }
    }
}

/// 0 for what is no sample: not a number, infinite, or 36 dB above full scale.
#[inline(always)]
fn sane(x: f32) -> f32 {
    if x.abs() < 64.0 { x } else { 0.0 }
}

/// x − x³/3, which bends softly to ±2/3 and stays there.
#[inline(always)]
fn bend<U: Arithmetic>(x: f32) -> f32 {
    // Two selects rather than `clamp`: these become one instruction each for all lanes.
    let x = if x < 1.0 { x } else { 1.0 };
    let x = if x > -1.0 { x } else { -1.0 };
    x * U::fused(x * x, -1.0 / 3.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panned_track_is_louder_than_a_centred_one() {
        for pan in [-1.0, -0.4, 0.0, 0.7, 1.0] {
            let m = matrix(pan, 1.0, 1.0);
            // A mono signal of power 1 on both sides.
            let power = (m[0] + m[1]).powi(2) + (m[2] + m[3]).powi(2);
            assert!((power - 2.0).abs() < 1e-5, "{pan}: {power}");
        }
        assert_eq!(
            matrix(0.0, 1.0, 1.0).map(|x| x.abs() < 1e-6),
            [false, true, true, false],
            "the centre is as played"
        );
    }

    #[test]
    fn what_is_no_number_reaches_the_sum() {
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30].map(sane), [0.0; 4]);
        assert_eq!(level(f64::NAN), 0.0);
        assert_eq!(send(f64::NAN), 0.0);
    }
}
