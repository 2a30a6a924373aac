//! The one place that reads the time of day and asks for chance. Nothing is decided by them here; the server has its own.

use chrono::{DateTime, Utc};

#[expect(clippy::disallowed_methods, reason = "this is the command line's only source of time")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Bytes that nobody can guess, for a new key.
#[expect(clippy::disallowed_methods, reason = "this is the command line's only source of chance")]
pub fn chance() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|fault| fault.to_string())?;
    Ok(bytes)
}
