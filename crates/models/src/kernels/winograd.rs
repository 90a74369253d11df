//! Convolutions of 3 × 3 by Winograd's way, F(4 × 4, 3 × 3): a tile of 4 × 4 results takes 36 products where it would take 144
//! (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015; the points 0, ±1, ±2 and ∞).

use super::lanes::{Arithmetic, Octet, each};

/// Results of a tile along each side.
pub(super) const TILE: usize = 4;
/// Numbers that a tile of results depends on along each side.
pub(super) const REACH: usize = 6;
/// Products of a tile.
pub(super) const POINTS: usize = REACH * REACH;

/// One side of the way in: what six neighbours are at the six points.
#[inline(always)]
fn to_points<A: Arithmetic>(d: [Octet; REACH]) -> [Octet; REACH] {
    let even = |a: f32, b: f32, lane: usize| {
        // d[4] + a·d[2] at ±1 and ±2, and its odd companion.
        (A::fused(a, d[2][lane], d[4][lane]), A::fused(b, d[1][lane], d[3][lane]))
    };
    [
        each(|n| A::fused(4.0, d[0][n], A::fused(-5.0, d[2][n], d[4][n]))),
        each(|n| {
            let (e, o) = even(-4.0, -4.0, n);
            e + o
        }),
        each(|n| {
            let (e, o) = even(-4.0, -4.0, n);
            e - o
        }),
        each(|n| {
            let (e, o) = even(-1.0, -1.0, n);
            A::fused(2.0, o, e)
        }),
        each(|n| {
            let (e, o) = even(-1.0, -1.0, n);
            A::fused(-2.0, o, e)
        }),
        each(|n| A::fused(4.0, d[1][n], A::fused(-5.0, d[3][n], d[5][n]))),
    ]
}

/// One side of the way out: four results from what six points say.
#[inline(always)]
fn from_points<A: Arithmetic>(m: [Octet; REACH]) -> [Octet; TILE] {
    let near = |n: usize| (m[1][n] + m[2][n], m[1][n] - m[2][n]);
    let far = |n: usize| (m[3][n] + m[4][n], m[3][n] - m[4][n]);
    [
        each(|n| m[0][n] + near(n).0 + far(n).0),
        each(|n| A::fused(2.0, far(n).1, near(n).1)),
        each(|n| A::fused(4.0, far(n).0, near(n).0)),
        each(|n| A::fused(8.0, far(n).1, near(n).1) + m[5][n]),
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
        let (near, far) = (|n: usize| g[0][n] + g[2][n], |n: usize| A::fused(4.0, g[2][n], g[0][n]));
        [
            each(|n| g[0][n] * 0.25),
            each(|n| (near(n) + g[1][n]) * (-1.0 / 6.0)),
            each(|n| (near(n) - g[1][n]) * (-1.0 / 6.0)),
            each(|n| A::fused(2.0, g[1][n], far(n)) * (1.0 / 24.0)),
            each(|n| A::fused(-2.0, g[1][n], far(n)) * (1.0 / 24.0)),
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
