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

/// How a processor multiplies and adds.
pub(crate) trait Arithmetic {
    /// a · b + c, rounded once where the processor can.
    fn fused(a: f32, b: f32, c: f32) -> f32;
}

/// One instruction, rounded once.
#[derive(Debug)]
pub(crate) struct Fused;

impl Arithmetic for Fused {
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
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
}
