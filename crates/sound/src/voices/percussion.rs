//! Hand percussion and small things.

use super::canvas::{Canvas, Pass};
use super::drums::lfsr;
use super::kits::{Character, Metal, Stick};
use super::noise::Chance;

/// Draws one take of a piece: (what a soft blow brings, what a hard one adds).
pub(crate) fn draw(pitch: u8, c: &Character, chance: &mut Chance) -> (Canvas, Canvas) {
    if c.metal == Metal::Chip {
        return chip(pitch, chance);
    }
    match pitch {
        54 => jingles(chance),
        56 => cowbell(c, chance),
        60 => skin(395.0, 0.16, 0.5, chance),
        61 => skin(285.0, 0.20, 0.5, chance),
        62 => skin(240.0, 0.07, 0.9, chance),
        63 => skin(212.0, 0.38, 0.4, chance),
        64 => skin(158.0, 0.46, 0.35, chance),
        69 => grains(6200.0, 0.018, 0.06, 0.5, chance),
        70 => grains(7400.0, 0.014, 0.055, 0.42, chance),
        82 => grains(8200.0, 0.022, 0.07, 0.28, chance),
        75 => wood(2480.0, 0.055, chance),
        76 => wood(1080.0, 0.07, chance),
        77 => wood(760.0, 0.08, chance),
        80 => triangle(0.12, chance),
        81 => triangle(2.6, chance),
        _ => wood(1500.0, 0.05, chance),
    }
}

fn chip(pitch: u8, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(0.4);
    match pitch {
        54 | 69 | 70 | 82 => {
            lfsr(&mut body, 44_000.0, 0.05, 0.35, chance);
            body.pass(Pass::High(6000.0));
        }
        80 | 81 => body.mode(0.0, 4186.0, if pitch == 81 { 0.4 } else { 0.08 }, 0.4, 0.0),
        other => {
            let hz = match other {
                60 => 520.0,
                61 => 390.0,
                62 | 63 => 300.0,
                64 => 220.0,
                56 => 620.0,
                _ => 1200.0,
            };
            for k in [1.0, 3.0, 5.0, 7.0] {
                body.sweep(0.0, hz * k, hz * k * 0.3, 0.02, 0.12, 0.5 / k, 0.0);
            }
        }
    }
    (body, Canvas::new(0.0))
}

/// A small drum under a hand: slapped, its overtones outlast its note; open, the other way.
fn skin(hz: f32, t60: f32, slap: f32, chance: &mut Chance) -> (Canvas, Canvas) {
    let hz = hz * chance.between(0.99, 1.01);
    let mut body = Canvas::new(t60 * 1.3 + 0.05);
    let mut bright = Canvas::new(0.25);
    body.sweep(0.0, hz, hz * 0.12, 0.015, t60, 0.85, 0.2);
    for (ratio, amp, life) in [
        (1.59, 0.30, 0.5),
        (2.14, 0.22, 0.4),
        (2.65, 0.14, 0.3),
        (2.92, 0.12, 0.3),
    ] {
        body.mode(
            0.0,
            hz * ratio * chance.between(0.985, 1.015),
            t60 * life,
            amp,
            chance.unit(),
        );
    }
    bright.noise(0.0, Pass::Band(1700.0, 0.6), 0.0006, 0.035, 0.8 * slap, chance);
    bright.noise(0.0, Pass::Band(3600.0, 0.7), 0.0004, 0.018, 0.5 * slap, chance);
    for ratio in [3.6, 4.2, 5.1] {
        bright.mode(
            0.0,
            hz * ratio * chance.between(0.97, 1.03),
            0.06,
            0.25 * slap,
            chance.unit(),
        );
    }
    (body, bright)
}

/// Beads or seeds: a breath of many small collisions, denser in the middle of the stroke.
fn grains(hz: f32, rise: f32, t60: f32, amp: f32, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(rise + t60 * 2.2);
    let mut bright = Canvas::new(rise + t60 * 2.0);
    body.noise(0.0, Pass::High(hz * 0.6), 0.002, t60, amp * 0.5, chance);
    let span = rise + t60;
    for _ in 0..90 {
        let at = span * 0.5 * (chance.unit() + chance.unit()) * 0.8;
        let centre = hz * chance.between(0.75, 1.5);
        let level = amp * 0.5 * chance.unit() * (1.0 - at / span);
        body.mode(at, centre, 0.006, level, chance.unit());
    }
    bright.noise(0.0, Pass::High(hz), 0.001, t60 * 0.6, amp, chance);
    (body, bright)
}

/// Pairs of small plates struck against each other several times within one blow.
fn jingles(chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(0.45);
    let mut bright = Canvas::new(0.3);
    for pair in 0..7 {
        let at = if pair == 0 { 0.0 } else { chance.between(0.0, 0.03) };
        for hz in [5150.0, 6320.0, 8050.0, 9900.0, 12_100.0] {
            let hz = hz * chance.between(0.93, 1.07);
            body.mode(at, hz, chance.between(0.10, 0.26), 0.09 * chance.unit(), chance.unit());
        }
    }
    body.noise(0.0, Pass::High(6500.0), 0.001, 0.09, 0.20, chance);
    bright.noise(0.0, Pass::High(7500.0), 0.0006, 0.07, 0.35, chance);
    bright.noise(0.0, Pass::Band(900.0, 0.7), 0.0006, 0.03, 0.25, chance);
    (body, bright)
}

fn cowbell(c: &Character, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(0.5);
    let mut bright = Canvas::new(0.15);
    let machine = c.stick == Stick::Machine;
    for (hz, amp) in [(541.0, 0.55), (802.0, 0.6)] {
        for k in [1.0, 3.0, 5.0, 7.0] {
            let hz = hz * k * if machine { 1.0 } else { chance.between(0.99, 1.015) };
            body.mode(
                0.0,
                hz,
                if machine { 0.32 } else { 0.26 } / k.sqrt(),
                amp / (k * 1.2),
                chance.unit(),
            );
        }
    }
    body.bell(2600.0, 1.0, 1.5);
    bright.noise(0.0, Pass::Band(3200.0, 0.7), 0.0003, 0.02, 0.4, chance);
    (body, bright)
}

/// A bar of hard wood.
fn wood(hz: f32, t60: f32, chance: &mut Chance) -> (Canvas, Canvas) {
    let hz = hz * chance.between(0.992, 1.008);
    let mut body = Canvas::new(t60 * 2.0);
    let mut bright = Canvas::new(0.08);
    body.mode(0.0, hz, t60, 0.8, 0.2);
    body.mode(0.0, hz * 1.52, t60 * 0.5, 0.25, chance.unit());
    body.mode(0.0, hz * 2.42, t60 * 0.4, 0.22, chance.unit());
    bright.noise(0.0, Pass::Band(hz * 2.2, 0.7), 0.0002, 0.012, 0.45, chance);
    (body, bright)
}

fn triangle(t60: f32, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(t60 * 1.1 + 0.05);
    let mut bright = Canvas::new(t60 * 0.5 + 0.05);
    for (hz, amp) in [
        (1290.0, 0.10),
        (2415.0, 0.12),
        (3870.0, 0.20),
        (4630.0, 0.16),
        (5980.0, 0.22),
        (7150.0, 0.16),
        (9040.0, 0.16),
        (11_300.0, 0.12),
        (13_800.0, 0.08),
    ] {
        let hz = hz * chance.between(0.995, 1.005);
        body.mode(0.0, hz, t60 * chance.between(0.5, 1.0), amp, chance.unit());
        bright.mode(0.0, hz * 1.003, t60 * 0.4, amp * 0.5, chance.unit());
    }
    bright.noise(0.0, Pass::High(6000.0), 0.0003, 0.02, 0.2, chance);
    (body, bright)
}
