//! From weighed moments to bars: chooses the main tempo, lays each cue, fills silences, and says why.

use synchresis_cue::{Bar, Hit, HitKind, Meter, Mood, Spotting};

use super::moments::{Weighed, ring};
use super::reach::{self, Laid, Path, Rules, Target};
use super::{PUSH_S, push, smooth, tempo};
use crate::dice::Dice;
use crate::style::Style;

/// States kept a hit while tempos are compared, and for the final bars.
const BEAM: (usize, usize) = (6, 36);

/// A span of music: from a start to an end.
struct Cue {
    /// Indices of its moments, the start first, the end last.
    moments: Vec<usize>,
    targets: Vec<Target>,
    /// Frames the end may fall on, where it may move.
    window: Option<(f64, f64)>,
}

/// Lays the bars for weighed moments.
pub(super) fn lay(
    weighed: Vec<Weighed>,
    mood: &Mood,
    style: &Style,
    duration: f64,
    frame_s: f64,
    seed: u64,
) -> Spotting {
    let cues = cues_of(&weighed, style, duration);
    let counted = Counted::of(style);
    let (low, aim, high) = tempo::range(mood, style);
    let offsets: Vec<(f64, f64)> = cues
        .iter()
        .flat_map(|c| {
            c.targets
                .iter()
                .skip(1)
                .map(|t| (t.time_s - c.targets[0].time_s, t.weight))
        })
        .collect();
    let candidates = tempo::constant(&offsets, frame_s, (low, high));
    let steady = if style.tempo.steady.is_finite() {
        style.tempo.steady.clamp(0.0, 1.0)
    } else {
        0.5
    };
    let rules = |bpm: f64, beam: usize| Rules {
        bar: counted.bar,
        others: counted.others.clone(),
        eighth_s: 30.0 / bpm,
        steady,
        push_s: PUSH_S * push::freedom(steady),
        frame_s,
        beam,
    };
    let mut tried: Vec<f64> = candidates.iter().take(4).map(|c| c.bpm).collect();
    let spread = ((high / low).ln() / 0.05).ceil().clamp(1.0, 8.0);
    tried.extend((0..=spread as usize).map(|i| low * (high / low).powf(i as f64 / spread)));
    tried.push(aim);
    let mut dice = Dice::of(seed, "tempo", 0);
    // Nearest to what the style is about first: what lies so far off that its distance alone costs more is not searched.
    let targets: f64 = cues.iter().map(|cue| 0.6 + 0.35 * cue.targets.len() as f64).sum();
    let mut tried: Vec<(f64, f64)> = tried
        .into_iter()
        .map(|bpm| (((bpm / aim).ln() / 0.25).powi(2) * targets + dice.unit() * 0.02, bpm))
        .collect();
    tried.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best = (f64::INFINITY, aim);
    for (far, bpm) in tried {
        let (mut cost, mut seconds) = (far, 0.0);
        for cue in &cues {
            if seconds > 100.0 || cost >= best.0 {
                break;
            }
            let path = reach::search(&cue.targets, cue.window, &rules(bpm, BEAM.0));
            cost += path.cost;
            seconds += path.end_s - cue.targets[0].time_s;
        }
        if cost < best.0 {
            best = (cost, bpm);
        }
    }
    let rules = rules(best.1, BEAM.1);
    let paths: Vec<Path> = cues
        .iter()
        .map(|c| smooth::smooth(reach::search(&c.targets, c.window, &rules), &rules))
        .collect();
    assemble(weighed, &cues, &paths, &rules, &counted, duration, candidates)
}

/// A style's meters in eighths.
struct Counted {
    meters: Vec<(u32, Meter)>,
    bar: u32,
    others: Vec<u32>,
    /// Bars are counted in eighths, 6/8 say.
    eighths: bool,
}

impl Counted {
    fn of(style: &Style) -> Self {
        let whole = |m: &&Meter| m.unit > 0 && (u32::from(m.beats) * 8).is_multiple_of(u32::from(m.unit));
        let length = |m: &Meter| (u32::from(m.beats) * 8 / u32::from(m.unit), *m);
        let mut meters: Vec<(u32, Meter)> = style
            .meters
            .iter()
            .filter(whole)
            .map(length)
            .filter(|m| (3..=24).contains(&m.0))
            .collect();
        if meters.is_empty() {
            meters.push((8, Meter { beats: 4, unit: 4 }));
        }
        let (bar, usual) = meters[0];
        let others = meters.iter().skip(1).map(|m| m.0).filter(|&l| l != bar).collect();
        Self {
            bar,
            others,
            eighths: usual.unit >= 8,
            meters,
        }
    }

    /// The time signature of a bar of `len` eighths.
    fn meter(&self, len: u32) -> Meter {
        if let Some((_, meter)) = self.meters.iter().find(|m| m.0 == len) {
            return *meter;
        }
        let len = len.clamp(1, 254) as u8;
        if self.eighths || !len.is_multiple_of(2) {
            Meter { beats: len, unit: 8 }
        } else {
            Meter {
                beats: len / 2,
                unit: 4,
            }
        }
    }

    fn bar(&self, laid: &Laid) -> Bar {
        Bar {
            start_s: laid.start_s,
            meter: self.meter(laid.len),
            bpm: 30.0 / laid.eighth_s,
            free: laid.free,
        }
    }
}

fn cues_of(weighed: &[Weighed], style: &Style, duration: f64) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut open: Option<Cue> = None;
    for (i, m) in weighed.iter().enumerate() {
        if m.left.is_some() {
            continue;
        }
        let target = Target {
            time_s: m.time_s,
            weight: m.weight,
            asked: m.kind == HitKind::Manual,
        };
        if m.kind == HitKind::Start {
            open = Some(Cue {
                moments: vec![i],
                targets: vec![target],
                window: None,
            });
        } else if let Some(cue) = &mut open {
            cue.moments.push(i);
            cue.targets.push(target);
            if m.kind == HitKind::End {
                if m.movable {
                    let (low, high) = ring(duration, style);
                    cue.window = Some((duration - high, duration - low));
                }
                cues.extend(open.take());
            }
        }
    }
    cues
}

fn assemble(
    weighed: Vec<Weighed>,
    cues: &[Cue],
    paths: &[Path],
    rules: &Rules,
    counted: &Counted,
    duration: f64,
    tempo_candidates: Vec<synchresis_cue::TempoCandidate>,
) -> Spotting {
    let mut bars: Vec<Bar> = Vec::new();
    let mut places: Vec<Option<(usize, u32)>> = vec![None; weighed.len()];
    let mut times: Vec<f64> = weighed.iter().map(|m| m.time_s).collect();
    for (i, (cue, path)) in cues.iter().zip(paths).enumerate() {
        let base = bars.len();
        bars.extend(path.bars.iter().map(|laid| counted.bar(laid)));
        for &(target, bar, place) in &path.taken {
            places[cue.moments[target]] = Some((base + bar, place));
        }
        let end = cue.moments[cue.moments.len() - 1];
        times[end] = path.end_s;
        let next = cues.get(i + 1).map_or(duration, |c| c.targets[0].time_s);
        let rest = silence(path.end_s, next, rules, i + 1 == cues.len());
        bars.extend(rest.iter().map(|laid| counted.bar(laid)));
    }
    let last_ring = bars.iter().rposition(|b| !b.free).map_or(0, |i| i + 1);
    let mut hits: Vec<Hit> = Vec::with_capacity(weighed.len());
    for (i, m) in weighed.into_iter().enumerate() {
        let already_left = m.left.is_some();
        let what = m.what.clone();
        let mut hit = Hit {
            time_s: times[i],
            ..m.into_hit()
        };
        let near = nearest(&bars, hit.time_s);
        let place = places[i].or_else(|| {
            let (bar, place, off) = near?;
            (!already_left && off.abs() < 1e-7 && !bars[bar].free).then_some((bar, place))
        });
        let pushed = || {
            let alone = (0..times.len()).all(|k| places[k].is_none() || push::apart(times[k], hit.time_s));
            let alone = alone
                && hits
                    .iter()
                    .rev()
                    .find(|h| h.taken)
                    .is_none_or(|h| push::apart(h.time_s, hit.time_s));
            (alone && !already_left)
                .then(|| push::place(&bars, last_ring, rules.steady, hit.time_s, hit.weight))
                .flatten()
        };
        match place {
            Some((bar, place)) => {
                hit.taken = true;
                hit.bar = Some(bar);
                hit.beat = Some(f64::from(place) / 2.0);
                hit.reason = format!("{what}: {}", landing(bar, place, bars.get(bar)));
                let grid = bars
                    .get(bar)
                    .map(|b| b.start_s + f64::from(place) / 2.0 * b.quarter_s());
                if let Some(ms) = grid.map(|g| (hit.time_s - g) * 1000.0).filter(|ms| ms.abs() > 1e-3) {
                    let how = if ms < 0.0 { "pushed" } else { "held" };
                    hit.reason.push_str(&format!(", {how} by {:.0} ms to it", ms.abs()));
                }
            }
            None if let Some((bar, beat)) = pushed() => {
                let ms = (hit.time_s - bars[bar].start_s - beat * bars[bar].quarter_s()) * 1000.0;
                hit.taken = true;
                hit.bar = Some(bar);
                hit.beat = Some(beat);
                hit.reason = format!("{what}: {}", pushing(bar, beat, ms, bars[bar].free));
            }
            None if !already_left => hit.reason = format!("{what}: left, {}", missing(near, &bars)),
            None => {}
        }
        hits.push(hit);
    }
    hits.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    Spotting {
        hits,
        tempo_candidates,
        bars,
        music_start_s: 0.0,
        music_end_s: duration,
    }
}

/// The bar, the eighth in it and the distance to that eighth in seconds.
fn nearest(bars: &[Bar], time_s: f64) -> Option<(usize, u32, f64)> {
    let bar = bars.partition_point(|b| b.start_s <= time_s + 1e-9).checked_sub(1)?;
    let eighth = bars[bar].quarter_s() / 2.0;
    let at = (time_s - bars[bar].start_s) / eighth;
    let place = at.round().max(0.0);
    let off = (place - at) * eighth;
    if (place / 2.0 - bars[bar].meter.quarters()).abs() < 1e-9 {
        return (bar + 1 < bars.len()).then_some((bar + 1, 0, off));
    }
    Some((bar, place as u32, off))
}

fn landing(bar: usize, place: u32, laid: Option<&Bar>) -> String {
    let number = bar + 1;
    match place {
        0 if laid.is_some_and(|b| b.free) => format!("lands on the free bar {number}"),
        0 => format!("lands on the downbeat of bar {number}"),
        p if p % 2 == 0 => format!("lands on beat {} of bar {number}", p / 2 + 1),
        p => format!("lands after beat {} of bar {number}", p / 2 + 1),
    }
}

fn pushing(bar: usize, beat: f64, ms: f64, free: bool) -> String {
    let (number, on) = (bar + 1, beat.floor() + 1.0);
    let how = if ms < 0.0 { "pushed" } else { "held" };
    match beat.fract() {
        _ if free => format!("struck inside the free bar {number}"),
        0.0 => format!("beat {on} of bar {number} is {how} by {:.0} ms to it", ms.abs()),
        _ => format!(
            "the note after beat {on} of bar {number} is {how} by {:.0} ms to it",
            ms.abs()
        ),
    }
}

fn missing(near: Option<(usize, u32, f64)>, bars: &[Bar]) -> String {
    match near {
        Some((bar, _, _)) if bars[bar].free => "the pulse is free here".to_owned(),
        Some((_, _, off)) => format!(
            "the nearest eighth is {:.0} ms away, and bending the tempo to it would lose more than it weighs",
            off.abs() * 1000.0
        ),
        None => "it comes before the music".to_owned(),
    }
}

/// Free bars from `from` to `to`: the first rings out; what follows is silence, in bars of the usual length.
fn silence(from: f64, to: f64, rules: &Rules, last: bool) -> Vec<Laid> {
    let span = to - from;
    if span <= 1e-9 {
        return Vec::new();
    }
    let count = (span / rules.eighth_s).round().clamp(1.0, 1e6) as u32;
    let eighth_s = span / f64::from(count);
    let ring = if last && count <= 40 {
        count
    } else {
        let rest = count % rules.bar;
        if rest >= rules.bar / 2 { rest } else { rest + rules.bar }.min(count)
    };
    let mut bars = vec![Laid {
        start_s: from,
        len: ring,
        eighth_s,
        free: true,
    }];
    let mut done = ring;
    while done < count {
        let start_s = from + f64::from(done) * eighth_s;
        let len = rules.bar.min(count - done);
        bars.push(Laid {
            start_s,
            len,
            eighth_s,
            free: true,
        });
        done += len;
    }
    bars
}
