//! Ears: what a person can hear in samples, with the names, defaults and numbers of librosa 0.11 where it has them.
//!
//! Samples are `f32`, full scale ±1. Songs are heard by a [`Listener`] (or [`hear_song`]), at [`RATE`] in mono and in
//! memory that hardly grows; [`OnsetDetector`] takes any rate, since it judges rendered sound to within a few
//! milliseconds. The functions named after librosa's take samples at [`RATE`]. Samples that are not finite count as
//! silence everywhere.

mod analysis;
mod attack;
mod decode;
mod envelope;
mod features;
mod form;
mod listener;
mod mel;
mod onset;
mod pace;
mod resample;
mod rhythm;
mod separate;
mod spectrum;
mod tonal;
mod words;

pub use attack::{Onset, OnsetDetector, onsets};
pub use decode::{Decoded, SongBlock, decode};
pub use envelope::Strength;
pub use features::{rms, spectral_centroid};
pub use listener::{Heard, Listener, hear_song};
pub use mel::{MelBank, mel_spectrogram, power_to_db};
pub use onset::{
    Picking, normalised, onset_backtrack, onset_detect, onset_strength, onset_strength_median, onset_strengths,
    peak_pick,
};
pub use pace::{PaceCurves, PaceListener};
pub use resample::Resampler;
pub use rhythm::{beat_track, beats_at, tempo};
pub use separate::{Parts, Separator};
pub use spectrum::{Framer, HOP, N_FFT, RATE, Stft, frame_time};
pub use tonal::{ChromaBank, chroma_stft, estimate_tuning, key_of};
