//! Sections that stay while the rest is composed anew: their notes, their MIDI events, their samples.

use std::collections::BTreeMap;
use std::fs;

use midly::{MetaMessage, Smf, TrackEventKind};
use serde_json::Value;

use crate::bench::Bench;

/// How much before its first beat a section's players may begin, and are kept from. Seconds.
const EARLY_S: f64 = 0.03;

/// What a run leaves.
struct Take {
    document: Value,
    stems: BTreeMap<String, Vec<i32>>,
    midi: Vec<u8>,
}

fn take(bench: &Bench, name: &str, args: &[&str]) -> Take {
    let (stems, midi) = (format!("{name}-stems"), format!("{name}.mid"));
    let mut all = vec!["score", "clip.mp4", "-o", "film.mp4", "--force", "--document", "d.json"];
    all.extend(["--stems", &stems, "--midi", &midi]);
    all.extend(args);
    let document = bench.document(&all);
    let read = |file: &String| {
        let name = file.split_once('-').map_or(file.as_str(), |(_, name)| name);
        (name.to_owned(), bench.samples_24(&format!("{stems}/{file}")))
    };
    Take {
        document,
        stems: bench.names_in(&stems).iter().map(read).collect(),
        midi: fs::read(bench.path(&midi)).expect("a MIDI file"),
    }
}

impl Take {
    /// When section `number` is played, seconds.
    fn span(&self, number: usize) -> (f64, f64) {
        let form = self.document["cue_sheet"]["form"].as_array().expect("a form");
        let at = |key: &str| form[number - 1][key].as_f64().expect("seconds");
        let end = if number == form.len() {
            1e3
        } else {
            at("end_s") - EARLY_S
        };
        ((at("start_s") - EARLY_S).max(0.0), end)
    }

    /// Everything in a list of the document that begins within a span.
    fn within(list: &Value, key: &str, span: (f64, f64)) -> Vec<Value> {
        let inside = |item: &&Value| item[key].as_f64().is_some_and(|at| at >= span.0 && at < span.1);
        list.as_array()
            .expect("a list")
            .iter()
            .filter(inside)
            .cloned()
            .collect()
    }

    /// The notes of a span, by track.
    fn notes(&self, span: (f64, f64)) -> BTreeMap<String, Vec<Value>> {
        let tracks = self.document["score"]["tracks"].as_array().expect("tracks").iter();
        let played = tracks.map(|track| {
            let notes = Self::within(&track["notes"], "start_s", span);
            (track["name"].to_string(), notes)
        });
        played.filter(|(_, notes)| !notes.is_empty()).collect()
    }

    /// The keys that are pressed within a span, by track: tick and event.
    fn pressed(&self, span: (f64, f64)) -> BTreeMap<String, Vec<String>> {
        let file = Smf::parse(&self.midi).expect("a MIDI file");
        let tempos = {
            let mut at = 0u32;
            let mut tempos = vec![(0u32, 0.0f64, 500_000.0f64)];
            for event in &file.tracks[0] {
                at += event.delta.as_int();
                if let TrackEventKind::Meta(MetaMessage::Tempo(mpq)) = event.kind {
                    let last = tempos[tempos.len() - 1];
                    let time = last.1 + f64::from(at - last.0) / 960.0 * last.2 / 1e6;
                    tempos.push((at, time, f64::from(mpq.as_int())));
                }
            }
            tempos
        };
        let seconds = |tick: u32| {
            let last = tempos.iter().rev().find(|tempo| tempo.0 <= tick).expect("a tempo");
            last.1 + f64::from(tick - last.0) / 960.0 * last.2 / 1e6
        };
        let mut pressed = BTreeMap::new();
        for track in &file.tracks[1..] {
            let (mut name, mut tick, mut events) = (String::new(), 0, Vec::new());
            for event in track {
                tick += event.delta.as_int();
                match event.kind {
                    TrackEventKind::Meta(MetaMessage::TrackName(text)) => {
                        name = String::from_utf8_lossy(text).into_owned();
                    }
                    TrackEventKind::Midi {
                        message: midly::MidiMessage::NoteOn { .. },
                        ..
                    } => {
                        let at = seconds(tick);
                        if at >= span.0 && at < span.1 {
                            events.push(format!("{tick} {:?}", event.kind));
                        }
                    }
                    _ => {}
                }
            }
            if !events.is_empty() {
                pressed.insert(name, events);
            }
        }
        pressed
    }

    /// The samples of a span, by stem; those that are silent in it are left out.
    fn samples(&self, (from, to): (f64, f64)) -> BTreeMap<&str, &[i32]> {
        let stems = self.stems.iter().map(|(name, samples)| {
            let frame = |s: f64| 2 * ((s * 48_000.0).round() as usize).min(samples.len() / 2);
            (name.as_str(), &samples[frame(from)..frame(to)])
        });
        stems.filter(|(_, samples)| samples.iter().any(|x| *x != 0)).collect()
    }

    fn stays(&self, now: &Self, number: usize, which: &str) {
        let span = self.span(number);
        assert_eq!(span, now.span(number), "{which}: section {number} moved");
        let form = |take: &Self| take.document["cue_sheet"]["form"][number - 1].clone();
        assert_eq!(form(self), form(now), "{which}: section {number} of the form");
        let chords = |take: &Self| Self::within(&take.document["cue_sheet"]["chords"], "start_s", span);
        assert_eq!(chords(self), chords(now), "{which}: chords of section {number}");
        let notes = self.notes(span);
        assert!(!notes.is_empty(), "{which}: nobody plays in section {number}");
        assert!(notes == now.notes(span), "{which}: notes of section {number}");
        assert_eq!(
            self.pressed(span),
            now.pressed(span),
            "{which}: keys of section {number}"
        );
        let (before, after) = (self.samples(span), now.samples(span));
        assert!(
            before.len() > 3,
            "{which}: {} stems sound in section {number}",
            before.len()
        );
        assert!(before.contains_key("premaster.wav"));
        let names = |stems: &BTreeMap<&str, &[i32]>| stems.keys().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            names(&before),
            names(&after),
            "{which}: who is heard in section {number}"
        );
        for (name, samples) in &before {
            assert!(
                *samples == after[name],
                "{which}: samples of {name} in section {number}"
            );
        }
    }

    fn changes(&self, now: &Self, number: usize) {
        let span = self.span(number);
        assert!(
            self.notes(span) != now.notes(span),
            "section {number} has its old notes"
        );
        assert!(
            self.samples(span) != now.samples(span),
            "section {number} has its old sound"
        );
    }

    fn adds_up(&self) {
        let whole = &self.stems["premaster.wav"];
        let mut sum = vec![0i64; whole.len()];
        for (_, samples) in self.stems.iter().filter(|(name, _)| *name != "premaster.wav") {
            sum.iter_mut().zip(samples).for_each(|(sum, x)| *sum += i64::from(*x));
        }
        let worst = sum.iter().zip(whole).map(|(a, b)| (a - i64::from(*b)).abs()).max();
        assert!(worst <= Some(2), "{worst:?} steps of 24 bits");
    }
}

#[test]
fn a_kept_section_has_other_notes_keys_or_samples_than_before() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 12, 3.1, 25);
    let seven = take(
        &bench,
        "seven",
        &[
            "--seed",
            "7",
            "--style",
            "acoustic-folk",
            "--sounds",
            "designer",
            "--mood",
            "rain",
        ],
    );
    let sections = seven.document["cue_sheet"]["form"].as_array().expect("a form").len();
    assert!(sections >= 3, "{sections} sections");
    let eight = take(&bench, "eight", &["--keep-sections", "1,3", "--seed", "8"]);
    seven.stays(&eight, 1, "kept once");
    seven.stays(&eight, 3, "kept once");
    seven.changes(&eight, 2);
    eight.adds_up();
    // Kept again, beside bars of the second take: the first take's hands are still heard, and the neighbour's beside them.
    let nine = take(&bench, "nine", &["--keep-sections", "2,3", "--seed", "9"]);
    eight.stays(&nine, 2, "kept beside an older one");
    seven.stays(&nine, 3, "kept twice");
    seven.changes(&nine, 1);
    eight.changes(&nine, 1);
    nine.adds_up();
    // Another volume changes nothing of all this.
    let softer = take(&bench, "softer", &["--music-volume", "0.5"]);
    assert!(nine.stems == softer.stems, "another volume lets go of what was kept");
    assert_eq!(nine.document["score"], softer.document["score"]);
    // Bars that were edited since are played as they stand.
    let mut edited = softer.document;
    let span = (0.0, 1e3);
    let notes = edited["score"]["tracks"][0]["notes"].as_array_mut().expect("notes");
    notes.retain(|note| note["start_s"].as_f64().is_some_and(|at| at < nine.span(3).0));
    fs::write(bench.path("d.json"), edited.to_string()).expect("the document");
    let after = take(&bench, "edited", &[]);
    assert!(
        after.samples(nine.span(3)) != nine.samples(nine.span(3)),
        "an edit of a kept bar is not heard"
    );
    assert!(after.notes(span) != nine.notes(span), "an edit of a kept bar is lost");
    assert!(
        after.samples(nine.span(2)) == nine.samples(nine.span(2)),
        "a bar that was not edited changed"
    );
}
