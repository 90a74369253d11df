//! The pass over a song at [`RATE`]: frames in, numbers out, nothing of the sound kept.

use rayon::prelude::*;

use super::envelope::Strength;
use super::features::{centroid, level};
use super::mel::MelBank;
use super::separate::{Parts, Separator};
use super::spectrum::{HOP, N_FFT, RATE, Stft};
use super::tonal::{Peak, Pitches, peaks, tuning_of};

/// Frames that are transformed together.
const BATCH: usize = 128;
/// Mel bands of onset strength.
const BANDS: usize = 128;
/// Frames of a block of pitch and timbre.
pub(super) const BLOCK_FRAMES: usize = 16;
/// Bands of a block's timbre.
pub(super) const TIMBRE: usize = 16;
/// Peaks that tuning is estimated from: about the first five minutes.
const TUNING_PEAKS: usize = 400_000;
/// Upper end of the bass.
const BASS_HZ: f32 = 150.0;

/// What one frame says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameFacts {
    /// Root mean square.
    pub(super) level: f32,
    /// Centre of the spectrum, Hz.
    pub(super) centroid: f32,
    /// Root of the power below [`BASS_HZ`].
    pub(super) bass: f32,
    /// Root of the power of the harmonic part, and of the percussive one.
    pub(super) harmonic: f32,
    pub(super) percussive: f32,
}

/// What [`BLOCK_FRAMES`] frames say together.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockFacts {
    pub(super) pitches: Pitches,
    /// Mean decibels of [`TIMBRE`] bands.
    pub(super) timbre: [f32; TIMBRE],
    frames: usize,
}

/// All that a song left behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) samples: u64,
    pub(super) frames: Vec<FrameFacts>,
    pub(super) blocks: Vec<BlockFacts>,
    /// Onset envelopes by mean and by median.
    pub(super) mean: Vec<f32>,
    pub(super) median: Vec<f32>,
    /// Semitones from A = 440 Hz.
    pub(super) tuning: f64,
}

/// The pass itself.
#[derive(Debug)]
pub(super) struct Analysis {
    pending: Vec<f32>,
    samples: u64,
    stft: Stft,
    bank: MelBank,
    strength: Strength,
    separator: Separator,
    frames: Vec<FrameFacts>,
    parted: usize,
    blocks: Vec<BlockFacts>,
    tuning: Vec<Peak>,
}

/// Work on one frame that needs no other.
struct Seen {
    mel: Vec<f32>,
    magnitude: Vec<f32>,
    facts: FrameFacts,
    power_peaks: Vec<Peak>,
    peaks: Vec<Peak>,
}

impl Analysis {
    pub(super) fn new() -> Self {
        let stft = Stft::new(N_FFT);
        Self {
            pending: vec![0.0; N_FFT / 2],
            samples: 0,
            separator: Separator::new(stft.bins(), (1.0, 1.0)),
            stft,
            bank: MelBank::new(RATE, N_FFT, BANDS),
            strength: Strength::default(),
            frames: Vec::new(),
            parted: 0,
            blocks: Vec::new(),
            tuning: Vec::new(),
        }
    }

    /// Takes finite mono samples at [`RATE`].
    pub(super) fn push(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        for part in samples.chunks(BATCH * HOP) {
            self.pending.extend_from_slice(part);
            while self.pending.len() >= (BATCH - 1) * HOP + N_FFT {
                self.batch(BATCH);
            }
        }
    }

    pub(super) fn finish(mut self) -> Facts {
        self.pending.resize(self.pending.len() + N_FFT / 2, 0.0);
        while let Some(rest) = self.pending.len().checked_sub(N_FFT) {
            self.batch((rest / HOP + 1).min(BATCH));
        }
        let Self {
            mut frames,
            strength,
            separator,
            parted,
            blocks,
            tuning,
            samples,
            ..
        } = self;
        for ((h, p), frame) in separator
            .finish(energies)
            .into_iter()
            .zip(frames.iter_mut().skip(parted))
        {
            (frame.harmonic, frame.percussive) = (h, p);
        }
        let (mean, median) = strength.finish();
        Facts {
            samples,
            frames,
            blocks,
            mean,
            median,
            tuning: tuning_of(&tuning),
        }
    }

    /// Transforms the next `count` frames, which are pending.
    fn batch(&mut self, count: usize) {
        let (stft, bank, pending) = (&self.stft, &self.bank, &self.pending);
        let seen: Vec<Seen> = (0..count)
            .into_par_iter()
            .with_min_len(8)
            .map_init(
                || stft.clone(),
                |stft, i| see(stft, bank, &pending[i * HOP..i * HOP + N_FFT]),
            )
            .collect();
        self.pending.drain(..count * HOP);
        for seen in seen {
            self.strength.push(&seen.mel);
            let room = TUNING_PEAKS.saturating_sub(self.tuning.len());
            self.tuning.extend(seen.power_peaks.iter().take(room));
            if self.frames.len().is_multiple_of(BLOCK_FRAMES) {
                self.blocks.push(BlockFacts::default());
            }
            if let Some(block) = self.blocks.last_mut() {
                block.add(&seen);
            }
            self.frames.push(seen.facts);
            for (h, p) in self.separator.push(seen.magnitude, energies) {
                if let Some(frame) = self.frames.get_mut(self.parted) {
                    (frame.harmonic, frame.percussive) = (h, p);
                }
                self.parted += 1;
            }
        }
    }
}

impl BlockFacts {
    fn add(&mut self, seen: &Seen) {
        self.pitches.add(&seen.peaks);
        // A running mean, since the last block may be shorter.
        self.frames += 1;
        let share = 1.0 / self.frames as f32;
        for (out, bands) in self.timbre.iter_mut().zip(seen.mel.chunks(BANDS / TIMBRE)) {
            let power = bands.iter().sum::<f32>() / bands.len() as f32;
            *out += (10.0 * power.max(1e-8).log10() - *out) * share;
        }
    }
}

fn see(stft: &mut Stft, bank: &MelBank, frame: &[f32]) -> Seen {
    let mut magnitude = vec![0.0; stft.bins()];
    stft.power(frame, &mut magnitude);
    let mut mel = vec![0.0; bank.bands()];
    bank.apply(&magnitude, &mut mel);
    let mut power_peaks = Vec::new();
    peaks(&magnitude, &mut power_peaks);
    let bass_bins = (BASS_HZ * N_FFT as f32 / RATE as f32) as usize;
    let bass = magnitude[1..=bass_bins].iter().sum::<f32>().sqrt();
    for m in &mut magnitude {
        *m = m.sqrt();
    }
    let mut found = Vec::new();
    peaks(&magnitude, &mut found);
    let facts = FrameFacts {
        level: level(frame),
        centroid: centroid(&magnitude),
        bass,
        ..Default::default()
    };
    Seen {
        mel,
        magnitude,
        facts,
        power_peaks,
        peaks: found,
    }
}

/// Roots of the powers of both parts.
fn energies(parts: Parts<'_>) -> (f32, f32) {
    let power = |mask: &[f32]| {
        let mut sums = [0.0f32; 8];
        for (m, w) in parts.magnitude.chunks(8).zip(mask.chunks(8)) {
            for ((s, m), w) in sums.iter_mut().zip(m).zip(w) {
                *s += (m * w) * (m * w);
            }
        }
        sums.iter().sum::<f32>().sqrt()
    };
    (power(parts.harmonic), power(parts.percussive))
}
