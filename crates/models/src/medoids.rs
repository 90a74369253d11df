//! k-medoids: the frames that stand for all others best.
//!
//! BUILD as in PAM (Kaufman & Rousseeuw 1987), then the eager swaps of FasterPAM (Schubert & Rousseeuw, Information Systems 101,
//! 2021), which reach a local optimum of the same objective in O(n²) a pass whatever k is.

/// Distances between `n` points, every pair once.
#[derive(Debug, Clone)]
pub struct Distances {
    n: usize,
    below: Vec<f64>,
}

impl Distances {
    /// Euclidean, between vectors of the same length.
    pub fn euclidean(points: &[Vec<f32>]) -> Self {
        let n = points.len();
        let mut below = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for (i, a) in points.iter().enumerate() {
            for b in &points[..i] {
                let sum: f64 = a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum();
                below.push(sum.sqrt());
            }
        }
        Self { n, below }
    }

    fn between(&self, i: usize, j: usize) -> f64 {
        match i.cmp(&j) {
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => self.below[i * (i - 1) / 2 + j],
            std::cmp::Ordering::Less => self.below[j * (j - 1) / 2 + i],
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }
}

/// The `k` medoids (all points where there are not more), in ascending order. Ties go to the earlier point.
pub fn medoids(distances: &Distances, k: usize) -> Vec<usize> {
    let n = distances.n;
    if k >= n {
        return (0..n).collect();
    }
    let mut chosen = build(distances, k);
    swap(distances, &mut chosen);
    chosen.sort_unstable();
    chosen
}

/// Sum of every point's distance to its nearest medoid.
pub fn loss(distances: &Distances, medoids: &[usize]) -> f64 {
    (0..distances.n)
        .map(|i| {
            medoids
                .iter()
                .map(|m| distances.between(i, *m))
                .fold(f64::INFINITY, f64::min)
        })
        .sum()
}

fn build(d: &Distances, k: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(k);
    let mut nearest = vec![f64::INFINITY; d.n];
    for _ in 0..k {
        let best = (0..d.n).filter(|c| !chosen.contains(c)).min_by(|&a, &b| {
            let cost = |c: usize| (0..d.n).map(|i| nearest[i].min(d.between(i, c))).sum::<f64>();
            cost(a).total_cmp(&cost(b))
        });
        let Some(best) = best else { break };
        chosen.push(best);
        for (i, near) in nearest.iter_mut().enumerate() {
            *near = near.min(d.between(i, best));
        }
    }
    chosen
}

fn swap(d: &Distances, chosen: &mut [usize]) {
    let k = chosen.len();
    // A swap that gains less is rounding.
    let least = 1e-12 * loss(d, chosen).max(1e-12);
    // Nearest and second nearest medoid of each point, as places in `chosen`, with their distances.
    let assign = |chosen: &[usize]| -> Vec<(usize, f64, f64)> {
        (0..d.n)
            .map(|i| {
                let (mut near, mut first, mut second) = (0, f64::INFINITY, f64::INFINITY);
                for (place, m) in chosen.iter().enumerate() {
                    let x = d.between(i, *m);
                    if x < first {
                        (near, second, first) = (place, first, x);
                    } else if x < second {
                        second = x;
                    }
                }
                (near, first, second)
            })
            .collect()
    };
    let mut points = assign(chosen);
    let mut since_last = 0;
    let mut candidate = 0;
    while since_last < d.n {
        if !chosen.contains(&candidate) {
            // What each medoid's removal would cost, and what the candidate changes on top.
            let mut change = vec![0.0; k];
            let mut shared = 0.0;
            for (i, (near, first, second)) in points.iter().enumerate() {
                let x = d.between(i, candidate);
                if x < *first {
                    shared += x - first;
                    // Its medoid's removal costs it nothing now.
                } else {
                    change[*near] += x.min(*second) - first;
                }
            }
            let best = (0..k).min_by(|a, b| change[*a].total_cmp(&change[*b])).unwrap_or(0);
            // With one medoid the second nearest is infinitely far: its points go to the candidate.
            if change[best] + shared < -least {
                chosen[best] = candidate;
                points = assign(chosen);
                since_last = 0;
            }
        }
        since_last += 1;
        candidate = (candidate + 1) % d.n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(xs: &[f32]) -> Distances {
        Distances::euclidean(&xs.iter().map(|x| vec![*x]).collect::<Vec<_>>())
    }

    #[test]
    fn one_medoid_is_not_the_most_central_point() {
        assert_eq!(medoids(&line(&[0.0, 1.0, 2.0, 3.0, 100.0]), 1), [2]);
        assert_eq!(medoids(&line(&[5.0]), 1), [0]);
        assert_eq!(medoids(&line(&[]), 3), Vec::<usize>::new());
    }

    #[test]
    fn two_heaps_share_a_medoid() {
        let found = medoids(&line(&[0.0, 0.1, 0.2, 9.0, 9.1, 9.2]), 2);
        assert_eq!(found, [1, 4]);
    }

    proptest! {
        #[test]
        fn a_single_swap_would_still_be_better(
            xs in prop::collection::vec((-10.0f32..10.0, -10.0f32..10.0), 3..24), k in 1usize..5,
        ) {
            let points: Vec<Vec<f32>> = xs.iter().map(|(x, y)| vec![*x, *y]).collect();
            let d = Distances::euclidean(&points);
            let found = medoids(&d, k);
            let now = loss(&d, &found);
            for place in 0..found.len().min(k) {
                for other in 0..points.len() {
                    let mut tried = found.clone();
                    tried[place] = other;
                    prop_assert!(loss(&d, &tried) >= now - 1e-6);
                }
            }
        }
    }
}
