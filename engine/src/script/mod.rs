//! Scripts: small Rhai programs that answer one question each, without hands of their own.

mod admission;
pub mod alert;
pub(crate) mod contract;
mod failure;
mod indicator;
pub mod job;
mod listening;
mod sandbox;
pub(crate) mod text;
mod view;
pub mod vocabulary;

pub(crate) use admission::Admission;
pub(crate) use alert::Alerts;
pub(crate) use job::Jobs;
pub(crate) use listening::{BRANCH, Hits, LINE};
pub use sandbox::Abort;
pub(crate) use sandbox::Limits;
