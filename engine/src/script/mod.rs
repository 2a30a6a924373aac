//! Scripts: small Rhai programs that answer one question each, without hands of their own.

mod admission;
pub(crate) mod contract;
mod indicator;
mod sandbox;
mod view;
pub mod vocabulary;

pub(crate) use admission::Admission;
pub use sandbox::Abort;
pub(crate) use sandbox::Limits;
