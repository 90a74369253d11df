//! Which art style goes with what is heard: a table that a person can edit.

use serde::Deserialize;

use crate::PictureError;

use super::noise::mix;

/// The table that comes with the program, as TOML text.
pub const GENRES: &str = include_str!("genres.toml");

/// A genre and its art style.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genre {
    /// What a person calls the music.
    pub name: String,
    /// What is listened for.
    pub words: Vec<String>,
    /// How a picture to that music is described.
    pub style: String,
}

/// A table of genres.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenreTable {
    genre: Vec<Genre>,
}

impl Default for GenreTable {
    /// [`GENRES`], read.
    fn default() -> Self {
        Self::parse(GENRES).unwrap_or(Self { genre: Vec::new() })
    }
}

impl GenreTable {
    /// Reads a table from TOML text such as [`GENRES`].
    ///
    /// # Errors
    /// [`PictureError::Genres`], with the line, if it does not read or is empty.
    pub fn parse(text: &str) -> Result<Self, PictureError> {
        let table: Self = toml::from_str(text).map_err(|e| PictureError::Genres { why: e.to_string() })?;
        if table.genre.is_empty() {
            return Err(PictureError::Genres {
                why: "it is empty".into(),
            });
        }
        Ok(table)
    }

    /// Every genre, in the table's order.
    pub fn genres(&self) -> &[Genre] {
        &self.genre
    }

    /// The genre that a sentence names: the one whose name stands first in it as words of its own; of two that begin there the longer.
    pub fn named(&self, sentence: &str) -> Option<&Genre> {
        let plain = |text: &str| -> String {
            let letters = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' });
            let text: String = letters.flat_map(char::to_lowercase).collect();
            let words: Vec<&str> = text.split_whitespace().collect();
            format!(" {} ", words.join(" "))
        };
        let sentence = plain(sentence);
        let named = self.genre.iter().filter_map(|g| {
            let name = plain(&g.name);
            let at = sentence.find(&name).filter(|_| name.trim() != "")?;
            Some((at, std::cmp::Reverse(name.len()), g))
        });
        named.min_by_key(|(at, length, _)| (*at, *length)).map(|(_, _, g)| g)
    }

    /// The genre that `words` suggest: the one named among them, else the one with the largest share of its own words
    /// heard; among equals `draw` decides. `None` only for an empty table.
    pub fn suggested(&self, words: &[String], draw: u64) -> Option<&Genre> {
        if let Some(named) = self
            .genre
            .iter()
            .find(|g| words.iter().any(|w| w.eq_ignore_ascii_case(&g.name)))
        {
            return Some(named);
        }
        let score = |g: &Genre| {
            let hit = g
                .words
                .iter()
                .filter(|w| words.iter().any(|h| h.eq_ignore_ascii_case(w)))
                .count();
            hit as f64 / (g.words.len() as f64 + 1.0)
        };
        let best = self.genre.iter().map(score).fold(0.0, f64::max);
        let equals: Vec<&Genre> = self.genre.iter().filter(|g| score(g) >= best - 1e-9).collect();
        let at = mix(draw).checked_rem(equals.len() as u64)?;
        equals.get(at as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_comes_with_it_does_not_read_or_repeats_itself() {
        let table = GenreTable::parse(GENRES).expect("reads");
        assert!(table.genres().len() >= 23);
        for (i, g) in table.genres().iter().enumerate() {
            assert!(g.words.len() >= 3 && g.style.len() > 10, "{}", g.name);
            assert!(
                table.genres()[..i]
                    .iter()
                    .all(|o| o.name != g.name && o.words != g.words),
                "{}",
                g.name
            );
        }
    }

    #[test]
    fn heard_words_lead_to_the_wrong_genre() {
        let table = GenreTable::default();
        let words = |w: &[&str]| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let ambient = table.suggested(&words(&["slow", "sustained", "quiet", "soft", "calm", "dark"]), 1);
        assert_eq!(ambient.map(|g| g.name.as_str()), Some("ambient"));
        assert_eq!(
            table.suggested(&words(&["Jazz", "loud"]), 1).map(|g| g.name.as_str()),
            Some("jazz")
        );
        assert!(table.suggested(&[], 5).is_some());
    }

    #[test]
    fn a_sentence_names_no_genre_the_wrong_one_or_a_part_of_a_word() {
        let table = GenreTable::default();
        let named = |text: &str| table.named(text).map(|g| g.name.as_str());
        assert_eq!(named("A low quality recording of a guitar."), None);
        assert_eq!(
            named("An upbeat Jazz tune with a rock, metal and blues feel"),
            Some("jazz")
        );
        assert_eq!(named("rocking bluesy metallic"), None);
        assert_eq!(named("This is a blues-rock piece"), Some("blues"));
        assert_eq!(named(""), None);
    }

    #[test]
    fn a_table_with_a_slip_is_read() {
        let err = GenreTable::parse("[[genre]]\nname = \"x\"\nwrods = []\n")
            .expect_err("a slip")
            .to_string();
        assert!(err.contains("wrods") && err.contains("hint:"), "{err}");
        assert!(GenreTable::parse("genre = []").is_err());
    }
}
