//! `vocab.json` and `merges.txt`: what `tokenizer.json` would say.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{content, read_json, refused};
use crate::error::ModelError;

/// Whose rules split and close a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Lower case, words closed by `</w>`, between `<|startoftext|>` and `<|endoftext|>`.
    Clip,
    /// Bytes, between `<s>` and `</s>`: RoBERTa and BART.
    Roberta,
    /// Bytes alone: GPT-2 and CodeGen.
    Gpt2,
}

impl Family {
    fn of(config: &Value, vocab: &Map<String, Value>) -> Self {
        let class = config
            .get("tokenizer_class")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if class.starts_with("CLIP") || (class.is_empty() && vocab.contains_key("<|startoftext|>")) {
            Self::Clip
        } else if ["Roberta", "Bart", "MBart"].iter().any(|name| class.starts_with(name))
            || (class.is_empty() && vocab.contains_key("<s>") && vocab.contains_key("</s>"))
        {
            Self::Roberta
        } else {
            Self::Gpt2
        }
    }
}

pub(super) fn assembled(folder: &Path, config: &Value, special: &Value) -> Result<Value, ModelError> {
    let path = folder.join("vocab.json");
    let vocab = match read_json(&path)? {
        Some(Value::Object(vocab)) => vocab,
        Some(_) => return Err(refused(&path, "it is no object of tokens and numbers".to_owned())),
        None => {
            let reason = "neither tokenizer.json nor vocab.json is there".to_owned();
            return Err(refused(folder, reason));
        }
    };
    let merges_path = folder.join("merges.txt");
    let merges = std::fs::read_to_string(&merges_path).map_err(|e| refused(&merges_path, e.to_string()))?;
    let merges: Vec<[&str; 2]> = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.trim().is_empty())
        .map(|line| {
            let pair = line
                .split_once(' ')
                .ok_or_else(|| refused(&merges_path, format!("{line:?} is no pair")))?;
            Ok([pair.0, pair.1])
        })
        .collect::<Result<_, ModelError>>()?;
    let family = Family::of(config, &vocab);
    let added = added(folder, config, special, &vocab)?;
    let id = |token: &str| {
        let in_vocab = vocab.get(token).and_then(Value::as_u64);
        let id = in_vocab.or_else(|| {
            added
                .iter()
                .find(|(_, t)| content(Some(t)) == Some(token))
                .map(|(id, _)| *id)
        });
        id.ok_or_else(|| refused(&path, format!("{token} is not in it")))
    };
    let named = |name: &str, usual: &str| {
        let token = content(special.get(name)).or_else(|| content(config.get(name)));
        token.unwrap_or(usual).to_owned()
    };
    let prefix_space = config.get("add_prefix_space").and_then(Value::as_bool).unwrap_or(false);
    let bytes = |prefix_space: bool, regex: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix_space, "trim_offsets": true, "use_regex": regex});
    let closed = |open: &str, close: &str| -> Result<Value, ModelError> {
        Ok(
            json!({"type": "RobertaProcessing", "sep": [close, id(close)?], "cls": [open, id(open)?],
            "trim_offsets": false, "add_prefix_space": prefix_space}),
        )
    };
    let (normalizer, split, close, suffix, unknown) = match family {
        Family::Clip => {
            let normalizer = json!({"type": "Sequence", "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
                {"type": "Lowercase"},
            ]});
            let words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
            let split = json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": true},
                bytes(false, true),
            ]});
            let (open, end) = (
                named("bos_token", "<|startoftext|>"),
                named("eos_token", "<|endoftext|>"),
            );
            (
                normalizer,
                split,
                closed(&open, &end)?,
                "</w>",
                json!(named("unk_token", "<|endoftext|>")),
            )
        }
        Family::Roberta => {
            let (open, end) = (named("cls_token", "<s>"), named("sep_token", "</s>"));
            (
                Value::Null,
                bytes(prefix_space, true),
                closed(&open, &end)?,
                "",
                Value::Null,
            )
        }
        Family::Gpt2 => (
            Value::Null,
            bytes(prefix_space, true),
            bytes(prefix_space, true),
            "",
            Value::Null,
        ),
    };
    let added: Vec<Value> = added.into_values().collect();
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": split,
        "post_processor": close,
        "decoder": bytes(true, true),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": unknown,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": suffix,
            "fuse_unk": false,
            "byte_fallback": false,
            "vocab": vocab,
            "merges": merges,
        },
    }))
}

/// Tokens that stand whole in a text, by their numbers, as the three files name them.
fn added(
    folder: &Path,
    config: &Value,
    special: &Value,
    vocab: &Map<String, Value>,
) -> Result<BTreeMap<u64, Value>, ModelError> {
    let entry = |id: u64, text: &str, said: Option<&Value>, special: bool| {
        let flag = |name: &str, usual: bool| said.and_then(|s| s.get(name)).and_then(Value::as_bool).unwrap_or(usual);
        json!({
            "id": id,
            "content": text,
            "single_word": flag("single_word", false),
            "lstrip": flag("lstrip", false),
            "rstrip": flag("rstrip", false),
            "normalized": flag("normalized", false),
            "special": flag("special", special),
        })
    };
    let mut all = BTreeMap::new();
    if let Some(Value::Object(more)) = read_json(&folder.join("added_tokens.json"))? {
        for (text, id) in &more {
            if let Some(id) = id.as_u64() {
                all.insert(id, entry(id, text, None, false));
            }
        }
    }
    if let Some(Value::Object(known)) = config.get("added_tokens_decoder") {
        for (id, said) in known {
            if let (Ok(id), Some(text)) = (id.parse(), content(Some(said))) {
                all.insert(id, entry(id, text, Some(said), false));
            }
        }
    }
    for said in [
        "bos_token",
        "eos_token",
        "unk_token",
        "sep_token",
        "pad_token",
        "cls_token",
        "mask_token",
    ]
    .iter()
    .filter_map(|name| special.get(name).or_else(|| config.get(name)))
    {
        let Some(text) = content(Some(said)) else { continue };
        let in_added = all
            .iter()
            .find(|(_, t)| content(Some(t)) == Some(text))
            .map(|(id, _)| *id);
        if let Some(id) = vocab.get(text).and_then(Value::as_u64).or(in_added) {
            let flags = said.is_object().then_some(said);
            all.entry(id).or_insert_with(|| entry(id, text, flags, true))["special"] = json!(true);
        }
    }
    Ok(all)
}
