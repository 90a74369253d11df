//! Hits that no tempo reaches exactly and that a player reaches all the same: by pushing or holding a beat for less than a
//! listener takes for another rhythm. The onset is locked to the frame; only the written place is a little off.

use synchresis_cue::Bar;

use super::{HOLD_S, PUSH_S};

/// Offbeat sixteenths and fermatas take only moments from this weight on.
const HEAVY: f64 = 0.45;

/// A hit nearer to another than this would be heard as a stumble, seconds.
pub(super) const APART_S: f64 = 0.16;

/// Where a moment may be played though the grid does not hold it exactly: bar, and quarters after its start. `last` is the
/// first bar of the film's last ring, where nothing new is struck.
/// A free player (`steady` near 0) may take twice the push.
pub(super) fn place(bars: &[Bar], last: usize, steady: f64, time_s: f64, weight: f64) -> Option<(usize, f64)> {
    let index = bars.partition_point(|b| b.start_s <= time_s + 1e-9).checked_sub(1)?;
    let bar = bars.get(index).filter(|_| index < last)?;
    let at = (time_s - bar.start_s) / bar.quarter_s();
    if bar.free {
        // A fermata is struck where the picture says; silence between two cues stays silent.
        let silent = |i: Option<usize>| i.and_then(|i| bars.get(i)).is_some_and(|b| b.free);
        let alone = !silent(index.checked_sub(1)) && !silent(Some(index + 1));
        let clear = at * bar.quarter_s() > APART_S && bar.end_s() - time_s > APART_S;
        return (alone && clear && weight >= HEAVY).then_some((index, at));
    }
    let free = freedom(steady);
    let found = |unit: f64, limit_s: f64| {
        let near = (at / unit).round() * unit;
        let inside = near < bar.meter.quarters() - 1e-9;
        (((near - at) * bar.quarter_s()).abs() <= limit_s * free).then_some(if inside {
            (index, near)
        } else {
            (index + 1, 0.0)
        })
    };
    let place = found(0.5, PUSH_S).or_else(|| found(0.25, HOLD_S).filter(|_| weight >= HEAVY))?;
    (place.0 < last && !bars.get(place.0)?.free).then_some(place)
}

/// Share of its worth that a moment `place` eighths after a bar line keeps, where a player reaches it without the tempo bending
/// for it: most on a beat, less between beats, which pull at the pulse; 0 where nobody would. `push_s` is how far a beat may be
/// pushed, seconds.
pub(super) fn reached(place: f64, eighth_s: f64, weight: f64, push_s: f64) -> f64 {
    // Places are small and not negative: a cast rounds them faster than the library does.
    let eighth = (place + 0.5) as u32;
    let off = |at: f64| (place - at).abs() * eighth_s;
    if off(f64::from(eighth)) <= push_s {
        return if eighth.is_multiple_of(2) { BEAT } else { 0.7 };
    }
    let between = f64::from(place as u32) + 0.5;
    if weight >= HEAVY && off(between) <= push_s * (HOLD_S / PUSH_S) {
        0.4
    } else {
        0.0
    }
}

/// The most that [`reached`] answers.
pub(super) const BEAT: f64 = 0.85;

/// Whether two times are far enough from each other to be two hits.
pub(super) fn apart(a: f64, b: f64) -> bool {
    (a - b).abs() >= APART_S
}

/// How much more than a dancer's band a player may push, 1 to 2.
pub(super) fn freedom(steady: f64) -> f64 {
    1.0 + (1.0 - steady) * (1.0 - steady)
}
