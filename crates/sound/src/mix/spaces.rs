//! The two reverberant spaces, from what is sent to them to what they give back.

use super::biquad::Cascade;
use super::half::{Doubler, Halver};
use super::reverb::{Reverb, Space};
use super::strip::{Stereo, SumFrame, silent};
use crate::lanes::add;

/// What goes on dry, to the room and to the hall.
pub(super) struct Sums {
    pub(super) dry: Stereo,
    room: Stereo,
    hall: Stereo,
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

    /// Frames to signals.
    fn take(&mut self, frames: &[SumFrame]) {
        let signals = self.dry.iter_mut().chain(&mut self.room).chain(&mut self.hall);
        for (lane, signal) in signals.enumerate() {
            signal.iter_mut().zip(frames).for_each(|(to, frame)| *to = frame[lane]);
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
    /// What each gets of a [`SumFrame`]'s lanes is filtered, the dry lanes are not.
    bands: Cascade<8, 2>,
    room: Hollow<8>,
    hall: Hollow<16>,
    doublers: [Doubler; 2],
}

impl Spaces {
    /// For at most `frames` at a time.
    pub(super) fn new(frames: usize) -> Self {
        let mut bands = Cascade::flat();
        for (lanes, space) in [([2, 3], Space::ROOM), ([4, 5], Space::HALL)] {
            for lane in lanes {
                for (band, shape) in space.bands().into_iter().enumerate() {
                    bands.set(lane, band, shape);
                }
            }
        }
        Self {
            bands,
            room: Hollow::new(&Space::ROOM, frames),
            hall: Hollow::new(&Space::HALL, frames),
            doublers: [Doubler::new(), Doubler::new()],
        }
    }

    /// Takes `frames` apart into `sums`, and what the spaces answer into `wet`. Calls must bring whole pieces (256 frames) except the
    /// last.
    pub(super) fn answer(&mut self, frames: &mut [SumFrame], sums: &mut Sums, wet: &mut Stereo) {
        let n = frames.len();
        self.bands.process(frames);
        sums.take(frames);
        let Self {
            room, hall, doublers, ..
        } = self;
        rayon::join(|| room.answer(&sums.room, n), || hall.answer(&sums.hall, n));
        let half = n.div_ceil(2);
        for (side, (doubler, wet)) in doublers.iter_mut().zip(wet).enumerate() {
            let both = &mut room.wet[side][..half];
            add(both, &hall.wet[side][..half]);
            doubler.process(both, &mut wet[..n]);
        }
    }
}
