//! The probe against a server that speaks the real wire over loopback: in process where that is enough, and the real
//! program where it is killed.

#[cfg(test)]
mod enrollment;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod losing;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod running;
#[cfg(test)]
mod session;
#[cfg(test)]
mod world;
