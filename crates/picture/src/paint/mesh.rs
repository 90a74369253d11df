//! What changes slowly over the frame, on a coarse grid: where the pictures are sampled, how bright they are, which
//! light falls in. Between the points everything is linear, so the cost of a pixel does not depend on the effect.

use std::ops::Range;

use rayon::prelude::*;

use super::flow::Grid;

/// Film pixels between points.
pub(crate) const CELL: usize = 8;

/// One point.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Node {
    /// Where the first and the second picture are sampled, plate pixels (before the fold: film pixels from the centre).
    pub(crate) a: [f32; 2],
    pub(crate) b: [f32; 2],
    /// When this place turns; see [`super::flow::Turning`].
    pub(crate) order: f32,
    /// Factor on light.
    pub(crate) gain: f32,
    /// How far red and blue lie apart, plate pixels.
    pub(crate) split: [f32; 2],
    /// Light that is added.
    pub(crate) light: [f32; 3],
}

impl Node {
    fn between(a: &Node, b: &Node, t: f32) -> Node {
        let l = |p: f32, q: f32| p + (q - p) * t;
        Node {
            a: [l(a.a[0], b.a[0]), l(a.a[1], b.a[1])],
            b: [l(a.b[0], b.b[0]), l(a.b[1], b.b[1])],
            order: l(a.order, b.order),
            gain: l(a.gain, b.gain),
            split: [l(a.split[0], b.split[0]), l(a.split[1], b.split[1])],
            light: [
                l(a.light[0], b.light[0]),
                l(a.light[1], b.light[1]),
                l(a.light[2], b.light[2]),
            ],
        }
    }
}

/// The points of one frame.
pub(crate) struct Mesh {
    pub(crate) grid: Grid,
    pub(crate) nodes: Vec<Node>,
}

/// The grid for a frame of this size: its points reach the frame's edges or go beyond.
pub(crate) fn grid_for(width: usize, height: usize) -> Grid {
    Grid {
        columns: width.div_ceil(CELL) + 1,
        rows: height.div_ceil(CELL) + 1,
    }
}

impl Mesh {
    /// Fills the points by `point(column, row)`.
    pub(crate) fn new(grid: Grid, point: impl Fn(usize, usize) -> Node + Sync) -> Self {
        let mut nodes = vec![Node::default(); grid.columns * grid.rows];
        nodes.par_chunks_mut(grid.columns).enumerate().for_each(|(row, nodes)| {
            for (column, node) in nodes.iter_mut().enumerate() {
                *node = point(column, row);
            }
        });
        Self { grid, nodes }
    }

    /// The points of pixel row `y` at both ends of its cells, into `row`.
    pub(crate) fn row(&self, y: usize, cells: Range<usize>, row: &mut Vec<Node>) {
        row.clear();
        let j = (y / CELL).min(self.grid.rows.saturating_sub(2));
        let t = (y - j * CELL) as f32 / CELL as f32;
        let n = self.grid.columns;
        let points = |j: usize| &self.nodes[j * n..][cells.start..=cells.end];
        row.extend(points(j).iter().zip(points(j + 1)).map(|(a, b)| Node::between(a, b, t)));
    }
}
