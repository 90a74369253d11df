//! The inner loops: from mesh and plates to coded pixels, two rows at a time.

use rayon::prelude::*;
use wide::f32x4;

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
            match (self.b, self.cell(from, to)) {
                (Some(plate), Cell::Second) => {
                    self.one::<FOLD, SPLIT>(plate, from.b, to.b, lenses[1], from, to, pixels);
                }
                (Some(second), Cell::Both) => self.two::<FOLD, SPLIT>(second, lenses, from, to, pixels),
                _ => self.one::<FOLD, SPLIT>(self.a, from.a, to.a, lenses[0], from, to, pixels),
            }
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
        (r, g, b): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let mut walk = Walk::<FOLD, SPLIT>::new(plate, lens, start, end, from, to);
        let mut shine = Shine::new(from, to);
        let curve = &*self.tone.0;
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            [*r, *g, *b] = shine.next(walk.next(), curve);
        }
    }

    fn two<const FOLD: bool, const SPLIT: bool>(
        &self,
        second: &Plate,
        lenses: [Lens; 2],
        from: &Node,
        to: &Node,
        (r, g, b): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let mut walk_a = Walk::<FOLD, SPLIT>::new(self.a, lenses[0], from.a, to.a, from, to);
        let mut walk_b = Walk::<FOLD, SPLIT>::new(second, lenses[1], from.b, to.b, from, to);
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
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let (first, other) = (walk_a.next(), walk_b.next());
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

/// Samples of a plate along a strip.
struct Walk<'a, const FOLD: bool, const SPLIT: bool> {
    plate: &'a Plate,
    lens: Lens,
    // Unfolded: plate pixels with 16 fractional bits. Folded: film pixels from the centre.
    fixed: [i32; 2],
    fixed_step: [i32; 2],
    place: [f32; 2],
    place_step: [f32; 2],
    split: [f32; 2],
    split_step: [f32; 2],
}

impl<'a, const FOLD: bool, const SPLIT: bool> Walk<'a, FOLD, SPLIT> {
    #[inline(always)]
    fn new(plate: &'a Plate, lens: Lens, start: [f32; 2], end: [f32; 2], from: &Node, to: &Node) -> Self {
        const PART: f32 = 1.0 / CELL as f32;
        let step = [(end[0] - start[0]) * PART, (end[1] - start[1]) * PART];
        Self {
            plate,
            lens,
            fixed: start.map(|v| (v * 65536.0) as i32),
            fixed_step: step.map(|v| (v * 65536.0) as i32),
            place: start,
            place_step: step,
            split: from.split,
            split_step: [
                (to.split[0] - from.split[0]) * PART,
                (to.split[1] - from.split[1]) * PART,
            ],
        }
    }

    #[inline(always)]
    fn next(&mut self) -> f32x4 {
        let [u, v] = if FOLD {
            let folded = fold(self.place);
            self.place[0] += self.place_step[0];
            self.place[1] += self.place_step[1];
            let [c, s] = self.lens.turn;
            let u = self.lens.centre[0] + c * folded[0] - s * folded[1];
            let v = self.lens.centre[1] + s * folded[0] + c * folded[1];
            [inside(u, self.plate.width), inside(v, self.plate.height)].map(|v| (v * 65536.0) as i32)
        } else {
            let at = self.fixed;
            self.fixed[0] += self.fixed_step[0];
            self.fixed[1] += self.fixed_step[1];
            at
        };
        let centre = texel(self.plate, u, v);
        if !SPLIT {
            return centre;
        }
        let (su, sv) = ((self.split[0] * 65536.0) as i32, (self.split[1] * 65536.0) as i32);
        self.split[0] += self.split_step[0];
        self.split[1] += self.split_step[1];
        let [_, green, _, light] = centre.to_array();
        let held = |v: i32, whole: usize| v.clamp(0, ((whole - 1) << 16) as i32 - 1);
        let (w, h) = (self.plate.width, self.plate.height);
        let red = channel::<0>(self.plate, held(u + su, w), held(v + sv, h));
        let blue = channel::<2>(self.plate, held(u - su, w), held(v - sv, h));
        f32x4::from([red, green, blue, light])
    }
}

/// A place brought into a wedge of thirty degrees by mirrors, as in a kaleidoscope with twelve wedges.
#[inline(always)]
pub(super) fn fold([x, y]: [f32; 2]) -> [f32; 2] {
    const C: f32 = 0.866_025_4;
    let (x, y) = (x.abs(), y.abs());
    // Mirror at sixty degrees, then at thirty.
    let d = (C * x - 0.5 * y).min(0.0) * 2.0;
    let (x, y) = (x - d * C, y + d * 0.5);
    let d = (0.5 * x - C * y).min(0.0) * 2.0;
    (x - d * 0.5, y + d * C).into()
}

/// A coordinate mirrored at the plate's edges.
#[inline(always)]
fn inside(v: f32, whole: usize) -> f32 {
    let last = (whole - 1) as f32 - 0.01;
    let v = v.abs();
    let v = if v > last { 2.0 * last - v } else { v };
    v.clamp(0.0, last)
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

#[inline(always)]
fn channel<const C: usize>(plate: &Plate, u: i32, v: i32) -> f32 {
    let at = (v >> 16) as usize * plate.width + (u >> 16) as usize;
    let (top, bottom) = (
        &plate.texels[at..at + 2],
        &plate.texels[at + plate.width..at + plate.width + 2],
    );
    let (fu, fv) = ((u & 0xffff) as f32 / 65536.0, (v & 0xffff) as f32 / 65536.0);
    let (a, b, c, d) = (top[0][C], top[1][C], bottom[0][C], bottom[1][C]);
    let (top, bottom) = (a + (b - a) * fu, c + (d - c) * fu);
    top + (bottom - top) * fv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_of_the_kaleidoscope_leaves_its_wedge() {
        for i in 0..720 {
            let angle = i as f32 * std::f32::consts::PI / 360.0;
            let [x, y] = fold([100.0 * angle.cos(), 100.0 * angle.sin()]);
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
