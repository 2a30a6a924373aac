//! The one place that reads the time of day. Nothing is decided by it here; the server has its own clock.

use chrono::{DateTime, Utc};

#[expect(clippy::disallowed_methods, reason = "this is the command line's only source of time")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
