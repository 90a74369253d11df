//! Makes the tempo curve as smooth as the hits allow.
//!
//! The search leaves the tempo in steps. With the bars' lengths and the hits' places fixed, the times of the bar lines
//! are found anew: the sum of squared changes of tempo from bar to bar is the least that still puts every hit on its
//! eighth. That is a quadratic programme with linear equalities; its optimality conditions are a banded linear system.
//! Where the optimum would break a limit, that place weighs more and the system is solved again; what is still beyond
//! the limits is drawn back towards the search's own curve, which keeps them.

use super::reach::{Path, Rules};
use super::{BAND, SLEW};

/// An equality: its multiplier, the bar lines it holds with their shares, and the time they come to.
type Fixed = (usize, [(usize, f64); 2], f64);

/// A stretch of bars with a pulse, and the hits in it: bar, eighths after its line, seconds.
struct Run {
    lens: Vec<f64>,
    eighths: Vec<f64>,
    start_s: f64,
    end_s: f64,
    hits: Vec<(usize, f64, f64)>,
}

/// The same path with a smoother tempo.
pub(super) fn smooth(mut path: Path, rules: &Rules) -> Path {
    let mut first = 0;
    while first < path.bars.len() {
        if path.bars[first].free {
            first += 1;
            continue;
        }
        let end = (first..path.bars.len())
            .find(|&i| path.bars[i].free)
            .unwrap_or(path.bars.len());
        let run = Run::of(&path, first, end);
        if let Some(eighths) = run.solve(rules) {
            let mut at = run.start_s;
            for (bar, eighth) in path.bars[first..end].iter_mut().zip(eighths) {
                bar.start_s = at;
                bar.eighth_s = eighth;
                at += f64::from(bar.len) * eighth;
            }
        }
        first = end;
    }
    path
}

impl Run {
    fn of(path: &Path, first: usize, end: usize) -> Self {
        let bars = &path.bars[first..end];
        let start_s = bars[0].start_s;
        let end_s = path.bars.get(end).map_or(path.end_s, |b| b.start_s);
        let inside = |&&(_, bar, place): &&(usize, usize, u32)| bar >= first && bar < end && (bar, place) != (first, 0);
        let hits = path
            .taken
            .iter()
            .filter(inside)
            // Where the search put it: a pushed hit lies a little beside its own time.
            .map(|&(_, bar, place)| {
                let (laid, place) = (&path.bars[bar], f64::from(place));
                (bar - first, place, laid.start_s + place * laid.eighth_s)
            });
        Self {
            lens: bars.iter().map(|b| f64::from(b.len)).collect(),
            eighths: bars.iter().map(|b| b.eighth_s).collect(),
            start_s,
            end_s,
            hits: hits.collect(),
        }
    }

    /// New lengths of an eighth, or nothing where the search's own are as good as any.
    fn solve(&self, rules: &Rules) -> Option<Vec<f64>> {
        let count = self.lens.len();
        if count < 3 || self.eighths.windows(2).all(|w| (w[1] / w[0] - 1.0).abs() < 1e-9) {
            return None;
        }
        let mut weights = vec![1.0; count - 1];
        let mut best = None;
        for _ in 0..8 {
            let solved = self.system(&weights, rules)?;
            let broken: Vec<usize> = (0..count - 1).filter(|&i| !steps(solved[i], solved[i + 1])).collect();
            let done = broken.is_empty();
            best = Some(solved);
            if done {
                break;
            }
            for i in broken {
                weights[i] *= 4.0;
            }
        }
        let solved = best?;
        // Both curves meet every hit, so every mixture of them does: take the most of the smoother one that is lawful.
        let mixed = |share: f64| -> Vec<f64> {
            self.eighths
                .iter()
                .zip(&solved)
                .map(|(old, new)| old + share * (new - old))
                .collect()
        };
        let lawful = |eighths: &[f64]| {
            let band = |e: &f64| (rules.eighth_s / e - 1.0).abs() <= BAND;
            eighths.iter().all(band) && eighths.windows(2).all(|w| steps(w[0], w[1]))
        };
        if lawful(&solved) {
            return Some(solved);
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if lawful(&mixed(middle)) {
                low = middle
            } else {
                high = middle
            }
        }
        (low > 0.0 && lawful(&mixed(low))).then(|| mixed(low))
    }

    /// Solves the optimality conditions for the times of the bar lines, with a multiplier for each hit.
    fn system(&self, weights: &[f64], rules: &Rules) -> Option<Vec<f64>> {
        let count = self.lens.len();
        // Unknowns in the order of time: each line, then the multipliers of what it closes.
        let mut line = vec![0; count + 1];
        let mut fixed: Vec<Fixed> = Vec::new();
        let mut next = 0;
        let mut hit = 0;
        for (bar, slot) in line.iter_mut().enumerate() {
            *slot = next;
            next += 1;
            if bar == 0 || bar == count {
                let time = if bar == 0 { 0.0 } else { self.end_s - self.start_s };
                fixed.push((next, [(bar, 1.0), (bar, 0.0)], time));
                next += 1;
            }
            while let Some(&(at, place, time)) = self.hits.get(hit) {
                let closes = if place == 0.0 { at } else { at + 1 };
                if closes > bar {
                    break;
                }
                hit += 1;
                let share = place / self.lens[at];
                let ends = if place == 0.0 {
                    [(at, 1.0), (at, 0.0)]
                } else {
                    [(at, 1.0 - share), (at + 1, share)]
                };
                fixed.push((next, ends, time - self.start_s));
                next += 1;
            }
        }
        let mut system = Band::new(next, 12);
        for i in 0..count {
            // A pull to the main tempo, weak enough to matter only where nothing else does.
            let inverse = 1.0 / self.lens[i];
            let terms = [(line[i], -inverse), (line[i + 1], inverse)];
            for (a, x) in terms {
                for (b, y) in terms {
                    system.add(a, b, PULL * x * y)?;
                }
                system.right[a] += PULL * x * rules.eighth_s;
            }
        }
        for (i, weight) in weights.iter().enumerate() {
            let (one, two) = (1.0 / self.lens[i], 1.0 / self.lens[i + 1]);
            let terms = [(line[i], one), (line[i + 1], -one - two), (line[i + 2], two)];
            for (a, x) in terms {
                for (b, y) in terms {
                    system.add(a, b, weight * x * y)?;
                }
            }
        }
        for (multiplier, ends, time) in fixed {
            for (bar, share) in ends.into_iter().filter(|e| e.1 != 0.0) {
                system.add(multiplier, line[bar], share)?;
                system.add(line[bar], multiplier, share)?;
            }
            system.right[multiplier] = time;
        }
        let solved = system.solve()?;
        let eighths: Vec<f64> = (0..count)
            .map(|i| (solved[line[i + 1]] - solved[line[i]]) / self.lens[i])
            .collect();
        eighths.iter().all(|e| e.is_finite() && *e > 0.0).then_some(eighths)
    }
}

/// Weight of the pull to the main tempo against that of a change.
const PULL: f64 = 0.003;

fn steps(before: f64, after: f64) -> bool {
    (before / after - 1.0).abs() <= SLEW
}

/// A banded linear system, solved by elimination with partial pivoting.
struct Band {
    width: usize,
    /// Row by row, columns from `row − width` to `row + 2·width`.
    rows: Vec<Vec<f64>>,
    right: Vec<f64>,
}

impl Band {
    fn new(size: usize, width: usize) -> Self {
        Self {
            width,
            rows: vec![vec![0.0; 3 * width + 1]; size],
            right: vec![0.0; size],
        }
    }

    fn add(&mut self, row: usize, column: usize, value: f64) -> Option<()> {
        let slot = (column + self.width)
            .checked_sub(row)
            .filter(|s| *s <= 2 * self.width)?;
        self.rows[row][slot] += value;
        Some(())
    }

    fn solve(mut self) -> Option<Vec<f64>> {
        let (size, width) = (self.rows.len(), self.width);
        for column in 0..size {
            let last = (column + width).min(size - 1);
            let at = |row: usize| column + width - row;
            let pivot = (column..=last).max_by(|&a, &b| {
                self.rows[a][at(a)]
                    .abs()
                    .total_cmp(&self.rows[b][at(b)].abs())
                    .then(b.cmp(&a))
            })?;
            if self.rows[pivot][at(pivot)].abs() < 1e-12 {
                return None;
            }
            let reach = (column + 2 * width).min(size - 1);
            if pivot != column {
                self.right.swap(pivot, column);
                for c in column..=reach {
                    let (a, b) = (c + width - column, c + width - pivot);
                    let kept = self.rows[column][a];
                    self.rows[column][a] = self.rows[pivot][b];
                    self.rows[pivot][b] = kept;
                }
            }
            let head = self.rows[column].clone();
            for row in column + 1..=last {
                let factor = self.rows[row][at(row)] / head[width];
                if factor == 0.0 {
                    continue;
                }
                for c in column..=reach {
                    self.rows[row][c + width - row] -= factor * head[c + width - column];
                }
                self.right[row] -= factor * self.right[column];
            }
        }
        let mut solved = vec![0.0; size];
        for row in (0..size).rev() {
            let reach = (row + 2 * width).min(size - 1);
            let known: f64 = (row + 1..=reach)
                .map(|c| self.rows[row][c + width - row] * solved[c])
                .sum();
            solved[row] = (self.right[row] - known) / self.rows[row][width];
        }
        Some(solved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spot::reach::Laid;

    #[test]
    fn a_tempo_in_steps_stays_in_steps() {
        let bars: Vec<Laid> = (0..12)
            .scan(0.0, |at, i| {
                let eighth_s = if i < 6 { 0.25 } else { 0.2575 };
                let bar = Laid {
                    start_s: *at,
                    len: 8,
                    eighth_s,
                    free: false,
                };
                *at += 8.0 * eighth_s;
                Some(bar)
            })
            .collect();
        let end_s = 6.0 * 2.0 + 6.0 * 2.06;
        let hit_s = 12.0 + 3.0 * 0.2575;
        let taken = vec![(0, 0, 0), (1, 6, 3), (2, 12, 0)];
        let path = Path {
            bars,
            taken,
            end_s,
            cost: 0.0,
            last_eighth_s: 0.2575,
        };
        let rules = Rules {
            bar: 8,
            others: vec![],
            eighth_s: 0.253,
            steady: 0.5,
            push_s: 0.0,
            frame_s: 0.04,
            beam: 10,
        };
        let smoothed = smooth(path, &rules);
        let largest = smoothed
            .bars
            .windows(2)
            .map(|w| (w[1].eighth_s / w[0].eighth_s - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(largest < 0.012, "{largest}");
        let held = &smoothed.bars[6];
        assert!((held.start_s + 3.0 * held.eighth_s - hit_s).abs() < 1e-9);
        let last = &smoothed.bars[11];
        assert!((last.start_s + 8.0 * last.eighth_s - end_s).abs() < 1e-9);
    }
}
