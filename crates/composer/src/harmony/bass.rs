//! The bass note under each chord.

use super::chord::Chord;

/// A bass pitch for every chord within `register`: near the one before, rather low.
pub(crate) fn bass_notes(chords: &[Chord], register: (u8, u8)) -> Vec<u8> {
    let mut last: Option<u8> = None;
    chords
        .iter()
        .map(|chord| {
            let pitch = nearest(chord.bass, last, register);
            last = Some(pitch);
            pitch
        })
        .collect()
}

/// The pitch of this class that lies best within `register` after `last`.
pub(crate) fn nearest(class: u8, last: Option<u8>, (low, high): (u8, u8)) -> u8 {
    let home = f64::from(low) + f64::from(high.saturating_sub(low)) * 0.35;
    let cost = |p: u8| {
        let leap = last.map_or(0.0, |l| (f64::from(p) - f64::from(l)).abs());
        leap + (f64::from(p) - home).abs() * if last.is_some() { 0.45 } else { 1.0 }
    };
    (low..=high.min(127))
        .filter(|p| p % 12 == class % 12)
        .min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
        .unwrap_or_else(|| low + (class + 12 - low % 12) % 12)
}
