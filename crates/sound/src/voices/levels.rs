//! The loudness of every voice brought to one level.

/// Decibels by which each of our own voices is raised or lowered.
const LEVELS: &[(&str, f64)] = &[];

/// The gain, in decibels, that brings our own `voice` to −23 LUFS when it plays a line of quarter notes at velocity 0.8 in
/// the middle of its range; 0 for a name that is not in the table.
pub fn gain_db(voice: &str) -> f64 {
    LEVELS.iter().find(|l| l.0 == voice).map_or(0.0, |l| l.1)
}
