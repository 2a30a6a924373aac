//! Tests of the classifier with the table that ships: cases beside each table file, ways out, properties, faults.

mod cases;
mod escapes;
mod faults;
mod properties;
mod reading;
