//! Onsets of rendered sound, to within a few milliseconds: what the sync figures are measured with.
//!
//! A spectral flux with vibrato suppression finds the events (Böck and Widmer, "Maximum filter vibrato suppression for
//! onset detection", DAFx 2013); the steepest rise of the signal's own energy nearby then says when each began, since a
//! frame of 40 ms cannot. Nothing but the samples is looked at.

use super::spectrum::{Framer, Stft};

/// A musical event that was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Onset {
    /// When its attack begins, seconds from the first sample.
    pub time_s: f64,
    /// How clearly it stands out, 0 to 1; 1 are the strongest twentieth of the piece.
    pub strength: f32,
}

/// Samples of a frame, at about 24 kHz.
const FRAME: usize = 1024;
/// Samples from frame to frame.
const STEP: usize = 128;
/// Frames between the spectra that are compared.
const LAG: usize = 4;
/// Samples of a block of the fine envelope.
const BLOCK: usize = 32;
/// Bands an octave.
const BANDS_PER_OCTAVE: f64 = 24.0;
/// Lowest frequency that is listened to.
const LOW_HZ: f64 = 40.0;
/// Highest frequency that is listened to.
const HIGH_HZ: f64 = 11_000.0;
/// What a full-scale sine is multiplied by before the logarithm: everything 66 dB below it is on the way to silence.
const GAMMA: f32 = 2000.0;

/// Onsets of interleaved samples at `rate` samples a second with `channels` channels.
pub fn onsets(samples: &[f32], rate: u32, channels: usize) -> Vec<Onset> {
    let mut detector = OnsetDetector::new(rate, channels);
    detector.push(samples);
    detector.finish()
}

/// Hears onsets in a stream of interleaved samples. Keeps about 7 kB a second of sound.
#[derive(Debug, Clone)]
pub struct OnsetDetector {
    mono: Decimator,
    framer: Framer,
    flux: Flux,
    fine: Envelope,
    block: Vec<f32>,
}

impl OnsetDetector {
    /// For samples at `rate` a second (8,000 or more to be of use), interleaved in `channels` channels (1 or more).
    pub fn new(rate: u32, channels: usize) -> Self {
        let mono = Decimator::new(rate.max(1), channels.max(1));
        let flux = Flux::new(mono.rate_out());
        Self {
            mono,
            framer: Framer::new(FRAME, STEP),
            flux,
            fine: Envelope::default(),
            block: Vec::new(),
        }
    }

    /// Takes the next samples, interleaved.
    pub fn push(&mut self, samples: &[f32]) {
        self.block.clear();
        self.mono.push(samples, &mut self.block);
        self.fine.push(&self.block);
        let flux = &mut self.flux;
        self.framer.push(&self.block, |frame| flux.push(frame));
    }

    /// Ends the stream and says what was heard, in order of time.
    pub fn finish(self) -> Vec<Onset> {
        // A frame that reaches past the end would take the end itself for an event, so none is completed with zeros.
        let Self { mono, flux, fine, .. } = self;
        pick(&flux.values, &fine, mono.rate_out())
    }
}

/// Mixes to mono and keeps every `factor`-th sample behind a low-pass filter.
#[derive(Debug, Clone)]
struct Decimator {
    channels: usize,
    factor: usize,
    rate: u32,
    taps: Vec<f32>,
    /// The last mono samples, `taps.len() − 1` of history first.
    line: Vec<f32>,
    /// A frame that the last push left unfinished.
    rest: Vec<f32>,
}

impl Decimator {
    fn new(rate: u32, channels: usize) -> Self {
        let factor = (rate / 22_050).max(1) as usize;
        let taps = low_pass(factor);
        // Half of the filter's length of silence puts its delay to zero.
        let line = vec![0.0; taps.len() / 2];
        Self {
            channels,
            factor,
            rate,
            taps,
            line,
            rest: Vec::new(),
        }
    }

    fn rate_out(&self) -> f64 {
        f64::from(self.rate) / self.factor as f64
    }

    fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let mut samples = samples;
        if !self.rest.is_empty() {
            let missing = (self.channels - self.rest.len()).min(samples.len());
            let (head, tail) = samples.split_at(missing);
            self.rest.extend_from_slice(head);
            samples = tail;
            if self.rest.len() < self.channels {
                return;
            }
            let rest = std::mem::take(&mut self.rest);
            self.mix(&rest);
        }
        for part in samples.chunks(self.channels * 8192) {
            let whole = part.len() - part.len() % self.channels;
            let (whole, rest) = part.split_at(whole);
            self.mix(whole);
            self.rest.extend_from_slice(rest);
            self.filter(out);
        }
        self.filter(out);
    }

    fn mix(&mut self, whole: &[f32]) {
        let scale = 1.0 / self.channels as f32;
        let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
        match self.channels {
            1 => self.line.extend(whole.iter().map(|&x| finite(x))),
            2 => self
                .line
                .extend(whole.chunks_exact(2).map(|f| finite((f[0] + f[1]) * scale))),
            n => self
                .line
                .extend(whole.chunks_exact(n).map(|f| finite(f.iter().sum::<f32>() * scale))),
        }
    }

    fn filter(&mut self, out: &mut Vec<f32>) {
        if self.factor == 1 {
            out.append(&mut self.line);
            return;
        }
        let mut at = 0;
        while let Some(window) = self.line.get(at..at + self.taps.len()) {
            out.push(dot(&self.taps, window));
            at += self.factor;
        }
        self.line.drain(..at.min(self.line.len()));
    }
}

/// Eight running sums, which the compiler keeps in vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((s, a), b) in sums.iter_mut().zip(a).zip(b) {
            *s += a * b;
        }
    }
    sums.iter().sum()
}

/// Windowed sinc for keeping one sample of `factor`; a multiple of eight taps, one tap for a factor of 1.
fn low_pass(factor: usize) -> Vec<f32> {
    if factor == 1 {
        return vec![1.0];
    }
    let n = 16 * factor;
    let cutoff = 0.45 / factor as f64;
    let taps: Vec<f64> = (0..n)
        .map(|i| {
            // An odd filter in an even array: the first tap is zero, so the middle falls on a sample.
            let x = i as f64 - n as f64 / 2.0;
            let sinc = if x == 0.0 {
                1.0
            } else {
                (std::f64::consts::TAU * cutoff * x).sin() / (std::f64::consts::TAU * cutoff * x)
            };
            sinc * (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n as f64).cos())
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|t| (t / sum) as f32).collect()
}

/// Rise of the logarithmic spectrum from frame to frame.
#[derive(Debug, Clone)]
struct Flux {
    stft: Stft,
    power: Vec<f32>,
    bands: Vec<(usize, Vec<f32>)>,
    /// Logarithmic spectra of the last `LAG` frames, maximum-filtered, the oldest first.
    past: std::collections::VecDeque<Vec<f32>>,
    now: Vec<f32>,
    values: Vec<f32>,
}

impl Flux {
    fn new(rate: f64) -> Self {
        let stft = Stft::new(FRAME);
        let bands = bands(rate);
        Self {
            power: vec![0.0; stft.bins()],
            stft,
            now: vec![0.0; bands.len()],
            bands,
            past: std::collections::VecDeque::new(),
            values: Vec::new(),
        }
    }

    fn push(&mut self, frame: &[f32]) {
        self.stft.power(frame, &mut self.power);
        for p in &mut self.power {
            *p = p.sqrt();
        }
        for (out, (first, weights)) in self.now.iter_mut().zip(&self.bands) {
            let sum: f32 = weights.iter().zip(&self.power[*first..]).map(|(w, m)| w * m).sum();
            *out = (1.0 + sum).log2();
        }
        let mut value = 0.0;
        if self.past.len() == LAG {
            let before = self.past.front().map_or(&[][..], Vec::as_slice);
            value = self
                .now
                .iter()
                .zip(before)
                .map(|(now, before)| (now - before).max(0.0))
                .sum::<f32>()
                / self.now.len().max(1) as f32;
        }
        self.values.push(value);
        let mut widened = if self.past.len() == LAG {
            self.past.pop_front().unwrap_or_default()
        } else {
            Vec::new()
        };
        widened.clear();
        // A partial that glides into the next band is no rise.
        let n = self.now.len();
        widened.extend((0..n).map(|i| {
            let around = &self.now[i.saturating_sub(1)..(i + 2).min(n)];
            around.iter().copied().fold(0.0, f32::max)
        }));
        self.past.push_back(widened);
    }
}

/// Triangular bands, equally spaced on a logarithmic scale, none narrower than a bin; first bin and weights of each.
fn bands(rate: f64) -> Vec<(usize, Vec<f32>)> {
    let bin_hz = rate / FRAME as f64;
    let high = HIGH_HZ.min(rate / 2.0 - bin_hz);
    let mut centres: Vec<usize> = Vec::new();
    let mut hz = LOW_HZ;
    while hz < high {
        let bin = (hz / bin_hz).round().max(1.0) as usize;
        if centres.last() != Some(&bin) {
            centres.push(bin);
        }
        hz *= 2f64.powf(1.0 / BANDS_PER_OCTAVE);
    }
    // A full-scale sine gives FRAME / 4 under the window; GAMMA there, whatever the width of the band.
    let scale = GAMMA / (FRAME as f32 / 4.0);
    centres
        .windows(3)
        .map(|c| {
            let weights = (c[0]..=c[2])
                .map(|bin| {
                    let w = if bin <= c[1] {
                        (bin - c[0]) as f32 / (c[1] - c[0]) as f32
                    } else {
                        (c[2] - bin) as f32 / (c[2] - c[1]) as f32
                    };
                    w * scale
                })
                .collect();
            (c[0], weights)
        })
        .collect()
}

/// Energy in short blocks, of the signal and of its slope, which the treble dominates.
#[derive(Debug, Clone, Default)]
struct Envelope {
    body: Vec<f32>,
    edge: Vec<f32>,
    last: f32,
    filled: usize,
    sums: (f32, f32),
}

impl Envelope {
    fn push(&mut self, samples: &[f32]) {
        let mut samples = samples;
        while !samples.is_empty() {
            let (part, rest) = samples.split_at(samples.len().min(BLOCK - self.filled));
            samples = rest;
            for &x in part {
                let slope = x - self.last;
                self.last = x;
                self.sums.0 += x * x;
                self.sums.1 += slope * slope;
            }
            self.filled += part.len();
            if self.filled == BLOCK {
                self.body.push(self.sums.0);
                self.edge.push(self.sums.1);
                (self.filled, self.sums) = (0, (0.0, 0.0));
            }
        }
    }
}

/// Seconds before and after a frame that it must be the greatest of.
const ALONE_S: f64 = 0.030;
/// Seconds before and after a frame that its mean is taken over.
const BEFORE_S: f64 = 0.100;
const AFTER_S: f64 = 0.070;
/// How far above that mean an onset is, in doublings of amplitude a band.
const DELTA: f32 = 0.08;
/// How far above it, as a share of the strongest onset within [`NEIGHBOURHOOD_S`].
const SHARE: f32 = 0.07;
const NEIGHBOURHOOD_S: f64 = 1.5;

fn pick(flux: &[f32], fine: &Envelope, rate: f64) -> Vec<Onset> {
    let frames = |s: f64| (s * rate / STEP as f64).round() as usize;
    let (alone, before, after) = (frames(ALONE_S), frames(BEFORE_S), frames(AFTER_S));
    let near_top = sliding_max(flux, frames(NEIGHBOURHOOD_S));
    let mut sums = Vec::with_capacity(flux.len() + 1);
    sums.push(0.0f64);
    for &v in flux {
        sums.push(sums.last().copied().unwrap_or(0.0) + f64::from(v));
    }
    let mut found: Vec<(usize, f32)> = Vec::new();
    for (i, &v) in flux.iter().enumerate() {
        let around = &flux[i.saturating_sub(alone)..(i + alone + 1).min(flux.len())];
        if v <= 0.0 || around.iter().any(|&other| other > v) {
            continue;
        }
        let (from, to) = (i.saturating_sub(before), (i + after + 1).min(flux.len()));
        let mean = ((sums[to] - sums[from]) / (to - from) as f64) as f32;
        if v - mean < DELTA.max(SHARE * near_top[i]) {
            continue;
        }
        if found.last().is_some_and(|&(last, _)| i - last <= alone) {
            continue;
        }
        found.push((i, v - mean));
    }
    let mut heights: Vec<f32> = found.iter().map(|f| f.1).collect();
    let full = if heights.is_empty() {
        1.0
    } else {
        let at = (heights.len() - 1) * 19 / 20;
        *heights.select_nth_unstable_by(at, f32::total_cmp).1
    };
    let mut out: Vec<Onset> = found
        .iter()
        .map(|&(frame, height)| Onset {
            time_s: locate(frame, fine, rate),
            strength: (height / full).min(1.0),
        })
        .collect();
    out.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    out.dedup_by(|b, a| b.time_s - a.time_s < 0.020);
    out
}

/// Greatest value within `reach` of each, in linear time.
fn sliding_max(values: &[f32], reach: usize) -> Vec<f32> {
    let mut queue: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let mut out = Vec::with_capacity(values.len());
    let mut next = 0;
    for i in 0..values.len() {
        while next < values.len() && next <= i + reach {
            while queue.back().is_some_and(|&j| values[j] <= values[next]) {
                queue.pop_back();
            }
            queue.push_back(next);
            next += 1;
        }
        while queue.front().is_some_and(|&j| j + reach < i) {
            queue.pop_front();
        }
        out.push(queue.front().map_or(0.0, |&j| values[j]));
    }
    out
}

/// How much later than the frame of greatest flux a slow attack begins, seconds.
const FLUX_LEAD_S: f64 = -0.008;
/// Seconds before and after that moment in which a quick attack is looked for.
const SEARCH_S: (f64, f64) = (0.040, 0.030);
/// Blocks after a moment (11 ms) that are compared with blocks before it (27 ms).
const AFTER: usize = 8;
const BEFORE: usize = 20;
/// A quick attack doubles the energy nearly.
const QUICK: f32 = 0.9;
/// An attack has begun where this share of its rise is reached.
const BEGUN: f32 = 0.05;

/// When the attack near a frame begins: within the steepest rise of energy, the first block that leaves what was before.
fn locate(frame: usize, fine: &Envelope, rate: f64) -> f64 {
    let coarse_s = (frame * STEP) as f64 / rate + FLUX_LEAD_S;
    let block = |s: f64| (s * rate / BLOCK as f64).max(0.0) as usize;
    let from = block(coarse_s - SEARCH_S.0);
    let to = block(coarse_s + SEARCH_S.1).min(fine.body.len().saturating_sub(AFTER));
    let mut best = (0.0f32, None);
    for curve in [&fine.body, &fine.edge] {
        let mean = |a: usize, b: usize| {
            let part = curve.get(a..b).unwrap_or(&[]);
            part.iter().sum::<f32>() / part.len().max(1) as f32
        };
        for at in from..to {
            let before = mean(at.saturating_sub(BEFORE), at);
            let rise = ((mean(at, at + AFTER) + 1e-7) / (before + 1e-7)).log2();
            if rise > best.0 {
                best = (rise, Some((at, before, curve)));
            }
        }
    }
    let (rise, Some((at, before, curve))) = best else {
        return coarse_s.max(0.0);
    };
    if rise < QUICK {
        return coarse_s.max(0.0);
    }
    let top = curve.iter().skip(at).take(AFTER + 4).copied().fold(0.0, f32::max);
    let begun = before + BEGUN * (top - before);
    let first = curve
        .iter()
        .enumerate()
        .skip(at.saturating_sub(2))
        .take(AFTER + 6)
        .find(|(_, e)| **e >= begun);
    // The attack lies somewhere within the block.
    (first.map_or(at, |(i, _)| i) as f64 + 0.5) * BLOCK as f64 / rate
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clicks of 1 ms over a chord, at 48 kHz stereo.
    fn clicks(times: &[f64], rate: u32) -> Vec<f32> {
        let n = (4.0 * f64::from(rate)) as usize;
        let mut mono: Vec<f32> = (0..n)
            .map(|i| {
                let t = i as f32 / rate as f32;
                [220.0f32, 277.2, 329.6]
                    .iter()
                    .map(|f| 0.05 * (std::f32::consts::TAU * f * t).sin())
                    .sum()
            })
            .collect();
        for t in times {
            let at = (t * f64::from(rate)) as usize;
            for k in 0..rate as usize / 1000 {
                mono[at + k] += 0.5 * (std::f32::consts::TAU * 3000.0 * k as f32 / rate as f32).sin();
            }
        }
        mono.iter().flat_map(|&x| [x, x]).collect()
    }

    #[test]
    fn an_attack_is_heard_more_than_5_ms_beside_it() {
        let times = [0.5, 0.913, 1.31, 2.007, 2.9, 3.44];
        for rate in [44_100, 48_000, 96_000, 22_050, 32_000] {
            let heard = onsets(&clicks(&times, rate), rate, 2);
            for t in times {
                let near = heard
                    .iter()
                    .map(|o| o.time_s - t)
                    .min_by(|a, b| a.abs().total_cmp(&b.abs()));
                assert!(near.is_some_and(|d| d.abs() < 0.005), "{rate} Hz, {t} s: {near:?}");
            }
            assert!(heard.len() <= times.len() + 1, "{rate} Hz: {heard:?}");
        }
    }

    #[test]
    fn what_is_heard_depends_on_how_the_stream_is_cut() {
        let samples = clicks(&[0.5, 1.2, 2.2], 48_000);
        let whole = onsets(&samples, 48_000, 2);
        for cut in [1, 7, 1001, 65_537] {
            let mut detector = OnsetDetector::new(48_000, 2);
            for part in samples.chunks(cut) {
                detector.push(part);
            }
            assert_eq!(detector.finish(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn silence_a_steady_tone_or_broken_samples_have_onsets() {
        assert!(onsets(&[], 48_000, 2).is_empty());
        assert!(onsets(&vec![0.0; 96_000], 48_000, 2).is_empty());
        assert!(onsets(&vec![f32::NAN; 96_000], 48_000, 2).is_empty());
        assert!(onsets(&[f32::INFINITY; 3], 0, 0).is_empty());
        let tone: Vec<f32> = (0..96_000).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect();
        let heard = onsets(&tone, 48_000, 1);
        assert!(heard.iter().all(|o| o.time_s < 0.05), "{heard:?}");
    }
}
