use proptest::prelude::*;

use super::*;

fn has(list: &[String], voice: &str) -> bool {
    list.iter().any(|v| v == voice)
}

#[test]
fn a_plain_brief_is_misread() {
    let reading = read("calm rainy evening, solo piano");
    assert!(reading.unknown.is_empty(), "{:?}", reading.unknown);
    assert!(reading.solo && has(&reading.wanted, "grand-piano"));
    assert!(reading.arousal.is_some_and(|a| a < -0.4), "{reading:?}");
    assert_eq!(reading.tags, ["calm", "rain", "evening", "piano"]);
}

#[test]
fn a_denied_word_counts_as_asked_for() {
    for text in [
        "not sad",
        "non triste",
        "nicht traurig",
        "no triste",
        "pas triste",
        "não triste",
        "不悲伤",
        "isn't sad",
        "it is not at all sad",
    ] {
        let reading = read(text);
        assert!(reading.valence.is_some_and(|v| v > 0.1), "{text}: {reading:?}");
        assert!(reading.refused.contains(&"sad".to_owned()), "{text}: {reading:?}");
    }
    let plain = [
        "no drums",
        "without drums",
        "senza batteria",
        "ohne Schlagzeug",
        "sin batería",
        "sans batterie",
        "sem bateria",
        "没有鼓",
        "不要鼓",
        "kein Schlagzeug",
        "pas de batterie",
        "don't use any drums",
    ];
    for text in plain {
        let reading = read(text);
        assert!(
            has(&reading.unwanted, "kit-acoustic") && has(&reading.unwanted, "kit-house"),
            "{text}: {reading:?}"
        );
        assert!(reading.wanted.is_empty() && !reading.solo, "{text}: {reading:?}");
    }
}

#[test]
fn a_negation_reaches_too_far_or_not_far_enough() {
    let reading = read("no drums or bass, warm piano");
    assert!(
        has(&reading.unwanted, "kit-rock") && has(&reading.unwanted, "electric-bass"),
        "{reading:?}"
    );
    assert!(
        has(&reading.wanted, "grand-piano") && reading.valence.is_some_and(|v| v > 0.0),
        "{reading:?}"
    );
    let reading = read("without drums and bass but with guitar");
    assert!(
        has(&reading.unwanted, "sub-bass") && has(&reading.wanted, "steel-guitar"),
        "{reading:?}"
    );
    let reading = read("not happy and slow");
    assert!(reading.tempo.is_some_and(|t| t.1 < 90.0), "{reading:?}");
}

#[test]
fn how_strongly_is_lost() {
    let arousal = |text: &str| read(text).arousal.unwrap_or(0.0);
    for (slightly, plain, very) in [
        ("slightly sad", "sad", "very sad"),
        ("un po' triste", "triste", "molto triste"),
        ("ein wenig traurig", "traurig", "sehr traurig"),
        ("un poco triste", "triste", "muy triste"),
        ("un peu triste", "triste", "très triste"),
        ("um pouco triste", "triste", "muito triste"),
        ("有点悲伤", "悲伤", "非常悲伤"),
    ] {
        let valence = |text: &str| read(text).valence.unwrap_or(0.0);
        assert!(
            valence(slightly) > valence(plain) && valence(plain) > valence(very),
            "{plain}"
        );
        assert!(valence(slightly) < 0.0, "{slightly}");
    }
    assert!(arousal("extremely energetic") > arousal("energetic"));
    let (slow, very) = (read("slow").tempo, read("very slow").tempo);
    assert!(slow.zip(very).is_some_and(|(s, v)| v.1 < s.1), "{slow:?} {very:?}");
}

#[test]
fn one_instrument_alone_is_not_seen() {
    for (text, voice) in [
        ("only guitar", "steel-guitar"),
        ("just a piano", "grand-piano"),
        ("piano solo", "grand-piano"),
        ("solo pianoforte", "grand-piano"),
        ("nur Klavier", "grand-piano"),
        ("solo violín", "solo-violin"),
        ("piano seul", "grand-piano"),
        ("apenas piano", "grand-piano"),
        ("钢琴独奏", "grand-piano"),
        ("只有吉他", "steel-guitar"),
        ("lonely saxophone, unaccompanied cello", "solo-cello"),
    ] {
        let reading = read(text);
        assert!(reading.solo && has(&reading.wanted, voice), "{text}: {reading:?}");
    }
    assert!(!read("piano and strings").solo);
}

#[test]
fn other_languages_are_misread() {
    for text in [
        "una serata piovosa e malinconica, pianoforte solo",
        "ein ruhiger, regnerischer Abend mit Klavier",
        "una noche lluviosa y tranquila con piano",
        "une soirée calme et pluvieuse, piano seul",
        "uma noite calma e chuvosa com piano",
        "平静的雨夜，钢琴独奏",
    ] {
        let reading = read(text);
        assert!(has(&reading.wanted, "grand-piano"), "{text}: {reading:?}");
        assert!(reading.arousal.is_some_and(|a| a < -0.25), "{text}: {reading:?}");
        assert!(reading.tags.contains(&"rain".to_owned()), "{text}: {reading:?}");
        assert!(reading.unknown.is_empty(), "{text}: {:?}", reading.unknown);
    }
}

#[test]
fn genres_tempos_and_modes_are_missed() {
    let style = |text: &str| read(text).styles.first().map(|s| s.0.clone());
    assert_eq!(style("some lo-fi hip hop").as_deref(), Some("lo-fi"));
    assert_eq!(style("drum and bass").as_deref(), Some("drum-and-bass"));
    assert_eq!(style("80s retro").as_deref(), Some("synthwave"));
    assert_eq!(style("bossa nova").as_deref(), Some("bossa"));
    assert_eq!(read("at 128 bpm").tempo.map(|t| t.0 < 128.0 && t.1 > 128.0), Some(true));
    assert_eq!(read("128bpm").tempo, read("128 BPM").tempo);
    assert_eq!(read("dorian").mode, Some(Mode::Dorian));
    assert_eq!(read("in moll").mode, Some(Mode::Aeolian));
    assert!(read("no rock").styles.iter().any(|s| s.0 == "rock" && s.1 < 0.0));
    assert!(read("not fast").tempo.is_some_and(|t| t.1 <= 100.0));
}

#[test]
fn what_is_not_understood_is_hidden() {
    let reading = read("a glorpish evening with 麒麟 xyzzy");
    assert_eq!(reading.unknown, ["glorpish", "麒麟", "xyzzy"]);
    assert!(reading.understood.contains(&"evening".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_string_breaks_the_reader(text in any::<String>()) {
        let reading = read(&text);
        prop_assert!(reading.valence.is_none_or(|v| (-1.0..=1.0).contains(&v)));
    }

    #[test]
    fn words_in_any_order_break_the_reader(words in prop::collection::vec(prop::sample::select(vec![
        "not", "very", "sad", "solo", "piano", "senza", "不", "悲伤", "slow", "or", "and", ",", "120", "bpm", "un", "po'", "ohne", "muy", "ñ", "e\u{301}te", "&",
    ]), 0..14)) {
        let reading = read(&words.join(" "));
        prop_assert!(reading.arousal.is_none_or(|a| (-1.0..=1.0).contains(&a)));
        prop_assert!(reading.wanted.iter().all(|w| !reading.unwanted.contains(w)));
        prop_assert_eq!(&reading, &read(&words.join(" ")));
    }
}
