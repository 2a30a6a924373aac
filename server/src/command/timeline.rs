//! Reading a command back: its rows, its events as they become durable, its output, and waiting for its end.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::CommandId;
use tokio::sync::watch;

use super::life::{State, Tick};
use super::stages::Intent;
use super::store::{self, CommandRow, DecisionRow, EventRow, Query};
use super::{CommandFault, Receipt, Road};
use crate::tenant::Reach;

/// How many events are read at once.
const PAGE: u32 = 500;

/// What a command wrote, as far as it was kept.
#[derive(Clone, Debug, Default)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Holds an idempotency key until its first request is answered.
pub(super) struct Answering {
    road: Road,
    key: Option<(String, String)>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.road.0.answering.lock().remove(&key);
        }
    }
}

impl Road {
    /// A command within a reach. One beyond it is as unknown as none.
    pub async fn get(&self, reach: &Reach, id: CommandId) -> Result<CommandRow, CommandFault> {
        let row = store::get(&self.0.db, id).await?.filter(|row| {
            let tags = self.0.fleet.get(row.probe).map(|probe| probe.tags.clone()).unwrap_or_default();
            reach.covers(&row.tenant, &tags)
        });
        row.ok_or(CommandFault::NoCommand(id))
    }

    pub async fn list(&self, query: &Query) -> Result<Vec<CommandRow>, CommandFault> {
        Ok(store::list(&self.0.db, query).await?)
    }

    /// Every judgement of a command, first to last.
    pub async fn decisions(&self, id: CommandId) -> Result<Vec<DecisionRow>, CommandFault> {
        Ok(store::decisions(&self.0.db, id).await?)
    }

    pub async fn newest_decision(&self, id: CommandId) -> Result<Option<DecisionRow>, CommandFault> {
        Ok(store::newest_decision(&self.0.db, id).await?)
    }

    /// Events after `after`, a page of them.
    pub async fn events(&self, id: CommandId, after: u64, limit: u32) -> Result<Vec<EventRow>, CommandFault> {
        Ok(store::events(&self.0.db, id, after, limit.min(PAGE)).await?)
    }

    /// All output that was kept.
    pub async fn read_output(&self, id: CommandId) -> Result<Output, CommandFault> {
        let (mut output, mut after) = (Output::default(), 0);
        loop {
            let page = self.events(id, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(output) };
            after = last.seq;
            for event in page.iter().filter(|event| event.kind == "output") {
                let bytes = BASE64.decode(event.body["data"].as_str().unwrap_or_default()).unwrap_or_default();
                match event.body["stream"].as_str() {
                    Some("stderr") => output.stderr.extend(bytes),
                    _ => output.stdout.extend(bytes),
                }
            }
            if page.len() < PAGE as usize {
                return Ok(output);
            }
        }
    }

    /// Follows an open command; `None` once it has ended.
    pub fn follow(&self, id: CommandId) -> Option<watch::Receiver<Tick>> {
        self.0.open.lock().get(id).map(|open| open.tick.subscribe())
    }

    /// Waits until a command has ended, or for `most`. Says whether it ended.
    pub async fn wait(&self, id: CommandId, most: Duration) -> bool {
        let Some(mut tick) = self.follow(id) else { return true };
        tokio::time::timeout(most, tick.wait_for(|tick| tick.state.ended())).await.is_ok()
    }

    /// The answer to an earlier request with the same key; or the right to be the first.
    pub(super) async fn first_answer(&self, intent: &Arc<Intent>) -> Result<Result<Receipt, Answering>, CommandFault> {
        let mut answering = Answering { road: self.clone(), key: None };
        let Some(idempotency) = &intent.idempotency else { return Ok(Err(answering)) };
        let key = (intent.principal.id.clone(), idempotency.key.clone());
        if !self.0.answering.lock().insert(key.clone()) {
            return Err(CommandFault::KeyBusy(idempotency.key.clone()));
        }
        answering.key = Some(key);
        let Some(row) = store::by_key(&self.0.db, &intent.principal.id, &idempotency.key).await? else {
            return Ok(Err(answering));
        };
        if row.idem_digest.as_deref() != Some(&idempotency.body_digest) {
            return Err(CommandFault::KeyReused(idempotency.key.clone()));
        }
        let decision = self.newest_decision(row.id).await?.ok_or(CommandFault::NoCommand(row.id))?.decision;
        Ok(Ok(Receipt {
            probe: row.probe,
            command: row.id,
            state: self.state_now(&row),
            approval: row.approval,
            decision: Arc::new(decision),
            repeated: true,
        }))
    }

    /// The newest state: memory knows it a moment before the row does.
    pub fn state_now(&self, row: &CommandRow) -> State {
        self.0.open.lock().get(row.id).map_or(row.state, |open| open.tick.borrow().state)
    }
}
