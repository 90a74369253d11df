//! The server as a process: asked over the wire, killed, starved and lied to.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests start the binary, ffmpeg to make media, and PostgreSQL"
)]
#![allow(missing_docs)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

mod api;
mod desk;
mod examples;
mod faults;
mod guard;
mod hostile;
mod postgres;
mod wire;
