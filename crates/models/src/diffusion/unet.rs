//! The U-Net of latent diffusion models, as diffusers builds it: `UNet2DConditionModel` (Stable Diffusion's, AudioLDM's) and
//! `AudioLDM2UNet2DConditionModel`, whose blocks have several attentions in a row over two contexts.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use super::blocks::{self, Context, Norms, Time, Transformer};
use crate::checkpoint::{Checkpoint, Weights};
use crate::config::{self, OneOrEach};
use crate::error::ModelError;
use crate::graph::{Conv, Finished, Graph, Operators, Value};
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "U-Net";

/// Its `config.json`, as it lies.
#[derive(Debug, Clone, Deserialize)]
struct Raw {
    #[serde(rename = "_class_name", default)]
    class_name: String,
    #[serde(default = "four")]
    in_channels: usize,
    #[serde(default = "four")]
    out_channels: usize,
    sample_size: Option<Json>,
    #[serde(default = "config::yes")]
    flip_sin_to_cos: bool,
    #[serde(default)]
    freq_shift: f32,
    down_block_types: Vec<String>,
    mid_block_type: Option<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    #[serde(default = "two")]
    layers_per_block: OneOrEach<usize>,
    #[serde(default = "thirty_two")]
    norm_num_groups: usize,
    #[serde(default = "epsilon")]
    norm_eps: f32,
    #[serde(default)]
    cross_attention_dim: Json,
    #[serde(default = "once")]
    transformer_layers_per_block: OneOrEach<usize>,
    #[serde(default = "eight")]
    attention_head_dim: OneOrEach<usize>,
    num_attention_heads: Option<OneOrEach<usize>>,
    #[serde(default)]
    use_linear_projection: bool,
    #[serde(default = "never")]
    only_cross_attention: OneOrEach<bool>,
    class_embed_type: Option<String>,
    projection_class_embeddings_input_dim: Option<usize>,
    #[serde(default)]
    class_embeddings_concat: bool,
    resnet_time_scale_shift: Option<String>,
    act_fn: Option<String>,
    time_embedding_dim: Option<usize>,
    time_embedding_type: Option<String>,
    addition_embed_type: Option<String>,
    encoder_hid_dim_type: Option<String>,
    conv_in_kernel: Option<usize>,
    conv_out_kernel: Option<usize>,
    mid_block_scale_factor: Option<f32>,
    downsample_padding: Option<usize>,
}

fn two() -> OneOrEach<usize> {
    OneOrEach::One(2)
}

fn once() -> OneOrEach<usize> {
    OneOrEach::One(1)
}

fn eight() -> OneOrEach<usize> {
    OneOrEach::One(8)
}

fn never() -> OneOrEach<bool> {
    OneOrEach::One(false)
}

fn four() -> usize {
    4
}

fn thirty_two() -> usize {
    32
}

fn epsilon() -> f32 {
    1e-5
}

/// One resolution of it.
#[derive(Debug, Clone)]
struct Level {
    width: usize,
    layers: usize,
    heads: usize,
    transformer_layers: usize,
    only_context: bool,
    /// For each attention after a ResNet block, the width of what it looks at, or none: the picture itself.
    contexts: Vec<Option<usize>>,
    attends_down: bool,
    /// Of the block on the way up at this resolution.
    attends_up: bool,
}

/// What its blocks' second attentions look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// At the picture alone: AudioLDM, whose words come as a class.
    Itself,
    /// At one context: `context`.
    Context,
    /// At `context`, and in the third attention and later at `context_1`, of which `mask_1` hides some: AudioLDM2.
    TwoContexts,
}

/// A configuration that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// Height of the latents that it was trained with, where the file says it.
    pub(crate) sample_size: Option<usize>,
    flip: bool,
    shift: f32,
    levels: Vec<Level>,
    norms: Norms,
    linear: bool,
    time_width: usize,
    /// Width of the class vectors, and whether they lie beside the time embedding instead of being added.
    class: Option<(usize, bool)>,
    scale_shift: bool,
    looks: Looks,
    kernels: (usize, usize),
    padded_down: bool,
    middle: bool,
}

impl Config {
    /// Reads `config.json` in `folder`; `looks` says how the pipeline feeds it.
    pub(crate) fn read(folder: &Path, looks: Looks) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let raw: Raw = config::read(&path, MODEL)?;
        raw.understood(looks).map_err(|reason| ModelError::Config {
            path,
            model: MODEL,
            reason,
        })
    }

    /// The sines and cosines of a training step that this model takes.
    fn time(&self, step: i64) -> Vec<f32> {
        blocks::timestep(step as f32, self.levels[0].width, self.flip, self.shift)
    }
}

impl Raw {
    fn understood(self, looks: Looks) -> Result<Config, String> {
        let wanted = if looks == Looks::TwoContexts {
            "AudioLDM2UNet2DConditionModel"
        } else {
            "UNet2DConditionModel"
        };
        if !self.class_name.is_empty() && self.class_name != wanted {
            return Err(format!(
                "it is the configuration of {}, not of {wanted}",
                self.class_name
            ));
        }
        let count = self.block_out_channels.len();
        if count == 0 || self.down_block_types.len() != count || self.up_block_types.len() != count {
            return Err("its lists of blocks have different lengths".to_owned());
        }
        let other = [
            (
                self.act_fn.as_deref().is_some_and(|a| a != "silu" && a != "swish"),
                "another activation than SiLU",
            ),
            (
                self.time_embedding_type.as_deref().is_some_and(|t| t != "positional"),
                "another time embedding",
            ),
            (
                self.addition_embed_type.is_some() || self.encoder_hid_dim_type.is_some(),
                "added embeddings",
            ),
            (self.mid_block_scale_factor.is_some_and(|s| s != 1.0), "a scaled middle"),
            (self.norm_num_groups == 0, "norms without groups"),
        ];
        if let Some((_, what)) = other.iter().find(|(asked, _)| *asked) {
            return Err(format!("it asks for {what}, which is not done here"));
        }
        let class = match self.class_embed_type.as_deref() {
            None => None,
            Some("simple_projection") => {
                let width = self.projection_class_embeddings_input_dim;
                let width = width.ok_or("its class projection has no width")?;
                Some((width, self.class_embeddings_concat))
            }
            Some(other) => return Err(format!("the class embedding {other} is not done here")),
        };
        let spread = |list: &OneOrEach<usize>| {
            list.spread(count)
                .ok_or("a list of it has another length than its blocks")
        };
        let layers = spread(&self.layers_per_block)?;
        let heads = spread(self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim))?;
        let transformer_layers = spread(&self.transformer_layers_per_block)?;
        let only = self.only_cross_attention.spread(count);
        let only = only.ok_or("a list of it has another length than its blocks")?;
        let contexts = contexts(&self.cross_attention_dim, count)?;
        let mut levels = Vec::new();
        for (i, contexts) in contexts.into_iter().enumerate() {
            let kind = |name: &str, plain: &str, attends: &str| match name {
                n if n == plain => Ok(false),
                n if n == attends => Ok(true),
                other => Err(format!("the block {other} is not known here")),
            };
            if heads[i] == 0 || !self.block_out_channels[i].is_multiple_of(heads[i]) {
                return Err("its heads do not divide its channels".to_owned());
            }
            levels.push(Level {
                width: self.block_out_channels[i],
                layers: layers[i],
                heads: heads[i],
                transformer_layers: transformer_layers[i],
                only_context: only[i],
                contexts,
                attends_down: kind(&self.down_block_types[i], "DownBlock2D", "CrossAttnDownBlock2D")?,
                attends_up: kind(&self.up_block_types[count - 1 - i], "UpBlock2D", "CrossAttnUpBlock2D")?,
            });
        }
        let middle = match self.mid_block_type.as_deref() {
            None | Some("UNetMidBlock2DCrossAttn") => true,
            Some(other) => return Err(format!("the block {other} is not known here")),
        };
        Ok(Config {
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            sample_size: self.sample_size.as_ref().and_then(first_number),
            flip: self.flip_sin_to_cos,
            shift: self.freq_shift,
            time_width: self.time_embedding_dim.unwrap_or(4 * self.block_out_channels[0]),
            levels,
            norms: Norms {
                groups: self.norm_num_groups,
                epsilon: self.norm_eps,
            },
            linear: self.use_linear_projection,
            class,
            scale_shift: self.resnet_time_scale_shift.as_deref() == Some("scale_shift"),
            looks,
            kernels: (self.conv_in_kernel.unwrap_or(3), self.conv_out_kernel.unwrap_or(3)),
            padded_down: self.downsample_padding != Some(0),
            middle,
        })
    }
}

fn first_number(value: &Json) -> Option<usize> {
    let value = value.get(0).unwrap_or(value);
    value.as_u64().map(|n| n as usize)
}

/// `cross_attention_dim`: a number, one for each level, or a list for each level in which null is the picture itself.
fn contexts(value: &Json, levels: usize) -> Result<Vec<Vec<Option<usize>>>, String> {
    let width = |v: &Json| v.as_u64().map(|n| n as usize);
    let level = |v: &Json| match v {
        Json::Array(list) => list.iter().map(width).collect(),
        one => vec![width(one)],
    };
    match value {
        Json::Array(list) if list.len() == levels => Ok(list.iter().map(level).collect()),
        Json::Array(_) => Err("cross_attention_dim has another length than its blocks".to_owned()),
        one => Ok(vec![level(one); levels]),
    }
}

/// What a step is given beside the sample.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// N × width.
    pub(crate) class: Option<&'a Tensor>,
    /// N × length × width.
    pub(crate) context: Option<&'a Tensor>,
    /// N × length × width.
    pub(crate) context_1: Option<&'a Tensor>,
    /// N × length: 1 for what is seen of the second context.
    pub(crate) mask_1: Option<&'a Tensor>,
}

/// A loaded U-Net.
#[derive(Debug)]
pub(crate) struct Unet {
    pub(crate) config: Config,
    net: Net,
}

impl Unet {
    /// Loads it from a folder with `config.json` and weights.
    pub(crate) fn load(folder: &Path, looks: Looks, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder, looks)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// What it says of `sample` (N × channels × height × width) at a training step.
    pub(crate) fn step(&mut self, sample: &Tensor, step: i64, given: Given<'_>) -> Result<Tensor, ModelError> {
        let time = self.config.time(step);
        let time_shape = [1, time.len()];
        let mut feeds = vec![
            ("sample", Feed::F32(&sample.shape, &sample.data)),
            ("time", Feed::F32(&time_shape, &time)),
        ];
        let more = [
            ("class", given.class, self.config.class.is_some()),
            ("context", given.context, self.config.looks != Looks::Itself),
            ("context_1", given.context_1, self.config.looks == Looks::TwoContexts),
            ("mask_1", given.mask_1, self.config.looks == Looks::TwoContexts),
        ];
        for (name, tensor, wanted) in more {
            if let Some(tensor) = tensor.filter(|_| wanted) {
                feeds.push((name, Feed::F32(&tensor.shape, &tensor.data)));
            }
        }
        let mut out = self.net.run(&feeds)?;
        Ok(out.remove(0))
    }
}

/// The values that every block may look at.
struct Around<'c> {
    config: &'c Config,
    time: Value,
    time_width: usize,
    context: Option<Value>,
    context_1: Option<Value>,
    bias_1: Option<Value>,
}

impl Around<'_> {
    fn time(&self) -> Option<Time<'_>> {
        Some(Time {
            embedding: &self.time,
            width: self.time_width,
            scale_shift: self.config.scale_shift,
        })
    }

    fn resnet(&self, g: &mut Graph<'_>, x: &Value, at: &str, sizes: (usize, usize)) -> Result<Value, ModelError> {
        blocks::resnet(g, x, at, sizes, self.config.norms, self.time())
    }

    /// The attentions after ResNet block `layer` of a block.
    fn attend(&self, g: &mut Graph<'_>, x: &Value, at: &str, layer: usize, level: &Level) -> Result<Value, ModelError> {
        let mut x = x.clone();
        for (i, width) in level.contexts.iter().enumerate() {
            let (vectors, bias) = if i <= 1 {
                (self.context.as_ref(), None)
            } else {
                (self.context_1.as_ref(), self.bias_1.as_ref())
            };
            let context = match (width, vectors) {
                (Some(width), Some(vectors)) => Some(Context {
                    vectors,
                    width: *width,
                    bias,
                }),
                _ => None,
            };
            let at = format!("{at}.attentions.{}", layer * level.contexts.len() + i);
            let transformer = Transformer {
                at: &at,
                channels: level.width,
                heads: level.heads,
                layers: level.transformer_layers,
                groups: self.config.norms.groups,
                linear: self.config.linear,
                context,
                only_context: level.only_context,
            };
            x = blocks::transformer(g, &x, transformer)?;
        }
        Ok(x)
    }
}

/// Its graph.
pub(crate) fn graph(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let n = Dim::Named("n");
    let shape = [
        n,
        Dim::Known(config.in_channels),
        Dim::Named("height"),
        Dim::Named("width"),
    ];
    let sample = g.input("sample", Element::F32, &shape);
    g.name_sizes();
    let first = config.levels[0].width;
    let time = g.input("time", Element::F32, &[Dim::Known(1), Dim::Known(first)]);
    let mut around = Around {
        config,
        time: blocks::time_embedding(&mut g, &time, "time_embedding", (first, config.time_width))?,
        time_width: config.time_width,
        context: None,
        context_1: None,
        bias_1: None,
    };
    if let Some((width, beside)) = config.class {
        let class = g.input("class", Element::F32, &[n, Dim::Known(width)]);
        let class = g.linear(&class, "class_embedding", (width, config.time_width), true)?;
        if beside {
            let shape = g.op("Shape", &[&class], &[]);
            let time = g.op("Expand", &[&around.time, &shape], &[]);
            around.time = g.concat(&[&time, &class], -1);
            around.time_width *= 2;
        } else {
            around.time = g.add(&around.time, &class);
        }
    }
    around.time = g.silu(&around.time);
    if config.looks != Looks::Itself {
        around.context = Some(g.input("context", Element::F32, &[n, Dim::Named("length"), Dim::Named("deep")]));
    }
    if config.looks == Looks::TwoContexts {
        let lengths = [n, Dim::Named("length_1"), Dim::Named("deep_1")];
        around.context_1 = Some(g.input("context_1", Element::F32, &lengths));
        let mask = g.input("mask_1", Element::F32, &[n, Dim::Named("length_1")]);
        around.bias_1 = Some(g.soft_mask_bias(&mask, -10_000.0));
    }
    let (kernel_in, kernel_out) = config.kernels;
    let x = g.conv2d(
        &sample,
        "conv_in",
        (config.in_channels, first),
        Conv::same(kernel_in, 1),
        true,
    )?;
    let mut skips = vec![(x.clone(), first)];
    let mut x = x;
    let mut from = first;
    for (i, level) in config.levels.iter().enumerate() {
        let at = format!("down_blocks.{i}");
        for layer in 0..level.layers {
            x = around.resnet(&mut g, &x, &format!("{at}.resnets.{layer}"), (from, level.width))?;
            from = level.width;
            if level.attends_down {
                x = around.attend(&mut g, &x, &at, layer, level)?;
            }
            skips.push((x.clone(), from));
        }
        if i + 1 < config.levels.len() {
            x = blocks::down(&mut g, &x, &format!("{at}.downsamplers.0"), from, config.padded_down)?;
            skips.push((x.clone(), from));
        }
    }
    if let Some(level) = config.levels.last().filter(|_| config.middle) {
        x = around.resnet(&mut g, &x, "mid_block.resnets.0", (from, from))?;
        x = around.attend(&mut g, &x, "mid_block", 0, level)?;
        x = around.resnet(&mut g, &x, "mid_block.resnets.1", (from, from))?;
    }
    for (i, level) in config.levels.iter().rev().enumerate() {
        let at = format!("up_blocks.{i}");
        for layer in 0..=level.layers {
            if let Some((skip, width)) = skips.pop() {
                let joined = g.concat(&[&x, &skip], 1);
                let sizes = (from + width, level.width);
                x = around.resnet(&mut g, &joined, &format!("{at}.resnets.{layer}"), sizes)?;
            }
            from = level.width;
            if level.attends_up {
                x = around.attend(&mut g, &x, &at, layer, level)?;
            }
        }
        if i + 1 < config.levels.len() {
            let target = skips.last().map(|(skip, _)| skip.clone());
            x = blocks::up(&mut g, &x, &format!("{at}.upsamplers.0"), from, target.as_ref())?;
        }
    }
    let (names, size) = (("conv_norm_out", "conv_out"), (first, config.out_channels));
    let x = if kernel_out == 3 {
        blocks::last(&mut g, &x, names, size, config.norms)?
    } else {
        let x = g.group_norm_silu(&x, names.0, (first, config.norms.groups), config.norms.epsilon)?;
        g.conv2d(&x, names.1, size, Conv::same(kernel_out, 1), true)?
    };
    g.output("said", &x);
    Ok(g.finish())
}
