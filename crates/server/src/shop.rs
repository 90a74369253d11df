//! The machine as jobs see it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use synchresis_studio::{Cache, Device, Limits, Precision, StudioError, Tools, Watch, World};
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
    fetched: PathBuf,
    /// Held while the process lives, so that another sees whose folder is whose.
    _lock: File,
}

impl Shop {
    /// Makes the folders that are missing: the cache's, and one for work under way.
    ///
    /// What processes left there that are dead is cleared.
    pub(crate) fn open(machine: Machine, data_dir: &Path, name: &str) -> Result<Self, ServerError> {
        let cache = Cache::open(&machine.cache_dir, machine.cache_bytes).map_err(|why| {
            ServerError::Setting(format!(
                "opening the cache folder {}: {why}\nhint: choose another with --cache-dir",
                machine.cache_dir.display()
            ))
        })?;
        let work = data_dir.join("work");
        let scratch = work.join(name);
        let making = |why| ServerError::file("making the folder", &scratch, why);
        std::fs::create_dir_all(&scratch).map_err(making)?;
        let lock = File::create(scratch.join(LOCK)).map_err(making)?;
        lock.lock().map_err(making)?;
        clear_dead(&work);
        Ok(Self {
            machine,
            tools: OnceLock::new(),
            cache,
            started: Instant::now(),
            scratch,
            fetched: data_dir.join("fetched"),
            _lock: lock,
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
        self.fetched.clone()
    }

    /// The folder of work under way.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Folders whose places are nobody's business.
    pub(crate) fn private(&self) -> impl Iterator<Item = &Path> {
        let banks = self.machine.banks.iter().map(PathBuf::as_path);
        banks.chain(self.machine.models.as_deref())
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

const LOCK: &str = "lock";

/// Removes the folders of processes that are dead: those whose lock can be had.
fn clear_dead(work: &Path) {
    for entry in std::fs::read_dir(work).into_iter().flatten().flatten() {
        let folder = entry.path();
        let dead = match File::options().append(true).open(folder.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Made this moment, or not ours: a folder that stays so for a day belongs to nobody.
            Err(_) => entry
                .metadata()
                .and_then(|meta| meta.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 86_400)),
        };
        if dead && let Err(why) = std::fs::remove_dir_all(&folder) {
            tracing::warn!(folder = %folder.display(), %why, "what a dead process left stays");
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Nobody works here any more; whoever comes next would clear it as well.
        let _ = std::fs::remove_dir_all(&self.scratch);
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

    fn device(&self) -> Device {
        self.shop.machine.device
    }

    fn precision(&self) -> Precision {
        self.shop.machine.precision
    }

    fn commercial(&self) -> bool {
        self.shop.machine.commercial
    }

    fn stays(&self) -> bool {
        true
    }

    fn secret(&self, name: &str) -> Option<String> {
        let known = self.shop.machine.secrets.0.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.clone())
    }

    fn seconds(&self) -> f64 {
        self.shop.started.elapsed().as_secs_f64()
    }

    fn begin(&self, stage: &'static str) {
        self.progress.begin(stage);
    }
}
