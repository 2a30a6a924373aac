//! Reading the audit log: entries as a story, proofs, checks, and exports.
//! Never: writes. Only the audit room does.

pub mod api;
mod export;
