//! What waits for the end of its group: rows by statement, and the long texts that rows point into. One statement then
//! writes what many callers want written, and the whole group goes to the disk in one hand-over.
//!
//! Rows travel as one JSON array for each statement. A long text would be escaped, parsed and escaped again on that way,
//! so it lies in a heap of plain bytes beside it, and the row says where.

use std::fmt::Write as _;

use serde::Serialize;

use super::fault::WriteFault;

/// A statement that writes the rows of a whole group. In its text `{rows}` stands for a JSON array of rows
/// (`… FROM json_each({rows})`), and `{heap}` for the bytes that a [`Place`] is a place in.
#[derive(Debug)]
pub struct Bulk {
    /// Lower ones run first, whoever pushed first.
    pub rank: u8,
    pub sql: &'static str,
}

/// Where a text lies in the group's heap. In a row it is two numbers, `[from, bytes]`, as `substr({heap}, from, bytes)`
/// takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place(pub u64, pub u64);

/// Rows by statement, and the heap.
#[derive(Default)]
pub(super) struct Rows {
    kinds: Vec<Kind>,
    heap: Vec<u8>,
    heap_kept: usize,
}

struct Kind {
    bulk: &'static Bulk,
    /// JSON without the brackets around it.
    rows: Vec<u8>,
    /// How long it was when the present part began.
    kept: usize,
}

impl Rows {
    pub fn push(&mut self, bulk: &'static Bulk, row: &impl Serialize) -> Result<(), WriteFault> {
        let kind = match self.kinds.iter().position(|kind| std::ptr::eq(kind.bulk, bulk)) {
            Some(at) => &mut self.kinds[at],
            None => {
                self.kinds.push(Kind { bulk, rows: Vec::new(), kept: 0 });
                let last = self.kinds.len() - 1;
                &mut self.kinds[last]
            }
        };
        if !kind.rows.is_empty() {
            kind.rows.push(b',');
        }
        serde_json::to_writer(&mut kind.rows, row)?;
        Ok(())
    }

    /// Puts bytes into the heap.
    pub fn place(&mut self, bytes: &[u8]) -> Place {
        let from = self.heap.len();
        self.heap.extend_from_slice(bytes);
        self.since(from)
    }

    /// Puts a value's JSON into the heap.
    pub fn place_json(&mut self, value: &impl Serialize) -> Result<Place, WriteFault> {
        let from = self.heap.len();
        serde_json::to_writer(&mut self.heap, value)?;
        Ok(self.since(from))
    }

    fn since(&self, from: usize) -> Place {
        // SQL counts from one.
        Place(from as u64 + 1, (self.heap.len() - from) as u64)
    }

    pub fn at(&self, place: Place) -> &[u8] {
        let from = place.0 as usize - 1;
        self.heap.get(from..from + place.1 as usize).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|kind| kind.rows.is_empty())
    }

    pub fn clear(&mut self) {
        self.kinds.clear();
        self.heap.clear();
    }

    /// A part begins.
    pub fn mark(&mut self) {
        self.heap_kept = self.heap.len();
        for kind in &mut self.kinds {
            kind.kept = kind.rows.len();
        }
    }

    /// The present part failed: what it pushed is forgotten.
    pub fn undo(&mut self) {
        self.heap.truncate(self.heap_kept);
        for kind in &mut self.kinds {
            kind.rows.truncate(kind.kept);
        }
    }

    /// Everything as one text of statements, by rank, and what stands for its parameters: the heap is the first.
    pub fn take(&mut self) -> (String, Vec<u8>, Vec<String>) {
        self.kinds.sort_by_key(|kind| kind.bulk.rank);
        let (mut sql, mut parameters) = (String::with_capacity(4096), Vec::new());
        for mut kind in self.kinds.drain(..).filter(|kind| !kind.rows.is_empty()) {
            kind.rows.insert(0, b'[');
            kind.rows.push(b']');
            // INVARIANT: serde writes UTF-8, and `truncate` cut between rows.
            parameters.push(String::from_utf8(kind.rows).unwrap_or_default());
            let rows = format!("?{}", parameters.len() + 1);
            // INVARIANT: writing to a `String` does not fail.
            let _ = write!(sql, "{};", kind.bulk.sql.replace("{rows}", &rows).replace("{heap}", "?1"));
        }
        (sql, std::mem::take(&mut self.heap), parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIRST: Bulk = Bulk { rank: 0, sql: "first {rows} {heap}" };
    static LAST: Bulk = Bulk { rank: 9, sql: "last {rows}" };

    #[test]
    fn gathers_rows_by_rank_and_forgets_those_of_a_part_that_failed() {
        let mut rows = Rows::default();
        rows.mark();
        rows.push(&LAST, &(1, "a")).unwrap();
        let place = rows.place(b"kept");
        rows.push(&FIRST, &place).unwrap();
        rows.mark();
        rows.push(&LAST, &(2, "b")).unwrap();
        rows.place(b"forgotten");
        rows.undo();
        rows.push(&LAST, &(3, "c")).unwrap();
        assert_eq!(rows.place_json(&"text").unwrap(), Place(5, 6));
        assert_eq!(rows.at(place), b"kept");
        let (sql, heap, parameters) = rows.take();
        assert_eq!(sql, "first ?2 ?1;last ?3;");
        assert_eq!(heap, b"kept\"text\"");
        assert_eq!(parameters, ["[[1,4]]", "[[1,\"a\"],[3,\"c\"]]"]);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_kind_that_only_a_failed_part_used_writes_nothing() {
        let mut rows = Rows::default();
        rows.mark();
        rows.push(&LAST, &1).unwrap();
        rows.undo();
        assert!(rows.is_empty());
        assert_eq!(rows.take().0, "");
    }
}
