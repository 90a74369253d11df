//! Hard cuts: where the picture becomes another one, and stays so, more abruptly than anything around it.

use super::glance::Film;
use super::light::Blink;

/// A hard cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Place of the new shot's first frame.
    pub(crate) step: usize,
    /// 0 to 1.
    pub(crate) strength: f32,
}

/// How far before and after a step a return to the same picture is looked for, seconds.
const RETURN_S: f64 = 0.17;
/// Steps on each side that a cut must stand out from.
const AROUND: usize = 4;

/// What is known of the step from frame `k − 1` to `k`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    /// How badly blocks match, 0 to 1: half what matching left over, half the share of blocks lost.
    mismatch: f32,
    /// The same of the steps around, the worse side, its worst left out.
    around: f32,
    /// 1 − correlation after the camera's movement is undone.
    structure: f32,
    /// Difference of cells and histograms, levels.
    jump: f32,
    /// Least difference between any of three frames before and any of three after, levels: small for a flash.
    across: f32,
    /// The same, of the correlation: blind to light.
    across_structure: f32,
    /// Least difference of a frame a little later to the one before the step, or of a frame a little earlier to the one
    /// after it, against the jump: small where the picture comes back.
    back: f32,
}

impl Step {
    /// Names of [`Step::values`].
    pub(crate) const NAMES: [&str; 7] = [
        "mismatch",
        "around",
        "structure",
        "jump",
        "across",
        "across_structure",
        "back",
    ];

    pub(crate) fn values(&self) -> [f32; 7] {
        [
            self.mismatch,
            self.around,
            self.structure,
            self.jump,
            self.across,
            self.across_structure,
            self.back,
        ]
    }
}

/// Difference of two kept frames, levels.
fn apart(film: &Film<'_>, i: usize, j: usize) -> f32 {
    let (p, q) = (film.tiny(i), film.tiny(j));
    p.layout_to(q) + p.mix_to(q)
}

/// Mean of all but the largest.
fn without_worst(values: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut worst, mut n) = (0f32, 0f32, 0);
    for v in values {
        sum += v;
        worst = worst.max(v);
        n += 1;
    }
    if n > 1 { (sum - worst) / (n - 1) as f32 } else { 0.0 }
}

/// Every step of the film; the first stands for the first frame and is empty.
pub(crate) fn steps(film: &Film<'_>) -> Vec<Step> {
    let n = film.glances.len();
    let mismatch: Vec<f32> = film
        .glances
        .iter()
        .map(|g| 0.5 * (g.residual / 1.2).min(1.0) + 0.5 * g.lost)
        .collect();
    let time = |k: usize| film.glances[k].time_s;
    let mut steps = vec![Step::default(); n];
    for (k, step) in steps.iter_mut().enumerate().skip(1) {
        let jump = apart(film, k - 1, k);
        *step = Step {
            mismatch: mismatch[k],
            around: without_worst(mismatch[k.saturating_sub(AROUND).max(1)..k].iter().copied())
                .max(without_worst(mismatch[k + 1..(k + 1 + AROUND).min(n)].iter().copied())),
            structure: (1.0 - film.glances[k].correlation).clamp(0.0, 1.0),
            jump,
            across: jump,
            across_structure: 1.0,
            back: 1.0,
        };
        // The rest costs more, and most steps are nothing.
        if mismatch[k] < 0.04 && jump < 4.0 {
            step.back = 0.0;
            step.across_structure = 0.0;
            continue;
        }
        for i in k.saturating_sub(3)..k {
            for j in k..(k + 3).min(n) {
                let (p, q) = (film.tiny(i), film.tiny(j));
                step.across = step.across.min(p.layout_to(q) + p.mix_to(q));
                step.across_structure = step.across_structure.min(1.0 - p.correlation_to(q));
            }
        }
        let mut least = jump;
        for j in (k + 1..(k + 11).min(n)).take_while(|&j| time(j) - time(k) < RETURN_S) {
            least = least.min(apart(film, k - 1, j));
        }
        for i in (k.saturating_sub(11)..k - 1)
            .rev()
            .take_while(|&i| time(k - 1) - time(i) < RETURN_S)
        {
            least = least.min(apart(film, i, k));
        }
        step.back = least / (jump + 2.0);
    }
    steps
}

/// Whether only the light changes: the picture keeps its structure, but not its brightness.
fn relit(s: &Step, rise: f32) -> bool {
    rise.abs() > 0.05 && s.structure < 0.12 && s.across_structure < 0.12
}

/// How likely a step is a cut, 0 to 1: logistic regression over edits of real footage with known cuts (`benches/shots.py`).
pub(crate) fn likelihood(s: &Step) -> f32 {
    let z = -6.33 + 3.53 * (s.mismatch + 0.02).ln() - 2.57 * (s.around + 0.05).ln()
        + 0.99 * (s.across + 1.0).ln()
        + 1.57 * (s.back + 0.05).ln()
        + 0.81 * s.structure
        + 4.21 * s.across_structure.clamp(0.0, 1.0)
        - 0.53 * (s.jump + 1.0).ln();
    1.0 / (1.0 + (-z).exp())
}

/// The hard cuts of the film, in order. Blinks are no cuts.
pub(crate) fn find(film: &Film<'_>, blinks: &[Blink]) -> Vec<Cut> {
    let steps = steps(film);
    let mut likely: Vec<f32> = steps.iter().map(likelihood).collect();
    if let Some(first) = likely.first_mut() {
        *first = 0.0;
    }
    for k in 1..steps.len() {
        if relit(&steps[k], film.glances[k].light - film.glances[k - 1].light) {
            likely[k] = 0.0;
        }
    }
    for blink in blinks {
        for l in likely.iter_mut().take(blink.to + 2).skip(blink.from) {
            *l = 0.0;
        }
    }
    let at = |k: usize| likely.get(k).copied().unwrap_or(0.0);
    (1..steps.len())
        .filter(|&k| at(k) > 0.35 && at(k) >= at(k + 1) && at(k) > at(k - 1))
        .map(|k| {
            let s = &steps[k];
            let strength =
                0.5 * s.mismatch + 0.25 * s.across_structure.clamp(0.0, 1.0) + 0.25 * (s.jump / 60.0).min(1.0);
            Cut {
                step: k,
                strength: strength.clamp(0.05, 1.0),
            }
        })
        .collect()
}
