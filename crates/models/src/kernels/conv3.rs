//! A convolution of 3 × 3, stride 1, padded by 1, with what comes before and after it in the same pass: the scale and shift of a norm and a
//! SiLU before; a bias, another picture added and a rectifier after. What flows between them is never written down.

use super::After;
use super::lanes::{Arithmetic, Work, each, widest};
use super::product::{COLUMNS, Left, Panels, ROWS, Right, products};
use super::rooms::Rooms;
use super::shared::Shared;
use super::winograd::{POINTS, REACH, TILE, kernels_to_points, points_to_tiles, tiles_to_points};

/// Tiles that a thread takes at once, at the most: their numbers at all points, for all channels, should stay in the cache.
const TILES: usize = 48;
/// Room for them, in eights from any of them on.
const LANES: usize = TILES + 8;
type Lane = [f32; LANES];
/// Channels of results that are computed before any is written: as many panels.
const PANELS: usize = 8;
pub(super) const OUTS: usize = PANELS * ROWS;

/// The kernels of a layer at the 36 points: block of channels, point, panel of rows, channel.
#[derive(Debug)]
pub(super) struct Kernels {
    from: usize,
    to: usize,
    panels: Vec<Left>,
}

impl Kernels {
    /// From `to` × `from` × 3 × 3, in the room of others that are no longer needed; `spread` as in [`Layer::run`].
    pub(super) fn of(
        weights: &[f32],
        (from, to): (usize, usize),
        room: Vec<Left>,
        spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) -> Self {
        let blocks = to.div_ceil(OUTS);
        let (step, mut panels) = (Self::step(from), room);
        let each = POINTS * step;
        // Whatever lies there is written over; rows that nobody writes nobody reads.
        panels.resize(blocks * each, [0.0; ROWS]);
        let shared = Shared::new(panels.as_flattened_mut());
        let (kernels, _) = weights.as_chunks::<9>();
        spread(blocks, &|block| {
            // SAFETY: one call a block.
            #[expect(unsafe_code, reason = "threads write blocks of their own")]
            let panels = unsafe { shared.part(block * each * ROWS, each * ROWS) };
            let first = block * OUTS;
            widest(Bring {
                kernels: &kernels[first * from..to.min(first + OUTS) * from],
                from,
                panels,
            });
        });
        Self { from, to, panels }
    }

    /// Its room, for others.
    pub(super) fn room(self) -> Vec<Left> {
        self.panels
    }

    /// From point to point: a little more than its panels, so that the points of a kernel do not fall on each other in the cache.
    fn step(from: usize) -> usize {
        PANELS * from + 8
    }

    /// Panels of a block at a point.
    fn at(&self, block: usize, point: usize) -> &[Left] {
        &self.panels[(block * POINTS + point) * Self::step(self.from)..][..PANELS * self.from]
    }
}

/// Brings the kernels of a block to the points.
struct Bring<'a> {
    kernels: &'a [[f32; 9]],
    from: usize,
    panels: &'a mut [f32],
}

impl Work for Bring<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (from, step) = (self.from, Kernels::step(self.from));
        for (panel, rows) in self.kernels.chunks(ROWS * from).enumerate() {
            for channel in 0..from {
                // Lanes beyond the last row stay nought.
                let mut lanes = [[0.0; 8]; 9];
                for (row, kernels) in rows.chunks_exact(from).enumerate() {
                    for (lane, tap) in lanes.iter_mut().zip(&kernels[channel]) {
                        lane[row] = *tap;
                    }
                }
                kernels_to_points::<A>(&lanes, |point, values| {
                    let at = (point * step + panel * from + channel) * ROWS;
                    self.panels[at..][..ROWS].copy_from_slice(&values[..ROWS]);
                });
            }
        }
    }
}

/// What a layer computes from `x`: N × channels × (height × width, before it is made `scale` times as large).
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) x: &'a [f32],
    pub(super) n: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// 2: each pixel of `x` counts four times.
    pub(super) scale: usize,
    pub(super) kernels: &'a Kernels,
    /// The first channel of the results that these kernels make, and how many there are in all.
    pub(super) channels: (usize, usize),
    /// N × 2 × channels: what each channel is multiplied by, and what is added then.
    pub(super) norm: Option<&'a [f32]>,
    /// Whether a SiLU follows the norm.
    pub(super) silu: bool,
    /// One each channel of the results, or N × channels.
    pub(super) bias: Option<&'a [f32]>,
    /// What the results are added to.
    pub(super) past: Past<'a>,
    /// What is done to each result in the end.
    pub(super) after: After,
}

/// A picture as large as the results.
#[derive(Debug, Clone, Copy)]
pub(super) enum Past<'a> {
    None,
    Of(&'a [f32]),
    /// It lies where the results will.
    Here,
}

/// Room that a thread computes in.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Numbers of a channel, row by row of the tiles, column by column, tile by tile.
    seen: Vec<Lane>,
    line: Vec<f32>,
    points: Vec<Right>,
    sums: Vec<Right>,
    results: Vec<Lane>,
}

/// Tiles in a row of a picture: so many of picture `n`, from tile (`row`, `column`) on; lanes from `lane`.
#[derive(Debug, Clone, Copy)]
struct Run {
    n: usize,
    row: usize,
    column: usize,
    tiles: usize,
    lane: usize,
}

impl Layer<'_> {
    fn size(&self) -> (usize, usize) {
        (self.height * self.scale, self.width * self.scale)
    }

    /// Computes it into `out`; `spread(n, work)` runs `work(0)` to `work(n - 1)`, on as many threads as it likes (`threads`).
    pub(super) fn run(
        &self,
        out: &mut [f32],
        rooms: &Rooms<Room>,
        threads: usize,
        spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) {
        let (height, width) = self.size();
        let all = self.n * height.div_ceil(TILE) * width.div_ceil(TILE);
        let each = all.div_ceil(threads.max(1)).next_multiple_of(COLUMNS).min(TILES);
        let out = Shared::new(out);
        spread(all.div_ceil(each), &|block| {
            let runs = self.runs(block * each, ((block + 1) * each).min(all));
            rooms.within(|room| {
                widest(Block {
                    layer: self,
                    runs: &runs,
                    columns: each / COLUMNS,
                    room,
                    out: &out,
                });
            });
        });
    }

    /// Tiles from one number up to another, row by row.
    fn runs(&self, mut from: usize, to: usize) -> Vec<Run> {
        let (height, width) = self.size();
        let (down, across) = (height.div_ceil(TILE), width.div_ceil(TILE));
        let begin = from;
        let mut runs = Vec::new();
        while from < to {
            let column = from % across;
            let tiles = (across - column).min(to - from);
            runs.push(Run {
                n: from / across / down,
                row: from / across % down,
                column,
                tiles,
                lane: from - begin,
            });
            from += tiles;
        }
        runs
    }
}

/// The tiles that a thread takes at once.
struct Block<'a> {
    layer: &'a Layer<'a>,
    runs: &'a [Run],
    columns: usize,
    room: &'a mut Room,
    out: &'a Shared<'a>,
}

impl Work for Block<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self {
            layer,
            runs,
            columns,
            room,
            out,
        } = self;
        let Kernels { from, to, .. } = *layer.kernels;
        let Room {
            seen,
            line,
            points,
            sums,
            results,
        } = room;
        seen.resize(POINTS, [0.0; LANES]);
        results.resize(TILE * TILE, [0.0; LANES]);
        // A line of the cache more, so that the points of a tile do not fall on each other there.
        let (wide, tall) = (columns * from + 1, columns * OUTS + 1);
        points.resize(POINTS * wide, [0.0; COLUMNS]);
        sums.resize(POINTS * tall, [0.0; COLUMNS]);
        line.resize((LANES + 1) * TILE, 0.0);
        for channel in 0..from {
            look::<A>(layer, runs, columns, channel, (seen, line), points);
        }
        for block in 0..to.div_ceil(OUTS) {
            let outs = OUTS.min(to - block * OUTS);
            for point in 0..POINTS {
                let left = Panels {
                    all: layer.kernels.at(block, point),
                    step: from,
                    count: outs.div_ceil(ROWS),
                };
                let right = Panels {
                    all: &points[point * wide..],
                    step: from,
                    count: columns,
                };
                let sums = &mut sums[point * tall..][..columns * OUTS];
                products::<A>(&left, &right, from, |panel, column, part| {
                    let place = sums[column * OUTS + panel * ROWS..].first_chunk_mut();
                    *place.expect("as many as there are panels") = *part;
                });
            }
            for to in 0..outs {
                tell::<A>(layer, runs, columns, (block * OUTS, to), sums, (results, line), out);
            }
        }
    }
}

/// Brings a channel of the tiles to the points.
#[inline(always)]
fn look<A: Arithmetic>(
    layer: &Layer<'_>,
    runs: &[Run],
    columns: usize,
    channel: usize,
    (seen, line): (&mut [Lane], &mut [f32]),
    points: &mut [Right],
) {
    let from = layer.kernels.from;
    let (height, width) = layer.size();
    for run in runs {
        let norm = layer.norm.map(|norm| {
            let norm = &norm[run.n * 2 * from..];
            (norm[channel], norm[from + channel])
        });
        let picture = &layer.x[(run.n * from + channel) * layer.height * layer.width..][..layer.height * layer.width];
        let wanted = run.tiles * TILE + 2;
        for row in 0..REACH {
            let rows = &mut seen[row * REACH..][..REACH];
            let y = (run.row * TILE + row).wrapping_sub(1);
            if y >= height {
                for row in rows {
                    row[run.lane..][..run.tiles].fill(0.0);
                }
                continue;
            }
            // From one pixel before the first tile to one after the last; what lies outside is zero.
            let before = usize::from(run.column == 0);
            let begin = run.column * TILE - (1 - before);
            let inside = (width - begin).min(wanted - before);
            let source = &picture[y / layer.scale * layer.width..][..layer.width];
            let target = &mut line[before..][..inside];
            if layer.scale == 1 {
                target.copy_from_slice(&source[begin..][..inside]);
            } else {
                for (place, target) in target.iter_mut().enumerate() {
                    *target = source[(begin + place) / 2];
                }
            }
            if let Some((by, plus)) = norm {
                // In whole eights, whatever lies around: the edges are cleared after it.
                let line = &mut line[..wanted.next_multiple_of(8)];
                for x in line.iter_mut() {
                    *x = A::fused(*x, by, plus);
                }
                if layer.silu {
                    After::Silu.bend::<A>(line);
                }
            }
            line[..before].fill(0.0);
            line[before + inside..wanted].fill(0.0);
            let (fours, _) = line.as_chunks::<TILE>();
            for tile in (0..run.tiles).step_by(8) {
                let eight = |from: usize| fours[from..].first_chunk::<8>().expect("a line has room for eights");
                let (here, next) = (A::columns(eight(tile)), A::columns(eight(tile + 1)));
                for (row, column) in rows
                    .iter_mut()
                    .zip([here[0], here[1], here[2], here[3], next[0], next[1]])
                {
                    row[run.lane + tile..][..8].copy_from_slice(&column);
                }
            }
        }
    }
    for eight in 0..columns * 2 {
        tiles_to_points::<A>(
            |place| {
                *seen[place][eight * 8..]
                    .first_chunk::<8>()
                    .expect("as many as there are tiles")
            },
            |point, at| {
                points[point * (columns * from + 1) + eight / 2 * from + channel][eight % 2 * 8..][..8]
                    .copy_from_slice(&at);
            },
        );
    }
}

/// Writes a channel of the results of the tiles.
#[inline(always)]
fn tell<A: Arithmetic>(
    layer: &Layer<'_>,
    runs: &[Run],
    columns: usize,
    (first, to): (usize, usize),
    sums: &[Right],
    (results, line): (&mut [Lane], &mut [f32]),
    out: &Shared<'_>,
) {
    let channels = layer.channels.1;
    let channel = layer.channels.0 + first + to;
    let (height, width) = layer.size();
    for eight in 0..columns * 2 {
        points_to_tiles::<A>(
            |point| {
                let sums = &sums[point * (columns * OUTS + 1) + eight / 2 * OUTS + to];
                sums.as_chunks::<8>().0[eight % 2]
            },
            |row, columns| {
                for (result, column) in results[row * TILE..][..TILE].iter_mut().zip(columns) {
                    result[eight * 8..][..8].copy_from_slice(&column);
                }
            },
        );
    }
    for run in runs {
        let bias = layer.bias.map_or(0.0, |bias| {
            let n = if bias.len() > channels { run.n } else { 0 };
            bias[n * channels + channel]
        });
        let picture = (run.n * channels + channel) * height * width;
        let begin = run.column * TILE;
        let inside = (width - begin).min(run.tiles * TILE);
        for row in 0..TILE.min(height - run.row * TILE) {
            let at = picture + (run.row * TILE + row) * width + begin;
            let results = &results[row * TILE..][..TILE];
            let (fours, _) = line.as_chunks_mut::<TILE>();
            for tile in (0..run.tiles).step_by(8) {
                let columns = std::array::from_fn(|column| each(|lane| results[column][run.lane + tile + lane] + bias));
                let eight = A::fours(&columns);
                fours[tile..][..8].copy_from_slice(&eight);
            }
            let line = &mut line[..inside];
            // SAFETY: no other block has these tiles.
            #[expect(unsafe_code, reason = "threads write tiles of their own")]
            let out = unsafe { out.part(at, inside) };
            let past = match layer.past {
                Past::None => &[],
                Past::Of(past) => &past[at..][..inside],
                Past::Here => &*out,
            };
            for (x, past) in line.iter_mut().zip(past) {
                *x += past;
            }
            layer.after.bend::<A>(line);
            out.copy_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::drawn;

    /// By the definition, in double precision.
    fn slowly(layer: &Layer<'_>, weights: &[f32], (from, to): (usize, usize)) -> Vec<f64> {
        let (height, width) = layer.size();
        let seen = |n: usize, channel: usize, y: usize, x: usize| {
            let at = (n * from + channel) * layer.height * layer.width;
            let mut seen = f64::from(layer.x[at + y / layer.scale * layer.width + x / layer.scale]);
            if let Some(norm) = layer.norm {
                let (by, plus) = (norm[n * 2 * from + channel], norm[n * 2 * from + from + channel]);
                seen = seen * f64::from(by) + f64::from(plus);
                if layer.silu {
                    seen /= 1.0 + (-seen).exp();
                }
            }
            seen
        };
        let mut out = Vec::new();
        for n in 0..layer.n {
            for channel in 0..to {
                for y in 0..height {
                    for x in 0..width {
                        let bias = layer
                            .bias
                            .map_or(0.0, |bias| bias[channel + if bias.len() > to { n * to } else { 0 }]);
                        let mut sum = f64::from(
                            bias + match layer.past {
                                Past::Of(past) => past[out.len()],
                                _ => 0.0,
                            },
                        );
                        for from_channel in 0..from {
                            for tap in 0..9 {
                                let (y, x) = ((y + tap / 3).wrapping_sub(1), (x + tap % 3).wrapping_sub(1));
                                if y < height && x < width {
                                    let weight = weights[(channel * from + from_channel) * 9 + tap];
                                    sum += seen(n, from_channel, y, x) * f64::from(weight);
                                }
                            }
                        }
                        out.push(match layer.after {
                            After::Nothing => sum,
                            After::Rectified => sum.max(0.0),
                            After::Silu => sum / (1.0 + (-sum).exp()),
                            After::GeluTanh => {
                                let bent = 0.797_884_560_802_865_4 * (sum + 0.044_715 * sum.powi(3));
                                0.5 * sum * (1.0 + bent.tanh())
                            }
                        });
                    }
                }
            }
        }
        out
    }

    #[test]
    fn a_convolution_differs_from_its_definition_or_with_the_threads() {
        // Sizes below a tile, of tiles exactly, a pixel beyond, and so wide that rows are cut; channels below and beyond a panel.
        for (place, (n, from, to, height, width)) in [
            (1, 1, 1, 1, 1),
            (2, 3, 7, 3, 2),
            (1, 5, 13, 4, 8),
            (2, 17, 6, 5, 9),
            (3, 2, 49, 13, 17),
            (1, 4, 5, 6, 211),
        ]
        .into_iter()
        .enumerate()
        {
            for scale in [1, 2] {
                let weights = drawn(from * to * 9, 1);
                let kernels = Kernels::of(&weights, (from, to), Vec::new(), |n, work| (0..n).for_each(work));
                let (x, norm) = (drawn(n * from * height * width, 2), drawn(n * 2 * from, 3));
                let all = n * to * height * scale * width * scale;
                let (bias, each_bias, past) = (drawn(to, 4), drawn(n * to, 5), drawn(all, 6));
                let full = (place + scale) % 2 == 0;
                let layer = Layer {
                    x: &x,
                    n,
                    height,
                    width,
                    scale,
                    kernels: &kernels,
                    channels: (0, to),
                    norm: full.then_some(&norm[..]),
                    silu: place % 3 == 0,
                    bias: Some(if full { &each_bias[..] } else { &bias }),
                    past: match place % 2 {
                        0 => Past::Of(&past),
                        _ => Past::None,
                    },
                    after: [After::Nothing, After::Rectified, After::Silu, After::GeluTanh][place % 4],
                };
                let exact = slowly(&layer, &weights, (from, to));
                let (mut once, mut twice) = (vec![0.0; all], vec![0.0; all]);
                layer.run(&mut once, &Rooms::default(), 1, |n, work| (0..n).for_each(work));
                let rooms = Rooms::default();
                layer.run(&mut twice, &rooms, 3, |n, work| (0..n).rev().for_each(work));
                assert_eq!(once, twice, "{place}: with other threads");
                // Rooms are used again, whatever lies in them.
                layer.run(&mut twice, &rooms, 3, |n, work| (0..n).for_each(work));
                assert_eq!(once, twice, "{place}: a second time");
                // Kernels may come in two parts.
                let half = to / 2;
                twice.fill(f32::NAN);
                for (first, last) in [(0, half), (half, to)] {
                    let weights = &weights[first * from * 9..last * from * 9];
                    let serially = |n, work: &(dyn Fn(usize) + Sync)| (0..n).for_each(work);
                    let kernels = Kernels::of(weights, (from, last - first), Vec::new(), serially);
                    let part = Layer {
                        kernels: &kernels,
                        channels: (first, to),
                        ..layer
                    };
                    part.run(&mut twice, &rooms, 3, serially);
                }
                assert_eq!(once, twice, "{place}: in two parts");
                if place % 2 == 0 {
                    // What it is added to may lie where it goes.
                    twice.copy_from_slice(&past);
                    let layer = Layer {
                        past: Past::Here,
                        ..layer
                    };
                    layer.run(&mut twice, &rooms, 3, |n, work| (0..n).for_each(work));
                    assert_eq!(once, twice, "{place}: in place");
                }
                for (ours, exact) in once.iter().zip(exact) {
                    assert!(
                        (f64::from(*ours) - exact).abs() < 2e-5,
                        "{place}, {scale}: {ours} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_points_round_off_shows() {
        // The usual points 0, ±1, ±2 and ∞ would be 1.6e-6 off here, a sum in the order of the definition 0.4e-6.
        let (from, to, height, width) = (64, 6, 16, 16);
        let (weights, x) = (drawn(from * to * 9, 1), drawn(from * height * width, 2));
        let serially = |n, work: &(dyn Fn(usize) + Sync)| (0..n).for_each(work);
        let kernels = Kernels::of(&weights, (from, to), Vec::new(), serially);
        let layer = Layer {
            x: &x,
            n: 1,
            height,
            width,
            scale: 1,
            kernels: &kernels,
            channels: (0, to),
            norm: None,
            silu: false,
            bias: None,
            past: Past::None,
            after: After::Nothing,
        };
        let mut ours = vec![0.0; to * height * width];
        layer.run(&mut ours, &Rooms::default(), 1, serially);
        let exact = slowly(&layer, &weights, (from, to));
        let power = |all: &mut dyn Iterator<Item = f64>| all.map(|x| x * x).sum::<f64>().sqrt();
        let off =
            power(&mut ours.iter().zip(&exact).map(|(a, b)| f64::from(*a) - b)) / power(&mut exact.iter().copied());
        assert!(off < 1e-6, "{off}");
    }
}
