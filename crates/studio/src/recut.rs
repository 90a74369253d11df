//! Another cut of a film that was scored before: style, key, themes and feeling stay, the hits move.

use synchresis_cue::{CueSheet, Mood, MotifCue};

use crate::brief::Brief;
use crate::compose::Composed;
use crate::error::StudioError;
use crate::ledger::Ledger;
use crate::sections::{Recut, VideoInput};

/// What stays for the clip of this run, if the earlier document was made for another clip; appended to the document.
///
/// Style, words and seed stay as long as the brief asks for the same as the earlier one did.
pub(crate) fn of(ledger: &mut Ledger, brief: &Brief) -> Result<Option<Recut>, StudioError> {
    let now: VideoInput = ledger.document().get()?;
    let Some(earlier) = ledger.earlier() else {
        return Ok(None);
    };
    let Ok(before) = earlier.get::<VideoInput>() else {
        return Ok(None);
    };
    let Ok(asked) = earlier.get::<Brief>() else {
        return Ok(None);
    };
    let (same_seed, same_style, same_mood) = (
        brief.seed == asked.seed,
        brief.style == asked.style,
        brief.mood == asked.mood,
    );
    let recut = if before.token == now.token {
        // The same cut again: what stayed last time stays, but for what is asked for anew.
        let Ok(last) = earlier.get::<Recut>() else {
            return Ok(None);
        };
        Recut {
            seed: last.seed.filter(|_| same_seed),
            style: last.style.filter(|_| same_style),
            mood: last.mood.filter(|_| same_mood),
            ..last
        }
    } else {
        let (Ok(sheet), Ok(mood)) = (earlier.get::<CueSheet>(), earlier.get::<Mood>()) else {
            return Ok(None);
        };
        if !brief.keep_sections.is_empty() {
            return Err(StudioError::Brief(
                "keeping sections: the document was made for another cut of the film, whose bars lie elsewhere\n\
                 hint: without --keep-sections, style, key and themes stay and the hits move"
                    .into(),
            ));
        }
        Recut {
            from: before.token,
            from_name: before.video_name,
            seed: same_seed.then_some(sheet.seed),
            style: same_style.then(|| mood.style.clone()),
            mood: same_mood.then_some(mood),
        }
    };
    if recut.seed.is_none() && recut.style.is_none() && recut.mood.is_none() {
        return Ok(None);
    }
    ledger.put(&recut)?;
    Ok(Some(recut))
}

/// What was kept and what moved, compared note by note with the earlier score, for the person.
pub(crate) fn told(ledger: &Ledger, composed: &Composed) -> Option<String> {
    let recut = ledger.document().get::<Recut>().ok()?;
    let earlier = ledger.earlier()?;
    let before = earlier.get::<VideoInput>().ok()?;
    let now = ledger.document().get::<VideoInput>().ok()?;
    let sheet = earlier.get::<CueSheet>().ok().filter(|_| before.token != now.token)?;
    let new = &composed.cue_sheet;
    let mut kept = Vec::new();
    if sheet.style == new.style {
        kept.push(format!("style {}", new.style));
    }
    if sheet.key == new.key {
        kept.push(format!("key {}", new.key));
    }
    let same = |a: &MotifCue, b: &MotifCue| a.contour == b.contour && a.rhythm == b.rhythm;
    let motifs: Vec<&str> = new
        .motifs
        .iter()
        .filter(|motif| sheet.motifs.iter().any(|old| same(old, motif)))
        .map(|motif| motif.name.as_str())
        .collect();
    if !motifs.is_empty() {
        kept.push(format!("motif {}", motifs.join(", ")));
    }
    if recut.mood.is_some() {
        kept.push("feeling and players".into());
    }
    if recut.seed.is_some() {
        kept.push(format!("seed {}", new.seed));
    }
    let taken = composed.spotting.hits.iter().filter(|hit| hit.taken).count();
    Some(format!(
        "re-cut: the document was made for {}; kept are {}; {taken} hits of this cut are taken (another --document composes anew)",
        recut.from_name,
        kept.join(", "),
    ))
}
