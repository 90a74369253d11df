//! Gains over time that the score itself asks for: breaths before hits, and the end.

use synchresis_cue::{Mark, decibel_to_gain};

use crate::SAMPLE_RATE;

/// How long before a hit the dry sound is back at its level, seconds: its attack must not be shaped.
const BACK_S: f64 = 0.0005;

/// How long the dry sound takes to come back, seconds.
const RETURN_S: f64 = 0.009;

/// How long the reverberation of what was before takes to come back, seconds; it begins at the hit.
const WET_RETURN_S: f64 = 0.12;

/// Corner points (frame, gain) with smooth ways between them, and 1 before the first and after the last.
#[derive(Debug, Clone, Default)]
struct Corners(Vec<(f64, f32)>);

impl Corners {
    /// Multiplies `gain`, whose first value is that of frame `first`.
    fn apply(&self, first: u64, gain: &mut [f32]) {
        let end = first as f64 + gain.len() as f64;
        let from = self.0.partition_point(|c| c.0 < first as f64).saturating_sub(1);
        for pair in self.0[from..].windows(2) {
            let ((a, ga), (b, gb)) = (pair[0], pair[1]);
            if a >= end {
                break;
            }
            if (ga == 1.0 && gb == 1.0) || b <= first as f64 {
                continue;
            }
            let start = (a.ceil() - first as f64).max(0.0) as usize;
            let stop = ((b.ceil() - first as f64) as usize).min(gain.len());
            let step = 1.0 / (b - a);
            for (t, gain) in gain.iter_mut().enumerate().take(stop).skip(start) {
                let x = ((first as f64 + t as f64 - a) * step) as f32;
                *gain *= ga + (gb - ga) * x * x * (3.0 - 2.0 * x);
            }
        }
    }
}

/// The gains of a score.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    dry: Corners,
    wet: Corners,
    frames: u64,
    dry_end: u64,
    wet_end: u64,
}

impl Envelope {
    /// For a piece of `frames` frames.
    pub(super) fn new(marks: &[Mark], frames: u64) -> Self {
        let rate = f64::from(SAMPLE_RATE);
        let mut marks: Vec<&Mark> = marks
            .iter()
            .filter(|m| m.time_s > 0.0 && m.breath_s > 0.0 && m.breath_db < 0.0)
            .collect();
        marks.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
        let (mut dry, mut wet) = (Corners::default(), Corners::default());
        for mark in marks {
            let hit = mark.time_s.min(1e6);
            let low = decibel_to_gain(mark.breath_db.max(-60.0)) as f32;
            let start = (hit - mark.breath_s).max(0.0);
            // Down within 40 % of the breath, never faster than a player lifts the hands.
            let down = (start + (0.4 * mark.breath_s).clamp(0.012, 0.25)).min(hit - RETURN_S - BACK_S);
            if down <= start {
                continue;
            }
            for (corners, back, there) in [
                (&mut dry, hit - RETURN_S - BACK_S, hit - BACK_S),
                (&mut wet, hit, hit + WET_RETURN_S),
            ] {
                // Two breaths that touch become one way down: the later begins where the earlier ends.
                let floor = corners.0.last().map_or(0.0, |c| c.0 / rate);
                let (start, down) = (start.max(floor), down.max(floor));
                if down > start && back > down {
                    corners
                        .0
                        .extend([(start, 1.0), (down, low), (back, low), (there, 1.0)].map(|(t, g)| (t * rate, g)));
                }
            }
        }
        let part = |seconds: f64, share: f64| (seconds * rate).min(share * frames as f64).round() as u64;
        Self {
            dry,
            wet,
            frames,
            dry_end: part(0.3, 0.12),
            wet_end: part(1.4, 0.4),
        }
    }

    /// Gains of frames `first..`: (dry before the sum, reverberation before the sum, everything after it).
    pub(super) fn fill(&self, first: u64, dry: &mut [f32], wet: &mut [f32], all: &mut [f32]) {
        dry.fill(1.0);
        wet.fill(1.0);
        all.fill(1.0);
        self.dry.apply(first, dry);
        self.wet.apply(first, wet);
        self.end(first, wet, self.wet_end);
        self.end(first, all, self.dry_end);
    }

    /// Fades the last `length` frames to exactly 0 at the last one.
    fn end(&self, first: u64, gain: &mut [f32], length: u64) {
        let begin = self.frames.saturating_sub(length);
        if first + gain.len() as u64 <= begin || length < 2 {
            return;
        }
        let step = 1.0 / (length - 1) as f64;
        let skip = begin.saturating_sub(first) as usize;
        for (t, gain) in gain.iter_mut().enumerate().skip(skip) {
            let x = ((self.frames - 1).saturating_sub(first + t as u64) as f64 * step) as f32;
            // A quarter of a cosine's turn, squared: no corner at either end.
            *gain *= x * x * (3.0 - 2.0 * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(time_s: f64, breath_s: f64, breath_db: f64) -> Mark {
        Mark {
            time_s,
            weight: 1.0,
            breath_s,
            breath_db,
            label: String::new(),
        }
    }

    fn gains(marks: &[Mark], frames: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let envelope = Envelope::new(marks, frames as u64);
        let mut out = (vec![0.0; frames], vec![0.0; frames], vec![0.0; frames]);
        for at in (0..frames).step_by(1000) {
            let to = (at + 1000).min(frames);
            envelope.fill(at as u64, &mut out.0[at..to], &mut out.1[at..to], &mut out.2[at..to]);
        }
        out
    }

    #[test]
    fn a_breath_still_holds_when_its_hit_comes() {
        let (dry, wet, _) = gains(&[mark(2.0, 0.3, -12.0), mark(3.0, 0.2, -6.0)], 480_000);
        assert!((dry[95_000] - 0.2512).abs() < 1e-3, "{}", dry[95_000]);
        assert!((wet[95_999] - 0.2512).abs() < 1e-3);
        assert_eq!(dry[96_000], 1.0);
        assert_eq!(dry[81_000], 1.0);
        assert!(
            (dry[96_000 - 480 - 30] - 0.2512).abs() < 1e-3,
            "it comes back within 10 ms"
        );
        assert_eq!(wet[102_000], 1.0);
        assert_eq!((dry[144_000], dry[200_000]), (1.0, 1.0));
        let jump = dry.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.01, "{jump}");
    }

    #[test]
    fn marks_that_make_no_sense_break_the_mix() {
        let odd = [
            mark(f64::NAN, 1.0, -6.0),
            mark(1.0, f64::NAN, -6.0),
            mark(1.0, 0.001, -6.0),
            mark(0.005, 3.0, -90.0),
            mark(1.0, 0.5, f64::NEG_INFINITY),
            mark(1.02, 0.5, -6.0),
            mark(1.02, 0.5, -6.0),
            mark(f64::INFINITY, 0.5, -6.0),
        ];
        let (dry, wet, all) = gains(&odd, 96_000);
        assert!(dry.iter().chain(&wet).chain(&all).all(|g| (0.0..=1.0).contains(g)));
    }

    #[test]
    fn the_end_is_chopped() {
        for frames in [9_600, 480_000] {
            let (_, wet, all) = gains(&[], frames);
            assert_eq!((wet[frames - 1], all[frames - 1]), (0.0, 0.0));
            assert_eq!((wet[0], all[0]), (1.0, 1.0));
            assert!(all.windows(2).all(|w| w[1] <= w[0] && w[0] - w[1] < 0.01));
        }
    }
}
