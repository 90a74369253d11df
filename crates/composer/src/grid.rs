//! Quarters and seconds: the grid of bars as one line.

use synchresis_cue::{Bar, Meter};

/// The bars with the quarter at which each begins.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    bars: Vec<Bar>,
    quarters: Vec<f64>,
}

impl Grid {
    /// A grid of these bars; without any, one empty bar stands at 0 s.
    pub(crate) fn new(bars: &[Bar]) -> Self {
        let mut bars: Vec<Bar> = bars
            .iter()
            .copied()
            .filter(|b| b.bpm.is_finite() && b.bpm > 0.0)
            .collect();
        if bars.is_empty() {
            bars.push(Bar {
                start_s: 0.0,
                meter: Meter { beats: 4, unit: 4 },
                bpm: 120.0,
                free: true,
            });
        }
        let mut at = 0.0;
        let mut quarters = Vec::with_capacity(bars.len() + 1);
        for bar in &bars {
            quarters.push(at);
            at += bar.meter.quarters();
        }
        quarters.push(at);
        Self { bars, quarters }
    }

    pub(crate) fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// Quarter at which bar `index` begins; the end of the last bar beyond it.
    pub(crate) fn quarter(&self, index: usize) -> f64 {
        self.quarters[index.min(self.bars.len())]
    }

    /// Index of the bar in which quarter `q` lies.
    pub(crate) fn bar_at(&self, q: f64) -> usize {
        self.quarters
            .partition_point(|&start| start <= q + 1e-6)
            .saturating_sub(1)
            .min(self.bars.len() - 1)
    }

    /// Seconds of quarter `q`. Bars meet exactly: within a bar the time runs straight to the next one's beginning.
    pub(crate) fn seconds(&self, q: f64) -> f64 {
        let i = self.bar_at(q);
        let bar = &self.bars[i];
        let end = self.bars.get(i + 1).map_or_else(|| bar.end_s(), |next| next.start_s);
        let share = (q - self.quarters[i]) / (self.quarters[i + 1] - self.quarters[i]);
        bar.start_s + share * (end - bar.start_s)
    }

    /// Quarter of time `s`.
    pub(crate) fn quarter_of(&self, s: f64) -> f64 {
        let i = self.bars.partition_point(|b| b.start_s <= s + 1e-9).saturating_sub(1);
        let bar = &self.bars[i];
        let end = self.bars.get(i + 1).map_or_else(|| bar.end_s(), |next| next.start_s);
        self.quarters[i] + (s - bar.start_s) / (end - bar.start_s).max(1e-9) * (self.quarters[i + 1] - self.quarters[i])
    }

    /// Seconds that a quarter lasts at `q`.
    pub(crate) fn quarter_s(&self, q: f64) -> f64 {
        self.bars[self.bar_at(q)].quarter_s()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_quarters_disagree_where_tempo_and_meter_change() {
        let mut bars = Vec::new();
        let mut at = 0.5;
        for (beats, unit, bpm) in [(4, 4, 100.0), (5, 8, 90.0), (3, 4, 121.0), (4, 4, 40.0)] {
            let bar = Bar {
                start_s: at,
                meter: Meter { beats, unit },
                bpm,
                free: false,
            };
            at = bar.end_s();
            bars.push(bar);
        }
        let grid = Grid::new(&bars);
        let mut last = -1.0;
        for i in 0..140 {
            let q = f64::from(i) * 0.1 - 0.5;
            let s = grid.seconds(q);
            assert!(s > last);
            last = s;
            assert!((grid.quarter_of(s) - q).abs() < 1e-6, "{q}");
        }
        assert!((grid.seconds(grid.quarter(4)) - at).abs() < 1e-9);
    }
}
