//! Attention over heads that lie beside each other in a row, with keys and values of what was read before in a memory of the caller's,
//! which nobody copies.

use super::lanes::{Arithmetic, Octet, Work, all, each, exponential, widest};
use super::product::{COLUMNS, Left, Panels, ROWS, Right, products};
use super::rooms::Rooms;
use super::shared::Shared;

/// As many rows as ask without keys being brought into panels first.
const FEW: usize = 4;

/// Keys and values of so many tokens that were read before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    pub(super) known: usize,
    pub(super) lie: Lie<'a>,
}

/// How they lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lie<'a> {
    /// Those of one alone: heads × room × width of a head.
    Room(usize),
    /// Those of all in places that they share (places × heads × width of a head), and N × known: in which place each token is.
    Places(&'a [i64]),
}

/// `rows` queries over the past and over `others` keys, N × rows × heads × width of a head. If it is causal the last query sees all, the one before it
/// all but the last, and so on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) queries: &'a [f32],
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    pub(super) past: Option<Past<'a>>,
    pub(super) n: usize,
    pub(super) rows: usize,
    pub(super) others: usize,
    pub(super) heads: usize,
    pub(super) head: usize,
    pub(super) causal: bool,
}

/// Room that a thread computes in.
#[derive(Debug, Default)]
pub(super) struct Room {
    scores: Vec<f32>,
    asked: Vec<Left>,
    shares: Vec<Left>,
    keys: Vec<Right>,
    values: Vec<Right>,
}

impl<'a> Layer<'a> {
    /// Computes it into `out`; `spread(n, work)` runs `work(0)` to `work(n - 1)`, on as many threads as it likes.
    pub(super) fn run(
        &self,
        out: &mut [f32],
        rooms: &Rooms<Room>,
        spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) {
        let out = Shared::new(out);
        spread(self.n * self.heads, &|which| {
            rooms.within(|room| {
                widest(Head {
                    layer: self,
                    n: which / self.heads,
                    head: which % self.heads,
                    room,
                    out: &out,
                });
            });
        });
    }

    fn known(&self) -> usize {
        self.past.map_or(0, |past| past.known)
    }

    /// How many keys query `row` sees.
    fn seen(&self, row: usize) -> usize {
        let all = self.known() + self.others;
        match self.causal {
            true => (all + row + 1).saturating_sub(self.rows).min(all),
            false => all,
        }
    }

    /// Key or value `at` of a head, the oldest first.
    fn one(&self, (n, head): (usize, usize), at: usize, keys: bool) -> &'a [f32] {
        let wide = self.head;
        if let Some(past) = self.past
            && at < past.known
        {
            let lying = if keys { past.keys } else { past.values };
            let which = match past.lie {
                Lie::Room(room) => head * room + at,
                Lie::Places(lines) => lines[n * past.known + at] as usize * self.heads + head,
            };
            return &lying[which * wide..][..wide];
        }
        let lying = if keys { self.keys } else { self.values };
        &lying[((n * self.others + at - self.known()) * self.heads + head) * wide..][..wide]
    }

    fn query(&self, (n, head): (usize, usize), row: usize) -> &'a [f32] {
        &self.queries[((n * self.rows + row) * self.heads + head) * self.head..][..self.head]
    }
}

/// A head of one of several.
struct Head<'a> {
    layer: &'a Layer<'a>,
    n: usize,
    head: usize,
    room: &'a mut Room,
    out: &'a Shared<'a>,
}

impl Work for Head<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        if self.layer.rows <= FEW {
            self.few::<A>();
        } else {
            self.many::<A>();
        }
    }
}

impl Head<'_> {
    #[inline(always)]
    fn few<A: Arithmetic>(self) {
        let Self {
            layer,
            n,
            head,
            room,
            out,
        } = self;
        let scale = 1.0 / (layer.head as f32).sqrt();
        for row in 0..layer.rows {
            let seen = layer.seen(row);
            let scores = &mut room.scores;
            scores.resize(seen.max(scores.len()), 0.0);
            let scores = &mut scores[..seen];
            let query = layer.query((n, head), row);
            for (at, score) in scores.iter_mut().enumerate() {
                let key = layer.one((n, head), at, true);
                *score = dot::<A>(query, key) * scale;
            }
            let over = 1.0 / softened::<A>(scores);
            let at = ((n * layer.rows + row) * layer.heads + head) * layer.head;
            // SAFETY: no other head has these columns.
            #[expect(unsafe_code, reason = "threads write columns of their own")]
            let out = unsafe { out.part(at, layer.head) };
            out.fill(0.0);
            for (at, share) in scores.iter().enumerate() {
                let value = layer.one((n, head), at, false);
                for (out, value) in out.iter_mut().zip(value) {
                    *out = A::fused(*share, *value, *out);
                }
            }
            for out in out {
                *out *= over;
            }
        }
    }

    #[inline(always)]
    fn many<A: Arithmetic>(self) {
        let Self {
            layer,
            n,
            head,
            room,
            out,
        } = self;
        let Room {
            scores,
            asked,
            shares,
            keys,
            values,
        } = room;
        let (wide, all) = (layer.head, layer.known() + layer.others);
        let (panels, slices) = (all.div_ceil(COLUMNS), wide.div_ceil(COLUMNS));
        // A row of scores ends with whole panels of keys, eight rows of which the last two stay zero.
        let long = panels * COLUMNS;
        scores.clear();
        scores.resize(8 * long, 0.0);
        asked.resize(wide, [0.0; ROWS]);
        shares.resize(long, [0.0; ROWS]);
        keys.resize(panels * wide, [0.0; COLUMNS]);
        values.resize(slices * long, [0.0; COLUMNS]);
        for (panel, keys) in keys.chunks_exact_mut(wide).enumerate() {
            for lane in 0..COLUMNS {
                let at = panel * COLUMNS + lane;
                let key = (at < all).then(|| layer.one((n, head), at, true));
                for (place, keys) in keys.iter_mut().enumerate() {
                    keys[lane] = key.map_or(0.0, |key| key[place]);
                }
            }
        }
        for at in 0..all {
            let value = layer.one((n, head), at, false);
            for (slice, value) in value.chunks(COLUMNS).enumerate() {
                values[slice * long + at][..value.len()].copy_from_slice(value);
            }
        }
        let scale = 1.0 / (wide as f32).sqrt();
        for first in (0..layer.rows).step_by(ROWS) {
            let rows = ROWS.min(layer.rows - first);
            for lane in 0..ROWS {
                let query = (lane < rows).then(|| layer.query((n, head), first + lane));
                for (place, asked) in asked.iter_mut().enumerate() {
                    asked[lane] = query.map_or(0.0, |query| query[place] * scale);
                }
            }
            // As far as the last of them sees.
            let panels = layer.seen(first + rows - 1).div_ceil(COLUMNS);
            let left = Panels {
                all: asked,
                step: wide,
                count: 1,
            };
            let right = Panels {
                all: keys,
                step: wide,
                count: panels,
            };
            products::<A>(&left, &right, wide, |_, panel, sums| {
                for (row, sums) in sums.iter().enumerate() {
                    let place = scores[row * long + panel * COLUMNS..].first_chunk_mut();
                    *place.expect("as long as there are panels") = *sums;
                }
            });
            let mut over = [0.0; ROWS];
            for (row, over) in over.iter_mut().enumerate().take(rows) {
                let seen = layer.seen(first + row);
                let scores = &mut scores[row * long..][..panels * COLUMNS];
                *over = 1.0 / softened::<A>(&mut scores[..seen]);
                scores[seen..].fill(0.0);
            }
            let (fours, _) = scores.as_chunks::<4>();
            for (four, shares) in shares[..panels * COLUMNS].chunks_exact_mut(4).enumerate() {
                let eight = std::array::from_fn(|row| fours[row * (long / 4) + four]);
                for (share, column) in shares.iter_mut().zip(A::columns(&eight)) {
                    share.copy_from_slice(&column[..ROWS]);
                }
            }
            let left = Panels {
                all: shares,
                step: long,
                count: 1,
            };
            let right = Panels {
                all: values,
                step: long,
                count: slices,
            };
            products::<A>(&left, &right, layer.seen(first + rows - 1), |_, slice, sums| {
                for (row, (sums, over)) in sums.iter().zip(over).enumerate().take(rows) {
                    let columns = COLUMNS.min(wide - slice * COLUMNS);
                    let at = ((n * layer.rows + first + row) * layer.heads + head) * wide + slice * COLUMNS;
                    // SAFETY: no other head has these columns.
                    #[expect(unsafe_code, reason = "threads write columns of their own")]
                    let out = unsafe { out.part(at, columns) };
                    for (out, sum) in out.iter_mut().zip(sums) {
                        *out = sum * over;
                    }
                }
            });
        }
    }
}

/// e to the power of each less the greatest of them, and their sum.
#[inline(always)]
fn softened<A: Arithmetic>(scores: &mut [f32]) -> f32 {
    let (eights, rest) = scores.as_chunks_mut::<8>();
    let mut most: Octet = [f32::MIN; 8];
    for eight in eights.iter() {
        most = each(|n| most[n].max(eight[n]));
    }
    let most = rest
        .iter()
        .chain(&std::hint::black_box(most))
        .fold(f32::MIN, |a, b| a.max(*b));
    let mut sums = [[0.0; 8]; 4];
    for eight in eights {
        let bent = each(|n| exponential::<A>(eight[n] - most));
        *eight = bent;
        sums[0] = each(|n| sums[0][n] + bent[n]);
    }
    let sum = all(&sums);
    rest.iter_mut().fold(sum, |sum, score| {
        *score = exponential::<A>(*score - most);
        sum + *score
    })
}

/// The sum of products.
#[inline(always)]
fn dot<A: Arithmetic>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest), (b, rest_too)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums: Octet = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums = each(|n| A::fused(a[n], b[n], sums[n]));
    }
    let sum = all(&[sums, [0.0; 8], [0.0; 8], [0.0; 8]]);
    rest.iter().zip(rest_too).fold(sum, |sum, (a, b)| A::fused(*a, *b, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::drawn;

    #[test]
    fn attention_differs_from_its_definition_or_with_the_threads() {
        for (place, (n, rows, others, known, heads, head, causal)) in [
            (1, 1, 1, 0, 1, 4, true),
            (1, 1, 1, 37, 3, 20, true),
            (4, 1, 1, 11, 3, 20, false),
            (1, 3, 3, 5, 2, 8, true),
            (1, 1, 40, 0, 2, 12, true),
            (2, 9, 9, 0, 2, 24, false),
            (1, 23, 23, 18, 2, 16, true),
            (1, 50, 50, 0, 3, 72, true),
            (2, 50, 33, 0, 1, 18, false),
        ]
        .into_iter()
        .enumerate()
        {
            let room = known + 3;
            let drawn = |count, salt| -> Vec<f32> { drawn(count, salt).iter().map(|x| 2.0 * x).collect() };
            let queries = drawn(n * rows * heads * head, 1);
            let (keys, values) = (drawn(n * others * heads * head, 2), drawn(n * others * heads * head, 3));
            let (old, old_too) = (drawn(heads * room * head, 4), drawn(heads * room * head, 5));
            // Several of them go on from each other's tokens.
            let lines: Vec<i64> = (0..n * known).map(|at| (at * 7 % room) as i64).collect();
            let layer = Layer {
                queries: &queries,
                keys: &keys,
                values: &values,
                past: (known > 0).then_some(Past {
                    keys: &old,
                    values: &old_too,
                    known,
                    lie: if n > 1 { Lie::Places(&lines) } else { Lie::Room(room) },
                }),
                n,
                rows,
                others,
                heads,
                head,
                causal,
            };
            let (mut once, mut twice) = (vec![f32::NAN; queries.len()], vec![f32::NAN; queries.len()]);
            layer.run(&mut once, &Rooms::default(), |n, work| (0..n).for_each(work));
            let rooms = Rooms::default();
            for _ in 0..2 {
                layer.run(&mut twice, &rooms, |n, work| (0..n).rev().for_each(work));
                assert_eq!(once, twice, "{place}: with other threads, or a second time");
            }
            for (at, ours) in once.iter().enumerate() {
                let (column, row) = (at % head, at / head / heads % rows);
                let which = (at / head / heads / rows, at / head % heads);
                let all = known + others;
                let seen = if causal { all + row + 1 - rows } else { all };
                let query = layer.query(which, row);
                let scores: Vec<f64> = (0..seen)
                    .map(|at| {
                        let products = query.iter().zip(layer.one(which, at, true));
                        products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / (head as f64).sqrt()
                    })
                    .collect();
                let sum: f64 = scores.iter().map(|s| s.exp()).sum();
                let wanted: f64 = (0..seen)
                    .map(|at| scores[at].exp() * f64::from(layer.one(which, at, false)[column]))
                    .sum::<f64>()
                    / sum;
                assert!(
                    (f64::from(*ours) - wanted).abs() < 2e-6,
                    "{place}, {at}: {ours} {wanted}"
                );
            }
        }
    }
}
