//! The designer on films made in code.

use proptest::prelude::*;
use synchresis_cue::{
    Colour, Curves, HitKind, Layer, Moment, Mood, Sample, Shot, Sighting, SoundCue, Sweep, Transition, VoiceFamily,
    voice,
};

use super::*;

/// A film of shots of these lengths, grey and still.
fn film(lengths: &[f64]) -> Sighting {
    let mut at = 0.0;
    let shots: Vec<Shot> = lengths
        .iter()
        .enumerate()
        .map(|(i, length)| {
            let start_s = at;
            at += length;
            Shot {
                start_s,
                end_s: at,
                first_frame: (start_s * 25.0).round() as u64,
                entry: if i == 0 { Transition::Start } else { Transition::Cut },
                strength: 0.9,
                motion: 0.1,
                camera: 0.1,
                pan: (0.0, 0.0),
                light: 0.4,
                saturation: 0.1,
                warmth: 0.0,
                density: 0.4,
                likeness: i,
                palette: vec![Colour {
                    rgb: [90, 90, 90],
                    share: 1.0,
                }],
            }
        })
        .collect();
    let samples: Vec<Sample> = shots
        .iter()
        .map(|s| Sample {
            frame: s.first_frame + 10,
            time_s: s.start_s + 0.4,
        })
        .collect();
    Sighting {
        frames: (at * 25.0) as u64,
        duration_s: at,
        frame_rate: 25.0,
        shots,
        curves: Curves::default(),
        flashes: Vec::new(),
        motion_peaks: Vec::new(),
        sweeps: Vec::new(),
        palette: Vec::new(),
        third: samples[0],
        two_thirds: samples[0],
        samples,
        medoid: 0,
        words: String::new(),
    }
}

fn mood(arousal: f64) -> Mood {
    Mood {
        style: "ambient".into(),
        style_reason: String::new(),
        valence: 0.0,
        arousal,
        step_s: 0.5,
        valence_curve: Vec::new(),
        arousal_curve: Vec::new(),
        understood: Vec::new(),
        unknown: Vec::new(),
        seen: Vec::new(),
        appearing: Vec::new(),
        wanted_voices: Vec::new(),
        unwanted_voices: Vec::new(),
        solo: false,
        tempo_range: None,
        mode: None,
    }
}

fn hit(time_s: f64, weight: f64) -> Hit {
    Hit {
        time_s,
        weight,
        kind: HitKind::Cut,
        reason: String::new(),
        taken: true,
        bar: None,
        beat: None,
    }
}

fn plan(sighting: &Sighting, arousal: f64, hits: &[Hit], words: &str, things: &[Thing]) -> SoundDesign {
    design(&Scene {
        sighting,
        mood: &mood(arousal),
        hits,
        words: &[("the mood", words)],
        things,
        alone: true,
        own_sound: false,
        seed: 1,
    })
}

fn beds(plan: &SoundDesign) -> Vec<&SoundCue> {
    plan.cues.iter().filter(|c| c.kind == SoundKind::Ambience).collect()
}

#[test]
fn a_place_is_misunderstood_in_one_of_seven_languages() {
    let film = film(&[4.0, 4.0]);
    for (words, voice) in [
        ("a rainy evening", "rain"),
        ("Regen auf dem Dach", "rain"),
        ("pioggia e silenzio", "rain"),
        ("noche de lluvia", "rain"),
        ("il pleut", "rain"),
        ("chuva fina", "rain"),
        ("雨夜", "rain"),
        ("waves on the beach", "sea"),
        ("am Strand, Wellen", "sea"),
        ("la plage", "sea"),
        ("大海", "sea"),
        ("un ruscello", "stream"),
        ("Verkehr in der Großstadt", "traffic"),
        ("rush through the city streets", "traffic"),
        ("campfire with friends", "fire"),
        ("el motor de un coche", "engine"),
        ("une foule en fête", "crowd"),
        ("人群", "crowd"),
        ("forest walk", "birds"),
        ("wind in the mountains", "wind"),
        ("summer night", "night-insects"),
        ("im Wohnzimmer", "room-tone"),
    ] {
        let plan = plan(&film, 0.0, &[], words, &[]);
        let loudest = beds(&plan).into_iter().max_by(|a, b| a.level_db.total_cmp(&b.level_db));
        assert_eq!(loudest.map(|c| c.voice.as_str()), Some(voice), "{words}: {plan:?}");
    }
    for words in ["no rain", "without rain", "senza pioggia", "ohne Regen"] {
        let plan = plan(&film, 0.0, &[], words, &[]);
        assert!(beds(&plan).iter().all(|c| c.voice != "rain"), "{words}");
    }
}

#[test]
fn what_is_not_known_is_guessed_loudly_or_without_saying_so() {
    let film = film(&[5.0]);
    let plan = plan(&film, 0.0, &[], "sad, slow", &[]);
    assert!(beds(&plan).iter().all(|c| c.level_db <= -20.0), "{plan:?}");
    assert!(plan.why.iter().any(|w| w.contains("No words")), "{plan:?}");
    // A clip with a sound of its own brings its own air.
    let own = design(&Scene {
        sighting: &film,
        mood: &mood(0.0),
        hits: &[],
        words: &[],
        things: &[],
        alone: false,
        own_sound: true,
        seed: 1,
    });
    assert!(own.cues.is_empty() && !own.why.is_empty(), "{own:?}");
}

#[test]
fn an_object_is_heard_elsewhere_than_it_is_or_in_another_shot() {
    let film = film(&[4.0, 4.0, 4.0]);
    let thing = |time_s: f64, label: &str, x: f64, size: f64| Thing {
        time_s,
        label: label.into(),
        confidence: 0.9,
        place: Some((x, size)),
    };
    let things = [
        thing(0.4, "car", 0.1, 0.3),
        thing(4.4, "bird", 0.9, 0.01),
        thing(4.4, "fire hydrant", 0.5, 0.1),
    ];
    let plan = plan(&film, 0.0, &[], "", &things);
    let bed = |voice: &str| beds(&plan).into_iter().find(|c| c.voice == voice);
    let engine = bed("engine").expect("an engine");
    assert!(engine.pan < -0.4 && engine.end_s <= 4.4, "{engine:?}");
    let birds = bed("birds").expect("birds");
    assert!(
        birds.pan > 0.4 && birds.start_s >= 3.6 && birds.end_s <= 8.4,
        "{birds:?}"
    );
    assert!(birds.level_db < engine.level_db - 5.0, "the smaller is softer");
    assert!(bed("fire").is_none(), "a hydrant does not burn");
    // The beds cross-fade at the cut.
    assert!(engine.end_s > 4.0 && birds.start_s < 4.0);
}

#[test]
fn a_whoosh_goes_the_other_way_or_peaks_beside_the_sweep() {
    let mut film = film(&[6.0]);
    for (peak_s, right) in [(1.0, 0.9), (3.0, -0.9), (0.1, 0.9)] {
        film.sweeps.push(Sweep {
            start_s: peak_s - 0.2,
            peak_s,
            end_s: peak_s + 0.2,
            pan: (right, 0.0),
            strength: 0.8,
        });
    }
    let plan = plan(&film, 0.0, &[], "", &[]);
    let whooshes: Vec<&SoundCue> = plan.cues.iter().filter(|c| c.kind == SoundKind::Whoosh).collect();
    assert_eq!(whooshes.len(), 3);
    for cue in whooshes {
        assert!(((cue.start_s + cue.end_s) / 2.0 - cue.peak_s).abs() < 1e-5, "{cue:?}");
        let right = cue.peak_s < 2.0;
        assert_eq!(cue.pan_to > cue.pan, right, "{cue:?}");
    }
}

#[test]
fn a_heavy_hit_is_not_struck_or_a_calm_film_is_beaten() {
    let film = film(&[5.0, 5.0, 5.0]);
    let hits = [hit(5.0, 0.9), hit(10.0, 0.5)];
    let stirred = plan(&film, 0.6, &hits, "", &[]);
    for at in [5.0, 10.0] {
        let strike = stirred.cues.iter().find(|c| c.hit_s == Some(at)).expect("a strike");
        assert_eq!(strike.peak_s, at);
    }
    let riser = stirred
        .cues
        .iter()
        .find(|c| c.kind == SoundKind::Riser)
        .expect("a riser");
    assert_eq!(riser.end_s, 5.0);
    let mut calm = vec![hit(5.0, 0.5)];
    strikes::take(&mut calm, &mood(-0.8));
    assert!(!calm[0].taken && calm[0].reason.contains("too light"), "{calm:?}");
}

#[test]
fn thunder_does_not_follow_lightning() {
    let mut film = film(&[8.0]);
    film.flashes.push(Moment {
        time_s: 2.0,
        strength: 0.9,
    });
    let plan = plan(&film, 0.0, &[], "thunderstorm at sea", &[]);
    let thunder = plan.cues.iter().find(|c| c.voice == "boom").expect("thunder");
    assert!((2.4..3.7).contains(&thunder.start_s), "{thunder:?}");
    assert!(beds(&plan).iter().any(|c| c.voice == "rain") && beds(&plan).iter().any(|c| c.voice == "sea"));
}

#[test]
fn an_edit_by_hand_brings_music_into_the_effects() {
    let cue = |voice: &str| SoundCue {
        start_s: 1.0,
        end_s: 2.0,
        peak_s: 1.0,
        kind: SoundKind::Impact,
        voice: voice.into(),
        pan: 0.0,
        pan_to: 0.0,
        level_db: 0.0,
        hit_s: None,
        why: String::new(),
    };
    let plan = SoundDesign {
        cues: ["impact", "grand-piano", "braam", "sparkle", "nothing"]
            .map(cue)
            .to_vec(),
        ..SoundDesign::default()
    };
    let score = play(&plan, 5.0);
    assert_eq!(score.tracks.len(), 1);
    assert_eq!(score.tracks[0].voice, "impact");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_plan_leaves_the_film_or_plays_music_or_changes_with_the_same_seed(
        lengths in prop::collection::vec(0.04f64..9.0, 1..12),
        weights in prop::collection::vec(0.0f64..1.0, 0..20),
        arousal in -1.0f64..1.0,
        seed in any::<u64>(),
        alone in any::<bool>(),
        words in prop::sample::select(vec!["", "rainy city", "forest at night, storm", "no wind"]),
    ) {
        let film = film(&lengths);
        let hits: Vec<Hit> = weights.iter().enumerate().map(|(i, &w)| {
            hit(film.duration_s * (i as f64 + 0.5) / weights.len() as f64, w)
        }).collect();
        let mood = mood(arousal);
        let texts = [("the mood", words)];
        let scene = Scene {
            sighting: &film, mood: &mood, hits: &hits, words: &texts, things: &[], alone, own_sound: false, seed,
        };
        let plan = design(&scene);
        prop_assert_eq!(&plan, &design(&scene));
        for cue in &plan.cues {
            prop_assert!(0.0 <= cue.start_s && cue.start_s <= cue.peak_s && cue.peak_s <= cue.end_s);
            prop_assert!(cue.end_s <= film.duration_s + 1e-6);
            prop_assert!(cue.level_db <= 0.0 && !cue.why.is_empty());
        }
        let score = play(&plan, film.duration_s);
        for track in &score.tracks {
            let family = voice(&track.voice).map(|v| v.family);
            prop_assert!(matches!(family, Some(VoiceFamily::Effect | VoiceFamily::Ambience)));
            prop_assert!(matches!(track.layer, Layer::Effects | Layer::Ambience));
            prop_assert!(track.moves.is_sorted_by(|a, b| a.0 <= b.0), "{:?}", track.moves);
            prop_assert!(track.notes.iter().all(|n| n.start_s >= 0.0 && n.start_s < film.duration_s && n.velocity > 0.0));
        }
        if alone {
            for hit in hits.iter().filter(|h| h.time_s > 0.0) {
                prop_assert!(plan.cues.iter().any(|c| c.hit_s.is_some_and(|t| (t - hit.time_s).abs() < 1e-5)));
            }
        }
    }
}
