//! Which styles pictures and words lead to.

mod footage;

use footage::{Film, Look};
use proptest::prelude::*;
use synchresis_composer::style::{Style, TempoRange, builtin};
use synchresis_composer::{ComposerError, mood};
use synchresis_cue::{Colour, Sighting};

const DARK: Look = Look {
    light: 0.12,
    saturation: 0.15,
    warmth: -0.25,
    motion: 0.03,
    density: 0.2,
};
const BRIGHT: Look = Look {
    light: 0.6,
    saturation: 0.55,
    warmth: 0.1,
    motion: 0.5,
    density: 0.6,
};
const WARM: Look = Look {
    light: 0.5,
    saturation: 0.4,
    warmth: 0.35,
    motion: 0.06,
    density: 0.35,
};
const GREY: Look = Look {
    light: 0.3,
    saturation: 0.06,
    warmth: -0.1,
    motion: 0.05,
    density: 0.3,
};
const VIOLENT: Look = Look {
    light: 0.15,
    saturation: 0.25,
    warmth: -0.3,
    motion: 0.6,
    density: 0.5,
};

fn film(look: Look, shot_s: f64) -> Sighting {
    Film {
        look,
        ..Film::cut(30.0, 25.0, shot_s)
    }
    .shoot(4)
}

/// Eighteen styles by their feelings and words alone.
fn styles() -> Vec<Style> {
    type Row = (&'static str, (f64, f64), (f64, f64), f64, &'static str);
    let rows: [Row; 18] = [
        ("ambient", (-0.4, 0.8), (-1.0, -0.35), 66.0, "ambient dreamy calm"),
        (
            "cinematic-strings",
            (-0.7, 0.6),
            (-0.5, 0.6),
            82.0,
            "cinematic drama nature",
        ),
        ("trailer", (-0.5, 0.4), (0.5, 1.0), 130.0, "epic trailer"),
        ("piano-solo", (-0.8, 0.6), (-0.8, 0.2), 78.0, "piano rain lonely"),
        ("minimalist", (-0.3, 0.5), (-0.5, 0.3), 100.0, "minimal documentary"),
        ("lo-fi", (-0.2, 0.5), (-0.6, 0.0), 80.0, "lofi study"),
        ("electronic-house", (-0.2, 1.0), (0.2, 1.0), 122.0, "dance party"),
        ("synthwave", (-0.3, 0.6), (0.1, 0.7), 100.0, "retro neon"),
        ("drum-and-bass", (-0.5, 0.6), (0.6, 1.0), 172.0, "chase sport"),
        (
            "acoustic-folk",
            (0.1, 1.0),
            (-0.4, 0.5),
            104.0,
            "folk travel nature warm",
        ),
        ("rock", (-0.3, 0.7), (0.4, 1.0), 128.0, "rock"),
        ("jazz-trio", (0.0, 0.7), (-0.4, 0.3), 110.0, "jazz cafe"),
        ("bossa", (0.2, 0.8), (-0.5, 0.1), 124.0, "bossa sea"),
        ("funk", (0.3, 1.0), (0.3, 0.9), 106.0, "funk party"),
        ("chiptune", (0.2, 1.0), (0.3, 1.0), 140.0, "game"),
        ("tension", (-1.0, -0.25), (-0.3, 0.9), 100.0, "tension dark"),
        ("comedy-pizzicato", (0.3, 1.0), (0.0, 0.7), 116.0, "funny playful"),
        ("orchestral-march", (-0.1, 0.8), (0.2, 0.8), 112.0, "march ceremony"),
    ];
    let row = |(name, valence, arousal, usual, words): Row| {
        let mut style = builtin()[0].clone();
        style.name = name.into();
        style.feeling.valence = valence;
        style.feeling.arousal = arousal;
        style.feeling.words = words.split(' ').map(str::to_owned).collect();
        style.tempo = TempoRange {
            low: usual * 0.8,
            usual,
            high: usual * 1.25,
            ..style.tempo
        };
        style
    };
    rows.into_iter().map(row).collect()
}

fn chosen(sighting: &Sighting, words: &str) -> String {
    mood::choose(sighting, words, None, &styles()).expect("a mood").style
}

#[test]
fn every_picture_gets_the_same_style() {
    let mut nature = film(WARM, 7.0);
    nature.palette = vec![Colour {
        rgb: [90, 130, 50],
        share: 0.6,
    }];
    for (name, sighting, fits) in [
        (
            "dark and slow",
            film(DARK, 12.0),
            &["ambient", "tension", "piano-solo"][..],
        ),
        (
            "bright and fast",
            film(BRIGHT, 0.8),
            &["electronic-house", "funk", "drum-and-bass", "chiptune"],
        ),
        (
            "warm and slow nature",
            nature,
            &["acoustic-folk", "piano-solo", "bossa", "ambient", "cinematic-strings"],
        ),
        (
            "grey and slow",
            film(GREY, 9.0),
            &["piano-solo", "ambient", "minimalist", "cinematic-strings", "lo-fi"],
        ),
        (
            "dark and violent",
            film(VIOLENT, 0.9),
            &["drum-and-bass", "trailer", "tension", "rock"],
        ),
    ] {
        let style = chosen(&sighting, "");
        assert!(fits.contains(&style.as_str()), "{name}: {style}");
    }
    let mut all: Vec<String> = [(DARK, 12.0), (BRIGHT, 0.8), (WARM, 7.0), (GREY, 9.0), (VIOLENT, 0.9)]
        .into_iter()
        .map(|(look, shot_s)| chosen(&film(look, shot_s), ""))
        .collect();
    all.sort();
    all.dedup();
    assert!(all.len() >= 4, "{all:?}");
}

#[test]
fn words_do_not_decide() {
    let bright = film(BRIGHT, 0.8);
    for (words, style) in [
        ("calm rainy evening, solo piano", "piano-solo"),
        ("jazz", "jazz-trio"),
        ("80s retro neon", "synthwave"),
        ("bossa nova on the beach", "bossa"),
        ("scary and tense", "tension"),
        ("funny", "comedy-pizzicato"),
        ("video game music", "chiptune"),
        ("drum and bass", "drum-and-bass"),
        ("epic trailer", "trailer"),
        ("lofi beats to study to", "lo-fi"),
        ("summer road trip with ukulele", "acoustic-folk"),
        ("meditation, very calm", "ambient"),
        ("marcia", "orchestral-march"),
        ("gruselig", "tension"),
        ("搞笑", "comedy-pizzicato"),
        ("rock, but not heavy", "rock"),
    ] {
        assert_eq!(chosen(&bright, words), style, "{words}");
    }
    assert_ne!(chosen(&bright, "no dance music, no funk, no house"), "electronic-house");
    // A saxophone is no piano solo, and without drums there is no drum and bass.
    let with_all = |film: &Sighting, words: &str| mood::choose(film, words, None, builtin()).expect("a mood").style;
    assert_ne!(
        with_all(&film(GREY, 3.0), "rainy night, lonely saxophone"),
        "piano-solo"
    );
    let without = with_all(&bright, "very fast and happy, no drums");
    assert!(
        !["drum-and-bass", "electronic-house", "rock", "funk"].contains(&without.as_str()),
        "{without}"
    );
}

#[test]
fn words_leave_feeling_where_the_picture_had_it() {
    let of = |words: &str| mood::choose(&film(BRIGHT, 1.0), words, None, &styles()).expect("a mood");
    let (plain, calm, sad) = (of(""), of("calm"), of("very sad"));
    assert!(
        plain.arousal > 0.3 && calm.arousal < plain.arousal - 0.5,
        "{} {}",
        plain.arousal,
        calm.arousal
    );
    assert!(
        plain.valence > 0.2 && sad.valence < -0.2,
        "{} {}",
        plain.valence,
        sad.valence
    );
    assert!(plain.valence_curve.len() >= 60);
}

#[test]
fn a_style_that_is_none_has_no_advice() {
    let sighting = film(DARK, 5.0);
    match mood::choose(&sighting, "", Some("synthwav"), &styles()) {
        Err(ComposerError::UnknownStyle { name, hint }) => {
            assert_eq!(name, "synthwav");
            assert!(hint.contains("synthwave"), "{hint}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        mood::choose(&sighting, "", None, &[]),
        Err(ComposerError::NoStyles)
    ));
    assert_eq!(
        mood::choose(&sighting, "", Some("Jazz Trio"), &styles())
            .map(|m| m.style)
            .as_deref(),
        Ok("jazz-trio")
    );
}

#[test]
fn a_style_s_own_word_is_unknown() {
    let mut styles = styles();
    styles[9].feeling.words.push("zydeco".into());
    styles[10].name = "krautmusik".into();
    let sighting = film(DARK, 5.0);
    let mood = mood::choose(&sighting, "happy zydeco", None, &styles).expect("a mood");
    assert!(mood.unknown.is_empty() && mood.style == "acoustic-folk", "{mood:?}");
    let mood = mood::choose(&sighting, "krautmusik please", None, &styles).expect("a mood");
    assert!(
        mood.unknown.is_empty() && mood.style == "krautmusik",
        "{} {:?}",
        mood.style,
        mood.unknown
    );
}

#[test]
fn the_built_in_styles_are_never_all_used() {
    let mut all: Vec<String> = [(DARK, 12.0), (BRIGHT, 0.8), (WARM, 7.0), (GREY, 9.0), (VIOLENT, 0.9)]
        .into_iter()
        .map(|(look, s)| mood::choose(&film(look, s), "", None, builtin()).expect("a mood").style)
        .collect();
    all.sort();
    all.dedup();
    assert!(all.len() >= 3, "{all:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_mood_leaves_its_range(light in 0.0..1.0f64, saturation in 0.0..1.0f64, warmth in -1.0..1.0f64, motion in 0.0..1.0f64, density in 0.0..1.0f64, shot_s in 0.2..20.0f64, duration_s in 0.02..60.0f64, words in any::<String>()) {
        let look = Look { light, saturation, warmth, motion, density };
        let sighting = Film { look, duration_s, ..Film::cut(1.0, 25.0, shot_s) }.shoot(1);
        let mood = mood::choose(&sighting, &words, None, builtin()).expect("a mood");
        let within = |x: f64| (-1.0..=1.0).contains(&x);
        prop_assert!(within(mood.valence) && within(mood.arousal));
        prop_assert!(mood.valence_curve.iter().chain(&mood.arousal_curve).all(|&v| within(f64::from(v))));
        prop_assert!(!mood.valence_curve.is_empty() && !mood.style_reason.is_empty());
    }
}
