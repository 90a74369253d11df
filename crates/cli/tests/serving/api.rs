//! What a client can ask, on small real media.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::desk::{Desk, artwork, clip, long_clip, song};
use crate::wire::{Part, ask, follow, form};

fn artefact<'a>(view: &'a Value, name: &str) -> &'a Value {
    view["artefacts"]
        .as_array()
        .and_then(|artefacts| artefacts.iter().find(|artefact| artefact["name"] == name))
        .unwrap_or_else(|| panic!("no {name} in {view:#}"))
}

#[test]
fn a_clip_does_not_come_back_with_its_sound() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let answer = server.post(&[
        Part::File("file", "../../holiday clip.mp4", clip()),
        Part::Text("style", "ambient"),
        Part::Text(
            "deliver",
            "midi,stems,waveform,filmstrip,frames,report,wav,cue-sheet,timeline,musicxml",
        ),
    ]);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["id"].as_str().expect("a name").to_owned();
    assert_eq!(answer.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
    let events = follow(server.address, &format!("/api/v1/jobs/{id}/events"), |_| false);
    let last = events.last().expect("events");
    assert_eq!(last["status"], "done", "{last:#}\n{}", server.log());
    let progress: Vec<f64> = events.iter().filter_map(|event| event["progress"].as_f64()).collect();
    assert!(progress.windows(2).all(|pair| pair[0] <= pair[1]), "{progress:?}");
    assert_eq!(last["inputs"][0]["name"], "holiday clip.mp4");
    for name in [
        "film.mp4",
        "document.json",
        "music.mid",
        "music.musicxml",
        "stems.zip",
        "sound.wav",
        "waveform.json",
        "filmstrip.jpg",
        "filmstrip.json",
        "frame-33.jpg",
        "frame-66.jpg",
        "frame-medoid.jpg",
        "report.html",
        "cue-sheet.html",
        "timeline.png",
    ] {
        let listed = artefact(last, name);
        let got = server.get(listed["url"].as_str().expect("a url"));
        assert_eq!(
            (got.status, got.body.len() as u64),
            (200, listed["bytes"].as_u64().expect("bytes")),
            "{name}"
        );
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"), "{name}");
        assert!(
            got.header("content-security-policy")
                .is_some_and(|policy| policy.contains("sandbox")),
            "{name}"
        );
        assert!(
            !got.text().contains(desk.dir.path().to_str().expect("a path")),
            "{name} tells where files lie"
        );
    }
    // The film is a film with sound.
    let film = server.get(artefact(last, "film.mp4")["url"].as_str().expect("a url"));
    let path = desk.dir.path().join("got.mp4");
    fs::write(&path, &film.body).expect("writes");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .expect("ffprobe starts");
    let streams = String::from_utf8_lossy(&probe.stdout).into_owned();
    assert!(streams.contains("video") && streams.contains("audio"), "{streams}");
    let saved = server.get(&format!("/api/v1/jobs/{id}/artefacts/film.mp4?download=true"));
    assert!(
        saved
            .header("content-disposition")
            .is_some_and(|value| value.starts_with("attachment; filename=\"holiday clip.film.mp4\"")),
        "{:?}",
        saved.headers
    );
    let document = server.get(&format!("/api/v1/jobs/{id}/document")).json();
    assert_eq!(document["video_input"]["video_name"], "holiday clip.mp4");
    assert_eq!(document["options"]["style"], "ambient");
    // The command makes the same music of the same brief.
    fs::write(desk.dir.path().join("clip.mp4"), clip()).expect("writes");
    let out = desk
        .command(&[
            "score", "clip.mp4", "--style", "ambient", "--midi", "same.mid", "--quiet",
        ])
        .output()
        .expect("starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let midi = server.get(&format!("/api/v1/jobs/{id}/artefacts/music.mid"));
    assert_eq!(midi.body, fs::read(desk.dir.path().join("same.mid")).expect("reads"));
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_part_of_a_file_is_another_part() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let id = server.job(&[Part::File("file", "a.mp4", clip())]);
    let url = format!("/api/v1/jobs/{id}/inputs/0");
    let part = |range: &str| ask(server.address, "GET", &url, &[("Range", range)], &[]);
    let first = part("bytes=0-9");
    assert_eq!((first.status, first.body.as_slice()), (206, &clip()[..10]));
    let whole = clip().len();
    assert_eq!(
        first.header("content-range"),
        Some(format!("bytes 0-9/{whole}").as_str())
    );
    let last = part("bytes=-7");
    assert_eq!((last.status, last.body.as_slice()), (206, &clip()[whole - 7..]));
    let beyond = part(&format!("bytes={whole}-"));
    assert_eq!(beyond.status, 416);
    assert_eq!(
        beyond.header("content-range"),
        Some(format!("bytes */{whole}").as_str())
    );
    let all = server.get(&url);
    assert_eq!((all.status, all.body.as_slice()), (200, clip()));
    let tag = all.header("etag").expect("a tag").to_owned();
    assert_eq!(
        ask(server.address, "GET", &url, &[("If-None-Match", &tag)], &[]).status,
        304
    );
    let stale = ask(
        server.address,
        "GET",
        &url,
        &[("Range", "bytes=0-9"), ("If-Range", "\"other\"")],
        &[],
    );
    assert_eq!((stale.status, stale.body.len()), (200, whole));
}

#[test]
fn a_job_does_not_go_on_where_another_ended() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    // First only looked at; then scored with other words; then mixed anew; then a section composed anew.
    let looked = server.job(&[Part::File("file", "a.mp4", clip()), Part::Text("kind", "watch")]);
    let view = server.done(&looked);
    artefact(&view, "frame-medoid.jpg");
    let document = server.get(&format!("/api/v1/jobs/{looked}/document")).json();
    assert!(document["prompt_combiner"]["prompt"].is_string(), "{document:#}");
    for which in ["33%25", "66%25", "medoid", "1.5s"] {
        let frame = server.get(&format!("/api/v1/jobs/{looked}/frames/{which}"));
        assert_eq!(
            (frame.status, frame.header("content-type")),
            (200, Some("image/jpeg")),
            "{which}"
        );
        assert_eq!(&frame.body[..3], b"\xff\xd8\xff");
    }
    assert_eq!(server.get(&format!("/api/v1/jobs/{looked}/frames/x")).status, 400);
    let answer = server.post_json(&json!({"from": looked, "options": {"frame": "66%", "style": "rock", "seed": 5}}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["kind"], "score");
    let scored = answer.json()["id"].as_str().expect("a name").to_owned();
    server.done(&scored);
    let quieter = server.post_json(&json!({"from": scored, "options": {"music-volume": 0.25}, "deliver": []}));
    let quieter = quieter.json()["id"].as_str().expect("a name").to_owned();
    let view = server.done(&quieter);
    let took = view["finished"].as_i64().expect("a time") - view["created"].as_i64().expect("a time");
    let document = server.get(&format!("/api/v1/jobs/{quieter}/document")).json();
    assert_eq!(document["options"]["music_volume"], 0.25);
    assert_eq!(document["options"]["style"], "rock");
    let made: Vec<&str> = document["provenance"]["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .filter(|stage| stage["how"] == "made")
        .filter_map(|stage| stage["section"].as_str())
        .collect();
    assert!(
        !made.contains(&"sighting") && !made.contains(&"score"),
        "{made:?} in {took} ms"
    );
    let again = server.post_json(&json!({"from": scored, "options": {"keep-sections": [1], "seed": 9}}));
    let again = server.done(again.json()["id"].as_str().expect("a name"));
    assert_eq!(again["options"]["seed"], "9");
    // A document alone is enough, since it names its clip by content.
    let alone = server.post_json(&json!({"document": document, "options": {"music-volume": 0.5}}));
    assert_eq!(alone.status, 201, "{}", alone.text());
    let alone = server.done(alone.json()["id"].as_str().expect("a name"));
    assert_eq!(alone["inputs"][0]["name"], "document.json");
}

#[test]
fn a_film_or_a_judgement_is_not_made() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let (song, art) = (song(), artwork());
    let film = server.job(&[
        Part::Text("kind", "film"),
        Part::File("song", "tune.mp3", &song),
        Part::File("art", "a.png", &art),
        Part::Text("size", "64x64"),
        Part::Text("fps", "12"),
    ]);
    let view = server.done(&film);
    let url = artefact(&view, "film.mp4")["url"].as_str().expect("a url").to_owned();
    let film = server.get(&url).body;
    let (content_type, body) = form(&[Part::File("file", "film.mp4", &film)]);
    let answer = ask(
        server.address,
        "POST",
        "/api/v1/evaluate",
        &[("Content-Type", &content_type)],
        &body,
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    let judged = server.done(answer.json()["id"].as_str().expect("a name"));
    assert_eq!(judged["kind"], "evaluate");
    artefact(&judged, "report.html");
    let id = judged["id"].as_str().expect("a name");
    assert!(server.get(&format!("/api/v1/jobs/{id}/document")).json()["sync"].is_object());
}

#[test]
fn the_same_request_twice_makes_two_jobs() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let send = |key: &str, style: &str| {
        let (content_type, body) = form(&[Part::File("file", "a.mp4", clip()), Part::Text("style", style)]);
        ask(
            server.address,
            "POST",
            "/api/v1/jobs",
            &[("Content-Type", &content_type), ("Idempotency-Key", key)],
            &body,
        )
    };
    let first = send("once", "ambient");
    assert_eq!(first.status, 201, "{}", first.text());
    let second = send("once", "ambient");
    assert_eq!((second.status, &second.json()["id"]), (200, &first.json()["id"]));
    assert_eq!(send("once", "rock").status, 422);
    assert_eq!(send("twice", "ambient").status, 201);
    let listed = server.get("/api/v1/jobs?limit=1").json();
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(1));
    let next = listed["next"].as_str().expect("more");
    let rest = server.get(&format!("/api/v1/jobs?before={next}")).json();
    assert_eq!(
        (rest["jobs"].as_array().map(Vec::len), &rest["next"]),
        (Some(1), &Value::Null)
    );
}

#[test]
fn a_job_goes_on_after_it_was_stopped() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let running = server.job(&[Part::File("file", "long.mp4", long_clip())]);
    let waiting = server.job(&[Part::File("file", "a.mp4", clip())]);
    server.until(&running, 60, |view| {
        view["status"] == "running" && view["stage"] == "watching"
    });
    assert_eq!(server.delete(&format!("/api/v1/jobs/{waiting}")).status, 202);
    assert_eq!(server.view(&waiting)["status"], "cancelled");
    let began = std::time::Instant::now();
    assert_eq!(server.delete(&format!("/api/v1/jobs/{running}")).status, 202);
    let view = server.ended(&running);
    assert_eq!(view["status"], "cancelled");
    let took = began.elapsed().as_secs_f64();
    assert!(took < 2.0, "{took} s");
    // Once more forgets it.
    assert_eq!(server.delete(&format!("/api/v1/jobs/{running}")).status, 204);
    assert_eq!(server.get(&format!("/api/v1/jobs/{running}")).status, 404);
}

#[test]
fn a_mistake_is_not_told_as_a_problem() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let clip = Part::File("file", "a.mp4", clip());
    let wrong = [
        (vec![Part::Text("style", "ambient")], 422, "file"),
        (
            vec![
                Part::File("file", "a.mp4", self::clip()),
                Part::Text("style", "/etc/passwd"),
            ],
            422,
            "style",
        ),
        (
            vec![
                Part::File("file", "a.mp4", self::clip()),
                Part::Text("soundbank", "/etc/passwd"),
            ],
            422,
            "soundbank",
        ),
        (
            vec![Part::File("file", "a.mp4", self::clip()), Part::Text("nothing", "1")],
            422,
            "nothing",
        ),
        (
            vec![
                Part::File("file", "a.mp4", self::clip()),
                Part::Text("music", "barrel-organ"),
            ],
            422,
            "music",
        ),
        (
            vec![
                Part::File("file", "a.mp4", self::clip()),
                Part::Text("music-volume", "3"),
            ],
            422,
            "music-volume",
        ),
        (
            vec![Part::File("file", "a.mp4", self::clip()), Part::Text("kind", "dance")],
            422,
            "kind",
        ),
        (
            vec![Part::File("file", "a.mp4", self::clip()), Part::Text("from", "nobody")],
            404,
            "from",
        ),
        (vec![clip, Part::Text("kind", "film")], 422, "art"),
    ];
    for (parts, status, field) in &wrong {
        let answer = server.post(parts);
        assert_eq!(answer.status, *status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["field"], *field, "{problem}");
        assert!(
            problem["title"].is_string() && problem["detail"].is_string(),
            "{problem}"
        );
    }
    for path in [
        "/nothing",
        "/api/v1/jobs/x",
        "/api/v1/jobs/01M7ZP7V4G0AT548N0BXEBG3Z4/document",
    ] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, Some("application/problem+json")),
            "{path}"
        );
    }
    assert_eq!(server.delete("/healthz").status, 405);
    assert_eq!(server.get("/api/v1/jobs?limit=x").status, 400);
    assert_eq!(server.get("/api/v1/jobs?status=x").status, 400);
    assert_eq!(desk.objects(), 0, "what was refused is kept");
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_catalogue_or_the_description_is_missing() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let here = &server.get("/api/v1/engines").json()["here"];
    // No models lie there: what needs none is offered.
    assert_eq!(here["music"], json!(["composer", "none"]), "{here}");
    assert_eq!(here["describe"], json!(["auto", "none"]), "{here}");
    let read = server.get("/api/v1/mood?words=calma%2C%20pianoforte%2C%20quux").json();
    assert_eq!(
        (&read["understood"], &read["unknown"]),
        (&json!(["calma", "pianoforte"]), &json!(["quux"]))
    );
    assert_eq!(server.get("/api/v1/mood").status, 400);
    let styles = server.get("/api/v1/styles").json();
    assert!(styles.as_array().is_some_and(|styles| styles.len() >= 18));
    let engines = server.get("/api/v1/engines").json();
    assert!(
        engines["music"]
            .as_array()
            .is_some_and(|music| music.contains(&json!("composer")))
    );
    assert_eq!(engines["kinds"][0]["defaults"]["loudness"], -14.0);
    let description = server.get("/api/v1/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["paths"]["/api/v1/jobs/{id}/events"]["get"].is_object());
    let page = server.get("/api/v1/docs");
    assert!(page.text().contains("POST /api/v1/jobs") && !page.text().contains("<script"));
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    let metrics = server.get("/metrics").text();
    assert!(
        metrics.contains("synchresis_answers_total") && metrics.ends_with("# EOF\n"),
        "{metrics}"
    );
}

#[test]
fn the_page_without_a_script_does_not_take_a_clip() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let home = server.get("/");
    assert_eq!(home.status, 200);
    let policy = home.header("content-security-policy").expect("a policy").to_owned();
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let (content_type, body) = form(&[
        Part::File("file", "a.mp4", clip()),
        Part::Text("style", ""),
        Part::Text("mood", ""),
    ]);
    let answer = ask(server.address, "POST", "/", &[("Content-Type", &content_type)], &body);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let place = answer.header("location").expect("a place").to_owned();
    let id = place.rsplit('/').next().expect("a name");
    server.done(id);
    let page = server.get(&place).text();
    assert!(
        page.contains(&format!("/api/v1/jobs/{id}/artefacts/film.mp4?download=true")),
        "{page}"
    );
}
