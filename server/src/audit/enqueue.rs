//! Writing without waiting: a part takes its place in the line, and what follows from it happens once it is durable.

use super::{Batch, Draft, Ledger, WriteFault, writer};

impl Ledger {
    /// [`write`](Self::write) in two steps: when this returns, the part stands in the line behind all earlier ones.
    /// `work` only adds
    /// rows and entries. `then` is told whether it became durable, after those of all earlier parts; it should be quick and not wait.
    pub async fn enqueue<W, A>(&self, at_ms: i64, work: W, then: A)
    where
        W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
        A: FnOnce(Result<(), WriteFault>) + Send + 'static,
    {
        if let Err(closed) = self.jobs.send(writer::line(at_ms, work, then)).await {
            closed.0.refuse(WriteFault::Closed);
        }
    }

    /// Writes one entry that goes with no row.
    pub async fn append(&self, at_ms: i64, draft: Draft) -> Result<u64, WriteFault> {
        self.write(at_ms, move |batch| Box::pin(async move { batch.entry(draft) })).await
    }
}
