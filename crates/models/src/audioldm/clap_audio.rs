//! CLAP's audio tower (Wu et al. 2022): HTSAT (Chen et al. 2022), a Swin transformer over a mel spectrogram folded into a square,
//! as transformers' `ClapAudioModel` has it, without fusion of longer sounds.

use std::path::Path;

use serde::Deserialize;

use super::clap_text::{activate, part, projection};
use crate::checkpoint::{Checkpoint, Weights};
use crate::config::OneOrEach;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Heads, Value};
use crate::onnx::{Attribute, Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "CLAP's audio tower";

/// The audio part of `config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    window_size: usize,
    pub(crate) num_mel_bins: usize,
    spec_size: usize,
    hidden_act: String,
    patch_size: OneOrEach<usize>,
    patch_stride: OneOrEach<usize>,
    hidden_size: usize,
    projection_dim: usize,
    depths: Vec<usize>,
    num_attention_heads: Vec<usize>,
    enable_fusion: bool,
    patch_embed_input_channels: usize,
    patch_embeds_hidden_size: usize,
    enable_patch_layer_norm: bool,
    qkv_bias: bool,
    mlp_ratio: f64,
    projection_hidden_act: String,
    layer_norm_eps: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window_size: 8,
            num_mel_bins: 64,
            spec_size: 256,
            hidden_act: "gelu".to_owned(),
            patch_size: OneOrEach::One(4),
            patch_stride: OneOrEach::Each(vec![4, 4]),
            hidden_size: 768,
            projection_dim: 512,
            depths: vec![2, 2, 6, 2],
            num_attention_heads: vec![4, 8, 16, 32],
            enable_fusion: false,
            patch_embed_input_channels: 1,
            patch_embeds_hidden_size: 96,
            enable_patch_layer_norm: true,
            qkv_bias: true,
            mlp_ratio: 4.0,
            projection_hidden_act: "relu".to_owned(),
            layer_norm_eps: 1e-5,
        }
    }
}

/// ε of the norms whose ε is PyTorch's own.
const EPSILON: f32 = 1e-5;

impl Config {
    /// Reads the audio part of `config.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let config: Self = part(folder, "audio_config", "clap_audio_model", MODEL)?;
        let bad = |reason: &str| {
            Err(ModelError::Config {
                path: folder.join("config.json"),
                model: MODEL,
                reason: reason.to_owned(),
            })
        };
        if config.enable_fusion || config.patch_embed_input_channels != 1 {
            return bad("it fuses longer sounds, which is not done here");
        }
        let stages = config.depths.len();
        if stages == 0 || config.num_attention_heads.len() != stages {
            return bad("its lists of stages have different lengths");
        }
        if config.num_mel_bins == 0 || !config.spec_size.is_multiple_of(config.num_mel_bins) || config.window_size == 0
        {
            return bad("its spectrogram does not fold into its square");
        }
        if config.side().is_none_or(|side| !side.is_multiple_of(1 << (stages - 1))) {
            return bad("its patches are not square, or do not halve as often as it has stages");
        }
        if (0..stages).any(|stage| config.window(stage).is_none()) {
            return bad("its windows do not tile its patches");
        }
        if (0..stages).any(|s| {
            config.num_attention_heads[s] == 0 || !config.width(s).is_multiple_of(config.num_attention_heads[s])
        }) {
            return bad("its heads do not divide its width");
        }
        Ok(config)
    }

    fn patch(&self) -> Option<(usize, usize)> {
        let one = |list: &OneOrEach<usize>| list.spread(2).filter(|l| l[0] == l[1] && l[0] > 0).map(|l| l[0]);
        Some((one(&self.patch_size)?, one(&self.patch_stride)?))
    }

    /// Patches along one side of the square.
    fn side(&self) -> Option<usize> {
        let (patch, stride) = self.patch()?;
        (patch >= stride && self.spec_size.is_multiple_of(stride)).then(|| self.spec_size / stride)
    }

    fn width(&self, stage: usize) -> usize {
        self.patch_embeds_hidden_size << stage
    }

    /// Side of a stage's patches, side of its windows, and by how much every second block moves them.
    fn window(&self, stage: usize) -> Option<(usize, usize, usize)> {
        let side = self.side()? >> stage;
        if side <= self.window_size {
            return (side == self.window_size).then_some((side, side, 0));
        }
        side.is_multiple_of(self.window_size)
            .then_some((side, self.window_size, self.window_size / 2))
    }

    /// Frames that the square takes.
    pub(crate) fn frames(&self) -> usize {
        self.spec_size * (self.spec_size / self.num_mel_bins)
    }
}

/// A loaded audio tower.
#[derive(Debug)]
pub(crate) struct ClapAudio {
    pub(crate) config: Config,
    net: Net,
}

impl ClapAudio {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config)?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// A spectrogram's place in the space that texts share, of length 1: frames × bands in decibels.
    pub(crate) fn place(&mut self, mel: &[f32]) -> Result<Tensor, ModelError> {
        let frames = mel.len() / self.config.num_mel_bins;
        if frames > self.config.frames() {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("{frames} frames, it takes {}", self.config.frames()),
            });
        }
        let shape = [1, 1, frames, self.config.num_mel_bins];
        Ok(self.net.run(&[("mel", Feed::F32(&shape, mel))])?.remove(0))
    }
}

/// Its graph: `mel` to `place`.
pub(crate) fn graph(weights: &dyn Weights, config: &Config) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let at = "audio_model.audio_encoder";
    let bands = config.num_mel_bins;
    let mel = g.input(
        "mel",
        Element::F32,
        &[Dim::Known(1), Dim::Known(1), Dim::Named("frames"), Dim::Known(bands)],
    );
    let x = band_norm(&mut g, &mel, &format!("{at}.batch_norm"), bands)?;
    let x = folded(&mut g, &x, config);
    let (patch, stride) = config.patch().unwrap_or((4, 4));
    let mut width = config.width(0);
    let name = format!("{at}.patch_embed");
    let kernel = g.weight(&format!("{name}.proj.weight"), &[width, 1, patch, patch])?;
    let bias = g.weight(&format!("{name}.proj.bias"), &[width])?;
    let pad = ((patch - stride) / 2) as i64;
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![patch as i64; 2])),
        ("strides", Attribute::Ints(vec![stride as i64; 2])),
        ("pads", Attribute::Ints(vec![pad; 4])),
    ];
    let x = g.op("Conv", &[&x, &kernel, &bias], &attributes);
    let x = g.reshape(&x, &[width as i64, -1]);
    let mut x = g.transpose(&x, &[1, 0]);
    if config.enable_patch_layer_norm {
        x = g.layer_norm(&x, &format!("{name}.norm"), width, EPSILON)?;
    }
    for (stage, depth) in config.depths.iter().enumerate() {
        for block in 0..*depth {
            x = layer(
                &mut g,
                &x,
                &format!("{at}.layers.{stage}.blocks.{block}"),
                (stage, block % 2 == 1),
                config,
            )?;
        }
        if stage + 1 < config.depths.len() {
            let side = config.window(stage).map_or(0, |w| w.0);
            x = merged(&mut g, &x, &format!("{at}.layers.{stage}.downsample"), (side, width))?;
            width = config.width(stage + 1);
        }
    }
    let x = g.layer_norm(&x, &format!("{at}.norm"), width, EPSILON)?;
    let x = g.mean(&x, &[0]);
    let x = g.reshape(&x, &[1, width as i64]);
    let sizes = (config.hidden_size, config.projection_dim);
    let place = projection(&mut g, &x, "audio_projection", sizes, &config.projection_hidden_act)?;
    let place = g.unit_length(&place);
    g.output("place", &place);
    Ok(g.finish())
}

/// A batch norm over the bands, which lie last.
fn band_norm(g: &mut Graph<'_>, x: &Value, at: &str, bands: usize) -> Result<Value, ModelError> {
    let part = |g: &mut Graph<'_>, what: &str| g.weight(&format!("{at}.{what}"), &[bands]);
    let (gamma, beta) = (part(g, "weight")?, part(g, "bias")?);
    let (mean, variance) = (part(g, "running_mean")?, part(g, "running_var")?);
    let epsilon = g.floats(&[EPSILON], &[1]);
    let variance = g.add(&variance, &epsilon);
    let deviation = g.op("Sqrt", &[&variance], &[]);
    let scale = g.op("Div", &[&gamma, &deviation], &[]);
    let y = g.subtract(x, &mean);
    let y = g.multiply(&y, &scale);
    Ok(g.add(&y, &beta))
}

/// The spectrogram stretched to as many frames as the square takes, then its quarters (or so) stacked: a square picture.
fn folded(g: &mut Graph<'_>, x: &Value, config: &Config) -> Value {
    let (bands, frames) = (config.num_mel_bins as i64, config.frames() as i64);
    let fold = (config.spec_size / config.num_mel_bins) as i64;
    let sizes = g.ints(&[1, 1, frames, bands]);
    let none = Graph::nothing();
    let attributes = [
        ("mode", Attribute::Text("cubic")),
        ("cubic_coeff_a", Attribute::Float(-0.75)),
        ("coordinate_transformation_mode", Attribute::Text("align_corners")),
    ];
    let x = g.op("Resize", &[x, &none, &none, &sizes], &attributes);
    let x = g.reshape(&x, &[1, fold, frames / fold, bands]);
    let x = g.transpose(&x, &[0, 1, 3, 2]);
    g.reshape(&x, &[1, 1, bands * fold, frames / fold])
}

/// One Swin block over patches × width.
fn layer(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (stage, moved): (usize, bool),
    config: &Config,
) -> Result<Value, ModelError> {
    let (side, window, shift) = config.window(stage).unwrap_or((1, 1, 0));
    let (width, heads) = (config.width(stage), config.num_attention_heads[stage]);
    let shift = if moved { shift } else { 0 };
    let name = |part: &str| format!("{at}.{part}");
    let y = g.layer_norm(x, &name("layernorm_before"), width, config.layer_norm_eps)?;
    let y = g.reshape(&y, &[side as i64, side as i64, width as i64]);
    let y = rolled(g, &y, shift);
    // Rows and columns of windows, then what lies within one.
    let (count, w, wide) = ((side / window) as i64, window as i64, width as i64);
    let y = g.reshape(&y, &[count, w, count, w, wide]);
    let y = g.transpose(&y, &[0, 2, 1, 3, 4]);
    let y = g.reshape(&y, &[count * count, w * w, wide]);
    let bias = near_bias(g, &name("attention.self.relative_position_bias_table"), window, heads)?;
    let bias = if shift > 0 {
        let apart = g.floats(
            &apart(side, window, shift),
            &[(count * count) as usize, 1, window * window, window * window],
        );
        g.add(&bias, &apart)
    } else {
        bias
    };
    let linear = |g: &mut Graph<'_>, x: &Value, part: &str| {
        g.linear(
            x,
            &name(&format!("attention.self.{part}")),
            (width, width),
            config.qkv_bias,
        )
    };
    let (q, k, v) = (linear(g, &y, "query")?, linear(g, &y, "key")?, linear(g, &y, "value")?);
    let y = g.attend((&q, &k, &v), Heads::of(heads), Some(&bias));
    let y = g.linear(&y, &name("attention.output.dense"), (width, width), true)?;
    let y = g.reshape(&y, &[count, count, w, w, wide]);
    let y = g.transpose(&y, &[0, 2, 1, 3, 4]);
    let y = g.reshape(&y, &[side as i64, side as i64, wide]);
    let y = rolled(g, &y, if shift > 0 { side - shift } else { 0 });
    let y = g.reshape(&y, &[-1, wide]);
    let x = g.add(x, &y);
    let inside = (config.mlp_ratio * width as f64) as usize;
    let y = g.layer_norm(&x, &name("layernorm_after"), width, config.layer_norm_eps)?;
    let y = g.linear(&y, &name("intermediate.dense"), (width, inside), true)?;
    let y = activate(g, &y, &config.hidden_act);
    let y = g.linear(&y, &name("output.dense"), (inside, width), true)?;
    Ok(g.add(&x, &y))
}

/// Rows and columns moved up and left by `by`, what leaves comes back at the other end.
fn rolled(g: &mut Graph<'_>, x: &Value, by: usize) -> Value {
    if by == 0 {
        return x.clone();
    }
    let mut x = x.clone();
    for axis in 0..2 {
        let head = g.slice(&x, axis, by as i64, i64::MAX);
        let tail = g.slice(&x, axis, 0, by as i64);
        x = g.concat(&[&head, &tail], axis);
    }
    x
}

/// What nearness adds to attention in a window: 1 × heads × places × places, from the table of a layer.
fn near_bias(g: &mut Graph<'_>, name: &str, window: usize, heads: usize) -> Result<Value, ModelError> {
    let across = 2 * window - 1;
    let table = g.weight(name, &[across * across, heads])?;
    let places = window * window;
    let index: Vec<i64> = (0..places)
        .flat_map(|a| (0..places).map(move |b| (a, b)))
        .map(|(a, b)| {
            let rows = a / window + window - 1 - b / window;
            let columns = a % window + window - 1 - b % window;
            (rows * across + columns) as i64
        })
        .collect();
    let index = g.ints(&index);
    let rows = g.gather(&table, &index, 0);
    let rows = g.reshape(&rows, &[places as i64, places as i64, heads as i64]);
    let rows = g.transpose(&rows, &[2, 0, 1]);
    Ok(g.unsqueeze(&rows, &[0]))
}

/// For each window of moved patches, what keeps places apart that the move brought together: windows × places × places.
fn apart(side: usize, window: usize, shift: usize) -> Vec<f32> {
    let region = |i: usize| usize::from(i >= side - window) + usize::from(i >= side - shift);
    let (count, places) = (side / window, window * window);
    let mut out = Vec::with_capacity(count * count * places * places);
    for at in 0..count * count {
        let place = |p: usize| {
            let (row, column) = (at / count * window + p / window, at % count * window + p % window);
            region(row) * 3 + region(column)
        };
        for a in 0..places {
            out.extend((0..places).map(|b| if place(a) == place(b) { 0.0 } else { -100.0 }));
        }
    }
    out
}

/// `PatchMerging`: four neighbours become one of twice the width.
fn merged(g: &mut Graph<'_>, x: &Value, at: &str, (side, width): (usize, usize)) -> Result<Value, ModelError> {
    let (half, wide) = ((side / 2) as i64, width as i64);
    let y = g.reshape(x, &[half, 2, half, 2, wide]);
    // Columns change slower than rows among the four.
    let y = g.transpose(&y, &[0, 2, 3, 1, 4]);
    let y = g.reshape(&y, &[-1, 4 * wide]);
    let y = g.layer_norm(&y, &format!("{at}.norm"), 4 * width, EPSILON)?;
    g.linear(&y, &format!("{at}.reduction"), (4 * width, 2 * width), false)
}
