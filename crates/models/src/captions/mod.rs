//! LP-MusicCaps (Doh, Choi, Lee, Nam: LP-MusicCaps: LLM-based pseudo music captioning, 2023): what ten seconds of music are, in a
//! sentence.
//!
//! The checkpoint is the original's own (`transfer.pth`, a training checkpoint with a `state_dict`) or the same tensors as .safetensors.
//! Its words come from facebook/bart-base: `vocab.json` or `tokenizer.json`, and `config.json` if it differs from bart-base's, lie beside
//! the checkpoint, or in a folder `bart-base` there or next to it.

mod bart;
mod beam;
mod mel;
#[cfg(test)]
mod parity;
mod words;

use std::path::{Path, PathBuf};

use bart::{Config, Sizes};
use beam::{Beams, Search};
use mel::Mel;
pub use mel::{RATE, WINDOW};
use synchresis_cue::Watch;
use words::Words;

use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::runtime::{Feed, Kept, Net, Runtime};

const MODEL: &str = "LP-MusicCaps";

/// Windows heard at a time: the decoder's weights are read once for all of them.
const TOGETHER: usize = 4;
/// What the original's `generate` is called with.
const BEAMS: usize = 5;
const MAX_LENGTH: usize = 128;
const MIN_LENGTH: usize = 2;

/// What ten seconds are.
#[derive(Debug, Clone, PartialEq)]
pub struct Caption {
    /// Where they begin, seconds.
    pub start_s: f64,
    /// Where they end, seconds.
    pub end_s: f64,
    /// The sentence.
    pub text: String,
}

/// A loaded LP-MusicCaps.
pub struct LpMusicCaps {
    mel: Mel,
    encoder: Net,
    decoder: Net,
    sizes: Sizes,
    search: Search,
    words: Words,
}

impl LpMusicCaps {
    /// Loads a checkpoint: a file, or a folder with `transfer.pth` or one checkpoint of another name in it.
    ///
    /// # Errors
    /// [`ModelError`]: no checkpoint or no vocabulary, another model's, or no ONNX Runtime.
    pub fn load(path: &Path, runtime: &Runtime) -> Result<Self, ModelError> {
        let path = located(path);
        let checkpoint = Checkpoint::open(&path)?.renamed("module.", "");
        let folders = beside(checkpoint.folder());
        let words = Words::open(&folders)?;
        let config = config(&folders)?;
        let sizes = Sizes::of(|name| checkpoint.shape(name).map(<[usize]>::to_vec), &config).map_err(|name| {
            ModelError::MissingTensor {
                path: checkpoint.path().to_path_buf(),
                name,
                model: MODEL,
            }
        })?;
        let encoder = runtime.session(&bart::encoder(&checkpoint, &sizes)?, &checkpoint)?;
        let decoder = runtime.session(&bart::decoder(&checkpoint, &sizes, runtime.operators())?, &checkpoint)?;
        Ok(Self {
            mel: Mel::new(sizes.bands),
            encoder,
            decoder,
            search: Search {
                beams: BEAMS,
                max_length: MAX_LENGTH.min(sizes.positions[1].saturating_sub(2)),
                min_length: MIN_LENGTH,
                no_repeat: config.no_repeat_ngram_size,
                start: config.decoder_start_token_id,
                forced_first: config.forced_bos_token_id,
                last: config.eos_token_id,
                forced_last: config.forced_eos_token_id,
                length_penalty: config.length_penalty,
                early: config.early_stopping,
            },
            sizes,
            words,
        })
    }

    /// A caption for each ten seconds of a song of mono samples at [`RATE`], 16 bits each as the original hears it. What is left at the
    /// end is not heard, unless it is all there is.
    ///
    /// # Errors
    /// [`ModelError::Run`], [`ModelError::Cancelled`].
    pub fn captions(&mut self, samples: &[i16], watch: &dyn Watch) -> Result<Vec<Caption>, ModelError> {
        let windows = mel::windows(samples);
        let count = windows.len();
        let mut captions = Vec::with_capacity(count);
        let mut waiting = Vec::new();
        let length = WINDOW as f64 / f64::from(RATE);
        for (i, window) in windows.enumerate() {
            waiting.push(window);
            if waiting.len() < TOGETHER && i + 1 < count {
                continue;
            }
            let search = self.search.clone();
            for tokens in self.tokens(&waiting, &search, watch)? {
                let start_s = captions.len() as f64 * length;
                captions.push(Caption {
                    start_s,
                    end_s: start_s + length,
                    text: self.words.say(&tokens),
                });
            }
            waiting.clear();
            watch.progress(captions.len() as f64 / count as f64);
        }
        Ok(captions)
    }

    /// The tokens of several windows, each with its first and its last.
    pub(crate) fn tokens(
        &mut self,
        windows: &[Vec<f32>],
        search: &Search,
        watch: &dyn Watch,
    ) -> Result<Vec<Vec<i64>>, ModelError> {
        let asked = self.heard(windows)?;
        let vocabulary = self.sizes.vocabulary;
        let mut searches: Vec<Beams<'_>> = windows.iter().map(|_| Beams::new(search)).collect();
        let beams = search.beams.max(1);
        let mut memory = Memory::new(&self.sizes, windows.len() * beams, search.max_length);
        while searches.iter().any(|s| !s.over()) {
            watch.check()?;
            let ids: Vec<i64> = searches.iter().flat_map(Beams::ends).collect();
            let parents = searches.iter().enumerate();
            let parents = parents.flat_map(|(w, s)| s.parents().iter().map(move |p| w * beams + p));
            memory.follow(&parents.collect::<Vec<_>>());
            let [_, scores] = self.step(&ids, &mut memory, &asked)?;
            let scores = scores.numbers(MODEL)?;
            for (search, rows) in searches.iter_mut().zip(scores.chunks_exact(beams * vocabulary)) {
                if !search.over() {
                    search.advance(rows, vocabulary);
                }
            }
        }
        Ok(searches.into_iter().map(Beams::best).collect())
    }

    /// What the decoder asks of these windows: keys and values, layer by layer.
    fn heard(&mut self, windows: &[Vec<f32>]) -> Result<Vec<Kept>, ModelError> {
        let frames = Mel::frames(WINDOW);
        let mel: Vec<f32> = windows.iter().flat_map(|w| self.mel.decibels(w)).collect();
        let shape = [windows.len(), self.sizes.bands, frames];
        let mut out = self.encoder.run_kept(&[("mel", Feed::F32(&shape, &mel))], &[])?;
        Ok(out.split_off(2.min(out.len())))
    }

    /// One token further for each row of `ids`: logits and log probabilities.
    fn step(&mut self, ids: &[i64], memory: &mut Memory, asked: &[Kept]) -> Result<[Kept; 2], ModelError> {
        let (rows, width) = (ids.len(), self.sizes.width);
        let known = memory.position;
        let (lines, before) = (memory.lines.concat(), [known * rows, width]);
        let position = [known as i64];
        let names = |kind: &str| -> Vec<String> {
            let of = |i| [format!("{kind}_k{i}"), format!("{kind}_v{i}")];
            (0..self.sizes.decoder.layers).flat_map(of).collect()
        };
        let (past, cross) = (names("past"), names("cross"));
        let shapes = ([rows], [rows, known]);
        let mut feeds = vec![
            ("ids", Feed::I64(&shapes.0, ids)),
            ("position", Feed::I64(&[1], &position)),
            ("lines", Feed::I64(&shapes.1, &lines)),
        ];
        let lying = past.iter().zip(&memory.kept);
        feeds.extend(lying.map(|(name, kept)| (name.as_str(), Feed::F32(&before, kept))));
        let kept: Vec<(&str, &Kept)> = cross.iter().map(String::as_str).zip(asked).collect();
        let mut out = self.decoder.run_kept(&feeds, &kept)?;
        let said = out.split_off(memory.kept.len().min(out.len()));
        for (kept, new) in memory.kept.iter_mut().zip(&out) {
            kept.extend_from_slice(new.numbers(MODEL)?);
        }
        memory.position += 1;
        said.try_into().map_err(|_| ModelError::Run {
            model: MODEL,
            doing: "running it",
            reason: "it says something else than words".to_owned(),
        })
    }
}

/// Keys and values of the tokens before, layer by layer: each step's rows after those of the step before, places that rows share.
struct Memory {
    kept: Vec<Vec<f32>>,
    /// In which place each token of each row is.
    lines: Vec<Vec<i64>>,
    /// Tokens before.
    position: usize,
}

impl Memory {
    fn new(sizes: &Sizes, rows: usize, longest: usize) -> Self {
        // Pages that nothing is written to take no memory.
        let one = || Vec::with_capacity(longest * rows * sizes.width);
        Self {
            kept: (0..2 * sizes.decoder.layers).map(|_| one()).collect(),
            lines: vec![Vec::new(); rows],
            position: 0,
        }
    }

    /// Each row goes on from that one of the step before.
    fn follow(&mut self, parents: &[usize]) {
        let Some(last) = self.position.checked_sub(1) else {
            return;
        };
        let rows = self.lines.len();
        let on = |parent: &usize| {
            let mut line = self.lines.get(*parent).cloned().unwrap_or_default();
            line.push((last * rows + parent) as i64);
            line
        };
        self.lines = parents.iter().map(on).collect();
    }
}

/// The published file's name in a folder, or what was given.
fn located(path: &Path) -> PathBuf {
    let published = path.join("transfer.pth");
    if published.is_file() {
        published
    } else {
        path.to_path_buf()
    }
}

/// Where bart-base's files may lie, best first.
fn beside(folder: &Path) -> Vec<PathBuf> {
    let up = folder.parent().unwrap_or(folder);
    let mut all = vec![folder.to_path_buf()];
    for place in [folder, up] {
        all.extend(["bart-base", "facebook/bart-base"].map(|name| place.join(name)));
    }
    all
}

fn config(folders: &[PathBuf]) -> Result<Config, ModelError> {
    let Some(path) = folders.iter().map(|f| f.join("config.json")).find(|p| p.is_file()) else {
        return Ok(Config::default());
    };
    let broken = |reason: String| ModelError::Config {
        path: path.clone(),
        model: MODEL,
        reason,
    };
    let text = std::fs::read_to_string(&path).map_err(|e| broken(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| broken(e.to_string()))
}
