//! The real binary, held against canned answers and against logs that were made here.

mod fake;
mod help;
mod log;
mod rules;
mod running;
mod signing_in;
