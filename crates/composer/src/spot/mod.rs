//! Spotting: which moments of the picture the music lands on, and the grid of bars that makes it land.
//!
//! Three steps. [`hits`] weighs every moment. A search over the style's tempos counts, for each constant tempo, the
//! weighted frames by which the moments miss an eighth (what Dorico's *Find Tempo* does). Dynamic programming then
//! lays bars from hit to hit: every gap between two taken hits is a whole number of eighths at a tempo that changes by
//! at most [`SLEW`] from one bar to the next and stays within [`BAND`] of the main tempo; what does not fit goes into
//! an odd bar, a pickup, a fermata. What still misses by less than a player pushes or holds a beat ([`PUSH_S`]) is played
//! there; the rest is left out with the reason.

mod bend;
mod cues;
mod grid;
mod moments;
mod push;
mod reach;
mod smooth;
mod tempo;

use synchresis_cue::{Hit, HitKind, Mood, Sighting, Spotting};

use crate::style::Style;

pub use bend::{Asked, Attack, BEND, Bent, bend};

/// Largest change of tempo from one bar to the next, as a share.
pub const SLEW: f64 = 0.04;

/// Largest distance of any bar's tempo from the main one, as a share.
pub const BAND: f64 = 0.08;

/// How far from an eighth a hit may lie that no tempo reaches, seconds: a player pushes or holds the beat by so
/// much, in rubato by twice as much.
pub const PUSH_S: f64 = 0.035;

/// The same from a sixteenth between two eighths.
pub const HOLD_S: f64 = 0.025;

/// What spotting must know beside the picture, the mood and the style.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpotOptions {
    /// Length of the film in seconds; the sighting's own where this is not above 0.
    pub duration_s: f64,
    /// Frames a second; the sighting's own where this is not above 0.
    pub frame_rate: f64,
    /// Breaks ties between tempos that serve the picture equally well.
    pub seed: u64,
    /// Moments that the person asked for, seconds.
    pub manual: Vec<f64>,
}

impl SpotOptions {
    /// Length of the film, seconds, above 0 whatever was passed.
    fn duration(&self, sighting: &Sighting) -> f64 {
        [self.duration_s, sighting.duration_s]
            .into_iter()
            .find(|d| d.is_finite() && *d > 0.0)
            .unwrap_or(0.04)
            .min(1e6)
    }

    /// Seconds that a frame lasts.
    fn frame_s(&self, sighting: &Sighting) -> f64 {
        let rate = [self.frame_rate, sighting.frame_rate]
            .into_iter()
            .find(|r| r.is_finite() && *r > 0.1);
        1.0 / rate.unwrap_or(25.0).min(1000.0)
    }
}

/// Every moment that the music might land on, in order of time, weighed; none is promised yet.
///
/// The film's first frame and the moment where the music resolves are always among them.
pub fn hits(sighting: &Sighting, mood: &Mood, style: &Style, options: &SpotOptions) -> Vec<Hit> {
    moments::weigh(sighting, mood, style, options)
        .into_iter()
        .map(moments::Weighed::into_hit)
        .collect()
}

/// What the picture does and the person asked for, in order of time and weighed, for a film without music: all that is not
/// inside a flurry or beside something heavier is `taken`.
pub(crate) fn events(sighting: &Sighting, mood: &Mood, options: &SpotOptions) -> Vec<Hit> {
    moments::events(sighting, mood, options)
        .into_iter()
        .map(|moment| {
            let taken = moment.left.is_none();
            Hit {
                taken,
                ..moment.into_hit()
            }
        })
        .collect()
}

/// Chooses hits and lays the bars that reach them.
///
/// The bars tile `music_start_s` to `music_end_s` (the film's end) without a gap. Every taken hit lies on an eighth of
/// its bar, at its own frame's time to within a microsecond; or, where no tempo reaches it, within [`PUSH_S`] of an eighth
/// or [`HOLD_S`] of a sixteenth, or anywhere in a fermata. A free bar (`Bar::free`) that follows another free bar is
/// silence; a free bar by itself is a fermata or the last chord's ring.
pub fn spot(sighting: &Sighting, mood: &Mood, style: &Style, options: &SpotOptions) -> Spotting {
    let weighed = moments::weigh(sighting, mood, style, options);
    let mut spotting = grid::lay(
        weighed,
        mood,
        style,
        options.duration(sighting),
        options.frame_s(sighting),
        options.seed,
    );
    for hit in spotting.hits.iter_mut().filter(|hit| opens(hit)) {
        hit.taken = false;
        hit.reason =
            "the film begins: the music begins with it, on a downbeat; no onset is promised, since there is no \
                      sound before from which it could stand out"
                .into();
    }
    spotting
}

/// Whether this is the beginning of the film, where the music begins too. It is played like a hit, and not counted as one.
pub(crate) fn opens(hit: &Hit) -> bool {
    hit.kind == HitKind::Start && hit.time_s < 0.05 && hit.bar.is_some()
}
