//! Who plays: a style's parts with the voices that the seed and the brief's words give them.

use synchresis_cue::{Layer, Mood, VoiceFamily, VoiceInfo, voice};

use crate::dice::Dice;
use crate::style::{Accent, Part, Plays, Style};

/// A part and its player.
#[derive(Debug, Clone)]
pub(crate) struct Player<'a> {
    pub(crate) part: &'a Part,
    pub(crate) voice: &'static VoiceInfo,
    /// Register within the voice's range.
    pub(crate) register: (u8, u8),
    /// Name of its track.
    pub(crate) name: String,
}

/// An accent and its player.
#[derive(Debug, Clone)]
pub(crate) struct Striker<'a> {
    pub(crate) accent: &'a Accent,
    pub(crate) voice: &'static VoiceInfo,
    pub(crate) register: (u8, u8),
    pub(crate) name: String,
    /// It is the one that no hit goes without.
    pub(crate) always: bool,
}

/// The players of a piece, in the order of the style's layers.
pub(crate) fn cast<'a>(style: &'a Style, mood: &Mood, seed: u64) -> Vec<Player<'a>> {
    let wanted: Vec<&'static VoiceInfo> = mood.wanted_voices.iter().filter_map(|n| voice(n)).collect();
    let mut players: Vec<Player<'a>> = Vec::new();
    for (index, part) in style.layers.iter().enumerate() {
        if !Dice::of(seed, "part", index as u64).chance(part.chance) {
            continue;
        }
        if let Some(info) = draw(&part.voices, &wanted, mood, seed) {
            let register = within(part.register, info);
            players.push(Player {
                part,
                voice: info,
                register,
                name: String::new(),
            });
        }
    }
    // A voice that was asked for and that the style does not know takes the tune, or the drums if it is a kit.
    for info in &wanted {
        if mood.unwanted_voices.iter().any(|n| n == info.name) || players.iter().any(|p| p.voice.name == info.name) {
            continue;
        }
        let place = match info.family {
            VoiceFamily::Kit => Plays::Drums,
            VoiceFamily::Pad => Plays::Sustain,
            VoiceFamily::Bass => Plays::Bass,
            VoiceFamily::Effect | VoiceFamily::Ambience => continue,
            _ => Plays::Melody,
        };
        let taken = players
            .iter()
            .position(|p| p.part.plays == place && !wanted.iter().any(|w| w.name == p.voice.name));
        if let Some(player) = taken.and_then(|i| players.get_mut(i)) {
            player.voice = info;
            player.register = within(player.part.register, info);
        }
    }
    if mood.solo {
        alone(&mut players, &wanted);
    }
    name(players.iter_mut().map(|p| (&mut p.name, p.voice, p.part.layer)));
    players
}

/// Leaves one instrument: its hands if it has many notes, its line if it has one.
fn alone(players: &mut Vec<Player>, wanted: &[&'static VoiceInfo]) {
    let lead = players
        .iter()
        .find(|p| p.part.plays == Plays::Melody)
        .or(players.first())
        .map(|p| p.voice);
    let Some(info) = wanted
        .iter()
        .copied()
        .find(|w| w.family != VoiceFamily::Effect)
        .or(lead)
    else {
        return;
    };
    if info.family == VoiceFamily::Kit {
        players.retain(|p| p.part.plays == Plays::Drums);
    } else {
        let many = matches!(
            info.family,
            VoiceFamily::Keys | VoiceFamily::Guitar | VoiceFamily::Mallet | VoiceFamily::Pad | VoiceFamily::Synth
        ) || info.name == "harp";
        let mut seen: Vec<Plays> = Vec::new();
        players.retain(|p| {
            let plays = match p.part.plays {
                Plays::Sustain | Plays::Comp | Plays::Strum => Plays::Comp,
                other => other,
            };
            let fits = plays == Plays::Melody || many && matches!(plays, Plays::Bass | Plays::Arpeggio | Plays::Comp);
            let first = !seen.contains(&plays);
            seen.push(plays);
            fits && first
        });
    }
    for player in players.iter_mut() {
        player.voice = info;
        player.register = within(player.part.register, info);
    }
}

/// Those who strike the hits; one of them has `always`.
pub(crate) fn strikers<'a>(style: &'a Style, mood: &Mood, players: &[Player], seed: u64) -> Vec<Striker<'a>> {
    let wanted: Vec<&'static VoiceInfo> = mood.wanted_voices.iter().filter_map(|n| voice(n)).collect();
    let allowed = |info: &VoiceInfo| !mood.solo || players.iter().any(|p| p.voice.name == info.name);
    let mut found: Vec<Striker<'a>> = Vec::new();
    for accent in &style.accents {
        let Some(info) = draw(&accent.voices, &wanted, mood, seed).filter(|v| allowed(v)) else {
            continue;
        };
        let register = within(accent.register, info);
        let always = accent.from <= 0.0 && info.sharp && !found.iter().any(|s| s.always);
        found.push(Striker {
            accent,
            voice: info,
            register,
            name: String::new(),
            always,
        });
    }
    if !found.iter().any(|s| s.always) {
        // Nobody left: the sharpest of the players strikes, or the one player there is.
        let tonal = |p: &&Player| p.voice.family != VoiceFamily::Kit;
        let sharp = players.iter().filter(tonal).find(|p| p.voice.sharp);
        let plain = [
            "grand-piano",
            "marimba",
            "strings-pizzicato",
            "nylon-guitar",
            "pluck-synth",
            "vibraphone",
        ]
        .iter()
        .filter(|n| !mood.solo && !mood.unwanted_voices.iter().any(|u| u == *n))
        .find_map(|n| voice(n));
        let info = sharp
            .map(|p| p.voice)
            .or(plain)
            .or_else(|| players.first().map(|p| p.voice));
        let tonal_accent = style.accents.iter().find(|a| a.strikes != crate::style::Strikes::Drums);
        if let (Some(info), Some(accent)) = (info, tonal_accent.or(style.accents.first())) {
            found.insert(
                0,
                Striker {
                    accent,
                    voice: info,
                    register: within(accent.register, info),
                    name: String::new(),
                    always: true,
                },
            );
        }
    }
    name(found.iter_mut().map(|s| (&mut s.name, s.voice, Layer::Accent)));
    found
}

/// One of these voices: one that was asked for, else by the seed, most usual first. The same list gives the same voice.
fn draw(names: &[String], wanted: &[&'static VoiceInfo], mood: &Mood, seed: u64) -> Option<&'static VoiceInfo> {
    let free: Vec<&'static VoiceInfo> = names
        .iter()
        .filter(|n| !mood.unwanted_voices.contains(n))
        .filter_map(|n| voice(n))
        .collect();
    if let Some(info) = free.iter().find(|v| wanted.iter().any(|w| w.name == v.name)) {
        return Some(info);
    }
    let weights: Vec<f64> = (0..free.len()).map(|i| 1.0 / (i as f64 + 1.0)).collect();
    let at = Dice::of(seed, &names.join(" "), 0).weighted(&weights);
    free.get(at).copied()
}

/// The part of a register that a voice can play; moved by octaves where they do not meet.
fn within((low, high): (u8, u8), info: &VoiceInfo) -> (u8, u8) {
    if info.family == VoiceFamily::Kit {
        return info.range;
    }
    let (a, b) = (i32::from(info.range.0), i32::from(info.range.1));
    let (mut x, mut y) = (i32::from(low), i32::from(high).min(i32::from(low) + 48));
    while x < a - 6 {
        x += 12;
        y += 12;
    }
    while y > b + 6 && x - 12 >= a {
        x -= 12;
        y -= 12;
    }
    let (x, y) = (x.clamp(a, b), y.clamp(a, b));
    if y - x >= 12 {
        return (x as u8, y as u8);
    }
    let x = (y - 14).max(a);
    (x as u8, (x + 14).min(b) as u8)
}

/// Names that a person knows, each once.
fn name<'n>(tracks: impl Iterator<Item = (&'n mut String, &'static VoiceInfo, Layer)>) {
    let mut used: Vec<String> = Vec::new();
    for (slot, info, layer) in tracks {
        let mut plain = info.name.replace('-', " ");
        if let Some(first) = plain.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        let layer = match layer {
            Layer::Accent => "accents",
            Layer::Lead => "tune",
            Layer::Counter => "counter-line",
            Layer::Arpeggio => "arpeggio",
            Layer::Chords => "chords",
            Layer::Bass => "bass",
            Layer::Pad => "pad",
            Layer::Drums => "drums",
            Layer::Percussion => "percussion",
            Layer::Effects => "effects",
            Layer::Ambience => "ambience",
        };
        let mut text = format!("{plain} ({layer})");
        let mut count = 2;
        while used.contains(&text) {
            text = format!("{plain} ({layer} {count})");
            count += 1;
        }
        used.push(text.clone());
        *slot = text;
    }
}
