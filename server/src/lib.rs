#![doc = include_str!("../README.md")]
// Rooms in reading order, lowest first; each imports only from lower rows (`cargo xtask tidy` says so).

// 0
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod events;
pub mod fault;
pub mod judgement;
#[cfg(any(test, fuzzing))]
pub mod parts;
pub mod telemetry;
pub mod tenant;
pub mod tls;
pub mod vault;
// 1
pub mod audit;
// 2
pub mod identity;
// 3
pub mod approvals;
pub mod capacity;
pub mod fleet;
pub mod hub;
// 4: the road, and the rules that it is judged by
pub mod command;
pub mod grants;
pub mod policy;
// 5
pub mod replay;
pub mod timeline;
// 6
pub mod rotation;
// 7
pub mod app;
pub mod doctor;
// 8: the outside, and what it may send
#[cfg(any(test, fuzzing))]
pub mod hostile;
pub mod http;
