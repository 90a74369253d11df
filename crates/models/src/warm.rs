//! Loaded models between two uses: those used last stay, within a budget of memory.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Models that are loaded and not in use.
#[derive(Debug)]
pub struct Warm {
    budget: u64,
    kept: Mutex<Vec<Entry>>,
}

/// The one of this process: memory is the process's.
static SHARED: Warm = Warm::new(6_000_000_000);

#[derive(Debug)]
struct Entry {
    key: String,
    bytes: u64,
    model: Box<dyn Any + Send>,
}

impl Warm {
    /// A store that holds at most `budget` bytes of weights.
    pub const fn new(budget: u64) -> Self {
        Self {
            budget,
            kept: Mutex::new(Vec::new()),
        }
    }

    /// The store of this process.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// The model under `key`, which says everything that makes it another: file, size, date, device. Loaded by `load` where it is
    /// not kept; two at once are two models. `bytes` is about what its weights take.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn held<M: Send + 'static, E>(
        &self,
        key: &str,
        bytes: u64,
        load: impl FnOnce() -> Result<M, E>,
    ) -> Result<Held<'_, M>, E> {
        let found = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let at = kept.iter().position(|entry| entry.key == key && entry.model.is::<M>());
            at.map(|at| kept.remove(at))
        };
        let found = found.and_then(|entry| entry.model.downcast::<M>().ok());
        let model = match found {
            Some(model) => model,
            None => {
                // Room is made before it is needed.
                self.shrink(self.budget.saturating_sub(bytes));
                Box::new(load()?)
            }
        };
        Ok(Held {
            warm: self,
            key: key.to_owned(),
            bytes,
            model: Some(model),
        })
    }

    /// How many bytes of weights are kept.
    pub fn bytes(&self) -> u64 {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|entry| entry.bytes).sum()
    }

    /// Lets go of the models used longest ago until at most `bytes` are kept.
    pub fn shrink(&self, bytes: u64) {
        let mut gone = Vec::new();
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            while !kept.is_empty() && kept.iter().map(|entry| entry.bytes).sum::<u64>() > bytes {
                gone.push(kept.remove(0));
            }
        }
        // Freed here, while nobody waits for the lock.
        drop(gone);
    }
}

/// A model in use; it is kept again when this goes.
#[derive(Debug)]
pub struct Held<'w, M: Send + 'static> {
    warm: &'w Warm,
    key: String,
    bytes: u64,
    model: Option<Box<M>>,
}

impl<M: Send + 'static> Deref for Held<'_, M> {
    type Target = M;

    #[expect(clippy::expect_used, reason = "it is there until it goes")]
    fn deref(&self) -> &M {
        self.model.as_deref().expect("the model is there until this goes")
    }
}

impl<M: Send + 'static> DerefMut for Held<'_, M> {
    #[expect(clippy::expect_used, reason = "it is there until it goes")]
    fn deref_mut(&mut self) -> &mut M {
        self.model.as_deref_mut().expect("the model is there until this goes")
    }
}

impl<M: Send + 'static> Drop for Held<'_, M> {
    fn drop(&mut self) {
        let Some(model) = self.model.take() else { return };
        // A model that was being used when something broke may be broken too.
        if std::thread::panicking() || self.bytes > self.warm.budget {
            return;
        }
        self.warm.shrink(self.warm.budget - self.bytes);
        let entry = Entry {
            key: std::mem::take(&mut self.key),
            bytes: self.bytes,
            model,
        };
        self.warm
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }
}

/// Bytes of memory that are free for this process, where the system says so: what Linux can give, within the limit of its control
/// group.
pub fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let free = available(&text)?;
    let number = |name: &str| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    // What was read of files counts as used, and goes when memory is asked for.
    let cached = || {
        let text = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("inactive_file "))?;
        line.trim().parse::<u64>().ok()
    };
    let group = number("memory.max").zip(number("memory.current"));
    Some(group.map_or(free, |(most, now)| {
        free.min(most.saturating_sub(now.saturating_sub(cached().unwrap_or(0))))
    }))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_loaded_twice_or_kept_past_the_budget() {
        let warm = Warm::new(100);
        let mut loads = 0;
        for _ in 0..3 {
            let mut held = warm.held("a", 60, || {
                loads += 1;
                Ok::<_, ()>(vec![loads])
            });
            held.as_mut().expect("loads").push(7);
        }
        assert_eq!(loads, 1);
        let held = warm.held("a", 60, || Err::<Vec<i32>, _>("is not loaded again"));
        assert_eq!(held.expect("is kept").len(), 4);
        // Another takes its place, one too large is never kept, another kind under the same key is another model.
        drop(warm.held("b", 60, || Ok::<_, ()>(1u8)));
        assert_eq!(warm.bytes(), 60);
        drop(warm.held("c", 200, || Ok::<_, ()>(1u8)));
        assert_eq!(warm.bytes(), 0);
        drop(warm.held("b", 10, || Ok::<_, ()>(2u8)));
        assert!(warm.held("b", 10, || Err::<u16, _>(())).is_err());
        warm.shrink(0);
        assert_eq!(warm.bytes(), 0);
    }

    #[test]
    fn two_at_once_share_one() {
        let warm = Warm::new(100);
        let first = warm.held("a", 10, || Ok::<_, ()>(1)).expect("loads");
        let second = warm.held("a", 10, || Ok::<_, ()>(2)).expect("loads");
        assert_eq!((*first, *second), (1, 2));
    }

    #[test]
    fn free_memory_is_misread() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   12 kB\n"), Some(12288));
        assert_eq!(available("MemAvailable: many\n"), None);
    }
}
