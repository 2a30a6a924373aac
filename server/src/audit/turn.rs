//! Turning the key that signs the log, while it is written: an entry in which the old key names the new one, signed by
//! both, and a checkpoint right after it that both sign. From then on the new key signs, and the old one is destroyed.
//!
//! Each step leaves something that a restart goes on from. The new key is durable before anything is signed with it; the
//! entry decides which of the two is the log's; the file follows the log.
//! Never: two turns at once, or a log without a key that can go on with it.

use legator_engine::tlog::{Signer, Verifier};

use super::fault::{LogKeyFault, ReadFault};
use super::key_file::KeyFile;
use super::{Draft, Head, Ledger, WriteFault, store};
use crate::fault;

/// A key that signs the log or did, and the turn that brought it.
#[derive(Clone, Debug)]
pub struct LogKey {
    pub verifier: Verifier,
    /// The first size of the log that it signs, and the last.
    pub from: u64,
    pub until: Option<u64>,
    /// The entry that brought it; the log's first entry for the first key, if there is one.
    pub began: Option<super::Entry>,
    /// The checkpoint that both keys signed.
    pub cosigned: Option<String>,
}

impl Ledger {
    /// Turns the key. `draft` says who does it; `expect` is the key that they looked at, if they say.
    pub async fn turn_key(&self, at_ms: i64, draft: Draft, expect: Option<&str>) -> Result<Head, LogKeyFault> {
        let file = self.key_file.try_lock().map_err(|_| LogKeyFault::Turning)?;
        self.settle(&file).await?;
        let now = self.verifier();
        if expect.is_some_and(|expected| expected != now.to_string()) {
            return Err(LogKeyFault::Another(now.to_string()));
        }
        let next = Signer::new(now.name(), file.prepare(now.key())?)?;
        fault::point("log-key.prepared");
        self.write(at_ms, move |batch| Box::pin(async move { batch.turn_key(draft, next) })).await?;
        fault::point("log-key.recorded");
        // The turn has happened. A file that cannot be written now follows later.
        if let Err(fault) = self.settle(&file).await {
            tracing::error!(%fault, "the log's old key could not be destroyed; it is tried again");
        }
        fault::point("log-key.settled");
        Ok(self.head())
    }

    /// Lets the file follow the log, where a turn was broken off.
    pub async fn settle_key(&self) -> Result<(), LogKeyFault> {
        match self.key_file.try_lock() {
            Ok(file) => self.settle(&file).await,
            Err(_busy) => Ok(()),
        }
    }

    async fn settle(&self, file: &KeyFile) -> Result<(), LogKeyFault> {
        if file.keys()?.len() == 1 {
            return Ok(());
        }
        // After a failed write nobody knows whether the turn is on disk. The writer looks before it runs even this.
        self.write(0, |_| Box::pin(async { Ok::<_, WriteFault>(()) })).await?;
        Ok(file.settle(self.verifier().key())?)
    }

    /// The keys of the log, the first one first.
    pub async fn log_keys(&self) -> Result<Vec<LogKey>, ReadFault> {
        let keys = self.keys();
        let mut reader = self.reader().await?;
        let mut found = Vec::with_capacity(keys.n_turns() + 1);
        for span in keys.spans() {
            let began = store::entry(&mut reader, span.from.saturating_sub(1)).await?;
            let cosigned = match span.from {
                0 => None,
                size => store::checkpoint_at(&mut reader, size).await?,
            };
            found.push(LogKey { verifier: span.verifier.clone(), from: span.from, until: span.until, began, cosigned });
        }
        Ok(found)
    }
}
