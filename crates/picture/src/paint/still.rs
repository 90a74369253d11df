//! The last frame, kept: while the picture rests the next one is the same but for its specks.

use std::sync::{Mutex, PoisonError};

use super::mesh::Node;
use super::raster::{Lens, Mixing, Raster};

/// All that a frame without specks depends on, for one painter.
#[derive(Debug, PartialEq)]
struct Likeness {
    takes: (usize, Option<usize>),
    mixing: Mixing,
    fold: Option<[Lens; 2]>,
    split: bool,
    grain_at: Option<(usize, usize)>,
    nodes: Vec<Node>,
}

/// The frame that was painted last, without specks, and what it was painted from.
#[derive(Debug, Default)]
pub(super) struct Still(Mutex<Option<(Likeness, Vec<u8>)>>);

impl Still {
    /// Paints a frame in which `takes` are seen as [`Raster::yuv420p`] and [`Raster::specks`] do, or takes it from the last
    /// one where that is the same.
    pub(super) fn paint(&self, raster: &Raster<'_>, takes: (usize, Option<usize>), out: &mut [u8]) {
        if !self.recall(raster, takes, out) {
            raster.yuv420p(out);
            self.keep(raster, takes, out);
        }
        raster.specks(out);
    }

    fn recall(&self, raster: &Raster<'_>, takes: (usize, Option<usize>), out: &mut [u8]) -> bool {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((like, frame))
                if like.takes == takes
                    && like.mixing == raster.mixing
                    && like.fold == raster.fold
                    && like.split == raster.split
                    && like.grain_at == raster.seeded()
                    && like.nodes == raster.mesh.nodes =>
            {
                out.copy_from_slice(frame);
                true
            }
            _ => false,
        }
    }

    fn keep(&self, raster: &Raster<'_>, takes: (usize, Option<usize>), frame: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = kept.take().map_or_else(Vec::new, |(_, bytes)| bytes);
        bytes.clear();
        bytes.extend_from_slice(frame);
        let like = Likeness {
            takes,
            mixing: raster.mixing,
            fold: raster.fold,
            split: raster.split,
            grain_at: raster.seeded(),
            nodes: raster.mesh.nodes.clone(),
        };
        *kept = Some((like, bytes));
    }
}
