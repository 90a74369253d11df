//! MoVQ (Zheng et al. 2022): latents become a picture, and say at every norm what lies where. `VQModel` with `norm_type: spatial`, its
//! decoder.

use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::{Checkpoint, Weights};
use crate::config;
use crate::diffusion::blocks;
use crate::error::ModelError;
use crate::graph::{Around, Attention, Conv, Finished, Graph, Heads, Operators, Value};
use crate::kernels::After;
use crate::onnx::{Dim, Element};
use crate::runtime::{Feed, Net, Runtime, Tensor};

const MODEL: &str = "MoVQ";
const EPSILON: f32 = 1e-6;
/// Groups of its norms, whatever the configuration says.
const GROUPS: usize = 32;

/// Its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    #[serde(default = "three")]
    out_channels: usize,
    pub(super) block_out_channels: Vec<usize>,
    #[serde(default = "one")]
    layers_per_block: usize,
    #[serde(default = "three")]
    pub(super) latent_channels: usize,
    vq_embed_dim: Option<usize>,
    up_block_types: Vec<String>,
    norm_type: Option<String>,
    #[serde(default = "config::yes")]
    mid_block_add_attention: bool,
    #[serde(default)]
    lookup_from_codebook: bool,
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

impl Config {
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Self = config::read(&path, MODEL)?;
        let known = |name: &String| matches!(name.as_str(), "UpDecoderBlock2D" | "AttnUpDecoderBlock2D");
        let other = [
            (
                config.norm_type.as_deref() != Some("spatial"),
                "its norms are not spatial",
            ),
            (config.lookup_from_codebook, "it looks its latents up"),
            (!config.up_block_types.iter().all(known), "a block is not known here"),
            (
                config.block_out_channels.is_empty() || config.up_block_types.len() != config.block_out_channels.len(),
                "its lists of blocks have different lengths",
            ),
            (
                config
                    .block_out_channels
                    .iter()
                    .any(|w| *w == 0 || !w.is_multiple_of(GROUPS)),
                "its widths are no multiples of 32",
            ),
        ];
        match other.iter().find(|(wrong, _)| *wrong) {
            Some((_, what)) => Err(ModelError::Config {
                path,
                model: MODEL,
                reason: (*what).to_owned(),
            }),
            None => Ok(config),
        }
    }

    fn embedded(&self) -> usize {
        self.vq_embed_dim.unwrap_or(self.latent_channels)
    }

    /// Pixels, each way, that one latent stands for.
    pub(super) fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

/// A loaded decoder.
#[derive(Debug)]
pub(super) struct Movq {
    pub(super) config: Config,
    net: Net,
}

impl Movq {
    pub(super) fn load(folder: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let runtime = runtime.clone().for_large_pictures();
        let net = runtime.session(&decoder(&checkpoint, &config, runtime.operators())?, &checkpoint)?;
        Ok(Self { config, net })
    }

    /// Latents n × channels × height × width to pictures n × 3 × rows × columns, about −1 to 1.
    pub(super) fn decode(&mut self, latents: &Tensor) -> Result<Tensor, ModelError> {
        let mut out = self.net.run(&[("latents", Feed::F32(&latents.shape, &latents.data))])?;
        Ok(out.remove(0))
    }
}

/// The latents that the norms see, as large as they are, each as often as it takes to be as large as the picture, and how wide they are.
struct Latents {
    small: Value,
    large: Value,
    wide: usize,
}

impl Latents {
    /// `SpatialNorm`: a group norm, scaled and shifted by what the latents say of each place; and `after` it.
    fn norm(&self, g: &mut Graph<'_>, x: &Value, at: &str, width: usize, after: After) -> Result<Value, ModelError> {
        let (scale, shift) = (format!("{at}.conv_y"), format!("{at}.conv_b"));
        let norm = (&*format!("{at}.norm_layer"), (width, GROUPS), EPSILON);
        if g.ours_on_pictures() {
            return g.spatial_norm(x, norm, &self.small, [&scale, &shift], self.wide, after);
        }
        let y = g.group_norm(x, norm.0, norm.1, norm.2)?;
        let conv =
            |g: &mut Graph<'_>, name: &str| g.conv2d(&self.large, name, (self.wide, width), Conv::same(1, 1), true);
        let (scale, shift) = (conv(g, &scale)?, conv(g, &shift)?);
        let y = g.multiply(&y, &scale);
        let y = g.add(&y, &shift);
        Ok(g.bent(&y, after))
    }

    /// `ResnetBlockCondNorm2D`.
    fn resnet(&self, g: &mut Graph<'_>, x: &Value, at: &str, (from, to): (usize, usize)) -> Result<Value, ModelError> {
        let name = |part: &str| format!("{at}.{part}");
        let y = self.norm(g, x, &name("norm1"), from, After::Silu)?;
        let y = g.conv2d(&y, &name("conv1"), (from, to), Conv::same(3, 1), true)?;
        let y = self.norm(g, &y, &name("norm2"), to, After::Silu)?;
        let past = match from == to {
            true => x.clone(),
            false => g.conv2d(x, &name("conv_shortcut"), (from, to), Conv::same(1, 1), true)?,
        };
        let around = Around {
            past: Some(&past),
            ..Around::default()
        };
        g.convolve(&y, &name("conv2"), (to, to), around)
    }

    /// One head over all places. Older checkpoints have other names for its layers.
    fn attend(&self, g: &mut Graph<'_>, x: &Value, at: &str, width: usize) -> Result<Value, ModelError> {
        let parts = if g.holds(&format!("{at}.query.weight"), &[width, width]) {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let parts = parts.map(|part| format!("{at}.{part}"));
        let [q, k, v, out] = &parts;
        let shape = g.op("Shape", &[x], &[]);
        let y = self.norm(g, x, &format!("{at}.spatial_norm"), width, After::Nothing)?;
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
}

/// Its graph: `latents` to `picture`.
pub(super) fn decoder(weights: &dyn Weights, config: &Config, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by.sparing());
    let (latent, embedded) = (config.latent_channels, config.embedded());
    let shape = [
        Dim::Named("n"),
        Dim::Known(embedded),
        Dim::Named("height"),
        Dim::Named("width"),
    ];
    let given = g.input("latents", Element::F32, &shape);
    g.name_sizes();
    let mut latents = Latents {
        small: given.clone(),
        large: given.clone(),
        wide: embedded,
    };
    let x = g.conv2d(&given, "post_quant_conv", (embedded, latent), Conv::same(1, 1), true)?;
    let widths: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
    let mut from = widths[0];
    let mut x = g.conv2d(&x, "decoder.conv_in", (latent, from), Conv::same(3, 1), true)?;
    x = latents.resnet(&mut g, &x, "decoder.mid_block.resnets.0", (from, from))?;
    if config.mid_block_add_attention {
        x = latents.attend(&mut g, &x, "decoder.mid_block.attentions.0", from)?;
    }
    x = latents.resnet(&mut g, &x, "decoder.mid_block.resnets.1", (from, from))?;
    for (level, (to, kind)) in widths.iter().copied().zip(&config.up_block_types).enumerate() {
        let at = format!("decoder.up_blocks.{level}");
        for layer in 0..=config.layers_per_block {
            x = latents.resnet(&mut g, &x, &format!("{at}.resnets.{layer}"), (from, to))?;
            from = to;
            if kind == "AttnUpDecoderBlock2D" {
                x = latents.attend(&mut g, &x, &format!("{at}.attentions.{layer}"), to)?;
            }
        }
        if level + 1 < widths.len() {
            x = blocks::up(&mut g, &x, &format!("{at}.upsamplers.0"), to, None)?;
            if !g.ours_on_pictures() {
                latents.large = g.twice(&latents.large);
                g.sized(&latents.large, embedded);
            }
        }
    }
    let x = latents.norm(&mut g, &x, "decoder.conv_norm_out", from, After::Silu)?;
    let x = g.conv2d(
        &x,
        "decoder.conv_out",
        (from, config.out_channels),
        Conv::same(3, 1),
        true,
    )?;
    g.output("picture", &x);
    Ok(g.finish())
}
