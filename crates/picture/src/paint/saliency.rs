//! Where the eye goes in a picture: detail and colour that stand out from what is around them.

/// Cells along each side of the map.
const SIDE: usize = 48;

/// How much each part of a picture draws the eye, on a grid over the whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Saliency {
    /// `SIDE` rows of `SIDE` values, 0 to 1, sum of 1 where there is anything at all.
    cells: Vec<f32>,
    /// Where faces may be, in the same cells: a sum of 0 (none, or not to be trusted) to 1.
    faces: Vec<f32>,
    /// Peaks that lie apart from one another, strongest first, each (x, y) as a share of width and height.
    peaks: Vec<(f64, f64)>,
}

impl Saliency {
    /// The map of `width * height` pixels of 8-bit sRGB.
    ///
    /// Centre and surround in opponent colours at two sizes, after Itti, Koch and Niebur (1998), with the rarity of the
    /// colour in the whole picture beside it.
    pub(crate) fn of(width: usize, height: usize, rgb: &[u8]) -> Self {
        let planes = thumbnail(width, height, rgb);
        let mut total = vec![0f32; SIDE * SIDE];
        for plane in &planes {
            let mean = plane.iter().sum::<f32>() / plane.len() as f32;
            for (near, far) in [(1, 5), (2, 10)] {
                let (near, far) = (blurred(plane, near), blurred(plane, far));
                for (i, t) in total.iter_mut().enumerate() {
                    *t += (near[i] - far[i]).abs();
                }
            }
            for (i, t) in total.iter_mut().enumerate() {
                *t += 0.35 * (plane[i] - mean).abs();
            }
        }
        // Faces draw the eye before all else; without a detector the colour of skin tells where one may be. Where much of the
        // picture has that colour it is sand or wood.
        let skin = skin(width, height, rgb);
        let spread = skin.iter().sum::<f32>() / skin.len() as f32;
        let trust = (1.0 - 2.0 * spread).max(0.0);
        for (t, s) in total.iter_mut().zip(&skin) {
            *t += 2.2 * trust * s;
        }
        let mut total = blurred(&total, 2);
        for y in 0..SIDE {
            for x in 0..SIDE {
                // People put what matters near the middle; the rim is mostly ground.
                let (dx, dy) = (centre(x) - 0.5, centre(y) - 0.5);
                total[y * SIDE + x] *= 1.0 - 1.3 * (dx * dx + dy * dy) as f32;
            }
        }
        let sum: f32 = total.iter().sum();
        if sum > 1e-3 {
            total.iter_mut().for_each(|t| *t /= sum);
        } else {
            total.fill(1.0 / (SIDE * SIDE) as f32);
        }
        let peaks = peaks_of(&total);
        // Specks of that colour are no faces: what is left after blurring counts.
        let mut faces = blurred(&skin, 1);
        faces.iter_mut().for_each(|f| *f = (*f - 0.45).max(0.0));
        let whole: f32 = faces.iter().sum();
        if whole > 1.0 {
            faces.iter_mut().for_each(|f| *f *= trust / whole);
        } else {
            faces.fill(0.0);
        }
        Self {
            cells: total,
            faces,
            peaks,
        }
    }

    /// Points that draw the eye, strongest first, at least one, each (x, y) as a share of width and height.
    pub fn peaks(&self) -> &[(f64, f64)] {
        &self.peaks
    }

    /// How much of the whole lies within left, top, right, bottom (shares of width and height), 0 to 1.
    pub fn within(&self, crop: [f64; 4]) -> f64 {
        held(&self.cells, crop)
    }

    /// How much of the faces lies within left, top, right, bottom, 0 to 1; 0 throughout where there are none.
    pub(crate) fn faces_within(&self, crop: [f64; 4]) -> f64 {
        held(&self.faces, crop)
    }

    /// How much a place (shares of width and height) draws the eye, 0 to 1 or so; 1 is far above the mean.
    pub(crate) fn at(&self, x: f64, y: f64) -> f32 {
        let cell = |v: f64| ((v * SIDE as f64).max(0.0) as usize).min(SIDE - 1);
        let value = self.cells.get(cell(y) * SIDE + cell(x)).copied().unwrap_or(0.0);
        (value * (SIDE * SIDE) as f32 / 3.0).min(1.0)
    }
}

/// The sum of the cells whose middles lie within left, top, right, bottom.
fn held(cells: &[f32], crop: [f64; 4]) -> f64 {
    let mut sum = 0.0;
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (cx, cy) = (centre(x), centre(y));
            if cx >= crop[0] && cx <= crop[2] && cy >= crop[1] && cy <= crop[3] {
                sum += f64::from(cells[y * SIDE + x]);
            }
        }
    }
    sum
}

fn centre(i: usize) -> f64 {
    (i as f64 + 0.5) / SIDE as f64
}

/// Mean lightness, red-green and blue-yellow of each cell, 0 to 1 and −1 to 1.
fn thumbnail(width: usize, height: usize, rgb: &[u8]) -> [Vec<f32>; 3] {
    let mut planes = [
        vec![0f32; SIDE * SIDE],
        vec![0f32; SIDE * SIDE],
        vec![0f32; SIDE * SIDE],
    ];
    for cy in 0..SIDE {
        for cx in 0..SIDE {
            let range = |c: usize, n: usize| {
                let a = c * n / SIDE;
                (a.min(n - 1), ((c + 1) * n / SIDE).clamp(a.min(n - 1) + 1, n))
            };
            let ((x0, x1), (y0, y1)) = (range(cx, width), range(cy, height));
            // Eight samples a side tell a cell's mean well enough.
            let (sx, sy) = (((x1 - x0) / 8).max(1), ((y1 - y0) / 8).max(1));
            let (mut sum, mut n) = ([0f32; 3], 0f32);
            for y in (y0..y1).step_by(sy) {
                for x in (x0..x1).step_by(sx) {
                    let p = (y * width + x) * 3;
                    for c in 0..3 {
                        sum[c] += f32::from(rgb[p + c]);
                    }
                    n += 255.0;
                }
            }
            let [r, g, b] = sum.map(|s| s / n.max(1.0));
            let i = cy * SIDE + cx;
            planes[0][i] = 0.3 * r + 0.6 * g + 0.1 * b;
            planes[1][i] = r - g;
            planes[2][i] = b - 0.5 * (r + g);
        }
    }
    planes
}

/// Share of each cell that has the colour of skin: a box of Cb and Cr (after Chai and Ngan, 1999, narrower), not too dark.
fn skin(width: usize, height: usize, rgb: &[u8]) -> Vec<f32> {
    let mut cells = Vec::with_capacity(SIDE * SIDE);
    for cy in 0..SIDE {
        for cx in 0..SIDE {
            let (x0, x1) = (cx * width / SIDE, ((cx + 1) * width / SIDE).clamp(1, width));
            let (y0, y1) = (cy * height / SIDE, ((cy + 1) * height / SIDE).clamp(1, height));
            let (sx, sy) = ((x1.saturating_sub(x0) / 8).max(1), (y1.saturating_sub(y0) / 8).max(1));
            let (mut like, mut n) = (0u32, 0u32);
            for y in (y0.min(height - 1)..y1.max(y0.min(height - 1) + 1)).step_by(sy) {
                for x in (x0.min(width - 1)..x1.max(x0.min(width - 1) + 1)).step_by(sx) {
                    let p = (y * width + x) * 3;
                    let [r, g, b] = [0, 1, 2].map(|c| f32::from(rgb[p + c]));
                    let light = 0.299 * r + 0.587 * g + 0.114 * b;
                    let (cb, cr) = (128.0 + 0.564 * (b - light), 128.0 + 0.713 * (r - light));
                    like += u32::from((84.0..=121.0).contains(&cb) && (139.0..=170.0).contains(&cr) && light > 60.0);
                    n += 1;
                }
            }
            cells.push(like as f32 / n.max(1) as f32);
        }
    }
    cells
}

/// Mean over a square of `2 * radius + 1` cells, held at the rim.
fn blurred(plane: &[f32], radius: usize) -> Vec<f32> {
    let r = radius as isize;
    let hold = |i: isize| i.clamp(0, SIDE as isize - 1) as usize;
    let mut rows = vec![0f32; SIDE * SIDE];
    let mut out = vec![0f32; SIDE * SIDE];
    let n = (2 * radius + 1) as f32;
    for y in 0..SIDE {
        for x in 0..SIDE {
            rows[y * SIDE + x] = (-r..=r).map(|d| plane[y * SIDE + hold(x as isize + d)]).sum::<f32>() / n;
        }
    }
    for y in 0..SIDE {
        for x in 0..SIDE {
            out[y * SIDE + x] = (-r..=r).map(|d| rows[hold(y as isize + d) * SIDE + x]).sum::<f32>() / n;
        }
    }
    out
}

fn peaks_of(cells: &[f32]) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by(|a, b| cells[*b].total_cmp(&cells[*a]).then(a.cmp(b)));
    let mut peaks: Vec<(f64, f64)> = Vec::new();
    for i in order {
        let (x, y) = (centre(i % SIDE), centre(i / SIDE));
        if peaks.iter().all(|p| (p.0 - x).hypot(p.1 - y) > 0.24) {
            peaks.push((x, y));
        }
        if peaks.len() == 4 {
            break;
        }
    }
    peaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_red_dot_on_grey_is_overlooked() {
        let (w, h) = (200usize, 100usize);
        let mut rgb = vec![120u8; w * h * 3];
        for y in 60..72 {
            for x in 120..138 {
                rgb[(y * w + x) * 3..][..3].copy_from_slice(&[230, 20, 20]);
            }
        }
        let map = Saliency::of(w, h, &rgb);
        let (x, y) = map.peaks()[0];
        assert!((x - 0.645).abs() < 0.08 && (y - 0.66).abs() < 0.1, "{x} {y}");
        assert!(map.within([0.5, 0.4, 0.8, 0.9]) > 0.4);
    }
}
