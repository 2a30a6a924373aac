//! Time, ids and chance: the only place in the server that asks the system for any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Hands out the time and chance. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is told otherwise, for tests.
    pub fn manual(at_ms: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at_ms))))
    }

    /// Moves a manual clock; the system's is not ours to move.
    pub fn advance(&self, by_ms: i64) {
        if let Source::Manual(at) = &self.0 {
            at.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    /// UTC milliseconds.
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(at) => at.load(Ordering::Relaxed),
        }
    }

    /// A new id: `clock.born(CommandId::born)`.
    pub fn born<T>(&self, kind: fn(u64, u128) -> T) -> T {
        kind(self.now().max(0).cast_unsigned(), u128::from_be_bytes(chance()))
    }

    /// An id for one request.
    pub fn request_id(&self) -> String {
        let id = ulid::Ulid::from_parts(self.now().max(0).cast_unsigned(), u128::from_be_bytes(chance()));
        format!("req_{id}")
    }

    /// 32 bytes that nobody can guess.
    pub fn secret(&self) -> [u8; 32] {
        chance()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
fn system_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for chance")]
#[expect(clippy::panic, reason = "a server without chance would hand out keys that can be guessed")]
fn chance<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(fault) = getrandom::fill(&mut bytes) {
        panic!("the system gives no randomness: {fault}");
    }
    bytes
}
