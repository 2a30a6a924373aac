//! What waits for people: requests and votes.
//! Never: decides whether a command may run. It counts votes; the guardrails judge the count.

pub mod api;
mod request;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use legator_protocol::ApprovalId;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use self::request::{Asked, Choice, Request, RequestState, Subject, Vote};

use crate::audit::{Batch, Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::identity::{DecideApproval, Permit};
use crate::tenant::Reach;

/// Keeps requests and votes. Cheap to clone.
#[derive(Clone)]
pub struct Approvals(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    events: Events,
    /// The open requests, with their votes.
    pending: Mutex<HashMap<ApprovalId, Arc<Request>>>,
    /// One vote at a time, so that two at once both count, and nobody counts twice.
    voting: tokio::sync::Mutex<()>,
    voted: Notify,
    /// The same for requests about bundles.
    voted_on_bundles: Notify,
}

#[derive(Debug, thiserror::Error)]
pub enum ApprovalFault {
    #[error("there is no approval `{0}`")]
    NoApproval(ApprovalId),
    #[error("this approval is {} already", .0.as_str())]
    Closed(RequestState),
    #[error("you have voted on this already")]
    AlreadyVoted,
    #[error("what you looked at is not what is waiting now")]
    Stale,
    #[error("`reason` has at most 2,000 bytes")]
    LongReason,
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

impl Approvals {
    pub async fn open(db: Db, ledger: Ledger, events: Events, clock: Clock) -> Result<Self, ApprovalFault> {
        let pending = store::pending(&db).await?.into_iter().map(|request| (request.id, Arc::new(request)));
        let pending = Mutex::new(pending.collect());
        let (voting, voted, voted_on_bundles) = (tokio::sync::Mutex::default(), Notify::new(), Notify::new());
        Ok(Self(Arc::new(Inner { clock, db, ledger, events, pending, voting, voted, voted_on_bundles })))
    }

    /// Asks people, as part of the write that holds the command.
    pub async fn ask(batch: &mut Batch, request: &Request) -> Result<(), WriteFault> {
        store::insert(batch.connection().await?, request).await?;
        Ok(())
    }

    /// The request is durable; it can be voted on.
    pub fn asked(&self, request: Request) {
        let body = serde_json::json!({
            "command": request.subject.command(), "probe": request.subject.probe(),
            "revision": request.subject.revision(), "needed": request.needed,
        });
        let (id, tenant) = (request.id, request.asked.tenant.clone());
        self.0.pending.lock().insert(id, Arc::new(request));
        self.0.events.publish(self.0.clock.now(), &tenant, "approval.requested", id.to_string(), body);
    }

    /// Asks for more than before, as part of the write that says why.
    pub async fn raise(batch: &mut Batch, id: ApprovalId, needed: u32) -> Result<(), WriteFault> {
        store::raise(batch.connection().await?, id, needed).await?;
        Ok(())
    }

    /// More is asked for now.
    pub fn raised(&self, id: ApprovalId, needed: u32) {
        self.change(id, |request| request.needed = needed);
    }

    /// Ends a request, as part of the write that ends the holding.
    pub async fn close(batch: &mut Batch, id: ApprovalId, state: RequestState) -> Result<(), WriteFault> {
        let at = batch.at_ms();
        store::close(batch.connection().await?, id, state, at).await?;
        Ok(())
    }

    /// The request is over.
    pub fn closed(&self, id: ApprovalId, state: RequestState) {
        let Some(request) = self.0.pending.lock().remove(&id) else { return };
        let body = serde_json::json!({ "state": state.as_str() });
        self.0.events.publish(self.0.clock.now(), &request.asked.tenant, "approval.closed", id.to_string(), body);
    }

    /// An open request with its votes.
    pub fn pending(&self, id: ApprovalId) -> Option<Arc<Request>> {
        self.0.pending.lock().get(&id).cloned()
    }

    /// Any request within a reach, open or not. One beyond it is as unknown as none.
    pub async fn get(&self, reach: &Reach, id: ApprovalId) -> Result<Arc<Request>, ApprovalFault> {
        let found = match self.pending(id) {
            Some(pending) => Some(pending),
            None => store::get(&self.0.db, id).await?.map(Arc::new),
        };
        found.filter(|request| request.is_within(reach)).ok_or(ApprovalFault::NoApproval(id))
    }

    /// Requests within a reach, newest first; `state` narrows, `before` goes on from an earlier page.
    pub async fn list(
        &self,
        reach: &Reach,
        state: Option<RequestState>,
        before: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<Request>, ApprovalFault> {
        Ok(store::list(&self.0.db, reach, state, before, limit).await?)
    }

    pub fn n_pending(&self, reach: &Reach) -> usize {
        self.0.pending.lock().values().filter(|request| request.is_within(reach)).count()
    }

    /// Votes. `digest` says what the voter looked at; it has to be what waits.
    pub async fn vote(
        &self,
        permit: Permit<DecideApproval>,
        id: ApprovalId,
        choice: Choice,
        reason: Option<String>,
        digest: Option<String>,
    ) -> Result<Arc<Request>, ApprovalFault> {
        if reason.as_ref().is_some_and(|reason| reason.len() > 2_000) {
            return Err(ApprovalFault::LongReason);
        }
        let _voting = self.0.voting.lock().await;
        let request = match self.pending(id) {
            Some(request) => request,
            None => return Err(ApprovalFault::Closed(self.get(&permit.caller().reach, id).await?.state)),
        };
        if digest.is_some_and(|digest| digest != request.digest) {
            return Err(ApprovalFault::Stale);
        }
        let voter = Arc::clone(&permit.caller().person);
        if request.votes.iter().any(|vote| vote.person == voter.id.to_string()) {
            return Err(ApprovalFault::AlreadyVoted);
        }
        let at = self.0.clock.now();
        let vote = Vote {
            person: voter.id.to_string(),
            name: voter.name.clone(),
            groups: voter.groups.clone(),
            choice,
            reason,
            at,
        };
        let mut draft = Draft::new("approval.voted", voter.name.clone(), id.to_string());
        draft = draft.tenant(&request.asked.tenant).body(serde_json::json!({
            "choice": choice.as_str(), "reason": vote.reason, "digest": request.digest, "person": vote.person,
            "revision": request.subject.revision(),
        }));
        if let Subject::Command { command, probe } = request.subject {
            draft = draft.command(command).probe(probe);
        }
        let row = vote.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::insert_vote(batch.connection().await?, id, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let after = self.change(id, |request| request.votes.push(vote)).unwrap_or(request);
        let body = serde_json::json!({ "choice": choice.as_str(), "by": voter.name });
        self.0.events.publish(at, &after.asked.tenant, "approval.voted", id.to_string(), body);
        match after.subject {
            Subject::Command { .. } => self.0.voted.notify_one(),
            Subject::Activation { .. } => self.0.voted_on_bundles.notify_one(),
        }
        Ok(after)
    }

    /// Wakes when somebody has voted on a command.
    pub async fn voted(&self) {
        self.0.voted.notified().await;
    }

    /// Wakes when somebody has voted on a bundle.
    pub async fn voted_on_bundles(&self) {
        self.0.voted_on_bundles.notified().await;
    }

    /// The open requests about bundles.
    pub fn pending_activations(&self) -> Vec<Arc<Request>> {
        let pending = self.0.pending.lock();
        pending.values().filter(|request| request.subject.revision().is_some()).cloned().collect()
    }

    fn change(&self, id: ApprovalId, change: impl FnOnce(&mut Request)) -> Option<Arc<Request>> {
        let mut pending = self.0.pending.lock();
        let request = pending.get_mut(&id)?;
        change(Arc::make_mut(request));
        Some(Arc::clone(request))
    }
}
