//! Smooth fields, dither and grain, all drawn from a seed.

use std::sync::OnceLock;

/// SplitMix64 (Steele, Lea and Flood 2014): a well-mixed number for each of `seed`.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from −1 to 1 for `(seed, a, b)`.
pub(crate) fn signed(seed: u64, a: i64, b: i64) -> f32 {
    let z = mix(seed ^ mix((a as u64).wrapping_mul(0x9e37_79b9) ^ mix(b as u64)));
    (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// A smooth curve through time: values from −1 to 1, about one swing every `1 / rate` units.
pub(crate) fn wander(seed: u64, x: f64) -> f32 {
    let i = x.floor();
    let f = (x - i) as f32;
    let at = |k: i64| signed(seed, i as i64 + k, 7);
    // Uniform cubic B-spline: twice differentiable, so a camera that follows it does not jerk.
    let (a, b, c, d) = (at(-1), at(0), at(1), at(2));
    let (f2, f3) = (f * f, f * f * f);
    ((1.0 - 3.0 * f + 3.0 * f2 - f3) * a
        + (4.0 - 6.0 * f2 + 3.0 * f3) * b
        + (1.0 + 3.0 * f + 3.0 * f2 - 3.0 * f3) * c
        + f3 * d)
        / 6.0
}

/// A smooth field on `columns` by `rows` points whose swells are about `size` points wide, −1 to 1 or so, two octaves.
pub(crate) fn field(seed: u64, columns: usize, rows: usize, size: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(columns * rows);
    for y in 0..rows {
        for x in 0..columns {
            let (x, y) = (x as f32 / size, y as f32 / size);
            out.push(spline(seed, x, y) * 1.6 + spline(seed ^ 0x51, x * 2.1, y * 2.1) * 0.5);
        }
    }
    out
}

fn spline(seed: u64, x: f32, y: f32) -> f32 {
    let (ix, iy) = (x.floor(), y.floor());
    let weights = |f: f32| {
        let (f2, f3) = (f * f, f * f * f);
        [
            (1.0 - 3.0 * f + 3.0 * f2 - f3) / 6.0,
            (4.0 - 6.0 * f2 + 3.0 * f3) / 6.0,
            (1.0 + 3.0 * f + 3.0 * f2 - 3.0 * f3) / 6.0,
            f3 / 6.0,
        ]
    };
    let (wx, wy) = (weights(x - ix), weights(y - iy));
    let mut sum = 0.0;
    for (j, wy) in wy.iter().enumerate() {
        for (i, wx) in wx.iter().enumerate() {
            sum += wx * wy * signed(seed, ix as i64 + i as i64, iy as i64 + j as i64);
        }
    }
    sum
}

/// Side of the dither and grain tiles.
pub(crate) const TILE: usize = 64;

/// Blue noise with a triangular distribution, −1 to 1 of a code, mean 0; the same in every frame, so that it never
/// shimmers.
pub(crate) fn dither_tile() -> &'static [f32] {
    static DITHER: OnceLock<Vec<f32>> = OnceLock::new();
    DITHER.get_or_init(|| {
        let n = TILE * TILE;
        rank_by_void(0x5eed)
            .into_iter()
            .map(|rank| {
                // From uniform to triangular on −1 to 1 through the inverse of its distribution.
                let u = (rank as f32 + 0.5) / n as f32;
                if u < 0.5 {
                    (2.0 * u).sqrt() - 1.0
                } else {
                    1.0 - (2.0 * (1.0 - u)).sqrt()
                }
            })
            .collect()
    })
}

/// The order in which points of a tile are set so that each falls into the largest void left: after the
/// void-and-cluster method (Ulichney 1993), by its first phase alone, run from one point to a full tile.
fn rank_by_void(seed: u64) -> Vec<usize> {
    let n = TILE * TILE;
    let reach = 9i32;
    let mut kernel = Vec::new();
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let d2 = (dx * dx + dy * dy) as f32;
            kernel.push((dx, dy, (-d2 / (2.0 * 1.9 * 1.9)).exp()));
        }
    }
    // A little unevenness at the start breaks the ties of an empty tile.
    let mut crowd: Vec<f32> = (0..n).map(|i| signed(seed, i as i64, 0) * 1e-4).collect();
    let mut rank = vec![0usize; n];
    let side = TILE as i32;
    for r in 0..n {
        let mut best = 0;
        for i in 1..n {
            if crowd[i] < crowd[best] {
                best = i;
            }
        }
        rank[best] = r;
        let (x, y) = ((best % TILE) as i32, (best / TILE) as i32);
        for (dx, dy, k) in &kernel {
            let (kx, ky) = ((x + dx).rem_euclid(side), (y + dy).rem_euclid(side));
            crowd[(ky * side + kx) as usize] += k;
        }
        crowd[best] = f32::INFINITY;
    }
    rank
}

/// Film grain: soft-edged noise of mean 0 and deviation 1 or so.
pub(crate) fn grain_tile() -> &'static [f32] {
    static GRAIN: OnceLock<Vec<f32>> = OnceLock::new();
    GRAIN.get_or_init(|| {
        let raw = |x: usize, y: usize| {
            let (x, y) = ((x % TILE) as i64, (y % TILE) as i64);
            signed(11, x, y) + signed(12, x, y) + signed(13, x, y)
        };
        let mut tile: Vec<f32> = (0..TILE * TILE)
            .map(|i| {
                let (x, y) = (i % TILE + TILE, i / TILE + TILE);
                2.0 * raw(x, y) + raw(x - 1, y) + raw(x + 1, y) + raw(x, y - 1) + raw(x, y + 1)
            })
            .collect();
        let mean = tile.iter().sum::<f32>() / tile.len() as f32;
        let deviation = (tile.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / tile.len() as f32).sqrt();
        tile.iter_mut()
            .for_each(|v| *v = ((*v - mean) / deviation).clamp(-2.5, 2.5));
        tile
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dither_has_a_mean_or_clumps() {
        let tile = dither_tile();
        let mean = tile.iter().sum::<f32>() / tile.len() as f32;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!(tile.iter().all(|v| v.abs() <= 1.0));
        // Blue noise: averaging four neighbours cancels far better than it would for white noise (a half).
        let deviation = |v: &[f32]| (v.iter().map(|x| x * x).sum::<f32>() / v.len() as f32).sqrt();
        let pooled: Vec<f32> = (0..TILE * TILE / 4)
            .map(|i| {
                let (x, y) = (i % (TILE / 2) * 2, i / (TILE / 2) * 2);
                (tile[y * TILE + x] + tile[y * TILE + x + 1] + tile[(y + 1) * TILE + x] + tile[(y + 1) * TILE + x + 1])
                    / 4.0
            })
            .collect();
        assert!(
            deviation(&pooled) < 0.4 * deviation(tile),
            "{} {}",
            deviation(&pooled),
            deviation(tile)
        );
    }

    #[test]
    fn wandering_jumps() {
        for i in 0..2000 {
            let (a, b) = (wander(3, f64::from(i) * 0.01), wander(3, f64::from(i + 1) * 0.01));
            assert!((a - b).abs() < 0.03);
        }
    }
}
