//! Writing without waiting: a part takes its place in the line, and somebody waits for it later or elsewhere.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Batch, Draft, Ledger, WriteFault, writer};

/// A part in the line. It is written whether or not anybody waits.
#[must_use = "nothing follows from a write that is not known to be durable"]
pub struct Written<T>(Result<oneshot::Receiver<Result<T, WriteFault>>, WriteFault>);

impl<T> Written<T> {
    /// Waits until the part is durable, or failed.
    pub async fn durable(self) -> Result<T, WriteFault> {
        self.0?.await.unwrap_or(Err(WriteFault::Closed))
    }
}

impl Ledger {
    /// [`write`](Self::write) in two steps: when this returns, the part stands in the line behind all earlier ones.
    pub async fn enqueue<T, W>(&self, at_ms: i64, work: W) -> Written<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Batch) -> BoxFuture<'c, Result<T, WriteFault>> + Send + 'static,
    {
        let (job, answer) = writer::job(at_ms, work);
        Written(self.jobs.send(job).await.map(|()| answer).map_err(|_| WriteFault::Closed))
    }

    /// Writes one entry that goes with no row.
    pub async fn append(&self, at_ms: i64, draft: Draft) -> Result<u64, WriteFault> {
        self.write(at_ms, move |batch| Box::pin(async move { batch.entry(draft) })).await
    }
}
