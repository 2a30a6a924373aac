//! The engine from outside: the shipped bundle, what a bundle refuses, and that the index changes nothing.

mod shipped;
