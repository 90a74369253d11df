//! What was measured, in a sentence of plain English.

use synchresis_cue::Sighting;

/// The sentence.
pub(crate) fn describe(sighting: &Sighting) -> String {
    let n = sighting.curves.light.len().max(1) as f64;
    let mean = |c: &[f32]| c.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let pace = match mean(&sighting.curves.motion) {
        m if m < 0.02 => "still",
        m if m < 0.12 => "slow",
        m if m < 0.35 => "moving",
        _ => "fast",
    };
    let light = match mean(&sighting.curves.light) {
        l if l < 0.15 => "dark",
        l if l < 0.35 => "dim",
        l if l < 0.65 => "evenly lit",
        _ => "bright",
    };
    format!("a {pace}, {light} scene")
}
