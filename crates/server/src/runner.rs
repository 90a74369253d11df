//! One attempt at a job: begun, watched, ended, each in the record.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use apalis::prelude::{AbortError, BoxDynError};
use tokio::sync::watch;

use crate::blobs::Blobs;
use crate::error::ServerError;
use crate::events::Events;
use crate::history::{End, History, Job};
use crate::job::{Artefact, Failure};
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::shop::{Desk, Shop};
use crate::tidy::Tidy;
use crate::trade;

/// How often a job is begun before it is put aside.
pub(crate) const ATTEMPTS: i64 = 3;

/// How often the record is told how far a job is, and asked whether it is still wanted.
const PULSE: Duration = Duration::from_millis(250);

/// Without news the record is written this often all the same: not at all would look like death.
const QUIET: u32 = 20;

/// A record that cannot be written is tried again after this.
const AGAIN: Duration = Duration::from_millis(700);

/// Does jobs.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) name: String,
    pub(crate) history: History,
    pub(crate) blobs: Blobs,
    pub(crate) shop: Arc<Shop>,
    pub(crate) metrics: Arc<Metrics>,
    events: Arc<Events>,
    /// Jobs that run in this process, and when they have ended.
    running: Mutex<HashMap<String, watch::Receiver<bool>>>,
    /// Set when the process must end before its jobs do.
    closing: AtomicBool,
}

/// Why an attempt is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The client asked.
    Cancelled,
    /// Another worker has the job.
    Lost,
    /// The process ends.
    Closing,
}

impl Runner {
    pub(crate) fn new(
        name: String,
        history: History,
        blobs: Blobs,
        shop: Arc<Shop>,
        metrics: Arc<Metrics>,
        events: Arc<Events>,
    ) -> Self {
        Self {
            name,
            history,
            blobs,
            shop,
            metrics,
            events,
            running: Mutex::new(HashMap::new()),
            closing: AtomicBool::new(false),
        }
    }

    /// Stops every job that runs here and puts it back.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// How many jobs run here.
    pub(crate) fn load(&self) -> usize {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns when no job runs here.
    pub(crate) async fn settled(&self) {
        while self.load() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn ended(&self, id: &str) -> Option<watch::Receiver<bool>> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// What the queue calls: does the job if it is still to be done.
    ///
    /// The attempt is a task of its own, so that it goes on when the queue's connection breaks and drops this call; a
    /// second call for the same job then waits for the first.
    pub(crate) async fn attend(self: &Arc<Self>, id: &str) -> Result<(), BoxDynError> {
        // A job that ends its worker every time never comes to its end, so attempts are counted before anything is done.
        while let Some(mut ended) = self.ended(id) {
            let _ = ended.wait_for(|ended| *ended).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let Some(job) = self.history.claim(id, &self.name).await? else {
            return Ok(());
        };
        if job.cancel {
            // The worker that had it died before it could stop.
            self.history.finish(id, job.attempts, &End::Cancelled).await?;
            return Ok(());
        }
        if job.attempts > ATTEMPTS {
            let failure = Failure {
                code: 1,
                detail: match &job.failure {
                    Some(last) => format!("given up after {ATTEMPTS} attempts; the last: {}", last.detail),
                    None => format!("given up after {ATTEMPTS} attempts: each time the worker that did it died"),
                },
                hint: Some("the file may be damaged in a way that brings a decoder down; try another".into()),
                set_aside: true,
            };
            self.history.finish(id, job.attempts, &End::Failed(&failure)).await?;
            self.metrics.job(&job, "set-aside");
            tracing::warn!(job = id, "put aside: it ended its worker every time");
            return Err(Box::new(AbortError::new("put aside")));
        }
        let (end, ended) = watch::channel(false);
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), ended);
        let runner = Arc::clone(self);
        let attempt = tokio::spawn(async move {
            let again = runner.attempt(&job).await;
            runner
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&job.id);
            end.send_replace(true);
            again
        });
        match attempt.await {
            Ok(false) => Ok(()),
            // The queue gives it to whoever asks next.
            Ok(true) => Err("to be tried again".into()),
            Err(panic) => Err(panic.into()),
        }
    }

    /// One attempt. `true` where the job is back in the queue.
    async fn attempt(self: &Arc<Self>, job: &Job) -> bool {
        let began = Instant::now();
        let span = tracing::info_span!("job", id = %job.id, kind = job.kind.name(), attempt = job.attempts);
        tracing::info!(parent: &span, "begins");
        let desk = Arc::new(Desk::new(Arc::clone(&self.shop), Progress::new(job.kind)));
        let watching = tokio::spawn(Arc::clone(self).watch(job.id.clone(), job.attempts, Arc::clone(&desk)));
        let outcome = self.carry_out(job, &desk).await;
        desk.finish();
        if let Some(lost) = self.shop.cache().lost() {
            tracing::warn!(parent: &span, "{lost}");
        }
        let stop = watching.await.ok().flatten();
        let seconds = began.elapsed().as_secs_f64();
        match (outcome, stop) {
            (_, Some(Stop::Lost)) => {
                tracing::warn!(parent: &span, "another worker has it");
                false
            }
            (Ok((artefacts, told)), _) => {
                let end = End::Done {
                    artefacts: &artefacts,
                    told: &told,
                };
                if self.end(job, &end).await {
                    self.metrics.job(job, "done");
                    self.metrics.took(job.kind, seconds);
                    tracing::info!(parent: &span, seconds, "done");
                }
                false
            }
            (Err(_), Some(Stop::Cancelled)) => {
                if self.end(job, &End::Cancelled).await {
                    self.metrics.job(job, "cancelled");
                    tracing::info!(parent: &span, seconds, "cancelled");
                }
                false
            }
            (Err(_), Some(Stop::Closing)) => {
                self.put_back(job, false, None).await;
                tracing::info!(parent: &span, "put back: the process ends");
                true
            }
            (Err(error), _) => self.failed(job, &error, &span).await,
        }
    }

    async fn failed(&self, job: &Job, error: &ServerError, span: &tracing::Span) -> bool {
        let text = Tidy::of(job, &self.blobs, &self.shop).text(&error.to_string());
        let (detail, hint) = match text.split_once("\nhint: ") {
            Some((detail, hint)) => (detail.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        let code = error.exit_code();
        if error.storage_full() {
            // Results can be made again; without room the record of this could not be written.
            self.shop.cache().make_room();
        }
        let last = job.attempts >= ATTEMPTS;
        // What is wrong with the request or the file is wrong the next time too; what was wrong with the machine may not be.
        let again = code == 1 && !last;
        let failure = Failure {
            code,
            detail,
            hint,
            set_aside: code == 1 && last,
        };
        tracing::warn!(parent: span, code, again, detail = %failure.detail, "failed");
        if again {
            self.put_back(job, true, Some(&failure)).await;
            tokio::time::sleep(Duration::from_millis(500) * job.attempts.clamp(1, 10) as u32).await;
            return true;
        }
        if self.end(job, &End::Failed(&failure)).await {
            self.metrics
                .job(job, if failure.set_aside { "set-aside" } else { "failed" });
            if code == 3 {
                self.drop_inputs(job).await;
            }
        }
        false
    }

    /// A file that nothing can be made of is not kept.
    async fn drop_inputs(&self, job: &Job) {
        let blobs: Vec<&str> = job.inputs.iter().map(|input| input.blob.as_str()).collect();
        if let Err(why) = self.history.release(&job.id, &blobs).await {
            tracing::warn!(%why, "an unusable file stays until the next sweep");
            return;
        }
        for blob in blobs {
            if let Ok(false) = self.history.used(blob).await
                && let Err(why) = self.blobs.remove(blob).await
            {
                tracing::debug!(%why, "an unusable file stays until the next sweep");
            }
        }
    }

    /// Writes the end in the record, however long the database is away. `false` where it is no longer this worker's to write.
    async fn end(&self, job: &Job, end: &End<'_>) -> bool {
        loop {
            match self.history.finish(&job.id, job.attempts, end).await {
                Ok(counted) => {
                    self.events.ended();
                    return counted;
                }
                Err(why) if self.closing.load(Ordering::Relaxed) => {
                    tracing::error!(job = %job.id, %why, "the end is not in the record; another worker will do it again");
                    return false;
                }
                Err(why) => {
                    tracing::warn!(job = %job.id, %why, "the end is not in the record yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn put_back(&self, job: &Job, counted: bool, failure: Option<&Failure>) {
        for _ in 0..10 {
            match self.history.put_back(&job.id, job.attempts, counted, failure).await {
                Ok(()) => return,
                Err(why) => tracing::warn!(job = %job.id, %why, "not put back yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Fetches what the job needs, does it where blocking is allowed, keeps what it made.
    async fn carry_out(&self, job: &Job, desk: &Arc<Desk>) -> Result<(Vec<Artefact>, Vec<String>), ServerError> {
        let folder = self.shop.folder()?;
        crate::retention::clear_fetched(&self.shop.fetched());
        let mut files = Vec::new();
        for input in &job.inputs {
            let path = self
                .blobs
                .local(&input.blob, &input.extension, &self.shop.fetched())
                .await?;
            files.push(path);
        }
        let made = {
            let (job, desk, folder) = (job.clone(), Arc::clone(desk), folder.path().to_owned());
            let tidy = Tidy::of(&job, &self.blobs, &self.shop).and(&folder, "");
            tokio::task::spawn_blocking(move || trade::carry_out(&job, &files, &folder, &tidy, &*desk))
                .await
                .map_err(|panic| ServerError::Setting(format!("doing the job: {panic}")))??
        };
        let mut artefacts = Vec::new();
        for product in &made.products {
            let stored = self.blobs.keep(&product.path).await?;
            artefacts.push(Artefact {
                name: product.name.clone(),
                media_type: product.media_type.to_owned(),
                blob: stored.blob,
                bytes: stored.bytes,
            });
        }
        Ok((artefacts, made.told))
    }

    /// Keeps the record up to date while the job runs, and stops the job when it is no longer wanted.
    async fn watch(self: Arc<Self>, id: String, attempt: i64, desk: Arc<Desk>) -> Option<Stop> {
        let mut last = None;
        let mut quiet = 0;
        loop {
            if self.closing.load(Ordering::Relaxed) {
                desk.stop();
                return Some(Stop::Closing);
            }
            let now = desk.progress().now();
            let news = last.as_ref() != Some(&now);
            quiet = if news { 0 } else { quiet + 1 };
            let wanted = if news || quiet >= QUIET {
                let left_s = desk.progress().left_s();
                self.history.pulse(&id, attempt, now.stage, now.whole, left_s).await
            } else {
                self.history.wanted(&id, attempt).await
            };
            match wanted {
                Ok(Some(false)) => last = Some(now),
                Ok(Some(true)) => {
                    desk.stop();
                    return Some(Stop::Cancelled);
                }
                Ok(None) => {
                    desk.stop();
                    return Some(Stop::Lost);
                }
                // The database is away; the job goes on, and so does asking.
                Err(why) => tracing::debug!(job = %id, %why, "the record is not told how far the job is"),
            }
            if tokio::time::timeout(PULSE, desk.finished()).await.is_ok() {
                return None;
            }
        }
    }
}
