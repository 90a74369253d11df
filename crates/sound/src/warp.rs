//! Sound bent in time by a few per cent without a change of pitch.
//!
//! Everything is copied as it is, sample by sample; now and then the copying jumps ahead or back, where the sound before and
//! after the jump is most alike, and fades from one to the other (WSOLA: Verhelst and Roelands 1993). Jumps are as rare as the map
//! allows, never lie within an attack, and bring each attack to its place. A fade weighs its sides so that the level holds however alike
//! they are.

/// The farthest that a [`TimeMap`] may stretch or press anything, as a share.
pub const MOST: f64 = 0.06;

/// Seconds around an attack that are copied whole.
const BEFORE: f64 = 0.006;
const AFTER: f64 = 0.03;
/// Attacks closer together than this move as one, seconds.
const FLURRY: f64 = 0.035;
/// Length of a fade, seconds: usually, and at least.
const FADE: f64 = 0.02;
const SHORTEST_FADE: f64 = 0.003;
/// Between attacks the place is looked at every so many seconds.
const CELL: f64 = 0.16;
/// How far an attack may lie beside its place, seconds, and anything else.
const NEAR: f64 = 0.003;
const FAR: f64 = 0.012;
/// Jumps shorter than this are not worth a fade, seconds.
const SLIGHT: f64 = 0.001;
/// Two sides at least so alike fade into each other unheard.
const ALIKE: f32 = 0.9;
/// What missing the place by as much as may be costs, in likeness.
const MISSED: f32 = 0.1;
/// Likeness is first looked for at about this rate.
const COARSE: u32 = 8_000;

/// Which moment of a sound comes to lie where: straight lines from anchor to anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMap {
    anchors: Vec<(f64, f64)>,
}

impl TimeMap {
    /// Anchors (moment of the sound, moment it comes to), seconds. None where there are fewer than two, where a time is not finite or does
    /// not rise, where the first does not come to 0, or where anything is stretched or pressed by more than [`MOST`].
    pub fn new(anchors: Vec<(f64, f64)>) -> Option<Self> {
        let first = anchors.first()?;
        let fits = |pair: &[(f64, f64)]| {
            let (long, becomes) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            long > 0.0 && becomes > 0.0 && (becomes / long - 1.0).abs() <= MOST + 1e-9
        };
        let good = anchors.len() > 1
            && first.1 == 0.0
            && anchors.iter().all(|(s, t)| s.is_finite() && t.is_finite())
            && anchors.windows(2).all(fits);
        good.then_some(Self { anchors })
    }

    /// The anchors.
    pub fn anchors(&self) -> &[(f64, f64)] {
        &self.anchors
    }

    /// Length of what comes out, seconds.
    pub fn length(&self) -> f64 {
        self.anchors.last().map_or(0.0, |a| a.1)
    }

    /// Largest stretch or press anywhere, as a share.
    pub fn most(&self) -> f64 {
        let shares = self
            .anchors
            .windows(2)
            .map(|w| ((w[1].1 - w[0].1) / (w[1].0 - w[0].0) - 1.0).abs());
        shares.fold(0.0, f64::max)
    }

    /// Which moment of the sound is heard at `moment`, seconds; beyond the ends as if nothing were stretched there.
    pub fn source(&self, moment: f64) -> f64 {
        self.along(moment, |a| (a.1, a.0))
    }

    /// Where `moment` of the sound comes to lie, seconds.
    pub fn place(&self, moment: f64) -> f64 {
        self.along(moment, |a| *a)
    }

    fn along(&self, x: f64, of: impl Fn(&(f64, f64)) -> (f64, f64)) -> f64 {
        let after = self.anchors.partition_point(|a| of(a).0 <= x);
        let at = |i: usize| self.anchors.get(i).map_or((0.0, 0.0), &of);
        if after == 0 {
            let (x0, y0) = at(0);
            return y0 + x - x0;
        }
        let (x0, y0) = at(after - 1);
        if after == self.anchors.len() {
            return y0 + x - x0;
        }
        let (x1, y1) = at(after);
        y0 + (x - x0) * (y1 - y0) / (x1 - x0)
    }
}

/// `samples` (one channel, `rate` a second) along `map`: exactly the map's length, the attacks at `attacks` (seconds in the
/// sound, rising) within 3 ms of their places and copied whole. What the map asks for beyond the ends is silence.
pub fn warped(samples: &[f32], rate: u32, map: &TimeMap, attacks: &[f64]) -> Vec<f32> {
    let rate_s = f64::from(rate.max(1));
    let length = (map.length() * rate_s).round() as usize;
    let mut out = Vec::with_capacity(length);
    let mut shift = (map.source(0.0) * rate_s).round() as i64;
    let copy = |out: &mut Vec<f32>, to: usize, shift: i64| {
        out.extend((out.len()..to).map(|i| at(samples, i as i64 + shift)));
    };
    let likeness = Likeness::new(samples, rate);
    for jump in jumps(&likeness, rate_s, length, map, attacks, shift) {
        copy(&mut out, jump.from.min(length), shift);
        let next = shift + jump.by;
        let to = (jump.from + jump.fade).min(length);
        for i in out.len()..to {
            let share = (i - jump.from) as f32 + 0.5;
            let rise = (share / jump.fade as f32 * std::f32::consts::FRAC_PI_2).sin().powi(2);
            let fall = 1.0 - rise;
            let level = (rise * rise + fall * fall + 2.0 * rise * fall * jump.alike).sqrt();
            let (old, new) = (at(samples, i as i64 + shift), at(samples, i as i64 + next));
            out.push((fall * old + rise * new) / level);
        }
        shift = next;
    }
    copy(&mut out, length, shift);
    out
}

fn at(samples: &[f32], i: i64) -> f32 {
    usize::try_from(i)
        .ok()
        .and_then(|i| samples.get(i))
        .copied()
        .unwrap_or(0.0)
}

/// One jump: from which sample of what comes out, over how many, by how many samples of the sound.
#[derive(Debug, Clone, Copy)]
struct Jump {
    from: usize,
    fade: usize,
    by: i64,
    /// How alike both sides are, 0 to 1.
    alike: f32,
}

/// All jumps, in order, none within another.
fn jumps(
    likeness: &Likeness<'_>,
    rate: f64,
    length: usize,
    map: &TimeMap,
    attacks: &[f64],
    mut shift: i64,
) -> Vec<Jump> {
    let samples = |seconds: f64| (seconds * rate).round() as usize;
    // How far the sound should run ahead of what comes out.
    let wanted = |i: usize| map.source(i as f64 / rate) * rate - i as f64;
    let mut all = Vec::new();
    let mut open = 0;
    let mut places = places(rate, length, map, attacks);
    places.push((length, length));
    for (first, last) in places {
        let is_end = first == length;
        let close = if is_end {
            length
        } else {
            first.saturating_sub(samples(BEFORE))
        };
        // Only where attacks come thick is less than the usual left after each.
        let room = close.saturating_sub(open);
        let cells = room.div_ceil(samples(CELL).max(1)).max(1);
        let mut from = open;
        for cell in 0..cells {
            let to = open + room * (cell + 1) / cells;
            let meets = cell + 1 == cells && !is_end;
            let aim = wanted(if meets { first } else { to });
            let tolerance = if meets { NEAR } else { FAR };
            let off = aim - shift as f64;
            let fade = samples(FADE).min(to.saturating_sub(from));
            if off.abs() < SLIGHT * rate || fade < samples(SHORTEST_FADE).max(1) {
                continue;
            }
            // Where little is missed, only what nobody hears is worth it.
            let must = off.abs() > 0.75 * tolerance * rate;
            let wish = Wish {
                from,
                to,
                fade,
                shift,
                off,
                slack: tolerance * rate * if meets { 0.9 } else { 0.7 },
            };
            let Some(jump) = likeness.best(&wish) else { continue };
            if must || jump.alike >= ALIKE {
                shift += jump.by;
                from = jump.from + jump.fade;
                all.push(jump);
            }
        }
        open = (last + samples(AFTER)).max(from).min(length);
    }
    all
}

/// Where attacks come to lie, in samples: the first and the last of those that move as one.
fn places(rate: f64, length: usize, map: &TimeMap, attacks: &[f64]) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = Vec::new();
    let flurry = (FLURRY * rate) as usize;
    for attack in attacks.iter().filter(|a| a.is_finite()) {
        let place = map.place(*attack) * rate;
        if place < 0.0 || place as usize >= length {
            continue;
        }
        let place = place.round() as usize;
        match all.last_mut() {
            Some((first, last)) if place < *first + flurry => *last = (*last).max(place),
            _ => all.push((place, place)),
        }
    }
    all
}

/// Where a jump is looked for: within samples `from` to `to` of what comes out, over `fade` of them, from a sound that runs `shift`
/// ahead; by `off` samples, give or take `slack`.
struct Wish {
    from: usize,
    to: usize,
    fade: usize,
    shift: i64,
    off: f64,
    slack: f64,
}

/// Says how alike two places of a sound are.
struct Likeness<'s> {
    samples: &'s [f32],
    /// Means of `step` samples each.
    coarse: Vec<f32>,
    step: usize,
}

impl<'s> Likeness<'s> {
    fn new(samples: &'s [f32], rate: u32) -> Self {
        let step = (rate / COARSE).max(1) as usize;
        let mean = |part: &[f32]| part.iter().sum::<f32>() / step as f32;
        Self {
            samples,
            coarse: samples.chunks(step).map(mean).collect(),
            step,
        }
    }

    /// The jump between the likest places, at once likely and near to what is wished for.
    fn best(&self, wish: &Wish) -> Option<Jump> {
        let step = self.step;
        let cost = |by: f64| {
            let miss = ((by - wish.off) / wish.slack) as f32;
            (miss.abs() <= 1.0 + 1e-6).then_some(MISSED * miss * miss)
        };
        let last = wish.to.saturating_sub(wish.fade);
        let (low, high) = (wish.off - wish.slack, wish.off + wish.slack);
        let coarse_lags = (low / step as f64).floor() as i64..=(high / step as f64).ceil() as i64;
        let mut best: Option<(f32, usize, i64)> = None;
        // A quarter of a fade from place to place.
        for from in (wish.from..=last).step_by((wish.fade / 4).max(1)) {
            let old = (from as i64 + wish.shift).div_euclid(step as i64);
            for lag in coarse_lags.clone() {
                let Some(cost) = cost((lag * step as i64) as f64) else {
                    continue;
                };
                let worth = alike(&self.coarse, old, old + lag, wish.fade / step) - cost;
                if best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, from, lag));
                }
            }
        }
        let (_, from, lag) = best?;
        let old = from as i64 + wish.shift;
        let near = (lag - 1) * step as i64..=(lag + 1) * step as i64;
        let mut found: Option<(f32, i64, f32)> = None;
        for by in near {
            let Some(cost) = cost(by as f64) else { continue };
            let alike = alike(self.samples, old, old + by, wish.fade);
            if found.is_none_or(|(most, ..)| alike - cost > most) {
                found = Some((alike - cost, by, alike));
            }
        }
        let (_, by, alike) = found?;
        (by != 0).then_some(Jump {
            from,
            fade: wish.fade,
            by,
            alike: alike.clamp(0.0, 1.0),
        })
    }
}

/// Correlation of `length` samples at two places, −1 to 1; silence is like silence.
fn alike(samples: &[f32], one: i64, other: i64, length: usize) -> f32 {
    let part = |from: i64| {
        let from = usize::try_from(from).ok()?;
        samples.get(from..from + length)
    };
    let (Some(a), Some(b)) = (part(one), part(other)) else {
        return 0.0;
    };
    let mut sums = [[0.0f32; 8]; 3];
    let (mut a8, mut b8) = (a.chunks_exact(8), b.chunks_exact(8));
    for (a, b) in a8.by_ref().zip(b8.by_ref()) {
        for i in 0..8 {
            sums[0][i] += a[i] * b[i];
            sums[1][i] += a[i] * a[i];
            sums[2][i] += b[i] * b[i];
        }
    }
    let [mut ab, mut aa, mut bb] = sums.map(|s| s.iter().sum::<f32>());
    for (a, b) in a8.remainder().iter().zip(b8.remainder()) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let floor = 1e-9 * length as f32;
    (ab + floor) / ((aa + floor) * (bb + floor)).sqrt()
}

#[cfg(test)]
mod tests;
