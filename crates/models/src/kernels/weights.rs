//! Weights of a layer as they lie in a checkpoint, in single or half precision, brain floats or 8 bits.

use half::{bf16, f16};

use super::lanes::{Arithmetic, Octet, all, each};

/// Numbers that share a scale in 8 bits, and what stands for zero there.
pub(super) const BLOCK: usize = 32;
pub(super) const ZERO: u8 = 128;
/// Bytes that come from memory together.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

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

    /// Says that so many numbers of row `row` (of `from`) from place `at` on are wanted soon.
    #[inline(always)]
    pub(super) fn fetch(&self, row: usize, from: usize, at: usize, count: usize) {
        let begin = row * from + at;
        match self {
            Self::Single(x) => fetch(x, begin, count),
            Self::Half(x) => fetch(x, begin, count),
            Self::Brain(x) => fetch(x, begin, count),
            Self::Eight(x, _) => fetch(x, row * from.next_multiple_of(BLOCK) + at, count),
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

/// Says that so many of `x` from `begin` on are wanted soon, where the processor can be told.
#[inline(always)]
fn fetch<T>(x: &[T], begin: usize, count: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in x
        .get(begin..)
        .unwrap_or_default()
        .chunks(LINE / size_of::<T>())
        .take((count * size_of::<T>()).div_ceil(LINE))
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: it lies in the slice, and nothing is read.
        #[expect(unsafe_code, reason = "how a processor is told")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (x, begin, count);
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

/// The same of several rows with the same weights.
#[inline(always)]
pub(super) fn along_rows<A: Arithmetic, const N: usize>(weights: &[f32], rows: [&[f32]; N]) -> [f32; N] {
    let (whole, rest) = weights.as_chunks::<32>();
    let rows = rows.map(|row| &row[..weights.len()]);
    let chunks = rows.map(|row| &row.as_chunks::<32>().0[..whole.len()]);
    let mut sums = [[[0.0; 8]; 4]; N];
    for (at, weights) in whole.iter().enumerate() {
        let (weights, _) = weights.as_chunks::<8>();
        for (sums, row) in sums.iter_mut().zip(chunks) {
            let (x, _) = row[at].as_chunks::<8>();
            for ((sum, w), x) in sums.iter_mut().zip(weights).zip(x) {
                for ((sum, w), x) in sum.iter_mut().zip(w).zip(x) {
                    *sum = A::fused(*w, *x, *sum);
                }
            }
        }
    }
    let mut out = [0.0; N];
    for ((out, sums), row) in out.iter_mut().zip(&sums).zip(rows) {
        let last = rest.iter().zip(&row[whole.len() * 32..]);
        *out = last.fold(all(sums), |sum, (w, x)| A::fused(*w, *x, sum));
    }
    out
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
