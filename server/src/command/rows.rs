//! What the road writes, as rows that are gathered over a whole group of writers and go in with one statement a kind.

use legator_engine::Decision;
use legator_protocol::{ApprovalId, CommandId, Level};
use serde_json::{Value, json};

use super::life::State;
use super::stages::Proposal;
use super::store;
use crate::audit::Batch;

/// A command that nobody has seen before.
pub struct NewRow(Value);

impl NewRow {
    pub fn of(
        proposal: &Proposal,
        decision: &Decision,
        digest: &str,
        approval: Option<ApprovalId>,
        level: Level,
    ) -> Self {
        let intent = &proposal.intent;
        let state = super::record::state_of(&decision.outcome);
        let ended_at = state.ended().then_some(proposal.created_at);
        Self(json!([
            proposal.id,
            proposal.probe.id,
            proposal.probe.name,
            state.as_str(),
            level,
            json!(intent.principal).to_string(),
            intent.principal.id,
            json!(intent.spec).to_string(),
            intent.spec.line(),
            json!(intent.context).to_string(),
            proposal.group,
            intent.idempotency.as_ref().map(|idempotency| &idempotency.key),
            intent.idempotency.as_ref().map(|idempotency| &idempotency.body_digest),
            decision.revision,
            digest,
            approval,
            proposal.created_at,
            proposal.expires_at,
            ended_at,
        ]))
    }

    pub fn push(self, batch: &mut Batch) {
        batch.push(&store::INSERT_COMMAND, self.0);
    }
}

/// A judgement.
pub struct Decided {
    pub command: CommandId,
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
    pub fn push(self, batch: &mut Batch) {
        if let Some(order) = &self.order {
            batch.push(&store::CLEAR, json!([self.command, order, self.at]));
        }
        let row = json!([self.command, self.n, self.at, self.revision, self.outcome, self.facts, self.decision]);
        batch.push(&store::INSERT_DECISION, row);
    }

    /// The state of a command that was judged before.
    pub fn push_state(&self, batch: &mut Batch) {
        let ended_at = self.state.ended().then_some(self.at);
        batch.push(&store::JUDGE_AGAIN, json!([self.command, self.state.as_str(), self.approval, ended_at]));
    }
}

/// Something that a watcher of the command is shown.
pub struct Event(Value);

impl Event {
    pub fn new(command: CommandId, seq: u64, at: i64, kind: &str, body: Value) -> Self {
        Self(json!([command, seq, at, kind, Value::Null, body.to_string()]))
    }

    /// A piece of output.
    pub fn output(command: CommandId, seq: u64, at: i64, chunk: u64, body: &Value) -> Self {
        Self(json!([command, seq, at, "output", chunk, body.to_string()]))
    }

    pub fn push(self, batch: &mut Batch) {
        batch.push(&store::INSERT_EVENT, self.0);
    }
}

/// The probe has started it.
pub fn push_started(batch: &mut Batch, command: CommandId, at: i64) {
    batch.push(&store::START, json!([command, at]));
}

/// It is over.
pub fn push_ended(batch: &mut Batch, command: CommandId, state: State, at: i64, ended: &Value) {
    batch.push(&store::END, json!([command, state.as_str(), at, ended.to_string()]));
}

/// Somebody wants it stopped.
pub fn push_cancel(batch: &mut Batch, command: CommandId, reason: &str) {
    batch.push(&store::CANCEL, json!([command, reason]));
}
