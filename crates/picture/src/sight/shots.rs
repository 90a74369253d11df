//! Shots: the borders between them, and what each is like.

use synchresis_cue::{Moment, Shot, Transition, round_to};

use super::glance::{Film, Glance};
use super::palette::{Matrix, Swatches};
use super::{cuts, gradual, light, likeness};

/// Where a shot begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Border {
    /// Place of its first frame (of a gradual transition: the visible middle).
    pub(crate) frame: usize,
    /// First and last frame that the transition touches.
    pub(crate) reach: (usize, usize),
    pub(crate) entry: Transition,
    pub(crate) strength: f32,
}

/// What the detectors found.
pub(crate) struct Found {
    /// In order, the start of the film first.
    pub(crate) borders: Vec<Border>,
    /// In order.
    pub(crate) flashes: Vec<Moment>,
}

impl Found {
    /// First and one-past-last frame of the shot that frame `i` belongs to.
    pub(crate) fn within(&self, i: usize) -> (usize, usize) {
        let k = self.borders.partition_point(|b| b.frame <= i);
        let from = self.borders.get(k.wrapping_sub(1)).map_or(0, |b| b.frame);
        (from, self.borders.get(k).map_or(usize::MAX, |b| b.frame))
    }

    /// Whether a border or a flash touches frame `i` or comes within `s` seconds of it.
    pub(crate) fn near_border(&self, film: &Film<'_>, i: usize, s: f64) -> bool {
        let t = film.glances[i].time_s;
        let time = |k: usize| film.glances[k.min(film.glances.len() - 1)].time_s;
        self.borders
            .iter()
            .skip(1)
            .any(|b| t > time(b.reach.0) - s && t < time(b.reach.1) + s)
            || self.flashes.iter().any(|f| (f.time_s - t).abs() < s)
    }
}

/// Finds borders and flashes.
pub(crate) fn find(film: &Film<'_>) -> Found {
    let n = film.glances.len();
    if n == 0 {
        let start = Border {
            frame: 0,
            reach: (0, 0),
            entry: Transition::Start,
            strength: 0.0,
        };
        return Found {
            borders: vec![start],
            flashes: Vec::new(),
        };
    }
    let blinks = light::blinks(film);
    let cuts = cuts::find(film, &blinks);
    let steps: Vec<usize> = cuts.iter().map(|c| c.step).collect();
    let fades = gradual::fades(film, &steps);
    // A fade's own steps are no cuts.
    let faded = |k: usize| fades.iter().any(|f| f.from < k && k <= f.to);
    let mut closed = vec![false; n];
    for &k in &steps {
        closed[k] = true;
    }
    for (from, to) in blinks
        .iter()
        .map(|b| (b.from, b.to + 1))
        .chain(fades.iter().map(|f| (f.from, f.to)))
    {
        for c in closed.iter_mut().take(to + 1).skip(from) {
            *c = true;
        }
    }
    let dissolves = gradual::dissolves(film, &closed);
    let place = |k: usize| k.min(n - 1);
    let mut borders = vec![Border {
        frame: 0,
        reach: (0, 0),
        entry: Transition::Start,
        strength: 0.0,
    }];
    borders.extend(cuts.iter().filter(|c| !faded(c.step)).map(|c| Border {
        frame: place(c.step),
        reach: (place(c.step), place(c.step)),
        entry: Transition::Cut,
        strength: c.strength,
    }));
    let soft = fades
        .iter()
        .map(|g| (g, Transition::Fade))
        .chain(dissolves.iter().map(|g| (g, Transition::Dissolve)));
    borders.extend(soft.map(|(g, entry)| Border {
        frame: place(g.middle),
        reach: (place(g.from), place(g.to)),
        entry,
        strength: g.strength,
    }));
    borders.sort_by_key(|b| b.frame);
    // Frames may share a time; a shot without a length is none.
    let time = |b: &Border| {
        round_to(
            if b.frame == 0 {
                0.0
            } else {
                film.glances[b.frame].time_s
            },
            6,
        )
    };
    borders.dedup_by(|b, a| b.frame <= a.frame || time(b) <= time(a));
    borders.retain(|b| b.frame == 0 || time(b) < round_to(film.duration_s, 6));
    let mut flashes: Vec<Moment> = blinks
        .iter()
        .filter(|b| b.rise > 0.0)
        .map(|b| (b.from, b.rise))
        .chain(light::jumps(film, &blinks, &steps).iter().map(|j| (j.at, j.rise.abs())))
        .filter(|&(k, _)| !faded(k))
        .map(|(k, rise)| Moment {
            time_s: round_to(film.glances[place(k)].time_s, 6),
            strength: round_to(f64::from(rise * 2.0).clamp(0.05, 1.0), 3),
        })
        .collect();
    flashes.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Found { borders, flashes }
}

/// What the detectors saw of every frame, for plots: names, then time and values.
pub(crate) fn trace(film: &Film<'_>) -> (Vec<&'static str>, Vec<Vec<f64>>) {
    let mut names = vec!["time_s"];
    names.extend(cuts::Step::NAMES);
    names.extend([
        "cut", "light", "contrast", "motion", "camera", "pan_x", "pan_y", "dissolve",
    ]);
    names.extend(gradual::Stretch::NAMES);
    let steps = cuts::steps(film);
    let closed: Vec<bool> = steps.iter().map(|s| cuts::likelihood(s) > 0.4).collect();
    let mut likeliest: Vec<Option<(f32, gradual::Stretch)>> = vec![None; steps.len()];
    for s in gradual::stretches(film, &closed) {
        let p = gradual::likelihood(&s);
        let best = &mut likeliest[s.middle];
        if best.is_none_or(|(q, _)| p > q) {
            *best = Some((p, s));
        }
    }
    let rows = film
        .glances
        .iter()
        .zip(&steps)
        .zip(&likeliest)
        .map(|((g, step), best)| {
            let mut row = vec![g.time_s];
            row.extend(step.values().map(f64::from));
            row.extend(
                [
                    cuts::likelihood(step),
                    g.light,
                    g.contrast,
                    g.motion,
                    g.camera,
                    g.pan[0],
                    g.pan[1],
                ]
                .map(f64::from),
            );
            row.push(best.map_or(0.0, |b| f64::from(b.0)));
            row.extend(best.map_or([0.0; 11], |b| b.1.values().map(f64::from)));
            row
        });
    (names, rows.collect())
}

/// The shots, with their measures.
pub(crate) fn describe(
    film: &Film<'_>,
    found: &Found,
    motion: &[f32],
    swatches: &Swatches,
    matrix: Matrix,
) -> Vec<Shot> {
    let starts: Vec<f64> = found
        .borders
        .iter()
        .map(|b| {
            if b.frame == 0 {
                0.0
            } else {
                round_to(film.glances[b.frame].time_s, 6)
            }
        })
        .collect();
    let alike = likeness::classes(film, found);
    let end = round_to(film.duration_s, 6);
    let mut shots = Vec::with_capacity(starts.len());
    for (i, border) in found.borders.iter().enumerate() {
        let (start_s, end_s) = (starts[i], starts.get(i + 1).copied().unwrap_or(end));
        let from = border.frame.min(film.glances.len());
        let to = found.borders.get(i + 1).map_or(film.glances.len(), |b| b.frame);
        let glances = &film.glances[from..to];
        let mean = |of: fn(&Glance) -> f32| {
            let sum: f64 = glances.iter().map(|g| f64::from(of(g))).sum();
            sum / glances.len().max(1) as f64
        };
        let moved: f64 = motion[from..to].iter().map(|&m| f64::from(m)).sum();
        let by_camera: f64 = motion[from..to]
            .iter()
            .zip(glances)
            .map(|(&m, g)| f64::from(m) * f64::from(g.camera))
            .sum();
        shots.push(Shot {
            start_s,
            end_s,
            first_frame: glances.first().map_or(0, |g| g.index),
            entry: border.entry,
            strength: round_to(f64::from(border.strength), 3),
            motion: round_to(moved / glances.len().max(1) as f64, 4),
            camera: round_to(if moved > 0.0 { by_camera / moved } else { 0.0 }, 4),
            pan: (round_to(mean(|g| g.pan[0]), 4), round_to(mean(|g| g.pan[1]), 4)),
            light: round_to(mean(|g| g.light), 4),
            saturation: round_to(mean(|g| g.saturation), 4),
            warmth: round_to(mean(|g| g.warmth), 4),
            density: round_to(mean(|g| g.density), 4),
            likeness: alike[i],
            palette: swatches.palette(start_s, end_s, 3, matrix),
        });
    }
    shots
}
