//! The machine as the studio may see it: tools, cache, clock, progress bar, Ctrl-C.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
#[cfg(feature = "server")]
use synchresis_server::{Machine, Secrets};
use synchresis_studio::{Cache, Device, Limits, Precision, StudioError, Tools, Watch, World};

use crate::config::{cache_home, data_home};
use crate::failure::Failure;

/// Flags that every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Say errors alone.
    #[arg(short, long, global = true, help_heading = "Global")]
    pub(crate) quiet: bool,
    /// Say more; twice for more still.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global")]
    pub(crate) verbose: u8,
    /// Where results of stages are kept for the next run; the platform's cache folder by default.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global")]
    cache_dir: Option<PathBuf>,
    /// Keep nothing for the next run.
    #[arg(long, global = true, help_heading = "Global")]
    no_cache: bool,
    /// Forget the oldest results beyond this many gigabytes.
    #[arg(
        long,
        global = true,
        value_name = "GB",
        default_value_t = 8.0,
        help_heading = "Global"
    )]
    cache_limit: f64,
    /// The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global")]
    ffmpeg: Option<PathBuf>,
    /// Where models lie, each in the layout of its hub repository; the platform's data folder by default.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global")]
    model_dir: Option<PathBuf>,
    /// ONNX Runtime's shared library, which the neural engines need; looked for at the usual places by default.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global")]
    ort_lib: Option<PathBuf>,
    /// What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu.
    #[arg(long, global = true, value_name = "DEVICE", value_parser = device, help_heading = "Global")]
    device: Option<Device>,
    /// How language models keep their weights: auto, q8 (8 bits) or f32 (single precision).
    #[arg(long, global = true, value_name = "TYPE", value_parser = precision, help_heading = "Global")]
    dtype: Option<Precision>,
    /// Refuse engines whose weights may not be used to make money.
    #[arg(long, global = true, help_heading = "Global")]
    commercial: bool,
    /// Refuse inputs longer than this many seconds.
    #[arg(long, global = true, value_name = "S", help_heading = "Limits")]
    limit_duration: Option<f64>,
    /// Refuse inputs larger than this many bytes.
    #[arg(long, global = true, value_name = "N", help_heading = "Limits")]
    limit_bytes: Option<u64>,
    /// Refuse pictures with more pixels than this.
    #[arg(long, global = true, value_name = "N", help_heading = "Limits")]
    limit_pixels: Option<u64>,
    /// Refuse pictures with a side longer than this.
    #[arg(long, global = true, value_name = "N", help_heading = "Limits")]
    limit_side: Option<u32>,
    /// Refuse inputs with more streams than this.
    #[arg(long, global = true, value_name = "N", help_heading = "Limits")]
    limit_streams: Option<u32>,
    /// End any ffmpeg that runs longer than this many seconds.
    #[arg(long, global = true, value_name = "S", help_heading = "Limits")]
    limit_time: Option<u64>,
    /// Let no ffmpeg take more than this many megabytes of memory.
    #[arg(long, global = true, value_name = "MB", help_heading = "Limits")]
    limit_memory: Option<u64>,
    /// Threads to decode, render and encode with; one a core by default.
    #[arg(long, global = true, value_name = "N", help_heading = "Limits")]
    threads: Option<u32>,
}

impl PlaceArgs {
    /// Whether the person set how long an input may be.
    #[cfg(feature = "server")]
    pub(crate) fn limits_duration(&self) -> bool {
        self.limit_duration.is_some()
    }

    /// Whether the person wants nothing kept in the usual cache.
    #[cfg(feature = "server")]
    pub(crate) fn caches_nowhere(&self) -> bool {
        self.no_cache
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        set(&mut limits.duration_s, self.limit_duration);
        set(&mut limits.bytes, self.limit_bytes);
        set(&mut limits.pixels, self.limit_pixels);
        set(&mut limits.side, self.limit_side);
        set(&mut limits.streams, self.limit_streams);
        set(&mut limits.wall_clock_s, self.limit_time);
        set(
            &mut limits.memory,
            self.limit_memory.map(|mb| mb.saturating_mul(1_000_000)),
        );
        set(&mut limits.threads, self.threads);
        limits
    }
}

fn device(name: &str) -> Result<Device, String> {
    Device::named(name).ok_or_else(|| {
        let names: Vec<&str> = Device::ALL.iter().map(|(name, _)| *name).collect();
        format!("there is no device {name:?}: auto, {}", names.join(", "))
    })
}

fn precision(name: &str) -> Result<Precision, String> {
    Precision::named(name).ok_or_else(|| format!("{name:?} is none of auto, q8 and f32"))
}

fn set<T>(slot: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *slot = value;
    }
}

/// This machine.
pub(crate) struct Place {
    ffmpeg: Option<PathBuf>,
    tools: OnceLock<Tools>,
    limits: Limits,
    cache: Cache,
    #[cfg(feature = "server")]
    cache_bytes: u64,
    banks: Vec<PathBuf>,
    model_folder: Option<PathBuf>,
    ort_lib: Option<PathBuf>,
    device: Device,
    precision: Precision,
    commercial: bool,
    _scratch: Option<tempfile::TempDir>,
    bar: ProgressBar,
    quiet: bool,
    started: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Place {
    pub(crate) fn open(args: &PlaceArgs) -> Result<Self, Failure> {
        let cancelled = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register(signal, Arc::clone(&cancelled))
                .map_err(|e| Failure::new(4, format!("listening for Ctrl-C: {e}")))?;
        }
        let (root, scratch) = if args.no_cache {
            let scratch = tempfile::tempdir().map_err(|e| {
                Failure::new(
                    1,
                    format!("making a scratch folder: {e}\nhint: the environment's TMPDIR says where"),
                )
            })?;
            (scratch.path().to_owned(), Some(scratch))
        } else {
            let root = args
                .cache_dir
                .clone()
                .or_else(|| cache_home().map(|home| home.join("synchresis")));
            (root.unwrap_or_else(|| std::env::temp_dir().join("synchresis")), None)
        };
        let bytes = (args.cache_limit.max(0.0) * 1e9) as u64;
        let cache = Cache::open(&root, bytes).map_err(|e| {
            Failure::new(
                2,
                format!(
                    "opening the cache folder {}: {e}\nhint: choose another with --cache-dir, or none with --no-cache",
                    root.display()
                ),
            )
        })?;
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if args.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} {wide_bar:.cyan/black} {percent:>3} %  {elapsed}")
        {
            bar.set_style(style);
        }
        Ok(Self {
            ffmpeg: args.ffmpeg.clone(),
            tools: OnceLock::new(),
            limits: args.limits(),
            cache,
            #[cfg(feature = "server")]
            cache_bytes: bytes,
            banks: bank_folders(),
            model_folder: args
                .model_dir
                .clone()
                .or_else(|| data_home().map(|home| home.join("synchresis/models"))),
            ort_lib: args.ort_lib.clone(),
            device: args.device.unwrap_or(Device::Cpu),
            precision: args.dtype.unwrap_or(Precision::Auto),
            commercial: args.commercial,
            _scratch: scratch,
            bar,
            quiet: args.quiet,
            started: Instant::now(),
            cancelled,
        })
    }

    /// The same machine for jobs of a server.
    #[cfg(feature = "server")]
    pub(crate) fn machine(&self) -> Machine {
        Machine {
            ffmpeg: self.ffmpeg.clone(),
            search: std::env::var_os("PATH"),
            limits: self.limits.clone(),
            cache_dir: self.cache.root().to_owned(),
            cache_bytes: self.cache_bytes,
            banks: self.banks.clone(),
            ort_libraries: self.ort_libraries(),
            models: self.model_folder(),
            device: self.device,
            precision: self.precision,
            commercial: self.commercial,
            secrets: Secrets(
                SECRETS
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), self.secret(name)?)))
                    .collect(),
            ),
        }
    }

    /// Takes the bar off the screen, so that lines can be written.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        self.bar.reset();
    }

    /// Tells that results could not be kept; what was asked for was made all the same.
    pub(crate) fn say_what_was_lost(&self) {
        if let Some(lost) = self.cache.lost().filter(|_| !self.quiet) {
            self.clear();
            let _ = writeln!(std::io::stderr(), "{lost}");
        }
    }

    /// Whether the person wants to hear of errors alone.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether the person asked to stop.
    pub(crate) fn stopped(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Watch for Place {
    fn cancelled(&self) -> bool {
        self.stopped()
    }

    fn progress(&self, fraction: f64) {
        self.bar.set_position((fraction.clamp(0.0, 1.0) * 1000.0) as u64);
    }
}

impl World for Place {
    fn tools(&self) -> Result<&Tools, StudioError> {
        if let Some(tools) = self.tools.get() {
            return Ok(tools);
        }
        let search = std::env::var_os("PATH");
        let beside = self.ffmpeg.as_deref().map(|ffmpeg| ffmpeg.with_file_name("ffprobe"));
        let beside = beside.as_deref().filter(|path| path.is_file());
        let tools = Tools::locate(self.ffmpeg.as_deref(), beside, search.as_deref())?;
        Ok(self.tools.get_or_init(|| tools))
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    fn bank_folders(&self) -> &[PathBuf] {
        &self.banks
    }

    fn ort_libraries(&self) -> Vec<PathBuf> {
        match &self.ort_lib {
            // A bare name would be looked for where the system keeps its libraries.
            Some(given) => vec![std::path::absolute(given).unwrap_or_else(|_| given.clone())],
            None => ort_libraries(),
        }
    }

    fn model_folder(&self) -> Option<PathBuf> {
        self.model_folder.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn commercial(&self) -> bool {
        self.commercial
    }

    fn secret(&self, name: &str) -> Option<String> {
        let known = SECRETS.contains(&name);
        known
            .then(|| std::env::var(name).ok())
            .flatten()
            .filter(|value| !value.is_empty())
    }

    fn say(&self, words: &str) {
        let mut out = std::io::stderr();
        if self.quiet || !out.is_terminal() {
            return;
        }
        self.bar.finish_and_clear();
        // A terminal that has gone away misses nothing.
        let _ = out.write_all(words.as_bytes()).and_then(|()| out.flush());
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn begin(&self, stage: &'static str) {
        self.bar.set_length(1000);
        self.bar.set_position(0);
        self.bar.set_prefix(stage);
    }
}

/// Keys and addresses of endpoints, by their names in the environment.
const SECRETS: [&str; 5] = [
    "HF_TOKEN",
    "SYNCHRESIS_OPENAI_KEY",
    "OPENAI_API_KEY",
    "REPLICATE_API_TOKEN",
    "REPLICATE_API_BASE_URL",
];

/// The usual places of ONNX Runtime: beside the binary first.
fn ort_libraries() -> Vec<PathBuf> {
    let name = format!(
        "{}onnxruntime{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(PathBuf::from));
    let shared = [
        "/usr/local/lib",
        "/usr/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/lib",
    ];
    let folders = beside.into_iter().chain(shared.into_iter().map(PathBuf::from));
    folders.map(|folder| folder.join(&name)).collect()
}

/// The usual places of SoundFonts: the person's own first.
fn bank_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        folders.push(home.join(".local/share/soundfonts"));
        folders.push(home.join("Library/Audio/Sounds/Banks"));
    }
    let shared = [
        "/usr/local/share/soundfonts",
        "/usr/share/soundfonts",
        "/usr/share/sounds/sf3",
        "/usr/share/sounds/sf2",
        "/Library/Audio/Sounds/Banks",
        "/opt/homebrew/share/soundfonts",
    ];
    folders.extend(shared.into_iter().map(PathBuf::from));
    folders
}
