//! Scripts: small Rhai programs that answer one question each, without hands of their own.

mod admission;
pub mod alert;
mod failure;
mod indicator;
pub mod job;
mod listening;
mod sandbox;
pub(crate) mod text;
mod view;

pub(crate) use admission::Admission;
pub(crate) use alert::Alerts;
pub(crate) use job::Jobs;
pub(crate) use listening::{BRANCH, Hits, LINE};
pub use sandbox::Abort;
pub(crate) use sandbox::Limits;
