//! HiFi-GAN (Kong et al. 2020), as transformers' `SpeechT5HifiGan` has it: mel spectrograms to sound.

use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::error::ModelError;
use crate::graph::{Conv1d, Finished, Graph, Operators, Value};
use crate::onnx::{Attribute, Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "HiFi-GAN";

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    model_type: Option<String>,
    #[serde(default = "bands")]
    pub(crate) model_in_dim: usize,
    #[serde(default = "rate")]
    pub(crate) sampling_rate: u32,
    #[serde(default = "channels")]
    upsample_initial_channel: usize,
    #[serde(default = "rates")]
    upsample_rates: Vec<usize>,
    #[serde(default = "kernels")]
    upsample_kernel_sizes: Vec<usize>,
    #[serde(default = "block_kernels")]
    resblock_kernel_sizes: Vec<usize>,
    #[serde(default = "dilations")]
    resblock_dilation_sizes: Vec<Vec<usize>>,
    #[serde(default = "slope")]
    leaky_relu_slope: f32,
    #[serde(default = "config::yes")]
    normalize_before: bool,
}

fn bands() -> usize {
    80
}

fn rate() -> u32 {
    16_000
}

fn channels() -> usize {
    512
}

fn rates() -> Vec<usize> {
    vec![4; 4]
}

fn kernels() -> Vec<usize> {
    vec![8; 4]
}

fn block_kernels() -> Vec<usize> {
    vec![3, 7, 11]
}

fn dilations() -> Vec<Vec<usize>> {
    vec![vec![1, 3, 5]; 3]
}

fn slope() -> f32 {
    0.1
}

impl Config {
    /// Reads `config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Self = config::read(&path, MODEL)?;
        let bad = |reason: &str| {
            Err(ModelError::Config {
                path: path.clone(),
                model: MODEL,
                reason: reason.to_owned(),
            })
        };
        if config
            .model_type
            .as_deref()
            .is_some_and(|kind| kind != "hifigan" && kind != "speecht5_hifigan")
        {
            return bad("it is another model's");
        }
        let alike = config.upsample_rates.len() == config.upsample_kernel_sizes.len()
            && config.resblock_kernel_sizes.len() == config.resblock_dilation_sizes.len();
        if !alike || config.upsample_rates.is_empty() || config.resblock_kernel_sizes.is_empty() {
            return bad("its lists have different lengths, or are empty");
        }
        let shorter = config
            .upsample_rates
            .iter()
            .zip(&config.upsample_kernel_sizes)
            .any(|(r, k)| *r == 0 || k < r);
        if shorter || config.sampling_rate == 0 || config.model_in_dim == 0 {
            return bad("a rate of it is zero, or a kernel shorter than its stride");
        }
        if config.upsample_initial_channel >> config.upsample_rates.len() == 0 {
            return bad("it has too few channels for its layers");
        }
        Ok(config)
    }

    /// Samples that one frame of the spectrogram stands for.
    pub(crate) fn hop(&self) -> usize {
        self.upsample_rates.iter().product()
    }
}

/// A loaded vocoder.
#[derive(Debug)]
pub(crate) struct Vocoder {
    pub(crate) config: Config,
    net: Net,
}

impl Vocoder {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Frames of a spectrogram, frame by frame, to samples.
    pub(crate) fn sing(&mut self, frames: &[f32]) -> Result<Tensor, ModelError> {
        let bands = self.config.model_in_dim;
        let shape = [1, frames.len() / bands, bands];
        Ok(self.net.run(&[("mel", Feed::F32(&shape, frames))])?.remove(0))
    }
}

/// A kernel (`shape` with an axis of length 1 before its taps): as it is, or as the direction and length that weight normalisation keeps
/// apart.
fn kernel(g: &mut Graph<'_>, name: &str, shape: [usize; 3]) -> Result<Value, ModelError> {
    let whole = format!("{name}.weight");
    let apart = [
        (format!("{name}.weight_g"), format!("{name}.weight_v")),
        (
            format!("{name}.parametrizations.weight.original0"),
            format!("{name}.parametrizations.weight.original1"),
        ),
    ];
    let (length, row) = ([shape[0], 1, 1], [shape[0], shape[1], 1, shape[2]]);
    if !g.holds(&whole, &shape)
        && let Some((length_name, direction)) = apart.iter().find(|(_, v)| g.holds(v, &shape))
    {
        let length = g.weight_as(length_name, &length, &[shape[0], 1, 1, 1])?;
        let direction = g.weight_as(direction, &shape, &row)?;
        let axes = g.ints(&[1, 2, 3]);
        let reach = g.op("ReduceL2", &[&direction, &axes], &[("keepdims", Attribute::Int(1))]);
        let scale = g.op("Div", &[&length, &reach], &[]);
        return Ok(g.multiply(&direction, &scale));
    }
    g.weight_as(&whole, &shape, &row)
}

fn conv(
    g: &mut Graph<'_>,
    x: &Value,
    name: &str,
    (from, to): (usize, usize),
    shape: Conv1d,
    around: (f32, Option<&Value>),
) -> Result<Value, ModelError> {
    let kernel = kernel(g, name, [to, from, shape.kernel])?;
    g.convolve_along(x, (&kernel, name), (from, to), shape, around)
}

/// Its graph: `mel` (N × frames × bands) to `sound` (N × 1 × samples).
pub(crate) fn graph(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let bands = config.model_in_dim;
    let mut x = g.input(
        "mel",
        Element::F32,
        &[Dim::Named("n"), Dim::Named("frames"), Dim::Known(bands)],
    );
    if config.normalize_before {
        let (mean, scale) = (g.weight("mean", &[bands])?, g.weight("scale", &[bands])?);
        x = g.subtract(&x, &mean);
        x = g.op("Div", &[&x, &scale], &[]);
    }
    let x = g.transpose(&x, &[0, 2, 1]);
    let x = g.unsqueeze(&x, &[2]);
    let mut from = config.upsample_initial_channel;
    let mut x = conv(&mut g, &x, "conv_pre", (bands, from), Conv1d::same(7, 1), (1.0, None))?;
    let blocks = config.resblock_kernel_sizes.len();
    for (i, (stride, size)) in config
        .upsample_rates
        .iter()
        .zip(&config.upsample_kernel_sizes)
        .enumerate()
    {
        let to = config.upsample_initial_channel >> (i + 1);
        let name = format!("upsampler.{i}");
        let weight = kernel(&mut g, &name, [from, to, *size])?;
        let y = g.leaky_relu(&x, config.leaky_relu_slope);
        let shape = Conv1d::strided(*size, *stride, (size - stride) / 2);
        let y = g.conv_transpose1d_of(&y, &weight, (&name, to), shape)?;
        from = to;
        let mut sum: Option<Value> = None;
        for (j, (size, dilations)) in config
            .resblock_kernel_sizes
            .iter()
            .zip(&config.resblock_dilation_sizes)
            .enumerate()
        {
            let at = format!("resblocks.{}", i * blocks + j);
            let z = residual(&mut g, &y, &at, (to, *size), dilations, config.leaky_relu_slope)?;
            sum = Some(match sum {
                Some(sum) => g.add(&sum, &z),
                None => z,
            });
        }
        x = match sum {
            Some(sum) => g.scaled(&sum, 1.0 / blocks as f32),
            None => y,
        };
    }
    // PyTorch's own slope here, whatever the configuration says.
    let x = conv(&mut g, &x, "conv_post", (from, 1), Conv1d::same(7, 1), (0.01, None))?;
    let x = g.tanh(&x);
    let x = g.squeeze(&x, &[2]);
    g.output("sound", &x);
    Ok(g.finish())
}

fn residual(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (width, size): (usize, usize),
    dilations: &[usize],
    slope: f32,
) -> Result<Value, ModelError> {
    let mut x = x.clone();
    for (i, dilation) in dilations.iter().enumerate() {
        let (name1, name2) = (format!("{at}.convs1.{i}"), format!("{at}.convs2.{i}"));
        let y = conv(
            g,
            &x,
            &name1,
            (width, width),
            Conv1d::same(size, *dilation),
            (slope, None),
        )?;
        x = conv(g, &y, &name2, (width, width), Conv1d::same(size, 1), (slope, Some(&x)))?;
    }
    Ok(x)
}
