//! The real binary, held against canned answers and against logs that were made here.

#[cfg(test)]
mod bundles;
mod fake;
#[cfg(test)]
mod help;
#[cfg(test)]
mod log;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod running;
#[cfg(test)]
mod signing_in;
