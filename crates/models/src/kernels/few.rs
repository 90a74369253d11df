//! A few rows times weights as they lie: memory is what is waited for, so each weight is read once.

use super::After;
use super::lanes::{Arithmetic, Work};
use super::shared::Shared;
use super::weights::{Weights, along_rows};

/// How many rows of weights before they are wanted memory is asked for them, where one row is multiplied and nothing else is waited for.
const AHEAD: usize = 2;

/// A few rows times some of the weights, each of which is read once.
pub(super) struct Few<'a> {
    /// Rows × from.
    pub(super) x: &'a [f32],
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weights: Weights<'a>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) after: After,
    /// Which of those that come out, from and up to.
    pub(super) columns: (usize, usize),
    pub(super) out: &'a Shared<'a>,
}

impl Work for Few<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let rows = |row: usize| &self.x[row * self.from..][..self.from];
        let all = self.x.len() / self.from.max(1);
        if all == 1 {
            for column in self.columns.0..self.columns.1 {
                if column + AHEAD < self.columns.1 {
                    self.weights.fetch(column + AHEAD, self.from, 0, self.from);
                }
                self.tell::<A>(0, column, self.weights.times::<A>(column, rows(0)));
            }
            return;
        }
        // Once as single numbers for all rows, three of which go together.
        let mut line = vec![0.0; self.from];
        for column in self.columns.0..self.columns.1 {
            let weights = match self.weights {
                Weights::Single(all) => &all[column * self.from..][..self.from],
                _ => {
                    self.weights.widen::<A>(column, self.from, 0, &mut line);
                    &line
                }
            };
            let share = self.from.div_ceil(all.div_ceil(3));
            for row in (0..all).step_by(3) {
                // A share of the next weights comes from memory meanwhile.
                if column + 1 < self.columns.1 {
                    self.weights.fetch(column + 1, self.from, row / 3 * share, share);
                }
                if row + 3 <= all {
                    let sums = along_rows::<A, 3>(weights, [0, 1, 2].map(|n| rows(row + n)));
                    for (row, sum) in (row..).zip(sums) {
                        self.tell::<A>(row, column, sum);
                    }
                } else {
                    for row in row..all {
                        let [sum] = along_rows::<A, 1>(weights, [rows(row)]);
                        self.tell::<A>(row, column, sum);
                    }
                }
            }
        }
    }
}

impl Few<'_> {
    #[inline(always)]
    fn tell<A: Arithmetic>(&self, row: usize, column: usize, sum: f32) {
        // SAFETY: no other piece has these columns.
        #[expect(unsafe_code, reason = "threads write columns of their own")]
        let out = unsafe { self.out.part(row * self.to + column, 1) };
        out[0] = sum + self.bias.map_or(0.0, |bias| bias[column]);
        self.after.bend::<A>(out);
    }
}
