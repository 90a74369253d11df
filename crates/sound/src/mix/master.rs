//! The master: to the loudness asked for, under the true peak allowed.
//!
//! Two passes over a [`Source`]. The first notes, for every millisecond, the energy after K weighting and the true peak.
//! From these alone the gain is found at which what the limiter leaves has the loudness asked for: the limiter works on
//! the same milliseconds, so its effect is known before it works. The second pass only multiplies. Nothing is delayed.

use std::collections::VecDeque;

use synchresis_cue::{Watch, decibel_to_gain, gain_to_decibel};

use super::loudness::{CELL, Gate, KWeighting};
use super::peak::TruePeak;
use super::source::{Sink, Source};
use crate::SoundError;

/// Frames read at a time.
const READ: usize = 128 * CELL;

/// Cells in which the limiter goes down before a peak: 4 ms.
const LOOK: usize = 4;

/// Share of the way back up that the limiter goes each millisecond: after a short peak, and after a long passage.
const RELEASE: (f32, f32) = (0.014, 0.003);

/// Share of the way down that the limiter's slow part goes each millisecond.
const SLOW_ATTACK: f32 = 0.03;

/// Distance kept from the ceiling, dB: other meters reconstruct with other filters.
const MARGIN_DB: f64 = 0.15;

/// How near the loudness must come, LU.
const CLOSE_LU: f64 = 0.01;

/// What the master should do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Integrated loudness, LUFS.
    pub loudness_lufs: f64,
    /// Highest true peak, dBTP.
    pub peak_dbtp: f64,
    /// The most that is amplified, dB: what is nearly silent stays quiet.
    pub most_gain_db: f64,
    /// The most that the limiter may take from the highest peak, dB. Where that is not enough to reach the loudness,
    /// the result stays below it.
    pub most_limiting_db: f64,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            loudness_lufs: -14.0,
            peak_dbtp: -1.0,
            most_gain_db: 36.0,
            most_limiting_db: 16.0,
        }
    }
}

/// What the master did, measured on what it wrote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mastered {
    /// Sample frames.
    pub frames: u64,
    /// Integrated loudness, LUFS; `None` for silence.
    pub loudness_lufs: Option<f64>,
    /// True peak, dBTP; `None` for silence.
    pub peak_dbtp: Option<f64>,
    /// Gain before the limiter, dB.
    pub gain_db: f64,
    /// The most that the limiter took away, dB, 0 or above.
    pub limiting_db: f64,
}

/// Energy and peak of each millisecond of a signal.
struct Cells {
    energies: Vec<f32>,
    peaks: Vec<f32>,
    frames: u64,
}

/// Brings `source` to `target`, from its beginning to its end, and hands it to `sink` in interleaved stereo.
///
/// # Errors
/// What `source` and `sink` return, and [`SoundError::Cancelled`].
pub fn master(
    source: &mut dyn Source,
    target: &Target,
    sink: &mut Sink<'_>,
    watch: &dyn Watch,
) -> Result<Mastered, SoundError> {
    source.rewind()?;
    let cells = listen(source, watch)?;
    let ceiling = decibel_to_gain(target.peak_dbtp - MARGIN_DB) as f32;
    let gain = find_gain(&cells, target, ceiling);
    watch.check()?;
    source.rewind()?;
    let (mut weighting, mut gate, mut true_peak) = (KWeighting::new(), Gate::default(), TruePeak::new());
    let mut peaks = cells.peaks.iter().copied();
    let (mut limiter, mut from) = Limiter::begin(gain, ceiling, &mut peaks);
    let (mut lowest, mut loudest) = (1.0f32, 0.0f32);
    let mut buffer = vec![0.0f32; 2 * READ];
    let mut frames = 0u64;
    loop {
        watch.check()?;
        let n = source.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        let read = &mut buffer[..n];
        for cell in read.chunks_mut(2 * CELL) {
            let to = limiter.step(peaks.next());
            let slope = gain * (to - from) / CELL as f32;
            let start = gain * from;
            for (t, frame) in cell.chunks_exact_mut(2).enumerate() {
                let g = start + slope * t as f32;
                for x in frame {
                    *x = if x.abs() < 1e6 {
                        (*x * g).clamp(-ceiling, ceiling)
                    } else {
                        0.0
                    };
                }
            }
            lowest = lowest.min(to);
            from = to;
            loudest = loudest.max(true_peak.cell(cell, loudest));
        }
        let mut rest = n / 2;
        weighting.process(read, |energy| {
            gate.push(f64::from(energy), rest.min(CELL));
            rest = rest.saturating_sub(CELL);
        });
        sink(read)?;
        frames += (n / 2) as u64;
        watch.progress(0.5 + 0.5 * frames as f64 / cells.frames.max(1) as f64);
    }
    loudest = loudest.max(true_peak.cell(&[0.0; 2 * CELL], loudest));
    Ok(Mastered {
        frames,
        loudness_lufs: gate.integrated(),
        peak_dbtp: (loudest > 0.0).then(|| gain_to_decibel(f64::from(loudest))),
        gain_db: gain_to_decibel(f64::from(gain)),
        limiting_db: -gain_to_decibel(f64::from(lowest)),
    })
}

/// The first pass.
fn listen(source: &mut dyn Source, watch: &dyn Watch) -> Result<Cells, SoundError> {
    let (mut weighting, mut true_peak) = (KWeighting::new(), TruePeak::new());
    let mut cells = Cells {
        energies: Vec::new(),
        peaks: Vec::new(),
        frames: 0,
    };
    let mut buffer = vec![0.0f32; 2 * READ];
    loop {
        watch.check()?;
        let n = source.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        for x in &mut buffer[..n] {
            *x = if x.abs() < 1e6 { *x } else { 0.0 };
        }
        cells.frames += (n / 2) as u64;
        weighting.process(&buffer[..n], |energy| cells.energies.push(energy));
        for cell in buffer[..n].chunks(2 * CELL) {
            // A value between the last samples of a cell is known in the next one: it counts for both.
            let peak = true_peak.cell(cell, 0.0);
            if let Some(last) = cells.peaks.last_mut() {
                *last = last.max(peak);
            }
            cells.peaks.push(peak);
        }
    }
    let peak = true_peak.cell(&[0.0; 2 * CELL], 0.0);
    if let Some(last) = cells.peaks.last_mut() {
        *last = last.max(peak);
    }
    Ok(cells)
}

/// The gain before the limiter at which what leaves it has the loudness asked for.
fn find_gain(cells: &Cells, target: &Target, ceiling: f32) -> f32 {
    let whole = |e: &f32| f64::from(*e);
    let mut gate = Gate::default();
    let frames_of = |i: usize| (cells.frames as usize - i * CELL).min(CELL);
    cells
        .energies
        .iter()
        .enumerate()
        .for_each(|(i, e)| gate.push(whole(e), frames_of(i)));
    let Some(loudness) = gate.integrated() else { return 1.0 };
    let highest = cells.peaks.iter().copied().fold(0.0f32, f32::max);
    let most = decibel_to_gain(target.most_gain_db)
        .min(f64::from(ceiling) * decibel_to_gain(target.most_limiting_db) / f64::from(highest.max(1e-9)));
    let least = decibel_to_gain(target.loudness_lufs - loudness);
    if least >= most {
        return most as f32;
    }
    let missing = |gain_db: f64| {
        let reached = limited_loudness(cells, decibel_to_gain(gain_db) as f32, ceiling);
        target.loudness_lufs - reached.unwrap_or(target.loudness_lufs)
    };
    let (mut low, mut high) = (gain_to_decibel(least), gain_to_decibel(most));
    let mut short = missing(low);
    if short < CLOSE_LU {
        return least as f32;
    }
    // The limiter often takes little: a step beyond what is missing usually brackets the gain, and spares the far end.
    let near = (low + 1.5 * short + 0.1).min(high);
    let mut over = missing(near);
    if over < 0.0 {
        high = near;
    } else {
        (low, short) = (near, over);
        over = missing(high);
        if over > 0.0 {
            return most as f32;
        }
    }
    // Regula falsi with the Illinois rule.
    let mut gain_db = high;
    for _ in 0..24 {
        gain_db = low + (high - low) * (short / (short - over).max(1e-12)).clamp(0.02, 0.98);
        let left = missing(gain_db);
        if left.abs() < CLOSE_LU {
            break;
        }
        if left > 0.0 {
            (low, short, over) = (gain_db, left, 0.5 * over);
        } else {
            (high, over, short) = (gain_db, left, 0.5 * short);
        }
    }
    decibel_to_gain(gain_db) as f32
}

/// Loudness of what a limiter would leave at `gain`.
fn limited_loudness(cells: &Cells, gain: f32, ceiling: f32) -> Option<f64> {
    let mut peaks = cells.peaks.iter().copied();
    let (mut limiter, mut from) = Limiter::begin(gain, ceiling, &mut peaks);
    let mut gate = Gate::default();
    for (i, energy) in cells.energies.iter().enumerate() {
        let to = limiter.step(peaks.next());
        let g = gain * f32::midpoint(from, to);
        gate.push(f64::from(energy * g * g), (cells.frames as usize - i * CELL).min(CELL));
        from = to;
    }
    gate.integrated()
}

/// A look-ahead limiter that works on the peaks of milliseconds.
///
/// The gain at the border before cell `k` is the mean of four minima over the cells around, so that it is low enough for
/// the cells on both sides of it, and the way there takes 4 ms. On its way back it is held down by a slow part (0.3 s)
/// in dense passages and released quickly (70 ms) after a single peak: neither distortion nor pumping.
struct Limiter {
    gain: f32,
    ceiling: f32,
    /// What each cell allows: from one before the border to [`LOOK`] − 1 after it.
    allowed: VecDeque<f32>,
    fast: f32,
    slow: f32,
    last: [f32; LOOK],
}

impl Limiter {
    /// A limiter that has heard as much of `peaks` as it must, and the gain at the border before the first cell.
    fn begin(gain: f32, ceiling: f32, peaks: &mut impl Iterator<Item = f32>) -> (Self, f32) {
        let allowed = VecDeque::from(vec![1.0; LOOK]);
        let mut limiter = Self {
            gain,
            ceiling,
            allowed,
            fast: 1.0,
            slow: 1.0,
            last: [1.0; LOOK],
        };
        limiter.hear(peaks.next().unwrap_or(0.0));
        // It is on its way down before the first sample where a peak begins the piece.
        for _ in 1..LOOK {
            limiter.step(peaks.next());
        }
        let first = limiter.step(peaks.next());
        (limiter, first)
    }

    /// The peak of the next cell ahead.
    fn hear(&mut self, peak: f32) {
        let reached = peak * self.gain;
        self.allowed.push_back(if reached > self.ceiling {
            self.ceiling / reached
        } else {
            1.0
        });
    }

    /// The gain at the border before the next cell, with the peak of the cell [`LOOK`] ahead of it.
    fn step(&mut self, peak: Option<f32>) -> f32 {
        let low = self.allowed.iter().copied().fold(1.0, f32::min);
        self.allowed.pop_front();
        self.hear(peak.unwrap_or(0.0));
        self.slow += (low - self.slow) * if low < self.slow { SLOW_ATTACK } else { RELEASE.1 };
        self.fast += (low - self.fast) * RELEASE.0;
        self.fast = self.fast.min(low);
        self.last.rotate_left(1);
        self.last[LOOK - 1] = self.fast.min(self.slow);
        self.last.iter().sum::<f32>() / LOOK as f32
    }
}
