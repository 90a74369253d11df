//! Effects of the trailer and the cut: what hits, falls, rises and passes.

use super::canvas::{Canvas, OneShot, Pass};
use super::filter::{Svf, SvfShape};
use super::noise::{Chance, White};
use super::track::{Control, Frame, Gesture, Instrument, QUANTUM, hertz};
use crate::SAMPLE_RATE;
use crate::lanes::add;

/// Draws a one-shot effect for a pitch: the pitch sets the size (higher is smaller).
pub(crate) fn draw(name: &str, pitch: u8, chance: &mut Chance) -> OneShot {
    let size = ((48.0 - f32::from(pitch)) / 24.0).exp2();
    match name {
        "impact" => impact(size, chance),
        "boom" => boom(size, chance),
        "sub-drop" => sub_drop(size, chance),
        "sparkle" => sparkle(hertz(pitch), chance),
        _ => tick(hertz(pitch), chance),
    }
}

fn impact(size: f32, chance: &mut Chance) -> OneShot {
    let mut body = Canvas::new(2.6);
    let mut bright = Canvas::new(1.6);
    body.sweep(0.0, 41.0 / size.sqrt(), 120.0, 0.045, 1.5 * size.sqrt(), 0.9, 0.2);
    body.noise(0.0, Pass::Low(190.0), 0.001, 0.9, 1.6, chance);
    body.noise(0.0, Pass::Band(520.0, 0.5), 0.0008, 0.5, 0.8, chance);
    for _ in 0..26 {
        let hz = 70.0 * 24f32.powf(chance.unit());
        body.mode(
            0.0,
            hz / size.sqrt(),
            chance.between(0.15, 0.9) * (300.0 / hz).powf(0.25).min(1.4),
            0.07,
            chance.unit(),
        );
    }
    body.drive(1.3);
    bright.noise(0.0, Pass::Band(1900.0, 0.5), 0.0004, 0.35, 0.8, chance);
    bright.noise(0.0, Pass::High(3800.0), 0.0003, 0.16, 0.55, chance);
    bright.noise(0.0, Pass::Band(6500.0, 0.6), 0.02, 1.1, 0.10, chance);
    body.trim();
    bright.trim();
    OneShot::new(&body, &bright, 0.0, 0.5, 1.7, chance)
}

fn boom(size: f32, chance: &mut Chance) -> OneShot {
    let mut body = Canvas::new(3.4);
    let mut bright = Canvas::new(0.8);
    body.sweep(0.0, 34.0 / size.sqrt(), 62.0, 0.09, 2.6, 1.0, 0.2);
    body.sweep(0.0, 51.0 / size.sqrt(), 40.0, 0.07, 1.3, 0.4, 0.0);
    body.noise(0.0, Pass::Low(110.0), 0.004, 1.6, 1.8, chance);
    body.noise(0.0, Pass::Low(420.0), 0.001, 0.25, 0.6, chance);
    body.drive(0.8);
    bright.noise(0.0, Pass::Band(900.0, 0.5), 0.0006, 0.20, 0.5, chance);
    bright.noise(0.0, Pass::Band(2600.0, 0.6), 0.0004, 0.05, 0.3, chance);
    body.trim();
    bright.trim();
    OneShot::new(&body, &bright, 0.0, 0.35, 2.0, chance)
}

fn sub_drop(size: f32, chance: &mut Chance) -> OneShot {
    let mut body = Canvas::new(3.2);
    // Down an octave and a half, slowly, with the overtones a small speaker needs.
    body.sweep(0.0, 29.0 / size.sqrt(), 62.0, 0.55, 3.0, 0.9, 0.0);
    body.drive(0.9);
    let mut bright = Canvas::new(0.5);
    bright.sweep(0.0, 58.0 / size.sqrt(), 130.0, 0.4, 0.5, 0.25, 0.0);
    bright.noise(0.0, Pass::Band(1400.0, 0.6), 0.0005, 0.03, 0.5, chance);
    body.trim();
    bright.trim();
    OneShot::new(&body, &bright, 0.0, 0.0, 0.1, chance)
}

fn tick(hz: f32, chance: &mut Chance) -> OneShot {
    let mut body = Canvas::new(0.12);
    let mut bright = Canvas::new(0.05);
    let hz = (hz * 4.0).clamp(700.0, 5200.0);
    body.mode(0.0, hz * chance.between(0.99, 1.01), 0.03, 0.5, 0.2);
    body.mode(0.0, hz * 1.71, 0.02, 0.3, chance.unit());
    body.mode(0.0, hz * 2.63, 0.012, 0.2, chance.unit());
    bright.noise(0.0, Pass::High(4000.0), 0.0002, 0.01, 0.5, chance);
    body.trim();
    bright.trim();
    OneShot::new(&body, &bright, 0.0, 0.1, 0.2, chance)
}

fn sparkle(hz: f32, chance: &mut Chance) -> OneShot {
    const STEPS: [f32; 8] = [0.0, 2.0, 4.0, 7.0, 9.0, 12.0, 14.0, 16.0];
    let mut out = OneShot::default();
    // A handful of tiny bells, each in its own place, the first at once.
    for i in 0..9 {
        let at = if i == 0 {
            0.0
        } else {
            0.05 * i as f32 * chance.between(0.8, 1.2)
        };
        let note = hz.max(500.0) * ((STEPS[i % 8] + if i == 8 { 24.0 } else { 0.0 }) / 12.0).exp2();
        let mut bell = Canvas::new(at + 1.3);
        let level = 0.5 * (1.0 - 0.06 * i as f32);
        for (ratio, amp, t60) in [(1.0, 1.0, 1.0), (2.76, 0.35, 0.5), (5.4, 0.2, 0.25), (8.9, 0.1, 0.12)] {
            bell.mode(at, note * ratio, t60, level * amp, 0.0);
        }
        bell.noise(at, Pass::High(7000.0), 0.0004, 0.02, 0.12, chance);
        bell.trim();
        let one = OneShot::new(&bell, &Canvas::new(0.0), chance.sign() * 0.8, 0.2, 0.6, chance);
        for (out, one) in out.body.iter_mut().zip(&one.body) {
            out.resize(out.len().max(one.len()), 0.0);
            add(out, one);
        }
    }
    out
}

/// Sounds that take their whole length to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Climbs to the note's end.
    Riser,
    /// A cymbal run backwards, to the note's end.
    ReverseCymbal,
    /// Passes by: loudest in the middle of the note.
    Whoosh,
}

struct Moving {
    length: f32,
    at: usize,
    wait: usize,
    velocity: f32,
    white: White,
    filters: [[Svf; 2]; 3],
    level: f32,
    hz: f32,
    phase: [f32; 6],
    spread: [f32; 6],
    side: f32,
    cut: f32,
}

/// Plays passages.
pub(crate) struct Passages {
    kind: Passage,
    /// Who passes chooses a side by chance, unless the track says where it goes.
    wanders: bool,
    moving: Vec<Moving>,
    ids: Vec<u32>,
    seed: u64,
}

impl Passages {
    pub(crate) fn new(kind: Passage, wanders: bool, seed: u64) -> Self {
        Self {
            kind,
            wanders,
            moving: Vec::with_capacity(8),
            ids: Vec::with_capacity(8),
            seed,
        }
    }
}

impl Instrument for Passages {
    fn lead_s(&self, _gesture: &Gesture) -> f32 {
        0.0
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let mut chance = Chance::new(self.seed, u64::from(g.id) + 1);
        if self.moving.len() == 8 {
            self.moving.remove(0);
            self.ids.remove(0);
        }
        let mut spread = [0.0; 6];
        for (i, s) in spread.iter_mut().enumerate() {
            // No two in a ratio of small numbers: a cluster, not a chord.
            *s = (0.31 * i as f32 - 0.6 + 0.06 * chance.sign()).exp2();
        }
        self.moving.push(Moving {
            length: ((g.off - g.on) as f32).max(4800.0),
            at: 0,
            wait: at,
            velocity: g.velocity,
            white: White::new(&mut chance),
            filters: Default::default(),
            level: 0.0,
            hz: hertz(g.pitch),
            phase: [0.0; 6].map(|_: f32| chance.unit()),
            spread,
            side: match chance.unit() < 0.5 {
                _ if !self.wanders => 0.0,
                true => -1.0,
                false => 1.0,
            },
            cut: 1.0,
        });
        self.ids.push(g.id);
    }

    fn end(&mut self, _id: u32) {}

    fn render(&mut self, control: &Control, out: &mut Frame) -> bool {
        let sounding = !self.moving.is_empty();
        let kind = self.kind;
        let mut i = 0;
        while i < self.moving.len() {
            let alive = match kind {
                Passage::Riser => self.moving[i].riser(control, out),
                Passage::ReverseCymbal => self.moving[i].cymbal(out),
                Passage::Whoosh => self.moving[i].whoosh(out),
            };
            if alive {
                i += 1;
            } else {
                self.moving.swap_remove(i);
                self.ids.swap_remove(i);
            }
        }
        sounding
    }
}

impl Moving {
    /// How far into the passage this quantum ends, 0 to 1, and the first sample of it that sounds.
    fn advance(&mut self) -> (f32, usize) {
        let from = self.wait;
        self.wait = 0;
        self.at += QUANTUM - from;
        (self.at as f32 / self.length, from)
    }

    /// Adds two channels of noise through a band, levels moving from the last to `level`; `pan` −1 to 1.
    fn band(&mut self, n: usize, shape: &SvfShape, from: usize, level: (f32, f32), pan: f32, out: &mut Frame) {
        let angle = (pan.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4;
        for (c, (channel, side)) in [(&mut out.l, angle.cos()), (&mut out.r, angle.sin())]
            .into_iter()
            .enumerate()
        {
            let mut noise = [0.0; QUANTUM];
            self.white.fill(&mut noise);
            let mut gain = level.0 * side;
            let step = (level.1 - level.0) * side / QUANTUM as f32;
            for (o, x) in channel[from..].iter_mut().zip(&noise) {
                gain += step;
                *o += self.filters[n][c].band(shape, *x) * gain;
            }
        }
    }

    /// What follows the top: the passage stops short, in 25 ms.
    fn close(&mut self, x: f32) -> f32 {
        if x > 1.0 {
            self.cut *= 0.35;
        }
        self.cut
    }

    fn riser(&mut self, control: &Control, out: &mut Frame) -> bool {
        let (x, from) = self.advance();
        let cut = self.close(x);
        let y = x.min(1.0);
        let before = self.level;
        self.level = (y * y * 0.9 + 0.1 * y) * cut * self.velocity;
        let level = (before, self.level);
        let hz = 300.0 * 24f32.powf(y);
        self.band(
            0,
            &SvfShape::new(hz, 1.4),
            from,
            (level.0 * 0.9, level.1 * 0.9),
            0.0,
            out,
        );
        self.band(
            1,
            &SvfShape::new(hz * 1.9, 0.8),
            from,
            (level.0 * 0.4, level.1 * 0.4),
            0.0,
            out,
        );
        // A cluster that climbs an octave, in the shiver of six saws kept dull, too wide to have a pitch.
        let climb = self.hz * control.bend * (y * y).exp2();
        let shake = 0.75 + 0.25 * (y * y * 60.0 * std::f32::consts::TAU).sin();
        for k in 0..6 {
            let turn = climb * self.spread[k] / SAMPLE_RATE as f32;
            let mut phase = self.phase[k];
            let (mut gain, step) = (before * 0.09, (self.level - before) * 0.09 / QUANTUM as f32);
            let channel = if k % 2 == 0 { &mut out.l } else { &mut out.r };
            for o in &mut channel[from..] {
                phase += turn;
                phase -= phase.floor();
                // A parabola bent towards a saw: harmonics fall by 12 dB an octave, nothing folds audibly.
                let t = 2.0 * phase - 1.0;
                *o += (t - t * t * t) * 2.6 * gain * shake;
                gain += step;
            }
            self.phase[k] = phase;
        }
        cut > 1e-3
    }

    fn cymbal(&mut self, out: &mut Frame) -> bool {
        let (x, from) = self.advance();
        let cut = self.close(x);
        let y = x.min(1.0);
        let before = self.level;
        self.level = (0.02 + (5.0 * (y - 1.0)).exp()) * cut * self.velocity * (y * 20.0).min(1.0);
        for (n, (hz, q, share)) in [
            (9500.0 - 2500.0 * y, 0.6, 0.9),
            (4300.0, 0.6, 0.5),
            (1500.0, 0.6, 0.25 * y),
        ]
        .into_iter()
        .enumerate()
        {
            self.band(
                n,
                &SvfShape::new(hz, q),
                from,
                (before * share, self.level * share),
                0.0,
                out,
            );
        }
        cut > 1e-3
    }

    fn whoosh(&mut self, out: &mut Frame) -> bool {
        let (x, from) = self.advance();
        let before = self.level;
        // Nearer, past, away: a bell-shaped level, the pitch of the air falling as it passes.
        let d = (x - 0.5) * 4.4;
        self.level = (-d * d * 0.9).exp() * self.velocity * (1.0 - ((x - 0.9) * 10.0).clamp(0.0, 1.0)).max(0.0);
        let hz =
            380.0 + 1500.0 * (-d * d * 0.5).exp() * (1.0 - 0.25 * d.clamp(-1.0, 1.0)) * (self.hz / 440.0).powf(0.5);
        let pan = (x * 2.0 - 1.0) * 0.7 * self.side;
        let level = (before, self.level);
        self.band(0, &SvfShape::new(hz, 0.9), from, level, pan, out);
        self.band(
            1,
            &SvfShape::new(hz * 2.6, 0.7),
            from,
            (level.0 * 0.45, level.1 * 0.45),
            pan,
            out,
        );
        self.band(
            2,
            &SvfShape::new(180.0, 0.6),
            from,
            (level.0 * 0.8, level.1 * 0.8),
            pan * 0.3,
            out,
        );
        x < 1.0
    }
}
