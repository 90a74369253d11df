//! From noise to sound: the steps, windows that are denoised together, the autoencoder, the vocoder, and who sounds most like the words.

use synchresis_cue::Watch;

use super::clap_audio::ClapAudio;
use super::features::Features;
use super::vocoder::Vocoder;
use super::words::Words;
use super::{AudioLdm, Family, Waveform, Wish};
use crate::diffusion::autoencoder::Decoder;
use crate::diffusion::scheduler::Sampler;
use crate::diffusion::unet::{Given, Unet};
use crate::error::ModelError;
use crate::runtime::Tensor;

/// Rows of latents that the autoencoder decodes at once, and by how many its pieces overlap.
pub(super) const PIECE: usize = 1024;
const SHARED: usize = 64;
/// Frames that the vocoder sings at once, and how many around them it must have heard.
const BREATH: usize = 4096;
const AROUND: usize = 64;

/// What the U-Net is given at every step, guidance and all.
struct Conditions {
    class: Option<Tensor>,
    context: Option<Tensor>,
    context_1: Option<Tensor>,
    mask_1: Option<Tensor>,
    batch: usize,
}

impl Conditions {
    /// What to stay away from first, as the reference has it.
    fn of(words: &(Words, Option<Words>)) -> Self {
        let all: Vec<&Words> = words.1.iter().chain([&words.0]).collect();
        let stacked = |parts: Vec<&Tensor>| {
            let first = parts.first()?;
            let mut shape = first.shape.clone();
            if let Some(n) = shape.first_mut() {
                *n = parts.len();
            }
            Some(Tensor {
                shape,
                data: parts.iter().flat_map(|p| p.data.iter().copied()).collect(),
            })
        };
        let more = || all.iter().filter_map(|w| w.more.as_ref());
        let batch = all.len();
        let mask: Vec<f32> = more().flat_map(|m| m.mask.iter().map(|x| *x as f32)).collect();
        let length = mask.len() / batch;
        Self {
            class: stacked(all.iter().map(|w| &w.place).collect()),
            context: stacked(more().map(|m| &m.said).collect()),
            context_1: stacked(more().map(|m| &m.read).collect()),
            mask_1: (length > 0).then(|| Tensor {
                shape: vec![batch, length],
                data: mask,
            }),
            batch,
        }
    }

    fn given(&self) -> Given<'_> {
        Given {
            class: self.class.as_ref(),
            context: self.context.as_ref(),
            context_1: self.context_1.as_ref(),
            mask_1: self.mask_1.as_ref(),
        }
    }
}

impl AudioLdm {
    /// One of its parts, loaded when it is first asked for.
    fn part<P>(part: &mut Option<P>, load: impl FnOnce() -> Result<P, ModelError>) -> Result<&mut P, ModelError> {
        if part.is_none() {
            *part = Some(load()?);
        }
        part.as_mut().ok_or(ModelError::Run {
            model: "AudioLDM",
            doing: "loading it",
            reason: "nothing was loaded".to_owned(),
        })
    }

    /// Latents of one sound: channels × rows × columns.
    pub(super) fn denoised(
        &mut self,
        noise: &[f32],
        rows: usize,
        words: &(Words, Option<Words>),
        wish: &Wish<'_>,
        mut sampler: Sampler,
        (watch, done): (&dyn Watch, &dyn Fn(f64)),
    ) -> Result<Vec<f32>, ModelError> {
        let conditions = Conditions::of(words);
        let (channels, columns) = (self.channels, self.columns);
        let windows = if wish.windows {
            windows(rows, self.trained)
        } else {
            vec![(0, rows)]
        };
        let (folder, looks, runtime) = (&self.folder, self.family.looks(), &self.runtime);
        let unet = Self::part(&mut self.unet, || Unet::load(&folder.join("unet"), looks, runtime))?;
        let mut latents = noise.to_vec();
        let steps = sampler.timesteps().to_vec();
        for (index, step) in steps.iter().enumerate() {
            let mut said = Sum::new((channels, rows, columns));
            for (n, (from, to)) in windows.iter().enumerate() {
                watch.check()?;
                let (from, to) = (*from, *to);
                let part = cut(&latents, (channels, rows, columns), from, to);
                let shape = vec![conditions.batch, channels, to - from, columns];
                let sample = Tensor {
                    shape,
                    data: part.repeat(conditions.batch),
                };
                let out = unet.step(&sample, *step, conditions.given())?;
                let guided = guided(&out.data, conditions.batch, wish.guidance);
                said.add(&guided, (from, to));
                let within = (n + 1) as f64 / windows.len() as f64;
                done((index as f64 + within) / (steps.len() + 1) as f64);
            }
            sampler.step(index, &said.mean(), &mut latents);
        }
        Ok(latents)
    }

    /// Samples of the latents of several sounds, at most `length` of each.
    pub(super) fn sung(
        &mut self,
        latents: Vec<Vec<f32>>,
        rows: usize,
        length: usize,
        watch: &dyn Watch,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let (folder, runtime, stays) = (self.folder.clone(), self.runtime.clone(), self.stays);
        let mut mels = Vec::new();
        for latents in latents {
            let decoder = Self::part(&mut self.decoder, || Decoder::load(&folder.join("vae"), &runtime))?;
            let shape = (self.channels, rows, self.columns);
            mels.push(spectrogram(decoder, latents, shape, self.scaling, watch)?);
        }
        if !stays {
            self.decoder = None;
        }
        let mut sounds = Vec::new();
        for mel in mels {
            let vocoder = Self::part(&mut self.vocoder, || Vocoder::load(&folder.join("vocoder"), &runtime))?;
            sounds.push(sound(vocoder, &mel, length, watch)?);
        }
        if !stays {
            self.vocoder = None;
        }
        Ok(sounds)
    }

    /// Orders several sounds by CLAP's likeness to the prompt, best first; says why where it cannot.
    pub(super) fn rank(&mut self, waveforms: &mut [Waveform], words: &Words) -> Result<Option<String>, ModelError> {
        if waveforms.len() < 2 {
            return Ok(None);
        }
        if self.family == Family::AudioLdm {
            let why = "AudioLDM's folders have no ears: CLAP's audio tower is not in them";
            return Ok(Some(why.to_owned()));
        }
        let features = match Features::read(&self.folder.join("feature_extractor")) {
            Ok(features) => features,
            Err(why) => return Ok(Some(why.to_string())),
        };
        let mut ears = match ClapAudio::load(&self.folder.join("text_encoder"), &self.runtime) {
            Ok(ears) => ears,
            Err(why @ ModelError::Config { .. }) => return Ok(Some(why.to_string())),
            Err(why) => return Err(why),
        };
        for waveform in waveforms.iter_mut() {
            let place = ears.place(&features.hear(&waveform.samples, self.rate))?;
            let like: f32 = place.data.iter().zip(&words.place.data).map(|(a, b)| a * b).sum();
            waveform.score = Some(like);
        }
        waveforms.sort_by(|a, b| b.score.unwrap_or(f32::MIN).total_cmp(&a.score.unwrap_or(f32::MIN)));
        Ok(None)
    }
}

/// The spectrogram of latents (channels × rows × columns), frame by frame.
fn spectrogram(
    decoder: &mut Decoder,
    mut latents: Vec<f32>,
    (channels, rows, columns): (usize, usize, usize),
    scaling: f32,
    watch: &dyn Watch,
) -> Result<Vec<f32>, ModelError> {
    latents.iter_mut().for_each(|x| *x *= 1.0 / scaling);
    let factor = decoder.config.factor();
    let bands = columns * factor;
    let mut mel: Vec<f32> = Vec::new();
    for (from, to) in pieces(rows) {
        watch.check()?;
        let part = Tensor {
            shape: vec![1, channels, to - from, columns],
            data: cut(&latents, (channels, rows, columns), from, to),
        };
        let piece = decoder.decode(&part)?.data;
        // Where two pieces overlap one fades into the other.
        let shared = mel.len().saturating_sub(from * factor * bands);
        let start = mel.len() - shared;
        for (i, x) in piece.iter().enumerate() {
            if i < shared {
                let fade = (i / bands) as f32 / (shared / bands) as f32;
                mel[start + i] = mel[start + i] * (1.0 - fade) + x * fade;
            } else {
                mel.push(*x);
            }
        }
    }
    Ok(mel)
}

/// At most `length` samples of a spectrogram, frame by frame.
fn sound(vocoder: &mut Vocoder, mel: &[f32], length: usize, watch: &dyn Watch) -> Result<Vec<f32>, ModelError> {
    let (bands, hop) = (vocoder.config.model_in_dim, vocoder.config.hop());
    let frames = mel.len() / bands;
    if frames <= BREATH {
        watch.check()?;
        let mut samples = vocoder.sing(mel)?.data;
        samples.truncate(length);
        return Ok(samples);
    }
    let mut samples: Vec<f32> = Vec::with_capacity(length);
    for from in (0..frames).step_by(BREATH) {
        watch.check()?;
        let (early, late) = (from.saturating_sub(AROUND), (from + BREATH + AROUND).min(frames));
        let sung = vocoder.sing(&mel[early * bands..late * bands])?.data;
        let skip = ((from - early) * hop).min(sung.len());
        let take = if late == frames {
            sung.len() - skip
        } else {
            BREATH * hop
        };
        samples.extend(sung.iter().skip(skip).take(take));
    }
    samples.truncate(length);
    Ok(samples)
}

/// Classifier-free guidance (Ho and Salimans 2022): away from the first half towards the second.
fn guided(said: &[f32], batch: usize, guidance: f32) -> Vec<f32> {
    if batch < 2 {
        return said.to_vec();
    }
    let (against, towards) = said.split_at(said.len() / 2);
    against
        .iter()
        .zip(towards)
        .map(|(a, t)| a + guidance * (t - a))
        .collect()
}

/// Rows `from` up to `to` of channels × rows × columns.
fn cut(latents: &[f32], (channels, rows, columns): (usize, usize, usize), from: usize, to: usize) -> Vec<f32> {
    (0..channels)
        .flat_map(|c| &latents[(c * rows + from) * columns..(c * rows + to) * columns])
        .copied()
        .collect()
}

/// What several windows say of the same rows, each counted as its fades have it.
pub(super) struct Sum {
    said: Vec<f32>,
    weight: Vec<f32>,
    shape: (usize, usize, usize),
}

impl Sum {
    /// For channels × rows × columns.
    pub(super) fn new(shape: (usize, usize, usize)) -> Self {
        Self {
            said: vec![0.0; shape.0 * shape.1 * shape.2],
            weight: vec![0.0; shape.1],
            shape,
        }
    }

    /// Adds a window, faded, where it was cut from.
    pub(super) fn add(&mut self, part: &[f32], (from, to): (usize, usize)) {
        let (channels, rows, columns) = self.shape;
        let (tall, fades) = (to - from, fades(from, to, rows));
        for c in 0..channels {
            for (r, fade) in fades.iter().enumerate() {
                let into = &mut self.said[(c * rows + from + r) * columns..][..columns];
                for (x, y) in into.iter_mut().zip(&part[(c * tall + r) * columns..][..columns]) {
                    *x += fade * y;
                }
            }
        }
        for (w, fade) in self.weight[from..to].iter_mut().zip(&fades) {
            *w += fade;
        }
    }

    /// Their mean.
    pub(super) fn mean(mut self) -> Vec<f32> {
        let (_, rows, columns) = self.shape;
        for (i, x) in self.said.iter_mut().enumerate() {
            *x /= self.weight[i / columns % rows];
        }
        self.said
    }
}

/// Windows of `trained` rows that cover `rows`, each sharing at least a third with the next (Bar-Tal et al. 2023, MultiDiffusion).
pub(super) fn windows(rows: usize, trained: usize) -> Vec<(usize, usize)> {
    if rows <= trained {
        return vec![(0, rows)];
    }
    let stride = (trained * 2 / 3).max(1);
    let count = (rows - trained).div_ceil(stride) + 1;
    (0..count)
        .map(|i| {
            let from = i * (rows - trained) / (count - 1).max(1);
            (from, from + trained)
        })
        .collect()
}

/// How much a window counts at each of its rows: rising and falling by a raised cosine over a third, but not at the ends of the whole.
fn fades(from: usize, to: usize, rows: usize) -> Vec<f32> {
    let tall = to - from;
    let edge = (tall / 3).max(1);
    let rise = |i: usize| {
        let x = ((i as f32 + 0.5) / edge as f32).min(1.0);
        0.5 - 0.5 * (std::f32::consts::PI * x).cos()
    };
    (0..tall)
        .map(|i| {
            let start = if from == 0 { 1.0 } else { rise(i) };
            let end = if to == rows { 1.0 } else { rise(tall - 1 - i) };
            start * end
        })
        .collect()
}

/// What the autoencoder decodes at once.
fn pieces(rows: usize) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut from = 0;
    while from + PIECE < rows {
        all.push((from, from + PIECE));
        from += PIECE - SHARED;
    }
    all.push((from, rows));
    all
}
