//! Blinks of light: flashes, lightning, strobes, dropped frames.

use super::glance::Film;

/// Longest blink, seconds.
const LONGEST_S: f64 = 0.35;

/// Frames that are brighter or darker than those before and after, which show the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Blink {
    /// First frame in it.
    pub(crate) from: usize,
    /// Last.
    pub(crate) to: usize,
    /// How much brighter (or, negative, darker) it gets, −1 to 1 of the range of luma.
    pub(crate) rise: f32,
}

/// A lasting change of light within one shot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Jump {
    /// Frame where the light is new.
    pub(crate) at: usize,
    /// −1 to 1.
    pub(crate) rise: f32,
}

/// The blinks, in order.
pub(crate) fn blinks(film: &Film<'_>) -> Vec<Blink> {
    let light: Vec<f32> = film.glances.iter().map(|g| g.light).collect();
    let time = |k: usize| film.glances[k].time_s;
    let mut found = Vec::new();
    let mut k = 1;
    while k < light.len() {
        let base = light[k - 1];
        let step = light[k] - base;
        let least = (0.12 * base).max(0.02);
        if step.abs() < least {
            k += 1;
            continue;
        }
        let sign = step.signum();
        let (mut peak, mut end) = (k, None);
        for q in k..light.len() {
            if time(q) - time(k - 1) > LONGEST_S {
                break;
            }
            let rise = (light[q] - base) * sign;
            if rise > (light[peak] - base) * sign {
                peak = q;
            }
            if rise < 0.35 * (light[peak] - base) * sign {
                end = Some(q);
                break;
            }
        }
        match end {
            Some(after) if same(film, k - 1, after, peak) => {
                found.push(Blink {
                    from: k,
                    to: after - 1,
                    rise: light[peak] - base,
                });
                // The frame after may be the base of the next blink of a strobe.
                k = after + 1;
            }
            _ => k += 1,
        }
    }
    found
}

/// Whether frames `a` and `b` show the same, though what lies between (`peak`) does not.
fn same(film: &Film<'_>, a: usize, b: usize, peak: usize) -> bool {
    let (p, q, m) = (film.tiny(a), film.tiny(b), film.tiny(peak));
    let (kept, left) = (p.layout_to(q) + p.mix_to(q), p.layout_to(m) + p.mix_to(m));
    kept < 0.3 * left || (kept < 0.6 * left && p.correlation_to(q) > 0.7)
}

/// Changes of light by a twelfth of the range or more within three frames, the picture otherwise the same.
pub(crate) fn jumps(film: &Film<'_>, blinks: &[Blink], cuts: &[usize]) -> Vec<Jump> {
    let n = film.glances.len();
    let light = |k: usize| film.glances[k].light;
    let mut found: Vec<Jump> = Vec::new();
    for k in 2..n.saturating_sub(2) {
        let rise = light(k + 1) - light(k - 2);
        let busy =
            blinks.iter().any(|b| b.from <= k + 2 && k <= b.to + 3) || cuts.iter().any(|&c| c <= k + 2 && k <= c + 2);
        if rise.abs() < 0.08 || busy {
            continue;
        }
        let (p, q) = (film.tiny(k - 2), film.tiny(k + 1));
        // Steady before and after: a slow change of light is no moment.
        let steady = (light(k - 2) - light(k.saturating_sub(5)))
            .abs()
            .max((light((k + 4).min(n - 1)) - light(k + 1)).abs());
        if p.correlation_to(q) < 0.85 || steady > 0.35 * rise.abs() {
            continue;
        }
        match found.last_mut() {
            Some(last) if k - last.at < 6 => {
                if rise.abs() > last.rise.abs() {
                    *last = Jump { at: k, rise };
                }
            }
            _ => found.push(Jump { at: k, rise }),
        }
    }
    found
}
