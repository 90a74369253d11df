//! The parts of a song and its bars.

/// Blocks on each side of a moment that are compared.
const SIDE: usize = 32;
/// Least length of a part, seconds.
const SHORTEST_S: f64 = 9.0;
/// Share of the greatest novelty below which a song does not turn.
const LEAST: f64 = 0.3;

/// A moment where a song turns into something else: index of a block, and how strongly, 0 to 1.
pub(super) type Turn = (usize, f64);

/// Turns of a song from the feature vectors of equal blocks of `block_s` seconds: peaks of the novelty along the diagonal
/// of the self-similarity matrix, under a checkerboard with a bell (Foote, "Automatic audio segmentation using a measure
/// of audio novelty", 2000). The start is not among them.
pub(super) fn turns(blocks: &[Vec<f32>], block_s: f64) -> Vec<Turn> {
    let n = blocks.len();
    let shortest = (SHORTEST_S / block_s).ceil() as usize;
    if n < 2 * shortest {
        return Vec::new();
    }
    let vectors = standardised(&smoothed(blocks, 2));
    // Similarity of block i with block i + d.
    let reach = 2 * SIDE;
    let band: Vec<Vec<f32>> = (0..n)
        .map(|i| {
            (0..reach)
                .map(|d| {
                    vectors
                        .get(i + d)
                        .map_or(0.0, |other| vectors[i].iter().zip(other).map(|(a, b)| a * b).sum())
                })
                .collect()
        })
        .collect();
    let similarity = |i: usize, j: usize| if i <= j { band[i][j - i] } else { band[j][i - j] };
    let bell: Vec<f32> = (0..SIDE)
        .map(|d| (-0.5 * (2.0 * (d as f32 + 0.5) / SIDE as f32).powi(2)).exp())
        .collect();
    let novelty_at = |t: usize| {
        // Near the ends the checkerboard is smaller.
        let side = SIDE.min(t).min(n - t);
        let (mut same, mut across, mut weight) = (0.0f64, 0.0f64, 0.0f64);
        for a in 0..side {
            for b in 0..side {
                let w = bell[a] * bell[b];
                same += f64::from(w * (similarity(t - 1 - a, t - 1 - b) + similarity(t + a, t + b)));
                across += f64::from(2.0 * w * similarity(t - 1 - a, t + b));
                weight += f64::from(2.0 * w);
            }
        }
        ((same - across) / weight).max(0.0)
    };
    let inner = shortest / 2..n - shortest / 2;
    let novelty: Vec<f64> = (0..n)
        .map(|t| if inner.contains(&t) { novelty_at(t) } else { 0.0 })
        .collect();
    let top = novelty.iter().copied().fold(0.0, f64::max);
    if top < 0.15 {
        return Vec::new();
    }
    let mut peaks: Vec<Turn> = (1..n - 1)
        .filter(|&t| novelty[t] > novelty[t - 1] && novelty[t] >= novelty[t + 1] && novelty[t] >= LEAST * top)
        .map(|t| (t, novelty[t] / top))
        .collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut kept: Vec<Turn> = Vec::new();
    for peak in peaks {
        let free = kept.iter().all(|k| k.0.abs_diff(peak.0) >= shortest);
        if free && peak.0 >= shortest && n - peak.0 >= shortest {
            kept.push(peak);
        }
    }
    kept.sort_by_key(|k| k.0);
    kept
}

/// Number of the likeness of each part, where `starts` are the blocks at which parts begin.
pub(super) fn likeness(blocks: &[Vec<f32>], starts: &[usize]) -> Vec<usize> {
    let vectors = standardised(&smoothed(blocks, 2));
    let means: Vec<Vec<f32>> = starts
        .iter()
        .enumerate()
        .map(|(k, &from)| {
            let to = starts.get(k + 1).copied().unwrap_or(vectors.len());
            let mut mean = vec![0.0f32; vectors.first().map_or(0, Vec::len)];
            for v in vectors.get(from..to).unwrap_or(&[]) {
                for (m, x) in mean.iter_mut().zip(v) {
                    *m += x;
                }
            }
            unit(&mean)
        })
        .collect();
    let mut labels: Vec<usize> = Vec::with_capacity(means.len());
    let mut examples: Vec<usize> = Vec::new();
    for (k, mean) in means.iter().enumerate() {
        let dot = |other: &Vec<f32>| mean.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
        let best = examples
            .iter()
            .enumerate()
            .map(|(l, &e)| (l, dot(&means[e])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((label, alike)) if alike > 0.65 => labels.push(label),
            _ => {
                examples.push(k);
                labels.push(examples.len() - 1);
            }
        }
    }
    labels
}

fn smoothed(blocks: &[Vec<f32>], reach: usize) -> Vec<Vec<f32>> {
    (0..blocks.len())
        .map(|i| {
            let around = &blocks[i.saturating_sub(reach)..(i + reach + 1).min(blocks.len())];
            let mut sum = vec![0.0; blocks[i].len()];
            for block in around {
                for (s, v) in sum.iter_mut().zip(block) {
                    *s += v / around.len() as f32;
                }
            }
            sum
        })
        .collect()
}

/// Each feature with mean 0 and deviation 1 over the song, each block then of length 1.
fn standardised(blocks: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let dims = blocks.first().map_or(0, Vec::len);
    let n = blocks.len().max(1) as f32;
    let mut mean = vec![0.0f32; dims];
    for block in blocks {
        for (m, v) in mean.iter_mut().zip(block) {
            *m += v / n;
        }
    }
    let mut deviation = vec![0.0f32; dims];
    for block in blocks {
        for ((d, v), m) in deviation.iter_mut().zip(block).zip(&mean) {
            *d += (v - m).powi(2) / n;
        }
    }
    blocks
        .iter()
        .map(|block| {
            let centred: Vec<f32> = block
                .iter()
                .zip(&mean)
                .zip(&deviation)
                .map(|((v, m), d)| (v - m) / (d.sqrt() + 1e-3))
                .collect();
            unit(&centred)
        })
        .collect()
}

fn unit(v: &[f32]) -> Vec<f32> {
    let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt() + 1e-6;
    v.iter().map(|x| x / norm).collect()
}

/// Beats in a bar (3 or 4) and the first downbeat's index, from how much weight falls on each beat.
///
/// `accents` says for each beat how strongly a bar seems to begin there (bass, harmony and stroke together). Four is
/// taken unless three explains clearly more. (0, 0) for fewer than eight beats.
pub(super) fn bars(accents: &[f64]) -> (usize, usize) {
    if accents.len() < 8 {
        return (0, 0);
    }
    let mean = accents.iter().sum::<f64>() / accents.len() as f64;
    let best = |bar: usize| {
        (0..bar)
            .map(|phase| {
                let on: Vec<f64> = accents.iter().skip(phase).step_by(bar).copied().collect();
                (phase, on.iter().sum::<f64>() / on.len() as f64 - mean)
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((0, 0.0))
    };
    let (four, three) = (best(4), best(3));
    if three.1 > 1.5 * four.1.max(0.0) + 0.02 {
        (3, three.0)
    } else {
        (4, four.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_of_three_parts_turns_elsewhere() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let part = |t: usize| usize::from((60..140).contains(&t));
        let blocks: Vec<Vec<f32>> = (0..200)
            .map(|t| {
                (0..8)
                    .map(|d| if d % 2 == part(t) { 2.0 + noise() } else { noise() })
                    .collect()
            })
            .collect();
        let found = turns(&blocks, 0.37);
        let at: Vec<usize> = found.iter().map(|f| f.0).collect();
        assert_eq!(at.len(), 2, "{found:?}");
        assert!(at[0].abs_diff(60) <= 2 && at[1].abs_diff(140) <= 2, "{at:?}");
        assert_eq!(likeness(&blocks, &[0, at[0], at[1]]), vec![0, 1, 0]);
    }

    #[test]
    fn a_steady_or_short_song_turns() {
        assert!(turns(&vec![vec![1.0; 4]; 300], 0.37).is_empty());
        assert!(turns(&vec![vec![1.0; 4]; 3], 0.37).is_empty());
        assert!(turns(&[], 0.37).is_empty());
    }

    #[test]
    fn the_bar_begins_on_another_beat() {
        let accents: Vec<f64> = (0..32).map(|i| if i % 4 == 2 { 1.0 } else { 0.3 }).collect();
        assert_eq!(bars(&accents), (4, 2));
        let accents: Vec<f64> = (0..32).map(|i| if i % 3 == 1 { 1.0 } else { 0.3 }).collect();
        assert_eq!(bars(&accents), (3, 1));
        assert_eq!(bars(&[1.0; 3]), (0, 0));
    }
}
