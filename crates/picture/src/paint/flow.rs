//! How one picture turns into another: where each place of the first goes, and in which order the places turn.

use super::noise::field;

/// A grid of points laid over the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Grid {
    /// The value at column and row `[x, y]`, which may lie between points or beyond them, of `values` on the grid.
    pub(crate) fn sample(&self, values: &[f32], [x, y]: [f32; 2]) -> f32 {
        let x = x.clamp(0.0, (self.columns.max(1) - 1) as f32);
        let y = y.clamp(0.0, (self.rows.max(1) - 1) as f32);
        let (i, j) = (x as usize, y as usize);
        let at = |i: usize, j: usize| {
            let k = j.min(self.rows.saturating_sub(1)) * self.columns + i.min(self.columns.saturating_sub(1));
            values.get(k).copied().unwrap_or(0.5)
        };
        let (fx, fy) = (x - i as f32, y - j as f32);
        let top = at(i, j) + (at(i + 1, j) - at(i, j)) * fx;
        let bottom = at(i, j + 1) + (at(i + 1, j + 1) - at(i, j + 1)) * fx;
        top + (bottom - top) * fy
    }
}

/// The plan of a transition on the points of a grid.
pub(crate) struct Turning {
    /// Displacement from a place of the first picture to the like place of the second, as a share of the frame's width
    /// and height.
    pub(crate) flow: Vec<[f32; 2]>,
    /// When the place turns, 0 (first) to 1 (last), evenly spread over the area.
    pub(crate) order: Vec<f32>,
}

/// Columns of the luminance that is matched.
pub(crate) const MATCH_COLUMNS: usize = 64;
/// Farthest that anything is moved, as a share of the frame.
const FARTHEST: f32 = 0.10;

impl Turning {
    /// Plans the way from the luminance `from` to `to` (both on `match_rows` rows of [`MATCH_COLUMNS`]) for `grid`.
    ///
    /// Bright places turn first, those that draw the eye (`draws`, 0 to 1 on `grid`) last, so that no face is half another
    /// picture's.
    pub(crate) fn new(from: &[f32], to: &[f32], match_rows: usize, grid: Grid, draws: &[f32], seed: u64) -> Self {
        let size = Grid {
            columns: MATCH_COLUMNS,
            rows: match_rows,
        };
        let coded = |v: &[f32]| -> Vec<f32> { v.iter().map(|x| x.max(0.0).sqrt()).collect() };
        let (from, to) = (coded(from), coded(to));
        let flow = matched(&from, &to, size);
        let flow: Vec<[f32; 2]> = sampled(&flow, size, grid);
        // Bright places turn first, in patches, and the patches come from a smooth field.
        let tone = smooth(&smooth(&from, size, 2), size, 2);
        let tone: Vec<f32> = sampled(&tone.iter().map(|v| [*v, 0.0]).collect::<Vec<_>>(), size, grid)
            .into_iter()
            .map(|v| v[0])
            .collect();
        let patches = field(seed, grid.columns, grid.rows, grid.columns.max(grid.rows) as f32 / 4.5);
        let wish: Vec<f32> = tone
            .iter()
            .zip(&patches)
            .zip(draws.iter().chain(std::iter::repeat(&0.0)))
            .map(|((t, p), d)| 0.45 * p - 1.1 * t + 1.3 * d)
            .collect();
        Self {
            flow,
            order: ranked(&wish),
        }
    }
}

/// Values replaced by their rank, 0 to 1, so that equal times turn equal areas.
fn ranked(values: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
    let mut out = vec![0f32; values.len()];
    let last = values.len().saturating_sub(1).max(1) as f32;
    for (rank, i) in order.into_iter().enumerate() {
        out[i] = rank as f32 / last;
    }
    out
}

/// Coarse-to-fine matching of blocks: at each size the displacement of the size before is refined by a small search,
/// with a cost for leaving it, and smoothed. Shares of the frame.
fn matched(from: &[f32], to: &[f32], size: Grid) -> Vec<[f32; 2]> {
    let mut flow = vec![[0f32; 2]];
    let mut at = Grid { columns: 1, rows: 1 };
    for (shrink, reach) in [(4usize, 2i32), (2, 1), (1, 1)] {
        let level = Grid {
            columns: (size.columns / shrink).max(1),
            rows: (size.rows / shrink).max(1),
        };
        let (a, b) = (
            evened(&reduced(from, size, level), level),
            evened(&reduced(to, size, level), level),
        );
        let guess = sampled(&flow, at, level);
        let mut found = Vec::with_capacity(guess.len());
        for y in 0..level.rows {
            for x in 0..level.columns {
                let [gx, gy] = guess[y * level.columns + x];
                let (gx, gy) = (
                    (gx * level.columns as f32).round() as i32,
                    (gy * level.rows as f32).round() as i32,
                );
                let mut best = (f32::INFINITY, [0f32; 2]);
                for dy in -reach..=reach {
                    for dx in -reach..=reach {
                        let cost = difference(&a, &b, level, (x as i32, y as i32), (gx + dx, gy + dy))
                            + 0.9 * (dx * dx + dy * dy) as f32
                            + 0.15 * ((gx + dx).pow(2) + (gy + dy).pow(2)) as f32;
                        if cost < best.0 {
                            let d = [
                                (gx + dx) as f32 / level.columns as f32,
                                (gy + dy) as f32 / level.rows as f32,
                            ];
                            best = (cost, d);
                        }
                    }
                }
                found.push(best.1);
            }
        }
        for axis in 0..2 {
            let plane: Vec<f32> = found.iter().map(|d| d[axis]).collect();
            let plane = smooth(&smooth(&plane, level, 2), level, 2);
            for (d, v) in found.iter_mut().zip(plane) {
                d[axis] = v.clamp(-FARTHEST, FARTHEST);
            }
        }
        (flow, at) = (found, level);
    }
    flow
}

/// Sum of differences over a block of five by five around a place and its displaced place.
fn difference(a: &[f32], b: &[f32], size: Grid, (x, y): (i32, i32), (dx, dy): (i32, i32)) -> f32 {
    let at = |v: &[f32], x: i32, y: i32| {
        let (x, y) = (x.clamp(0, size.columns as i32 - 1), y.clamp(0, size.rows as i32 - 1));
        v[y as usize * size.columns + x as usize]
    };
    let mut sum = 0.0;
    for j in -2..=2 {
        for i in -2..=2 {
            sum += (at(a, x + i, y + j) - at(b, x + i + dx, y + j + dy)).abs();
        }
    }
    sum
}

/// Mean 0 and deviation 1: two pictures of unlike brightness still match by shape.
fn evened(v: &[f32], _size: Grid) -> Vec<f32> {
    let mean = v.iter().sum::<f32>() / v.len() as f32;
    let deviation = (v.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / v.len() as f32)
        .sqrt()
        .max(0.02);
    v.iter().map(|x| (x - mean) / deviation).collect()
}

fn reduced(v: &[f32], from: Grid, to: Grid) -> Vec<f32> {
    let mut out = Vec::with_capacity(to.columns * to.rows);
    let range = |i: usize, n: usize, whole: usize| (i * whole / n, ((i + 1) * whole / n).max(i * whole / n + 1));
    for y in 0..to.rows {
        let (y0, y1) = range(y, to.rows, from.rows);
        for x in 0..to.columns {
            let (x0, x1) = range(x, to.columns, from.columns);
            let (mut sum, mut n) = (0.0, 0.0);
            for row in y0..y1.min(from.rows) {
                for column in x0..x1.min(from.columns) {
                    sum += v[row * from.columns + column];
                    n += 1.0;
                }
            }
            out.push(sum / f32::max(n, 1.0));
        }
    }
    out
}

/// Bilinear values of a grid (whose cells tile the frame) at the points of another (whose points reach its edges).
fn sampled(v: &[[f32; 2]], from: Grid, to: Grid) -> Vec<[f32; 2]> {
    let mut out = Vec::with_capacity(to.columns * to.rows);
    let place = |i: usize, n: usize, cells: usize| {
        let x = i as f32 / (n.max(2) - 1) as f32 * cells as f32 - 0.5;
        let x = x.clamp(0.0, (cells - 1) as f32);
        let at = (x as usize).min(cells.saturating_sub(2));
        (at, (at + 1).min(cells - 1), x - at as f32)
    };
    for y in 0..to.rows {
        let (y0, y1, fy) = place(y, to.rows, from.rows);
        for x in 0..to.columns {
            let (x0, x1, fx) = place(x, to.columns, from.columns);
            let at = |x: usize, y: usize| v[y * from.columns + x];
            let (a, b, c, d) = (at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1));
            out.push(std::array::from_fn(|k| {
                let (top, bottom) = (a[k] + (b[k] - a[k]) * fx, c[k] + (d[k] - c[k]) * fx);
                top + (bottom - top) * fy
            }));
        }
    }
    out
}

/// Mean over a square of `2 * radius + 1` points, held at the rim.
fn smooth(v: &[f32], size: Grid, radius: i32) -> Vec<f32> {
    let n = (2 * radius + 1) as f32;
    let hold = |i: i32, n: usize| i.clamp(0, n as i32 - 1) as usize;
    let mut rows = vec![0f32; v.len()];
    let mut out = vec![0f32; v.len()];
    for y in 0..size.rows {
        for x in 0..size.columns {
            rows[y * size.columns + x] = (-radius..=radius)
                .map(|d| v[y * size.columns + hold(x as i32 + d, size.columns)])
                .sum::<f32>()
                / n;
        }
    }
    for y in 0..size.rows {
        for x in 0..size.columns {
            out[y * size.columns + x] = (-radius..=radius)
                .map(|d| rows[hold(y as i32 + d, size.rows) * size.columns + x])
                .sum::<f32>()
                / n;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(cx: f32, cy: f32) -> Vec<f32> {
        (0..MATCH_COLUMNS * MATCH_COLUMNS)
            .map(|i| {
                let (x, y) = ((i % MATCH_COLUMNS) as f32, (i / MATCH_COLUMNS) as f32);
                (-((x - cx).powi(2) + (y - cy).powi(2)) / 120.0).exp()
            })
            .collect()
    }

    #[test]
    fn a_moved_shape_is_not_followed() {
        let grid = Grid { columns: 33, rows: 33 };
        let turning = Turning::new(&blob(30.0, 32.0), &blob(34.0, 32.0), MATCH_COLUMNS, grid, &[], 1);
        let [dx, dy] = turning.flow[16 * 33 + 15];
        assert!(dx > 0.02 && dx < 0.09 && dy.abs() < 0.02, "{dx} {dy}");
        let still = Turning::new(&blob(30.0, 32.0), &blob(30.0, 32.0), MATCH_COLUMNS, grid, &[], 1);
        assert!(still.flow.iter().flatten().all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn places_turn_all_at_once() {
        let grid = Grid { columns: 20, rows: 12 };
        let turning = Turning::new(&blob(10.0, 10.0), &blob(50.0, 20.0), MATCH_COLUMNS, grid, &[], 4);
        let early = turning.order.iter().filter(|o| **o < 0.25).count();
        assert!((55..=65).contains(&early), "{early}");
    }
}
