//! Weights of a layer as they lie in a checkpoint, in single or half precision, brain floats or 8 bits.

use half::{bf16, f16};

use super::lanes::{Arithmetic, Octet, all, each};

/// Numbers that share a scale in 8 bits, and what stands for zero there.
pub(super) const BLOCK: usize = 32;
pub(super) const ZERO: u8 = 128;

/// Rows of weights, one for each number that comes out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weights<'a> {
    Single(&'a [f32]),
    Half(&'a [f16]),
    Brain(&'a [bf16]),
    /// Blocks of 32 numbers, 128 for zero, and their scales; rows end with a whole block.
    Eight(&'a [u8], &'a [f32]),
}

impl Weights<'_> {
    /// Whether there are `to` rows of `from`.
    pub(super) fn are(&self, from: usize, to: usize) -> bool {
        let blocks = from.div_ceil(BLOCK) * to;
        match self {
            Self::Single(x) => x.len() == from * to,
            Self::Half(x) => x.len() == from * to,
            Self::Brain(x) => x.len() == from * to,
            Self::Eight(x, scales) => x.len() == blocks * BLOCK && scales.len() == blocks,
        }
    }

    /// Numbers of row `row` (of `from`) from place `at` on; a block's first in 8 bits.
    #[inline(always)]
    pub(super) fn widen<A: Arithmetic>(&self, row: usize, from: usize, at: usize, out: &mut [f32]) {
        let begin = row * from + at;
        match self {
            Self::Single(x) => out.copy_from_slice(&x[begin..][..out.len()]),
            Self::Half(x) => {
                let x = &x[begin..][..out.len()];
                let ((eights, rest), (out, rest_out)) = (x.as_chunks::<8>(), out.as_chunks_mut::<8>());
                for (out, x) in out.iter_mut().zip(eights) {
                    *out = A::wide(x);
                }
                for (out, x) in rest_out.iter_mut().zip(rest) {
                    *out = x.to_f32();
                }
            }
            Self::Brain(x) => {
                for (out, x) in out.iter_mut().zip(&x[begin..]) {
                    *out = f32::from_bits(u32::from(x.to_bits()) << 16);
                }
            }
            Self::Eight(x, scales) => {
                let first = row * from.div_ceil(BLOCK) + at / BLOCK;
                let blocks = x[first * BLOCK..].chunks_exact(BLOCK).zip(&scales[first..]);
                for (out, (x, scale)) in out.chunks_mut(BLOCK).zip(blocks) {
                    let less = -f32::from(ZERO) * scale;
                    let (out, rest) = out.as_chunks_mut::<8>();
                    let last = &x[out.len() * 8..];
                    for (out, x) in out.iter_mut().zip(x.as_chunks::<8>().0) {
                        *out = each(|n| A::fused(f32::from(x[n]), *scale, less));
                    }
                    for (out, x) in rest.iter_mut().zip(last) {
                        *out = A::fused(f32::from(*x), *scale, less);
                    }
                }
            }
        }
    }

    /// The sum of row `row` times `x`, which is as long.
    #[inline(always)]
    pub(super) fn times<A: Arithmetic>(&self, row: usize, x: &[f32]) -> f32 {
        let from = x.len();
        match self {
            Self::Single(w) => along::<A, f32>(&w[row * from..][..from], x, |w| *w, |w| w),
            Self::Half(w) => along::<A, f16>(&w[row * from..][..from], x, A::wide, f16::to_f32),
            Self::Brain(w) => {
                let one = |w: bf16| f32::from_bits(u32::from(w.to_bits()) << 16);
                along::<A, bf16>(&w[row * from..][..from], x, |w| each(|n| one(w[n])), one)
            }
            Self::Eight(w, scales) => {
                let blocks = from.div_ceil(BLOCK);
                let first = row * blocks;
                let (w, _) = w[first * BLOCK..][..blocks * BLOCK].as_chunks::<BLOCK>();
                along_blocks::<A>(w, &scales[first..][..blocks], x)
            }
        }
    }
}

/// The sum of weights times numbers, in thirty-two lanes.
#[inline(always)]
fn along<A: Arithmetic, W: Copy>(
    weights: &[W],
    x: &[f32],
    eight: impl Fn(&[W; 8]) -> Octet,
    one: impl Fn(W) -> f32,
) -> f32 {
    let ((weights, rest), (x, rest_x)) = (weights.as_chunks::<32>(), x.as_chunks::<32>());
    let mut sums = [[0.0; 8]; 4];
    for (weights, x) in weights.iter().zip(x) {
        let ((weights, _), (x, _)) = (weights.as_chunks::<8>(), x.as_chunks::<8>());
        for ((sum, w), x) in sums.iter_mut().zip(weights).zip(x) {
            let w = eight(w);
            for ((sum, w), x) in sum.iter_mut().zip(&w).zip(x) {
                *sum = A::fused(*w, *x, *sum);
            }
        }
    }
    let last = rest.iter().zip(rest_x);
    last.fold(all(&sums), |sum, (w, x)| A::fused(one(*w), *x, sum))
}

/// The same of weights in blocks, each with its scale.
#[inline(always)]
fn along_blocks<A: Arithmetic>(weights: &[[u8; BLOCK]], scales: &[f32], x: &[f32]) -> f32 {
    let (whole, rest) = x.as_chunks::<BLOCK>();
    let mut sums = [[0.0; 8]; 4];
    for ((weights, x), scale) in weights.iter().zip(whole).zip(scales) {
        let ((weights, _), (x, _)) = (weights.as_chunks::<8>(), x.as_chunks::<8>());
        let less = -f32::from(ZERO) * scale;
        for ((sum, w), x) in sums.iter_mut().zip(weights).zip(x) {
            let w = each(|n| A::fused(f32::from(w[n]), *scale, less));
            for ((sum, w), x) in sum.iter_mut().zip(&w).zip(x) {
                *sum = A::fused(*w, *x, *sum);
            }
        }
    }
    let mut sum = all(&sums);
    if let (Some(weights), Some(scale)) = (weights.get(whole.len()), scales.get(whole.len())) {
        for (w, x) in weights.iter().zip(rest) {
            sum = A::fused((f32::from(*w) - f32::from(ZERO)) * scale, *x, sum);
        }
    }
    sum
}
