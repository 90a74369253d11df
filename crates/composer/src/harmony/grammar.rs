//! Which chord follows which: loops and functional phrases of a style, bent to the mode.

use synchresis_cue::{Key, Mode};

use super::chord::{Chord, Function};
use super::roman::{Roman, parse_roman, parse_set};
use crate::dice::Dice;
use crate::style::Style;

/// The chords of a theme, and those it cadences with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Theme {
    pub(crate) chords: Vec<(Roman, Function)>,
    pub(crate) tonic: Roman,
    pub(crate) predominant: Roman,
    pub(crate) dominant: Roman,
    /// Where a deceptive cadence goes.
    pub(crate) surprise: Roman,
}

/// The theme number `number` of a piece in this mode. The same number is the same theme.
pub(crate) fn theme(style: &Style, mode: Mode, valence: f64, seed: u64, number: usize) -> Theme {
    let mut dice = Dice::of(seed, "theme", number as u64);
    let grammar = style.grammar(mode);
    let set = |text: &str| parse_set(text).unwrap_or_default();
    let (tonics, predominants, dominants) = (set(&grammar.tonic), set(&grammar.predominant), set(&grammar.dominant));
    let draw = |set: &[(Roman, f64)], dice: &mut Dice| -> Roman {
        let weights: Vec<f64> = set.iter().map(|(_, w)| *w).collect();
        set.get(dice.weighted(&weights)).map_or_else(home, |(r, _)| r.clone())
    };
    let function_of = |roman: &Roman| {
        let inside = |set: &[(Roman, f64)]| set.iter().any(|(r, _)| r.root == roman.root);
        if roman.root == 0 || inside(&tonics) && !inside(&predominants) {
            Function::Tonic
        } else if inside(&dominants) {
            Function::Dominant
        } else {
            Function::Predominant
        }
    };
    // Two themes of a piece differ: loops are taken in an order that the seed alone decides.
    let looped = !grammar.loops.is_empty() && dice.chance(style.harmony.loop_share);
    let mut chords: Vec<(Roman, Function)> = if looped {
        let offset = Dice::of(seed, "loops", 0).below(grammar.loops.len());
        let line = &grammar.loops[(offset + number) % grammar.loops.len()];
        line.split_whitespace()
            .filter_map(|n| parse_roman(n).ok())
            .map(|r| {
                let f = function_of(&r);
                (r, f)
            })
            .collect()
    } else {
        let phrase = dice.pick(&grammar.phrases).cloned().unwrap_or_else(|| "T P D T".into());
        let mut chords: Vec<(Roman, Function)> = Vec::new();
        for (i, letter) in phrase.split_whitespace().enumerate() {
            let (set, function) = match letter {
                "P" => (&predominants, Function::Predominant),
                "D" => (&dominants, Function::Dominant),
                _ => (&tonics, Function::Tonic),
            };
            let mut roman = if i == 0 {
                tonics.first().map_or_else(home, |(r, _)| r.clone())
            } else {
                draw(set, &mut dice)
            };
            if chords.last().is_some_and(|(r, _)| r.root == roman.root) {
                roman = draw(set, &mut dice);
            }
            chords.push((roman, function));
        }
        chords
    };
    if chords.is_empty() {
        chords.push((home(), Function::Tonic));
    }
    // A sad film borrows in major, a hopeful one in minor.
    let pull = if mode.is_minor() {
        0.6 + 0.4 * valence
    } else {
        0.6 - 0.4 * valence
    };
    let borrowed = set(&grammar.borrowed);
    if !borrowed.is_empty() && chords.len() > 2 && dice.chance(style.harmony.borrowing * pull.clamp(0.0, 1.5)) {
        let places: Vec<usize> = (1..chords.len())
            .filter(|&i| chords[i].1 == Function::Predominant)
            .collect();
        if let Some(&i) = dice.pick(&places) {
            chords[i].0 = draw(&borrowed, &mut dice);
        }
    }
    let key = Key { tonic: 0, mode };
    for (roman, function) in &mut chords {
        *roman = bend(roman, mode, &mut dice);
        *roman = colour(roman, key, *function, style, &mut dice);
    }
    let first = |set: &[(Roman, f64)]| set.first().map_or_else(home, |(r, _)| r.clone());
    let surprise = parse_roman(if mode.is_minor() { "bVI" } else { "vi" }).unwrap_or_else(|_| home());
    Theme {
        tonic: first(&tonics),
        predominant: bend(&draw(&predominants, &mut dice), mode, &mut dice),
        dominant: bend(&draw(&dominants, &mut dice), mode, &mut dice),
        surprise,
        chords,
    }
}

fn home() -> Roman {
    Roman {
        text: "I".into(),
        degree: 0,
        root: 0,
        tones: vec![0, 4, 7],
        bass: 0,
        plain: true,
    }
}

/// What a mode makes of a chord of plain major or minor: the chords that carry its own colour.
fn bend(roman: &Roman, mode: Mode, dice: &mut Dice) -> Roman {
    let to = match (mode, roman.text.as_str()) {
        (Mode::Mixolydian, "V" | "V7" | "V/3") if dice.chance(0.7) => "bVII",
        (Mode::Mixolydian, "iii") => "bVII",
        (Mode::Lydian, "IV") if dice.chance(0.5) => "II",
        (Mode::Lydian, "ii" | "ii7") if dice.chance(0.5) => "II",
        (Mode::Dorian, "iv") => "IV",
        (Mode::Dorian, "bVI") => "IV",
        (Mode::Dorian, "ii°" | "ii°/3" | "iiø7") => "ii",
        (Mode::Dorian, "bVImaj7") => "IV7",
        (Mode::Phrygian, "ii°" | "ii°/3" | "iiø7" | "iv") => "bII",
        (Mode::Phrygian, "V" | "V7" | "v") if dice.chance(0.6) => "bII",
        (Mode::Phrygian, "bVII") => "bvii",
        (Mode::HarmonicMinor | Mode::MelodicMinor, "v") => "V",
        (Mode::HarmonicMinor, "bVII") if dice.chance(0.5) => "V",
        _ => return roman.clone(),
    };
    parse_roman(to).unwrap_or_else(|_| roman.clone())
}

/// Sevenths and ninths on plain triads, out of the scale.
fn colour(roman: &Roman, key: Key, function: Function, style: &Style, dice: &mut Dice) -> Roman {
    if !roman.plain || roman.bass != 0 {
        return roman.clone();
    }
    let chord = Chord::new(roman, key, function);
    let inside = |tone: u8| chord.degrees.contains(&((roman.root + tone) % 12));
    let minor = roman.tones[1] == 3;
    let name = if dice.chance(style.harmony.ninths) && inside(2) {
        "add9"
    } else if dice.chance(style.harmony.sevenths) && inside(11) && !minor {
        "maj7"
    } else if dice.chance(style.harmony.sevenths) && inside(10) && (minor || function == Function::Dominant) {
        "7"
    } else {
        return roman.clone();
    };
    parse_roman(&format!("{}{name}", roman.text)).unwrap_or_else(|_| roman.clone())
}
