//! What diffusion models share: schedules of the noise, the blocks of their U-Nets, and the autoencoder whose latents they draw.

pub(crate) mod autoencoder;
pub(crate) mod blocks;
pub mod scheduler;
#[cfg(test)]
mod tests;
pub(crate) mod unet;

pub use scheduler::{Method, Sampler, Scheduler};
