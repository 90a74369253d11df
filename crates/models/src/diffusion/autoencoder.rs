//! `AutoencoderKL` (Rombach et al. 2022), as diffusers builds it: Stable Diffusion's, and AudioLDM's over mel spectrograms.

use std::path::Path;

use serde::Deserialize;

use super::blocks::{self, Norms};
use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Attention, Conv, Finished, Graph, Heads, Operators, Value};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "AutoencoderKL";
const EPSILON: f32 = 1e-6;

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    #[serde(default = "three")]
    pub(crate) in_channels: usize,
    #[serde(default = "three")]
    pub(crate) out_channels: usize,
    #[serde(default = "four")]
    pub(crate) latent_channels: usize,
    pub(crate) block_out_channels: Vec<usize>,
    #[serde(default = "one")]
    pub(crate) layers_per_block: usize,
    #[serde(default = "thirty_two")]
    pub(crate) norm_num_groups: usize,
    /// What latents are multiplied by before a diffusion model sees them.
    #[serde(default = "usual_scale")]
    pub(crate) scaling_factor: f32,
    #[serde(default = "config::yes")]
    use_quant_conv: bool,
    #[serde(default = "config::yes")]
    use_post_quant_conv: bool,
    #[serde(default = "config::yes")]
    mid_block_add_attention: bool,
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

fn four() -> usize {
    4
}

fn thirty_two() -> usize {
    32
}

fn usual_scale() -> f32 {
    0.18215
}

impl Config {
    /// Reads `config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Self = config::read(&path, MODEL)?;
        if config.block_out_channels.is_empty() || config.norm_num_groups == 0 {
            return Err(ModelError::Config {
                path,
                model: MODEL,
                reason: "it has no blocks, or no groups in its norms".to_owned(),
            });
        }
        Ok(config)
    }

    /// Samples, each way, that one latent stands for.
    pub(crate) fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    fn norms(&self) -> Norms {
        Norms {
            groups: self.norm_num_groups,
            epsilon: EPSILON,
        }
    }
}

/// The half that makes pictures of latents.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) config: Config,
    net: Net,
}

impl Decoder {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let runtime = runtime.clone().for_large_pictures();
        let net = runtime.session(&decoder(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Latents N × channels × height × width, as they left the encoder (divided by the scaling factor): N × channels × rows ×
    /// columns.
    pub(crate) fn decode(&mut self, latents: &Tensor) -> Result<Tensor, ModelError> {
        let mut out = self.net.run(&[("latents", Feed::F32(&latents.shape, &latents.data))])?;
        Ok(out.remove(0))
    }
}

/// The half that makes latents of pictures.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) config: Config,
    net: Net,
}

/// What an encoder says of its picture: a normal distribution for each latent.
#[derive(Debug, Clone)]
pub(crate) struct Posterior {
    pub(crate) mean: Tensor,
    pub(crate) deviation: Vec<f32>,
}

impl Posterior {
    /// A draw, with standard normal `noise` as long as the mean.
    pub(crate) fn sample(&self, noise: &[f32]) -> Tensor {
        let parts = self.mean.data.iter().zip(&self.deviation).zip(noise);
        Tensor {
            shape: self.mean.shape.clone(),
            data: parts
                .map(|((mean, deviation), noise)| mean + deviation * noise)
                .collect(),
        }
    }
}

impl Encoder {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let runtime = runtime.clone().for_large_pictures();
        let net = runtime.session(&encoder(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Pictures N × channels × rows × columns between −1 and 1; rows and columns multiples of the factor.
    pub(crate) fn encode(&mut self, pictures: &Tensor) -> Result<Posterior, ModelError> {
        let mut out = self
            .net
            .run(&[("picture", Feed::F32(&pictures.shape, &pictures.data))])?;
        let moments = out.remove(0);
        let mut shape = moments.shape;
        let each: usize = shape[1..].iter().product();
        shape[1] /= 2;
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for both in moments.data.chunks(each.max(1)) {
            let (means, logs) = both.split_at(both.len() / 2);
            mean.extend_from_slice(means);
            deviation.extend(logs.iter().map(|log| (0.5 * log.clamp(-30.0, 20.0)).exp()));
        }
        Ok(Posterior {
            mean: Tensor { shape, data: mean },
            deviation,
        })
    }
}

fn input(g: &mut Graph<'_>, name: &str, channels: usize) -> Value {
    let shape = [
        Dim::Named("n"),
        Dim::Known(channels),
        Dim::Named("height"),
        Dim::Named("width"),
    ];
    g.name_sizes();
    g.input(name, Element::F32, &shape)
}

/// The decoder's graph: `latents` to `picture`.
pub(crate) fn decoder(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by.sparing());
    let latent = config.latent_channels;
    let mut x = input(&mut g, "latents", latent);
    if config.use_post_quant_conv {
        x = g.conv2d(&x, "post_quant_conv", (latent, latent), Conv::same(1, 1), true)?;
    }
    let widths: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
    let mut from = widths[0];
    x = g.conv2d(&x, "decoder.conv_in", (latent, from), Conv::same(3, 1), true)?;
    x = middle(&mut g, &x, "decoder.mid_block", from, config)?;
    for (level, to) in widths.iter().copied().enumerate() {
        let at = format!("decoder.up_blocks.{level}");
        for layer in 0..=config.layers_per_block {
            x = blocks::resnet(
                &mut g,
                &x,
                &format!("{at}.resnets.{layer}"),
                (from, to),
                config.norms(),
                None,
            )?;
            from = to;
        }
        if level + 1 < widths.len() {
            x = blocks::up(&mut g, &x, &format!("{at}.upsamplers.0"), to, None)?;
        }
    }
    let names = ("decoder.conv_norm_out", "decoder.conv_out");
    let x = blocks::last(&mut g, &x, names, (from, config.out_channels), config.norms())?;
    g.output("picture", &x);
    Ok(g.finish())
}

/// The encoder's graph: `picture` to `moments`, means and logarithms of variances.
pub(crate) fn encoder(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by.sparing());
    let widths = &config.block_out_channels;
    let mut from = widths[0];
    let x = input(&mut g, "picture", config.in_channels);
    let mut x = g.conv2d(
        &x,
        "encoder.conv_in",
        (config.in_channels, from),
        Conv::same(3, 1),
        true,
    )?;
    for (level, to) in widths.iter().copied().enumerate() {
        let at = format!("encoder.down_blocks.{level}");
        for layer in 0..config.layers_per_block {
            x = blocks::resnet(
                &mut g,
                &x,
                &format!("{at}.resnets.{layer}"),
                (from, to),
                config.norms(),
                None,
            )?;
            from = to;
        }
        if level + 1 < widths.len() {
            x = blocks::down(&mut g, &x, &format!("{at}.downsamplers.0"), to, false)?;
        }
    }
    let x = middle(&mut g, &x, "encoder.mid_block", from, config)?;
    let twice = 2 * config.latent_channels;
    let names = ("encoder.conv_norm_out", "encoder.conv_out");
    let mut x = blocks::last(&mut g, &x, names, (from, twice), config.norms())?;
    if config.use_quant_conv {
        x = g.conv2d(&x, "quant_conv", (twice, twice), Conv::same(1, 1), true)?;
    }
    g.output("moments", &x);
    Ok(g.finish())
}

fn middle(g: &mut Graph<'_>, x: &Value, at: &str, width: usize, config: &Config) -> Result<Value, ModelError> {
    let resnet = |g: &mut Graph<'_>, x: &Value, n: usize| {
        blocks::resnet(g, x, &format!("{at}.resnets.{n}"), (width, width), config.norms(), None)
    };
    let mut x = resnet(g, x, 0)?;
    if config.mid_block_add_attention {
        x = attention(g, &x, &format!("{at}.attentions.0"), (width, config.norm_num_groups))?;
    }
    resnet(g, &x, 1)
}

/// One head over all places of the picture. Older checkpoints have other names for its layers.
fn attention(g: &mut Graph<'_>, x: &Value, at: &str, (width, groups): (usize, usize)) -> Result<Value, ModelError> {
    let parts = if g.holds(&format!("{at}.query.weight"), &[width, width]) {
        ["query", "key", "value", "proj_attn"]
    } else {
        ["to_q", "to_k", "to_v", "to_out.0"]
    };
    let parts = parts.map(|part| format!("{at}.{part}"));
    let [q, k, v, out] = &parts;
    let shape = g.op("Shape", &[x], &[]);
    let y = g.group_norm(x, &format!("{at}.group_norm"), (width, groups), EPSILON)?;
    let y = blocks::rows(g, &y, width);
    let layer = Attention {
        names: [q, k, v, out],
        widths: [width; 3],
        bias: true,
        bias_out: true,
        lying: false,
        heads: Heads::of(1),
    };
    let y = g.attention(&y, None, layer, None)?;
    let y = g.transpose(&y, &[0, 2, 1]);
    let y = g.reshape_to(&y, &shape);
    g.sized(&y, width);
    Ok(g.add(x, &y))
}
