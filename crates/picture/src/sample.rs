//! A short film of the house's own, for whoever has none at hand: a day in five shots, with a flash and an ending.

use rayon::prelude::*;

/// Pixels across.
pub const WIDTH: usize = 640;
/// Pixels down.
pub const HEIGHT: usize = 360;
/// Frames a second.
pub const RATE: u32 = 25;
/// Frames in all: twelve seconds.
pub const FRAMES: u32 = 300;

/// Frames at which the shots begin.
pub const CUTS: [u32; 5] = [0, 60, 100, 160, 200];
/// The frame that lightning strikes in.
pub const FLASH: u32 = 180;
/// Frames in which the picture goes at the end.
const FADE: u32 = 30;

/// Linear light, red, green, blue.
type Light = [f32; 3];

/// Paints frame `index` of [`FRAMES`] as rows of 8-bit RGB from the top: `WIDTH · HEIGHT · 3` bytes.
pub fn frame(index: u32, out: &mut [u8]) {
    let shot = CUTS.iter().rposition(|cut| *cut <= index).unwrap_or_default();
    let since = index.saturating_sub(CUTS[shot]) as f32 / RATE as f32;
    let paint: fn(f32, f32, f32) -> Light = [dawn, noon, sea, city, night][shot];
    let flash = if (FLASH..FLASH + 3).contains(&index) {
        1.2 / (1 + index - FLASH) as f32
    } else {
        0.0
    };
    let left = (FRAMES.saturating_sub(index + 1) as f32 / FADE as f32).min(1.0);
    out.par_chunks_mut(3 * WIDTH).enumerate().for_each(|(row, line)| {
        let v = 1.0 - 2.0 * (row as f32 + 0.5) / HEIGHT as f32;
        for (column, pixel) in line.chunks_exact_mut(3).enumerate() {
            let u = (2.0 * (column as f32 + 0.5) - WIDTH as f32) / HEIGHT as f32;
            for (byte, light) in pixel.iter_mut().zip(paint(u, v, since)) {
                // A square root is near enough to a screen's curve.
                *byte = (255.0 * ((light + flash) * left).clamp(0.0, 1.0).sqrt()) as u8;
            }
        }
    });
}

fn mix(a: Light, b: Light, share: f32) -> Light {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// 0 below 0, 1 above 1, smooth between.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// A number from 0 to 1 that belongs to a place on a grid.
fn drawn(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

/// The height of hills at a place along them.
fn hills(x: f32, rough: f32) -> f32 {
    0.16 * (1.3 * x * rough).sin() + 0.09 * (2.9 * x * rough + 1.7).sin() + 0.04 * (6.1 * x * rough + 0.4).sin()
}

/// The sun comes up behind three ranges of hills.
fn dawn(u: f32, v: f32, t: f32) -> Light {
    let sky = mix([0.9, 0.38, 0.12], [0.05, 0.07, 0.26], smooth(0.5 * (v + 0.5)));
    let sun = (u - 0.35).hypot(v + 0.45 - 0.24 * t);
    let glow = (-2.4 * sun).exp() * (0.4 + 0.2 * t);
    let mut light = mix(sky, [1.0, 0.85, 0.5], 1.0 - smooth((sun - 0.15) / 0.012));
    light = std::array::from_fn(|i| light[i] + glow * [1.0, 0.55, 0.2][i]);
    for (depth, colour) in [[0.20, 0.10, 0.16], [0.08, 0.05, 0.11], [0.02, 0.015, 0.04]]
        .into_iter()
        .enumerate()
    {
        let near = depth as f32;
        let top = -0.28 - 0.24 * near + hills(u + (0.05 + 0.09 * near) * t + 3.0 * near, 1.0 + 0.4 * near);
        light = mix(light, colour, smooth((top - v) / 0.008));
    }
    light
}

/// Rays turn around a disc that beats twice a second.
fn noon(u: f32, v: f32, t: f32) -> Light {
    let (radius, angle) = (u.hypot(v), v.atan2(u));
    let beat = (-5.0 * (2.0 * t).fract()).exp();
    let ray = smooth(0.5 + 4.0 * (9.0 * angle + 1.8 * t).sin() / (1.0 + radius));
    let light = mix([0.98, 0.52, 0.10], [1.0, 0.74, 0.26], ray);
    let light = mix(light, [0.75, 0.16, 0.05], 0.55 * smooth(radius - 0.7));
    mix(
        light,
        [1.0, 0.97, 0.85],
        1.0 - smooth((radius - 0.36 - 0.1 * beat) / 0.012),
    )
}

/// Bands of water run past, faster the nearer they are.
fn sea(u: f32, v: f32, t: f32) -> Light {
    let sky = mix([0.55, 0.75, 0.85], [0.12, 0.36, 0.62], smooth(v));
    if v > 0.18 + 0.004 * (3.0 * u).sin() {
        return sky;
    }
    let depth = (0.2 - v).max(0.02);
    let row = (7.0 * depth.ln()).floor();
    let speed = (0.4 + 2.2 * depth) * if row as i32 % 2 == 0 { 1.0 } else { 0.7 };
    let wave = (5.0 / depth.sqrt() * (u + speed * t) + 2.4 * row).sin();
    let water = mix([0.02, 0.16, 0.28], [0.10, 0.44, 0.50], 0.5 + 0.5 * wave);
    mix(
        water,
        [0.9, 0.97, 0.95],
        smooth((wave - 0.86) / 0.1) * (0.35 + 0.6 * depth).min(1.0),
    )
}

/// Houses with lit windows glide by under clouds.
fn city(u: f32, v: f32, t: f32) -> Light {
    let mut light = mix([0.10, 0.05, 0.14], [0.01, 0.015, 0.05], smooth(0.5 + 0.5 * v));
    for (layer, (scale, speed)) in [(7.0, 0.12), (4.5, 0.3)].into_iter().enumerate() {
        let x = (u + 4.0 + speed * t) * scale;
        let house = x.floor() as i32;
        let top = -0.35 + 0.75 * drawn(house, layer as i32) - 0.25 * layer as f32;
        if v < top {
            let (column, row) = ((x.fract() * 4.0).floor() as i32, ((v + 2.0) * 14.0).floor() as i32);
            let within =
                ((x.fract() * 4.0).fract() - 0.5).abs() < 0.3 && (((v + 2.0) * 14.0).fract() - 0.5).abs() < 0.28;
            let lit = drawn(house * 8 + column, row + 100 * layer as i32) > 0.55;
            let wall = [0.012, 0.012, 0.03].map(|x| x * (2 - layer) as f32);
            light = if within && lit && top - v > 0.06 {
                [0.95, 0.62, 0.22]
            } else {
                wall
            };
        }
    }
    light
}

/// A curtain of light moves over stars.
fn night(u: f32, v: f32, t: f32) -> Light {
    let mut light = mix([0.01, 0.03, 0.06], [0.002, 0.004, 0.02], smooth(0.5 + 0.5 * v));
    let (x, y) = ((u * 40.0).floor() as i32, (v * 40.0).floor() as i32);
    let star = drawn(x, y);
    if star > 0.965 {
        let away = ((u * 40.0).fract().abs() - 0.5).hypot((v * 40.0).fract().abs() - 0.5);
        let twinkle = 0.6 + 0.4 * (6.0 * t + 40.0 * star).sin();
        light = mix(light, [0.9, 0.95, 1.0], twinkle * (1.0 - smooth(away / 0.35)));
    }
    let fold = 0.25 * (1.7 * u + 0.9 * t).sin() + 0.12 * (4.3 * u - 1.4 * t).sin();
    let height = v - fold + 0.1;
    let curtain =
        (-7.0 * height.max(0.0)).exp() * smooth(1.0 + 9.0 * height) * (0.65 + 0.35 * (23.0 * u + 3.0 * t).sin());
    let colour = mix([0.10, 0.85, 0.45], [0.35, 0.18, 0.75], smooth(2.0 * height));
    std::array::from_fn(|i| light[i] + 0.8 * curtain * colour[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean difference of two frames, levels.
    fn apart(a: u32, b: u32) -> f64 {
        let paint = |index| {
            let mut out = vec![0; WIDTH * HEIGHT * 3];
            frame(index, &mut out);
            out
        };
        let (a, b) = (paint(a), paint(b));
        let sum: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / a.len() as f64
    }

    #[test]
    fn a_shot_of_the_sample_goes_over_into_the_next() {
        for cut in &CUTS[1..] {
            assert!(apart(cut - 1, *cut) > 25.0, "at frame {cut}");
        }
        assert!(apart(FLASH - 1, FLASH) > 50.0, "no flash");
        assert!(apart(FRAMES - 1, FRAMES) < 1e-9, "it does not end in black");
    }
}
