//! What is kept of a frame, and the film as the sum of it.

use super::flow::Flow;
use super::grid::{Grid, H3, W3, edge_energy, mean_deviation};

/// Speed that counts as 1, picture widths a second.
const FULL_SPEED: f32 = 1.0 / 3.0;

/// What is kept of every frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Glance {
    /// Number in order of display.
    pub(crate) index: u64,
    /// Seconds.
    pub(crate) time_s: f64,
    /// Place of its [`Tiny`]; a repeated frame points at the one it repeats.
    pub(crate) tiny: u32,
    /// Whether it differs from the frame before.
    pub(crate) fresh: bool,
    /// Mean luma, 0 to 1.
    pub(crate) light: f32,
    /// Mean saturation, 0 to 1.
    pub(crate) saturation: f32,
    /// −1 to 1.
    pub(crate) warmth: f32,
    /// 0 to 1.
    pub(crate) density: f32,
    /// Standard deviation of luma, levels.
    pub(crate) contrast: f32,
    /// Motion since the frame that it differs from, 0 to 1.
    pub(crate) motion: f32,
    /// The camera's share, 0 to 1.
    pub(crate) camera: f32,
    /// Movement of the camera, (right, down), picture widths a second.
    pub(crate) pan: [f32; 2],
    /// See [`Flow::correlation`].
    pub(crate) correlation: f32,
    /// See [`Flow::residual`].
    pub(crate) residual: f32,
    /// See [`Flow::lost`].
    pub(crate) lost: f32,
}

impl Glance {
    pub(crate) fn new(index: u64, time_s: f64, grid: &Grid, flow: &Flow, lapse: f32, tiny: u32) -> Self {
        let (mean, deviation) = mean_deviation(&grid.l1);
        let edges = edge_energy(&grid.l0);
        let (mut magnitude, mut warm) = (0f32, 0i32);
        for (&cb, &cr) in grid.cb.iter().zip(&grid.cr) {
            let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
            magnitude += ((cb * cb + cr * cr) as f32).sqrt();
            warm += cr - cb;
        }
        let n = grid.cb.len() as f32;
        Self {
            index,
            time_s,
            tiny,
            fresh: true,
            light: ((mean - 16.0) / 219.0).clamp(0.0, 1.0),
            saturation: (magnitude / n / 80.0).min(1.0),
            warmth: (warm as f32 / n / 60.0).clamp(-1.0, 1.0),
            density: edges / (edges + 10.0),
            contrast: deviation,
            motion: (flow.speed / lapse / FULL_SPEED).min(1.0),
            camera: flow.camera,
            pan: [
                (-flow.shift[0] / lapse).clamp(-1.0, 1.0),
                (-flow.shift[1] / lapse).clamp(-1.0, 1.0),
            ],
            correlation: flow.correlation,
            residual: flow.residual,
            lost: flow.lost,
        }
    }
}

/// Bins of a histogram.
const BINS: usize = 16;

/// A frame in 336 bytes: luma on 16×9 cells, chroma on 8×9, and three histograms.
#[derive(Debug, Clone)]
pub(crate) struct Tiny {
    pub(crate) y: [u8; W3 * H3],
    pub(crate) cb: [u8; W3 * H3 / 2],
    pub(crate) cr: [u8; W3 * H3 / 2],
    /// Cumulative, 0 to 255: luma, blue and red difference.
    pub(crate) bins: [u8; 3 * BINS],
}

impl Tiny {
    pub(crate) fn new(grid: &Grid) -> Self {
        let mut tiny = Self {
            y: [0; W3 * H3],
            cb: [0; W3 * H3 / 2],
            cr: [0; W3 * H3 / 2],
            bins: [0; 3 * BINS],
        };
        tiny.y.copy_from_slice(&grid.l3);
        for (plane, small) in [(&grid.cb, &mut tiny.cb), (&grid.cr, &mut tiny.cr)] {
            // Four cells across and two down become one.
            let w = W3 * 2;
            for (o, cell) in small.iter_mut().enumerate() {
                let (x, y) = (o % (W3 / 2) * 4, o / (W3 / 2) * 2);
                let sum: u16 = (0..2)
                    .flat_map(|dy| plane[(y + dy) * w + x..(y + dy) * w + x + 4].iter())
                    .map(|&p| u16::from(p))
                    .sum();
                *cell = ((sum + 4) / 8) as u8;
            }
        }
        let (luma, chroma) = tiny.bins.split_at_mut(BINS);
        let (blue, red) = chroma.split_at_mut(BINS);
        cumulate(&grid.l1, luma, |p| usize::from(p) / 16);
        // Most colours lie within 64 levels of grey.
        cumulate(&grid.cb, blue, |p| {
            (usize::from(p).saturating_sub(64) / 8).min(BINS - 1)
        });
        cumulate(&grid.cr, red, |p| (usize::from(p).saturating_sub(64) / 8).min(BINS - 1));
        tiny
    }

    /// Mean difference of the cells, levels: luma, and both chromas together.
    pub(crate) fn layout_to(&self, other: &Self) -> f32 {
        let n = self.y.len() as f32;
        let y = super::grid::sad(&self.y, &other.y) as f32 / n;
        let c = super::grid::sad(&self.cb, &other.cb) + super::grid::sad(&self.cr, &other.cr);
        y + c as f32 / (n / 2.0)
    }

    /// Earth mover's distance of the histograms, levels (bins are 16 levels of luma, 8 of chroma wide).
    pub(crate) fn mix_to(&self, other: &Self) -> f32 {
        let moved = |r: std::ops::Range<usize>| super::grid::sad(&self.bins[r.clone()], &other.bins[r]) as f32 / 255.0;
        16.0 * moved(0..BINS) + 8.0 * moved(BINS..3 * BINS)
    }

    /// Correlation of the luma cells, −1 to 1; blind to light.
    pub(crate) fn correlation_to(&self, other: &Self) -> f32 {
        let n = self.y.len() as f32;
        let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0i32, 0i32, 0i32, 0i32, 0i32);
        for (&p, &q) in self.y.iter().zip(&other.y) {
            let (p, q) = (i32::from(p), i32::from(q));
            sa += p;
            sb += q;
            saa += p * p;
            sbb += q * q;
            sab += p * q;
        }
        let (sa, sb) = (sa as f32, sb as f32);
        let floor = 4.0 * n;
        let (va, vb) = (saa as f32 - sa * sa / n + floor, sbb as f32 - sb * sb / n + floor);
        (sab as f32 - sa * sb / n + floor) / (va.max(floor) * vb.max(floor)).sqrt()
    }
}

/// Cumulative histogram, 255 for all.
fn cumulate(cells: &[u8], out: &mut [u8], bin: impl Fn(u8) -> usize) {
    let mut counts = [0u32; BINS];
    for &p in cells {
        counts[bin(p)] += 1;
    }
    let (mut sum, n) = (0, cells.len().max(1) as u32);
    for (o, c) in out.iter_mut().zip(counts) {
        sum += c;
        *o = (sum * 255 / n) as u8;
    }
}

/// The film as it was seen.
pub(crate) struct Film<'a> {
    /// Every frame.
    pub(crate) glances: &'a [Glance],
    tinies: &'a [Tiny],
    /// End of the last frame, seconds.
    pub(crate) duration_s: f64,
    /// Median time between frames, seconds.
    pub(crate) frame_s: f64,
}

impl<'a> Film<'a> {
    pub(crate) fn new(glances: &'a [Glance], tinies: &'a [Tiny], duration_s: f64) -> Self {
        let mut steps: Vec<f64> = glances
            .windows(2)
            .map(|w| w[1].time_s - w[0].time_s)
            .filter(|&s| s > 1e-6)
            .collect();
        steps.sort_unstable_by(f64::total_cmp);
        let frame_s = steps.get(steps.len() / 2).copied().unwrap_or(0.04);
        let last_s = glances.last().map(|g| g.time_s);
        let duration_s = match last_s {
            Some(last_s) if !duration_s.is_finite() || duration_s <= last_s => last_s + frame_s,
            None if !duration_s.is_finite() => 0.0,
            _ => duration_s.max(0.0),
        };
        Self {
            glances,
            tinies,
            duration_s,
            frame_s,
        }
    }

    /// The kept picture of frame `i`.
    pub(crate) fn tiny(&self, i: usize) -> &Tiny {
        &self.tinies[self.glances[i].tiny as usize]
    }

    /// Frames a second; one still frame: the frames that one of its length would make.
    pub(crate) fn frame_rate(&self) -> f64 {
        if self.glances.len() == 1 && self.duration_s > 0.0 {
            1.0 / self.duration_s
        } else {
            1.0 / self.frame_s
        }
    }

    /// Place of the frame on screen at `time_s`.
    pub(crate) fn shown_at(&self, time_s: f64) -> usize {
        self.glances
            .partition_point(|g| g.time_s <= time_s + 1e-6)
            .saturating_sub(1)
    }
}
