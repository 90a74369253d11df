//! Ctrl-C in the middle of each stage.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::bench::Bench;

#[test]
fn ctrl_c_leaves_a_film_an_orphan_or_another_exit_code() {
    let bench = Bench::new();
    bench.ffmpeg("-f lavfi -i testsrc2=s=1280x720:r=30:d=40 -c:v libx264 -preset ultrafast -pix_fmt yuv420p long.mp4");
    let mut cancelled = 0;
    for delay in [30, 150, 400, 900, 1500, 2200, 3000] {
        let child = bench
            .command(&["score", "long.mp4", "--no-cache", "--force"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        sleep(Duration::from_millis(delay));
        let id = child.id();
        let _ = std::process::Command::new("kill")
            .args(["-INT", &id.to_string()])
            .status();
        let out = child.wait_with_output().expect("ends");
        // A fast machine may be done before the signal comes.
        if out.status.code() == Some(0) {
            std::fs::remove_file(bench.path("long.scored.mp4")).expect("the film of a finished run");
            continue;
        }
        assert_eq!(
            out.status.code(),
            Some(130),
            "after {delay} ms: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        cancelled += 1;
        assert_eq!(bench.names(), ["long.mp4"], "after {delay} ms");
        assert_eq!(outlived(&bench), 0, "a child outlived its parent after {delay} ms");
    }
    assert!(cancelled > 0, "no run was slow enough to be cancelled");
}

/// Processes that still have the test's folder on their command line.
fn outlived(bench: &Bench) -> usize {
    let folder = bench.work().display().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(&folder))
        .count()
}
