//! The bars.

use synchresis_cue::{Bar, HitKind, Meter, Mood, Spotting};

use super::moments::Weighed;
use crate::style::Style;

/// Lays bars of one tempo from the film's beginning to its end.
pub(super) fn lay(
    weighed: Vec<Weighed>,
    _mood: &Mood,
    style: &Style,
    duration: f64,
    frame: f64,
    _seed: u64,
) -> Spotting {
    let meter = style.meters.first().copied().unwrap_or(Meter { beats: 4, unit: 4 });
    let end = weighed
        .iter()
        .rev()
        .find(|m| m.kind == HitKind::End)
        .map_or(0.0, |m| m.time_s);
    let bar_s = meter.quarters() * 60.0 / style.tempo.usual.max(1.0);
    let count = (end / bar_s).round();
    let _ = frame;
    let mut bars = Vec::new();
    let each = if count >= 1.0 { end / count } else { end };
    if end > 0.0 {
        for i in 0..(count.max(1.0) as usize) {
            bars.push(Bar {
                start_s: i as f64 * each,
                meter,
                bpm: meter.quarters() * 60.0 / each,
                free: false,
            });
        }
    }
    let ring = duration - end;
    bars.push(Bar {
        start_s: end,
        meter,
        bpm: meter.quarters() * 60.0 / ring.max(1e-3),
        free: true,
    });
    let last = bars.len() - 1;
    let hits = weighed
        .into_iter()
        .map(|m| {
            let place = match m.kind {
                HitKind::Start => Some(0),
                HitKind::End => Some(last),
                _ => None,
            };
            let mut hit = m.into_hit();
            hit.taken = place.is_some();
            hit.bar = place;
            hit.beat = place.map(|_| 0.0);
            hit
        })
        .collect();
    Spotting {
        hits,
        tempo_candidates: Vec::new(),
        bars,
        music_start_s: 0.0,
        music_end_s: duration,
    }
}
