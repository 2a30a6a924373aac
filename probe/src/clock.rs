//! The probe's only source of time and chance.

use std::time::Duration;

use legator_protocol::Nonce;
use rustix::time::{ClockId, clock_gettime};

/// The host's wall clock, in UTC milliseconds.
#[expect(clippy::disallowed_methods, reason = "this is the probe's one clock")]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Since the host booted, its sleep included: an order must not outlive its expiry because a lid was closed.
pub fn since_boot() -> Duration {
    let at = clock_gettime(ClockId::Boottime);
    Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_nsec).unwrap_or(0))
}

/// The server's clock as this session knows it: what the welcome said, and the time since.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    at_ms: u64,
    heard: Duration,
}

impl ServerClock {
    pub fn heard(at_ms: u64) -> Self {
        Self { at_ms, heard: since_boot() }
    }

    pub fn now_ms(&self) -> u64 {
        let since = since_boot().saturating_sub(self.heard).as_millis();
        self.at_ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// How many milliseconds the host's clock is ahead of the server's.
    pub fn host_ahead_ms(&self) -> i64 {
        i64::try_from(i128::from(now_ms()) - i128::from(self.now_ms())).unwrap_or(0)
    }
}

/// The system gives no random bytes; without them no session can be opened.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes ({0}); is `/dev/urandom` there?")]
pub struct NoChance(String);

#[expect(clippy::disallowed_methods, reason = "this is the probe's one source of chance")]
pub fn nonce() -> Result<Nonce, NoChance> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|fault| NoChance(fault.to_string()))?;
    Ok(bytes)
}

/// Evenly spread in `0.0..1.0`. Without chance it is the middle: jitter is a courtesy, not a secret.
pub fn unit() -> f64 {
    let mut high = [0u8; 4];
    match nonce() {
        Ok(bytes) => high.copy_from_slice(&bytes[..4]),
        Err(_) => return 0.5,
    }
    f64::from(u32::from_be_bytes(high)) / (f64::from(u32::MAX) + 1.0)
}
