//! Which beats carry the picture on: the strong ones, and where those are rare the best of the others.

use super::manner::Manner;
use super::storyboard::Planner;

/// A beat is strong from this share of the song's strongest onset on.
const STRONG: f32 = 0.40;
/// Nothing moves on within this time of another moment that is only there to end a rest, seconds.
const APART_S: f64 = 0.8;
/// How much the first beat of a bar counts for more among weak ones.
const BAR: f32 = 0.15;

impl Planner<'_> {
    /// The moments at which the picture moves on, in order: every strong beat, and where none comes for longer than the
    /// look may rest, the strongest beats between (first beats of bars before others). None for looks that never rest.
    pub(super) fn surged(&self) -> Vec<f64> {
        let manner = Manner::of(self.options.look);
        if manner.surge_s <= 0.0 {
            return Vec::new();
        }
        let beats = &self.heard.beats;
        let top = self.heard.onsets.iter().map(|o| o.1).fold(1e-9, f32::max);
        let mut heard: Vec<(f64, f32, bool)> = Vec::with_capacity(beats.len());
        for (k, beat) in beats.iter().enumerate() {
            let t = self.heard_at(*beat);
            if !(t.is_finite() && t >= 0.0 && self.is_loud(t)) {
                continue;
            }
            let accent = self.heard.accents.get(k).copied();
            let accent = accent.unwrap_or_else(|| self.struck(t) / top);
            let down = self.downbeats.iter().any(|d| (d - beat).abs() < 0.03);
            heard.push((t, accent, down));
        }
        heard.sort_by(|a, b| a.0.total_cmp(&b.0));
        heard.dedup_by(|b, a| b.0 - a.0 < 0.05);
        let strong: Vec<f64> = heard.iter().filter(|h| h.1 > STRONG).map(|h| h.0).collect();
        let weak: Vec<(f64, f32)> = heard
            .iter()
            .filter(|h| h.1 <= STRONG)
            .map(|h| (h.0, h.1 + if h.2 { BAR } else { 0.0 }))
            .collect();
        let mut all = Vec::with_capacity(strong.len());
        let mut last = 0.0;
        for next in strong.iter().copied().chain([self.duration_s]) {
            fill(&weak, last, next, f64::from(manner.rest_s), &mut all);
            if next < self.duration_s {
                all.push(next);
            }
            last = next;
        }
        all
    }

    /// How hard the hardest onset near `t` is struck, in the onsets' unit.
    fn struck(&self, t: f64) -> f32 {
        self.onsets_within(t, 0.05).iter().map(|o| o.1).fold(0.0, f32::max)
    }
}

/// The weak moments that part the rest from `from` to `to` into rests no longer than `most`, as far as there are any.
fn fill(weak: &[(f64, f32)], from: f64, to: f64, most: f64, out: &mut Vec<f64>) {
    let mut rests = vec![(from, to)];
    // Left to right, the later part waiting; every step takes one moment, so this ends.
    while let Some((a, b)) = rests.pop() {
        if b - a > most {
            let range = weak.partition_point(|w| w.0 <= a + APART_S)..weak.partition_point(|w| w.0 < b - APART_S);
            let best = weak
                .get(range)
                .and_then(|w| w.iter().max_by(|x, y| x.1.total_cmp(&y.1)));
            if let Some((t, _)) = best {
                rests.push((*t, b));
                rests.push((a, *t));
                continue;
            }
        }
        if b < to {
            out.push(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_between_strong_beats_is_too_long_or_out_of_order() {
        let weak: Vec<(f64, f32)> = (1..40).map(|i| (f64::from(i) * 0.5, (i % 7) as f32 * 0.05)).collect();
        let mut out = Vec::new();
        fill(&weak, 0.0, 20.0, 4.0, &mut out);
        assert!(out.windows(2).all(|w| w[1] > w[0]), "{out:?}");
        let bounds: Vec<f64> = [0.0].into_iter().chain(out.iter().copied()).chain([20.0]).collect();
        assert!(
            bounds.windows(2).all(|w| w[1] - w[0] <= 4.0 && w[1] - w[0] >= 0.8),
            "{out:?}"
        );
        // Where nothing is heard the rest stays.
        let mut none = Vec::new();
        fill(&[], 0.0, 20.0, 4.0, &mut none);
        assert!(none.is_empty());
    }
}
