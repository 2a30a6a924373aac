//! The real binary, held against canned answers and against logs that were made here.

#[cfg(test)]
mod bundles;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod example;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod help;
#[cfg(test)]
mod log;
#[cfg(test)]
mod replaying;
#[cfg(test)]
mod revisions;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod running;
#[cfg(test)]
mod signing_in;
#[cfg(test)]
mod turned;
#[cfg(test)]
mod voting;
