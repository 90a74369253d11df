//! Small pictures in true colours for a filmstrip.

use synchresis_cue::Frame;

use super::palette::Matrix;

/// Widest thumbnail, pixels.
const WIDTH: usize = 160;
/// Highest, for very tall frames.
const HEIGHT: usize = 320;

/// A small picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumbnail {
    /// When it is shown, seconds on the film's timeline.
    pub time_s: f64,
    /// Pixels, 1 to 160.
    pub width: usize,
    /// Pixels, 1 to 320.
    pub height: usize,
    /// `height` rows of `width` pixels of red, green and blue.
    pub rgb: Vec<u8>,
}

/// Keeps at least `keep` pictures (if there are that many frames) and at most twice as many, thinned as the film grows.
pub(crate) struct Strip {
    keep: usize,
    kept: Vec<Thumbnail>,
    gap_s: f64,
}

impl Strip {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            kept: Vec::new(),
            gap_s: 0.0,
        }
    }

    pub(crate) fn see(&mut self, frame: &Frame<'_>, time_s: f64, matrix: Matrix) {
        if self.kept.last().is_some_and(|t| time_s < t.time_s + self.gap_s) {
            return;
        }
        if self.kept.len() >= 2 * self.keep {
            let span = time_s - self.kept[0].time_s;
            self.gap_s = span / self.keep as f64;
            let (gap, mut next) = (self.gap_s, f64::NEG_INFINITY);
            self.kept.retain(|t| {
                let stays = t.time_s >= next;
                if stays {
                    next = t.time_s + gap;
                }
                stays
            });
            // Frames that all stand at one time have no gap to be thinned by.
            if self.kept.len() >= 2 * self.keep || time_s < next {
                return;
            }
        }
        self.kept.push(small(frame, time_s, matrix));
    }

    /// At most `keep` of them, the first and the last among them.
    pub(crate) fn evenly(&self) -> Vec<Thumbnail> {
        let n = self.kept.len();
        if n <= self.keep {
            return self.kept.clone();
        }
        (0..self.keep)
            .map(|i| self.kept[i * (n - 1) / (self.keep - 1).max(1)].clone())
            .collect()
    }

    pub(crate) fn near(&self, time_s: f64) -> Option<&Thumbnail> {
        self.kept
            .iter()
            .min_by(|a, b| (a.time_s - time_s).abs().total_cmp(&(b.time_s - time_s).abs()))
    }
}

/// Bilinear on luma, the nearest chroma.
fn small(frame: &Frame<'_>, time_s: f64, matrix: Matrix) -> Thumbnail {
    let width = frame.width.min(WIDTH);
    let height = ((frame.height * width + frame.width / 2) / frame.width).clamp(1, HEIGHT.min(frame.height));
    let (cw, ch) = (frame.width.div_ceil(2), frame.height.div_ceil(2));
    let mut rgb = Vec::with_capacity(width * height * 3);
    // Neighbours and the way between them in 1/256: enough for the usual 256 to 160.
    let at = |i: usize, n: usize, of: usize| {
        let p = (((2 * i + 1) * of * 128) / n).saturating_sub(128);
        let whole = (p / 256).min(of - 1);
        (whole, (whole + 1).min(of - 1), (p % 256) as u32)
    };
    let columns: Vec<(usize, usize, u32, usize)> = (0..width)
        .map(|x| {
            let (left, right, fx) = at(x, width, frame.width);
            (left, right, fx, x * cw / width)
        })
        .collect();
    for y in 0..height {
        let (top, bottom, fy) = at(y, height, frame.height);
        let row = |y: usize| &frame.y[y * frame.width..(y + 1) * frame.width];
        let (above, below) = (row(top), row(bottom));
        let c = y * ch / height * cw;
        let (cb, cr) = (&frame.cb[c..c + cw], &frame.cr[c..c + cw]);
        for &(left, right, fx, cx) in &columns {
            let mix = |row: &[u8]| u32::from(row[left]) * (256 - fx) + u32::from(row[right]) * fx;
            let luma = ((mix(above) * (256 - fy) + mix(below) * fy + (1 << 15)) >> 16) as u8;
            rgb.extend_from_slice(&matrix.rgb(luma, cb[cx], cr[cx]));
        }
    }
    Thumbnail {
        time_s,
        width,
        height,
        rgb,
    }
}
