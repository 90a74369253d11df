//! What the picture does, as moments with a weight, a kind and a reason.

use synchresis_cue::{Appearance, Hit, HitKind, Mood, Sighting, Transition};

use super::{SpotOptions, cues};
use crate::style::Style;

/// A moment on its way to being a hit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    pub(super) time_s: f64,
    pub(super) weight: f64,
    pub(super) kind: HitKind,
    /// What it is, in words that begin a sentence.
    pub(super) what: String,
    /// Why it is out of the question already.
    pub(super) left: Option<String>,
    /// It stands at no frame of its own: the grid may move it (a computed end).
    pub(super) movable: bool,
}

impl Weighed {
    pub(super) fn into_hit(self) -> Hit {
        let reason = match &self.left {
            Some(why) => format!("{}: left, {why}", self.what),
            None => self.what,
        };
        Hit {
            time_s: self.time_s,
            weight: self.weight,
            kind: self.kind,
            reason,
            taken: false,
            bar: None,
            beat: None,
        }
    }
}

/// Moments nearer than this count as one, seconds: below it two accents are heard as a flam.
const TOGETHER_S: f64 = 0.11;

/// Cuts nearer to each other than this belong to one flurry where no music gives a beat, seconds.
const FLURRY_S: f64 = 0.5;

/// Weighs everything that is seen, ordered by time.
pub(super) fn weigh(sighting: &Sighting, mood: &Mood, style: &Style, options: &SpotOptions) -> Vec<Weighed> {
    let duration = options.duration(sighting);
    let frame = options.frame_s(sighting);
    let mut all = happening(sighting, mood, options);
    gather_flurries(&mut all, flurry_gap(style));
    resolve(&mut all, duration, frame, style);
    all.push(moment(0.0, 0.9, HitKind::Start, "the film begins"));
    cues::divide(&mut all, mood, duration, frame, options.seed);
    all.sort_by(|a, b| a.time_s.total_cmp(&b.time_s).then(rank(a.kind).cmp(&rank(b.kind))));
    merge(&mut all, TOGETHER_S.max(1.5 * frame));
    all
}

/// Weighs what happens, for a film without music: no end is computed, no cue is closed.
pub(super) fn events(sighting: &Sighting, mood: &Mood, options: &SpotOptions) -> Vec<Weighed> {
    let mut all = happening(sighting, mood, options);
    gather_flurries(&mut all, FLURRY_S);
    all.sort_by(|a, b| a.time_s.total_cmp(&b.time_s).then(rank(a.kind).cmp(&rank(b.kind))));
    merge(&mut all, TOGETHER_S.max(1.5 * options.frame_s(sighting)));
    all
}

/// Everything that is seen and all that was asked for by hand, in order.
fn happening(sighting: &Sighting, mood: &Mood, options: &SpotOptions) -> Vec<Weighed> {
    let (duration, frame) = (options.duration(sighting), options.frame_s(sighting));
    let mut all = seen(sighting, mood, duration);
    bring(&mut all, &mood.appearing);
    for &time_s in &options.manual {
        if time_s.is_finite() {
            let inside = (0.0..duration).contains(&time_s);
            let left = (!inside).then(|| "it lies outside the film".to_owned());
            let time_s = (time_s / frame).round() * frame;
            all.push(Weighed {
                left,
                ..moment(time_s.clamp(0.0, duration), 1.0, HitKind::Manual, "asked for by hand")
            });
        }
    }
    all.sort_by(|a, b| a.time_s.total_cmp(&b.time_s).then(b.weight.total_cmp(&a.weight)));
    all
}

/// How much more a cut weighs for each thing that it brings into the picture.
const BRINGS: f64 = 0.08;

/// Lets the cut that begins the shot in which a thing is first seen weigh a little more, and say why. A thing that comes in without a
/// cut has no moment: the frames that are looked at lie seconds apart.
fn bring(all: &mut [Weighed], appearing: &[Appearance]) {
    for thing in appearing {
        let begins = |m: &&mut Weighed| {
            matches!(m.kind, HitKind::Cut | HitKind::Fade | HitKind::Dissolve)
                && m.time_s > thing.after_s
                && m.time_s <= thing.by_s
        };
        let cut = all
            .iter_mut()
            .filter(begins)
            .max_by(|a, b| a.time_s.total_cmp(&b.time_s));
        if let Some(cut) = cut {
            cut.weight = (cut.weight + BRINGS).min(0.98);
            let word = if cut.what.contains(", which brings ") {
                " and"
            } else {
                ", which brings"
            };
            cut.what += &format!("{word} {}", thing.what);
        }
    }
}

fn rank(kind: HitKind) -> u8 {
    match kind {
        HitKind::Start => 0,
        HitKind::End => 1,
        HitKind::Manual => 2,
        _ => 3,
    }
}

pub(super) fn moment(time_s: f64, weight: f64, kind: HitKind, what: &str) -> Weighed {
    Weighed {
        time_s,
        weight: weight.clamp(0.0, 1.0),
        kind,
        what: what.to_owned(),
        left: None,
        movable: false,
    }
}

/// Cuts, fades, dissolves, flashes, peaks of motion and jumps of light, unordered.
fn seen(sighting: &Sighting, mood: &Mood, duration: f64) -> Vec<Weighed> {
    let stirred = (mood.arousal + 1.0) / 2.0;
    let mut all = Vec::new();
    let mut met = Vec::new();
    for (i, shot) in sighting.shots.iter().enumerate() {
        let new = !met.contains(&shot.likeness);
        if new {
            met.push(shot.likeness);
        }
        let Some(before) = i.checked_sub(1).and_then(|j| sighting.shots.get(j)) else {
            continue;
        };
        if !shot.start_s.is_finite() || shot.start_s <= 0.0 || shot.start_s >= duration {
            continue;
        }
        let strength = unit(shot.strength);
        let long = unit((shot.end_s - shot.start_s) / 5.0);
        let contrast = unit((shot.light - before.light).abs() + 0.7 * (shot.motion - before.motion).abs());
        let scene = if new { 0.12 } else { 0.0 };
        let (base, kind, name) = match shot.entry {
            Transition::Start | Transition::Cut => (0.30, HitKind::Cut, "a cut"),
            Transition::Fade => (0.42, HitKind::Fade, "a fade"),
            Transition::Dissolve => (0.28, HitKind::Dissolve, "a dissolve's visible middle"),
        };
        let weight = base + 0.28 * strength + 0.16 * long + 0.14 * contrast + scene;
        let to = if new {
            "to a scene not seen before"
        } else {
            "to a scene seen before"
        };
        let what = format!("{name} {to}, shot {}", i + 1);
        all.push(moment(shot.start_s, weight.min(0.98), kind, &what));
    }
    for flash in &sighting.flashes {
        all.push(moment(
            flash.time_s,
            0.25 + 0.45 * unit(flash.strength),
            HitKind::Flash,
            "a flash of light",
        ));
    }
    for peak in &sighting.motion_peaks {
        let weight = 0.12 + (0.33 + 0.2 * stirred) * unit(peak.strength);
        all.push(moment(peak.time_s, weight, HitKind::Motion, "a peak of motion"));
    }
    all.extend(light_jumps(sighting));
    all.retain(|m| m.time_s.is_finite() && m.time_s > 0.0 && m.time_s < duration && m.weight.is_finite());
    all
}

fn unit(x: f64) -> f64 {
    if x.is_finite() { x.clamp(0.0, 1.0) } else { 0.0 }
}

/// Steps of light inside a shot: where luma moves by more than a seventh of its range within a second and stays there.
fn light_jumps(sighting: &Sighting) -> Vec<Weighed> {
    let (light, step) = (&sighting.curves.light, sighting.curves.step_s);
    if !(step.is_finite() && step > 0.0) || light.len() < 3 {
        return Vec::new();
    }
    let reach = ((0.5 / step).round() as usize).max(1);
    let mut jumps: Vec<(usize, f64)> = Vec::new();
    for i in reach..light.len().saturating_sub(reach) {
        let rise = f64::from((light[i + reach - 1] - light[i - reach]).abs());
        if rise < 0.15 {
            continue;
        }
        match jumps.last_mut() {
            Some(last) if i - last.0 <= 2 * reach => {
                if rise > last.1 {
                    *last = (i, rise);
                }
            }
            _ => jumps.push((i, rise)),
        }
    }
    jumps
        .into_iter()
        .map(|(i, rise)| {
            moment(
                i as f64 * step,
                0.15 + 0.6 * unit(rise),
                HitKind::Light,
                "a jump of light",
            )
        })
        .filter(|j| sighting.shots.iter().all(|s| (s.start_s - j.time_s).abs() > 0.6))
        .collect()
}

/// Cuts nearer to each other than this belong to one flurry, seconds: a beat at the style's usual tempo, about.
fn flurry_gap(style: &Style) -> f64 {
    (66.0 / style.tempo.usual.max(30.0)).clamp(0.4, 0.7)
}

/// Three cuts or more in a row, each within `gap` of the last, become one hit on the first; the one that lands in a
/// longer shot again stays a hit of its own.
fn gather_flurries(all: &mut [Weighed], gap: f64) {
    let cuts: Vec<usize> = (0..all.len())
        .filter(|&i| {
            matches!(
                all[i].kind,
                HitKind::Cut | HitKind::Flash | HitKind::Dissolve | HitKind::Fade
            )
        })
        .collect();
    let mut from = 0;
    while from < cuts.len() {
        let mut to = from;
        while to + 1 < cuts.len() && all[cuts[to + 1]].time_s - all[cuts[to]].time_s <= gap {
            to += 1;
        }
        if to - from >= 2 {
            let count = to - from + 1;
            let first = cuts[from];
            let span = all[cuts[to]].time_s - all[first].time_s;
            all[first].kind = HitKind::Flurry;
            all[first].weight = (all[first].weight + 0.05 * count as f64).min(0.95);
            all[first].what = format!("the first of a flurry of {count} cuts within {span:.1} s");
            for &i in &cuts[from + 1..to] {
                all[i].left = Some(format!(
                    "it is inside a flurry of {count} cuts, which count as one hit and a texture"
                ));
            }
            all[cuts[to]].what = format!("{}, where a flurry of {count} cuts comes to rest", all[cuts[to]].what);
        }
        from = to + 1;
    }
}

/// Seconds the last chord rings before the film's end, from and to: shorter for styles with a strict pulse.
pub(super) fn ring(duration: f64, style: &Style) -> (f64, f64) {
    let free = 1.0 - unit(style.tempo.steady);
    (
        (1.0 + 0.8 * free).min(0.45 * duration),
        (2.4 + 1.6 * free).min(0.75 * duration),
    )
}

/// Where the music resolves: on the last heavy moment that leaves room to ring (which then becomes the end), else at a
/// point of its own.
fn resolve(all: &mut Vec<Weighed>, duration: f64, frame: f64, style: &Style) {
    let (low, high) = ring(duration, style);
    let (from, to) = (duration - high.max(4.0).min(duration * 0.75), duration - low);
    // Later is better: what comes after the end is left.
    let late = |m: &Weighed| m.weight + 0.12 * (m.time_s - from);
    let room = |m: &&mut Weighed| m.left.is_none() && m.weight >= 0.42 && m.time_s >= from && m.time_s <= to;
    if let Some(last) = all.iter_mut().filter(room).max_by(|a, b| late(a).total_cmp(&late(b))) {
        last.what = format!("the end, on {}", last.what);
        last.kind = HitKind::End;
        last.weight = 1.0;
        return;
    }
    let time_s = (((duration - 0.5 * (low + high)) / frame).round().max(0.0) * frame).min(duration);
    let what = format!("the end, leaving {:.1} s to ring out", duration - time_s);
    all.push(Weighed {
        movable: true,
        ..moment(time_s, 1.0, HitKind::End, &what)
    });
}

/// Of moments that fall together only the heaviest can be a hit.
fn merge(all: &mut [Weighed], together: f64) {
    let mut kept: Option<usize> = None;
    for i in 0..all.len() {
        if all[i].left.is_some() {
            continue;
        }
        let Some(k) = kept.filter(|&k| all[i].time_s - all[k].time_s < together) else {
            kept = Some(i);
            continue;
        };
        let fixed = |m: &Weighed| matches!(m.kind, HitKind::Start | HitKind::End);
        let first_wins = fixed(&all[k]) || (!fixed(&all[i]) && all[k].weight >= all[i].weight);
        if fixed(&all[i]) && fixed(&all[k]) {
            continue;
        }
        let (winner, loser) = if first_wins { (k, i) } else { (i, k) };
        all[loser].left = Some(format!("it falls together with another moment ({})", all[winner].what));
        kept = Some(winner);
    }
}
