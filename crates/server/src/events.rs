//! Changes of jobs, told to whoever listens: one look at the database for all listeners together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::history::{History, Job};

/// How often the database is looked at while somebody listens.
const LOOK: Duration = Duration::from_millis(150);

type Sender = watch::Sender<Option<Arc<Job>>>;

/// Who listens to what.
#[derive(Debug, Default)]
pub(crate) struct Events {
    listeners: Mutex<HashMap<String, Sender>>,
    somebody: Notify,
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

    /// How many jobs are listened to.
    pub(crate) fn load(&self) -> usize {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.values().map(Sender::receiver_count).sum()
    }

    fn wanted(&self) -> Vec<String> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        let open = |sender: &Sender| sender.borrow().as_ref().is_none_or(|job| !job.status.ended());
        let mut ids: Vec<String> = listeners
            .iter()
            .filter(|(_, sender)| open(sender))
            .map(|(id, _)| id.clone())
            .collect();
        ids.sort();
        ids
    }

    fn tell(&self, jobs: Vec<Job>, asked: &[String]) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for id in asked {
            let Some(sender) = listeners.get(id) else { continue };
            match jobs.iter().find(|job| job.id == *id) {
                Some(job) => sender.send_if_modified(|last| {
                    let news = last.as_ref().is_none_or(|last| last.version != job.version);
                    if news {
                        *last = Some(Arc::new(job.clone()));
                    }
                    news
                }),
                // Forgotten meanwhile.
                None => sender.send_if_modified(|last| last.take().is_some()),
            };
        }
    }

    /// Looks for changes until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, history: History, stop: CancellationToken) {
        loop {
            let ids = self.wanted();
            let wait = async {
                if ids.is_empty() {
                    self.somebody.notified().await;
                } else {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = wait => {}
            }
            let ids = self.wanted();
            if ids.is_empty() {
                continue;
            }
            match history.several(&ids).await {
                Ok(jobs) => self.tell(jobs, &ids),
                Err(why) => tracing::debug!(%why, "looking for changes failed"),
            }
        }
    }
}
