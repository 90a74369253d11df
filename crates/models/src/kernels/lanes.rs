//! How kernels of ours multiply and add: in lanes of eight, compiled for every processor, once more for those with AVX2, FMA and F16C, and
//! once for those with AVX-512, which multiply matrices in lanes of sixteen.

use half::f16;

/// Eight numbers beside each other.
pub(super) type Octet = [f32; 8];

/// How a processor multiplies and adds.
pub(super) trait Arithmetic {
    /// Panels of a matrix that are multiplied at once: two only where AVX-512 was found.
    const SIDE: usize = 1;
    /// a · b + c.
    fn fused(a: f32, b: f32, c: f32) -> f32;
    /// Eight fours as four columns.
    fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4];
    /// Four columns as eight fours.
    fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8];
    /// Eight numbers in half precision.
    fn wide(halves: &[f16; 8]) -> Octet;
}

/// One instruction, rounded once.
#[derive(Debug)]
pub(super) struct Fused;

impl Arithmetic for Fused {
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4] {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the compiler moves numbers one by one")]
        // SAFETY: this arithmetic is chosen by `widest` alone, where AVX2 was found.
        unsafe {
            shuffled::columns(fours)
        }
        #[cfg(not(target_arch = "x86_64"))]
        columns(fours)
    }

    #[inline(always)]
    fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8] {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the compiler moves numbers one by one")]
        // SAFETY: as above.
        unsafe {
            shuffled::fours(columns)
        }
        #[cfg(not(target_arch = "x86_64"))]
        fours(columns)
    }

    #[inline(always)]
    fn wide(halves: &[f16; 8]) -> Octet {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the compiler widens numbers one by one")]
        // SAFETY: this arithmetic is chosen by `widest` alone, where F16C was found.
        unsafe {
            shuffled::wide(halves)
        }
        #[cfg(not(target_arch = "x86_64"))]
        each(|n| halves[n].to_f32())
    }
}

/// The same with twice as many registers, twice as long.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
pub(super) struct Wide;

#[cfg(target_arch = "x86_64")]
impl Arithmetic for Wide {
    const SIDE: usize = 2;

    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        Fused::fused(a, b, c)
    }

    #[inline(always)]
    fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4] {
        Fused::columns(fours)
    }

    #[inline(always)]
    fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8] {
        Fused::fours(columns)
    }

    #[inline(always)]
    fn wide(halves: &[f16; 8]) -> Octet {
        Fused::wide(halves)
    }
}

#[inline(always)]
fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4] {
    std::array::from_fn(|column| each(|lane| fours[lane][column]))
}

#[inline(always)]
fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8] {
    std::array::from_fn(|lane| std::array::from_fn(|column| columns[column][lane]))
}

/// The same by the processor's own shuffles.
#[cfg(target_arch = "x86_64")]
mod shuffled {
    use std::arch::x86_64::{
        __m256, _mm256_cvtph_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use half::f16;

    use super::Octet;

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    pub(super) fn wide(halves: &[f16; 8]) -> Octet {
        // SAFETY: sixteen bytes either way.
        #[expect(unsafe_code, reason = "how numbers come into a register")]
        let halves = unsafe { std::mem::transmute::<[f16; 8], std::arch::x86_64::__m128i>(*halves) };
        numbers(_mm256_cvtph_ps(halves))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4] {
        let (pairs, _) = fours.as_flattened().as_chunks::<8>();
        let pair = |n: usize| lanes(pairs[n]);
        // Fours 0 and 4, 1 and 5, 2 and 6, 3 and 7.
        let (a, b) = apart(pair(0), pair(2));
        let (c, d) = apart(pair(1), pair(3));
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (low_too, high_too) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            numbers(_mm256_shuffle_ps::<0x44>(low, low_too)),
            numbers(_mm256_shuffle_ps::<0xee>(low, low_too)),
            numbers(_mm256_shuffle_ps::<0x44>(high, high_too)),
            numbers(_mm256_shuffle_ps::<0xee>(high, high_too)),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8] {
        let column = |n: usize| lanes(columns[n]);
        let (low, high) = (
            _mm256_unpacklo_ps(column(0), column(1)),
            _mm256_unpackhi_ps(column(0), column(1)),
        );
        let (low_too, high_too) = (
            _mm256_unpacklo_ps(column(2), column(3)),
            _mm256_unpackhi_ps(column(2), column(3)),
        );
        let (a, b) = (
            _mm256_shuffle_ps::<0x44>(low, low_too),
            _mm256_shuffle_ps::<0xee>(low, low_too),
        );
        let (c, d) = (
            _mm256_shuffle_ps::<0x44>(high, high_too),
            _mm256_shuffle_ps::<0xee>(high, high_too),
        );
        let ((first, third), (second, fourth)) = (apart(a, b), apart(c, d));
        let mut out = [[0.0; 4]; 8];
        let (pairs, _) = out.as_flattened_mut().as_chunks_mut::<8>();
        for (pair, lanes) in pairs.iter_mut().zip([first, second, third, fourth]) {
            *pair = numbers(lanes);
        }
        out
    }

    /// The lower halves of two, and their upper halves.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn apart(a: __m256, b: __m256) -> (__m256, __m256) {
        (
            _mm256_permute2f128_ps::<0x20>(a, b),
            _mm256_permute2f128_ps::<0x31>(a, b),
        )
    }

    #[inline(always)]
    fn lanes(numbers: Octet) -> __m256 {
        // SAFETY: eight numbers either way.
        #[expect(unsafe_code, reason = "how numbers come into a register")]
        unsafe {
            std::mem::transmute(numbers)
        }
    }

    #[inline(always)]
    fn numbers(lanes: __m256) -> Octet {
        // SAFETY: eight numbers either way.
        #[expect(unsafe_code, reason = "how numbers come out of a register")]
        unsafe {
            std::mem::transmute(lanes)
        }
    }
}

/// A product and a sum, for processors that would call a library to round once.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
pub(super) struct Plain;

#[cfg(target_arch = "x86_64")]
impl Arithmetic for Plain {
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn columns(fours: &[[f32; 4]; 8]) -> [Octet; 4] {
        columns(fours)
    }

    #[inline(always)]
    fn fours(columns: &[Octet; 4]) -> [[f32; 4]; 8] {
        fours(columns)
    }

    #[inline(always)]
    fn wide(halves: &[f16; 8]) -> Octet {
        each(|n| halves[n].to_f32())
    }
}

/// Something to compute with whatever arithmetic the processor has. `run` and what it calls must be `#[inline(always)]`.
pub(super) trait Work {
    fn run<A: Arithmetic>(self);
}

/// Runs `work` in the widest lanes that are found.
pub(super) fn widest(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
        fn widest(work: impl Work) {
            work.run::<Wide>();
        }
        let longer = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl");
        if longer && half_as_wide() {
            // SAFETY: `widest` asks for nothing but the features that were just found.
            #[expect(unsafe_code, reason = "the only way to call what was compiled for a wider processor")]
            return unsafe { widest(work) };
        }
    }
    narrower(work);
}

/// Whether there are lanes of eight.
#[cfg(target_arch = "x86_64")]
fn half_as_wide() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("f16c")
}

/// Runs `work` in lanes of eight where they are found.
pub(super) fn narrower(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn wide(work: impl Work) {
            work.run::<Fused>();
        }
        if half_as_wide() {
            // SAFETY: `wide` asks for nothing but the features that were just found.
            #[expect(unsafe_code, reason = "the only way to call what was compiled for a wider processor")]
            return unsafe { wide(work) };
        }
        work.run::<Plain>();
    }
    #[cfg(not(target_arch = "x86_64"))]
    work.run::<Fused>();
}

/// Lane by lane.
#[inline(always)]
pub(super) fn each(f: impl Fn(usize) -> f32) -> Octet {
    let mut out = [0.0; 8];
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f(lane);
    }
    out
}

/// The sum of lanes.
#[inline(always)]
pub(super) fn all(sums: &[Octet; 4]) -> f32 {
    // Otherwise the compiler arranges all the lanes for these few sums while they are made.
    let sums = std::hint::black_box(*sums);
    let sum: Octet = each(|n| (sums[0][n] + sums[1][n]) + (sums[2][n] + sums[3][n]));
    ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]))
}

/// e to the x, to within 2e-7 of its size: powers of two by the exponent's bits, a polynomial for what is left (Cephes).
#[inline(always)]
pub(super) fn exponential<A: Arithmetic>(x: f32) -> f32 {
    // A number so large that its last bit counts ones: adding it rounds, and its bits are the whole number.
    const ONES: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let counted = A::fused(x, std::f32::consts::LOG2_E, ONES);
    let whole = counted - ONES;
    let part = A::fused(whole, -355.0 / 512.0, x);
    let part = A::fused(whole, 2.121_944_4e-4, part);
    let mut y = 1.987_569_1e-4;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        y = A::fused(y, part, factor);
    }
    let y = A::fused(y, part * part, part) + 1.0;
    let power = f32::from_bits(counted.to_bits().wrapping_sub(ONES.to_bits()).wrapping_add(127) << 23);
    y * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_not_the_columns_of_fours() {
        let all: [[f32; 4]; 8] = std::array::from_fn(|four| std::array::from_fn(|n| (four * 4 + n) as f32));
        struct Turn<'a>(&'a [[f32; 4]; 8]);
        impl Work for Turn<'_> {
            fn run<A: Arithmetic>(self) {
                let turned = A::columns(self.0);
                for (column, numbers) in turned.iter().enumerate() {
                    for (four, number) in numbers.iter().enumerate() {
                        assert_eq!(*number, self.0[four][column]);
                    }
                }
                assert_eq!(A::fours(&turned), *self.0);
            }
        }
        widest(Turn(&all));
    }

    #[test]
    fn half_precision_is_widened_to_something_else() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|x| !x.is_nan()).collect();
        struct Widen<'a>(&'a [f16]);
        impl Work for Widen<'_> {
            fn run<A: Arithmetic>(self) {
                for eight in self.0.as_chunks::<8>().0 {
                    assert_eq!(A::wide(eight), each(|n| eight[n].to_f32()));
                }
            }
        }
        assert_eq!(all.len() % 2, 0);
        widest(Widen(&all));
    }

    #[test]
    fn powers_of_e_are_not_what_they_should_be() {
        for n in -8000..8000 {
            let x = n as f32 / 100.0;
            let (ours, exact) = (exponential::<Fused>(x), f64::from(x).exp());
            assert!((f64::from(ours) / exact - 1.0).abs() < 3e-7, "{x}: {ours} {exact}");
        }
    }
}
