//! Tests of the classifier with the table that ships: cases beside each table file, ways out, properties, faults.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod escapes;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reading;
