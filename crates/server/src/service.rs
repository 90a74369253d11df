//! The processes: a server, a worker.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::config::Config;
use crate::engines::Engines;
use crate::error::ServerError;
use crate::events::Events;
use crate::history::History;
use crate::job::Kind;
use crate::limits::Rate;
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::queue;
use crate::retention;
use crate::runner::Runner;
use crate::shop::{Desk, Shop};

/// Everything that answers need.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) history: History,
    pub(crate) blobs: Blobs,
    pub(crate) events: Arc<Events>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) rate: Rate,
    /// Wakes the worker of this process.
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    /// Uploads that come in at once.
    pub(crate) uploads: tokio::sync::Semaphore,
    /// Frames that are drawn for a request, a few at a time.
    pub(crate) draws: tokio::sync::Semaphore,
    /// The clip to try, once somebody has asked for it.
    pub(crate) sample: tokio::sync::OnceCell<axum::body::Bytes>,
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Engines that could work here now. Folders are looked at: not where answers wait.
    pub(crate) async fn engines(&self) -> Engines {
        let desk = Desk::new(Arc::clone(&self.runner.shop), Progress::new(Kind::Watch));
        let looked = tokio::task::spawn_blocking(move || crate::engines::here(&desk));
        looked.await.unwrap_or_default()
    }
}

/// The parts that servers and workers share.
async fn open(config: Config, stop: CancellationToken) -> Result<App, ServerError> {
    let data = &config.data_dir;
    std::fs::create_dir_all(data).map_err(|why| {
        ServerError::Setting(format!(
            "making the data folder {}: {why}\nhint: choose another with --data-dir",
            data.display()
        ))
    })?;
    let name = format!("{}-{}", std::process::id(), ulid::Ulid::generate());
    let shop = Arc::new(Shop::open(config.machine.clone(), data, &name)?);
    let blobs = Blobs::open(&config)?;
    let history = History::open(config.database.as_deref(), data).await?;
    let metrics = Arc::new(Metrics::new());
    let events = Arc::new(Events::default());
    let runner = Runner::new(
        name,
        history.clone(),
        blobs.clone(),
        shop,
        Arc::clone(&metrics),
        Arc::clone(&events),
    );
    Ok(App(Arc::new(Parts {
        rate: Rate::new(config.limits.jobs_per_minute),
        history,
        blobs,
        events,
        metrics,
        runner: Arc::new(runner),
        wake: Arc::new(Notify::new()),
        stop,
        uploads: tokio::sync::Semaphore::new(config.limits.uploads as usize),
        draws: tokio::sync::Semaphore::new(2),
        sample: tokio::sync::OnceCell::new(),
        config,
    })))
}

fn attend(app: &App) -> Option<JoinHandle<()>> {
    let (slots, lease) = (app.config.slots, app.config.lease);
    (slots > 0).then(|| {
        let (runner, wake, stop) = (Arc::clone(&app.runner), Arc::clone(&app.wake), app.stop.clone());
        tokio::spawn(queue::attend(runner, slots, lease, wake, stop))
    })
}

/// Waits for the jobs that run here; after the grace they are put back.
async fn settle(app: &App, working: Option<JoinHandle<()>>) {
    let Some(working) = working else { return };
    let running = app.runner.load();
    if running > 0 {
        tracing::info!(running, grace_s = app.config.grace.as_secs(), "waiting for jobs to end");
    }
    let closing = {
        let (runner, grace) = (Arc::clone(&app.runner), app.config.grace);
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            runner.close();
        })
    };
    if working.await.is_err() {
        tracing::error!("the worker of this process failed");
    }
    closing.abort();
}

/// Serves until `stop`, then lets running jobs end or puts them back. `ready` is told the address.
///
/// # Errors
/// A setting that cannot be used, a database or object store that cannot be reached, a port that is taken.
pub async fn serve(config: Config, stop: CancellationToken, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    if config.token.is_none() && !config.listen.ip().is_loopback() {
        return Err(ServerError::Open(config.listen));
    }
    let app = open(config, stop.clone()).await?;
    let listening = |why| ServerError::Listen {
        at: app.config.listen,
        why,
    };
    let listener = TcpListener::bind(app.config.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let working = attend(&app);
    tokio::spawn(Arc::clone(&app.events).watch(app.history.clone(), stop.clone()));
    tokio::spawn(retention::sweeps(
        app.history.clone(),
        app.blobs.clone(),
        app.config.keep,
        app.config.stray,
        stop.clone(),
    ));
    let router: Router = crate::api::router(app.clone());
    tracing::info!(%address, slots = app.config.slots, "serving");
    ready(address);
    let closed = stop.clone();
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { closed.cancelled().await })
        .into_future();
    let served = tokio::spawn(served);
    stop.cancelled().await;
    // Event streams end with `stop`; a client that never ends reading does not keep the process.
    let answered = tokio::time::timeout(std::time::Duration::from_secs(5), served).await;
    settle(&app, working).await;
    match answered {
        Ok(Ok(Err(why))) => Err(listening(why)),
        _ => Ok(()),
    }
}

/// Does jobs that servers took, until `stop`. `ready` is called once it looks for them.
///
/// # Errors
/// As for [`serve`].
pub async fn work(config: Config, stop: CancellationToken, ready: impl FnOnce()) -> Result<(), ServerError> {
    let app = open(config, stop.clone()).await?;
    tracing::info!(slots = app.config.slots, "working");
    ready();
    let working = attend(&app);
    stop.cancelled().await;
    settle(&app, working).await;
    Ok(())
}
