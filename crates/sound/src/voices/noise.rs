//! Chance, seeded: the small generators behind every voice's variation and every noise.

use super::filter::{Svf, SvfShape};
use super::track::QUANTUM;

/// A permuted congruential generator (PCG-XSH-RR 64/32, O'Neill 2014): small, quick, the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// A sequence of its own for each (seed, stream).
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self {
            state: seed
                ^ stream
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .wrapping_add(0x1405_7B7E_F767_814F),
        };
        chance.next();
        chance.next();
        chance
    }

    /// The next 32 bits.
    pub(crate) fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        mixed.rotate_right((old >> 59) as u32)
    }

    /// Evenly spread over 0 to 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Evenly spread over −1 to 1.
    pub(crate) fn sign(&mut self) -> f32 {
        self.unit() * 2.0 - 1.0
    }

    /// Evenly spread over `low` to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
}

/// White noise in eight lanes that run beside each other (xorshift, Marsaglia 2003), so that a block costs about a
/// cycle a sample.
#[derive(Debug, Clone)]
pub(crate) struct White {
    lanes: [u32; 8],
}

impl White {
    /// A stream of its own for each seed.
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let mut lanes = [0; 8];
        for lane in &mut lanes {
            *lane = chance.next() | 1;
        }
        Self { lanes }
    }

    /// Fills a block (a multiple of eight long) with noise evenly spread over −1 to 1.
    pub(crate) fn fill(&mut self, out: &mut [f32]) {
        for eight in out.chunks_exact_mut(8) {
            for (lane, sample) in self.lanes.iter_mut().zip(eight) {
                let mut x = *lane;
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                *lane = x;
                *sample = (x as i32) as f32 * (1.0 / 2_147_483_648.0);
            }
        }
    }
}

/// Breath or bow: a band of noise, shaped once and read round and round (1.4 s a round, which nobody hears in a hiss).
#[derive(Debug, Clone)]
pub(crate) struct Hiss {
    points: Vec<f32>,
    at: usize,
}

impl Hiss {
    const LENGTH: usize = 512 * QUANTUM;

    /// The band of `shape`.
    pub(crate) fn new(shape: &SvfShape, chance: &mut Chance) -> Self {
        let mut points = vec![0.0; Self::LENGTH];
        White::new(chance).fill(&mut points);
        let mut state = Svf::default();
        for x in &mut points {
            *x = state.band(shape, *x);
        }
        Self { points, at: 0 }
    }

    /// The next quantum for the left, and one from elsewhere for the right.
    pub(crate) fn next(&mut self) -> (&[f32], &[f32]) {
        self.at = (self.at + QUANTUM) % Self::LENGTH;
        let other = (self.at + Self::LENGTH / 2) % Self::LENGTH;
        (&self.points[self.at..][..QUANTUM], &self.points[other..][..QUANTUM])
    }
}

/// A value that wanders without aim around 0, within about −1 to 1: unevenness of hands, breath and weather.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    value: f32,
    aim: f32,
    pull: f32,
    left: u32,
    hold: (f32, f32),
}

impl Drift {
    /// New aims come every `hold` steps (shortest, longest).
    pub(crate) fn new(chance: &mut Chance, hold: (f32, f32)) -> Self {
        let aim = chance.sign();
        Self {
            value: chance.sign() * 0.5,
            aim,
            pull: 2.5 / (hold.0 + hold.1),
            left: 0,
            hold,
        }
    }

    /// Where it stands.
    pub(crate) fn now(&self) -> f32 {
        self.value
    }

    /// One step further.
    pub(crate) fn step(&mut self, chance: &mut Chance) -> f32 {
        if self.left == 0 {
            self.aim = chance.sign();
            self.left = chance.between(self.hold.0, self.hold.1).max(1.0) as u32;
        }
        self.left -= 1;
        self.value += (self.aim - self.value) * self.pull;
        self.value
    }
}
