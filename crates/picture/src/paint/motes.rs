//! Specks of dust that float in the light: what stays alive while the picture rests, and what the weaker beats light up.

use std::ops::Range;

use super::mesh::CELL;
use super::noise::{mix, signed, wander};

/// How many float in a frame.
const COUNT: u64 = 34;

/// One speck in a frame, in film pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mote {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    /// Share by which each linear channel comes nearer to full light, 0 to 1, at its middle.
    pub(crate) light: [f32; 3],
}

/// What all specks of a frame have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Air {
    pub(crate) seed: u64,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Seconds, and seconds as the camera has them: it drags the air along.
    pub(crate) time: f64,
    pub(crate) camera: f64,
    pub(crate) brightness: f32,
    pub(crate) size: f32,
    /// How far a beat lights them up, 0 to 1.
    pub(crate) glint: f32,
    pub(crate) warmth: f32,
}

/// The specks of a frame, sorted by their upper edge.
pub(crate) fn motes(air: &Air) -> Vec<Mote> {
    if air.brightness <= 0.0 {
        return Vec::new();
    }
    let (w, h) = (air.width as f64, air.height as f64);
    let unit = air.height.min(air.width) as f64;
    let mut all: Vec<Mote> = (0..COUNT)
        .filter_map(|k| {
            let own = mix(air.seed ^ mix(k ^ 0x0d57));
            let draw = |n: i64| f64::from(signed(own, n, 3));
            // Few are near (large, soft, quick), most are far.
            let near = (0.5 + 0.5 * draw(0)).powi(3);
            let margin = 0.06 * unit;
            let speed = unit * (0.008 + 0.020 * near);
            let t = air.time + 1.6 * air.camera;
            let sway = unit * 0.03;
            // They rise slowly, wander sideways, and come in again below.
            let wrap = |v: f64, whole: f64| v.rem_euclid(whole + 2.0 * margin) - margin;
            let x = wrap(
                (0.5 + 0.5 * draw(1)) * w + 0.4 * speed * draw(4) * t + sway * f64::from(wander(own, t * 0.11)),
                w,
            );
            let y = wrap(
                (0.5 + 0.5 * draw(2)) * h - speed * t + sway * f64::from(wander(own ^ 1, t * 0.09)),
                h,
            );
            // Each comes and goes in its own time, and answers beats more or less.
            let shown = f64::from(wander(own ^ 2, air.time * 0.25)) * 0.9 + 0.45;
            let answers = 0.35 + 0.65 * (0.5 + 0.5 * draw(5));
            let shine = shown.clamp(0.0, 1.0) * (0.55 + 1.2 * answers * f64::from(air.glint));
            // None so small that it would look like a hot pixel.
            let radius = unit * (0.0034 + 0.0080 * near) * f64::from(air.size);
            // What is near is out of focus: larger and paler.
            let light = f64::from(air.brightness) * shine * (1.0 - 0.68 * near);
            if light < 0.004 {
                return None;
            }
            let warm = f64::from(air.warmth) * 0.5 + 0.5 * draw(6);
            let colour = [1.0, 0.90 + 0.04 * warm, 0.78 - 0.14 * warm];
            Some(Mote {
                x: x as f32,
                y: y as f32,
                radius: radius.max(0.9) as f32,
                light: colour.map(|c| (c * light).clamp(0.0, 1.0) as f32),
            })
        })
        .collect();
    all.sort_by(|a, b| (a.y - a.radius).total_cmp(&(b.y - b.radius)));
    all
}

/// The cells that specks touch, or whose colour differences they touch, by pairs of rows of a frame of `width` by `height`
/// pixels: pair and cells, those of a pair from left to right without overlap.
pub(crate) fn touched(motes: &[Mote], width: usize, height: usize) -> Vec<(usize, Range<usize>)> {
    let mut all: Vec<(usize, Range<usize>)> = Vec::new();
    for mote in motes {
        let span = |at: f32, margin: f32, whole: usize| {
            let (from, to) = (at - mote.radius - margin, at + mote.radius + margin);
            (to >= 0.0 && from < whole as f32).then(|| (from.max(0.0) as usize, (to as usize).min(whole - 1)))
        };
        // Colour differences reach one pixel beyond, and the first of a stretch is left as it is.
        let (Some((top, bottom)), Some((left, right))) = (span(mote.y, 0.0, height), span(mote.x, 3.0, width)) else {
            continue;
        };
        all.extend((top / 2..=bottom / 2).map(|pair| (pair, left / CELL..right / CELL + 1)));
    }
    all.sort_by_key(|(pair, cells)| (*pair, cells.start));
    all.dedup_by(|later, kept| {
        let one = later.0 == kept.0 && later.1.start <= kept.1.end;
        if one {
            kept.1.end = kept.1.end.max(later.1.end);
        }
        one
    });
    all
}

/// Lays the specks that cross pixel row `y` over its coded red, green and blue (0 to 255).
pub(crate) fn lay(motes: &[Mote], y: usize, rows: &mut [Vec<f32>; 3]) {
    let y = y as f32;
    for mote in motes {
        let dy = y - mote.y;
        if dy < -mote.radius {
            break;
        }
        if dy > mote.radius {
            continue;
        }
        let half = (mote.radius * mote.radius - dy * dy).max(0.0).sqrt();
        let from = (mote.x - half).ceil().max(0.0) as usize;
        let to = (mote.x + half).floor();
        if to < 0.0 {
            continue;
        }
        let part = 1.0 / (mote.radius * mote.radius);
        let [r, g, b] = &mut *rows;
        let to = (to as usize + 1).min(r.len());
        for x in from..to {
            let dx = x as f32 - mote.x;
            let d = (1.0 - (dx * dx + dy * dy) * part).max(0.0);
            // A soft disc, brighter in the middle.
            let shade = d * (0.55 + 0.45 * d);
            for (channel, light) in [&mut *r, &mut *g, &mut *b].into_iter().zip(mote.light) {
                if let Some(v) = channel.get_mut(x) {
                    // Light adds in linear light; a square is near enough to the curve for a speck.
                    let linear = (*v / 255.0) * (*v / 255.0);
                    *v = 255.0 * (linear + (1.0 - linear).max(0.0) * light * shade).sqrt();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn air(time: f64) -> Air {
        Air {
            seed: 5,
            width: 768,
            height: 768,
            time,
            camera: time,
            brightness: 0.3,
            size: 1.0,
            glint: 0.0,
            warmth: 0.0,
        }
    }

    #[test]
    fn specks_cover_the_picture_or_jump() {
        for i in 0..300 {
            let all = motes(&air(f64::from(i) / 30.0));
            let area: f32 = all.iter().map(|m| 3.15 * m.radius * m.radius).sum();
            assert!(!all.is_empty() && area < 0.02 * 768.0 * 768.0, "{} {area}", all.len());
        }
        let (a, b) = (motes(&air(4.0)), motes(&air(4.0 + 1.0 / 30.0)));
        let still = a
            .iter()
            .filter(|p| b.iter().any(|q| (p.x - q.x).hypot(p.y - q.y) < 4.0))
            .count();
        assert!(still + 2 >= a.len(), "{still} of {}", a.len());
    }

    #[test]
    fn a_speck_outside_the_frame_is_drawn() {
        let mut rows = [vec![10.0f32; 8], vec![10.0; 8], vec![10.0; 8]];
        let mote = |x: f32, y: f32| Mote {
            x,
            y,
            radius: 3.0,
            light: [0.5; 3],
        };
        lay(&[mote(-9.0, 4.0), mote(30.0, 4.0)], 4, &mut rows);
        assert!(rows.iter().all(|r| r.iter().all(|v| *v == 10.0)));
        lay(&[mote(7.0, 4.0)], 4, &mut rows);
        assert!(rows[0][7] > 100.0 && rows[0][0] == 10.0 && rows[1][7] <= 255.0);
        lay(&[mote(3.0, 9.0)], 4, &mut rows);
        assert_eq!(rows[2][3], 10.0);
    }
}
