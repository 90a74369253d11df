//! What drives a film along a stretch of a song: the loudest mel band of its tones and of its strokes, frame by frame.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, num_complex::Complex32};

use super::mel::MelBank;
use super::separate::{Parts, Separator};
use super::spectrum::{Framer, HOP, N_FFT, RATE, Stft, hann};

/// Bands of the mel spectrum whose greatest is taken.
const BANDS: usize = 512;

/// Curves of a stretch of a song, one value for each frame of film, from 0 (the least) to 1 (the greatest).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PaceCurves {
    /// Of the tones.
    pub harmonic: Vec<f32>,
    /// Of the strokes.
    pub percussive: Vec<f32>,
}

impl PaceCurves {
    /// How far the way is gone at each frame: both curves mixed by these weights, summed up, from 0 to 1. A straight line
    /// where nothing sounds. `frames` values, whatever the length of the curves.
    pub fn progress(&self, harmonic: f64, percussive: f64, frames: usize) -> Vec<f32> {
        let n = self.harmonic.len().min(self.percussive.len());
        let mut sum = 0.0f64;
        let mut way: Vec<f64> = Vec::with_capacity(n);
        for (h, p) in self.harmonic.iter().zip(&self.percussive) {
            sum += f64::from(*h) * harmonic.max(0.0) + f64::from(*p) * percussive.max(0.0);
            way.push(sum);
        }
        let line = |i: usize| {
            if frames < 2 {
                0.0
            } else {
                i as f64 / (frames - 1) as f64
            }
        };
        (0..frames)
            .map(|i| {
                if i == 0 {
                    return 0.0;
                }
                if sum <= 0.0 || n < 2 {
                    return line(i) as f32;
                }
                let x = line(i) * (n - 1) as f64;
                let (at, part) = (x as usize, x.fract());
                let next = way[(at + 1).min(n - 1)];
                ((way[at] + (next - way[at]) * part) / sum) as f32
            })
            .collect()
    }
}

/// Makes [`PaceCurves`] of a stream of mono samples at [`RATE`], as the seed system does with librosa: `effects.hpss` with
/// margins, `melspectrogram` with 512 bands and a hop of `rate / fps`, the greatest band of each frame, min-max
/// normalised. Keeps a few seconds of sound.
pub struct PaceListener {
    hop: usize,
    framer: Framer,
    stft: Stft,
    separator: Separator,
    spectra: VecDeque<Vec<Complex32>>,
    harmonic: Voice,
    percussive: Voice,
    taken: u64,
}

impl std::fmt::Debug for PaceListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaceListener")
            .field("hop", &self.hop)
            .finish_non_exhaustive()
    }
}

impl PaceListener {
    /// For a film of `fps` frames a second (1 to 1,000) and margins (harmonic, percussive) of 1 or more; the seed's are
    /// (5, 5).
    pub fn new(fps: f64, margins: (f32, f32)) -> Self {
        let fps = if fps.is_finite() { fps.clamp(1.0, 1000.0) } else { 30.0 };
        let hop = (f64::from(RATE) / fps) as usize;
        let stft = Stft::new(N_FFT);
        Self {
            hop,
            framer: Framer::new(N_FFT, HOP),
            separator: Separator::new(stft.bins(), margins),
            stft,
            spectra: VecDeque::new(),
            harmonic: Voice::new(hop),
            percussive: Voice::new(hop),
            taken: 0,
        }
    }

    /// Takes samples.
    pub fn push(&mut self, samples: &[f32]) {
        self.taken += samples.len() as u64;
        let Self {
            framer,
            stft,
            separator,
            spectra,
            harmonic,
            percussive,
            ..
        } = self;
        framer.push(samples, |frame| {
            for parts in transform(stft, separator, spectra, frame) {
                give(parts, spectra, harmonic, percussive);
            }
        });
    }

    /// Ends the stretch.
    pub fn finish(self) -> PaceCurves {
        let Self {
            framer,
            mut stft,
            mut separator,
            mut spectra,
            mut harmonic,
            mut percussive,
            taken,
            ..
        } = self;
        framer.finish(|frame| {
            for parts in transform(&mut stft, &mut separator, &mut spectra, frame) {
                give(parts, &mut spectra, &mut harmonic, &mut percussive);
            }
        });
        for parts in separator.finish(masks) {
            give(parts, &mut spectra, &mut harmonic, &mut percussive);
        }
        PaceCurves {
            harmonic: harmonic.finish(taken),
            percussive: percussive.finish(taken),
        }
    }
}

type Masks = (Vec<f32>, Vec<f32>);

fn masks(parts: Parts<'_>) -> Masks {
    (parts.harmonic.to_vec(), parts.percussive.to_vec())
}

fn transform(
    stft: &mut Stft,
    separator: &mut Separator,
    spectra: &mut VecDeque<Vec<Complex32>>,
    frame: &[f32],
) -> Vec<Masks> {
    let spectrum = stft.transform(frame).to_vec();
    let magnitude = spectrum.iter().map(|z| z.norm()).collect();
    spectra.push_back(spectrum);
    separator.push(magnitude, masks)
}

fn give((h, p): Masks, spectra: &mut VecDeque<Vec<Complex32>>, harmonic: &mut Voice, percussive: &mut Voice) {
    let Some(spectrum) = spectra.pop_front() else { return };
    harmonic.push(&spectrum, &h);
    percussive.push(&spectrum, &p);
}

/// One part: back to samples (`librosa.istft`), and on to its loudest mel band.
struct Voice {
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
    bins: Vec<Complex32>,
    time: Vec<f32>,
    scratch: Vec<Complex32>,
    /// Overlapping frames, and the overlapping squares of their windows.
    sum: VecDeque<f32>,
    weight: VecDeque<f32>,
    /// Samples before the first, which the first frame is centred on.
    lead: usize,
    given: u64,
    ready: Vec<f32>,
    framer: Framer,
    stft: Stft,
    bank: MelBank,
    peaks: Vec<f32>,
}

impl Voice {
    fn new(hop: usize) -> Self {
        let inverse = RealFftPlanner::<f32>::new().plan_fft_inverse(N_FFT);
        Self {
            window: hann(N_FFT),
            bins: inverse.make_input_vec(),
            time: inverse.make_output_vec(),
            scratch: inverse.make_scratch_vec(),
            inverse,
            sum: VecDeque::new(),
            weight: VecDeque::new(),
            lead: N_FFT / 2,
            given: 0,
            ready: Vec::new(),
            framer: Framer::new(N_FFT, hop),
            stft: Stft::new(N_FFT),
            bank: MelBank::new(RATE, N_FFT, BANDS),
            peaks: Vec::new(),
        }
    }

    fn push(&mut self, spectrum: &[Complex32], mask: &[f32]) {
        for ((bin, z), m) in self.bins.iter_mut().zip(spectrum).zip(mask) {
            *bin = z * m;
        }
        // The ends of a real signal's spectrum are real; the plan made the buffers.
        for end in [0, N_FFT / 2] {
            self.bins[end].im = 0.0;
        }
        let _ = self
            .inverse
            .process_with_scratch(&mut self.bins, &mut self.time, &mut self.scratch);
        self.sum.resize(N_FFT, 0.0);
        self.weight.resize(N_FFT, 0.0);
        let scale = 1.0 / N_FFT as f32;
        for (((s, q), t), w) in self
            .sum
            .iter_mut()
            .zip(self.weight.iter_mut())
            .zip(&self.time)
            .zip(&self.window)
        {
            *s += t * w * scale;
            *q += w * w;
        }
        self.release(HOP);
    }

    /// Hands on the first `count` samples, to which no later frame adds.
    fn release(&mut self, count: usize) {
        self.ready.clear();
        for (s, q) in self
            .sum
            .drain(..count.min(self.sum.len()))
            .zip(self.weight.drain(..count.min(self.weight.len())))
        {
            if self.lead > 0 {
                self.lead -= 1;
                continue;
            }
            self.ready.push(if q > f32::MIN_POSITIVE { s / q } else { s });
        }
        self.hand_on();
    }

    fn hand_on(&mut self) {
        self.given += self.ready.len() as u64;
        let Self {
            framer,
            stft,
            bank,
            peaks,
            ready,
            ..
        } = self;
        framer.push(ready, |frame| peaks.push(loudest(stft, bank, frame)));
    }

    /// The curve, for a stretch of `total` samples.
    fn finish(mut self, total: u64) -> Vec<f32> {
        let left = total.saturating_sub(self.given) as usize;
        // `release` counts the lead as well.
        self.release(left + self.lead);
        self.ready = vec![0.0; total.saturating_sub(self.given) as usize];
        self.hand_on();
        let Self {
            framer,
            mut stft,
            bank,
            mut peaks,
            ..
        } = self;
        framer.finish(|frame| peaks.push(loudest(&mut stft, &bank, frame)));
        let low = peaks.iter().copied().fold(f32::INFINITY, f32::min);
        let range = peaks.iter().map(|p| p - low).fold(0.0, f32::max);
        for p in &mut peaks {
            *p = if range > 0.0 { (*p - low) / range } else { 0.0 };
        }
        peaks
    }
}

fn loudest(stft: &mut Stft, bank: &MelBank, frame: &[f32]) -> f32 {
    let mut power = vec![0.0; stft.bins()];
    stft.power(frame, &mut power);
    let mut mel = [0.0; BANDS];
    bank.apply(&power, &mut mel);
    mel.iter().copied().fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves(samples: &[f32], cut: usize) -> PaceCurves {
        let mut listener = PaceListener::new(30.0, (5.0, 5.0));
        for part in samples.chunks(cut) {
            listener.push(part);
        }
        listener.finish()
    }

    #[test]
    fn a_click_moves_the_tones_or_a_tone_the_strokes() {
        let n = 22_050 * 4;
        let mut samples: Vec<f32> = (0..n)
            .map(|i| {
                let t = f64::from(i) / 22_050.0;
                let on = if t < 2.0 { 0.02 } else { 0.3 };
                (on * (std::f64::consts::TAU * 440.0 * t).sin()) as f32
            })
            .collect();
        samples[22_050] += 1.0;
        let curves = curves(&samples, 5000);
        assert_eq!(curves.harmonic.len(), 1 + n as usize / 735);
        let top = |c: &[f32]| {
            c.iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map(|(i, _)| i)
                .unwrap_or(0)
        };
        assert!(
            curves.harmonic[100] > 0.8 && curves.harmonic[30] < 0.1,
            "{:?}",
            curves.harmonic
        );
        let stroke = top(&curves.percussive[..55]);
        assert!(stroke.abs_diff(30) <= 1, "{stroke}");
    }

    #[test]
    fn the_curves_depend_on_how_the_stream_is_cut() {
        let samples: Vec<f32> = (0..30_000u32)
            .map(|i| ((i * 7919) % 1000) as f32 / 1000.0 - 0.5)
            .collect();
        let whole = curves(&samples, 30_000);
        assert_eq!(whole, curves(&samples, 1));
        assert_eq!(whole, curves(&samples, 4097));
        assert_eq!(curves(&[], 1).harmonic.len(), 1);
        assert_eq!(curves(&[0.1; 300], 1).percussive.len(), 1);
    }

    #[test]
    fn the_way_begins_late_or_runs_back() {
        let curves = PaceCurves {
            harmonic: vec![0.0, 1.0, 0.5, 0.2],
            percussive: vec![0.3, 0.0, 1.0, 0.0],
        };
        for frames in [0, 1, 2, 4, 7, 300] {
            let way = curves.progress(0.2, 0.8, frames);
            assert_eq!(way.len(), frames);
            assert!(way.first().is_none_or(|&v| v == 0.0));
            assert!(way.windows(2).all(|w| w[0] <= w[1]));
            assert!(frames < 2 || (way[frames - 1] - 1.0).abs() < 1e-6);
        }
        let silent = PaceCurves {
            harmonic: vec![0.0; 5],
            percussive: vec![0.0; 5],
        };
        assert_eq!(silent.progress(0.2, 0.8, 3), vec![0.0, 0.5, 1.0]);
    }
}
