//! The audit log, and with it every write of the server: what is done and the entry that says so become durable together.
//!
//! Callers hand their part of a transaction to [`Ledger::write`]; one task gathers what waits into a group, commits it,
//! signs the log's new head and answers everyone. Whoever has an `Ok` has an entry that a power cut cannot take away.
//! Never: an effect before its entry, an entry changed or taken away, a caller told of a write that is not on disk.

mod api;
mod batch;
mod enqueue;
mod entry;
mod fault;
mod key_file;
mod open;
mod prove;
mod query;
mod rows;
mod store;
mod turn;
mod verify;
mod writer;

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use legator_engine::tlog::{Hash, Keys, Verifier};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::Sqlite;
use tokio::sync::{Mutex, mpsc, watch};

pub use batch::Batch;
pub use enqueue::Slot;
pub use entry::Draft;
pub use fault::{KeptFault, LogKeyFault, OpenFault, ReadFault, WriteFault};
pub use key_file::KeyFile;
pub use prove::{Consistency, Inclusion};
pub use query::{Entry, Filter, Page};
pub use rows::{Bulk, Place};
pub use turn::LogKey;
pub use verify::{Finding, Flaw, Report};

use crate::db::{Db, DbFault};
use writer::{Job, Writer};

/// Parts that may wait before callers wait for room.
const BACKLOG: usize = 4096;

/// The log's newest signed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub size: u64,
    pub root: Hash,
    /// The C2SP checkpoint, as it is handed out.
    pub note: Arc<str>,
    /// The key that signed it, `name+keyid+base64`; the new one of two.
    pub verifier: Arc<str>,
    /// When its group was written, in UTC milliseconds; 0 while the log is empty.
    pub at_ms: i64,
}

/// Whether the log can be written, as the last group found it.
#[derive(Clone, Debug, Default)]
pub enum Health {
    #[default]
    Good,
    /// Nothing is recorded, so nothing may be done, until a write succeeds again.
    Bad(Arc<DbFault>),
}

impl Health {
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Good)
    }
}

/// The handle on the log. The writer ends when the last one is gone.
#[derive(Clone, Debug)]
pub struct Ledger {
    jobs: mpsc::Sender<Box<dyn Job>>,
    head: watch::Receiver<Head>,
    health: watch::Receiver<Health>,
    db: Db,
    keys: watch::Receiver<Arc<Keys>>,
    /// Held while the key is turned.
    key_file: Arc<Mutex<KeyFile>>,
}

impl Ledger {
    /// Takes the log up where its last checkpoint left it, and refuses one that does not fit that checkpoint.
    /// `origin` names the log in checkpoints, for instance `legator.example.com/audit`. Spawn the second part: it writes.
    /// A turn of the key that was broken off is brought to its end: the entry that is there or not says which key stays.
    pub async fn open(
        db: Db,
        key_file: KeyFile,
        origin: &str,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), OpenFault> {
        let (connection, found) = open::take_up(&db, &key_file, origin).await?;
        key_file.settle(found.keys.now().key())?;
        let (jobs, waiting) = mpsc::channel(BACKLOG);
        let (head_out, head) = watch::channel(found.head.clone());
        let (health_out, health) = watch::channel(Health::default());
        let (keys_out, keys) = watch::channel(Arc::new(found.keys.clone()));
        let told = writer::Told { head: head_out, health: health_out, keys: keys_out };
        let writer = Writer::new(db.clone(), connection, found, waiting, told);
        let key_file = Arc::new(Mutex::new(key_file));
        Ok((Self { jobs, head, health, db, keys, key_file }, writer.run()))
    }

    /// Runs `work` inside the next group's transaction. The rows that it writes and the entries that it adds are
    /// durable together when this returns `Ok`; after an `Err` there is neither, and others of the group go on without.
    ///
    /// `work` should do SQL and nothing slower: everyone waits for it. It runs even if the caller goes away meanwhile.
    pub async fn write<T, W>(&self, at_ms: i64, work: W) -> Result<T, WriteFault>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Batch) -> BoxFuture<'c, Result<T, WriteFault>> + Send + 'static,
    {
        self.attempt(at_ms, work).await
    }

    /// [`write`](Self::write) for work that can fail in a room's own way, which undoes its part alike.
    pub async fn attempt<T, E, W>(&self, at_ms: i64, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<WriteFault> + Send + 'static,
        W: for<'c> FnOnce(&'c mut Batch) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (job, answer) = writer::job(at_ms, work);
        self.jobs.send(job).await.map_err(|_| WriteFault::Closed)?;
        answer.await.unwrap_or_else(|_| Err(WriteFault::Closed.into()))
    }

    /// Entries that match, newest first. `before` is the last page's `next`.
    pub async fn entries(&self, filter: &Filter, before: Option<u64>, limit: u32) -> Result<Page, ReadFault> {
        query::entries(&mut *self.reader().await?, filter, before, limit).await
    }

    pub async fn entry(&self, index: u64) -> Result<Option<Entry>, ReadFault> {
        Ok(store::entry(&mut *self.reader().await?, index).await?)
    }

    /// What proves, offline, that an entry is in the log; `None` for an entry that is not there yet.
    pub async fn proof(&self, index: u64) -> Result<Option<Inclusion>, ReadFault> {
        prove::inclusion(&mut *self.reader().await?, &self.head(), index).await
    }

    /// What proves that the log of today begins with the log as it was at `old` entries.
    pub async fn consistency(&self, old: u64) -> Result<Consistency, ReadFault> {
        prove::consistency(&mut *self.reader().await?, self.head(), old).await
    }

    /// Holds a checkpoint that someone kept against the log: it tells a log that was cut or rewritten, which nothing inside can.
    pub async fn agree(&self, kept: &str) -> Result<(), KeptFault> {
        prove::agree(&mut *self.reader().await?, self.head(), kept, &self.keys()).await
    }

    /// Recomputes the whole log from its bodies up to the present head, and stops at the first thing that does not fit.
    pub async fn verify_all(&self) -> Result<Report, ReadFault> {
        verify::run(self.db.reads(), self.head(), &self.keys()).await
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.db.reads().acquire().await
    }

    pub fn head(&self) -> Head {
        self.head.borrow().clone()
    }

    /// Follows the head, group by group; for handing checkpoints to the fleet.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// The key that signs now, as `name+keyid+base64` in its `Display`. A head says itself which one it was signed with.
    pub fn verifier(&self) -> Verifier {
        self.keys().now().clone()
    }

    /// The keys of the log, and which sizes each signs.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.borrow())
    }
}

#[cfg(test)]
mod tests;
