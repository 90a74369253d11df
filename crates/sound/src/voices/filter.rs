//! Filters: the topology-preserving state-variable filter and what is made of it.

use crate::SAMPLE_RATE;
use crate::lanes::Arithmetic;

/// Coefficients of a state-variable filter, trapezoidal integration (Zavalishin, The Art of VA Filter Design, 2012;
/// Simper's form).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SvfShape {
    a1: f32,
    a2: f32,
    a3: f32,
    k: f32,
}

impl SvfShape {
    /// Corner or centre in hertz (held below 0.45 of the sample rate) and quality.
    pub(crate) fn new(hz: f32, q: f32) -> Self {
        let g = (std::f32::consts::PI * (hz.clamp(5.0, 21_000.0) / SAMPLE_RATE as f32)).tan();
        let k = 1.0 / q.max(0.1);
        let a1 = 1.0 / (1.0 + g * (g + k));
        let a2 = g * a1;
        Self { a1, a2, a3: g * a2, k }
    }
}

impl SvfShape {
    /// The three coefficients of the integrators, for filters computed in lanes.
    #[inline]
    pub(crate) fn parts(&self) -> (f32, f32, f32) {
        (self.a1, self.a2, self.a3)
    }

    /// What brings the band-pass to unity at its centre.
    pub(crate) fn band_gain(&self) -> f32 {
        self.k
    }
}

/// State of one channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Svf {
    ic1: f32,
    ic2: f32,
}

impl Svf {
    #[inline(always)]
    fn step(&mut self, s: &SvfShape, x: f32) -> (f32, f32) {
        let v3 = x - self.ic2;
        let v1 = s.a1 * self.ic1 + s.a2 * v3;
        let v2 = self.ic2 + s.a2 * self.ic1 + s.a3 * v3;
        self.ic1 = 2.0 * v1 - self.ic1;
        self.ic2 = 2.0 * v2 - self.ic2;
        (v1, v2)
    }

    /// Low-pass, 12 dB an octave.
    #[inline(always)]
    pub(crate) fn low(&mut self, s: &SvfShape, x: f32) -> f32 {
        self.step(s, x).1
    }

    /// Band-pass with unity gain at its centre.
    #[inline(always)]
    pub(crate) fn band(&mut self, s: &SvfShape, x: f32) -> f32 {
        s.k * self.step(s, x).0
    }

    /// High-pass, 12 dB an octave.
    #[inline(always)]
    pub(crate) fn high(&mut self, s: &SvfShape, x: f32) -> f32 {
        let (v1, v2) = self.step(s, x);
        x - s.k * v1 - v2
    }

    /// Adds `gain − 1` times the band to the input: a bell of that linear gain at the centre.
    #[inline(always)]
    pub(crate) fn bell(&mut self, s: &SvfShape, gain: f32, x: f32) -> f32 {
        x + (gain - 1.0) * s.k * self.step(s, x).0
    }

    /// What is left of a tail too quiet to hear becomes silence, so that no denormal number slows the machine.
    #[inline(always)]
    pub(crate) fn settle(&mut self) {
        if self.ic1.abs() + self.ic2.abs() < 1e-15 {
            *self = Self::default();
        }
    }
}

/// Two channels through low-passes of the same shape, beside each other: the filter as one step from state to state, so that a
/// sample waits for two operations of the one before it.
pub(crate) struct Sides {
    /// First integrator left and right, second integrator left and right.
    state: [f32; 4],
    /// What each keeps of itself, takes from the other integrator, and from the input.
    own: [f32; 4],
    other: [f32; 4],
    fed: [f32; 4],
}

impl Sides {
    /// Goes on from where `sides` stand.
    #[inline(always)]
    pub(crate) fn new(sides: &[Svf; 2], shape: &SvfShape) -> Self {
        let (a1, a2, a3) = shape.parts();
        let [l, r] = sides;
        let pairs = |a: f32, b: f32| [a, a, b, b];
        Self {
            state: [l.ic1, r.ic1, l.ic2, r.ic2],
            own: pairs(2.0 * a1 - 1.0, 1.0 - 2.0 * a3),
            other: pairs(-2.0 * a2, 2.0 * a2),
            fed: pairs(2.0 * a2, 2.0 * a3),
        }
    }

    /// [`Svf::low`] of left and right.
    #[inline(always)]
    pub(crate) fn low<U: Arithmetic>(&mut self, x: [f32; 2]) -> [f32; 2] {
        let s = self.state;
        let (x, crossed) = ([x[0], x[1], x[0], x[1]], [s[2], s[3], s[0], s[1]]);
        let new: [f32; 4] = std::array::from_fn(|i| {
            U::fused(
                self.other[i],
                crossed[i],
                U::fused(self.own[i], s[i], self.fed[i] * x[i]),
            )
        });
        self.state = new;
        [0.5 * (new[2] + s[2]), 0.5 * (new[3] + s[3])]
    }

    /// Where they stand.
    #[inline(always)]
    pub(crate) fn state(&self) -> [Svf; 2] {
        let [l1, r1, l2, r2] = self.state;
        [Svf { ic1: l1, ic2: l2 }, Svf { ic1: r1, ic2: r2 }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Plain;

    #[test]
    fn two_sides_together_sound_unlike_each_alone() {
        for (hz, q) in [(40.0, 0.7), (900.0, 3.0), (18_000.0, 0.9)] {
            let shape = SvfShape::new(hz, q);
            let mut alone = [Svf::default(); 2];
            let mut together = Sides::new(&alone, &shape);
            for i in 0..4000 {
                let x = [if i == 0 { 1.0 } else { 0.0 }, (i as f32 * 0.37).sin()];
                let want = [alone[0].low(&shape, x[0]), alone[1].low(&shape, x[1])];
                let got = together.low::<Plain>(x);
                assert!(
                    want.iter().zip(got).all(|(w, g)| (w - g).abs() < 2e-4),
                    "{hz} Hz, sample {i}: {want:?} {got:?}"
                );
            }
        }
    }
}
