//! Logs go to stderr, in words.

#[cfg(feature = "server")]
use std::io::IsTerminal;

#[cfg(feature = "server")]
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::place::PlaceArgs;

/// Begins to log: errors alone with `-q`, warnings by default, more with each `-v`.
pub(crate) fn begin(args: &PlaceArgs) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    // A second subscriber in one process (a test) is refused; the first one stays.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .try_init();
}

/// The same for a process that stays: what it does is told as well, with the time, in words or as JSON.
#[cfg(feature = "server")]
pub(crate) fn serve(args: &PlaceArgs, json: bool) {
    let level = match (args.quiet, args.verbose) {
        (true, _) => "error",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    // What the database and the queue say to themselves is for those who ask for it.
    let inner = if args.verbose > 1 { "debug" } else { "warn" };
    let filter = EnvFilter::new(format!(
        "{level},sqlx={inner},apalis={inner},apalis_core={inner},apalis_sqlite={inner},apalis_postgres={inner},hyper={inner}"
    ));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = if json {
        subscriber.json().flatten_event(true).try_init()
    } else {
        subscriber.with_target(false).try_init()
    };
}
