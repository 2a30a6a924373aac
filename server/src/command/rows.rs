//! What the road writes, as rows that are gathered over a whole group of writers and go in with one statement a kind.

use std::sync::Arc;

use legator_engine::Decision;
use legator_protocol::{ApprovalId, CommandId, Level};
use serde_json::Value;

use super::life::State;
use super::stages::{Proposal, Texts};
use super::store;
use crate::audit::{Batch, Place, WriteFault};

/// The texts that all commands of one ask share, placed once in a group.
#[derive(Default)]
pub struct Shared(Option<(Arc<Texts>, [Place; 4])>);

impl Shared {
    fn place(&mut self, batch: &mut Batch, texts: &Arc<Texts>) -> [Place; 4] {
        match &self.0 {
            Some((placed, places)) if Arc::ptr_eq(placed, texts) => *places,
            _ => {
                let Texts { principal, spec, line, context } = &**texts;
                let places = [principal, spec, line, context].map(|text| batch.place(&store::INSERT_COMMAND, text));
                self.0 = Some((Arc::clone(texts), places));
                places
            }
        }
    }
}

/// A command that nobody has seen before.
pub struct NewRow {
    pub proposal: Proposal,
    pub state: State,
    pub level: Level,
    pub revision: String,
    pub digest: String,
    pub approval: Option<ApprovalId>,
}

impl NewRow {
    pub fn of(
        proposal: &Proposal,
        decision: &Decision,
        digest: &str,
        approval: Option<ApprovalId>,
        level: Level,
    ) -> Self {
        let state = super::record::state_of(&decision.outcome);
        let (revision, digest) = (decision.revision.clone(), digest.to_owned());
        Self { proposal: proposal.clone(), state, level, revision, digest, approval }
    }

    fn push(&self, batch: &mut Batch, shared: &mut Shared, order: Option<Place>, at: i64) -> Result<(), WriteFault> {
        let Self { proposal, state, level, revision, digest, approval } = self;
        let intent = &proposal.intent;
        let idempotency = intent.idempotency.as_ref();
        let [principal, spec, line, context] = shared.place(batch, &proposal.texts);
        batch.push(
            &store::INSERT_COMMAND,
            &(
                (proposal.id, proposal.probe.id, &proposal.probe.name, state.as_str(), level),
                (principal, &intent.principal.id, spec, line, context),
                (&proposal.group, idempotency.map(|key| &key.key), idempotency.map(|key| &key.body_digest)),
                (revision, digest, approval, proposal.created_at, proposal.expires_at),
                (
                    state.ended().then_some(proposal.created_at),
                    order,
                    order.map(|_| at),
                    proposal.probe.tenant.as_str(),
                ),
            ),
        )
    }
}

/// A judgement.
pub struct Decided {
    pub command: CommandId,
    /// The command itself, where this is its first judgement.
    pub new: Option<NewRow>,
    pub n: u32,
    pub at: i64,
    pub state: State,
    pub order: Option<String>,
    pub approval: Option<ApprovalId>,
    pub revision: String,
    pub outcome: &'static str,
    pub facts: String,
    pub decision: String,
}

impl Decided {
    pub fn push(&self, batch: &mut Batch, shared: &mut Shared) -> Result<(), WriteFault> {
        if let Some(new) = &self.new {
            let order = self.order.as_deref().map(|order| batch.place(&store::INSERT_COMMAND, order));
            new.push(batch, shared, order, self.at)?;
        } else {
            let ended_at = self.state.ended().then_some(self.at);
            let row = (self.command, self.state.as_str(), self.approval, ended_at);
            batch.push(&store::JUDGE_AGAIN, &row)?;
            if let Some(order) = &self.order {
                let order = batch.place(&store::CLEAR, order);
                batch.push(&store::CLEAR, &(self.command, order, self.at))?;
            }
        }
        let [facts, decision] = [&self.facts, &self.decision].map(|text| batch.place(&store::INSERT_DECISION, text));
        let row = (self.command, self.n, self.at, &self.revision, self.outcome, facts, decision);
        batch.push(&store::INSERT_DECISION, &row)
    }
}

/// Something that a watcher of the command is shown.
pub struct Event {
    command: CommandId,
    seq: u64,
    at: i64,
    kind: &'static str,
    chunk: Option<u64>,
    body: String,
}

impl Event {
    pub fn new(command: CommandId, seq: u64, at: i64, kind: &'static str, body: &Value) -> Self {
        Self { command, seq, at, kind, chunk: None, body: body.to_string() }
    }

    /// A piece of output.
    pub fn output(command: CommandId, seq: u64, at: i64, chunk: u64, body: &Value) -> Self {
        Self { command, seq, at, kind: "output", chunk: Some(chunk), body: body.to_string() }
    }

    pub fn push(&self, batch: &mut Batch) -> Result<(), WriteFault> {
        let body = batch.place(&store::INSERT_EVENT, &self.body);
        batch.push(&store::INSERT_EVENT, &(self.command, self.seq, self.at, self.kind, self.chunk, body))
    }
}

/// The probe has started it.
pub fn push_started(batch: &mut Batch, command: CommandId, at: i64) -> Result<(), WriteFault> {
    batch.push(&store::START, &(command, at))
}

/// It is over.
pub fn push_ended(
    batch: &mut Batch,
    command: CommandId,
    state: State,
    at: i64,
    ended: &Value,
) -> Result<(), WriteFault> {
    let ended = batch.place(&store::END, &ended.to_string());
    batch.push(&store::END, &(command, state.as_str(), at, ended))
}

/// Somebody wants it stopped.
pub fn push_cancel(batch: &mut Batch, command: CommandId, reason: &str) -> Result<(), WriteFault> {
    batch.push(&store::CANCEL, &(command, reason))
}
