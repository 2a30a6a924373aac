//! Recording: a judgement becomes durable, as rows and as an entry of the audit log, before anything follows from it.

use std::sync::Arc;

use legator_engine::{Asking, Decision, Outcome};
use legator_protocol::{ApprovalId, CommandSpec, Level};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::life::{Life, Open, State};
use super::rows::{self, NewRow};
use super::stages::{Judged, Proposal, Recorded};
use super::{CommandFault, Receipt, Road};
use crate::approvals::{Approvals, Asked, BreakAbout, Request, RequestState, Subject};
use crate::audit::{Draft, WriteFault};
use crate::capacity::Seat;

/// One judgement, ready to be written.
struct Writing {
    decided: rows::Decided,
    event: rows::Event,
    draft: Draft,
    ask: Option<Request>,
    raise: Option<(ApprovalId, u32)>,
    close: Option<(ApprovalId, RequestState)>,
    /// The grant without which it would not have passed.
    grant: Option<String>,
    broke: Option<BreakAbout>,
}

/// What the log says of a judgement: what was asked, and the whole decision with its reasons.
#[derive(Serialize)]
struct DecidedBody<'d> {
    line: &'d str,
    spec: &'d CommandSpec,
    state: &'static str,
    principal: &'d str,
    approval: Option<ApprovalId>,
    #[serde(flatten)]
    decision: &'d Decision,
}

impl Road {
    /// Makes judgements durable. Where this fails nothing happened, and the seats are given back.
    pub(super) async fn record(&self, judged: Vec<Judged>) -> Result<Vec<Recorded>, CommandFault> {
        let mut judged = judged;
        let now = self.0.clock.now();
        let mut writings = Vec::with_capacity(judged.len());
        let mut asks = Vec::new();
        for one in &mut judged {
            let writing = self.writing(one, now)?;
            if let Some(request) = &writing.ask {
                asks.push(request.clone());
            }
            writings.push(writing);
        }
        let closes: Vec<_> = writings.iter().filter_map(|writing| writing.close).collect();
        let breaks: Vec<_> = judged.iter().filter_map(|one| one.broke.clone()).collect();
        let raises: Vec<_> = writings.iter().filter_map(|writing| writing.raise).collect();
        crate::fault::point("road.recording");
        let started = tokio::time::Instant::now();
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                let mut shared = rows::Shared::default();
                for writing in writings {
                    write(batch, writing, &mut shared).await?;
                }
                Ok::<_, WriteFault>(())
            })
        });
        if let Err(fault) = written.await {
            self.unrecorded(&judged);
            return Err(fault.into());
        }
        self.0.metrics.log_seconds.observe(started.elapsed().as_secs_f64());
        for one in &judged {
            if let Some(open) = self.0.open.lock().get(one.proposal.id) {
                open.life.lock().agreed.clone_from(&one.facts.context.approvals.by);
            }
        }
        for request in asks {
            self.0.approvals.asked(request);
        }
        for (approval, needed) in raises {
            self.0.approvals.raised(approval, needed);
        }
        for (approval, state) in closes {
            self.0.approvals.closed(approval, state);
        }
        for about in breaks {
            self.0.approvals.broken(&about);
        }
        self.0
            .metrics
            .grant_uses
            .inc_by(judged.iter().filter(|one| used_grant(&one.decision).is_some()).count() as u64);
        Ok(judged.into_iter().map(|judged| Recorded { judged }).collect())
    }

    /// Nothing was written: what memory holds goes back to what the database says.
    fn unrecorded(&self, judged: &[Judged]) {
        for one in judged {
            let id = one.proposal.id;
            if let Some(grant) = used_grant(&one.decision) {
                self.0.approvals.return_use(grant);
            }
            if one.broke.is_some() {
                self.0.approvals.unbroken(id);
            }
            let Some(open) = self.0.open.lock().get(id).filter(|_| one.again) else {
                self.0.capacity.leave(id);
                self.forget(id);
                continue;
            };
            let mut life = open.life.lock();
            life.judged = life.judged.saturating_sub(1);
            life.seq = life.seq.saturating_sub(1);
            if life.state == State::Queued {
                self.0
                    .capacity
                    .with(|counts| counts.seat(super::facts::guest(&one.proposal, open.level), Seat::Queued));
            } else {
                life.approval = life.approval.filter(|id| self.0.approvals.pending(*id).is_some());
                self.0.capacity.leave(id);
            }
        }
    }

    /// What a judgement writes. A new command gets its place in memory here, so that its events are numbered once.
    fn writing(&self, judged: &mut Judged, now: i64) -> Result<Writing, CommandFault> {
        let Judged { proposal, facts, decision, order, again, broke } = judged;
        let state = state_of(&decision.outcome);
        let level = super::facts::level_of(decision);
        let known = self.0.open.lock().get(proposal.id);
        let open = match known {
            Some(open) => open,
            None => {
                let open = Open::new(proposal.clone(), level, Life::new(state));
                self.0.open.lock().insert(Arc::clone(&open));
                open
            }
        };
        let mut life = open.life.lock();
        life.seq += 1;
        life.judged += 1;
        let digest = binding(proposal, &decision.revision);
        let (mut ask, mut raise, mut close) = (None, None, None);
        match (&decision.outcome, life.approval) {
            (Outcome::Hold { approvals }, None) => {
                let id = self.0.clock.born(ApprovalId::born);
                let asking = self.asking(decision);
                let request = request(proposal, decision, level, *approvals, digest.clone(), id, now, &asking);
                life.approval = Some(request.id);
                ask = Some(request);
            }
            (Outcome::Hold { approvals }, Some(id)) => {
                let have = u32::try_from(facts.context.approvals.by.len()).unwrap_or(u32::MAX);
                raise = Some((id, have.saturating_add(*approvals)));
            }
            (Outcome::Deny, Some(id)) => close = Some((id, RequestState::Denied)),
            // One that is queued stays open with its votes: they count again when there is room, and somebody may still object.
            (Outcome::Allow, Some(id)) if self.0.approvals.pending(id).is_some() => {
                close = Some((id, RequestState::Approved));
            }
            _ => {}
        }
        let new = (!*again).then(|| NewRow::of(proposal, decision, &digest, life.approval, level));
        let decided = rows::Decided {
            command: proposal.id,
            new,
            n: life.judged,
            at: now,
            state,
            order: order.clone(),
            approval: life.approval,
            revision: decision.revision.clone(),
            outcome: decision.outcome.as_str(),
            facts: facts.canonical(),
            decision: decision.canonical(),
        };
        let event = rows::Event::new(
            proposal.id,
            life.seq,
            now,
            "decision",
            &serde_json::json!({
                "state": state.as_str(), "outcome": decision.outcome.as_str(), "summary": decision.rationale.summary,
                "approval": life.approval, "revision": decision.revision,
            }),
        );
        let draft = Draft::new("command.decided", actor(proposal), proposal.probe.name.clone())
            .command(proposal.id)
            .probe(proposal.probe.id)
            .tenant(&proposal.probe.tenant)
            .body(DecidedBody {
                line: &proposal.texts.line,
                spec: &proposal.intent.spec,
                state: state.as_str(),
                principal: &proposal.intent.principal.id,
                approval: life.approval,
                decision,
            });
        let grant = used_grant(decision).map(str::to_owned);
        Ok(Writing { decided, event, draft, ask, raise, close, grant, broke: broke.clone() })
    }

    /// How the policies that hold it want people to be asked.
    fn asking(&self, decision: &Decision) -> Asking {
        let bundle = Arc::clone(&self.0.bundle.borrow());
        let holds = |id: &str| decision.rationale.policies.iter().any(|policy| policy.id == id);
        let holding = bundle.policies().filter(|policy| holds(&policy.id));
        holding.fold(Asking::default(), |asking, policy| asking.and(&policy.asking))
    }

    /// A recorded `deny`: the command ends here.
    pub(super) fn refuse(&self, recorded: Recorded) -> Receipt {
        let receipt = self.admitted(&recorded, State::Denied);
        self.0.capacity.leave(receipt.command);
        self.forget(receipt.command);
        receipt
    }

    /// A recorded `hold`: `held.rs` takes it from here.
    pub(super) fn hold(&self, recorded: Recorded) -> Receipt {
        let receipt = self.admitted(&recorded, State::Held);
        self.0.capacity.leave(receipt.command);
        receipt
    }

    /// A recorded `queue`: `queued.rs` takes it from here.
    pub(super) fn queue(&self, recorded: Recorded) -> Receipt {
        self.admitted(&recorded, State::Queued)
    }

    /// What was recorded counts now: in memory, for watchers, and for whoever asked.
    pub(super) fn admitted(&self, recorded: &Recorded, state: State) -> Receipt {
        let Judged { proposal, decision, order, .. } = &recorded.judged;
        let open = self.0.open.lock().get(proposal.id);
        let mut approval = None;
        if let Some(open) = open {
            let seq = {
                let mut life = open.life.lock();
                life.state = state;
                life.order.clone_from(order);
                approval = life.approval;
                life.seq
            };
            open.durable(seq, state);
        }
        self.announce(proposal, state);
        Receipt {
            probe: proposal.probe.id,
            command: proposal.id,
            state,
            approval,
            decision: Arc::clone(decision),
            repeated: false,
        }
    }

    pub(super) fn announce(&self, proposal: &Proposal, state: State) {
        let body = serde_json::json!({
            "state": state.as_str(), "probe": proposal.probe.id, "probe_name": proposal.probe.name,
            "line": proposal.texts.line,
        });
        self.0.events.publish(self.0.clock.now(), &proposal.probe.tenant, "command", proposal.id.to_string(), body);
        self.0.metrics.commands_open.set(i64::try_from(self.0.open.lock().len()).unwrap_or(i64::MAX));
    }

    /// The command is over, and its last event is durable.
    pub(super) fn forget(&self, command: legator_protocol::CommandId) {
        let mut open = self.0.open.lock();
        open.remove(command);
        self.0.metrics.commands_open.set(i64::try_from(open.len()).unwrap_or(i64::MAX));
    }
}

async fn write(batch: &mut crate::audit::Batch, writing: Writing, shared: &mut rows::Shared) -> Result<(), WriteFault> {
    writing.decided.push(batch, shared)?;
    writing.event.push(batch)?;
    if let Some(request) = writing.ask {
        Approvals::ask(batch, &request).await?;
    }
    if let Some((approval, needed)) = writing.raise {
        Approvals::raise(batch, approval, needed).await?;
    }
    if let Some((approval, state)) = writing.close {
        Approvals::close(batch, approval, state).await?;
    }
    batch.entry(writing.draft)?;
    if let Some(grant) = &writing.grant {
        Approvals::used(batch, grant).await?;
    }
    // Behind the decision, so that the log tells it in the order in which it came.
    if let Some(about) = writing.broke {
        Approvals::broke(batch, about).await?;
    }
    Ok(())
}

/// The grant that lets it go now. What waits for room uses it when it goes.
fn used_grant(decision: &Decision) -> Option<&str> {
    decision.grant.as_deref().filter(|_| matches!(decision.outcome, Outcome::Allow))
}

pub(super) const fn state_of(outcome: &Outcome) -> State {
    match outcome {
        Outcome::Deny => State::Denied,
        Outcome::Hold { .. } => State::Held,
        Outcome::Queue { .. } => State::Queued,
        Outcome::Allow => State::Dispatched,
    }
}

pub(super) fn actor(proposal: &Proposal) -> String {
    proposal.intent.principal.name.clone()
}

/// What an approval binds to: the probe, every field of the command, its expiry, and the rules that first judged it.
pub(super) fn binding(proposal: &Proposal, revision: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"legator approval v1");
    hash.update(proposal.intent.spec.digest(proposal.probe.id));
    hash.update(proposal.expires_at.to_be_bytes());
    hash.update(revision.as_bytes());
    hex::encode(hash.finalize())
}

#[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
fn request(
    proposal: &Proposal,
    decision: &Decision,
    level: Level,
    needed: u32,
    digest: String,
    id: ApprovalId,
    now: i64,
    asking: &Asking,
) -> Request {
    let principal = &proposal.intent.principal;
    Request {
        id,
        subject: Subject::Command { command: proposal.id, probe: proposal.probe.id },
        asked: Asked {
            requester: principal.id.clone(),
            requester_name: principal.name.clone(),
            key: proposal.intent.by.clone(),
            acts_for: principal.acts_for.clone(),
            probe_name: proposal.probe.name.clone(),
            tags: proposal.probe.tags.clone(),
            tenant: proposal.probe.tenant.clone(),
            level: Some(level),
            line: proposal.texts.line.clone(),
            reason: proposal.intent.context.reason.clone(),
            why: decision.rationale.summary.clone(),
            ..Asked::default()
        }
        .asking(asking),
        digest,
        needed,
        state: RequestState::Pending,
        created_at: now,
        expires_at: match asking.within_ms {
            Some(within) => proposal.expires_at.min(now.saturating_add(i64::try_from(within).unwrap_or(i64::MAX))),
            None => proposal.expires_at,
        },
        closed_at: None,
        escalated_at: None,
        votes: Vec::new(),
    }
}
