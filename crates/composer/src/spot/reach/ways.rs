//! Ways to divide a gap into bars, the tempos that fill it, and what they cost.

use super::super::{BAND, SLEW, push};
use super::{Beams, WORTH};

/// Cost of each half of a usual bar written as a bar of its own so that the tempo may move between them.
const HALF: f64 = 0.06;

/// Cost of playing a hit as far beside its eighth as a player may.
const PUSH: f64 = 0.3;

/// How a state was reached from its parent: bars of the usual length, then a few others, then the bar that holds the hit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Move {
    pub(super) full: u32,
    /// Lengths of the bars after the full ones, up to the first 0.
    pub(super) tail: [u32; 3],
    /// Place of the hit in its bar in eighths; 0: it is the downbeat after the bars above.
    pub(super) place: u32,
    /// Length of the bar that holds the hit, if it is no downbeat.
    pub(super) holds: u32,
    /// Seconds from the parent's bar line to the hit, or to the bar line of a bar with two hits.
    pub(super) span: f64,
    /// Seconds of a free bar before the hit, 0 where there is none.
    pub(super) free: f64,
    /// Place and eighth's length for a second hit in the same bar (the state's own hit), 0 where there is none.
    pub(super) second: u32,
    pub(super) second_eighth: f64,
    /// The first of the two hits.
    pub(super) first_target: u32,
}

impl Move {
    pub(super) fn tails(&self) -> u32 {
        self.tail.iter().filter(|&&l| l > 0).count() as u32
    }

    /// Bars whose tempo the ramp decides.
    pub(super) fn bars(&self) -> u32 {
        self.full + self.tails() + u32::from(self.place > 0)
    }
}

/// A way to divide eighths into bars, and what it costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) full: u32,
    pub(super) tail: [u32; 3],
    pub(super) place: u32,
    pub(super) holds: u32,
    pub(super) cost: f64,
}

/// Eighth lengths that start from `from` and move to `level`, `steps` bars by the largest step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    pub(super) from: f64,
    pub(super) factor: f64,
    pub(super) steps: u32,
    pub(super) level: f64,
}

impl Ramp {
    pub(super) fn at(&self, bar: u32) -> f64 {
        if bar < self.steps {
            self.from * self.factor.powi(bar as i32 + 1)
        } else {
            self.level
        }
    }
}

impl Beams<'_> {
    /// Eighth counts worth trying for `span` seconds: the nearest to the present tempo, and the nearest whole bars.
    pub(super) fn counts(&self, span: f64, now: f64) -> impl Iterator<Item = u32> + use<> {
        let low = (span / self.longest).ceil().max(1.0) as u32;
        let high = (span / self.shortest).floor() as u32;
        let now = if now > 0.0 {
            0.6 * now + 0.4 * self.rules.eighth_s
        } else {
            self.rules.eighth_s
        };
        let near = (span / now).round() as u32;
        let bar = self.rules.bar;
        let whole = ((f64::from(near) / f64::from(bar)).round() as u32) * bar;
        let close = (low.max(near.saturating_sub(2))..=high.min(near + 2)).filter(move |&n| n != whole);
        let far = [whole.saturating_sub(bar), whole + bar];
        let far = far.into_iter().filter(move |&n| n > 0 && n + 2 < near || n > near + 2);
        close
            .chain([whole])
            .chain(far)
            .filter(move |&n| n >= low && n <= high && n > 0)
    }

    /// Ways to divide `count` eighths into bars so that the hit after them is a downbeat or lies in a bar.
    /// Bars are halved only on the way to the `nearest` hit.
    pub(super) fn shapes(
        &self,
        count: u32,
        opening: bool,
        end: bool,
        nearest: bool,
    ) -> impl Iterator<Item = Shape> + use<> {
        let bar = self.rules.bar;
        let (full, rest) = (count / bar, count % bar);
        let half = if nearest && bar.is_multiple_of(4) && bar >= 8 {
            bar / 2
        } else {
            0
        };
        let halved = 2.0 * HALF * (0.5 + self.rules.steady);
        let (mut ways, mut found) = ([Shape::default(); 8], 0);
        let mut way = |full: u32, tail: [u32; 3], place: u32, holds: u32, cost: f64| {
            ways[found] = Shape {
                full,
                tail,
                place,
                holds,
                cost,
            };
            found += 1;
        };
        if rest == 0 {
            way(full, [0; 3], 0, 0, 0.0);
            if half > 0 && full == 1 {
                way(0, [half, half, 0], 0, 0, halved);
            }
        }
        if rest >= 3 || (rest > 0 && opening && full == 0) {
            let pickup = opening && full == 0;
            way(
                full,
                [rest, 0, 0],
                0,
                0,
                match (pickup, rest % 2) {
                    (true, 0) => 0.05,
                    // The pulse then begins half a beat after the music.
                    (true, _) => 0.05 + 2.2 * self.rules.steady,
                    (false, _) => self.odd_cost(rest),
                },
            );
        }
        if rest > 0 && full >= 1 && rest <= bar / 2 {
            way(full - 1, [bar + rest, 0, 0], 0, 0, self.odd_cost(bar + rest));
        }
        if rest > 0 && !end {
            way(full, [0; 3], rest, bar, 0.0);
            // A bar that ends soon after the hit lets the tempo turn sooner.
            let soon = rest + 2 - rest % 2;
            if soon < bar && soon >= 4 && soon != half {
                way(full, [0; 3], rest, soon, self.odd_cost(soon));
            }
            if half > 0 && rest < half {
                way(full, [0; 3], rest, half, self.odd_cost(half));
            } else if rest > half && half > 0 && full <= 1 {
                way(full, [half, 0, 0], rest - half, half, halved);
            }
            if half > 0 && full == 1 {
                way(0, [half, half, 0], rest, bar, halved);
                if rest > half {
                    way(0, [half, half, half], rest - half, half, 2.0 * halved);
                }
            }
        }
        ways.into_iter().take(found)
    }

    /// Spans worth trying for a hit `span` seconds after the bar line, each with what its push costs: exact, and as near to
    /// what the present tempo has as a player pushes. The end of the piece is exact.
    pub(super) fn spans(&self, span: f64, count: u32, now: f64, end: bool) -> impl Iterator<Item = (f64, f64)> + use<> {
        let most = if end { 0.0 } else { self.rules.push_s };
        let now = if now > 0.0 { now } else { self.rules.eighth_s };
        let held = now * f64::from(count) - span;
        let steps = [0.0, held.clamp(-most, most)];
        let used = if held.abs() < 1e-7 || most <= 0.0 { 1 } else { 2 };
        steps.into_iter().take(used).map(move |push| {
            let x = if most > 0.0 { push / most } else { 0.0 };
            (span + push, PUSH * x * x)
        })
    }

    /// The tempos that bring the move's bars to its span, or nothing if the tempo would have to bend too far.
    pub(super) fn ramp(&self, from: f64, made: &Move) -> Option<Ramp> {
        let bar = f64::from(self.rules.bar);
        let (bars, tails) = (made.bars(), made.tails());
        let weight = |i: u32| match i.checked_sub(made.full) {
            None => bar,
            Some(j) if j < tails => f64::from(made.tail[j as usize]),
            Some(_) => f64::from(made.place),
        };
        let mut rest = bar * f64::from(made.full) + f64::from(made.tail.iter().sum::<u32>() + made.place);
        let mut span = made.span;
        let mut level = span / rest;
        let inside = |x: f64| x >= self.shortest && x <= self.longest;
        if from <= 0.0 {
            return inside(level).then_some(Ramp {
                from,
                factor: 1.0,
                steps: 0,
                level,
            });
        }
        let factor = if level > from { self.step } else { 1.0 / self.step };
        let mut now = from;
        for steps in 0..bars {
            let ratio = level / now;
            if ratio <= self.step && ratio * self.step >= 1.0 {
                return inside(level).then_some(Ramp {
                    from,
                    factor,
                    steps,
                    level,
                });
            }
            // A ramp that overshoots its goal would have to turn back.
            if (ratio > 1.0) != (factor > 1.0) {
                return None;
            }
            now *= factor;
            if !inside(now) {
                return None;
            }
            rest -= weight(steps);
            span -= weight(steps) * now;
            if rest < 0.5 {
                return None;
            }
            level = span / rest;
        }
        None
    }

    /// What the hits left out between `from` and `next` are still worth, where a player reaches them in the bars of this move
    /// without the tempo bending for them: that is what lets a dance keep its tempo.
    pub(super) fn caught(&self, line_s: f64, (from, next): (usize, usize), made: &Move, ramp: &Ramp) -> f64 {
        let (bars, tails) = (made.bars(), made.tails());
        let (mut bar, mut at, mut worth, mut last) = (0, line_s, 0.0, f64::NEG_INFINITY);
        let mut eighth = ramp.at(0);
        for target in &self.targets[from + 1..next] {
            if target.time_s < line_s || target.asked {
                continue;
            }
            while bar < bars {
                let len = match bar.checked_sub(made.full) {
                    None => self.rules.bar,
                    Some(j) if j < tails => made.tail[j as usize],
                    Some(_) => made.holds,
                };
                let end = at + f64::from(len) * eighth;
                if target.time_s < end {
                    break;
                }
                (bar, at) = (bar + 1, end);
                eighth = if bar < ramp.steps {
                    eighth * ramp.factor
                } else {
                    ramp.level
                };
            }
            let place = (target.time_s - at) / eighth;
            let kept = push::reached(place, eighth, target.weight, self.rules.push_s);
            if kept > 0.0 && target.time_s - last > push::APART_S {
                worth += kept * WORTH * target.weight;
                last = target.time_s;
            }
        }
        worth
    }

    pub(super) fn change_cost(&self, ratio: f64) -> f64 {
        let x = (ratio - 1.0).abs() / SLEW;
        (0.08 + 2.4 * self.rules.steady * self.rules.steady) * x * x
    }

    /// Cost of a bar away from the main tempo.
    pub(super) fn off_cost(&self, eighth: f64) -> f64 {
        let x = (eighth / self.rules.eighth_s - 1.0) / BAND;
        (0.01 + 0.06 * self.rules.steady) * x * x
    }

    pub(super) fn ramp_cost(&self, from: f64, ramp: &Ramp, made: &Move) -> f64 {
        let bars = made.bars();
        let mut cost = f64::from(bars - ramp.steps.min(bars)) * self.off_cost(ramp.level);
        let mut now = from;
        for _ in 0..ramp.steps {
            now *= ramp.factor;
            cost += self.change_cost(self.step) + self.off_cost(now);
        }
        if from > 0.0 {
            cost += self.change_cost(ramp.level / now);
        }
        cost
    }

    /// Cost of a hit of weight 1 that falls `place` eighths into a bar.
    pub(super) fn place_cost(&self, place: u32, bar: u32) -> f64 {
        if place == 0 {
            0.0
        } else if 2 * place == bar && bar != 6 {
            0.16
        } else if place.is_multiple_of(2) || (bar == 6 && place == 3) {
            0.35
        } else {
            0.75
        }
    }

    pub(super) fn odd_cost(&self, len: u32) -> f64 {
        let base = if self.rules.others.contains(&len) {
            0.2
        } else if len.is_multiple_of(2) {
            0.42
        } else {
            // Half a beat too many or too few: whoever counts is thrown out.
            1.6
        };
        base * (0.5 + self.rules.steady)
    }
}
