//! Onset strength of a stream.
//!
//! librosa lets no value of the log-mel spectrogram lie more than 80 dB below the loudest of the whole recording, which
//! a stream does not know before its end. What depends on it is kept until then: only rises that begin in the depths.

use super::mel::{TOP_DB, db};
use super::onset::{LEAD, median_of};

/// No recording within full scale has a mel band louder than this, decibels: a square wave in the narrowest band is at
/// 43. In a louder one (floating-point samples may be), rises from 80 dB below what was loudest so far count whole.
const LOUDEST_DB: f32 = 45.0;

/// Both onset envelopes of a stream of mel spectra, as from [`onset_strength`](super::onset_strength) and
/// [`onset_strength_median`](super::onset_strength_median).
#[derive(Debug, Clone, Default)]
pub struct Strength {
    before: Vec<f32>,
    top: f32,
    frames: usize,
    mean: Vec<f32>,
    median: Vec<f32>,
    open: Vec<Open>,
    /// Values that the open frames need.
    values: Vec<f32>,
    rises: Vec<f32>,
    deep: Vec<(f32, f32)>,
}

/// A frame some of whose rises begin so deep that they may be cut.
#[derive(Debug, Clone, Copy)]
struct Open {
    index: usize,
    /// Rises left out below those kept, and how many are kept.
    skipped: usize,
    kept: usize,
    /// Pairs (before, now) in decibels that follow them.
    pairs: usize,
}

impl Strength {
    /// Takes the mel powers of the next frame.
    pub fn push(&mut self, mel: &[f32]) {
        self.push_db(mel.iter().map(|&p| db(p)).collect());
    }

    /// The same in decibels, none below −100.
    pub(super) fn push_db(&mut self, now: Vec<f32>) {
        if self.frames == 0 {
            self.top = now.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            self.before = now;
            self.frames = 1;
            return;
        }
        self.frames += 1;
        self.top = now.iter().copied().fold(self.top, f32::max);
        // The floor will lie between these two.
        let low = self.top - TOP_DB;
        let high = low.max(LOUDEST_DB - TOP_DB);
        self.rises.clear();
        self.deep.clear();
        for (&b, &n) in self.before.iter().zip(&now) {
            if n <= b || n <= low {
                self.rises.push(0.0);
            } else if b >= high {
                self.rises.push(n - b);
            } else {
                self.deep.push((b, n));
            }
        }
        self.before = now;
        let bands = self.before.len().max(1);
        self.mean.push(self.rises.iter().sum::<f32>() / bands as f32);
        if self.deep.is_empty() {
            self.median.push(median_of(&mut self.rises));
            return;
        }
        // Of the certain rises only those that can end up in the middle matter.
        self.median.push(0.0);
        self.rises.sort_unstable_by(f32::total_cmp);
        let from = ((bands - 1) / 2).saturating_sub(self.deep.len()).min(self.rises.len());
        let to = (bands / 2 + 1).min(self.rises.len()).max(from);
        self.open.push(Open {
            index: self.mean.len() - 1,
            skipped: from,
            kept: to - from,
            pairs: self.deep.len(),
        });
        self.values.extend_from_slice(&self.rises[from..to]);
        self.values.extend(self.deep.iter().flat_map(|&(b, n)| [b, n]));
    }

    /// The envelopes (mean, median), one value a frame.
    pub fn finish(mut self) -> (Vec<f32>, Vec<f32>) {
        let floor = self.top - TOP_DB;
        let bands = self.before.len().max(1);
        let mut rest = self.values.as_slice();
        let mut middle: Vec<f32> = Vec::new();
        for open in &self.open {
            let (kept, tail) = rest.split_at(open.kept.min(rest.len()));
            let (pairs, tail) = tail.split_at((2 * open.pairs).min(tail.len()));
            rest = tail;
            middle.clear();
            middle.extend_from_slice(kept);
            middle.extend(
                pairs
                    .chunks_exact(2)
                    .map(|p| (p[1].max(floor) - p[0].max(floor)).max(0.0)),
            );
            self.mean[open.index] += middle[kept.len()..].iter().sum::<f32>() / bands as f32;
            middle.sort_unstable_by(f32::total_cmp);
            let at = |rank: usize| middle.get(rank.saturating_sub(open.skipped)).copied().unwrap_or(0.0);
            self.median[open.index] = f32::midpoint(at((bands - 1) / 2), at(bands / 2));
        }
        let lead = |envelope: Vec<f32>| {
            let mut out = vec![0.0; LEAD];
            out.extend(envelope);
            out.truncate(self.frames);
            out
        };
        (lead(self.mean), lead(self.median))
    }

    /// Bytes kept for the end.
    #[cfg(test)]
    fn kept(&self) -> usize {
        4 * self.values.len() + 8 * self.mean.len() + size_of::<Open>() * self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hear::mel::power_to_db;

    /// The definition, with everything in memory.
    fn slow(rows: &[Vec<f32>]) -> (Vec<f32>, Vec<f32>) {
        let mut rows = rows.to_vec();
        power_to_db(&mut rows);
        let (mut mean, mut median) = (vec![0.0; LEAD], vec![0.0; LEAD]);
        for pair in rows.windows(2) {
            let mut rises: Vec<f32> = pair[0].iter().zip(&pair[1]).map(|(b, n)| (n - b).max(0.0)).collect();
            mean.push(rises.iter().sum::<f32>() / rises.len() as f32);
            median.push(median_of(&mut rises));
        }
        mean.truncate(rows.len());
        median.truncate(rows.len());
        (mean, median)
    }

    #[test]
    fn a_stream_has_another_envelope_than_the_whole() {
        let mut state = 7u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        // From the depths to the loudest and back, in bands of quite different level.
        let rows: Vec<Vec<f32>> = (0..400)
            .map(|t| {
                let level = -95.0 + 110.0 * (t as f32 / 100.0).sin().abs();
                (0..128)
                    .map(|b| 10f32.powf((level - b as f32 * 0.5 + 30.0 * noise()) / 10.0))
                    .collect()
            })
            .collect();
        let mut strength = Strength::default();
        for row in &rows {
            strength.push(row);
        }
        let (mean, median) = strength.finish();
        let (slow_mean, slow_median) = slow(&rows);
        assert_eq!(mean.len(), rows.len());
        for t in 0..rows.len() {
            assert!(
                (mean[t] - slow_mean[t]).abs() < 1e-4,
                "frame {t}: {} {}",
                mean[t],
                slow_mean[t]
            );
            assert!(
                (median[t] - slow_median[t]).abs() < 1e-5,
                "frame {t}: {} {}",
                median[t],
                slow_median[t]
            );
        }
    }

    #[test]
    fn a_loud_song_is_kept_whole() {
        let mut strength = Strength::default();
        for t in 0..1000 {
            let row: Vec<f32> = (0..128)
                .map(|b| 10f32.powf((30.0 - 0.3 * b as f32 + ((t * b) % 7) as f32) / 10.0))
                .collect();
            strength.push(&row);
        }
        assert!(strength.kept() < 1000 * 16, "{} bytes", strength.kept());
    }

    #[test]
    fn no_frame_or_one_has_an_envelope() {
        assert_eq!(Strength::default().finish(), (vec![], vec![]));
        let mut one = Strength::default();
        one.push(&[1.0; 128]);
        assert_eq!(one.finish(), (vec![0.0], vec![0.0]));
    }
}
