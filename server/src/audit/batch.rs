//! A group's transaction as one caller's part sees it: a connection, and entries to add.
//! Never: lets a part that failed leave a row or an entry behind.

use legator_engine::tlog::{Hash, leaf_hash};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::entry::Draft;
use super::fault::WriteFault;
use super::rows::{Bulk, Rows};
use super::store;
use crate::db::DbFault;

/// An entry longer than this is a mistake of ours; outputs and files have places of their own.
const LONGEST_ENTRY: usize = 1 << 20;

/// The transaction that this part shares with others of its group.
pub struct Batch {
    connection: SqliteConnection,
    leaves: Vec<Leaf>,
    rows: Rows,
    /// The index of the group's first entry.
    base: u64,
    at_ms: i64,
    /// How many leaves there were when the present part began.
    kept: usize,
    savepoint: Savepoint,
}

/// An entry that waits for its group's INSERT.
pub(super) struct Leaf {
    pub index: u64,
    pub at_ms: i64,
    pub hash: Hash,
    pub json: String,
    pub draft: Draft,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    /// No part of this group has touched a row yet.
    None,
    /// The present part has.
    Ours,
    /// An earlier part has, and succeeded; its savepoint is released when the next one is set.
    Earlier,
}

impl Batch {
    pub(super) const fn new(connection: SqliteConnection) -> Self {
        Self {
            connection,
            leaves: Vec::new(),
            rows: Rows::new(),
            base: 0,
            at_ms: 0,
            kept: 0,
            savepoint: Savepoint::None,
        }
    }

    /// The connection, inside this part's own savepoint. A part that only adds entries does not ask, and costs no round trip.
    /// It is in a transaction already: use it as it is, without `begin`, and hand every error of a statement up.
    pub async fn connection(&mut self) -> Result<&mut SqliteConnection, WriteFault> {
        match self.savepoint {
            Savepoint::Ours => {}
            Savepoint::None => store::set_savepoint(&mut self.connection).await?,
            Savepoint::Earlier => store::move_savepoint(&mut self.connection).await?,
        }
        self.savepoint = Savepoint::Ours;
        Ok(&mut self.connection)
    }

    /// Adds an entry and tells its index, which holds if the write does.
    pub fn entry(&mut self, draft: Draft) -> Result<u64, WriteFault> {
        let index = self.base + self.leaves.len() as u64;
        let json = draft.to_json(index, self.at_ms)?;
        if json.len() > LONGEST_ENTRY {
            return Err(WriteFault::TooLong { bytes: json.len(), limit: LONGEST_ENTRY });
        }
        self.leaves.push(Leaf { index, at_ms: self.at_ms, hash: leaf_hash(json.as_bytes()), json, draft });
        Ok(index)
    }

    /// Adds a row for `bulk`. The rows of a whole group go in with one statement a kind, by rank, after every part has
    /// run. A row that breaks a constraint fails the whole group, so push only rows that cannot.
    pub fn push(&mut self, bulk: &'static Bulk, row: serde_json::Value) {
        self.rows.push(bulk, row);
    }

    /// The time of this write, as the caller gave it.
    pub const fn at_ms(&self) -> i64 {
        self.at_ms
    }

    pub(super) async fn begin(&mut self, base: u64) -> Result<(), DbFault> {
        self.leaves.clear();
        self.rows.clear();
        self.base = base;
        self.savepoint = Savepoint::None;
        Ok(store::begin(&mut self.connection).await?)
    }

    pub(super) fn begin_part(&mut self, at_ms: i64) {
        self.at_ms = at_ms;
        self.kept = self.leaves.len();
        self.rows.mark();
    }

    pub(super) fn keep_part(&mut self) {
        if self.savepoint == Savepoint::Ours {
            self.savepoint = Savepoint::Earlier;
        }
    }

    pub(super) async fn undo_part(&mut self) -> Result<(), DbFault> {
        self.leaves.truncate(self.kept);
        self.rows.undo();
        if self.savepoint == Savepoint::Ours {
            store::undo_savepoint(&mut self.connection).await?;
            self.savepoint = Savepoint::None;
        }
        Ok(())
    }

    /// Writes the rows of the whole group.
    pub(super) async fn flush(&mut self) -> Result<(), DbFault> {
        self.rows.flush(&mut self.connection).await
    }

    /// Ends the parts. It fails when SQLite undid the transaction by itself under a part that overlooked it: what came
    /// after that would be written outside any transaction.
    pub(super) async fn end_parts(&mut self) -> Result<(), DbFault> {
        if self.savepoint == Savepoint::Earlier {
            store::release_savepoint(&mut self.connection).await?;
            self.savepoint = Savepoint::None;
        }
        Ok(())
    }

    pub(super) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    pub(super) async fn close(self) {
        // What is committed is safe; a connection that does not close well has nothing to add.
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the writing connection did not close well");
        }
    }

    pub(super) fn raw(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// The connection and what is to be written on it.
    pub(super) fn parts(&mut self) -> (&mut SqliteConnection, &[Leaf]) {
        (&mut self.connection, &self.leaves)
    }
}
