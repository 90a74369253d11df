//! Clips made by ffmpeg for the tests, in a folder that cleans up after itself.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "every test file uses its own part"
)]

use std::path::{Path, PathBuf};

use synchresis_media::Tools;
use tempfile::TempDir;

pub struct Studio {
    folder: TempDir,
    pub tools: Tools,
}

impl Studio {
    pub fn new() -> Self {
        let tools = Tools::locate(None, None, std::env::var_os("PATH").as_deref())
            .expect("these tests need ffmpeg: apt-get install ffmpeg, or brew install ffmpeg");
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            tools,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A clip of a lavfi picture and perhaps a lavfi sound.
    pub fn clip(&self, name: &str, picture: &str, sound: Option<&str>, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        let mut args = vec!["-f", "lavfi", "-i", picture];
        if let Some(sound) = sound {
            args.extend(["-f", "lavfi", "-i", sound]);
        }
        args.extend(options);
        args.push(text(&path));
        ffmpeg(args);
        path
    }

    /// Checksums of the picture's packets, in order.
    pub fn packets(&self, clip: &Path) -> Vec<String> {
        let args = [
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_packets",
            "-show_data_hash",
            "md5",
            "-show_entries",
        ];
        let output = run(
            self.tools.ffprobe(),
            args.into_iter()
                .chain(["packet=data_hash", "-of", "csv=p=0", text(clip)]),
        );
        output.lines().map(|line| line.trim_matches(',').to_owned()).collect()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' folder has a plain name")
}

pub fn ffmpeg<'a>(args: impl IntoIterator<Item = &'a str>) {
    let path = Tools::locate(None, None, std::env::var_os("PATH").as_deref())
        .expect("ffmpeg")
        .ffmpeg()
        .to_owned();
    run(&path, ["-v", "error", "-nostdin", "-y"].into_iter().chain(args));
}

pub fn run<'a>(program: &Path, args: impl IntoIterator<Item = &'a str>) -> String {
    let args: Vec<&str> = args.into_iter().collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "clips are made and judged by the tools themselves"
    )]
    let output = std::process::Command::new(program)
        .args(&args)
        .output()
        .expect("starts");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
