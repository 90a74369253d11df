//! Sections that stay while the rest is composed anew: what is kept of an earlier take, and what it is played from.
//!
//! The document keeps the take that was kept from (`locks`), so that its bars can be played again to the bit, whatever the
//! cache still has, and so that a later run with another volume keeps them too.

use serde::Serialize;
use synchresis_composer::{Before, kept_spans, recompose};
use synchresis_cue::{CueSheet, Mood, Note, Score, Section, Sighting, Spotting};

use synchresis_composer::style::Style;

use crate::brief::Brief;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::sections::{Locks, OlderTake, VideoInput};

/// An earlier take as it is heard again.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Heard<'a> {
    pub(crate) score: &'a Score,
    pub(crate) seed: u64,
    /// From, to, seconds.
    pub(crate) spans: Vec<(f64, f64)>,
}

impl Locks {
    /// What this run keeps: the sections that the brief names, of the earlier document's take; or, where the brief is otherwise that
    /// of a run that kept some, the same ones of the same take once more.
    pub(crate) fn of(ledger: &Ledger, brief: &Brief) -> Result<Option<Self>, StudioError> {
        let last = goes_on(ledger, brief)?;
        if last.is_some() || brief.keep_sections.is_empty() {
            return Ok(last);
        }
        let missing = || {
            StudioError::Brief(
                "keeping sections: there is no earlier take\nhint: name the document of one with --document".into(),
            )
        };
        let earlier = ledger
            .earlier()
            .filter(|earlier| earlier.has(Score::NAME))
            .ok_or_else(missing)?;
        let (spotting, cue_sheet, score): (Spotting, CueSheet, Score) =
            (earlier.get()?, earlier.get()?, earlier.get()?);
        let all = cue_sheet.form.len();
        if let Some(wrong) = brief.keep_sections.iter().find(|number| !(1..=all).contains(number)) {
            return Err(StudioError::Brief(format!(
                "keeping section {wrong}: the earlier take has sections 1 to {all}\nhint: they stand under `cue_sheet.form`"
            )));
        }
        let before = earlier.get::<Self>().ok();
        let asked = earlier.get::<Brief>().map_or(brief.seed, |asked| asked.seed);
        let mut sections = brief.keep_sections.clone();
        sections.sort_unstable();
        sections.dedup();
        let mut locks = Self {
            sections,
            frame_seed: before.as_ref().map_or(cue_sheet.seed, |before| before.frame_seed),
            effects_seed: before.as_ref().map_or(asked, |before| before.effects_seed),
            spotting,
            cue_sheet,
            score,
            older: Vec::new(),
        };
        if let Some(before) = before {
            locks.older = locks.still_heard(before);
        }
        Ok(Some(locks))
    }

    /// Indices of the sections, from 0.
    fn kept(&self) -> Vec<usize> {
        self.sections
            .iter()
            .filter_map(|number| number.checked_sub(1))
            .collect()
    }

    /// When the kept sections are played, seconds.
    fn spans(&self) -> Vec<(f64, f64)> {
        kept_spans(&self.cue_sheet, self.score.duration_s, &self.kept())
    }

    /// What of the take that `before` was kept from, and of those before it, is heard within what is kept now.
    fn still_heard(&self, before: Self) -> Vec<OlderTake> {
        let now = self.spans();
        let spans = before.spans();
        let newest = OlderTake {
            seed: before.cue_sheet.seed,
            spans,
            score: before.score,
        };
        let mut takes: Vec<OlderTake> = std::iter::once(newest).chain(before.older).collect();
        for take in &mut takes {
            // A span that only touches what is kept still fades into it.
            let common = take.spans.iter().flat_map(|a| {
                let both = now.iter().map(|b| (a.0.max(b.0), a.1.min(b.1)));
                both.filter(|both| both.0 <= both.1)
            });
            let mut common: Vec<(f64, f64)> = common.collect();
            common.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            common.dedup();
            take.spans = common;
        }
        takes.retain(|take| !take.spans.is_empty());
        takes
    }

    /// The piece with the seed `seed` round what is kept.
    pub(crate) fn recompose(
        &self,
        sighting: &Sighting,
        mood: &Mood,
        style: &Style,
        seed: u64,
    ) -> (Spotting, CueSheet, Score) {
        let before = Before {
            sheet: &self.cue_sheet,
            score: &self.score,
            frame: self.frame_seed,
            keep: &self.kept(),
        };
        let (sheet, score) = recompose(sighting, mood, &self.spotting, style, before, seed);
        (self.spotting.clone(), sheet, score)
    }

    /// The takes that are heard beside `score`, the newest first. Bars that a person edited since are played as they stand now.
    pub(crate) fn heard(&self, score: &Score) -> Vec<Heard<'_>> {
        let newest = (&self.score, self.cue_sheet.seed, self.spans());
        let older = self
            .older
            .iter()
            .map(|take| (&take.score, take.seed, take.spans.clone()));
        let takes = std::iter::once(newest).chain(older);
        takes
            .filter(|(take, ..)| take.duration_s == score.duration_s)
            .map(|(take, seed, mut spans)| {
                spans.retain(|span| same_notes(take, score, *span));
                Heard {
                    score: take,
                    seed,
                    spans,
                }
            })
            .filter(|take| !take.spans.is_empty())
            .collect()
    }
}

/// The locks of the earlier run, as long as nothing is asked for that would compose its film anew.
fn goes_on(ledger: &Ledger, brief: &Brief) -> Result<Option<Locks>, StudioError> {
    let Some(earlier) = ledger.earlier().filter(|earlier| earlier.has(Locks::NAME)) else {
        return Ok(None);
    };
    let (Ok(asked), Ok(before)) = (earlier.get::<Brief>(), earlier.get::<VideoInput>()) else {
        return Ok(None);
    };
    let now: VideoInput = ledger.document().get()?;
    let same = (&asked.mood, &asked.style, &asked.hits, asked.seed, asked.takes)
        == (&brief.mood, &brief.style, &brief.hits, brief.seed, brief.takes)
        && before.token == now.token;
    if !same {
        return Ok(None);
    }
    let locks: Locks = earlier.get()?;
    let named = brief.keep_sections.is_empty() || brief.keep_sections == asked.keep_sections;
    Ok(Some(locks).filter(|_| named))
}

/// Whether both scores have the same notes in a span, player by player.
fn same_notes(a: &Score, b: &Score, (from, to): (f64, f64)) -> bool {
    let inside = |note: &&Note| note.start_s >= from && note.start_s < to;
    let played = |score: &Score, name: &str| -> Vec<Note> {
        let tracks = score.tracks.iter().filter(|track| track.name == name);
        tracks
            .flat_map(|track| track.notes.iter().filter(inside).copied())
            .collect()
    };
    let names = a.tracks.iter().chain(&b.tracks).map(|track| track.name.as_str());
    names.into_iter().all(|name| played(a, name) == played(b, name))
}
