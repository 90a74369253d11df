//! Against transformers: `tests/reference/words.py` trains small tokenizers and keeps what they say.

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct Said {
    text: String,
    ids: Vec<i64>,
    short: Vec<i64>,
    bare: Vec<i64>,
    decoded: String,
    padded: Option<Vec<i64>>,
    mask: Option<Vec<i64>>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tokens")
        .join(name)
}

fn says_as(tokens: &Tokens, folder: &Path) {
    let said = std::fs::read_to_string(folder.join("said.json")).expect("a fixture");
    let said: Vec<Said> = serde_json::from_str(&said).expect("a list");
    assert!(said.len() > 5, "the fixture holds too little to compare");
    for said in said {
        let ids = |length| tokens.encode(&said.text, length).expect("encodes").ids;
        assert_eq!(ids(Length::Any), said.ids, "{:?}", said.text);
        let short = tokens.encode(&said.text, Length::AtMost(8)).expect("encodes");
        assert_eq!(short.cut, said.ids.len() - said.short.len(), "{:?}", said.text);
        assert_eq!(short.ids, said.short, "{:?}", said.text);
        let bare = tokens.encode_bare(&said.text, Length::Any).expect("encodes");
        assert_eq!(bare.ids, said.bare, "{:?}", said.text);
        assert_eq!(tokens.decode(&said.ids).expect("decodes"), said.decoded);
        if let (Some(padded), Some(mask)) = (said.padded, said.mask) {
            let encoded = tokens.encode(&said.text, Length::Exactly(24)).expect("encodes");
            assert_eq!((encoded.ids, encoded.mask), (padded, mask), "{:?}", said.text);
        }
    }
}

#[test]
fn vocab_and_merges_say_something_else_than_transformers() {
    for name in ["clip", "roberta", "gpt2"] {
        let folder = folder(name);
        let tokens = Tokens::open(&folder).expect("opens");
        assert_eq!(tokens.longest(), Some(77));
        says_as(&tokens, &folder);
    }
}

#[test]
fn tokenizer_json_says_something_else_than_transformers() {
    for name in ["clip", "roberta", "gpt2", "t5"] {
        let folder = folder(name);
        let copy = tempfile::tempdir().expect("a folder");
        std::fs::copy(folder.join("whole.json"), copy.path().join("tokenizer.json")).expect("copies");
        let config = folder.join("tokenizer_config.json");
        std::fs::copy(config, copy.path().join("tokenizer_config.json")).expect("copies");
        let special = folder.join("special_tokens_map.json");
        if special.exists() {
            std::fs::copy(special, copy.path().join("special_tokens_map.json")).expect("copies");
        }
        says_as(&Tokens::open(copy.path()).expect("opens"), &folder);
    }
}

#[test]
fn a_folder_without_a_tokenizer_or_with_a_broken_one_is_not_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = Tokens::open(folder.path()).expect_err("nothing is there").to_string();
    assert!(told.contains("tokenizer.json") && told.contains("hint:"), "{told}");
    for broken in ["", "[]", r#"{"model": {"type": "BPE"}}"#] {
        std::fs::write(folder.path().join("tokenizer.json"), broken).expect("writes");
        assert!(
            matches!(Tokens::open(folder.path()), Err(ModelError::Config { .. })),
            "{broken}"
        );
    }
    std::fs::remove_file(folder.path().join("tokenizer.json")).expect("removes");
    std::fs::write(folder.path().join("vocab.json"), r#"{"a": 0, "b": 1}"#).expect("writes");
    std::fs::write(folder.path().join("merges.txt"), "#version: 0.2\nab\n").expect("writes");
    assert!(matches!(Tokens::open(folder.path()), Err(ModelError::Config { .. })));
}

#[test]
fn a_number_that_is_no_tokens_becomes_text() {
    let tokens = Tokens::open(&folder("clip")).expect("opens");
    assert!(tokens.decode(&[-1]).is_err());
    assert!(tokens.decode(&[1 << 40]).is_err());
    assert_eq!(tokens.id("<|startoftext|>"), tokens.begin());
    assert_eq!(
        (tokens.end(), tokens.pad()),
        (tokens.id("<|endoftext|>"), tokens.id("<|endoftext|>"))
    );
}
