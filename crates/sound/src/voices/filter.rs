//! Filters: the topology-preserving state-variable filter and what is made of it.

use crate::SAMPLE_RATE;

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
