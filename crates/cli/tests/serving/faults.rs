//! Processes that die, decoders that crash, disks that fill.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::desk::{Desk, clip, long_clip};
use crate::wire::{Part, abandon, form};

#[test]
fn a_server_that_is_killed_loses_its_queue_or_its_history() {
    let desk = Desk::new();
    let server = desk.serve(&["--lease", "4"]);
    let before = server.job(&[Part::File("file", "a.mp4", clip()), Part::Text("deliver", "none")]);
    server.done(&before);
    let running = server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")]);
    let waiting = server.job(&[Part::File("file", "b.mp4", clip()), Part::Text("seed", "3")]);
    server.until(&running, 60, |view| view["status"] == "running");
    server.kill();
    let server = desk.serve(&["--lease", "4"]);
    assert_eq!(server.view(&before)["status"], "done");
    assert_eq!(
        server.get(&format!("/api/v1/jobs/{before}/artefacts/film.mp4")).status,
        200
    );
    server.done(&waiting);
    let view = server.done(&running);
    assert_eq!(view["attempts"], 2, "{view:#}");
    let listed = server.get("/api/v1/jobs").json();
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(3));
    // What the dead one had under way is cleared.
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_worker_that_is_killed_takes_its_job_with_it() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let first = desk.worker(&["--lease", "4"]);
    let id = server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")]);
    server.until(&id, 60, |view| view["status"] == "running");
    let second = desk.worker(&["--lease", "4"]);
    first.kill();
    let view = server.done(&id);
    assert_eq!(view["attempts"], 2, "{view:#}");
    // Once: nothing happens to it afterwards.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.view(&id)["version"], view["version"]);
    drop(second);
}

#[test]
#[ignore = "three deaths and their leases take half a minute; make test-all"]
fn a_job_that_kills_its_worker_kills_them_all() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let id = server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")]);
    for attempt in 1..=3 {
        let worker = desk.worker(&["--lease", "4"]);
        server.until(&id, 60, |view| {
            view["status"] == "running" && view["attempts"] == attempt
        });
        worker.kill();
    }
    let _worker = desk.worker(&["--lease", "4"]);
    let view = server.ended(&id);
    assert_eq!(view["status"], "failed", "{view:#}");
    assert_eq!(view["error"]["set_aside"], true, "{view:#}");
    assert!(
        view["error"]["detail"]
            .as_str()
            .is_some_and(|why| why.contains("3 attempts")),
        "{view:#}"
    );
}

#[test]
fn a_decoder_that_crashes_is_asked_for_ever() {
    let desk = Desk::new();
    // ffmpeg that answers what it is asked about itself, and dies of anything else.
    let tools = desk.dir.path().join("tools");
    fs::create_dir(&tools).expect("a folder");
    let which = |name: &str| {
        let out = Command::new("sh")
            .args(["-c", &format!("command -v {name}")])
            .output()
            .expect("sh");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let ffmpeg = tools.join("ffmpeg");
    // A program of its own: within the walls no shell would start.
    let source = format!(
        "#include <signal.h>\n#include <string.h>\n#include <unistd.h>\nint main(int n, char **a) {{ for (int i = 1; i < n; i++)\n\
         if (!strcmp(a[i], \"-version\") || !strcmp(a[i], \"-encoders\") || !strcmp(a[i], \"-muxers\")) return execv(\"{}\", a);\n\
         return raise(SIGSEGV); }}\n",
        which("ffmpeg")
    );
    fs::write(tools.join("crash.c"), source).expect("writes");
    let made = Command::new("cc")
        .arg("-o")
        .arg(&ffmpeg)
        .arg(tools.join("crash.c"))
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "a C compiler; `make test` installs it"
    );
    std::os::unix::fs::symlink(which("ffprobe"), tools.join("ffprobe")).expect("links");
    let server = desk.serve(&["--ffmpeg", ffmpeg.to_str().expect("a path")]);
    let id = server.job(&[Part::File("file", "a.mp4", clip())]);
    let view = server.ended(&id);
    assert_eq!(
        (&view["status"], &view["attempts"]),
        (&"failed".into(), &3.into()),
        "{view:#}"
    );
    assert_eq!(view["error"]["set_aside"], true, "{view:#}");
    let why = view["error"]["detail"].as_str().expect("a reason");
    assert!(
        why.contains("a.mp4") && !why.contains(desk.dir.path().to_str().expect("a path")),
        "{why}"
    );
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_server_that_is_asked_to_end_drops_what_it_does() {
    let desk = Desk::new();
    let mut server = desk.serve(&["--grace", "1"]);
    let running = server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")]);
    server.until(&running, 60, |view| {
        view["status"] == "running" && view["stage"] == "watching"
    });
    let began = Instant::now();
    let code = server.terminate();
    assert!(matches!(code, 0), "{code}\n{}", server.log());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let server = desk.serve(&[]);
    let view = server.done(&running);
    assert_eq!(view["attempts"], 1, "an attempt that was put back counts: {view:#}");
}

#[test]
fn a_client_that_goes_away_leaves_half_a_file() {
    let desk = Desk::new();
    let server = desk.serve(&["--jobs", "0"]);
    let (content_type, body) = form(&[Part::File("file", "a.mp4", long_clip())]);
    for part in [2, 3, 5, 10] {
        abandon(server.address, &body[..body.len() / part], &content_type);
    }
    let began = Instant::now();
    while !desk.left_over().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", desk.left_over());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(desk.objects(), 0);
    assert_eq!(
        server.get("/api/v1/jobs").json()["jobs"].as_array().map(Vec::len),
        Some(0)
    );
}

/// A disk of so many kilobytes at `folder`; `None` where we may not make one.
struct SmallDisk<'a>(&'a std::path::Path);

impl<'a> SmallDisk<'a> {
    fn new(folder: &'a std::path::Path, kilobytes: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(folder)
            .output();
        made.is_ok_and(|out| out.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_brings_the_server_down() {
    // Full while the clip is looked at, so that not even the record can be written, and while its music is rendered.
    for kilobytes in [1600, 3000, 4200] {
        let desk = Desk::new();
        let data = desk.data();
        let Some(_disk) = SmallDisk::new(&data, kilobytes) else {
            eprintln!("skipped: only root can mount a small disk to be filled");
            return;
        };
        fills_up(&desk, &data.join("cache"));
    }
}

fn fills_up(desk: &Desk, cache: &std::path::Path) {
    let server = desk.serve(&["--limit-free", "0", "--cache-dir", cache.to_str().expect("a path")]);
    // The upload fits, what the job would keep does not: three attempts, then put aside with the reason.
    let id = server.job(&[Part::File("file", "a.mp4", clip())]);
    let view = server.ended(&id);
    assert_eq!(
        (&view["status"], &view["error"]["code"]),
        (&"failed".into(), &1.into()),
        "{view:#}"
    );
    assert_eq!(view["error"]["set_aside"], true, "{view:#}");
    // An upload that does not fit is refused as such, and leaves nothing.
    let mut large = clip().to_vec();
    large.resize(8_000_000, 1);
    let answer = server.post(&[Part::File("file", "b.mp4", &large)]);
    assert_eq!(answer.status, 507, "{}", answer.text());
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_does_not_come_back_when_others_filled_the_disk_for_a_while() {
    let desk = Desk::new();
    let data = desk.data();
    let Some(_disk) = SmallDisk::new(&data, 12_000) else {
        eprintln!("skipped: only root can mount a small disk to be filled");
        return;
    };
    let cache = desk.dir.path().join("cache");
    let server = desk.serve(&["--limit-free", "0", "--cache-dir", cache.to_str().expect("a path")]);
    let filler = data.join("filler");
    // The database asks for more room again and again, on each of its eight connections, while there is none.
    let full = fs::write(&filler, vec![1; 13_000_000]).expect_err("it holds 12 MB");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let began = Instant::now();
    while server.log().matches("the queue failed").count() < 10 {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    fs::remove_file(&filler).expect("goes");
    let id = server.job(&[Part::File("file", "a.mp4", clip())]);
    server.until(&id, 60, |view| view["status"] == "done");
}

#[test]
fn a_place_where_nothing_can_lie_is_told_without_a_way_out() {
    let desk = Desk::new();
    let broken = desk.dir.path().join("broken");
    fs::create_dir(&broken).expect("a folder");
    fs::write(broken.join("jobs.sqlite"), [7; 5000]).expect("writes");
    let file = desk.dir.path().join("file");
    fs::write(&file, "").expect("writes");
    let (broken, file) = (broken.to_str().expect("a path"), file.to_str().expect("a path"));
    let nobody = "postgres://someone:secret@127.0.0.1:1/films";
    for (args, code, says) in [
        (["--data-dir", broken], 1, "jobs.sqlite"),
        (["--data-dir", file], 2, "--data-dir"),
        (["--cache-dir", file], 2, "--cache-dir"),
        (["--database", "postgres://"], 1, "hint:"),
        (["--database", "mysql://127.0.0.1"], 2, "postgres://"),
        (["--database", nobody], 1, "127.0.0.1:1/films: error communicating"),
    ] {
        let out = desk.command(&[&["serve", "--port", "0"], &args[..]].concat()).output();
        let out = out.expect("it starts");
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {err}");
        assert!(err.contains(says) && err.contains("hint:"), "{args:?}: {err}");
        assert!(!err.contains("secret"), "{args:?}: {err}");
    }
}
