//! Products of matrices that lie in panels, so that the kernel in the middle reads both in order.

use super::lanes::Arithmetic;

/// Rows that the kernel computes at once.
pub(super) const ROWS: usize = 6;
/// Columns that the kernel computes at once.
pub(super) const COLUMNS: usize = 16;

/// A column of a panel of the left matrix.
pub(super) type Left = [f32; ROWS];
/// A row of a panel of the right matrix.
pub(super) type Right = [f32; COLUMNS];
/// What a panel of rows and one of columns make.
pub(super) type Sums = [Right; ROWS];

/// Panels of a matrix: so many, `step` apart.
#[derive(Debug)]
pub(super) struct Panels<'a, P> {
    pub(super) all: &'a [P],
    pub(super) step: usize,
    pub(super) count: usize,
}

impl<'a, P> Panels<'a, P> {
    #[inline(always)]
    fn at(&self, panel: usize, deep: usize) -> &'a [P] {
        &self.all[panel * self.step..][..deep]
    }
}

/// The products of every panel of rows with every panel of columns, over as many steps as `deep`: `told(row, column, sums)`, panel of rows by
/// panel of rows. Sums of a product are in the order of its steps, in whatever lanes.
#[inline(always)]
pub(super) fn products<A: Arithmetic>(
    left: &Panels<'_, Left>,
    right: &Panels<'_, Right>,
    deep: usize,
    mut told: impl FnMut(usize, usize, &Sums),
) {
    let mut sums = [[[[0.0; COLUMNS]; ROWS]; 2]; 2];
    for row in (0..left.count).step_by(A::SIDE) {
        let rows = A::SIDE.min(left.count - row);
        for column in (0..right.count).step_by(A::SIDE) {
            let columns = A::SIDE.min(right.count - column);
            let (l, r) = (|n| left.at(row + n, deep), |n| right.at(column + n, deep));
            match (rows, columns) {
                (2, 2) => product::<A, 2, 2>([l(0), l(1)], [r(0), r(1)], &mut sums),
                (2, _) => product::<A, 2, 1>([l(0), l(1)], [r(0)], &mut sums),
                (_, 2) => product::<A, 1, 2>([l(0)], [r(0), r(1)], &mut sums),
                _ => product::<A, 1, 1>([l(0)], [r(0)], &mut sums),
            }
            // In one place, or it is not compiled for this processor.
            for (row, sums) in (row..).zip(&sums[..rows]) {
                for (column, sums) in (column..).zip(&sums[..columns]) {
                    told(row, column, sums);
                }
            }
        }
    }
}

/// Of each of the panels of rows with each of those of columns, all as deep as the first. Sums stay in registers: twelve of eight numbers for
/// a pair of panels, twenty-four of sixteen for two by two.
#[inline(always)]
fn product<A: Arithmetic, const L: usize, const R: usize>(
    left: [&[Left]; L],
    right: [&[Right]; R],
    out: &mut [[Sums; 2]; 2],
) {
    #[cfg(target_arch = "x86_64")]
    if A::SIDE == 2 {
        // SAFETY: only the arithmetic that is chosen where AVX-512 was found has two panels a side.
        #[expect(unsafe_code, reason = "the compiler takes half of the registers")]
        return unsafe { sixteen::product(left, right, out) };
    }
    for (left, out) in left.iter().zip(out) {
        for (right, out) in right.iter().zip(out) {
            let mut sums = [[0.0; COLUMNS]; ROWS];
            for (left, right) in left.iter().zip(*right) {
                for (sum, &a) in sums.iter_mut().zip(left) {
                    for (sum, &b) in sum.iter_mut().zip(right) {
                        *sum = A::fused(a, b, *sum);
                    }
                }
            }
            *out = sums;
        }
    }
}

/// The same in lanes of sixteen.
#[cfg(target_arch = "x86_64")]
mod sixteen {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps};

    use super::{Left, ROWS, Right, Sums};

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn product<const L: usize, const R: usize>(
        left: [&[Left]; L],
        right: [&[Right]; R],
        out: &mut [[Sums; 2]; 2],
    ) {
        let deep = left[0].len();
        let (left, right) = (left.map(|panel| &panel[..deep]), right.map(|panel| &panel[..deep]));
        let mut sums = [[[_mm512_setzero_ps(); ROWS]; R]; L];
        for step in 0..deep {
            // SAFETY: sixteen numbers.
            #[expect(unsafe_code, reason = "how numbers come into a register")]
            let right = right.map(|panel| unsafe { _mm512_loadu_ps(panel[step].as_ptr()) });
            for (sums, panel) in sums.iter_mut().zip(left) {
                for (row, a) in panel[step].iter().enumerate() {
                    let a = _mm512_set1_ps(*a);
                    for (sums, b) in sums.iter_mut().zip(right) {
                        sums[row] = _mm512_fmadd_ps(a, b, sums[row]);
                    }
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            for (out, sums) in out.iter_mut().zip(sums) {
                for (out, sum) in out.iter_mut().zip(sums) {
                    // SAFETY: sixteen numbers.
                    #[expect(unsafe_code, reason = "how numbers come out of a register")]
                    unsafe {
                        _mm512_storeu_ps(out.as_mut_ptr(), *sum);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::drawn;
    use crate::kernels::lanes::{Work, narrower, widest};

    struct Multiply<'a> {
        left: &'a Panels<'a, Left>,
        right: &'a Panels<'a, Right>,
        deep: usize,
        out: &'a mut Vec<(usize, usize, Sums)>,
    }

    impl Work for Multiply<'_> {
        #[inline(always)]
        fn run<A: Arithmetic>(self) {
            products::<A>(self.left, self.right, self.deep, |row, column, sums| {
                self.out.push((row, column, *sums));
            });
        }
    }

    #[test]
    fn a_wider_processor_multiplies_otherwise_or_leaves_a_panel_out() {
        const STEP: usize = 40;
        for (rows, columns, deep) in [(1, 1, 1), (2, 2, 37), (3, 1, 40), (1, 3, 12), (5, 3, 33), (2, 5, 0)] {
            let (left, right) = (drawn(rows * STEP * ROWS, 1), drawn(columns * STEP * COLUMNS, 2));
            let left = Panels {
                all: left.as_chunks::<ROWS>().0,
                step: STEP,
                count: rows,
            };
            let right = Panels {
                all: right.as_chunks::<COLUMNS>().0,
                step: STEP,
                count: columns,
            };
            let [wide, narrow] = [true, false].map(|wide| {
                let mut out = Vec::new();
                let work = Multiply {
                    left: &left,
                    right: &right,
                    deep,
                    out: &mut out,
                };
                if wide {
                    widest(work)
                } else {
                    narrower(work)
                }
                out.sort_by_key(|(row, column, _)| (*row, *column));
                out
            });
            assert_eq!(wide.len(), rows * columns);
            assert_eq!(wide, narrow, "{rows} by {columns} panels, {deep} deep");
            for (row, column, sums) in &wide {
                for (place, sum) in sums.as_flattened().iter().enumerate() {
                    let (a, b) = (left.at(*row, deep), right.at(*column, deep));
                    let exact = a
                        .iter()
                        .zip(b)
                        .map(|(a, b)| f64::from(a[place / COLUMNS]) * f64::from(b[place % COLUMNS]));
                    assert!((f64::from(*sum) - exact.sum::<f64>()).abs() < 1e-5);
                }
            }
        }
    }
}
