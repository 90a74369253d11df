//! A convolution along a signal, stride 1, whose length stays, with any dilation: taps in fours, each by Toom and Cook's way F(4, 4), seven
//! products where sixteen stand (the points 0, ±1, ±½, 2 and ∞). The next four taps look four samples on, where the next tile stands, so
//! that all of them share what the signal is at the points, and their products are summed before they come back.

use super::lanes::{Arithmetic, Octet, Work, each, widest};
use super::product::{COLUMNS, Left, Panels, ROWS, Right, products};
use super::rooms::Rooms;
use super::shared::Shared;

/// Results of a tile.
const TILE: usize = 4;
/// Products of a tile for four taps.
const POINTS: usize = 7;
/// Taps that are taken together.
const TAPS: usize = 4;
/// Tiles that a thread takes at once, at the most.
const TILES: usize = 48;
/// Room for those that later taps look at, in eights from any of them on.
const LANES: usize = TILES + 24;
type Lane = [f32; LANES];
/// Channels of results that are computed before any is written: as many panels.
const PANELS: usize = 8;
const OUTS: usize = PANELS * ROWS;
/// The most taps whose tiles find room.
pub(crate) const MOST_TAPS: usize = 11;

/// The points, and what each's product is divided by; the last one lies at infinity.
const AT: [(f32, f32); POINTS - 1] = [
    (0.0, -0.5),
    (1.0, -1.5),
    (-1.0, -4.5),
    (0.5, 0.5625),
    (-0.5, 0.9375),
    (2.0, 22.5),
];

/// What four taps are at the points.
fn taps_to_points(taps: [f32; TAPS]) -> [f32; POINTS] {
    let mut out = [taps[TAPS - 1]; POINTS];
    for (out, (at, over)) in out.iter_mut().zip(AT) {
        *out = taps.iter().rev().fold(0.0, |sum, tap| sum * at + tap) / over;
    }
    out
}

/// The way in: what seven neighbours are at the points.
#[inline(always)]
fn signal_to_points<A: Arithmetic>(d: [Octet; POINTS]) -> [Octet; POINTS] {
    // Five factors for the middle ones, lowest first; the last one's is 1.
    let middle = |by: [f32; 4]| {
        each(|n| {
            let sum = A::fused(by[3], d[4][n], d[5][n]);
            let sum = A::fused(by[2], d[3][n], sum);
            let sum = A::fused(by[1], d[2][n], sum);
            A::fused(by[0], d[1][n], sum)
        })
    };
    let end = |from: usize| {
        each(|n| {
            let sum = A::fused(-2.0, d[from + 4][n], d[from + 5][n]);
            let sum = A::fused(-1.25, d[from + 3][n], sum);
            let sum = A::fused(2.5, d[from + 2][n], sum);
            let sum = A::fused(0.25, d[from + 1][n], sum);
            A::fused(-0.5, d[from][n], sum)
        })
    };
    [
        end(0),
        middle([0.5, 0.25, -2.25, -1.0]),
        middle([-0.5, 0.75, 1.75, -3.0]),
        middle([1.0, 1.5, -2.0, -1.5]),
        middle([-1.0, 2.5, 0.0, -2.5]),
        each(|n| A::fused(0.25, d[1][n], A::fused(-1.25, d[3][n], d[5][n]))),
        end(1),
    ]
}

/// The way out: what the products say of four results.
#[inline(always)]
fn points_to_signal<A: Arithmetic>(m: [Octet; POINTS]) -> [Octet; TILE] {
    let one = |n: usize| (m[1][n] + m[2][n], m[1][n] - m[2][n]);
    let half = |n: usize| (m[3][n] + m[4][n], m[3][n] - m[4][n]);
    [
        each(|n| m[0][n] + one(n).0 + half(n).0 + m[5][n]),
        each(|n| A::fused(2.0, m[5][n], A::fused(0.5, half(n).1, one(n).1))),
        each(|n| A::fused(4.0, m[5][n], A::fused(0.25, half(n).0, one(n).0))),
        each(|n| A::fused(8.0, m[5][n], A::fused(0.125, half(n).1, one(n).1)) + m[6][n]),
    ]
}

/// The kernels of a layer at the points: block of channels, point, panel of rows, channel and four of taps.
#[derive(Debug)]
pub(super) struct Kernels {
    from: usize,
    to: usize,
    taps: usize,
    panels: Vec<Left>,
}

impl Kernels {
    /// From `to` × `from` × taps.
    pub(super) fn of(weights: &[f32], (from, to, taps): (usize, usize, usize)) -> Self {
        let fours = taps.div_ceil(TAPS);
        let mut panels = vec![[0.0; ROWS]; to.div_ceil(OUTS) * POINTS * PANELS * from * fours];
        for out in 0..to {
            let (block, panel, row) = (out / OUTS, out % OUTS / ROWS, out % ROWS);
            for (channel, kernel) in weights[out * from * taps..][..from * taps]
                .chunks_exact(taps)
                .enumerate()
            {
                for (four, part) in kernel.chunks(TAPS).enumerate() {
                    let mut taps = [0.0; TAPS];
                    taps[..part.len()].copy_from_slice(part);
                    for (point, value) in taps_to_points(taps).into_iter().enumerate() {
                        let at = ((block * POINTS + point) * PANELS + panel) * from * fours + channel * fours + four;
                        panels[at][row] = value;
                    }
                }
            }
        }
        Self { from, to, taps, panels }
    }

    /// How many rows of the right matrix there are.
    fn deep(&self) -> usize {
        self.from * self.taps.div_ceil(TAPS)
    }

    /// Panels of a block at a point.
    fn at(&self, block: usize, point: usize) -> &[Left] {
        let each = PANELS * self.deep();
        &self.panels[(block * POINTS + point) * each..][..each]
    }
}

/// What a layer computes from `x`: N × channels × length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) x: &'a [f32],
    pub(super) n: usize,
    pub(super) length: usize,
    pub(super) dilation: usize,
    pub(super) kernels: &'a Kernels,
    /// What numbers below zero are multiplied by before (a leaky rectifier); 1 leaves them.
    pub(super) slope: f32,
    /// One each channel of the results.
    pub(super) bias: Option<&'a [f32]>,
    /// As large as the results, and added to them.
    pub(super) past: Option<&'a [f32]>,
}

/// Room that a thread computes in.
#[derive(Debug, Default)]
pub(super) struct Room {
    line: Vec<f32>,
    at: Vec<Lane>,
    rows: Vec<Lane>,
    points: Vec<Right>,
    sums: Vec<Right>,
    results: Vec<Lane>,
}

/// Tiles beside each other in one of the signals that a dilation makes of one: so many of signal `n` from sample `first` on, every
/// `dilation` samples, from tile `tile` on; lanes from `lane`.
#[derive(Debug, Clone, Copy)]
struct Run {
    n: usize,
    first: usize,
    tile: usize,
    tiles: usize,
    lane: usize,
}

impl Layer<'_> {
    /// Tiles of each of the signals that the dilation makes of one.
    fn across(&self) -> usize {
        self.length.div_ceil(self.dilation).div_ceil(TILE)
    }

    /// Computes it into `out`; `spread(n, work)` runs `work(0)` to `work(n - 1)`, on as many threads as it likes (`threads`).
    pub(super) fn run(
        &self,
        out: &mut [f32],
        rooms: &Rooms<Room>,
        threads: usize,
        spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) {
        let all = self.n * self.dilation * self.across();
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

    fn runs(&self, mut from: usize, to: usize) -> Vec<Run> {
        let (begin, across) = (from, self.across());
        let mut runs = Vec::new();
        while from < to {
            let tile = from % across;
            let tiles = (across - tile).min(to - from);
            runs.push(Run {
                n: from / across / self.dilation,
                first: from / across % self.dilation,
                tile,
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
        let kernels = layer.kernels;
        let (deep, fours) = (kernels.deep(), kernels.taps.div_ceil(TAPS));
        room.line.resize((LANES + 1) * TILE, 0.0);
        room.at.resize(POINTS, [0.0; LANES]);
        room.rows.resize(POINTS * fours, [0.0; LANES]);
        room.results.resize(TILE, [0.0; LANES]);
        // A line of the cache more, so that the points of a tile do not fall on each other there.
        let (wide, tall) = (columns * deep + 1, columns * OUTS + 1);
        room.points.resize(POINTS * wide, [0.0; COLUMNS]);
        room.sums.resize(POINTS * tall, [0.0; COLUMNS]);
        for channel in 0..kernels.from {
            look::<A>(layer, runs, columns, channel, room);
        }
        for block in 0..kernels.to.div_ceil(OUTS) {
            let outs = OUTS.min(kernels.to - block * OUTS);
            for point in 0..POINTS {
                let left = Panels {
                    all: kernels.at(block, point),
                    step: deep,
                    count: outs.div_ceil(ROWS),
                };
                let right = Panels {
                    all: &room.points[point * wide..],
                    step: deep,
                    count: columns,
                };
                let sums = &mut room.sums[point * tall..][..columns * OUTS];
                products::<A>(&left, &right, deep, |panel, column, part| {
                    let place = sums[column * OUTS + panel * ROWS..].first_chunk_mut();
                    *place.expect("as many as there are panels") = *part;
                });
            }
            for to in 0..outs {
                tell::<A>(layer, runs, columns, (block * OUTS, to), room, out);
            }
        }
    }
}

/// Brings a channel of the tiles to the points.
#[inline(always)]
fn look<A: Arithmetic>(layer: &Layer<'_>, runs: &[Run], columns: usize, channel: usize, room: &mut Room) {
    let Room {
        line, at, rows, points, ..
    } = room;
    let kernels = layer.kernels;
    let (deep, fours) = (kernels.deep(), kernels.taps.div_ceil(TAPS));
    for run in runs {
        let signal = &layer.x[(run.n * kernels.from + channel) * layer.length..][..layer.length];
        // As far as the last tile's last taps look.
        let tiles = run.tiles + fours - 1;
        let line = &mut line[..(tiles.next_multiple_of(8) + 1) * TILE];
        let wanted = tiles * TILE + POINTS - TILE;
        let begin = (run.tile * TILE) as isize - (kernels.taps / 2) as isize;
        let before = usize::try_from(-begin).unwrap_or(0).min(wanted);
        let from = usize::try_from(begin).unwrap_or(0) * layer.dilation + run.first;
        line.fill(0.0);
        let target = &mut line[before..wanted];
        if layer.dilation == 1 {
            let inside = layer.length.saturating_sub(from).min(target.len());
            target[..inside].copy_from_slice(&signal[from.min(layer.length)..][..inside]);
        } else {
            let samples = signal.get(from..).unwrap_or_default().iter().step_by(layer.dilation);
            for (x, sample) in target.iter_mut().zip(samples) {
                *x = *sample;
            }
        }
        if layer.slope < 1.0 {
            for x in line.iter_mut() {
                *x = x.max(*x * layer.slope);
            }
        }
        let (chunks, _) = line.as_chunks::<TILE>();
        for tile in (0..tiles).step_by(8) {
            let eight = |from: usize| chunks[from..].first_chunk::<8>().expect("a line has room for eights");
            let (here, next) = (A::columns(eight(tile)), A::columns(eight(tile + 1)));
            let d = [here[0], here[1], here[2], here[3], next[0], next[1], next[2]];
            for (at, point) in at.iter_mut().zip(signal_to_points::<A>(d)) {
                at[tile..][..8].copy_from_slice(&point);
            }
        }
        for (point, rows) in rows.chunks_exact_mut(fours).enumerate() {
            for (four, row) in rows.iter_mut().enumerate() {
                row[run.lane..][..run.tiles].copy_from_slice(&at[point][four..][..run.tiles]);
            }
        }
    }
    for (place, row) in rows.iter().enumerate() {
        let (point, four) = (place / fours, place % fours);
        let (row, _) = row.as_chunks::<COLUMNS>();
        for (column, numbers) in row[..columns].iter().enumerate() {
            points[point * (columns * deep + 1) + column * deep + channel * fours + four] = *numbers;
        }
    }
}

/// Writes a channel of the results of the tiles.
#[inline(always)]
fn tell<A: Arithmetic>(
    layer: &Layer<'_>,
    runs: &[Run],
    columns: usize,
    (first, to): (usize, usize),
    room: &mut Room,
    out: &Shared<'_>,
) {
    let Room {
        line, sums, results, ..
    } = room;
    let (channels, channel) = (layer.kernels.to, first + to);
    for eight in 0..columns * 2 {
        let m = std::array::from_fn(|point| {
            let sums = &sums[point * (columns * OUTS + 1) + eight / 2 * OUTS + to];
            sums.as_chunks::<8>().0[eight % 2]
        });
        for (result, place) in results.iter_mut().zip(points_to_signal::<A>(m)) {
            result[eight * 8..][..8].copy_from_slice(&place);
        }
    }
    let bias = layer.bias.map_or(0.0, |bias| bias[channel]);
    for run in runs {
        let from = run.tile * TILE * layer.dilation + run.first;
        // A dilation's later signals may be a sample shorter, and so have no last tile.
        let inside = layer
            .length
            .saturating_sub(from)
            .div_ceil(layer.dilation)
            .min(run.tiles * TILE);
        if inside == 0 {
            continue;
        }
        let (fours, _) = line.as_chunks_mut::<TILE>();
        for tile in (0..run.tiles).step_by(8) {
            let columns: [Octet; TILE] =
                std::array::from_fn(|place| each(|lane| results[place][run.lane + tile + lane] + bias));
            fours[tile..][..8].copy_from_slice(&A::fours(&columns));
        }
        let line = &line[..inside];
        let signal = (run.n * channels + channel) * layer.length;
        if layer.dilation == 1 {
            // SAFETY: no other block has these samples.
            #[expect(unsafe_code, reason = "threads write tiles of their own")]
            let out = unsafe { out.part(signal + from, inside) };
            match layer.past {
                Some(past) => {
                    for ((out, x), past) in out.iter_mut().zip(line).zip(&past[signal + from..]) {
                        *out = x + past;
                    }
                }
                None => out.copy_from_slice(line),
            }
            continue;
        }
        for (place, x) in line.iter().enumerate() {
            let at = signal + from + place * layer.dilation;
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "threads write samples of their own")]
            let out = unsafe { out.part(at, 1) };
            out[0] = x + layer.past.map_or(0.0, |past| past[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::drawn;

    #[test]
    fn a_convolution_along_a_signal_differs_from_its_definition_or_with_the_threads() {
        // Signals shorter than the kernel, than a tile and than the dilation; of tiles exactly, and of several blocks.
        for (place, (n, from, to, taps, dilation, length)) in [
            (1, 1, 1, 3, 1, 1),
            (2, 2, 7, 3, 5, 4),
            (1, 3, 13, 7, 3, 31),
            (2, 5, 6, 11, 5, 64),
            (1, 2, 49, 11, 1, 211),
            (1, 4, 5, 7, 1, 777),
            (1, 3, 4, 3, 3, 1000),
            (1, 2, 3, 5, 2, 9),
        ]
        .into_iter()
        .enumerate()
        {
            let weights = drawn(to * from * taps, 1);
            let kernels = Kernels::of(&weights, (from, to, taps));
            let (x, bias, past) = (drawn(n * from * length, 2), drawn(to, 3), drawn(n * to * length, 4));
            let slope = if place % 2 == 0 { 0.1 } else { 1.0 };
            let layer = Layer {
                x: &x,
                n,
                length,
                dilation,
                kernels: &kernels,
                slope,
                bias: Some(&bias),
                past: (place % 3 == 0).then_some(&past[..]),
            };
            let (mut once, mut twice) = (vec![0.0; n * to * length], vec![0.0; n * to * length]);
            layer.run(&mut once, &Rooms::default(), 1, |n, work| (0..n).for_each(work));
            let rooms = Rooms::default();
            for _ in 0..2 {
                layer.run(&mut twice, &rooms, 3, |n, work| (0..n).rev().for_each(work));
                assert_eq!(once, twice, "{place}: with other threads, or a second time");
            }
            let reach = (taps / 2 * dilation) as isize;
            for (at, ours) in once.iter().enumerate() {
                let (signal, sample) = (at / length, at % length);
                let (n, channel) = (signal / to, signal % to);
                let mut sum = f64::from(bias[channel]) + layer.past.map_or(0.0, |past| f64::from(past[at]));
                for from_channel in 0..from {
                    for tap in 0..taps {
                        let seen = (sample + tap * dilation) as isize - reach;
                        if seen >= 0 && (seen as usize) < length {
                            let x = f64::from(x[(n * from + from_channel) * length + seen as usize]);
                            let bent = if x < 0.0 { x * f64::from(slope) } else { x };
                            sum += bent * f64::from(weights[(channel * from + from_channel) * taps + tap]);
                        }
                    }
                }
                assert!((f64::from(*ours) - sum).abs() < 2e-5, "{place}, {at}: {ours} {sum}");
            }
        }
    }
}
