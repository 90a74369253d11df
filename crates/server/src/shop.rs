//! The machine as jobs see it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use synchresis_studio::{Cache, Limits, StudioError, Tools, Watch, World};
use tokio::sync::Notify;

use crate::config::Machine;
use crate::error::ServerError;
use crate::progress::Progress;

/// What all jobs of a process share.
#[derive(Debug)]
pub(crate) struct Shop {
    machine: Machine,
    tools: OnceLock<Tools>,
    cache: Cache,
    started: Instant,
    scratch: PathBuf,
}

impl Shop {
    /// Makes the folders that are missing: the cache's, and one for work under way.
    pub(crate) fn open(machine: Machine, scratch: PathBuf) -> Result<Self, ServerError> {
        let cache = Cache::open(&machine.cache_dir, machine.cache_bytes)
            .map_err(|why| ServerError::file("opening the cache folder", &machine.cache_dir, why))?;
        std::fs::create_dir_all(&scratch).map_err(|why| ServerError::file("making the folder", &scratch, why))?;
        Ok(Self {
            machine,
            tools: OnceLock::new(),
            cache,
            started: Instant::now(),
            scratch,
        })
    }

    /// A folder for one job; it goes with its guard.
    pub(crate) fn folder(&self) -> Result<tempfile::TempDir, ServerError> {
        tempfile::Builder::new()
            .prefix("job-")
            .tempdir_in(&self.scratch)
            .map_err(|why| ServerError::file("making a folder in", &self.scratch, why))
    }

    /// Where inputs from an object store elsewhere lie.
    pub(crate) fn fetched(&self) -> PathBuf {
        self.scratch.join("fetched")
    }

    /// The folder of work under way.
    pub(crate) fn scratch(&self) -> &std::path::Path {
        &self.scratch
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The ffmpeg to use.
    pub(crate) fn tools(&self) -> Result<&Tools, StudioError> {
        if let Some(tools) = self.tools.get() {
            return Ok(tools);
        }
        let ffmpeg = self.machine.ffmpeg.as_deref();
        let beside = ffmpeg.map(|ffmpeg| ffmpeg.with_file_name("ffprobe"));
        let beside = beside.as_deref().filter(|path| path.is_file());
        let tools = Tools::locate(ffmpeg, beside, self.machine.search.as_deref())?;
        Ok(self.tools.get_or_init(|| tools))
    }
}

/// One job's view of the shop.
#[derive(Debug)]
pub(crate) struct Desk {
    shop: Arc<Shop>,
    progress: Progress,
    stopped: AtomicBool,
    over: AtomicBool,
    news: Notify,
}

impl Desk {
    pub(crate) fn new(shop: Arc<Shop>, progress: Progress) -> Self {
        Self {
            shop,
            progress,
            stopped: AtomicBool::new(false),
            over: AtomicBool::new(false),
            news: Notify::new(),
        }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Asks the job to stop.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Says that the job is over.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Returns when the job is over.
    pub(crate) async fn finished(&self) {
        while !self.over.load(Ordering::Acquire) {
            self.news.notified().await;
        }
    }
}

impl Watch for Desk {
    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn progress(&self, fraction: f64) {
        self.progress.at(fraction);
    }
}

impl World for Desk {
    fn tools(&self) -> Result<&Tools, StudioError> {
        self.shop.tools()
    }

    fn limits(&self) -> &Limits {
        &self.shop.machine.limits
    }

    fn cache(&self) -> &Cache {
        &self.shop.cache
    }

    fn bank_folders(&self) -> &[PathBuf] {
        &self.shop.machine.banks
    }

    fn ort_libraries(&self) -> Vec<PathBuf> {
        self.shop.machine.ort_libraries.clone()
    }

    fn model_folder(&self) -> Option<PathBuf> {
        self.shop.machine.models.clone()
    }

    fn seconds(&self) -> f64 {
        self.shop.started.elapsed().as_secs_f64()
    }

    fn begin(&self, stage: &'static str) {
        self.progress.begin(stage);
    }
}
