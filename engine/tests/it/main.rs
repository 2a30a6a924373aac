//! The engine from outside: the shipped bundle, what a bundle refuses, why a decision is what it is, and that the index
//! changes nothing.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod admission;
mod archives;
mod broken;
mod cases;
mod compared;
mod covered;
mod documented;
mod explained;
mod linked;
mod lints;
mod masked;
mod older;
mod oracle;
mod refused_bundles;
mod reloaded;
mod replayed;
mod shipped;
mod small;
