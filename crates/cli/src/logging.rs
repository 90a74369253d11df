//! Logs go to stderr, in words.

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
