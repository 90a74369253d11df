//! Convolutions of 3 × 3 by Winograd's way, F(4 × 4, 3 × 3): a tile of 4 × 4 results takes 36 products where it would take 144
//! (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015). The points are 0, ±√½, ±√2 and ∞: their results are half as
//! far off as those of the usual 0, ±1, ±2 and ∞, and the numbers that stand between are as few.

use super::lanes::{Arithmetic, Octet, each};

/// Results of a tile along each side.
pub(super) const TILE: usize = 4;
/// Numbers that a tile of results depends on along each side.
pub(super) const REACH: usize = 6;
/// Products of a tile.
pub(super) const POINTS: usize = REACH * REACH;

/// √½ and √2, the points but 0 and ∞, with both signs.
const NEAR: f32 = std::f32::consts::FRAC_1_SQRT_2;
const FAR: f32 = std::f32::consts::SQRT_2;

/// One side of the way in: what six neighbours are at the six points.
#[inline(always)]
fn to_points<A: Arithmetic>(d: [Octet; REACH]) -> [Octet; REACH] {
    // At a point and its opposite; the square of the other two is `other`.
    let pair = |point: f32, other: f32| {
        let even = each(|n| A::fused(-other, d[2][n], d[4][n]));
        let odd = each(|n| A::fused(-other, d[1][n], d[3][n]));
        [
            each(|n| A::fused(point, odd[n], even[n])),
            each(|n| A::fused(point, -odd[n], even[n])),
        ]
    };
    let end = |from: usize| each(|n| A::fused(-2.5, d[from + 2][n], d[from][n] + d[from + 4][n]));
    let ([near, near_below], [far, far_below]) = (pair(NEAR, 2.0), pair(FAR, 0.5));
    [end(0), near, near_below, far, far_below, end(1)]
}

/// One side of the way out: four results from what six points say.
#[inline(always)]
fn from_points<A: Arithmetic>(m: [Octet; REACH]) -> [Octet; TILE] {
    let near = |n: usize| (m[1][n] + m[2][n], m[1][n] - m[2][n]);
    let far = |n: usize| (m[3][n] + m[4][n], m[3][n] - m[4][n]);
    [
        each(|n| m[0][n] + near(n).0 + far(n).0),
        each(|n| A::fused(2.0, far(n).1, near(n).1) * NEAR),
        each(|n| A::fused(2.0, far(n).0, near(n).0 * 0.5)),
        each(|n| A::fused(NEAR / 2.0, A::fused(8.0, far(n).1, near(n).1), m[5][n])),
    ]
}

/// What eight tiles are at the 36 points: from their numbers, row by row, a lane a tile.
#[inline(always)]
pub(super) fn tiles_to_points<A: Arithmetic>(d: impl Fn(usize) -> Octet, mut out: impl FnMut(usize, Octet)) {
    let mut half = [[0.0; 8]; POINTS];
    for column in 0..REACH {
        let points = to_points::<A>(std::array::from_fn(|row| d(row * REACH + column)));
        for row in 0..REACH {
            half[row * REACH + column] = points[row];
        }
    }
    for row in 0..REACH {
        let points = to_points::<A>(std::array::from_fn(|column| half[row * REACH + column]));
        for (column, point) in points.iter().enumerate() {
            out(row * REACH + column, *point);
        }
    }
}

/// The 4 × 4 results of eight tiles, a row at a time, from their sums at the 36 points.
#[inline(always)]
pub(super) fn points_to_tiles<A: Arithmetic>(m: impl Fn(usize) -> Octet, mut out: impl FnMut(usize, [Octet; TILE])) {
    let mut half = [[0.0; 8]; TILE * REACH];
    for column in 0..REACH {
        let results = from_points::<A>(std::array::from_fn(|row| m(row * REACH + column)));
        for row in 0..TILE {
            half[row * REACH + column] = results[row];
        }
    }
    for row in 0..TILE {
        out(
            row,
            from_points::<A>(std::array::from_fn(|column| half[row * REACH + column])),
        );
    }
}

/// What up to eight kernels of 3 × 3, lane by lane, are at the 36 points.
#[inline(always)]
pub(super) fn kernels_to_points<A: Arithmetic>(kernels: &[Octet; 9], mut out: impl FnMut(usize, Octet)) {
    let side = |g: [Octet; 3]| -> [Octet; REACH] {
        let at = |point: f32, square: f32, share: f32| {
            each(|n| A::fused(point, g[1][n], A::fused(square, g[2][n], g[0][n])) * share)
        };
        [
            g[0],
            at(NEAR, 0.5, -2.0 / 3.0),
            at(-NEAR, 0.5, -2.0 / 3.0),
            at(FAR, 2.0, 1.0 / 6.0),
            at(-FAR, 2.0, 1.0 / 6.0),
            g[2],
        ]
    };
    let column = |column: usize| side([kernels[column], kernels[3 + column], kernels[6 + column]]);
    let [left, middle, right] = [column(0), column(1), column(2)];
    for (row, ((left, middle), right)) in left.iter().zip(&middle).zip(&right).enumerate() {
        for (column, point) in side([*left, *middle, *right]).iter().enumerate() {
            out(row * REACH + column, *point);
        }
    }
}
