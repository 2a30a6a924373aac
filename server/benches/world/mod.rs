//! What the measurements share: the real server as a child process, and many probes in this one.
#![expect(dead_code, reason = "each measurement uses a part of it")]

pub mod server;
pub mod swarm;
