//! What strikes: impacts on hits, risers that end on the heaviest, sharp sounds on flashes.

use synchresis_cue::{Hit, HitKind, Mood, Sighting, SoundCue, SoundDesign, SoundKind};

use super::{Scene, stir};
use crate::dice::Dice;

/// Beside music an impact comes at most this often, seconds; it would wear out.
const BESIDE_MUSIC_S: f64 = 3.5;
/// Without music strikes keep this distance, seconds.
const ALONE_S: f64 = 0.7;
/// From this weight on a hit is worth a strike beside music.
const HEAVY: f64 = 0.6;
/// From this weight on it is worth one where nothing else marks it.
const PLAIN: f64 = 0.45;
/// Hits that deserve a riser.
const CLIMBED: f64 = 0.72;
/// Flashes that are heard.
const BRIGHT: f64 = 0.5;

/// Takes from the moments of a film without music those that are struck; the others say why not.
pub(super) fn take(hits: &mut [Hit], mood: &Mood) {
    let mut order: Vec<usize> = (0..hits.len()).filter(|&i| hits[i].taken).collect();
    order.sort_by(|&a, &b| hits[b].weight.total_cmp(&hits[a].weight).then(a.cmp(&b)));
    let mut kept: Vec<f64> = Vec::new();
    for i in order {
        let hit = &mut hits[i];
        let soft = matches!(hit.kind, HitKind::Dissolve | HitKind::Fade | HitKind::Light);
        // A calm picture is struck less.
        let least = PLAIN + 0.25 * (-stir(mood, hit.time_s)).max(0.0);
        let why_not = if hit.kind != HitKind::Manual && soft {
            Some("it comes softly, and a strike would not")
        } else if hit.kind != HitKind::Manual && hit.weight < least {
            Some("it is too light for a strike of its own")
        } else if kept.iter().any(|t| (t - hit.time_s).abs() < ALONE_S) {
            Some("a heavier strike is too near")
        } else {
            None
        };
        match why_not {
            Some(why) => {
                hit.taken = false;
                hit.reason.push_str(&format!(": left, {why}"));
            }
            None => {
                kept.push(hit.time_s);
                hit.reason.push_str(": struck by an effect");
            }
        }
    }
}

/// The taken hits that are struck: all of them where there is no music, the heaviest that are seen beside music.
fn struck<'a>(scene: &Scene<'a>) -> Vec<&'a Hit> {
    let taken = scene.hits.iter().filter(|h| h.taken && h.time_s > 0.0);
    if scene.alone {
        return taken.collect();
    }
    let mut order: Vec<&Hit> = taken
        .filter(|h| {
            !matches!(
                h.kind,
                HitKind::Dissolve | HitKind::Fade | HitKind::Light | HitKind::Start
            )
        })
        .filter(|h| h.kind != HitKind::End || shown(scene.sighting, h.time_s))
        .filter(|h| {
            let calm = (-stir(scene.mood, h.time_s)).max(0.0);
            h.kind == HitKind::Manual || h.weight >= HEAVY + 0.3 * calm
        })
        .collect();
    order.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.time_s.total_cmp(&b.time_s)));
    let mut kept: Vec<&Hit> = Vec::new();
    for hit in order {
        if kept.iter().all(|k| (k.time_s - hit.time_s).abs() >= BESIDE_MUSIC_S) {
            kept.push(hit);
        }
    }
    kept.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    kept
}

/// Whether anything is seen to happen at `t`: a computed end of the music is no event of the picture.
fn shown(sighting: &Sighting, t: f64) -> bool {
    let frame_s = 1.0 / sighting.frame_rate.max(1.0);
    let near = |time_s: f64| (time_s - t).abs() < 1.5 * frame_s;
    sighting.shots.iter().skip(1).any(|s| near(s.start_s))
        || sighting
            .flashes
            .iter()
            .chain(&sighting.motion_peaks)
            .any(|m| near(m.time_s))
}

/// Adds impacts, risers and flashes.
pub(super) fn strike(scene: &Scene<'_>, design: &mut SoundDesign) {
    let hits = struck(scene);
    let mut last_s = 0.0;
    for (i, hit) in hits.iter().enumerate() {
        let mut dice = Dice::of(scene.seed, "strike", i as u64);
        let stirred = (stir(scene.mood, hit.time_s) + 1.0) / 2.0;
        impact(hit, stirred, &mut dice, design);
        riser(hit, stirred, last_s, scene, &mut dice, design);
        last_s = hit.time_s;
    }
    flashes(scene, &hits, design);
}

fn impact(hit: &Hit, stirred: f64, dice: &mut Dice, design: &mut SoundDesign) {
    // The heaviest hit of a stirred picture is as loud as an instrument; the lightest of a calm one a thud far away.
    let level_db = -14.0 * (1.0 - hit.weight) - 7.0 * (1.0 - stirred) - 1.5 * dice.unit();
    let kind = match hit.kind {
        HitKind::Cut => "cut",
        HitKind::Flash => "flash",
        HitKind::Motion => "peak of motion",
        HitKind::Flurry => "flurry of cuts",
        HitKind::Manual => "moment asked for by hand",
        HitKind::End => "last heavy moment",
        _ => "moment",
    };
    let strike = SoundCue {
        start_s: hit.time_s,
        end_s: hit.time_s + 0.4 + 1.6 * hit.weight,
        peak_s: hit.time_s,
        kind: SoundKind::Impact,
        voice: "impact".into(),
        pan: 0.0,
        pan_to: 0.0,
        level_db,
        hit_s: Some(hit.time_s),
        why: format!("the {kind} at {:.2} s weighs {:.2}", hit.time_s, hit.weight),
    };
    if hit.weight >= 0.85 && stirred > 0.5 {
        design.cues.push(SoundCue {
            voice: if dice.chance(0.5) { "boom" } else { "sub-drop" }.into(),
            level_db: level_db - 4.0,
            hit_s: None,
            why: format!("depth under the strike at {:.2} s, one of the heaviest", hit.time_s),
            ..strike.clone()
        });
    }
    design.cues.push(strike);
}

fn riser(hit: &Hit, stirred: f64, last_s: f64, scene: &Scene<'_>, dice: &mut Dice, design: &mut SoundDesign) {
    let room = hit.time_s - last_s - 0.3;
    // What cannot be foreseen is not announced: a flash or a burst of motion comes by surprise.
    let announced = matches!(
        hit.kind,
        HitKind::Cut | HitKind::Flurry | HitKind::Manual | HitKind::End
    );
    if hit.weight < CLIMBED || stirred < 0.35 || room < 0.9 || !announced {
        return;
    }
    let length = (1.0 + 1.8 * hit.weight * stirred + 0.4 * dice.unit()).min(room);
    let cymbal = length < 1.5 || dice.chance(0.4);
    design.cues.push(SoundCue {
        start_s: hit.time_s - length,
        end_s: hit.time_s,
        peak_s: hit.time_s,
        kind: SoundKind::Riser,
        voice: if cymbal { "reverse-cymbal" } else { "riser" }.into(),
        pan: 0.0,
        pan_to: 0.0,
        level_db: if scene.alone { -9.0 } else { -12.0 } - 6.0 * (1.0 - stirred),
        hit_s: None,
        why: format!(
            "climbs for {length:.1} s to the hit at {:.2} s (weight {:.2})",
            hit.time_s, hit.weight
        ),
    });
}

/// Flashes of light that are not struck already; thunder follows lightning where there is a storm.
fn flashes(scene: &Scene<'_>, struck: &[&Hit], design: &mut SoundDesign) {
    let storm = scene.words.iter().any(|(_, text)| {
        let reading = crate::words::read_places(text);
        reading.tags.iter().any(|t| t == "storm")
    });
    let mut last_s = f64::NEG_INFINITY;
    for (i, flash) in scene.sighting.flashes.iter().enumerate() {
        let near = |h: &&Hit| (h.time_s - flash.time_s).abs() < 0.12;
        if flash.strength < BRIGHT || flash.time_s - last_s < 0.5 {
            continue;
        }
        last_s = flash.time_s;
        if storm {
            let mut dice = Dice::of(scene.seed, "thunder", i as u64);
            let at = flash.time_s + dice.between(0.5, 1.6);
            if at + 0.5 < scene.sighting.duration_s {
                let pan = dice.between(-0.5, 0.5);
                design.cues.push(SoundCue {
                    start_s: at,
                    end_s: at + 2.5,
                    peak_s: at,
                    kind: SoundKind::Flash,
                    voice: "boom".into(),
                    pan,
                    pan_to: pan,
                    level_db: -6.0,
                    hit_s: None,
                    why: format!(
                        "thunder: the lightning at {:.2} s is {:.0} m away",
                        flash.time_s,
                        (at - flash.time_s) * 343.0
                    ),
                });
            }
        } else if !struck.iter().any(near) {
            design.cues.push(SoundCue {
                start_s: flash.time_s,
                end_s: flash.time_s + 0.5,
                peak_s: flash.time_s,
                kind: SoundKind::Flash,
                voice: "impact".into(),
                pan: 0.0,
                pan_to: 0.0,
                level_db: -20.0 + 8.0 * flash.strength,
                // Beside music a soft strike may drown in it.
                hit_s: None,
                why: format!(
                    "the light flashes at {:.2} s (strength {:.2}){}",
                    flash.time_s,
                    flash.strength,
                    if scene.alone {
                        ""
                    } else {
                        "; beside the music it is soft, and not promised as a hit"
                    }
                ),
            });
        }
    }
}
