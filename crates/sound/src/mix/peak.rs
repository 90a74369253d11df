//! True peak: what the signal reaches between its samples (ITU-R BS.1770-4, annex 2), by fourfold oversampling.

use super::loudness::CELL;

/// Taps of each phase.
const TAPS: usize = 12;

/// Samples by which an in-between value is known later than the samples around it.
const DELAY: usize = TAPS / 2;

/// Follows the true peak of stereo, cell by cell.
#[derive(Debug, Clone)]
pub(super) struct TruePeak {
    phases: [[f32; TAPS]; 3],
    /// What a peak between samples can be at most, times the largest sample near it.
    overshoot: f32,
    history: [[f32; TAPS - 1]; 2],
}

impl TruePeak {
    pub(super) fn new() -> Self {
        // Sinc under a Hann window, the phases a quarter, a half and three quarters of a sample on.
        let phases: [[f32; TAPS]; 3] = std::array::from_fn(|p| {
            let taps: [f64; TAPS] = std::array::from_fn(|k| {
                let at = k as f64 - (DELAY as f64 - 1.0) - (p as f64 + 1.0) / 4.0;
                let x = std::f64::consts::PI * at;
                let window = (x / TAPS as f64).cos().powi(2);
                x.sin() / x * window
            });
            // A constant must come out as itself.
            let sum: f64 = taps.iter().sum();
            taps.map(|t| (t / sum) as f32)
        });
        let overshoot = phases
            .iter()
            .map(|p| p.iter().map(|t| t.abs()).sum::<f32>())
            .fold(1.0, f32::max);
        Self {
            phases,
            overshoot,
            history: [[0.0; TAPS - 1]; 2],
        }
    }

    /// The largest magnitude of a cell (up to [`CELL`] interleaved stereo frames) and of what lies between its samples
    /// and the [`DELAY`] before it. Where it cannot be above `unless_above`, the largest sample is good enough.
    pub(super) fn cell(&mut self, interleaved: &[f32], unless_above: f32) -> f32 {
        let n = (interleaved.len() / 2).min(CELL);
        let mut peak = 0.0f32;
        for channel in 0..2 {
            let mut x = [0.0f32; CELL + TAPS - 1];
            x[..TAPS - 1].copy_from_slice(&self.history[channel]);
            for (to, from) in x[TAPS - 1..].iter_mut().zip(interleaved[channel..].iter().step_by(2)) {
                *to = *from;
            }
            let near = largest(&x);
            peak = peak.max(largest(&x[TAPS - 1..]));
            if near * self.overshoot > unless_above {
                for taps in &self.phases {
                    let mut y = [0.0f32; CELL];
                    for (k, tap) in taps.iter().enumerate() {
                        for (y, x) in y.iter_mut().zip(&x[k..k + CELL]) {
                            *y += tap * x;
                        }
                    }
                    peak = peak.max(largest(&y[..n]));
                }
            }
            self.history[channel].copy_from_slice(&x[n..n + TAPS - 1]);
        }
        peak
    }
}

/// The largest magnitude, eight lanes at a time.
pub(super) fn largest(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = x.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(0.0f32, |m, x| m.max(x.abs()));
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            let x = x.abs();
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.into_iter().fold(rest, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(samples: &[f32]) -> (f64, f64) {
        let mut meter = ebur128::EbuR128::new(2, 48_000, ebur128::Mode::TRUE_PEAK).expect("meter");
        meter.add_frames_f32(samples).expect("frames");
        let theirs = meter.true_peak(0).expect("peak").max(meter.true_peak(1).expect("peak"));
        let mut ours = TruePeak::new();
        let mut peak = 0.0f32;
        for cell in samples.chunks(2 * CELL) {
            peak = peak.max(ours.cell(cell, 0.0));
        }
        peak = peak.max(ours.cell(&[0.0; 2 * CELL], 0.0));
        (20.0 * f64::from(peak).log10(), 20.0 * theirs.log10())
    }

    #[test]
    fn a_peak_between_samples_is_missed() {
        for hz in [997.0, 6_000.0, 9_000.0, 12_000.0, 15_000.0] {
            let tone: Vec<f32> = (0..9_600)
                .flat_map(|i| {
                    let x = (std::f32::consts::TAU * hz * i as f32 / 48_000.0 + 0.785).sin();
                    [x * 0.5, x]
                })
                .collect();
            let (ours, theirs) = both(&tone);
            assert!((ours - theirs).abs() < 0.25 && ours > -0.25, "{hz} Hz: {ours} {theirs}");
        }
        let square: Vec<f32> = (0..9_600)
            .flat_map(|i| if i % 7 < 3 { [1.0, 0.0] } else { [-1.0, 0.0] })
            .collect();
        let (ours, theirs) = both(&square);
        assert!((ours - theirs).abs() < 0.2, "{ours} {theirs}");
    }
}
