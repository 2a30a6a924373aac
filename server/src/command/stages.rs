//! The stages of the road as types, so that no step can be left out: only `judge` makes a [`Judged`], only a durable
//! write makes a [`Recorded`], only a recorded `allow` makes a [`Cleared`], and only the keyring makes a [`Sealed`].
//! Never: a public constructor.
//!
//! ```compile_fail
//! // Nothing outside the command room can clear a command.
//! let cleared = legator_server::command::Cleared { order: String::new() };
//! ```

use std::sync::Arc;

use legator_engine::{Context, Decision, Facts, Outcome, Principal};
use legator_protocol::{CommandId, CommandSpec, Order, ProbeId, SealedOrder};

use crate::approvals::BreakAbout;
use crate::fleet::Probe;

/// What somebody wants, before it is asked of a probe.
#[derive(Clone, Debug)]
pub struct Intent {
    pub principal: Principal,
    pub spec: CommandSpec,
    /// Origin, reason, and what else policy may ask for. Approvals are not the caller's to say.
    pub context: Context,
    /// How long it may wait before it starts.
    pub ttl_ms: i64,
    pub idempotency: Option<Idempotency>,
    /// What it was asked with, as [remembered](crate::identity::Credential::remembered).
    pub by: Option<String>,
}

/// The same key and body give the first answer again.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: String,
    pub body_digest: String,
}

/// An intent as it is written and shown, made once for all probes that it is asked of.
#[derive(Clone, Debug)]
pub struct Texts {
    pub principal: String,
    pub spec: String,
    /// The command as a person would type it.
    pub line: String,
    pub context: String,
}

impl Texts {
    pub(super) fn of(intent: &Intent) -> Self {
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        Self {
            principal: json(serde_json::to_string(&intent.principal)),
            spec: json(serde_json::to_string(&intent.spec)),
            line: intent.spec.line(),
            context: json(serde_json::to_string(&intent.context)),
        }
    }
}

/// What is asked of one probe. Not yet decided.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub(super) id: CommandId,
    pub(super) probe: Arc<Probe>,
    pub(super) intent: Arc<Intent>,
    pub(super) texts: Arc<Texts>,
    pub(super) group: Option<String>,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
}

/// A decision on a proposal, which nobody knows of yet.
pub struct Judged {
    pub(super) proposal: Proposal,
    pub(super) facts: Facts,
    pub(super) decision: Arc<Decision>,
    /// The order that would go out, as exact bytes; only where the decision allows.
    pub(super) order: Option<String>,
    /// Whether it was decided before: a held or queued command.
    pub(super) again: bool,
    /// The glass that was broken for it, where it would not have passed otherwise.
    pub(super) broke: Option<BreakAbout>,
}

/// A judgement that stands in the log.
pub struct Recorded {
    pub(super) judged: Judged,
}

impl Recorded {
    pub(super) fn outcome(&self) -> &Outcome {
        &self.judged.decision.outcome
    }

    /// The command, free to go; `None` for anything but a recorded `allow`.
    pub(super) fn clear(self) -> Option<Cleared> {
        let Judged { proposal, decision, order, .. } = self.judged;
        match (&decision.outcome, order) {
            (Outcome::Allow, Some(order)) => Some(Cleared { command: proposal.id, probe: proposal.probe.id, order }),
            _ => None,
        }
    }
}

/// A command that may go to its probe.
pub struct Cleared {
    pub(super) command: CommandId,
    pub(super) probe: ProbeId,
    /// The bytes of an [`Order`].
    pub(super) order: String,
}

/// A command under its seal.
pub struct Sealed {
    pub(super) command: CommandId,
    pub(super) probe: ProbeId,
    pub(super) order: SealedOrder,
}

/// The order for a proposal that was allowed.
pub(super) fn order(proposal: &Proposal, decision: &Decision, now: i64) -> Option<String> {
    let classified = decision.classification.as_ref()?;
    let order = Order {
        command: proposal.id,
        probe: proposal.probe.id,
        issued_at_ms: now.max(0).cast_unsigned(),
        expires_at_ms: proposal.expires_at.max(0).cast_unsigned(),
        level: classified.level,
        spec: proposal.intent.spec.clone(),
        look: classified.look.clone(),
        max_output: legator_protocol::MAX_OUTPUT,
    };
    serde_json::to_string(&order).ok()
}
