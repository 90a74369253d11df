//! AudioLDM (Liu et al. 2023) and AudioLDM2 (Liu et al. 2023): words to sound by latent diffusion over mel spectrograms, as diffusers'
//! `AudioLDMPipeline` and `AudioLDM2Pipeline` do it: the same samples for the same seed. Any folder that they saved, every size by
//! its own `config.json`.

mod clap_audio;
mod clap_text;
mod draw;
mod features;
mod gpt2;
mod projection;
mod t5;
#[cfg(test)]
mod tests;
mod vocoder;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use synchresis_cue::Watch;

use crate::checkpoint::Checkpoint;
use crate::diffusion::autoencoder::{self, Decoder};
use crate::diffusion::scheduler::{Method, Scheduler};
use crate::diffusion::unet::{self, Looks, Unet};
use crate::error::ModelError;
use crate::graph::Operators;
use crate::runtime::Runtime;
use crate::stop::watched;
use crate::torch_random::TorchRandom;
use words::{Text, Words};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// CLAP's place of the prompt is all that the U-Net knows of it.
    AudioLdm,
    /// The U-Net also looks at what FLAN-T5 reads and GPT-2 says.
    AudioLdm2,
}

impl Family {
    /// Its name in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AudioLdm => "AudioLDM",
            Self::AudioLdm2 => "AudioLDM2",
        }
    }

    const fn pipeline(self) -> &'static str {
        match self {
            Self::AudioLdm => "AudioLDMPipeline",
            Self::AudioLdm2 => "AudioLDM2Pipeline",
        }
    }

    const fn looks(self) -> Looks {
        match self {
            Self::AudioLdm => Looks::Itself,
            Self::AudioLdm2 => Looks::TwoContexts,
        }
    }

    /// Folders of its parts.
    const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::AudioLdm => &["scheduler", "text_encoder", "tokenizer", "unet", "vae", "vocoder"],
            Self::AudioLdm2 => &[
                "scheduler",
                "text_encoder",
                "tokenizer",
                "text_encoder_2",
                "tokenizer_2",
                "projection_model",
                "language_model",
                "unet",
                "vae",
                "vocoder",
            ],
        }
    }
}

/// What is wished for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// In words.
    pub prompt: &'a str,
    /// What to stay away from; matters where guidance is above 1.
    pub negative: Option<&'a str>,
    /// Of torch's generator.
    pub seed: u64,
    /// From 1 to as many as the model was trained with.
    pub steps: usize,
    /// How much the prompt outweighs the negative one; up to 1 there is no guidance.
    pub guidance: f32,
    /// Length in seconds.
    pub seconds: f64,
    /// How many at once, 1 to 64.
    pub waveforms: usize,
    /// Another way than the folder's scheduler says.
    pub method: Option<Method>,
    /// Whether a sound longer than the model was trained for is drawn as overlapping windows, denoised together.
    pub windows: bool,
}

/// What was made of it.
#[derive(Debug, Clone)]
pub struct Made {
    /// Samples in a second.
    pub rate: u32,
    /// As many as were wished for; best first where they could be ranked.
    pub waveforms: Vec<Waveform>,
    /// Why they could not, where that is so.
    pub unranked: Option<String>,
    /// That the prompt's end went unread, where it was longer than the model reads.
    pub cut: Option<String>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Waveform {
    /// Between −1 and 1, one channel.
    pub samples: Vec<f32>,
    /// Which one it was among those drawn together.
    pub index: usize,
    /// CLAP's likeness to the prompt, −1 to 1.
    pub score: Option<f32>,
}

/// A folder of one of the two families; its parts are loaded when they are first needed.
#[derive(Debug)]
pub struct AudioLdm {
    folder: PathBuf,
    family: Family,
    runtime: Runtime,
    rate: u32,
    /// Samples of one frame, frames of one row of latents, latents in a row.
    hop: usize,
    factor: usize,
    columns: usize,
    channels: usize,
    scaling: f32,
    /// Rows of latents that it was trained with.
    trained: usize,
    read: Vec<Known>,
    stays: bool,
    unet: Option<Unet>,
    decoder: Option<Decoder>,
    vocoder: Option<vocoder::Vocoder>,
}

/// Texts that were read before.
#[derive(Debug)]
struct Known {
    prompt: String,
    negative: Option<String>,
    words: (Words, Option<Words>),
}

/// Rows that the published models were trained with.
const USUAL_ROWS: usize = 256;
/// Texts whose reading is kept, the latest ones.
const REMEMBERED: usize = 16;
/// The share of the work that is done when the last sound is without noise.
const DRAWING: f64 = 0.97;
/// More are refused.
const MOST_WAVEFORMS: usize = 64;
/// Longer sounds than this, seconds, are refused.
const LONGEST: f64 = 1200.0;

impl AudioLdm {
    /// Opens a folder: every part must be there, of this family, with all its tensors. Nothing is loaded yet.
    ///
    /// # Errors
    /// [`ModelError`]: a part that is missing, broken or another model's.
    pub fn open(folder: &Path, family: Family, runtime: &Runtime) -> Result<Self, ModelError> {
        let bad = |path: PathBuf, reason: String| ModelError::Config {
            path,
            model: family.name(),
            reason,
        };
        let index = folder.join("model_index.json");
        if !index.is_file() {
            return Err(ModelError::NoWeights {
                path: folder.to_path_buf(),
                reason: format!(
                    "there is no model_index.json, so it is no folder of {} as its hub repository or diffusers lays it out",
                    family.name()
                ),
            });
        }
        let said: serde_json::Value = crate::config::read(&index, family.name())?;
        let class = said
            .get("_class_name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        if class != family.pipeline() {
            return Err(bad(
                index,
                format!("it is a folder of {class}, not of {}", family.pipeline()),
            ));
        }
        for part in family.parts() {
            if !folder.join(part).is_dir() {
                return Err(bad(
                    folder.join(part),
                    "this part is missing: was the download cut short?".to_owned(),
                ));
            }
        }
        let at = |part: &str| folder.join(part);
        Scheduler::read(&at("scheduler"), None).or_else(|_| Scheduler::read(&at("scheduler"), Some(Method::Ddim)))?;
        let text = clap_text::ClapText::config(&at("text_encoder"))?;
        clap_text::graph(&Checkpoint::open(&at("text_encoder"))?, &text)?;
        if family == Family::AudioLdm2 {
            t5::graph(
                &Checkpoint::open(&at("text_encoder_2"))?,
                &t5::Config::read(&at("text_encoder_2"))?,
            )?;
            let projection = projection::Config::read(&at("projection_model"))?;
            projection::graph(&Checkpoint::open(&at("projection_model"))?, &projection)?;
            let gpt2 = Checkpoint::open(&at("language_model"))?.renamed("transformer.", "");
            gpt2::graph(&gpt2, &gpt2::Config::read(&at("language_model"))?)?;
        }
        let unet = unet::Config::read(&at("unet"), family.looks())?;
        unet::graph(&Checkpoint::open(&at("unet"))?, &unet, Operators::default())?;
        let vae = autoencoder::Config::read(&at("vae"))?;
        autoencoder::decoder(&Checkpoint::open(&at("vae"))?, &vae, Operators::default())?;
        let vocoder = vocoder::Config::read(&at("vocoder"))?;
        vocoder::graph(&Checkpoint::open(&at("vocoder"))?, &vocoder, Operators::default())?;
        let factor = vae.factor();
        if vae.latent_channels != unet.in_channels || unet.in_channels != unet.out_channels || vae.out_channels != 1 {
            let reason = "its U-Net and its autoencoder have different channels: are they of one checkpoint?";
            return Err(bad(at("unet").join("config.json"), reason.to_owned()));
        }
        if !vocoder.model_in_dim.is_multiple_of(factor) {
            let reason = format!(
                "{} bands are no multiple of the autoencoder's {factor}",
                vocoder.model_in_dim
            );
            return Err(bad(at("vocoder").join("config.json"), reason));
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            family,
            runtime: runtime.clone(),
            rate: vocoder.sampling_rate,
            hop: vocoder.hop(),
            factor,
            columns: vocoder.model_in_dim / factor,
            channels: unet.in_channels,
            scaling: vae.scaling_factor,
            trained: unet.sample_size.unwrap_or(USUAL_ROWS).max(8),
            read: Vec::new(),
            stays: false,
            unet: None,
            decoder: None,
            vocoder: None,
        })
    }

    /// Samples in a second of what it makes.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The length that it was trained with, seconds.
    pub fn usual_seconds(&self) -> f64 {
        (self.trained * self.factor * self.hop) as f64 / f64::from(self.rate)
    }

    /// Whether what draws stays loaded for the next wish. Else each part is gone before the next is loaded, so that at most the largest
    /// is in memory; the next wish loads them again, which takes seconds.
    pub fn stay(&mut self, stays: bool) {
        self.stays = stays;
        if !stays {
            (self.unet, self.decoder, self.vocoder) = (None, None, None);
        }
    }

    /// Bytes that drawing `wish` takes, roughly: what draws, and what flows through it.
    pub fn needs(&self, wish: &Wish<'_>) -> u64 {
        let bytes = |part: &str| -> u64 {
            let files = std::fs::read_dir(self.folder.join(part)).into_iter().flatten();
            files
                .filter_map(|entry| entry.ok()?.metadata().ok())
                .map(|m| m.len())
                .sum()
        };
        let parts = ["unet", "vae", "vocoder"].map(bytes);
        let weights: u64 = if self.stays {
            parts.iter().sum()
        } else {
            parts.iter().copied().max().unwrap_or(0)
        };
        let seconds = if wish.windows {
            wish.seconds.min(self.usual_seconds())
        } else {
            wish.seconds
        };
        let frames = (seconds * f64::from(self.rate) / self.hop as f64).min((draw::PIECE * self.factor) as f64);
        // The decoder's widest layers: 128 channels at full size, a few of them at once.
        let drawing = frames * (self.columns * self.factor) as f64 * 128.0 * 4.0 * 6.0;
        weights + weights / 8 + drawing as u64
    }

    /// Makes sounds of a wish. `watch` hears of each step, and ends it in the middle of one.
    ///
    /// # Errors
    /// [`ModelError::Input`] for a wish that cannot be met, [`ModelError::Cancelled`], and whatever loading or running says.
    pub fn make(&mut self, wish: Wish<'_>, watch: &dyn Watch) -> Result<Made, ModelError> {
        watched(watch, || self.made(wish, watch))
    }

    fn made(&mut self, wish: Wish<'_>, watch: &dyn Watch) -> Result<Made, ModelError> {
        let scheduler = Scheduler::read(&self.folder.join("scheduler"), wish.method)?;
        let sampler = scheduler.start(wish.steps)?;
        let (rows, length) = self.size(&wish)?;
        if self.unet.is_none()
            && let (needed, free) = (self.needs(&wish), self.runtime.free())
            && needed > free
        {
            return Err(ModelError::Memory {
                model: self.family.name(),
                needed,
                free,
            });
        }
        watch.check()?;
        self.read_ahead(&[wish], watch)?;
        let words = self.words(&wish).ok_or_else(|| self.unread())?;
        watch.check()?;
        let each = self.channels * rows * self.columns;
        let noise = TorchRandom::seeded(wish.seed).normal(wish.waveforms * each);
        let mut latents = Vec::new();
        for (index, noise) in noise.chunks(each).enumerate() {
            let done = |share: f64| watch.progress((index as f64 + share) / wish.waveforms as f64 * DRAWING);
            latents.push(self.denoised(noise, rows, &words, &wish, sampler.clone(), (watch, &done))?);
        }
        if !self.stays {
            self.unet = None;
        }
        let mut waveforms = Vec::new();
        for (index, samples) in self.sung(latents, rows, length, watch)?.into_iter().enumerate() {
            waveforms.push(Waveform {
                samples,
                index,
                score: None,
            });
        }
        let unranked = self.rank(&mut waveforms, &words.0)?;
        Ok(Made {
            rate: self.rate,
            waveforms,
            unranked,
            cut: words.0.cut,
        })
    }

    /// Rows of latents and samples of a wish, counted as the reference counts them.
    fn size(&self, wish: &Wish<'_>) -> Result<(usize, usize), ModelError> {
        let refused = |reason: String| {
            Err(ModelError::Input {
                model: self.family.name(),
                reason,
            })
        };
        if !wish.guidance.is_finite() || wish.guidance < 0.0 {
            return refused(format!("a guidance of {}; it takes 0 or more", wish.guidance));
        }
        if wish.waveforms == 0 || wish.waveforms > MOST_WAVEFORMS {
            return refused(format!(
                "{} sounds at once; it makes 1 to {MOST_WAVEFORMS}",
                wish.waveforms
            ));
        }
        let frame = self.hop as f64 / f64::from(self.rate);
        let least = frame * self.factor as f64;
        if !wish.seconds.is_finite() || wish.seconds < least {
            return refused(format!("{} s; the shortest sound it makes is {least} s", wish.seconds));
        }
        if wish.seconds > LONGEST {
            return refused(format!("{} s; the longest sound it makes is {LONGEST} s", wish.seconds));
        }
        let frames = (wish.seconds / frame) as usize;
        let length = (wish.seconds * f64::from(self.rate)) as usize;
        Ok((frames.div_ceil(self.factor), length))
    }

    /// Reads the words of several wishes at once, so that the text encoders, which are most of the weights, are loaded once. Words that
    /// were read lately are not read again.
    ///
    /// # Errors
    /// Whatever loading or running says, and [`ModelError::Cancelled`].
    pub fn read_ahead(&mut self, wishes: &[Wish<'_>], watch: &dyn Watch) -> Result<(), ModelError> {
        let mut new: Vec<Text<'_>> = Vec::new();
        for wish in wishes {
            let text = text(wish);
            if self.words(wish).is_none() && !new.contains(&text) {
                new.push(text);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let (folder, runtime, family) = (&self.folder, &self.runtime, self.family);
        // Loading a U-Net takes one processor and the language model hardly more than one, so they go beside each other. Texts are read when
        // something is to be drawn, so that it is needed next.
        let (unet, missing) = (Mutex::new(None), self.unet.is_none());
        let meanwhile = || {
            if missing {
                let loaded = watched(watch, || Unet::load(&folder.join("unet"), family.looks(), runtime));
                *unet.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
            }
        };
        let read = watched(watch, || {
            words::read((folder, family), &new, runtime, (watch, &meanwhile))
        })?;
        if let Some(loaded) = unet.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.unet = Some(loaded?);
        }
        for (text, words) in new.iter().zip(read) {
            if self.read.len() == REMEMBERED {
                self.read.remove(0);
            }
            self.read.push(Known {
                prompt: text.prompt.to_owned(),
                negative: text.negative.map(str::to_owned),
                words,
            });
        }
        Ok(())
    }

    /// What the words of a wish became, where they were read.
    fn words(&self, wish: &Wish<'_>) -> Option<(Words, Option<Words>)> {
        let text = text(wish);
        let known = self.read.iter();
        let mut known = known.filter(|k| k.prompt == text.prompt && k.negative.as_deref() == text.negative);
        known.next().map(|k| k.words.clone())
    }

    fn unread(&self) -> ModelError {
        ModelError::Run {
            model: self.family.name(),
            doing: "reading its words",
            reason: "nothing was read".to_owned(),
        }
    }
}

/// What is read of a wish: what to stay away from matters where there is guidance.
fn text<'a>(wish: &Wish<'a>) -> Text<'a> {
    Text {
        prompt: wish.prompt,
        negative: (wish.guidance > 1.0).then(|| wish.negative.unwrap_or_default()),
    }
}
