//! Against transformers: `tests/reference/words.py`.

use super::config::{ImageConfig, TextConfig};
use super::*;
use crate::graph::Operators;
use crate::parity::{Fixture, Wanted, apart, photo, runtime, sampled};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/clip");

/// A folder with the configuration `name` and weights drawn from the tensors' names.
fn folder(name: &str, what: impl Fn(&Path, &Wanted)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Path::new(FOLDER).join(name);
    std::fs::copy(config, folder.path().join("config.json")).expect("copies");
    let wanted = Wanted::default();
    what(folder.path(), &wanted);
    wanted.write(&folder.path().join("model.safetensors"), 6.0);
    folder
}

fn text_of(folder: &Path, wanted: &Wanted, at: &str) {
    let config: TextConfig = config::read(folder, "text_config", "clip_text_model").expect("reads");
    super::text::graph(wanted, &config, at, true, Operators::default()).expect("a graph");
}

fn image_of(folder: &Path, wanted: &Wanted, at: &str) {
    let config: ImageConfig = config::read(folder, "vision_config", "clip_vision_model").expect("reads");
    super::image::graph(wanted, &config, at, true, Operators::default()).expect("a graph");
}

fn both() -> tempfile::TempDir {
    folder("both.json", |folder, wanted| {
        text_of(folder, wanted, "text_model.");
        image_of(folder, wanted, "vision_model.");
        crate::checkpoint::Weights::tensor(wanted, MODEL, "logit_scale", &[]).expect("is noted");
    })
}

fn integers(fixture: &Fixture, name: &str) -> Vec<i64> {
    let bytes = fixture.bytes(name);
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| i64::from_le_bytes(*b))
        .collect()
}

fn agrees(said: &Said, fixture: &Fixture, at: &str) {
    let projected = said.projected.as_ref().expect("is projected");
    for (ours, name) in [
        (&said.last_hidden, "last"),
        (&said.pooled, "pooled"),
        (projected, "projected"),
    ] {
        // transformers' towers with projection do not hand out what they project.
        if name == "pooled" && !at.starts_with("both") {
            continue;
        }
        let theirs = fixture.floats(&format!("{at}.{name}"));
        let apart = apart(&sampled(&ours.data), &theirs);
        assert!(apart < 1e-5, "{at}.{name} is {apart} off");
    }
}

#[test]
fn both_towers_differ_from_transformers() {
    let fixture = Fixture::open("clip/said.safetensors");
    let folder = both();
    let mut text = ClipText::load(folder.path(), &runtime()).expect("loads");
    let (ids, mask) = (integers(&fixture, "ids"), integers(&fixture, "mask"));
    agrees(&text.run(&ids, 4, Some(&mask)).expect("runs"), &fixture, "both.text");
    let unmasked = text.run(&ids, 4, None).expect("runs");
    let apart = apart(
        &sampled(&unmasked.last_hidden.data),
        &fixture.floats("both.text.unmasked"),
    );
    assert!(apart < 1e-5, "{apart}");
    let mut image = ClipImage::load(folder.path(), &runtime()).expect("loads");
    agrees(
        &image.run(&fixture.floats("planes"), 1).expect("runs"),
        &fixture,
        "both.image",
    );
}

#[test]
fn towers_of_a_pipeline_differ_from_transformers() {
    let fixture = Fixture::open("clip/said.safetensors");
    let texts = folder("text.json", |folder, wanted| text_of(folder, wanted, "text_model."));
    let mut text = ClipText::load(texts.path(), &runtime().for_few_runs()).expect("loads");
    assert_eq!((text.width(), text.longest()), (48, 24));
    agrees(
        &text.run(&integers(&fixture, "legacy"), 4, None).expect("runs"),
        &fixture,
        "text",
    );
    let pictures = folder("image.json", |folder, wanted| image_of(folder, wanted, "vision_model."));
    let mut image = ClipImage::load(pictures.path(), &runtime().for_few_runs()).expect("loads");
    agrees(&image.look(&photo("clip", 90, 61)).expect("runs"), &fixture, "image");
}

#[test]
fn a_prepared_picture_differs_by_a_bit() {
    let fixture = Fixture::open("clip/said.safetensors");
    let small = Preparation::usual(40).planes(&photo("clip", 90, 61));
    assert!(
        small == fixture.floats("planes"),
        "{}",
        apart(&small, &fixture.floats("planes"))
    );
    let folder = tempfile::tempdir().expect("a folder");
    let config = r#"{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "resample": 3, "size": 224}"#;
    std::fs::write(folder.path().join("preprocessor_config.json"), config).expect("writes");
    let prepared = Preparation::open(folder.path(), 224).expect("reads");
    assert_eq!(prepared, Preparation::usual(224));
    let large = sampled(&prepared.planes(&photo("clip", 300, 231)));
    assert!(
        large == fixture.floats("large"),
        "{}",
        apart(&large, &fixture.floats("large"))
    );
    assert!(matches!(
        Preparation::open(folder.path(), 336),
        Err(ModelError::Config { .. })
    ));
}

#[test]
fn words_fit_a_picture_otherwise_than_transformers_says() {
    let fixture = Fixture::open("clip/said.safetensors");
    let folder = both();
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokens/clip");
    for name in [
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        std::fs::copy(words.join(name), folder.path().join(name)).expect("copies");
    }
    let mut clip = Clip::load(folder.path(), &runtime()).expect("loads");
    let texts = clip
        .texts(&[
            "A calm evening at the sea",
            "it's THE   street, we've 25 cars!\n\tand a fire.",
            "größer, è già sera 夜晚 🙂",
            "a train that leaves",
        ])
        .expect("reads");
    let picture = clip.picture(&photo("clip", 90, 61)).expect("looks");
    let shares = clip.shares(&picture, &texts);
    let theirs = fixture.floats("shares");
    for (ours, theirs) in shares.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 1e-5, "{shares:?} against {theirs:?}");
    }
    assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn another_models_configuration_is_taken_for_clips() {
    let folder = both();
    let path = folder.path().join("config.json");
    for (wrong, word) in [
        (r#"{"model_type": "bert"}"#, "bert"),
        (
            r#"{"model_type": "clip", "text_config": {"hidden_size": 50, "num_attention_heads": 7}}"#,
            "heads",
        ),
        (
            r#"{"model_type": "clip", "text_config": {"hidden_act": "swish"}}"#,
            "swish",
        ),
        ("nonsense", "config.json"),
    ] {
        std::fs::write(&path, wrong).expect("writes");
        let told = ClipText::load(folder.path(), &runtime())
            .expect_err("is refused")
            .to_string();
        assert!(told.contains(word) && told.contains("hint:"), "{told}");
    }
    std::fs::copy(Path::new(FOLDER).join("both.json"), &path).expect("copies");
    let mut text = ClipText::load(folder.path(), &runtime()).expect("loads");
    for (ids, texts) in [
        (vec![0; 25], 1),
        (vec![702], 1),
        (vec![-1], 1),
        (vec![], 0),
        (vec![0; 5], 2),
    ] {
        assert!(
            matches!(text.run(&ids, texts, None), Err(ModelError::Input { .. })),
            "{ids:?}"
        );
    }
}
