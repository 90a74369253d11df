//! Sampled frames that are recognised while the clip is still being decoded. Which frames are sampled is settled when its length is known
//! for certain; until then those will do that are the same frames in a slightly longer film than the file announces.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use synchresis_cue::{FootageKind, Sample};
use synchresis_models::watched;
use synchresis_picture::sight::sample_times;

use crate::error::StudioError;
use crate::eyes::{self, Detector, Within};
use crate::open::Opened;
use crate::order::Order;
use crate::sections::FrameObjects;
use crate::world::World;

/// By how much the last frame of a film may end later than its file announces, seconds.
const LATER_S: f64 = 0.1;

/// What was recognised early, and what is still to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Early {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct State {
    asked: VecDeque<Sample>,
    over: bool,
    /// The engine that looked, and what it saw.
    found: Option<(String, Vec<(Sample, FrameObjects)>)>,
}

impl Early {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the engine of this key saw in this frame.
    pub(crate) fn found(&self, key: &str, sample: &Sample) -> Option<FrameObjects> {
        let state = self.state();
        let (by, found) = state.found.as_ref()?;
        let mut same = found.iter().filter(|(seen, _)| by == key && seen == sample);
        same.next().map(|(_, objects)| objects.clone())
    }

    /// Looks at frames as they are asked for, until [`Asking`] ends. What goes wrong here goes wrong again when the stage itself looks,
    /// and is told then.
    pub(crate) fn look(&self, order: &Order, opened: &Opened, world: &dyn World) {
        if opened.footage.kind == FootageKind::Video {
            let _ = watched(world, || self.looked(order, opened, world));
        }
    }

    fn looked(&self, order: &Order, opened: &Opened, world: &dyn World) -> Result<(), StudioError> {
        let mut detector: Option<Detector> = None;
        while let Some(sample) = self.next() {
            world.check()?;
            let detector = match &mut detector {
                Some(detector) => detector,
                none => none.insert(match eyes::detector(&order.brief.objects, world)? {
                    Some(detector) => detector,
                    None => return Ok(()),
                }),
            };
            let seen = detector.frame(&sample, order, opened, &Within(world), world)?;
            let mut state = self.state();
            let (_, found) = state.found.get_or_insert_with(|| (detector.key.clone(), Vec::new()));
            found.push((sample, seen));
        }
        Ok(())
    }

    /// The next frame to look at; none when the clip is decoded.
    fn next(&self) -> Option<Sample> {
        let mut state = self.state();
        loop {
            if state.over {
                return None;
            }
            if let Some(sample) = state.asked.pop_front() {
                return Some(sample);
            }
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Asks for the sampled frames of a film of about so many seconds as they are decoded; the looking ends when this goes.
pub(crate) struct Asking<'e> {
    early: &'e Early,
    /// When the samples are on screen, at the earliest and at the latest, seconds.
    times: VecDeque<(f64, f64)>,
    last: Option<Sample>,
}

impl<'e> Asking<'e> {
    pub(crate) fn begin(early: &'e Early, duration_s: f64) -> Self {
        Self {
            early,
            times: sample_times(duration_s)
                .zip(sample_times(duration_s + LATER_S))
                .collect(),
            last: None,
        }
    }

    /// A frame was decoded: the one before it was on screen until now.
    pub(crate) fn decoded(&mut self, frame: Sample) {
        while let (Some((earliest_s, latest_s)), Some(last)) = (self.times.front(), self.last)
            && *earliest_s + 1e-6 < frame.time_s
        {
            if *latest_s + 1e-6 < frame.time_s {
                self.early.state().asked.push_back(last);
                self.early.came.notify_one();
            }
            self.times.pop_front();
        }
        self.last = Some(frame);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.early.state().over = true;
        self.early.came.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame: u64) -> Sample {
        Sample {
            frame,
            time_s: frame as f64 / 25.0,
        }
    }

    #[test]
    fn another_frame_is_asked_for_than_the_sampled_one() {
        let early = Early::default();
        let mut asking = Asking::begin(&early, 10.0);
        // Ten samples, at 0.5, 1.5, … seconds. Nothing is asked for before it is certain which frame is on screen then; at 2.5 s that is
        // frame 62 of 10 s and frame 63 of 10.1 s, so that the film's end has to be waited for.
        for n in 0..=12 {
            asking.decoded(frame(n));
        }
        assert!(early.state().asked.is_empty());
        for n in 13..=250 {
            asking.decoded(frame(n));
        }
        let asked: Vec<u64> = early.state().asked.iter().map(|sample| sample.frame).collect();
        assert_eq!(asked, [12, 37]);
        assert_eq!(early.next(), Some(frame(12)));
        drop(asking);
        assert_eq!(early.next(), None);
    }
}
