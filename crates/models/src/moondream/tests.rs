//! Against Moondream's own code: `tests/reference/describe.py`.

use super::*;
use crate::parity::{Fixture, Wanted, apart, photo, runtime, sampled};

const CONFIG: &str = r#"{"model_type": "moondream1", "phi_config": {"vocab_size": 420, "hidden_size": 64,
    "intermediate_size": 112, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 256}}"#;

const EYE: ImageConfig = ImageConfig {
    width: 64,
    inner: 80,
    blocks: 3,
    heads: 16,
    across: 3,
    projected: 128,
};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.json"), CONFIG).expect("writes");
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokens/gpt2");
    for name in [
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ] {
        std::fs::copy(words.join(name), folder.path().join(name)).expect("copies");
    }
    let config = TextConfig::read(folder.path()).expect("reads");
    let wanted = Wanted::default();
    networks::eye(&wanted, EYE, config.hidden_size, Operators::Ours).expect("a graph");
    networks::text(&wanted, &config, Operators::Ours).expect("a graph");
    wanted.write(&folder.path().join("model.safetensors"), 6.0);
    folder
}

fn picture() -> Picture {
    photo("moondream", 150, 101)
}

fn tokens(fixture: &Fixture) -> Vec<i64> {
    let bytes = fixture.bytes("tokens");
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| i64::from_le_bytes(*b))
        .collect()
}

#[test]
fn a_picture_is_seen_otherwise_than_the_reference_sees_it() {
    let fixture = Fixture::open("moondream.safetensors");
    assert!(sampled(&planes(&picture(), 378)) == fixture.floats("planes"));
    let folder = folder();
    let mut moondream = Moondream::load(folder.path(), None, &runtime()).expect("loads");
    let seen = moondream.look(&picture()).expect("looks");
    assert_eq!(seen.shape, [1, 9, 64]);
    let apart = apart(&seen.data, &fixture.floats("seen"));
    assert!(apart < 1e-5, "{apart}");
}

#[test]
fn an_answer_has_another_token_than_the_references() {
    let fixture = Fixture::open("moondream.safetensors");
    let folder = folder();
    let mut moondream = Moondream::load(folder.path(), None, &runtime()).expect("loads");
    let theirs = tokens(&fixture);
    assert_eq!(theirs.len(), 48, "the fixture holds too little to compare");
    let mut told = String::new();
    let answer = moondream.answer(&picture(), QUESTION, 48, &mut |words| {
        told.push_str(words);
        true
    });
    let answer = answer.expect("answers");
    assert_eq!(answer.tokens, theirs);
    assert!(!answer.whole && answer.text == answer.text.trim());
    let all = moondream.tokens.decode(&theirs).expect("decodes");
    assert!(
        !told.is_empty() && all.starts_with(&told),
        "{told:?} is not how {all:?} begins"
    );
    // The logits, token by token.
    let seen = moondream.look(&picture()).expect("looks");
    let prompt = format!("\n\nQuestion: {QUESTION}\n\nAnswer:");
    let asked = moondream.tokens.encode_bare(&prompt, Length::Any).expect("encodes").ids;
    let mut memory = Memory::new(&moondream.config, 256);
    let mut logits = moondream.think(&[0], Some(&seen), &asked, &mut memory).expect("thinks");
    for (token, theirs) in theirs.iter().zip(fixture.floats("logits").chunks(420)) {
        let apart = apart(&logits, theirs);
        assert!(apart < 1e-4, "{apart}");
        logits = moondream.think(&[], None, &[*token], &mut memory).expect("thinks");
    }
}

#[test]
fn eight_bits_say_something_else_than_single_precision() {
    let fixture = Fixture::open("moondream.safetensors");
    let folder = folder();
    let eight = folder.path().join("eight.safetensors");
    let mut heard = Vec::new();
    let written = Moondream::in_eight_bits(folder.path(), &eight, &mut |share| {
        heard.push(share);
        true
    });
    written.expect("writes");
    assert!(heard.len() > 10 && heard.is_sorted());
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).expect("is there").len();
    assert!(size("eight.safetensors") * 2 < size("model.safetensors"));
    let mut moondream = Moondream::load(folder.path(), Some(&eight), &runtime()).expect("loads");
    let seen = moondream.look(&picture()).expect("looks");
    let off = apart(&seen.data, &fixture.floats("seen"));
    assert!(off < 0.03, "what is seen is {off} off");
    let prompt = format!("\n\nQuestion: {QUESTION}\n\nAnswer:");
    let asked = moondream.tokens.encode_bare(&prompt, Length::Any).expect("encodes").ids;
    let mut memory = Memory::new(&moondream.config, 256);
    let mut logits = moondream.think(&[0], Some(&seen), &asked, &mut memory).expect("thinks");
    for (token, theirs) in tokens(&fixture).iter().zip(fixture.floats("logits").chunks(420)) {
        let off = apart(&logits, theirs);
        assert!(off < 0.05, "logits are {off} off");
        logits = moondream.think(&[], None, &[*token], &mut memory).expect("thinks");
    }
    let answer = moondream
        .answer(&picture(), QUESTION, 48, &mut |_| true)
        .expect("answers");
    assert_eq!(answer.tokens, tokens(&fixture));
}

#[test]
fn it_goes_on_after_it_was_told_to_stop() {
    let folder = folder();
    let mut moondream = Moondream::load(folder.path(), None, &runtime()).expect("loads");
    let mut asked = 0;
    let stopped = moondream.answer(&picture(), QUESTION, 48, &mut |_| {
        asked += 1;
        asked < 4
    });
    assert!(matches!(stopped, Err(ModelError::Cancelled(_))) && asked == 4);
    let stopped = Moondream::in_eight_bits(folder.path(), &folder.path().join("half"), &mut |share| share < 0.5);
    assert!(matches!(stopped, Err(ModelError::Cancelled(_))));
}

#[test]
fn a_question_too_long_or_another_models_folder_is_not_refused() {
    let folder = folder();
    let mut moondream = Moondream::load(folder.path(), None, &runtime()).expect("loads");
    let long = "why ".repeat(400);
    let told = moondream
        .answer(&picture(), &long, 9, &mut |_| true)
        .expect_err("is refused")
        .to_string();
    assert!(told.contains("too many"), "{told}");
    let config = folder.path().join("config.json");
    for wrong in [
        r#"{"model_type": "llava"}"#,
        r#"{"model_type": "moondream1", "phi_config": {"num_attention_heads": 0}}"#,
        "{",
    ] {
        std::fs::write(&config, wrong).expect("writes");
        assert!(
            matches!(
                Moondream::load(folder.path(), None, &runtime()),
                Err(ModelError::Config { .. })
            ),
            "{wrong}"
        );
    }
}

#[test]
fn other_devices_operators_answer_otherwise() {
    let fixture = Fixture::open("moondream.safetensors");
    let folder = folder();
    let eight = folder.path().join("eight.safetensors");
    Moondream::in_eight_bits(folder.path(), &eight, &mut |_| true).expect("writes");
    for eight in [None, Some(eight.as_path())] {
        let mut moondream = Moondream::load(folder.path(), eight, &runtime().elsewhere()).expect("loads");
        let answer = moondream.answer(&picture(), QUESTION, 48, &mut |_| true);
        assert_eq!(
            answer.expect("answers").tokens,
            tokens(&fixture),
            "in 8 bits: {}",
            eight.is_some()
        );
    }
}
