//! Loudness as ITU-R BS.1770-4 and EBU R 128 define it, measured while the samples pass.

use super::biquad::{Biquad, Cascade};

/// Sample frames in a cell, 1 ms: the grain of the limiter and of the loudness that it keeps.
pub(super) const CELL: usize = 48;

/// Cells in 100 ms, the step of the gating blocks.
const STEP: usize = 100;

/// Loudness of a mean square of K-weighted samples (channels summed), LUFS.
pub(super) fn lufs(mean_square: f64) -> f64 {
    -0.691 + 10.0 * mean_square.max(1e-30).log10()
}

/// Sums of squares of K-weighted stereo, cell by cell.
#[derive(Debug, Clone)]
pub(super) struct KWeighting {
    filter: Cascade<2, 2>,
    scratch: Vec<[f32; 2]>,
}

impl KWeighting {
    pub(super) fn new() -> Self {
        Self {
            filter: Cascade::all([Biquad::K_SHELF, Biquad::K_HIGH_PASS]),
            scratch: Vec::new(),
        }
    }

    /// Weights interleaved stereo and hands the sum of squares of each cell to `cell`; the last may be a short one, so
    /// every call but the last must bring whole cells.
    pub(super) fn process(&mut self, interleaved: &[f32], mut cell: impl FnMut(f32)) {
        self.scratch.clear();
        self.scratch.extend(interleaved.chunks_exact(2).map(|f| [f[0], f[1]]));
        self.filter.process(&mut self.scratch);
        for frames in self.scratch.chunks(CELL) {
            let mut sums = [0.0f32; 2];
            for frame in frames {
                sums[0] += frame[0] * frame[0];
                sums[1] += frame[1] * frame[1];
            }
            cell(sums[0] + sums[1]);
        }
    }
}

/// Integrated loudness out of sums of squares, cell by cell; memory grows by 80 bytes a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    steps: Vec<f64>,
    sum: f64,
    cells: usize,
    total: f64,
    frames: usize,
}

impl Gate {
    /// A cell of `frames` sample frames.
    pub(super) fn push(&mut self, sum_of_squares: f64, frames: usize) {
        self.sum += sum_of_squares;
        self.total += sum_of_squares;
        self.frames += frames;
        // A short one is the last, and a block that it would end is none.
        self.cells += usize::from(frames == CELL);
        if self.cells == STEP {
            self.steps.push(self.sum);
            (self.sum, self.cells) = (0.0, 0);
        }
    }

    /// Integrated loudness in LUFS; `None` where nothing passes the absolute gate (−70 LUFS). What is shorter than one
    /// gating block of 400 ms is measured whole, ungated.
    pub(super) fn integrated(&self) -> Option<f64> {
        let block = (4 * STEP * CELL) as f64;
        if self.steps.len() < 4 {
            let level = lufs(self.total / self.frames.max(1) as f64);
            return (level > -70.0).then_some(level);
        }
        let blocks = || self.steps.windows(4).map(|w| w.iter().sum::<f64>() / block);
        let mean_above = |gate: f64| {
            let (sum, n) = blocks()
                .filter(|e| lufs(*e) > gate)
                .fold((0.0, 0u64), |(s, n), e| (s + e, n + 1));
            (n > 0).then(|| sum / n as f64)
        };
        let ungated = mean_above(-70.0)?;
        mean_above((lufs(ungated) - 10.0).max(-70.0)).map(lufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours(samples: &[f32]) -> Option<f64> {
        let (mut weighting, mut gate) = (KWeighting::new(), Gate::default());
        weighting.process(samples, |e| gate.push(f64::from(e), CELL));
        gate.integrated()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn our_loudness_differs_from_the_reference_meter(
            seed in 1u32.., level in -50.0f32..0.0, tone in 20.0f32..15_000.0, seconds in 1usize..6, gap in 0.0f32..0.9,
        ) {
            let mut state = seed;
            let gain = 10f32.powf(level / 20.0);
            let n = seconds * 48_000;
            let samples: Vec<f32> = (0..n).flat_map(|i| {
                state ^= state << 13; state ^= state >> 17; state ^= state << 5;
                let noise = state as f32 / u32::MAX as f32 - 0.5;
                let open = if (i as f32 / n as f32) < gap { 0.02 } else { 1.0 };
                let x = gain * open * (0.5 * noise + 0.5 * (i as f32 * tone * std::f32::consts::TAU / 48_000.0).sin());
                [x, 0.7 * x]
            }).collect();
            let mut meter = ebur128::EbuR128::new(2, 48_000, ebur128::Mode::I).expect("meter");
            meter.add_frames_f32(&samples).expect("frames");
            let theirs = meter.loudness_global().expect("loudness");
            match ours(&samples) {
                Some(ours) => prop_assert!((ours - theirs).abs() < 0.05, "{ours} {theirs}"),
                None => prop_assert!(theirs < -69.9, "{theirs}"),
            }
        }
    }

    #[test]
    fn silence_has_a_loudness() {
        assert_eq!(ours(&vec![0.0; 96_000]), None);
        assert_eq!(ours(&[]), None);
    }
}
