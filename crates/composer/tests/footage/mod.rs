//! Made-up footage: what a sighting of edited films of many kinds looks like.
#![allow(unreachable_pub, dead_code, reason = "shared by tests and examples")]

use synchresis_cue::{Colour, Curves, Moment, Sample, Shot, Sighting, Transition};

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// A look: light, saturation, warmth, motion, density.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub light: f64,
    pub saturation: f64,
    pub warmth: f64,
    pub motion: f64,
    pub density: f64,
}

pub const PLAIN: Look = Look {
    light: 0.42,
    saturation: 0.3,
    warmth: 0.0,
    motion: 0.15,
    density: 0.4,
};

/// What to film.
#[derive(Debug, Clone, Copy)]
pub struct Film {
    pub duration_s: f64,
    pub frame_rate: f64,
    /// Mean length of a shot, seconds; lengths are lognormal.
    pub shot_s: f64,
    /// Spread of their logarithm.
    pub sigma: f64,
    pub look: Look,
    /// Peaks of motion a second.
    pub peaks: f64,
}

impl Film {
    pub fn cut(duration_s: f64, frame_rate: f64, shot_s: f64) -> Self {
        Self {
            duration_s,
            frame_rate,
            shot_s,
            sigma: 0.6,
            look: PLAIN,
            peaks: 0.0,
        }
    }

    pub fn shoot(self, seed: u64) -> Sighting {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0xf11a);
        let frames = (self.duration_s * self.frame_rate).round().max(1.0);
        let frame = 1.0 / self.frame_rate;
        let duration = frames * frame;
        let (mut at, mut shots, mut first) = (0.0, Vec::new(), 0u64);
        let mu = self.shot_s.ln() - self.sigma * self.sigma / 2.0;
        while first < frames as u64 {
            let length = (mu + self.sigma * random.normal()).exp();
            let next = ((first as f64 + (length / frame).round().max(2.0)) as u64).min(frames as u64);
            let end = if next == frames as u64 {
                duration
            } else {
                next as f64 * frame
            };
            let vary = |random: &mut Random, x: f64, by: f64| (x + by * (random.unit() - 0.5)).clamp(0.0, 1.0);
            shots.push(Shot {
                start_s: at,
                end_s: end,
                first_frame: first,
                entry: match (shots.is_empty(), random.unit()) {
                    (true, _) => Transition::Start,
                    (_, x) if x < 0.06 => Transition::Dissolve,
                    (_, x) if x < 0.1 => Transition::Fade,
                    _ => Transition::Cut,
                },
                strength: random.unit(),
                motion: vary(&mut random, self.look.motion, 0.6 * self.look.motion),
                camera: random.unit(),
                pan: (0.0, 0.0),
                light: vary(&mut random, self.look.light, 0.2),
                saturation: vary(&mut random, self.look.saturation, 0.1),
                warmth: self.look.warmth,
                density: vary(&mut random, self.look.density, 0.2),
                likeness: (random.unit() * (shots.len() as f64 * 0.6 + 1.0)) as usize,
                palette: Vec::new(),
            });
            (at, first) = (end, next);
        }
        let step_s = 0.1;
        let count = (duration / step_s).ceil() as usize;
        let curve = |of: &dyn Fn(&Shot) -> f64| {
            let mut shot = 0;
            (0..count)
                .map(|i| {
                    while shot + 1 < shots.len() && shots[shot].end_s <= i as f64 * step_s {
                        shot += 1;
                    }
                    of(&shots[shot]) as f32
                })
                .collect()
        };
        let curves = Curves {
            step_s,
            motion: curve(&|s| s.motion),
            camera: curve(&|s| s.camera),
            light: curve(&|s| s.light),
            saturation: curve(&|s| s.saturation),
            warmth: curve(&|s| s.warmth),
            density: curve(&|s| s.density),
        };
        let mut motion_peaks: Vec<Moment> = (0..(self.peaks * duration) as usize)
            .map(|_| Moment {
                time_s: (random.unit() * frames).floor() * frame,
                strength: random.unit(),
            })
            .collect();
        motion_peaks.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
        let sample = Sample { frame: 0, time_s: 0.0 };
        Sighting {
            frames: frames as u64,
            duration_s: duration,
            frame_rate: self.frame_rate,
            shots,
            curves,
            flashes: Vec::new(),
            motion_peaks,
            sweeps: Vec::new(),
            palette: vec![Colour {
                rgb: [90, 90, 90],
                share: 1.0,
            }],
            samples: vec![sample],
            third: sample,
            two_thirds: sample,
            medoid: 0,
            words: String::new(),
        }
    }
}
