//! Drum kits: every piece that a track uses is drawn beforehand, a few times over so that no two blows in a row are the
//! same, and mixed in as it is struck.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lanes::{Arithmetic, widened};

use super::canvas::OneShot;
use super::drums::draw;
use super::kits::Character;
use super::noise::Chance;
use super::track::{Control, Frame, Gesture, Instrument, QUANTUM};

const MOST_HITS: usize = 48;

struct Hit {
    pitch: u8,
    shot: Arc<OneShot>,
    at: usize,
    wait: usize,
    body: f32,
    bright: f32,
    choke: bool,
    fade: f32,
}

/// A kit.
pub(crate) struct Kit {
    pieces: BTreeMap<u8, Vec<Arc<OneShot>>>,
    hits: Vec<Hit>,
    seed: u64,
    last: BTreeMap<u8, usize>,
    /// Whether pitches name the pieces of a drum map.
    named: bool,
}

/// The piece that stands for a pitch: itself, or the nearest of its family.
pub(crate) fn piece(pitch: u8) -> u8 {
    match pitch {
        0..=34 => 36,
        57 => 49,
        58 => 69,
        59 => 51,
        65 => 60,
        66 => 61,
        67 => 76,
        68 => 77,
        71..=72 => 81,
        73 => 69,
        74 => 69,
        78 => 62,
        79 => 64,
        83 => 54,
        84..=127 => 75,
        other => other,
    }
}

impl Kit {
    /// Draws the pieces that the track strikes.
    pub(crate) fn new(character: &Character, pitches: &[u8], seed: u64) -> Self {
        let mut pieces = BTreeMap::new();
        for &pitch in pitches {
            let piece = piece(pitch);
            // Cymbals that ring long are rarely struck twice in a row.
            let takes = match piece {
                49 | 52 | 55 | 81 => 1,
                42 | 44 | 70 | 82 | 38 | 40 | 69 => 4,
                51 | 53 | 46 => 2,
                _ => 3,
            };
            pieces.entry(piece).or_insert_with(|| {
                (0..takes)
                    .map(|take| {
                        let mut chance = Chance::new(seed ^ 0x6b69_7400, u64::from(piece) * 16 + take);
                        Arc::new(draw(piece, character, &mut chance))
                    })
                    .collect()
            });
        }
        Self::of(pieces, seed)
    }

    fn of(pieces: BTreeMap<u8, Vec<Arc<OneShot>>>, seed: u64) -> Self {
        let last = pieces.keys().map(|&p| (p, 0)).collect();
        Self {
            pieces,
            hits: Vec::with_capacity(MOST_HITS),
            seed,
            last,
            named: true,
        }
    }

    /// A set of one-shot effects drawn by `draw(pitch, chance)`, which may differ by pitch.
    pub(crate) fn effects(pitches: &[u8], seed: u64, draw: impl Fn(u8, &mut Chance) -> OneShot) -> Self {
        let pieces = pitches
            .iter()
            .map(|&pitch| {
                let takes = (0..2)
                    .map(|take| {
                        Arc::new(draw(
                            pitch,
                            &mut Chance::new(seed ^ 0x6566_6665, u64::from(pitch) * 4 + take),
                        ))
                    })
                    .collect();
                (pitch, takes)
            })
            .collect();
        Self {
            named: false,
            ..Self::of(pieces, seed)
        }
    }
}

widened! {
    /// Adds one side of a drawn sound.
    fn add(part: &[f32], gain: f32, out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(part) {
            *out = Unit::fused(*x, gain, *out);
        }
    }
}

impl Instrument for Kit {
    fn lead_s(&self, _gesture: &Gesture) -> f32 {
        0.0005
    }

    fn begin(&mut self, g: &Gesture, at: usize) {
        let pitch = if self.named { piece(g.pitch) } else { g.pitch };
        let Some(takes) = self.pieces.get(&pitch).filter(|t| !t.is_empty()) else {
            return;
        };
        let mut chance = Chance::new(self.seed, u64::from(g.id) + 1);
        // Any take but the last one heard.
        let take = match self.last.get_mut(&pitch) {
            Some(last) if takes.len() > 1 => {
                *last = (*last + 1 + (chance.next() as usize) % (takes.len() - 1)) % takes.len();
                *last
            }
            _ => 0,
        };
        let Some(shot) = takes.get(take) else { return };
        // A closed hat stops the open one; a cymbal struck again gives way.
        let named = self.named;
        let chokes = |other: u8| match pitch {
            _ if !named => false,
            42 | 44 | 46 => matches!(other, 42 | 44 | 46),
            80 => other == 81,
            62 => other == 63,
            _ => other == pitch && matches!(pitch, 35 | 36),
        };
        for hit in self.hits.iter_mut().filter(|h| chokes(h.pitch)) {
            hit.choke = true;
        }
        if self.hits.len() == MOST_HITS {
            self.hits.swap_remove(0);
        }
        let level = 0.5 * (g.velocity / 0.8).powf(1.5) * chance.between(0.96, 1.04);
        self.hits.push(Hit {
            pitch,
            shot: Arc::clone(shot),
            at: 0,
            wait: at,
            body: level,
            bright: level * (g.velocity / 0.8).powf(1.1),
            choke: false,
            fade: 1.0,
        });
    }

    fn end(&mut self, _id: u32) {}

    fn render(&mut self, _control: &Control, out: &mut Frame) -> bool {
        let sounding = !self.hits.is_empty();
        let mut i = 0;
        while i < self.hits.len() {
            let hit = &mut self.hits[i];
            let from = hit.wait;
            hit.wait = 0;
            let left = hit.shot.body[0]
                .len()
                .max(hit.shot.bright[0].len())
                .saturating_sub(hit.at);
            let n = (QUANTUM - from).min(left);
            for (part, gain) in [(&hit.shot.body, hit.body), (&hit.shot.bright, hit.bright)] {
                for (part, out) in part.iter().zip([&mut out.l, &mut out.r]) {
                    let (Some(part), out) = (part.get(hit.at..), &mut out[from..from + n]) else {
                        continue;
                    };
                    if hit.choke {
                        let mut fade = hit.fade;
                        for (out, x) in out.iter_mut().zip(part) {
                            *out += x * gain * fade;
                            fade *= 0.996;
                        }
                    } else {
                        add(part, gain, out);
                    }
                }
            }
            if hit.choke {
                hit.fade *= 0.996f32.powi(n as i32);
            }
            hit.at += n;
            if n == left || hit.fade < 1e-4 {
                self.hits.swap_remove(i);
            } else {
                i += 1;
            }
        }
        sounding
    }
}
