//! Reading the audit log: entries as a story, proofs, and checks.
//! Never: writes. Only the audit room does.

pub mod api;
