//! How noise becomes a picture or a sound: DDIM (Song et al. 2020) and DPM-Solver++ (Lu et al. 2022), step by step as diffusers'
//! `DDIMScheduler` and `DPMSolverMultistepScheduler` take them, configured by their `scheduler_config.json`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config;
use crate::error::ModelError;

const MODEL: &str = "the noise schedule";

/// A way to solve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// First order, deterministic (η = 0).
    Ddim,
    /// Multistep, of the order that the configuration says.
    DpmSolver,
}

/// `scheduler_config.json`; what a file does not say is the method's default.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    #[serde(rename = "_class_name", default)]
    class_name: String,
    #[serde(default = "config::thousand")]
    num_train_timesteps: usize,
    #[serde(default = "config::beta_start")]
    beta_start: f64,
    #[serde(default = "config::beta_end")]
    beta_end: f64,
    beta_schedule: Option<String>,
    trained_betas: Option<Vec<f32>>,
    clip_sample: Option<bool>,
    clip_sample_range: Option<f32>,
    set_alpha_to_one: Option<bool>,
    #[serde(default)]
    steps_offset: i64,
    prediction_type: Option<String>,
    #[serde(default)]
    thresholding: bool,
    timestep_spacing: Option<String>,
    #[serde(default)]
    rescale_betas_zero_snr: bool,
    solver_order: Option<usize>,
    algorithm_type: Option<String>,
    solver_type: Option<String>,
    lower_order_final: Option<bool>,
    #[serde(default)]
    euler_at_final: bool,
    #[serde(default)]
    use_karras_sigmas: bool,
    #[serde(default)]
    use_lu_lambdas: bool,
    #[serde(default)]
    use_exponential_sigmas: bool,
    #[serde(default)]
    use_beta_sigmas: bool,
    #[serde(default)]
    use_flow_sigmas: bool,
    final_sigmas_type: Option<String>,
    lambda_min_clipped: Option<f64>,
    variance_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predicts {
    Noise,
    Sample,
    Velocity,
}

/// A schedule that was read.
#[derive(Debug, Clone)]
pub struct Scheduler {
    path: PathBuf,
    config: Config,
    method: Method,
    predicts: Predicts,
    /// What is left of the signal at each training step: ᾱ.
    alphas: Vec<f32>,
}

impl Scheduler {
    /// Reads `scheduler_config.json` in `folder`; `method` takes another one than the file names, with its numbers (diffusers'
    /// `from_config`).
    ///
    /// # Errors
    /// [`ModelError::Config`]: none there, or one that asks for what neither method does.
    pub fn read(folder: &Path, method: Option<Method>) -> Result<Self, ModelError> {
        let path = folder.join("scheduler_config.json");
        let config: Config = config::read(&path, MODEL)?;
        let bad = |reason: String| ModelError::Config {
            path: path.clone(),
            model: MODEL,
            reason,
        };
        let named = match config.class_name.as_str() {
            "DPMSolverMultistepScheduler" => Method::DpmSolver,
            "DDIMScheduler" => Method::Ddim,
            // The training schedule is the same; only the steps differ.
            "PNDMScheduler" | "DDPMScheduler" | "LMSDiscreteScheduler" | "EulerDiscreteScheduler"
                if method.is_some() =>
            {
                Method::Ddim
            }
            other => {
                return Err(bad(format!(
                    "{other} is not known here; ddim and dpmsolver++ are, and can be asked for"
                )));
            }
        };
        let method = method.unwrap_or(named);
        let predicts = match config.prediction_type.as_deref().unwrap_or("epsilon") {
            "epsilon" => Predicts::Noise,
            "sample" => Predicts::Sample,
            "v_prediction" => Predicts::Velocity,
            other => return Err(bad(format!("its model predicts {other}, which is not known"))),
        };
        if config.num_train_timesteps == 0 || config.num_train_timesteps > 1_000_000 {
            return Err(bad("it has no sensible number of training steps".to_owned()));
        }
        if config.thresholding || config.use_exponential_sigmas || config.use_beta_sigmas || config.use_flow_sigmas {
            return Err(bad(
                "it asks for thresholding or for exponential, beta or flow sigmas, which are not done here".to_owned(),
            ));
        }
        if method == Method::DpmSolver {
            let algorithm = config.algorithm_type.as_deref().unwrap_or("dpmsolver++");
            if !matches!(algorithm, "dpmsolver++" | "deis") {
                return Err(bad(format!(
                    "the algorithm {algorithm} is not done here, only dpmsolver++"
                )));
            }
            if config.variance_type.is_some() || !(1..=3).contains(&config.solver_order.unwrap_or(2)) {
                return Err(bad("a learned variance, or an order that is not 1, 2 or 3".to_owned()));
            }
        }
        let mut alphas = alphas(&config).map_err(bad)?;
        if config.rescale_betas_zero_snr
            && method == Method::DpmSolver
            && let Some(last) = alphas.last_mut()
        {
            *last = 2f32.powi(-24);
        }
        Ok(Self {
            path,
            config,
            method,
            predicts,
            alphas,
        })
    }

    /// The method in use.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Begins a run of so many steps.
    ///
    /// # Errors
    /// [`ModelError::Input`]: no steps, or more than the model was trained with; [`ModelError::Config`].
    pub fn start(&self, steps: usize) -> Result<Sampler, ModelError> {
        let trained = self.config.num_train_timesteps;
        if steps == 0 || steps > trained {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("{steps} steps; it takes from 1 to {trained}"),
            });
        }
        let (timesteps, solver) = match self.method {
            Method::Ddim => {
                let timesteps = self.ddim_timesteps(steps)?;
                let end = if self.config.set_alpha_to_one.unwrap_or(true) {
                    1.0
                } else {
                    self.alphas[0]
                };
                let kept = |t: i64| usize::try_from(t).ok().and_then(|t| self.alphas.get(t)).copied();
                let stride = (trained / steps) as i64;
                let signal = timesteps
                    .iter()
                    .map(|t| {
                        (
                            kept(*t).unwrap_or(self.alphas[trained - 1]),
                            kept(t - stride).unwrap_or(end),
                        )
                    })
                    .collect();
                let clip = self.config.clip_sample.unwrap_or(true);
                let clip = clip.then(|| self.config.clip_sample_range.unwrap_or(1.0));
                (timesteps, Solver::Ddim { signal, clip })
            }
            Method::DpmSolver => {
                let (timesteps, sigmas) = self.dpm_timesteps(steps)?;
                let few = timesteps.len() < 15 && self.config.lower_order_final.unwrap_or(true);
                let to_zero = self.config.final_sigmas_type.as_deref().unwrap_or("zero") == "zero";
                let solver = Solver::Dpm {
                    sigmas,
                    order: self.config.solver_order.unwrap_or(2),
                    heun: self.config.solver_type.as_deref() == Some("heun"),
                    first_at_end: self.config.euler_at_final || few || to_zero,
                    second_near_end: few,
                    past: Vec::new(),
                };
                (timesteps, solver)
            }
        };
        Ok(Sampler {
            timesteps,
            predicts: self.predicts,
            solver,
        })
    }

    fn spacing(&self) -> &str {
        self.config.timestep_spacing.as_deref().unwrap_or(match self.method {
            Method::Ddim => "leading",
            Method::DpmSolver => "linspace",
        })
    }

    fn unknown_spacing(&self) -> ModelError {
        ModelError::Config {
            path: self.path.clone(),
            model: MODEL,
            reason: format!("the spacing {} of its steps is not known", self.spacing()),
        }
    }

    fn ddim_timesteps(&self, steps: usize) -> Result<Vec<i64>, ModelError> {
        let trained = self.config.num_train_timesteps;
        let list = match self.spacing() {
            "linspace" => linspace(0.0, (trained - 1) as f64, steps)
                .into_iter()
                .rev()
                .map(|t| t.round_ties_even() as i64)
                .collect(),
            "leading" => (0..steps as i64)
                .rev()
                .map(|i| i * (trained / steps) as i64 + self.config.steps_offset)
                .collect(),
            "trailing" => trailing(trained, trained as f64 / steps as f64),
            _ => return Err(self.unknown_spacing()),
        };
        Ok(list)
    }

    /// Timesteps, and one σ more than there are of them.
    fn dpm_timesteps(&self, steps: usize) -> Result<(Vec<i64>, Vec<f32>), ModelError> {
        let trained = self.config.num_train_timesteps;
        let sigma = |a: f32| ((1.0 - a) / a).sqrt();
        let all: Vec<f32> = self.alphas.iter().map(|a| sigma(*a)).collect();
        let clipped = self.config.lambda_min_clipped.map_or(0, |least| {
            let lambda = |a: f32| f64::from(a.sqrt().ln() - (1.0 - a).sqrt().ln());
            self.alphas.iter().rev().filter(|a| lambda(**a) < least).count()
        });
        let last = trained - clipped.min(trained - 1);
        let mut timesteps: Vec<i64> = match self.spacing() {
            "linspace" => linspace(0.0, (last - 1) as f64, steps + 1)
                .into_iter()
                .skip(1)
                .rev()
                .map(|t| t.round_ties_even() as i64)
                .collect(),
            "leading" => (1..=steps as i64)
                .rev()
                .map(|i| i * (last / (steps + 1)) as i64 + self.config.steps_offset)
                .collect(),
            "trailing" => trailing(last, trained as f64 / steps as f64),
            _ => return Err(self.unknown_spacing()),
        };
        let logs: Vec<f64> = all.iter().map(|s| f64::from(s.ln())).collect();
        let (low, high) = (f64::from(all[0]), f64::from(all[trained - 1]));
        let round = self.config.beta_schedule.as_deref() != Some("squaredcos_cap_v2");
        let nearest = |sigma: f64| {
            let t = at_log_sigma(sigma.max(1e-10).ln(), &logs);
            if round { t.round_ties_even() as i64 } else { t as i64 }
        };
        let mut sigmas: Vec<f64> = if self.config.use_karras_sigmas {
            // Karras et al. 2022, ρ = 7.
            let (from, to) = (high.powf(1.0 / 7.0), low.powf(1.0 / 7.0));
            let list = linspace(0.0, 1.0, steps);
            list.into_iter().map(|x| (from + x * (to - from)).powf(7.0)).collect()
        } else if self.config.use_lu_lambdas {
            let (from, to) = (logs[trained - 1], logs[0]);
            let list = linspace(0.0, 1.0, steps);
            list.into_iter().map(|x| (from + x * (to - from)).exp()).collect()
        } else {
            timesteps.iter().map(|t| interpolated(*t as f64, &all)).collect()
        };
        if self.config.use_karras_sigmas || self.config.use_lu_lambdas {
            timesteps = sigmas.iter().map(|s| nearest(*s)).collect();
        }
        sigmas.push(match self.config.final_sigmas_type.as_deref().unwrap_or("zero") {
            "sigma_min" => low,
            _ => 0.0,
        });
        Ok((timesteps, sigmas.into_iter().map(|s| s as f32).collect()))
    }
}

/// ᾱ at each training step.
fn alphas(config: &Config) -> Result<Vec<f32>, String> {
    let count = config.num_train_timesteps;
    let mut betas: Vec<f32> = match (
        &config.trained_betas,
        config.beta_schedule.as_deref().unwrap_or("linear"),
    ) {
        (Some(betas), _) if betas.len() == count => betas.clone(),
        (Some(_), _) => return Err("trained_betas has another length than num_train_timesteps".to_owned()),
        (None, "linear") => linspace_f32(config.beta_start as f32, config.beta_end as f32, count),
        (None, "scaled_linear") => {
            let list = linspace_f32(config.beta_start.sqrt() as f32, config.beta_end.sqrt() as f32, count);
            list.into_iter().map(|b| b * b).collect()
        }
        (None, "squaredcos_cap_v2") => {
            let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::PI / 2.0).cos().powi(2);
            let at = |i: usize| bar(i as f64 / count as f64);
            (0..count)
                .map(|i| (1.0 - at(i + 1) / at(i)).min(0.999) as f32)
                .collect()
        }
        (None, other) => return Err(format!("the schedule {other} of its noise is not known")),
    };
    if config.rescale_betas_zero_snr {
        betas = without_signal_at_the_end(&betas);
    }
    Ok(products(betas.into_iter().map(|b| 1.0 - b)))
}

/// Running products, in double as PyTorch has them.
fn products(factors: impl Iterator<Item = f32>) -> Vec<f32> {
    factors
        .scan(1f64, |product, factor| {
            *product *= f64::from(factor);
            Some(*product as f32)
        })
        .collect()
}

/// Lin et al. 2023, algorithm 1.
fn without_signal_at_the_end(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = products(betas.iter().map(|b| 1.0 - b))
        .iter()
        .map(|a| a.sqrt())
        .collect();
    let (Some(first), Some(last)) = (roots.first().copied(), roots.last().copied()) else {
        return Vec::new();
    };
    let bars: Vec<f32> = roots
        .iter()
        .map(|r| ((r - last) * (first / (first - last))).powi(2))
        .collect();
    let mut before = 1.0;
    bars.into_iter()
        .map(|bar| {
            let beta = 1.0 - bar / before;
            before = bar;
            beta
        })
        .collect()
}

/// numpy's.
fn linspace(from: f64, to: f64, count: usize) -> Vec<f64> {
    let step = if count > 1 {
        (to - from) / (count - 1) as f64
    } else {
        0.0
    };
    (0..count)
        .map(|i| {
            if i + 1 == count && count > 1 {
                to
            } else {
                from + step * i as f64
            }
        })
        .collect()
}

/// PyTorch's, from both ends to the middle.
fn linspace_f32(from: f32, to: f32, count: usize) -> Vec<f32> {
    let step = if count > 1 {
        (to - from) / (count - 1) as f32
    } else {
        0.0
    };
    (0..count)
        .map(|i| {
            if i < count / 2 {
                from + step * i as f32
            } else {
                to - step * (count - i - 1) as f32
            }
        })
        .collect()
}

/// From `from` down to above zero by `stride`.
fn trailing(from: usize, stride: f64) -> Vec<i64> {
    let count = (from as f64 / stride).ceil() as usize;
    (0..count)
        .map(|i| (from as f64 - i as f64 * stride).round_ties_even() as i64 - 1)
        .collect()
}

/// Between the numbers of a list, by place.
fn interpolated(at: f64, list: &[f32]) -> f64 {
    let last = list.len() - 1;
    let low = (at.max(0.0) as usize).min(last);
    let high = (low + 1).min(last);
    let (a, b) = (f64::from(list[low]), f64::from(list[high]));
    a + (b - a) * (at - low as f64).clamp(0.0, 1.0)
}

/// Where among rising logarithms one lies.
fn at_log_sigma(log: f64, logs: &[f64]) -> f64 {
    let below = logs.iter().filter(|l| log >= **l).count();
    let low = below.saturating_sub(1).min(logs.len().saturating_sub(2));
    let high = (low + 1).min(logs.len() - 1);
    let weight = ((logs[low] - log) / (logs[low] - logs[high])).clamp(0.0, 1.0);
    (1.0 - weight) * low as f64 + weight * high as f64
}

/// What carries a run from one step to the next.
#[derive(Debug, Clone)]
enum Solver {
    Ddim {
        /// ᾱ at each step and at the next.
        signal: Vec<(f32, f32)>,
        clip: Option<f32>,
    },
    Dpm {
        sigmas: Vec<f32>,
        order: usize,
        heun: bool,
        first_at_end: bool,
        second_near_end: bool,
        /// What the model said before, as clean samples, the latest last.
        past: Vec<Vec<f32>>,
    },
}

/// A run: the steps, and what they need of those before them.
#[derive(Debug, Clone)]
pub struct Sampler {
    timesteps: Vec<i64>,
    predicts: Predicts,
    solver: Solver,
}

impl Sampler {
    /// The training steps that the model is asked at, in order.
    pub fn timesteps(&self) -> &[i64] {
        &self.timesteps
    }

    /// Takes step `index`: `said` is the model's output for `sample`, which becomes the sample after it.
    pub fn step(&mut self, index: usize, said: &[f32], sample: &mut [f32]) {
        let (predicts, steps) = (self.predicts, self.timesteps.len());
        match &mut self.solver {
            Solver::Ddim { signal, clip } => {
                let Some((now, next)) = signal.get(index).copied() else {
                    return;
                };
                let (signal, noise) = (now.sqrt(), (1.0 - now).sqrt());
                let (signal_after, noise_after) = (next.sqrt(), (1.0 - next).sqrt());
                for (x, said) in sample.iter_mut().zip(said) {
                    let (clean, noisy) = match predicts {
                        Predicts::Noise => ((*x - noise * said) / signal, *said),
                        Predicts::Sample => (*said, (*x - signal * said) / noise),
                        Predicts::Velocity => (signal * *x - noise * said, signal * said + noise * *x),
                    };
                    let clean = clip.map_or(clean, |most| clean.clamp(-most, most));
                    *x = signal_after * clean + noise_after * noisy;
                }
            }
            Solver::Dpm {
                sigmas,
                order,
                heun,
                first_at_end,
                second_near_end,
                past,
            } => {
                let Some(sigma) = sigmas.get(index).copied() else {
                    return;
                };
                let (alpha, noise) = scales(sigma);
                let clean = sample.iter().zip(said).map(|(x, said)| match predicts {
                    Predicts::Noise => (x - noise * said) / alpha,
                    Predicts::Sample => *said,
                    Predicts::Velocity => alpha * x - noise * said,
                });
                past.push(clean.collect());
                if past.len() > *order {
                    past.remove(0);
                }
                let last = index + 1 == steps;
                let near = index + 2 == steps;
                let usable = past.len();
                let use_order = if usable == 1 || (last && *first_at_end) {
                    1
                } else if usable == 2 || (near && *second_near_end) {
                    2
                } else {
                    3
                };
                dpm_step(sigmas, index, use_order, *heun, past, sample);
            }
        }
    }
}

/// What remains of the signal and what there is of noise, at σ.
fn scales(sigma: f32) -> (f32, f32) {
    let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
    (alpha, sigma * alpha)
}

fn lambda(sigma: f32) -> f32 {
    let (alpha, noise) = scales(sigma);
    alpha.ln() - noise.ln()
}

/// Multistep DPM-Solver++ of `order`, over the clean samples that the model said last.
fn dpm_step(sigmas: &[f32], index: usize, order: usize, heun: bool, past: &[Vec<f32>], sample: &mut [f32]) {
    let at = |back: usize| index.checked_sub(back).and_then(|i| sigmas.get(i)).copied();
    let (Some(now), Some(next)) = (at(0), sigmas.get(index + 1).copied()) else {
        return;
    };
    let ((alpha, noise), (_, noise_now)) = (scales(next), scales(now));
    let (lambda_next, lambda_now) = (lambda(next), lambda(now));
    let h = lambda_next - lambda_now;
    let keep = noise / noise_now;
    let fall = alpha * ((-h).exp() - 1.0);
    let mut recent = past.iter().rev();
    let Some(m0) = recent.next() else {
        return;
    };
    match (order, recent.next(), recent.next(), at(1), at(2)) {
        (2, Some(m1), _, Some(before), _) => {
            let r0 = (lambda_now - lambda(before)) / h;
            let bend = if heun {
                alpha * (((-h).exp() - 1.0) / h + 1.0)
            } else {
                -0.5 * fall
            };
            for ((x, m0), m1) in sample.iter_mut().zip(m0).zip(m1) {
                let d1 = (1.0 / r0) * (m0 - m1);
                *x = keep * *x - fall * m0 + bend * d1;
            }
        }
        (3, Some(m1), Some(m2), Some(before), Some(earlier)) => {
            let (r0, r1) = (
                (lambda_now - lambda(before)) / h,
                (lambda(before) - lambda(earlier)) / h,
            );
            let bend = alpha * (((-h).exp() - 1.0) / h + 1.0);
            let curl = alpha * (((-h).exp() - 1.0 + h) / (h * h) - 0.5);
            for (((x, m0), m1), m2) in sample.iter_mut().zip(m0).zip(m1).zip(m2) {
                let (d10, d11) = ((1.0 / r0) * (m0 - m1), (1.0 / r1) * (m1 - m2));
                let d1 = d10 + (r0 / (r0 + r1)) * (d10 - d11);
                let d2 = (1.0 / (r0 + r1)) * (d10 - d11);
                *x = keep * *x - fall * m0 + bend * d1 - curl * d2;
            }
        }
        _ => {
            for (x, m0) in sample.iter_mut().zip(m0) {
                *x = keep * *x - fall * m0;
            }
        }
    }
}
