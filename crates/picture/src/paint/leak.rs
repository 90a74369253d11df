//! Light leaks: where they fall in and what colour they have.

use super::noise::signed;
use super::plate::LUMINANCE;
use super::timeline::Drive;

/// Light that falls in from an edge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leak {
    centre: [f32; 2],
    reach: f32,
    pub(super) colour: [f32; 3],
}

impl Leak {
    pub(super) fn at(&self, nx: f32, ny: f32) -> f32 {
        let (dx, dy) = (nx - self.centre[0], ny - self.centre[1]);
        let d = 1.0 + (dx * dx + dy * dy) / (self.reach * self.reach);
        1.0 / (d * d)
    }
}

/// The leak of the moment that `drive` shines with: its side and colours are drawn from `seed`.
pub(super) fn leak_of(seed: u64, drive: Drive, warmth: f32) -> Leak {
    let draw = |k: i64| signed(seed ^ 0x1eac, drive.leak_event as i64, k);
    let angle = std::f32::consts::PI * draw(0);
    let warm = 0.5 + 0.5 * draw(1) + 0.3 * warmth;
    let (ember, rose) = ([1.0, 0.42, 0.10], [0.95, 0.22, 0.38]);
    let (amber, teal) = ([1.0, 0.62, 0.22], [0.12, 0.55, 0.75]);
    let pair = if warm > 0.75 {
        [ember, rose]
    } else if warm > 0.2 {
        [amber, ember]
    } else {
        [teal, rose]
    };
    let t = 0.5 + 0.5 * draw(2);
    let colour: [f32; 3] = std::array::from_fn(|c| pair[0][c] + (pair[1][c] - pair[0][c]) * t);
    // Equal light whatever the colour.
    let light = LUMINANCE.iter().zip(colour).map(|(l, c)| l * c).sum::<f32>();
    Leak {
        centre: [1.25 * angle.cos(), 1.25 * angle.sin()],
        reach: 0.55 + 0.2 * draw(3),
        colour: colour.map(|c| c * 0.5 / light.max(0.1)),
    }
}
