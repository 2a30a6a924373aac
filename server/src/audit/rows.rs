//! What waits for the end of its group: rows by statement, and the long texts that rows point into. One statement then
//! writes what many callers want written, and the whole group goes to the disk in one hand-over.
//!
//! Rows travel as one JSON array for each statement. A long text would be escaped, parsed and escaped again on that way,
//! so it lies in a heap of plain bytes beside it, and the row says where.

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

/// Where a text lies in the heap of its statement. In a row it is two numbers, `[from, bytes]`, as
/// `substr({heap}, from, bytes)` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place(u64, u64);

impl Place {
    pub const fn bytes(self) -> u64 {
        self.1
    }
}

/// Rows and texts by statement.
#[derive(Default)]
pub(super) struct Rows {
    kinds: Vec<Kind>,
}

struct Kind {
    bulk: &'static Bulk,
    /// JSON without the brackets around it.
    rows: Vec<u8>,
    heap: Vec<u8>,
    /// How long both were when the present part began.
    kept: (usize, usize),
}

/// What goes to the database: statements, and the values of their parameters `$1`, `$2`, … in order.
#[derive(Default)]
pub(super) struct Script {
    pub sql: String,
    pub values: Vec<Value>,
}

pub(super) enum Value {
    Rows(String),
    Heap(Vec<u8>),
}

impl Rows {
    fn kind(&mut self, bulk: &'static Bulk) -> &mut Kind {
        let at = self.kinds.iter().position(|kind| std::ptr::eq(kind.bulk, bulk)).unwrap_or_else(|| {
            self.kinds.push(Kind { bulk, rows: Vec::new(), heap: Vec::new(), kept: (0, 0) });
            self.kinds.len() - 1
        });
        &mut self.kinds[at]
    }

    pub fn push(&mut self, bulk: &'static Bulk, row: &impl Serialize) -> Result<(), WriteFault> {
        let kind = self.kind(bulk);
        if !kind.rows.is_empty() {
            kind.rows.push(b',');
        }
        serde_json::to_writer(&mut kind.rows, row)?;
        Ok(())
    }

    /// Puts a text beside the rows of `bulk`.
    pub fn place(&mut self, bulk: &'static Bulk, text: &str) -> Place {
        let heap = &mut self.kind(bulk).heap;
        let from = heap.len();
        heap.extend_from_slice(text.as_bytes());
        Place(from as u64 + 1, text.len() as u64)
    }

    /// Puts a value's JSON there, and shows it.
    pub fn place_json(&mut self, bulk: &'static Bulk, value: &impl Serialize) -> Result<(Place, &[u8]), WriteFault> {
        let heap = &mut self.kind(bulk).heap;
        let from = heap.len();
        serde_json::to_writer(&mut *heap, value)?;
        // SQL counts from one.
        Ok((Place(from as u64 + 1, (heap.len() - from) as u64), &heap[from..]))
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|kind| kind.rows.is_empty())
    }

    pub fn clear(&mut self) {
        self.kinds.clear();
    }

    /// A part begins.
    pub fn mark(&mut self) {
        for kind in &mut self.kinds {
            kind.kept = (kind.rows.len(), kind.heap.len());
        }
    }

    /// The present part failed: what it pushed is forgotten.
    pub fn undo(&mut self) {
        for kind in &mut self.kinds {
            kind.rows.truncate(kind.kept.0);
            kind.heap.truncate(kind.kept.1);
        }
    }

    /// Everything, by rank.
    pub fn take(&mut self) -> Script {
        self.kinds.sort_by_key(|kind| kind.bulk.rank);
        let mut script = Script::default();
        for kind in self.kinds.drain(..).filter(|kind| !kind.rows.is_empty()) {
            let Kind { bulk, mut rows, heap, .. } = kind;
            rows.insert(0, b'[');
            rows.push(b']');
            // INVARIANT: serde writes UTF-8, and `undo` cuts between rows.
            let rows = script.value(Value::Rows(String::from_utf8(rows).unwrap_or_default()));
            let mut sql = bulk.sql.replace("{rows}", &rows);
            if sql.contains("{heap}") {
                sql = sql.replace("{heap}", &script.value(Value::Heap(heap)));
            }
            script.sql.push_str(&sql);
            script.sql.push(';');
        }
        script
    }
}

impl Script {
    /// The parameter's name. Names with `$` are numbered by SQLite without gaps in each statement, which the driver needs:
    /// with `?7` it would take the six before it for nameless ones.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIRST: Bulk = Bulk { rank: 0, sql: "first {rows} {heap}" };
    static LAST: Bulk = Bulk { rank: 9, sql: "last {rows}" };

    fn shown(script: Script) -> (String, Vec<String>) {
        let text = |value| match value {
            Value::Rows(text) => text,
            Value::Heap(bytes) => String::from_utf8(bytes).unwrap(),
        };
        (script.sql, script.values.into_iter().map(text).collect())
    }

    #[test]
    fn gathers_rows_by_rank_and_forgets_those_of_a_part_that_failed() {
        let mut rows = Rows::default();
        rows.mark();
        rows.push(&LAST, &(1, "a")).unwrap();
        let place = rows.place(&FIRST, "kept");
        rows.push(&FIRST, &place).unwrap();
        rows.mark();
        rows.push(&LAST, &(2, "b")).unwrap();
        rows.place(&FIRST, "forgotten");
        rows.undo();
        rows.push(&LAST, &(3, "c")).unwrap();
        let (place, json) = rows.place_json(&FIRST, &"text").unwrap();
        assert_eq!((place, json), (Place(5, 6), &b"\"text\""[..]));
        let (sql, values) = shown(rows.take());
        assert_eq!(sql, "first $1 $2;last $3;");
        assert_eq!(values, ["[[1,4]]", "kept\"text\"", "[[1,\"a\"],[3,\"c\"]]"]);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_kind_that_only_a_failed_part_used_writes_nothing() {
        let mut rows = Rows::default();
        rows.mark();
        rows.push(&LAST, &1).unwrap();
        rows.undo();
        assert!(rows.is_empty());
        assert_eq!(shown(rows.take()).0, "");
    }
}
