#![doc = include_str!("../README.md")]

// Who this probe is, and how it reaches its server.
pub mod address;
pub mod card;
pub mod config;
pub mod enroll;
pub mod keys;
pub mod tls;
pub mod token;

// One session after the other.
pub mod courier;
pub mod reconnect;
pub mod service;
pub mod session;

// An order: may it run, has it run, run it, say how it ended.
pub mod floor;
pub mod gate;
pub mod hands;
pub mod hours;
pub mod journal;
pub mod policy;
pub mod run;
pub mod spool;

// What the host looks like.
pub mod heartbeat;
pub mod inventory;
pub mod look;
pub mod mounts;
pub mod sections;
pub mod witness;

// The program around it.
pub mod ask;
pub mod cli;
pub mod clock;
pub mod durable;
pub mod status;
pub mod unit;

/// This build's version, as `--version` and the server see it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
