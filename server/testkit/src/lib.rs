//! A small world for tests and measurements: a server, probes and people.

pub mod bench_server;
pub mod swarm;
