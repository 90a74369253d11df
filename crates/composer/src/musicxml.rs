//! A lead sheet as MusicXML 4.0: the tune, the chords over it, bars, meters, keys and sections.

use std::fmt::Write;

use synchresis_cue::{ChordCue, CueSheet, Key, Layer, Meter, Role, Score, Spotting};

use crate::grid::Grid;
use crate::midi::signature;

/// Divisions of a quarter: sixteenths are 3, triplet eighths 4.
const DIV: i64 = 12;

/// A note on paper, in divisions from the piece's beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Written {
    from: i64,
    to: i64,
    pitch: u8,
}

/// The lead sheet of a piece. What was played is put back on the grid: sixteenths, or triplets in a beat that has
/// them; swung pairs are written straight, as jazz is.
pub fn write(cue: &CueSheet, spotting: &Spotting, score: &Score) -> String {
    let grid = Grid::new(&spotting.bars);
    let notes = tune(&grid, score);
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n\
         <!DOCTYPE score-partwise PUBLIC \"-//Recordare//DTD MusicXML 4.0 Partwise//EN\" \
         \"http://www.musicxml.org/dtds/partwise.dtd\">\n<score-partwise version=\"4.0\">\n",
    );
    let lead = cue.instruments.iter().find(|i| i.layer == Layer::Lead);
    let name = lead.map_or("Tune", |i| i.name.as_str());
    // Writing to a string cannot fail.
    let _ = write!(
        xml,
        "  <work><work-title>{}</work-title></work>\n  <identification><creator type=\"composer\">Synchresis</creator>\
         </identification>\n  <part-list><score-part id=\"P1\"><part-name>{}</part-name></score-part></part-list>\n  \
         <part id=\"P1\">\n",
        escape(&cue.title),
        escape(name)
    );
    let starts: Vec<i64> = (0..=grid.bars().len()).map(|i| units(grid.quarter(i))).collect();
    let chords: Vec<(i64, &ChordCue)> = cue
        .chords
        .iter()
        .map(|c| (units((grid.quarter_of(c.start_s) * 4.0).round() / 4.0), c))
        .collect();
    let mut key: Option<Key> = None;
    let mut meter: Option<Meter> = None;
    let mut tempo = 0.0;
    for (i, bar) in grid.bars().iter().enumerate() {
        let (from, to) = (starts[i], starts[i + 1]);
        let _ = writeln!(xml, "    <measure number=\"{}\">", i + 1);
        let section = cue.form.iter().find(|s| s.first_bar == i);
        let here = section
            .filter(|s| s.role != Role::Silence)
            .map(|s| s.key)
            .or(key)
            .unwrap_or(cue.key);
        attributes(
            &mut xml,
            i == 0,
            key != Some(here),
            here,
            meter != Some(bar.meter),
            bar.meter,
        );
        key = Some(here);
        meter = Some(bar.meter);
        if let Some(section) = section {
            let _ = writeln!(
                xml,
                "      <direction placement=\"above\"><direction-type><rehearsal>{:?}</rehearsal></direction-type></direction>",
                section.role
            );
        }
        if (bar.bpm - tempo).abs() > 0.4 && !bar.free {
            tempo = bar.bpm;
            let _ = writeln!(
                xml,
                "      <direction placement=\"above\"><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>{:.1}\
                 </per-minute></metronome></direction-type><sound tempo=\"{:.3}\"/></direction>",
                bar.bpm, bar.bpm
            );
        }
        measure(&mut xml, (from, to), &notes, &chords, here);
        if i + 1 == grid.bars().len() {
            xml.push_str("      <barline location=\"right\"><bar-style>light-heavy</bar-style></barline>\n");
        }
        xml.push_str("    </measure>\n");
    }
    xml.push_str("  </part>\n</score-partwise>\n");
    xml
}

fn units(quarters: f64) -> i64 {
    (quarters * DIV as f64).round() as i64
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn attributes(xml: &mut String, first: bool, new_key: bool, key: Key, new_meter: bool, meter: Meter) {
    if !first && !new_key && !new_meter {
        return;
    }
    xml.push_str("      <attributes>");
    if first {
        let _ = write!(xml, "<divisions>{DIV}</divisions>");
    }
    if new_key {
        let (fifths, minor) = signature(key);
        let mode = if minor { "minor" } else { "major" };
        let _ = write!(xml, "<key><fifths>{fifths}</fifths><mode>{mode}</mode></key>");
    }
    if new_meter {
        let _ = write!(
            xml,
            "<time><beats>{}</beats><beat-type>{}</beat-type></time>",
            meter.beats, meter.unit
        );
    }
    if first {
        xml.push_str("<clef><sign>G</sign><line>2</line></clef>");
    }
    xml.push_str("</attributes>\n");
}

/// The tune on the grid, one note at a time.
fn tune(grid: &Grid, score: &Score) -> Vec<Written> {
    let Some(lead) = score.tracks.iter().find(|t| t.layer == Layer::Lead) else {
        return Vec::new();
    };
    let at: Vec<f64> = lead.notes.iter().map(|n| grid.quarter_of(n.start_s)).collect();
    let mut written: Vec<Written> = Vec::new();
    for (i, note) in lead.notes.iter().enumerate() {
        let beat = (at[i] + 0.1).floor();
        let others: Vec<f64> = at
            .iter()
            .copied()
            .filter(|q| (q + 0.1).floor() == beat)
            .map(|q| q - beat)
            .collect();
        let from = units(beat) + within_beat(at[i] - beat, &others);
        let end = grid.quarter_of(note.start_s + note.duration_s);
        let to = units((end * 2.0).round() / 2.0).max(from + 3);
        if let Some(last) = written.last_mut() {
            if last.from >= from {
                continue;
            }
            last.to = last.to.min(from);
        }
        written.push(Written {
            from,
            to,
            pitch: note.pitch,
        });
    }
    // A gap of less than an eighth after a note is articulation, not a rest.
    for i in 0..written.len().saturating_sub(1) {
        let next = written[i + 1].from;
        if next - written[i].to < DIV / 2 {
            written[i].to = next;
        }
    }
    written
}

/// Divisions after the beat for an onset, given all onsets of that beat.
fn within_beat(x: f64, all: &[f64]) -> i64 {
    let off: Vec<f64> = all.iter().copied().filter(|&x| x > 0.1).collect();
    if let [only] = off[..]
        && (0.42..0.72).contains(&only)
        && (x - only).abs() < 1e-9
    {
        return DIV / 2;
    }
    let miss = |steps: f64| off.iter().map(|x| ((x * steps).round() / steps - x).abs()).sum::<f64>();
    let steps = if off.len() >= 2 && miss(3.0) < miss(4.0) {
        3.0
    } else {
        4.0
    };
    ((x * steps).round() / steps * DIV as f64).round().max(0.0) as i64
}

fn measure(xml: &mut String, (from, to): (i64, i64), notes: &[Written], chords: &[(i64, &ChordCue)], key: Key) {
    let mut cursor = from;
    let first = notes.partition_point(|n| n.to <= from);
    let mut emit = |start: i64, end: i64, pitch: Option<u8>, tied: (bool, bool)| {
        let pieces = split(start, end);
        let n = pieces.len();
        for (k, (a, b)) in pieces.into_iter().enumerate() {
            for (at, chord) in chords.iter().filter(|(at, _)| *at >= a && *at < b) {
                harmony(xml, chord, at - a);
            }
            let stop = pitch.is_some() && (k > 0 || tied.0);
            let go = pitch.is_some() && (k + 1 < n || tied.1);
            note(xml, b - a, pitch, (stop, go), key);
        }
    };
    for n in notes[first..].iter().take_while(|n| n.from < to) {
        let (a, b) = (n.from.max(from), n.to.min(to));
        if b <= a {
            continue;
        }
        if a > cursor {
            emit(cursor, a, None, (false, false));
        }
        emit(a, b, Some(n.pitch), (n.from < from, n.to > to));
        cursor = b;
    }
    if cursor < to {
        emit(cursor, to, None, (false, false));
    }
}

/// Cuts a span into lengths that a single note can have, at beats.
fn split(from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut pieces = Vec::new();
    let mut at = from;
    while at < to {
        let left = to - at;
        let beat = DIV - at.rem_euclid(DIV);
        let triplet = at % 3 != 0 || (left < DIV && to % 3 != 0);
        let len = if triplet {
            left.min(beat).min(8)
        } else if beat == DIV {
            let whole = [48, 36, 24, 18, 12, 9, 6, 3]
                .into_iter()
                .find(|&l| l <= left && (l != 18 || left == 18));
            // What remains of a triplet beat is left to the next turn.
            whole.map_or(left, |l| if l < DIV && to % 3 != 0 { left.min(8) } else { l })
        } else {
            let inside = left.min(beat);
            if inside >= 9 {
                9
            } else if inside >= 6 {
                6
            } else {
                inside.min(3)
            }
        };
        let len = len.max(1);
        pieces.push((at, at + len));
        at += len;
    }
    pieces
}

fn note(xml: &mut String, len: i64, pitch: Option<u8>, (stop, go): (bool, bool), key: Key) {
    xml.push_str("      <note>");
    match pitch {
        Some(p) => {
            let (step, alter) = spell(p % 12, key);
            let octave = i64::from(p) / 12 - 1;
            let _ = write!(xml, "<pitch><step>{step}</step>");
            if alter != 0 {
                let _ = write!(xml, "<alter>{alter}</alter>");
            }
            let _ = write!(xml, "<octave>{octave}</octave></pitch>");
        }
        None => xml.push_str("<rest/>"),
    }
    let _ = write!(xml, "<duration>{len}</duration>");
    if stop {
        xml.push_str("<tie type=\"stop\"/>");
    }
    if go {
        xml.push_str("<tie type=\"start\"/>");
    }
    xml.push_str("<voice>1</voice>");
    let (kind, dots, triplet) = match len {
        48 => ("whole", 0, false),
        36 => ("half", 1, false),
        24 => ("half", 0, false),
        18 => ("quarter", 1, false),
        12 => ("quarter", 0, false),
        9 => ("eighth", 1, false),
        6 => ("eighth", 0, false),
        8 => ("quarter", 0, true),
        4 => ("eighth", 0, true),
        2 => ("16th", 0, true),
        1 => ("32nd", 0, true),
        _ => ("16th", 0, false),
    };
    let _ = write!(xml, "<type>{kind}</type>");
    for _ in 0..dots {
        xml.push_str("<dot/>");
    }
    if triplet {
        xml.push_str(
            "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>",
        );
    }
    if stop || go {
        xml.push_str("<notations>");
        if stop {
            xml.push_str("<tied type=\"stop\"/>");
        }
        if go {
            xml.push_str("<tied type=\"start\"/>");
        }
        xml.push_str("</notations>");
    }
    xml.push_str("</note>\n");
}

/// Letter and alteration of a pitch class in a key.
fn spell(class: u8, key: Key) -> (char, i8) {
    const SHARPS: [(char, i8); 12] = [
        ('C', 0),
        ('C', 1),
        ('D', 0),
        ('D', 1),
        ('E', 0),
        ('F', 0),
        ('F', 1),
        ('G', 0),
        ('G', 1),
        ('A', 0),
        ('A', 1),
        ('B', 0),
    ];
    const FLATS: [(char, i8); 12] = [
        ('C', 0),
        ('D', -1),
        ('D', 0),
        ('E', -1),
        ('E', 0),
        ('F', 0),
        ('G', -1),
        ('G', 0),
        ('A', -1),
        ('A', 0),
        ('B', -1),
        ('B', 0),
    ];
    let (fifths, minor) = signature(key);
    let above = (class + 12 - key.tonic % 12) % 12;
    // The leading tone is a raised seventh even in flat keys.
    let leading = minor && above == 11;
    if (fifths < 0 && !(leading && fifths > -4)) || (fifths == 0 && !leading && [3, 10].contains(&above)) {
        FLATS[usize::from(class)]
    } else {
        SHARPS[usize::from(class)]
    }
}

fn harmony(xml: &mut String, chord: &ChordCue, offset: i64) {
    let (root, rest) = name(&chord.symbol);
    let intervals: Vec<u8> = chord.tones.iter().map(|t| (t + 12 - chord.root) % 12).collect();
    let (kind, add) = match intervals[..] {
        [0, 3, 7] => ("minor", false),
        [0, 3, 6] => ("diminished", false),
        [0, 4, 8] => ("augmented", false),
        [0, 7] => ("power", false),
        [0, 4, 7, 10] => ("dominant", false),
        [0, 4, 7, 10, ..] => ("dominant-ninth", false),
        [0, 3, 7, 10] => ("minor-seventh", false),
        [0, 3, 7, 10, ..] => ("minor-ninth", false),
        [0, 4, 7, 11] => ("major-seventh", false),
        [0, 4, 7, 11, ..] => ("major-ninth", false),
        [0, 3, 6, 9] => ("diminished-seventh", false),
        [0, 3, 6, 10] => ("half-diminished", false),
        [0, 3, 7, 11] => ("major-minor", false),
        [0, 4, 7, 9, ..] => ("major-sixth", false),
        [0, 3, 7, 9, ..] => ("minor-sixth", false),
        [0, 2, 7] => ("suspended-second", false),
        [0, 5, 7, ..] => ("suspended-fourth", false),
        [0, 3, 7, 2] => ("minor", true),
        [0, 4, 7, 2] => ("major", true),
        _ => ("major", false),
    };
    let suffix = rest
        .rsplit_once('/')
        .filter(|(_, b)| !b.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(rest, |(s, _)| s);
    let _ = write!(
        xml,
        "      <harmony><root><root-step>{}</root-step><root-alter>{}</root-alter></root><kind text=\"{}\">{kind}</kind>",
        root.0,
        root.1,
        escape(suffix)
    );
    let bass = rest
        .rsplit_once('/')
        .map(|(_, b)| b)
        .filter(|b| !b.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(bass) = bass {
        let ((step, alter), _) = name(bass);
        let _ = write!(
            xml,
            "<bass><bass-step>{step}</bass-step><bass-alter>{alter}</bass-alter></bass>"
        );
    }
    if add {
        xml.push_str(
            "<degree><degree-value>9</degree-value><degree-alter>0</degree-alter><degree-type>add</degree-type></degree>",
        );
    }
    if offset > 0 {
        let _ = write!(xml, "<offset>{offset}</offset>");
    }
    xml.push_str("</harmony>\n");
}

/// Letter and alteration at the head of a chord symbol, and what follows them.
fn name(symbol: &str) -> ((char, i8), &str) {
    let mut chars = symbol.chars();
    let step = chars.next().filter(|c| ('A'..='G').contains(c)).unwrap_or('C');
    let mut rest = chars.as_str();
    let mut alter = 0;
    while let Some(r) = rest.strip_prefix('#') {
        alter += 1;
        rest = r;
    }
    while let Some(r) = rest.strip_prefix('b') {
        alter -= 1;
        rest = r;
    }
    ((step, alter), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_that_no_note_has() {
        for from in 0..48 {
            for to in from + 1..=96 {
                let pieces = split(from, to);
                assert_eq!(pieces.first().map(|p| p.0), Some(from));
                assert_eq!(pieces.last().map(|p| p.1), Some(to));
                if from % 3 == 0 && to % 3 == 0 {
                    assert!(
                        pieces
                            .iter()
                            .all(|(a, b)| [48, 36, 24, 18, 12, 9, 6, 3].contains(&(b - a))),
                        "{from} {to}"
                    );
                }
            }
        }
        assert_eq!(split(4, 12), [(4, 12)]);
        assert_eq!(split(0, 8), [(0, 8)]);
    }

    #[test]
    fn a_symbol_is_taken_apart_wrongly() {
        assert_eq!(name("Bbmaj7"), (('B', -1), "maj7"));
        assert_eq!(name("F#m/A"), (('F', 1), "m/A"));
        assert_eq!(name("C6/9").1, "6/9");
    }

    #[test]
    fn swung_eighths_are_written_as_triplets_and_triplets_as_sixteenths() {
        assert_eq!(within_beat(0.64, &[0.0, 0.64]), 6);
        assert_eq!(within_beat(0.34, &[0.0, 0.34, 0.66]), 4);
        assert_eq!(within_beat(0.66, &[0.0, 0.34, 0.66]), 8);
        assert_eq!(within_beat(0.74, &[0.0, 0.26, 0.74]), 9);
    }
}
