//! Activations that wait for people, and the reconciler that judges each again, from the top, when somebody has voted.
//! Never: puts a revision in force because of a vote. Only a new answer of the access policies does.

use std::sync::Arc;
use std::time::Duration;

use legator_engine::{Approvals as Agreed, Asking, Context, Decision, OtherKind, Resource};
use legator_protocol::ApprovalId;
use sha2::{Digest as _, Sha256};

use super::activate::Wish;
use super::publish::check_message;
use super::revision::{Activation, Revision};
use super::{Policy, PolicyFault};
use crate::approvals::{Approvals, Asked, Request, RequestState, Subject};
use crate::audit::Draft;
use crate::identity::{ActivateBundle, Caller, Identity, IdentityFault, Judged};

/// How long people have to agree.
const PATIENCE_MS: i64 = 24 * 60 * 60 * 1000;

/// Also without a signal: to let what waited too long expire.
const ROUND: Duration = Duration::from_secs(1);

/// Puts revisions in force for whoever may, and asks people where policy wants it. Cheap to clone.
#[derive(Clone)]
pub struct Activations {
    pub policy: Policy,
    pub identity: Identity,
    pub approvals: Approvals,
}

/// What became of somebody's wish.
pub enum Answer {
    InForce(Activation),
    /// It waits for people.
    Held(Arc<Request>),
}

/// Runs until the server ends.
pub async fn reconcile_activations(activations: Activations) {
    loop {
        let _ = tokio::time::timeout(ROUND, activations.approvals.voted_on_bundles()).await;
        for request in activations.approvals.pending_activations() {
            if let Err(fault) = activations.look(&request).await {
                tracing::warn!(%fault, approval.id = %request.id, "an activation was not judged again; it waits on");
            }
        }
    }
}

impl Activations {
    /// Puts the revision of that name in force, or asks the people whom policy wants.
    pub async fn activate_named(&self, caller: &Caller, name: &str, wish: Wish) -> Result<Answer, PolicyFault> {
        match self.policy.revision(name).await {
            Ok(revision) => self.activate(caller, &revision, wish).await,
            Err(fault) => self.not_for_everyone(caller, fault).await,
        }
    }

    /// The fault, for somebody who may put a bundle in force; nobody else learns what there is.
    async fn not_for_everyone<T>(&self, caller: &Caller, fault: PolicyFault) -> Result<T, PolicyFault> {
        let resource = Resource::other(OtherKind::Bundle, "live");
        self.identity.judge::<ActivateBundle>(caller, resource, caller.context()).await?;
        Err(fault)
    }

    /// Puts a revision in force, or asks the people whom policy wants.
    pub async fn activate(&self, caller: &Caller, revision: &Revision, wish: Wish) -> Result<Answer, PolicyFault> {
        match self.judge(caller, revision, &wish, Agreed::default()).await? {
            Judged::Permitted(permit) => {
                self.leaves_somebody(revision, &wish).await?;
                Ok(Answer::InForce(self.policy.activate(permit, revision, wish, None).await?))
            }
            Judged::Held { approvals, decision } => self.hold(caller, revision, wish, approvals, &decision).await,
        }
    }

    /// Goes back to what was in force before, or asks the people whom policy wants.
    pub async fn roll_back(&self, caller: &Caller, wish: Wish) -> Result<Answer, PolicyFault> {
        let target = match self.policy.previous().await {
            Ok(target) => self.policy.revision(&target.revision).await?,
            Err(fault) => return self.not_for_everyone(caller, fault).await,
        };
        match self.judge(caller, &target, &wish, Agreed::default()).await? {
            Judged::Permitted(permit) => {
                self.leaves_somebody(&target, &wish).await?;
                Ok(Answer::InForce(self.policy.roll_back(permit, wish).await?))
            }
            Judged::Held { approvals, decision } => self.hold(caller, &target, wish, approvals, &decision).await,
        }
    }

    /// Refuses a revision under which nobody could administer, or put another one in force.
    async fn leaves_somebody(&self, revision: &Revision, wish: &Wish) -> Result<(), PolicyFault> {
        self.policy.could_activate(revision, wish)?;
        let bundle = self.policy.load(&revision.revision).await?;
        Ok(self.identity.refuse_lockout_by(&bundle)?)
    }

    async fn judge(
        &self,
        caller: &Caller,
        revision: &Revision,
        wish: &Wish,
        agreed: Agreed,
    ) -> Result<Judged<ActivateBundle>, IdentityFault> {
        let context = Context { reason: wish.reason.clone(), approvals: agreed, ..caller.context() };
        let resource = Resource::other(OtherKind::Bundle, revision.revision.clone());
        self.identity.judge(caller, resource, context).await
    }

    /// The approvals of those who are still there.
    fn agreed(&self, request: &Request) -> Agreed {
        request.approvals(|id| self.identity.person(id).is_some())
    }

    /// How the policies that hold it want people to be asked.
    fn asking(&self, decision: &Decision) -> Asking {
        let bundle = self.policy.bundle();
        let holds = |id: &str| decision.rationale.policies.iter().any(|policy| policy.id == id);
        let holding = bundle.policies().filter(|policy| holds(&policy.id));
        holding.fold(Asking::default(), |asking, policy| asking.and(&policy.asking))
    }

    async fn hold(
        &self,
        caller: &Caller,
        revision: &Revision,
        wish: Wish,
        needed: u32,
        decision: &Decision,
    ) -> Result<Answer, PolicyFault> {
        check_message(wish.reason.as_deref())?;
        // Nobody is asked about what could not be done anyway.
        self.leaves_somebody(revision, &wish).await?;
        let waits = |request: &Arc<Request>| request.subject.revision() == Some(revision.revision.as_str());
        if let Some(request) = self.approvals.pending_activations().into_iter().find(waits) {
            return Ok(Answer::Held(request));
        }
        let clock = &self.policy.0.needs.clock;
        let (now, person) = (clock.now(), &caller.person);
        let (requester, expires_at) = (person.id.to_string(), now + PATIENCE_MS);
        let request = Request {
            id: clock.born(ApprovalId::born),
            subject: Subject::Activation { revision: revision.revision.clone() },
            digest: binding(&revision.revision, &requester, expires_at),
            asked: Asked {
                requester,
                requester_name: person.name.clone(),
                key: Some(caller.by.remembered(caller.mfa)),
                line: in_words(revision),
                reason: wish.reason,
                why: decision.rationale.summary.clone(),
                ..Asked::default()
            }
            .asking(&self.asking(decision)),
            needed,
            state: RequestState::Pending,
            created_at: now,
            expires_at,
            closed_at: None,
            escalated_at: None,
            votes: Vec::new(),
        };
        let draft = Draft::new("bundle.held", person.name.clone(), revision.revision.clone()).body(serde_json::json!({
            "approval": request.id, "needed": needed, "reason": request.asked.reason, "decision": decision,
        }));
        let row = request.clone();
        self.policy
            .0
            .needs
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    Approvals::ask(batch, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.approvals.asked(request.clone());
        Ok(Answer::Held(Arc::new(request)))
    }

    async fn look(&self, request: &Arc<Request>) -> Result<(), PolicyFault> {
        let Some(name) = request.subject.revision() else { return Ok(()) };
        if let Some(vote) = request.denial() {
            let reason = vote.reason.as_deref().unwrap_or("no reason given");
            return self.end(request, RequestState::Denied, &vote.name, reason).await;
        }
        if self.policy.0.needs.clock.now() >= request.expires_at {
            return self.end(request, RequestState::Expired, "server", "nobody agreed in time").await;
        }
        if binding(name, &request.asked.requester, request.expires_at) != request.digest {
            return self.end(request, RequestState::Denied, "server", "it is not what people were asked about").await;
        }
        let key = request.asked.key.as_deref().unwrap_or_default();
        let Some(caller) = self.identity.recall(&request.asked.requester, key) else {
            return self.end(request, RequestState::Denied, "server", "who asked for it may no longer sign in").await;
        };
        let revision = self.policy.revision(name).await?;
        let wish = Wish { reason: request.asked.reason.clone(), expect: None };
        match self.judge(&caller, &revision, &wish, self.agreed(request)).await {
            Ok(Judged::Permitted(permit)) => {
                let could = self.leaves_somebody(&revision, &wish).await;
                let done = match could {
                    Ok(()) => self.policy.activate(permit, &revision, wish, Some(request.id)).await.map(drop),
                    Err(fault) => Err(fault),
                };
                match done {
                    Ok(()) => {
                        self.approvals.closed(request.id, RequestState::Approved);
                        Ok(())
                    }
                    Err(PolicyFault::Busy) => Ok(()),
                    Err(PolicyFault::Active(_)) => {
                        self.end(request, RequestState::Withdrawn, "server", "it decides already").await
                    }
                    Err(fault @ (PolicyFault::Write(_) | PolicyFault::Read(_))) => Err(fault),
                    Err(fault) => self.end(request, RequestState::Denied, "server", &fault.to_string()).await,
                }
            }
            Ok(Judged::Held { approvals, .. }) => {
                let have = u32::try_from(self.agreed(request).by.len()).unwrap_or(u32::MAX);
                self.raise(request, have.saturating_add(approvals)).await
            }
            Err(IdentityFault::Forbidden { decision, .. }) => {
                self.end(request, RequestState::Denied, "server", &decision.rationale.summary).await
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn raise(&self, request: &Request, needed: u32) -> Result<(), PolicyFault> {
        if needed == request.needed {
            return Ok(());
        }
        let id = request.id;
        let ledger = &self.policy.0.needs.ledger;
        let now = self.policy.0.needs.clock.now();
        ledger.write(now, move |batch| Box::pin(async move { Approvals::raise(batch, id, needed).await })).await?;
        self.approvals.raised(id, needed);
        Ok(())
    }

    async fn end(&self, request: &Request, state: RequestState, by: &str, why: &str) -> Result<(), PolicyFault> {
        let id = request.id;
        let revision = request.subject.revision().unwrap_or_default();
        let draft = Draft::new("bundle.not_activated", by, revision).body(serde_json::json!({
            "approval": id, "state": state.as_str(), "why": why, "requester": request.asked.requester,
        }));
        let now = self.policy.0.needs.clock.now();
        self.policy
            .0
            .needs
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    Approvals::close(batch, id, state).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.approvals.closed(id, state);
        Ok(())
    }
}

fn in_words(revision: &Revision) -> String {
    let short = revision.revision.get(..12).unwrap_or(&revision.revision);
    let said = revision.message.as_deref().and_then(|message| message.lines().next()).unwrap_or_default();
    format!("activate bundle {short} {said}").trim_end().to_owned()
}

/// What a vote binds to: exactly this revision, for exactly this person, until then.
fn binding(revision: &str, requester: &str, expires_at: i64) -> String {
    let mut hash = Sha256::new();
    hash.update(b"legator activation v1");
    for part in [revision.as_bytes(), requester.as_bytes(), &expires_at.to_be_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
