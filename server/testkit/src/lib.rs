//! A small world for tests: a server on a folder of its own, people with roles, and hosts whose probes the test plays.
//!
//! Everything speaks the real wire over loopback; only the probe's hands are the test's. Story tests use [`program`]
//! instead, which starts the real binaries.
//! Never: sleeps for luck. What is waited for is a state, a message or the end of a stream, each with an end to patience.

#![expect(clippy::unwrap_used, clippy::panic, reason = "it is all tests: what fails here fails the test")]

mod aftermath;
mod answer;
mod database;
pub mod full;
mod host;
mod link;
mod person;
pub mod program;
mod world;

use std::time::Duration;

pub use aftermath::look_back;
pub use answer::Answer;
pub use database::Database;
pub use host::{Act, Host, Serving, well};
pub use link::{Closed, Link, output, result};
pub use person::{Person, Sse, http};
pub use world::{MORNING, Plan, World, registration};

/// Longer than anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of `future`, within patience.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
pub use {reqwest, tokio_tungstenite};
