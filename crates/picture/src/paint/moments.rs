//! Which moments of the song are seen, and what the picture does at each.

use synchresis_cue::{Act, EventKind, FilmEvent, FilmSection, Look, round_to};

use super::manner::Manner;
use super::storyboard::{Planner, nearest};
use super::timeline::FLASH_GAP_S;

impl Planner<'_> {
    pub(super) fn events(&self, sections: &[FilmSection], frames: u64) -> Vec<FilmEvent> {
        let look = self.options.look;
        let mut heard: Vec<(f64, EventKind, f32)> = Vec::new();
        for beat in &self.heard.beats {
            let down = self.downbeats.iter().any(|d| (d - beat).abs() < 0.03);
            let t = self.heard_at(*beat);
            if self.is_loud(t) {
                let strength = self.strength(t).max(if down { 0.55 } else { 0.35 });
                heard.push((t, if down { EventKind::Downbeat } else { EventKind::Beat }, strength));
            }
        }
        for (t, strength) in &self.heard.onsets {
            let strength = (strength / self.full).min(1.0);
            if strength >= ONSET_SEEN && self.is_loud(*t) {
                heard.push((*t, EventKind::Onset, 0.8 * strength));
            }
        }
        for section in sections.iter().skip(1) {
            if self.is_heard(section.start_s) {
                heard.push((section.start_s, EventKind::Turn, 1.0));
            }
        }
        heard.retain(|e| e.0.is_finite() && e.0 >= 0.0);
        heard.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Moments nearer than a tenth of a second are one, with the weightiest name and strength.
        let mut merged: Vec<(f64, EventKind, f32)> = Vec::new();
        for event in heard {
            match merged.last_mut() {
                Some(last) if event.0 - last.0 < 0.10 => {
                    if weight(event.1) > weight(last.1) {
                        (last.0, last.1) = (event.0, event.1);
                    }
                    last.2 = last.2.max(event.2);
                }
                _ => merged.push(event),
            }
        }
        let cuts: Vec<f64> = cuts_of(sections);
        let manner = Manner::of(look);
        let (mut last_flash, mut last_leak) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut events = Vec::with_capacity(merged.len());
        for (time_s, kind, strength) in merged {
            let frame = (time_s * self.fps).round() as u64;
            // The first frame has none before it to differ from.
            if frame == 0 || frame >= frames {
                continue;
            }
            let cut = cuts.iter().any(|c| (c - time_s).abs() < 0.5 / self.fps);
            let clear = !cuts
                .iter()
                .any(|c| (c - time_s).abs() < FLASH_GAP_S && (c - time_s).abs() > 0.5 / self.fps);
            let mut acts = Vec::new();
            if cut {
                acts.push(Act::Cut);
            }
            if !self.surges.is_empty() {
                let near = nearest(&self.surges, time_s).is_some_and(|s| (s - time_s).abs() < 0.1);
                if !(near || cut || kind == EventKind::Turn) {
                    // Between the beats that carry it on the picture rests, and only specks of light answer.
                    if manner.motes > 0.0 {
                        events.push(seen(time_s, frame, kind, strength, vec![Act::Glint]));
                    }
                    continue;
                }
                acts.push(Act::Surge);
            }
            // A cut is hit enough: a jump of the camera on it would be seen as a second one after it.
            if !cut || self.surges.is_empty() {
                acts.push(Act::Pulse);
            }
            let (flash_every, leak_every) = match look {
                Look::Pulse => (0.5, 6.0),
                Look::Cut => (1.5, f64::INFINITY),
                Look::Kaleido => (1.0, f64::INFINITY),
                Look::Prism => (2.0, 5.0),
                Look::Film => (4.0, 3.5),
                Look::Dream => (f64::INFINITY, 5.0),
                Look::Calm | Look::Seed => (f64::INFINITY, f64::INFINITY),
            };
            let weighty = matches!(kind, EventKind::Downbeat | EventKind::Turn);
            let jump = time_s - last_flash.max(last_leak);
            if weighty && clear && jump > FLASH_GAP_S {
                if strength > 0.5 && time_s - last_leak >= leak_every {
                    acts.push(Act::LightLeak);
                    last_leak = time_s;
                } else if strength > 0.6 && time_s - last_flash >= flash_every {
                    acts.push(Act::Flash);
                    last_flash = time_s;
                }
            }
            events.push(seen(time_s, frame, kind, strength, acts));
        }
        events
    }

    /// The onset that a beat is heard by, where there is one near enough; else the beat.
    pub(super) fn heard_at(&self, beat: f64) -> f64 {
        self.onsets_within(beat, HEARD_BY_S)
            .iter()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(beat, |o| o.0)
    }

    fn strength(&self, t: f64) -> f32 {
        self.onsets_within(t, HEARD_BY_S)
            .iter()
            .map(|o| o.1 / self.full)
            .fold(0.0, f32::max)
            .min(1.0)
    }

    pub(super) fn is_heard(&self, t: f64) -> bool {
        self.is_loud(t)
            && (self.strength(t) > 0.0 || nearest(&self.heard.beats, t).is_some_and(|b| (b - t).abs() < 0.05))
    }

    pub(super) fn is_loud(&self, t: f64) -> bool {
        self.heard.energy.is_empty() || self.energy(t, t + 0.15) > 0.02
    }

    pub(super) fn onsets_within(&self, t: f64, reach: f64) -> &[(f64, f32)] {
        let onsets = &self.heard.onsets;
        let from = onsets.partition_point(|o| o.0 < t - reach);
        let to = onsets.partition_point(|o| o.0 <= t + reach).max(from);
        &onsets[from..to]
    }

    /// Of the four ways to count four beats a bar, the one whose first beats are struck hardest.
    pub(super) fn guessed_downbeats(&self) -> Vec<f64> {
        let beats = &self.heard.beats;
        let struck = |phase: usize| {
            let hits: Vec<f32> = beats.iter().skip(phase).step_by(4).map(|b| self.strength(*b)).collect();
            hits.iter().sum::<f32>() / hits.len().max(1) as f32
        };
        let mut best = 0;
        for phase in 1..4 {
            if struck(phase) > struck(best) + 1e-6 {
                best = phase;
            }
        }
        beats.iter().skip(best).step_by(4).copied().collect()
    }
}

/// How far the onset of a beat may lie from where a tracker put the beat, seconds.
const HEARD_BY_S: f64 = 0.075;

/// Onsets off the beat are seen from this share of a full one on.
const ONSET_SEEN: f32 = 0.45;

fn seen(time_s: f64, frame: u64, kind: EventKind, strength: f32, acts: Vec<Act>) -> FilmEvent {
    FilmEvent {
        time_s: round_to(time_s, 4),
        frame,
        kind,
        strength: round_to(f64::from(strength.clamp(0.0, 1.0)), 3),
        acts,
    }
}

fn weight(kind: EventKind) -> u8 {
    match kind {
        EventKind::Onset => 0,
        EventKind::Beat => 1,
        EventKind::Downbeat => 2,
        EventKind::Turn => 3,
    }
}

/// When the picture is another at once.
fn cuts_of(sections: &[FilmSection]) -> Vec<f64> {
    let mut cuts = Vec::new();
    for (i, section) in sections.iter().enumerate() {
        if i > 0 && sections[i - 1].turns_from >= 1.0 {
            cuts.push(section.start_s);
        }
        cuts.extend(section.shots.iter().skip(1).map(|s| s.start_s));
    }
    cuts
}
