//! What is old goes.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::blobs::Blobs;
use crate::error::ServerError;
use crate::history::{History, now_ms};

/// Forgets jobs that ended longer ago than `keep`, then content that no job refers to and that is older than `stray`: as old
/// as that, it is not on its way into a job.
pub(crate) async fn sweep(
    history: &History,
    blobs: &Blobs,
    keep: Duration,
    stray: Duration,
) -> Result<(), ServerError> {
    let before = |age: Duration| now_ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let mut forgotten = 0;
    loop {
        let old = history.ended_before(before(keep)).await?;
        if old.is_empty() {
            break;
        }
        for id in &old {
            forgotten += u64::from(history.forget(id).await?);
        }
    }
    let mut removed = 0;
    for blob in blobs.older_than(before(stray)).await? {
        if !history.used(&blob).await? {
            blobs.remove(&blob).await?;
            removed += 1;
        }
    }
    history.clear_queue().await?;
    if forgotten + removed > 0 {
        tracing::info!(jobs = forgotten, files = removed, "old things are gone");
    }
    Ok(())
}

/// Copies of content from elsewhere that no job has asked for in a day go; they can be fetched again.
pub(crate) fn clear_fetched(folder: &Path) {
    const DAY: Duration = Duration::from_secs(86_400);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|meta| meta.modified());
        if used.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > DAY)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Sweeps now and then until `stop`.
pub(crate) async fn sweeps(history: History, blobs: Blobs, keep: Duration, stray: Duration, stop: CancellationToken) {
    let pause = keep.min(stray).clamp(Duration::from_secs(1), Duration::from_secs(600));
    loop {
        if let Err(why) = sweep(&history, &blobs, keep, stray).await {
            tracing::warn!(%why, "what is old could not be removed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
