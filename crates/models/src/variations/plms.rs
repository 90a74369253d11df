//! `PNDMScheduler` without its Runge-Kutta steps (Liu et al. 2022), the schedule that Stable Diffusion's repositories carry: a linear
//! multistep method over the last four things the model said, step by step as diffusers takes it.

use std::path::Path;

use serde::Deserialize;

use crate::config;
use crate::error::ModelError;

const MODEL: &str = "the noise schedule";

/// `scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
struct Raw {
    #[serde(default = "config::thousand")]
    num_train_timesteps: usize,
    #[serde(default = "config::beta_start")]
    beta_start: f64,
    #[serde(default = "config::beta_end")]
    beta_end: f64,
    beta_schedule: Option<String>,
    #[serde(default)]
    skip_prk_steps: bool,
    #[serde(default)]
    set_alpha_to_one: bool,
    prediction_type: Option<String>,
    timestep_spacing: Option<String>,
    #[serde(default)]
    steps_offset: i64,
}

/// A schedule that was read.
#[derive(Debug, Clone)]
pub(super) struct Plms {
    /// What is left of the signal at each training step: ᾱ.
    alphas: Vec<f32>,
    last: f32,
    offset: i64,
    velocity: bool,
}

impl Plms {
    /// Reads `scheduler_config.json` in `folder`, whatever kind it says.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("scheduler_config.json");
        let raw: Raw = config::read(&path, MODEL)?;
        let bad = |reason: String| ModelError::Config {
            path,
            model: MODEL,
            reason,
        };
        let steps = raw.num_train_timesteps;
        if !(2..=1_000_000).contains(&steps) {
            return Err(bad("it has no sensible number of training steps".to_owned()));
        }
        if !raw.skip_prk_steps {
            return Err(bad("it asks for Runge-Kutta steps, which are not done here".to_owned()));
        }
        let spacing = raw.timestep_spacing.as_deref().unwrap_or("leading");
        if spacing != "leading" {
            return Err(bad(format!("the spacing {spacing} is not done here")));
        }
        let velocity = match raw.prediction_type.as_deref().unwrap_or("epsilon") {
            "epsilon" => false,
            "v_prediction" => true,
            other => return Err(bad(format!("its model predicts {other}, which is not known"))),
        };
        let line = |from: f64, to: f64| {
            let (from, to) = (from as f32, to as f32);
            let step = (to - from) / (steps - 1) as f32;
            // From both ends towards the middle, as torch.linspace does it.
            (0..steps).map(move |i| {
                if i < steps / 2 {
                    from + step * i as f32
                } else {
                    to - step * (steps - 1 - i) as f32
                }
            })
        };
        let betas: Vec<f32> = match raw.beta_schedule.as_deref().unwrap_or("linear") {
            "linear" => line(raw.beta_start, raw.beta_end).collect(),
            "scaled_linear" => line(raw.beta_start.sqrt(), raw.beta_end.sqrt())
                .map(|b| b * b)
                .collect(),
            other => return Err(bad(format!("the betas {other} are not done here"))),
        };
        let mut left = 1.0;
        let alphas: Vec<f32> = betas
            .iter()
            .map(|beta| {
                left *= 1.0 - beta;
                left
            })
            .collect();
        Ok(Self {
            last: if raw.set_alpha_to_one { 1.0 } else { alphas[0] },
            alphas,
            offset: raw.steps_offset,
            velocity,
        })
    }

    /// The way in `count` steps.
    pub(super) fn start(&self, count: usize) -> Result<Way<'_>, ModelError> {
        let train = self.alphas.len();
        if !(2..=train).contains(&count) {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("{count} steps; 2 to {train} are possible"),
            });
        }
        let stride = (train / count) as i64;
        let mut timesteps: Vec<i64> = (0..count as i64).rev().map(|i| i * stride + self.offset).collect();
        // The second step is taken twice: once to look, once to go.
        timesteps.insert(1, timesteps[1]);
        Ok(Way {
            schedule: self,
            timesteps,
            stride,
            said: Vec::new(),
            kept: Vec::new(),
        })
    }
}

/// A way being gone.
#[derive(Debug, Clone)]
pub(super) struct Way<'s> {
    schedule: &'s Plms,
    timesteps: Vec<i64>,
    stride: i64,
    /// What the model said, the last four.
    said: Vec<Vec<f32>>,
    /// The sample before the first step.
    kept: Vec<f32>,
}

impl Way<'_> {
    /// Training steps, noisiest first.
    pub(super) fn timesteps(&self) -> &[i64] {
        &self.timesteps
    }

    /// Step `index`: the model said `said` of `sample`.
    pub(super) fn step(&mut self, index: usize, said: &[f32], sample: &mut [f32]) {
        let at = self.timesteps.get(index).copied().unwrap_or(0);
        let (mut from, mut to) = (at, at - self.stride);
        let mixed: Vec<f32> = if index == 1 {
            (from, to) = (at + self.stride, at);
            sample.copy_from_slice(&self.kept);
            let before = self.said.last().map(Vec::as_slice).unwrap_or_default();
            said.iter().zip(before).map(|(a, b)| (a + b) / 2.0).collect()
        } else {
            if self.said.len() > 3 {
                self.said.remove(0);
            }
            self.said.push(said.to_vec());
            if index == 0 {
                self.kept = sample.to_vec();
            }
            let n = self.said.len();
            let e = |back: usize, i: usize| self.said[n - back][i];
            (0..said.len())
                .map(|i| match n {
                    1 => e(1, i),
                    2 => (3.0 * e(1, i) - e(2, i)) / 2.0,
                    3 => (23.0 * e(1, i) - 16.0 * e(2, i) + 5.0 * e(3, i)) / 12.0,
                    _ => (1.0 / 24.0) * (55.0 * e(1, i) - 59.0 * e(2, i) + 37.0 * e(3, i) - 9.0 * e(4, i)),
                })
                .collect()
        };
        let schedule = self.schedule;
        let alpha = |t: i64| {
            let known = usize::try_from(t).ok().and_then(|t| schedule.alphas.get(t));
            known.copied().unwrap_or(schedule.last)
        };
        let (now, next) = (alpha(from), alpha(to));
        let (noise_now, noise_next) = (1.0 - now, 1.0 - next);
        let of_sample = (next / now).sqrt();
        let divisor = now * noise_next.sqrt() + (now * noise_now * next).sqrt();
        for (x, e) in sample.iter_mut().zip(mixed) {
            let e = if schedule.velocity {
                now.sqrt() * e + noise_now.sqrt() * *x
            } else {
                e
            };
            *x = of_sample * *x - (next - now) * e / divisor;
        }
    }
}
