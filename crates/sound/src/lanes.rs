//! The processor's lanes: a kernel compiled twice, once for every machine of the architecture and once for those whose
//! lanes are wider, the choice made as the program runs.

/// Declares a function whose body is compiled for any processor and, on x86-64, for those with AVX2 and FMA as well.
/// Within the body `Unit` is the processor's [`Arithmetic`]: what the body calls takes it as a type and must be
/// `#[inline(always)]` to be compiled with it.
macro_rules! widened {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$(const $n:ident: usize),+>)? ($($arg:ident: $type:ty),* $(,)?) $(-> $back:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, clippy::allow_attributes, reason = "as many as the kernel reads and writes")]
        $vis fn $name $(<$(const $n: usize),+>)? ($($arg: $type),*) $(-> $back)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[allow(dead_code, clippy::allow_attributes, reason = "not every kernel multiplies and adds")]
                type Unit = crate::lanes::Fused;
                #[target_feature(enable = "avx2,fma")]
                fn wide $(<$(const $n: usize),+>)? ($($arg: $type),*) $(-> $back)? $body
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                    // SAFETY: `wide` asks for nothing but the features that were just found.
                    #[expect(unsafe_code, reason = "the only way to call what was compiled for a wider processor")]
                    return unsafe { wide $(::<$($n),+>)? ($($arg),*) };
                }
            }
            #[allow(dead_code, clippy::allow_attributes, reason = "not every kernel multiplies and adds")]
            type Unit = crate::lanes::Plain;
            $body
        }
    };
}

pub(crate) use widened;

widened! {
    /// Adds `from`.
    pub(crate) fn add(to: &mut [f32], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += from;
        }
    }
}

/// Eight numbers beside each other: one of eight signals each, or eight samples of one.
pub(crate) type Octet = [f32; 8];

/// How a processor multiplies and adds, and turns rows into columns.
pub(crate) trait Arithmetic {
    /// a · b + c, rounded once where the processor can.
    fn fused(a: f32, b: f32, c: f32) -> f32;
    /// Eight samples of eight signals each, one or the other way about.
    fn transposed(rows: &[Octet; 8]) -> [Octet; 8];
}

/// One instruction, rounded once.
#[derive(Debug)]
pub(crate) struct Fused;

impl Arithmetic for Fused {
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn transposed(rows: &[Octet; 8]) -> [Octet; 8] {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "three times as fast as what the compiler makes of loops")]
        // SAFETY: this arithmetic is chosen by `widened` alone, where AVX2 was found.
        unsafe {
            turn(rows)
        }
        #[cfg(not(target_arch = "x86_64"))]
        Plain::transposed(rows)
    }
}

/// Rows to columns by the processor's own shuffles: pairs, fours, halves.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn turn(rows: &[Octet; 8]) -> [Octet; 8] {
    use std::arch::x86_64::{
        __m256, _mm256_permute2f128_ps as halves, _mm256_shuffle_ps as fours, _mm256_unpackhi_ps as high,
        _mm256_unpacklo_ps as low,
    };
    #[expect(unsafe_code, reason = "an array as a register")]
    // SAFETY: both are 256 bytes of plain numbers.
    let r: [__m256; 8] = unsafe { std::mem::transmute(*rows) };
    let p = [
        [low(r[0], r[1]), high(r[0], r[1]), low(r[2], r[3]), high(r[2], r[3])],
        [low(r[4], r[5]), high(r[4], r[5]), low(r[6], r[7]), high(r[6], r[7])],
    ];
    let [a, b] = p.map(|[p, q, s, t]| {
        [
            fours::<0x44>(p, s),
            fours::<0xee>(p, s),
            fours::<0x44>(q, t),
            fours::<0xee>(q, t),
        ]
    });
    let columns = [
        halves::<0x20>(a[0], b[0]),
        halves::<0x20>(a[1], b[1]),
        halves::<0x20>(a[2], b[2]),
        halves::<0x20>(a[3], b[3]),
        halves::<0x31>(a[0], b[0]),
        halves::<0x31>(a[1], b[1]),
        halves::<0x31>(a[2], b[2]),
        halves::<0x31>(a[3], b[3]),
    ];
    #[expect(unsafe_code, reason = "a register as an array")]
    // SAFETY: as above.
    unsafe {
        std::mem::transmute(columns)
    }
}

/// What every processor of the architecture can. On x86-64 that is two instructions, each with its own rounding: a machine
/// without FMA (older than 2013) gives the same music, but not to the last bit.
#[derive(Debug)]
pub(crate) struct Plain;

impl Arithmetic for Plain {
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        if cfg!(target_arch = "aarch64") {
            a.mul_add(b, c)
        } else {
            a * b + c
        }
    }

    #[inline(always)]
    fn transposed(rows: &[Octet; 8]) -> [Octet; 8] {
        std::array::from_fn(|i| std::array::from_fn(|t| rows[t][i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    widened! {
        fn turned(rows: &[Octet; 8]) -> [Octet; 8] {
            Unit::transposed(rows)
        }
    }

    #[test]
    fn a_wide_processor_turns_rows_otherwise_than_any() {
        let rows: [Octet; 8] = std::array::from_fn(|i| std::array::from_fn(|t| (8 * i + t) as f32));
        assert_eq!(turned(&rows), Plain::transposed(&rows));
        assert_eq!(turned(&turned(&rows)), rows);
    }
}
