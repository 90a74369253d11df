//! The inner loops: from mesh and plates to coded pixels, two rows at a time.

use rayon::prelude::*;
use wide::{f32x4, f32x8};

use super::mesh::{CELL, Mesh, Node};
use super::motes::{Mote, lay};
use super::noise::{TILE, dither_tile, grain_tile};
use super::plate::Plate;
use super::tone::{CEILING, STEPS, ToneCurve};

/// How the second picture replaces the first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mixing {
    /// Everywhere alike, this share of the second.
    Even(f32),
    /// Place by place in the mesh's order, bright pixels first: how far the way is gone, 0 to 1, and how soft the edge is.
    Ordered { way: f32, soft: f32 },
}

/// How much a pixel's own light counts in the order.
const DETAIL: f32 = 0.16;

/// Where a folded place is sampled on a plate: a turn with a scale, and a shift, in plate pixels.
#[derive(Debug, Clone, Copy)]
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
}

/// Adding this rounds a small number to the lowest bits of its representation.
const ROUND: f32 = 8_388_608.0;

fn code(v: f32) -> u8 {
    (v + ROUND).to_bits() as u8
}

impl Raster<'_> {
    /// Writes planar YCbCr 4:2:0, BT.709, limited range, chroma sited left: `height` rows of Y, then Cb, then Cr.
    /// `out` must hold `width * height * 3 / 2` bytes, both sizes even.
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
                |rows, (band, ((y, cb), cr))| {
                    let pairs = y.chunks_mut(w * 2).zip(cb.chunks_mut(w / 2)).zip(cr.chunks_mut(w / 2));
                    for (pair, ((y, cb), cr)) in pairs.enumerate() {
                        let at = band * 16 + pair * 2;
                        self.row(at, 0, rows);
                        self.row(at + 1, 1, rows);
                        let (top, bottom) = y.split_at_mut(w);
                        self.luma(&rows.coded[0], at, top);
                        self.luma(&rows.coded[1], at + 1, bottom);
                        chroma_row(&mut rows.coded, cb, cr);
                    }
                },
            );
    }

    /// Writes 8-bit sRGB, row by row; `out` must hold `width * height * 3` bytes.
    pub(crate) fn rgb24(&self, out: &mut [u8]) {
        let w = self.width;
        out.par_chunks_mut(w * 3).enumerate().for_each_init(
            || Rows::new(w),
            |rows, (y, out)| {
                self.row(y, 0, rows);
                let dither = &dither_tile()[y % TILE * TILE..][..TILE];
                let [r, g, b] = &rows.coded[0];
                for (x, p) in out.chunks_exact_mut(3).enumerate() {
                    let d = DITHER * dither[x % TILE];
                    p.copy_from_slice(&[r[x], g[x], b[x]].map(|v| (v + d).round().clamp(0.0, 255.0) as u8));
                }
            },
        );
    }

    fn row(&self, y: usize, which: usize, rows: &mut Rows) {
        self.mesh.row(y, &mut rows.nodes);
        let out = &mut rows.coded[which];
        match (self.fold, self.split) {
            (Some(lenses), false) => self.cells::<true, false>(&rows.nodes, lenses, out),
            (Some(lenses), true) => self.cells::<true, true>(&rows.nodes, lenses, out),
            (None, false) => self.cells::<false, false>(&rows.nodes, NO_LENS, out),
            (None, true) => self.cells::<false, true>(&rows.nodes, NO_LENS, out),
        }
        lay(&self.motes, y, out);
    }

    fn cells<const FOLD: bool, const SPLIT: bool>(&self, nodes: &[Node], lenses: [Lens; 2], out: &mut [Vec<f32>; 3]) {
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
    fn one<const FOLD: bool, const SPLIT: bool>(
        &self,
        plate: &Plate,
        start: [f32; 2],
        end: [f32; 2],
        lens: Lens,
        from: &Node,
        to: &Node,
        (r, g, b): Strip<'_>,
    ) {
        let walk = Walk::<SPLIT>::new::<FOLD>(plate, lens, start, end, from, to);
        let mut shine = Shine::new(from, to);
        let curve = &*self.tone.0;
        for (i, ((r, g), b)) in r.iter_mut().zip(g).zip(b).enumerate() {
            [*r, *g, *b] = shine.next(walk.colour(i), curve);
        }
    }

    fn two<const FOLD: bool, const SPLIT: bool>(
        &self,
        second: &Plate,
        lenses: [Lens; 2],
        from: &Node,
        to: &Node,
        (r, g, b): Strip<'_>,
    ) {
        let walk_a = Walk::<SPLIT>::new::<FOLD>(self.a, lenses[0], from.a, to.a, from, to);
        let walk_b = Walk::<SPLIT>::new::<FOLD>(second, lenses[1], from.b, to.b, from, to);
        let mut shine = Shine::new(from, to);
        let curve = &*self.tone.0;
        let (mut even, mut lead, mut step, mut steep, mut detail) = (0.0, 0.0, 0.0, 0.0, 0.0);
        match self.mixing {
            Mixing::Even(share) => even = share,
            Mixing::Ordered { way, soft } => {
                steep = 1.0 / soft.max(1e-3);
                lead = (way * (1.0 + DETAIL + soft) - from.order - DETAIL) * steep;
                step = (from.order - to.order) * steep / CELL as f32;
                detail = DETAIL * steep;
            }
        }
        for (i, ((r, g), b)) in r.iter_mut().zip(g).zip(b).enumerate() {
            let (first, other) = (walk_a.colour(i), walk_b.colour(i));
            let share = if steep > 0.0 {
                let m = (lead + detail * first.to_array()[3]).clamp(0.0, 1.0);
                lead += step;
                m * m * (3.0 - 2.0 * m)
            } else {
                even
            };
            [*r, *g, *b] = shine.next(first + (other - first) * f32x4::splat(share), curve);
        }
    }

    fn luma(&self, [r, g, b]: &[Vec<f32>; 3], y: usize, out: &mut [u8]) {
        let tile = &dither_tile()[y % TILE * TILE..][..TILE];
        let pixels = out
            .chunks_mut(TILE)
            .zip(r.chunks(TILE))
            .zip(g.chunks(TILE))
            .zip(b.chunks(TILE));
        if self.grain <= 0.0 {
            for (((out, r), g), b) in pixels {
                for ((((out, r), g), b), d) in out.iter_mut().zip(r).zip(g).zip(b).zip(tile) {
                    *out = code(brightness(*r, *g, *b) + DITHER * d);
                }
            }
            return;
        }
        let grain = &grain_tile()[(y + self.grain_at.1) % TILE * TILE..][..TILE];
        // The grain tile is laid from another place in every frame, and from another in every stretch of a row, so that
        // its repeat does not show.
        for (stretch, (((out, r), g), b)) in pixels.enumerate() {
            let shift = (self.grain_at.0 + stretch * 23) % TILE;
            let speck = grain[shift..].iter().chain(&grain[..shift]);
            for (((((out, r), g), b), d), speck) in out.iter_mut().zip(r).zip(g).zip(b).zip(tile).zip(speck) {
                let light = brightness(*r, *g, *b);
                // Grain shows most in the middle tones.
                let x = (light - 16.0) * (1.0 / 219.0);
                let show = self.grain * (0.30 + 2.8 * x * (1.0 - x));
                *out = code(light + DITHER * d + show * speck);
            }
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
fn brightness(r: f32, g: f32, b: f32) -> f32 {
    const S: f32 = 219.0 / 255.0;
    16.0 + (0.2126 * S) * r + (0.7152 * S) * g + (0.0722 * S) * b
}

/// BT.709 Cb and Cr of two rows. The first row's red and green are overwritten on the way.
fn chroma_row(coded: &mut [[Vec<f32>; 3]; 2], cb: &mut [u8], cr: &mut [u8]) {
    // A sum of eight: two rows of a quarter, a half, a quarter around the even pixel, where chroma sits (H.264's default
    // siting).
    const S: f32 = 224.0 / 255.0 / 8.0;
    let [[r, g, b], [r2, g2, b2]] = coded;
    let columns = r.iter_mut().zip(g).zip(b).zip(r2).zip(g2).zip(b2);
    for (((((r, g), b), r2), g2), b2) in columns {
        let (red, green, blue) = (*r + *r2, *g + *g2, *b + *b2);
        *r = S * (-0.114_572 * red - 0.385_428 * green + 0.5 * blue);
        *g = S * (0.5 * red - 0.454_153 * green - 0.045_847 * blue);
    }
    let [u, v, _] = &coded[0];
    let (mut left_u, mut left_v) = (u.first().copied().unwrap_or(0.0), v.first().copied().unwrap_or(0.0));
    let pairs = u.as_chunks::<2>().0.iter().zip(v.as_chunks::<2>().0);
    for (([u0, u1], [v0, v1]), (cb, cr)) in pairs.zip(cb.iter_mut().zip(cr)) {
        *cb = code(128.0 + left_u + 2.0 * u0 + u1);
        *cr = code(128.0 + left_v + 2.0 * v0 + v1);
        (left_u, left_v) = (*u1, *v1);
    }
}

/// Gain, light and tone along a strip.
struct Shine {
    gain: f32,
    gain_step: f32,
    light: f32x4,
    light_step: f32x4,
}

impl Shine {
    fn new(from: &Node, to: &Node) -> Self {
        const PART: f32 = 1.0 / CELL as f32;
        // Scaled so that the root below is an index of the tone curve at once.
        const SCALE: f32 = ((STEPS - 1) * (STEPS - 1)) as f32 / CEILING;
        let light = |n: &Node| f32x4::from([n.light[0], n.light[1], n.light[2], 0.0]) * f32x4::splat(SCALE);
        let (start, end) = (light(from), light(to));
        Self {
            gain: from.gain * SCALE,
            gain_step: (to.gain - from.gain) * (SCALE * PART),
            light: start,
            light_step: (end - start) * f32x4::splat(PART),
        }
    }

    #[inline(always)]
    fn next(&mut self, colour: f32x4, curve: &[f32; STEPS]) -> [f32; 3] {
        let v = colour * f32x4::splat(self.gain) + self.light;
        self.gain += self.gain_step;
        self.light += self.light_step;
        let v = v
            .fast_max(f32x4::ZERO)
            .sqrt()
            .fast_min(f32x4::splat((STEPS - 1) as f32));
        let [r, g, b, _] = (v + f32x4::splat(0.5)).fast_trunc_int().to_array();
        [r, g, b].map(|i| curve[i as usize & (STEPS - 1)])
    }
}

/// Where a plate is sampled along a strip, plate pixels with 16 fractional bits; and what red and blue have there, where they
/// lie apart.
struct Walk<'a, const SPLIT: bool> {
    plate: &'a Plate,
    u: [i32; CELL],
    v: [i32; CELL],
    red: [f32; CELL],
    blue: [f32; CELL],
}

/// 0, 1, 2, …
const RAMP: [f32; CELL] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

/// From plate pixels to 16 fractional bits.
fn fixed(v: f32x8) -> [i32; CELL] {
    (v * f32x8::splat(65536.0)).fast_trunc_int().to_array()
}

impl<'a, const SPLIT: bool> Walk<'a, SPLIT> {
    #[inline(always)]
    fn new<const FOLD: bool>(
        plate: &'a Plate,
        lens: Lens,
        start: [f32; 2],
        end: [f32; 2],
        from: &Node,
        to: &Node,
    ) -> Self {
        const PART: f32 = 1.0 / CELL as f32;
        let step = [(end[0] - start[0]) * PART, (end[1] - start[1]) * PART];
        let ramp = f32x8::from(RAMP);
        let along = |start: f32, step: f32| f32x8::splat(start) + f32x8::splat(step) * ramp;
        let [u, v] = if FOLD {
            // Start and step are film pixels from the centre.
            let [x, y] = fold([along(start[0], step[0]), along(start[1], step[1])]);
            let [c, s] = lens.turn.map(f32x8::splat);
            let u = f32x8::splat(lens.centre[0]) + c * x - s * y;
            let v = f32x8::splat(lens.centre[1]) + s * x + c * y;
            [fixed(inside(u, plate.width)), fixed(inside(v, plate.height))]
        } else {
            let line = |start: f32, step: f32| {
                let (mut at, step) = ((start * 65536.0) as i32, (step * 65536.0) as i32);
                std::array::from_fn(|_| {
                    let here = at;
                    at += step;
                    here
                })
            };
            [line(start[0], step[0]), line(start[1], step[1])]
        };
        let mut walk = Self {
            plate,
            u,
            v,
            red: [0.0; CELL],
            blue: [0.0; CELL],
        };
        if SPLIT {
            let [su, sv]: [[i32; CELL]; 2] =
                std::array::from_fn(|k| fixed(along(from.split[k], (to.split[k] - from.split[k]) * PART)));
            let last = |whole: usize| ((whole - 1) << 16) as i32 - 1;
            let (w, h) = (last(plate.width), last(plate.height));
            let moved = |sign: i32| {
                let u = std::array::from_fn(|i| (u[i] + sign * su[i]).clamp(0, w));
                let v = std::array::from_fn(|i| (v[i] + sign * sv[i]).clamp(0, h));
                (u, v)
            };
            let ((ru, rv), (bu, bv)) = (moved(1), moved(-1));
            walk.red = channel::<0>(plate, &ru, &rv);
            walk.blue = channel::<2>(plate, &bu, &bv);
        }
        walk
    }

    /// Red, green, blue and light of pixel `i` of the strip.
    #[inline(always)]
    fn colour(&self, i: usize) -> f32x4 {
        let centre = texel(self.plate, self.u[i], self.v[i]);
        if !SPLIT {
            return centre;
        }
        let [_, green, _, light] = centre.to_array();
        f32x4::from([self.red[i], green, self.blue[i], light])
    }
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

#[inline(always)]
fn texel(plate: &Plate, u: i32, v: i32) -> f32x4 {
    let at = (v >> 16) as usize * plate.width + (u >> 16) as usize;
    let (top, bottom) = (
        &plate.texels[at..at + 2],
        &plate.texels[at + plate.width..at + plate.width + 2],
    );
    let (fu, fv) = (
        f32x4::splat((u & 0xffff) as f32 / 65536.0),
        f32x4::splat((v & 0xffff) as f32 / 65536.0),
    );
    let (a, b, c, d) = (
        f32x4::from(top[0]),
        f32x4::from(top[1]),
        f32x4::from(bottom[0]),
        f32x4::from(bottom[1]),
    );
    let (top, bottom) = (a + (b - a) * fu, c + (d - c) * fu);
    top + (bottom - top) * fv
}

/// One channel at the places of a strip.
#[inline(always)]
fn channel<const C: usize>(plate: &Plate, u: &[i32; CELL], v: &[i32; CELL]) -> [f32; CELL] {
    let mut corners = [[0f32; CELL]; 4];
    for i in 0..CELL {
        let at = (v[i] >> 16) as usize * plate.width + (u[i] >> 16) as usize;
        let (top, bottom) = (
            &plate.texels[at..at + 2],
            &plate.texels[at + plate.width..at + plate.width + 2],
        );
        for (corner, texel) in corners.iter_mut().zip([&top[0], &top[1], &bottom[0], &bottom[1]]) {
            corner[i] = texel[C];
        }
    }
    let part = |v: &[i32; CELL]| f32x8::from(v.map(|v| (v & 0xffff) as f32)) * f32x8::splat(1.0 / 65536.0);
    let (fu, fv) = (part(u), part(v));
    let [a, b, c, d] = corners.map(f32x8::from);
    let (top, bottom) = (a + (b - a) * fu, c + (d - c) * fu);
    (top + (bottom - top) * fv).to_array()
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
            chroma_row(&mut [row(rgb), row(rgb)], &mut cb, &mut cr);
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
