//! Every style on every kind of film.

use proptest::prelude::*;
use synchresis_composer::{Before, compose, midi, musicxml, rank, recompose, spot, style};
use synchresis_cue::*;

/// A film with these shots' lengths.
fn film(lengths: &[f64]) -> Sighting {
    let mut at = 0.0;
    let shots: Vec<Shot> = lengths
        .iter()
        .enumerate()
        .map(|(i, &len)| {
            let start = at;
            at += len;
            Shot {
                start_s: (start * 25.0).round() / 25.0,
                end_s: (at * 25.0).round() / 25.0,
                first_frame: (start * 25.0).round() as u64,
                entry: if i == 0 { Transition::Start } else { Transition::Cut },
                strength: 0.4 + 0.6 * ((i * 7 % 5) as f64 / 4.0),
                motion: (i * 3 % 7) as f64 / 7.0,
                camera: 0.2,
                pan: (0.0, 0.0),
                light: 0.5,
                saturation: 0.4,
                warmth: 0.1,
                density: 0.4,
                likeness: i % 3,
                palette: Vec::new(),
            }
        })
        .collect();
    let n = (at / 0.2).ceil().max(1.0) as usize;
    let wave = |k: f32| (0..n).map(|i| 0.5 + 0.4 * (i as f32 * k).sin()).collect::<Vec<f32>>();
    Sighting {
        frames: (at * 25.0) as u64,
        duration_s: at,
        frame_rate: 25.0,
        shots,
        curves: Curves {
            step_s: 0.2,
            motion: wave(0.05),
            camera: wave(0.02),
            light: wave(0.03),
            saturation: wave(0.04),
            warmth: wave(0.01),
            density: wave(0.06),
        },
        flashes: Vec::new(),
        motion_peaks: Vec::new(),
        sweeps: Vec::new(),
        palette: Vec::new(),
        samples: vec![Sample { frame: 0, time_s: 0.0 }],
        third: Sample { frame: 0, time_s: 0.0 },
        two_thirds: Sample { frame: 0, time_s: 0.0 },
        medoid: 0,
        words: String::new(),
    }
}

fn plain_mood(style: &str, valence: f64, arousal: f64) -> Mood {
    Mood {
        style: style.into(),
        style_reason: "asked for".into(),
        valence,
        arousal,
        step_s: 1.0,
        valence_curve: vec![valence as f32; 60],
        arousal_curve: (0..60)
            .map(|i| (arousal + 0.3 * (f64::from(i) / 9.0).sin()).clamp(-1.0, 1.0) as f32)
            .collect(),
        understood: Vec::new(),
        unknown: Vec::new(),
        seen: Vec::new(),
        appearing: Vec::new(),
        wanted_voices: Vec::new(),
        unwanted_voices: Vec::new(),
        solo: false,
        tempo_range: None,
        mode: None,
    }
}

fn piece(lengths: &[f64], style: &style::Style, mood: &Mood, seed: u64) -> (Spotting, CueSheet, Score) {
    let sighting = film(lengths);
    let options = spot::SpotOptions {
        seed,
        ..Default::default()
    };
    let spotting = spot::spot(&sighting, mood, style, &options);
    let (cue, score) = compose(&sighting, mood, &spotting, style, seed);
    (spotting, cue, score)
}

fn check(spotting: &Spotting, score: &Score, mood: &Mood, what: &str) {
    for track in &score.tracks {
        let info = voice(&track.voice).unwrap_or_else(|| panic!("{what}: no voice {}", track.voice));
        assert!(
            !mood.unwanted_voices.contains(&track.voice),
            "{what}: {} was not wanted",
            track.voice
        );
        let mut last = 0.0;
        for n in &track.notes {
            assert!(
                n.start_s >= last && n.start_s >= 0.0,
                "{what}: {} is out of order",
                track.name
            );
            last = n.start_s;
            assert!(
                n.start_s + n.duration_s <= spotting.music_end_s + 1e-9,
                "{what}: {} sounds on",
                track.name
            );
            assert!(
                n.duration_s > 0.0 && n.velocity > 0.0 && n.velocity <= 1.0,
                "{what}: {n:?}"
            );
            assert!(
                (info.range.0..=info.range.1).contains(&n.pitch),
                "{what}: {} plays {}",
                track.name,
                n.pitch
            );
        }
        assert!(
            track.expression.windows(2).all(|w| w[0].0 <= w[1].0),
            "{what}: {} expression",
            track.name
        );
        assert!(
            track.pedal.windows(2).all(|w| w[0].up_s <= w[1].down_s),
            "{what}: {} pedal",
            track.name
        );
    }
    for hit in spotting
        .hits
        .iter()
        .filter(|h| h.taken && h.time_s < spotting.music_end_s - 0.03)
    {
        let struck = score.tracks.iter().any(|t| {
            let sharp = voice(&t.voice).is_some_and(|v| v.sharp) || mood.solo;
            sharp && t.notes.iter().any(|n| n.locked && n.start_s == hit.time_s)
        });
        assert!(struck, "{what}: nothing strikes the hit at {}", hit.time_s);
    }
}

#[test]
fn a_film_of_some_length_breaks_a_style() {
    let long: Vec<f64> = (0..300).map(|i| 2.0 + f64::from(i * 37 % 50) / 10.0).collect();
    let flurry: Vec<f64> = (0..120).map(|i| 0.2 + f64::from(i % 4) / 10.0).collect();
    let films: [&[f64]; 8] = [
        &[0.3],
        &[2.0],
        &[3.0, 5.0],
        &[0.04],
        &[4.0, 3.2, 6.1, 2.7, 5.0, 8.8],
        &[30.0],
        &flurry,
        &long,
    ];
    for style in style::builtin() {
        // The long ones cost the most and ask the same of every style.
        let count = if ["piano-solo", "funk", "ambient"].contains(&style.name.as_str()) {
            8
        } else {
            6
        };
        for (i, lengths) in films.iter().take(count).enumerate() {
            let mood = plain_mood(
                &style.name,
                style.feeling.valence.0 * 0.5 + style.feeling.valence.1 * 0.5,
                0.1,
            );
            let (spotting, cue, score) = piece(lengths, style, &mood, i as u64);
            check(&spotting, &score, &mood, &format!("{} on film {i}", style.name));
            assert!(!midi::write(&cue, &spotting, &score).is_empty());
            let sheet = musicxml::write(&cue, &spotting, &score);
            assert_eq!(sheet.matches("<measure ").count(), spotting.bars.len());
            let reasons = rank::reasons(&cue, &spotting, &score);
            assert!(reasons.iter().all(|r| (0.0..=1.0).contains(&r.value)), "{reasons:?}");
        }
    }
}

#[test]
fn two_seeds_of_a_style_have_the_same_tune() {
    for style in style::builtin() {
        let mood = plain_mood(&style.name, 0.2, 0.2);
        let tunes: Vec<Vec<(u8, i64)>> = (0..6)
            .map(|seed| {
                let (_, _, score) = piece(&[6.0, 7.0, 5.0, 9.0, 8.0], style, &mood, seed);
                let lead = score.tracks.iter().find(|t| t.layer == Layer::Lead);
                let first = lead.and_then(|t| t.notes.first()).map_or(0, |n| n.pitch);
                lead.map_or(Vec::new(), |t| {
                    t.notes
                        .iter()
                        .map(|n| (n.pitch.wrapping_sub(first), (n.start_s * 10.0) as i64))
                        .collect()
                })
            })
            .collect();
        for i in 0..tunes.len() {
            assert!(!tunes[i].is_empty(), "{}: seed {i} has no tune", style.name);
            for j in 0..i {
                assert_ne!(tunes[i], tunes[j], "{}: seeds {i} and {j}", style.name);
            }
        }
    }
}

#[test]
fn the_words_are_not_obeyed() {
    for style in style::builtin() {
        let mut mood = plain_mood(&style.name, 0.0, 0.4);
        mood.solo = true;
        mood.wanted_voices = vec!["grand-piano".into()];
        let (spotting, _, score) = piece(&[5.0, 6.0, 7.0, 4.0], style, &mood, 5);
        check(&spotting, &score, &mood, &style.name);
        assert!(score.tracks.iter().all(|t| t.voice == "grand-piano"), "{}", style.name);
        mood.solo = false;
        mood.wanted_voices = vec!["saxophone".into()];
        mood.unwanted_voices = VOICES
            .iter()
            .filter(|v| v.family == VoiceFamily::Kit)
            .map(|v| v.name.into())
            .collect();
        let (spotting, _, score) = piece(&[5.0, 6.0, 7.0, 4.0], style, &mood, 5);
        check(&spotting, &score, &mood, &style.name);
        assert!(score.tracks.iter().any(|t| t.voice == "saxophone"), "{}", style.name);
    }
}

#[test]
fn a_kept_section_changes_or_the_rest_does_not() {
    let lengths = [6.0, 7.0, 5.0, 9.0, 8.0, 6.0];
    for name in ["piano-solo", "funk", "cinematic-strings"] {
        let style = style::find(name).expect("there");
        let mood = plain_mood(name, 0.1, 0.1);
        let (spotting, cue, score) = piece(&lengths, style, &mood, 3);
        let before = Before {
            sheet: &cue,
            score: &score,
            frame: 3,
            keep: &[0],
        };
        let (again, new) = recompose(&film(&lengths), &mood, &spotting, style, before, 8);
        assert_eq!(again.form[0], cue.form[0], "{name}");
        assert_eq!(again.form.len(), cue.form.len());
        let border = cue.form[0].end_s - 0.03;
        let notes = |s: &Score, first: bool| -> Vec<(String, Note)> {
            let mut all: Vec<(String, Note)> = s
                .tracks
                .iter()
                .flat_map(|t| t.notes.iter().map(|n| (t.name.clone(), *n)))
                .filter(|(_, n)| (n.start_s < border) == first)
                .collect();
            all.sort_by(|a, b| {
                a.0.cmp(&b.0)
                    .then(a.1.start_s.total_cmp(&b.1.start_s))
                    .then(a.1.pitch.cmp(&b.1.pitch))
            });
            all
        };
        assert_eq!(notes(&score, true), notes(&new, true), "{name}");
        assert_ne!(notes(&score, false), notes(&new, false), "{name}");
        check(&spotting, &new, &mood, name);
    }
}

#[test]
fn a_section_is_empty_by_accident() {
    for style in style::builtin() {
        for (arousal, seed) in [(-0.9, 1), (0.0, 2), (0.9, 3)] {
            let mood = plain_mood(&style.name, 0.1, arousal);
            let (_, cue, score) = piece(&[6.0, 7.0, 5.0, 9.0, 8.0, 6.0, 12.0], style, &mood, seed);
            for s in cue
                .form
                .iter()
                .filter(|s| s.role != Role::Silence && s.end_s - s.start_s > 3.0)
            {
                let tonal = score
                    .tracks
                    .iter()
                    .filter(|t| t.layer != Layer::Accent && !t.voice.starts_with("kit"));
                let count: usize = tonal
                    .map(|t| {
                        t.notes
                            .iter()
                            .filter(|n| n.start_s < s.end_s && n.start_s + n.duration_s > s.start_s)
                            .count()
                    })
                    .sum();
                assert!(
                    count >= 3,
                    "{} {:?} at {}: {count} notes",
                    style.name,
                    s.role,
                    s.start_s
                );
            }
        }
    }
}

/// Onsets of a MIDI file in seconds, by its own tempo map.
fn onsets(bytes: &[u8]) -> Vec<f64> {
    use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
    let file = Smf::parse(bytes).expect("a MIDI file");
    let Timing::Metrical(ppq) = file.header.timing else {
        panic!("not metrical")
    };
    let (mut tempos, mut ticks) = (Vec::new(), Vec::new());
    for track in &file.tracks {
        let mut at = 0u64;
        for event in track {
            at += u64::from(event.delta.as_int());
            match event.kind {
                TrackEventKind::Meta(MetaMessage::Tempo(t)) => tempos.push((at, f64::from(t.as_int()))),
                TrackEventKind::Midi {
                    message: MidiMessage::NoteOn { vel, .. },
                    ..
                } if vel > 0 => ticks.push(at),
                _ => {}
            }
        }
    }
    ticks.sort_unstable();
    let (mut time, mut last, mut tempo, mut next) = (0.0, 0, 500_000.0, 0);
    let mut found = Vec::new();
    for tick in ticks {
        while next < tempos.len() && tempos[next].0 <= tick {
            time += (tempos[next].0 - last) as f64 * tempo / 1e6 / f64::from(ppq.as_int());
            (last, tempo) = tempos[next];
            next += 1;
        }
        found.push(time + (tick - last) as f64 * tempo / 1e6 / f64::from(ppq.as_int()));
    }
    found
}

#[test]
fn a_midi_file_runs_away_from_its_score() {
    let long: Vec<f64> = (0..260).map(|i| 1.3 + f64::from(i * 37 % 50) / 9.0).collect();
    let style = style::find("minimalist").expect("there");
    let mood = plain_mood("minimalist", 0.2, 0.0);
    let (spotting, cue, score) = piece(&long, style, &mood, 4);
    let heard = onsets(&midi::write(&cue, &spotting, &score));
    let mut written: Vec<f64> = score
        .tracks
        .iter()
        .flat_map(|t| t.notes.iter().map(|n| n.start_s))
        .collect();
    written.sort_by(f64::total_cmp);
    assert_eq!(heard.len(), written.len());
    for (a, b) in heard.iter().zip(&written) {
        assert!((a - b).abs() < 1e-3, "{a} is not {b}");
    }
}

#[test]
fn the_same_seed_plays_other_notes() {
    let style = style::find("cinematic-strings").expect("there");
    let mood = plain_mood("cinematic-strings", -0.2, 0.1);
    let a = piece(&[6.0, 7.0, 5.0], style, &mood, 9);
    let b = piece(&[6.0, 7.0, 5.0], style, &mood, 9);
    assert_eq!((a.1, a.2), (b.1, b.2));
}

/// Pitches of a track that sound at `time`, from below.
fn sounding(track: &Track, time: f64) -> Vec<u8> {
    let mut pitches: Vec<u8> = track
        .notes
        .iter()
        .filter(|n| n.start_s <= time && n.start_s + n.duration_s > time)
        .map(|n| n.pitch)
        .collect();
    pitches.sort_unstable();
    pitches.dedup();
    pitches
}

/// Parallel fifths and octaves from chord to chord in the held parts, each told; and how many moves there were.
fn faults(cue: &CueSheet, score: &Score) -> (Vec<String>, usize) {
    let (mut bad, mut moves) = (Vec::new(), 0);
    for track in score.tracks.iter().filter(|t| t.layer == Layer::Pad) {
        for pair in cue.chords.windows(2) {
            let middle = |c: &ChordCue| (c.start_s + c.end_s) / 2.0;
            let (a, b) = (sounding(track, middle(&pair[0])), sounding(track, middle(&pair[1])));
            // Two notes are a drone: root and fifth.
            if a.len() != b.len() || a.len() < 3 || a == b {
                continue;
            }
            moves += 1;
            for i in 0..a.len() {
                for j in i + 1..a.len() {
                    let step = |k: usize| i16::from(b[k]) - i16::from(a[k]);
                    let same = step(i) != 0 && step(i).signum() == step(j).signum();
                    let (before, after) = ((a[j] - a[i]) % 12, (b[j] - b[i]) % 12);
                    if same && before == after && (after == 0 || after == 7) {
                        bad.push(format!(
                            "{} at {:.2} s: {} {a:?} to {} {b:?}",
                            track.name, pair[1].start_s, pair[0].symbol, pair[1].symbol
                        ));
                    }
                }
            }
        }
    }
    (bad, moves)
}

/// A film and a mood that depend on the seed alone.
fn drawn(seed: u64, style: &style::Style) -> (Vec<f64>, Mood) {
    let unit = |k: u64| {
        let mixed = (seed * 1000 + k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
    };
    let lengths: Vec<f64> = (0..6 + seed % 7).map(|k| 1.0 + 6.0 * unit(k)).collect();
    (
        lengths,
        plain_mood(&style.name, 2.0 * unit(91) - 1.0, 2.0 * unit(92) - 1.0),
    )
}

fn voices_of_whole_pieces(seeds: std::ops::Range<u64>) {
    let styles = style::builtin();
    let (mut bad, mut moves) = (Vec::new(), 0);
    for seed in seeds {
        let style = &styles[seed as usize % styles.len()];
        let (lengths, mood) = drawn(seed, style);
        let (spotting, cue, score) = piece(&lengths, style, &mood, seed);
        check(&spotting, &score, &mood, &format!("{} seed {seed}", style.name));
        let found = faults(&cue, &score);
        bad.extend(
            found
                .0
                .iter()
                .map(|fault| format!("{} seed {seed}, {fault}", style.name)),
        );
        moves += found.1;
    }
    assert!(moves > 100, "nothing was judged");
    assert!(
        bad.is_empty(),
        "{} parallels in {moves} moves:\n{}",
        bad.len(),
        bad.join("\n")
    );
}

#[test]
fn held_voices_of_a_whole_piece_move_in_parallel() {
    voices_of_whole_pieces(0..180);
}

#[test]
#[ignore = "thousands of seeds"]
fn held_voices_of_thousands_of_pieces_move_in_parallel() {
    voices_of_whole_pieces(1000..5000);
}

#[test]
fn the_hardest_hit_has_no_silence_before_it() {
    for style in style::builtin() {
        let mood = plain_mood(&style.name, 0.1, 0.5);
        let (spotting, cue, score) = piece(&[6.0, 7.0, 5.0, 9.0, 8.0, 6.0], style, &mood, 4);
        let borders: Vec<f64> = cue.form.iter().map(|s| s.start_s).collect();
        let inner = spotting.hits.iter().filter(|h| {
            h.taken && h.kind == HitKind::Cut && h.weight >= 0.6 && borders.iter().any(|b| (b - h.time_s).abs() < 0.04)
        });
        let Some(hit) = inner.max_by(|a, b| a.weight.total_cmp(&b.weight)) else {
            continue;
        };
        let gap = 0.2 * 60.0 / spotting.bars[hit.bar.expect("taken")].bpm;
        for track in score.tracks.iter().filter(|t| !matches!(t.layer, Layer::Pad)) {
            let late = track
                .notes
                .iter()
                .find(|n| n.start_s > hit.time_s - gap && n.start_s < hit.time_s - 0.04);
            assert!(
                late.is_none(),
                "{}: {} plays {late:?} before {}",
                style.name,
                track.name,
                hit.time_s
            );
        }
    }
}

#[test]
fn a_flurry_of_cuts_has_no_texture() {
    let lengths = [5.0, 4.0, 0.4, 0.36, 0.4, 0.44, 0.4, 0.36, 4.0, 5.0];
    let style = style::find("electronic-house").expect("there");
    let mood = plain_mood("electronic-house", 0.1, 0.6);
    let (spotting, _, score) = piece(&lengths, style, &mood, 1);
    assert!(spotting.hits.iter().any(|h| h.kind == HitKind::Flurry && h.taken));
    let dense = |from: f64, to: f64| {
        let parts = score
            .tracks
            .iter()
            .filter(|t| matches!(t.layer, Layer::Arpeggio | Layer::Drums));
        parts
            .flat_map(|t| &t.notes)
            .filter(|n| n.start_s >= from && n.start_s < to)
            .count() as f64
            / (to - from)
    };
    assert!(
        dense(9.2, 11.0) > 1.1 * dense(5.2, 8.0),
        "{} against {}",
        dense(9.2, 11.0),
        dense(5.2, 8.0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn a_hit_is_not_struck_or_a_note_is_not_playable(
        lengths in prop::collection::vec(0.1f64..9.0, 1..16),
        seed in any::<u64>(),
        which in 0usize..64,
        valence in -1.0f64..1.0,
        arousal in -1.0f64..1.0,
    ) {
        let styles = style::builtin();
        let style = &styles[which % styles.len()];
        let mood = plain_mood(&style.name, valence, arousal);
        let (spotting, _, score) = piece(&lengths, style, &mood, seed);
        check(&spotting, &score, &mood, &style.name);
    }
}
