//! The styles that come with the program, as their files have them.

use std::sync::OnceLock;

use super::Style;
use crate::ComposerError;

const FILES: &[(&str, &str)] = &[
    ("ambient.toml", include_str!("../../styles/ambient.toml")),
    (
        "cinematic-strings.toml",
        include_str!("../../styles/cinematic-strings.toml"),
    ),
    ("trailer.toml", include_str!("../../styles/trailer.toml")),
    ("piano-solo.toml", include_str!("../../styles/piano-solo.toml")),
    ("minimalist.toml", include_str!("../../styles/minimalist.toml")),
    ("lo-fi.toml", include_str!("../../styles/lo-fi.toml")),
    (
        "electronic-house.toml",
        include_str!("../../styles/electronic-house.toml"),
    ),
    ("synthwave.toml", include_str!("../../styles/synthwave.toml")),
    ("drum-and-bass.toml", include_str!("../../styles/drum-and-bass.toml")),
    ("acoustic-folk.toml", include_str!("../../styles/acoustic-folk.toml")),
    ("rock.toml", include_str!("../../styles/rock.toml")),
    ("jazz-trio.toml", include_str!("../../styles/jazz-trio.toml")),
    ("bossa.toml", include_str!("../../styles/bossa.toml")),
    ("funk.toml", include_str!("../../styles/funk.toml")),
    ("chiptune.toml", include_str!("../../styles/chiptune.toml")),
    ("tension.toml", include_str!("../../styles/tension.toml")),
    (
        "comedy-pizzicato.toml",
        include_str!("../../styles/comedy-pizzicato.toml"),
    ),
    (
        "orchestral-march.toml",
        include_str!("../../styles/orchestral-march.toml"),
    ),
];

/// The styles that come with the program.
pub fn builtin() -> &'static [Style] {
    static STYLES: OnceLock<Vec<Style>> = OnceLock::new();
    // A file that does not read is found by the test below, so nothing is lost by leaving it out here.
    STYLES.get_or_init(|| {
        FILES
            .iter()
            .filter_map(|(file, text)| Style::from_toml_named(text, file).ok())
            .collect()
    })
}

/// The built-in style of this name.
///
/// # Errors
/// [`ComposerError::UnknownStyle`], which lists the names there are.
pub fn find(name: &str) -> Result<&'static Style, ComposerError> {
    builtin().iter().find(|s| s.name == name).ok_or_else(|| {
        let names: Vec<&str> = builtin().iter().map(|s| s.name.as_str()).collect();
        ComposerError::UnknownStyle {
            name: name.into(),
            hint: format!("one of {}, or a file.toml", names.join(", ")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_that_comes_with_the_program_does_not_read() {
        for (file, text) in FILES {
            let style = Style::from_toml_named(text, file).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(format!("{}.toml", style.name), *file);
        }
    }

    #[test]
    fn a_wrong_style_is_taken_or_its_message_names_no_line() {
        let (_, good) = FILES[0];
        for (from, to, want) in [
            ("\"warm-pad\"", "\"worm-pad\"", "warm-pad"),
            ("usual =", "usuall =", "usual"),
            ("layer = \"pad\"", "layer = \"pat\"", "pad"),
            ("swing = 0.5", "swing = 0.9", "0.75"),
        ] {
            assert!(good.contains(from), "{from}");
            let text = good.replacen(from, to, 1);
            let message = Style::from_toml(&text).expect_err(to).to_string();
            assert!(message.contains("line ") && message.contains(want), "{message}");
        }
    }
}
