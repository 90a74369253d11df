//! Tokens back to words: byte-level pieces as GPT-2 and BART write them, from `vocab.json` or `tokenizer.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::MODEL;
use crate::error::ModelError;

/// Pieces that are no words.
const SPECIAL: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

/// The pieces of a vocabulary by number.
#[derive(Debug)]
pub(crate) struct Words(BTreeMap<i64, String>);

#[derive(Deserialize)]
struct Tokenizer {
    model: Pieces,
}

#[derive(Deserialize)]
struct Pieces {
    vocab: BTreeMap<String, i64>,
}

impl Words {
    /// From one of `folders`, the first that has a vocabulary.
    pub(crate) fn open(folders: &[PathBuf]) -> Result<Self, ModelError> {
        let candidates = folders
            .iter()
            .flat_map(|folder| ["vocab.json", "tokenizer.json"].map(|name| folder.join(name)));
        let Some(path) = candidates.into_iter().find(|path| path.is_file()) else {
            return Err(ModelError::NoWeights {
                path: folders.first().cloned().unwrap_or_default(),
                reason: "beside them there must be vocab.json or tokenizer.json of facebook/bart-base, or a folder bart-base with it"
                    .to_owned(),
            });
        };
        Self::read(&path)
    }

    fn read(path: &Path) -> Result<Self, ModelError> {
        let broken = |reason: String| ModelError::Config {
            path: path.to_path_buf(),
            model: MODEL,
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| broken(e.to_string()))?;
        let vocabulary = if path.ends_with("vocab.json") {
            serde_json::from_str::<BTreeMap<String, i64>>(&text).map_err(|e| broken(e.to_string()))?
        } else {
            serde_json::from_str::<Tokenizer>(&text)
                .map_err(|e| broken(e.to_string()))?
                .model
                .vocab
        };
        Ok(Self(vocabulary.into_iter().map(|(piece, id)| (id, piece)).collect()))
    }

    /// What the tokens say; what is no word is left out.
    pub(crate) fn say(&self, tokens: &[i64]) -> String {
        let mut bytes = Vec::new();
        for piece in tokens.iter().filter_map(|t| self.0.get(t)) {
            if SPECIAL.contains(&piece.as_str()) {
                continue;
            }
            for letter in piece.chars() {
                match byte(letter) {
                    Some(b) => bytes.push(b),
                    None => bytes.extend(letter.to_string().as_bytes()),
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The byte that a letter of GPT-2's pieces stands for: those that print stand for themselves, the others follow from U+0100 on.
fn byte(letter: char) -> Option<u8> {
    let prints = |b: u8| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let code = u32::from(letter);
    match u8::try_from(code) {
        Ok(b) => prints(b).then_some(b),
        Err(_) => {
            let place = code.checked_sub(0x100)?;
            (0..=u8::MAX).filter(|b| !prints(*b)).nth(place as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_or_a_letter_of_two_bytes_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let vocabulary = r#"{"<s>": 0, "</s>": 2, "A": 4, "\u0120caf": 5, "\u00c3": 6, "\u00a9": 7, "\u010a": 8}"#;
        std::fs::write(folder.path().join("vocab.json"), vocabulary).expect("writes");
        let words = Words::open(&[folder.path().to_path_buf()]).expect("reads");
        assert_eq!(words.say(&[2, 0, 4, 5, 6, 7, 8, 2, 99, -1]), "A café\n");
        let wrapped = format!(r#"{{"model": {{"vocab": {vocabulary}}}}}"#);
        std::fs::remove_file(folder.path().join("vocab.json")).expect("goes");
        assert!(matches!(
            Words::open(&[folder.path().to_path_buf()]),
            Err(ModelError::NoWeights { .. })
        ));
        std::fs::write(folder.path().join("tokenizer.json"), wrapped).expect("writes");
        let words = Words::open(&[PathBuf::from("/nowhere"), folder.path().to_path_buf()]).expect("reads");
        assert_eq!(words.say(&[4, 5]), "A caf");
    }
}
