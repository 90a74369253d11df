//! The processor's lanes: a kernel compiled twice, once for every machine of the architecture and once for those whose
//! lanes are wider, the choice made as the program runs.

/// Declares a function whose body is compiled for any processor and, on x86-64, for those with AVX2 as well. Both do the
/// same operations in the same order (AVX2 brings no fused multiplication), so the bytes are the same on either. What the
/// body calls must be `#[inline(always)]` to be compiled with it.
macro_rules! widened {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$(const $n:ident: usize),+>)? ($($arg:ident: $type:ty),* $(,)?) $(-> $back:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, clippy::allow_attributes, reason = "as many as the kernel reads and writes")]
        $vis fn $name $(<$(const $n: usize),+>)? ($($arg: $type),*) $(-> $back)? {
            #[inline(always)]
            fn plain $(<$(const $n: usize),+>)? ($($arg: $type),*) $(-> $back)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide $(<$(const $n: usize),+>)? ($($arg: $type),*) $(-> $back)? {
                    plain $(::<$($n),+>)? ($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: `wide` asks for nothing but the feature that was just found.
                    #[expect(unsafe_code, reason = "the only way to call what was compiled for a wider processor")]
                    return unsafe { wide $(::<$($n),+>)? ($($arg),*) };
                }
            }
            plain $(::<$($n),+>)? ($($arg),*)
        }
    };
}

pub(crate) use widened;
