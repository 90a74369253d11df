//! Pictures as the models want them: resized to the bit as Pillow does, then scaled and turned into planes.

use rayon::prelude::*;

/// An 8-bit sRGB picture, row by row, three bytes a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// How a picture is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Two samples wide.
    Bilinear,
    /// Four samples wide, a = −0.5.
    Bicubic,
    /// Six samples wide.
    Lanczos,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => {
                const A: f64 = -0.5;
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos => {
                let sinc = |x: f64| {
                    if x == 0.0 {
                        1.0
                    } else {
                        let x = x * std::f64::consts::PI;
                        x.sin() / x
                    }
                };
                if x < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            }
        }
    }
}

/// Bits behind the point of Pillow's integer weights.
const PRECISION: u32 = 32 - 8 - 2;

/// For each output sample: the first input sample, and the weights from there on.
type Taps = Vec<(usize, Vec<i32>)>;

fn taps(from: usize, to: usize, filter: Filter) -> Taps {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let inverse = 1.0 / stretch;
    (0..to)
        .map(|out| {
            let centre = (out as f64 + 0.5) * scale;
            let first = ((centre - support + 0.5) as i64).max(0) as usize;
            let end = ((centre + support + 0.5) as i64).clamp(0, from as i64) as usize;
            let mut weights: Vec<f64> = (first..end)
                .map(|x| filter.weight((x as f64 - centre + 0.5) * inverse))
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|w| *w /= sum);
            }
            let fixed = weights
                .iter()
                .map(|w| {
                    let x = w * f64::from(1u32 << PRECISION);
                    (if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i32
                })
                .collect();
            (first, fixed)
        })
        .collect()
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

impl Picture {
    /// A picture of `width` × `height`; `None` where `rgb` has not three bytes for each pixel or there is none.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let fits = width.checked_mul(height).and_then(|n| n.checked_mul(3)) == Some(rgb.len());
        (fits && !rgb.is_empty()).then_some(Self { width, height, rgb })
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Resized across, then down: the bytes of `PIL.Image.resize` (Pillow 13 goes down first where the shape changes a lot, which no
    /// model here asks for).
    #[must_use]
    pub fn resized(&self, width: usize, height: usize, filter: Filter) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let across = if width == self.width {
            self.rgb.clone()
        } else {
            let taps = taps(self.width, width, filter);
            let mut out = vec![0; width * self.height * 3];
            out.par_chunks_mut(width * 3)
                .zip(self.rgb.par_chunks(self.width * 3))
                .for_each(|(out, row)| {
                    for (pixel, (first, weights)) in out.chunks_exact_mut(3).zip(&taps) {
                        let mut sums = [1i32 << (PRECISION - 1); 3];
                        for (source, weight) in row[first * 3..].chunks_exact(3).zip(weights) {
                            for c in 0..3 {
                                sums[c] += i32::from(source[c]) * weight;
                            }
                        }
                        pixel.copy_from_slice(&sums.map(clip));
                    }
                });
            out
        };
        let rgb = if height == self.height {
            across
        } else {
            let taps = taps(self.height, height, filter);
            let stride = width * 3;
            let mut out = vec![0; stride * height];
            out.par_chunks_mut(stride)
                .zip(&taps)
                .for_each(|(out, (first, weights))| {
                    let mut sums = vec![1i32 << (PRECISION - 1); stride];
                    for (row, weight) in across[first * stride..].chunks_exact(stride).zip(weights) {
                        for (sum, x) in sums.iter_mut().zip(row) {
                            *sum += i32::from(*x) * weight;
                        }
                    }
                    for (to, sum) in out.iter_mut().zip(&sums) {
                        *to = clip(*sum);
                    }
                });
            out
        };
        Self { width, height, rgb }
    }

    /// The shorter side becomes `side`, the longer ⌊side · longer / shorter⌋, as torchvision's `Resize(side)` does.
    #[must_use]
    pub fn shorter_side(&self, side: usize, filter: Filter) -> Self {
        let (w, h) = (self.width, self.height);
        if w <= h {
            self.resized(side, side * h / w, filter)
        } else {
            self.resized(side * w / h, side, filter)
        }
    }

    /// The middle `side` × `side`, cut as transformers' image processors do; the picture must be as large as that.
    #[must_use]
    pub fn centre(&self, side: usize) -> Self {
        let (w, h) = (side.min(self.width), side.min(self.height));
        let (left, top) = ((self.width - w) / 2, (self.height - h) / 2);
        let rgb = (top..top + h)
            .flat_map(|y| self.rgb[(y * self.width + left) * 3..][..w * 3].iter().copied())
            .collect();
        Self {
            width: w,
            height: h,
            rgb,
        }
    }

    /// Shrunk or grown to fit `side` × `side` with its shape kept, grey (114) around it; with the scale, and what was added left
    /// and above.
    pub fn letterboxed(&self, side: usize) -> (Self, Letterbox) {
        let scale = (side as f64 / self.width as f64).min(side as f64 / self.height as f64);
        let (w, h) = (
            ((self.width as f64 * scale) as usize).max(1),
            ((self.height as f64 * scale) as usize).max(1),
        );
        let inner = self.resized(w, h, Filter::Lanczos);
        let (left, top) = ((side - w) / 2, (side - h) / 2);
        let mut rgb = vec![114; side * side * 3];
        for (y, row) in inner.rgb.chunks_exact(w * 3).enumerate() {
            rgb[((top + y) * side + left) * 3..][..w * 3].copy_from_slice(row);
        }
        let boxed = Self {
            width: side,
            height: side,
            rgb,
        };
        (boxed, Letterbox { scale, left, top })
    }

    /// Three planes of (x / 255 − mean) / deviation.
    pub fn planes(&self, mean: [f32; 3], deviation: [f32; 3]) -> Vec<f32> {
        let n = self.width * self.height;
        let mut out = vec![0.0; 3 * n];
        for (c, plane) in out.chunks_exact_mut(n).enumerate() {
            for (to, pixel) in plane.iter_mut().zip(self.rgb.chunks_exact(3)) {
                *to = (f32::from(pixel[c]) / 255.0 - mean[c]) / deviation[c];
            }
        }
        out
    }
}

/// How a picture was fitted into a square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Its size in the square over its own.
    pub scale: f64,
    /// Pixels added on the left.
    pub left: usize,
    /// Pixels added above.
    pub top: usize,
}

/// Means of ImageNet's channels, 0 to 1.
pub(crate) const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their deviations.
pub(crate) const IMAGENET_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
