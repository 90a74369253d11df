//! The blocks that U-Nets and autoencoders of diffusion models are made of, with the names that diffusers gives their weights.

use crate::error::ModelError;
use crate::graph::{Attention, Conv, Graph, Heads, Value};
use crate::onnx::Attribute;

/// Sines and cosines of a training step (Ho et al. 2020), `width` numbers: what `TimestepEmbedding` takes.
pub(crate) fn timestep(step: f32, width: usize, flip: bool, shift: f32) -> Vec<f32> {
    let half = width / 2;
    let angle = |i: usize| {
        let exponent = -(10_000f64.ln() as f32) * i as f32 / (half as f32 - shift);
        step * exponent.exp()
    };
    let sines = (0..half).map(|i| angle(i).sin());
    let cosines = (0..half).map(|i| angle(i).cos());
    let mut out: Vec<f32> = if flip {
        cosines.chain(sines).collect()
    } else {
        sines.chain(cosines).collect()
    };
    out.resize(width, 0.0);
    out
}

/// `TimestepEmbedding`: two linear layers with a SiLU between them.
pub(crate) fn time_embedding(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
) -> Result<Value, ModelError> {
    let y = g.linear(x, &format!("{at}.linear_1"), (from, to), true)?;
    let y = g.silu(&y);
    g.linear(&y, &format!("{at}.linear_2"), (to, to), true)
}

/// Groups and ε of a block's norms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norms {
    pub(crate) groups: usize,
    pub(crate) epsilon: f32,
}

/// What the time says to the blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time<'a> {
    /// The time embedding after its SiLU, N × width or 1 × width.
    pub(crate) embedding: &'a Value,
    pub(crate) width: usize,
    /// Whether it scales and shifts what is normed, instead of being added before.
    pub(crate) scale_shift: bool,
}

/// `ResnetBlock2D`.
pub(crate) fn resnet(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    (from, to): (usize, usize),
    norms: Norms,
    time: Option<Time<'_>>,
) -> Result<Value, ModelError> {
    let Norms { groups, epsilon } = norms;
    let name = |part: &str| format!("{at}.{part}");
    let same = Conv::same(3, 1);
    let y = g.group_norm_silu(x, &name("norm1"), (from, groups), epsilon)?;
    let mut y = g.conv2d(&y, &name("conv1"), (from, to), same, true)?;
    let mut scale_shift = None;
    if let Some(time) = time {
        let wide = if time.scale_shift { 2 * to } else { to };
        let t = g.linear(time.embedding, &name("time_emb_proj"), (time.width, wide), true)?;
        let t = g.unsqueeze(&t, &[2, 3]);
        if time.scale_shift {
            scale_shift = Some(g.split(&t, &[to, to], 1));
        } else {
            y = g.add(&y, &t);
        }
    }
    let y = match scale_shift.as_deref() {
        Some([scale, shift]) => {
            let y = g.group_norm(&y, &name("norm2"), (to, groups), epsilon)?;
            let one = g.floats(&[1.0], &[1]);
            let scale = g.add(scale, &one);
            let y = g.multiply(&y, &scale);
            let y = g.add(&y, shift);
            g.silu(&y)
        }
        _ => g.group_norm_silu(&y, &name("norm2"), (to, groups), epsilon)?,
    };
    let y = g.conv2d(&y, &name("conv2"), (to, to), same, true)?;
    if from == to {
        return Ok(g.add(x, &y));
    }
    let past = g.conv2d(x, &name("conv_shortcut"), (from, to), Conv::same(1, 1), true)?;
    Ok(g.add(&past, &y))
}

/// What a transformer's second attention looks at: vectors N × length × width, and a bias N × 1 × 1 × length that hides some.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) vectors: &'a Value,
    pub(crate) width: usize,
    pub(crate) bias: Option<&'a Value>,
}

/// `Transformer2DModel` over N × channels × height × width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transformer<'a> {
    pub(crate) at: &'a str,
    pub(crate) channels: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) groups: usize,
    /// Whether its projections are linear layers instead of 1 × 1 convolutions.
    pub(crate) linear: bool,
    /// None: the second attention looks at the picture too.
    pub(crate) context: Option<Context<'a>>,
    /// Whether the first one looks at the context as well.
    pub(crate) only_context: bool,
}

/// Runs it.
pub(crate) fn transformer(g: &mut Graph<'_>, x: &Value, t: Transformer<'_>) -> Result<Value, ModelError> {
    let channels = t.channels;
    let name = |part: &str| format!("{}.{part}", t.at);
    let shape = g.op("Shape", &[x], &[]);
    let y = g.group_norm(x, &name("norm"), (channels, t.groups), 1e-6)?;
    let mut y = if t.linear {
        let y = rows(g, &y, channels);
        g.linear(&y, &name("proj_in"), (channels, channels), true)?
    } else {
        let y = g.conv2d(&y, &name("proj_in"), (channels, channels), Conv::same(1, 1), true)?;
        rows(g, &y, channels)
    };
    for layer in 0..t.layers {
        y = transformer_block(g, &y, &name(&format!("transformer_blocks.{layer}")), t)?;
    }
    let y = if t.linear {
        let y = g.linear(&y, &name("proj_out"), (channels, channels), true)?;
        let y = g.transpose(&y, &[0, 2, 1]);
        let y = g.reshape_to(&y, &shape);
        g.sized(&y, channels);
        y
    } else {
        let y = g.transpose(&y, &[0, 2, 1]);
        let y = g.reshape_to(&y, &shape);
        g.sized(&y, channels);
        g.conv2d(&y, &name("proj_out"), (channels, channels), Conv::same(1, 1), true)?
    };
    Ok(g.add(x, &y))
}

/// N × channels × height × width as N × places × channels.
pub(crate) fn rows(g: &mut Graph<'_>, x: &Value, channels: usize) -> Value {
    let y = g.reshape(x, &[0, channels as i64, -1]);
    g.sized_rows(&y, channels, 1);
    g.transpose(&y, &[0, 2, 1])
}

/// `BasicTransformerBlock`: two attentions and a GEGLU, each behind its norm.
fn transformer_block(g: &mut Graph<'_>, x: &Value, at: &str, t: Transformer<'_>) -> Result<Value, ModelError> {
    let channels = t.channels;
    let name = |part: &str| format!("{at}.{part}");
    let mut x = x.clone();
    for (norm, attention, context) in [
        ("norm1", "attn1", t.context.filter(|_| t.only_context)),
        ("norm2", "attn2", t.context),
    ] {
        let y = g.layer_norm(&x, &name(norm), channels, 1e-5)?;
        let parts = ["to_q", "to_k", "to_v", "to_out.0"].map(|part| format!("{at}.{attention}.{part}"));
        let [q, k, v, out] = &parts;
        let layer = Attention {
            names: [q, k, v, out],
            widths: [channels, channels, context.map_or(channels, |c| c.width)],
            bias: false,
            bias_out: true,
            heads: Heads::of(t.heads),
        };
        let bias = context.and_then(|c| c.bias).map(|bias| g.wide_bias(bias, &y));
        let y = g.attention(&y, context.map(|c| c.vectors), layer, bias.as_ref())?;
        x = g.add(&x, &y);
    }
    let y = g.layer_norm(&x, &name("norm3"), channels, 1e-5)?;
    let y = g.linear(&y, &name("ff.net.0.proj"), (channels, 8 * channels), true)?;
    let halves = g.split(&y, &[4 * channels, 4 * channels], -1);
    let gate = g.gelu(&halves[1]);
    let y = g.multiply(&halves[0], &gate);
    let y = g.linear(&y, &name("ff.net.2"), (4 * channels, channels), true)?;
    Ok(g.add(&x, &y))
}

/// `Downsample2D` with its convolution: half as large. Without `padded` the picture gets a row and a column at its end first.
pub(crate) fn down(g: &mut Graph<'_>, x: &Value, at: &str, channels: usize, padded: bool) -> Result<Value, ModelError> {
    let name = format!("{at}.conv");
    let weight = g.weight(&format!("{name}.weight"), &[channels, channels, 3, 3])?;
    let bias = g.weight(&format!("{name}.bias"), &[channels])?;
    let pads = if padded { vec![1; 4] } else { vec![0, 0, 1, 1] };
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![3, 3])),
        ("strides", Attribute::Ints(vec![2, 2])),
        ("pads", Attribute::Ints(pads)),
    ];
    let y = g.op("Conv", &[x, &weight, &bias], &attributes);
    g.halved();
    g.sized(&y, channels);
    Ok(y)
}

/// `Upsample2D` with its convolution: twice as large, or as large as `target`.
pub(crate) fn up(
    g: &mut Graph<'_>,
    x: &Value,
    at: &str,
    channels: usize,
    target: Option<&Value>,
) -> Result<Value, ModelError> {
    let y = match target {
        Some(target) => g.as_large_as(x, target, channels),
        None => g.twice(x),
    };
    g.doubled();
    g.sized(&y, channels);
    g.conv2d(&y, &format!("{at}.conv"), (channels, channels), Conv::same(3, 1), true)
}
