//! Harmonic and percussive parts, by medians over time and over frequency (Fitzgerald, "Harmonic/percussive separation
//! using median filtering", 2010; margins after Driedger, Müller and Disch, 2014), as `librosa.decompose.hpss`.

use rayon::prelude::*;

/// Frames, or bins, that a median is taken over.
const KERNEL: usize = 31;
const REACH: usize = KERNEL / 2;
/// Values worked on side by side.
const LANES: usize = 16;
/// Neighbouring windows that share one sort.
const SHARED: usize = 4;
/// Rows that such windows have in common.
const CORE: usize = KERNEL + 1 - SHARED;
/// Frames handed to one thread.
const GROUP: usize = LANES;
/// Groups between which the threads meet.
const GROUPS: usize = 8;

type Row = [f32; LANES];

/// One frame, taken apart. Magnitudes times a mask give a part.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The frame's magnitudes, as they were pushed.
    pub magnitude: &'a [f32],
    /// Share of each bin that is harmonic, 0 to 1.
    pub harmonic: &'a [f32],
    /// Share of each bin that is percussive, 0 to 1.
    pub percussive: &'a [f32],
}

/// Takes a stream of magnitude spectra apart, frame by frame, fifteen frames behind. Keeps 160 frames.
#[derive(Debug, Clone)]
pub struct Separator {
    bins: usize,
    margins: (f32, f32),
    network: Network,
    rows: std::collections::VecDeque<Vec<f32>>,
    /// Number of the first row kept, and of the next frame to come out.
    first: usize,
    next: usize,
}

impl Separator {
    /// For spectra of `bins` magnitudes. `margins` (harmonic, percussive; 1 or more) say how many times stronger than the
    /// other a part must be to count; with (1, 1) the masks add up to 1.
    pub fn new(bins: usize, margins: (f32, f32)) -> Self {
        Self {
            bins,
            margins: (margins.0.max(1.0), margins.1.max(1.0)),
            network: Network::middle(),
            rows: std::collections::VecDeque::new(),
            first: 0,
            next: 0,
        }
    }

    /// Takes the magnitudes of the next frame, finite and not negative, and answers what `map` makes of the frames that
    /// this completes, in order.
    pub fn push<T: Send>(&mut self, magnitudes: Vec<f32>, map: impl Fn(Parts<'_>) -> T + Sync) -> Vec<T> {
        self.rows.push_back(magnitudes);
        let ready = (self.first + self.rows.len()).saturating_sub(REACH);
        if ready < self.next + GROUP * GROUPS {
            Vec::new()
        } else {
            self.drain(ready, &map)
        }
    }

    /// Ends the stream, mirrored at its end, and answers what `map` makes of the rest.
    pub fn finish<T: Send>(mut self, map: impl Fn(Parts<'_>) -> T + Sync) -> Vec<T> {
        let end = self.first + self.rows.len();
        self.drain(end, &map)
    }

    /// Takes frames up to `until` apart.
    fn drain<T: Send>(&mut self, until: usize, map: &(impl Fn(Parts<'_>) -> T + Sync)) -> Vec<T> {
        let end = self.first + self.rows.len();
        let starts: Vec<usize> = (self.next..until).step_by(GROUP).collect();
        let this = &*self;
        let out = starts
            .into_par_iter()
            .map_init(Bench::default, |bench, start| {
                let frames = (until - start).min(GROUP);
                // Rows beyond the stream mirror those within: d c b a | a b c d | d c b a.
                let rows: Vec<&[f32]> = (0..frames + 2 * REACH + SHARED)
                    .map(|i| this.row(mirrored((start + i) as isize - REACH as isize, end)))
                    .collect();
                this.part(&rows, frames, bench, map)
            })
            .flatten_iter()
            .collect();
        self.next = until;
        while self.first + REACH + 1 < self.next {
            self.rows.pop_front();
            self.first += 1;
        }
        out
    }

    fn row(&self, number: usize) -> &[f32] {
        number
            .checked_sub(self.first)
            .and_then(|i| self.rows.get(i))
            .map_or(&[], Vec::as_slice)
    }

    /// Parts of `frames` frames, the first of which is `rows[REACH]`.
    fn part<T>(&self, rows: &[&[f32]], frames: usize, bench: &mut Bench, map: &impl Fn(Parts<'_>) -> T) -> Vec<T> {
        let bins = self.bins;
        bench.along_time.clear();
        bench.along_time.resize(GROUP * bins, 0.0);
        bench.along_frequency.clear();
        bench.along_frequency.resize(GROUP * bins, 0.0);

        let mut columns = [[0.0; LANES]; GROUP + 2 * REACH + SHARED];
        let mut medians = [[0.0; LANES]; GROUP + SHARED];
        for from in (0..bins).step_by(LANES) {
            let width = LANES.min(bins - from);
            for (column, row) in columns.iter_mut().zip(rows) {
                for (c, v) in column.iter_mut().zip(row.get(from..from + width).unwrap_or(&[])) {
                    *c = *v;
                }
            }
            self.network.medians(&columns, frames, &mut medians);
            for (frame, row) in medians.iter().enumerate().take(frames) {
                bench.along_time[frame * bins + from..][..width].copy_from_slice(&row[..width]);
            }
        }

        // The same over frequency, the frames side by side.
        bench.turned.clear();
        bench.turned.resize(bins + 2 * REACH + SHARED, [0.0; LANES]);
        for (i, turned) in bench.turned.iter_mut().enumerate() {
            let bin = mirrored(i as isize - REACH as isize, bins);
            for (t, row) in turned.iter_mut().zip(&rows[REACH..REACH + frames]) {
                *t = row.get(bin).copied().unwrap_or(0.0);
            }
        }
        bench.medians.clear();
        bench.medians.resize(bins + SHARED, [0.0; LANES]);
        self.network.medians(&bench.turned, bins, &mut bench.medians);
        for (bin, row) in bench.medians.iter().enumerate().take(bins) {
            for (frame, v) in row.iter().enumerate().take(frames) {
                bench.along_frequency[frame * bins + bin] = *v;
            }
        }

        let (margin_h, margin_p) = self.margins;
        let split = if margin_h == 1.0 && margin_p == 1.0 { 0.5 } else { 0.0 };
        let time = bench.along_time.chunks_exact_mut(bins);
        let frequency = bench.along_frequency.chunks_exact_mut(bins);
        time.zip(frequency)
            .zip(&rows[REACH..REACH + frames])
            .map(|((harmonic, percussive), magnitude)| {
                for (h, p) in harmonic.iter_mut().zip(percussive.iter_mut()) {
                    let (a, b) = (*h, *p);
                    *h = soft_mask(a, b * margin_h, split);
                    *p = soft_mask(b, a * margin_p, split);
                }
                map(Parts {
                    magnitude,
                    harmonic,
                    percussive,
                })
            })
            .collect()
    }
}

/// `librosa.util.softmask` with power 2.
fn soft_mask(x: f32, other: f32, split: f32) -> f32 {
    let top = x.max(other);
    if top < f32::MIN_POSITIVE {
        return split;
    }
    let (a, b) = (x / top, other / top);
    a * a / (a * a + b * b)
}

/// The index within `n` that mirroring at the ends, ends included twice, leads to.
fn mirrored(i: isize, n: usize) -> usize {
    let n = n.max(1) as isize;
    let i = i.rem_euclid(2 * n);
    (if i < n { i } else { 2 * n - 1 - i }) as usize
}

/// Memory of one thread.
#[derive(Debug, Default)]
struct Bench {
    along_time: Vec<f32>,
    along_frequency: Vec<f32>,
    turned: Vec<Row>,
    medians: Vec<Row>,
}

/// Comparisons that bring the middle four of [`CORE`] rows in order to their places: Batcher's merge exchange (Knuth,
/// volume 3, algorithm 5.2.2 M), without those comparisons that nothing in the middle depends on.
#[derive(Debug, Clone)]
struct Network {
    pairs: Vec<(u8, u8)>,
}

/// Place of the first of the middle four.
const MIDDLE: usize = (CORE - SHARED) / 2;

impl Network {
    fn middle() -> Self {
        let mut pairs: Vec<(u8, u8)> = Vec::new();
        let n = CORE;
        let top = n.next_power_of_two() / 2;
        let mut p = top;
        while p > 0 {
            let (mut q, mut r, mut d) = (top, 0, p);
            loop {
                for i in 0..n - d {
                    if i & p == r {
                        pairs.push((i as u8, (i + d) as u8));
                    }
                }
                if q == p {
                    break;
                }
                d = q - p;
                q /= 2;
                r = p;
            }
            p /= 2;
        }
        let mut needed = [false; CORE];
        needed[MIDDLE..MIDDLE + SHARED].fill(true);
        pairs.reverse();
        pairs.retain(|&(a, b)| {
            let used = needed[usize::from(a)] || needed[usize::from(b)];
            if used {
                needed[usize::from(a)] = true;
                needed[usize::from(b)] = true;
            }
            used
        });
        pairs.reverse();
        Self { pairs }
    }

    /// Medians over the windows of [`KERNEL`] rows that begin at rows 0 to `count`, lane by lane. `rows` holds
    /// `count + 2 · REACH` rows and up to [`SHARED`] more that are not looked at in the result.
    fn medians(&self, rows: &[Row], count: usize, out: &mut [Row]) {
        for start in (0..count).step_by(SHARED) {
            let Some(window) = rows.get(start..start + KERNEL + SHARED - 1) else {
                return;
            };
            let mut core = [[0.0; LANES]; CORE];
            core.copy_from_slice(&window[SHARED - 1..SHARED - 1 + CORE]);
            for &(a, b) in &self.pairs {
                let (low, high) = core.split_at_mut(usize::from(b));
                exchange(&mut low[usize::from(a)], &mut high[0]);
            }
            let middle = &core[MIDDLE..MIDDLE + SHARED];
            let before = &window[..SHARED - 1];
            let after = &window[SHARED - 1 + CORE..];
            for (k, out) in out[start..].iter_mut().enumerate().take(SHARED) {
                // Window k lacks the first k rows before and has the first k rows after.
                let extra = |i: usize| {
                    if i + k < SHARED - 1 {
                        &before[i + k]
                    } else {
                        &after[i + k + 1 - SHARED]
                    }
                };
                *out = seventh(middle, *extra(0), *extra(1), *extra(2));
            }
        }
    }
}

// Comparisons rather than `f32::min`: one instruction each, and nothing here is NaN.
fn lower(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn upper(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}

fn exchange(a: &mut Row, b: &mut Row) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (lower(*a, *b), upper(*a, *b));
    }
}

/// Median of seven: four in order and three in any.
fn seventh(sorted: &[Row], mut e0: Row, mut e1: Row, mut e2: Row) -> Row {
    exchange(&mut e0, &mut e1);
    exchange(&mut e1, &mut e2);
    exchange(&mut e0, &mut e1);
    let mut out = sorted[3];
    for (other, e) in [(2, e0), (1, e1), (0, e2)] {
        for ((o, s), e) in out.iter_mut().zip(&sorted[other]).zip(&e) {
            *o = lower(*o, upper(*s, *e));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, bins: usize) -> Vec<Vec<f32>> {
        let mut state = 1u32;
        (0..n)
            .map(|_| {
                (0..bins)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 8) as f32 / 1e6
                    })
                    .collect()
            })
            .collect()
    }

    fn slow_median(values: impl Iterator<Item = f32>) -> f32 {
        let mut v: Vec<f32> = values.collect();
        v.sort_by(f32::total_cmp);
        v[v.len() / 2]
    }

    #[test]
    fn a_median_differs_from_sorting_the_window() {
        for (frames, bins) in [(1, 33), (3, 40), (17, 37), (150, 20), (300, 65)] {
            let rows = noise(frames, bins);
            let mut separator = Separator::new(bins, (1.0, 1.0));
            let keep = |p: Parts<'_>| (p.magnitude.to_vec(), p.harmonic.to_vec(), p.percussive.to_vec());
            let mut got = Vec::new();
            for row in &rows {
                got.extend(separator.push(row.clone(), keep));
            }
            got.extend(separator.finish(keep));
            assert_eq!(got.len(), frames);
            for (t, (magnitude, harmonic, percussive)) in got.iter().enumerate() {
                assert_eq!(magnitude, &rows[t]);
                for b in 0..bins {
                    let around = |i: usize, d: isize, n: usize| mirrored(i as isize + d, n);
                    let h = slow_median((-15..=15).map(|d| rows[around(t, d, frames)][b]));
                    let p = slow_median((-15..=15).map(|d| rows[t][around(b, d, bins)]));
                    assert_eq!(harmonic[b], soft_mask(h, p, 0.5), "frame {t} of {frames}, bin {b}");
                    assert_eq!(percussive[b], soft_mask(p, h, 0.5), "frame {t} of {frames}, bin {b}");
                }
            }
        }
    }

    #[test]
    fn a_margin_lets_through_what_is_no_stronger() {
        assert_eq!(soft_mask(0.0, 0.0, 0.5), 0.5);
        assert_eq!(soft_mask(0.0, 1.0, 0.0), 0.0);
        assert!((soft_mask(1.0, 5.0, 0.0) - 1.0 / 26.0).abs() < 1e-7);
    }
}
