//! Steps: what happens to a command that is out. A step is numbered and takes its place in the ledger's line in one piece,
//! so the line has a command's events in the order of their numbers.
//! Never: a step is written where an earlier one of its command was not. What fails takes everything behind it back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Road;
use super::life::{Life, Open};
use crate::audit::{Batch, WriteFault};

impl Road {
    /// Takes a step, unless `plan` finds that there is none to take; then it has to leave the life as it was.
    /// It returns what writes the step, and what is told how that went: when it is durable, or when nothing of it is
    /// and the life is again as before.
    pub(super) async fn step<W, T>(
        &self,
        open: &Arc<Open>,
        now: i64,
        plan: impl FnOnce(&mut Life) -> Option<(W, T)>,
    ) -> Result<(), WriteFault>
    where
        W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
        T: FnOnce(Result<(), WriteFault>) + Send + 'static,
    {
        let slot = self.0.ledger.slot().await?;
        let mut life = open.life.lock();
        let (before, era) = (life.mark(), life.era);
        let Some((work, then)) = plan(&mut life) else { return Ok(()) };
        let (writing, told) = (Arc::clone(open), Arc::clone(open));
        let work = move |batch: &mut Batch| {
            if writing.life.lock().era != era {
                return Err(WriteFault::Orphaned);
            }
            work(batch)
        };
        slot.take(now, work, move |written| {
            if written.is_err() {
                told.life.lock().take_back(era, before);
            }
            then(written);
        });
        Ok(())
    }

    /// The same, and waits for how it went. Says whether there was a step to take.
    pub(super) async fn step_through<W>(
        &self,
        open: &Arc<Open>,
        now: i64,
        plan: impl FnOnce(&mut Life) -> Option<W>,
    ) -> Result<bool, WriteFault>
    where
        W: FnOnce(&mut Batch) -> Result<(), WriteFault> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let mut taken = false;
        let plan = |life: &mut Life| {
            let work = plan(life)?;
            taken = true;
            Some((work, move |written| drop(tell.send(written))))
        };
        self.step(open, now, plan).await?;
        if taken {
            told.await.unwrap_or(Err(WriteFault::Closed))?;
        }
        Ok(taken)
    }
}
