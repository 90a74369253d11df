//! A folder of its own for each test, the binary in it, and ffmpeg beside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A scratch folder with a home and a cache of its own.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

/// What a run of the binary came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir(dir.path().join("work")).expect("a work folder");
        Self { dir }
    }

    /// Where the test's files lie.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synchresis"));
        command
            .args(args)
            .current_dir(self.work())
            .env_remove("SYNCHRESIS_CONFIG")
            .env("HOME", self.dir.path())
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("SYNCHRESIS_SOUNDBANK", "none")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary in the work folder.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::from(self.command(args).output().expect("the binary starts"))
    }

    /// Runs it, and fails the test unless it succeeds.
    pub(crate) fn good(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, 0, "synchresis {args:?}\n{}\n{}", run.out, run.err);
        run
    }

    /// The document that `args` print.
    pub(crate) fn document(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let run = self.good(&args);
        serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("stdout is not the document: {e}\n{}", run.out))
    }

    /// Runs ffmpeg in the work folder, for making and judging media.
    pub(crate) fn ffmpeg(&self, args: &str) -> Output {
        let out = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-y"])
            .args(args.split_whitespace())
            .current_dir(self.work())
            .output()
            .expect("ffmpeg starts; `make test` installs it");
        assert!(
            out.status.success(),
            "ffmpeg {args}\n{}",
            String::from_utf8_lossy(&out.stderr)
        );
        out
    }

    /// One value that ffprobe reads from a file.
    pub(crate) fn probe(&self, file: &str, what: &str) -> String {
        let out = Command::new("ffprobe")
            .args(["-v", "error", "-of", "csv=p=0"])
            .args(what.split_whitespace())
            .arg(file)
            .current_dir(self.work())
            .output()
            .expect("ffprobe starts");
        String::from_utf8_lossy(&out.stdout)
            .trim()
            .trim_end_matches(',')
            .to_owned()
    }

    /// MD5 over the packets of the picture stream, as they lie in the container.
    pub(crate) fn picture_md5(&self, file: &str) -> String {
        let out = self.ffmpeg(&format!(
            "-v error -i {file} -map 0:v:0 -c copy -bsf:v setts=ts=N -f md5 -"
        ));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// MD5 over the decoded sound.
    pub(crate) fn sound_md5(&self, file: &str) -> String {
        let out = self.ffmpeg(&format!("-v error -i {file} -map 0:a:0 -f md5 -"));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Integrated loudness (LUFS) and true peak (dBTP) as ffmpeg's ebur128 hears them.
    pub(crate) fn loudness(&self, file: &str) -> (f64, f64) {
        let out = self.ffmpeg(&format!("-i {file} -map 0:a:0 -af ebur128=peak=true -f null -"));
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let number = |label: &str| {
            let at = text.rfind(label).unwrap_or_else(|| panic!("no {label} in {text}"));
            text[at + label.len()..]
                .split_whitespace()
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(f64::NAN)
        };
        (number("I:"), number("Peak:"))
    }

    /// A clip of `shots` plain shots of `seconds` each, at `rate` frames a second, cut hard.
    pub(crate) fn cuts(&self, name: &str, shots: usize, seconds: f64, rate: u32) {
        const SOURCES: [&str; 4] = ["testsrc2", "mandelbrot", "smptehdbars", "rgbtestsrc"];
        let inputs: Vec<String> = (0..shots)
            .map(|i| {
                format!(
                    "-f lavfi -t {seconds} -i {}=s=320x180:r={rate}",
                    SOURCES[i % SOURCES.len()]
                )
            })
            .collect();
        self.ffmpeg(&format!(
            "{} -filter_complex concat=n={shots}:v=1:a=0 -c:v libx264 -preset ultrafast -pix_fmt yuv420p {name}",
            inputs.join(" ")
        ));
    }

    /// A copy of one of the real clips that `scripts/media` fetches.
    pub(crate) fn real(&self, name: &str) -> bool {
        let folder = std::env::var_os("SYNCHRESIS_TEST_MEDIA")
            .map(PathBuf::from)
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/media"));
        fs::copy(folder.join(name), self.path(name)).is_ok()
    }

    /// A sound as one channel of floats at `rate`.
    pub(crate) fn samples(&self, file: &str, rate: u32) -> Vec<f32> {
        let out = self.ffmpeg(&format!("-v error -i {file} -map 0:a:0 -ac 1 -ar {rate} -f f32le -"));
        let bytes = out.stdout.as_chunks::<4>().0;
        bytes.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// The samples of a 24-bit WAV as they are, interleaved.
    pub(crate) fn samples_24(&self, file: &str) -> Vec<i32> {
        let out = self.ffmpeg(&format!("-v error -i {file} -map 0:a:0 -c copy -f s24le -"));
        let bytes = out.stdout.as_chunks::<3>().0;
        bytes
            .iter()
            .map(|b| i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8)
            .collect()
    }

    /// Every name in the work folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names_in(".")
    }

    /// Every name in a folder of the work folder, sorted.
    pub(crate) fn names_in(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .expect("a folder")
            .filter_map(|e| e.ok().map(|e| e.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
