//! How the picture moves from one frame to the next: block matching with a global search before it, refined below a
//! pixel by one step of Lucas and Kanade (1981), and a robust fit of the camera (shift, zoom, roll) over the blocks.

use super::grid::{Grid, H, H1, H2, W, W1, W2, sad};

/// Width of a block, cells of the finest grid.
const BW: usize = 16;
/// Height of a block.
const BH: usize = 12;
/// Blocks across.
const NX: usize = W / BW;
/// Blocks down.
const NY: usize = H / BH;
/// Blocks in all.
pub(crate) const BLOCKS: usize = NX * NY;
/// Farthest global shift that is looked for, cells of the quarter grid: a quarter of the picture between two frames.
const REACH: (i32, i32) = (8, 5);

/// What moved between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Flow {
    /// Mean length of the movement, picture widths.
    pub(crate) speed: f32,
    /// Share of it that a camera explains, 0 to 1.
    pub(crate) camera: f32,
    /// Shift of the content by the camera, (right, down), picture widths.
    pub(crate) shift: [f32; 2],
    /// Correlation of the two frames where they overlap after the global shift, −1 to 1; blind to light.
    pub(crate) correlation: f32,
    /// What block matching left over, against the contrast within blocks: about 0.1 within a shot, about 1 across a cut.
    pub(crate) residual: f32,
    /// Share of the blocks with no match.
    pub(crate) lost: f32,
}

/// Estimates movement; remembers the vectors of the pair before, since things keep moving.
#[derive(Debug, Clone, Default)]
pub(crate) struct Estimator {
    before: Vec<(i32, i32)>,
}

/// Sums of absolute differences of the blocks at rest, and whether the second frame is a repetition of the first.
pub(crate) fn repeats(a: &Grid, b: &Grid) -> bool {
    let mut total = 0;
    for by in 0..NY {
        let mut blocks = [0u32; NX];
        for y in by * BH..(by + 1) * BH {
            let (p, q) = (&a.l0[y * W..(y + 1) * W], &b.l0[y * W..(y + 1) * W]);
            for (i, block) in blocks.iter_mut().enumerate() {
                *block += sad(&p[i * BW..(i + 1) * BW], &q[i * BW..(i + 1) * BW]);
            }
        }
        // One level in a block is more than the codec's noise on a repeated frame.
        if blocks.iter().any(|&s| s > (BW * BH) as u32) {
            return false;
        }
        total += blocks.iter().sum::<u32>();
    }
    total * 4 < (W * H) as u32 && sad(&a.cb, &b.cb) + sad(&a.cr, &b.cr) < (W2 * H2) as u32
}

impl Estimator {
    /// Movement from `a` to `b`; `aspect` is height over width of the picture.
    pub(crate) fn estimate(&mut self, a: &Grid, b: &Grid, aspect: f32) -> Flow {
        let global = global_shift(a, b);
        if self.before.len() != BLOCKS {
            self.before = vec![(0, 0); BLOCKS];
        }
        let mut blocks = [Block::default(); BLOCKS];
        for i in 0..BLOCKS {
            let mut candidates = [(0, 0), global, self.before[i], global, global];
            if i % NX > 0 {
                candidates[3] = blocks[i - 1].whole;
            }
            if i >= NX {
                candidates[4] = blocks[i - NX].whole;
            }
            blocks[i] = match_block(a, b, i, &candidates, global);
        }
        for (v, block) in self.before.iter_mut().zip(&blocks) {
            *v = block.whole;
        }
        let mut flow = summarise(&blocks, aspect);
        // A change of light misleads the search; at rest the pictures may still agree.
        let moved = correlation(&a.l1, &b.l1, (global.0.div_euclid(2), global.1.div_euclid(2)));
        flow.correlation = if global == (0, 0) {
            moved
        } else {
            moved.max(correlation(&a.l1, &b.l1, (0, 0)))
        };
        flow
    }
}

/// The whole shift of the picture, cells of the finest grid.
fn global_shift(a: &Grid, b: &Grid) -> (i32, i32) {
    let rest = shifted_sad(&a.l2, &b.l2, W2, H2, (0, 0));
    let mut best = (rest, (0, 0));
    // A picture at rest needs no search: the vectors below a cell are found block by block.
    if rest > 0.6 {
        for dy in -REACH.1..=REACH.1 {
            for dx in -REACH.0..=REACH.0 {
                // A far shift must earn its smaller overlap.
                let bias = 1.0 + 0.01 * (dx.abs() + dy.abs()) as f32;
                let cost = shifted_sad(&a.l2, &b.l2, W2, H2, (dx, dy)) * bias;
                if cost < best.0 {
                    best = (cost, (dx, dy));
                }
            }
        }
    }
    let half = refine(&a.l1, &b.l1, W1, H1, (best.1.0 * 2, best.1.1 * 2));
    refine(&a.l0, &b.l0, W, H, (half.0 * 2, half.1 * 2))
}

/// The best of `start` and its eight neighbours, and rest.
fn refine(a: &[u8], b: &[u8], w: usize, h: usize, start: (i32, i32)) -> (i32, i32) {
    let mut best = (shifted_sad(a, b, w, h, start), start);
    let around = [(0, -1), (0, 1), (-1, 0), (1, 0)];
    // First the cross, then the diagonal between its better arms.
    let mut arms = [0f32; 4];
    for (arm, d) in arms.iter_mut().zip(around) {
        let v = (start.0 + d.0, start.1 + d.1);
        *arm = shifted_sad(a, b, w, h, v);
        if *arm < best.0 {
            best = (*arm, v);
        }
    }
    let dy = if arms[0] < arms[1] { -1 } else { 1 };
    let dx = if arms[2] < arms[3] { -1 } else { 1 };
    let v = (start.0 + dx, start.1 + dy);
    let cost = shifted_sad(a, b, w, h, v);
    if cost < best.0 {
        best = (cost, v);
    }
    if start != (0, 0) && shifted_sad(a, b, w, h, (0, 0)) <= best.0 {
        return (0, 0);
    }
    best.1
}

/// The part of a row or column where both pictures are, for a shift of `d` cells out of `n`: begin in `a`, in `b`, length.
fn overlap(n: usize, d: i32) -> (usize, usize, usize) {
    let m = (d.unsigned_abs() as usize).min(n);
    if d >= 0 { (0, m, n - m) } else { (m, 0, n - m) }
}

/// Mean absolute difference where `b` overlaps `a` moved by `v`, levels.
fn shifted_sad(a: &[u8], b: &[u8], w: usize, h: usize, v: (i32, i32)) -> f32 {
    let ((ax, bx, nx), (ay, by, ny)) = (overlap(w, v.0), overlap(h, v.1));
    if nx == 0 || ny == 0 {
        return f32::INFINITY;
    }
    let mut sum = 0;
    for y in 0..ny {
        let (p, q) = ((ay + y) * w + ax, (by + y) * w + bx);
        sum += sad(&a[p..p + nx], &b[q..q + nx]);
    }
    sum as f32 / (nx * ny) as f32
}

/// Pearson correlation on the half grid where the pictures overlap.
fn correlation(a: &[u8], b: &[u8], v: (i32, i32)) -> f32 {
    let ((ax, bx, nx), (ay, by, ny)) = (overlap(W1, v.0), overlap(H1, v.1));
    let n = (nx * ny) as f64;
    if n < 1.0 {
        return 0.0;
    }
    let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for y in 0..ny {
        let (p, q) = ((ay + y) * W1 + ax, (by + y) * W1 + bx);
        for (&m, &k) in a[p..p + nx].iter().zip(&b[q..q + nx]) {
            let (m, k) = (u32::from(m), u32::from(k));
            sa += m;
            sb += k;
            saa += m * m;
            sbb += k * k;
            sab += m * k;
        }
    }
    let cov = f64::from(sab) - f64::from(sa) * f64::from(sb) / n;
    let va = f64::from(saa) - f64::from(sa).powi(2) / n;
    let vb = f64::from(sbb) - f64::from(sb).powi(2) / n;
    // Two plain pictures are alike; the term of 2 levels' variance keeps noise on them from deciding.
    let floor = 4.0 * n;
    ((cov + floor) / ((va + floor) * (vb + floor)).sqrt()) as f32
}

/// One block of the later frame.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// Best whole vector, cells.
    whole: (i32, i32),
    /// Vector with its fraction, cells.
    v: [f32; 2],
    /// Mean absolute difference left, levels.
    left: f32,
    /// Contrast within the block, mean of both frames, levels.
    contrast: f32,
    /// How well two directions are told apart: the smaller eigenvalue of the structure, levels² a cell.
    texture: f32,
    /// What came from outside the earlier frame cannot be matched.
    entering: bool,
}

fn match_block(a: &Grid, b: &Grid, i: usize, candidates: &[(i32, i32)], global: (i32, i32)) -> Block {
    let (x0, y0) = ((i % NX * BW) as i32, (i / NX * BH) as i32);
    let inside = |v: (i32, i32)| {
        x0 - v.0 >= 0 && y0 - v.1 >= 0 && x0 - v.0 + BW as i32 <= W as i32 && y0 - v.1 + BH as i32 <= H as i32
    };
    let cost = |v: (i32, i32)| {
        let (mut p, mut q) = (
            (y0 - v.1) as usize * W + (x0 - v.0) as usize,
            y0 as usize * W + x0 as usize,
        );
        let mut sum = 0;
        for _ in 0..BH {
            sum += sad(&a.l0[p..p + BW], &b.l0[q..q + BW]);
            p += W;
            q += W;
        }
        sum
    };
    let mut whole = (0, 0);
    let mut least = cost(whole);
    let mut tried = [(0, 0); 5];
    for (k, &v) in candidates.iter().enumerate().skip(1) {
        if !tried[..k].contains(&v) && inside(v) {
            // A vector other than rest must be better by a little, or noise would move flat places.
            let c = cost(v) + (BW * BH / 16) as u32;
            if c < least {
                (least, whole) = (c, v);
            }
        }
        tried[k] = v;
    }
    // Downhill, at most five cells away.
    if least > (BW * BH / 2) as u32 {
        for _ in 0..5 {
            let from = whole;
            for d in [(0, -1), (0, 1), (-1, 0), (1, 0)] {
                let v = (from.0 + d.0, from.1 + d.1);
                if inside(v) {
                    let c = cost(v) + if v == (0, 0) { 0 } else { (BW * BH / 16) as u32 };
                    if c < least {
                        (least, whole) = (c, v);
                    }
                }
            }
            if whole == from {
                break;
            }
        }
    }
    let mut block = below_a_cell(a, b, x0, y0, whole);
    block.left = least as f32 / (BW * BH) as f32;
    block.entering = !inside(global);
    block
}

/// Seventeen cells of a row, the last held at the picture's edge.
fn wide(l0: &[u8], x: usize, y: usize) -> [u8; BW + 1] {
    let row = &l0[y.min(H - 1) * W..][..W];
    let mut cells = [0; BW + 1];
    cells[..BW].copy_from_slice(&row[x..x + BW]);
    cells[BW] = row[(x + BW).min(W - 1)];
    cells
}

/// One Lucas–Kanade step from the whole vector, with the measures that fall out of the same sums. Derivatives are those
/// of Horn and Schunck (1981), over cubes of two cells and two frames: fine texture biases them least.
fn below_a_cell(a: &Grid, b: &Grid, x0: i32, y0: i32, whole: (i32, i32)) -> Block {
    let (mut xx, mut xy, mut yy, mut xt, mut yt) = (0i32, 0i32, 0i32, 0i32, 0i32);
    let (mut sa, mut saa, mut sb, mut sbb) = (0i32, 0i32, 0i32, 0i32);
    let (px, py) = ((x0 - whole.0) as usize, (y0 - whole.1) as usize);
    let (x0, y0) = (x0 as usize, y0 as usize);
    for y in 0..BH {
        let (a0, a1) = (wide(&a.l0, px, py + y), wide(&a.l0, px, py + y + 1));
        let (b0, b1) = (wide(&b.l0, x0, y0 + y), wide(&b.l0, x0, y0 + y + 1));
        for k in 0..BW {
            let [a00, a01, a10, a11] = [a0[k], a0[k + 1], a1[k], a1[k + 1]].map(i32::from);
            let [b00, b01, b10, b11] = [b0[k], b0[k + 1], b1[k], b1[k + 1]].map(i32::from);
            // Twice the derivatives across and down (four sums of differences, halved), four times that in time.
            let gx = (a01 + a11 + b01 + b11 - a00 - a10 - b00 - b10) / 2;
            let gy = (a10 + a11 + b10 + b11 - a00 - a01 - b00 - b01) / 2;
            let t = b00 + b01 + b10 + b11 - a00 - a01 - a10 - a11;
            xx += gx * gx;
            xy += gx * gy;
            yy += gy * gy;
            xt += gx * t;
            yt += gy * t;
            sa += a00;
            saa += a00 * a00;
            sb += b00;
            sbb += b00 * b00;
        }
    }
    let n = (BW * BH) as f32;
    let (xx, xy, yy) = (xx as f32 / 4.0 / n, xy as f32 / 4.0 / n, yy as f32 / 4.0 / n);
    let (xt, yt) = (xt as f32 / 8.0 / n, yt as f32 / 8.0 / n);
    let deviation = |s: i32, ss: i32| (ss as f32 / n - (s as f32 / n).powi(2)).max(0.0).sqrt();
    // A little more than the noise of a compressed film, so that flat places do not run away.
    let noise = 0.5;
    let (mx, my) = (xx + noise, yy + noise);
    let det = mx * my - xy * xy;
    let fraction = if det > 1e-6 {
        [-(my * xt - xy * yt) / det, -(mx * yt - xy * xt) / det]
    } else {
        [0.0; 2]
    };
    let half_trace = (xx + yy) / 2.0;
    let texture = half_trace - (half_trace * half_trace - (xx * yy - xy * xy)).max(0.0).sqrt();
    Block {
        whole,
        v: [
            whole.0 as f32 + fraction[0].clamp(-1.0, 1.0),
            whole.1 as f32 + fraction[1].clamp(-1.0, 1.0),
        ],
        contrast: (deviation(sa, saa) + deviation(sb, sbb)) / 2.0,
        texture,
        ..Block::default()
    }
}

/// The camera: shift, zoom and roll, in cells.
#[derive(Debug, Clone, Copy, Default)]
struct Camera {
    shift: [f32; 2],
    zoom: f32,
    roll: f32,
}

impl Camera {
    fn at(&self, p: [f32; 2]) -> [f32; 2] {
        [
            self.shift[0] + self.zoom * p[0] - self.roll * p[1],
            self.shift[1] + self.zoom * p[1] + self.roll * p[0],
        ]
    }
}

/// Middle of block `i` from the middle of the picture, picture widths.
fn place(i: usize, aspect: f32) -> [f32; 2] {
    let x = ((i % NX * BW + BW / 2) as f32 / W as f32) - 0.5;
    let y = ((i / NX * BH + BH / 2) as f32 / H as f32) - 0.5;
    [x, y * aspect]
}

fn summarise(blocks: &[Block; BLOCKS], aspect: f32) -> Flow {
    let mut v = [[0f32; 2]; BLOCKS];
    let mut weight = [0f32; BLOCKS];
    let (mut left, mut contrast, mut lost, mut known) = (0f32, 0f32, 0f32, 0f32);
    let mut failed = [false; BLOCKS];
    for (i, b) in blocks.iter().enumerate() {
        v[i] = [b.v[0] / W as f32, b.v[1] / H as f32 * aspect];
        let floor = 3.0;
        failed[i] = b.left > 3.0 && b.left > 0.45 * (b.contrast + floor);
        if !b.entering {
            left += b.left;
            contrast += b.contrast + floor;
            known += 1.0;
            lost += f32::from(u8::from(failed[i]));
        }
        if !failed[i] {
            weight[i] = b.texture / (b.texture + 8.0);
        }
    }
    let camera = fit(&v, &weight, aspect);
    let textured: f32 = weight.iter().sum();
    let (mut total, mut own, mut support) = (0f32, 0f32, 0f32);
    for i in 0..BLOCKS {
        let model = camera.at(place(i, aspect));
        let off = length([v[i][0] - model[0], v[i][1] - model[1]]);
        let tolerance = 0.15 / W as f32 + 0.15 * length(model);
        support += weight[i] * f32::from(u8::from(off <= tolerance * 2.0));
    }
    let support = if textured > 0.0 { support / textured } else { 0.0 };
    // Places without texture go where the camera goes, if there is texture enough to know.
    // Half of the texture agreeing on one movement is a camera.
    let carried = (2.0 * support).min(1.0) * (textured / (0.25 * BLOCKS as f32)).min(1.0);
    for i in 0..BLOCKS {
        let model = camera.at(place(i, aspect));
        let off = [v[i][0] - model[0], v[i][1] - model[1]];
        let (speed, apart) = if failed[i] {
            // No match: turmoil of water, fire or leaves. Its speed is not known; a middling one is assumed.
            (length(model).max(0.005), 0.005)
        } else {
            let w = weight[i];
            (w * length(v[i]) + (1.0 - w) * carried * length(model), w * length(off))
        };
        total += speed;
        own += apart.min(speed);
    }
    let noise = 0.02 / W as f32 * BLOCKS as f32;
    let share = if total > noise {
        ((total - own) / total).clamp(0.0, 1.0)
    } else {
        0.0
    };
    Flow {
        speed: total / BLOCKS as f32,
        camera: share,
        shift: [camera.shift[0] * carried, camera.shift[1] * carried],
        correlation: 0.0,
        residual: if contrast > 0.0 { left / contrast } else { 0.0 },
        lost: if known > 0.0 { lost / known } else { 0.0 },
    }
}

/// Iteratively reweighted least squares (Geman–McClure weights), begun at the weighted median shift.
fn fit(v: &[[f32; 2]; BLOCKS], weight: &[f32; BLOCKS], aspect: f32) -> Camera {
    let mut camera = Camera {
        shift: [median(v, weight, 0), median(v, weight, 1)],
        zoom: 0.0,
        roll: 0.0,
    };
    for round in 0..4 {
        let sigma = if round == 0 { 1.0 } else { 0.3 } / W as f32 + 0.1 * length(camera.shift);
        let (mut s, mut mean_p, mut mean_v) = (0f32, [0f32; 2], [0f32; 2]);
        let mut w = [0f32; BLOCKS];
        for i in 0..BLOCKS {
            let (p, model) = (place(i, aspect), camera.at(place(i, aspect)));
            let off = length([v[i][0] - model[0], v[i][1] - model[1]]) / sigma;
            w[i] = weight[i] / (1.0 + off * off).powi(2);
            s += w[i];
            for k in 0..2 {
                mean_p[k] += w[i] * p[k];
                mean_v[k] += w[i] * v[i][k];
            }
        }
        if s < 0.5 {
            break;
        }
        for k in 0..2 {
            mean_p[k] /= s;
            mean_v[k] /= s;
        }
        let (mut spread, mut along, mut across) = (1e-3 * s, 0f32, 0f32);
        for i in 0..BLOCKS {
            let p = place(i, aspect);
            let (p, d) = (
                [p[0] - mean_p[0], p[1] - mean_p[1]],
                [v[i][0] - mean_v[0], v[i][1] - mean_v[1]],
            );
            spread += w[i] * (p[0] * p[0] + p[1] * p[1]);
            along += w[i] * (p[0] * d[0] + p[1] * d[1]);
            across += w[i] * (p[0] * d[1] - p[1] * d[0]);
        }
        camera.zoom = along / spread;
        camera.roll = across / spread;
        camera.shift = [
            mean_v[0] - camera.zoom * mean_p[0] + camera.roll * mean_p[1],
            mean_v[1] - camera.zoom * mean_p[1] - camera.roll * mean_p[0],
        ];
    }
    camera
}

fn median(v: &[[f32; 2]; BLOCKS], weight: &[f32; BLOCKS], axis: usize) -> f32 {
    let mut order: [usize; BLOCKS] = std::array::from_fn(|i| i);
    order.sort_unstable_by(|&i, &j| v[i][axis].total_cmp(&v[j][axis]).then(i.cmp(&j)));
    let half = weight.iter().sum::<f32>() / 2.0;
    let mut sum = 0.0;
    for &i in &order {
        sum += weight[i];
        if sum >= half && weight[i] > 0.0 {
            return v[i][axis];
        }
    }
    0.0
}

fn length(v: [f32; 2]) -> f32 {
    v[0].hypot(v[1])
}
