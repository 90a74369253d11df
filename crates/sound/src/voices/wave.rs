//! Waves made from their spectra: one period, or a long loop of a whole section of players. Nothing above 20 kHz is ever
//! put in, so nothing folds back.

use std::collections::BTreeMap;
use std::sync::Arc;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use crate::SAMPLE_RATE;
use crate::lanes::{Arithmetic, widened};

use super::noise::Chance;

/// Points of a period, a power of two.
pub(crate) const PERIOD_BITS: u32 = 11;
const PERIOD: usize = 1 << PERIOD_BITS;

/// Four shades of one period beside each other, so that a crossfade of all four costs one look: soft and hard playing, each
/// below and above the pitch (what a body's resonances do to a vibrato).
pub(crate) struct Period {
    points: Vec<[f32; 4]>,
}

impl Period {
    /// The four shades `amp(shade, harmonic)` of a note of `hz`, harmonics counted from 1, equal phases across shades.
    pub(crate) fn new(hz: f32, amp: impl Fn(usize, usize) -> f32, planner: &mut RealFftPlanner<f32>) -> Self {
        let inverse = planner.plan_fft_inverse(PERIOD);
        // Bends reach a whole tone up: the top harmonic stays below the fold even then.
        let top = ((20_000.0 / hz) as usize).clamp(1, PERIOD / 2 - 1);
        let mut points = vec![[0.0; 4]; PERIOD + 1];
        let mut chance = Chance::new(7, 11);
        let phases: Vec<f32> = (0..=top).map(|_| chance.sign() * 0.6).collect();
        for shade in 0..4 {
            let mut bins = inverse.make_input_vec();
            let mut power = 0.0;
            for k in 1..=top {
                let level = amp(shade, k);
                power += level * level;
                bins[k] = Complex32::from_polar(level * 0.5, phases[k] - std::f32::consts::FRAC_PI_2);
            }
            let mut wave = inverse.make_output_vec();
            if inverse.process(&mut bins, &mut wave).is_err() {
                continue;
            }
            let keep = 1.0 / (0.5 * power).sqrt().max(1e-9);
            for (point, x) in points.iter_mut().zip(&wave) {
                point[shade] = x * keep;
            }
        }
        points[PERIOD] = points[0];
        Self { points }
    }

    /// Adds `weights` (moving by `steps` a sample) of the shades to `out`, from `phase` (turns of
    /// 2³²), moving by `turn`, itself moving by `turn_step`. Returns the phase reached.
    #[inline]
    pub(crate) fn add(
        &self,
        phase: u32,
        turn: f32,
        turn_step: f32,
        weights: [f32; 4],
        steps: [f32; 4],
        out: &mut [f32],
    ) -> u32 {
        match self.points.as_slice().try_into() {
            Ok(points) => shades(points, phase, (turn as u32, turn_step as i32), (weights, steps), out),
            Err(_) => phase,
        }
    }
}

/// Bits of a phase within a point.
const FRACTION: u32 = 32 - PERIOD_BITS;

/// Point and place behind it (0 to 1) of a phase.
#[inline(always)]
fn place(phase: u32) -> (usize, f32) {
    let part = (phase & ((1 << FRACTION) - 1)) as i32;
    (
        (phase >> FRACTION) as usize,
        part as f32 * (1.0 / (1u32 << FRACTION) as f32),
    )
}

widened! {
    /// [`Period::add`]: the four products of each sample first, their sums afterwards, so that both run in lanes.
    fn shades(
        points: &[[f32; 4]; PERIOD + 1],
        phase: u32,
        turn: (u32, i32),
        weights: ([f32; 4], [f32; 4]),
        out: &mut [f32],
    ) -> u32 {
        const LANES: usize = 16;
        let (mut phase, (mut turn, turn_step), (mut weights, steps)) = (phase, turn, weights);
        for out in out.chunks_mut(LANES) {
            let mut products = [[0.0f32; 4]; LANES];
            for product in products.iter_mut().take(out.len()) {
                let (i, f) = place(phase);
                let (a, b) = (&points[i], &points[i + 1]);
                for j in 0..4 {
                    product[j] = Unit::fused(b[j] - a[j], f, a[j]) * weights[j];
                    weights[j] += steps[j];
                }
                phase = phase.wrapping_add(turn);
                turn = turn.wrapping_add_signed(turn_step);
            }
            for (o, p) in out.iter_mut().zip(&products) {
                *o += (p[0] + p[1]) + (p[2] + p[3]);
            }
        }
        phase
    }
}

/// Frequency as turns of 2³² a sample.
pub(crate) fn turns(hz: f32) -> f32 {
    hz * (4_294_967_296.0 / SAMPLE_RATE as f32)
}

/// A single shade of a period, for oscillators that need no more.
pub(crate) struct Cycle {
    /// Value, and the way to the next.
    points: Vec<[f32; 2]>,
}

impl Cycle {
    /// The wave with harmonics `amp(k)` (cosine phase where `cosine`, else sine) of a note of `hz`.
    pub(crate) fn new(hz: f32, amp: impl Fn(usize) -> f32, planner: &mut RealFftPlanner<f32>) -> Self {
        let inverse = planner.plan_fft_inverse(PERIOD);
        let top = ((20_000.0 / hz) as usize).clamp(1, PERIOD / 2 - 1);
        let mut bins = inverse.make_input_vec();
        for (k, bin) in bins.iter_mut().enumerate().take(top + 1).skip(1) {
            *bin = Complex32::new(0.0, -0.5 * amp(k));
        }
        let mut points = inverse.make_output_vec();
        if inverse.process(&mut bins, &mut points).is_err() {
            points = vec![0.0; PERIOD];
        }
        let next = points.iter().cycle().skip(1);
        Self {
            points: points.iter().zip(next).map(|(a, b)| [*a, b - a]).collect(),
        }
    }

    /// Adds the wave times a gain moving from `gain` by `step` a sample, placed left and right by `pan`. Returns the phase
    /// reached.
    #[inline]
    pub(crate) fn add(
        &self,
        phase: u32,
        turn: u32,
        gain: (f32, f32),
        pan: (f32, f32),
        out: (&mut [f32], &mut [f32]),
    ) -> u32 {
        match self.points.as_slice().try_into() {
            Ok(points) => cycle(points, phase, turn, gain, pan, out.0, out.1),
            Err(_) => phase,
        }
    }
}

widened! {
    /// [`Cycle::add`]: sixteen points are looked up, then what they give is counted in lanes.
    fn cycle(
        points: &[[f32; 2]; PERIOD],
        phase: u32,
        turn: u32,
        gain: (f32, f32),
        pan: (f32, f32),
        left: &mut [f32],
        right: &mut [f32],
    ) -> u32 {
        const LANES: usize = 16;
        let (mut phase, (mut level, step)) = (phase, gain);
        for (l, r) in left.chunks_mut(LANES).zip(right.chunks_mut(LANES)) {
            let mut wave = [0.0f32; LANES];
            for (i, wave) in wave.iter_mut().enumerate() {
                let (at, f) = place(phase.wrapping_add(turn.wrapping_mul(i as u32)));
                let [value, rise] = points[at & (PERIOD - 1)];
                *wave = Unit::fused(rise, f, value);
            }
            for (i, wave) in wave.iter_mut().enumerate() {
                *wave *= Unit::fused(step, i as f32, level);
            }
            for ((l, r), wave) in l.iter_mut().zip(r.iter_mut()).zip(&wave) {
                *l = Unit::fused(*wave, pan.0, *l);
                *r = Unit::fused(*wave, pan.1, *r);
            }
            phase = phase.wrapping_add(turn.wrapping_mul(l.len() as u32));
            level += step * LANES as f32;
        }
        phase
    }
}

/// A partial of a swarm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    /// Hertz.
    pub(crate) hz: f32,
    /// Linear level in the open and in the closed shade.
    pub(crate) open: f32,
    pub(crate) closed: f32,
    /// Half its width, hertz.
    pub(crate) half: f32,
}

/// A seamless loop in which every partial is a narrow band of noise, as many players sounding at once are: N. O. Paul's
/// PADsynth algorithm (2005). Two shades with the same phases can be crossfaded.
pub(crate) struct Swarm {
    /// The loops, open and closed; [`Swarm::MORE`] points of the beginning follow the end.
    pub(crate) open: Vec<f32>,
    pub(crate) closed: Vec<f32>,
}

/// Unit vectors of every direction, to draw phases from.
pub(crate) struct Compass(Vec<Complex32>);

impl Compass {
    pub(crate) fn new() -> Self {
        Self(
            (0..1024)
                .map(|i| Complex32::from_polar(1.0, i as f32 / 1024.0 * std::f32::consts::TAU))
                .collect(),
        )
    }
}

impl Swarm {
    /// Points repeated behind the end, so that a read of one quantum never wraps.
    pub(crate) const MORE: usize = 320;

    /// A loop of 2^`bits` points; the open shade has root-mean-square 1.
    pub(crate) fn new(
        partials: &[Band],
        bits: u32,
        chance: &mut Chance,
        compass: &Compass,
        planner: &mut RealFftPlanner<f32>,
    ) -> Self {
        let length = 1usize << bits;
        let inverse = planner.plan_fft_inverse(length);
        let mut open = inverse.make_input_vec();
        let mut closed = inverse.make_input_vec();
        let per_bin = SAMPLE_RATE as f32 / length as f32;
        let top = (20_000.0 / per_bin) as usize;
        let mut power = 0.0f64;
        for p in partials {
            let centre = p.hz / per_bin;
            let width = (p.half / per_bin).max(0.35);
            let low = (centre - width * 3.0).max(1.0).ceil() as usize;
            let high = ((centre + width * 3.0).floor() as usize).min(top);
            // A bell curve by recurrence; a partial's energy does not depend on how wide it is spread.
            let x = (low as f32 - centre) / width;
            let mut bell = (-0.5 * x * x).exp() / width.sqrt();
            let mut ratio = (-(x + 0.5 / width) / width).exp();
            let bend = (-1.0 / (width * width)).exp();
            for i in low..=high {
                let Some(direction) = compass.0.get(chance.next() as usize & 1023) else {
                    break;
                };
                if let (Some(o), Some(c)) = (open.get_mut(i), closed.get_mut(i)) {
                    *o += direction * (bell * p.open);
                    *c += direction * (bell * p.closed);
                }
                power += f64::from(bell * p.open).powi(2);
                bell *= ratio;
                ratio *= bend;
            }
        }
        let keep = 1.0 / (2.0 * power).sqrt().max(1e-12) as f32;
        let finish = |mut bins: Vec<Complex32>| {
            let mut points = inverse.make_output_vec();
            if inverse.process(&mut bins, &mut points).is_err() {
                points = vec![0.0; length];
            }
            for p in &mut points {
                *p *= keep;
            }
            points.extend_from_within(..Self::MORE);
            points
        };
        Self {
            open: finish(open),
            closed: finish(closed),
        }
    }

    /// Points of the loop.
    pub(crate) fn len(&self) -> usize {
        self.open.len() - Self::MORE
    }
}

/// Waves by pitch: made once for each pitch that a track plays.
pub(crate) struct Shelf<T> {
    by_pitch: BTreeMap<u8, Arc<T>>,
}

impl<T> Shelf<T> {
    /// Makes the wave of every pitch in `pitches`.
    pub(crate) fn new(pitches: &[u8], mut make: impl FnMut(u8) -> T) -> Self {
        Self {
            by_pitch: pitches.iter().map(|&p| (p, Arc::new(make(p)))).collect(),
        }
    }

    /// The wave of a pitch.
    pub(crate) fn get(&self, pitch: u8) -> Option<Arc<T>> {
        self.by_pitch.get(&pitch).cloned()
    }
}
