//! Second-order filters, several signals side by side so that the processor's lanes are full.

use std::f64::consts::PI;

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

/// Frames between two looks at the states for values too small to matter (they would slow the processor down).
const CHUNK: usize = 64;

/// One filter, normalised so that a0 = 1. Shapes after R. Bristow-Johnson, "Cookbook formulae for audio EQ".
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    /// Passes everything.
    pub(super) const FLAT: Self = Self {
        b: [1.0, 0.0, 0.0],
        a: [0.0, 0.0],
    };

    /// The first stage of the K weighting at 48 kHz (ITU-R BS.1770-4, table 1).
    pub(super) const K_SHELF: Self = Self {
        b: [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
        a: [-1.690_659_293_182_41, 0.732_480_774_215_85],
    };

    /// The second stage of the K weighting at 48 kHz (ITU-R BS.1770-4, table 2).
    pub(super) const K_HIGH_PASS: Self = Self {
        b: [1.0, -2.0, 1.0],
        a: [-1.990_047_454_833_98, 0.990_072_250_366_21],
    };

    fn new(b: [f64; 3], a: [f64; 3]) -> Self {
        Self {
            b: b.map(|x| x / a[0]),
            a: [a[1] / a[0], a[2] / a[0]],
        }
    }

    fn angle(hz: f64) -> (f64, f64) {
        let w = 2.0 * PI * hz.clamp(1.0, 0.49 * f64::from(SAMPLE_RATE)) / f64::from(SAMPLE_RATE);
        (w.sin(), w.cos())
    }

    /// 12 dB an octave below `hz`.
    pub(super) fn high_pass(hz: f64, q: f64) -> Self {
        let (sin, cos) = Self::angle(hz);
        let alpha = sin / (2.0 * q);
        let k = f64::midpoint(1.0, cos);
        Self::new([k, -2.0 * k, k], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    /// 12 dB an octave above `hz`.
    pub(super) fn low_pass(hz: f64, q: f64) -> Self {
        let (sin, cos) = Self::angle(hz);
        let alpha = sin / (2.0 * q);
        let k = (1.0 - cos) / 2.0;
        Self::new([k, 2.0 * k, k], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    /// Gain 1 at `hz`, less to both sides.
    pub(super) fn band_pass(hz: f64, q: f64) -> Self {
        let (sin, cos) = Self::angle(hz);
        let alpha = sin / (2.0 * q);
        Self::new([alpha, 0.0, -alpha], [1.0 + alpha, -2.0 * cos, 1.0 - alpha])
    }

    /// `db` at `hz`, 0 dB far from it.
    pub(super) fn bell(hz: f64, q: f64, db: f64) -> Self {
        let (sin, cos) = Self::angle(hz);
        let (a, alpha) = (10f64.powf(db / 40.0), sin / (2.0 * q));
        Self::new(
            [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a],
            [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a],
        )
    }

    /// `db` well above `hz`, 0 dB well below it.
    pub(super) fn high_shelf(hz: f64, db: f64) -> Self {
        let (sin, cos) = Self::angle(hz);
        let a = 10f64.powf(db / 40.0);
        let beta = 2.0 * a.sqrt() * sin * std::f64::consts::FRAC_1_SQRT_2;
        Self::new(
            [
                a * ((a + 1.0) + (a - 1.0) * cos + beta),
                -2.0 * a * ((a - 1.0) + (a + 1.0) * cos),
                a * ((a + 1.0) + (a - 1.0) * cos - beta),
            ],
            [
                (a + 1.0) - (a - 1.0) * cos + beta,
                2.0 * ((a - 1.0) - (a + 1.0) * cos),
                (a + 1.0) - (a - 1.0) * cos - beta,
            ],
        )
    }
}

/// `BANDS` filters one after the other, on `LANES` signals side by side, each signal with its own shapes.
#[derive(Debug, Clone)]
pub(super) struct Cascade<const LANES: usize, const BANDS: usize> {
    b0: [[f32; LANES]; BANDS],
    b1: [[f32; LANES]; BANDS],
    b2: [[f32; LANES]; BANDS],
    a1: [[f32; LANES]; BANDS],
    a2: [[f32; LANES]; BANDS],
    s1: [[f32; LANES]; BANDS],
    s2: [[f32; LANES]; BANDS],
    /// Filters from this one on do nothing.
    used: usize,
}

impl<const LANES: usize, const BANDS: usize> Cascade<LANES, BANDS> {
    /// Every signal through nothing.
    pub(super) fn flat() -> Self {
        let zero = [[0.0; LANES]; BANDS];
        Self {
            b0: [[1.0; LANES]; BANDS],
            b1: zero,
            b2: zero,
            a1: zero,
            a2: zero,
            s1: zero,
            s2: zero,
            used: 0,
        }
    }

    /// Every signal through the same filters.
    pub(super) fn all(bands: [Biquad; BANDS]) -> Self {
        let mut cascade = Self::flat();
        for (band, shape) in bands.into_iter().enumerate() {
            for lane in 0..LANES {
                cascade.set(lane, band, shape);
            }
        }
        cascade
    }

    /// Signal `lane` gets `shape` as its filter number `band`.
    pub(super) fn set(&mut self, lane: usize, band: usize, shape: Biquad) {
        if shape != Biquad::FLAT {
            self.used = self.used.max(band + 1);
        }
        self.b0[band][lane] = shape.b[0] as f32;
        self.b1[band][lane] = shape.b[1] as f32;
        self.b2[band][lane] = shape.b[2] as f32;
        self.a1[band][lane] = shape.a[0] as f32;
        self.a2[band][lane] = shape.a[1] as f32;
    }

    /// Whether nothing rings any more: silence in gives silence out.
    pub(super) fn is_still(&self) -> bool {
        self.s1.iter().chain(&self.s2).flatten().all(|s| *s == 0.0)
    }

    /// Filters in place.
    pub(super) fn process(&mut self, frames: &mut [[f32; LANES]]) {
        match self.used {
            0 => {}
            1 => filter::<LANES, BANDS, 1>(self, frames),
            2 => filter::<LANES, BANDS, 2>(self, frames),
            _ => filter::<LANES, BANDS, BANDS>(self, frames),
        }
    }
}

widened! {
    /// The first `USED` filters, in transposed direct form II.
    fn filter<const LANES: usize, const BANDS: usize, const USED: usize>(
        cascade: &mut Cascade<LANES, BANDS>,
        frames: &mut [[f32; LANES]],
    ) {
        let Cascade { b0, b1, b2, a1, a2, .. } = *cascade;
        for chunk in frames.chunks_mut(CHUNK) {
            let (mut s1, mut s2) = (cascade.s1, cascade.s2);
            for frame in chunk {
                let mut x = *frame;
                for band in 0..USED.min(BANDS) {
                    let mut y = [0.0; LANES];
                    for l in 0..LANES {
                        y[l] = Unit::fused(b0[band][l], x[l], s1[band][l]);
                    }
                    for l in 0..LANES {
                        s1[band][l] = Unit::fused(-a1[band][l], y[l], Unit::fused(b1[band][l], x[l], s2[band][l]));
                    }
                    for l in 0..LANES {
                        s2[band][l] = Unit::fused(-a2[band][l], y[l], b2[band][l] * x[l]);
                    }
                    x = y;
                }
                *frame = x;
            }
            cascade.s1 = s1.map(|band| band.map(flush));
            cascade.s2 = s2.map(|band| band.map(flush));
        }
    }
}

/// 0 for what is far below hearing (and for what is not a number).
#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.abs() > 1e-15 { x } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain_db(shape: Biquad, hz: f64) -> f64 {
        let mut cascade = Cascade::<2, 1>::all([shape]);
        let n = 48_000;
        let mut frames: Vec<[f32; 2]> = (0..n)
            .map(|i| [(2.0 * PI * hz * i as f64 / 48_000.0).sin() as f32; 2])
            .collect();
        cascade.process(&mut frames);
        let energy: f64 = frames[n / 2..].iter().map(|f| f64::from(f[1]).powi(2)).sum::<f64>() / (n / 2) as f64;
        10.0 * (energy * 2.0).log10()
    }

    #[test]
    fn a_filter_has_another_gain_than_it_says() {
        assert!((gain_db(Biquad::high_pass(120.0, std::f64::consts::FRAC_1_SQRT_2), 120.0) + 3.01).abs() < 0.05);
        assert!(gain_db(Biquad::high_pass(120.0, 0.707), 30.0) < -23.0);
        assert!((gain_db(Biquad::low_pass(5000.0, 0.707), 5000.0) + 3.01).abs() < 0.05);
        assert!((gain_db(Biquad::bell(3000.0, 0.8, -5.0), 3000.0) + 5.0).abs() < 0.05);
        assert!((gain_db(Biquad::high_shelf(6000.0, 3.0), 20_000.0) - 3.0).abs() < 0.1);
        assert!(gain_db(Biquad::band_pass(2800.0, 0.7), 2800.0).abs() < 0.05);
    }

    #[test]
    fn a_filter_rings_for_ever_after_silence() {
        let mut cascade = Cascade::<8, 3>::all([Biquad::high_pass(30.0, 0.7); 3]);
        let mut frames = vec![[1.0; 8]; 1000];
        cascade.process(&mut frames);
        for _ in 0..200 {
            let mut frames = vec![[0.0; 8]; 1024];
            cascade.process(&mut frames);
        }
        assert!(cascade.is_still());
    }
}
