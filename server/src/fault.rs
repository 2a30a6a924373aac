//! Crash points for tests: `LEGATOR_CRASH_AT=<name>` or `<name>:<n>` ends the process, as `kill -9` would, the n-th time it gets there.
//! Never: anything in a release build.

/// A place where the process may be told to die.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
        let text = std::env::var("LEGATOR_CRASH_AT").ok()?;
        let (name, n) = text.rsplit_once(':').map_or((text.as_str(), 1), |(name, n)| (name, n.parse().unwrap_or(1)));
        Some((name.to_owned(), AtomicU64::new(n)))
    });
    if let Some((wanted, left)) = &*AT
        && wanted == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

/// A place where the process may be told to die; not in this build.
#[cfg(not(debug_assertions))]
pub const fn point(_name: &'static str) {}

/// Every crash point on the road, for the test that goes through all of them.
pub const POINTS: &[&str] = &[
    "road.judged",
    "road.recording",
    "road.recorded",
    "road.sealed",
    "road.dispatched",
    "hear.accepted",
    "hear.output",
    "hear.settling",
    "hear.settled",
];

/// Every crash point of an activation, in order: before it is durable, when it is, and when it counts.
pub const BUNDLE_POINTS: &[&str] = &["policy.activating", "policy.recorded", "policy.live"];

/// Every crash point of a turn of a probe's key, in order: before and after both sides keep the next key, and before and
/// after the old one is forgotten.
pub const PROBE_KEY_POINTS: &[&str] = &["key.keeping", "key.kept", "key.proved", "key.turned"];

/// Every crash point of a turn of the log's key, in order: when the new key is in the file, when the log says so, and when
/// the old key is gone.
pub const LOG_KEY_POINTS: &[&str] = &["log-key.prepared", "log-key.recorded", "log-key.settled"];
