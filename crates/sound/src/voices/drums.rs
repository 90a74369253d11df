//! The pieces of a kit, drawn: membranes with their modes (Fletcher and Rossing 1998, chapter 18), snare wires, plates of
//! bronze, and the old machines' ways of doing the same.

use super::canvas::{Canvas, OneShot, Pass};
use super::kits::{Character, Metal, Stick};
use super::noise::Chance;
use super::percussion;

/// Draws one take of a piece (a pitch of the General MIDI drum map).
pub(crate) fn draw(pitch: u8, c: &Character, chance: &mut Chance) -> OneShot {
    let (mut body, mut bright) = match pitch {
        35 | 36 => kick(c, if pitch == 35 { 0.86 } else { 1.0 }, chance),
        37 => side_stick(c, chance),
        38 | 40 => snare(c, pitch == 40, chance),
        39 => clap(c, chance),
        41 | 43 | 45 | 47 | 48 | 50 => tom(c, pitch, chance),
        42 | 44 | 46 => hat(c, pitch, chance),
        49 | 52 | 55 => crash(c, pitch, chance),
        51 | 53 => ride(c, pitch == 53, chance),
        other => percussion::draw(other, c, chance),
    };
    for part in [&mut body, &mut bright] {
        part.drive(c.drive * 0.5);
        part.crush(c.crush.0, c.crush.1);
        if c.top < 18_000.0 {
            part.pass(Pass::Low(c.top));
        }
        part.trim();
    }
    let pan = match pitch {
        42 | 44 | 46 => 0.34,
        51 | 53 => -0.38,
        49 => 0.42,
        52 => -0.50,
        55 => 0.20,
        50 => 0.30,
        48 => 0.18,
        47 => 0.0,
        45 => -0.14,
        43 => -0.28,
        41 => -0.42,
        54 | 70 | 82 | 69 => 0.36,
        56 => 0.22,
        60 | 63 => -0.22,
        61 | 62 | 64 => -0.32,
        75 => 0.42,
        76 | 77 => 0.30,
        80 | 81 => -0.45,
        _ => 0.0,
    };
    // The kick's length stays dry: a room under it would only be mud.
    let room = if matches!(pitch, 35 | 36) && c.stick != Stick::Orchestra {
        c.room.0 * 0.4
    } else {
        c.room.0
    };
    OneShot::new(&body, &bright, pan, room, c.room.1, chance)
}

fn kick(c: &Character, low: f32, chance: &mut Chance) -> (Canvas, Canvas) {
    let (hz, drop, fall, t60, click) = c.kick;
    let hz = hz * low * chance.between(0.985, 1.015);
    let mut body = Canvas::new(t60 * 1.2 + 0.05);
    let mut bright = Canvas::new(0.15);
    body.sweep(0.0, hz, drop, fall, t60, 1.0, 0.2);
    match c.stick {
        Stick::Machine => {
            body.sweep(0.0, hz, drop * 6.0, 0.004, t60 * 0.3, 0.35, 0.25);
            bright.noise(0.0, Pass::Band(3800.0, 0.6), 0.0003, 0.012, click * 0.8, chance);
        }
        Stick::Chip => {
            body.crush(11_000.0, 4.0);
            bright.noise(0.0, Pass::High(1500.0), 0.0003, 0.012, click, chance);
        }
        Stick::Orchestra => {
            for (ratio, amp, life) in [
                (1.59, 0.5, 0.6),
                (2.14, 0.35, 0.45),
                (2.65, 0.25, 0.35),
                (3.4, 0.16, 0.25),
            ] {
                body.mode(
                    0.0,
                    hz * ratio * chance.between(0.98, 1.02),
                    t60 * life,
                    amp,
                    chance.unit(),
                );
            }
            body.noise(0.0, Pass::Low(170.0), 0.004, 0.25, 1.4, chance);
            bright.noise(0.0, Pass::Band(500.0, 0.6), 0.003, 0.09, 0.35, chance);
        }
        _ => {
            for (ratio, amp, life) in [(1.62, 0.28, 0.35), (2.4, 0.16, 0.22), (3.6, 0.10, 0.14)] {
                body.mode(
                    0.0,
                    hz * ratio * chance.between(0.97, 1.03),
                    t60 * life,
                    amp,
                    chance.unit(),
                );
            }
            body.noise(0.0, Pass::Low(420.0), 0.001, 0.07, 0.5, chance);
            bright.noise(0.0, Pass::Band(2600.0, 0.7), 0.0004, 0.016, click, chance);
            bright.noise(0.0, Pass::Band(4800.0, 0.9), 0.0002, 0.008, click * 0.8, chance);
            bright.mode(0.0, 1150.0 * chance.between(0.97, 1.03), 0.02, click * 0.4, 0.25);
        }
    }
    body.drive(c.drive);
    (body, bright)
}

fn snare(c: &Character, rim: bool, chance: &mut Chance) -> (Canvas, Canvas) {
    let (hz, shell, wires, level, centre) = c.snare;
    let hz = hz * chance.between(0.985, 1.015);
    let mut body = Canvas::new(0.6);
    let mut bright = Canvas::new(0.6);
    match c.stick {
        Stick::Brush => {
            body.noise(0.0, Pass::Band(centre, 0.45), 0.006, wires, level * 0.8, chance);
            body.noise(
                0.012,
                Pass::Band(centre * 1.8, 0.6),
                0.02,
                wires * 0.8,
                level * 0.5,
                chance,
            );
            body.mode(0.0, hz, shell, 0.22, 0.2);
            body.mode(0.0, hz * 1.59, shell * 0.7, 0.1, 0.4);
            bright.noise(0.0, Pass::Band(centre * 1.5, 0.6), 0.001, 0.05, level, chance);
        }
        Stick::Chip => {
            lfsr(&mut body, 12_000.0, wires, 0.5, chance);
            body.sweep(0.0, hz, hz, 0.015, shell, 0.4, 0.0);
            lfsr(&mut bright, 22_000.0, wires * 0.7, 0.4, chance);
        }
        Stick::Hand => {
            for (ratio, amp, life) in [(1.0, 0.7, 1.0), (1.62, 0.5, 0.8), (2.36, 0.4, 0.6), (3.9, 0.2, 0.4)] {
                body.mode(
                    0.0,
                    hz * ratio * chance.between(0.97, 1.03),
                    shell * life,
                    amp,
                    chance.unit(),
                );
            }
            bright.noise(0.0, Pass::Band(centre, 0.5), 0.0006, wires, level * 1.6, chance);
            bright.noise(0.0, Pass::Band(1100.0, 0.8), 0.0006, 0.04, 0.6, chance);
        }
        _ => {
            let machine = c.stick == Stick::Machine;
            // Both heads and the air between: the (0,1) pair, then the rest of the upper head.
            let modes: &[(f32, f32, f32)] = if machine {
                &[(1.0, 0.8, 1.0), (1.78, 0.5, 0.7)]
            } else {
                &[
                    (1.0, 0.75, 1.0),
                    (1.47, 0.22, 0.6),
                    (1.83, 0.38, 0.7),
                    (2.36, 0.26, 0.5),
                    (2.75, 0.2, 0.45),
                    (3.4, 0.14, 0.35),
                    (4.2, 0.10, 0.3),
                ]
            };
            for &(ratio, amp, life) in modes {
                let hz = hz * ratio * if machine { 1.0 } else { chance.between(0.98, 1.02) };
                body.sweep(0.0, hz, hz * 0.22, 0.012, shell * life, amp * 0.8, chance.unit());
            }
            body.noise(
                0.0,
                Pass::Band(centre * 0.45, 0.5),
                0.001,
                wires * 0.6,
                level * 0.35,
                chance,
            );
            bright.noise(0.0, Pass::Band(centre, 0.4), 0.0012, wires, level * 0.62, chance);
            bright.noise(
                0.0,
                Pass::High(centre * 1.6),
                0.0006,
                wires * 0.65,
                level * 0.40,
                chance,
            );
            bright.noise(0.0, Pass::Band(1500.0, 0.7), 0.0003, 0.018, 0.55, chance);
            if c.stick == Stick::Orchestra {
                bright.noise(0.004, Pass::High(5000.0), 0.004, wires * 1.2, 0.3, chance);
            }
        }
    }
    if rim {
        for (hz, amp) in [(480.0, 0.3), (960.0, 0.35), (1720.0, 0.4), (2630.0, 0.3), (3900.0, 0.2)] {
            bright.mode(0.0, hz * chance.between(0.98, 1.02), 0.06, amp, chance.unit());
        }
    }
    (body, bright)
}

fn side_stick(c: &Character, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(0.2);
    let mut bright = Canvas::new(0.1);
    let dry = if c.stick == Stick::Machine {
        [(1667.0, 0.05, 0.7), (455.0, 0.05, 0.5), (2400.0, 0.03, 0.2)]
    } else {
        [(1720.0, 0.055, 0.6), (520.0, 0.07, 0.4), (2650.0, 0.035, 0.4)]
    };
    for (hz, t60, amp) in dry {
        body.mode(0.0, hz * chance.between(0.98, 1.02), t60, amp, chance.unit());
    }
    bright.noise(0.0, Pass::Band(3400.0, 0.7), 0.0003, 0.018, 0.6, chance);
    bright.mode(0.0, 4100.0 * chance.between(0.97, 1.03), 0.025, 0.25, 0.1);
    (body, bright)
}

fn clap(c: &Character, chance: &mut Chance) -> (Canvas, Canvas) {
    let mut body = Canvas::new(0.5);
    let mut bright = Canvas::new(0.3);
    if c.metal == Metal::Chip {
        lfsr(&mut body, 16_000.0, 0.12, 0.6, chance);
        return (body, bright);
    }
    // Several hands within thirty milliseconds, then the room's answer.
    for start in [0.0, 0.0095, 0.0185] {
        let start = start * chance.between(0.9, 1.1);
        body.noise(
            start,
            Pass::Band(1150.0 * chance.between(0.93, 1.07), 0.8),
            0.0006,
            0.022,
            1.2,
            chance,
        );
        bright.noise(start, Pass::Band(2500.0, 0.7), 0.0004, 0.016, 0.7, chance);
    }
    body.noise(0.026, Pass::Band(1200.0, 0.7), 0.001, 0.20, 1.0, chance);
    bright.noise(0.026, Pass::Band(2700.0, 0.5), 0.001, 0.13, 0.5, chance);
    (body, bright)
}

fn tom(c: &Character, pitch: u8, chance: &mut Chance) -> (Canvas, Canvas) {
    let step = match pitch {
        41 => 0.0,
        43 => 3.0,
        45 => 6.0,
        47 => 9.0,
        48 => 12.0,
        _ => 16.0f32,
    };
    let hz = c.tom.0 * (step / 12.0f32).exp2() * chance.between(0.99, 1.01);
    let t60 = c.tom.1 * (1.0 - step / 40.0);
    let mut body = Canvas::new(t60 * 1.3 + 0.05);
    let mut bright = Canvas::new(0.2);
    body.sweep(0.0, hz, hz * 0.45, 0.028, t60, 0.9, 0.2);
    match c.stick {
        Stick::Machine | Stick::Chip => {
            body.noise(0.0, Pass::Low(1200.0), 0.001, t60 * 0.2, 0.10, chance);
            if c.stick == Stick::Chip {
                body.crush(9_000.0, 4.0);
            }
        }
        _ => {
            for (ratio, amp, life) in [
                (1.59, 0.42, 0.55),
                (2.14, 0.26, 0.4),
                (2.30, 0.14, 0.35),
                (2.65, 0.16, 0.3),
                (2.92, 0.10, 0.3),
                (3.5, 0.08, 0.2),
            ] {
                body.sweep(
                    0.0,
                    hz * ratio * chance.between(0.985, 1.015),
                    hz * 0.2,
                    0.02,
                    t60 * life,
                    amp,
                    chance.unit(),
                );
            }
            body.noise(0.0, Pass::Low(700.0), 0.001, 0.09, 0.35, chance);
        }
    }
    bright.noise(0.0, Pass::Band(1900.0, 0.6), 0.0005, 0.03, 0.45, chance);
    bright.noise(0.0, Pass::Band(4200.0, 0.8), 0.0003, 0.012, 0.25, chance);
    (body, bright)
}

/// A plate's crowded modes between `low` and `high` hertz: more of them the higher, the high ones dying first.
fn plate(canvas: &mut Canvas, low: f32, high: f32, count: usize, t60: f32, amp: f32, chance: &mut Chance) {
    for i in 0..count {
        let place = (i as f32 + chance.unit()) / count as f32;
        let hz = low * (high / low).powf(place.powf(0.75));
        let life = t60 * (1.25 - 0.85 * place) * chance.between(0.6, 1.3);
        canvas.mode(
            0.0,
            hz,
            life,
            amp / (count as f32).sqrt() * chance.between(0.4, 1.5),
            chance.unit(),
        );
    }
}

/// Six square waves out of tune with each other, band by band: the metal of the classic machines.
fn squares(canvas: &mut Canvas, t60: f32, amp: f32, chance: &mut Chance) {
    const HZ: [f32; 6] = [205.3, 304.4, 369.6, 522.7, 540.0, 800.0];
    for hz in HZ {
        let mut k = 1.0;
        let base = hz * 1.02;
        while base * k < 17_000.0 {
            if base * k > 3500.0 {
                canvas.mode(
                    0.0,
                    base * k,
                    t60 * chance.between(0.95, 1.05),
                    amp * 0.9 / k.sqrt() * 0.35,
                    chance.unit(),
                );
            }
            k += 2.0;
        }
    }
}

/// Noise of a fifteen-bit shift register clocked at `rate`.
pub(crate) fn lfsr(canvas: &mut Canvas, rate: f32, t60: f32, amp: f32, chance: &mut Chance) {
    let mut register = (chance.next() as u16 & 0x7fff) | 1;
    let decay = (-6.907_755 / (t60 * crate::SAMPLE_RATE as f32)).exp();
    let (mut due, mut level, mut held) = (0.0, amp, 0.0);
    for x in &mut canvas.wave {
        due += rate / crate::SAMPLE_RATE as f32;
        let mut steps = 0.0f32;
        let mut sum = 0.0;
        while due >= 1.0 {
            due -= 1.0;
            let bit = (register ^ (register >> 1)) & 1;
            register = (register >> 1) | (bit << 14);
            held = if register & 1 == 1 { 1.0 } else { -1.0 };
            sum += held;
            steps += 1.0;
        }
        *x += level * if steps > 0.0 { sum / steps } else { held };
        level *= decay;
    }
}

fn hat(c: &Character, pitch: u8, chance: &mut Chance) -> (Canvas, Canvas) {
    let (closed, open, high) = c.hat;
    let t60 = match pitch {
        42 => closed,
        44 => closed * 0.8,
        _ => open,
    } * chance.between(0.93, 1.07);
    let mut body = Canvas::new(t60 * 1.4 + 0.02);
    let mut bright = Canvas::new(t60 * 1.4 + 0.02);
    let soft = if pitch == 44 { 0.6 } else { 1.0 };
    match c.metal {
        Metal::Bronze => {
            plate(&mut body, 2800.0, 12_500.0, 46, t60 * 1.1, 0.50 * soft, chance);
            body.noise(0.0, Pass::High(high), 0.0008, t60 * 0.9, 0.16 * soft, chance);
            bright.noise(0.0, Pass::High(high * 1.15), 0.0004, t60 * 0.75, 0.26 * soft, chance);
            bright.noise(0.0, Pass::Band(high * 0.8, 0.6), 0.0002, 0.012, 0.4 * soft, chance);
            if pitch == 44 {
                body.noise(0.0, Pass::Band(900.0, 0.8), 0.001, 0.025, 0.25, chance);
            }
        }
        Metal::Machine => {
            squares(&mut body, t60, 0.30 * soft, chance);
            body.pass(Pass::High(high * 0.9));
            body.noise(0.0, Pass::High(high), 0.0003, t60 * 0.9, 0.12 * soft, chance);
            bright.noise(0.0, Pass::High(high * 1.2), 0.0003, t60 * 0.7, 0.20 * soft, chance);
        }
        Metal::Chip => {
            lfsr(&mut body, 44_000.0, t60, 0.4 * soft, chance);
            body.pass(Pass::High(5000.0));
        }
    }
    body.pass(Pass::High(high * 0.35));
    (body, bright)
}

fn crash(c: &Character, pitch: u8, chance: &mut Chance) -> (Canvas, Canvas) {
    let t60 = match (pitch, c.stick) {
        (49, Stick::Orchestra) => 4.2,
        (49, _) => 2.6,
        (52, _) => 1.6,
        _ => 1.0,
    };
    let mut body = Canvas::new(t60 * 1.1);
    let mut bright = Canvas::new(t60 * 0.8);
    match c.metal {
        Metal::Chip => lfsr(&mut body, 20_000.0, 0.8, 0.5, chance),
        metal => {
            let low = if pitch == 55 { 620.0 } else { 340.0 };
            let modes = if metal == Metal::Machine { 40 } else { 90 };
            plate(&mut body, low, 9000.0, modes, t60, 0.55, chance);
            // The wash builds for a few milliseconds and leaves from the top down.
            for (hz, life, amp) in [
                (900.0, 1.0, 0.10),
                (2000.0, 0.85, 0.16),
                (4200.0, 0.65, 0.26),
                (7800.0, 0.45, 0.34),
            ] {
                body.noise(0.0, Pass::Band(hz, 0.6), 0.004, t60 * life, amp, chance);
            }
            bright.noise(0.0, Pass::High(6500.0), 0.002, t60 * 0.40, 0.38, chance);
            bright.noise(0.0, Pass::Band(3300.0, 0.5), 0.001, t60 * 0.28, 0.32, chance);
            bright.noise(0.0, Pass::Band(2400.0, 0.7), 0.0003, 0.03, 0.5, chance);
            if pitch == 52 {
                body.drive(1.5);
            }
        }
    }
    body.pass(Pass::High(240.0));
    (body, bright)
}

fn ride(c: &Character, bell: bool, chance: &mut Chance) -> (Canvas, Canvas) {
    if c.metal == Metal::Chip {
        let mut body = Canvas::new(0.4);
        lfsr(&mut body, 40_000.0, 0.25, 0.35, chance);
        body.pass(Pass::High(6000.0));
        return (body, Canvas::new(0.0));
    }
    let t60 = if c.metal == Metal::Machine { 1.1 } else { 2.0 };
    let mut body = Canvas::new(t60 * 1.1);
    let mut bright = Canvas::new(0.8);
    let brush = if c.stick == Stick::Brush { 0.5 } else { 1.0 };
    if bell {
        for (hz, amp) in [
            (562.0, 0.3),
            (843.0, 0.34),
            (1248.0, 0.3),
            (1906.0, 0.3),
            (2740.0, 0.24),
            (3655.0, 0.2),
            (4810.0, 0.16),
            (6100.0, 0.1),
        ] {
            body.mode(
                0.0,
                hz * chance.between(0.995, 1.005),
                t60 * 0.6,
                amp * 0.6,
                chance.unit(),
            );
        }
    }
    plate(
        &mut body,
        420.0,
        8500.0,
        52,
        t60,
        if bell { 0.12 } else { 0.20 },
        chance,
    );
    body.noise(0.0, Pass::Band(5200.0, 0.5), 0.004, t60 * 0.6, 0.05, chance);
    // The stick's ping.
    for hz in [2350.0, 3120.0, 3980.0, 4720.0, 5900.0, 7200.0] {
        bright.mode(0.0, hz * chance.between(0.97, 1.03), 0.28, 0.13 * brush, chance.unit());
    }
    bright.noise(0.0, Pass::High(5000.0), 0.0004, 0.05, 0.30 * brush, chance);
    bright.noise(0.0, Pass::High(7000.0), 0.001, 0.4, 0.05, chance);
    body.pass(Pass::High(280.0));
    (body, bright)
}
