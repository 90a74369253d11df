//! Changes of jobs, told to whoever listens: one look at the database for all listeners together.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::error::ServerError;
use crate::history::{History, Job};

/// How often the database is looked at while somebody listens.
const LOOK: Duration = Duration::from_millis(150);

type Sender = watch::Sender<Option<Arc<Job>>>;

/// Who listens to what.
#[derive(Debug, Default)]
pub(crate) struct Events {
    listeners: Mutex<HashMap<String, Sender>>,
    somebody: Notify,
    ended: Notify,
}

impl Events {
    /// Every change of the job from now on; the first value is `job` as it stands.
    pub(crate) fn listen(&self, job: &Job) -> watch::Receiver<Option<Arc<Job>>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = listeners
            .entry(job.id.clone())
            .or_insert_with(|| watch::Sender::new(Some(Arc::new(job.clone()))));
        let receiver = sender.subscribe();
        drop(listeners);
        self.somebody.notify_one();
        receiver
    }

    /// Says that a job of this process has ended, so that nobody waits for the next look to hear of it.
    pub(crate) fn ended(&self) {
        self.ended.notify_one();
    }

    /// How many jobs are listened to.
    pub(crate) fn load(&self) -> usize {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.values().map(Sender::receiver_count).sum()
    }

    /// The jobs that somebody waits for, and the version that was told last.
    fn wanted(&self) -> BTreeMap<String, i64> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        let told = |(id, sender): (&String, &Sender)| match &*sender.borrow() {
            Some(job) if job.status.ended() => None,
            Some(job) => Some((id.clone(), job.version)),
            None => None,
        };
        listeners.iter().filter_map(told).collect()
    }

    fn tell(&self, job: Job) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(&job.id) {
            sender.send_if_modified(|last| {
                let news = last.as_ref().is_none_or(|last| last.version < job.version);
                if news {
                    *last = Some(Arc::new(job));
                }
                news
            });
        }
    }

    /// Says that the job was forgotten.
    fn gone(&self, id: &str) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(id) {
            sender.send_if_modified(|last| last.take().is_some());
        }
    }

    /// One look: the versions first, then those jobs alone that have changed.
    async fn look(&self, history: &History, told: &BTreeMap<String, i64>) -> Result<(), ServerError> {
        let ids: Vec<String> = told.keys().cloned().collect();
        let now: BTreeMap<String, i64> = history.versions(&ids).await?.into_iter().collect();
        let mut changed = Vec::new();
        for (id, version) in told {
            match now.get(id) {
                Some(now) if now == version => {}
                Some(_) => changed.push(id.clone()),
                None => self.gone(id),
            }
        }
        if !changed.is_empty() {
            for job in history.several(&changed).await? {
                self.tell(job);
            }
        }
        Ok(())
    }

    /// Looks for changes until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, history: History, stop: CancellationToken) {
        loop {
            let idle = self.wanted().is_empty();
            let wait = async {
                if idle {
                    self.somebody.notified().await;
                } else {
                    // Silence is no news: the next look is due all the same.
                    let _ = tokio::time::timeout(LOOK, self.ended.notified()).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = wait => {}
            }
            let told = self.wanted();
            if told.is_empty() {
                continue;
            }
            if let Err(why) = self.look(&history, &told).await {
                tracing::debug!(%why, "looking for changes failed");
            }
        }
    }
}
