//! What is seen: one pass over small frames gives shots, motion, light, colour and the words for them.
//!
//! A [`Watcher`] takes frames as they are decoded and keeps a few hundred bytes of each; [`Watcher::finish`] then decides
//! with the whole film in view. Every measure works on grids of fixed size (`grid`), so that cost and meaning do not
//! depend on the size of the frames.

mod curves;
mod cuts;
mod flow;
mod glance;
mod gradual;
mod grid;
mod light;
mod likeness;
mod moments;
mod palette;
mod samples;
mod shots;
mod strip;
mod sweeps;
mod words;

use synchresis_cue::{Frame, Sighting};

pub use palette::Matrix;
pub use samples::sample_times;
pub use strip::Thumbnail;

use crate::PictureError;
use glance::{Glance, Tiny};

/// Watches a film frame by frame.
///
/// Memory: about 70 bytes a frame and 320 bytes a frame that differs from the one before (42 MB for an hour at 30 frames
/// a second), about 4 MB for thumbnails and swatches whatever the length.
pub struct Watcher {
    matrix: Matrix,
    now: grid::Grid,
    before: grid::Grid,
    /// Time of the frame in `before`.
    before_s: f64,
    sums: Vec<u16>,
    estimator: flow::Estimator,
    glances: Vec<Glance>,
    tinies: Vec<Tiny>,
    strip: strip::Strip,
    swatches: palette::Swatches,
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new(Matrix::default())
    }
}

impl Watcher {
    /// Thumbnails that are kept at most.
    pub const THUMBNAILS: usize = 48;

    /// A watcher of frames whose colours are coded by `matrix`.
    pub fn new(matrix: Matrix) -> Self {
        Self {
            matrix,
            now: grid::Grid::default(),
            before: grid::Grid::default(),
            before_s: 0.0,
            sums: Vec::new(),
            estimator: flow::Estimator::default(),
            glances: Vec::new(),
            tinies: Vec::new(),
            strip: strip::Strip::new(Self::THUMBNAILS),
            swatches: palette::Swatches::default(),
        }
    }

    /// Sees the next frame, in order of display. Frames may change in size and stand at any times; a time that is not a
    /// number or lies before the last frame's is taken as the last frame's.
    ///
    /// # Errors
    /// [`PictureError::Frame`] if the planes are shorter than the frame's size asks for, or if it has no pixels.
    pub fn see(&mut self, frame: &Frame<'_>) -> Result<(), PictureError> {
        whole(frame)?;
        let last_s = self.glances.last().map_or(0.0, |g| g.time_s);
        let time_s = if frame.time_s.is_finite() {
            frame.time_s.max(last_s)
        } else {
            last_s
        };
        self.now.lay(frame, &mut self.sums);
        let first = self.glances.is_empty();
        self.strip.see(frame, time_s, self.matrix);
        self.swatches.see(&self.now, time_s);
        if !first && flow::repeats(&self.before, &self.now) {
            let last = self.glances[self.glances.len() - 1];
            self.glances.push(Glance {
                index: frame.index,
                time_s,
                fresh: false,
                residual: 0.0,
                lost: 0.0,
                correlation: 1.0,
                ..last
            });
            return Ok(());
        }
        let moved = if first {
            flow::Flow::default()
        } else {
            self.estimator
                .estimate(&self.before, &self.now, frame.height as f32 / frame.width as f32)
        };
        // Speeds are per second since the last frame that differed, unless that was a still that has ended: then all of
        // the movement lies between this frame and the one before.
        let since = if time_s - self.before_s > curves::REPEAT_S {
            last_s
        } else {
            self.before_s
        };
        let lapse = (time_s - since).clamp(1.0 / 240.0, 1.0) as f32;
        self.glances.push(Glance::new(
            frame.index,
            time_s,
            &self.now,
            &moved,
            lapse,
            self.tinies.len() as u32,
        ));
        self.tinies.push(Tiny::new(&self.now));
        std::mem::swap(&mut self.now, &mut self.before);
        self.before_s = time_s;
        Ok(())
    }

    /// Frames seen so far.
    pub fn frames(&self) -> u64 {
        self.glances.len() as u64
    }

    /// What was seen in a film of `duration_s` seconds (the end of its last frame; if that is not a number or lies before
    /// the last frame, the last frame is taken to last as long as the median frame).
    pub fn finish(&self, duration_s: f64) -> Sighting {
        let film = glance::Film::new(&self.glances, &self.tinies, duration_s);
        let found = shots::find(&film);
        let motion = curves::motion(&film, &found);
        let (samples, third, two_thirds) = samples::choose(&film);
        let mut sighting = Sighting {
            frames: self.frames(),
            duration_s: synchresis_cue::round_to(film.duration_s, 6),
            frame_rate: synchresis_cue::round_to(film.frame_rate(), 4),
            medoid: samples::medoid(&film, &samples),
            curves: curves::resample(&film, &motion),
            flashes: found.flashes.clone(),
            motion_peaks: moments::motion_peaks(&film, &found, &motion),
            sweeps: sweeps::sweeps(&film, &found),
            palette: self.swatches.palette(0.0, f64::INFINITY, 6, self.matrix),
            samples,
            third,
            two_thirds,
            shots: shots::describe(&film, &found, &motion, &self.swatches, self.matrix),
            words: String::new(),
        };
        sighting.words = words::describe(&sighting);
        sighting
    }

    /// Small pictures in true colours, evenly over the film, in order; at most [`Watcher::THUMBNAILS`].
    pub fn thumbnails(&self) -> Vec<Thumbnail> {
        self.strip.evenly()
    }

    /// The thumbnail whose frame lies nearest to `time_s`, none before the first frame was seen.
    pub fn thumbnail_near(&self, time_s: f64) -> Option<&Thumbnail> {
        self.strip.near(time_s)
    }

    /// What the detectors saw of every frame, for plots: the names of the columns, then
    /// the rows, each beginning with the time in seconds.
    pub fn trace(&self) -> (Vec<&'static str>, Vec<Vec<f64>>) {
        shots::trace(&glance::Film::new(&self.glances, &self.tinies, f64::NAN))
    }
}

/// Whether the planes hold what the size promises.
fn whole(frame: &Frame<'_>) -> Result<(), PictureError> {
    let (w, h) = (frame.width, frame.height);
    let chroma = w.div_ceil(2).saturating_mul(h.div_ceil(2));
    let luma = w.saturating_mul(h);
    for (plane, needed, found) in [
        ("luma", luma.max(1), frame.y.len()),
        ("blue difference", chroma, frame.cb.len()),
        ("red difference", chroma, frame.cr.len()),
    ] {
        if luma == 0 || found < needed {
            return Err(PictureError::Frame {
                index: frame.index,
                width: w,
                height: h,
                plane,
                needed,
                found,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
