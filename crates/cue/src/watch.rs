//! Progress and cancellation, as every long-running function takes them.

/// What a long-running function reports to, and asks whether to stop.
pub trait Watch: Sync {
    /// Whether the person asked to stop. Asked at least every tenth of a second of work.
    fn cancelled(&self) -> bool;
    /// `fraction` of the present stage is done, 0 to 1.
    fn progress(&self, fraction: f64);

    /// `Err(Cancelled)` once the person asked to stop, so that `?` ends the work.
    ///
    /// # Errors
    /// [`Cancelled`], and nothing else.
    fn check(&self) -> Result<(), Cancelled> {
        if self.cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// The person asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// A [`Watch`] that is never cancelled and shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watch for Silent {
    fn cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _fraction: f64) {}
}
