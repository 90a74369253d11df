//! The page's words, and which language a reader wants them in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::OnceLock;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use axum::http::request::Parts;

use super::assets::Assets;

/// The cookie in which a reader's choice is kept.
const CHOICE: &str = "synchresis-language";

/// Languages there are words in; the first is spoken where nothing else fits.
const LANGUAGES: [&str; 2] = ["en", "it"];

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) lang: &'static str,
    words: BTreeMap<String, String>,
}

impl Words {
    fn read(lang: &'static str) -> Self {
        let file = Assets::get(&format!("words/{lang}.json"));
        let words = file.and_then(|file| serde_json::from_slice(&file.data).ok());
        Self {
            lang,
            words: words.unwrap_or_default(),
        }
    }

    /// The words under `key`; the key itself where there are none.
    pub(super) fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.words.get(key).map_or(key, String::as_str)
    }

    /// The words under `key`; nothing where there are none.
    pub(super) fn maybe(&self, key: &str) -> &str {
        self.words.get(key).map_or("", String::as_str)
    }
}

/// The words of a language that there are words in.
pub(super) fn spoken(lang: &str) -> Option<&'static Words> {
    static ALL: OnceLock<Vec<Words>> = OnceLock::new();
    ALL.get_or_init(|| LANGUAGES.into_iter().map(Words::read).collect())
        .iter()
        .find(|words| words.lang == lang)
}

/// How a reader is spoken to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tongue {
    pub(super) t: &'static Words,
    /// Whether the reader has just chosen it, so that the choice is to be kept.
    chosen: bool,
}

impl Tongue {
    /// The cookie that keeps a choice that was made by this request.
    pub(super) fn cookie(self) -> Option<String> {
        let lang = self.t.lang;
        self.chosen
            .then(|| format!("{CHOICE}={lang}; Path=/; SameSite=Lax; Max-Age=31536000"))
    }
}

/// The first of the languages of an `Accept-Language` header, by weight, that there are words in.
fn accepted(header: &str) -> Option<&'static str> {
    let mut best: Option<(f64, &'static str)> = None;
    for part in header.split(',') {
        let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let weight: f64 = weight
            .trim()
            .strip_prefix("q=")
            .and_then(|q| q.parse().ok())
            .unwrap_or(0.0);
        let known = LANGUAGES.into_iter().find(|lang| lang.eq_ignore_ascii_case(primary));
        if let Some(lang) = known
            && weight > 0.0
            && best.is_none_or(|(other, _)| weight > other)
        {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

fn known(lang: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|known| *known == lang)
}

/// The language of a request: what it asks for in so many words, what was chosen before, what the browser prefers.
fn language(parts: &Parts) -> (&'static str, bool) {
    let query = parts.uri.query().unwrap_or_default();
    let asked = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("lang="))
        .and_then(known);
    if let Some(lang) = asked {
        return (lang, true);
    }
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let kept = text(COOKIE)
        .into_iter()
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == CHOICE)
        .and_then(|(_, lang)| known(lang));
    let lang = kept.or_else(|| text(ACCEPT_LANGUAGE).and_then(accepted));
    (lang.unwrap_or(LANGUAGES[0]), false)
}

impl<S: Sync> FromRequestParts<S> for Tongue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let (lang, chosen) = language(parts);
        static NONE: Words = Words {
            lang: "en",
            words: BTreeMap::new(),
        };
        Ok(Self {
            t: spoken(lang).unwrap_or(&NONE),
            chosen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_spoken_to_in_another_language() {
        assert_eq!(accepted("it-IT,it;q=0.9,en;q=0.8"), Some("it"));
        assert_eq!(accepted("de, en;q=0.5, it;q=0.7"), Some("it"));
        assert_eq!(accepted("it;q=0"), None);
        assert_eq!(accepted("fr"), None);
        assert_eq!(accepted("IT"), Some("it"));
    }

    #[test]
    fn an_example_of_a_mood_is_not_understood() {
        for lang in LANGUAGES {
            let words = Words::read(lang);
            let help = words.get("option.mood.help");
            let listed = help
                .split_once(':')
                .map_or("", |(_, rest)| rest.split('.').next().unwrap_or_default());
            for example in [words.get("option.mood.example"), listed] {
                let read = synchresis_studio::read_mood(example);
                assert!(read.understood.len() > 2, "{lang}: {example}");
                assert_eq!(read.unknown, Vec::<String>::new(), "{lang}: {example}");
            }
        }
    }

    #[test]
    fn words_lack_in_one_language() {
        let english = Words::read("en");
        let italian = Words::read("it");
        assert!(english.words.len() > 100);
        let keys = |words: &Words| words.words.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&english), keys(&italian));
        assert!(italian.words.values().all(|text| !text.trim().is_empty()));
    }

    #[test]
    fn a_template_or_a_script_asks_for_words_that_there_are_not() {
        let english = Words::read("en");
        for name in [
            "base.html",
            "field.html",
            "history.html",
            "job.html",
            "login.html",
            "options.html",
            "reels.html",
            "start.html",
            "wrong.html",
        ] {
            let path = format!("{}/src/page/templates/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).expect("a template");
            for (_, rest) in text
                .match_indices("t.get(\"")
                .map(|(at, found)| text.split_at(at + found.len()))
            {
                let key = rest.split('"').next().unwrap_or_default();
                assert!(english.words.contains_key(key), "{name}: {key}");
            }
        }
        for file in Assets::iter().filter(|name| name.ends_with(".js")) {
            let bytes = Assets::get(&file).expect("a script").data;
            let text = std::str::from_utf8(&bytes).expect("UTF-8");
            for (_, rest) in text
                .match_indices(" say(\"")
                .map(|(at, found)| text.split_at(at + found.len()))
            {
                let key = rest.split('"').next().unwrap_or_default();
                assert!(english.words.contains_key(key), "{file}: {key}");
            }
        }
    }
}
