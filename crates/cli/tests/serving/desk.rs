//! A server of a test's own, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wire::{Answer, Part, ask, form};

/// A folder, and the processes that work in it.
pub(crate) struct Desk {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) settings: Vec<(String, String)>,
}

/// A process that is ended with its handle.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self {
            dir,
            settings: Vec::new(),
        }
    }

    /// The same with a setting for every process.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synchresis"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("SYNCHRESIS_CONFIG")
            .env("HOME", self.dir.path())
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("SYNCHRESIS_DATA_DIR", self.data())
            .env("SYNCHRESIS_SOUNDBANK", "none")
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// A server at a free port.
    pub(crate) fn serve(&self, args: &[&str]) -> Process {
        let mut all = vec!["serve", "--port", "0"];
        all.extend(args);
        Process::start(self.command(&all))
    }

    pub(crate) fn worker(&self, args: &[&str]) -> Process {
        let mut all = vec!["worker"];
        all.extend(args);
        Process::start(self.command(&all))
    }

    /// What is left of work: uploads on their way and jobs' folders, in the folders of all processes.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        let inside = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
        inside(self.data().join("work"))
            .flat_map(|process| inside(process.path()))
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_none_or(|name| name != "lock"))
            .collect()
    }

    /// Every object that is kept.
    pub(crate) fn objects(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 })
                .sum()
        }
        count(&self.data().join("objects"))
    }
}

impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (mut err, written) = (child.stderr.take().expect("a pipe"), std::sync::Arc::clone(&log));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = err.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                written.lock().expect("a log").push_str(&text);
            }
        });
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("it says where it is");
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let address = line.trim().strip_prefix("http://").and_then(|at| at.parse().ok());
        let address = match (address, line.trim()) {
            (Some(address), _) => address,
            (None, "ready") => SocketAddr::from(([127, 0, 0, 1], 0)),
            (None, other) => {
                std::thread::sleep(Duration::from_millis(300));
                panic!("it does not start: {other:?}\n{}", log.lock().expect("a log"))
            }
        };
        Self { child, address, log }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("a log").clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        ask(self.address, "GET", path, &[], &[])
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        ask(self.address, "DELETE", path, &[], &[])
    }

    pub(crate) fn post(&self, parts: &[Part<'_>]) -> Answer {
        let (content_type, body) = form(parts);
        ask(
            self.address,
            "POST",
            "/api/v1/jobs",
            &[("Content-Type", &content_type)],
            &body,
        )
    }

    pub(crate) fn post_json(&self, body: &Value) -> Answer {
        ask(
            self.address,
            "POST",
            "/api/v1/jobs",
            &[("Content-Type", "application/json")],
            body.to_string().as_bytes(),
        )
    }

    /// Makes a job and returns its name.
    pub(crate) fn job(&self, parts: &[Part<'_>]) -> String {
        let answer = self.post(parts);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().expect("a name").to_owned()
    }

    pub(crate) fn view(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The job once `enough` of it is so.
    pub(crate) fn until(&self, id: &str, limit_s: u64, enough: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let view = self.view(id);
            if enough(&view) {
                return view;
            }
            assert!(
                began.elapsed() < Duration::from_secs(limit_s),
                "still {view:#}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The job once it has ended.
    pub(crate) fn ended(&self, id: &str) -> Value {
        self.until(id, 120, |view| {
            !matches!(view["status"].as_str(), Some("queued" | "running"))
        })
    }

    /// The job, which must succeed.
    pub(crate) fn done(&self, id: &str) -> Value {
        let view = self.ended(id);
        assert_eq!(view["status"], "done", "{view:#}\n{}", self.log());
        view
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// Asks it to end, and says how that went.
    pub(crate) fn terminate(&mut self) -> i32 {
        signal(self.child.id(), "TERM");
        let status = self.child.wait().expect("it ends");
        status.code().unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status()
        .expect("kill starts");
    assert!(sent.success());
}

/// Bytes of a clip that ffmpeg made once for all tests.
fn made(name: &str, args: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name);
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args.split_whitespace())
        .arg(&path)
        .output()
        .expect("ffmpeg starts; `make test` installs it");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::read(path).expect("the clip")
}

/// A clip of three seconds with two cuts and a tone.
pub(crate) fn clip() -> &'static [u8] {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(|| {
        made(
            "clip.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=25:d=1 -f lavfi -i mandelbrot=s=320x180:r=25 -f lavfi -i sine=f=330:d=3 \
             -filter_complex [1:v]trim=duration=1,setpts=PTS-STARTPTS[m];[0:v]split[a][b];[a][m][b]concat=n=3:v=1[v] \
             -map [v] -map 2:a -pix_fmt yuv420p -t 3",
        )
    })
}

/// A clip that takes its time: a minute of larger pictures.
pub(crate) fn long_clip() -> &'static [u8] {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(|| {
        made(
            "long.mp4",
            "-f lavfi -i testsrc2=s=1280x720:r=30:d=60 -pix_fmt yuv420p -preset ultrafast",
        )
    })
}

/// A song of four seconds.
pub(crate) fn song() -> Vec<u8> {
    made("song.mp3", "-f lavfi -i sine=f=220:beep_factor=4:d=4")
}

/// An artwork.
pub(crate) fn artwork() -> Vec<u8> {
    made("art.png", "-f lavfi -i testsrc2=s=64x64 -frames:v 1")
}
