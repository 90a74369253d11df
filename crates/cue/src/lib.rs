//! The vocabulary that every room shares: units, the sections of the document, notes and frames.
//!
//! Nothing here reads a file, starts a thread or looks at a clock. Data comes in as one of these types and leaves as
//! the next: `Footage → Sighting → Mood → Spotting → CueSheet → Score`.

mod brief;
mod cue_sheet;
mod document;
mod dtw;
pub mod figures;
mod film;
mod footage;
mod frame;
mod hearing;
mod mood;
mod score;
mod sighting;
mod sound_design;
mod spotting;
mod sync;
mod units;
mod watch;

pub use brief::{Original, Sounds};
pub use cue_sheet::{Cadence, ChordCue, CueSheet, InstrumentCue, MotifCue, Role, SectionCue, TempoMark};
pub use document::{Document, DocumentError, SCHEMA, Section};
pub use dtw::{Warp, fast_dtw};
pub use film::{Act, EventKind, FilmEvent, FilmSection, FilmShot, Grade, Look, Pace, Storyboard};
pub use footage::{AudioStream, Footage, FootageKind, Stream, VideoStream};
pub use frame::Frame;
pub use hearing::{Beat, HeardKey, Hearing, HearingCurves, SongSection};
pub use mood::{Appearance, Mood};
pub use score::{
    Articulation, Bend, DRUM_PITCHES, Layer, Mark, Note, Pedal, Score, Track, VOICES, VoiceFamily, VoiceInfo, voice,
};
pub use sighting::{Colour, Curve, Curves, Moment, Sample, Shot, Sighting, Sweep, Transition};
pub use sound_design::{SoundCue, SoundDesign, SoundKind};
pub use spotting::{Bar, Hit, HitKind, Spotting, TempoCandidate};
pub use sync::{Figure, Rhythm, Sync};
pub use units::{Key, Meter, Mode, Rational, Tempo, decibel_to_gain, gain_to_decibel, round_to};
pub use watch::{Cancelled, Silent, Watch};
