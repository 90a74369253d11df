//! Fades, dissolves and wipes.

use super::glance::{Film, Tiny};
use super::grid::{H3, W3};

/// A transition that takes a while. Places count frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gradual {
    /// The visible middle.
    pub(crate) middle: usize,
    /// First frame that changes.
    pub(crate) from: usize,
    /// Last frame that changes.
    pub(crate) to: usize,
    /// 0 to 1.
    pub(crate) strength: f32,
}

/// Lengths of dissolves and wipes that are looked for, seconds.
const LENGTHS_S: [f64; 7] = [0.2, 0.32, 0.5, 0.75, 1.1, 1.6, 2.3];
/// How long something that passes through the picture may take to be gone, seconds.
const PASSING_S: f64 = 1.2;
/// Most that may change around a dissolve.
const RESTLESS: f32 = 0.65;
/// Frames looked at within one.
const LOOKS: usize = 7;

/// What is known of a stretch that may be a dissolve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) middle: usize,
    /// Length, seconds.
    length_s: f32,
    /// Difference of its ends, levels.
    jump: f32,
    /// How far the frames within stray from the way between the ends, cell by cell, against the jump. A dissolve or a
    /// wipe never leaves the way; a movement does.
    stray: f32,
    /// What changes just before and just after, for as long again as a third of it each, against the jump.
    restless: f32,
    /// Correlation of its ends.
    correlation: f32,
    /// How far the camera goes within, picture widths.
    travel: f32,
    /// Contrast of its middle against its ends.
    dip: f32,
    /// Largest part of the way that is gone between two looks.
    steepest: f32,
    /// Correlation of its ends where one is moved over the other as fits best: near 1 for a movement.
    kin: f32,
    /// Share of the picture that takes part, 0 to 1: part for an object, nearly all for a dissolve.
    spread: f32,
    /// How near the picture of before comes back within a second after, or that of after was there within a second
    /// before, against the jump: small where something only passes through.
    back: f32,
}

impl Stretch {
    /// Names of [`Stretch::values`].
    pub(crate) const NAMES: [&str; 8] = [
        "length_s",
        "ends_jump",
        "stray",
        "restless",
        "correlation",
        "travel",
        "dip",
        "steepest",
    ];

    pub(crate) fn values(&self) -> [f32; 11] {
        [
            self.length_s,
            self.jump,
            self.stray,
            self.restless,
            self.correlation,
            self.travel,
            self.dip,
            self.steepest,
            self.kin,
            self.spread,
            self.back,
        ]
    }
}

/// All stretches that might be dissolves: about ten looks a length, none over a frame in `closed`.
pub(crate) fn stretches(film: &Film<'_>, closed: &[bool]) -> Vec<Stretch> {
    let n = film.glances.len();
    let time: Vec<f64> = film.glances.iter().map(|g| g.time_s).collect();
    let at = |t: f64| time.partition_point(|&s| s <= t + 1e-6).saturating_sub(1);
    let mut shut = vec![0u32; n + 1];
    let mut travelled = vec![0f32; n + 1];
    for k in 0..n {
        shut[k + 1] = shut[k] + u32::from(closed[k]);
        let g = &film.glances[k];
        let lapse = if k > 0 {
            (time[k] - time[k - 1]).min(0.2) as f32
        } else {
            0.0
        };
        travelled[k + 1] = travelled[k] + g.pan[0].hypot(g.pan[1]) * lapse;
    }
    let mut found = Vec::new();
    for length_s in LENGTHS_S {
        let mut last = usize::MAX;
        for middle in 1..n.saturating_sub(1) {
            // Longer ones need not be tried at every frame.
            if last != usize::MAX && time[middle] - time[last] < length_s / 12.0 {
                continue;
            }
            last = middle;
            let (from, to) = (at(time[middle] - length_s / 2.0), at(time[middle] + length_s / 2.0));
            if to - from < 4 || shut[to + 1] > shut[from + 1] || time[to] - time[from] > 1.3 * length_s {
                continue;
            }
            let (a, b) = (film.tiny(from), film.tiny(to));
            let jump = difference(a, b);
            if jump < 8.0 {
                continue;
            }
            let (mut before, mut after) = (at(time[from] - length_s / 3.0), at(time[to] + length_s / 3.0));
            // What lies beyond a cut says nothing.
            while before < from && shut[from + 1] > shut[before + 1] {
                before += 1;
            }
            while after > to && shut[after + 1] > shut[to + 1] {
                after -= 1;
            }
            // Without a while of rest on both sides there is nothing to dissolve from or to.
            let rests = |a: usize, b: usize| b - a >= 2 && time[b] - time[a] > length_s / 8.0;
            if !rests(before, from) || !rests(to, after) {
                continue;
            }
            let restless = (difference(film.tiny(before), a) + difference(b, film.tiny(after))) / jump;
            if restless > 1.0 {
                continue;
            }
            let (mut stray, mut steepest, mut gone) = (0f32, 0f32, 0f32);
            for look in 1..=LOOKS {
                let k = from + (to - from) * look / (LOOKS + 1);
                let m = film.tiny(k);
                let (off, way) = between(a, m, b);
                stray += off / LOOKS as f32;
                steepest = steepest.max(way - gone);
                gone = way;
            }
            steepest = steepest.max(1.0 - gone);
            if stray > 0.8 {
                continue;
            }
            let relief = |k: usize| film.glances[k].contrast;
            found.push(Stretch {
                from,
                to,
                middle,
                length_s: length_s as f32,
                jump,
                stray,
                restless,
                correlation: a.correlation_to(b),
                travel: travelled[to + 1] - travelled[from + 1],
                dip: relief(middle) / (0.5 * (relief(from) + relief(to)) + 1.0),
                steepest,
                kin: kin(&a.y, &b.y),
                spread: spread(a, b),
                back: back(film, (from, at(time[from] - PASSING_S)), (to, at(time[to] + PASSING_S))) / jump,
            });
        }
    }
    found
}

/// The best correlation of two pictures of 16×9 cells over shifts of up to four across and two down.
fn kin(a: &[u8], b: &[u8]) -> f32 {
    let mut best = -1f32;
    for dy in -2i32..=2 {
        for dx in -4i32..=4 {
            let (w, h) = (W3 - dx.unsigned_abs() as usize, H3 - dy.unsigned_abs() as usize);
            let (ax, bx) = (dx.max(0) as usize, (-dx).max(0) as usize);
            let (ay, by) = (dy.max(0) as usize, (-dy).max(0) as usize);
            let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0i32, 0i32, 0i32, 0i32, 0i32);
            for y in 0..h {
                let (p, q) = (&a[(ay + y) * W3 + ax..][..w], &b[(by + y) * W3 + bx..][..w]);
                for (&p, &q) in p.iter().zip(q) {
                    let (p, q) = (i32::from(p), i32::from(q));
                    sa += p;
                    sb += q;
                    saa += p * p;
                    sbb += q * q;
                    sab += p * q;
                }
            }
            let n = (w * h) as f32;
            let (sa, sb) = (sa as f32, sb as f32);
            let (va, vb) = (saa as f32 - sa * sa / n + 4.0 * n, sbb as f32 - sb * sb / n + 4.0 * n);
            best = best.max((sab as f32 - sa * sb / n + 4.0 * n) / (va.max(n) * vb.max(n)).sqrt());
        }
    }
    best
}

/// Least difference of the frame at `from.0` to those between `to.0` and `to.1`, or of that at `to.0` to those between
/// `from.1` and `from.0`; each stretch looked at in ten places.
fn back(film: &Film<'_>, from: (usize, usize), to: (usize, usize)) -> f32 {
    let tiny = |k: usize| film.tiny(k);
    let looks = |a: usize, b: usize| (1..=10).map(move |i| a + (b - a) * i / 10);
    let later = looks(to.0, to.1).map(|k| difference(tiny(from.0), tiny(k)));
    let earlier = looks(from.1, from.0).map(|k| difference(tiny(to.0), tiny(k)));
    later.chain(earlier).fold(f32::INFINITY, f32::min)
}

/// Participation ratio of the cells in the difference: (Σd)² over n·Σd².
fn spread(a: &Tiny, b: &Tiny) -> f32 {
    let (mut s, mut ss) = (0f32, 0f32);
    for (i, (&p, &q)) in a.y.iter().zip(&b.y).enumerate() {
        let c = a.cb[i / 2].abs_diff(b.cb[i / 2]).max(a.cr[i / 2].abs_diff(b.cr[i / 2]));
        let d = f32::from(p.abs_diff(q)) + f32::from(c);
        s += d;
        ss += d * d;
    }
    if ss > 0.0 { s * s / (ss * a.y.len() as f32) } else { 0.0 }
}

fn difference(a: &Tiny, b: &Tiny) -> f32 {
    a.layout_to(b)
}

/// How far `m` strays from the way from `a` to `b` against the length of the way, and the part of the way gone.
fn between(a: &Tiny, m: &Tiny, b: &Tiny) -> (f32, f32) {
    let sums = |p: &[u8], q: &[u8]| super::grid::sad(p, q) as f32;
    let legs = |x: &Tiny, y: &Tiny| sums(&x.y, &y.y) + sums(&x.cb, &y.cb) * 2.0 + sums(&x.cr, &y.cr) * 2.0;
    let (way, first, second) = (legs(a, b).max(1.0), legs(a, m), legs(m, b));
    let off = (first + second - way).max(0.0) / way;
    (off, first / (first + second).max(1.0))
}

/// How likely a stretch is a dissolve or a wipe, 0 to 1: logistic regression over edits of real footage with known
/// transitions (`benches/shots.py`), behind gates for what only passes through, never rests, or goes in one leap.
pub(crate) fn likelihood(s: &Stretch) -> f32 {
    if s.kin > 0.88 || s.back < 0.6 || s.restless > RESTLESS || s.steepest > 0.6 {
        return 0.0;
    }
    let z = -5.11 + 2.54 * (s.jump + 1.0).ln() - 7.15 * s.stray - 1.26 * s.restless + 1.3 * s.correlation
        - 8.57 * s.travel
        - 7.81 * s.kin
        + 3.36 * s.spread
        + 3.59 * s.back.min(1.0)
        - 2.67 * s.dip.min(1.2);
    1.0 / (1.0 + (-z).exp())
}

/// Dissolves and wipes, in order. `closed` marks the frames that a cut, a blink or a fade takes.
pub(crate) fn dissolves(film: &Film<'_>, closed: &[bool]) -> Vec<Gradual> {
    let mut likely: Vec<(f32, Stretch)> = stretches(film, closed)
        .into_iter()
        .map(|s| (likelihood(&s), s))
        .filter(|(p, _)| *p > 0.8)
        .collect();
    likely.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then(a.1.from.cmp(&b.1.from))
            .then(a.1.to.cmp(&b.1.to))
    });
    let mut taken: Vec<Gradual> = Vec::new();
    for (p, s) in likely {
        if taken.iter().all(|t| s.from > t.to || s.to < t.from) {
            let strength = (0.5 * p + 0.5 * (s.jump / 60.0).min(1.0)).clamp(0.05, 1.0);
            taken.push(Gradual {
                middle: halfway(film, s.from, s.to),
                from: s.from,
                to: s.to,
                strength,
            });
        }
    }
    taken.sort_unstable_by_key(|t| t.from);
    taken
}

/// The first frame that has gone half the way between two frames.
fn halfway(film: &Film<'_>, from: usize, to: usize) -> usize {
    let (a, b) = (film.tiny(from), film.tiny(to));
    (from + 1..to)
        .find(|&k| between(a, film.tiny(k), b).1 >= 0.5)
        .unwrap_or((from + to) / 2)
}

/// Shortest plain stretch that is a shot of its own, seconds.
const PLAIN_SHOT_S: f64 = 1.0;
/// Longest fade, seconds.
const FADE_S: f64 = 4.0;

/// A stretch of frames of one plain colour, and the fades that lead into and out of it. Places count frames.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plain {
    from: usize,
    to: usize,
    /// First frame of the fade towards it, `from` where there is none.
    fading: usize,
    /// Last frame of the fade out of it, `to` where there is none.
    risen: usize,
}

/// Fades through and out of plain colours, in order.
pub(crate) fn fades(film: &Film<'_>, cuts: &[usize]) -> Vec<Gradual> {
    let n = film.glances.len();
    let relief: Vec<f32> = (0..n).map(|i| relief(film.tiny(i))).collect();
    let plain: Vec<bool> = (0..n)
        .map(|i| is_plain(film.tiny(i), film.glances[i].contrast))
        .collect();
    let time = |k: usize| film.glances[k].time_s;
    let mut found = Vec::new();
    let mut k = 0;
    while k < n {
        if !plain[k] {
            k += 1;
            continue;
        }
        let from = k;
        while k + 1 < n && plain[k + 1] {
            k += 1;
        }
        let to = k;
        k += 1;
        let fading = slope(&relief, from, &|i| i.checked_sub(1), &|i| {
            (time(from) - time(i)).abs() < FADE_S && !cuts.contains(&(i + 1))
        });
        let risen = slope(&relief, to, &|i| (i + 1 < n).then_some(i + 1), &|i| {
            (time(i) - time(to)).abs() < FADE_S && !cuts.contains(&i)
        });
        let end_s = if to + 1 < n { time(to + 1) } else { film.duration_s };
        borders(
            &Plain {
                from,
                to,
                fading,
                risen,
            },
            n,
            end_s - time(from),
            &relief,
            &mut found,
        );
    }
    found
}

/// The borders that a plain stretch makes. Hard ways in and out of long stretches are left to the cuts.
fn borders(p: &Plain, n: usize, length_s: f64, relief: &[f32], found: &mut Vec<Gradual>) {
    let (soft_in, soft_out) = (p.fading < p.from, p.risen > p.to);
    let half = |a: usize, b: usize| {
        let top = relief[a].max(relief[b]);
        (a.min(b)..=a.max(b))
            .min_by(|&i, &j| (relief[i] - top / 2.0).abs().total_cmp(&(relief[j] - top / 2.0).abs()))
            .unwrap_or(a)
    };
    let strength = (relief[p.fading].max(relief[p.risen]) / 40.0).clamp(0.2, 1.0);
    let (at_start, at_end) = (p.from == 0, p.to + 1 >= n);
    if length_s < PLAIN_SHOT_S {
        if !at_start && !at_end && (soft_in || soft_out) {
            let middle = match (soft_in, soft_out) {
                // Cut in from plain: the new picture's first frame is what is seen.
                (true, false) => p.to + 1,
                (false, true) => p.from,
                _ => (p.from + p.to).div_ceil(2),
            };
            found.push(Gradual {
                middle,
                from: p.fading,
                to: p.risen.max(middle),
                strength,
            });
        }
        return;
    }
    if soft_in && !at_start && (!at_end || length_s >= 2.0 * PLAIN_SHOT_S) {
        found.push(Gradual {
            middle: half(p.fading, p.from),
            from: p.fading,
            to: p.from,
            strength,
        });
    }
    if soft_out && !at_end {
        found.push(Gradual {
            middle: half(p.to, p.risen),
            from: p.to,
            to: p.risen,
            strength,
        });
    }
}

/// Follows the relief from a plain frame as long as it grows; the start itself unless the way takes four frames or more
/// and no one step makes most of it.
fn slope(relief: &[f32], start: usize, next: &dyn Fn(usize) -> Option<usize>, open: &dyn Fn(usize) -> bool) -> usize {
    let (mut i, mut top, mut end, mut flat) = (start, relief[start], start, 0);
    let mut steepest = 0f32;
    while let Some(j) = next(i) {
        if !open(j) {
            break;
        }
        let rise = relief[j] - top;
        if rise > (0.004 * top).max(0.05) {
            steepest = steepest.max(rise);
            (top, end, flat) = (relief[j], j, 0);
        } else {
            flat += 1;
            if flat > 2 {
                break;
            }
        }
        i = j;
    }
    if end.abs_diff(start) >= 4 && steepest < 0.5 * top && top > 4.0 {
        end
    } else {
        start
    }
}

/// Cells within the bars that a letterbox or a pillarbox may have.
fn inner(cells: &[u8]) -> impl Iterator<Item = u8> + '_ {
    (2..H3 - 2).flat_map(move |y| cells[y * W3 + 2..(y + 1) * W3 - 2].iter().copied())
}

/// Standard deviation of the inner luma, levels, and half of that of the chroma.
fn relief(tiny: &Tiny) -> f32 {
    let deviation = |cells: &mut dyn Iterator<Item = u8>| {
        let (mut n, mut s, mut ss) = (0f32, 0f32, 0f32);
        for p in cells {
            let p = f32::from(p);
            (n, s, ss) = (n + 1.0, s + p, ss + p * p);
        }
        if n > 0.0 {
            (ss / n - (s / n).powi(2)).max(0.0).sqrt()
        } else {
            0.0
        }
    };
    deviation(&mut inner(&tiny.y))
        + 0.5 * (deviation(&mut tiny.cb.iter().copied()) + deviation(&mut tiny.cr.iter().copied()))
}

/// One colour all over, bars aside.
fn is_plain(tiny: &Tiny, contrast: f32) -> bool {
    let (mut low, mut high, mut sum, mut n) = (255u8, 0u8, 0u32, 0u32);
    for p in inner(&tiny.y) {
        (low, high, sum, n) = (low.min(p), high.max(p), sum + u32::from(p), n + 1);
    }
    if high - low > 5 {
        return false;
    }
    let mean = (sum / n.max(1)) as u8;
    let like = |p: &u8| p.abs_diff(mean) <= 6;
    let barred = tiny.y.iter().any(|p| !like(p));
    if barred && !tiny.y.iter().all(|p| like(p) || *p <= 26) {
        return false;
    }
    barred || contrast < 1.6
}
