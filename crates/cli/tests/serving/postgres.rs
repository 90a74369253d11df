//! Several workers on one PostgreSQL, and what befalls them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::desk::{Desk, Process, clip, long_clip};
use crate::wire::Part;

/// A PostgreSQL of the test's own, ended with its handle.
struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    /// `None`, and a word why, where PostgreSQL is not installed.
    fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let bin = versions
            .map(|entry| entry.path().join("bin"))
            .chain(["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"].map(PathBuf::from))
            .find(|bin| bin.join("initdb").is_file());
        let Some(bin) = bin else {
            eprintln!("skipped: PostgreSQL is not installed; make test-all installs it");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let dir = tempfile::tempdir().expect("a folder");
        let postgres = Self { dir, bin, port };
        if am_root() {
            let made = Command::new("chown").arg("postgres").arg(postgres.dir.path()).status();
            assert!(
                made.is_ok_and(|status| status.success()),
                "the user postgres gets the folder"
            );
        }
        let data = postgres.data();
        postgres.run("initdb", &["-D", &data, "-A", "trust", "-U", "postgres", "--no-sync"]);
        postgres.up();
        Some(postgres)
    }

    fn data(&self) -> String {
        self.dir.path().join("db").display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) {
        let program = self.bin.join(program);
        let mut command = if am_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let log =
            std::fs::File::create(std::env::temp_dir().join(format!("postgres-{}.log", self.port))).expect("a log");
        let status = command
            .args(args)
            .current_dir(Path::new("/"))
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .status()
            .expect("it starts");
        assert!(status.success(), "{args:?}");
    }

    fn up(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off",
            self.port
        );
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-o", &options, "start"]);
    }

    fn down(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::path::Path::new(&self.data()).join("postmaster.pid").exists() {
            self.down();
        }
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("postgres-{}.log", self.port)));
        if am_root() {
            let _ = Command::new("rm").arg("-rf").arg(self.data()).status();
        }
    }
}

fn am_root() -> bool {
    let out = Command::new("id").arg("-u").output().expect("id");
    String::from_utf8_lossy(&out.stdout).trim() == "0"
}

fn shared(postgres: &Postgres) -> (Desk, Process) {
    let desk = Desk::new().with("SYNCHRESIS_DATABASE", &postgres.url());
    let server = desk.serve(&["--jobs", "0", "--limit-rate", "1000"]);
    (desk, server)
}

#[test]
#[ignore = "needs PostgreSQL; make test-all"]
fn two_workers_do_one_job_twice_or_leave_it_to_each_other() {
    let Some(postgres) = Postgres::start() else { return };
    let (desk, server) = shared(&postgres);
    let mut workers = [desk.worker(&[]), desk.worker(&[])];
    let ids: Vec<String> = (0..12)
        .map(|seed: u32| {
            server.job(&[
                Part::File("file", "a.mp4", clip()),
                Part::Text("seed", &seed.to_string()),
                Part::Text("deliver", "none"),
            ])
        })
        .collect();
    for id in &ids {
        assert_eq!(server.done(id)["attempts"], 1);
    }
    let done: Vec<usize> = workers
        .iter()
        .map(|worker| worker.log().matches("done").count())
        .collect();
    assert_eq!(done.iter().sum::<usize>(), 12, "{done:?}");
    assert!(done.iter().all(|done| *done > 0), "{done:?}");
    for worker in &mut workers {
        assert_eq!(worker.terminate(), 0);
    }
    assert!(
        !server.log().contains("postgres://"),
        "the log tells the database's address"
    );
}

#[test]
#[ignore = "needs PostgreSQL; make test-all"]
fn the_urgent_waits_behind_the_rest() {
    let Some(postgres) = Postgres::start() else { return };
    let (desk, server) = shared(&postgres);
    let make = |seed: &str, priority: &str| {
        server.job(&[
            Part::File("file", "a.mp4", clip()),
            Part::Text("seed", seed),
            Part::Text("priority", priority),
            Part::Text("deliver", "none"),
        ])
    };
    let (low, middle, high) = (make("1", "0"), make("2", "5"), make("3", "9"));
    let _worker = desk.worker(&[]);
    let started = |id: &str| server.done(id)["started"].as_i64().expect("a time");
    assert!(started(&high) < started(&middle) && started(&middle) < started(&low));
}

#[test]
#[ignore = "needs PostgreSQL; make test-all"]
fn a_worker_elsewhere_that_is_killed_takes_its_job_with_it() {
    let Some(postgres) = Postgres::start() else { return };
    let (desk, server) = shared(&postgres);
    let first = desk.worker(&["--lease", "4"]);
    let id = server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")]);
    server.until(&id, 60, |view| view["status"] == "running");
    let second = desk.worker(&["--lease", "4"]);
    first.kill();
    let view = server.done(&id);
    assert_eq!(view["attempts"], 2, "{view:#}");
    assert_eq!(second.log().matches("done").count(), 1, "{}", second.log());
}

#[test]
#[ignore = "needs PostgreSQL; make test-all"]
fn a_worker_elsewhere_does_not_hear_that_a_job_is_to_stop() {
    let Some(postgres) = Postgres::start() else { return };
    let (desk, server) = shared(&postgres);
    let _worker = desk.worker(&[]);
    let id = server.job(&[Part::File("file", "long.mp4", long_clip())]);
    server.until(&id, 60, |view| view["stage"] == "watching");
    let began = Instant::now();
    server.delete(&format!("/api/v1/jobs/{id}"));
    assert_eq!(server.ended(&id)["status"], "cancelled");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
#[ignore = "needs PostgreSQL, and 20 s without it; make test-all"]
fn a_database_that_is_away_for_twenty_seconds_loses_a_job() {
    let Some(postgres) = Postgres::start() else { return };
    let (desk, server) = shared(&postgres);
    let workers = [desk.worker(&[]), desk.worker(&[])];
    let mut ids = vec![server.job(&[Part::File("file", "long.mp4", long_clip()), Part::Text("kind", "watch")])];
    ids.extend((0..6).map(|seed: u32| {
        server.job(&[
            Part::File("file", "a.mp4", clip()),
            Part::Text("seed", &seed.to_string()),
            Part::Text("deliver", "none"),
        ])
    }));
    server.until(&ids[0], 60, |view| view["status"] == "running");
    postgres.down();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.get("/healthz").status, 200);
    let refused = server.get("/readyz");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    std::thread::sleep(Duration::from_secs(19));
    postgres.up();
    let began = Instant::now();
    while server.get("/readyz").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(200));
    }
    for id in &ids {
        let view = server.done(id);
        assert!(
            view["attempts"].as_i64().is_some_and(|attempts| attempts <= 2),
            "{view:#}"
        );
    }
    // Each was ended once, by whoever it was.
    let ended: usize = workers
        .iter()
        .map(|worker| worker.log().matches(": done").count())
        .sum();
    assert_eq!(ended, ids.len(), "{}\n{}", workers[0].log(), workers[1].log());
}
