//! The slow move over a picture, sampled between the pixels so that nothing jitters.
//!
//! The view is a window that shrinks and wanders over a picture held somewhat larger than the film. Since it keeps its
//! aspect and never turns, resampling is separable: columns first, then rows, with Catmull-Rom weights (Catmull & Rom, "A
//! class of local interpolating splines", 1974) in 14-bit fixed point.

/// How much larger the held picture is than the film, and how far the view closes in.
const ZOOM: f64 = 1.125;
/// How far the middle of the view wanders, as a share of the room it gains.
const WANDER: f64 = 0.6;
const UNIT: f64 = 16_384.0;

/// A picture, 8-bit 4:2:0.
#[derive(Debug)]
pub(crate) struct Planes<'a> {
    planes: [Plane<'a>; 3],
}

#[derive(Debug)]
struct Plane<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

impl<'a> Planes<'a> {
    /// Of a raw 4:2:0 picture with even sides; nothing if the bytes are too few.
    pub(crate) fn split(bytes: &'a [u8], width: usize, height: usize) -> Option<Self> {
        let (y, chroma) = bytes.split_at_checked(width * height)?;
        let (cb, cr) = chroma.split_at_checked(width * height / 4)?;
        let cr = cr.get(..width * height / 4)?;
        let plane = |pixels, shift: usize| Plane {
            width: width >> shift,
            height: height >> shift,
            pixels,
        };
        Some(Self {
            planes: [plane(y, 0), plane(cb, 1), plane(cr, 1)],
        })
    }
}

/// One move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drift {
    width: usize,
    height: usize,
    frames: u64,
}

/// For one output position: the first of four input positions, and their weights.
type Taps = (usize, [i32; 4]);

impl Drift {
    /// A move of `frames` frames at `width` × `height`, both even.
    pub(crate) fn new(width: usize, height: usize, frames: u64) -> Self {
        Self { width, height, frames }
    }

    /// The size in which the picture is to be held.
    pub(crate) fn source_size(&self) -> (usize, usize) {
        let even = |side: usize| ((side as f64 * ZOOM / 2.0).round() as usize * 2).max(side);
        (even(self.width), even(self.height))
    }

    /// Left, top and size of the view on frame `n`, as shares of the whole picture.
    fn view(&self, n: u64) -> (f64, f64, f64) {
        let t = if self.frames > 1 {
            n as f64 / (self.frames - 1) as f64
        } else {
            0.0
        };
        // Steady, with a soft beginning and end.
        let t = t - (std::f64::consts::TAU * t).sin() / std::f64::consts::TAU * 0.5;
        let size = 1.0 - (1.0 - 1.0 / ZOOM) * t;
        let room = 1.0 - size;
        (room * 0.5 * (1.0 + WANDER), room * 0.5 * (1.0 - WANDER / 2.0), size)
    }

    /// Renders frame `n` into `out`, replacing what it held.
    pub(crate) fn frame(&self, picture: &Planes<'_>, n: u64, out: &mut Vec<u8>) {
        let (left, top, size) = self.view(n);
        out.clear();
        for (i, plane) in picture.planes.iter().enumerate() {
            let shift = usize::from(i > 0);
            let columns = taps(self.width >> shift, plane.width, left, size);
            let rows = taps(self.height >> shift, plane.height, top, size);
            resample(plane, &columns, &rows, out);
        }
    }
}

/// Taps for `count` output positions over a window of `input` positions that begins at the share `from`.
fn taps(count: usize, input: usize, from: f64, size: f64) -> Vec<Taps> {
    let step = size * input as f64 / count as f64;
    let last = input.saturating_sub(4);
    (0..count)
        .map(|i| {
            let at = from * input as f64 + (i as f64 + 0.5) * step - 0.5;
            let whole = at.floor();
            let t = at - whole;
            let weights = [
                ((-0.5 * t + 1.0) * t - 0.5) * t,
                (1.5 * t - 2.5) * t * t + 1.0,
                ((-1.5 * t + 2.0) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ];
            let mut fixed = weights.map(|w| (w * UNIT).round() as i32);
            // They add up to one exactly, or flat colour would flicker.
            fixed[1] += UNIT as i32 - fixed.iter().sum::<i32>();
            let mut taps = (0, [0; 4]);
            // At the edge the outermost pixel stands for those beyond it.
            taps.0 = (whole as i64 - 1).clamp(0, last as i64) as usize;
            for (k, weight) in fixed.into_iter().enumerate() {
                let place = (whole as i64 - 1 + k as i64).clamp(0, input as i64 - 1) as usize;
                taps.1[(place - taps.0).min(3)] += weight;
            }
            taps
        })
        .collect()
}

fn resample(plane: &Plane<'_>, columns: &[Taps], rows: &[Taps], out: &mut Vec<u8>) {
    let width = plane.width;
    let mut line = vec![0i32; width];
    let empty: &[u8] = &[];
    for (first, weights) in rows {
        let row = |k: usize| {
            plane
                .pixels
                .get((first + k) * width..(first + k + 1) * width)
                .unwrap_or(empty)
        };
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        for ((((value, a), b), c), d) in line.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            let sum = i32::from(*a) * weights[0]
                + i32::from(*b) * weights[1]
                + i32::from(*c) * weights[2]
                + i32::from(*d) * weights[3];
            // Six bits below the point go on to the columns.
            *value = (sum + 128) >> 8;
        }
        out.extend(columns.iter().map(|(first, weights)| {
            let sum: i32 = match line.get(*first..first + 4) {
                Some(near) => near.iter().zip(weights).map(|(v, w)| v * w).sum(),
                None => 0,
            };
            ((sum + (1 << 19)) >> 20).clamp(0, 255) as u8
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(drift: &Drift, pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let (w, h) = drift.source_size();
        let mut bytes: Vec<u8> = (0..w * h).map(|i| pixel(i % w, i / w)).collect();
        bytes.resize(w * h * 3 / 2, 128);
        bytes
    }

    #[test]
    fn flat_colour_flickers() {
        let drift = Drift::new(64, 48, 20);
        let bytes = held(&drift, |_, _| 77);
        let (w, h) = drift.source_size();
        let picture = Planes::split(&bytes, w, h).expect("whole");
        let mut frame = Vec::new();
        for n in 0..20 {
            drift.frame(&picture, n, &mut frame);
            assert_eq!(frame.len(), 64 * 48 * 3 / 2);
            assert!(
                frame[..64 * 48].iter().all(|v| *v == 77) && frame[64 * 48..].iter().all(|v| *v == 128),
                "{n}"
            );
        }
    }

    #[test]
    fn the_move_jitters_by_whole_pixels() {
        // A ramp tells where the view is: its mean moves by the same small amount from frame to frame.
        let drift = Drift::new(256, 64, 400);
        let bytes = held(&drift, |x, _| (x * 250 / 288) as u8);
        let (w, h) = drift.source_size();
        let picture = Planes::split(&bytes, w, h).expect("whole");
        let mut frame = Vec::new();
        let mut means = Vec::new();
        for n in 0..400 {
            drift.frame(&picture, n, &mut frame);
            means.push(frame[..256 * 64].iter().map(|v| f64::from(*v)).sum::<f64>() / (256.0 * 64.0));
        }
        let steps: Vec<f64> = means.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = &steps[150..250];
        let mean = middle.iter().sum::<f64>() / middle.len() as f64;
        assert!(mean > 0.01, "it does not move: {mean}");
        for step in middle {
            assert!((step - mean).abs() < mean, "a step of {step} among steps of {mean}");
        }
        assert!(
            steps[0].abs() < 0.7 * mean && steps[398].abs() < 0.7 * mean,
            "it starts or stops with a jerk"
        );
    }
}
