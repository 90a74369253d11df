//! What a person's words ask for, in seven languages.
//!
//! The lexicon (`words/*.toml`) holds concepts (feelings, scenes, genres, tempos, instruments) with the words that mean
//! them, and the words that act on others: negation, intensity, `solo`. A brief is read from left to right, the longest
//! entry first; Chinese needs no spaces. A word in several languages is taken in the one that most of the brief is in.

mod lexicon;

use lexicon::{CHINESE, Concept, LONGEST, Lexicon, Sense, fold, is_han};
use synchresis_cue::Mode;

/// The longest brief that is read, words.
const LIMIT: usize = 2000;

/// What was understood of a brief.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Words that were understood, in order, as they were written.
    pub understood: Vec<String>,
    /// Words that were not.
    pub unknown: Vec<String>,
    /// Valence, −1 to 1, where the words speak of it.
    pub valence: Option<f64>,
    /// Arousal, −1 to 1, where the words speak of it.
    pub arousal: Option<f64>,
    /// How much the words say of feeling, 0 (nothing) up; 1 is one plain word of feeling.
    pub weight: f64,
    /// Styles that the words ask for (above 0) or refuse (below 0), with how strongly: 1 is a genre's name.
    pub styles: Vec<(String, f64)>,
    /// Concepts that were named, to match with a style's own words: English, lower case.
    pub tags: Vec<String>,
    /// Concepts that were refused.
    pub refused: Vec<String>,
    /// Voices asked for, of [`synchresis_cue::VOICES`].
    pub wanted: Vec<String>,
    /// Voices refused.
    pub unwanted: Vec<String>,
    /// One instrument alone.
    pub solo: bool,
    /// Tempo range, quarters a minute.
    pub tempo: Option<(f64, f64)>,
    /// Mode.
    pub mode: Option<Mode>,
}

/// The name of the concept that an English word stands for, where the lexicon knows it.
pub fn concept(word: &str) -> Option<&'static str> {
    Lexicon::get().concept(word).map(|c| c.name.as_str())
}

/// Reads a brief in any of the lexicon's languages. Never fails: what is not understood is listed.
pub fn read(text: &str) -> Reading {
    read_with(text, Lexicon::get())
}

/// Reads which places a text names (`tags`) and which it refuses (`refused`): the concepts of `words/places.toml`.
pub(crate) fn read_places(text: &str) -> Reading {
    read_with(text, Lexicon::places())
}

/// The beds that sound in a place, by the name of its concept.
pub(crate) fn beds_of(place: &str) -> &'static [String] {
    let known = Lexicon::places().concepts.iter().find(|c| c.name == place);
    known.map_or(&[], |c| c.voices.as_slice())
}

fn read_with(text: &str, lexicon: &Lexicon) -> Reading {
    let tokens = split(text);
    let order = languages(&tokens, lexicon);
    let mut reader = Reader::default();
    let mut at = 0;
    while at < tokens.len() {
        let Token { folded, raw, brk } = &tokens[at];
        if *brk {
            reader.pause();
            at += 1;
            continue;
        }
        if let Some(used) = beats_a_minute(&tokens[at..]) {
            reader.tempo(folded.trim_end_matches(|c: char| !c.is_ascii_digit()));
            reader.reading.understood.push(joined(&tokens[at..at + used]));
            at += used;
            continue;
        }
        let mut found = None;
        for length in (1..=LONGEST.min(tokens.len() - at)).rev() {
            let part = &tokens[at..at + length];
            if part.iter().any(|t| t.brk) {
                continue;
            }
            let words: Vec<&str> = part.iter().map(|t| t.folded.as_str()).collect();
            // "without drums and bass" speaks of two instruments, not of a genre.
            let joint = |w: &&str| matches!(lexicon.find(&[w], &order), Some(Sense::And | Sense::Or));
            if length > 1 && reader.negated > 0 && words.iter().any(joint) {
                continue;
            }
            if let Some(sense) = lexicon.find(&words, &order) {
                found = Some((sense, length));
                break;
            }
        }
        match found {
            Some((sense, length)) => {
                reader.take(sense, lexicon, || joined(&tokens[at..at + length]));
                at += length;
            }
            None => {
                reader.stumble(raw, at > 0 && han(raw) && han(&tokens[at - 1].raw));
                at += 1;
            }
        }
    }
    reader.finish()
}

/// A word of the brief, or a break between two.
struct Token {
    folded: String,
    raw: String,
    /// Punctuation that ends what a negation reaches.
    brk: bool,
}

fn han(word: &str) -> bool {
    word.chars().next().is_some_and(is_han)
}

fn joined(tokens: &[Token]) -> String {
    let spaced = !tokens.iter().all(|t| han(&t.raw));
    let raw: Vec<&str> = tokens.iter().map(|t| t.raw.as_str()).collect();
    raw.join(if spaced { " " } else { "" })
}

/// Words, Han characters and breaks. "don't" and its like become their verb and "not".
fn split(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut raw = String::new();
    let flush = |raw: &mut String, tokens: &mut Vec<Token>| {
        if !raw.is_empty() {
            let folded: String = raw.chars().flat_map(fold).collect();
            tokens.push(Token {
                folded,
                raw: std::mem::take(raw),
                brk: false,
            });
        }
    };
    for c in text.chars() {
        if tokens.len() >= LIMIT {
            break;
        }
        if is_han(c) {
            flush(&mut raw, &mut tokens);
            tokens.push(Token {
                folded: c.to_string(),
                raw: c.to_string(),
                brk: false,
            });
        } else if c.is_alphanumeric() || c == '&' || ('\u{300}'..='\u{36f}').contains(&c) {
            if raw.chars().count() < 60 {
                raw.push(c);
            }
        } else {
            flush(&mut raw, &mut tokens);
            if matches!(
                c,
                ',' | '.' | ';' | ':' | '!' | '?' | '\n' | '/' | '，' | '。' | '、' | '；' | '：' | '！' | '？'
            ) {
                tokens.push(Token {
                    folded: String::new(),
                    raw: String::new(),
                    brk: true,
                });
            }
        }
    }
    flush(&mut raw, &mut tokens);
    tokens.retain(|t| t.brk || !t.folded.is_empty());
    tokens
}

/// The lexicon's languages, those of which the brief holds most words first.
fn languages(tokens: &[Token], lexicon: &Lexicon) -> [usize; 7] {
    let mut counts = [0usize; 7];
    for token in tokens.iter().filter(|t| !t.brk) {
        for language in lexicon.languages(&[token.folded.as_str()]) {
            counts[language] += 1;
        }
        // Accents tell more than words that many languages share.
        let lower = token.raw.to_lowercase();
        for (sign, language) in [
            ("ß", 2),
            ("ä", 2),
            ("ö", 2),
            ("ñ", 3),
            ("ã", 5),
            ("õ", 5),
            ("œ", 4),
            ("ù", 1),
        ] {
            counts[language] += 2 * usize::from(lower.contains(sign));
        }
    }
    counts[CHINESE] = 0;
    let mut order = [0, 1, 2, 3, 4, 5, 6];
    order.sort_by_key(|&l| std::cmp::Reverse(counts[l]));
    order
}

/// How many tokens a tempo in figures takes: `120 bpm`, `120bpm`.
fn beats_a_minute(tokens: &[Token]) -> Option<usize> {
    let first = tokens.first()?;
    let digits = first.folded.trim_end_matches("bpm");
    digits.parse::<f64>().ok().filter(|n| (30.0..=240.0).contains(n))?;
    if digits.len() < first.folded.len() {
        return Some(1);
    }
    tokens.get(1).filter(|t| t.folded == "bpm").map(|_| 2)
}

/// The state of reading.
#[derive(Default)]
struct Reader {
    reading: Reading,
    /// Words that a negation still reaches.
    negated: u8,
    strength: Option<f64>,
    /// Words within which an instrument would be alone.
    only: u8,
    /// Whether the concept before was negated, and whether it was an instrument.
    before: Option<(bool, bool)>,
    /// A joint follows the concept before; true for "or".
    joint: Option<bool>,
    valence: f64,
    arousal: f64,
    /// Weights of valence and of arousal.
    weights: (f64, f64),
}

impl Reader {
    fn pause(&mut self) {
        self.negated = 0;
        self.strength = None;
        self.joint = None;
    }

    fn stumble(&mut self, raw: &str, joins: bool) {
        self.negated = self.negated.saturating_sub(1);
        self.only = self.only.saturating_sub(1);
        match self.reading.unknown.last_mut() {
            Some(last) if joins && han(last) => last.push_str(raw),
            _ => self.reading.unknown.push(raw.to_owned()),
        }
    }

    fn tempo(&mut self, digits: &str) {
        if let Ok(bpm) = digits.parse::<f64>() {
            self.reading.tempo = Some((bpm * 0.97, bpm * 1.03));
        }
    }

    fn take(&mut self, sense: Sense, lexicon: &Lexicon, words: impl Fn() -> String) {
        match sense {
            Sense::Empty => return,
            Sense::Not => {
                self.negated = 4;
                self.strength = None;
            }
            Sense::Strongly => self.strength = Some(self.strength.unwrap_or(1.0) * 1.35),
            Sense::Extremely => self.strength = Some(self.strength.unwrap_or(1.0) * 1.7),
            Sense::Slightly => self.strength = Some(self.strength.unwrap_or(1.0) * 0.5),
            Sense::Only => {
                self.only = 3;
                if self.before == Some((false, true)) && self.joint.is_none() {
                    self.reading.solo = true;
                }
            }
            Sense::Or => self.joint = self.before.map(|_| true),
            Sense::And => self.joint = self.before.map(|_| false),
            Sense::But => {
                self.pause();
                self.before = None;
            }
            Sense::Concept(index) => {
                if let Some(concept) = lexicon.concepts.get(index) {
                    self.concept(concept);
                }
            }
        }
        self.reading.understood.push(words());
    }

    fn concept(&mut self, concept: &Concept) {
        let instrument = !concept.voices.is_empty();
        // "no drums or bass", "without drums and bass", "not sad or slow".
        let carried = match (self.joint.take(), self.before) {
            (Some(or), Some((true, was_instrument))) => or || (instrument && was_instrument),
            _ => false,
        };
        let negated = self.negated > 0 || carried;
        let strength = self.strength.take().unwrap_or(1.0);
        self.feel(concept, negated, strength);
        if negated {
            self.refuse(concept, strength);
        } else {
            self.want(concept, strength);
        }
        if instrument && !negated && self.only > 0 {
            self.reading.solo = true;
        }
        self.negated = 0;
        self.only = 0;
        self.before = Some((negated, instrument));
    }

    /// Moves valence and arousal. What is denied turns round, but not all the way: what is not sad need not be merry.
    fn feel(&mut self, concept: &Concept, negated: bool, strength: f64) {
        let Some((valence, arousal)) = concept.feel else { return };
        let turn = match (negated, strength > 1.0) {
            (false, _) => strength,
            // "not very sad" leaves some of it.
            (true, true) => 0.2,
            (true, false) => -0.55,
        };
        let weight = concept.weight.unwrap_or(1.0) * if strength > 1.0 { 1.2 } else { 1.0 };
        // A word that says nothing of one of the two should not pull it to the middle.
        let (wv, wa) = (
            weight * (0.25 + valence.abs()).min(1.0),
            weight * (0.25 + arousal.abs()).min(1.0),
        );
        self.valence += wv * (valence * turn).clamp(-1.0, 1.0);
        self.arousal += wa * (arousal * turn).clamp(-1.0, 1.0);
        self.weights.0 += wv;
        self.weights.1 += wa;
        self.reading.weight += weight;
    }

    fn want(&mut self, concept: &Concept, strength: f64) {
        for (i, style) in concept.styles.iter().enumerate() {
            let pull = concept.pull.unwrap_or(1.0) * strength.min(1.3) / (1.0 + 0.6 * i as f64);
            self.reading.styles.push((style.clone(), pull));
        }
        if let Some(voice) = concept.voices.first()
            && !self.reading.wanted.contains(voice)
        {
            self.reading.wanted.push(voice.clone());
        }
        if let Some((low, high)) = concept.tempo {
            // "very slow" is slower, "slightly slow" hardly slow.
            let middle = 96.0;
            let (low, high) = if strength < 1.0 {
                (0.5 * (low + middle), 0.5 * (high + middle))
            } else {
                let away = (0.5 * (low + high) / middle).powf(0.6 * (strength - 1.0));
                (low * away, high * away)
            };
            self.reading.tempo = Some((low.max(36.0), high.min(200.0)));
        }
        if concept.mode.is_some() {
            self.reading.mode = concept.mode;
        }
        self.reading.tags.push(concept.name.clone());
    }

    fn refuse(&mut self, concept: &Concept, strength: f64) {
        if strength <= 1.0 {
            for style in concept.styles.iter().filter(|_| concept.voices.is_empty()) {
                self.reading.styles.push((style.clone(), -concept.pull.unwrap_or(1.0)));
            }
            self.reading.refused.push(concept.name.clone());
        }
        for voice in &concept.voices {
            if !self.reading.unwanted.contains(voice) {
                self.reading.unwanted.push(voice.clone());
            }
        }
        if let Some((low, high)) = concept.tempo {
            let slow = low + high < 190.0;
            let limit = if strength > 1.0 {
                if slow { (72.0, 110.0) } else { (84.0, 124.0) }
            } else if slow {
                (88.0, 140.0)
            } else {
                (60.0, 100.0)
            };
            self.reading.tempo = Some(limit);
        }
    }

    fn finish(mut self) -> Reading {
        let of = |sum: f64, weight: f64| (weight > 0.0).then(|| (sum / weight).clamp(-1.0, 1.0));
        self.reading.valence = of(self.valence, self.weights.0);
        self.reading.arousal = of(self.arousal, self.weights.1);
        let refused = std::mem::take(&mut self.reading.unwanted);
        self.reading.wanted.retain(|v| !refused.contains(v));
        self.reading.unwanted = refused;
        self.reading.solo &= !self.reading.wanted.is_empty();
        if self.reading.solo {
            // Alone, an instrument asks for its own style more than one among others.
            self.reading
                .styles
                .iter_mut()
                .filter(|s| s.1 > 0.0 && s.1 < 0.6)
                .for_each(|s| s.1 *= 2.0);
        }
        self.reading
    }
}

#[cfg(test)]
mod tests;
