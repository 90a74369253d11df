//! The lexicon: our own word lists, and how a written word finds its entry in them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use synchresis_cue::Mode;

/// Languages, by the order in which they are preferred where a brief does not tell.
pub(super) const LANGUAGES: [&str; 7] = ["en", "it", "de", "es", "fr", "pt", "zh"];
/// Index of Chinese, which is written without spaces.
pub(super) const CHINESE: usize = 6;
/// The longest entry, words (or characters of Chinese).
pub(super) const LONGEST: usize = 6;

const CONCEPTS: [&str; 3] = [
    include_str!("../../words/moods.toml"),
    include_str!("../../words/scenes.toml"),
    include_str!("../../words/music.toml"),
];
const PLACES: [&str; 1] = [include_str!("../../words/places.toml")];
const GRAMMAR: &str = include_str!("../../words/grammar.toml");

/// What a word says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Concept {
    #[serde(skip)]
    pub(super) name: String,
    /// Valence and arousal.
    pub(super) feel: Option<(f64, f64)>,
    pub(super) weight: Option<f64>,
    /// Styles, the nearest first.
    #[serde(default)]
    pub(super) styles: Vec<String>,
    /// How strongly it asks for the first of them, 0 to 1.
    pub(super) pull: Option<f64>,
    #[serde(default)]
    pub(super) voices: Vec<String>,
    pub(super) tempo: Option<(f64, f64)>,
    pub(super) mode: Option<Mode>,
    #[serde(default)]
    en: String,
    #[serde(default)]
    it: String,
    #[serde(default)]
    de: String,
    #[serde(default)]
    es: String,
    #[serde(default)]
    fr: String,
    #[serde(default)]
    pt: String,
    #[serde(default)]
    zh: String,
}

impl Concept {
    fn lists(&self) -> [&str; 7] {
        [&self.en, &self.it, &self.de, &self.es, &self.fr, &self.pt, &self.zh]
    }
}

/// What an entry does in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// Index of a concept.
    Concept(usize),
    Not,
    Strongly,
    Extremely,
    Slightly,
    Only,
    Or,
    And,
    But,
    Empty,
}

/// Every entry, found by its folded words.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    pub(super) concepts: Vec<Concept>,
    exact: BTreeMap<String, Vec<(usize, Sense)>>,
    /// By language.
    stems: [BTreeMap<String, Sense>; 7],
}

impl Lexicon {
    /// The lexicon, read once. Its files are part of the program; a test reads them strictly.
    pub(super) fn get() -> &'static Self {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        LEXICON.get_or_init(|| Self::read(&CONCEPTS).unwrap_or_default())
    }

    /// The places that can be heard, with the same grammar.
    pub(super) fn places() -> &'static Self {
        static PLACES_LEXICON: OnceLock<Lexicon> = OnceLock::new();
        PLACES_LEXICON.get_or_init(|| Self::read(&PLACES).unwrap_or_default())
    }

    fn read(files: &[&str]) -> Result<Self, toml::de::Error> {
        let mut lexicon = Self::default();
        for file in files {
            for (name, concept) in toml::from_str::<BTreeMap<String, Concept>>(file)? {
                let sense = Sense::Concept(lexicon.concepts.len());
                for (language, list) in concept.lists().into_iter().enumerate() {
                    lexicon.enter(language, list, sense);
                }
                lexicon.concepts.push(Concept { name, ..concept });
            }
        }
        for (kind, lists) in toml::from_str::<BTreeMap<String, BTreeMap<String, String>>>(GRAMMAR)? {
            let sense = match kind.as_str() {
                "not" => Sense::Not,
                "strongly" => Sense::Strongly,
                "extremely" => Sense::Extremely,
                "slightly" => Sense::Slightly,
                "only" => Sense::Only,
                "or" => Sense::Or,
                "and" => Sense::And,
                "but" => Sense::But,
                _ => Sense::Empty,
            };
            for (language, list) in lists {
                if let Some(language) = LANGUAGES.iter().position(|l| *l == language) {
                    lexicon.enter(language, &list, sense);
                }
            }
        }
        Ok(lexicon)
    }

    fn enter(&mut self, language: usize, list: &str, sense: Sense) {
        for word in list.split(',') {
            let words = words_of(word);
            if words.is_empty() || words.len() > LONGEST {
                continue;
            }
            let key = words.join(" ");
            let entries = self.exact.entry(key).or_default();
            if !entries.iter().any(|e| e.0 == language) {
                entries.push((language, sense));
            }
            // Only what carries meaning is inflected.
            if matches!(sense, Sense::Concept(_)) && language != CHINESE {
                let key = stems_of(language, &words);
                self.stems[language].entry(key).or_insert(sense);
            }
        }
    }

    /// Languages in which these words stand as they are.
    pub(super) fn languages(&self, words: &[&str]) -> impl Iterator<Item = usize> + '_ {
        self.exact.get(&words.join(" ")).into_iter().flatten().map(|e| e.0)
    }

    /// What these words mean, the languages in order of preference; first as they stand, then without their endings.
    pub(super) fn find(&self, words: &[&str], order: &[usize; 7]) -> Option<Sense> {
        if let Some(entries) = self.exact.get(&words.join(" ")) {
            return order
                .iter()
                .find_map(|l| entries.iter().find(|e| e.0 == *l))
                .map(|e| e.1);
        }
        let owned: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        order
            .iter()
            .filter(|&&l| l != CHINESE)
            .find_map(|&l| self.stems[l].get(&stems_of(l, &owned)).copied())
    }

    /// The concept that an English word names.
    pub(super) fn concept(&self, word: &str) -> Option<&Concept> {
        let words = words_of(word);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match self.find(&words, &[0, 1, 2, 3, 4, 5, 6])? {
            Sense::Concept(i) => self.concepts.get(i),
            _ => None,
        }
    }
}

/// Whether a character is written without spaces between words: Han.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}')
}

/// Lower case, without accents.
pub(super) fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(|c| {
        let plain: &'static str = match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' => "a",
            'ç' | 'ć' | 'č' => "c",
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' | 'ī' => "i",
            'ñ' | 'ń' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' => "o",
            'ù' | 'ú' | 'û' | 'ü' | 'ū' => "u",
            'ý' | 'ÿ' => "y",
            'ß' => "ss",
            'œ' => "oe",
            'æ' => "ae",
            // Combining accents.
            '\u{300}'..='\u{36f}' => "",
            _ => return Folded::One(Some(c)),
        };
        Folded::Many(plain.chars())
    })
}

enum Folded {
    One(Option<char>),
    Many(std::str::Chars<'static>),
}

impl Iterator for Folded {
    type Item = char;
    fn next(&mut self) -> Option<char> {
        match self {
            Folded::One(c) => c.take(),
            Folded::Many(chars) => chars.next(),
        }
    }
}

/// The folded words of an entry; each Han character is one.
fn words_of(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in text.chars() {
        if is_han(c) {
            words.push(c.to_string());
            words.push(String::new());
        } else if c.is_alphanumeric() || c == '&' || ('\u{300}'..='\u{36f}').contains(&c) {
            if let Some(last) = words.last_mut() {
                last.extend(fold(c));
            }
        } else {
            words.push(String::new());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

const ENDINGS: [&[&str]; 7] = [
    &[
        "ings", "ers", "fulness", "iness", "ingly", "ness", "iest", "ily", "ing", "ier", "ies", "est", "ed", "er",
        "ly", "es", "s", "e", "y", "ie",
    ],
    &[
        "issimo", "issima", "issimi", "issime", "amente", "mente", "he", "hi", "o", "a", "i", "e",
    ],
    &[
        "eren", "sten", "eres", "erer", "ste", "en", "er", "em", "es", "e", "n", "s",
    ],
    &[
        "isimo", "isima", "amente", "mente", "itos", "itas", "ito", "ita", "es", "os", "as", "o", "a", "e", "s",
    ],
    &[
        "issime", "ement", "ment", "euses", "euse", "eux", "elles", "elle", "ives", "ive", "ees", "ee", "es", "er",
        "e", "s", "x",
    ],
    &[
        "issimo", "issima", "amente", "mente", "inhos", "inhas", "inho", "inha", "es", "os", "as", "o", "a", "e", "s",
    ],
    &[],
];

/// A word without its ending, if at least three characters remain.
fn stem(language: usize, word: &str) -> &str {
    for ending in ENDINGS[language] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().count() >= 3
        {
            let mut end = rest.chars().rev();
            let (last, before) = (end.next(), end.next());
            // "running" is "run", but "calling" is "call": both lose the same.
            let double = language == 0 && last == before && last.is_some_and(|c| c.is_ascii_alphabetic());
            return if double && rest.len() > 3 {
                &rest[..rest.len() - 1]
            } else {
                rest
            };
        }
    }
    word
}

fn stems_of(language: usize, words: &[String]) -> String {
    words.iter().map(|w| stem(language, w)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_list_does_not_read_or_names_what_is_not_there() {
        let places = Lexicon::read(&PLACES).expect("the places read");
        assert!(places.concepts.len() > 15);
        for voice in places.concepts.iter().flat_map(|c| &c.voices) {
            let known = synchresis_cue::voice(voice).map(|v| v.family);
            assert_eq!(known, Some(synchresis_cue::VoiceFamily::Ambience), "{voice}");
        }
        let lexicon = Lexicon::read(&CONCEPTS).expect("the word lists read");
        assert!(lexicon.concepts.len() > 150);
        for concept in &lexicon.concepts {
            for voice in &concept.voices {
                assert!(synchresis_cue::voice(voice).is_some(), "{}: {voice}", concept.name);
            }
            if let Some((v, a)) = concept.feel {
                assert!(
                    (-1.0..=1.0).contains(&v) && (-1.0..=1.0).contains(&a),
                    "{}",
                    concept.name
                );
            }
            if let Some((low, high)) = concept.tempo {
                assert!(low < high && low > 30.0 && high < 240.0, "{}", concept.name);
            }
        }
        for (language, name) in LANGUAGES.iter().enumerate() {
            let count = lexicon.exact.values().flatten().filter(|e| e.0 == language).count();
            assert!(count > if language == 0 { 900 } else { 400 }, "{name}: {count}");
        }
    }

    #[test]
    fn an_ending_hides_a_word() {
        let lexicon = Lexicon::get();
        for (word, name) in [
            ("calmer", "calm"),
            ("rains", "rain"),
            ("pianos", "piano"),
            ("drummers", "drums"),
            ("wistfully", "melancholy"),
        ] {
            assert_eq!(lexicon.concept(word).map(|c| c.name.as_str()), Some(name), "{word}");
        }
    }
}
