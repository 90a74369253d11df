//! What the heads say becoming boxes.

use crate::image::Letterbox;
use crate::runtime::Tensor;

/// Pixels a cell, of the three heads.
const STRIDES: [usize; 3] = [8, 16, 32];

/// A box and what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Number of the class.
    pub class: usize,
    /// 0 to 1.
    pub confidence: f32,
    /// Left, top, right, bottom in pixels of the picture.
    pub corners: [f32; 4],
}

/// What is kept of what the heads say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// Least confidence.
    pub confidence: f32,
    /// Overlap (intersection over union) above which the weaker of two boxes of a class goes.
    pub overlap: f32,
    /// Most boxes.
    pub most: usize,
}

impl Default for Keep {
    /// The seed system's confidence, the reference's overlap and count.
    fn default() -> Self {
        Self {
            confidence: 0.25,
            overlap: 0.5,
            most: 300,
        }
    }
}

/// What the heads found, in pixels of the picture that was fitted into the square: suppression happens there, as in the reference.
pub(crate) fn boxes(heads: &[Tensor], letterbox: &Letterbox, keep: &Keep) -> Vec<Detection> {
    let mut found = decode(heads, keep.confidence);
    let scale = letterbox.scale as f32;
    let margins = [letterbox.left as f32, letterbox.top as f32];
    for detection in &mut found {
        for (i, x) in detection.corners.iter_mut().enumerate() {
            *x = (*x - margins[i % 2]) / scale;
        }
    }
    suppress(found, keep)
}

/// Boxes in pixels of the square, of every class and cell above `confidence`, in the reference's order.
fn decode(heads: &[Tensor], confidence: f32) -> Vec<Detection> {
    let mut found = Vec::new();
    for (pair, stride) in heads.chunks_exact(2).zip(STRIDES) {
        let (class, sides) = (&pair[0], &pair[1]);
        let [_, classes, height, width] = class.shape[..] else {
            continue;
        };
        let cells = height * width;
        for cell in 0..cells {
            for c in 0..classes {
                let sure = 1.0 / (1.0 + (-class.data[c * cells + cell]).exp());
                if sure <= confidence {
                    continue;
                }
                let centre = |n: usize| (n * stride + stride / 2) as f32;
                let (x, y) = (centre(cell % width), centre(cell / width));
                let side = |n: usize| sides.data[n * cells + cell] * stride as f32;
                found.push(Detection {
                    class: c,
                    confidence: sure,
                    corners: [x - side(0), y - side(1), x + side(2), y + side(3)],
                });
            }
        }
    }
    found
}

/// Of boxes of one class that overlap, the surest stays.
fn suppress(mut found: Vec<Detection>, keep: &Keep) -> Vec<Detection> {
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<Detection> = Vec::new();
    for detection in found {
        if kept.len() == keep.most {
            break;
        }
        let clear = kept
            .iter()
            .filter(|k| k.class == detection.class)
            .all(|k| overlap(&k.corners, &detection.corners) <= keep.overlap);
        if clear {
            kept.push(detection);
        }
    }
    kept
}

/// Intersection over union.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |c: &[f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    shared / (area(a) + area(b) - shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weaker_box_over_a_surer_one_of_its_class_stays() {
        let at = |class, confidence, x: f32| Detection {
            class,
            confidence,
            corners: [x, 0.0, x + 10.0, 10.0],
        };
        let found = vec![at(1, 0.5, 0.0), at(1, 0.9, 1.0), at(2, 0.4, 0.0), at(1, 0.6, 30.0)];
        let kept = suppress(found, &Keep::default());
        let confidences: Vec<f32> = kept.iter().map(|k| k.confidence).collect();
        assert_eq!(confidences, [0.9, 0.6, 0.4]);
    }
}
