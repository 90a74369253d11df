//! Dynamic time warping, as the seed system's score uses it.

/// How two series were laid beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Warp {
    /// Sum of |x − y| along the path.
    pub distance: f64,
    /// Pairs of indices, from (0, 0) to the last of both.
    pub path: Vec<(usize, usize)>,
}

/// Approximate dynamic time warping in linear time and memory (Salvador and Chan, 2007), distance |x − y|, with the
/// coarsening, the window and the order of ties of the Python package `fastdtw` 0.3.4, so that distance and path are
/// the same to the last bit. `radius` is how many coarse cells the window is widened by, 1 at least.
///
/// `None` where a series is empty or holds a number that is not finite.
pub fn fast_dtw(x: &[f64], y: &[f64], radius: usize) -> Option<Warp> {
    if x.is_empty() || y.is_empty() || x.iter().chain(y).any(|v| !v.is_finite()) {
        return None;
    }
    Some(level(x, y, radius.max(1)))
}

fn level(x: &[f64], y: &[f64], radius: usize) -> Warp {
    if x.len() < radius + 2 || y.len() < radius + 2 {
        let rows = vec![(0, y.len()); x.len()];
        return within(x, y, &rows);
    }
    let coarse = level(&halved(x), &halved(y), radius);
    within(x, y, &widened(&coarse.path, x.len(), y.len(), radius))
}

/// Means of neighbours; an odd last value is dropped, as the package does.
fn halved(x: &[f64]) -> Vec<f64> {
    x.chunks_exact(2).map(|p| (p[0] + p[1]) / 2.0).collect()
}

/// The columns `[from, to)` that may be visited in each row: the coarse path, widened by `radius` and doubled. A path
/// moves by single cells, so what it covers in a row is one run.
fn widened(path: &[(usize, usize)], rows: usize, columns: usize, radius: usize) -> Vec<(usize, usize)> {
    let coarse_rows = rows / 2 + 1;
    let mut runs = vec![(usize::MAX, 0usize); coarse_rows];
    for &(i, j) in path {
        for run in &mut runs[i.saturating_sub(radius)..(i + radius + 1).min(coarse_rows)] {
            run.0 = run.0.min(j.saturating_sub(radius));
            run.1 = run.1.max(j + radius);
        }
    }
    (0..rows)
        .map(|i| {
            let (from, to) = runs[i / 2];
            (from.saturating_mul(2).min(columns), (2 * to + 2).min(columns))
        })
        .collect()
}

/// Exact warping within a window of columns for each row.
fn within(x: &[f64], y: &[f64], rows: &[(usize, usize)]) -> Warp {
    #[derive(Clone, Copy)]
    enum From {
        Up,
        Left,
        Diagonal,
    }
    let mut steps: Vec<Vec<From>> = Vec::with_capacity(rows.len());
    // Cumulated costs of the row above and of this one, over the same columns as their windows.
    let mut above: Vec<f64> = Vec::new();
    let mut above_from = 0;
    for (i, &(from, to)) in rows.iter().enumerate() {
        let cost = |row: &[f64], row_from: usize, j: usize| {
            j.checked_sub(row_from)
                .and_then(|k| row.get(k))
                .copied()
                .unwrap_or(f64::INFINITY)
        };
        let mut here: Vec<f64> = Vec::with_capacity(to - from);
        let mut step = Vec::with_capacity(to - from);
        for (j, &value) in y.iter().enumerate().take(to).skip(from) {
            let d = (x[i] - value).abs();
            let up = cost(&above, above_from, j) + d;
            let left = here.last().copied().unwrap_or(f64::INFINITY) + d;
            let diagonal = match (i, j) {
                (0, 0) => 0.0,
                (_, 0) => f64::INFINITY,
                _ => cost(&above, above_from, j - 1),
            } + d;
            // On ties the package takes the first of this order.
            let (mut best, mut way) = (up, From::Up);
            if left < best {
                (best, way) = (left, From::Left);
            }
            if diagonal < best {
                (best, way) = (diagonal, From::Diagonal);
            }
            here.push(best);
            step.push(way);
        }
        steps.push(step);
        (above, above_from) = (here, from);
    }
    let distance = above.last().copied().unwrap_or(f64::INFINITY);
    let mut path = Vec::with_capacity(x.len() + y.len());
    let (mut i, mut j) = (x.len() - 1, y.len() - 1);
    loop {
        path.push((i, j));
        if i == 0 && j == 0 {
            break;
        }
        let way = j.checked_sub(rows[i].0).and_then(|k| steps[i].get(k)).copied();
        // The first row can only be left to the left, the first column only upwards.
        match way {
            Some(From::Up) if i > 0 => i -= 1,
            Some(From::Left) if j > 0 => j -= 1,
            _ => (i, j) = (i.saturating_sub(1), j.saturating_sub(1)),
        }
    }
    path.reverse();
    Warp { distance, path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_package_comes_out_otherwise() {
        let warp = fast_dtw(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 3.0, 4.0], 1).expect("two series");
        assert_eq!(warp.distance, 2.0);
        assert_eq!(warp.path, vec![(0, 0), (1, 0), (2, 1), (3, 2), (4, 2)]);
    }

    #[test]
    fn an_empty_or_foreign_series_is_warped() {
        assert_eq!(fast_dtw(&[], &[1.0], 1), None);
        assert_eq!(fast_dtw(&[f64::NAN], &[1.0], 1), None);
    }

    #[test]
    fn a_path_jumps_or_misses_an_end() {
        let x: Vec<f64> = (0..137).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let y: Vec<f64> = (0..64).map(|i| (f64::from(i) * 0.81).sin()).collect();
        let warp = fast_dtw(&x, &y, 1).expect("two series");
        assert_eq!(warp.path.first(), Some(&(0, 0)));
        assert_eq!(warp.path.last(), Some(&(136, 63)));
        for pair in warp.path.windows(2) {
            let (di, dj) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            assert!(di <= 1 && dj <= 1 && di + dj > 0);
        }
        let sum: f64 = warp.path.iter().map(|&(i, j)| (x[i] - y[j]).abs()).sum();
        assert!((sum - warp.distance).abs() < 1e-9);
    }
}
