//! The stochastic schedules of Kandinsky: `UnCLIPScheduler` for its prior, `DDPMScheduler` (Ho et al. 2020) for its decoder, step by step
//! as diffusers takes them, configured by their `scheduler_config.json`.

use std::path::Path;

use serde::Deserialize;

use crate::config;
use crate::error::ModelError;

const MODEL: &str = "the noise schedule";

/// `scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
struct Raw {
    #[serde(rename = "_class_name", default)]
    class_name: String,
    #[serde(default = "config::thousand")]
    num_train_timesteps: usize,
    #[serde(default = "config::beta_start")]
    beta_start: f64,
    #[serde(default = "config::beta_end")]
    beta_end: f64,
    beta_schedule: Option<String>,
    variance_type: Option<String>,
    clip_sample: Option<bool>,
    clip_sample_range: Option<f32>,
    prediction_type: Option<String>,
    #[serde(default)]
    thresholding: bool,
    dynamic_thresholding_ratio: Option<f32>,
    sample_max_value: Option<f32>,
    timestep_spacing: Option<String>,
    #[serde(default)]
    steps_offset: i64,
    #[serde(default)]
    rescale_betas_zero_snr: bool,
}

/// How the noise between two steps is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variance {
    Small,
    SmallLog,
    Large,
    Learned,
}

/// Which steps are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    /// From the first to the last of the training.
    Linspace,
    Leading(i64),
    Trailing,
}

/// What is done with the picture that a step foresees.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Free,
    Within(f32),
    /// Dynamic thresholding: the share of values that stay, and the most they may be.
    Dynamic(f32, f32),
}

/// A schedule that was read.
#[derive(Debug, Clone)]
pub(crate) struct Ancestral {
    betas: Vec<f32>,
    /// What is left of the signal at each training step: ᾱ.
    alphas: Vec<f32>,
    variance: Variance,
    spacing: Spacing,
    bound: Bound,
    predicts_sample: bool,
    predicts_velocity: bool,
    /// UnCLIP takes the training's own β where a step goes one training step back.
    unclip: bool,
}

impl Ancestral {
    /// Reads `scheduler_config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("scheduler_config.json");
        let raw: Raw = config::read(&path, MODEL)?;
        Self::understood(&raw).map_err(|reason| ModelError::Config {
            path,
            model: MODEL,
            reason,
        })
    }

    fn understood(raw: &Raw) -> Result<Self, String> {
        let unclip = match raw.class_name.as_str() {
            "UnCLIPScheduler" => true,
            "DDPMScheduler" => false,
            other => {
                return Err(format!(
                    "{other} is not done here; UnCLIPScheduler and DDPMScheduler are"
                ));
            }
        };
        let steps = raw.num_train_timesteps;
        if !(2..=1_000_000).contains(&steps) {
            return Err("it has no sensible number of training steps".to_owned());
        }
        if raw.rescale_betas_zero_snr {
            return Err("betas rescaled to no signal at the end are not done here".to_owned());
        }
        let usual = if unclip { "squaredcos_cap_v2" } else { "linear" };
        let betas: Vec<f32> = match raw.beta_schedule.as_deref().unwrap_or(usual) {
            "squaredcos_cap_v2" => cosine(steps),
            "linear" => linspace(raw.beta_start as f32, raw.beta_end as f32, steps),
            "scaled_linear" => linspace((raw.beta_start.sqrt()) as f32, (raw.beta_end.sqrt()) as f32, steps)
                .into_iter()
                .map(|b| b * b)
                .collect(),
            other => return Err(format!("the betas {other} are not done here")),
        };
        let variance = match raw.variance_type.as_deref() {
            None if unclip => Variance::SmallLog,
            None | Some("fixed_small") => Variance::Small,
            Some("fixed_small_log") => Variance::SmallLog,
            Some("fixed_large") => Variance::Large,
            Some("learned_range") => Variance::Learned,
            Some(other) => return Err(format!("the variance {other} is not done here")),
        };
        let bound = if raw.thresholding {
            Bound::Dynamic(
                raw.dynamic_thresholding_ratio.unwrap_or(0.995),
                raw.sample_max_value.unwrap_or(1.0),
            )
        } else if raw.clip_sample.unwrap_or(true) {
            Bound::Within(raw.clip_sample_range.unwrap_or(1.0))
        } else {
            Bound::Free
        };
        let prediction = raw.prediction_type.as_deref().unwrap_or("epsilon");
        if !matches!(prediction, "epsilon" | "sample" | "v_prediction") {
            return Err(format!("its model predicts {prediction}, which is not known"));
        }
        let spacing = match raw.timestep_spacing.as_deref() {
            _ if unclip => Spacing::Linspace,
            None | Some("leading") => Spacing::Leading(raw.steps_offset),
            Some("linspace") => Spacing::Linspace,
            Some("trailing") => Spacing::Trailing,
            Some(other) => return Err(format!("the spacing {other} is not known")),
        };
        let mut left = 1.0f64;
        // torch.cumprod of single precision keeps its product in single precision.
        let alphas = betas
            .iter()
            .map(|beta| {
                left = f64::from((left as f32) * (1.0 - beta));
                left as f32
            })
            .collect();
        Ok(Self {
            betas,
            alphas,
            variance,
            spacing,
            bound,
            predicts_sample: prediction == "sample",
            predicts_velocity: prediction == "v_prediction",
            unclip,
        })
    }

    /// The training steps that `count` steps go through, noisiest first.
    pub(crate) fn timesteps(&self, count: usize) -> Result<Vec<i64>, ModelError> {
        let train = self.betas.len();
        // UnCLIP divides by the number of steps less one.
        let fewest = if self.spacing == Spacing::Linspace { 2 } else { 1 };
        if !(fewest..=train).contains(&count) {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("{count} steps; {fewest} to {train} are possible"),
            });
        }
        Ok(match self.spacing {
            Spacing::Linspace => {
                let ratio = (train - 1) as f64 / (count - 1) as f64;
                (0..count)
                    .rev()
                    .map(|i| (i as f64 * ratio).round_ties_even() as i64)
                    .collect()
            }
            Spacing::Leading(offset) => (0..count)
                .rev()
                .map(|i| (i * (train / count)) as i64 + offset)
                .collect(),
            Spacing::Trailing => {
                let ratio = train as f64 / count as f64;
                (0..count)
                    .map(|i| (train as f64 - i as f64 * ratio).round_ties_even() as i64 - 1)
                    .collect()
            }
        })
    }

    /// One step: `sample` at training step `at` becomes that at `next` (none: the picture). `said` is what the model says of it,
    /// `variance` what it says of the variance, `noise` standard normal, both as long; nothing of `noise` is used at step 0.
    pub(crate) fn step(
        &self,
        (at, next): (i64, Option<i64>),
        said: &[f32],
        variance: Option<&[f32]>,
        noise: &[f32],
        sample: &mut [f32],
    ) {
        let alpha = |t: i64| {
            usize::try_from(t)
                .ok()
                .and_then(|t| self.alphas.get(t))
                .copied()
                .unwrap_or(1.0)
        };
        let (now, before) = (alpha(at), next.map_or(1.0, alpha));
        let (noise_now, noise_before) = (1.0 - now, 1.0 - before);
        let (current, beta) = match usize::try_from(at).ok().and_then(|t| self.betas.get(t)) {
            Some(beta) if self.unclip && next.unwrap_or(-1) == at - 1 => (1.0 - beta, *beta),
            _ if self.unclip => {
                let beta = 1.0 - now / before;
                (1.0 - beta, beta)
            }
            _ => (now / before, 1.0 - now / before),
        };
        let mut foreseen: Vec<f32> = if self.predicts_sample {
            said.to_vec()
        } else if self.predicts_velocity {
            sample
                .iter()
                .zip(said)
                .map(|(x, v)| now.sqrt() * x - noise_now.sqrt() * v)
                .collect()
        } else {
            sample
                .iter()
                .zip(said)
                .map(|(x, e)| (x - noise_now.sqrt() * e) / now.sqrt())
                .collect()
        };
        self.bound(&mut foreseen);
        let of_foreseen = before.sqrt() * beta / noise_now;
        let of_sample = current.sqrt() * noise_before / noise_now;
        for (x, f) in sample.iter_mut().zip(&foreseen) {
            *x = of_foreseen * f + of_sample * *x;
        }
        if at <= 0 {
            return;
        }
        let least = (noise_before / noise_now * beta).max(1e-20);
        match self.variance {
            Variance::Learned => {
                let (low, high) = (least.ln(), beta.ln());
                let said = variance.unwrap_or_default();
                for ((x, v), z) in sample.iter_mut().zip(said).zip(noise) {
                    let share = (v + 1.0) / 2.0;
                    *x += (0.5 * (share * high + (1.0 - share) * low)).exp() * z;
                }
            }
            fixed => {
                let deviation = match fixed {
                    Variance::SmallLog => (0.5 * least.ln()).exp(),
                    Variance::Large => beta.sqrt(),
                    _ => least.sqrt(),
                };
                for (x, z) in sample.iter_mut().zip(noise) {
                    *x += deviation * z;
                }
            }
        }
    }

    fn bound(&self, foreseen: &mut [f32]) {
        match self.bound {
            Bound::Free => {}
            Bound::Within(range) => foreseen.iter_mut().for_each(|x| *x = x.clamp(-range, range)),
            Bound::Dynamic(ratio, most) => {
                let mut sizes: Vec<f32> = foreseen.iter().map(|x| x.abs()).collect();
                sizes.sort_by(f32::total_cmp);
                let place = f64::from(ratio) * (sizes.len().max(1) - 1) as f64;
                let (low, high) = (place.floor() as usize, place.ceil() as usize);
                let value = |i: usize| sizes.get(i).copied().unwrap_or(0.0);
                let s = value(low) + (value(high) - value(low)) * (place - place.floor()) as f32;
                let s = s.max(1.0).min(most.max(1.0));
                foreseen.iter_mut().for_each(|x| *x = x.clamp(-s, s) / s);
            }
        }
    }
}

/// `torch.linspace` in single precision: from both ends towards the middle.
fn linspace(from: f32, to: f32, count: usize) -> Vec<f32> {
    let step = (to - from) / (count - 1) as f32;
    (0..count)
        .map(|i| {
            if i < count / 2 {
                from + step * i as f32
            } else {
                to - step * (count - 1 - i) as f32
            }
        })
        .collect()
}

fn cosine(count: usize) -> Vec<f32> {
    let left = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
    (0..count)
        .map(|i| {
            let (from, to) = (i as f64 / count as f64, (i + 1) as f64 / count as f64);
            (1.0 - left(to) / left(from)).min(0.999) as f32
        })
        .collect()
}
