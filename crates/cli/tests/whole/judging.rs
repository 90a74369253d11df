//! `evaluate --report` and `compare`.

use std::fs;

use crate::bench::Bench;

/// Two films of six shots: one with a click on every cut, one with clicks between.
fn tight_and_loose() -> Bench {
    let bench = Bench::new();
    bench.cuts("mute.mp4", 6, 1.2, 25);
    for (name, late) in [("tight", "t"), ("loose", "t+0.5")] {
        bench.ffmpeg(&format!(
            "-i mute.mp4 -f lavfi -i aevalsrc=0.6*sin(2*PI*1500*({late}))*exp(-60*mod({late}\\,1.2)):s=48000:d=7.2 \
             -vf scale=640:360:flags=neighbor -c:v libx264 -preset ultrafast -c:a flac {name}.mkv"
        ));
    }
    bench
}

/// Panics unless every element is closed in order and nothing is fetched from elsewhere.
fn stands_alone(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes another element");
        } else if !tag.ends_with('/') {
            assert!(tag.matches('"').count().is_multiple_of(2), "<{tag}>");
            open.push(name);
            if name == "style" {
                rest = &rest[rest.find("</style>").expect("the style ends")..];
            }
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    for source in html.split("href=\"").skip(1).chain(html.split("src=\"").skip(1)) {
        assert!(
            source.starts_with("data:") || source.starts_with('#'),
            "{}",
            &source[..40]
        );
    }
    assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("<script"));
}

#[test]
fn a_report_fetches_something_or_leaves_a_figure_out() {
    let bench = tight_and_loose();
    let document = bench.document(&["evaluate", "tight.mkv", "--report", "a <b> & c.html"]);
    let html = fs::read_to_string(bench.path("a <b> & c.html")).expect("a report");
    stands_alone(&html);
    let verdict = document["sync"]["verdict"].as_str().expect("a verdict");
    for part in [
        verdict,
        "Hits within a frame",
        "Beat alignment",
        "Rhythm consistency",
        "mel spectrogram",
        "Onset strength",
        "Picture change",
        "DTW",
        "prefers-color-scheme: dark",
    ] {
        assert!(html.contains(part), "{part} is missing");
    }
    assert_eq!(html.matches("class=\"heard\"").count(), 10, "five hits on two lanes");
    let events: Vec<f64> = document["sync"]["rhythm"]["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(serde_json::Value::as_f64)
        .collect();
    assert!(
        !events.is_empty() && events.windows(2).all(|w| w[1] - w[0] >= 0.999),
        "{events:?}"
    );
    bench.good(&["evaluate", "mute.mp4", "--audio", "loose.mkv", "--report", "pair.html"]);
    stands_alone(&fs::read_to_string(bench.path("pair.html")).expect("a report"));
    let nowhere = bench.run(&["evaluate", "tight.mkv", "--report", "none/here.html"]);
    assert!(
        nowhere.code != 0 && nowhere.err.contains("here.html"),
        "{}",
        nowhere.err
    );
}

#[test]
fn compare_prefers_the_loose_film_or_forgets_a_side() {
    let bench = tight_and_loose();
    let run = bench.good(&["compare", "tight.mkv", "loose.mkv", "--report", "both.html"]);
    assert!(
        run.out.contains("tight.mkv holds together better than loose.mkv"),
        "{}",
        run.out
    );
    let html = fs::read_to_string(bench.path("both.html")).expect("a report");
    stands_alone(&html);
    assert!(html.contains("<table>") && html.contains("id=\"strip1\""));
    for name in ["tight", "loose"] {
        let out = bench.good(&["evaluate", &format!("{name}.mkv"), "--json"]).out;
        fs::write(bench.path(&format!("{name}.json")), out).expect("writes");
    }
    let both = bench.document(&["compare", "loose.json", "tight.json", "--report", "documents.html"]);
    assert_eq!(both["schema"], "synchresis/comparison/1");
    assert_eq!(both["b"]["sync"]["hit_rate_1f"]["value"], 1.0);
    assert!(
        both["verdict"]
            .as_str()
            .is_some_and(|v| v.starts_with("tight.json holds")),
        "{both}"
    );
    stands_alone(&fs::read_to_string(bench.path("documents.html")).expect("a report"));
    fs::write(bench.path("none.json"), "{\"schema\": \"synchresis/1\"}").expect("writes");
    let refused = bench.run(&["compare", "none.json", "tight.json"]);
    assert!(refused.code != 0 && refused.err.contains("hint:"), "{}", refused.err);
}
