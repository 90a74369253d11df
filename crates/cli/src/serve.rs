//! `synchresis serve` and `synchresis worker`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use synchresis_server::{ClientLimits, Config};
use tokio_util::sync::CancellationToken;

use crate::config::data_home;
use crate::failure::{Failure, print};
use crate::place::{Place, PlaceArgs};

/// Where jobs and what they make are kept, and how they are done.
#[derive(Debug, clap::Args)]
struct ShareArgs {
    /// Uploads, the SQLite database and results; the platform's data folder by default.
    #[arg(long, value_name = "DIR", help_heading = "Storage")]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL that workers on several machines share: postgres://user:password@host/name. SQLite in the data folder by
    /// default. Best given as SYNCHRESIS_DATABASE, since others see command lines.
    #[arg(long, value_name = "URL", help_heading = "Storage")]
    database: Option<String>,
    /// Where uploads and results lie: a folder that every worker sees, or s3://bucket/prefix with AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the environment. A folder in the data folder by default.
    #[arg(long, value_name = "URL", help_heading = "Storage")]
    store: Option<String>,
    /// A worker that was not heard of for so many seconds is taken for dead, and its jobs are given to others.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(4..=3600), help_heading = "Work")]
    lease: u64,
    /// How many seconds running jobs may go on once the process is asked to stop; after that they are put back.
    #[arg(long, value_name = "S", default_value_t = 20, help_heading = "Work")]
    grace: u64,
    /// Log as JSON, one object a line.
    #[arg(long, help_heading = "Work")]
    log_json: bool,
}

/// Opens the studio to a browser and to programs.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The port; 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 8017)]
    port: u16,
    /// The address to listen at. Beyond this machine a token is needed.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// What clients must show. Best given as SYNCHRESIS_TOKEN, since others see command lines.
    #[arg(long, value_name = "TEXT", help_heading = "Guard")]
    token: Option<String>,
    /// Jobs at once in this process; 0 leaves them to workers.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Work")]
    jobs: usize,
    /// Forget jobs, and what they made, so many hours after they ended.
    #[arg(long, value_name = "H", default_value_t = 24.0 * 7.0, help_heading = "Storage")]
    keep: f64,
    /// Files that no job refers to go after so many minutes.
    #[arg(
        long,
        value_name = "MIN",
        default_value_t = 60.0,
        help_heading = "Storage",
        hide = true
    )]
    stray: f64,
    /// Largest upload, megabytes.
    #[arg(long, value_name = "MB", default_value_t = 2048, help_heading = "Guard")]
    limit_upload: u64,
    /// Jobs of one client that wait or run at once.
    #[arg(long, value_name = "N", default_value_t = 50, help_heading = "Guard")]
    limit_jobs: u32,
    /// Jobs a minute that one client may make.
    #[arg(long, value_name = "N", default_value_t = 60, help_heading = "Guard")]
    limit_rate: u32,
    /// Megabytes that must stay free on the disk for an upload to be taken.
    #[arg(long, value_name = "MB", default_value_t = 256, help_heading = "Guard")]
    limit_free: u64,
    /// Event streams open at once.
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Guard")]
    limit_streams: u32,
    #[command(flatten)]
    share: ShareArgs,
}

/// Does jobs that a server took.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// Jobs at once.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Work")]
    jobs: u16,
    #[command(flatten)]
    share: ShareArgs,
}

impl ServeArgs {
    pub(crate) fn log_json(&self) -> bool {
        self.share.log_json
    }
}

impl WorkerArgs {
    pub(crate) fn log_json(&self) -> bool {
        self.share.log_json
    }
}

fn config(share: &ShareArgs, place: &Place, global: &PlaceArgs) -> Result<Config, Failure> {
    let data_dir = match &share.data_dir {
        Some(dir) => dir.clone(),
        None => data_home().map(|home| home.join("synchresis")).ok_or_else(|| {
            Failure::usage("looking for the data folder: there is no home\nhint: name one with --data-dir")
        })?,
    };
    // Strangers' films are not as long as one's own may be.
    let mut machine = place.machine();
    if !global.limits_duration() {
        machine.limits.duration_s = 3600.0;
    }
    if global.caches_nowhere() {
        machine.cache_dir = data_dir.join("cache");
    }
    Ok(Config {
        machine,
        data_dir,
        database: share.database.clone(),
        objects: share.store.clone(),
        object_options: std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        token: None,
        slots: 1,
        lease: Duration::from_secs(share.lease),
        grace: Duration::from_secs(share.grace),
        keep: Duration::from_secs(7 * 86_400),
        stray: Duration::from_secs(3600),
        limits: ClientLimits::default(),
    })
}

/// Runs until a signal: the first asks politely, and what runs may end or is put back.
fn run<F: Future<Output = Result<(), synchresis_server::ServerError>>>(
    place: &Place,
    task: impl FnOnce(CancellationToken) -> F,
) -> Result<(), Failure> {
    // A few threads even on a small machine: an answer does not wait while an upload is hashed.
    let threads = std::thread::available_parallelism().map_or(4, |cores| cores.get().max(4));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(1, format!("starting: {e}")))?;
    let stop = CancellationToken::new();
    let outcome = runtime.block_on(async {
        let asked = stop.clone();
        let signals = async {
            while !place.stopped() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            asked.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = task(stop.clone()) => outcome,
            () = signals => Ok(()),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome.map_err(|error| Failure::new(error.exit_code(), error.to_string()))
}

pub(crate) fn serve(args: &ServeArgs, place: &Place, global: &PlaceArgs) -> Result<(), Failure> {
    let mut config = config(&args.share, place, global)?;
    config.listen = SocketAddr::from((args.host, args.port));
    config.token = args.token.clone().filter(|token| !token.is_empty());
    config.slots = args.jobs;
    config.keep = hours(args.keep, "--keep")?;
    config.stray = hours(args.stray / 60.0, "--stray")?;
    config.limits.upload_bytes = args.limit_upload.saturating_mul(1_000_000);
    config.limits.jobs = args.limit_jobs;
    config.limits.jobs_per_minute = args.limit_rate;
    config.limits.free_bytes = args.limit_free.saturating_mul(1_000_000);
    config.limits.streams = args.limit_streams;
    run(place, |stop| {
        synchresis_server::serve(config, stop, |address| {
            // Whoever started it reads where it is; a closed stdout is no reason to stop.
            let _ = print(&format!("http://{address}\n"));
        })
    })
}

pub(crate) fn work(args: &WorkerArgs, place: &Place, global: &PlaceArgs) -> Result<(), Failure> {
    let mut config = config(&args.share, place, global)?;
    config.slots = usize::from(args.jobs);
    run(place, |stop| {
        synchresis_server::work(config, stop, || {
            let _ = print("ready\n");
        })
    })
}

fn hours(hours: f64, flag: &str) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(hours * 3600.0)
        .map_err(|_| Failure::usage(format!("{flag} {hours}: not a length of time")))
}
