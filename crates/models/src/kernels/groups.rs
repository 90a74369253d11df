//! The statistics of group norms, as what each channel is to be multiplied by and what to be added then; and norms that a small picture
//! scales and shifts place by place.

use std::sync::atomic::{AtomicU64, Ordering};

use super::After;
use super::lanes::{Arithmetic, Octet, Work, widest};
use super::shared::Shared;

/// Numbers whose mean is taken before their deviations: as many as stay at hand.
const CHUNK: usize = 2048;

/// For N × channels × places in `groups`: N × 2 × channels, so that x · scale + shift is the group norm with `weight` and `bias`.
pub(super) fn scales(
    x: &[f32],
    (n, channels, groups): (usize, usize, usize),
    epsilon: f32,
    (weight, bias): (&[f32], &[f32]),
    out: &mut [f32],
    spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
) {
    let each = x.len() / (n * groups).max(1);
    // Mean and one over the deviation of each group, as two floats in one.
    let found: Vec<AtomicU64> = (0..n * groups).map(|_| AtomicU64::new(0)).collect();
    spread(n * groups, &|group| {
        let (mut mean, mut scale) = (0.0, 0.0);
        widest(Moments {
            x: &x[group * each..][..each],
            epsilon,
            mean: &mut mean,
            scale: &mut scale,
        });
        let both = u64::from(mean.to_bits()) << 32 | u64::from(scale.to_bits());
        found[group].store(both, Ordering::Relaxed);
    });
    for (n, out) in out.chunks_exact_mut(2 * channels).enumerate() {
        let (scales, shifts) = out.split_at_mut(channels);
        for channel in 0..channels {
            let both = found[n * groups + channel * groups / channels].load(Ordering::Relaxed);
            let (mean, scale) = (f32::from_bits((both >> 32) as u32), f32::from_bits(both as u32));
            scales[channel] = weight[channel] * scale;
            shifts[channel] = bias[channel] - mean * scales[channel];
        }
    }
}

struct Moments<'a> {
    x: &'a [f32],
    epsilon: f32,
    mean: &'a mut f32,
    scale: &'a mut f32,
}

impl Work for Moments<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        // Chunks by themselves, then together (Chan, Golub and LeVeque): exact where squares of everything would not be.
        let (mut seen, mut mean, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        for chunk in self.x.chunks(CHUNK) {
            let count = chunk.len() as f64;
            let here = sum(chunk, |x, so_far| x + so_far) / count;
            let middle = here as f32;
            let spread = sum(chunk, |x, so_far| A::fused(x - middle, x - middle, so_far));
            // Around the rounded middle, not the mean itself.
            let spread = spread - (here - f64::from(middle)).powi(2) * count;
            let apart = here - mean;
            let all = seen + count;
            squares += spread + apart * apart * seen * count / all;
            mean += apart * count / all;
            seen = all;
        }
        *self.mean = mean as f32;
        *self.scale = (1.0 / (squares / seen.max(1.0) + f64::from(self.epsilon)).sqrt()) as f32;
    }
}

/// What `add` makes of all numbers, in 32 sums.
#[inline(always)]
fn sum(numbers: &[f32], add: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sums = [[0.0f32; 8]; 4];
    let (blocks, rest) = numbers.as_chunks::<32>();
    for block in blocks {
        let (octets, _) = block.as_chunks::<8>();
        for (sum, octet) in sums.iter_mut().zip(octets) {
            let octet: &Octet = octet;
            for (sum, x) in sum.iter_mut().zip(octet) {
                *sum = add(*x, *sum);
            }
        }
    }
    let mut last = 0.0;
    for x in rest {
        last = add(*x, last);
    }
    sums.as_flattened().iter().map(|x| f64::from(*x)).sum::<f64>() + f64::from(last)
}

/// A picture (N × channels × height × width) whose norm is scaled and shifted by what a smaller one of N × `wide` × rows × columns says of each place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spatial<'a> {
    pub(super) x: &'a [f32],
    /// Lengths of its axes.
    pub(super) shape: [usize; 4],
    /// What [`scales`] found.
    pub(super) norm: &'a [f32],
    pub(super) small: &'a [f32],
    /// Channels, rows and columns of the small one, which divide the picture's.
    pub(super) sides: [usize; 3],
    /// Channels × `wide`, and one each channel: the scale, the shift.
    pub(super) scale: (&'a [f32], &'a [f32]),
    pub(super) shift: (&'a [f32], &'a [f32]),
    pub(super) after: After,
}

impl Spatial<'_> {
    /// Computes it into `out`; `spread(n, work)` runs `work(0)` to `work(n - 1)`, on as many threads as it likes.
    pub(super) fn run(&self, out: &mut [f32], spread: impl FnOnce(usize, &(dyn Fn(usize) + Sync))) {
        let out = Shared::new(out);
        let [n, channels, ..] = self.shape;
        spread(n * channels, &|which| {
            widest(Plane {
                layer: self,
                n: which / channels,
                channel: which % channels,
                out: &out,
            });
        });
    }
}

/// A channel of a picture.
struct Plane<'a> {
    layer: &'a Spatial<'a>,
    n: usize,
    channel: usize,
    out: &'a Shared<'a>,
}

impl Work for Plane<'_> {
    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self { layer, n, channel, out } = self;
        let ([_, channels, height, width], [wide, rows, columns]) = (layer.shape, layer.sides);
        let norm = &layer.norm[n * 2 * channels..];
        let (by, plus) = (norm[channel], norm[channels + channel]);
        let (tall, long) = (height / rows, width / columns);
        let mut factors = vec![0.0; width];
        let mut addends = vec![0.0; width];
        for row in 0..rows {
            for column in 0..columns {
                let told = |(weights, bias): (&[f32], &[f32])| {
                    let weights = &weights[channel * wide..][..wide];
                    let small = layer.small[n * wide * rows * columns..].chunks_exact(rows * columns);
                    weights.iter().zip(small).fold(bias[channel], |sum, (w, plane)| {
                        A::fused(*w, plane[row * columns + column], sum)
                    })
                };
                let (scale, shift) = (told(layer.scale), told(layer.shift));
                factors[column * long..][..long].fill(by * scale);
                addends[column * long..][..long].fill(A::fused(plus, scale, shift));
            }
            for line in row * tall..(row + 1) * tall {
                let at = ((n * channels + channel) * height + line) * width;
                // SAFETY: no other channel's rows lie there.
                #[expect(unsafe_code, reason = "threads write channels of their own")]
                let out = unsafe { out.part(at, width) };
                let places = layer.x[at..].iter().zip(factors.iter().zip(&addends));
                for (out, (x, (by, plus))) in out.iter_mut().zip(places) {
                    *out = A::fused(*x, *by, *plus);
                }
                layer.after.bend::<A>(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_not_brought_to_mean_nought_and_deviation_one() {
        let (n, channels, groups, places) = (2, 6, 3, 1501);
        let x: Vec<f32> = (0..n * channels * places)
            .map(|i| 100.0 + ((i * 7919) % 1000) as f32 / 250.0)
            .collect();
        let weight = vec![1.0; channels];
        let bias = vec![0.0; channels];
        let mut out = vec![0.0; n * 2 * channels];
        scales(
            &x,
            (n, channels, groups),
            1e-6,
            (&weight, &bias),
            &mut out,
            |n, work| (0..n).for_each(work),
        );
        let each = channels / groups * places;
        for group in 0..n * groups {
            let (picture, channel) = (group / groups, group % groups * (channels / groups));
            let (by, plus) = (
                out[picture * 2 * channels + channel],
                out[picture * 2 * channels + channels + channel],
            );
            let normed: Vec<f64> = x[group * each..][..each]
                .iter()
                .map(|x| f64::from(x * by + plus))
                .collect();
            let mean = normed.iter().sum::<f64>() / each as f64;
            let variance = normed.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / each as f64;
            assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        }
    }
}
