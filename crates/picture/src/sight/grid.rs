//! A frame of any size on grids of fixed size: what every measure works on, so that a 4K film and a thumbnail cost and
//! mean the same.

use synchresis_cue::Frame;

/// Width of the finest grid.
pub(crate) const W: usize = 128;
/// Height of the finest grid.
pub(crate) const H: usize = 72;
/// Width of the half grid.
pub(crate) const W1: usize = W / 2;
/// Height of the half grid.
pub(crate) const H1: usize = H / 2;
/// Width of the quarter grid, on which chroma is held too.
pub(crate) const W2: usize = W / 4;
/// Height of the quarter grid.
pub(crate) const H2: usize = H / 4;
/// Width of the grid that is kept for every frame.
pub(crate) const W3: usize = W / 8;
/// Height of the grid that is kept for every frame.
pub(crate) const H3: usize = H / 8;

/// A frame on the grids: means of the pixels that fall into each cell.
#[derive(Clone)]
pub(crate) struct Grid {
    /// Luma, `H` rows of `W`.
    pub(crate) l0: Vec<u8>,
    /// Luma, `H1` rows of `W1`.
    pub(crate) l1: Vec<u8>,
    /// Luma, `H2` rows of `W2`.
    pub(crate) l2: Vec<u8>,
    /// Luma, `H3` rows of `W3`.
    pub(crate) l3: Vec<u8>,
    /// Blue difference, `H2` rows of `W2`.
    pub(crate) cb: Vec<u8>,
    /// Red difference, `H2` rows of `W2`.
    pub(crate) cr: Vec<u8>,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            l0: vec![0; W * H],
            l1: vec![0; W1 * H1],
            l2: vec![0; W2 * H2],
            l3: vec![0; W3 * H3],
            cb: vec![128; W2 * H2],
            cr: vec![128; W2 * H2],
        }
    }
}

impl Grid {
    /// Lays `frame` on the grids. The planes must have been found long enough.
    pub(crate) fn lay(&mut self, frame: &Frame<'_>, sums: &mut Vec<u16>) {
        shrink(frame.y, frame.width, frame.height, &mut self.l0, W, sums);
        let (cw, ch) = (frame.width.div_ceil(2), frame.height.div_ceil(2));
        shrink(frame.cb, cw, ch, &mut self.cb, W2, sums);
        shrink(frame.cr, cw, ch, &mut self.cr, W2, sums);
        halve(&self.l0, W, &mut self.l1);
        halve(&self.l1, W1, &mut self.l2);
        halve(&self.l2, W2, &mut self.l3);
    }
}

/// First and one-past-last source index of cell `i` of `cells` over `n` samples; never empty for `n` ≥ 1.
fn span(i: usize, cells: usize, n: usize) -> (usize, usize) {
    let a = (i * n / cells).min(n - 1);
    let b = ((i + 1) * n / cells).clamp(a + 1, n);
    (a, b)
}

/// Box means of a plane onto a grid `ow` wide; `out.len() / ow` gives its height.
fn shrink(plane: &[u8], w: usize, h: usize, out: &mut [u8], ow: usize, sums: &mut Vec<u16>) {
    let oh = out.len() / ow;
    sums.clear();
    sums.resize(w, 0);
    for (oy, row) in out.chunks_exact_mut(ow).enumerate() {
        let (y0, y1) = span(oy, oh, h);
        // Sums stay within 16 bits: at most 128 rows of 255 are added up.
        let step = (y1 - y0).div_ceil(128);
        let mut rows = 0u32;
        for y in (y0..y1).step_by(step) {
            let source = &plane[y * w..(y + 1) * w];
            if rows == 0 {
                for (s, &p) in sums.iter_mut().zip(source) {
                    *s = u16::from(p);
                }
            } else {
                for (s, &p) in sums.iter_mut().zip(source) {
                    *s += u16::from(p);
                }
            }
            rows += 1;
        }
        if w == ow * 2 {
            let scale = (1u32 << 15) / rows;
            for (o, s) in row.iter_mut().zip(sums.chunks_exact(2)) {
                *o = (((u32::from(s[0]) + u32::from(s[1])) * scale + (1 << 15)) >> 16).min(255) as u8;
            }
        } else if w == ow * 4 {
            let scale = (1u32 << 14) / rows;
            for (o, s) in row.iter_mut().zip(sums.chunks_exact(4)) {
                let sum = u32::from(s[0]) + u32::from(s[1]) + u32::from(s[2]) + u32::from(s[3]);
                *o = ((sum * scale + (1 << 15)) >> 16).min(255) as u8;
            }
        } else {
            for (ox, o) in row.iter_mut().enumerate() {
                let (x0, x1) = span(ox, ow, w);
                let sum: u64 = sums[x0..x1].iter().map(|&s| u64::from(s)).sum();
                let n = (x1 - x0) as u64 * u64::from(rows);
                *o = ((sum + n / 2) / n).min(255) as u8;
            }
        }
    }
}

/// Means of 2×2 cells of a grid `w` wide.
fn halve(fine: &[u8], w: usize, coarse: &mut [u8]) {
    for (two, row) in fine.chunks_exact(2 * w).zip(coarse.chunks_exact_mut(w / 2)) {
        let (top, bottom) = two.split_at(w);
        for ((t, b), o) in top.chunks_exact(2).zip(bottom.chunks_exact(2)).zip(row) {
            *o = ((u16::from(t[0]) + u16::from(t[1]) + u16::from(b[0]) + u16::from(b[1]) + 2) >> 2) as u8;
        }
    }
}

/// Mean absolute difference of the finest grid to its right and lower neighbours, levels.
pub(crate) fn edge_energy(l0: &[u8]) -> f32 {
    let mut sum = 0u32;
    for row in l0.chunks_exact(W) {
        sum += sad(&row[1..], &row[..W - 1]);
    }
    sum += sad(&l0[W..], &l0[..l0.len() - W]);
    sum as f32 / (W * H) as f32
}

/// Mean and standard deviation, levels.
pub(crate) fn mean_deviation(cells: &[u8]) -> (f32, f32) {
    let (mut sum, mut squares) = (0u32, 0u32);
    for &p in cells {
        sum += u32::from(p);
        squares += u32::from(p) * u32::from(p);
    }
    let n = cells.len().max(1) as f32;
    let mean = sum as f32 / n;
    (mean, (squares as f32 / n - mean * mean).max(0.0).sqrt())
}

/// Sum of absolute differences over the shorter of the two.
#[inline]
pub(crate) fn sad(a: &[u8], b: &[u8]) -> u32 {
    // Sixteen at a time, as a difference of widened values: the form that becomes one PSADBW.
    let (a16, b16) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sum = 0;
    for (p, q) in a16.0.iter().zip(b16.0) {
        let mut part = 0i32;
        for k in 0..16 {
            part += (i32::from(p[k]) - i32::from(q[k])).abs();
        }
        sum += part as u32;
    }
    let done = a16.0.len().min(b16.0.len()) * 16;
    sum + a[done..]
        .iter()
        .zip(&b[done..])
        .map(|(&p, &q)| u32::from(p.abs_diff(q)))
        .sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_frame_of_any_size_changes_its_level_on_the_grid() {
        for (w, h) in [
            (2, 2),
            (1, 1),
            (3, 5),
            (256, 144),
            (256, 109),
            (128, 72),
            (512, 288),
            (1921, 7),
            (7, 4000),
        ] {
            let (cw, ch) = (usize::div_ceil(w, 2), usize::div_ceil(h, 2));
            let (y, c) = (vec![77; w * h], vec![133; cw * ch]);
            let frame = Frame {
                index: 0,
                time_s: 0.0,
                width: w,
                height: h,
                y: &y,
                cb: &c,
                cr: &c,
            };
            let mut grid = Grid::default();
            grid.lay(&frame, &mut Vec::new());
            for (plane, level) in [
                (&grid.l0, 77),
                (&grid.l1, 77),
                (&grid.l3, 77),
                (&grid.cb, 133),
                (&grid.cr, 133),
            ] {
                assert!(plane.iter().all(|&p: &u8| p.abs_diff(level) <= 1), "{w}x{h}");
            }
        }
    }

    #[test]
    fn cells_leave_out_or_double_a_pixel_row() {
        for n in 1..300 {
            assert_eq!(span(0, W, n).0, 0);
            assert_eq!(span(W - 1, W, n).1, n);
            for i in 1..W {
                let ((a0, a1), (b0, b1)) = (span(i - 1, W, n), span(i, W, n));
                assert!(b0 <= a1 && a0 <= b0 && b0 < b1 && b1 <= n, "{n} {i}");
            }
        }
    }
}
