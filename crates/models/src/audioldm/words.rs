//! What prompts become before anything is drawn.

use std::path::Path;

use synchresis_cue::Watch;

use super::Family;
use super::clap_text::{ClapText, Config as ClapConfig};
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
    /// That its end went unread, where it was too long.
    pub(super) cut: Option<String>,
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

/// A prompt, and what to stay away from where guidance needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) prompt: &'a str,
    pub(super) negative: Option<&'a str>,
}

/// As many tokens as CLAP and T5 take, where their tokenizers do not say it.
const USUAL: usize = 512;

/// The tokens of one text.
struct Tokened {
    clap: Encoded,
    /// AudioLDM2's.
    t5: Option<Encoded>,
}

impl Tokened {
    /// What was cut off its end, in words.
    fn cut(&self) -> Option<String> {
        let readers = [Some(("CLAP", &self.clap)), self.t5.as_ref().map(|t5| ("T5", t5))];
        let cut = |(reader, encoded): (&str, &Encoded)| {
            let read = encoded.mask.iter().filter(|m| **m == 1).count();
            (encoded.cut > 0).then(|| format!("{reader} reads {read} of its {} tokens", read + encoded.cut))
        };
        let cuts: Vec<String> = readers.into_iter().flatten().filter_map(cut).collect();
        (!cuts.is_empty()).then(|| {
            format!(
                "the prompt is too long, and its end counts for nothing: {}",
                cuts.join(", ")
            )
        })
    }
}

/// Reads `texts`: each encoder reads them all and is gone before the next is loaded, for together they weigh more than the U-Net. What
/// is to be done `meanwhile` is done while the language model goes on, which is the smallest of them.
pub(super) fn read(
    (folder, family): (&Path, Family),
    texts: &[Text<'_>],
    runtime: &Runtime,
    (watch, meanwhile): (&dyn Watch, &(dyn Fn() + Sync)),
) -> Result<Vec<(Words, Option<Words>)>, ModelError> {
    let tokened = tokened(folder, family, texts)?;
    let once = &runtime.clone().for_few_runs();
    let cuts: Vec<Option<String>> = tokened.iter().map(Tokened::cut).collect();
    let places = {
        let mut clap = ClapText::load(&folder.join("text_encoder"), once)?;
        each(&tokened, watch, |t| clap.place(&t.clap.ids, &t.clap.mask))?
    };
    let more: Vec<Option<More>> = match family {
        Family::AudioLdm => tokened.iter().map(|_| None).collect(),
        Family::AudioLdm2 => {
            let seconds: Vec<Encoded> = tokened.into_iter().filter_map(|t| t.t5).collect();
            let alike = |a: &Encoded, b: &Encoded| a.ids.len() == b.ids.len();
            let read = {
                let mut t5 = T5::load(&folder.join("text_encoder_2"), once)?;
                together(&seconds, alike, watch, |some| {
                    let some: Vec<(&[i64], &[i64])> = some.iter().map(|t| (&t.ids[..], &t.mask[..])).collect();
                    t5.read(&some)
                })?
            };
            let joined: Vec<(Tensor, Vec<i64>)> = {
                let mut projection = Projection::load(&folder.join("projection_model"), once)?;
                let all: Vec<((&Tensor, &Tensor), &Encoded)> = places.iter().zip(&read).zip(&seconds).collect();
                each(&all, watch, |((place, read), encoded)| {
                    // CLAP's one vector and its two edges are always seen, and both edges of T5's.
                    let mut mask = vec![1; 4];
                    mask.extend_from_slice(&encoded.mask);
                    mask.push(1);
                    Ok((projection.join(place, read)?, mask))
                })?
            };
            let said = std::thread::scope(|scope| {
                scope.spawn(meanwhile);
                let mut gpt2 = Gpt2::load(&folder.join("language_model"), once)?;
                let alike = |a: &(Tensor, Vec<i64>), b: &(Tensor, Vec<i64>)| a.1.len() == b.1.len();
                together(&joined, alike, watch, |some| {
                    let some: Vec<(&Tensor, &[i64])> =
                        some.iter().map(|(vectors, mask)| (vectors, &mask[..])).collect();
                    gpt2.go_on(&some)
                })
            })?;
            let all = said.into_iter().zip(read).zip(seconds);
            all.map(|((said, read), encoded)| {
                let mask = encoded.mask;
                Some(More { said, read, mask })
            })
            .collect()
        }
    };
    let read = places.into_iter().zip(more).zip(cuts);
    let mut words = read.map(|((place, more), cut)| Words { place, more, cut });
    let mut pairs = Vec::with_capacity(texts.len());
    for text in texts {
        // As many as were tokened, in their order.
        if let Some(prompt) = words.next() {
            pairs.push((prompt, text.negative.and_then(|_| words.next())));
        }
    }
    Ok(pairs)
}

fn each<T, U>(
    all: &[T],
    watch: &dyn Watch,
    mut one: impl FnMut(&T) -> Result<U, ModelError>,
) -> Result<Vec<U>, ModelError> {
    let each = all.iter().map(|item| {
        watch.check()?;
        one(item)
    });
    each.collect()
}

/// Texts that go through an encoder at once.
const TOGETHER: usize = 8;

/// The same for several at once, where those are `alike` that follow each other.
fn together<T, U>(
    all: &[T],
    alike: impl FnMut(&T, &T) -> bool,
    watch: &dyn Watch,
    mut some: impl FnMut(&[T]) -> Result<Vec<U>, ModelError>,
) -> Result<Vec<U>, ModelError> {
    let mut out = Vec::with_capacity(all.len());
    for chunk in all.chunk_by(alike).flat_map(|row| row.chunks(TOGETHER)) {
        watch.check()?;
        out.extend(some(chunk)?);
    }
    Ok(out)
}

/// Tokens of each prompt and, after it, of what to stay away from.
fn tokened(folder: &Path, family: Family, texts: &[Text<'_>]) -> Result<Vec<Tokened>, ModelError> {
    let clap = Tokens::open(&folder.join("tokenizer"))?;
    let config = ClapText::config(&folder.join("text_encoder"))?;
    let places = places(&config);
    let longest = clap.longest().unwrap_or(USUAL).min(places);
    let second = match family {
        Family::AudioLdm => None,
        Family::AudioLdm2 => Some(Tokens::open(&folder.join("tokenizer_2"))?),
    };
    let mut all = Vec::new();
    for text in texts {
        let t5 = match &second {
            None => None,
            Some(tokens) => {
                let most = tokens.longest().unwrap_or(USUAL);
                Some(tokens.encode(text.prompt, Length::AtMost(most))?)
            }
        };
        let against = match (text.negative, &second, &t5) {
            (None, ..) => None,
            // What is stayed away from has the length of the other; for AudioLDM the reference takes its width for its length.
            (Some(negative), Some(tokens), Some(t5)) => Some(Tokened {
                clap: clap.encode(negative, Length::Exactly(longest))?,
                t5: Some(tokens.encode(negative, Length::Exactly(t5.mask.len()))?),
            }),
            (Some(negative), ..) => Some(Tokened {
                clap: clap.encode(negative, Length::Exactly(config.projection_dim.min(places)))?,
                t5: None,
            }),
        };
        all.push(Tokened {
            clap: clap.encode(text.prompt, Length::Exactly(longest))?,
            t5,
        });
        all.extend(against);
    }
    Ok(all)
}

/// As many tokens as CLAP has places for.
fn places(config: &ClapConfig) -> usize {
    let before = usize::try_from(config.pad_token_id + 1).unwrap_or(0);
    config.max_position_embeddings.saturating_sub(before).max(1)
}
