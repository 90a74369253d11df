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

/// The product of a panel of rows and a panel of columns: as many steps as the shorter has. Twelve vectors of sums stay in registers.
#[inline(always)]
pub(super) fn product<A: Arithmetic>(left: &[Left], right: &[Right]) -> [Right; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for (sum, &a) in sums.iter_mut().zip(left) {
            for (sum, &b) in sum.iter_mut().zip(right) {
                *sum = A::fused(a, b, *sum);
            }
        }
    }
    sums
}
