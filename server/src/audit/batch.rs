//! A group's transaction as one caller's part sees it: a connection, and entries to add.
//! Never: lets a part that failed leave a row or an entry behind.

use std::sync::Arc;

use legator_engine::tlog::{Hash, Node, Signer, Tree, Turn, leaf_hash};
use serde::Serialize;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::entry::Draft;
use super::fault::WriteFault;
use super::rows::{Bulk, Place, Rows};
use super::{Head, store};
use crate::db::DbFault;

/// An entry longer than this is a mistake of ours; outputs and files have places of their own.
const LONGEST_ENTRY: u64 = 1 << 20;

/// The transaction that this part shares with others of its group.
pub struct Batch {
    connection: SqliteConnection,
    /// The hashes of the group's entries, in order.
    leaves: Vec<Hash>,
    rows: Rows,
    /// The log as it was before this group.
    base: Tree,
    /// The key that signs the group, and the one that comes after it if the group's last entry turns it.
    signer: Option<Arc<Signer>>,
    turned: Option<Arc<Signer>>,
    at_ms: i64,
    /// How many leaves there were when the present part began.
    kept: usize,
    /// Whether a transaction is open. It opens late: a group that only adds entries and rows goes out in one piece.
    begun: bool,
    savepoint: Savepoint,
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
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self {
            connection,
            leaves: Vec::new(),
            rows: Rows::default(),
            base: Tree::new(),
            signer: None,
            turned: None,
            at_ms: 0,
            kept: 0,
            begun: false,
            savepoint: Savepoint::None,
        }
    }

    /// The connection, inside this part's own savepoint. A part that only adds entries does not ask, and costs no round trip.
    /// It is in a transaction already: use it as it is, without `begin`, and hand every error of a statement up.
    pub async fn connection(&mut self) -> Result<&mut SqliteConnection, WriteFault> {
        if !self.begun {
            store::begin(&mut self.connection).await?;
            self.begun = true;
        }
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
        let index = self.base.size() + self.leaves.len() as u64;
        let (body, json) = self.rows.place_json(&store::INSERT_BODY, &draft.leaf(index, self.at_ms)?)?;
        if body.bytes() > LONGEST_ENTRY {
            return Err(WriteFault::TooLong { bytes: json.len(), limit: LONGEST_ENTRY as usize });
        }
        let hash = leaf_hash(json);
        let Draft { kind, actor, subject, command, probe, tenant, .. } = draft;
        let leaf = hex::encode(hash.as_bytes());
        self.rows
            .push(&store::INSERT_ENTRY, &(index, leaf, self.at_ms, kind, actor, subject, command, probe, tenant))?;
        self.rows.push(&store::INSERT_BODY, &(index, body))?;
        self.leaves.push(hash);
        Ok(index)
    }

    /// Adds the entry in which the key of the log names the next one. It has to be the group's last: see the writer.
    pub(super) fn turn_key(&mut self, draft: Draft, next: Signer) -> Result<(), WriteFault> {
        let Some(signer) = &self.signer else { return Err(WriteFault::Closed) };
        let mut tree = self.base.clone();
        self.leaves.iter().for_each(|leaf| tree.append(*leaf, |_, _| {}));
        let body = Turn::body(tree.size(), tree.root(), signer, &next);
        self.entry(draft.body(body))?;
        self.turned = Some(Arc::new(next));
        Ok(())
    }

    /// The key that signs from now on, if this group turns it.
    pub(super) const fn turned(&self) -> Option<&Arc<Signer>> {
        self.turned.as_ref()
    }

    /// Adds a row for `bulk`. The rows of a whole group go in with one statement a kind, by rank, after every part has
    /// run. A row that breaks a constraint fails the whole group, so push only rows that cannot.
    pub fn push(&mut self, bulk: &'static Bulk, row: &impl Serialize) -> Result<(), WriteFault> {
        self.rows.push(bulk, row)
    }

    /// Puts a long text where rows of `bulk` can point to it.
    pub fn place(&mut self, bulk: &'static Bulk, text: &str) -> Place {
        self.rows.place(bulk, text)
    }

    /// The time of this write, as the caller gave it.
    pub const fn at_ms(&self) -> i64 {
        self.at_ms
    }

    pub(super) fn begin(&mut self, base: Tree, signer: Arc<Signer>) {
        self.leaves.clear();
        self.rows.clear();
        self.base = base;
        (self.signer, self.turned) = (Some(signer), None);
        self.begun = false;
        self.savepoint = Savepoint::None;
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
        self.turned = None;
        self.rows.undo();
        if self.savepoint == Savepoint::Ours {
            store::undo_savepoint(&mut self.connection).await?;
            self.savepoint = Savepoint::None;
        }
        Ok(())
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

    /// Writes what has gathered, the log's new head and nodes with it, and commits.
    pub(super) async fn commit(&mut self, nodes: &[(Node, Hash)], head: Option<&Head>) -> Result<(), DbFault> {
        let added = self.add_log(nodes, head);
        added.map_err(|fault| DbFault::Corrupt(sqlx::Error::Protocol(fault.to_string())))?;
        if !self.begun && self.rows.is_empty() {
            return Ok(());
        }
        Ok(store::write_group(&mut self.connection, self.begun, self.rows.take()).await?)
    }

    fn add_log(&mut self, nodes: &[(Node, Hash)], head: Option<&Head>) -> Result<(), WriteFault> {
        for (node, hash) in nodes {
            self.rows.push(&store::INSERT_NODE, &store::node_row(*node, hash))?;
        }
        if let Some(Head { size, root, note, at_ms, .. }) = head {
            let row = (size, hex::encode(root.as_bytes()), at_ms, &**note);
            self.rows.push(&store::INSERT_CHECKPOINT, &row)?;
        }
        Ok(())
    }

    pub(super) fn leaves(&self) -> &[Hash] {
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
}
