//! Kandinsky 2.2's U-Net: a `UNet2DConditionModel` that sees nothing but a picture's CLIP embedding, added to the time and as a few tokens
//! beside the picture's own in each attention.

use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config::{self, OneOrEach};
use crate::diffusion::blocks::{self, Norms, Time, rows};
use crate::error::ModelError;
use crate::graph::{Around, Conv, Finished, Graph, Heads, Normed, Operators, Value};
use crate::kernels::After;
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "Kandinsky's U-Net";
/// Tokens that the embedding becomes.
const TOKENS: usize = 32;

/// Its `config.json`, as it lies.
#[derive(Debug, Clone, Deserialize)]
struct Raw {
    #[serde(default = "four")]
    in_channels: usize,
    out_channels: usize,
    #[serde(default = "config::yes")]
    flip_sin_to_cos: bool,
    #[serde(default)]
    freq_shift: f32,
    down_block_types: Vec<String>,
    mid_block_type: Option<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    layers_per_block: OneOrEach<usize>,
    norm_num_groups: Option<usize>,
    norm_eps: Option<f32>,
    cross_attention_dim: OneOrEach<usize>,
    attention_head_dim: OneOrEach<usize>,
    encoder_hid_dim: Option<usize>,
    encoder_hid_dim_type: Option<String>,
    addition_embed_type: Option<String>,
    resnet_time_scale_shift: Option<String>,
    act_fn: Option<String>,
    #[serde(default)]
    only_cross_attention: OneOrEachFlag,
    cross_attention_norm: Option<String>,
    class_embed_type: Option<String>,
    #[serde(default)]
    resnet_skip_time_act: bool,
    resnet_out_scale_factor: Option<f32>,
    time_embedding_dim: Option<usize>,
}

/// A flag, or one a level, of which none may be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrEachFlag {
    One(bool),
    Each(Vec<bool>),
}

impl Default for OneOrEachFlag {
    fn default() -> Self {
        Self::One(false)
    }
}

impl OneOrEachFlag {
    fn any(&self) -> bool {
        match self {
            Self::One(flag) => *flag,
            Self::Each(flags) => flags.contains(&true),
        }
    }
}

fn four() -> usize {
    4
}

/// One resolution.
#[derive(Debug, Clone)]
pub(super) struct Level {
    width: usize,
    layers: usize,
    head: usize,
    attends_down: bool,
    attends_up: bool,
}

/// A configuration that was understood.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    levels: Vec<Level>,
    norms: Norms,
    flip: bool,
    shift: f32,
    time_width: usize,
    /// Width of the embedding, and of the tokens that it becomes.
    pub(super) image: usize,
    context: usize,
    scale_shift: bool,
}

/// What its latents and embeddings measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) channels: usize,
    /// Width of the embedding.
    pub(super) image: usize,
}

impl Config {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            channels: self.in_channels,
            image: self.image,
        }
    }

    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let raw: Raw = config::read(&path, MODEL)?;
        raw.understood().map_err(|reason| ModelError::Config {
            path,
            model: MODEL,
            reason,
        })
    }
}

impl Raw {
    fn understood(self) -> Result<Config, String> {
        let count = self.block_out_channels.len();
        if count == 0 || self.down_block_types.len() != count || self.up_block_types.len() != count {
            return Err("its lists of blocks have different lengths".to_owned());
        }
        let image = self.encoder_hid_dim.unwrap_or(0);
        let time = self.resnet_time_scale_shift.as_deref().unwrap_or("default");
        let groups = self.norm_num_groups.unwrap_or(32);
        let other = [
            (
                self.encoder_hid_dim_type.as_deref() != Some("image_proj"),
                "it does not look at a picture's embedding",
            ),
            (
                self.addition_embed_type.as_deref() != Some("image"),
                "it adds something else than a picture to the time",
            ),
            (
                self.mid_block_type.as_deref() != Some("UNetMidBlock2DSimpleCrossAttn"),
                "its middle is another block",
            ),
            (
                self.act_fn.as_deref().is_some_and(|a| a != "silu" && a != "swish"),
                "another activation than SiLU",
            ),
            (
                self.only_cross_attention.any(),
                "attention to the picture's embedding alone",
            ),
            (self.cross_attention_norm.is_some(), "a norm of what it looks at"),
            (self.class_embed_type.is_some(), "classes"),
            (self.resnet_skip_time_act, "time without its activation"),
            (self.resnet_out_scale_factor.is_some_and(|s| s != 1.0), "scaled blocks"),
            (!matches!(time, "default" | "scale_shift"), "another way for the time"),
            (image == 0 || groups == 0, "an embedding or norms of no width"),
        ];
        if let Some((_, what)) = other.iter().find(|(asked, _)| *asked) {
            return Err(format!("{what}: not done here"));
        }
        let each = |list: &OneOrEach<usize>| {
            list.spread(count)
                .ok_or("a list of it has another length than its blocks")
        };
        let layers = each(&self.layers_per_block)?;
        let heads = each(&self.attention_head_dim)?;
        let contexts = each(&self.cross_attention_dim)?;
        let kind = |name: &str, plain: &str, attends: &str| match name {
            n if n == plain => Ok(false),
            n if n == attends => Ok(true),
            other => Err(format!("the block {other} is not known here")),
        };
        let mut levels = Vec::new();
        for i in 0..count {
            let width = self.block_out_channels[i];
            let up = &self.up_block_types[count - 1 - i];
            if heads[i] == 0 || !width.is_multiple_of(heads[i]) || !width.is_multiple_of(groups) {
                return Err("its heads or groups do not divide its channels".to_owned());
            }
            levels.push(Level {
                width,
                layers: layers[i],
                head: heads[i],
                attends_down: kind(
                    &self.down_block_types[i],
                    "ResnetDownsampleBlock2D",
                    "SimpleCrossAttnDownBlock2D",
                )?,
                attends_up: kind(up, "ResnetUpsampleBlock2D", "SimpleCrossAttnUpBlock2D")?,
            });
        }
        Ok(Config {
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            norms: Norms {
                groups,
                epsilon: self.norm_eps.unwrap_or(1e-5),
            },
            flip: self.flip_sin_to_cos,
            shift: self.freq_shift,
            time_width: self.time_embedding_dim.unwrap_or(4 * self.block_out_channels[0]),
            image,
            context: contexts[0],
            scale_shift: time == "scale_shift",
            levels,
        })
    }
}

/// A loaded U-Net.
#[derive(Debug)]
pub(super) struct Unet {
    pub(super) config: Config,
    net: Net,
}

impl Unet {
    pub(super) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let net = runtime.session(&graph(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// What it says of `sample` (n × channels × height × width, both sides multiples of its deepest level's) at a training step, by embeddings
    /// n × width.
    pub(super) fn step(&mut self, sample: &Tensor, step: i64, image: &[f32]) -> Result<Tensor, ModelError> {
        let config = &self.config;
        let time = blocks::timestep(step as f32, config.levels[0].width, config.flip, config.shift);
        let image_shape = [sample.shape.first().copied().unwrap_or(1), config.image];
        let mut out = self.net.run(&[
            ("sample", Feed::F32(&sample.shape, &sample.data)),
            ("time", Feed::F32(&[1, time.len()], &time)),
            ("image", Feed::F32(&image_shape, image)),
        ])?;
        Ok(out.remove(0))
    }
}

/// Which way a block changes the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Same,
    Half,
    Twice,
}

/// What every block may look at.
struct Sight<'c> {
    config: &'c Config,
    time: Value,
    context: Value,
}

impl Sight<'_> {
    /// `ResnetBlock2D` with its resampling in its midst.
    fn resnet(
        &self,
        g: &mut Graph<'_>,
        x: &Value,
        at: &str,
        (from, to): (usize, usize),
        size: Size,
    ) -> Result<Value, ModelError> {
        let Norms { groups, epsilon } = self.config.norms;
        let name = |part: &str| format!("{at}.{part}");
        let (norm1, norm2, conv1) = (name("norm1"), name("norm2"), name("conv1"));
        let normed = |name| Normed {
            name,
            groups,
            epsilon,
            modulated: None,
        };
        let time = Time {
            embedding: &self.time,
            width: self.config.time_width,
            scale_shift: self.config.scale_shift,
        };
        let told = time.told(g, &name("time_emb_proj"), to)?;
        let around = Around {
            normed: Some(normed(&norm1)),
            twice: size == Size::Twice,
            plus: told.plus(),
            ..Around::default()
        };
        let (x, y) = match size {
            Size::Same => (x.clone(), g.convolve(x, &conv1, (from, to), around)?),
            Size::Twice => {
                let y = g.convolve(x, &conv1, (from, to), around)?;
                (g.twice(x), y)
            }
            // A mean of four is not bent as each of them is.
            Size::Half => {
                let y = g.group_norm_silu(x, &norm1, (from, groups), epsilon)?;
                g.halved();
                let [x, y] = [x, &y].map(|x| g.mean_pool(x, 2, 2, 0));
                g.sized(&y, from);
                let around = Around { normed: None, ..around };
                (x, g.convolve(&y, &conv1, (from, to), around)?)
            }
        };
        if size != Size::Same {
            g.sized(&x, from);
        }
        let past = match from == to {
            true => x,
            false => g.conv2d(&x, &name("conv_shortcut"), (from, to), Conv::same(1, 1), true)?,
        };
        let around = Around {
            normed: Some(Normed {
                modulated: told.modulated(),
                ..normed(&norm2)
            }),
            past: Some(&past),
            ..Around::default()
        };
        g.convolve(&y, &name("conv2"), (to, to), around)
    }

    /// `Attention` with `AttnAddedKVProcessor`: the picture asks the embedding's tokens and itself.
    fn attend(&self, g: &mut Graph<'_>, x: &Value, at: &str, level: &Level) -> Result<Value, ModelError> {
        let width = level.width;
        let shape = g.op("Shape", &[x], &[]);
        let y = g.group_norm(x, &format!("{at}.group_norm"), (width, self.config.norms.groups), 1e-5)?;
        let y = rows(g, &y, width);
        let own =
            |g: &mut Graph<'_>, part: &str| g.linear_lying(&y, &format!("{at}.{part}"), (width, width), After::Nothing);
        let (q, k, v) = (own(g, "to_q")?, own(g, "to_k")?, own(g, "to_v")?);
        let size = (self.config.context, width);
        let added_k = g.linear_lying(&self.context, &format!("{at}.add_k_proj"), size, After::Nothing)?;
        let added_v = g.linear_lying(&self.context, &format!("{at}.add_v_proj"), size, After::Nothing)?;
        let k = g.concat(&[&added_k, &k], 1);
        let v = g.concat(&[&added_v, &v], 1);
        let y = g.attend((&q, &k, &v), Heads::of(width / level.head), None);
        let y = g.linear_lying(&y, &format!("{at}.to_out.0"), (width, width), After::Nothing)?;
        let y = g.transpose(&y, &[0, 2, 1]);
        let y = g.reshape_to(&y, &shape);
        g.sized(&y, width);
        Ok(g.add(x, &y))
    }
}

/// Its graph.
pub(super) fn graph(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by.sparing());
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
    let image = g.input("image", Element::F32, &[n, Dim::Known(config.image)]);
    let time = blocks::time_embedding(&mut g, &time, "time_embedding", (first, config.time_width))?;
    let added = g.linear_lying(
        &image,
        "add_embedding.image_proj",
        (config.image, config.time_width),
        After::Nothing,
    )?;
    let added = g.layer_norm(&added, "add_embedding.image_norm", config.time_width, 1e-5)?;
    let time = g.add(&time, &added);
    let context = g.linear_lying(
        &image,
        "encoder_hid_proj.image_embeds",
        (config.image, TOKENS * config.context),
        After::Nothing,
    )?;
    let context = g.reshape(&context, &[0, TOKENS as i64, config.context as i64]);
    let sight = Sight {
        config,
        time: g.silu(&time),
        context: g.layer_norm(&context, "encoder_hid_proj.norm", config.context, 1e-5)?,
    };
    let mut x = g.conv2d(&sample, "conv_in", (config.in_channels, first), Conv::same(3, 1), true)?;
    let mut skips = vec![(x.clone(), first)];
    let mut from = first;
    for (i, level) in config.levels.iter().enumerate() {
        let at = format!("down_blocks.{i}");
        for layer in 0..level.layers {
            x = sight.resnet(
                &mut g,
                &x,
                &format!("{at}.resnets.{layer}"),
                (from, level.width),
                Size::Same,
            )?;
            from = level.width;
            if level.attends_down {
                x = sight.attend(&mut g, &x, &format!("{at}.attentions.{layer}"), level)?;
            }
            skips.push((x.clone(), from));
        }
        if i + 1 < config.levels.len() {
            x = sight.resnet(&mut g, &x, &format!("{at}.downsamplers.0"), (from, from), Size::Half)?;
            skips.push((x.clone(), from));
        }
    }
    if let Some(level) = config.levels.last() {
        x = sight.resnet(&mut g, &x, "mid_block.resnets.0", (from, from), Size::Same)?;
        x = sight.attend(&mut g, &x, "mid_block.attentions.0", level)?;
        x = sight.resnet(&mut g, &x, "mid_block.resnets.1", (from, from), Size::Same)?;
    }
    for (i, level) in config.levels.iter().rev().enumerate() {
        let at = format!("up_blocks.{i}");
        for layer in 0..=level.layers {
            if let Some((skip, width)) = skips.pop() {
                let joined = g.concat(&[&x, &skip], 1);
                let sizes = (from + width, level.width);
                x = sight.resnet(&mut g, &joined, &format!("{at}.resnets.{layer}"), sizes, Size::Same)?;
            }
            from = level.width;
            if level.attends_up {
                x = sight.attend(&mut g, &x, &format!("{at}.attentions.{layer}"), level)?;
            }
        }
        if i + 1 < config.levels.len() {
            x = sight.resnet(&mut g, &x, &format!("{at}.upsamplers.0"), (from, from), Size::Twice)?;
        }
    }
    let x = blocks::last(
        &mut g,
        &x,
        ("conv_norm_out", "conv_out"),
        (first, config.out_channels),
        config.norms,
    )?;
    g.output("said", &x);
    Ok(g.finish())
}
