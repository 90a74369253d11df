//! Where the film plays: beds from recognised objects, from words, and last from colour.

use synchresis_cue::{Shot, SoundCue, SoundDesign, SoundKind};

use super::{Scene, Thing};
use crate::words::{beds_of, read_places};

/// Beds of neighbouring shots overlap by this much, seconds.
const FADE_S: f64 = 0.7;
/// A shot shorter than this keeps the bed of the one before, seconds.
const SHORT_S: f64 = 1.2;
/// So many beds at most sound together.
const MOST: usize = 3;
/// Level of a bed that words ask for, dB.
const ASKED_DB: f64 = -9.0;
/// Level of a bed that colour suggests: felt more than heard.
const GUESSED_DB: f64 = -20.0;
/// Things recognised with less confidence are left out.
const SURE: f64 = 0.35;
/// So many people are a crowd.
const MANY: usize = 5;

/// A bed under one shot.
#[derive(Debug, Clone, PartialEq)]
struct Bed {
    voice: String,
    level_db: f64,
    pan: (f64, f64),
    why: String,
}

/// Adds the beds.
pub(super) fn place(scene: &Scene<'_>, design: &mut SoundDesign) {
    let (asked, refused, night) = asked(scene, design);
    let seen = seen(scene);
    let known = !asked.is_empty() || seen.iter().any(|beds| !beds.is_empty());
    for thing in scene.things.iter().filter(|t| t.confidence >= SURE) {
        let heard = read_places(&thing.label)
            .tags
            .iter()
            .any(|tag| !beds_of(tag).is_empty());
        let line = format!("{} (recognised)", thing.label);
        if heard && !design.understood.contains(&line) {
            design.understood.push(line);
        }
    }
    let mut beds: Vec<Vec<Bed>> = seen;
    for (shot, beds) in scene.sighting.shots.iter().zip(&mut beds) {
        for bed in &asked {
            match beds.iter_mut().find(|b| b.voice == bed.voice) {
                Some(own) => own.level_db = own.level_db.max(bed.level_db),
                None => beds.push(bed.clone()),
            }
        }
        if beds.is_empty() && !known && !scene.own_sound {
            beds.extend(guess(shot, night));
        }
        beds.retain(|b| !refused.contains(&b.voice));
        beds.sort_by(|a, b| b.level_db.total_cmp(&a.level_db));
        beds.truncate(MOST);
    }
    for i in 1..beds.len() {
        let shot = &scene.sighting.shots[i];
        if shot.end_s - shot.start_s < SHORT_S {
            beds[i] = beds[i - 1].clone();
        }
    }
    let why = match () {
        () if asked.is_empty() && !known && scene.own_sound => {
            "No words and no recognised object say where the film plays; the clip brings its own sound, so no bed is guessed."
        }
        () if !known => {
            "No words and no recognised object say where the film plays: a bed is guessed from light and colour and stays \
             very low; name the place with --mood, or refuse it there (\"no wind\")."
        }
        () if asked.is_empty() => "Beds follow the recognised objects, shot by shot.",
        () => "Beds follow the words under the whole film, and recognised objects shot by shot.",
    };
    design.why.push(why.into());
    lay(scene, &beds, design);
}

/// The beds that words ask for, the voices that they refuse, and whether it is night.
fn asked(scene: &Scene<'_>, design: &mut SoundDesign) -> (Vec<Bed>, Vec<String>, bool) {
    let mut beds: Vec<Bed> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    let mut night = false;
    for (name, text) in scene.words {
        let reading = read_places(text);
        for place in &reading.refused {
            refused.extend(beds_of(place).iter().cloned());
        }
        night |= reading.tags.iter().any(|t| t == "night");
        for place in reading.tags {
            for (i, voice) in beds_of(&place).iter().enumerate() {
                let line = format!("{place} (in {name})");
                if !design.understood.contains(&line) {
                    design.understood.push(line);
                }
                if beds.iter().all(|b| b.voice != *voice) {
                    beds.push(Bed {
                        voice: voice.clone(),
                        level_db: ASKED_DB - 5.0 * i as f64,
                        pan: (0.0, 0.0),
                        why: format!("{name} says {place}"),
                    });
                }
            }
        }
    }
    // Birds sleep at night, insects sing.
    if night {
        for bed in &mut beds {
            if bed.voice == "birds" && bed.why.ends_with("forest") | bed.why.ends_with("meadow") {
                bed.voice = "night-insects".into();
                bed.why.push_str(", by night");
            }
        }
    }
    (beds, refused, night)
}

/// The beds of recognised objects, by shot; a shot in which no frame was looked at takes those of its likes.
fn seen(scene: &Scene<'_>) -> Vec<Vec<Bed>> {
    let shots = &scene.sighting.shots;
    let inside = |shot: &Shot, t: f64| t >= shot.start_s && t < shot.end_s;
    let mut beds: Vec<Vec<Bed>> = shots
        .iter()
        .map(|shot| {
            let things: Vec<&Thing> = scene
                .things
                .iter()
                .filter(|t| t.confidence >= SURE && inside(shot, t.time_s))
                .collect();
            objects(&things)
        })
        .collect();
    let looked: Vec<bool> = shots
        .iter()
        .map(|shot| scene.sighting.samples.iter().any(|s| inside(shot, s.time_s)))
        .collect();
    for i in 0..shots.len() {
        if looked[i] || !beds[i].is_empty() {
            continue;
        }
        let like = (0..shots.len()).find(|&j| looked[j] && shots[j].likeness == shots[i].likeness);
        if let Some(j) = like {
            beds[i] = beds[j].clone();
        }
    }
    beds
}

/// The beds of the things in one shot: where they are, as loud as they are large.
fn objects(things: &[&Thing]) -> Vec<Bed> {
    let mut beds: Vec<Bed> = Vec::new();
    let tags: Vec<(&Thing, Vec<String>)> = things.iter().map(|t| (*t, read_places(&t.label).tags)).collect();
    let mut places: Vec<&String> = tags.iter().flat_map(|t| &t.1).collect();
    places.sort();
    places.dedup();
    for place in places {
        let here: Vec<&Thing> = tags.iter().filter(|t| t.1.contains(place)).map(|t| t.0).collect();
        let mut at: Vec<f64> = here.iter().map(|t| t.time_s).collect();
        at.sort_by(f64::total_cmp);
        at.dedup();
        let (Some(&first), Some(&last)) = (at.first(), at.last()) else {
            continue;
        };
        let in_frame = |t: f64| {
            here.iter()
                .filter(move |h| h.time_s == t)
                .copied()
                .collect::<Vec<&Thing>>()
        };
        let most = at.iter().map(|&t| in_frame(t).len()).max().unwrap_or(0);
        let (voices, many): (Vec<&str>, bool) = match place.as_str() {
            "person" if most >= MANY => (vec!["crowd"], true),
            "engine" if most >= 3 => (vec!["traffic"], true),
            other => (beds_of(other).iter().map(String::as_str).collect(), false),
        };
        let sizes: Vec<f64> = at
            .iter()
            .map(|&t| in_frame(t).iter().filter_map(|h| h.place).map(|p| p.1).sum::<f64>())
            .collect();
        let size = (sizes.iter().sum::<f64>() / sizes.len().max(1) as f64).clamp(0.0, 1.0);
        // An object that fills the picture is as loud as a place that words ask for, a hundredth of it 12 dB softer.
        let level_db = if here.iter().any(|h| h.place.is_some()) {
            ASKED_DB + (6.0 * size.max(0.01).log10()).max(-12.0)
        } else {
            ASKED_DB - 5.0
        };
        let pan = (middle(&in_frame(first)), middle(&in_frame(last)));
        for (i, voice) in voices.into_iter().enumerate() {
            beds.push(Bed {
                voice: voice.into(),
                level_db: level_db - 5.0 * i as f64,
                pan: if many { (pan.0 * 0.5, pan.1 * 0.5) } else { pan },
                why: format!("{} recognised, {:.0} % of the picture", names(&here), size * 100.0),
            });
        }
    }
    beds
}

fn names(things: &[&Thing]) -> String {
    let mut names: Vec<&str> = things.iter().map(|t| t.label.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Where things stand together, −1 to 1, the larger counting more; never hard left or right.
fn middle(things: &[&Thing]) -> f64 {
    let places: Vec<(f64, f64)> = things.iter().filter_map(|t| t.place).collect();
    let weight: f64 = places.iter().map(|p| p.1.max(1e-3)).sum();
    if weight <= 0.0 {
        return 0.0;
    }
    let x = places.iter().map(|p| p.0 * p.1.max(1e-3)).sum::<f64>() / weight;
    (1.5 * (x - 0.5)).clamp(-0.7, 0.7)
}

/// What light and colour suggest where nothing else is known; never more than wind or the air of a room.
fn guess(shot: &Shot, night: bool) -> Option<Bed> {
    let share = |test: fn([u8; 3]) -> bool| -> f64 {
        shot.palette
            .iter()
            .filter(|c| test(c.rgb))
            .map(|c| c.share.clamp(0.0, 1.0))
            .sum()
    };
    let sky = share(|[r, g, b]| b > 110 && b > r.saturating_add(25) && b >= g);
    let leaves = share(|[r, g, b]| g > r.saturating_add(8) && g > b.saturating_add(12));
    let snow = share(|[r, g, b]| r.min(g).min(b) > 185);
    let (voice, level_db, why) = if shot.light > 0.3 && sky > 0.25 {
        ("wind", GUESSED_DB, "much light and blue: perhaps under the sky")
    } else if shot.light > 0.2 && leaves > 0.3 {
        ("wind", GUESSED_DB, "much green: perhaps among leaves")
    } else if snow > 0.5 && shot.warmth <= 0.05 && shot.density > 0.1 {
        (
            "wind",
            GUESSED_DB - 2.0,
            "bright and without colour: perhaps out in the cold",
        )
    } else {
        (
            "room-tone",
            GUESSED_DB - 3.0,
            "nothing tells the place: the air of a room, hardly heard",
        )
    };
    (!night || voice == "room-tone").then(|| Bed {
        voice: voice.into(),
        level_db,
        pan: (0.0, 0.0),
        why: why.into(),
    })
}

/// Joins the beds of neighbouring shots where they go on, and lets them overlap where they change.
fn lay(scene: &Scene<'_>, beds: &[Vec<Bed>], design: &mut SoundDesign) {
    let shots = &scene.sighting.shots;
    let duration = scene.sighting.duration_s;
    let mut open: Vec<(SoundCue, f64)> = Vec::new();
    let softer = if scene.alone { 0.0 } else { -2.0 };
    for (i, shot) in shots.iter().enumerate() {
        let here = beds.get(i).map_or(&[][..], Vec::as_slice);
        let goes_on = |cue: &SoundCue| {
            here.iter().any(|b| {
                let pan = (b.pan.0 - cue.pan_to).abs() < 0.12 && (b.pan.1 - cue.pan_to).abs() < 0.12;
                b.voice == cue.voice && (b.level_db + softer - cue.level_db).abs() < 1.5 && pan
            })
        };
        let mut still = Vec::new();
        for (mut cue, last) in open {
            if goes_on(&cue) {
                cue.end_s = shot.end_s;
                still.push((cue, last));
            } else {
                cue.end_s = (shot.start_s + FADE_S / 2.0).min(duration);
                design.cues.push(cue);
            }
        }
        for bed in here {
            if still.iter().any(|(cue, _)| cue.voice == bed.voice) {
                continue;
            }
            let start_s = if i == 0 {
                0.0
            } else {
                (shot.start_s - FADE_S / 2.0).max(0.0)
            };
            let cue = SoundCue {
                start_s,
                end_s: shot.end_s,
                peak_s: start_s,
                kind: SoundKind::Ambience,
                voice: bed.voice.clone(),
                pan: bed.pan.0,
                pan_to: bed.pan.1,
                level_db: bed.level_db + softer,
                hit_s: None,
                why: bed.why.clone(),
            };
            still.push((cue, bed.pan.1));
        }
        open = still;
    }
    for (mut cue, _) in open {
        cue.end_s = duration;
        design.cues.push(cue);
    }
}
