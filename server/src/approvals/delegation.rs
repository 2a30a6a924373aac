//! Votes that are handed on for a while. Who stands in votes in another's place: of the two there is one voice, and it
//! counts for no more groups than both are in.
//! Never: makes a voter of somebody whom policy does not let vote, or lets a requester's voice count.

use std::sync::Arc;

use legator_protocol::{ApprovalId, DelegationId};

use super::request::Request;
use super::{ApprovalFault, Approvals, store};
use crate::audit::Draft;
use crate::identity::{Caller, DelegateVotes, Kind, Permit, Person};

/// The longest time that votes can be handed on for.
const LONGEST_MS: i64 = 90 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub struct Delegation {
    pub id: DelegationId,
    /// Who hands on.
    pub person: String,
    pub name: String,
    /// Who stands in.
    pub delegate: String,
    pub delegate_name: String,
    pub reason: Option<String>,
    pub created_at: i64,
    pub since: i64,
    pub until: i64,
    pub ended_at: Option<i64>,
}

/// From when until when, and why.
#[derive(Clone, Debug)]
pub struct Span {
    pub since: Option<i64>,
    pub until: i64,
    pub reason: Option<String>,
}

impl Delegation {
    pub fn holds(&self, now: i64) -> bool {
        self.ended_at.is_none() && self.since <= now && now < self.until
    }
}

impl Approvals {
    /// Delegations that hold now or will.
    pub fn delegations(&self) -> Vec<Delegation> {
        let now = self.0.clock.now();
        let all = self.0.delegations.lock();
        all.iter().filter(|made| made.ended_at.is_none() && now < made.until).cloned().collect()
    }

    /// One of them.
    pub fn delegation(&self, id: DelegationId) -> Option<Delegation> {
        self.delegations().into_iter().find(|made| made.id == id)
    }

    /// All that there ever were, newest first.
    pub async fn past_delegations(&self, limit: u32) -> Result<Vec<Delegation>, ApprovalFault> {
        Ok(store::arranged::past_delegations(&self.0.db, limit).await?)
    }

    /// In whose place this person may vote now.
    pub fn stands_in_for(&self, person: &str) -> Vec<Delegation> {
        let now = self.0.clock.now();
        self.delegations().into_iter().filter(|made| made.delegate == person && made.holds(now)).collect()
    }

    /// Hands on one's votes. The caller of this verb has asked the access policies about the delegate.
    pub async fn delegate(
        &self,
        permit: Permit<DelegateVotes>,
        to: &Person,
        span: Span,
    ) -> Result<Delegation, ApprovalFault> {
        let (now, person) = (self.0.clock.now(), Arc::clone(&permit.caller().person));
        let invalid = |why: &str| Err(ApprovalFault::Invalid(why.to_owned()));
        if to.id == person.id || to.kind != Kind::User || to.disabled {
            return invalid("votes are handed on to another person who can sign in");
        }
        let since = span.since.unwrap_or(now).max(now);
        if span.until <= since || span.until - now > LONGEST_MS {
            return invalid("`until` has to be after `since`, and at most 90 days ahead");
        }
        if span.reason.as_ref().is_some_and(|reason| reason.len() > 2_000) {
            return Err(ApprovalFault::LongReason);
        }
        let made = Delegation {
            id: self.0.clock.born(DelegationId::born),
            person: person.id.to_string(),
            name: person.name.clone(),
            delegate: to.id.to_string(),
            delegate_name: to.name.clone(),
            reason: span.reason,
            created_at: now,
            since,
            until: span.until,
            ended_at: None,
        };
        let draft = Draft::new("votes.delegated", person.name.clone(), made.id.to_string())
            .tenant(&person.home())
            .body(serde_json::json!({
                "person": made.person, "to": made.delegate, "to_name": made.delegate_name, "since": made.since,
                "until": made.until, "reason": made.reason,
            }));
        let row = made.clone();
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::arranged::insert_delegation(batch.connection().await?, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let mut all = self.0.delegations.lock();
        all.retain(|old| now < old.until);
        all.push(made.clone());
        drop(all);
        let body = serde_json::json!({ "by": made.name, "to": made.delegate_name });
        self.0.events.publish(now, &person.home(), "votes.delegated", made.id.to_string(), body);
        Ok(made)
    }

    /// Ends a delegation before its time: who made it, or who stands in.
    pub async fn end_delegation(
        &self,
        permit: Permit<DelegateVotes>,
        id: DelegationId,
    ) -> Result<Delegation, ApprovalFault> {
        let (now, person) = (self.0.clock.now(), permit.caller().person.id.to_string());
        let mut made = self.delegation(id).ok_or(ApprovalFault::NoDelegation(id))?;
        if made.person != person && made.delegate != person {
            return Err(ApprovalFault::Invalid("a delegation is ended by who made it or who stands in".to_owned()));
        }
        let draft = Draft::new("votes.delegation-ended", permit.caller().person.name.clone(), id.to_string())
            .tenant(&permit.caller().person.home())
            .body(serde_json::json!({ "person": made.person, "to": made.delegate }));
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::arranged::end_delegation(batch.connection().await?, id, now).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.0.delegations.lock().retain(|old| old.id != id);
        made.ended_at = Some(now);
        Ok(made)
    }

    /// Whether the caller may speak for that person here, by delegation; the access policies are asked about them besides.
    pub fn speaks_for(&self, caller: &Caller, other: &Person, request: &Request) -> Result<ApprovalId, ApprovalFault> {
        let mine = self.stands_in_for(&caller.person.id.to_string());
        if !mine.iter().any(|made| made.person == other.id.to_string()) {
            return Err(ApprovalFault::Invalid(format!("`{}` has not handed on their votes to you", other.name)));
        }
        let theirs = other.id.to_string();
        if request.asked.requester == theirs || request.asked.acts_for.as_ref() == Some(&theirs) {
            return Err(ApprovalFault::Invalid(format!(
                "`{}` asked for this, so nobody votes in their place",
                other.name
            )));
        }
        Ok(request.id)
    }
}
