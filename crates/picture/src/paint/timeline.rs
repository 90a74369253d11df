//! The storyboard on the grid of frames: which take is shown, how far it has turned into the next, what the beats do.

use synchresis_cue::{Act, FilmShot, Look, Storyboard};

use crate::PictureError;

use super::manner::Manner;
use super::surge::{Surges, settled};

/// Least time between two moments at which the whole picture's light may jump: no more than three flashes a second
/// (WCAG 2.3.1, general flashes). Slightly over a third, so that any second holds three at most.
pub(crate) const FLASH_GAP_S: f64 = 0.36;

/// A shot on the grid of frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Take {
    /// First frame that shows it alone, and the first that does not any more.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// First frame that it can be seen in at all.
    pub(crate) lead: u64,
    pub(crate) shot: FilmShot,
    pub(crate) look: Look,
    pub(crate) energy: f32,
}

/// What a moment does.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Beat {
    frame: u64,
    pulse: f32,
    flash: f32,
    leak: f32,
    glint: f32,
    /// Sum of the pulses before this one.
    before: f32,
}

/// What the beats so far amount to at a frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Drive {
    /// Jump, 0 to 1.4 or so, gone within a beat.
    pub(crate) pulse: f32,
    /// The same for light, gone within two.
    pub(crate) breath: f32,
    pub(crate) flash: f32,
    pub(crate) leak: f32,
    /// Number of the event that let the light in.
    pub(crate) leak_event: u64,
    /// How brightly specks of light shine up, 0 to 1.
    pub(crate) glint: f32,
    /// Sum of all jumps so far, each reached softly.
    pub(crate) turned: f32,
}

/// The storyboard on the grid of frames.
pub(crate) struct Timeline {
    pub(crate) fps: f64,
    pub(crate) frames: u64,
    pub(crate) takes: Vec<Take>,
    /// By section: first frame, first take of the next section, `turns_from`, progress.
    sections: Vec<Stretch>,
    beats: Vec<Beat>,
    surges: Surges,
    swell_step_s: f64,
    swell_sum: Vec<f32>,
}

/// How far a picture has turned into the next before the beat that completes it, in looks that gather their motion.
const BEFORE: f32 = 0.20;
/// How long that beat takes, seconds.
const ROLL_S: f64 = 0.45;

struct Stretch {
    first: u64,
    end: u64,
    turns_from: f32,
    progress: Vec<f32>,
    eased: bool,
    next: Option<usize>,
}

impl Timeline {
    /// # Errors
    /// [`PictureError::Storyboard`] where the storyboard (which a person may have edited) names what is not there.
    pub(crate) fn new(board: &Storyboard, artworks: usize) -> Result<Self, PictureError> {
        let wrong = |why: String, hint: &str| PictureError::Storyboard { why, hint: hint.into() };
        let fps = board.fps.value();
        if !(fps > 0.0 && fps <= 1000.0) {
            return Err(wrong(
                format!("{} frames a second cannot be painted", board.fps),
                "try 30/1",
            ));
        }
        if artworks == 0 {
            return Err(wrong("there is no artwork".into(), "give one picture or more"));
        }
        if board.frames == 0 || board.sections.is_empty() {
            return Err(wrong(
                "it has no frame or no section".into(),
                "make it again from the song",
            ));
        }
        let at = |s: f64| {
            if s.is_finite() {
                (s * fps).round().max(0.0) as u64
            } else {
                0
            }
        };
        let mut takes: Vec<Take> = Vec::new();
        let mut sections: Vec<Stretch> = Vec::new();
        let gap = (FLASH_GAP_S * fps).ceil() as u64;
        let count = board.sections.len();
        for (i, section) in board.sections.iter().enumerate() {
            let first = if i == 0 { 0 } else { at(section.start_s) };
            let end = if i + 1 == count {
                board.frames
            } else {
                at(board.sections[i + 1].start_s)
            }
            .min(board.frames);
            if section.shots.is_empty() {
                return Err(wrong(
                    format!("section {} shows nothing", i + 1),
                    "every section needs a shot",
                ));
            }
            let opening = takes.len();
            for (k, shot) in section.shots.iter().enumerate() {
                if shot.artwork >= artworks {
                    return Err(wrong(
                        format!("section {} shows artwork {}, there are {artworks}", i + 1, shot.artwork),
                        "artworks are counted from 0",
                    ));
                }
                let from = if k == 0 {
                    first
                } else {
                    at(shot.start_s).clamp(first, end)
                };
                // Shots that follow too fast would flicker: the earlier one stays.
                if k > 0 && (from < takes.last().map_or(0, |t| t.first) + gap || from + gap / 2 > end) {
                    continue;
                }
                if let Some(last) = takes.last_mut().filter(|_| k > 0) {
                    last.end = from;
                }
                takes.push(Take {
                    first: from,
                    end,
                    lead: from,
                    shot: shot.clone(),
                    look: section.look,
                    energy: section.energy.clamp(0.0, 1.0) as f32,
                });
            }
            if end <= first {
                // Too short for a frame of its own.
                takes.truncate(opening);
                continue;
            }
            if let Some(before) = sections.last_mut() {
                before.next = Some(opening);
            }
            sections.push(Stretch {
                first,
                end,
                turns_from: section.turns_from.clamp(0.0, 1.0) as f32,
                progress: section.progress.clone(),
                eased: section.look != Look::Seed,
                next: None,
            });
        }
        if takes.is_empty() {
            return Err(wrong("no section lasts a frame".into(), "make it again from the song"));
        }
        let mut line = Self {
            fps,
            frames: board.frames,
            takes,
            sections,
            beats: Vec::new(),
            surges: Surges::new(
                &board.events,
                fps,
                board.frames as f64 / fps,
                Manner::of(board.look).surge_s,
            ),
            swell_step_s: board.swell_step_s,
            swell_sum: summed(&board.swell),
        };
        line.find_leads();
        line.beats = line.beats_of(board);
        Ok(line)
    }

    /// From which frame on each take shines through the one before.
    fn find_leads(&mut self) {
        for i in 0..self.sections.len() {
            let Some(next) = self.sections[i].next else { continue };
            let (first, end) = (self.sections[i].first, self.sections[i].end);
            let lead = (first..end).find(|f| self.turn_within(i, *f) > 0.0).unwrap_or(end);
            self.takes[next].lead = lead;
        }
    }

    fn beats_of(&self, board: &Storyboard) -> Vec<Beat> {
        let gap = (FLASH_GAP_S * self.fps).ceil() as u64;
        let cuts: Vec<u64> = self
            .takes
            .iter()
            .skip(1)
            .filter(|t| t.lead == t.first)
            .map(|t| t.first)
            .collect();
        let mut events: Vec<_> = board.events.iter().filter(|e| e.frame < self.frames).collect();
        events.sort_by_key(|e| e.frame);
        let mut beats: Vec<Beat> = Vec::new();
        let (mut last_jump, mut before) = (None::<u64>, 0.0);
        for event in events {
            let strength = if event.strength.is_finite() {
                event.strength.clamp(0.0, 1.0) as f32
            } else {
                0.0
            };
            let has = |act: Act| if event.acts.contains(&act) { strength } else { 0.0 };
            let mut beat = Beat {
                frame: event.frame,
                pulse: has(Act::Pulse),
                flash: has(Act::Flash),
                leak: has(Act::LightLeak),
                glint: strength,
                before,
            };
            let near_cut = {
                let k = cuts.partition_point(|c| *c + gap <= beat.frame);
                cuts[k..]
                    .iter()
                    .take_while(|c| **c < beat.frame + gap)
                    .any(|c| *c != beat.frame)
            };
            let near_jump = last_jump.is_some_and(|f| beat.frame < f + gap);
            if near_cut || near_jump {
                (beat.flash, beat.leak) = (0.0, 0.0);
            } else if beat.flash > 0.0 || beat.leak > 0.0 {
                last_jump = Some(beat.frame);
            }
            before += beat.pulse;
            // Two events of one frame are one.
            match beats.last_mut() {
                Some(last) if last.frame == beat.frame => {
                    last.pulse = last.pulse.max(beat.pulse);
                    last.flash = last.flash.max(beat.flash);
                    last.leak = last.leak.max(beat.leak);
                    last.glint = last.glint.max(beat.glint);
                    before = last.before + last.pulse;
                }
                _ => beats.push(beat),
            }
        }
        beats
    }

    /// The take that frame `i` shows and, where it is turning into the next, that one's index and how far, 0 to 1.
    pub(crate) fn shown(&self, i: u64) -> (usize, Option<(usize, f32)>) {
        let take = self.takes.partition_point(|t| t.first <= i).saturating_sub(1);
        let section = self.sections.partition_point(|s| s.first <= i).saturating_sub(1);
        if let Some(way) = self.rolling(section, i) {
            return (take.saturating_sub(1), Some((take, way)));
        }
        let turning = self
            .sections
            .get(section)
            .and_then(|s| s.next)
            .filter(|next| *next == take + 1);
        let turn = turning
            .map(|next| (next, self.turn_within(section, i)))
            .filter(|(_, t)| *t > 0.0);
        (take, turn)
    }

    /// In looks that gather their motion: how far the picture before has turned into the section's first, on the beat that
    /// the section begins with.
    fn rolling(&self, section: usize, i: u64) -> Option<f32> {
        let (s, before) = (self.sections.get(section)?, self.sections.get(section.checked_sub(1)?)?);
        let age = (i - s.first) as f64 / self.fps;
        if !self.surges.gathers() || !before.eased || before.turns_from >= 1.0 || age >= ROLL_S {
            return None;
        }
        let k = before.next?;
        // A cut soon after the beginning ends the way.
        if self.takes.get(k)?.end <= i {
            return None;
        }
        let way = self.turn_within(section - 1, s.first);
        let leap = Manner::of(self.takes.get(k.checked_sub(1)?)?.look).leap;
        Some(way + (1.0 - way) * (leap + (1.0 - leap) * settled(age / ROLL_S) as f32))
    }

    /// Frames gone by since `first` as the camera has them, of the frames until `end`.
    fn gone(&self, first: u64, end: u64, i: u64) -> f64 {
        let i = i.clamp(first, end.max(first));
        let even = (i - first) as f64;
        if !self.surges.gathers() {
            return even;
        }
        let at = |f: u64| self.surges.time(f as f64 / self.fps);
        let whole = at(end) - at(first);
        if whole < 1e-3 {
            return 0.0;
        }
        (at(i) - at(first)) / whole * (end - first) as f64
    }

    /// The frame that stands in the gate while frame `i` is shown: a film's grain and place change 15 to 30 times a second,
    /// however many frames are painted.
    pub(crate) fn in_gate(&self, i: u64) -> u64 {
        i - i % ((self.fps * 1.01 / GATE_FPS) as u64).max(1)
    }

    /// The time of frame `i` as the camera has it, seconds.
    pub(crate) fn camera_time(&self, i: u64) -> f64 {
        self.surges.time(i as f64 / self.fps)
    }

    fn turn_within(&self, section: usize, i: u64) -> f32 {
        let Some(s) = self.sections.get(section) else {
            return 0.0;
        };
        let gone = if s.eased {
            self.gone(s.first, s.end, i)
        } else {
            (i - s.first.min(i)) as f64
        };
        let at = |k: usize| {
            let last = s.progress.len().saturating_sub(1);
            s.progress.get(k.min(last)).copied().unwrap_or(0.0)
        };
        let (k, part) = (gone as usize, gone.fract() as f32);
        let way = at(k) + (at(k + 1) - at(k)) * part;
        if way <= s.turns_from || s.turns_from >= 1.0 {
            return 0.0;
        }
        let t = ((way - s.turns_from) / (1.0 - s.turns_from)).clamp(0.0, 1.0);
        let part = if s.eased && self.surges.gathers() { BEFORE } else { 1.0 };
        if s.eased { part * t * t * (3.0 - 2.0 * t) } else { t }
    }

    /// What the beats amount to at frame `i`; a jump has half fallen after `pulse_s`.
    pub(crate) fn drive(&self, i: u64, pulse_s: f32) -> Drive {
        let end = self.beats.partition_point(|b| b.frame <= i);
        let mut drive = Drive::default();
        if end == 0 {
            return drive;
        }
        let last = &self.beats[end - 1];
        drive.turned = last.before + last.pulse;
        for beat in self.beats[..end].iter().rev() {
            let age = (i - beat.frame) as f32 / self.fps as f32;
            if age > 3.0 {
                break;
            }
            // Falling ever more slowly, a jump's burst of motion has a beginning and no end that could be seen.
            drive.pulse += beat.pulse * (1.0 - age / (3.0 * pulse_s)).max(0.0).powi(2);
            // Light dies away like a lamp's, but to nothing, so that a picture at rest is at rest.
            drive.breath += beat.pulse * fading(age, 6.0 * pulse_s);
            drive.flash += beat.flash * fading(age, 0.42);
            drive.glint += beat.glint * fading(age, 0.5);
            // A tick: most of the step at once, the rest settling.
            drive.turned -= beat.pulse * 0.3 * fading(age, 0.3);
            if beat.leak > 0.0 {
                // A quick bloom, then a slow fade; the strongest one that still shines is the one that is seen.
                let shine = beat.leak * fading(age, LEAK_S);
                if shine > drive.leak {
                    (drive.leak, drive.leak_event) = (shine, beat.frame);
                }
            }
        }
        drive.pulse = drive.pulse.min(1.4);
        drive.breath = drive.breath.min(1.2);
        drive.flash = drive.flash.min(1.0);
        drive.glint = drive.glint.min(1.0);
        drive
    }

    /// How far take `k` has come at frame `i`, 0 to 1: half by time, half by the harmonic part heard so far.
    pub(crate) fn travelled(&self, k: usize, i: u64) -> f32 {
        let take = &self.takes[k];
        let span = (take.end - take.lead.min(take.end)).max(1) as f32;
        let gone = self.gone(take.lead, take.end, i);
        let time = gone as f32 / span;
        let (a, b, c) = (
            self.swelled(take.lead as f64),
            self.swelled(take.lead as f64 + gone),
            self.swelled(take.end as f64),
        );
        let heard = if c - a > 1e-3 { (b - a) / (c - a) } else { time };
        (0.5 * time + 0.5 * heard).clamp(0.0, 1.0)
    }

    fn swelled(&self, i: f64) -> f32 {
        let last = self.swell_sum.len() - 1;
        if self.swell_step_s <= 0.0 || last == 0 {
            return 0.0;
        }
        let x = (i / self.fps / self.swell_step_s).min(last as f64);
        let k = (x as usize).min(last - 1);
        let t = (x - k as f64) as f32;
        self.swell_sum[k] + (self.swell_sum[k + 1] - self.swell_sum[k]) * t
    }
}

/// The fewest frames a second that go through the gate, as in cameras for 8 mm film.
const GATE_FPS: f64 = 15.0;
/// How long a light leak shines, seconds.
const LEAK_S: f32 = 1.5;

/// From 1 to 0 within `length` seconds, ever more slowly.
fn fading(age: f32, length: f32) -> f32 {
    (1.0 - age / length.max(1e-3)).max(0.0).powi(3)
}

/// Running sums, beginning with 0.
fn summed(curve: &[f32]) -> Vec<f32> {
    let mut sum = 0.0f64;
    std::iter::once(0.0)
        .chain(curve.iter().map(|v| {
            sum += if v.is_finite() {
                f64::from(v.clamp(0.0, 1.0))
            } else {
                0.0
            };
            sum as f32
        }))
        .collect()
}
