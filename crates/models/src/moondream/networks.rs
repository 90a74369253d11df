//! The two graphs: a vision transformer with its projection, and Phi with what it remembers.

use super::MODEL;
use super::config::{EYE, ImageConfig, PATCH, TextConfig};
use crate::checkpoint::Weights;
use crate::error::ModelError;
use crate::graph::{Finished, Graph, Operators, Past, Value};
use crate::kernels::After;
use crate::onnx::{Attribute, Dim, Element};

/// Two layers with a GELU between.
fn mlp(g: &mut Graph<'_>, x: &Value, at: &str, sizes: [usize; 3]) -> Result<Value, ModelError> {
    let y = g.linear_lying(x, &format!("{at}.fc1"), (sizes[0], sizes[1]), After::GeluTanh)?;
    g.linear_lying(&y, &format!("{at}.fc2"), (sizes[1], sizes[2]), After::Nothing)
}

/// Names of the linear layers whose weights may go into 8 bits.
pub(super) fn linear_layers(image: ImageConfig, text: &TextConfig) -> Vec<String> {
    let mut names = vec!["text_model.lm_head.linear".to_owned()];
    for i in 0..image.blocks {
        names.extend(["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"].map(|name| format!("{EYE}.blocks.{i}.{name}")));
    }
    names.extend(["fc1", "fc2"].map(|name| format!("vision_encoder.projection.mlp.{name}")));
    for i in 0..text.num_hidden_layers {
        let at = format!("text_model.transformer.h.{i}");
        names.extend(["mixer.Wqkv", "mixer.out_proj", "mlp.fc1", "mlp.fc2"].map(|name| format!("{at}.{name}")));
    }
    names
}

/// Patches (1 × N × 588) to what the language model reads (1 × N × its width).
pub(super) fn eye(
    weights: &dyn Weights,
    config: ImageConfig,
    out: usize,
    by: Operators,
) -> Result<Finished, ModelError> {
    let ImageConfig { width, inner, .. } = config;
    let places = config.across * config.across;
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let patches = g.input(
        "patches",
        Element::F32,
        &[Dim::Known(1), Dim::Known(places), Dim::Known(3 * PATCH * PATCH)],
    );
    let x = g.linear_lying(
        &patches,
        &format!("{EYE}.patch_embed.linear"),
        (3 * PATCH * PATCH, width),
        After::Nothing,
    )?;
    let places = g.weight(&format!("{EYE}.pos_embed"), &[1, places, width])?;
    let mut x = g.add(&x, &places);
    for block in 0..config.blocks {
        let at = format!("{EYE}.blocks.{block}");
        let y = g.layer_norm(&x, &format!("{at}.norm1"), width, 1e-5)?;
        let y = g.linear_lying(&y, &format!("{at}.attn.qkv"), (width, 3 * width), After::Nothing)?;
        let parts = g.split(&y, &[width; 3], 2);
        let y = g.attend_after((&parts[0], &parts[1], &parts[2]), config.heads, None);
        let y = g.linear_lying(&y, &format!("{at}.attn.proj"), (width, width), After::Nothing)?;
        x = g.add(&x, &y);
        let y = g.layer_norm(&x, &format!("{at}.norm2"), width, 1e-5)?;
        let y = mlp(&mut g, &y, &format!("{at}.mlp"), [width, inner, width])?;
        x = g.add(&x, &y);
    }
    let x = g.layer_norm(&x, &format!("{EYE}.norm"), width, 1e-5)?;
    let x = mlp(
        &mut g,
        &x,
        "vision_encoder.projection.mlp",
        [width, config.projected, out],
    )?;
    g.output("seen", &x);
    Ok(g.finish())
}

/// Tokens before the picture, the picture, tokens after it: the logits of what comes next (1 × 1 × vocabulary).
pub(super) fn text(weights: &dyn Weights, config: &TextConfig, by: Operators) -> Result<Finished, ModelError> {
    let width = config.hidden_size;
    let (heads, head) = (config.num_attention_heads, config.head());
    let mut g = Graph::new(MODEL, weights).computed_by(by);
    let before = g.input("before", Element::I64, &[Dim::Known(1), Dim::Named("before")]);
    let seen = g.input(
        "seen",
        Element::F32,
        &[Dim::Known(1), Dim::Named("seen"), Dim::Known(width)],
    );
    let after = g.input("after", Element::I64, &[Dim::Known(1), Dim::Named("after")]);
    // How many tokens were read before.
    let at = g.input("at", Element::I64, &[Dim::Known(1)]);
    let table = g.stored("text_model.transformer.embd.wte.weight", &[config.vocab_size, width])?;
    let embed = |g: &mut Graph<'_>, ids: &Value| {
        let rows = g.gather(&table, ids, 0);
        g.wide(&rows)
    };
    let (before, after) = (embed(&mut g, &before), embed(&mut g, &after));
    let mut x = g.concat(&[&before, &seen, &after], 1);
    let (cosines, sines) = turns(&mut g, config);
    let mut remembered = Vec::new();
    for layer in 0..config.num_hidden_layers {
        let name = format!("text_model.transformer.h.{layer}");
        let past = [0, 1].map(|part| {
            let shape = [Dim::Known(1), Dim::Known(heads), Dim::Named("room"), Dim::Known(head)];
            g.input(&format!("past{}", 2 * layer + part), Element::F32, &shape)
        });
        let y = g.layer_norm(&x, &format!("{name}.ln"), width, config.layer_norm_eps)?;
        let asked = g.linear_lying(&y, &format!("{name}.mixer.Wqkv"), (width, 3 * width), After::Nothing)?;
        let parts = g.split(&asked, &[width; 3], 2);
        let turn = [
            ("num_heads", Attribute::Int(heads as i64)),
            ("rotary_embedding_dim", Attribute::Int(config.turning() as i64)),
        ];
        let [mut queries, keys] =
            [&parts[0], &parts[1]].map(|x| g.contributed("RotaryEmbedding", &[x, &at, &cosines, &sines], &turn));
        let mut y = y;
        let last = layer + 1 == config.num_hidden_layers;
        if last {
            // The last layer is asked for the last token alone.
            [x, y, queries] = [&x, &y, &queries].map(|x| g.slice(x, 1, -1, i64::MAX));
        }
        let before = Past::Room {
            keys: &past[0],
            values: &past[1],
            known: &at,
            alone: last,
        };
        let attended = g.attend_after((&queries, &keys, &parts[2]), heads, Some(before));
        let answered = g.linear_lying(
            &attended,
            &format!("{name}.mixer.out_proj"),
            (width, width),
            After::Nothing,
        )?;
        let thought = mlp(
            &mut g,
            &y,
            &format!("{name}.mlp"),
            [width, config.intermediate_size, width],
        )?;
        let sum = g.add(&answered, &thought);
        x = g.add(&sum, &x);
        remembered.extend([keys, parts[2].clone()]);
    }
    let x = g.layer_norm(&x, "text_model.lm_head.ln", width, config.layer_norm_eps)?;
    let x = g.linear_lying(
        &x,
        "text_model.lm_head.linear",
        (width, config.vocab_size),
        After::Nothing,
    )?;
    g.output("logits", &x);
    for (i, value) in remembered.iter().enumerate() {
        g.output(&format!("read{i}"), value);
    }
    Ok(g.finish())
}

/// Cosines and sines of every position (positions × half of what turns), computed in single precision as the reference does.
fn turns(g: &mut Graph<'_>, config: &TextConfig) -> (Value, Value) {
    let half = config.turning() / 2;
    let base = config.rope_theta as f32;
    let speeds: Vec<f32> = (0..half)
        .map(|i| 1.0 / base.powf((2 * i) as f32 / config.turning() as f32))
        .collect();
    let angles: Vec<f32> = (0..config.max_position_embeddings)
        .flat_map(|t| speeds.iter().map(move |speed| t as f32 * speed))
        .collect();
    let shape = [config.max_position_embeddings, half];
    let cosines: Vec<f32> = angles.iter().map(|a| a.cos()).collect();
    let sines: Vec<f32> = angles.iter().map(|a| a.sin()).collect();
    (g.floats(&cosines, &shape), g.floats(&sines, &shape))
}
