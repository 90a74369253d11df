//! Jobs over HTTP: the API, the queue, the workers and the store of what they make.
//!
//! [`serve`] answers requests and, unless told otherwise, works on jobs itself; [`work`] works on jobs that others took.
//! The queue is apalis on SQLite or PostgreSQL, results lie in an object store under the hash of their content.

mod api;
mod blobs;
mod config;
mod engines;
mod error;
mod events;
mod guard;
mod history;
mod job;
mod limits;
mod metrics;
mod page;
mod progress;
mod queue;
mod retention;
mod runner;
mod service;
mod shop;
mod tidy;
mod trade;

pub use api::openapi;
pub use config::{ClientLimits, Config, Machine, Secrets};
pub use error::ServerError;
pub use service::{serve, work};
