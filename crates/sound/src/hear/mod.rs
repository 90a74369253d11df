//! Ears: what a person can hear in samples, with the names, defaults and numbers of librosa 0.11 where it has them.
//!
//! Samples are `f32`, full scale ±1. Analysis of songs runs at [`RATE`] in mono; [`OnsetDetector`] takes any rate, since
//! it judges rendered sound to within a few milliseconds. Samples that are not finite count as silence everywhere.

mod attack;
mod decode;
mod mel;
mod onset;
mod resample;
mod rhythm;
mod separate;
mod spectrum;

pub use attack::{Onset, OnsetDetector, onsets};
pub use decode::{Decoded, SongBlock, decode};
pub use mel::{MelBank, mel_spectrogram, power_to_db};
pub use onset::{Picking, normalised, onset_backtrack, onset_detect, onset_strength, onset_strength_median, peak_pick};
pub use resample::Resampler;
pub use rhythm::{beat_track, beats_at, tempo};
pub use separate::{Parts, Separator};
pub use spectrum::{Framer, HOP, N_FFT, RATE, Stft, frame_time};
