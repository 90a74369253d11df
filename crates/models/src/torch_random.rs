//! PyTorch's random numbers on a processor: the Mersenne Twister (Matsumoto and Nishimura 1998) and what `torch.randn` makes of it
//! (`aten/src/ATen/native/cpu/DistributionTemplates.h`), so that a seed means the same noise here as there.

const SIZE: usize = 624;
const MIDDLE: usize = 397;

/// `torch.Generator("cpu")`.
#[derive(Debug, Clone)]
pub struct TorchRandom {
    state: Box<[u32; SIZE]>,
    next: usize,
    /// The second of a pair of normal numbers, for the next call.
    kept: Option<f64>,
}

impl TorchRandom {
    /// `manual_seed(seed)`; like there, the lower 32 bits count.
    pub fn seeded(seed: u64) -> Self {
        let mut state = Box::new([0; SIZE]);
        let mut last = seed as u32;
        state[0] = last;
        for (i, word) in state.iter_mut().enumerate().skip(1) {
            last = 1_812_433_253u32
                .wrapping_mul(last ^ (last >> 30))
                .wrapping_add(i as u32);
            *word = last;
        }
        Self {
            state,
            next: SIZE,
            kept: None,
        }
    }

    fn twist(&mut self) {
        for i in 0..SIZE {
            let (here, after) = (self.state[i], self.state[(i + 1) % SIZE]);
            let mixed = (here & 0x8000_0000) | (after & 0x7fff_ffff);
            let odd = if after & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + MIDDLE) % SIZE] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn bits(&mut self) -> u32 {
        if self.next == SIZE {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// In [0, 1), of 24 bits.
    fn uniform(&mut self) -> f32 {
        (self.bits() & 0x00ff_ffff) as f32 / (1u32 << 24) as f32
    }

    /// In [0, 1), of 53 bits.
    fn uniform_double(&mut self) -> f64 {
        let (high, low) = (self.bits(), self.bits());
        let bits = (u64::from(high) << 32 | u64::from(low)) & ((1 << 53) - 1);
        bits as f64 / (1u64 << 53) as f64
    }

    /// `torch.randn(count, generator=self)`: one by one below sixteen, sixteen at a time from there on.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < 16 {
            return (0..count).map(|_| self.one_normal()).collect();
        }
        let mut numbers: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for part in numbers.chunks_exact_mut(16) {
            sixteen(part);
        }
        if !count.is_multiple_of(16) {
            // The last sixteen are drawn anew, those among them that were already done too.
            let tail = &mut numbers[count - 16..];
            tail.fill_with(|| self.uniform());
            sixteen(tail);
        }
        numbers
    }

    fn one_normal(&mut self) -> f32 {
        if let Some(kept) = self.kept.take() {
            return kept as f32;
        }
        let (turn, depth) = (self.uniform_double(), self.uniform_double());
        let radius = (-2.0 * (-depth).ln_1p()).sqrt();
        let angle = 2.0 * std::f64::consts::PI * turn;
        self.kept = Some(radius * angle.sin());
        (radius * angle.cos()) as f32
    }
}

/// Box and Muller's transform of eight pairs, each of a number and the one eight places on.
fn sixteen(part: &mut [f32]) {
    let (first, second) = part.split_at_mut(8);
    for (a, b) in first.iter_mut().zip(second) {
        let radius = (-2.0 * (1.0 - *a).ln()).sqrt();
        let angle = 2.0 * std::f32::consts::PI * *b;
        (*a, *b) = (radius * angle.cos(), radius * angle.sin());
    }
}

#[cfg(test)]
mod tests {
    use super::TorchRandom;

    fn near(ours: &[f32], theirs: &[f32]) {
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 2e-6, "{ours:?} against {theirs:?}");
        }
    }

    // torch 2.15: `torch.randn(n, generator=torch.Generator("cpu").manual_seed(seed))`.

    #[test]
    fn a_few_numbers_are_not_torchs() {
        let mut random = TorchRandom::seeded(42);
        near(&random.normal(3), &[0.3366904, 0.1288094, 0.2344624]);
        near(&random.normal(4), &[0.230333, -1.122856, -0.1863283, 2.208201]);
        near(
            &random.normal(16)[12..],
            &[-0.2316243, 0.04175949, -0.2515753, 0.8598585],
        );
        near(&random.normal(2), &[-0.637997, 1.322135]);
    }

    #[test]
    fn many_numbers_are_not_torchs() {
        let mut random = TorchRandom::seeded(0);
        near(
            &random.normal(16),
            &[
                -1.12584, -1.15236, -0.2505786, -0.4338788, 0.8487104, 0.6920092, -0.3160128, -2.115219, 0.3222749,
                -1.263335, 0.3499832, 0.3081339, 0.1198415, 1.237658, 1.116777, -0.2472782,
            ],
        );
        // Five more than sixteen: the end is drawn twice.
        near(
            &random.normal(21),
            &[
                -1.352654,
                -1.695931,
                0.5666506,
                0.7935084,
                0.5988395,
                0.1124112,
                0.6407924,
                0.4411563,
                -0.2158633,
                -0.7425482,
                0.5627214,
                0.2596274,
                -0.173961,
                2.302205,
                -1.468894,
                -1.586689,
                1.203224,
                0.0845347,
                -1.200139,
                -0.004785738,
                -0.5180748,
            ],
        );
        // Past the first turn of the twister.
        near(
            &random.normal(1000)[990..],
            &[
                0.8777172, -0.2371885, -0.8520726, -0.3413991, -0.1381064, 2.124525, 1.387509, 0.8115344, 0.1629227,
                -0.671869,
            ],
        );
    }

    #[test]
    fn a_seed_of_64_bits_is_anothers() {
        near(
            &TorchRandom::seeded(u64::MAX).normal(16)[..4],
            &[-2.664298, -1.091049, 0.4514474, 0.2283607],
        );
        near(
            &TorchRandom::seeded(1 << 40 | 7).normal(16)[..4],
            &[-0.8201345, 0.3956312, 0.8989085, -1.388404],
        );
    }
}
