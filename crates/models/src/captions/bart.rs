//! The networks of LP-MusicCaps: convolutions over the mel bands, BART's encoder over what they find, and one step of BART's decoder
//! with the keys and values of the tokens before it (Lewis et al. 2019; Doh et al. 2023).

use serde::Deserialize;

use super::MODEL;
use crate::checkpoint::Weights;
use crate::error::ModelError;
use crate::graph::{Attention, Conv1d, Finished, Graph, Heads, Operators, Past, Value};
use crate::onnx::{Dim, Element};

/// Positions begin at this row of their table.
const OFFSET: usize = 2;
const EPSILON: f32 = 1e-5;

/// The sizes of a model: those of the checkpoint's tensors, and what config.json says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) bands: usize,
    /// Operators that halve the length.
    pub(crate) halvings: usize,
    pub(crate) width: usize,
    /// Frames that the decoder sees.
    pub(crate) frames: usize,
    pub(crate) vocabulary: usize,
    /// Rows of the tables of positions, encoder and decoder.
    pub(crate) positions: [usize; 2],
    /// Layers, heads and inner width, of encoder and decoder.
    pub(crate) encoder: Stack,
    pub(crate) decoder: Stack,
    /// Whether embeddings are multiplied by the root of the width.
    pub(crate) scaled: bool,
    /// The table of tokens, which is the output's too.
    pub(crate) table: &'static str,
    /// Whether there is a bias on the output.
    pub(crate) biased: bool,
}

/// The layers of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stack {
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) inner: usize,
}

/// What config.json says beyond the tensors' shapes: facebook/bart-base's values where nothing is said.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) encoder_attention_heads: usize,
    pub(crate) decoder_attention_heads: usize,
    pub(crate) scale_embedding: bool,
    pub(crate) eos_token_id: i64,
    pub(crate) decoder_start_token_id: i64,
    pub(crate) forced_bos_token_id: Option<i64>,
    pub(crate) forced_eos_token_id: Option<i64>,
    pub(crate) no_repeat_ngram_size: usize,
    pub(crate) early_stopping: bool,
    pub(crate) length_penalty: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            encoder_attention_heads: 12,
            decoder_attention_heads: 12,
            scale_embedding: false,
            eos_token_id: 2,
            decoder_start_token_id: 2,
            forced_bos_token_id: Some(0),
            forced_eos_token_id: Some(2),
            no_repeat_ngram_size: 3,
            early_stopping: true,
            length_penalty: 1.0,
        }
    }
}

/// Names that the table of tokens may have: a checkpoint with tied weights need not keep them all.
const TABLES: [&str; 4] = [
    "bart.model.shared",
    "bart.model.decoder.embed_tokens",
    "bart.model.encoder.embed_tokens",
    "bart.lm_head",
];

impl Sizes {
    /// Of tensors whose shapes `shape` tells; a tensor that is missing or senseless is named.
    pub(crate) fn of(shape: impl Fn(&str) -> Option<Vec<usize>>, config: &Config) -> Result<Self, String> {
        let lengths = |name: &str| shape(name).ok_or_else(|| name.to_owned());
        let two = |name: &str| match lengths(name)?.as_slice() {
            [a, b] => Ok((*a, *b)),
            _ => Err(name.to_owned()),
        };
        let count = |name: &dyn Fn(usize) -> String| (0..1000).take_while(|i| shape(&name(*i)).is_some()).count();
        let table = TABLES
            .into_iter()
            .find(|name| shape(&format!("{name}.weight")).is_some())
            .ok_or_else(|| format!("{}.weight", TABLES[0]))?;
        let (vocabulary, width) = two(&format!("{table}.weight"))?;
        let bands = match lengths("audio_encoder.conv1.weight")?.as_slice() {
            [_, bands, _] => *bands,
            _ => return Err("audio_encoder.conv1.weight".to_owned()),
        };
        let frames = two("audio_encoder.positional_embedding")?.0;
        let stack = |side: &str, heads: usize| {
            let layers = count(&|i| format!("bart.model.{side}.layers.{i}.fc1.weight"));
            let inner = two(&format!("bart.model.{side}.layers.0.fc1.weight"))?.0;
            if heads == 0 || width % heads != 0 {
                return Err(format!("bart.model.{side}.layers.0.self_attn.q_proj.weight"));
            }
            Ok(Stack { layers, heads, inner })
        };
        let positions = |side: &str| Ok::<_, String>(two(&format!("bart.model.{side}.embed_positions.weight"))?.0);
        Ok(Self {
            bands,
            halvings: count(&|i| format!("audio_encoder.conv_stack.{i}.weight")),
            width,
            frames,
            vocabulary,
            positions: [positions("encoder")?, positions("decoder")?],
            encoder: stack("encoder", config.encoder_attention_heads)?,
            decoder: stack("decoder", config.decoder_attention_heads)?,
            scaled: config.scale_embedding,
            table,
            biased: shape("bart.final_logits_bias").is_some(),
        })
    }
}

/// Attention's projections by BART's names.
fn attention<'a>(names: &'a [String; 4], sizes: &Sizes, heads: usize) -> Attention<'a> {
    Attention {
        names: names.each_ref().map(String::as_str),
        widths: [sizes.width; 3],
        bias: true,
        bias_out: true,
        lying: false,
        heads: Heads::of(heads),
    }
}

fn projections(at: &str) -> [String; 4] {
    ["q_proj", "k_proj", "v_proj", "out_proj"].map(|part| format!("{at}.{part}"))
}

/// Decibels (windows × bands × frames) to what the decoder asks: for each of its layers keys and values, windows × frames × width; the
/// encoder's last hidden state before them.
pub(crate) fn encoder(weights: &dyn Weights, sizes: &Sizes) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights);
    let width = sizes.width;
    let shape = [Dim::Named("windows"), Dim::Known(sizes.bands), Dim::Named("frames")];
    let mel = g.input("mel", Element::F32, &shape);
    let x = g.unsqueeze(&mel, &[2]);
    let x = g.conv1d(
        &x,
        "audio_encoder.conv1",
        (sizes.bands, width),
        Conv1d::strided(3, 1, 1),
        true,
    )?;
    let mut x = g.gelu(&x);
    for i in 0..sizes.halvings {
        let name = format!("audio_encoder.conv_stack.{i}");
        let y = g.conv1d(&x, &name, (width, width), Conv1d::strided(3, 2, 1), true)?;
        x = g.gelu(&y);
    }
    let x = g.squeeze(&x, &[2]);
    let x = g.transpose(&x, &[0, 2, 1]);
    let sines = g.weight("audio_encoder.positional_embedding", &[sizes.frames, width])?;
    let x = g.add(&x, &sines);
    g.output("embedded", &x);
    let places = g.weight(
        "bart.model.encoder.embed_positions.weight",
        &[sizes.positions[0], width],
    )?;
    let places = g.slice(&places, 0, OFFSET as i64, (OFFSET + sizes.frames) as i64);
    let x = g.add(&x, &places);
    let mut x = g.layer_norm(&x, "bart.model.encoder.layernorm_embedding", width, EPSILON)?;
    for i in 0..sizes.encoder.layers {
        let at = format!("bart.model.encoder.layers.{i}");
        let names = projections(&format!("{at}.self_attn"));
        let y = g.attention(&x, None, attention(&names, sizes, sizes.encoder.heads), None)?;
        x = added(&mut g, &x, &y, &format!("{at}.self_attn_layer_norm"), width)?;
        x = feed_forward(&mut g, &x, &at, (width, sizes.encoder.inner))?;
    }
    g.output("encoded", &x);
    for i in 0..sizes.decoder.layers {
        for part in ["k", "v"] {
            let name = format!("bart.model.decoder.layers.{i}.encoder_attn.{part}_proj");
            let y = g.linear(&x, &name, (width, width), true)?;
            g.output(&format!("{part}{i}"), &y);
        }
    }
    Ok(g.finish())
}

fn added(g: &mut Graph<'_>, x: &Value, y: &Value, norm: &str, width: usize) -> Result<Value, ModelError> {
    let sum = g.add(x, y);
    g.layer_norm(&sum, norm, width, EPSILON)
}

fn feed_forward(g: &mut Graph<'_>, x: &Value, at: &str, (width, inner): (usize, usize)) -> Result<Value, ModelError> {
    let y = g.linear(x, &format!("{at}.fc1"), (width, inner), true)?;
    let y = g.gelu(&y);
    let y = g.linear(&y, &format!("{at}.fc2"), (inner, width), true)?;
    added(g, x, &y, &format!("{at}.final_layer_norm"), width)
}

/// One token further. Into it go `ids` (rows: windows × beams), `position` (1), for each layer the keys and values of the tokens before
/// (places × width) and of the encoder, and `lines` (rows × tokens before): in which place each token before a row's is. Out come the new
/// token's keys and values (rows × 1 × width), logits and log probabilities (rows × vocabulary).
pub(crate) fn decoder(weights: &dyn Weights, sizes: &Sizes, by: Operators) -> Result<Finished, ModelError> {
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let (width, heads) = (sizes.width, sizes.decoder.heads);
    let ids = g.input("ids", Element::I64, &[Dim::Named("rows")]);
    let position = g.input("position", Element::I64, &[Dim::Known(1)]);
    let lines = g.input("lines", Element::I64, &[Dim::Named("rows"), Dim::Named("before")]);
    let mut past = Vec::new();
    for i in 0..sizes.decoder.layers {
        let (places, frames) = (
            [Dim::Named("places"), Dim::Known(width)],
            [Dim::Named("windows"), Dim::Named("frames"), Dim::Known(width)],
        );
        past.push([
            g.input(&format!("past_k{i}"), Element::F32, &places),
            g.input(&format!("past_v{i}"), Element::F32, &places),
            g.input(&format!("cross_k{i}"), Element::F32, &frames),
            g.input(&format!("cross_v{i}"), Element::F32, &frames),
        ]);
    }
    let mut x = g.embedding(&ids, sizes.table, (sizes.vocabulary, width))?;
    if sizes.scaled {
        x = g.scaled(&x, (width as f32).sqrt());
    }
    let offset = g.ints(&[OFFSET as i64]);
    let row = g.add(&position, &offset);
    let place = g.embedding(&row, "bart.model.decoder.embed_positions", (sizes.positions[1], width))?;
    let sum = g.add(&x, &place);
    let mut x = g.layer_norm(&sum, "bart.model.decoder.layernorm_embedding", width, EPSILON)?;
    for (i, [past_k, past_v, cross_k, cross_v]) in past.iter().enumerate() {
        let at = format!("bart.model.decoder.layers.{i}");
        let linear =
            |g: &mut Graph<'_>, x: &Value, part: &str| g.linear(x, &format!("{at}.{part}"), (width, width), true);
        // Itself: each row one token, after those that it goes on from.
        let mut asked = Vec::new();
        for part in ["q", "k", "v"] {
            let y = linear(&mut g, &x, &format!("self_attn.{part}_proj"))?;
            let y = g.unsqueeze(&y, &[1]);
            if part != "q" {
                g.output(&format!("{part}{i}"), &y);
            }
            asked.push(y);
        }
        let before = Past::Places {
            keys: past_k,
            values: past_v,
            lines: &lines,
        };
        let y = g.attend_after((&asked[0], &asked[1], &asked[2]), heads, Some(before));
        let y = g.reshape(&y, &[-1, width as i64]);
        let y = linear(&mut g, &y, "self_attn.out_proj")?;
        x = added(&mut g, &x, &y, &format!("{at}.self_attn_layer_norm"), width)?;
        // The sound: the beams of a window ask the same keys, one after the other.
        let q = linear(&mut g, &x, "encoder_attn.q_proj")?;
        let windows = g.lengths(cross_k, 0, 1);
        let rest = g.ints(&[-1, width as i64]);
        let by_window = g.concat(&[&windows, &rest], 0);
        let q = g.reshape_to(&q, &by_window);
        let y = g.attend_after((&q, cross_k, cross_v), heads, None);
        let y = g.reshape(&y, &[-1, width as i64]);
        let y = linear(&mut g, &y, "encoder_attn.out_proj")?;
        x = added(&mut g, &x, &y, &format!("{at}.encoder_attn_layer_norm"), width)?;
        x = feed_forward(&mut g, &x, &at, (width, sizes.decoder.inner))?;
    }
    let table = g.weight(&format!("{}.weight", sizes.table), &[sizes.vocabulary, width])?;
    let mut logits = g.times_transposed(&x, &table);
    if sizes.biased {
        let bias = g.weight("bart.final_logits_bias", &[1, sizes.vocabulary])?;
        logits = g.add(&logits, &bias);
    }
    g.output("logits", &logits);
    let scores = g.op("LogSoftmax", &[&logits], &[("axis", crate::onnx::Attribute::Int(-1))]);
    g.output("scores", &scores);
    Ok(g.finish())
}
