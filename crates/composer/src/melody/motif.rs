//! Motifs: a rhythm cell and a contour, and what can be made of them.

use synchresis_cue::Meter;

use crate::dice::Dice;
use crate::style::{Pattern, Step, Style};

/// A cell of one bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    rhythm: Vec<Pattern>,
    /// Which note is merged into the one before, and which is split in two.
    merge: Option<usize>,
    split: Option<usize>,
    /// Scale steps between neighbours.
    pub(crate) intervals: Vec<i32>,
}

impl Cell {
    /// Its notes in a bar of this meter.
    pub(crate) fn steps(&self, meter: Meter) -> Vec<Step> {
        let Some(pattern) = self.rhythm.iter().max_by_key(|p| p.fit(meter)) else {
            return Vec::new();
        };
        let mut steps = pattern.steps(0, meter);
        if let Some(i) = self.merge.filter(|&i| i > 0 && i < steps.len()) {
            let gone = steps.remove(i);
            steps[i - 1].len = (gone.at + gone.len - steps[i - 1].at).max(steps[i - 1].len);
        }
        if let Some(i) = self.split.filter(|&i| i < steps.len() && steps[i].len >= 0.99) {
            let half = steps[i].len / 2.0;
            steps[i].len = half;
            let second = Step {
                at: steps[i].at + half,
                len: half,
                mark: steps[i].mark,
            };
            steps.insert(i + 1, second);
        }
        steps
    }

    /// Interval before its n-th note (n ≥ 1).
    pub(crate) fn interval(&self, n: usize) -> i32 {
        if self.intervals.is_empty() {
            0
        } else {
            self.intervals[(n + self.intervals.len() - 1) % self.intervals.len()]
        }
    }
}

/// What a theme sings: its two cells and the order of its bars.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tune {
    pub(crate) head: Cell,
    pub(crate) tail: Cell,
    /// Which order its bars take.
    pub(crate) plan: usize,
    /// Scale steps by which a sequence moves.
    pub(crate) sequence: i32,
}

/// The tune number `number` of a piece; the same number is the same tune.
pub(crate) fn tune(style: &Style, seed: u64, number: usize, busy: f64, meter: Meter) -> Tune {
    let mut dice = Dice::of(seed, "tune", number as u64);
    let head = cell(style, &mut dice, busy, meter);
    let mut tail = cell(style, &mut dice, (busy + 0.12).min(1.0), meter);
    if tail.steps(meter).len() == head.steps(meter).len() && tail.intervals == head.intervals {
        tail.intervals.reverse();
    }
    let sequence = *dice.pick(&[-1, 1, -2, 2, -1]).unwrap_or(&-1);
    Tune {
        head,
        tail,
        plan: dice.below(4),
        sequence,
    }
}

fn cell(style: &Style, dice: &mut Dice, busy: f64, meter: Meter) -> Cell {
    let all: Vec<Pattern> = style
        .melody
        .rhythms
        .iter()
        .filter_map(|r| Pattern::parse(r, "xXo").ok())
        .collect();
    // Those written for the meter, if there are any; among them near to how busy the piece is.
    let best = all.iter().map(|p| p.fit(meter)).max().unwrap_or(0);
    let fitting: Vec<&Pattern> = all.iter().filter(|p| p.fit(meter) == best).collect();
    let n = fitting.len().max(1) as f64;
    let place = (busy * (n - 1.0) + dice.normal() * 0.22 * n)
        .round()
        .clamp(0.0, n - 1.0) as usize;
    let Some(&chosen) = fitting.get(place) else {
        return Cell {
            rhythm: all,
            merge: None,
            split: None,
            intervals: vec![1, 1, -1],
        };
    };
    let mut rhythm = vec![chosen.clone()];
    rhythm.extend(all.iter().filter(|p| p.fit(meter) != best).cloned());
    let count = chosen.steps(0, meter).len();
    let merge = (count > 3 && dice.chance(0.3)).then(|| 1 + dice.below(count - 1));
    let split = (count < 5 && dice.chance(0.35)).then(|| dice.below(count));
    let intervals = contour(dice, count.max(4) + 1, style.melody.leaps);
    Cell {
        rhythm,
        merge,
        split,
        intervals,
    }
}

/// A line of steps with a shape, one leap that is its face, and the leap made good by going back.
fn contour(dice: &mut Dice, count: usize, leaps: f64) -> Vec<i32> {
    let shape = dice.below(5);
    let mut line: Vec<i32> = (0..count)
        .map(|i| {
            let late = i * 2 >= count;
            let up = match shape {
                0 => !late,      // arch
                1 => false,      // descent
                2 => true,       // ascent
                3 => late,       // valley
                _ => i % 2 == 0, // wave
            };
            let size = if dice.chance(0.18 + leaps * 0.3) { 2 } else { 1 };
            if dice.chance(0.1) {
                0
            } else if dice.chance(0.84) == up {
                size
            } else {
                -size
            }
        })
        .collect();
    // The leap stands early enough to be answered within the cell.
    let at = dice.below(count.saturating_sub(3).max(1));
    if dice.chance(0.4 + leaps * 0.8) {
        let sign = if dice.chance(0.65) { 1 } else { -1 };
        line[at] = sign * *dice.pick(&[3, 4, 2, 5, 3, 4]).unwrap_or(&4);
        if let Some(after) = line.get_mut(at + 1) {
            *after = -sign;
        }
    }
    // A line that wanders off is folded back.
    let mut sum = 0;
    for step in &mut line {
        if (sum + *step).abs() > 6 {
            *step = -*step;
        }
        sum += *step;
    }
    if line.iter().all(|&s| s == 0) {
        line[0] = 2;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_have_the_same_motif_too_often() {
        let style = crate::style::find("piano-solo").expect("there");
        let meter = Meter { beats: 4, unit: 4 };
        let tunes: Vec<Tune> = (0..200).map(|seed| tune(style, seed, 0, 0.5, meter)).collect();
        let twins = (0..200)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .filter(|&(i, j)| tunes[i] == tunes[j])
            .count();
        assert_eq!(twins, 0);
    }
}
