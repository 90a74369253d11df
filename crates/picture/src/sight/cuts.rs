//! Hard cuts: where the picture becomes another one, and stays so, more abruptly than anything around it.

use super::glance::Film;

/// A hard cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Place of the new shot's first frame in the film's glances.
    pub(crate) frame: usize,
    /// 0 to 1.
    pub(crate) strength: f32,
}

/// What is known of the step from fresh frame `k − 1` to `k`.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// 1 − correlation after the camera's movement is undone.
    structure: f32,
    /// What block matching left over.
    residual: f32,
    /// Share of blocks without a match.
    lost: f32,
    /// Difference of the cells, levels.
    layout: f32,
    /// Difference of the histograms, levels.
    mix: f32,
    /// Least difference between any of the frames just before and any of those just after: small for a flash.
    across: f32,
    /// The same, blind to light.
    across_structure: f32,
}

/// Names of what [`trace`] gives.
pub(crate) const TRACE: &[&str] = &[
    "structure",
    "residual",
    "lost",
    "layout",
    "mix",
    "across",
    "across_structure",
    "score",
    "ratio",
    "light",
    "contrast",
    "motion",
    "camera",
    "pan_x",
    "pan_y",
];

fn steps(film: &Film<'_>) -> Vec<Step> {
    let n = film.fresh.len();
    let mut steps = vec![Step::default(); n];
    for (k, step) in steps.iter_mut().enumerate().skip(1) {
        let (a, b) = (film.tiny(film.fresh[k - 1]), film.tiny(film.fresh[k]));
        let glance = &film.glances[film.fresh[k]];
        let (mut across, mut across_structure) = (f32::INFINITY, f32::INFINITY);
        for i in k.saturating_sub(3)..k {
            for j in k..(k + 3).min(n) {
                let (p, q) = (film.tiny(film.fresh[i]), film.tiny(film.fresh[j]));
                across = across.min(p.layout_to(q) + p.mix_to(q));
                across_structure = across_structure.min(1.0 - p.correlation_to(q));
            }
        }
        *step = Step {
            structure: 1.0 - glance.correlation,
            residual: glance.residual,
            lost: glance.lost,
            layout: a.layout_to(b),
            mix: a.mix_to(b),
            across,
            across_structure,
        };
    }
    steps
}

/// How much a step looks like a cut by itself, 0 to 1.
fn score(s: &Step) -> f32 {
    let matching = (s.residual / 1.2).min(1.0) * 0.5 + s.lost * 0.5;
    let structure = (s.structure / 0.6).clamp(0.0, 1.0);
    let lasting = (s.across / 30.0).min(1.0);
    (matching * (0.35 + 0.35 * structure + 0.3 * lasting)).clamp(0.0, 1.0)
}

/// How much the step stands out from those around it.
fn ratio(scores: &[f32], k: usize) -> f32 {
    let around = (k.saturating_sub(4).max(1)..(k + 5).min(scores.len())).filter(|&i| i != k);
    let (sum, n) = around.fold((0.0, 0), |(s, n), i| (s + scores[i], n + 1));
    scores[k] / (0.05 + if n > 0 { sum / n as f32 } else { 0.0 })
}

/// The hard cuts of the film, in order.
pub(crate) fn find(film: &Film<'_>) -> Vec<Cut> {
    let steps = steps(film);
    let scores: Vec<f32> = steps.iter().map(score).collect();
    (1..steps.len())
        .filter(|&k| scores[k] > 0.25 && ratio(&scores, k) > 2.0 && steps[k].across > 6.0)
        .map(|k| Cut {
            frame: film.fresh[k],
            strength: scores[k].sqrt(),
        })
        .collect()
}

pub(crate) fn trace(film: &Film<'_>) -> Vec<(f64, Vec<f32>)> {
    let steps = steps(film);
    let scores: Vec<f32> = steps.iter().map(score).collect();
    (0..steps.len())
        .map(|k| {
            let (s, g) = (&steps[k], &film.glances[film.fresh[k]]);
            let values = vec![
                s.structure,
                s.residual,
                s.lost,
                s.layout,
                s.mix,
                s.across,
                s.across_structure,
                scores[k],
                ratio(&scores, k),
                g.light,
                g.contrast,
                g.motion,
                g.camera,
                g.pan[0],
                g.pan[1],
            ];
            (g.time_s, values)
        })
        .collect()
}
