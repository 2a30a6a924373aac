//! Writing without waiting: a part takes its place in the line, and what follows from it happens once it is durable.

use tokio::sync::mpsc::Permit;

use super::writer::Job;
use super::{Batch, Draft, Ledger, WriteFault, writer};

/// A place at the end of the line, as soon as it is taken: nothing waits between the taking and the standing there, so
/// whoever holds a lock meanwhile knows in which order its parts stand.
pub struct Slot<'l>(Permit<'l, Box<dyn Job>>);

impl Ledger {
    /// Waits for room in the line.
    pub async fn slot(&self) -> Result<Slot<'_>, WriteFault> {
        self.jobs.reserve().await.map(Slot).map_err(|_| WriteFault::Closed)
    }

    /// Writes one entry that goes with no row.
    pub async fn append(&self, at_ms: i64, draft: Draft) -> Result<u64, WriteFault> {
        self.write(at_ms, move |batch| Box::pin(async move { batch.entry(draft) })).await
    }
}

impl Slot<'_> {
    /// [`write`](Ledger::write) without waiting: the part stands in the line behind all earlier ones. `work` only adds
    /// rows and entries. `then` is told whether it became durable, after those of all earlier parts, and, where it did
    /// not, before any later part is run. It should be quick and not wait.
    pub fn take<W, A>(self, at_ms: i64, work: W, then: A)
    where
        W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
        A: FnOnce(Result<(), WriteFault>) + Send + 'static,
    {
        self.0.send(writer::line(at_ms, work, then));
    }
}
