//! Moondream2, revision 2024-04-02 (Korrapati; Apache-2.0): a SigLIP encoder, a projection, and Phi-1.5, which answers a question
//! about a picture. Names of weights are those of its hub repository.

mod config;
mod networks;
#[cfg(test)]
mod tests;

use std::path::Path;

use synchresis_cue::Cancelled;

use crate::checkpoint::Checkpoint;
use crate::eight_bits;
use crate::error::ModelError;
use crate::graph::Operators;
use crate::image::{Filter, Picture};
use crate::runtime::{Feed, Net, Runtime, Tensor};
use crate::tokens::{Length, Tokens};

use config::{ImageConfig, PATCH, TextConfig};

const MODEL: &str = "Moondream2";

/// The question that the seed system asks.
pub const QUESTION: &str = "Describe shortly the image and give it a mood that describes it.";

/// The most tokens of an answer, as the reference has it.
pub const LONGEST: usize = 512;

/// A loaded Moondream2.
#[derive(Debug)]
pub struct Moondream {
    eye: Net,
    text: Net,
    tokens: Tokens,
    side: usize,
    config: TextConfig,
}

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The words.
    pub text: String,
    /// Its tokens, the closing one left out.
    pub tokens: Vec<i64>,
    /// Whether it ended by itself, and was not cut off.
    pub whole: bool,
}

impl Moondream {
    /// Loads the hub repository's folder in single precision, or with the weights that [`Moondream::in_eight_bits`] wrote to
    /// `eight`.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint, another model's or revision's, or no ONNX Runtime.
    pub fn load(folder: &Path, eight: Option<&Path>, runtime: &Runtime) -> Result<Self, ModelError> {
        let config = TextConfig::read(folder)?;
        let tokens = Tokens::open(folder)?;
        let checkpoint = match eight {
            Some(eight) => Checkpoint::open(eight)?.ours(),
            None => Checkpoint::open(folder)?,
        };
        let image = ImageConfig::of(&checkpoint)?;
        let by = runtime.operators();
        let eye = networks::eye(&checkpoint, image, config.hidden_size, by)?;
        let text = networks::text(&checkpoint, &config, by)?;
        Ok(Self {
            eye: runtime.session(&eye, &checkpoint)?,
            text: runtime.session(&text, &checkpoint)?,
            tokens,
            side: image.side(),
            config,
        })
    }

    /// Writes the folder's weights to `to`, those of linear layers in 8 bits (blocks of 32, a scale each): a quarter of the
    /// memory, and answers sooner. `go_on` hears how far it is, 0 to 1, and says whether to go on.
    ///
    /// # Errors
    /// As for [`Moondream::load`], and where the file cannot be written.
    pub fn in_eight_bits(folder: &Path, to: &Path, go_on: &mut dyn FnMut(f64) -> bool) -> Result<(), ModelError> {
        let config = TextConfig::read(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let image = ImageConfig::of(&checkpoint)?;
        // Names and shapes are checked before anything is written.
        networks::eye(&checkpoint, image, config.hidden_size, Operators::Ours)?;
        networks::text(&checkpoint, &config, Operators::Ours)?;
        eight_bits::write(&checkpoint, MODEL, &networks::linear_layers(image, &config), to, go_on)
    }

    /// Answers `question` about `picture`, always by the likeliest token, with at most `longest` tokens. `tell` hears the words as
    /// they come and says whether to go on; it is asked before the first of them too, with nothing.
    ///
    /// # Errors
    /// [`ModelError::Input`] for a question that is too long, [`ModelError::Run`], [`ModelError::Cancelled`].
    pub fn answer(
        &mut self,
        picture: &Picture,
        question: &str,
        longest: usize,
        tell: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Answer, ModelError> {
        let seen = self.look(picture)?;
        let prompt = format!("\n\nQuestion: {question}\n\nAnswer:");
        let asked = self.tokens.encode_bare(&prompt, Length::Any)?.ids;
        let begin: Vec<i64> = self.tokens.begin().into_iter().collect();
        let room = begin.len() + seen.shape.get(1).copied().unwrap_or(0) + asked.len();
        if room >= self.config.max_position_embeddings {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("the question has {} tokens, too many beside the picture", asked.len()),
            });
        }
        let longest = longest.min(self.config.max_position_embeddings - room);
        let mut memory = Memory::new(&self.config, room + longest);
        let (mut tokens, mut told) = (Vec::new(), String::new());
        let mut logits = self.think(&begin, Some(&seen), &asked, &mut memory)?;
        let mut whole = false;
        while tokens.len() < longest {
            if !tell("") {
                return Err(ModelError::Cancelled(Cancelled));
            }
            let next = likeliest(&logits);
            if Some(next) == self.tokens.end() {
                whole = true;
                break;
            }
            tokens.push(next);
            let text = self.tokens.decode(&tokens)?;
            // A letter may lie across two tokens; it is told when it is whole.
            if let Some(more) = text.strip_prefix(told.as_str())
                && !more.is_empty()
                && !more.ends_with('\u{fffd}')
            {
                if !tell(more) {
                    return Err(ModelError::Cancelled(Cancelled));
                }
                told = text;
            }
            logits = self.think(&[], None, &[next], &mut memory)?;
        }
        Ok(Answer {
            text: self.tokens.decode(&tokens)?.trim().to_owned(),
            tokens,
            whole,
        })
    }

    /// What the language model reads of a picture: 1 × patches × its width.
    fn look(&mut self, picture: &Picture) -> Result<Tensor, ModelError> {
        let planes = planes(picture, self.side);
        let (across, patches) = (self.side / PATCH, patches(&planes, self.side));
        let shape = [1, across * across, 3 * PATCH * PATCH];
        let mut seen = self.eye.run(&[("patches", Feed::F32(&shape, &patches))])?;
        Ok(seen.remove(0))
    }

    /// Reads on; what comes next, as a logit for each token.
    fn think(
        &mut self,
        before: &[i64],
        seen: Option<&Tensor>,
        after: &[i64],
        memory: &mut Memory,
    ) -> Result<Vec<f32>, ModelError> {
        let width = self.config.hidden_size;
        let (rows, numbers) = seen.map_or((0, &[][..]), |seen| (seen.shape[1], seen.data.as_slice()));
        let tokens = before.len() + rows + after.len();
        let (at, all) = ([memory.length as i64], memory.length + tokens);
        if all > memory.room {
            return Err(ModelError::Input {
                model: MODEL,
                reason: format!("{all} tokens, more than there is room for"),
            });
        }
        let (before_shape, seen_shape, after_shape) = ([1, before.len()], [1, rows, width], [1, after.len()]);
        let (heads, head) = (self.config.num_attention_heads, self.config.head());
        let past = [1, heads, memory.room, head];
        let mut feeds = vec![
            ("before", Feed::I64(&before_shape, before)),
            ("seen", Feed::F32(&seen_shape, numbers)),
            ("after", Feed::I64(&after_shape, after)),
            ("at", Feed::I64(&[1], &at)),
        ];
        let names: Vec<String> = (0..memory.kept.len()).map(|i| format!("past{i}")).collect();
        let kept = names.iter().map(String::as_str).zip(&memory.kept);
        feeds.extend(kept.map(|(name, kept)| (name, Feed::F32(&past, kept))));
        let mut out = self.text.run_kept(&feeds, &[])?;
        let logits = out.remove(0).tensor(MODEL)?;
        for (kept, read) in memory.kept.iter_mut().zip(&out) {
            // Rows of heads beside each other become heads of rows.
            for (row, read) in read.numbers(MODEL)?.chunks_exact(width).enumerate() {
                for (which, read) in read.chunks_exact(head).enumerate() {
                    kept[(which * memory.room + memory.length + row) * head..][..head].copy_from_slice(read);
                }
            }
        }
        memory.length = all;
        Ok(logits.data)
    }
}

/// Keys and values of what was read so far, layer by layer: heads × room × width of a head.
#[derive(Debug)]
struct Memory {
    kept: Vec<Vec<f32>>,
    /// For how many tokens.
    room: usize,
    /// How many were read.
    length: usize,
}

impl Memory {
    fn new(config: &TextConfig, room: usize) -> Self {
        // Pages that nothing is written to take no memory.
        let one = || vec![0.0; config.num_attention_heads * room * config.head()];
        Self {
            kept: (0..2 * config.num_hidden_layers).map(|_| one()).collect(),
            room,
            length: 0,
        }
    }
}

/// The first of the highest.
fn likeliest(logits: &[f32]) -> i64 {
    let mut best = 0;
    for (i, x) in logits.iter().enumerate() {
        if *x > logits[best] {
            best = i;
        }
    }
    best as i64
}

/// Squeezed into a square of `side`, −1 to 1, by the very operations of torchvision's transforms.
fn planes(picture: &Picture, side: usize) -> Vec<f32> {
    let picture = picture.resized(side, side, Filter::Bicubic);
    let pixels = picture.rgb().chunks_exact(3);
    (0..3)
        .flat_map(|c| {
            pixels
                .clone()
                .map(move |pixel| (f32::from(pixel[c]) * (1.0 / 255.0) - 0.5) / 0.5)
        })
        .collect()
}

/// Square patches row by row, each plane by plane.
fn patches(planes: &[f32], side: usize) -> Vec<f32> {
    let across = side / PATCH;
    let mut out = Vec::with_capacity(planes.len());
    for patch in 0..across * across {
        let (top, left) = (patch / across * PATCH, patch % across * PATCH);
        for plane in planes.chunks_exact(side * side) {
            for y in top..top + PATCH {
                out.extend_from_slice(&plane[y * side + left..][..PATCH]);
            }
        }
    }
    out
}
