//! What waits for people: requests and votes.
//! Never: decides whether a command may run. It counts votes; the guardrails judge the count.

pub mod api;
pub mod breakglass;
mod comment;
mod delegation;
mod escalate;
mod figures;
mod gone;
pub mod grant;
mod history;
mod request;
mod signature;
mod signing;
mod store;
mod vote;

use std::collections::HashMap;
use std::sync::Arc;

use legator_engine::vote::SignatureFault;
use legator_protocol::{ApprovalId, CommandId, DelegationId, GrantId, VoteKeyId};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use self::breakglass::BreakAbout;
pub use self::comment::Comment;
pub use self::delegation::{Delegation, Span};
pub use self::escalate::reconcile_silence;
pub use self::figures::{Figures, VoterFigures};
pub use self::gone::reconcile_keys;
pub use self::grant::{About, Grant, GrantState};
pub use self::history::Narrow;
pub use self::request::{Asked, Choice, Request, RequestState, StandsFor, Subject, Vote};
pub use self::signature::{Said, Signature};
pub use self::signing::{ForPasskey, Means, NewVoteKey, VoteKey};
pub use self::vote::Ballot;

use self::breakglass::Glass;
use self::grant::Grants;
use crate::audit::{Batch, Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::identity::IdentityFault;
use crate::identity::passkey::SignRefusal;
use crate::telemetry::Metrics;
use crate::tenant::Reach;

/// Keeps requests and votes. Cheap to clone.
#[derive(Clone)]
pub struct Approvals(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    events: Events,
    metrics: Metrics,
    /// After how long more people hear of a request, where no policy says.
    escalate_after_ms: Option<i64>,
    /// The open requests, with their votes.
    pending: Mutex<HashMap<ApprovalId, Arc<Request>>>,
    /// One vote at a time, so that two at once both count, and nobody counts twice.
    voting: tokio::sync::Mutex<()>,
    voted: Notify,
    /// The same for requests about bundles.
    voted_on_bundles: Notify,
    /// And about grants.
    voted_on_grants: Notify,
    /// When each person first looked at each open request.
    seen: Mutex<HashMap<(ApprovalId, String), i64>>,
    delegations: Mutex<Vec<Delegation>>,
    keys: Mutex<Vec<VoteKey>>,
    grants: Grants,
    glass: Glass,
}

/// What the room is built with.
pub struct Needs {
    pub clock: Clock,
    pub db: Db,
    pub ledger: Ledger,
    pub events: Events,
    pub metrics: Metrics,
    pub escalate_after_ms: Option<i64>,
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
    #[error("you have not voted on this")]
    NotVoted,
    #[error("`reason` has at most 2,000 bytes")]
    LongReason,
    #[error("a vote on this has to say why: policy asks for a `reason`")]
    ReasonRequired,
    #[error("{0}")]
    Invalid(String),
    #[error("the vote's signature does not count: {0}")]
    BadSignature(&'static str),
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    #[error("the passkey's signature does not count: {0}")]
    Passkey(#[from] SignRefusal),
    #[error("a further key has to be vouched for by one that is enrolled; revoke that one first if it is lost")]
    Unvouched,
    #[error("there is no delegation `{0}`")]
    NoDelegation(DelegationId),
    #[error("there is no key `{0}` of yours")]
    NoKey(VoteKeyId),
    #[error("there is no grant `{0}`")]
    NoGrant(GrantId),
    #[error("no glass was broken for `{0}`")]
    NoBreak(CommandId),
    #[error(transparent)]
    Identity(#[from] Box<IdentityFault>),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

impl Approvals {
    pub async fn open(needs: Needs) -> Result<Self, ApprovalFault> {
        let Needs { clock, db, ledger, events, metrics, escalate_after_ms } = needs;
        let (now, by_id) = (clock.now(), |request: Request| (request.id, Arc::new(request)));
        let pending = Mutex::new(store::pending(&db).await?.into_iter().map(by_id).collect());
        let delegations = Mutex::new(store::arranged::delegations(&db, now).await?);
        let keys = Mutex::new(store::keys::load(&db).await?);
        let open = store::grants::open(&db).await?;
        let grants = Grants(Mutex::new(open.into_iter().map(|grant| (grant.id, grant)).collect()));
        let glass = Glass(Mutex::new(store::glass::open(&db, now - 24 * 60 * 60 * 1000).await?));
        let inner = Inner {
            clock,
            db,
            ledger,
            events,
            metrics,
            escalate_after_ms,
            pending,
            voting: tokio::sync::Mutex::default(),
            voted: Notify::new(),
            voted_on_bundles: Notify::new(),
            voted_on_grants: Notify::new(),
            seen: Mutex::default(),
            delegations,
            keys,
            grants,
            glass,
        };
        let approvals = Self(Arc::new(inner));
        approvals.count_unreviewed();
        Ok(approvals)
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
            "revision": request.subject.revision(), "grant": request.subject.grant().map(|id| id.to_string()),
            "needed": request.needed,
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

    /// Another number is needed than was thought: written down and counted.
    pub async fn need(&self, request: &Request, needed: u32) -> Result<(), ApprovalFault> {
        let id = request.id;
        if needed != request.needed {
            let now = self.0.clock.now();
            let raise =
                self.0.ledger.write(now, move |batch| Box::pin(async move { Self::raise(batch, id, needed).await }));
            raise.await?;
            self.raised(id, needed);
        }
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
        self.0.seen.lock().retain(|(seen, _), _| *seen != id);
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

    /// Requests within a reach, newest first; `before` goes on from an earlier page.
    pub async fn list(
        &self,
        reach: &Reach,
        narrow: &Narrow,
        before: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<Request>, ApprovalFault> {
        Ok(store::list(&self.0.db, reach, narrow, before, limit).await?)
    }

    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    pub fn n_pending(&self, reach: &Reach) -> usize {
        self.0.pending.lock().values().filter(|request| request.is_within(reach)).count()
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

impl From<IdentityFault> for ApprovalFault {
    fn from(fault: IdentityFault) -> Self {
        Self::Identity(Box::new(fault))
    }
}
