//! How often a client may come.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients that are remembered; more than anybody has, and a bound on memory.
const MOST: usize = 10_000;

/// A bucket of permissions for each client, filled at a steady rate.
#[derive(Debug)]
pub(crate) struct Rate {
    per_minute: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Rate {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute: f64::from(per_minute.max(1)),
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one permission.
    ///
    /// # Errors
    /// How long to wait, where there is none.
    pub(crate) fn take(&self, client: &str, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let refill = |(left, at): (f64, Instant)| {
            let gained = now.saturating_duration_since(at).as_secs_f64() * self.per_minute / 60.0;
            (left + gained).min(self.per_minute)
        };
        if buckets.len() >= MOST {
            buckets.retain(|_, bucket| refill(*bucket) < self.per_minute);
        }
        let bucket = buckets.entry(client.to_owned()).or_insert((self.per_minute, now));
        *bucket = (refill(*bucket), now);
        if bucket.0 >= 1.0 {
            bucket.0 -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - bucket.0) * 60.0 / self.per_minute))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_comes_more_often_than_it_may_or_spoils_it_for_another() {
        let rate = Rate::new(60);
        let now = Instant::now();
        for _ in 0..60 {
            assert_eq!(rate.take("a", now), Ok(()));
        }
        let wait = rate.take("a", now).expect_err("too often");
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rate.take("b", now), Ok(()));
        assert_eq!(rate.take("a", now + Duration::from_millis(1100)), Ok(()));
        assert!(rate.take("a", now + Duration::from_millis(1200)).is_err());
    }
}
