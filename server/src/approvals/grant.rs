//! What people agreed to ahead: asked for like anything that waits, counted in use, and over when its time is, when its
//! uses are used up, or when somebody ends it.
//! Never: counts before people have agreed, or decides anything. The engine asks the policy that people read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use legator_protocol::{ApprovalId, GrantId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::request::{Choice, Request};
use super::{ApprovalFault, Approvals, RequestState, store};
use crate::audit::{Batch, Draft, WriteFault};
use crate::identity::{GrantAhead, Permit, RevokeGrant};
use crate::tenant::{Reach, Tenant};

#[derive(Clone, Debug)]
pub struct Grant {
    pub id: GrantId,
    /// The request that people are asked in.
    pub approval: ApprovalId,
    pub about: About,
    /// The Cedar policy that it covers; what people vote on.
    pub policy: String,
    pub state: GrantState,
    /// Its clock starts when people have agreed.
    pub duration_ms: i64,
    pub most_uses: Option<u32>,
    pub used: u32,
    pub created_at: i64,
    pub agreed_at: Option<i64>,
    pub until: Option<i64>,
    /// Who agreed.
    pub voices: Vec<Voice>,
    pub ended_at: Option<i64>,
    pub ended_by: Option<String>,
    pub ended_why: Option<String>,
}

/// Who, what, where and why, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// Whose commands it covers.
    pub principal: String,
    pub principal_name: String,
    /// Where: `Probe` or `Tag`, and its id and name.
    pub place_kind: String,
    pub place: String,
    pub place_name: String,
    pub level: legator_protocol::Level,
    pub programs: BTreeSet<String>,
    #[serde(default)]
    pub effects: BTreeSet<String>,
    #[serde(default)]
    pub line: Option<String>,
    pub reason: String,
    pub requester: String,
    pub requester_name: String,
    /// Whose it is; absent for the default tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl About {
    pub fn whose(&self) -> Tenant {
        Tenant::of_column(self.tenant.as_deref())
    }
}

/// One person who agreed, as they were then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Voice {
    pub person: String,
    pub name: String,
    pub groups: BTreeSet<String>,
    pub signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    Pending,
    Active,
    Refused,
    Revoked,
}

impl GrantState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Refused, Self::Revoked];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Grant {
    /// Whether it covers anything at all now.
    pub fn counts(&self, now: i64) -> bool {
        self.state == GrantState::Active
            && self.until.is_some_and(|until| now < until)
            && self.most_uses.is_none_or(|most| self.used < most)
    }

    /// Its state for people: one that is over by itself says so.
    pub fn state_now(&self, now: i64) -> &'static str {
        match self.state {
            GrantState::Active if self.most_uses.is_some_and(|most| self.used >= most) => "used-up",
            GrantState::Active if !self.counts(now) => "expired",
            state => state.as_str(),
        }
    }
}

/// The open grants, at hand for decisions.
#[derive(Default)]
pub(super) struct Grants(pub(super) Mutex<HashMap<GrantId, Grant>>);

impl Approvals {
    /// What was agreed to ahead for this principal and counts now, as the engine sees it. Who agreed and is no longer
    /// there does not count.
    pub fn agreed_ahead(&self, principal: &str, there: impl Fn(&str) -> bool) -> Vec<legator_engine::Grant> {
        let now = self.0.clock.now();
        let grants = self.0.grants.0.lock();
        let mine = grants.values().filter(|grant| grant.about.principal == principal && grant.counts(now));
        let mut facts: Vec<legator_engine::Grant> = mine
            .map(|grant| {
                let voices = || grant.voices.iter().filter(|voice| there(&voice.person));
                legator_engine::Grant {
                    by: voices().map(|voice| voice.person.clone()).collect(),
                    groups: voices().flat_map(|voice| voice.groups.iter().cloned()).collect(),
                    id: grant.id.to_string(),
                    policy: grant.policy.clone(),
                    signed: voices().filter(|voice| voice.signed).map(|voice| voice.person.clone()).collect(),
                    until_ms: grant.until.unwrap_or_default().max(0).cast_unsigned(),
                }
            })
            .collect();
        facts.sort_by(|one, other| one.id.cmp(&other.id));
        facts
    }

    /// Takes one use of a grant; `false` if none is left.
    pub fn take_use(&self, id: &str) -> bool {
        let (now, Ok(id)) = (self.0.clock.now(), id.parse::<GrantId>()) else { return false };
        let mut grants = self.0.grants.0.lock();
        let Some(grant) = grants.get_mut(&id).filter(|grant| grant.counts(now)) else { return false };
        grant.used += 1;
        true
    }

    /// Gives a use back: what it was taken for was not done.
    pub fn return_use(&self, id: &str) {
        let Ok(id) = id.parse::<GrantId>() else { return };
        if let Some(grant) = self.0.grants.0.lock().get_mut(&id) {
            grant.used = grant.used.saturating_sub(1);
        }
    }

    /// Counts a use for good, as part of the write that records it.
    pub async fn used(batch: &mut Batch, id: &str) -> Result<(), WriteFault> {
        store::grants::count_use(batch.connection().await?, id).await?;
        Ok(())
    }

    /// Any grant within a reach. One beyond it is as unknown as none.
    pub async fn grant(&self, reach: &Reach, id: GrantId) -> Result<Grant, ApprovalFault> {
        let known = self.0.grants.0.lock().get(&id).cloned();
        let found = match known {
            Some(grant) => Some(grant),
            None => store::grants::get(&self.0.db, id).await?,
        };
        found.filter(|grant| reach.has(&grant.about.whose())).ok_or(ApprovalFault::NoGrant(id))
    }

    pub async fn grants(
        &self,
        reach: &Reach,
        before: Option<GrantId>,
        limit: u32,
    ) -> Result<Vec<Grant>, ApprovalFault> {
        Ok(store::grants::list(&self.0.db, reach, before, limit).await?)
    }

    /// Asks people whether something may be agreed to ahead.
    pub async fn ask_ahead(&self, grant: Grant, request: Request) -> Result<Arc<Request>, ApprovalFault> {
        let now = self.0.clock.now();
        let draft = Draft::new("grant.asked", grant.about.requester_name.clone(), grant.id.to_string())
            .tenant(&grant.about.whose())
            .body(serde_json::json!({
                "approval": grant.approval, "about": grant.about, "policy": grant.policy,
                "duration_ms": grant.duration_ms, "most_uses": grant.most_uses, "needed": request.needed,
                "digest": request.digest,
            }));
        let (row, asked) = (grant.clone(), request.clone());
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    Self::ask(batch, &asked).await?;
                    store::grants::insert(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.grants.0.lock().insert(grant.id, grant);
        self.asked(request.clone());
        Ok(Arc::new(request))
    }

    /// People have agreed: it counts from now on, and its clock starts now.
    pub async fn agree_ahead(&self, permit: Permit<GrantAhead>, request: &Request) -> Result<(), ApprovalFault> {
        let Some(id) = request.subject.grant() else { return Err(ApprovalFault::NoApproval(request.id)) };
        let (now, grant) = (self.0.clock.now(), self.grant(&Reach::everything(), id).await?);
        let agreed = request.votes.iter().filter(|vote| vote.choice == Choice::Approve);
        let voices: Vec<Voice> = agreed
            .map(|vote| Voice {
                person: vote.voice().to_owned(),
                name: vote.name.clone(),
                groups: vote.groups.clone(),
                signed: vote.signed.is_some(),
            })
            .collect();
        let until = now.saturating_add(grant.duration_ms);
        let draft = Draft::new("grant.agreed", permit.caller().person.name.clone(), id.to_string())
            .tenant(&grant.about.whose())
            .body(serde_json::json!({
                "approval": request.id, "until": until, "voices": voices, "policy": grant.policy,
            }));
        let (row, approval) = (voices.clone(), request.id);
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::grants::agree(batch.connection().await?, id, now, until, &row).await?;
                    Self::close(batch, approval, RequestState::Approved).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        if let Some(grant) = self.0.grants.0.lock().get_mut(&id) {
            (grant.state, grant.agreed_at, grant.until) = (GrantState::Active, Some(now), Some(until));
            grant.voices = voices;
        }
        self.closed(request.id, RequestState::Approved);
        let body = serde_json::json!({ "until": until, "principal": grant.about.principal_name });
        self.0.events.publish(now, &grant.about.whose(), "grant.agreed", id.to_string(), body);
        Ok(())
    }

    /// It is not agreed to.
    pub async fn refuse_ahead(
        &self,
        request: &Request,
        state: RequestState,
        by: &str,
        why: &str,
    ) -> Result<(), ApprovalFault> {
        let Some(id) = request.subject.grant() else { return Err(ApprovalFault::NoApproval(request.id)) };
        self.end_grant(id, Some((request.id, state)), GrantState::Refused, by, why).await
    }

    /// Ends a grant, or a wish for one.
    pub async fn revoke_grant(
        &self,
        permit: Permit<RevokeGrant>,
        id: GrantId,
        why: &str,
    ) -> Result<Grant, ApprovalFault> {
        let reach = permit.caller().reach.clone();
        let grant = self.grant(&reach, id).await?;
        if !matches!(grant.state, GrantState::Pending | GrantState::Active) {
            return Err(ApprovalFault::Invalid(format!("this grant is {} already", grant.state.as_str())));
        }
        let asked = self.pending(grant.approval).map(|request| (request.id, RequestState::Withdrawn));
        self.end_grant(id, asked, GrantState::Revoked, &permit.caller().person.name, why).await?;
        self.grant(&reach, id).await
    }

    async fn end_grant(
        &self,
        id: GrantId,
        close: Option<(ApprovalId, RequestState)>,
        state: GrantState,
        by: &str,
        why: &str,
    ) -> Result<(), ApprovalFault> {
        let now = self.0.clock.now();
        let kind = if state == GrantState::Revoked { "grant.revoked" } else { "grant.refused" };
        let whose = self.grant(&Reach::everything(), id).await?.about.whose();
        let draft = Draft::new(kind, by, id.to_string()).tenant(&whose).body(serde_json::json!({
            "approval": close.map(|(approval, _)| approval), "state": close.map(|(_, state)| state.as_str()), "why": why,
        }));
        let (who, reason) = (by.to_owned(), why.to_owned());
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::grants::end(batch.connection().await?, id, state, now, &who, &reason).await?;
                    if let Some((approval, state)) = close {
                        Self::close(batch, approval, state).await?;
                    }
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.grants.0.lock().remove(&id);
        if let Some((approval, state)) = close {
            self.closed(approval, state);
        }
        self.0.events.publish(now, &whose, kind, id.to_string(), serde_json::json!({ "by": by }));
        Ok(())
    }

    /// The open requests about grants.
    pub fn pending_grants(&self) -> Vec<Arc<Request>> {
        let pending = self.0.pending.lock();
        pending.values().filter(|request| request.subject.grant().is_some()).cloned().collect()
    }

    /// Wakes when somebody has voted on a grant.
    pub async fn voted_on_grants(&self) {
        self.0.voted_on_grants.notified().await;
    }
}
