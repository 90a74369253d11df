//! What a prompt becomes before anything is drawn.

use std::path::Path;

use super::Family;
use super::clap_text::ClapText;
use super::gpt2::Gpt2;
use super::projection::Projection;
use super::t5::T5;
use crate::error::ModelError;
use crate::runtime::{Runtime, Tensor};
use crate::tokens::{Encoded, Length, Tokens};

/// One text, as the U-Net takes it.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// CLAP's place of the text, 1 × width, of length 1.
    pub(super) place: Tensor,
    /// What AudioLDM2 adds.
    pub(super) more: Option<More>,
}

/// AudioLDM2's two contexts.
#[derive(Debug, Clone)]
pub(super) struct More {
    /// 1 × 8 × the language model's width.
    pub(super) said: Tensor,
    /// 1 × tokens × T5's width.
    pub(super) read: Tensor,
    /// 1 for each token, 0 where filled up.
    pub(super) mask: Vec<i64>,
}

/// The text encoders, loaded for as long as there is something to read.
pub(super) struct Readers {
    clap: ClapText,
    clap_tokens: Tokens,
    more: Option<Second>,
}

struct Second {
    t5: T5,
    tokens: Tokens,
    projection: Projection,
    gpt2: Gpt2,
}

/// As many tokens as CLAP and T5 take, where their tokenizers do not say it.
const USUAL: usize = 512;

impl Readers {
    pub(super) fn load(folder: &Path, family: Family, runtime: &Runtime) -> Result<Self, ModelError> {
        let more = match family {
            Family::AudioLdm => None,
            Family::AudioLdm2 => Some(Second {
                t5: T5::load(&folder.join("text_encoder_2"), runtime)?,
                tokens: Tokens::open(&folder.join("tokenizer_2"))?,
                projection: Projection::load(&folder.join("projection_model"), runtime)?,
                gpt2: Gpt2::load(&folder.join("language_model"), runtime)?,
            }),
        };
        Ok(Self {
            clap: ClapText::load(&folder.join("text_encoder"), runtime)?,
            clap_tokens: Tokens::open(&folder.join("tokenizer"))?,
            more,
        })
    }

    /// A prompt, and what to stay away from where guidance needs it.
    pub(super) fn read(&mut self, prompt: &str, negative: Option<&str>) -> Result<(Words, Option<Words>), ModelError> {
        let longest = self.clap_tokens.longest().unwrap_or(USUAL).min(self.places());
        let place = self.place(prompt, longest)?;
        let more = match &mut self.more {
            None => None,
            Some(second) => {
                let most = second.tokens.longest().unwrap_or(USUAL);
                let encoded = second.tokens.encode(prompt, Length::AtMost(most))?;
                Some(second.read(&encoded, &place)?)
            }
        };
        let Some(negative) = negative else {
            return Ok((Words { place, more }, None));
        };
        // What is stayed away from has the length of the other: for AudioLDM the reference takes its width for its length.
        let against = match (&mut self.more, &more) {
            (Some(second), Some(more)) => {
                let against = self.clap_tokens.encode(negative, Length::Exactly(longest))?;
                let place = self.clap.place(&against.ids, &against.mask)?;
                let encoded = second.tokens.encode(negative, Length::Exactly(more.mask.len()))?;
                let more = Some(second.read(&encoded, &place)?);
                Words { place, more }
            }
            _ => Words {
                place: self.place(negative, place.data.len().min(self.places()))?,
                more: None,
            },
        };
        Ok((Words { place, more }, Some(against)))
    }

    /// As many tokens as CLAP has places for.
    fn places(&self) -> usize {
        let config = &self.clap.config;
        let before = usize::try_from(config.pad_token_id + 1).unwrap_or(0);
        config.max_position_embeddings.saturating_sub(before).max(1)
    }

    fn place(&mut self, text: &str, length: usize) -> Result<Tensor, ModelError> {
        let encoded = self.clap_tokens.encode(text, Length::Exactly(length))?;
        self.clap.place(&encoded.ids, &encoded.mask)
    }
}

impl Second {
    fn read(&mut self, encoded: &Encoded, place: &Tensor) -> Result<More, ModelError> {
        let read = self.t5.read(&encoded.ids, &encoded.mask)?;
        let joined = self.projection.join(place, &read)?;
        // CLAP's one vector and its two edges are always seen, and both edges of T5's.
        let mut mask = vec![1; 4];
        mask.extend_from_slice(&encoded.mask);
        mask.push(1);
        Ok(More {
            said: self.gpt2.go_on(&joined, &mask)?,
            read,
            mask: encoded.mask.clone(),
        })
    }
}
