//! Who may come in, and how much they may ask.

use crate::desk::{Desk, clip};
use crate::wire::{Part, ask, form};

#[test]
fn anybody_comes_in_where_a_token_is_needed() {
    let desk = Desk::new().with("SYNCHRESIS_TOKEN", "open-sesame");
    let server = desk.serve(&["--host", "0.0.0.0", "--jobs", "0"]);
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    let get = |path: &str, headers: &[(&str, &str)]| ask(at, "GET", path, headers, &[]);
    assert_eq!(get("/healthz", &[]).status, 200);
    for path in ["/api/v1/jobs", "/metrics", "/api/v1/openapi.json"] {
        let refused = get(path, &[]);
        assert_eq!(
            (refused.status, refused.header("www-authenticate")),
            (401, Some("Bearer")),
            "{path}"
        );
        assert_eq!(get(path, &[("Authorization", "Bearer wrong")]).status, 401, "{path}");
        assert_eq!(
            get(path, &[("Authorization", "Bearer open-sesame")]).status,
            200,
            "{path}"
        );
    }
    // A browser is sent to the door, and comes in with a cookie that is not the token.
    let door = get("/", &[("Accept", "text/html")]);
    assert_eq!((door.status, door.header("location")), (303, Some("/login")));
    let login = |token: &str| {
        let body = format!("token={token}");
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        ask(at, "POST", "/login", &[kind], body.as_bytes())
    };
    assert_eq!(login("wrong").status, 401);
    let entered = login("open-sesame");
    assert_eq!(entered.status, 303);
    let cookie = entered.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("open-sesame"));
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    assert_eq!(get("/api/v1/jobs", &[("Cookie", &cookie)]).status, 200);
    // With the cookie alone, a page of another site may not ask for changes.
    let (content_type, body) = form(&[Part::File("file", "a.mp4", clip())]);
    let foreign = [
        ("Content-Type", content_type.as_str()),
        ("Cookie", cookie.as_str()),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    assert_eq!(ask(at, "POST", "/api/v1/jobs", &foreign, &body).status, 403);
    let log = server.log();
    assert!(!log.contains("open-sesame"), "the log tells the token: {log}");
}

#[test]
fn a_server_opens_to_others_without_a_token() {
    let desk = Desk::new();
    let out = desk
        .command(&["serve", "--port", "0", "--host", "0.0.0.0"])
        .output()
        .expect("starts");
    assert_eq!(out.status.code(), Some(2));
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(err.contains("token") && err.contains("hint:"), "{err}");
}

#[test]
fn a_page_elsewhere_uses_the_server_of_this_machine() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let host = [("Host", "evil.example")];
    assert_eq!(ask(server.address, "GET", "/api/v1/jobs", &host, &[]).status, 421);
    let (content_type, body) = form(&[Part::File("file", "a.mp4", clip())]);
    let origin = [
        ("Content-Type", content_type.as_str()),
        ("Origin", "http://evil.example"),
    ];
    assert_eq!(ask(server.address, "POST", "/api/v1/jobs", &origin, &body).status, 403);
}

#[test]
fn a_client_asks_for_more_than_it_may() {
    let desk = Desk::new();
    let server = desk.serve(&[
        "--jobs",
        "0",
        "--limit-jobs",
        "2",
        "--limit-upload",
        "1",
        "--limit-rate",
        "6",
    ]);
    for _ in 0..2 {
        server.job(&[Part::File("file", "a.mp4", clip())]);
    }
    let third = server.post(&[Part::File("file", "a.mp4", clip())]);
    assert_eq!(third.status, 429, "{}", third.text());
    assert!(third.header("retry-after").is_some());
    let large = vec![7u8; 1_500_000];
    let announced = server.post(&[Part::File("file", "a.mp4", &large)]);
    assert!(matches!(announced.status, 413 | 429), "{}", announced.text());
    let mut last = 0;
    for _ in 0..8 {
        last = server.post(&[Part::Text("style", "ambient")]).status;
    }
    assert_eq!(last, 429);
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_upload_beyond_the_limit_is_taken_in() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0", "--limit-upload", "1"]);
    let mut large = clip().to_vec();
    large.resize(1_200_000, 0);
    let answer = server.post(&[Part::File("file", "a.mp4", &large)]);
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!((desk.objects(), desk.left_over().len()), (0, 0));
}

#[test]
fn what_is_old_stays() {
    let desk = Desk::new();
    // Kept for no time at all, swept every second.
    let server = desk.serve(&["--keep", "0.0003", "--stray", "0.02"]);
    let id = server.job(&[Part::File("file", "a.mp4", clip()), Part::Text("deliver", "none")]);
    let began = std::time::Instant::now();
    while server.get(&format!("/api/v1/jobs/{id}")).status != 404 || desk.objects() > 0 {
        assert!(
            began.elapsed().as_secs() < 60,
            "{} objects\n{}",
            desk.objects(),
            server.log()
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
