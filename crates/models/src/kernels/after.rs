//! What is done to the results of a layer before they are written.

use super::lanes::{Arithmetic, exponential};

/// As the attribute `after` of our operators says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum After {
    #[default]
    Nothing = 0,
    /// Zero instead of less than zero.
    Rectified = 1,
    /// x · sigmoid(x).
    Silu = 2,
    /// GELU by the hyperbolic tangent.
    GeluTanh = 3,
}

impl After {
    pub(super) fn of(number: i64) -> Self {
        match number {
            1 => Self::Rectified,
            2 => Self::Silu,
            3 => Self::GeluTanh,
            _ => Self::Nothing,
        }
    }

    #[inline(always)]
    pub(super) fn bend<A: Arithmetic>(self, line: &mut [f32]) {
        match self {
            Self::Nothing => {}
            Self::Rectified => {
                for x in line {
                    *x = x.max(0.0);
                }
            }
            Self::Silu => {
                for x in line {
                    *x /= 1.0 + exponential::<A>(-*x);
                }
            }
            Self::GeluTanh => {
                for x in line {
                    // x · sigmoid(2 √(2/π) (x + 0.044715 x³)): what the tangent comes to.
                    let cubed = A::fused(*x * *x, 0.044_715 * *x, *x);
                    *x /= 1.0 + exponential::<A>(-1.595_769 * cubed);
                }
            }
        }
    }
}
