//! What can go wrong in the model room.

use std::path::PathBuf;

/// An error of this crate. Each says what was being done, to what, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// libonnxruntime could not be loaded, or is too old.
    #[error("could not load ONNX Runtime from {path}: {reason}\nhint: {hint}")]
    Runtime {
        /// What was tried.
        path: String,
        /// Why it failed.
        reason: String,
        /// How to get one.
        hint: &'static str,
    },
    /// No weights where they were looked for.
    #[error(
        "no weights in {path}: {reason}\nhint: `synchresis models list` shows what there is and `synchresis models pull NAME` gets it; or give a checkpoint (.safetensors, .pt, .pth), or a folder with one in it"
    )]
    NoWeights {
        /// The file or folder.
        path: PathBuf,
        /// What was expected.
        reason: String,
    },
    /// A checkpoint that cannot be read.
    #[error("could not read the checkpoint {path}: {reason}\nhint: {hint}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A checkpoint whose pickle wants to call something: never done.
    #[error(
        "refused to read {path}: its pickle calls {what}, which is code, not weights\nhint: ask for the model as .safetensors, which cannot hold code"
    )]
    Code {
        /// The file.
        path: PathBuf,
        /// The callable.
        what: String,
    },
    /// A tensor is not there.
    #[error("{path} has no tensor named {name}, which {model} needs\nhint: is it the checkpoint of another model?")]
    MissingTensor {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The model.
        model: &'static str,
    },
    /// A tensor has another shape than the model wants.
    #[error(
        "{name} in {path} has the shape {found:?}, {model} needs {wanted:?}\nhint: is it the checkpoint of another size or another model?"
    )]
    Shape {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The model.
        model: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What was wanted.
        wanted: Vec<usize>,
    },
    /// A configuration that is missing, broken, or of another model.
    #[error(
        "could not use {path} as the configuration of {model}: {reason}\nhint: a model folder holds the files of its hub repository unchanged"
    )]
    Config {
        /// config.json.
        path: PathBuf,
        /// The model.
        model: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// ONNX Runtime refused a graph or failed while running it.
    #[error("{model}: {doing} failed: {reason}")]
    Run {
        /// The model.
        model: &'static str,
        /// Building or running.
        doing: &'static str,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// The device is not to be had.
    #[error(
        "{device}: {reason}\nhint: --device cpu works everywhere; another device needs an ONNX Runtime that was built for it (--ort-lib)"
    )]
    Device {
        /// Its name.
        device: &'static str,
        /// Why not.
        reason: String,
    },
    /// There is not enough memory for a model; it was not tried.
    #[error(
        "{model} needs about {} MB of memory, {} MB are free\nhint: end other programs, or take a smaller size of the model",
        needed / 1_000_000,
        free / 1_000_000
    )]
    Memory {
        /// The model.
        model: &'static str,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// A checkpoint's file is not the one that was opened.
    #[error("{path} changed while {model} used it\nhint: let the download or copy end, then run this again")]
    Changed {
        /// The file.
        path: PathBuf,
        /// The model.
        model: &'static str,
    },
    /// A key that an endpoint wants is not there.
    #[error("{what} needs a key\nhint: put it into the environment as {name}; it is never written anywhere")]
    NoKey {
        /// Who wants it.
        what: &'static str,
        /// Its name in the environment.
        name: &'static str,
    },
    /// An endpoint that is down, slow, refuses or answers nonsense.
    #[error("{doing} at {url}: {reason}\nhint: {hint}")]
    Endpoint {
        /// What was being done.
        doing: &'static str,
        /// Where, without what is secret.
        url: String,
        /// Why it failed.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// An input that the model cannot take.
    #[error("{model} cannot take this input: {reason}")]
    Input {
        /// The model.
        model: &'static str,
        /// Why.
        reason: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] synchresis_cue::Cancelled),
}
