//! What the measurements share: the real server as a child process, and many probes in this one.

pub mod server;
pub mod swarm;
