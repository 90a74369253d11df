//! Against the original, which `tests/reference/captions.py` runs.

use std::path::Path;

use synchresis_cue::Silent;

use super::bart::{self, Config, Sizes, Stack};
use super::mel::Mel;
use super::{LpMusicCaps, Memory, Search, WINDOW};
use crate::ModelError;
use crate::graph::Operators;
use crate::parity::{Fixture, Wanted, apart, between, limits, runtime};
use crate::runtime::{Feed, Runtime};

/// The small model of the script.
fn sizes() -> Sizes {
    Sizes {
        bands: 128,
        halvings: 5,
        width: 64,
        frames: 32,
        vocabulary: 97,
        positions: [162, 162],
        encoder: Stack {
            layers: 2,
            heads: 4,
            inner: 128,
        },
        decoder: Stack {
            layers: 2,
            heads: 4,
            inner: 96,
        },
        scaled: false,
        table: "bart.model.shared",
        biased: true,
    }
}

fn fill(name: &str, shape: &[usize]) -> Vec<f32> {
    if name == "audio_encoder.positional_embedding" {
        let (length, half) = (shape[0], shape[1] / 2);
        let step = 10_000f64.ln() / (half - 1) as f64;
        let angle = |t: usize, i: usize| t as f64 * (-step * i as f64).exp();
        return (0..length)
            .flat_map(|t| {
                (0..2 * half).map(move |i| {
                    if i < half {
                        angle(t, i).sin()
                    } else {
                        angle(t, i - half).cos()
                    }
                })
            })
            .map(|x| x as f32)
            .collect();
    }
    let limits = match name {
        "bart.model.shared.weight" => {
            let reach = (30.0 / shape[1] as f64).sqrt();
            (-reach, reach)
        }
        "bart.final_logits_bias" => (-2.0, 2.0),
        _ => limits(name, shape, 3.0),
    };
    between(name, shape.iter().product(), limits)
}

fn small(folder: &Path, runtime: &Runtime) -> LpMusicCaps {
    let (wanted, sizes) = (Wanted::default(), sizes());
    bart::encoder(&wanted, &sizes).expect("a graph");
    bart::decoder(&wanted, &sizes, Operators::default()).expect("a graph");
    wanted.write_with(&folder.join("captions.safetensors"), fill);
    std::fs::write(folder.join("vocab.json"), r#"{"<s>": 0, "</s>": 2}"#).expect("writes");
    let config = r#"{"encoder_attention_heads": 4, "decoder_attention_heads": 4}"#;
    std::fs::write(folder.join("config.json"), config).expect("writes");
    let model = LpMusicCaps::load(folder, runtime).expect("loads");
    assert_eq!(model.sizes, sizes, "the checkpoint's tensors tell other sizes");
    model
}

/// The two windows of the script.
fn music() -> Vec<Vec<f32>> {
    let noise = between("wave", WINDOW, (-1.0, 1.0));
    let at = |f: &dyn Fn(f64, f64) -> f64| {
        let sample = |(i, n): (usize, &f32)| f(i as f64 / 16_000.0, f64::from(*n)) as f32;
        noise.iter().enumerate().map(sample).collect()
    };
    let tone = |t: f64, n: f64| {
        0.3 * (std::f64::consts::TAU * (220.0 * t + 20.0 * t * t)).sin() * (1.0 - (2.0 * t) % 1.0) + 0.01 * n
    };
    vec![at(&tone), at(&|t, n| 0.5 * n * (1.0 - t / 10.0))]
}

fn thinned(values: &[f32], most: usize) -> Vec<f32> {
    values
        .iter()
        .step_by(values.len().div_ceil(most).max(1))
        .copied()
        .collect()
}

#[test]
fn what_is_heard_differs_from_the_original() {
    let fixture = Fixture::open("captions.safetensors");
    let front = Mel::new(128);
    let mel: Vec<f32> = music().iter().flat_map(|w| front.decibels(w)).collect();
    let off = apart(&thinned(&mel, 6000), &fixture.floats("mel"));
    assert!(off < 1e-4, "the mel bands are {off} off");

    let folder = tempfile::tempdir().expect("a folder");
    let mut model = small(folder.path(), &runtime());
    let shape = [2, 128, Mel::frames(WINDOW)];
    let out = model.encoder.run(&[("mel", Feed::F32(&shape, &mel))]).expect("runs");
    for (name, ours) in [("embedded", &out[0]), ("encoded", &out[1])] {
        let off = apart(&thinned(&ours.data, 3000), &fixture.floats(name));
        assert!(off < 1e-4, "{name} is {off} off");
    }
}

#[test]
fn a_caption_differs_from_the_original() {
    let fixture = Fixture::open("captions.safetensors");
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = small(folder.path(), &runtime());
    let another = tempfile::tempdir().expect("a folder");
    let mut elsewhere = small(another.path(), &runtime().elsewhere());
    let windows = music();
    let asked = model.search.clone();
    assert_eq!((asked.beams, asked.max_length, asked.min_length), (5, 128, 2));
    let ending = |search: Search, last: i64| Search {
        last,
        forced_last: Some(last),
        ..search
    };
    let runs = [
        ("five", asked.clone()),
        (
            "short",
            Search {
                beams: 3,
                max_length: 12,
                min_length: 6,
                ..asked.clone()
            },
        ),
        (
            "ends",
            Search {
                beams: 4,
                max_length: 60,
                min_length: 8,
                ..ending(asked.clone(), 28)
            },
        ),
        (
            "soon",
            Search {
                max_length: 80,
                ..ending(asked, 57)
            },
        ),
    ];
    for (name, search) in runs {
        let theirs: Vec<i64> = fixture
            .bytes(&format!("{name}.tokens"))
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| i64::from_le_bytes(*b))
            .collect();
        let ours = model.tokens(&windows, &search, &Silent).expect("runs");
        let elsewhere = elsewhere.tokens(&windows, &search, &Silent).expect("runs");
        assert_eq!(ours, elsewhere, "{name}: other devices' operators say something else");
        let longest = ours.iter().map(Vec::len).max().unwrap_or_default();
        let padded: Vec<i64> = ours
            .into_iter()
            .flat_map(|mut row| {
                row.resize(longest, 1);
                row
            })
            .collect();
        assert_eq!(padded, theirs, "{name}");
    }
}

#[test]
fn the_decoder_differs_from_the_original() {
    let fixture = Fixture::open("captions.safetensors");
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = small(folder.path(), &runtime());
    let asked = model.heard(&music()).expect("runs");
    let tokens: Vec<i64> = fixture
        .bytes("five.tokens")
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| i64::from_le_bytes(*b))
        .collect();
    let (first, second) = tokens.split_at(tokens.len() / 2);
    let mut memory = Memory::new(&model.sizes, 2, first.len());
    let mut rows = [Vec::new(), Vec::new()];
    for (a, b) in first.iter().zip(second) {
        memory.follow(&[0, 1]);
        let [logits, _] = model.step(&[*a, *b], &mut memory, &asked).expect("runs");
        let logits = logits.tensor("it").expect("numbers");
        assert_eq!(logits.shape, [2, 97]);
        let (x, y) = logits.data.split_at(97);
        rows[0].extend_from_slice(x);
        rows[1].extend_from_slice(y);
    }
    let off = apart(&thinned(&rows.concat(), 4000), &fixture.floats("logits"));
    assert!(off < 1e-4, "logits are {off} off");
}

#[test]
fn a_checkpoint_without_words_or_of_another_model_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(small(folder.path(), &runtime()));
    std::fs::remove_file(folder.path().join("vocab.json")).expect("goes");
    let silent = LpMusicCaps::load(folder.path(), &runtime()).err().expect("refused");
    assert!(silent.to_string().contains("bart-base"), "{silent}");
    std::fs::write(folder.path().join("vocab.json"), "[1").expect("writes");
    let broken = LpMusicCaps::load(folder.path(), &runtime()).err().expect("refused");
    assert!(matches!(broken, ModelError::Config { .. }), "{broken}");
    std::fs::write(folder.path().join("vocab.json"), "{}").expect("writes");
    let seven = r#"{"encoder_attention_heads": 7}"#;
    std::fs::write(folder.path().join("config.json"), seven).expect("writes");
    let odd = LpMusicCaps::load(folder.path(), &runtime()).err().expect("refused");
    assert!(matches!(odd, ModelError::MissingTensor { .. }), "{odd}");
    assert_eq!(Config::default().forced_bos_token_id, Some(0));
}
