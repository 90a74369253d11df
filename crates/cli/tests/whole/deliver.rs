//! What lies beside the film: takes, stems and their sum, the cue sheet, and the next cut of the same film.

use serde_json::Value;

use crate::bench::Bench;

#[test]
fn stems_do_not_add_up_to_the_mix_before_its_master() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 4, 2.0, 25);
    bench.good(&[
        "score", "clip.mp4", "--sounds", "designer", "--mood", "rain", "--stems", "stems",
    ]);
    let mut sum: Vec<i64> = Vec::new();
    let mut stems = 0;
    for name in bench.names_in("stems").iter().filter(|name| *name != "premaster.wav") {
        let samples = bench.samples_24(&format!("stems/{name}"));
        sum.resize(sum.len().max(samples.len()), 0);
        sum.iter_mut().zip(&samples).for_each(|(sum, x)| *sum += i64::from(*x));
        stems += 1;
    }
    let whole = bench.samples_24("stems/premaster.wav");
    assert!(stems > 4, "{stems} stems");
    assert_eq!(sum.len(), whole.len());
    assert!(whole.iter().any(|x| x.abs() > 100_000), "the mix is silent");
    let worst = sum.iter().zip(&whole).map(|(a, b)| (a - i64::from(*b)).abs()).max();
    assert!(worst <= Some(2), "{worst:?} steps of 24 bits");
    let again = bench.run(&["render", "clip.mp4", "--stems", "stems"]);
    assert_eq!(again.code, 2, "{}", again.err);
}

#[cfg(unix)]
#[test]
fn what_is_delivered_can_be_read_by_its_maker_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.cuts("clip.mp4", 2, 1.0, 25);
    bench.good(&[
        "score",
        "clip.mp4",
        "--stems",
        "stems",
        "--midi",
        "a.mid",
        "--document",
        "a.json",
        "--timeline",
        "a.png",
        "--cue-sheet",
        "a.md",
    ]);
    let mode = |name: &str| {
        let meta = std::fs::metadata(bench.path(name)).expect("it is there");
        meta.permissions().mode() & 0o777
    };
    // As the person's mask has it, which a file of our own shows.
    std::fs::write(bench.path("mine"), "").expect("writes");
    let stems: Vec<String> = bench
        .names_in("stems")
        .iter()
        .map(|name| format!("stems/{name}"))
        .collect();
    let others = ["clip.scored.mp4", "a.mid", "a.json", "a.png", "a.md"];
    for name in others.into_iter().chain(stems.iter().map(String::as_str)) {
        assert_eq!(mode(name), mode("mine"), "{name}");
    }
}

#[test]
fn a_folder_as_the_output_is_taken_for_a_film_without_a_kind() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 2, 1.0, 25);
    bench.ffmpeg("-f lavfi -i sine=440:d=1 song.wav");
    bench.ffmpeg("-f lavfi -i testsrc=s=64x64 -frames:v 1 art.png");
    bench.good(&["score", "clip.mp4", "-o", "new/scored/"]);
    std::fs::create_dir(bench.path("there")).expect("a folder");
    bench.good(&[
        "film", "song.wav", "art.png", "--size", "64x64", "--fps", "10", "-o", "there",
    ]);
    assert_eq!(bench.names_in("new/scored"), ["clip.scored.mp4"]);
    assert_eq!(bench.names_in("there"), ["song.film.mp4"]);
}

#[test]
fn takes_are_not_kept_or_are_the_same_or_are_made_twice() {
    let bench = Bench::new();
    bench.cuts("clip.mp4", 4, 2.4, 25);
    let args = ["score", "clip.mp4", "--takes", "3", "--seed", "5"];
    let document = bench.document(&args);
    let ranked = document["takes"]["ranked"].as_array().expect("takes");
    assert_eq!(ranked.len(), 3);
    for (i, take) in ranked.iter().enumerate() {
        let reasons = take["reasons"].to_string();
        for name in ["sync: ", "voice leading: ", "variety: ", "mix: crest "] {
            assert!(reasons.contains(name), "{name} of take {}: {reasons}", i + 1);
        }
    }
    assert_eq!(ranked[1]["path"], "clip.scored.take-2.wav");
    let mut sounds = vec![bench.sound_md5("clip.scored.mp4")];
    for take in ["clip.scored.take-2.wav", "clip.scored.take-3.wav"] {
        assert_eq!(
            bench.probe(take, "-show_entries stream=codec_name,channels"),
            "pcm_s24le,2"
        );
        let length: f64 = bench
            .probe(take, "-show_entries format=duration")
            .parse()
            .expect("a length");
        assert!((length - 9.6).abs() < 0.04, "{length}");
        let (loudness, peak) = bench.loudness(take);
        assert!(
            (loudness + 14.0).abs() <= 0.3 && peak <= -0.9,
            "{loudness} LUFS, {peak} dBTP"
        );
        sounds.push(bench.sound_md5(take));
    }
    assert!(sounds[0] != sounds[1] && sounds[1] != sounds[2]);
    let written = |name: &str| {
        std::fs::metadata(bench.path(name))
            .and_then(|m| m.modified())
            .expect("a take")
    };
    let before = written("clip.scored.take-2.wav");
    let again = bench.document(&args);
    assert_eq!(before, written("clip.scored.take-2.wav"), "the take was written again");
    let stages = again["provenance"]["stages"].as_array().expect("stages");
    assert!(stages.iter().all(|stage| stage["how"] == "cached"), "{stages:?}");
    // Somebody's own file is not written over.
    std::fs::write(bench.path("clip.scored.take-2.wav"), "mine").expect("writes");
    let refused = bench.run(&args);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

#[test]
fn another_cut_of_the_film_gets_another_theme_or_the_old_hits() {
    let bench = Bench::new();
    bench.cuts("first.mp4", 6, 2.0, 25);
    bench.cuts("second.mp4", 5, 2.6, 25);
    let args = [
        "generate",
        "first.mp4",
        "--document",
        "d.json",
        "--seed",
        "7",
        "--mood",
        "hopeful, piano",
    ];
    let old = bench.document(&args);
    for round in 0..2 {
        let run = bench.good(&["generate", "second.mp4", "--document", "d.json"]);
        if round == 0 {
            assert!(
                (run.out.clone() + &run.err).contains("re-cut: the document was made for first.mp4"),
                "{}{}",
                run.out,
                run.err
            );
        }
        let text = std::fs::read_to_string(bench.path("d.json")).expect("reads");
        let new: Value = serde_json::from_str(&text).expect("parses");
        for what in ["style", "key", "seed", "meter"] {
            assert_eq!(old["cue_sheet"][what], new["cue_sheet"][what], "{what}");
        }
        let (a, b) = (&old["cue_sheet"]["motifs"][0], &new["cue_sheet"]["motifs"][0]);
        assert_eq!((&a["contour"], &a["rhythm"]), (&b["contour"], &b["rhythm"]));
        let taken: Vec<f64> = new["spotting"]["hits"]
            .as_array()
            .expect("hits")
            .iter()
            .filter(|hit| hit["taken"] == true && hit["kind"] == "cut")
            .filter_map(|hit| hit["time_s"].as_f64())
            .collect();
        let on_cut = |time: &f64| (1..5).any(|i| (time - 2.6 * f64::from(i)).abs() < 0.021);
        assert!(taken.len() >= 2 && taken.iter().all(on_cut), "{taken:?}");
    }
    // Another seed is another theme.
    let other = bench.document(&["generate", "second.mp4", "--document", "d.json", "--seed", "8"]);
    assert_ne!(
        old["cue_sheet"]["motifs"][0]["contour"],
        other["cue_sheet"]["motifs"][0]["contour"]
    );
}

/// Every tag is closed in its order, every attribute quoted, every sign escaped.
fn well_formed(html: &str) -> Result<(), String> {
    let body = html.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
    let mut open: Vec<&str> = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        if open.last() != Some(&"style")
            && (text.contains('>')
                || text
                    .replace("&amp;", "")
                    .replace("&lt;", "")
                    .replace("&gt;", "")
                    .replace("&quot;", "")
                    .contains('&'))
        {
            return Err(format!("an unescaped sign in {text:?}"));
        }
        let end = rest[at..].find('>').ok_or("a tag without end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().ok_or("an empty tag")?);
        }
        if tag.matches('"').count() % 2 != 0 {
            return Err(format!("quotes in <{tag}>"));
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("{open:?} stay open"))
    }
}

#[test]
fn the_cue_sheet_leaves_out_a_section_or_is_no_page() {
    let bench = Bench::new();
    assert!(bench.real("bikes.mp4"), "the real clips are missing: run scripts/media");
    let args = [
        "score",
        "bikes.mp4",
        "--sounds",
        "designer",
        "--mood",
        "city <rush> & \"hour\"",
    ];
    let html_args: Vec<&str> = args.into_iter().chain(["--cue-sheet", "sheet.html"]).collect();
    let document = bench.document(&html_args);
    let markdown_args: Vec<&str> = args.into_iter().chain(["--cue-sheet", "sheet.md"]).collect();
    bench.good(&markdown_args);
    let html = std::fs::read_to_string(bench.path("sheet.html")).expect("a page");
    let markdown = std::fs::read_to_string(bench.path("sheet.md")).expect("a page");
    well_formed(&html).unwrap_or_else(|why| panic!("{why}\n{html}"));
    let sheet = &document["cue_sheet"];
    for (i, section) in sheet["form"].as_array().expect("form").iter().enumerate() {
        let role = section["role"].as_str().expect("a role").replace('-', " ");
        assert!(
            markdown.contains(&format!("| {} | ", i + 1)) && markdown.contains(&role),
            "{role}"
        );
        assert!(html.contains(&format!("<td>{role}</td>")), "{role}");
    }
    for instrument in sheet["instruments"].as_array().expect("instruments") {
        let name = instrument["name"].as_str().expect("a name");
        assert!(html.contains(name) && markdown.contains(name), "{name}");
    }
    for heading in [
        "Sections",
        "Hits",
        "Effects",
        "Instruments",
        "Motifs",
        "Why",
        "Licences",
    ] {
        assert!(
            html.contains(&format!("<h2>{heading}</h2>")) && markdown.contains(&format!("## {heading}")),
            "{heading}"
        );
    }
    let chord = sheet["chords"][0]["symbol"].as_str().expect("a chord");
    assert!(html.contains(chord) && markdown.contains(chord));
    let wrong = bench.run(&["score", "bikes.mp4", "--cue-sheet", "sheet.pdf", "--force"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(wrong.err.contains(".html"), "{}", wrong.err);
}
