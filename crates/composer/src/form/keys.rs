//! The home key and where the piece goes from it.

use synchresis_cue::{Key, Mode, Mood, Role};

use super::Span;
use crate::dice::Dice;
use crate::style::Style;

/// The modes along the line from dark to bright, with the valence each is at home at.
const LINE: [(Mode, f64); 8] = [
    (Mode::Phrygian, -0.85),
    (Mode::HarmonicMinor, -0.6),
    (Mode::Aeolian, -0.4),
    (Mode::MelodicMinor, -0.25),
    (Mode::Dorian, -0.08),
    (Mode::Mixolydian, 0.2),
    (Mode::Ionian, 0.45),
    (Mode::Lydian, 0.85),
];

/// Pieces longer than this leave their key, seconds.
const MODULATES_S: f64 = 60.0;

/// The mode for a valence, of those that the style is at home in.
fn mode_for(valence: f64, style: &Style) -> Mode {
    let known = |m: Mode| style.harmony.modes.is_empty() || style.harmony.modes.contains(&m);
    LINE.iter()
        .filter(|(mode, _)| known(*mode))
        .min_by(|a, b| (a.1 - valence).abs().total_cmp(&(b.1 - valence).abs()))
        .map_or(Mode::Ionian, |m| m.0)
}

/// A key for each section, and what to say where it left the one before.
pub(super) fn plan(
    spans: &[Span],
    mood: &Mood,
    style: &Style,
    length_s: f64,
    seed: u64,
) -> Vec<(Key, Option<&'static str>)> {
    let mut dice = Dice::of(seed, "key", 0);
    let tonic = match dice.pick(&style.harmony.tonics) {
        Some(&tonic) => tonic % 12,
        None => dice.below(12) as u8,
    };
    let home = Key {
        tonic,
        mode: mood.mode.unwrap_or_else(|| mode_for(mood.valence, style)),
    };
    let cues = spans.last().map_or(0, |s| s.cue);
    let mut keys = Vec::with_capacity(spans.len());
    let mut base = home;
    let mut cue = 0;
    for span in spans {
        if span.silent {
            keys.push((base, None));
            continue;
        }
        let mut said = None;
        if span.cue != cue {
            cue = span.cue;
            base = if cue == cues {
                home
            } else {
                other_cue(home, span, mood, style, &mut dice)
            };
            if base != home {
                said = Some("a new cue, in a key near home");
            }
        }
        let mut key = base;
        if length_s > MODULATES_S && span.role == Role::Contrast {
            key = contrast(base, span, mood, style, &mut dice);
            said = Some("it leaves the home key for contrast");
        } else if length_s > 90.0
            && span.role == Role::Peak
            && mood.valence > 0.15
            && mood.arousal > 0.1
            && dice.chance(0.5)
        {
            // What follows the peak stays where it was lifted to.
            base.tonic = (base.tonic + 2) % 12;
            key = base;
            said = Some("the peak lifts the key by a whole tone");
        }
        keys.push((key, said));
    }
    keys
}

/// A neighbour of the home key, in the mode that the cue's own valence asks for.
fn other_cue(home: Key, span: &Span, mood: &Mood, style: &Style, dice: &mut Dice) -> Key {
    let step = [0u8, 7, 5, 2, 10][dice.below(5)];
    let mode = mood
        .mode
        .unwrap_or_else(|| mode_for(0.5 * (span.valence + mood.valence), style));
    Key {
        tonic: (home.tonic + step) % 12,
        mode,
    }
}

/// A key for contrast: darker pictures go to the relative or parallel minor, brighter ones to the relative major or
/// the dominant.
fn contrast(base: Key, span: &Span, mood: &Mood, style: &Style, dice: &mut Dice) -> Key {
    let knows = |m: Mode| style.harmony.modes.is_empty() || style.harmony.modes.contains(&m);
    let darker = span.valence < mood.valence - 0.05;
    let other = LINE
        .iter()
        .filter(|(m, _)| knows(*m) && m.is_minor() != base.mode.is_minor());
    let nearest = other
        .min_by(|a, b| (a.1 - span.valence).abs().total_cmp(&(b.1 - span.valence).abs()))
        .map(|m| m.0);
    match (base.mode.is_minor(), nearest) {
        (false, Some(minor)) if darker => Key {
            tonic: (base.tonic + 9) % 12,
            mode: minor,
        },
        (true, Some(major)) if !darker => Key {
            tonic: (base.tonic + 3) % 12,
            mode: major,
        },
        (false, _) => Key {
            tonic: (base.tonic + if dice.chance(0.5) { 7 } else { 5 }) % 12,
            ..base
        },
        (true, _) => Key {
            tonic: (base.tonic + if dice.chance(0.5) { 5 } else { 7 }) % 12,
            ..base
        },
    }
}
