//! Places: beds of moving noise, grains that fall at random, creatures that call. Nothing repeats, nothing is in tune.

use super::filter::SvfShape;
use super::noise::{Chance, Drift, White};
use super::scenes::SCENES;
use super::track::{Control, Frame, Gesture, Instrument, QUANTA, QUANTUM};
use crate::SAMPLE_RATE;

const RATE: f32 = SAMPLE_RATE as f32;
const MOST_GRAINS: usize = 48;
const MOST_BEDS: usize = 8;
const MOST_CALLERS: usize = 8;

/// A band of noise that moves.
#[derive(Debug)]
pub(crate) struct Bed {
    /// Where its centre wanders, hertz.
    pub(crate) hz: (f32, f32),
    pub(crate) q: f32,
    pub(crate) level: f32,
    /// How much it comes and goes, 0 to 1.
    pub(crate) gust: f32,
    /// Seconds in which it changes.
    pub(crate) pace_s: f32,
    /// Seconds of a wave of surf, 0 for none.
    pub(crate) wave_s: f32,
    /// Strokes a second, 0 for none.
    pub(crate) pulse_hz: f32,
}

/// Small things that fall, burst or click.
#[derive(Debug)]
pub(crate) struct Grain {
    /// How many a second.
    pub(crate) rate: f32,
    pub(crate) hz: (f32, f32),
    pub(crate) t60: (f32, f32),
    pub(crate) level: f32,
    /// By what share the pitch rises over its life.
    pub(crate) bend: f32,
    pub(crate) noisy: bool,
    /// How far their number follows the first bed.
    pub(crate) bunch: f32,
}

/// Creatures that call.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) count: usize,
    pub(crate) hz: (f32, f32),
    pub(crate) sweep: f32,
    pub(crate) syllables: (u32, u32),
    pub(crate) length_s: (f32, f32),
    pub(crate) gap_s: (f32, f32),
    pub(crate) pause_s: (f32, f32),
    pub(crate) flutter_hz: f32,
    pub(crate) level: f32,
}

/// A place.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) beds: &'static [Bed],
    pub(crate) grains: &'static [Grain],
    pub(crate) callers: &'static [Caller],
}

impl Scene {
    /// The place of a voice.
    pub(crate) fn named(name: &str) -> Option<&'static Scene> {
        SCENES.iter().find(|s| s.0 == name).map(|s| &s.1)
    }
}

struct BedState {
    centre: [Drift; 2],
    gust: Drift,
    turn: f32,
    period: f32,
    stroke: f32,
    stroke_hz: f32,
}

/// Noise through as many moving bands as there are lanes: bed by bed, left and right, all computed beside each other.
struct Bands {
    white: [u32; LANES],
    a1: [f32; LANES],
    a2: [f32; LANES],
    a3: [f32; LANES],
    gain: [f32; LANES],
    /// Integrators of two filters in a row: 12 dB an octave on both sides.
    ic: [[f32; LANES]; 4],
}

const LANES: usize = 16;

impl Bands {
    /// Adds one quantum: the first `N` lanes, gains moving to `goal`, noise times `strokes` where a bed has them.
    fn add<const N: usize>(
        &mut self,
        goal: &[f32; LANES],
        strokes: &[[f32; QUANTUM]; 2],
        engine: [usize; 2],
        out: &mut Frame,
    ) {
        let mut white = [0u32; N];
        let (mut a1, mut a2, mut a3) = ([0.0f32; N], [0.0f32; N], [0.0f32; N]);
        let (mut gain, mut rise) = ([0.0f32; N], [0.0f32; N]);
        let mut ic = [[0.0f32; N]; 4];
        for i in 0..N {
            white[i] = self.white[i];
            (a1[i], a2[i], a3[i]) = (self.a1[i], self.a2[i], self.a3[i]);
            gain[i] = self.gain[i];
            rise[i] = (goal[i] - self.gain[i]) / QUANTUM as f32;
            for k in 0..4 {
                ic[k][i] = self.ic[k][i];
            }
        }
        for j in 0..QUANTUM {
            let mut y = [0.0f32; N];
            for i in 0..N {
                let mut w = white[i];
                w ^= w << 13;
                w ^= w >> 17;
                w ^= w << 5;
                white[i] = w;
                let x = (w as i32) as f32 * (1.0 / 2_147_483_648.0);
                let mut x = x;
                for k in [0, 2] {
                    let v3 = x - ic[k + 1][i];
                    let v1 = a1[i] * ic[k][i] + a2[i] * v3;
                    let v2 = ic[k + 1][i] + a2[i] * ic[k][i] + a3[i] * v3;
                    ic[k][i] = 2.0 * v1 - ic[k][i];
                    ic[k + 1][i] = 2.0 * v2 - ic[k + 1][i];
                    x = v1;
                }
                gain[i] += rise[i];
                y[i] = x * gain[i];
            }
            for (lane, stroke) in engine.iter().zip(strokes) {
                if *lane + 1 < N {
                    y[*lane] *= stroke[j];
                    y[*lane + 1] *= stroke[j];
                }
            }
            let mut sum = [0.0f32; 2];
            for pair in y.as_chunks::<2>().0 {
                sum[0] += pair[0];
                sum[1] += pair[1];
            }
            out.l[j] += sum[0];
            out.r[j] += sum[1];
        }
        for i in 0..N {
            self.white[i] = white[i];
            self.gain[i] = gain[i];
            for k in 0..4 {
                self.ic[k][i] = ic[k][i];
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Falling {
    re: f32,
    im: f32,
    turn: f32,
    bend: f32,
    fall: f32,
    gains: (f32, f32),
    left: usize,
    noisy: bool,
}

struct CallerState {
    wait_s: f32,
    syllables: u32,
    age_s: f32,
    length_s: f32,
    phase: f32,
    pitch: f32,
    from: f32,
    to: f32,
    gains: (f32, f32),
    level: f32,
    base: f32,
    tempo: f32,
}

/// One place, sounding as long as any of its notes is held.
pub(crate) struct Place {
    scene: &'static Scene,
    beds: Vec<BedState>,
    bands: Bands,
    grains: Vec<Falling>,
    callers: Vec<CallerState>,
    due: Vec<f32>,
    chance: Chance,
    white: White,
    held: Vec<(u32, f32, bool)>,
    level: f32,
    fade_s: f32,
}

impl Place {
    pub(crate) fn new(scene: &'static Scene, seed: u64) -> Self {
        let mut chance = Chance::new(seed, 0x616d_6269);
        let beds = scene
            .beds
            .iter()
            .take(MOST_BEDS)
            .map(|b| {
                let hold = (b.pace_s * 0.5 * QUANTA, b.pace_s * 1.5 * QUANTA);
                BedState {
                    centre: [Drift::new(&mut chance, hold), Drift::new(&mut chance, hold)],
                    gust: Drift::new(&mut chance, hold),
                    turn: chance.unit(),
                    period: 1.0,
                    stroke: 0.0,
                    stroke_hz: 0.0,
                }
            })
            .collect();
        let callers = scene
            .callers
            .iter()
            .flat_map(|c| std::iter::repeat_n(c, c.count))
            .take(MOST_CALLERS)
            .map(|c| {
                let pan = chance.sign() * 0.85;
                let angle = (pan + 1.0) * std::f32::consts::FRAC_PI_4;
                let near = chance.between(0.4, 1.0);
                CallerState {
                    wait_s: chance.unit() * c.pause_s.1,
                    syllables: 0,
                    age_s: 0.0,
                    length_s: 0.0,
                    phase: chance.unit(),
                    pitch: 0.0,
                    from: 0.0,
                    to: 0.0,
                    gains: (angle.cos() * near, angle.sin() * near),
                    level: 0.0,
                    base: chance.between(c.hz.0, c.hz.1),
                    tempo: chance.between(0.85, 1.18),
                }
            })
            .collect();
        Self {
            scene,
            beds,
            bands: Bands {
                white: [0; LANES].map(|_: u32| chance.next() | 1),
                a1: [0.0; LANES],
                a2: [0.0; LANES],
                a3: [0.0; LANES],
                gain: [0.0; LANES],
                ic: [[0.0; LANES]; 4],
            },
            grains: Vec::with_capacity(MOST_GRAINS),
            callers,
            due: scene.grains.iter().map(|_| 0.0).collect(),
            white: White::new(&mut chance),
            chance,
            held: Vec::with_capacity(16),
            level: 0.0,
            fade_s: 0.6,
        }
    }

    fn beds(&mut self, out: &mut Frame) {
        let mut goal = [0.0; LANES];
        let mut strokes = [[1.0; QUANTUM]; 2];
        let mut engine = [LANES; 2];
        let mut engines = 0;
        for (n, (bed, state)) in self.scene.beds.iter().zip(&mut self.beds).enumerate() {
            let gust = state.gust.step(&mut self.chance);
            let mut swell = 1.0 + bed.gust * gust;
            if bed.wave_s > 0.0 {
                // Surf: each wave takes its own time, rises faster than it falls back.
                state.turn += 1.0 / (bed.wave_s * state.period * QUANTA);
                if state.turn >= 1.0 {
                    state.turn -= 1.0;
                    state.period = self.chance.between(0.75, 1.35);
                }
                let t = state.turn;
                let rise = if t < 0.38 { t / 0.38 } else { 1.0 - (t - 0.38) / 0.62 };
                swell *= 0.12 + 0.88 * rise * rise;
            }
            if bed.pulse_hz > 0.0 && engines < 2 {
                // An engine fires: each stroke a little early or late, a little weaker or stronger.
                engine[engines] = 2 * n;
                for x in &mut strokes[engines] {
                    state.stroke += state.stroke_hz / RATE;
                    if state.stroke >= 1.0 || state.stroke_hz == 0.0 {
                        state.stroke = 0.0;
                        state.stroke_hz = bed.pulse_hz * (1.0 + 0.05 * gust) * self.chance.between(0.86, 1.16);
                    }
                    let left = 1.0 - state.stroke;
                    // Rises within the first twentieth: no click at the stroke.
                    *x = 0.25 + 1.5 * left * left * left * (state.stroke * 20.0).min(1.0);
                }
                engines += 1;
            }
            for side in 0..2 {
                let lane = 2 * n + side;
                let sway = 0.5 + 0.35 * gust + 0.35 * state.centre[side].step(&mut self.chance);
                let hz = bed.hz.0 * (bed.hz.1 / bed.hz.0).powf(sway.clamp(0.0, 1.0));
                let aim = bed.level * swell.max(0.02) * (1.0 + 0.3 * bed.gust * (sway - 0.5));
                let keep = (RATE * 0.25 * bed.q / hz).sqrt().min(10.0);
                let shape = SvfShape::new(hz, bed.q);
                // A band's own gain is folded into the level.
                goal[lane] = aim * keep * shape.band_gain().powi(2);
                (self.bands.a1[lane], self.bands.a2[lane], self.bands.a3[lane]) = shape.parts();
            }
        }
        if self.scene.beds.len() <= 4 {
            self.bands.add::<8>(&goal, &strokes, engine, out);
        } else {
            self.bands.add::<16>(&goal, &strokes, engine, out);
        }
    }

    fn drop(&mut self, g: &Grain) {
        let c = &mut self.chance;
        let hz = g.hz.0 * (g.hz.1 / g.hz.0).powf(c.unit());
        let t60 = g.t60.0 * (g.t60.1 / g.t60.0).powf(c.unit());
        let pan = c.sign() * 0.9;
        let angle = (pan + 1.0) * std::f32::consts::FRAC_PI_4;
        // Far ones are many, near ones few.
        let near = c.unit();
        let amp = g.level * (0.08 + 0.75 * near * near * near);
        let phase = c.unit() * std::f32::consts::TAU;
        if self.grains.len() == MOST_GRAINS {
            self.grains.swap_remove(0);
        }
        self.grains.push(Falling {
            re: phase.cos() * amp,
            im: 0.0,
            turn: std::f32::consts::TAU * hz / RATE,
            bend: 1.0 + g.bend * QUANTUM as f32 / (t60 * RATE),
            fall: (-6.907_755 / (t60 * RATE)).exp(),
            gains: (angle.cos(), angle.sin()),
            left: (t60 * 1.4 * RATE) as usize,
            noisy: g.noisy,
        });
    }

    fn grains(&mut self, out: &mut Frame) {
        let mut noise = [0.0; QUANTUM];
        self.white.fill(&mut noise);
        let mut i = 0;
        while i < self.grains.len() {
            let f = &mut self.grains[i];
            let (s, c) = f.turn.sin_cos();
            let (s, c) = (s * f.fall, c * f.fall);
            let (mut re, mut im) = (f.re, f.im);
            let (gl, gr) = f.gains;
            if f.noisy {
                // Struck by noise instead of once: a spatter rather than a tone.
                for j in 0..QUANTUM {
                    (re, im) = (re * c - im * s, re * s + im * c);
                    let x = im * (0.4 + 1.6 * noise[j].abs()) + (re.abs() + im.abs()) * 0.6 * noise[j];
                    out.l[j] += x * gl;
                    out.r[j] += x * gr;
                }
            } else {
                for j in 0..QUANTUM {
                    (re, im) = (re * c - im * s, re * s + im * c);
                    out.l[j] += im * gl;
                    out.r[j] += im * gr;
                }
            }
            f.re = re;
            f.im = im;
            f.turn *= f.bend;
            f.left = f.left.saturating_sub(QUANTUM);
            if f.left == 0 {
                self.grains.swap_remove(i);
            } else {
                i += 1;
            }
        }
    }

    fn calls(&mut self, out: &mut Frame) {
        let dt = 1.0 / QUANTA;
        let specs = self.scene.callers.iter().flat_map(|c| std::iter::repeat_n(c, c.count));
        for (spec, state) in specs.zip(&mut self.callers) {
            if state.length_s <= 0.0 {
                state.wait_s -= dt;
                if state.wait_s > 0.0 {
                    continue;
                }
                if state.syllables == 0 {
                    let (few, many) = spec.syllables;
                    state.syllables = few + self.chance.next() % (many - few + 1);
                    state.base = state.base * 0.6 + 0.4 * self.chance.between(spec.hz.0, spec.hz.1);
                }
                state.length_s = self.chance.between(spec.length_s.0, spec.length_s.1);
                state.age_s = 0.0;
                state.from = state.base * (1.0 + spec.sweep * self.chance.sign());
                state.to = state.base * (1.0 + spec.sweep * self.chance.sign());
            }
            state.age_s += dt;
            let x = (state.age_s / state.length_s).min(1.0);
            let shape = (std::f32::consts::PI * x).sin().max(0.0);
            let flutter = if spec.flutter_hz > 0.0 {
                0.55 + 0.45 * (state.age_s * spec.flutter_hz * std::f32::consts::TAU).sin()
            } else {
                1.0
            };
            let aim = if x >= 1.0 { 0.0 } else { spec.level * shape * flutter };
            let pitch = state.from + (state.to - state.from) * x * x;
            let step = (aim - state.level) / QUANTUM as f32;
            if state.pitch == 0.0 {
                state.pitch = pitch;
            }
            let glide = (pitch - state.pitch) / QUANTUM as f32;
            for j in 0..QUANTUM {
                state.level += step;
                state.pitch += glide;
                state.phase += state.pitch / RATE;
                state.phase -= state.phase.floor();
                let t = state.phase - 0.5;
                let y = 16.0 * t * (0.5 - t.abs()) * state.level;
                out.l[j] += y * state.gains.0;
                out.r[j] += y * state.gains.1;
            }
            if x >= 1.0 {
                state.length_s = 0.0;
                state.pitch = 0.0;
                state.level = 0.0;
                state.syllables = state.syllables.saturating_sub(1);
                state.wait_s = state.tempo
                    * if state.syllables == 0 {
                        self.chance.between(spec.pause_s.0, spec.pause_s.1)
                    } else {
                        self.chance.between(spec.gap_s.0, spec.gap_s.1)
                    };
            }
        }
    }
}

impl Instrument for Place {
    fn lead_s(&self, _gesture: &Gesture) -> f32 {
        0.0
    }

    fn begin(&mut self, g: &Gesture, _at: usize) {
        self.fade_s = (g.held_s() * 0.15).clamp(0.12, 1.5);
        if self.held.len() < 16 {
            self.held.push((g.id, g.velocity, true));
        }
    }

    fn end(&mut self, id: u32) {
        self.held.retain(|h| h.0 != id);
    }

    fn render(&mut self, _control: &Control, out: &mut Frame) -> bool {
        let aim = self.held.iter().map(|h| (h.1 / 0.8).powf(1.4)).fold(0.0, f32::max);
        if aim == 0.0 && self.level < 1e-4 {
            self.level = 0.0;
            return false;
        }
        let before = self.level;
        self.level += (aim - self.level) * (1.0 - (-4.0 / (self.fade_s * QUANTA)).exp());
        let mut own = Frame::SILENT;
        self.beds(&mut own);
        for n in 0..self.scene.grains.len() {
            let Some(g) = self.scene.grains.get(n) else { continue };
            let bunch = 1.0 + g.bunch * self.beds.first().map_or(0.0, |b| b.gust_now());
            self.due[n] += g.rate * bunch.max(0.1) / QUANTA;
            // Arrivals of a Poisson process, at most a few a quantum.
            let mut most = 4;
            while self.due[n] > 0.0 && most > 0 {
                let wait = -(1.0 - self.chance.unit()).max(1e-6).ln();
                if wait > self.due[n] {
                    self.due[n] = self.due[n].min(0.0);
                    break;
                }
                self.due[n] -= wait;
                self.drop(g);
                most -= 1;
            }
            self.due[n] = self.due[n].min(1.0);
        }
        self.grains(&mut own);
        self.calls(&mut own);
        let step = (self.level - before) / QUANTUM as f32;
        let mut gain = before;
        for j in 0..QUANTUM {
            gain += step;
            out.l[j] += own.l[j] * gain;
            out.r[j] += own.r[j] * gain;
        }
        true
    }
}

impl BedState {
    fn gust_now(&self) -> f32 {
        self.gust.now()
    }
}
