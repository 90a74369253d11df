//! Who plays what: parts, accents, and the notes of each before they are performed.

mod accent;
mod cast;
mod chordal;
mod low;

use synchresis_cue::Articulation;

pub(crate) use accent::strike;
pub(crate) use cast::{Player, Striker, cast, strikers};

use crate::dice::Dice;
use crate::harmony::{Chord, bass_notes, chord_at};
use crate::melody::Sung;
use crate::plan::{Piece, Span};
use crate::style::{Part, Pattern, Plays, marks};

/// A note before it is performed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Draft {
    /// Quarter at which it is written.
    pub(crate) q: f64,
    /// Quarters it is held.
    pub(crate) len: f64,
    pub(crate) pitch: u8,
    /// Weight among the notes of its part: 1 plain, below softer, above louder.
    pub(crate) force: f64,
    pub(crate) articulation: Articulation,
    /// Seconds after its time, of a strum.
    pub(crate) late_s: f64,
    /// Index of the hit it lands on.
    pub(crate) hit: Option<usize>,
    /// It is the last chord's.
    pub(crate) last: bool,
}

impl Draft {
    pub(crate) fn new(q: f64, len: f64, pitch: u8, force: f64) -> Self {
        Self {
            q,
            len,
            pitch,
            force,
            articulation: Articulation::Normal,
            late_s: 0.0,
            hit: None,
            last: false,
        }
    }
}

/// What all parts share.
pub(crate) struct Material<'a> {
    pub(crate) piece: &'a Piece<'a>,
    pub(crate) chords: &'a [Chord],
    /// The bass note under each chord.
    pub(crate) bass: &'a [u8],
    pub(crate) tune: &'a [Sung],
    pub(crate) counter: &'a [Sung],
}

/// Whether a part plays in a section: its layer does, and the intensity suits it, or it is the only one of its layer
/// that could.
pub(crate) fn plays_in(part: &Part, span: &Span, parts: &[Player]) -> bool {
    if span.silent || !span.cue.layers.contains(&part.layer) {
        return false;
    }
    let fits = |p: &Part| {
        let i = span.cue.intensity;
        i >= p.from - 1e-9 && i <= p.to + 1e-9 && (p.roles.is_empty() || p.roles.contains(&span.cue.role))
    };
    if fits(part) {
        return true;
    }
    let mut same = parts.iter().filter(|p| p.part.layer == part.layer);
    let first = same.clone().next().is_some_and(|p| std::ptr::eq(p.part, part));
    first && part.roles.is_empty() && !same.any(|p| fits(p.part))
}

/// The notes of a player, ordered.
pub(crate) fn write(player: &Player, all: &[Player], material: &Material) -> Vec<Draft> {
    let piece = material.piece;
    let inside = |section: usize| {
        piece
            .sections
            .get(section)
            .is_some_and(|s| plays_in(player.part, s, all))
    };
    let mut notes: Vec<Draft> = match player.part.plays {
        Plays::Melody | Plays::Double | Plays::Counter => {
            let line = if player.part.plays == Plays::Counter {
                material.counter
            } else {
                material.tune
            };
            let (low, high) = (i32::from(player.register.0), i32::from(player.register.1));
            let shift = if player.part.plays == Plays::Double {
                i32::from(player.part.shift)
            } else {
                0
            };
            let last = |n: &Sung| piece.sections[n.section].last.is_some_and(|l| n.q >= l - 1e-6);
            line.iter()
                .filter(|n| inside(n.section))
                .map(|n| {
                    let mut pitch = i32::from(n.pitch) + shift;
                    while pitch < low && pitch + 12 <= 127 {
                        pitch += 12;
                    }
                    while pitch > high && pitch >= 12 {
                        pitch -= 12;
                    }
                    let swell = 0.88 + 0.2 * (std::f64::consts::PI * (n.phrase * 0.9 + 0.05)).sin() + 0.08 * n.strength;
                    Draft {
                        last: last(n),
                        ..Draft::new(n.q, n.len, pitch.clamp(0, 127) as u8, swell)
                    }
                })
                .collect()
        }
        Plays::Drums => crate::groove::drums(player, all, material),
        Plays::Bass | Plays::Drone => low::write(player, &inside, material),
        Plays::Sustain | Plays::Comp | Plays::Strum | Plays::Arpeggio => chordal::write(player, &inside, material),
    };
    if player.part.plays == Plays::Melody {
        ornament(&mut notes, player, material);
    }
    notes.sort_by(|a, b| a.q.total_cmp(&b.q).then(a.pitch.cmp(&b.pitch)));
    notes
}

/// Grace notes before some long notes, a step of the scale above, where the note before leaves room.
fn ornament(notes: &mut Vec<Draft>, player: &Player, material: &Material) {
    let piece = material.piece;
    let mut dice = Dice::of(piece.seed, "ornament", 0);
    let mut graces = Vec::new();
    for i in 1..notes.len() {
        let (before, note) = (notes[i - 1], notes[i]);
        let wide = note.q - before.q > 0.45 && note.len > 0.9 && !note.last;
        if !wide || !dice.chance(piece.style.melody.ornaments) {
            continue;
        }
        let chord = &material.chords[chord_at(material.chords, note.q)];
        let above = (1..=2)
            .map(|s| i32::from(note.pitch) + s)
            .find(|p| (0..7).any(|d| (chord.pitch(d) - p).rem_euclid(12) == 0));
        let Some(pitch) = above.filter(|&p| p <= i32::from(player.register.1)) else {
            continue;
        };
        notes[i - 1].len = before.len.min(note.q - 0.12 - before.q);
        graces.push(Draft {
            articulation: Articulation::Ghost,
            ..Draft::new(note.q - 0.12, 0.12, pitch as u8, note.force * 0.8)
        });
    }
    notes.append(&mut graces);
}

/// Which of a part's rhythms a section has: by its intensity, and the seed's choice for its theme.
pub(crate) fn choose<'p>(patterns: &'p [Pattern], span: &Span, player: &Player, piece: &Piece) -> Option<&'p Pattern> {
    let bar = piece.grid.bars().get(span.cue.first_bar)?;
    let best = patterns.iter().map(|p| p.fit(bar.meter)).max()?;
    let fitting: Vec<&Pattern> = patterns.iter().filter(|p| p.fit(bar.meter) == best).collect();
    let place = place(
        span.cue.intensity,
        player.part,
        fitting.len(),
        &mut Dice::of(piece.seed, &player.name, span.theme as u64),
    );
    fitting.get(place).copied()
}

/// Index among `n` choices from calm to busy.
pub(crate) fn place(intensity: f64, part: &Part, n: usize, dice: &mut Dice) -> usize {
    let reach = (part.to - part.from).max(0.05);
    let x = ((intensity - part.from) / reach).clamp(0.0, 1.0);
    let last = n.saturating_sub(1) as f64;
    (x * last + dice.between(-0.45, 0.45)).round().clamp(0.0, last) as usize
}

/// The rhythms of a part.
pub(crate) fn patterns(part: &Part) -> Vec<Pattern> {
    part.patterns
        .iter()
        .filter_map(|p| Pattern::parse(p, marks(part.plays)).ok())
        .collect()
}

/// The bass of the piece, in the register of its lowest player.
pub(crate) fn ground(chords: &[Chord], players: &[Player]) -> Vec<u8> {
    let register = players
        .iter()
        .find(|p| p.part.plays == Plays::Bass)
        .map_or((36, 55), |p| p.register);
    bass_notes(chords, register)
}
