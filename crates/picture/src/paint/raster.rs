//! The inner loops: from mesh and plates to coded pixels, two rows at a time.

use std::ops::Range;

use rayon::prelude::*;
use wide::{f32x4, f32x8};

use super::mesh::{CELL, Mesh, Node};
use super::motes::{Mote, lay, touched};
use super::noise::{TILE, dither_tile, grain_tile};
use super::plate::Plate;
use super::tone::{CEILING, STEPS, ToneCurve};

/// How the second picture replaces the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mixing {
    /// Everywhere alike, this share of the second.
    Even(f32),
    /// Place by place in the mesh's order, bright pixels first: how far the way is gone, 0 to 1, and how soft the edge is.
    Ordered { way: f32, soft: f32 },
}

/// How much a pixel's own light counts in the order.
const DETAIL: f32 = 0.16;

/// Where a folded place is sampled on a plate: a turn with a scale, and a shift, in plate pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lens {
    pub(crate) turn: [f32; 2],
    pub(crate) centre: [f32; 2],
}

/// All that is needed to colour the pixels of a frame.
pub(crate) struct Raster<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) mesh: &'a Mesh,
    pub(crate) a: &'a Plate,
    pub(crate) b: Option<&'a Plate>,
    pub(crate) mixing: Mixing,
    /// Lenses of the two pictures where the frame is folded.
    pub(crate) fold: Option<[Lens; 2]>,
    pub(crate) split: bool,
    pub(crate) tone: &'a ToneCurve,
    /// Deviation of the grain in codes, and where this frame's grain begins in the tile.
    pub(crate) grain: f32,
    pub(crate) grain_at: (usize, usize),
    /// Specks of dust, sorted by their upper edge.
    pub(crate) motes: Vec<Mote>,
}

/// Rows of coded red, green, blue (0 to 255, not yet rounded) and scratch.
struct Rows {
    coded: [[Vec<f32>; 3]; 2],
    nodes: Vec<Node>,
}

impl Rows {
    fn new(width: usize) -> Self {
        let row = || [vec![0f32; width], vec![0f32; width], vec![0f32; width]];
        Self {
            coded: [row(), row()],
            nodes: Vec::new(),
        }
    }

    fn channels(&self, which: usize, columns: Range<usize>) -> [&[f32]; 3] {
        self.coded[which].each_ref().map(|row| &row[columns.clone()])
    }

    fn pair(&mut self, columns: Range<usize>) -> [[&mut [f32]; 3]; 2] {
        self.coded
            .each_mut()
            .map(|rows| rows.each_mut().map(|row| &mut row[columns.clone()]))
    }
}

/// Adding this rounds a small number to the lowest bits of its representation.
const ROUND: f32 = 8_388_608.0;

#[inline(always)]
fn code(v: f32) -> u8 {
    (v + ROUND).to_bits() as u8
}

impl Raster<'_> {
    /// Writes planar YCbCr 4:2:0, BT.709, limited range, chroma sited left: `height` rows of Y, then Cb, then Cr, all
    /// without specks, which [`Raster::specks`] adds. `out` must hold `width * height * 3 / 2` bytes, both sizes even.
    pub(crate) fn yuv420p(&self, out: &mut [u8]) {
        let (w, h) = (self.width, self.height);
        let (y, chroma) = out.split_at_mut(w * h);
        let (cb, cr) = chroma.split_at_mut(w * h / 4);
        // Sixteen rows at a time: small enough to share out, large enough not to notice.
        y.par_chunks_mut(w * 16)
            .zip(cb.par_chunks_mut(w / 2 * 8))
            .zip(cr.par_chunks_mut(w / 2 * 8))
            .enumerate()
            .for_each_init(
                || Rows::new(w),
                |rows, (band, ((y, cb), cr))| self.band(band * 16, rows, y, cb, cr),
            );
    }

    /// [`Raster::pairs`], compiled a second time for processors with AVX2 and chosen as the program runs: the same sums, so
    /// the same bytes.
    fn band(&self, at: usize, rows: &mut Rows, y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn wide(raster: &Raster<'_>, at: usize, rows: &mut Rows, y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
                raster.pairs(at, rows, y, cb, cr);
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: `wide` asks for nothing but the feature that was just found.
                #[expect(unsafe_code, reason = "the only way to call what was compiled for a wider processor")]
                return unsafe { wide(self, at, rows, y, cb, cr) };
            }
        }
        self.pairs(at, rows, y, cb, cr);
    }

    /// Paints pairs of rows from row `at` on.
    #[inline(always)]
    fn pairs(&self, at: usize, rows: &mut Rows, y: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
        let w = self.width;
        let pairs = y.chunks_mut(w * 2).zip(cb.chunks_mut(w / 2)).zip(cr.chunks_mut(w / 2));
        for (pair, ((y, cb), cr)) in pairs.enumerate() {
            let at = at + pair * 2;
            self.row(at, 0, rows);
            self.row(at + 1, 1, rows);
            let (top, bottom) = y.split_at_mut(w);
            self.luma(rows.channels(0, 0..w), [0, at], top);
            self.luma(rows.channels(1, 0..w), [0, at + 1], bottom);
            chroma_row(rows.pair(0..w), cb, cr);
        }
    }

    /// Where the frame's grain begins, if it has any.
    pub(crate) fn seeded(&self) -> Option<(usize, usize)> {
        (self.grain > 0.0).then_some(self.grain_at)
    }

    /// Lays the specks over what [`Raster::yuv420p`] wrote: the cells around them are painted anew.
    pub(crate) fn specks(&self, out: &mut [u8]) {
        let (w, h) = (self.width, self.height);
        let (luma, chroma) = out.split_at_mut(w * h);
        let (cb, cr) = chroma.split_at_mut(w * h / 4);
        let mut rows = Rows::new(w);
        for (pair, cells) in touched(&self.motes, w, h) {
            let at = pair * 2;
            let (from, to) = (cells.start * CELL, (cells.end * CELL).min(w));
            for which in 0..2 {
                let y = at + which;
                self.mesh.row(y, cells.clone(), &mut rows.nodes);
                let Rows { coded, nodes } = &mut rows;
                self.coded(nodes, coded[which].each_mut().map(|row| &mut row[from..to]));
                lay(&self.motes, y, &mut coded[which]);
                self.luma(rows.channels(which, from..to), [from, y], &mut luma[y * w..][from..to]);
            }
            let part = pair * (w / 2) + from / 2..pair * (w / 2) + to / 2;
            let (cb, cr) = (&mut cb[part.clone()], &mut cr[part]);
            // The first needs the pixel before, which was not painted; no speck comes so near.
            let first = cb.first().copied().zip(cr.first().copied());
            chroma_row(rows.pair(from..to), cb, cr);
            if let (Some((u, v)), true) = (first, from > 0) {
                (cb[0], cr[0]) = (u, v);
            }
        }
    }

    /// Writes 8-bit sRGB, row by row; `out` must hold `width * height * 3` bytes.
    pub(crate) fn rgb24(&self, out: &mut [u8]) {
        let w = self.width;
        out.par_chunks_mut(w * 3).enumerate().for_each_init(
            || Rows::new(w),
            |rows, (y, out)| {
                self.row(y, 0, rows);
                lay(&self.motes, y, &mut rows.coded[0]);
                let dither = &dither_tile()[y % TILE * TILE..][..TILE];
                let [r, g, b] = &rows.coded[0];
                for (x, p) in out.chunks_exact_mut(3).enumerate() {
                    let d = DITHER * dither[x % TILE];
                    p.copy_from_slice(&[r[x], g[x], b[x]].map(|v| (v + d).round().clamp(0.0, 255.0) as u8));
                }
            },
        );
    }

    #[inline(always)]
    fn row(&self, y: usize, which: usize, rows: &mut Rows) {
        self.mesh.row(y, 0..self.mesh.grid.columns - 1, &mut rows.nodes);
        self.coded(&rows.nodes, rows.coded[which].each_mut().map(Vec::as_mut_slice));
    }

    /// Coded red, green and blue of the cells between `nodes`.
    #[inline(always)]
    fn coded(&self, nodes: &[Node], out: [&mut [f32]; 3]) {
        match (self.fold, self.split) {
            (Some(lenses), false) => self.cells::<true, false>(nodes, lenses, out),
            (Some(lenses), true) => self.cells::<true, true>(nodes, lenses, out),
            (None, false) => self.cells::<false, false>(nodes, NO_LENS, out),
            (None, true) => self.cells::<false, true>(nodes, NO_LENS, out),
        }
    }

    #[inline(always)]
    fn cells<const FOLD: bool, const SPLIT: bool>(&self, nodes: &[Node], lenses: [Lens; 2], out: [&mut [f32]; 3]) {
        let [r, g, b] = out;
        let strips = r.chunks_mut(CELL).zip(g.chunks_mut(CELL)).zip(b.chunks_mut(CELL));
        for (((r, g), b), ends) in strips.zip(nodes.windows(2)) {
            let [from, to] = ends else { continue };
            let pixels = (r, g, b);
            if SPLIT && apart(from) + apart(to) > UNSEEN {
                self.strip::<FOLD, true>(from, to, lenses, pixels);
            } else {
                self.strip::<FOLD, false>(from, to, lenses, pixels);
            }
        }
    }

    #[inline(always)]
    fn strip<const FOLD: bool, const SPLIT: bool>(&self, from: &Node, to: &Node, lenses: [Lens; 2], pixels: Strip<'_>) {
        match (self.b, self.cell(from, to)) {
            (Some(plate), Cell::Second) => {
                self.one::<FOLD, SPLIT>(plate, from.b, to.b, lenses[1], from, to, pixels);
            }
            (Some(second), Cell::Both) => self.two::<FOLD, SPLIT>(second, lenses, from, to, pixels),
            _ => self.one::<FOLD, SPLIT>(self.a, from.a, to.a, lenses[0], from, to, pixels),
        }
    }

    /// Which pictures are seen in a cell. (Only the row's own points are asked: between them everything is linear.)
    #[inline(always)]
    fn cell(&self, from: &Node, to: &Node) -> Cell {
        let (way, soft) = match self.mixing {
            Mixing::Even(share) if share <= 0.0 => return Cell::First,
            Mixing::Even(share) if share >= 1.0 => return Cell::Second,
            Mixing::Even(_) => return Cell::Both,
            Mixing::Ordered { way, soft } => (way * (1.0 + DETAIL + soft), soft),
        };
        let (low, high) = (from.order.min(to.order), from.order.max(to.order));
        if way - low <= 0.0 {
            Cell::First
        } else if way - high - DETAIL >= soft {
            Cell::Second
        } else {
            Cell::Both
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the ends of a strip")]
    #[inline(always)]
    fn one<const FOLD: bool, const SPLIT: bool>(
        &self,
        plate: &Plate,
        start: [f32; 2],
        end: [f32; 2],
        lens: Lens,
        from: &Node,
        to: &Node,
        pixels: Strip<'_>,
    ) {
        let colours = seen::<FOLD, SPLIT>(plate, lens, start, end, from, to);
        self.shine(colours, from, to, pixels);
    }

    #[inline(always)]
    fn two<const FOLD: bool, const SPLIT: bool>(
        &self,
        second: &Plate,
        lenses: [Lens; 2],
        from: &Node,
        to: &Node,
        pixels: Strip<'_>,
    ) {
        let first = seen::<FOLD, SPLIT>(self.a, lenses[0], from.a, to.a, from, to);
        let other = seen::<FOLD, SPLIT>(second, lenses[1], from.b, to.b, from, to);
        let share = match self.mixing {
            Mixing::Even(share) => f32x8::splat(share),
            Mixing::Ordered { way, soft } => {
                let steep = 1.0 / soft.max(1e-3);
                let lead = (way * (1.0 + DETAIL + soft) - from.order - DETAIL) * steep;
                let lead = along(lead, lead + (from.order - to.order) * steep);
                let m = lead + f32x8::splat(DETAIL * steep) * first[3];
                let m = m.fast_max(f32x8::ZERO).fast_min(f32x8::ONE);
                m * m * (f32x8::splat(3.0) - (m + m))
            }
        };
        let mixed = [0, 1, 2, 3].map(|c| first[c] + (other[c] - first[c]) * share);
        self.shine(mixed, from, to, pixels);
    }

    /// Gain, light and tone along a strip.
    #[inline(always)]
    fn shine(&self, colours: [f32x8; 4], from: &Node, to: &Node, (r, g, b): Strip<'_>) {
        // Scaled so that the root below is an index of the tone curve at once.
        const SCALE: f32 = ((STEPS - 1) * (STEPS - 1)) as f32 / CEILING;
        let curve = &*self.tone.0;
        let gain = along(from.gain * SCALE, to.gain * SCALE);
        for (c, out) in [r, g, b].into_iter().enumerate() {
            let v = colours[c] * gain + along(from.light[c] * SCALE, to.light[c] * SCALE);
            let v = v
                .fast_max(f32x8::ZERO)
                .sqrt()
                .fast_min(f32x8::splat((STEPS - 1) as f32));
            let steps = (v + f32x8::splat(0.5)).fast_trunc_int().to_array();
            let coded = steps.map(|i| curve[i as usize & (STEPS - 1)]);
            match out.first_chunk_mut::<CELL>() {
                Some(whole) => *whole = coded,
                None => out.iter_mut().zip(coded).for_each(|(out, coded)| *out = coded),
            }
        }
    }

    /// Luma of pixels that begin at the column and row `at`.
    #[inline(always)]
    fn luma(&self, [mut r, mut g, mut b]: [&[f32]; 3], [mut x, y]: [usize; 2], mut out: &mut [u8]) {
        let tile = &dither_tile()[y % TILE * TILE..][..TILE];
        let grain = &grain_tile()[(y + self.grain_at.1) % TILE * TILE..][..TILE];
        while !out.is_empty() {
            let stretch = x / TILE;
            let count = ((stretch + 1) * TILE - x).min(out.len());
            let (now, later) = out.split_at_mut(count);
            out = later;
            let [red, green, blue] = [&mut r, &mut g, &mut b].map(|c| {
                let (now, later) = c.split_at(count);
                *c = later;
                now
            });
            let pixels = now.iter_mut().zip(red).zip(green).zip(blue).zip(&tile[x % TILE..]);
            if self.grain <= 0.0 {
                for ((((out, r), g), b), d) in pixels {
                    *out = code(brightness(*r, *g, *b) + DITHER * d);
                }
            } else {
                // The grain tile is laid from another place in every frame, and from another in every stretch of a row, so
                // that its repeat does not show.
                let shift = (self.grain_at.0 + stretch * 23 + x % TILE) % TILE;
                let mut speck = [0f32; TILE];
                speck[..TILE - shift].copy_from_slice(&grain[shift..]);
                speck[TILE - shift..].copy_from_slice(&grain[..shift]);
                for (((((out, r), g), b), d), speck) in pixels.zip(speck) {
                    let light = brightness(*r, *g, *b);
                    // Grain shows most in the middle tones.
                    let x = (light - 16.0) * (1.0 / 219.0);
                    let show = self.grain * (0.30 + 2.8 * x * (1.0 - x));
                    *out = code(light + DITHER * d + show * speck);
                }
            }
            x += count;
        }
    }
}

/// Amplitude of the dither in codes.
const DITHER: f32 = 0.75;

const NO_LENS: [Lens; 2] = [Lens {
    turn: [0.0; 2],
    centre: [0.0; 2],
}; 2];

/// Red, green and blue of a strip of at most [`CELL`] pixels.
type Strip<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32]);

/// How far red and blue may lie apart at both ends of a strip together, plate pixels, before anybody sees it.
const UNSEEN: f32 = 0.05;

fn apart(node: &Node) -> f32 {
    node.split[0].abs() + node.split[1].abs()
}

enum Cell {
    First,
    Both,
    Second,
}

/// BT.709 luma, 16 to 235, of codes 0 to 255.
#[inline(always)]
fn brightness(r: f32, g: f32, b: f32) -> f32 {
    const S: f32 = 219.0 / 255.0;
    16.0 + (0.2126 * S) * r + (0.7152 * S) * g + (0.0722 * S) * b
}

/// BT.709 Cb and Cr of two rows. The first row's red and green are overwritten on the way.
#[inline(always)]
fn chroma_row(coded: [[&mut [f32]; 3]; 2], cb: &mut [u8], cr: &mut [u8]) {
    // A sum of eight: two rows of a quarter, a half, a quarter around the even pixel, where chroma sits (H.264's default
    // siting).
    const S: f32 = 224.0 / 255.0 / 8.0;
    let [[r, g, b], [r2, g2, b2]] = coded;
    let columns = r.iter_mut().zip(g.iter_mut()).zip(b).zip(r2).zip(g2).zip(b2);
    for (((((r, g), b), r2), g2), b2) in columns {
        let (red, green, blue) = (*r + *r2, *g + *g2, *b + *b2);
        *r = S * (-0.114_572 * red - 0.385_428 * green + 0.5 * blue);
        *g = S * (0.5 * red - 0.454_153 * green - 0.045_847 * blue);
    }
    let (u, v) = (&*r, &*g);
    let (mut left_u, mut left_v) = (u.first().copied().unwrap_or(0.0), v.first().copied().unwrap_or(0.0));
    let pairs = u.as_chunks::<2>().0.iter().zip(v.as_chunks::<2>().0);
    for (([u0, u1], [v0, v1]), (cb, cr)) in pairs.zip(cb.iter_mut().zip(cr)) {
        *cb = code(128.0 + left_u + 2.0 * u0 + u1);
        *cr = code(128.0 + left_v + 2.0 * v0 + v1);
        (left_u, left_v) = (*u1, *v1);
    }
}

/// 0, 1, 2, …
const RAMP: [f32; CELL] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

/// What goes from one value to another over a cell, at its pixels.
#[inline(always)]
fn along(from: f32, to: f32) -> f32x8 {
    f32x8::splat(from) + f32x8::splat((to - from) * (1.0 / CELL as f32)) * f32x8::from(RAMP)
}

/// From plate pixels to 16 fractional bits.
#[inline(always)]
fn fixed(v: f32x8) -> [i32; CELL] {
    (v * f32x8::splat(65536.0)).fast_trunc_int().to_array()
}

/// Red, green, blue and light of a plate along a strip; red and blue lie apart where it is split.
#[inline(always)]
fn seen<const FOLD: bool, const SPLIT: bool>(
    plate: &Plate,
    lens: Lens,
    start: [f32; 2],
    end: [f32; 2],
    from: &Node,
    to: &Node,
) -> [f32x8; 4] {
    let [u, v] = if FOLD {
        // Start and end are film pixels from the centre.
        let [x, y] = fold([along(start[0], end[0]), along(start[1], end[1])]);
        let [c, s] = lens.turn.map(f32x8::splat);
        let u = f32x8::splat(lens.centre[0]) + c * x - s * y;
        let v = f32x8::splat(lens.centre[1]) + s * x + c * y;
        [inside(u, plate.width), inside(v, plate.height)].map(fixed)
    } else {
        // Along a line whole steps of the smallest bit are as exact, and go faster.
        let line = |start: f32, end: f32| {
            let (at, step) = (
                (start * 65536.0) as i32,
                ((end - start) * (65536.0 / CELL as f32)) as i32,
            );
            std::array::from_fn(|i| at + i as i32 * step)
        };
        [line(start[0], end[0]), line(start[1], end[1])]
    };
    let mut colours = colours(plate, &u, &v);
    if SPLIT {
        let [su, sv]: [[i32; CELL]; 2] = std::array::from_fn(|k| fixed(along(from.split[k], to.split[k])));
        let last = |whole: usize| ((whole - 1) << 16) as i32 - 1;
        let (w, h) = (last(plate.width), last(plate.height));
        let moved = |sign: i32| {
            let u = std::array::from_fn(|i| (u[i] + sign * su[i]).clamp(0, w));
            let v = std::array::from_fn(|i| (v[i] + sign * sv[i]).clamp(0, h));
            (u, v)
        };
        let ((ru, rv), (bu, bv)) = (moved(1), moved(-1));
        colours[0] = self::colours(plate, &ru, &rv)[0];
        colours[2] = self::colours(plate, &bu, &bv)[2];
    }
    colours
}

/// A place brought into a wedge of thirty degrees by mirrors, as in a kaleidoscope with twelve wedges.
pub(super) fn folded(place: [f32; 2]) -> [f32; 2] {
    fold(place.map(f32x8::splat)).map(|v| v.to_array()[0])
}

/// [`folded`], eight places at a time.
#[inline(always)]
fn fold([x, y]: [f32x8; 2]) -> [f32x8; 2] {
    let (c, half, two) = (f32x8::splat(0.866_025_4), f32x8::splat(0.5), f32x8::splat(2.0));
    let (x, y) = (x.abs(), y.abs());
    // Mirror at sixty degrees, then at thirty.
    let d = (c * x - half * y).fast_min(f32x8::ZERO) * two;
    let (x, y) = (x - d * c, y + d * half);
    let d = (half * x - c * y).fast_min(f32x8::ZERO) * two;
    [x - d * half, y + d * c]
}

/// Coordinates mirrored at the plate's edges.
#[inline(always)]
fn inside(v: f32x8, whole: usize) -> f32x8 {
    let last = f32x8::splat((whole - 1) as f32 - 0.01);
    let v = v.abs();
    // Beyond the edge the mirror image is the smaller of the two.
    v.fast_min(last + last - v).fast_max(f32x8::ZERO)
}

/// Sixteen fractional bits as a share of a pixel.
#[inline(always)]
fn parts(v: &[i32; CELL]) -> f32x8 {
    f32x8::from(v.map(|v| (v & 0xffff) as f32)) * f32x8::splat(1.0 / 65536.0)
}

/// Red, green, blue and light of a plate at a place whose sixteen fractional bits are the shares `fu` and `fv`.
#[inline(always)]
fn texel(plate: &Plate, (u, v): (i32, i32), fu: f32, fv: f32) -> f32x4 {
    let at = (v >> 16) as usize * plate.width + (u >> 16) as usize;
    let (top, bottom) = (
        &plate.texels[at..at + 2],
        &plate.texels[at + plate.width..at + plate.width + 2],
    );
    let (a, b) = (f32x4::from(top[0]), f32x4::from(top[1]));
    let (c, d) = (f32x4::from(bottom[0]), f32x4::from(bottom[1]));
    let (fu, fv) = (f32x4::splat(fu), f32x4::splat(fv));
    let (left, right) = (a + (c - a) * fv, b + (d - b) * fv);
    left + (right - left) * fu
}

/// Red, green, blue and light at the places of a strip.
#[inline(always)]
fn colours(plate: &Plate, u: &[i32; CELL], v: &[i32; CELL]) -> [f32x8; 4] {
    let (fu, fv) = (parts(u).to_array(), parts(v).to_array());
    let mut planes = [[0f32; CELL]; 4];
    for half in [0, CELL / 2] {
        let mut four = [f32x4::ZERO; 4];
        for (i, texel_of) in four.iter_mut().enumerate() {
            let i = half + i;
            *texel_of = texel(plate, (u[i], v[i]), fu[i], fv[i]);
        }
        for (plane, four) in planes.iter_mut().zip(f32x4::transpose(four)) {
            plane[half..half + CELL / 2].copy_from_slice(&four.to_array());
        }
    }
    planes.map(f32x8::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_of_the_kaleidoscope_leaves_its_wedge() {
        for i in 0..720 {
            let angle = i as f32 * std::f32::consts::PI / 360.0;
            let [x, y] = folded([100.0 * angle.cos(), 100.0 * angle.sin()]);
            let to = y.atan2(x).to_degrees();
            assert!(
                (-0.01..=30.01).contains(&to) && (x.hypot(y) - 100.0).abs() < 0.01,
                "{i}: {to}"
            );
        }
    }

    #[test]
    fn grey_has_a_colour_or_red_another() {
        let row = |rgb: [f32; 3]| rgb.map(|v| vec![v; 6]);
        let (mut cb, mut cr) = ([0u8; 3], [0u8; 3]);
        for (rgb, want) in [
            ([90.0; 3], (128, 128)),
            ([255.0, 0.0, 0.0], (102, 240)),
            ([0.0, 0.0, 255.0], (240, 118)),
        ] {
            let mut rows = [row(rgb), row(rgb)];
            let rows = rows.each_mut().map(|rows| rows.each_mut().map(Vec::as_mut_slice));
            chroma_row(rows, &mut cb, &mut cr);
            assert_eq!((cb, cr), ([want.0; 3], [want.1; 3]), "{rgb:?}");
        }
    }

    #[test]
    fn coding_rounds_another_way() {
        for (v, want) in [(0.0, 0u8), (0.4, 0), (0.6, 1), (16.2, 16), (234.9, 235), (255.0, 255)] {
            assert_eq!(code(v), want);
        }
    }
}
