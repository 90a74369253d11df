//! The colours that fill a film: swatches of frames over time, clustered in Oklab.

use synchresis_cue::{Colour, round_to};

use super::grid::Grid;

/// How YCbCr became of RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and most web video that says nothing.
    Bt601,
    /// ITU-R BT.709: high definition.
    #[default]
    Bt709,
}

impl Matrix {
    /// sRGB of a limited-range sample.
    pub fn rgb(self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        // 16.16 fixed point: 255/219 for luma, and each matrix's chroma weights times 255/224.
        let (rv, gu, gv, bu) = match self {
            Matrix::Bt601 => (104_597, 25_675, 53_279, 132_201),
            Matrix::Bt709 => (117_489, 13_975, 34_925, 138_438),
        };
        let luma = 76_309 * (i32::from(y) - 16) + (1 << 15);
        let (u, v) = (i32::from(cb) - 128, i32::from(cr) - 128);
        [luma + rv * v, luma - gu * u - gv * v, luma + bu * u].map(|c| (c >> 16).clamp(0, 255) as u8)
    }
}

/// Most swatches that are kept.
const SWATCHES: usize = 1024;
/// Colours of a swatch.
const CELLS: usize = super::grid::W2 * super::grid::H2;

/// The quarter grid of a frame, coloured.
struct Swatch {
    time_s: f64,
    ycc: Vec<[u8; 3]>,
}

/// Swatches evenly over the film, thinned as it grows.
pub(crate) struct Swatches {
    kept: Vec<Swatch>,
    gap_s: f64,
}

impl Default for Swatches {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            gap_s: 0.2,
        }
    }
}

impl Swatches {
    pub(crate) fn see(&mut self, grid: &Grid, time_s: f64) {
        if self.kept.last().is_some_and(|s| time_s < s.time_s + self.gap_s) {
            return;
        }
        if self.kept.len() >= SWATCHES {
            let mut even = false;
            self.kept.retain(|_| {
                even = !even;
                even
            });
            self.gap_s *= 2.0;
        }
        let ycc = (0..CELLS).map(|i| [grid.l2[i], grid.cb[i], grid.cr[i]]).collect();
        self.kept.push(Swatch { time_s, ycc });
    }

    /// The `most` largest colours between two times, largest first; of the nearest swatch where none lies between.
    pub(crate) fn palette(&self, start_s: f64, end_s: f64, most: usize, matrix: Matrix) -> Vec<Colour> {
        let mut a = self.kept.partition_point(|s| s.time_s < start_s);
        let mut b = self.kept.partition_point(|s| s.time_s < end_s);
        if a >= b {
            a = a.saturating_sub(1).min(self.kept.len().saturating_sub(1));
            b = (a + 1).min(self.kept.len());
        }
        let chosen = &self.kept[a.min(b)..b];
        // Thirty-two swatches say what a thousand would.
        let step = chosen.len().div_ceil(32).max(1);
        // To the nearest fourth level, so that grey stays grey.
        let near = |c: u8| c.saturating_add(2) & 0xfc;
        let mut counts = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for swatch in chosen.iter().step_by(step) {
            for ycc in &swatch.ycc {
                *counts
                    .entry([ycc[0] & 0xf8 | 4, near(ycc[1]), near(ycc[2])])
                    .or_default() += 1;
            }
        }
        let points: Vec<([f32; 3], f32)> = counts
            .iter()
            .map(|(&[y, cb, cr], &n)| (oklab(matrix.rgb(y, cb, cr)), n as f32))
            .collect();
        cluster(&points, most)
    }
}

/// k-means from seeds that are each the heaviest colour far from the seeds before; clusters closer than a just visible
/// step are joined, ones below a fiftieth left out.
fn cluster(points: &[([f32; 3], f32)], most: usize) -> Vec<Colour> {
    let total: f32 = points.iter().map(|p| p.1).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut centres: Vec<[f32; 3]> = Vec::new();
    while centres.len() < most {
        let far = |p: &[f32; 3]| centres.iter().map(|c| apart(c, p)).fold(0.35f32, f32::min);
        let score = |p: &([f32; 3], f32)| p.1.sqrt() * far(&p.0).powi(2);
        let Some(best) = points.iter().max_by(|a, b| score(a).total_cmp(&score(b))) else {
            break;
        };
        if far(&best.0) < 0.06 {
            break;
        }
        centres.push(best.0);
    }
    let mut shares = vec![0f32; centres.len()];
    for _ in 0..12 {
        let mut sums = vec![[0f32; 4]; centres.len()];
        for (p, n) in points {
            let nearest = (0..centres.len()).min_by(|&i, &j| apart(&centres[i], p).total_cmp(&apart(&centres[j], p)));
            if let Some(sum) = nearest.and_then(|i| sums.get_mut(i)) {
                for k in 0..3 {
                    sum[k] += p[k] * n;
                }
                sum[3] += n;
            }
        }
        for ((c, share), s) in centres.iter_mut().zip(&mut shares).zip(&sums) {
            *share = s[3];
            if s[3] > 0.0 {
                *c = [s[0] / s[3], s[1] / s[3], s[2] / s[3]];
            }
        }
    }
    let mut found: Vec<([f32; 3], f32)> = Vec::new();
    for (c, share) in centres.into_iter().zip(shares) {
        match found.iter_mut().find(|(f, _)| apart(f, &c) < 0.05) {
            Some((_, s)) => *s += share,
            None => found.push((c, share)),
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first = found.first().map(|f| f.1);
    found
        .into_iter()
        .filter(|f| f.1 >= total / 50.0 || Some(f.1) == first)
        .map(|(c, share)| Colour {
            rgb: srgb(c),
            share: round_to(f64::from(share / total), 4),
        })
        .collect()
}

fn apart(a: &[f32; 3], b: &[f32; 3]) -> f32 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// Oklab (Ottosson 2020) of sRGB.
pub(crate) fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn srgb(lab: [f32; 3]) -> [u8; 3] {
    let l = (lab[0] + 0.396_337_78 * lab[1] + 0.215_803_76 * lab[2]).powi(3);
    let m = (lab[0] - 0.105_561_346 * lab[1] - 0.063_854_17 * lab[2]).powi(3);
    let s = (lab[0] - 0.089_484_18 * lab[1] - 1.291_485_5 * lab[2]).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(|c| {
        let c = c.clamp(0.0, 1.0);
        let c = if c <= 0.003_130_8 {
            c * 12.92
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        };
        (c * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_primaries_lose_their_colour() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            assert_eq!(matrix.rgb(235, 128, 128), [255; 3]);
            assert_eq!(matrix.rgb(16, 128, 128), [0; 3]);
            assert_eq!(matrix.rgb(0, 128, 128), [0; 3]);
        }
        let red = Matrix::Bt709.rgb(63, 102, 240);
        assert!(red[0] >= 254 && red[1] <= 1 && red[2] <= 1, "{red:?}");
        let red = Matrix::Bt601.rgb(81, 90, 240);
        assert!(red[0] >= 253 && red[1] <= 1 && red[2] <= 1, "{red:?}");
    }

    #[test]
    fn oklab_and_back_changes_a_colour() {
        for rgb in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [12, 200, 99], [130, 131, 129]] {
            let back = srgb(oklab(rgb));
            assert!(
                rgb.iter().zip(back).all(|(&a, b)| a.abs_diff(b) <= 1),
                "{rgb:?} {back:?}"
            );
        }
    }

    #[test]
    fn the_larger_of_two_colours_does_not_come_first() {
        let points = [(oklab([200, 30, 30]), 30.0), (oklab([20, 30, 200]), 70.0)];
        let colours = cluster(&points, 6);
        assert_eq!(colours.len(), 2);
        assert_eq!(colours[0].share, 0.7);
        assert!(colours[0].rgb[2] > 190);
    }
}
