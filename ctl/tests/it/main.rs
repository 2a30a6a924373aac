//! The real binary, held against canned answers, against logs that were made here, and against a real server.

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
mod real;
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
