//! Linear layers over weights as they lie in a checkpoint, in whatever precision: they are brought into the order of the products piece by
//! piece while those are computed, so that no second copy of them stands in memory. Many rows at once take seven products of quarters
//! where eight stand (Strassen 1969), once; sums of quarters are made where panels are (Huang, Smith, Henry, van de Geijn 2016).

use super::After;
use super::few::Few;
use super::lanes::{Arithmetic, Work, widest};
use super::product::{COLUMNS, Left, Panels, ROWS, Right, products};
use super::quarters::{Part, STRASSEN, WHOLE};
use super::rooms::Rooms;
use super::shared::Shared;
use super::weights::{BLOCK, Weights};

/// As many rows as wait for memory, and not for products: each weight is read once, without panels.
const FEW: usize = 12;
/// From so many rows, and so many numbers summed over and made, quarters are worth their sums.
const MANY: (usize, usize) = (512, 512);
/// The most steps of a product between two visits of what comes out: rows of weights are read in runs as long as a page of memory, since each
/// visit of another page is waited for.
const DEEP: usize = 1024;
/// Panels of rows that stay in the second cache while panels of columns pass.
const STAY: usize = 8;
/// Panels of columns that are multiplied at once, at the most: what they hold of a stretch of steps stays in the second cache.
const PANELS: usize = 4;
/// Numbers of a row that are widened at once.
const SPAN: usize = 128;

/// How what a layer computes from lies.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    /// Rows × from, to rows × to.
    Rows,
    /// N × channels × height × width, to N × to × height × width: each row is a pixel with its neighbours, `taps` along each side (odd), so
    /// `from` is channels × taps².
    Picture { height: usize, width: usize, taps: usize },
}

/// A linear layer over `x`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) x: &'a [f32],
    pub(super) seen: Seen,
    pub(super) rows: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weights: Weights<'a>,
    /// One each number that comes out.
    pub(super) bias: Option<&'a [f32]>,
    pub(super) after: After,
}

/// Room that threads compute in, and one that what they all read of `x` lies in.
#[derive(Debug, Default)]
pub(super) struct Room {
    lefts: Rooms<Vec<Left>>,
    each: Rooms<Desk>,
}

/// Room of a thread.
#[derive(Debug, Default)]
struct Desk {
    right: Vec<Right>,
    sums: Vec<Right>,
    line: Vec<f32>,
    tiles: Vec<[Right; ROWS]>,
}

/// How a product is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    parts: &'static [Part],
    /// Halves along an axis: one is the whole.
    halves: usize,
    /// Rows of a half, in panels.
    rows: usize,
    /// Steps of a half.
    steps: usize,
    /// Steps between two visits of what comes out.
    deep: usize,
    /// Columns of a half, in panels.
    columns: usize,
}

impl Cut {
    fn of(layer: &Layer<'_>) -> Self {
        let many = layer.rows >= MANY.0 && layer.from >= MANY.1 && layer.to >= MANY.1;
        let halves = if many { 2 } else { 1 };
        let steps = layer.from.div_ceil(halves).next_multiple_of(BLOCK);
        Self {
            parts: if many { STRASSEN } else { WHOLE },
            halves,
            rows: layer.rows.div_ceil(halves).div_ceil(ROWS),
            steps,
            deep: steps
                .div_ceil(steps.div_ceil(DEEP).max(1))
                .next_multiple_of(BLOCK)
                .max(BLOCK),
            columns: layer.to.div_ceil(halves).div_ceil(COLUMNS),
        }
    }
}

impl Layer<'_> {
    /// Computes it into `out`; `spread(n, work)` runs `work(0)` to `work(n - 1)`, on as many threads as it likes (`threads`).
    pub(super) fn run(
        &self,
        out: &mut [f32],
        room: &Room,
        threads: usize,
        mut spread: impl FnMut(usize, &(dyn Fn(usize) + Sync)),
    ) {
        if self.rows == 0 || self.to == 0 {
            return;
        }
        let out = Shared::new(out);
        if self.rows <= FEW && matches!(self.seen, Seen::Rows) {
            // Pieces enough that threads end together.
            let each = self.to.div_ceil(threads.max(1) * 4).clamp(8, 1024);
            spread(self.to.div_ceil(each), &|piece| {
                let columns = (piece * each, ((piece + 1) * each).min(self.to));
                widest(Few {
                    x: self.x,
                    from: self.from,
                    to: self.to,
                    weights: self.weights,
                    bias: self.bias,
                    after: self.after,
                    columns,
                    out: &out,
                });
            });
            return;
        }
        let cut = Cut::of(self);
        // Some groups one after the other, of which each fetches the next.
        let panels = cut.columns.div_ceil(threads.max(1) * 4).next_multiple_of(PANELS);
        room.lefts.within(|left| {
            let all = cut.parts.len() * cut.rows * cut.steps;
            if left.len() < all {
                left.resize(all, [0.0; ROWS]);
            }
            let turned = Shared::new(left[..all].as_flattened_mut());
            spread(cut.rows, &|panel| {
                widest(Turn {
                    layer: self,
                    cut: &cut,
                    panel,
                    left: &turned,
                });
            });
            let left = &left[..all];
            spread(cut.columns.div_ceil(panels), &|piece| {
                let columns = (piece * panels, ((piece + 1) * panels).min(cut.columns));
                room.each.within(|desk| {
                    widest(Block {
                        layer: self,
                        cut: &cut,
                        left,
                        columns,
                        desk,
                        out: &out,
                    });
                });
            });
        });
    }
}

/// Brings rows of a panel, and their sums, into the order of the products: part, panel, step.
struct Turn<'a> {
    layer: &'a Layer<'a>,
    cut: &'a Cut,
    panel: usize,
    left: &'a Shared<'a>,
}

impl Work for Turn<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self {
            layer,
            cut,
            panel,
            left,
        } = self;
        // Halves' steps lie beside each other, eight rows with two that stay zero.
        let mut lines = [[[0.0; SPAN]; 8]; 4];
        for step in (0..cut.steps).step_by(SPAN) {
            let span = SPAN.min(cut.steps - step);
            for (quarter, lines) in lines.iter_mut().enumerate().take(cut.halves * cut.halves) {
                let (below, right) = (quarter / cut.halves, quarter % cut.halves);
                let from = (right * cut.steps + step).min(layer.from);
                let inside = span.min(((right + 1) * cut.steps).min(layer.from).saturating_sub(from));
                for (row, line) in lines[..ROWS].iter_mut().enumerate() {
                    let row = (below * cut.rows + panel) * ROWS + row;
                    let inside = if row < layer.rows { inside } else { 0 };
                    match layer.seen {
                        _ if inside == 0 => {}
                        Seen::Rows => line[..inside].copy_from_slice(&layer.x[row * layer.from + from..][..inside]),
                        Seen::Picture { height, width, taps } => {
                            neighbours(layer, (height, width, taps), row, from, &mut line[..inside]);
                        }
                    }
                    line[inside..].fill(0.0);
                }
            }
            for (number, part) in cut.parts.iter().enumerate() {
                let at = ((number * cut.rows + panel) * cut.steps + step) * ROWS;
                // SAFETY: no other panel's rows lie there.
                #[expect(unsafe_code, reason = "threads write panels of their own")]
                let left = unsafe { left.part(at, span * ROWS) };
                let (panels, _) = left.as_chunks_mut::<ROWS>();
                for (four, panels) in panels.chunks_exact_mut(4).enumerate() {
                    let fours: [[f32; 4]; 8] = std::array::from_fn(|row| {
                        let quarter = |n: usize| &lines[part.left[n].0][row].as_chunks::<4>().0[four];
                        let first = quarter(0);
                        match part.left.get(1) {
                            Some((_, sign)) => {
                                let second = quarter(1);
                                std::array::from_fn(|n| A::fused(*sign, second[n], first[n]))
                            }
                            None => *first,
                        }
                    });
                    for (panel, column) in panels.iter_mut().zip(A::columns(&fours)) {
                        panel.copy_from_slice(&column[..ROWS]);
                    }
                }
            }
        }
    }
}

/// What a pixel and its neighbours are, channel by channel, from number `from` on; beyond the edges there is nothing.
#[inline(always)]
fn neighbours(
    layer: &Layer<'_>,
    (height, width, taps): (usize, usize, usize),
    pixel: usize,
    from: usize,
    line: &mut [f32],
) {
    let (n, pixel) = (pixel / (height * width), pixel % (height * width));
    let (y, x) = (pixel / width, pixel % width);
    let channels = layer.from / (taps * taps);
    for (place, out) in (from..).zip(line) {
        let (channel, tap) = (place / (taps * taps), place % (taps * taps));
        let (y, x) = (y + tap / taps, x + tap % taps);
        let inside = (taps / 2..height + taps / 2).contains(&y) && (taps / 2..width + taps / 2).contains(&x);
        *out = if inside {
            let plane = (n * channels + channel) * height * width;
            layer.x[plane + (y - taps / 2) * width + x - taps / 2]
        } else {
            0.0
        };
    }
}

/// Panels of columns that a thread takes at once.
struct Block<'a> {
    layer: &'a Layer<'a>,
    cut: &'a Cut,
    left: &'a [Left],
    columns: (usize, usize),
    desk: &'a mut Desk,
    out: &'a Shared<'a>,
}

impl Work for Block<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let (first, end) = self.columns;
        for from in (first..end).step_by(PANELS) {
            let group = Group {
                from,
                columns: PANELS.min(end - from),
                last: from + PANELS >= end,
            };
            self.multiply::<A>(&group);
            self.tell::<A>(&group);
        }
    }
}

/// Some of the panels of columns of a block, of each half.
#[derive(Debug)]
struct Group {
    from: usize,
    columns: usize,
    last: bool,
}

impl Block<'_> {
    /// Sums of a group, in tiles.
    #[inline(always)]
    fn multiply<A: Arithmetic>(&mut self, group: &Group) {
        let Self { layer, cut, left, .. } = *self;
        let Group { from, columns, last } = *group;
        let quarters = cut.halves * cut.halves;
        let Desk {
            right,
            sums,
            line,
            tiles,
        } = &mut *self.desk;
        line.resize(SPAN * COLUMNS, 0.0);
        right.resize(quarters * columns * cut.deep, [0.0; COLUMNS]);
        sums.resize(columns * cut.deep, [0.0; COLUMNS]);
        tiles.resize(quarters * columns * cut.rows, [[0.0; COLUMNS]; ROWS]);
        for begin in (0..cut.steps).step_by(cut.deep) {
            let deep = cut.deep.min(cut.steps - begin);
            let each = columns * deep;
            for quarter in 0..quarters {
                // What is summed over lies along a row of weights, and is the upper half of the right matrix.
                let (below, beside) = (quarter / cut.halves, quarter % cut.halves);
                for (panel, right) in right[quarter * each..][..each].chunks_exact_mut(deep).enumerate() {
                    let first = (beside * cut.columns + from + panel) * COLUMNS;
                    let steps = (below * cut.steps + begin).min(layer.from);
                    let inside = deep.min(layer.from - steps);
                    turn::<A>(layer, (first, steps, inside), line, right);
                }
            }
            // While these are multiplied the weights of the next ones come from memory, some rows each product.
            let (soon, at) = match begin + deep < cut.steps {
                true => (from, begin + deep),
                false => (from + columns, 0),
            };
            let wanted = if last && at == 0 {
                0
            } else {
                quarters * columns * COLUMNS
            };
            let each_time = wanted.div_ceil(cut.parts.len() * columns * cut.rows);
            let mut wanted = (0..wanted).map(|row| {
                let (quarter, row) = (row / (columns * COLUMNS), row % (columns * COLUMNS));
                let (below, beside) = (quarter / cut.halves, quarter % cut.halves);
                ((beside * cut.columns + soon) * COLUMNS + row, below * cut.steps + at)
            });
            for (number, part) in cut.parts.iter().enumerate() {
                let quarter = |n: usize| &right[part.right[n].0 * each..][..each];
                let panels = match part.right.get(1) {
                    None => quarter(0),
                    Some((_, sign)) => {
                        for ((sum, a), b) in sums.iter_mut().zip(quarter(0)).zip(quarter(1)) {
                            for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
                                *sum = A::fused(*sign, *b, *a);
                            }
                        }
                        &sums[..each]
                    }
                };
                for rows in (0..cut.rows).step_by(STAY) {
                    let left = Panels {
                        all: &left[(number * cut.rows + rows) * cut.steps + begin..],
                        step: cut.steps,
                        count: STAY.min(cut.rows - rows),
                    };
                    for (pair, right) in panels.chunks(deep * A::SIDE).enumerate() {
                        let right = Panels {
                            all: right,
                            step: deep,
                            count: right.len() / deep,
                        };
                        products::<A>(&left, &right, deep, |row, column, sums| {
                            for (row, at) in wanted.by_ref().take(each_time) {
                                if row < layer.to && at < layer.from {
                                    layer.weights.fetch(row, layer.from, at, cut.deep.min(layer.from - at));
                                }
                            }
                            let (row, column) = (rows + row, pair * A::SIDE + column);
                            for &(quarter, sign, first) in part.to {
                                let tile = &mut tiles[(quarter * columns + column) * cut.rows + row];
                                let first = first && begin == 0;
                                for (tile, sums) in tile.iter_mut().zip(sums) {
                                    let was = if first { [0.0; COLUMNS] } else { *tile };
                                    for (tile, (was, sum)) in tile.iter_mut().zip(was.iter().zip(sums)) {
                                        *tile = A::fused(sign, *sum, *was);
                                    }
                                }
                            }
                        });
                    }
                }
            }
        }
    }

    /// Writes what a group's tiles say.
    #[inline(always)]
    fn tell<A: Arithmetic>(&self, group: &Group) {
        let Self { layer, cut, out, .. } = *self;
        let Group { from, columns, .. } = *group;
        let tiles = &self.desk.tiles;
        for quarter in 0..cut.halves * cut.halves {
            let (below, beside) = (quarter / cut.halves, quarter % cut.halves);
            let first = ((beside * cut.columns + from) * COLUMNS).min(layer.to);
            let wide = (columns * COLUMNS).min(layer.to - first);
            let above = below * cut.rows * ROWS;
            let tall = (cut.rows * ROWS).min(layer.rows.saturating_sub(above));
            let row_of =
                |column: usize, row: usize| &tiles[(quarter * columns + column) * cut.rows + row / ROWS][row % ROWS];
            if let Seen::Picture { height, width, .. } = layer.seen {
                let plane = height * width;
                for column in 0..wide {
                    let bias = layer.bias.map_or(0.0, |bias| bias[first + column]);
                    let mut row = 0;
                    while row < tall {
                        // As far as a picture goes.
                        let (n, pixel) = ((above + row) / plane, (above + row) % plane);
                        let pixels = (plane - pixel).min(tall - row);
                        // SAFETY: no other block has these channels.
                        #[expect(unsafe_code, reason = "threads write channels of their own")]
                        let out = unsafe { out.part((n * layer.to + first + column) * plane + pixel, pixels) };
                        for (row, out) in (row..).zip(&mut *out) {
                            *out = row_of(column / COLUMNS, row)[column % COLUMNS] + bias;
                        }
                        layer.after.bend::<A>(out);
                        row += pixels;
                    }
                }
                continue;
            }
            for row in (0..tall).take_while(|_| wide > 0) {
                let at = (above + row) * layer.to + first;
                // SAFETY: no other block has these columns.
                #[expect(unsafe_code, reason = "threads write columns of their own")]
                let out = unsafe { out.part(at, wide) };
                let (whole, rest) = out.as_chunks_mut::<COLUMNS>();
                rest.copy_from_slice(&row_of(whole.len().min(columns - 1), row)[..rest.len()]);
                for (column, out) in whole.iter_mut().enumerate() {
                    *out = *row_of(column, row);
                }
                if let Some(bias) = layer.bias {
                    for (out, bias) in out.iter_mut().zip(&bias[first..]) {
                        *out += bias;
                    }
                }
                layer.after.bend::<A>(out);
            }
        }
    }
}

/// Brings `inside` steps of sixteen rows of weights into a panel, from row `first` and step `from` on; what is beyond is zero.
#[inline(always)]
fn turn<A: Arithmetic>(
    layer: &Layer<'_>,
    (first, from, inside): (usize, usize, usize),
    line: &mut [f32],
    right: &mut [Right],
) {
    let rows = COLUMNS.min(layer.to.saturating_sub(first));
    for (piece, right) in right.chunks_mut(SPAN).enumerate() {
        let span = SPAN.min(inside.saturating_sub(piece * SPAN));
        for (row, line) in line[..SPAN * COLUMNS].chunks_exact_mut(SPAN).enumerate() {
            let span = if row < rows { span } else { 0 };
            if span > 0 {
                layer
                    .weights
                    .widen::<A>(first + row, layer.from, from + piece * SPAN, &mut line[..span]);
            }
            line[span..].fill(0.0);
        }
        let (fours, _) = line.as_chunks::<4>();
        for (four, steps) in right.chunks_exact_mut(4).enumerate() {
            let eight = |half: usize| std::array::from_fn(|row| fours[(half * 8 + row) * (SPAN / 4) + four]);
            let (low, high) = (A::columns(&eight(0)), A::columns(&eight(1)));
            for (step, (low, high)) in steps.iter_mut().zip(low.iter().zip(&high)) {
                step[..8].copy_from_slice(low);
                step[8..].copy_from_slice(high);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::kernels::drawn;
    use crate::kernels::weights::ZERO;

    fn gelu(x: f64) -> f64 {
        0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
    }

    #[test]
    fn a_linear_layer_differs_from_its_definition_or_with_the_threads() {
        // One row, a few, panels that end early, and quarters of odd sizes.
        for (place, (rows, from, to)) in [
            (1, 5, 3),
            (3, 1100, 37),
            (4, 33, 2050),
            (5, 31, 17),
            (13, 700, 50),
            (97, 64, 129),
            (11, 1153, 70),
            (193, 515, 513),
            (515, 715, 530),
        ]
        .into_iter()
        .enumerate()
        {
            let x = drawn(rows * from, 1);
            let bias = drawn(to, 2);
            let singles = drawn(to * from, 3);
            let halves: Vec<f16> = singles.iter().map(|x| f16::from_f32(*x)).collect();
            let brains: Vec<bf16> = singles.iter().map(|x| bf16::from_f32(*x)).collect();
            let blocks = from.div_ceil(BLOCK);
            let bytes: Vec<u8> = (0..to * blocks * BLOCK).map(|n| (n * 97 % 256) as u8).collect();
            let scales: Vec<f32> = drawn(to * blocks, 4).iter().map(|x| x / 128.0).collect();
            for (weights, number) in [
                (
                    Weights::Single(&singles),
                    Box::new(|row: usize, at: usize| f64::from(singles[row * from + at]))
                        as Box<dyn Fn(usize, usize) -> f64>,
                ),
                (
                    Weights::Half(&halves),
                    Box::new(|row, at| halves[row * from + at].to_f64()),
                ),
                (
                    Weights::Brain(&brains),
                    Box::new(|row, at| brains[row * from + at].to_f64()),
                ),
                (
                    Weights::Eight(&bytes, &scales),
                    Box::new(|row, at| {
                        let byte = f64::from(bytes[row * blocks * BLOCK + at]) - f64::from(ZERO);
                        byte * f64::from(scales[row * blocks + at / BLOCK])
                    }),
                ),
            ] {
                assert!(weights.are(from, to) && !weights.are(from, to + 1));
                let layer = Layer {
                    x: &x,
                    seen: Seen::Rows,
                    rows,
                    from,
                    to,
                    weights,
                    bias: (place % 2 == 0).then_some(&bias[..]),
                    after: if place % 3 == 0 {
                        After::GeluTanh
                    } else {
                        After::Nothing
                    },
                };
                let (mut once, mut twice) = (vec![f32::NAN; rows * to], vec![f32::NAN; rows * to]);
                layer.run(&mut once, &Room::default(), 1, |n, work| (0..n).for_each(work));
                let room = Room::default();
                for _ in 0..2 {
                    layer.run(&mut twice, &room, 3, |n, work| (0..n).rev().for_each(work));
                    assert_eq!(once, twice, "{place}: with other threads, or a second time");
                }
                // Every tenth is enough.
                for at in (0..rows * to).step_by(if rows * to > 9000 { 10 } else { 1 }) {
                    let (row, column) = (at / to, at % to);
                    let sum: f64 = (0..from)
                        .map(|n| f64::from(x[row * from + n]) * number(column, n))
                        .sum();
                    let sum = sum + layer.bias.map_or(0.0, |bias| f64::from(bias[column]));
                    let wanted = if place % 3 == 0 { gelu(sum) } else { sum };
                    let ours = f64::from(once[at]);
                    assert!(
                        (ours - wanted).abs() < 2e-5,
                        "{place}, row {row}, column {column}: {ours} {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_convolution_of_what_lies_differs_from_its_definition() {
        for (n, channels, height, width, taps, to) in [
            (1, 3, 1, 1, 3, 5),
            (2, 5, 4, 3, 3, 17),
            (1, 9, 5, 6, 1, 33),
            (5, 58, 10, 11, 3, 530),
        ] {
            let (rows, from) = (n * height * width, channels * taps * taps);
            let (x, weights, bias) = (drawn(rows * channels, 1), drawn(to * from, 2), drawn(to, 3));
            let layer = Layer {
                x: &x,
                seen: Seen::Picture { height, width, taps },
                rows,
                from,
                to,
                weights: Weights::Single(&weights),
                bias: Some(&bias),
                after: After::Rectified,
            };
            let mut out = vec![f32::NAN; rows * to];
            layer.run(&mut out, &Room::default(), 2, |n, work| (0..n).for_each(work));
            for (at, ours) in out.iter().enumerate() {
                let (x_at, y_at) = (at % width, at / width % height);
                let (channel, n) = (at / width / height % to, at / width / height / to);
                let mut sum = f64::from(bias[channel]);
                for (place, weight) in weights[channel * from..][..from].iter().enumerate() {
                    let (seen, tap) = (place / taps / taps, place % (taps * taps));
                    let (y, x_seen) = (y_at + tap / taps, x_at + tap % taps);
                    let (y, x_seen) = (y.wrapping_sub(taps / 2), x_seen.wrapping_sub(taps / 2));
                    if y < height && x_seen < width {
                        let at = ((n * channels + seen) * height + y) * width + x_seen;
                        sum += f64::from(x[at]) * f64::from(*weight);
                    }
                }
                assert!((f64::from(*ours) - sum.max(0.0)).abs() < 2e-5, "{at}: {ours} {sum}");
            }
        }
    }
}
