//! What passes: whooshes with sweeps of the camera and bursts of motion.

use synchresis_cue::{SoundCue, SoundDesign, SoundKind};

use super::Scene;
use crate::dice::Dice;

/// Bursts of motion that are heard.
const BURST: f64 = 0.7;
/// Whooshes keep this distance, seconds.
const APART_S: f64 = 0.6;

/// Adds the whooshes: the nearest point of each lies on the peak, the way it goes is the camera's.
pub(super) fn pass(scene: &Scene<'_>, design: &mut SoundDesign) {
    let sighting = scene.sighting;
    let duration = sighting.duration_s;
    let mut peaks: Vec<f64> = Vec::new();
    let mut add = |peak_s: f64, half_s: f64, way: f64, level_db: f64, why: String| {
        // A whoosh is strongest in its middle: near an end of the film it is shorter rather than late.
        let half_s = half_s.min(peak_s).min(duration - peak_s);
        if half_s < 0.06 || peaks.iter().any(|p| (p - peak_s).abs() < APART_S) {
            return;
        }
        peaks.push(peak_s);
        design.cues.push(SoundCue {
            start_s: peak_s - half_s,
            end_s: peak_s + half_s,
            peak_s,
            kind: SoundKind::Whoosh,
            voice: "whoosh".into(),
            pan: -way,
            pan_to: way,
            level_db,
            hit_s: None,
            why,
        });
    };
    for (i, sweep) in sighting.sweeps.iter().enumerate() {
        let mut dice = Dice::of(scene.seed, "whoosh", i as u64);
        let (right, down) = sweep.pan;
        let speed = right.hypot(down);
        let half_s = (0.75 * (sweep.end_s - sweep.start_s) * dice.between(0.95, 1.1)).clamp(0.22, 0.7);
        // A tilt goes nowhere from left to right.
        let way = if speed > 1e-6 { 0.85 * right / speed } else { 0.0 };
        let whither = match () {
            () if right.abs() < 0.5 * down.abs() && down > 0.0 => "down",
            () if right.abs() < 0.5 * down.abs() => "up",
            () if right > 0.0 => "to the right",
            () => "to the left",
        };
        let why = format!(
            "the camera sweeps {whither} at {:.2} s, {speed:.1} picture widths a second",
            sweep.peak_s
        );
        add(sweep.peak_s, half_s, way, -13.0 + 7.0 * sweep.strength, why);
    }
    for (i, burst) in sighting.motion_peaks.iter().enumerate() {
        if burst.strength < BURST {
            continue;
        }
        let mut dice = Dice::of(scene.seed, "burst", i as u64);
        let half_s = dice.between(0.22, 0.3);
        let why = format!(
            "motion bursts out at {:.2} s (strength {:.2})",
            burst.time_s, burst.strength
        );
        add(burst.time_s, half_s, 0.0, -17.0 + 6.0 * burst.strength, why);
    }
}
