//! What every room of the composer knows of the piece: its grid, sections, hits and ends.

use crate::spot::opens;
use synchresis_cue::{HitKind, Mood, Role, SectionCue, Sighting, Spotting};

use crate::grid::Grid;
use crate::style::Style;

/// A piece before its notes.
pub(crate) struct Piece<'a> {
    pub(crate) style: &'a Style,
    pub(crate) mood: &'a Mood,
    pub(crate) grid: Grid,
    pub(crate) sections: Vec<Span>,
    pub(crate) hits: Vec<HitAt>,
    /// Flurries of cuts, from the first to where they come to rest, in quarters: one hit and a texture.
    pub(crate) flurries: Vec<(f64, f64)>,
    /// When everything has died, seconds.
    pub(crate) end_s: f64,
    pub(crate) seed: u64,
}

/// A section on the grid, in quarters.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) cue: SectionCue,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Which theme it is made of.
    pub(crate) theme: usize,
    /// Nothing plays.
    pub(crate) silent: bool,
    /// Where the last chord is struck, if a cue ends in this section.
    pub(crate) last: Option<f64>,
}

impl Span {
    /// Where the pulse ends: at the last chord, else at the section's end.
    pub(crate) fn pulse_end(&self) -> f64 {
        self.last.unwrap_or(self.to)
    }
}

/// A taken hit on the grid.
#[derive(Debug, Clone)]
pub(crate) struct HitAt {
    pub(crate) q: f64,
    pub(crate) time_s: f64,
    pub(crate) weight: f64,
    pub(crate) kind: HitKind,
}

impl<'a> Piece<'a> {
    /// Puts sections and hits on the grid.
    pub(crate) fn new(
        sighting: &Sighting,
        mood: &'a Mood,
        spotting: &Spotting,
        style: &'a Style,
        cues: Vec<SectionCue>,
        seed: u64,
    ) -> Self {
        let grid = Grid::new(&spotting.bars);
        let end_s = if spotting.music_end_s > 0.0 {
            spotting.music_end_s
        } else {
            sighting.duration_s
        };
        let mut hits: Vec<HitAt> = spotting
            .hits
            .iter()
            .filter(|h| (h.taken || opens(h)) && h.time_s.is_finite() && h.time_s >= 0.0 && h.time_s < end_s)
            .map(|h| HitAt {
                q: match (h.bar, h.beat) {
                    (Some(bar), Some(beat)) if bar < grid.bars().len() => grid.quarter(bar) + beat,
                    _ => grid.quarter_of(h.time_s),
                },
                time_s: h.time_s,
                weight: h.weight.clamp(0.0, 1.0),
                kind: h.kind,
            })
            .collect();
        hits.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
        hits.dedup_by(|b, a| (b.time_s - a.time_s).abs() < 1e-4);
        let flurries = flurries(spotting, &grid);
        let mut sections: Vec<Span> = cues
            .into_iter()
            .filter(|c| c.bars > 0 && c.first_bar < grid.bars().len())
            .map(|cue| Span {
                from: grid.quarter(cue.first_bar),
                to: grid.quarter(cue.first_bar + cue.bars),
                theme: 0,
                silent: cue.role == Role::Silence,
                last: None,
                cue,
            })
            .collect();
        choose_themes(&mut sections, sighting);
        set_ends(&mut sections, &hits, &grid);
        Self {
            style,
            mood,
            grid,
            sections,
            hits,
            flurries,
            end_s,
            seed,
        }
    }

    /// Index of the section in which quarter `q` lies.
    pub(crate) fn section_at(&self, q: f64) -> Option<usize> {
        let i = self.sections.partition_point(|s| s.from <= q + 1e-6).checked_sub(1)?;
        (q < self.sections[i].to + 1e-6).then_some(i)
    }

    /// Arousal at `time_s`, 0 to 1.
    pub(crate) fn energy(&self, time_s: f64) -> f64 {
        let curve = &self.mood.arousal_curve;
        if curve.is_empty() || self.mood.step_s <= 0.0 {
            return (self.mood.arousal + 1.0) / 2.0;
        }
        let x = (time_s / self.mood.step_s - 0.5).clamp(0.0, (curve.len() - 1) as f64);
        let i = x as usize;
        let (a, b) = (f64::from(curve[i]), f64::from(curve[(i + 1).min(curve.len() - 1)]));
        ((a + (b - a) * x.fract() + 1.0) / 2.0).clamp(0.0, 1.0)
    }
}

/// From each flurry's first cut to its last, where that is a quarter away or more.
fn flurries(spotting: &Spotting, grid: &Grid) -> Vec<(f64, f64)> {
    let cuts: Vec<(f64, bool)> = spotting
        .hits
        .iter()
        .filter(|h| {
            matches!(
                h.kind,
                HitKind::Flurry | HitKind::Cut | HitKind::Flash | HitKind::Dissolve | HitKind::Fade
            )
        })
        .map(|h| (h.time_s, h.kind == HitKind::Flurry && h.taken))
        .collect();
    let mut found = Vec::new();
    for (i, &(from, _)) in cuts.iter().enumerate().filter(|(_, c)| c.1) {
        let last = cuts[i..].windows(2).take_while(|w| w[1].0 - w[0].0 <= 0.7).count();
        let to = cuts[i + last].0;
        let span = (grid.quarter_of(from), grid.quarter_of(to));
        if span.1 - span.0 >= 1.0 {
            found.push(span);
        }
    }
    found
}

/// A theme returns with the shot that brought it; a contrast brings its own; a cue after silence begins anew.
fn choose_themes(sections: &mut [Span], sighting: &Sighting) {
    let mut known: Vec<(usize, usize)> = Vec::new();
    let (mut home, mut next, mut rested) = (0, 1, false);
    for span in sections.iter_mut() {
        if span.silent {
            rested = true;
            continue;
        }
        if std::mem::take(&mut rested) && next > 0 && !known.is_empty() {
            home = next;
            next += 1;
        }
        let likeness = span
            .cue
            .shots
            .iter()
            .filter_map(|&i| sighting.shots.get(i))
            .max_by(|a, b| {
                let inside = |s: &synchresis_cue::Shot| s.end_s.min(span.cue.end_s) - s.start_s.max(span.cue.start_s);
                inside(a).total_cmp(&inside(b))
            });
        let likeness = likeness.map(|s| s.likeness);
        let seen = known
            .iter()
            .find(|(l, _)| Some(*l) == likeness)
            .map(|&(_, theme)| theme);
        span.theme = match (span.cue.role, seen) {
            (Role::Contrast, Some(theme)) if theme != home => theme,
            (Role::Contrast, _) => {
                next += 1;
                next - 1
            }
            (Role::Peak | Role::Ending | Role::Sting, _) => home,
            (_, Some(theme)) => theme,
            _ => home,
        };
        if let (Some(l), None) = (likeness, seen) {
            known.push((l, span.theme));
        }
    }
}

/// The last chord of every cue: on the hit that ends it, else on its last bar.
fn set_ends(sections: &mut [Span], hits: &[HitAt], grid: &Grid) {
    for i in 0..sections.len() {
        if sections[i].silent || sections.get(i + 1).is_some_and(|next| !next.silent) {
            continue;
        }
        let (from, to) = (sections[i].from, sections[i].to);
        // The last chord stands where its ring begins, which may take several free bars.
        let (bars, mut ring) = (grid.bars(), grid.bar_at(to - 1e-3));
        while ring > 0 && bars[ring].free && bars[ring - 1].free && grid.quarter(ring - 1) >= from - 1e-6 {
            ring -= 1;
        }
        let bar = grid.quarter(ring).max(from);
        let inside = |h: &&HitAt| h.q >= from - 1e-6 && h.q < to;
        let hit = hits.iter().rev().filter(inside).find(|h| h.kind == HitKind::End);
        let hit = hit.or_else(|| hits.iter().rev().filter(inside).find(|h| h.q >= bar - 1e-6));
        sections[i].last = Some(hit.map_or(bar, |h| h.q));
    }
}
