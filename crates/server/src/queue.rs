//! Who does which job: apalis, with a lease that heartbeats renew.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, BoxDynError, Data, WorkerBuilder};
use apalis_postgres::{PgListener, PostgresStorage};
use apalis_sqlite::SqliteStorage;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::history::Database;
use crate::runner::Runner;

/// The queue's name in the database.
pub(crate) const QUEUE: &str = "synchresis";

/// Liveness counts whole seconds, so less than two would be taken for death.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// A worker that heard of nothing looks for itself this often.
const LOOK: Duration = Duration::from_millis(500);

/// How long to wait before a queue that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What lies in the queue: which job. Everything else is in the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) job: String,
}

/// A stream that asks to be polled again after each item.
///
/// The queue polls this, then its fetch; where a fetch that began before a job came ends just then, empty, the item would be
/// spent on it and nothing would look again before the next heartbeat.
struct Twice<S>(Pin<Box<S>>);

impl<S: Stream> Stream for Twice<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let polled = self.0.as_mut().poll_next(context);
        if polled.is_ready() {
            context.waker().wake_by_ref();
        }
        polled
    }
}

async fn handle(ticket: Ticket, runner: Data<Arc<Runner>>) -> Result<(), BoxDynError> {
    runner.attend(&ticket.job).await
}

/// Takes jobs from the queue, `slots` at once, until `stop`; then lets those that run end, and returns.
///
/// A database that goes away is waited for: the worker begins anew under another name, and jobs that run go on meanwhile.
pub(crate) async fn attend(
    runner: Arc<Runner>,
    slots: usize,
    lease: Duration,
    wake: Arc<Notify>,
    stop: CancellationToken,
) {
    let missed = (lease.as_secs() / HEARTBEAT.as_secs()).max(2) as usize;
    let listener = tokio::spawn(listen(runner.history.database.clone(), Arc::clone(&wake), stop.clone()));
    let mut life = 0u64;
    while !stop.is_cancelled() {
        life += 1;
        let name = format!("{}-{life}", runner.name);
        let stopped = {
            let stop = stop.clone();
            async move {
                stop.cancelled().await;
                Ok::<(), std::io::Error>(())
            }
        };
        let wakes = {
            let wake = Arc::clone(&wake);
            stream::unfold(wake, |wake| async move {
                let _ = tokio::time::timeout(LOOK, wake.notified()).await;
                Some(((), wake))
            })
        };
        let wakes = Twice(Box::pin(wakes));
        // Whatever came while nobody looked.
        wake.notify_one();
        let outcome = match &runner.history.database {
            Database::Sqlite(pool) => {
                let config = apalis_sqlite::Config::default()
                    .queue(QUEUE)
                    .batch_size(1)
                    .heartbeat_interval(HEARTBEAT)
                    .missed_heartbeats(missed);
                let storage = SqliteStorage::<Ticket>::new(pool).with_config(config);
                WorkerBuilder::new(name.as_str())
                    .backend(storage.poll_with_stream(wakes))
                    .data(Arc::clone(&runner))
                    .concurrency(slots)
                    .build(handle)
                    .run_until(stopped)
                    .await
            }
            Database::Postgres(pool) => {
                let config = apalis_postgres::Config::default()
                    .queue(QUEUE)
                    .batch_size(1)
                    .heartbeat_interval(HEARTBEAT)
                    .missed_heartbeats(missed);
                let storage = PostgresStorage::<Ticket>::new(pool).with_config(config);
                WorkerBuilder::new(name.as_str())
                    .backend(storage.poll_with_stream(wakes))
                    .data(Arc::clone(&runner))
                    .concurrency(slots)
                    .build(handle)
                    .run_until(stopped)
                    .await
            }
        };
        if let Err(why) = outcome
            && !stop.is_cancelled()
        {
            tracing::warn!(%why, "the queue failed; trying again");
            tokio::time::sleep(AGAIN).await;
        }
    }
    listener.abort();
    runner.settled().await;
}

/// Wakes the worker when PostgreSQL says that a job came; SQLite's jobs come from this process, or are looked for.
async fn listen(database: Database, wake: Arc<Notify>, stop: CancellationToken) {
    let Database::Postgres(pool) = database else { return };
    while !stop.is_cancelled() {
        let heard = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen("apalis::job::insert").await?;
            loop {
                listener.recv().await?;
                wake.notify_one();
            }
        };
        let heard: Result<(), sqlx::Error> = heard.await;
        if let Err(why) = heard {
            tracing::debug!(%why, "listening for jobs failed; trying again");
        }
        tokio::time::sleep(AGAIN).await;
    }
}
