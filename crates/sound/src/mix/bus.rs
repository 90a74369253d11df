//! The sum of all tracks on its way out: low end to the middle, gentle glue.

use super::biquad::{Biquad, Cascade};
use super::loudness::CELL;

/// Below this the two sides are one, hertz.
const MONO_BELOW_HZ: f64 = 120.0;

/// Where the compressor begins, dB of mean square against full scale.
const THRESHOLD_DB: f32 = -17.0;

/// Width of the bend around the threshold, dB.
const KNEE_DB: f32 = 10.0;

/// Share of what is above the threshold that is taken away: a ratio of 2 to 1.
const SLOPE: f32 = 0.5;

/// The most it takes away, dB.
const MOST_DB: f32 = 4.0;

/// Takes the difference of the two sides out of the low end. Linear: what is done to the sum is done to its parts.
#[derive(Debug, Clone)]
pub(super) struct MonoBelow {
    /// Side, and, for the compressor's ear, left and right without their lowest octaves.
    filters: Cascade<4, 1>,
    scratch: Vec<[f32; 4]>,
}

impl MonoBelow {
    pub(super) fn new() -> Self {
        let mut filters = Cascade::all([Biquad::high_pass(90.0, 0.6)]);
        filters.set(0, 0, Biquad::high_pass(MONO_BELOW_HZ, std::f64::consts::FRAC_1_SQRT_2));
        Self {
            filters,
            scratch: Vec::new(),
        }
    }

    /// In place.
    pub(super) fn process(&mut self, left: &mut [f32], right: &mut [f32]) {
        self.scratch.clear();
        self.scratch
            .extend(left.iter().zip(right.iter()).map(|(l, r)| [0.5 * (l - r), *l, *r, 0.0]));
        self.filters.process(&mut self.scratch);
        for ((l, r), s) in left.iter_mut().zip(right.iter_mut()).zip(&self.scratch) {
            let middle = 0.5 * (*l + *r);
            (*l, *r) = (middle + s[0], middle - s[0]);
        }
    }

    /// What the compressor listens to of the last [`MonoBelow::process`]: left and right above the lowest octaves.
    fn heard(&self) -> &[[f32; 4]] {
        &self.scratch
    }
}

/// A soft-kneed compressor that hears both sides and turns both alike.
#[derive(Debug, Clone)]
pub(super) struct Glue {
    level: f32,
    gain: f32,
}

impl Glue {
    pub(super) fn new() -> Self {
        Self { level: 0.0, gain: 1.0 }
    }

    /// Multiplies `gain` by what the compressor does to the signal that `bus` has just passed on. All calls but the last
    /// bring whole cells.
    pub(super) fn process(&mut self, bus: &MonoBelow, gain: &mut [f32]) {
        // A cell is 1 ms; attack 14 ms, release 170 ms.
        const ATTACK: f32 = 0.069;
        const RELEASE: f32 = 0.005_87;
        for (cell, gain) in bus.heard().chunks(CELL).zip(gain.chunks_mut(CELL)) {
            let mut sums = [0.0f32; 2];
            for frame in cell {
                sums[0] += frame[1] * frame[1];
                sums[1] += frame[2] * frame[2];
            }
            let power = sums[0].max(sums[1]) / cell.len() as f32;
            self.level += (power - self.level) * if power > self.level { ATTACK } else { RELEASE };
            let to = 10f32.powf(curve(10.0 * self.level.max(1e-12).log10()) / 20.0);
            let slope = (to - self.gain) / CELL as f32;
            for (t, gain) in gain.iter_mut().enumerate() {
                *gain *= self.gain + slope * (t + 1) as f32;
            }
            self.gain = to;
        }
    }
}

/// Gain in dB, 0 or below, at a level in dB.
fn curve(level_db: f32) -> f32 {
    let over = level_db - THRESHOLD_DB;
    let knee = (over + KNEE_DB / 2.0).clamp(0.0, KNEE_DB);
    let above = (over - KNEE_DB / 2.0).max(0.0);
    -(SLOPE * (knee * knee / (2.0 * KNEE_DB) + above)).min(MOST_DB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compressor_turns_up_or_jumps() {
        assert_eq!(curve(-60.0), 0.0);
        assert!((curve(THRESHOLD_DB + 6.0) + 3.0).abs() < 1e-4);
        assert_eq!(curve(20.0), -MOST_DB);
        let curve: Vec<f32> = (-6000..1000).map(|i| curve(i as f32 / 100.0)).collect();
        assert!(curve.windows(2).all(|w| w[1] <= w[0] && w[0] - w[1] < 0.006));
    }

    #[test]
    fn the_low_end_leans_to_one_side() {
        let tone = |hz: f32| -> Vec<f32> {
            (0..48_000)
                .map(|i| (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin())
                .collect()
        };
        for (hz, low, high) in [(45.0, 0.85, 1.0), (1000.0, -0.1, 0.1)] {
            // On the left alone: below the corner the right must carry it too.
            let (mut l, mut r) = (tone(hz), vec![0.0; 48_000]);
            MonoBelow::new().process(&mut l, &mut r);
            let sum = |a: &[f32], b: &[f32]| -> f32 { a[24_000..].iter().zip(&b[24_000..]).map(|(a, b)| a * b).sum() };
            let correlation = sum(&l, &r) / (sum(&l, &l) * sum(&r, &r)).sqrt().max(1e-9);
            assert!((low..=high).contains(&correlation), "{hz} Hz: {correlation}");
        }
    }
}
