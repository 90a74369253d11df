//! How far a job is, over all its stages, and how long it may still take.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::job::Kind;

/// The share of the whole that each stage usually takes.
fn shares(kind: Kind) -> &'static [(&'static str, f64)] {
    match kind {
        Kind::Score => &[
            ("opening", 0.02),
            ("watching", 0.5),
            ("composing", 0.04),
            ("designing", 0.04),
            ("rendering", 0.15),
            ("mixing", 0.17),
            ("muxing", 0.05),
            ("keeping takes", 0.03),
        ],
        Kind::Watch => &[("opening", 0.05), ("watching", 0.85), ("extracting", 0.1)],
        Kind::Film => &[
            ("opening", 0.02),
            ("listening", 0.18),
            ("painting", 0.65),
            ("watching", 0.15),
        ],
        Kind::Evaluate => &[
            ("opening", 0.02),
            ("watching", 0.5),
            ("listening", 0.15),
            ("listening for beats", 0.15),
            ("counting changes", 0.13),
            ("reporting", 0.05),
        ],
    }
}

/// Progress as the stages report it.
#[derive(Debug)]
pub(crate) struct Progress {
    shares: &'static [(&'static str, f64)],
    began: Instant,
    now: Mutex<Now>,
}

/// A moment of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Now {
    pub(crate) stage: &'static str,
    /// 0 to 1 over all stages; never less than before.
    pub(crate) whole: f64,
    before: f64,
    share: f64,
}

impl Progress {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            shares: shares(kind),
            began: Instant::now(),
            now: Mutex::new(Now {
                stage: "starting",
                whole: 0.0,
                before: 0.0,
                share: 0.0,
            }),
        }
    }

    /// A stage begins.
    pub(crate) fn begin(&self, stage: &'static str) {
        let mut before = 0.0;
        let mut share = 0.0;
        for (name, part) in self.shares {
            if *name == stage {
                share = *part;
                break;
            }
            before += part;
        }
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.stage = stage;
        if share > 0.0 {
            (now.before, now.share) = (before, share);
            now.whole = now.whole.max(before);
        }
    }

    /// `fraction` of the stage is done.
    pub(crate) fn at(&self, fraction: f64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = now.before + now.share * fraction.clamp(0.0, 1.0);
        now.whole = now.whole.max(whole.min(0.99));
    }

    /// How it stands.
    pub(crate) fn now(&self) -> Now {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seconds that are left if it goes on like this; `None` while that cannot be said.
    pub(crate) fn left_s(&self) -> Option<f64> {
        let whole = self.now().whole;
        let spent_s = self.began.elapsed().as_secs_f64();
        (whole > 0.03 && spent_s > 0.5).then(|| spent_s * (1.0 - whole) / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_comes_twice_takes_the_bar_back() {
        let progress = Progress::new(Kind::Film);
        let mut last = 0.0;
        for stage in [
            "opening",
            "listening",
            "opening",
            "painting",
            "opening",
            "watching",
            "judging",
        ] {
            progress.begin(stage);
            for step in 0..=10 {
                progress.at(f64::from(step) / 10.0);
                let whole = progress.now().whole;
                assert!(whole >= last && whole < 1.0, "{stage} {whole}");
                last = whole;
            }
        }
        assert!(last > 0.9);
    }

    #[test]
    fn the_shares_of_a_kind_do_not_add_up() {
        for kind in Kind::ALL {
            let sum: f64 = shares(kind).iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{}: {sum}", kind.name());
        }
    }
}
