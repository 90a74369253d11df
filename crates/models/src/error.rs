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
        "no weights in {path}: {reason}\nhint: give a checkpoint (.safetensors, .pt, .pth) or a folder with one in it"
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
