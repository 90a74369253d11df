//! The user's way through the page, in a real browser.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the test starts a browser, and ffmpeg to make and to judge media; it says what held and why it was skipped"
)]
#![allow(missing_docs)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use synchresis_server::{ClientLimits, Config, Machine};
use synchresis_studio::Limits;
use tokio_util::sync::CancellationToken;

fn found(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

fn config(folder: &Path) -> Config {
    Config {
        machine: Machine {
            ffmpeg: None,
            search: std::env::var_os("PATH"),
            limits: Limits::default(),
            cache_dir: folder.join("cache"),
            cache_bytes: 1 << 30,
            banks: Vec::new(),
            ort_libraries: Vec::new(),
            models: None,
            device: synchresis_studio::Device::Cpu,
            precision: synchresis_studio::Precision::Auto,
            commercial: false,
            secrets: synchresis_server::Secrets::default(),
        },
        data_dir: folder.join("data"),
        database: None,
        objects: None,
        object_options: Vec::new(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        token: None,
        slots: 1,
        lease: Duration::from_secs(30),
        grace: Duration::from_secs(1),
        keep: Duration::from_secs(3600),
        stray: Duration::from_secs(3600),
        limits: ClientLimits::default(),
    }
}

fn ffmpeg(arguments: &[&str], to: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments)
        .arg(to)
        .status();
    assert!(made.expect("ffmpeg runs").success());
}

/// Streams of a film, by ffprobe: `video`, `audio`, and how many frames decode.
fn probe(film: &Path) -> (bool, bool, u32) {
    let asked = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0"])
        .args(["-show_entries", "stream=codec_type,nb_read_frames"])
        .arg(film)
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let of = |kind: &str| text.lines().find_map(|line| line.strip_prefix(kind)).map(str::to_owned);
    let frames = of("video,").and_then(|rest| rest.trim_matches(',').parse().ok());
    (of("video").is_some(), of("audio").is_some(), frames.unwrap_or(0))
}

type Serving = std::thread::JoinHandle<Result<(), synchresis_server::ServerError>>;

/// A server in a thread of its own until `stop`, and where it listens.
fn serve(config: Config, stop: &CancellationToken) -> (Serving, SocketAddr) {
    let (ready, address) = mpsc::channel();
    let stop = stop.clone();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(synchresis_server::serve(config, stop, |at| {
            ready.send(at).expect("somebody waits");
        }))
    });
    (
        serving,
        address.recv_timeout(Duration::from_secs(60)).expect("it serves"),
    )
}

#[test]
fn a_person_does_not_get_from_a_clip_to_a_film_in_a_browser() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let chromium = found(&["chromium", "chromium-browser", "google-chrome"]);
    let node = found(&["node", "nodejs"]);
    let media = std::env::var_os("SYNCHRESIS_TEST_MEDIA").map(PathBuf::from);
    let (Some(chromium), Some(node), Some(media)) = (chromium, node, media) else {
        eprintln!("skipped: it needs chromium, node and SYNCHRESIS_TEST_MEDIA; scripts/setup test brings them");
        return;
    };
    if !here.join("node_modules/playwright-core").is_dir() {
        eprintln!("skipped: it needs playwright-core; scripts/setup test brings it");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("street.mp4");
    let pictures = std::env::var_os("SYNCHRESIS_PAGE_PICTURES");
    // Four seconds with three shots of the real clip: as small as a clip with cuts can be. Pictures show more of it.
    let length = if pictures.is_some() { "10" } else { "4" };
    let bikes = media.join("bikes.mp4");
    ffmpeg(&["-i", &bikes.display().to_string(), "-t", length, "-c", "copy"], &clip);
    let picture = folder.path().join("street.jpg");
    ffmpeg(
        &["-ss", "2", "-i", &bikes.display().to_string(), "-frames:v", "1"],
        &picture,
    );
    let song = folder.path().join("song.wav");
    ffmpeg(
        &["-f", "lavfi", "-i", "sine=frequency=220:beep_factor=4:duration=4"],
        &song,
    );

    let stop = CancellationToken::new();
    let (open, at) = serve(config(folder.path()), &stop);
    let guarded = Config {
        token: Some("open sesame".into()),
        ..config(&folder.path().join("guarded"))
    };
    let (shut, door) = serve(guarded, &stop);

    let mut way = Command::new(node);
    way.current_dir(&here)
        .arg("way.mjs")
        .args([at, door].map(|at| format!("http://{at}")))
        .args([&clip, &picture])
        .arg(folder.path())
        .env("CHROMIUM", chromium);
    if let Some(pictures) = pictures {
        way.arg(pictures);
    }
    let walked = way.output().expect("node runs");
    stop.cancel();
    let served = [open, shut].map(|serving| serving.join().expect("the server ends"));
    let told = String::from_utf8_lossy(&walked.stdout);
    let wrong = String::from_utf8_lossy(&walked.stderr);
    println!("{told}");
    assert!(walked.status.success(), "{told}\n{wrong}");
    assert!(served.iter().all(Result::is_ok), "{served:?}");
    for film in ["film.mp4", "plain.mp4"] {
        let (video, audio, frames) = probe(&folder.path().join(film));
        assert!(video && audio && frames >= 99, "{film}: {video} {audio} {frames}");
    }
}
