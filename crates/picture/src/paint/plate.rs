//! Plates: the part of an artwork that a shot shows, resampled once for the film's size, in graded linear light.

use fast_image_resize as fir;
use fir::images::TypedImage;
use fir::pixels::U16x4;

use crate::PictureError;

use super::artwork::Artwork;
use super::tone::decode_table;

/// Pixels of a plate for each pixel of the film at zoom 1. The plate holds nothing finer than the film can show, so
/// with the denser grid two-point sampling stays sharp and a slow zoom does not shimmer.
const DENSITY: f64 = 1.4;
/// The same for large films, where the eye is farther from a pixel and memory matters.
const DENSITY_LARGE: f64 = 1.0;
/// How far a plate goes on beyond each edge of its crop, as a share of the frame: room for drift and warps.
pub(crate) const BLEED: f64 = 0.09;
/// Cells of the blurred plate are this many film pixels wide.
const SOFT_CELL: f64 = 12.0;

/// What of which artwork, for which frame size, in which grade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PlateKey {
    pub(crate) artwork: usize,
    pub(crate) crop: [f64; 4],
    pub(crate) mirrored: bool,
}

/// Colour changes that are baked into a plate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dye {
    pub(crate) warmth: f32,
    pub(crate) saturation: f32,
}

/// A resampled picture.
pub(crate) struct Plate {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Linear red, green, blue (white is 1) and luminance, row by row.
    pub(crate) texels: Vec<[f32; 4]>,
    /// Plate pixels per film pixel.
    pub(crate) density: f32,
    /// The blurred picture, `soft_width` by `soft_height`, brighter parts only: what glows.
    pub(crate) glow: Vec<[f32; 3]>,
    pub(crate) soft_width: usize,
    pub(crate) soft_height: usize,
    /// Mean luminance.
    pub(crate) light: f32,
}

impl Plate {
    /// Resamples `key`'s crop of `art` for a film of `width` by `height` pixels.
    ///
    /// # Errors
    /// [`PictureError::Paint`] if the sizes are more than memory can address.
    pub(crate) fn new(
        art: &Artwork,
        key: PlateKey,
        dye: Dye,
        width: usize,
        height: usize,
    ) -> Result<Self, PictureError> {
        let density = if width * height > 2_500_000 {
            DENSITY_LARGE
        } else {
            DENSITY
        };
        let (aw, ah) = (f64::from(art.width()), f64::from(art.height()));
        let [left, top, right, bottom] = sane(key.crop);
        // Artwork pixels under the frame, then under the whole plate.
        let (cx, cy) = (left * aw, top * ah);
        let (cw, ch) = (((right - left) * aw).max(1e-3), ((bottom - top) * ah).max(1e-3));
        let pw = ((width as f64) * density * (1.0 + 2.0 * BLEED)).ceil() as usize + 2;
        let ph = ((height as f64) * density * (1.0 + 2.0 * BLEED)).ceil() as usize + 2;
        let across = Span::new(cx, cw, aw, pw, width as f64 * density);
        let down = Span::new(cy, ch, ah, ph, height as f64 * density);
        let source = cut(art, &across, &down);
        let mut inner = TypedImage::<U16x4>::new(across.len as u32, down.len as u32);
        let shrinks = across.scale < 1.0 && down.scale < 1.0;
        let filter = if shrinks {
            fir::FilterType::Lanczos3
        } else {
            fir::FilterType::CatmullRom
        };
        let (sx, sw) = across.off_the_grid();
        let (sy, sh) = down.off_the_grid();
        let options = fir::ResizeOptions::new()
            .resize_alg(fir::ResizeAlg::Convolution(filter))
            .crop(sx, sy, sw, sh);
        fir::Resizer::new()
            .resize_typed(&source, &mut inner, &options)
            .map_err(|e| PictureError::Paint {
                doing: "resampling an artwork",
                why: e.to_string(),
            })?;
        let inner = inner.pixels();
        let matrix = matrix(dye);
        let columns: Vec<usize> = (0..pw)
            .map(|x| across.mirror(if key.mirrored { pw - 1 - x } else { x }))
            .collect();
        let mut texels = Vec::with_capacity(pw * ph);
        for y in 0..ph {
            let row = &inner[down.mirror(y) * across.len..][..across.len];
            texels.extend(columns.iter().map(|x| dyed(row[*x].0, &matrix)));
        }
        let mut plate = Self {
            width: pw,
            height: ph,
            texels,
            density: density as f32,
            glow: Vec::new(),
            soft_width: 0,
            soft_height: 0,
            light: 0.0,
        };
        plate.soften();
        Ok(plate)
    }

    /// Memory that it holds, bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.texels.len() * 16 + self.glow.len() * 12
    }

    /// What glows at a place of the plate, in plate pixels.
    pub(crate) fn glow_at(&self, u: f32, v: f32) -> [f32; 3] {
        let cell = SOFT_CELL as f32 * self.density;
        let x = (u / cell - 0.5).min((self.soft_width - 1) as f32 - 1e-3).max(0.0);
        let y = (v / cell - 0.5).min((self.soft_height - 1) as f32 - 1e-3).max(0.0);
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        let at = |dx: usize, dy: usize| {
            self.glow[(iy + dy).min(self.soft_height - 1) * self.soft_width + (ix + dx).min(self.soft_width - 1)]
        };
        let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        std::array::from_fn(|k| {
            let top = a[k] + (b[k] - a[k]) * fx;
            let bottom = c[k] + (d[k] - c[k]) * fx;
            top + (bottom - top) * fy
        })
    }

    /// Mean luminance over cells of a grid of `columns` by `rows` laid over the frame (not the bleed).
    pub(crate) fn luminance(&self, columns: usize, rows: usize) -> Vec<f32> {
        let edge = |n: usize| n as f64 * BLEED / (1.0 + 2.0 * BLEED);
        let (ex, ey) = (edge(self.width), edge(self.height));
        let (fw, fh) = (self.width as f64 - 2.0 * ex, self.height as f64 - 2.0 * ey);
        let range = |e: f64, f: f64, c: usize, n: usize, whole: usize| {
            let a = (e + f * c as f64 / n as f64) as usize;
            let b = (e + f * (c + 1) as f64 / n as f64) as usize;
            (a.min(whole - 1), b.clamp(a.min(whole - 1) + 1, whole))
        };
        let mut out = Vec::with_capacity(columns * rows);
        for r in 0..rows {
            let (y0, y1) = range(ey, fh, r, rows, self.height);
            for c in 0..columns {
                let (x0, x1) = range(ex, fw, c, columns, self.width);
                let (mut sum, mut n) = (0f32, 0f32);
                for y in (y0..y1).step_by(2) {
                    for x in (x0..x1).step_by(2) {
                        sum += self.texels[y * self.width + x][3];
                        n += 1.0;
                    }
                }
                out.push(sum / n.max(1.0));
            }
        }
        out
    }

    fn soften(&mut self) {
        let cell = SOFT_CELL * f64::from(self.density);
        let (w, h) = (
            ((self.width as f64 / cell).ceil() as usize).max(1),
            ((self.height as f64 / cell).ceil() as usize).max(1),
        );
        let mut soft = vec![[0f32; 3]; w * h];
        let mut light = 0f64;
        for y in 0..h {
            for x in 0..w {
                let range = |i: usize, n: usize| {
                    let a = ((i as f64 * cell) as usize).min(n - 1);
                    (a, (((i + 1) as f64 * cell) as usize).clamp(a + 1, n))
                };
                let ((x0, x1), (y0, y1)) = (range(x, self.width), range(y, self.height));
                let (mut sum, mut n) = ([0f32; 4], 0f32);
                for row in self.texels[y0 * self.width..y1 * self.width].chunks_exact(self.width) {
                    for t in row[x0..x1].iter().step_by(2) {
                        for c in 0..4 {
                            sum[c] += t[c];
                        }
                        n += 1.0;
                    }
                }
                let mean = sum.map(|s| s / n.max(1.0));
                light += f64::from(mean[3]);
                // What is brighter than a middle tone glows, in its own colour.
                let bright = ((mean[3] - 0.10) / 0.5).clamp(0.0, 1.0);
                soft[y * w + x] = [mean[0] * bright, mean[1] * bright, mean[2] * bright];
            }
        }
        self.light = (light / (w * h) as f64) as f32;
        for _ in 0..3 {
            soft = blur(&soft, w, h, 2);
        }
        self.glow = soft;
        self.soft_width = w;
        self.soft_height = h;
    }
}

/// A crop that lies within the picture and has an area, whatever a person wrote.
fn sane(crop: [f64; 4]) -> [f64; 4] {
    let [a, b, c, d] = crop.map(|v| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.0 });
    let (l, r) = if c > a { (a, c) } else { (0.0, 1.0) };
    let (t, e) = if d > b { (b, d) } else { (0.0, 1.0) };
    [l, t, r, e]
}

/// One axis of the way from artwork to plate.
struct Span {
    /// Plate pixels per artwork pixel.
    scale: f64,
    /// First plate pixel that the artwork itself covers, and how many it covers.
    at: usize,
    len: usize,
    /// The same in artwork pixels.
    source_at: f64,
    source_len: f64,
    /// First artwork pixel that is needed, and how many.
    first: usize,
    count: usize,
}

impl Span {
    fn new(crop_at: f64, crop_len: f64, whole: f64, plate: usize, frame: f64) -> Self {
        let scale = frame / crop_len;
        // Where the plate begins, in artwork pixels.
        let begin = crop_at + crop_len / 2.0 - plate as f64 / 2.0 / scale;
        let at = ((0.0 - begin) * scale).ceil().clamp(0.0, plate as f64 - 1.0) as usize;
        let end = ((whole - begin) * scale).floor().clamp(at as f64 + 1.0, plate as f64) as usize;
        let source_at = (begin + at as f64 / scale).clamp(0.0, whole - 1e-6);
        let source_len = ((end - at) as f64 / scale).min(whole - source_at).max(1e-6);
        // The filter looks three pixels of the coarser grid beyond the edge.
        let reach = 3.0 * (1.0 / scale).max(1.0) + 1.0;
        let first = (source_at - reach).floor().max(0.0) as usize;
        let last = ((source_at + source_len + reach).ceil() as usize).min(whole as usize);
        Self {
            scale,
            at,
            len: end - at,
            source_at,
            source_len,
            first,
            count: last.max(first + 1) - first,
        }
    }

    /// Where what is covered begins among the pixels that are needed, and how long it is. Where its first or last sample stood on a pixel it is
    /// a millionth shorter: fast_image_resize 6.1 leaves out neighbours that weigh nothing there, and then counts its rows from that one.
    fn off_the_grid(&self) -> (f64, f64) {
        const NEAR: f64 = 1e-6;
        let (at, step) = (self.source_at - self.first as f64, self.source_len / self.len as f64);
        let ends = [at + 0.5 * step - 0.5, at + self.source_len - 0.5 * step - 0.5];
        if ends.iter().all(|end| (end - end.round()).abs() > NEAR / 10.0) {
            return (at, self.source_len);
        }
        let less = NEAR.min(self.source_len / 8.0);
        (at + less, self.source_len - 2.0 * less)
    }

    /// The pixel of the covered part that stands at `x`: beyond its ends the picture is mirrored.
    fn mirror(&self, x: usize) -> usize {
        let n = self.len as isize;
        let i = (x as isize - self.at as isize).rem_euclid(2 * n);
        (if i < n { i } else { 2 * n - 1 - i }) as usize
    }
}

fn cut(art: &Artwork, across: &Span, down: &Span) -> TypedImage<'static, U16x4> {
    let table = decode_table();
    let stride = art.width() as usize * 3;
    let mut out = TypedImage::<U16x4>::new(across.count as u32, down.count as u32);
    for (row, y) in out.pixels_mut().chunks_exact_mut(across.count).zip(down.first..) {
        let from = &art.rgb()[y * stride + across.first * 3..][..across.count * 3];
        for (to, p) in row.iter_mut().zip(from.chunks_exact(3)) {
            to.0 = [
                table[usize::from(p[0])],
                table[usize::from(p[1])],
                table[usize::from(p[2])],
                u16::MAX,
            ];
        }
    }
    out
}

/// Rec. 709 luminance weights.
pub(crate) const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];

fn matrix(dye: Dye) -> [[f32; 3]; 3] {
    let s = dye.saturation;
    // Warmth trades blue for red at equal luminance.
    let (r, b) = (1.0 + 0.16 * dye.warmth, 1.0 - 0.22 * dye.warmth);
    let keep = 1.0 / (LUMINANCE[0] * r + LUMINANCE[1] + LUMINANCE[2] * b);
    let gain = [r * keep, keep, b * keep];
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let own = if row == column { s } else { 0.0 };
            (own + (1.0 - s) * LUMINANCE[column]) * gain[row]
        })
    })
}

fn dyed(p: [u16; 4], m: &[[f32; 3]; 3]) -> [f32; 4] {
    let [r, g, b, _] = p.map(|v| f32::from(v) * (1.0 / 65535.0));
    let [r, g, b] = [0, 1, 2].map(|i| (m[i][0] * r + m[i][1] * g + m[i][2] * b).clamp(0.0, 1.0));
    [r, g, b, LUMINANCE[0] * r + LUMINANCE[1] * g + LUMINANCE[2] * b]
}

fn blur(cells: &[[f32; 3]], w: usize, h: usize, radius: isize) -> Vec<[f32; 3]> {
    let n = (2 * radius + 1) as f32;
    let pass = |from: &[[f32; 3]], across: bool| -> Vec<[f32; 3]> {
        let mut to = vec![[0f32; 3]; w * h];
        for y in 0..h {
            for x in 0..w {
                let mut sum = [0f32; 3];
                for d in -radius..=radius {
                    let (sx, sy) = if across {
                        ((x as isize + d).clamp(0, w as isize - 1) as usize, y)
                    } else {
                        (x, (y as isize + d).clamp(0, h as isize - 1) as usize)
                    };
                    for c in 0..3 {
                        sum[c] += from[sy * w + sx][c];
                    }
                }
                to[y * w + x] = sum.map(|s| s / n);
            }
        }
        to
    };
    pass(&pass(cells, true), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Dye = Dye {
        warmth: 0.0,
        saturation: 1.0,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_plate_of_an_odd_artwork_is_not_whole(
            aw in 1u32..90, ah in 1u32..90, l in 0.0f64..1.0, t in 0.0f64..1.0, r in 0.0f64..1.0, b in 0.0f64..1.0,
            w in 1usize..40, h in 1usize..40, mirrored: bool,
        ) {
            let rgb = (0..aw * ah * 3).map(|i| (i * 37 % 251) as u8).collect();
            let art = Artwork::from_rgb8("art", aw, ah, rgb).expect("fits");
            let plate = Plate::new(&art, PlateKey { artwork: 0, crop: [l, t, r, b], mirrored }, PLAIN, w, h)
                .expect("plate");
            prop_assert_eq!(plate.texels.len(), plate.width * plate.height);
            prop_assert!(plate.texels.iter().flatten().all(|v| (0.0..=1.0001).contains(v)));
        }
    }

    #[test]
    fn a_plain_colour_changes_on_its_way_onto_a_plate() {
        let art = Artwork::from_rgb8("art", 30, 20, [200, 100, 50].repeat(600)).expect("fits");
        let key = PlateKey {
            artwork: 0,
            crop: [0.1, 0.1, 0.9, 0.9],
            mirrored: false,
        };
        let plate = Plate::new(&art, key, PLAIN, 64, 48).expect("plate");
        let want = [200, 100, 50].map(|v: usize| f32::from(decode_table()[v]) / 65535.0);
        assert!(
            plate
                .texels
                .iter()
                .all(|t| (0..3).all(|c| (t[c] - want[c]).abs() < 2e-4))
        );
        let grey = Plate::new(
            &art,
            key,
            Dye {
                warmth: 0.0,
                saturation: 0.0,
            },
            64,
            48,
        )
        .expect("plate");
        assert!((grey.texels[99][0] - grey.texels[99][2]).abs() < 1e-5);
        assert!((grey.light - plate.light).abs() < 1e-3);
    }
}
