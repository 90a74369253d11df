//! Whole commands, as a person types them, on small real media.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests start the binary, and ffmpeg to make and to judge media"
)]
#![allow(missing_docs)]

mod bad_input;
mod banks;
mod bench;
mod cancel;
mod deliver;
mod designer;
mod eyes;
mod film;
mod film_inputs;
mod judging;
mod locks;
mod painters;
mod pictures;
mod score;
mod stages;
mod words;
