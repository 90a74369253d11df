//! Reading a style, and saying what is wrong with one.

use synchresis_cue::{DRUM_PITCHES, VoiceFamily, voice};

use super::pattern::{Pattern, parse_meter};
use super::{Accent, Part, Plays, Strikes, Style};
use crate::ComposerError;
use crate::harmony::{parse_roman, parse_set};

/// The JSON schema of a style's file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Style).to_value()
}

/// General MIDI pitch of a drum by its name in [`DRUM_PITCHES`], words joined by hyphens: `hat-closed`, `kick`.
pub fn drum_pitch(name: &str) -> Option<u8> {
    DRUM_PITCHES
        .iter()
        .find(|(_, n)| n.replace(' ', "-") == name)
        .map(|&(pitch, _)| pitch)
}

/// Something wrong, and a piece of the file's text that stands where it is.
struct Wrong {
    near: String,
    why: String,
}

fn wrong<T>(near: impl Into<String>, why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong {
        near: near.into(),
        why: why.into(),
    })
}

impl Style {
    /// Reads a style from the text of a file; `file` is its path or name, for messages.
    ///
    /// # Errors
    /// [`ComposerError::BadStyle`] with the line, what is wrong there and what is allowed.
    pub fn from_toml_named(text: &str, file: &str) -> Result<Style, ComposerError> {
        let bad = |why: String| ComposerError::BadStyle { file: file.into(), why };
        let style: Style = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|s| line_of(text, s.start));
            bad(match line {
                Some(line) => format!("line {line}: {}", e.message()),
                None => e.message().to_string(),
            })
        })?;
        style.check().map_err(|w| {
            let line = text
                .find(&w.near)
                .filter(|_| !w.near.is_empty())
                .map(|at| line_of(text, at));
            bad(match line {
                Some(line) => format!("line {line}: {}", w.why),
                None => w.why,
            })
        })?;
        Ok(style)
    }

    /// Reads a style from the text of a file.
    ///
    /// # Errors
    /// As [`Style::from_toml_named`].
    pub fn from_toml(text: &str) -> Result<Style, ComposerError> {
        Self::from_toml_named(text, "style.toml")
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.name.is_empty()
            || !self
                .name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return wrong(
                "name",
                format!(
                    "name is {:?}; lower case letters, digits and hyphens are allowed",
                    self.name
                ),
            );
        }
        let t = self.tempo;
        if !(20.0 <= t.low && t.low <= t.usual && t.usual <= t.high && t.high <= 400.0) {
            return wrong("[tempo]", "tempo must have 20 <= low <= usual <= high <= 400");
        }
        if !(0.0..=1.0).contains(&t.steady) {
            return wrong("steady", "steady is between 0 and 1");
        }
        if self.meters.is_empty()
            || self
                .meters
                .iter()
                .any(|m| m.beats == 0 || ![2, 4, 8, 16].contains(&m.unit))
        {
            return wrong(
                "meters",
                "meters needs one or more of { beats = 1 or more, unit = 2, 4, 8 or 16 }",
            );
        }
        for (name, (low, high)) in [("valence", self.feeling.valence), ("arousal", self.feeling.arousal)] {
            if !(-1.0..=1.0).contains(&low) || !(-1.0..=1.0).contains(&high) || low > high {
                return wrong(name, format!("{name} is [from, to] within -1 and 1"));
            }
        }
        if !(0.5..=0.75).contains(&self.feel.swing) || ![8, 16].contains(&self.feel.swing_unit) {
            return wrong("swing", "swing is between 0.5 and 0.75, swing-unit 8 or 16");
        }
        if !(0.0..=60.0).contains(&self.feel.humanise_ms) || !(-40.0..=60.0).contains(&self.feel.laid_back_ms) {
            return wrong(
                "[feel]",
                "humanise-ms is between 0 and 60, laid-back-ms between -40 and 60",
            );
        }
        self.check_harmony()?;
        if self.melody.rhythms.is_empty() {
            return wrong("rhythms", "melody.rhythms needs one rhythm or more");
        }
        for rhythm in &self.melody.rhythms {
            Pattern::parse(rhythm, "xXo").map_err(|why| Wrong {
                near: rhythm.clone(),
                why,
            })?;
        }
        if self.layers.is_empty() {
            return wrong("name", "a style needs [[layers]]");
        }
        self.layers.iter().try_for_each(check_part)?;
        if !self.accents.iter().any(|a| a.from <= 0.0) {
            return wrong(
                "[[accents]]",
                "one of [[accents]] must have from = 0, so that every hit is heard",
            );
        }
        self.accents.iter().try_for_each(check_accent)
    }

    fn check_harmony(&self) -> Result<(), Wrong> {
        let h = &self.harmony;
        if h.modes.is_empty() {
            return wrong("modes", "harmony.modes needs one mode or more");
        }
        if h.tonics.iter().any(|&t| t > 11) {
            return wrong("tonics", "tonics are pitch classes, 0 (C) to 11 (B)");
        }
        for b in [h.bars_per_chord.0, h.bars_per_chord.1] {
            if ![0.5, 1.0, 2.0, 4.0].contains(&b) {
                return wrong("bars-per-chord", "bars-per-chord is [calm, busy], each 0.5, 1, 2 or 4");
            }
        }
        for g in [&h.major, &h.minor] {
            for line in &g.loops {
                for numeral in line.split_whitespace() {
                    parse_roman(numeral).map_err(|why| Wrong {
                        near: line.clone(),
                        why,
                    })?;
                }
            }
            for set in [&g.tonic, &g.predominant, &g.dominant] {
                let chords = parse_set(set).map_err(|why| Wrong { near: set.clone(), why })?;
                if chords.is_empty() {
                    return wrong(
                        "[harmony",
                        "tonic, predominant and dominant each need a chord, \"I:5 vi:2\" say",
                    );
                }
            }
            parse_set(&g.borrowed).map_err(|why| Wrong {
                near: g.borrowed.clone(),
                why,
            })?;
            for phrase in &g.phrases {
                if phrase.split_whitespace().any(|f| !["T", "P", "D"].contains(&f)) || phrase.trim().is_empty() {
                    return wrong(
                        phrase.clone(),
                        format!("the phrase {phrase:?} may hold T, P and D, with spaces between"),
                    );
                }
            }
        }
        Ok(())
    }
}

fn check_voices(names: &[String], kit: bool) -> Result<(), Wrong> {
    if names.is_empty() {
        return wrong("voices = []", "voices needs one name or more");
    }
    for name in names {
        let Some(info) = voice(name) else {
            return wrong(
                format!("{name:?}"),
                format!("there is no voice {name:?}; near it are {}", nearest_voices(name)),
            );
        };
        if (info.family == VoiceFamily::Kit) != kit {
            let need = if kit {
                "a kit is needed, kit-acoustic say"
            } else {
                "a kit cannot play it"
            };
            return wrong(format!("{name:?}"), format!("voice {name:?}: {need}"));
        }
    }
    Ok(())
}

fn nearest_voices(name: &str) -> String {
    let score = |candidate: &str| {
        let pairs = |s: &str| s.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (a, b) = (pairs(name), pairs(candidate));
        a.iter().filter(|p| b.contains(p)).count() * 100 / (a.len() + b.len()).max(1)
    };
    let mut all: Vec<(usize, &str)> = synchresis_cue::VOICES.iter().map(|v| (score(v.name), v.name)).collect();
    all.sort_by_key(|&(s, _)| std::cmp::Reverse(s));
    all.iter().take(4).map(|&(_, n)| n).collect::<Vec<_>>().join(", ")
}

/// The marks that a player's patterns may hold.
pub(crate) fn marks(plays: Plays) -> &'static str {
    match plays {
        Plays::Sustain | Plays::Comp | Plays::Melody | Plays::Counter | Plays::Double | Plays::Drone => "xXo",
        Plays::Strum => "duDUo",
        Plays::Arpeggio => "123456789",
        Plays::Bass => "13578aw",
        Plays::Drums => "xXo",
    }
}

fn check_part(part: &Part) -> Result<(), Wrong> {
    let first = part.voices.first().map(|v| format!("{v:?}")).unwrap_or_default();
    check_voices(&part.voices, part.plays == Plays::Drums)?;
    if part.register.0 >= part.register.1 || part.register.1 > 127 {
        return wrong(first, "register is [lowest, highest] MIDI pitch, within 0 and 127");
    }
    if !(0.0..=1.0).contains(&part.velocity.0) || !(0.0..=1.0).contains(&part.velocity.1) {
        return wrong(first, "velocity is [softest, loudest] within 0 and 1");
    }
    let shares = [
        part.from,
        part.to,
        part.chance,
        part.room,
        part.hall,
        (part.pan + 1.0) / 2.0,
    ];
    if shares.iter().any(|s| !(0.0..=1.0).contains(s)) {
        return wrong(
            first,
            "from, to, chance, room and hall are within 0 and 1, pan within -1 and 1",
        );
    }
    if !(1..=6).contains(&part.thickness) {
        return wrong(first, "thickness is between 1 and 6");
    }
    for pattern in &part.patterns {
        Pattern::parse(pattern, marks(part.plays)).map_err(|why| Wrong {
            near: pattern.clone(),
            why,
        })?;
    }
    let needs = matches!(part.plays, Plays::Comp | Plays::Strum | Plays::Arpeggio | Plays::Bass);
    if needs && part.patterns.is_empty() {
        return wrong(first, "a part that plays comp, strum, arpeggio or bass needs patterns");
    }
    if part.plays == Plays::Drums && part.grooves.is_empty() {
        return wrong(first, "a part that plays drums needs [[layers.grooves]]");
    }
    for groove in part.grooves.iter().chain(&part.fills) {
        for (lane, rhythm) in groove {
            if lane == "meter" {
                parse_meter(rhythm).map_err(|why| Wrong {
                    near: rhythm.clone(),
                    why,
                })?;
                continue;
            }
            if drum_pitch(lane).is_none() {
                let names: Vec<String> = DRUM_PITCHES.iter().map(|(_, n)| n.replace(' ', "-")).collect();
                return wrong(
                    format!("{lane} ="),
                    format!("there is no drum {lane:?}; there are {}", names.join(", ")),
                );
            }
            Pattern::parse(rhythm, "xXo").map_err(|why| Wrong {
                near: rhythm.clone(),
                why,
            })?;
        }
    }
    Ok(())
}

fn check_accent(accent: &Accent) -> Result<(), Wrong> {
    check_voices(&accent.voices, accent.strikes == Strikes::Drums)?;
    for name in &accent.voices {
        if accent.from <= 0.0 && voice(name).is_some_and(|v| !v.sharp) {
            return wrong(
                format!("{name:?}"),
                format!("voice {name:?} has a soft attack; an accent with from = 0 needs a sharp one"),
            );
        }
    }
    if accent.strikes == Strikes::Drums && accent.drums.is_empty() {
        return wrong(
            "[[accents]]",
            "an accent that strikes drums needs drums = [\"kick\", …]",
        );
    }
    for drum in &accent.drums {
        if drum_pitch(drum).is_none() {
            return wrong(
                format!("{drum:?}"),
                format!("there is no drum {drum:?}; \"kick\" and \"crash\" are two that are"),
            );
        }
    }
    Ok(())
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count() + 1
}
