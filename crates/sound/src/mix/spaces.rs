//! The two reverberant spaces, from what is sent to them to what they give back.

use std::ops::Range;

use super::biquad::Cascade;
use super::half::{Doubler, Halver};
use super::reverb::{Reverb, Space};
use super::strip::{Stereo, silent};
use crate::lanes::{Arithmetic, Octet, add, widened};

/// What goes on dry, to the room and to the hall.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    pub(super) dry: Stereo,
    pub(super) room: Stereo,
    pub(super) hall: Stereo,
}

impl Sums {
    /// Room for `frames`.
    pub(super) fn new(frames: usize) -> Self {
        Self {
            dry: silent(frames),
            room: silent(frames),
            hall: silent(frames),
        }
    }

    /// A part of each: dry, to the room, to the hall, left and right of each.
    pub(super) fn part(&mut self, part: Range<usize>) -> [&mut [f32]; 6] {
        let [[a, b], [c, d], [e, f]] = [&mut self.dry, &mut self.room, &mut self.hall].map(|pair| pair.each_mut());
        [a, b, c, d, e, f].map(|signal| &mut signal[part.clone()])
    }

    /// The first `n` samples of each: the sum of the same of `groups`, in their order.
    pub(super) fn collect<'a>(&mut self, groups: impl Iterator<Item = &'a Self>, n: usize) {
        let mut empty = true;
        for group in groups {
            let theirs = [&group.dry, &group.room, &group.hall].into_iter().flatten();
            for (to, from) in self.part(0..n).into_iter().zip(theirs) {
                if empty {
                    to.copy_from_slice(&from[..n]);
                } else {
                    add(to, from);
                }
            }
            empty = false;
        }
        if empty {
            self.part(0..n).into_iter().for_each(|signal| signal.fill(0.0));
        }
    }
}

/// One of them, at half the sample rate.
#[derive(Debug, Clone)]
struct Hollow<const N: usize> {
    halvers: [Halver; 2],
    sent: Stereo,
    reverb: Reverb<N>,
    wet: Stereo,
}

impl<const N: usize> Hollow<N> {
    fn new(space: &Space, frames: usize) -> Self {
        let half = frames.div_ceil(2);
        Self {
            halvers: [Halver::new(), Halver::new()],
            sent: silent(half),
            reverb: Reverb::new(space),
            wet: silent(half),
        }
    }

    /// What it answers to the first `n` samples of `sends`, into `wet`.
    fn answer(&mut self, sends: &Stereo, n: usize) {
        let half = n.div_ceil(2);
        for ((halver, sent), send) in self.halvers.iter_mut().zip(&mut self.sent).zip(sends) {
            halver.process(&send[..n], &mut sent[..half]);
        }
        let [sent_l, sent_r] = &self.sent;
        let [wet_l, wet_r] = &mut self.wet;
        wet_l[..half].fill(0.0);
        wet_r[..half].fill(0.0);
        self.reverb.process(
            (&sent_l[..half], &sent_r[..half]),
            (&mut wet_l[..half], &mut wet_r[..half]),
        );
    }
}

/// Both.
#[derive(Debug, Clone)]
pub(super) struct Spaces {
    /// What each gets is filtered: lanes 0 and 1 are the room's, 2 and 3 the hall's.
    bands: Cascade<8, 2>,
    lanes: Vec<Octet>,
    room: Hollow<8>,
    hall: Hollow<16>,
    doublers: [Doubler; 2],
}

impl Spaces {
    /// For at most `frames` at a time.
    pub(super) fn new(frames: usize) -> Self {
        let mut bands = Cascade::flat();
        for (lanes, space) in [([0, 1], Space::ROOM), ([2, 3], Space::HALL)] {
            for lane in lanes {
                for (band, shape) in space.bands().into_iter().enumerate() {
                    bands.set(lane, band, shape);
                }
            }
        }
        Self {
            bands,
            lanes: vec![[0.0; 8]; frames],
            room: Hollow::new(&Space::ROOM, frames),
            hall: Hollow::new(&Space::HALL, frames),
            doublers: [Doubler::new(), Doubler::new()],
        }
    }

    /// What the spaces answer to the first `n` samples of what `sums` sends them, into `wet`. Calls must bring whole pieces (256 frames)
    /// except the last.
    pub(super) fn answer(&mut self, sums: &mut Sums, wet: &mut Stereo, n: usize) {
        let Self {
            room,
            hall,
            doublers,
            bands,
            lanes,
        } = self;
        for (lanes, at) in lanes[..n].chunks_mut(PART).zip((0..).step_by(PART)) {
            let [_, _, sends @ ..] = sums.part(at..at + lanes.len());
            gather(&sends, lanes);
            bands.process(lanes);
            scatter(lanes, sends);
        }
        rayon::join(|| room.answer(&sums.room, n), || hall.answer(&sums.hall, n));
        let half = n.div_ceil(2);
        for (side, (doubler, wet)) in doublers.iter_mut().zip(wet).enumerate() {
            let both = &mut room.wet[side][..half];
            add(both, &hall.wet[side][..half]);
            doubler.process(both, &mut wet[..n]);
        }
    }
}

/// Frames that are filtered at a time.
const PART: usize = 256;

widened! {
    /// Four signals to frames.
    fn gather(signals: &[&mut [f32]; 4], lanes: &mut [Octet]) {
        let n = lanes.len();
        let signals = signals.each_ref().map(|signal| signal[..n].as_chunks::<8>());
        let (blocks, rest) = lanes.as_chunks_mut::<8>();
        for (t, block) in blocks.iter_mut().enumerate() {
            *block = Unit::transposed(&std::array::from_fn(|i| signals.get(i).map_or([0.0; 8], |signal| signal.0[t])));
        }
        for (t, lane) in rest.iter_mut().enumerate() {
            *lane = std::array::from_fn(|i| signals.get(i).map_or(0.0, |signal| signal.1[t]));
        }
    }
}

widened! {
    /// And back.
    fn scatter(lanes: &[Octet], signals: [&mut [f32]; 4]) {
        let (blocks, rest) = lanes.as_chunks::<8>();
        let mut signals = signals.map(|signal| signal.as_chunks_mut::<8>());
        for (t, block) in blocks.iter().enumerate() {
            let columns = Unit::transposed(block);
            for (signal, column) in signals.iter_mut().zip(&columns) {
                signal.0[t] = *column;
            }
        }
        for (i, signal) in signals.iter_mut().enumerate() {
            for (x, lane) in signal.1.iter_mut().zip(rest) {
                *x = lane[i];
            }
        }
    }
}
