//! From what was heard to what is shown: sections, shots, moments, colour, each with its reason.

use synchresis_cue::{FilmSection, FilmShot, Grade, Look, Mode, Pace, Rational, Storyboard, round_to};

use super::artwork::ArtInfo;
use super::framing::crop;
use super::genre::GenreTable;
use super::heard::Heard;
use super::noise::mix;
use super::pace::progress;

/// What a person may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmOptions {
    /// The look.
    pub look: Look,
    /// What drives the transitions.
    pub pace: Pace,
    /// Weight of the percussive part; the seed's is 0.8.
    pub percussive: f64,
    /// Weight of the harmonic part; the seed's is 0.2.
    pub harmonic: f64,
    /// Length of a section, about; `None` follows the song's own sections.
    pub section_seconds: Option<f64>,
    /// Frames a second.
    pub fps: Rational,
    /// Pixels, both even.
    pub size: (u32, u32),
    /// What choices among equals are drawn from.
    pub seed: u64,
}

impl Default for FilmOptions {
    fn default() -> Self {
        Self {
            look: Look::Pulse,
            pace: Pace::Energy,
            percussive: 0.8,
            harmonic: 0.2,
            section_seconds: Some(10.0),
            fps: Rational { num: 30, den: 1 },
            size: (768, 768),
            seed: 0,
        }
    }
}

/// Plans a film of `heard` with `artworks` (at least one).
///
/// Never fails: a song in which nothing is heard gives a film that drifts and dissolves by time.
pub fn storyboard(heard: &Heard, artworks: &[ArtInfo], options: &FilmOptions, genres: &GenreTable) -> Storyboard {
    Planner::new(heard, artworks, options, genres).plan()
}

pub(super) struct Planner<'a> {
    pub(super) heard: &'a Heard,
    artworks: &'a [ArtInfo],
    pub(super) options: &'a FilmOptions,
    genres: &'a GenreTable,
    pub(super) fps: f64,
    pub(super) duration_s: f64,
    pub(super) downbeats: Vec<f64>,
    /// Onset strength that counts as full.
    pub(super) full: f32,
    /// Energy that counts as full.
    loud: f32,
    /// When the picture moves on; none in looks that move all the time.
    pub(super) surges: Vec<f64>,
}

/// A stretch of the song.
struct Stretch {
    start_s: f64,
    end_s: f64,
    /// Whether the song itself turns at its start.
    turn: bool,
    why: &'static str,
}

impl<'a> Planner<'a> {
    fn new(heard: &'a Heard, artworks: &'a [ArtInfo], options: &'a FilmOptions, genres: &'a GenreTable) -> Self {
        let fps = options.fps.value();
        let fps = if fps > 0.0 && fps.is_finite() { fps } else { 30.0 };
        let duration_s = if heard.duration_s.is_finite() {
            heard.duration_s.max(0.0)
        } else {
            0.0
        };
        let strengths: Vec<f32> = heard.onsets.iter().map(|o| o.1).collect();
        let mut planner = Self {
            heard,
            artworks,
            options,
            genres,
            fps,
            duration_s,
            downbeats: heard.downbeats.to_vec(),
            full: share(&strengths, 0.90).max(1e-6),
            loud: share(&heard.energy, 0.95).max(1e-9),
            surges: Vec::new(),
        };
        if planner.downbeats.is_empty() {
            planner.downbeats = planner.guessed_downbeats();
        }
        planner.surges = planner.surged();
        planner
    }

    fn plan(&self) -> Storyboard {
        let look = self.options.look;
        let stretches = self.stretches();
        let mut sections: Vec<FilmSection> = Vec::with_capacity(stretches.len());
        for (k, stretch) in stretches.iter().enumerate() {
            sections.push(self.section(k, stretch, stretches.get(k + 1)));
        }
        let frames = (self.duration_s * self.fps).round().max(1.0) as u64;
        let events = if look == Look::Seed {
            Vec::new()
        } else {
            self.events(&sections, frames)
        };
        let (swell_step_s, swell) = self.swell();
        let why = vec![
            format!(
                "{} sections of {:.1} s on average, {}",
                sections.len(),
                self.duration_s / sections.len().max(1) as f64,
                match self.options.section_seconds {
                    Some(s) if look == Look::Seed => format!("every {s} s as asked"),
                    Some(s) => format!("about every {s} s as asked, moved to where the song turns or a bar begins"),
                    None => "following the song's own".into(),
                }
            ),
            format!(
                "{} moments are seen out of {} beats and {} onsets heard",
                events.len(),
                self.heard.beats.len(),
                self.heard.onsets.len()
            ),
            format!("look {}: {}", look.name(), look.says()),
        ];
        Storyboard {
            width: self.options.size.0,
            height: self.options.size.1,
            fps: self.options.fps,
            duration_s: self.duration_s,
            frames,
            seed: self.options.seed,
            look,
            pace: self.options.pace,
            percussive: self.options.percussive,
            harmonic: self.options.harmonic,
            grade: self.grade(),
            sections,
            events,
            swell_step_s,
            swell,
            why,
        }
    }

    // Sections --------------------------------------------------------------------------------------------------------

    fn stretches(&self) -> Vec<Stretch> {
        let end = self.duration_s;
        let length = self
            .options
            .section_seconds
            .filter(|s| s.is_finite())
            .map(|s| s.clamp(1.0, 3600.0));
        let turns: Vec<f64> = self
            .heard
            .sections
            .iter()
            .map(|s| s.0)
            .filter(|t| *t > 0.0 && *t < end)
            .collect();
        let mut bounds: Vec<(f64, bool, &'static str)> = vec![(0.0, false, "the song begins")];
        match length {
            Some(length) if self.options.look == Look::Seed => {
                let mut t = length;
                while t < end - 0.5 / self.fps {
                    bounds.push((t, false, "the asked length is over"));
                    t += length;
                }
            }
            Some(length) => {
                // Each bound is looked for near the asked length after the one before.
                loop {
                    let last = bounds.last().map_or(0.0, |b| b.0);
                    let wish = last + length;
                    if end - last < length * 1.45 || end - wish < 1.0 {
                        break;
                    }
                    let near = |times: &[f64], reach: f64| nearest(times, wish).filter(|t| (t - wish).abs() <= reach);
                    let bound = if let Some(t) = near(&turns, 0.35 * length) {
                        (t, true, "the song turns here")
                    } else if let Some(t) = near(&self.surges, (0.25 * length).min(2.5)) {
                        (t, false, "a strong beat falls near the asked length")
                    } else if let Some(t) = near(&self.downbeats, (0.25 * length).min(2.5)) {
                        (t, false, "a bar begins near the asked length")
                    } else if let Some(t) = near(&self.heard.beats, (0.3 * length).min(1.0)) {
                        (t, false, "a beat falls near the asked length")
                    } else {
                        (wish, false, "the asked length is over")
                    };
                    bounds.push(bound);
                }
            }
            None => {
                for t in turns.iter().copied().chain([end]) {
                    // Long sections of the song are parted at bars.
                    while let Some(last) = bounds.last().map(|b| b.0).filter(|last| t - last > 18.0) {
                        let parts = ((t - last) / 12.0).round().max(2.0);
                        let wish = last + (t - last) / parts;
                        let at = nearest(self.marks(), wish)
                            .filter(|d| (d - wish).abs() < 2.5)
                            .unwrap_or(wish);
                        bounds.push((at, false, "a long section of the song is parted at a bar"));
                    }
                    if t < end - 2.0 && bounds.last().is_some_and(|b| t - b.0 > 3.0) {
                        bounds.push((t, true, "the song turns here"));
                    }
                }
            }
        }
        // A turn of the song is seen where it is heard: on the onset.
        for bound in bounds.iter_mut().skip(1).filter(|_| self.options.look != Look::Seed) {
            bound.0 = self.heard_at(bound.0);
        }
        let ends: Vec<f64> = bounds.iter().skip(1).map(|b| b.0).chain([end]).collect();
        bounds
            .into_iter()
            .zip(ends)
            .map(|((start_s, turn, why), end_s)| Stretch {
                start_s,
                end_s,
                turn,
                why,
            })
            .collect()
    }

    fn section(&self, k: usize, stretch: &Stretch, next: Option<&Stretch>) -> FilmSection {
        let look = self.options.look;
        let at = |s: f64| (s * self.fps).round() as usize;
        let frames = (at(stretch.end_s) - at(stretch.start_s).min(at(stretch.end_s))).max(1);
        let way = progress(
            self.options.pace,
            frames,
            &self.per_frame(&self.heard.harmonic, self.heard.parts_step_s, stretch.start_s, frames),
            &self.per_frame(&self.heard.percussive, self.heard.parts_step_s, stretch.start_s, frames),
            self.options.harmonic,
            self.options.percussive,
        );
        let energy = self.energy(stretch.start_s, stretch.end_s);
        let cuts = next.is_some_and(|n| match look {
            Look::Cut => true,
            Look::Calm | Look::Dream | Look::Seed => false,
            Look::Pulse | Look::Kaleido | Look::Prism | Look::Film => n.turn && self.is_heard(n.start_s),
        });
        let turns_from = match (look, self.options.pace) {
            (Look::Seed, Pace::Energy | Pace::Linear) => 0.0,
            (_, Pace::Constant) => 1.0,
            _ if cuts || next.is_none() => 1.0,
            (Look::Calm, _) => 0.45,
            (Look::Dream, _) => 0.50,
            (Look::Kaleido, _) => 0.60,
            // A quick turn: the last second and a half, or a quarter of the section.
            _ => 1.0 - (1.6 / (stretch.end_s - stretch.start_s).max(1.0)).clamp(0.08, 0.35),
        };
        let words = self.words(stretch, energy);
        let genre = self.genres.suggested(&words, mix(self.options.seed ^ k as u64));
        FilmSection {
            start_s: round_to(stretch.start_s, 4),
            end_s: round_to(stretch.end_s, 4),
            look,
            shots: self.shots(k, stretch, energy),
            progress: way.into_iter().map(|v| round_to(f64::from(v), 5) as f32).collect(),
            turns_from: round_to(turns_from, 3),
            genre: genre.map(|g| g.name.clone()).unwrap_or_default(),
            style: genre.map(|g| g.style.clone()).unwrap_or_default(),
            words,
            energy: round_to(energy, 3),
            why: stretch.why.into(),
        }
    }

    /// Where the picture may become another: where it moves on, or in looks that never rest where bars begin.
    fn marks(&self) -> &[f64] {
        if self.surges.is_empty() {
            &self.downbeats
        } else {
            &self.surges
        }
    }

    /// What a section shows. With one artwork its parts take turns: wide, close, wide, close elsewhere.
    fn shots(&self, k: usize, stretch: &Stretch, energy: f64) -> Vec<FilmShot> {
        let count = self.artworks.len().max(1);
        let look = self.options.look;
        let (width, height) = self.options.size;
        let shot = |start_s: f64, artwork: usize, framing: usize, mirrored: bool| FilmShot {
            start_s: round_to(start_s, 4),
            artwork,
            crop: self.artworks.get(artwork).map_or([0.0, 0.0, 1.0, 1.0], |a| {
                crop(a, width, height, framing).map(|v| round_to(v, 5))
            }),
            mirrored,
        };
        let (artwork, again) = (k % count, k / count);
        // The second time round an artwork is seen close, then wide again, then close at another place.
        let framing = if look == Look::Seed { 0 } else { again };
        let mut shots = vec![shot(stretch.start_s, artwork, framing, false)];
        let every = match look {
            Look::Cut => 1.0 + 1.0 * (1.0 - energy),
            Look::Pulse if energy > 0.5 => 3.2,
            _ => return shots,
        };
        let mut last = stretch.start_s;
        let mut n = 0;
        for mark in self.marks() {
            let t = self.heard_at(*mark);
            if t < last + every || t > stretch.end_s - 0.8 || !self.is_heard(t) {
                continue;
            }
            n += 1;
            // Every fourth shot looks over to the next artwork; the others move in and out of this one.
            let (other, close) = match look {
                Look::Cut if n % 4 == 2 && count > 1 => ((artwork + 1) % count, framing),
                Look::Cut if n % 4 == 2 => (artwork, framing + 3),
                _ => (artwork, framing + n),
            };
            shots.push(shot(t, other, close, look == Look::Cut && n % 4 == 0 && count == 1));
            last = t;
        }
        shots
    }

    // Curves and colour -----------------------------------------------------------------------------------------------

    fn per_frame(&self, curve: &[f32], step_s: f64, start_s: f64, frames: usize) -> Vec<f32> {
        if curve.is_empty() || step_s.is_nan() || step_s <= 0.0 {
            return Vec::new();
        }
        let at = |i: usize| ((start_s + i as f64 / self.fps) / step_s).round() as usize;
        (0..frames).map(|i| curve[at(i).min(curve.len() - 1)]).collect()
    }

    /// Mean level of a stretch beside the song's loud parts, 0 to 1.
    pub(super) fn energy(&self, start_s: f64, end_s: f64) -> f64 {
        let curve = &self.heard.energy;
        if curve.is_empty() || self.heard.step_s <= 0.0 {
            return 0.5;
        }
        let a = ((start_s / self.heard.step_s).max(0.0) as usize).min(curve.len() - 1);
        let b = ((end_s / self.heard.step_s).max(0.0) as usize).clamp(a + 1, curve.len());
        let mean = curve[a..b].iter().sum::<f32>() / (b - a) as f32;
        if mean.is_finite() {
            f64::from((mean / self.loud).clamp(0.0, 1.0))
        } else {
            0.0
        }
    }

    fn swell(&self) -> (f64, Vec<f32>) {
        let (curve, step_s) = (&self.heard.harmonic, self.heard.parts_step_s);
        if curve.is_empty() || step_s.is_nan() || step_s <= 0.0 {
            return (0.1, Vec::new());
        }
        // Ten values a second tell what a camera can follow.
        let every = ((0.1 / step_s).round() as usize).max(1);
        let full = share(curve, 0.95).max(1e-9);
        let swell = curve
            .chunks(every)
            .map(|c| {
                let mean = c.iter().sum::<f32>() / c.len() as f32 / full;
                round_to(f64::from(if mean.is_finite() { mean.clamp(0.0, 1.0) } else { 0.0 }), 3) as f32
            })
            .collect();
        (every as f64 * step_s, swell)
    }

    fn grade(&self) -> Grade {
        let energy = {
            let e: Vec<f32> = self.heard.energy.iter().map(|v| (v / self.loud).min(1.0)).collect();
            if e.is_empty() {
                0.5
            } else {
                f64::from(e.iter().sum::<f32>() / e.len() as f32)
            }
        };
        let lift = (energy - 0.5).clamp(-0.5, 0.5);
        let (warmth, name) = match self.heard.key {
            None => (0.0, "no key is heard: the pictures keep their own warmth".to_owned()),
            Some(key) => {
                let warmth = match key.mode {
                    Mode::Lydian => 0.40,
                    Mode::Ionian => 0.32,
                    Mode::Mixolydian => 0.22,
                    Mode::Dorian => -0.12,
                    Mode::Aeolian => -0.30,
                    Mode::MelodicMinor | Mode::HarmonicMinor => -0.26,
                    Mode::Phrygian => -0.38,
                };
                (
                    warmth,
                    format!("{key} is {} here", if warmth > 0.0 { "warm" } else { "cool" }),
                )
            }
        };
        Grade {
            warmth: round_to(warmth, 3),
            saturation: round_to(1.0 + 0.25 * lift, 3),
            contrast: round_to(0.7 * lift, 3),
            why: format!("{name}; mean energy {energy:.2} sets saturation and contrast"),
        }
    }

    /// What is heard in a stretch, in words that the table of genres knows.
    fn words(&self, stretch: &Stretch, energy: f64) -> Vec<String> {
        let mut words: Vec<&str> = Vec::new();
        match self.heard.tempo {
            t if t.is_nan() || t <= 0.0 => words.push("free"),
            t if t < 84.0 => words.push("slow"),
            t if t < 112.0 => words.push("moderate"),
            t if t < 148.0 => words.push("fast"),
            _ => words.push("very fast"),
        }
        if let Some(key) = self.heard.key {
            words.push(if key.mode.is_minor() { "minor" } else { "major" });
        }
        words.push(match energy {
            e if e < 0.3 => "quiet",
            e if e < 0.6 => "soft",
            _ => "loud",
        });
        let middle = (stretch.start_s + stretch.end_s) / 2.0;
        let (first, second) = (self.energy(stretch.start_s, middle), self.energy(middle, stretch.end_s));
        if second > 1.35 * first + 0.02 {
            words.push("building");
        }
        let mean = |curve: &[f32], step_s: f64, full: f32| {
            let part = self.per_frame(
                curve,
                step_s,
                stretch.start_s,
                ((stretch.end_s - stretch.start_s) * self.fps) as usize,
            );
            part.iter().sum::<f32>() / part.len().max(1) as f32 / full.max(1e-9)
        };
        let (h, p, step_s) = (&self.heard.harmonic, &self.heard.percussive, self.heard.parts_step_s);
        let full = share(h, 0.95).max(share(p, 0.95));
        let (h, p) = (mean(h, step_s, full), mean(p, step_s, full));
        if p > 0.7 * h {
            words.push("percussive");
        } else if p < 0.3 * h {
            words.push("sustained");
        }
        if p > 0.4 * h {
            words.push("rhythmic");
        }
        if self.steady() {
            words.push("steady");
        }
        let clear = share(&self.heard.brightness, 0.95);
        if clear > 0.0 {
            let bright = mean(&self.heard.brightness, self.heard.step_s, clear);
            words.push(if bright > 0.6 {
                "bright"
            } else if bright > 0.35 {
                "warm"
            } else {
                "dark"
            });
        }
        words
            .into_iter()
            .map(str::to_owned)
            .chain(self.heard.words.iter().cloned())
            .collect()
    }

    fn steady(&self) -> bool {
        let gaps: Vec<f64> = self.heard.beats.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        let spread = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len().max(1) as f64).sqrt();
        gaps.len() > 7 && spread < 0.03 * mean
    }
}

/// The value below which `part` of `values` lie; 0 of none.
fn share(values: &[f32], part: f32) -> f32 {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    if sorted.is_empty() {
        0.0
    } else {
        sorted[((sorted.len() - 1) as f32 * part) as usize]
    }
}

pub(super) fn nearest(times: &[f64], t: f64) -> Option<f64> {
    let at = times.partition_point(|x| *x < t);
    let (before, after) = (at.checked_sub(1).and_then(|i| times.get(i)), times.get(at));
    match (before, after) {
        (Some(a), Some(b)) => Some(if t - a <= b - t { *a } else { *b }),
        (a, b) => a.or(b).copied(),
    }
}
