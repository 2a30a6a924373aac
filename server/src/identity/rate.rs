//! How many requests somebody may make: a bucket for each, filled at a steady rate, in bounded memory.
//! Never: one caller's flood that another one pays for; grows with the number of callers.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Callers that are kept in mind. Who is forgotten begins with a full bucket.
const KEPT: usize = 10_000;

/// How fast, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; 0 is without a bound.
    pub per_s: u32,
    pub burst: u32,
}

impl Rate {
    pub const UNBOUNDED: Self = Self { per_s: 0, burst: 0 };
}

/// Buckets by caller, in thousandths of a request.
pub(super) struct Buckets<K>(Mutex<HashMap<K, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    left: i64,
    at_ms: i64,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Takes one request, or says in how many seconds there is one.
    pub fn take(&self, key: &K, rate: Rate, now_ms: i64) -> Result<(), u64> {
        if rate.per_s == 0 {
            return Ok(());
        }
        let (per_ms, full) = (i64::from(rate.per_s), i64::from(rate.burst.max(1)) * 1000);
        let filled = |bucket: &Bucket| {
            let passed = now_ms.saturating_sub(bucket.at_ms).max(0);
            bucket.left.saturating_add(passed.saturating_mul(per_ms)).min(full)
        };
        let mut all = self.0.lock();
        if all.len() >= KEPT && !all.contains_key(key) {
            // A full bucket is as good as none.
            all.retain(|_, bucket| filled(bucket) < full);
            if all.len() >= KEPT {
                let mut times: Vec<i64> = all.values().map(|bucket| bucket.at_ms).collect();
                let (_, &mut oldest, _) = times.select_nth_unstable(KEPT / 4);
                let mut leave = KEPT / 4;
                all.retain(|_, bucket| {
                    let goes = leave > 0 && bucket.at_ms <= oldest;
                    leave -= usize::from(goes);
                    !goes
                });
            }
        }
        let bucket = all.entry(key.clone()).or_insert(Bucket { left: full, at_ms: now_ms });
        let left = filled(bucket);
        if left < 1000 {
            *bucket = Bucket { left, at_ms: now_ms };
            let wait_ms = (1000 - left).div_euclid(per_ms) + 1;
            return Err(wait_ms.max(0).cast_unsigned().div_ceil(1000));
        }
        *bucket = Bucket { left: left - 1000, at_ms: now_ms };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_s: 10, burst: 20 };

    #[test]
    fn lets_a_burst_through_and_then_as_many_as_come_back() {
        let buckets = Buckets::default();
        let through = |now| (0..1000).filter(|_| buckets.take(&"ana", RATE, now).is_ok()).count();
        assert_eq!(through(0), 20);
        assert_eq!(through(500), 5);
        assert_eq!(through(500), 0);
        assert_eq!(through(1_000_000), 20, "no more than a burst is saved up");
        assert_eq!(buckets.take(&"ana", RATE, 1_000_000), Err(1));
        assert!(buckets.take(&"ben", RATE, 1_000_000).is_ok(), "another pays for nothing");
        assert_eq!(through(0), 0, "a clock that goes back gives nothing");
    }

    #[test]
    fn a_slow_rate_says_how_long_to_wait() {
        let (buckets, slow) = (Buckets::default(), Rate { per_s: 1, burst: 1 });
        assert!(buckets.take(&1, slow, 0).is_ok());
        assert_eq!(buckets.take(&1, slow, 0), Err(2));
        assert_eq!(buckets.take(&1, slow, 999), Err(1));
        assert!(buckets.take(&1, slow, 1_001).is_ok());
        assert!((0..1000).all(|_| buckets.take(&1, Rate::UNBOUNDED, 0).is_ok()));
    }

    #[test]
    fn what_is_kept_in_mind_is_bounded() {
        let buckets = Buckets::default();
        for n in 0..3 * KEPT {
            assert!(buckets.take(&n, RATE, i64::try_from(n).unwrap() / 1000).is_ok());
        }
        assert!(buckets.0.lock().len() <= KEPT);
    }
}
