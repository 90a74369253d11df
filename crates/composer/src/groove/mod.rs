//! Drums: grooves chosen by intensity, fills into the next section.

use std::collections::BTreeMap;

use synchresis_cue::{Articulation, Meter};

use crate::dice::Dice;
use crate::orchestra::{Draft, Material, Player, place, plays_in};
use crate::plan::{HitAt, Span};
use crate::style::{Pattern, drum_pitch};

/// A drum rhythm: a pattern a drum.
struct Groove(Vec<(u8, Pattern)>, u8);

fn read(lanes: &BTreeMap<String, String>, meter: Meter) -> Groove {
    let own = lanes.get("meter").map(|m| format!("{m}: ")).unwrap_or_default();
    let lanes: Vec<(u8, Pattern)> = lanes
        .iter()
        .filter_map(|(name, text)| Some((drum_pitch(name)?, Pattern::parse(&format!("{own}{text}"), "xXo").ok()?)))
        .collect();
    let fit = lanes.iter().map(|(_, p)| p.fit(meter)).min().unwrap_or(0);
    Groove(lanes, fit)
}

/// The notes of a player of drums.
pub(crate) fn drums(player: &Player, all: &[Player], material: &Material) -> Vec<Draft> {
    let piece = material.piece;
    let mut notes = Vec::new();
    for (index, span) in piece.sections.iter().enumerate() {
        if !plays_in(player.part, span, all) {
            continue;
        }
        let next = piece.sections.get(index + 1);
        let rises = next.is_some_and(|n| !n.silent && n.cue.intensity > 0.25);
        section(span, rises || span.last.is_some(), player, material, &mut notes);
        roll(span, player, material, &mut notes);
        if let Some(q) = span.last {
            for (pitch, force) in [(36, 1.1), (49, 1.0)] {
                notes.push(Draft {
                    last: true,
                    ..Draft::new(q, 1.0, pitch, force)
                });
            }
        }
    }
    notes
}

/// The texture of a flurry of cuts: sixteenths that swell until the picture comes to rest.
fn roll(span: &Span, player: &Player, material: &Material, notes: &mut Vec<Draft>) {
    let lanes = ["snare", "conga-high", "wood-block-high", "shaker"];
    let known = |name: &&&str| player.part.grooves.iter().any(|g| g.contains_key(**name));
    let Some(pitch) = lanes.iter().find(known).and_then(|n| drum_pitch(n)) else {
        return;
    };
    for &(from, to) in &material.piece.flurries {
        let (begin, end) = ((from * 4.0).ceil() / 4.0, to.min(span.pulse_end()));
        if from < span.from - 1e-6 || begin >= end {
            continue;
        }
        let count = ((end - begin) * 4.0 - 1e-6).ceil() as usize;
        for k in 1..count.min(64) {
            let at = begin + 0.25 * k as f64;
            if notes.iter().any(|n| n.pitch == pitch && (n.q - at).abs() < 0.1) {
                continue;
            }
            let swell = 0.4 + 0.5 * k as f64 / count as f64;
            notes.push(Draft {
                articulation: Articulation::Ghost,
                ..Draft::new(at, 0.2, pitch, swell)
            });
        }
    }
}

fn section(span: &Span, fills: bool, player: &Player, material: &Material, notes: &mut Vec<Draft>) {
    let grid = &material.piece.grid;
    let end = span.pulse_end();
    if end <= span.from + 1e-6 {
        return;
    }
    let first = grid.bar_at(span.from);
    let last = grid.bar_at(end - 1e-3);
    let meter = grid.bars()[first].meter;
    let all: Vec<Groove> = player.part.grooves.iter().map(|g| read(g, meter)).collect();
    let best = all.iter().map(|g| g.1).max().unwrap_or(0);
    let fitting: Vec<&Groove> = all.iter().filter(|g| g.1 == best).collect();
    let mut dice = Dice::of(material.piece.seed, &player.name, span.theme as u64);
    let Some(groove) = fitting.get(place(span.cue.intensity, player.part, fitting.len(), &mut dice)) else {
        return;
    };
    let fill_lanes: Vec<Groove> = player
        .part
        .fills
        .iter()
        .map(|g| read(g, meter))
        .filter(|g| g.1 > 0)
        .collect();
    let mut dice = Dice::of(material.piece.seed, "fill", span.cue.first_bar as u64);
    let fill = dice.pick(&fill_lanes);
    for index in first..=last {
        let bar = &grid.bars()[index];
        if bar.free {
            continue;
        }
        let q = grid.quarter(index);
        let closes = index == last && fills && last > first;
        // Every fourth bar turns round in its last quarter.
        let turns = (index - first) % 4 == 3 && index != last && span.cue.intensity > 0.45;
        let total = bar.meter.quarters();
        let from = match fill {
            Some(_) if closes => {
                if span.cue.intensity > 0.6 {
                    0.0
                } else {
                    (total / 2.0).floor()
                }
            }
            Some(_) if turns => (total - 1.0).max(0.0),
            _ => total,
        };
        // A heavy hit on the next downbeat, or inside the bar, has its lead-in too.
        let heavy = |h: &&HitAt| h.weight >= 0.75 && h.q > q + 1.4 && h.q <= q + total + 1e-6;
        let hit = material.piece.hits.iter().find(heavy).map(|h| h.q - q);
        let (from, to) = match hit {
            Some(at) if fill.is_some() && from >= total && last > first => ((at - 1.0).max(0.0), at),
            _ => (from, total),
        };
        let mut add = |lanes: &Groove, range: std::ops::Range<f64>, dice: &mut Dice| {
            for (pitch, pattern) in &lanes.0 {
                for step in pattern.steps(index - first, bar.meter) {
                    let at = q + step.at;
                    if step.at < range.start - 1e-6 || step.at >= range.end - 1e-6 || at >= end - 1e-6 {
                        continue;
                    }
                    let ghost = step.mark == 'o';
                    // Now and then a ghost note is left out or a plain one is not: a drummer, not a machine.
                    if ghost && dice.chance(0.12) {
                        continue;
                    }
                    let force = match step.mark {
                        'X' => 1.12,
                        'o' => 0.55,
                        _ => 0.95,
                    };
                    let rise = if (range.start > 0.0 && range.start < to) || closes {
                        0.85 + 0.25 * step.at / total
                    } else {
                        1.0
                    };
                    let articulation = if ghost {
                        Articulation::Ghost
                    } else {
                        Articulation::Normal
                    };
                    notes.push(Draft {
                        articulation,
                        ..Draft::new(at, step.len.min(0.25), *pitch, force * rise)
                    });
                }
            }
        };
        add(groove, 0.0..from, &mut dice);
        if let Some(fill) = fill.filter(|_| from < to) {
            add(fill, from..to, &mut dice);
        }
        if to < total {
            add(groove, to..total, &mut dice);
        }
    }
}
