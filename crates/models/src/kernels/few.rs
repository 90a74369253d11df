//! A few rows times weights as they lie: memory is what is waited for, so each weight is read once.

use super::dense::Layer;
use super::lanes::{Arithmetic, Work};
use super::shared::Shared;
use super::weights::{Weights, along_rows};

/// A few rows times some of the weights, each of which is read once.
pub(super) struct Few<'a> {
    pub(super) layer: &'a Layer<'a>,
    pub(super) columns: (usize, usize),
    pub(super) out: &'a Shared<'a>,
}

impl Work for Few<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let layer = self.layer;
        let rows = |row: usize| &layer.x[row * layer.from..][..layer.from];
        if layer.rows == 1 {
            for column in self.columns.0..self.columns.1 {
                self.tell::<A>(0, column, layer.weights.times::<A>(column, rows(0)));
            }
            return;
        }
        // Once as single numbers for all rows, three of which go together.
        let mut line = vec![0.0; layer.from];
        for column in self.columns.0..self.columns.1 {
            let weights = match layer.weights {
                Weights::Single(all) => &all[column * layer.from..][..layer.from],
                _ => {
                    layer.weights.widen::<A>(column, layer.from, 0, &mut line);
                    &line
                }
            };
            let share = layer.from.div_ceil(layer.rows.div_ceil(3));
            for row in (0..layer.rows).step_by(3) {
                // A share of the next weights comes from memory meanwhile.
                if column + 1 < self.columns.1 {
                    layer.weights.fetch(column + 1, layer.from, row / 3 * share, share);
                }
                if row + 3 <= layer.rows {
                    let sums = along_rows::<A, 3>(weights, [0, 1, 2].map(|n| rows(row + n)));
                    for (row, sum) in (row..).zip(sums) {
                        self.tell::<A>(row, column, sum);
                    }
                } else {
                    for row in row..layer.rows {
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
        let layer = self.layer;
        // SAFETY: no other piece has these columns.
        #[expect(unsafe_code, reason = "threads write columns of their own")]
        let out = unsafe { self.out.part(row * layer.to + column, 1) };
        out[0] = sum + layer.bias.map_or(0.0, |bias| bias[column]);
        layer.after.bend::<A>(out);
    }
}
