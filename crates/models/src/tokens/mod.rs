//! Text to the numbers that language models read, and back: `tokenizer.json` as hub repositories carry it, or `vocab.json` with
//! `merges.txt` (CLIP, GPT-2, CodeGen, RoBERTa, BART), from which the same is put together.

mod pairs;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::{ModelWrapper, PostProcessor, Tokenizer, TruncationDirection};

use crate::error::ModelError;

const MODEL: &str = "the tokenizer";

/// How many tokens a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As many as it has.
    Any,
    /// Cut after so many, the model's closing token kept.
    AtMost(usize),
    /// Cut, or filled up at the end.
    Exactly(usize),
}

/// Tokens of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Their numbers.
    pub ids: Vec<i64>,
    /// 1 for each of them, 0 where it was filled up.
    pub mask: Vec<i64>,
    /// Tokens at the text's end that were cut off.
    pub cut: usize,
}

/// A tokenizer.
#[derive(Debug, Clone)]
pub struct Tokens {
    path: PathBuf,
    inner: Tokenizer,
    begin: Option<u32>,
    end: Option<u32>,
    pad: Option<u32>,
    longest: Option<usize>,
    tidy: bool,
    suffix: Option<String>,
}

impl Tokens {
    /// Reads the tokenizer in `folder`: `tokenizer.json`, else `vocab.json` and `merges.txt`, with what
    /// `tokenizer_config.json` and `special_tokens_map.json` say of special tokens.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let config = read_json(&folder.join("tokenizer_config.json"))?.unwrap_or(Value::Null);
        let special = read_json(&folder.join("special_tokens_map.json"))?.unwrap_or(Value::Null);
        let path = folder.join("tokenizer.json");
        let (path, json) = match read_json(&path)? {
            Some(json) => (path, json),
            None => (folder.join("vocab.json"), pairs::assembled(folder, &config, &special)?),
        };
        let broken = |e: tokenizers::Error| refused(&path, e.to_string());
        let mut inner: Tokenizer =
            serde_json::from_value(json).map_err(|e| refused(&path, format!("it does not read: {e}")))?;
        // Both are asked for call by call.
        inner.with_truncation(None).map_err(broken)?;
        let in_file = inner.get_padding().map(|p| p.pad_id);
        inner.with_padding(None);
        let token = |name: &str| {
            let text = content(special.get(name)).or_else(|| content(config.get(name)));
            text.and_then(|text| inner.token_to_id(text))
        };
        let (begin, end) = (
            token("bos_token").or_else(|| token("cls_token")),
            token("eos_token").or_else(|| token("sep_token")),
        );
        let pad = token("pad_token").or(in_file);
        let suffix = match inner.get_model() {
            ModelWrapper::BPE(bpe) => bpe.end_of_word_suffix.clone().filter(|suffix| !suffix.is_empty()),
            _ => None,
        };
        let longest = config.get("model_max_length").and_then(Value::as_u64);
        Ok(Self {
            begin,
            end,
            pad,
            longest: longest.and_then(|n| usize::try_from(n).ok()).filter(|n| *n < 1 << 20),
            tidy: config.get("clean_up_tokenization_spaces").and_then(Value::as_bool) == Some(true),
            suffix,
            inner,
            path,
        })
    }

    /// The token that opens a text, where the tokenizer names one.
    pub fn begin(&self) -> Option<i64> {
        self.begin.map(i64::from)
    }

    /// The token that ends a text, where the tokenizer names one.
    pub fn end(&self) -> Option<i64> {
        self.end.map(i64::from)
    }

    /// The token that fills up, where the tokenizer names one.
    pub fn pad(&self) -> Option<i64> {
        self.pad.map(i64::from)
    }

    /// The most tokens that the model takes (`model_max_length`), where that is said.
    pub fn longest(&self) -> Option<usize> {
        self.longest
    }

    /// How many tokens there are, added ones among them.
    pub fn count(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The number of a token by its text.
    pub fn id(&self, token: &str) -> Option<i64> {
        self.inner.token_to_id(token).map(i64::from)
    }

    /// The tokens of `text`, with the model's opening and closing ones.
    ///
    /// # Errors
    /// [`ModelError::Input`] where it cannot be told apart, or should be filled up and no token is named for that.
    pub fn encode(&self, text: &str, length: Length) -> Result<Encoded, ModelError> {
        self.encoded(text, length, true)
    }

    /// The tokens of `text` alone.
    ///
    /// # Errors
    /// As for [`Tokens::encode`].
    pub fn encode_bare(&self, text: &str, length: Length) -> Result<Encoded, ModelError> {
        self.encoded(text, length, false)
    }

    fn encoded(&self, text: &str, length: Length, special: bool) -> Result<Encoded, ModelError> {
        let failed = |e: tokenizers::Error| input(e.to_string());
        let mut encoding = self.inner.encode(text, false).map_err(failed)?;
        let finish = self.inner.get_post_processor().filter(|_| special);
        let whole = encoding.len();
        if let Length::AtMost(most) | Length::Exactly(most) = length {
            let around = finish.map_or(0, |p| p.added_tokens(false));
            encoding.truncate(most.saturating_sub(around), 0, TruncationDirection::Right);
        }
        let cut = whole - encoding.len();
        if let Some(finish) = finish {
            encoding = finish.process(encoding, None, true).map_err(failed)?;
        }
        let ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        let mut encoded = Encoded {
            mask: vec![1; ids.len()],
            ids,
            cut,
        };
        if let Length::Exactly(length) = length {
            self.fill(&mut encoded, length)?;
        }
        Ok(encoded)
    }

    /// Fills up to `length` tokens, so that several texts can go together.
    ///
    /// # Errors
    /// [`ModelError::Input`] where no token is named for that.
    pub fn fill(&self, encoded: &mut Encoded, length: usize) -> Result<(), ModelError> {
        if encoded.ids.len() < length {
            let pad = self
                .pad()
                .ok_or_else(|| input(format!("{} names no token to fill up with", self.path.display())))?;
            encoded.ids.resize(length, pad);
            encoded.mask.resize(length, 0);
        }
        Ok(())
    }

    /// The text of tokens, without special ones.
    ///
    /// # Errors
    /// [`ModelError::Input`] for a number that is no token's.
    pub fn decode(&self, ids: &[i64]) -> Result<String, ModelError> {
        let ids: Vec<u32> = ids
            .iter()
            .map(|id| u32::try_from(*id).map_err(|_| input(format!("{id} is no token's number"))))
            .collect::<Result<_, _>>()?;
        let text = self.inner.decode(&ids, true).map_err(|e| input(e.to_string()))?;
        let text = match &self.suffix {
            Some(suffix) => text.replace(suffix, " ").trim().to_owned(),
            None => text,
        };
        Ok(if self.tidy { tidied(&text) } else { text })
    }
}

/// No space before punctuation and English's short forms, as transformers' `clean_up_tokenization` leaves it.
fn tidied(text: &str) -> String {
    let mut text = text.to_owned();
    for short in [" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"] {
        text = text.replace(short, short.trim());
    }
    text
}

fn input(reason: String) -> ModelError {
    ModelError::Input { model: MODEL, reason }
}

fn refused(path: &Path, reason: String) -> ModelError {
    ModelError::Config {
        path: path.to_path_buf(),
        model: MODEL,
        reason,
    }
}

/// A token's text, which may stand in an object.
fn content(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// A JSON file, if it is there.
fn read_json(path: &Path) -> Result<Option<Value>, ModelError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refused(path, e.to_string())),
    };
    let json = serde_json::from_str(&text).map_err(|e| refused(path, format!("it is no JSON: {e}")))?;
    Ok(Some(json))
}

#[cfg(test)]
mod tests;
