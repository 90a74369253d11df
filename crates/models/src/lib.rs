//! Neural networks, one readable file each. A model writes its own graph over the weights of a checkpoint as its hub repository
//! lays them out; ONNX Runtime, a shared library found at run time, maps the weights and runs the graph.
//!
//! Nothing is downloaded without being asked for, and no checkpoint's code is ever run.

pub mod audioldm;
pub mod captions;
pub mod checkpoint;
pub mod clip;
mod config;
mod device;
#[allow(dead_code, reason = "blocks that models choose from")]
pub mod diffusion;
mod eight_bits;
mod error;
#[allow(dead_code, reason = "the layers are a vocabulary that models choose from")]
mod graph;
mod http;
pub mod image;
pub mod kandinsky;
mod kernels;
#[cfg(test)]
mod lite0;
pub mod medoids;
pub mod moondream;
mod onnx;
pub mod openai;
#[cfg(test)]
mod parity;
mod part;
pub mod replicate;
pub mod resnet18;
#[cfg(test)]
mod room;
mod runtime;
mod stop;
pub mod tokens;
pub mod torch_random;
pub mod variations;
pub mod warm;
pub mod weights;
pub mod yolov9;

pub use checkpoint::Checkpoint;
pub use device::{Device, Precision};
pub use error::ModelError;
pub use image::Picture;
pub use runtime::{Runtime, Tensor};
pub use stop::watched;
pub use torch_random::TorchRandom;
