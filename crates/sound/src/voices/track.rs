//! From a track's notes to a stream of samples: who starts when, how long, how bent, how loud.

use synchresis_cue::{Articulation, Track, VoiceFamily, VoiceInfo};

use crate::lanes::{Arithmetic, widened};
use crate::{Player, SAMPLE_RATE};

/// Sample frames between two looks at envelopes, bends and note events. Blocks of any length are cut from these, so what
/// sounds does not depend on how it is asked for.
pub(crate) const QUANTUM: usize = 128;

/// Quanta a second.
pub(crate) const QUANTA: f32 = SAMPLE_RATE as f32 / QUANTUM as f32;

/// The left and right samples of one quantum.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) l: [f32; QUANTUM],
    pub(crate) r: [f32; QUANTUM],
}

impl Frame {
    pub(crate) const SILENT: Self = Self {
        l: [0.0; QUANTUM],
        r: [0.0; QUANTUM],
    };
}

/// A note as its player sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gesture {
    /// Its place in the track: names the voice that plays it and seeds its variation.
    pub(crate) id: u32,
    /// Sample at which the attack is to be heard.
    pub(crate) on: i64,
    /// Sample at which it is let go, pedal included.
    pub(crate) off: i64,
    /// MIDI pitch.
    pub(crate) pitch: u8,
    /// Above 0 to 1.
    pub(crate) velocity: f32,
    /// How it is played.
    pub(crate) articulation: Articulation,
    /// Its attack must be heard exactly.
    pub(crate) locked: bool,
    /// The note before it sounds on into this one.
    pub(crate) tied: bool,
}

impl Gesture {
    /// Held time in seconds.
    pub(crate) fn held_s(&self) -> f32 {
        (self.off - self.on).max(0) as f32 / SAMPLE_RATE as f32
    }
}

/// What bends a quantum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    /// Frequency ratio at the quantum's end.
    pub(crate) bend: f32,
    /// Expression at the quantum's end, 0 to 1: the level is applied by the track, the brightness is the instrument's.
    pub(crate) expression: f32,
}

/// One instrument: starts, releases and renders its notes.
pub(crate) trait Instrument: Send {
    /// Seconds between the note's first sample and the moment its attack is heard.
    fn lead_s(&self, gesture: &Gesture) -> f32;
    /// Starts a note `at` samples into the coming quantum.
    fn begin(&mut self, gesture: &Gesture, at: usize);
    /// Lets a note go; one that has already died is ignored.
    fn end(&mut self, id: u32);
    /// Adds a quantum; `false` when nothing sounds.
    fn render(&mut self, control: &Control, out: &mut Frame) -> bool;
}

/// A track being played.
pub(crate) struct Band {
    instrument: Box<dyn Instrument>,
    gestures: Vec<Gesture>,
    /// (sample, gesture) of starts and of releases, ordered.
    begins: Vec<(i64, u32)>,
    ends: Vec<(i64, u32)>,
    next_begin: usize,
    next_end: usize,
    bends: Curve,
    expression: Curve,
    /// Where the track goes, if it goes anywhere.
    moves: Option<Curve>,
    place: [f32; 4],
    gain: f32,
    level: f32,
    now: i64,
    last: i64,
    frame: Frame,
    taken: usize,
    sounding: bool,
}

/// A line through points, read in order.
struct Curve {
    points: Vec<(f64, f64)>,
    rest: f64,
    at: usize,
}

impl Curve {
    fn new(points: impl Iterator<Item = (f64, f64)>, rest: f64) -> Self {
        let mut points: Vec<(f64, f64)> = points.filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { points, rest, at: 0 }
    }

    fn read(&mut self, time: f64) -> f64 {
        while self.points.get(self.at).is_some_and(|p| p.0 <= time) {
            self.at += 1;
        }
        let before = self.at.checked_sub(1).and_then(|i| self.points.get(i));
        match (before, self.points.get(self.at)) {
            (None, None) => self.rest,
            (Some(p), None) | (None, Some(p)) => p.1,
            (Some(a), Some(b)) => a.1 + (b.1 - a.1) * ((time - a.0) / (b.0 - a.0).max(1e-9)),
        }
    }
}

impl Band {
    /// Plays the track's gestures on `instrument`; `gain` is linear and brings the voice to the common loudness.
    pub(crate) fn new(
        track: &Track,
        gestures: Vec<Gesture>,
        instrument: Box<dyn Instrument>,
        gain: f32,
        duration_s: f64,
    ) -> Self {
        let begin = |g: &Gesture| {
            let lead = (f64::from(instrument.lead_s(g)) * f64::from(SAMPLE_RATE)).round() as i64;
            (g.on - lead).max(0)
        };
        let mut begins: Vec<(i64, u32)> = gestures.iter().map(|g| (begin(g), g.id)).collect();
        let mut ends: Vec<(i64, u32)> = gestures.iter().map(|g| (g.off.max(begin(g) + 1), g.id)).collect();
        begins.sort_unstable();
        ends.sort_unstable();
        let mut expression = Curve::new(track.expression.iter().copied(), 1.0);
        let level = gain * expression.read(0.0).clamp(0.0, 1.0) as f32;
        let mut moves = (!track.moves.is_empty()).then(|| Curve::new(track.moves.iter().copied(), 0.0));
        Self {
            instrument,
            gestures,
            begins,
            ends,
            next_begin: 0,
            next_end: 0,
            bends: Curve::new(track.bends.iter().map(|b| (b.time_s, b.semitones)), 0.0),
            expression,
            place: placed(moves.as_mut().map_or(0.0, |m| m.read(0.0))),
            moves,
            gain,
            level,
            now: 0,
            last: (duration_s.clamp(0.0, 1e6) * f64::from(SAMPLE_RATE)).round() as i64,
            frame: Frame::SILENT,
            taken: QUANTUM,
            sounding: false,
        }
    }

    fn quantum(&mut self) {
        let end = self.now + QUANTUM as i64;
        while let Some(&(at, id)) = self.ends.get(self.next_end).filter(|e| e.0 < end) {
            // A note that ends in the quantum in which it began is let go in the next one.
            if self.begins.get(self.next_begin).is_some_and(|b| b.0 < end) && at >= self.now {
                break;
            }
            self.instrument.end(id);
            self.next_end += 1;
        }
        while let Some(&(at, id)) = self.begins.get(self.next_begin).filter(|b| b.0 < end) {
            if let Some(gesture) = self.gestures.get(id as usize) {
                self.instrument
                    .begin(gesture, (at - self.now).clamp(0, QUANTUM as i64 - 1) as usize);
            }
            self.next_begin += 1;
        }
        let time = end as f64 / f64::from(SAMPLE_RATE);
        let control = Control {
            bend: (self.bends.read(time).clamp(-24.0, 24.0) / 12.0).exp2() as f32,
            expression: self.expression.read(time).clamp(0.0, 1.0) as f32,
        };
        self.frame = Frame::SILENT;
        self.sounding = self.instrument.render(&control, &mut self.frame);
        let aim = self.gain * control.expression;
        if self.sounding {
            swell(&mut self.frame, self.level, (aim - self.level) / QUANTUM as f32);
            if let Some(moves) = &mut self.moves {
                let (from, to) = (self.place, placed(moves.read(time)));
                let steps: [f32; 4] = std::array::from_fn(|k| (to[k] - from[k]) / QUANTUM as f32);
                for (i, (l, r)) in self.frame.l.iter_mut().zip(&mut self.frame.r).enumerate() {
                    let m: [f32; 4] = std::array::from_fn(|k| from[k] + steps[k] * (i + 1) as f32);
                    (*l, *r) = (m[0] * *l + m[1] * *r, m[2] * *l + m[3] * *r);
                }
                self.place = to;
            }
            // The piece ends here: what still sounds goes in 30 ms rather than with a click.
            let fade = i64::from(SAMPLE_RATE) * 30 / 1000;
            if end > self.last - fade {
                for (i, (l, r)) in self.frame.l.iter_mut().zip(&mut self.frame.r).enumerate() {
                    let left = (self.last - self.now - i as i64).clamp(0, fade) as f32 / fade as f32;
                    *l *= left;
                    *r *= left;
                }
            }
        }
        self.level = aim;
        self.now = end;
        self.taken = 0;
    }
}

widened! {
    /// A gain that moves from `level` by `step` a sample.
    fn swell(frame: &mut Frame, level: f32, step: f32) {
        for (i, (l, r)) in frame.l.iter_mut().zip(&mut frame.r).enumerate() {
            let gain = Unit::fused(step, (i + 1) as f32, level);
            *l *= gain;
            *r *= gain;
        }
    }
}

/// How left and right come out of left and right at a place from −1 to 1: equal power around the centre, the side signal
/// narrower the further out.
fn placed(pan: f64) -> [f32; 4] {
    let pan = pan.clamp(-1.0, 1.0);
    let (right, left) = ((pan + 1.0) * std::f64::consts::FRAC_PI_4).sin_cos();
    let (left, right, side) = (
        std::f64::consts::SQRT_2 * left,
        std::f64::consts::SQRT_2 * right,
        1.0 - pan.abs(),
    );
    [left + side, left - side, right - side, right + side].map(|g| (g / 2.0) as f32)
}

impl Player for Band {
    fn play(&mut self, out: (&mut [f32], &mut [f32])) -> bool {
        let (left, right) = out;
        let length = left.len().min(right.len());
        let mut done = 0;
        let mut heard = false;
        while done < length {
            if self.taken == QUANTUM {
                self.quantum();
            }
            let take = (QUANTUM - self.taken).min(length - done);
            heard |= self.sounding;
            let from = self.taken..self.taken + take;
            let to = done..done + take;
            if self.sounding {
                left[to.clone()].copy_from_slice(&self.frame.l[from.clone()]);
                right[to].copy_from_slice(&self.frame.r[from]);
            } else {
                left[to.clone()].fill(0.0);
                right[to].fill(0.0);
            }
            self.taken += take;
            done += take;
        }
        heard
    }
}

/// The track's notes as gestures: samples for seconds, the pedal's hold added, ties found.
pub(crate) fn gestures(track: &Track, info: &VoiceInfo) -> Vec<Gesture> {
    let samples = |s: f64| (s.clamp(-1e6, 1e6) * f64::from(SAMPLE_RATE)).round() as i64;
    let pedalled = !matches!(
        info.family,
        VoiceFamily::Kit | VoiceFamily::Effect | VoiceFamily::Ambience
    );
    let mut notes: Vec<_> = track
        .notes
        .iter()
        .filter(|n| n.velocity > 0.0 && n.start_s.is_finite() && n.duration_s.is_finite())
        .collect();
    notes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.pitch.cmp(&b.pitch)));
    let mut pedal = track.pedal.iter().peekable();
    let mut list: Vec<Gesture> = Vec::with_capacity(notes.len());
    for note in notes {
        let mut off_s = note.start_s + note.duration_s.max(0.01);
        while pedal.peek().is_some_and(|p| p.up_s <= note.start_s) {
            pedal.next();
        }
        if pedalled
            && let Some(p) = pedal.clone().find(|p| p.up_s > off_s)
            && p.down_s <= off_s
        {
            off_s = p.up_s;
        }
        let on = samples(note.start_s);
        let tied = note.articulation == Articulation::Legato
            && !note.locked
            && list
                .last()
                .is_some_and(|b| b.on < on && b.off + i64::from(SAMPLE_RATE) / 12 > on);
        list.push(Gesture {
            id: list.len() as u32,
            on,
            off: samples(off_s).max(on + 1),
            pitch: note.pitch.min(127),
            velocity: note.velocity.clamp(0.01, 1.0),
            articulation: note.articulation,
            locked: note.locked,
            tied,
        });
    }
    list
}

/// Equal-tempered frequency of a MIDI pitch, A4 = 440 Hz.
pub(crate) fn hertz(pitch: u8) -> f32 {
    440.0 * ((f32::from(pitch) - 69.0) / 12.0).exp2()
}

/// What is left of a level `since` seconds after it was let go, −60 dB at `release_s`: as a critically damped thing comes to
/// rest, without a kink that the ear would take for an onset.
pub(crate) fn falling(since: f32, release_s: f32) -> f32 {
    let x = 9.2 * since / release_s;
    (1.0 + x) * (-x).exp()
}
