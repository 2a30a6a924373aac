//! The engine from outside: the shipped bundle, what a bundle refuses, why a decision is what it is, and that the index
//! changes nothing.

mod admission;
mod explained;
mod oracle;
mod refused_bundles;
mod shipped;
mod small;
