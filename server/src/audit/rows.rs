//! Rows that wait for the end of their group, so that one statement writes what many callers want written.

use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

use crate::db::DbFault;

/// A statement that writes the rows of a whole group: it takes one JSON array of rows (`… FROM json_each(?)`).
#[derive(Debug)]
pub struct Bulk {
    /// Lower ones run first, whoever pushed first.
    pub rank: u8,
    pub sql: &'static str,
}

/// Rows by statement.
pub(super) struct Rows {
    kinds: Vec<Kind>,
}

struct Kind {
    bulk: &'static Bulk,
    rows: Vec<Value>,
    /// How many there were when the present part began.
    kept: usize,
}

impl Rows {
    pub const fn new() -> Self {
        Self { kinds: Vec::new() }
    }

    pub fn push(&mut self, bulk: &'static Bulk, row: Value) {
        match self.kinds.iter_mut().find(|kind| kind.bulk.sql == bulk.sql) {
            Some(kind) => kind.rows.push(row),
            None => self.kinds.push(Kind { bulk, rows: vec![row], kept: 0 }),
        }
    }

    pub fn clear(&mut self) {
        self.kinds.clear();
    }

    /// A part begins.
    pub fn mark(&mut self) {
        for kind in &mut self.kinds {
            kind.kept = kind.rows.len();
        }
    }

    /// The present part failed: its rows are forgotten.
    pub fn undo(&mut self) {
        for kind in &mut self.kinds {
            kind.rows.truncate(kind.kept);
        }
    }

    pub async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), DbFault> {
        self.kinds.sort_by_key(|kind| kind.bulk.rank);
        for kind in self.kinds.drain(..).filter(|kind| !kind.rows.is_empty()) {
            let rows = Value::Array(kind.rows).to_string();
            sqlx::query(kind.bulk.sql).bind(rows).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
