//! How long to wait before the next try. Full jitter: a server that restarts meets no herd.

use std::time::Duration;

/// Waits grow from `first` to `most`, and each is drawn evenly from nothing up to its bound.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
    /// For a server that does not know this probe: trying often would not help.
    pub stranger: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(300), stranger: Duration::from_secs(600) }
    }
}

impl Backoff {
    /// The wait before try `attempt` (the first after a loss is 0). `chance` is in `0.0..1.0`.
    pub fn wait(&self, attempt: u32, chance: f64) -> Duration {
        let bound = self.first.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(self.most);
        bound.mul_f64(chance.clamp(0.0, 1.0))
    }

    /// The wait after a refusal: between half and the whole of `stranger`.
    pub fn wait_as_stranger(&self, chance: f64) -> Duration {
        self.stranger.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_five_minutes_and_no_further() {
        let bound = |attempt| Backoff::default().wait(attempt, 1.0).as_secs();
        assert_eq!([0, 1, 2, 3, 8, 9, 31, 32, 1000].map(bound), [1, 2, 4, 8, 256, 300, 300, 300, 300]);
    }

    #[test]
    fn spreads_over_the_whole_wait() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(3, 0.5), Duration::from_secs(4));
        assert_eq!(backoff.wait_as_stranger(0.0), Duration::from_secs(300));
    }
}
