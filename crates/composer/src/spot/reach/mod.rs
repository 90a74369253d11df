//! The dynamic programming that lays bars from hit to hit.
//!
//! A state is a bar line after a taken hit: its time, the tempo of the bar before it, and what it cost to come there.
//! From a state, each of the next few hits is tried as the next one taken, at each whole number of eighths that the
//! tempo's band allows, as a downbeat or inside a bar, with odd bars, two hits in one bar, or a fermata. Of the states
//! that took the same hit only the best are kept (a beam), so time grows with the number of hits alone.

mod ways;

use super::{BAND, SLEW, push};
use ways::{Move, Shape};

/// How many further hits a state looks at, of those that its own bar does not cover.
const LOOK: usize = 3;

/// What a hit of weight 1 is worth against the costs below.
pub(super) const WORTH: f64 = 8.0;

/// A state this much dearer than the best of its target is not worth keeping.
const MARGIN: f64 = 2.0;

/// What the bars must obey.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Eighths in a usual bar.
    pub(super) bar: u32,
    /// Lengths in eighths of the style's other meters.
    pub(super) others: Vec<u32>,
    /// Seconds an eighth lasts at the main tempo.
    pub(super) eighth_s: f64,
    /// How strictly the pulse is kept, 0 to 1.
    pub(super) steady: f64,
    /// How far beside an eighth a hit may be played, seconds.
    pub(super) push_s: f64,
    /// Seconds a frame lasts.
    pub(super) frame_s: f64,
    /// States kept a hit.
    pub(super) beam: usize,
}

/// A hit to be reached. The first is the beginning, the last the end.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) time_s: f64,
    pub(super) weight: f64,
    /// Left out only if nothing else works.
    pub(super) asked: bool,
}

/// A bar as laid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Laid {
    pub(super) start_s: f64,
    /// Eighths.
    pub(super) len: u32,
    /// Seconds an eighth lasts.
    pub(super) eighth_s: f64,
    pub(super) free: bool,
}

/// Bars from the beginning to the end (which is the downbeat after the last bar), and where the hits lie.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    pub(super) bars: Vec<Laid>,
    /// Target, bar, eighths after the bar line. A bar index of `bars.len()` is the end itself.
    pub(super) taken: Vec<(usize, usize, u32)>,
    /// When the end falls.
    pub(super) end_s: f64,
    /// What it costs, lower is better.
    pub(super) cost: f64,
    /// Tempo with which the last bar ended, seconds an eighth.
    pub(super) last_eighth_s: f64,
}

#[derive(Debug, Clone, Copy)]
struct State {
    line_s: f64,
    /// 0: no bar yet, or a free one.
    eighth_s: f64,
    cost: f64,
    parent: u32,
    target: u32,
    made: Move,
}

/// Finds the cheapest path over `targets`; if `window` is given, the end may fall on any frame within it.
///
/// Always finds one: where nothing musical leads on, a free bar does.
pub(super) fn search(targets: &[Target], window: Option<(f64, f64)>, rules: &Rules) -> Path {
    if targets.len() < 2 {
        return Path::default();
    }
    let mut beams = Beams::new(targets, window, rules);
    for from in 0..targets.len() - 1 {
        beams.expand(from);
    }
    beams.best_path()
}

struct Beams<'a> {
    targets: &'a [Target],
    window: Option<(f64, f64)>,
    rules: &'a Rules,
    states: Vec<State>,
    /// States by the target they took last, not yet pruned.
    open: Vec<Vec<State>>,
    /// The cheapest state of each target.
    best: Vec<f64>,
    /// Sum of the worth of targets before each.
    worth: Vec<f64>,
    shortest: f64,
    longest: f64,
    step: f64,
}

impl<'a> Beams<'a> {
    fn new(targets: &'a [Target], window: Option<(f64, f64)>, rules: &'a Rules) -> Self {
        let mut worth = vec![0.0];
        for target in targets {
            let each = if target.asked { 12.0 } else { WORTH * target.weight };
            worth.push(worth[worth.len() - 1] + each);
        }
        let start = State {
            line_s: targets[0].time_s,
            eighth_s: 0.0,
            cost: 0.0,
            parent: u32::MAX,
            target: 0,
            made: Move::default(),
        };
        let mut open = vec![Vec::new(); targets.len()];
        open[0].push(start);
        Self {
            targets,
            window,
            rules,
            states: Vec::new(),
            best: vec![f64::INFINITY; targets.len()],
            open,
            worth,
            shortest: rules.eighth_s / (1.0 + BAND - 1e-4),
            longest: rules.eighth_s / (1.0 - BAND + 1e-4),
            step: 1.0 + SLEW - 5e-4,
        }
    }

    /// Prunes the states of a target and tries every way on from them.
    fn expand(&mut self, from: usize) {
        for index in self.keep(from) {
            let state = self.states[index];
            let last = self.targets.len() - 1;
            let (mut looked, mut any) = (0, false);
            for next in from + 1..last {
                if self.targets[next].time_s < state.line_s - 1e-7 {
                    continue;
                }
                looked += 1;
                // Past the hits worth looking at only a state that leads nowhere yet looks on.
                if looked > LOOK && any {
                    break;
                }
                any |= self.try_hit(index, &state, next, self.targets[next].time_s);
                any |= self.try_pair(index, &state, next);
                if self.targets[next].asked {
                    looked = LOOK;
                }
            }
            if looked <= LOOK || !any {
                self.try_end(index, &state, last);
            }
        }
    }

    /// Keeps the best states of a target, of those that are alike only one.
    fn keep(&mut self, target: usize) -> Vec<usize> {
        let open = std::mem::take(&mut self.open[target]);
        let worst = self.best[target] + MARGIN;
        let mut order: Vec<(f64, u32)> = (0u32..)
            .zip(&open)
            .filter(|(_, s)| s.cost <= worst)
            .map(|(i, s)| (s.cost, i))
            .collect();
        // Few of many are looked at: order only those that may be.
        let enough = 12 * self.rules.beam;
        if order.len() > enough {
            order.select_nth_unstable_by(enough, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            order.truncate(enough);
        }
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let unit = self.rules.eighth_s;
        let alike = |a: &State, b: &State| {
            (a.line_s - b.line_s).abs() < 0.12 * unit && (a.eighth_s - b.eighth_s).abs() < 0.006 * unit
        };
        let mut kept: Vec<usize> = Vec::new();
        for (_, index) in order {
            let state = open[index as usize];
            if kept.len() >= self.rules.beam {
                break;
            }
            if kept.iter().any(|&k| alike(&self.states[k], &state)) {
                continue;
            }
            kept.push(self.states.len());
            self.states.push(state);
        }
        kept
    }

    /// The cost of leaving out every target between two.
    fn skipped(&self, from: usize, to: usize) -> f64 {
        self.worth[to] - self.worth[from + 1]
    }

    fn push(&mut self, parent: usize, target: usize, line_s: f64, eighth_s: f64, cost: f64, made: Move) {
        if cost > self.best[target] + MARGIN {
            return;
        }
        self.best[target] = self.best[target].min(cost);
        let state = State {
            line_s,
            eighth_s,
            cost,
            parent: parent as u32,
            target: target as u32,
            made,
        };
        self.open[target].push(state);
    }

    /// Ways to take `next`, which falls at `time_s`, as the only hit of its bar.
    fn try_hit(&mut self, index: usize, state: &State, next: usize, time_s: f64) -> bool {
        let span = time_s - state.line_s;
        let end = next + 1 == self.targets.len();
        let from = state.target as usize;
        let skipped = self.skipped(from, next);
        let base = state.cost + skipped;
        // What of the hits left out may still be reached in the bars between.
        let most = push::BEAT * skipped;
        let weight = self.targets[next].weight;
        let opening = state.parent == u32::MAX;
        if span < 1e-7 {
            self.push(index, next, state.line_s, state.eighth_s, base, Move::default());
            return true;
        }
        if base - most > self.best[next] + MARGIN {
            return true;
        }
        let mut any = false;
        for count in self.counts(span, state.eighth_s) {
            for shape in self.shapes(count, opening, end, skipped == 0.0) {
                let Shape {
                    full,
                    tail,
                    place,
                    holds,
                    cost,
                } = shape;
                let cost = base + weight * self.place_cost(place, holds) + cost;
                for (span, push) in self.spans(span, count, state.eighth_s, end) {
                    let made = Move {
                        full,
                        tail,
                        place,
                        holds,
                        span,
                        ..Move::default()
                    };
                    let cost = cost + push;
                    if cost - most > self.best[next] + MARGIN {
                        any = true;
                        continue;
                    }
                    let Some(ramp) = self.ramp(state.eighth_s, &made) else {
                        continue;
                    };
                    any = true;
                    let mut cost = cost + self.ramp_cost(state.eighth_s, &ramp, &made);
                    if most > 0.0 && cost - most <= self.best[next] + MARGIN {
                        cost -= self.caught(state.line_s, (from, next), &made, &ramp);
                    }
                    let eighth = ramp.at(made.bars() - 1);
                    let line = if place > 0 {
                        state.line_s + span + f64::from(holds - place) * eighth
                    } else {
                        state.line_s + span
                    };
                    self.push(index, next, line, eighth, cost, made);
                }
            }
        }
        self.try_free(index, state, next, span, base) || any
    }

    /// A fermata before the hit; at the opening, a pad before the pulse begins.
    fn try_free(&mut self, index: usize, state: &State, next: usize, span: f64, base: f64) -> bool {
        let opening = state.parent == u32::MAX;
        let eighth = if state.eighth_s > 0.0 {
            state.eighth_s
        } else {
            self.rules.eighth_s
        };
        let bar_s = f64::from(self.rules.bar) * eighth;
        let full = ((span / bar_s - 0.75).floor().max(0.0)) as u32;
        let free = span - f64::from(full) * bar_s;
        let fits = free >= 6.2 * self.rules.eighth_s;
        let end = next + 1 == self.targets.len();
        let cost = match (opening && full == 0, fits) {
            (true, true) => 0.25 + 1.6 * self.rules.steady,
            (false, true) => 0.6 + 3.0 * self.rules.steady + 8.0 * (self.rules.steady - 0.6).max(0.0),
            (_, false) if end || self.targets[next].asked => 4.0,
            (_, false) => return false,
        };
        let made = Move {
            full,
            free,
            span,
            ..Move::default()
        };
        let line = state.line_s + span;
        self.push(index, next, line, 0.0, base + cost, made);
        true
    }

    /// Ways to take `next` and the one after it in the same bar.
    fn try_pair(&mut self, index: usize, state: &State, next: usize) -> bool {
        let second = next + 1;
        if second + 1 >= self.targets.len() {
            return false;
        }
        let bar = self.rules.bar;
        let (one, two) = (self.targets[next].time_s, self.targets[second].time_s);
        let gap = two - one;
        if gap <= 0.0 || gap > f64::from(bar) * self.longest {
            return false;
        }
        let mut any = false;
        let base = state.cost + self.skipped(state.target as usize, next);
        let between = (gap / self.longest).ceil().max(1.0) as u32..=(gap / self.shortest).floor() as u32;
        for eighths in between {
            let eighth = gap / f64::from(eighths);
            for place in 1..=bar.saturating_sub(eighths) {
                let line = one - f64::from(place) * eighth;
                let span = line - state.line_s;
                if span < 2.0 * eighth {
                    break;
                }
                let count = (span / eighth).round() as u32;
                let (near, rest) = (count / bar, count % bar);
                let tail = match rest {
                    0 => [0; 3],
                    3.. => [rest, 0, 0],
                    _ => continue,
                };
                let odd = if rest == 0 { 0.0 } else { self.odd_cost(rest) };
                let second_place = place + eighths;
                let made = Move {
                    full: near,
                    tail,
                    span,
                    place,
                    second: second_place,
                    second_eighth: eighth,
                    first_target: next as u32,
                    ..Move::default()
                };
                let alone = Move { place: 0, ..made };
                let Some(ramp) = self.ramp(state.eighth_s, &alone) else {
                    continue;
                };
                let before = ramp.at(alone.bars() - 1);
                let change = (eighth / before).max(before / eighth);
                if change > self.step {
                    continue;
                }
                let places = self.targets[next].weight * self.place_cost(place, bar)
                    + self.targets[second].weight * self.place_cost(second_place % bar, bar);
                let cost = base
                    + self.ramp_cost(state.eighth_s, &ramp, &alone)
                    + self.change_cost(change)
                    + self.off_cost(eighth)
                    + places
                    + odd;
                let after = two + f64::from(bar - second_place) * eighth;
                any = true;
                self.push(index, second, after, eighth, cost, made);
            }
        }
        any
    }

    /// Ways to the end: on its own time, or on the frames of the window that whole bars lead to.
    fn try_end(&mut self, index: usize, state: &State, last: usize) {
        let Some((low, high)) = self.window else {
            if self.targets[last].time_s >= state.line_s - 1e-7 {
                self.try_hit(index, state, last, self.targets[last].time_s);
            }
            return;
        };
        let frame = self.rules.frame_s;
        let eighth = if state.eighth_s > 0.0 {
            state.eighth_s
        } else {
            self.rules.eighth_s
        };
        let bar_s = f64::from(self.rules.bar) * eighth;
        let mut tried = [f64::NAN; 4];
        let first = ((low - state.line_s) / bar_s).ceil().max(0.0);
        for (slot, more) in tried.iter_mut().zip([0.0, 0.5, 1.0, 1.5]) {
            let at = state.line_s + (first + more) * bar_s;
            let at = (at / frame).round() * frame;
            if at <= high + frame && at >= state.line_s {
                *slot = at;
            }
        }
        let mut any = false;
        for at in tried.into_iter().filter(|t| t.is_finite()) {
            any = true;
            self.try_hit(index, state, last, at);
        }
        if !any && self.targets[last].time_s >= state.line_s - 1e-7 {
            self.try_hit(index, state, last, self.targets[last].time_s);
        }
    }

    fn best_path(mut self) -> Path {
        let last = self.targets.len() - 1;
        let kept = self.keep(last);
        let Some(&best) = kept.first() else {
            return Path::default();
        };
        let mut chain = Vec::new();
        let mut at = best;
        loop {
            chain.push(at);
            match self.states[at].parent {
                u32::MAX => break,
                parent => at = parent as usize,
            }
        }
        chain.reverse();
        let mut path = Path {
            cost: self.states[best].cost,
            ..Path::default()
        };
        path.end_s = self.states[best].line_s;
        path.taken.push((0, 0, 0));
        for pair in chain.windows(2) {
            let (before, state) = (self.states[pair[0]], self.states[pair[1]]);
            self.emit(&before, &state, &mut path);
        }
        path.last_eighth_s = path
            .bars
            .last()
            .filter(|b| !b.free)
            .map_or(self.rules.eighth_s, |b| b.eighth_s);
        path
    }

    /// Writes the bars between two states.
    fn emit(&self, before: &State, state: &State, path: &mut Path) {
        let (made, bar) = (&state.made, self.rules.bar);
        let mut at = before.line_s;
        let mut put = |path: &mut Path, len: u32, eighth_s: f64, free: bool| {
            path.bars.push(Laid {
                start_s: at,
                len,
                eighth_s,
                free,
            });
            at += f64::from(len) * eighth_s;
        };
        if made.free > 0.0 {
            let eighth = if before.eighth_s > 0.0 {
                before.eighth_s
            } else {
                self.rules.eighth_s
            };
            for _ in 0..made.full {
                put(path, bar, eighth, false);
            }
            let len = (made.free / self.rules.eighth_s).round().max(1.0);
            put(path, len as u32, made.free / len, true);
            path.taken.push((state.target as usize, path.bars.len(), 0));
            return;
        }
        let alone = if made.second > 0 {
            Move { place: 0, ..*made }
        } else {
            *made
        };
        let (bars, tails) = (alone.bars(), alone.tails());
        if bars > 0
            && let Some(ramp) = self.ramp(before.eighth_s, &alone)
        {
            for i in 0..bars {
                let len = match i.checked_sub(alone.full) {
                    None => bar,
                    Some(j) if j < tails => alone.tail[j as usize],
                    Some(_) => alone.holds,
                };
                put(path, len, ramp.at(i), false);
            }
        }
        if made.second > 0 {
            put(path, bar, made.second_eighth, false);
            let index = path.bars.len() - 1;
            path.taken.push((made.first_target as usize, index, made.place));
            if made.second == bar {
                path.taken.push((state.target as usize, path.bars.len(), 0));
            } else {
                path.taken.push((state.target as usize, index, made.second));
            }
        } else if made.place > 0 {
            path.taken
                .push((state.target as usize, path.bars.len() - 1, made.place));
        } else {
            path.taken.push((state.target as usize, path.bars.len(), 0));
        }
    }
}
