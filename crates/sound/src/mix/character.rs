//! What kind of sound the film brings along: where it speaks or acts, where it is music, where it is only there.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use synchresis_cue::Watch;

use super::loudness::{CELL, KWeighting, lufs};
use super::source::Source;
use crate::SoundError;

/// Cells in a step of 10 ms.
const STEP_CELLS: usize = 10;

/// Seconds a step lasts.
pub(super) const STEP_S: f64 = 0.01;

/// Sample frames in a step.
pub(super) const STEP: usize = STEP_CELLS * CELL;

/// Every fourth frame is enough to follow partials up to 4.5 kHz.
const DECIMATION: usize = 4;

/// Decimated frames in a spectrum, 85 ms, and between two.
const SPECTRUM: usize = 1024;
const HOP: usize = SPECTRUM / 2;

/// What is below this is silence whatever it is, LUFS.
const SILENCE: f64 = -56.0;

/// The sound of a stream in steps of 10 ms.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// Mean squares after K weighting.
    pub(super) power: Vec<f32>,
}

/// Frames that every reader of a pass gets at a time: whole steps.
const READ: usize = 12 * STEP;

/// Measures `source` from its beginning, and hands each piece of its samples on.
pub(super) fn levels(
    source: &mut dyn Source,
    watch: &dyn Watch,
    mut also: impl FnMut(&[f32]),
) -> Result<Levels, SoundError> {
    source.rewind()?;
    let (mut weighting, mut levels) = (KWeighting::new(), Levels::default());
    let mut buffer = vec![0.0f32; 2 * READ];
    loop {
        watch.check()?;
        let n = source.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        for x in &mut buffer[..n] {
            *x = if x.abs() < 64.0 { *x } else { 0.0 };
        }
        let (mut sum, mut cells) = (0.0, 0);
        weighting.process(&buffer[..n], |energy| {
            sum += energy;
            cells += 1;
            if cells == STEP_CELLS {
                levels.power.push(sum / STEP as f32);
                (sum, cells) = (0.0, 0);
            }
        });
        if cells > 0 {
            levels.power.push(sum / STEP as f32);
        }
        also(&buffer[..n]);
    }
    Ok(levels)
}

impl Levels {
    /// Mean over a window of ± `reach` steps, LUFS, at each step.
    pub(super) fn smooth(&self, reach: usize) -> Vec<f64> {
        let n = self.power.len();
        let mut sums = Vec::with_capacity(n + 1);
        sums.push(0.0f64);
        for p in &self.power {
            sums.push(sums.last().copied().unwrap_or(0.0) + f64::from(*p));
        }
        (0..n)
            .map(|i| {
                let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(n));
                lufs((sums[to] - sums[from]).max(0.0) / (to - from) as f64)
            })
            .collect()
    }

    /// Loudness of the steps of which `which` is true, LUFS; `None` if there are none.
    pub(super) fn mean_where(&self, which: impl Fn(usize) -> bool) -> Option<f64> {
        let steps = self.power.iter().enumerate().filter(|(i, _)| which(*i));
        let (sum, n) = steps.fold((0.0, 0u64), |(s, n), (_, p)| (s + f64::from(*p), n + 1));
        (n > 0).then(|| lufs(sum / n as f64))
    }
}

/// The film's own sound, understood.
#[derive(Debug, Clone, Default)]
pub(super) struct Character {
    pub(super) levels: Levels,
    /// At each step: something happens above what is always there.
    pub(super) active: Vec<bool>,
    /// At each step: it is music.
    pub(super) music: Vec<bool>,
}

/// Listens to `source` from its beginning to its end.
pub(super) fn listen(source: &mut dyn Source, watch: &dyn Watch) -> Result<Character, SoundError> {
    let mut tones = Tones::new();
    let levels = levels(source, watch, |samples| tones.hear(samples))?;
    let short = levels.smooth(6);
    let floor = floor(&levels.smooth(2));
    let loud = levels.smooth(100);
    // Open 8 dB above the floor, closed again 4 dB above it.
    let mut open = false;
    let active: Vec<bool> = short
        .iter()
        .zip(&floor)
        .map(|(level, floor)| {
            let above = level - floor.max(SILENCE);
            open = if open { above > 4.0 } else { above > 8.0 };
            open
        })
        .collect();
    let tonal = tones.share(levels.power.len());
    let mut music = vec![false; tonal.len()];
    let mut on = false;
    for (i, m) in music.iter_mut().enumerate() {
        on = loud[i] > -48.0 && tonal[i] > if on { 0.16 } else { 0.24 };
        *m = on;
    }
    fill_short(&mut music, 150);
    Ok(Character { levels, active, music })
}

/// Drops runs of `true` of fewer than `least` steps, after closing gaps of fewer.
fn fill_short(flags: &mut [bool], least: usize) {
    for wanted in [false, true] {
        let mut start = 0;
        while start < flags.len() {
            let end = flags[start..]
                .iter()
                .position(|f| *f != flags[start])
                .map_or(flags.len(), |n| start + n);
            let whole = start == 0 && end == flags.len();
            if flags[start] == wanted && end - start < least && !whole {
                flags[start..end].fill(!wanted);
            }
            start = end;
        }
    }
}

/// The noise floor at each step, LUFS: the quietest tenth of the 12 s around it.
fn floor(level: &[f64]) -> Vec<f64> {
    const HOP: usize = 100;
    const REACH: usize = 600;
    let at = |centre: usize| {
        let (from, to) = (centre.saturating_sub(REACH), (centre + REACH).min(level.len()));
        let mut near = level[from..to].to_vec();
        let tenth = near.len() / 10;
        near.select_nth_unstable_by(tenth, f64::total_cmp);
        near[tenth]
    };
    let knots: Vec<f64> = (0..level.len()).step_by(HOP).map(at).collect();
    (0..level.len()).map(|i| knots[i / HOP]).collect()
}

/// Follows partials from spectrum to spectrum. Those of music stand still for a quarter of a second and longer; those of
/// a voice glide, and noise has none (after M. J. Hawley, "Structure out of sound", 1993).
struct Tones {
    plan: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    mono: Vec<f32>,
    input: Vec<f32>,
    output: Vec<realfft::num_complex::Complex<f32>>,
    scratch: Vec<realfft::num_complex::Complex<f32>>,
    /// Partials of the last spectrum: (bin, bin where it was born, age in spectra).
    partials: Vec<(f32, f32, u32)>,
    /// For each spectrum: power in lasting partials, power in all.
    shares: Vec<(f32, f32)>,
}

impl Tones {
    fn new() -> Self {
        let plan = RealFftPlanner::new().plan_fft_forward(SPECTRUM);
        let window = (0..SPECTRUM)
            .map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / SPECTRUM as f32).cos())
            .collect();
        let (input, output, scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
        Self {
            plan,
            window,
            mono: Vec::new(),
            input,
            output,
            scratch,
            partials: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// Pieces of whole decimated frames, except the last.
    fn hear(&mut self, interleaved: &[f32]) {
        let groups = interleaved.chunks_exact(2 * DECIMATION);
        self.mono
            .extend(groups.map(|g| g.iter().sum::<f32>() / (2 * DECIMATION) as f32));
        let mut at = 0;
        while self.mono.len() - at >= SPECTRUM {
            for ((to, x), w) in self.input.iter_mut().zip(&self.mono[at..]).zip(&self.window) {
                *to = x * w;
            }
            at += HOP;
            // The lengths are the plan's own, so it cannot fail.
            if self
                .plan
                .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch)
                .is_ok()
            {
                self.spectrum();
            }
        }
        self.mono.drain(..at);
    }

    fn spectrum(&mut self) {
        /// 140 Hz to 4.5 kHz.
        const LOW: usize = 12;
        const HIGH: usize = 384;
        /// Bins to each side that a partial must stand out from.
        const NEAR: usize = 12;
        let power: Vec<f32> = self.output[..HIGH + NEAR + 1].iter().map(|c| c.norm_sqr()).collect();
        let all: f32 = power[LOW..HIGH].iter().sum();
        let mut lasting = 0.0;
        let mut now = Vec::new();
        for k in LOW..HIGH {
            let p = power[k];
            if p <= power[k - 1] || p < power[k + 1] || p * 2000.0 < all {
                continue;
            }
            let mut near: [f32; 2 * NEAR + 1] = std::array::from_fn(|i| power[k + i - NEAR]);
            let (_, around, _) = near.select_nth_unstable_by(NEAR, f32::total_cmp);
            if p < 20.0 * *around {
                continue;
            }
            let [a, b, c] = [power[k - 1], p, power[k + 1]].map(|x| x.max(1e-20).ln());
            let place = k as f32 + 0.5 * (a - c) / (a - 2.0 * b + c).min(-1e-6);
            let kin = self
                .partials
                .iter()
                .find(|(bin, born, _)| (bin - place).abs() < 0.35 && (born - place).abs() < 0.6);
            let (born, age) = kin.map_or((place, 1), |(_, born, age)| (*born, age + 1));
            if age >= 5 {
                lasting += p + power[k - 1] + power[k + 1];
            }
            now.push((place, born, age));
        }
        self.partials = now;
        self.shares.push((lasting, all));
    }

    /// Share of the power in lasting partials over the 3 s around each of `steps` steps.
    fn share(&self, steps: usize) -> Vec<f32> {
        let hop_s = (HOP * DECIMATION) as f64 / f64::from(crate::SAMPLE_RATE);
        let reach = (1.5 / hop_s) as usize;
        let means: Vec<f32> = (0..self.shares.len())
            .map(|i| {
                let near = &self.shares[i.saturating_sub(reach)..(i + reach + 1).min(self.shares.len())];
                let (lasting, all) = near.iter().fold((0.0, 0.0), |(l, a), s| (l + s.0, a + s.1));
                if all > 0.0 { lasting / all } else { 0.0 }
            })
            .collect();
        let at = |i: usize| ((i as f64 * STEP_S / hop_s) as usize).min(means.len().saturating_sub(1));
        (0..steps).map(|i| means.get(at(i)).copied().unwrap_or(0.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Samples;
    use synchresis_cue::Silent;

    fn heard(f: impl Fn(f32) -> f32) -> Character {
        let samples: Vec<f32> = (0..8 * 48_000).flat_map(|i| [f(i as f32 / 48_000.0); 2]).collect();
        listen(&mut Samples::new(&samples), &Silent).expect("listens")
    }

    fn hiss(t: f32) -> f32 {
        let mut x = t.to_bits().wrapping_mul(0x9E37_79B1);
        x = (x ^ (x >> 15)).wrapping_mul(0x85EB_CA77);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE3D);
        (x >> 8) as f32 / (1 << 24) as f32 - 0.5
    }

    fn share(flags: &[bool]) -> f64 {
        flags.iter().filter(|f| **f).count() as f64 / flags.len() as f64
    }

    #[test]
    fn steady_noise_or_silence_counts_as_an_event() {
        let noise = heard(|t| 0.1 * hiss(t));
        assert!(share(&noise.active) < 0.01 && share(&noise.music) < 0.01);
        let silence = heard(|_| 0.0);
        assert!(share(&silence.active) + share(&silence.music) == 0.0);
    }

    #[test]
    fn syllables_pass_for_music() {
        // Glides like a voice's, four syllables a second, a pause every other second.
        let voice = heard(|t| {
            let open = ((t * std::f32::consts::TAU * 2.0).sin().max(0.0)) * if t % 2.0 < 1.2 { 1.0 } else { 0.0 };
            let turn = std::f32::consts::TAU * (140.0 * t - 8.0 * (3.1 * t).cos());
            0.3 * open * (1..12).map(|k| (turn * k as f32).sin() / k as f32).sum::<f32>() + 0.001 * hiss(t)
        });
        assert!(share(&voice.music) < 0.05, "{}", share(&voice.music));
        assert!((0.3..0.8).contains(&share(&voice.active)), "{}", share(&voice.active));
    }

    #[test]
    fn chords_pass_for_noise() {
        let chords = heard(|t| {
            let root = [220.0, 174.6, 261.6, 196.0][(t * 0.9) as usize % 4];
            let tones = [1.0, 1.2599, 1.4983, 2.0].map(|r| (std::f32::consts::TAU * root * r * t).sin());
            0.08 * tones.iter().sum::<f32>() + 0.002 * hiss(t)
        });
        assert!(share(&chords.music) > 0.9, "{}", share(&chords.music));
    }
}
