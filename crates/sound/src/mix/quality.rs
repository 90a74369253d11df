//! How a mix measures: what a mastering engineer looks at before touching it.

use synchresis_cue::Watch;

use super::biquad::{Biquad, Cascade};
use super::loudness::{CELL, KWeighting, lufs};
use super::source::Source;
use crate::{BLOCK, SAMPLE_RATE, SoundError};

/// Cells in a second.
const CELLS: usize = SAMPLE_RATE as usize / CELL;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Largest sample over the root mean square, dB.
    pub crest_db: f64,
    /// Loudness range after EBU Tech 3342: between the 10th and the 95th hundredth of the loudness over three seconds, LU;
    /// 0 for what is shorter than six.
    pub range_lu: f64,
    /// Power around 90 Hz over that around 1 kHz, dB.
    pub low_db: f64,
    /// Power around 8 kHz over that around 1 kHz, dB.
    pub high_db: f64,
    /// Correlation of the two sides, −1 to 1.
    pub correlation: f64,
}

/// Real music, the middle four fifths of sixteen recordings: crest, low and high band, correlation. Crest and range leave
/// room upwards for what a master still takes.
const USUAL: [(f64, f64); 5] = [(12.5, 20.0), (2.0, 14.0), (0.3, 8.4), (-19.7, -9.9), (0.4, 0.85)];

impl Quality {
    /// How near to real recordings, 0 to 1: the mean over the figures of 1 inside the usual range, less outside.
    pub fn value(&self) -> f64 {
        let figures = [
            self.crest_db,
            self.range_lu,
            self.low_db,
            self.high_db,
            self.correlation,
        ];
        let near = |(x, (low, high)): (f64, (f64, f64))| {
            let off = (low - x).max(x - high).max(0.0) / (high - low);
            (-off * off).exp()
        };
        figures.into_iter().zip(USUAL).map(near).sum::<f64>() / figures.len() as f64
    }
}

/// Measures a source from its beginning; `None` for silence.
///
/// # Errors
/// What the source returns, and [`SoundError::Cancelled`].
pub fn quality(source: &mut dyn Source, watch: &dyn Watch) -> Result<Option<Quality>, SoundError> {
    source.rewind()?;
    // Left and right through three bands each, side by side.
    let mut bands: Cascade<6, 1> = Cascade::flat();
    for (band, (hz, q)) in [(90.0, 0.7), (1_000.0, 0.5), (8_000.0, 0.7)].into_iter().enumerate() {
        for side in 0..2 {
            bands.set(2 * band + side, 0, Biquad::band_pass(hz, q));
        }
    }
    let mut weighting = KWeighting::new();
    let (mut cell_sums, mut seconds, mut cells) = (0.0f64, Vec::new(), 0usize);
    let (mut peak, mut power, mut products, mut frames) = (0.0f32, [0.0f64; 3], [0.0f64; 3], 0u64);
    let mut buffer = vec![0f32; 2 * CELL * BLOCK];
    let mut lanes: Vec<[f32; 6]> = Vec::new();
    loop {
        watch.check()?;
        let mut filled = 0;
        while filled < buffer.len() {
            match source.read(&mut buffer[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        if filled == 0 {
            break;
        }
        let part = &buffer[..filled];
        frames += filled as u64 / 2;
        lanes.clear();
        lanes.extend(part.chunks_exact(2).map(|f| [f[0], f[1], f[0], f[1], f[0], f[1]]));
        bands.process(&mut lanes);
        for (frame, lane) in part.chunks_exact(2).zip(&lanes) {
            let [l, r] = [f64::from(frame[0]), f64::from(frame[1])];
            peak = peak.max(frame[0].abs()).max(frame[1].abs());
            products[0] += l * r;
            products[1] += l * l;
            products[2] += r * r;
            for (band, sum) in power.iter_mut().enumerate() {
                *sum += f64::from(lane[2 * band]).powi(2) + f64::from(lane[2 * band + 1]).powi(2);
            }
        }
        weighting.process(part, |sum| {
            cell_sums += f64::from(sum);
            cells += 1;
            if cells == CELLS {
                seconds.push(cell_sums / f64::from(SAMPLE_RATE));
                (cell_sums, cells) = (0.0, 0);
            }
        });
    }
    let [lr, ll, rr] = products;
    if frames == 0 || peak == 0.0 {
        return Ok(None);
    }
    let db = |ratio: f64| 10.0 * ratio.max(1e-12).log10();
    let mean = (ll + rr) / (2.0 * frames as f64);
    Ok(Some(Quality {
        crest_db: 20.0 * f64::from(peak).log10() - db(mean),
        range_lu: range(&seconds),
        low_db: db(power[0] / power[1].max(1e-30)),
        high_db: db(power[2] / power[1].max(1e-30)),
        correlation: if ll * rr > 0.0 { lr / (ll * rr).sqrt() } else { 1.0 },
    }))
}

/// Loudness range out of mean squares second by second.
fn range(seconds: &[f64]) -> f64 {
    let loud: Vec<f64> = seconds
        .windows(3)
        .map(|w| w.iter().sum::<f64>() / 3.0)
        .filter(|power| lufs(*power) > -70.0)
        .collect();
    let mean = loud.iter().sum::<f64>() / loud.len().max(1) as f64;
    let mut levels: Vec<f64> = loud.into_iter().map(lufs).filter(|l| *l > lufs(mean) - 20.0).collect();
    if levels.len() < 4 {
        return 0.0;
    }
    levels.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| levels[((levels.len() - 1) as f64 * share).round() as usize];
    at(0.95) - at(0.10)
}

#[cfg(test)]
mod tests {
    use synchresis_cue::Silent;

    use super::super::source::Samples;
    use super::*;

    /// Two sides of a sine each, the second at `phase`.
    fn sine(hz: f64, phase: f64, seconds: usize) -> Vec<f32> {
        (0..seconds * SAMPLE_RATE as usize)
            .flat_map(|i| {
                let t = std::f64::consts::TAU * hz * i as f64 / f64::from(SAMPLE_RATE);
                [(0.5 * t.sin()) as f32, (0.5 * (t + phase).sin()) as f32]
            })
            .collect()
    }

    #[test]
    fn a_sine_measures_as_something_else() {
        let samples = sine(1_000.0, 0.0, 10);
        let q = quality(&mut Samples::new(&samples), &Silent)
            .expect("reads")
            .expect("sounds");
        assert!((q.crest_db - 3.01).abs() < 0.05, "{q:?}");
        assert!((q.correlation - 1.0).abs() < 1e-6 && q.range_lu < 0.1, "{q:?}");
        assert!(q.low_db < -15.0 && q.high_db < -10.0, "{q:?}");
        let wide = sine(1_000.0, std::f64::consts::FRAC_PI_2, 4);
        let q = quality(&mut Samples::new(&wide), &Silent)
            .expect("reads")
            .expect("sounds");
        assert!(q.correlation.abs() < 1e-3, "{q:?}");
        assert_eq!(quality(&mut Samples::new(&[0.0; 4096]), &Silent).expect("reads"), None);
    }

    #[test]
    fn ten_loud_and_ten_soft_seconds_have_no_range() {
        let mut samples = sine(440.0, 0.0, 20);
        let half = samples.len() / 2;
        samples[half..].iter_mut().for_each(|x| *x *= 0.316);
        let q = quality(&mut Samples::new(&samples), &Silent)
            .expect("reads")
            .expect("sounds");
        assert!((q.range_lu - 10.0).abs() < 0.5, "{q:?}");
    }
}
