//! Roman numerals and chord symbols.

/// A chord as a numeral says it, independent of key. Intervals are semitones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Roman {
    /// As written.
    pub(crate) text: String,
    /// Degree of the scale that its root stands on, 0 to 6.
    pub(crate) degree: u8,
    /// Its root above the tonic, 0 to 11.
    pub(crate) root: u8,
    /// Its tones above the root, root first.
    pub(crate) tones: Vec<u8>,
    /// Which of them is in the bass.
    pub(crate) bass: usize,
    /// Whether it may be coloured: a plain triad.
    pub(crate) plain: bool,
}

const MAJOR: [i8; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Reads a numeral such as `bVImaj7`, `ii7/5`, `V7/ii`.
pub(crate) fn parse_roman(text: &str) -> Result<Roman, String> {
    let wrong = || {
        format!(
            "{text:?} is no chord; write a numeral I to VII or i to vii, b or # before it, 7, maj7, 6, 9, add9, sus4, °, ø7, + after it, /3 or /V at its end"
        )
    };
    let (head, slash) = match text.split_once('/') {
        Some((h, s)) => (h, Some(s)),
        None => (text, None),
    };
    let mut rest = head;
    let mut shift = 0i8;
    while let Some(r) = rest.strip_prefix('b') {
        shift -= 1;
        rest = r;
    }
    while let Some(r) = rest.strip_prefix('#') {
        shift += 1;
        rest = r;
    }
    let letters = rest.chars().take_while(|c| "IViv".contains(*c)).count();
    let (numeral, suffix) = rest.split_at(letters);
    let upper = numeral.to_uppercase();
    let degree = ["I", "II", "III", "IV", "V", "VI", "VII"]
        .iter()
        .position(|n| *n == upper)
        .ok_or_else(wrong)?;
    let major = numeral == upper;
    if !major && numeral != upper.to_lowercase() {
        return Err(wrong());
    }
    let triad: &[u8] = if major { &[0, 4, 7] } else { &[0, 3, 7] };
    let (tones, plain): (Vec<u8>, bool) = match suffix {
        "" => (triad.to_vec(), true),
        "°" | "o" | "dim" => (vec![0, 3, 6], false),
        "°7" | "o7" => (vec![0, 3, 6, 9], false),
        "ø7" | "m7b5" => (vec![0, 3, 6, 10], false),
        "+" => (vec![0, 4, 8], false),
        "5" => (vec![0, 7], false),
        "7" => (with(triad, &[10]), false),
        "maj7" => (with(triad, &[11]), false),
        "6" => (with(triad, &[9]), false),
        "69" => (with(triad, &[9, 2]), false),
        "9" => (with(triad, &[10, 2]), false),
        "maj9" => (with(triad, &[11, 2]), false),
        "13" => (with(triad, &[10, 2, 9]), false),
        "7b9" => (with(triad, &[10, 1]), false),
        "7#9" => (with(triad, &[10, 3]), false),
        "add9" => (with(triad, &[2]), false),
        "sus2" => (vec![0, 2, 7], false),
        "sus4" => (vec![0, 5, 7], false),
        "7sus4" => (vec![0, 5, 7, 10], false),
        _ => return Err(wrong()),
    };
    let mut root = (MAJOR[degree] + shift).rem_euclid(12) as u8;
    let mut degree = degree as u8;
    let mut bass = 0;
    match slash {
        None => {}
        Some("3") => bass = 1,
        Some("5") => bass = 2,
        Some("7") => bass = 3,
        Some(target) => {
            let target = parse_roman(target).map_err(|_| wrong())?;
            root = (root + target.root) % 12;
            degree = (degree + target.degree) % 7;
        }
    }
    if bass >= tones.len() {
        return Err(wrong());
    }
    Ok(Roman {
        text: text.into(),
        degree,
        root,
        tones,
        bass,
        plain,
    })
}

fn with(triad: &[u8], more: &[u8]) -> Vec<u8> {
    let mut tones = triad.to_vec();
    tones.extend_from_slice(more);
    tones
}

/// Reads a set such as `"I:5 vi:2 I/3"`.
pub(crate) fn parse_set(text: &str) -> Result<Vec<(Roman, f64)>, String> {
    text.split_whitespace()
        .map(|item| {
            let (numeral, weight) = item.split_once(':').unwrap_or((item, "1"));
            let weight: f64 = weight
                .parse()
                .map_err(|_| format!("{item:?}: after the colon stands a weight, 2.5 say"))?;
            Ok((parse_roman(numeral)?, weight))
        })
        .collect()
}

/// What follows the root's name in a chord symbol.
pub(crate) fn suffix(tones: &[u8]) -> &'static str {
    match tones {
        [0, 4, 7] => "",
        [0, 3, 7] => "m",
        [0, 3, 6] => "dim",
        [0, 3, 6, 9] => "dim7",
        [0, 3, 6, 10] => "m7b5",
        [0, 4, 8] => "aug",
        [0, 7] => "5",
        [0, 4, 7, 10] => "7",
        [0, 3, 7, 10] => "m7",
        [0, 4, 7, 11] => "maj7",
        [0, 3, 7, 11] => "mMaj7",
        [0, 4, 7, 9] => "6",
        [0, 3, 7, 9] => "m6",
        [0, 4, 7, 9, 2] => "6/9",
        [0, 3, 7, 9, 2] => "m6/9",
        [0, 4, 7, 10, 2] => "9",
        [0, 3, 7, 10, 2] => "m9",
        [0, 4, 7, 11, 2] => "maj9",
        [0, 4, 7, 10, 2, 9] => "13",
        [0, 3, 7, 10, 2, 9] => "m13",
        [0, 4, 7, 10, 1] => "7b9",
        [0, 4, 7, 10, 3] => "7#9",
        [0, 4, 7, 2] => "add9",
        [0, 3, 7, 2] => "m(add9)",
        [0, 2, 7] => "sus2",
        [0, 5, 7] => "sus4",
        [0, 5, 7, 10] => "7sus4",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeral_names_another_chord() {
        let chord = |t: &str| parse_roman(t).expect(t);
        assert_eq!((chord("bVI").root, chord("bVI").tones), (8, vec![0, 4, 7]));
        assert_eq!((chord("viiø7").root, chord("viiø7").tones), (11, vec![0, 3, 6, 10]));
        assert_eq!((chord("V7/ii").root, chord("V7/ii").degree), (9, 5));
        assert_eq!(chord("I/3").bass, 1);
        for bad in ["", "H", "VIII", "iV", "I/9", "IV/", "Vfoo", "I7/8"] {
            assert!(parse_roman(bad).is_err(), "{bad}");
        }
    }
}
