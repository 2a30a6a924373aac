//! Votes: cast on exactly what was looked at, and withdrawn while nothing is decided.
//! Never: two voices of one person, or a vote on something that is closed.

use std::sync::Arc;

use legator_engine::vote::SignedBy;
use legator_protocol::ApprovalId;

use super::request::{Choice, Request, StandsFor, Subject, Vote};
use super::{ApprovalFault, Approvals, store};
use crate::audit::Draft;
use crate::identity::{DecideApproval, Permit, Person};

/// The longest reason, in bytes.
pub(super) const LONGEST_REASON: usize = 2_000;

/// Less time than this between a look and a vote is no reading.
pub(super) const HASTY_MS: i64 = 3_000;

/// A vote that is to be cast.
pub struct Ballot {
    pub choice: Choice,
    pub reason: Option<String>,
    /// What the voter looked at; it has to be what waits.
    pub digest: Option<String>,
    /// In whose place, after the access policies were asked about them.
    pub stands_for: Option<Arc<Person>>,
    /// Checked already.
    pub signed: Option<SignedBy>,
}

impl Approvals {
    /// Votes.
    pub async fn vote(
        &self,
        permit: Permit<DecideApproval>,
        id: ApprovalId,
        ballot: Ballot,
    ) -> Result<Arc<Request>, ApprovalFault> {
        let Ballot { choice, reason, digest, stands_for, signed } = ballot;
        if reason.as_ref().is_some_and(|reason| reason.len() > LONGEST_REASON) {
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
        if request.asked.reason_required && reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(ApprovalFault::ReasonRequired);
        }
        let at = self.0.clock.now();
        if at >= request.expires_at {
            return Err(ApprovalFault::Closed(super::RequestState::Expired));
        }
        let voter = Arc::clone(&permit.caller().person);
        let voter_id = voter.id.to_string();
        let other = stands_for.as_ref().map(|other| other.id.to_string());
        if request.heard(&voter_id) || other.as_ref().is_some_and(|other| request.heard(other)) {
            return Err(ApprovalFault::AlreadyVoted);
        }
        if let Some(signed) = &signed
            && store::votes::nonce_used(&self.0.db, &signed.nonce).await?
        {
            return Err(ApprovalFault::BadSignature("a vote was signed with this nonce before"));
        }
        // Of a voice that stands in, only what both are counts.
        let groups = match &stands_for {
            Some(other) => voter.groups.intersection(&other.groups).cloned().collect(),
            None => voter.groups.clone(),
        };
        let seen_at = self.0.seen.lock().get(&(id, voter_id.clone())).copied();
        let vote = Vote {
            person: voter_id,
            name: voter.name.clone(),
            groups,
            choice,
            reason,
            at,
            stands_for: stands_for.map(|other| StandsFor { person: other.id.to_string(), name: other.name.clone() }),
            seen_at,
            signed,
        };
        let draft = about(&request, "approval.voted", &voter.name).body(serde_json::json!({
            "choice": choice.as_str(), "reason": vote.reason, "digest": request.digest, "person": vote.person,
            "revision": request.subject.revision(), "grant": request.subject.grant().map(|id| id.to_string()),
            "stands_for": vote.stands_for.as_ref().map(|other| &other.person), "seen_at": vote.seen_at,
            "signed": vote.signed,
        }));
        let row = vote.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::votes::insert(batch.connection().await?, id, &row).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let metrics = &self.0.metrics;
        metrics.approval_seconds.observe((at - request.created_at).max(0) as f64 / 1000.0);
        metrics.votes.get_or_create(&crate::telemetry::By { name: choice.as_str() }).inc();
        if seen_at.is_none_or(|seen| at - seen < HASTY_MS) {
            metrics.hasty_votes.inc();
        }
        let body = serde_json::json!({
            "choice": choice.as_str(), "by": voter.name, "signed": vote.signed.is_some(),
            "signed_by": vote.signed.as_ref().map(|signed| signed.algorithm),
            "stands_for": vote.stands_for.as_ref().map(|other| &other.name),
        });
        let after = self.change(id, |request| request.votes.push(vote)).unwrap_or(request);
        self.0.events.publish(at, &after.asked.tenant, "approval.voted", id.to_string(), body);
        self.wake(&after);
        Ok(after)
    }

    /// Takes one's vote back while the request is open. Whoever withdrew may vote again.
    pub async fn withdraw(
        &self,
        permit: Permit<DecideApproval>,
        id: ApprovalId,
        why: Option<String>,
    ) -> Result<Arc<Request>, ApprovalFault> {
        if why.as_ref().is_some_and(|why| why.len() > LONGEST_REASON) {
            return Err(ApprovalFault::LongReason);
        }
        let _voting = self.0.voting.lock().await;
        let request = match self.pending(id) {
            Some(request) => request,
            None => return Err(ApprovalFault::Closed(self.get(&permit.caller().reach, id).await?.state)),
        };
        let voter = Arc::clone(&permit.caller().person);
        let person = voter.id.to_string();
        let Some(vote) = request.votes.iter().find(|vote| vote.person == person) else {
            return Err(ApprovalFault::NotVoted);
        };
        if vote.choice == Choice::Deny {
            return Err(ApprovalFault::Invalid(
                "a vote against it ends the request, so it cannot be withdrawn".to_owned(),
            ));
        }
        let at = self.0.clock.now();
        let draft = about(&request, "approval.vote-withdrawn", &voter.name).body(serde_json::json!({
            "choice": vote.choice.as_str(), "voted_at": vote.at, "digest": request.digest, "person": person,
            "stands_for": vote.stands_for.as_ref().map(|other| &other.person), "why": why,
        }));
        let whose = person.clone();
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::votes::withdraw(batch.connection().await?, id, &whose, at, why.as_deref()).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        let after = self.change(id, |request| request.votes.retain(|vote| vote.person != person));
        let (after, body) = (after.unwrap_or(request), serde_json::json!({ "by": voter.name }));
        self.0.events.publish(at, &after.asked.tenant, "approval.vote-withdrawn", id.to_string(), body);
        self.wake(&after);
        Ok(after)
    }

    /// Votes that were withdrawn, with when and why.
    pub async fn withdrawn(&self, id: ApprovalId) -> Result<Vec<(Vote, i64, Option<String>)>, ApprovalFault> {
        Ok(store::votes::withdrawn(&self.0.db, id).await?)
    }

    /// This person has the request before them now.
    pub fn looked(&self, request: &Request, person: &Person) {
        if request.closed_at.is_none() {
            self.0.seen.lock().entry((request.id, person.id.to_string())).or_insert_with(|| self.0.clock.now());
        }
    }

    fn wake(&self, request: &Request) {
        match request.subject {
            Subject::Command { .. } => self.0.voted.notify_one(),
            Subject::Activation { .. } => self.0.voted_on_bundles.notify_one(),
            Subject::Grant { .. } => self.0.voted_on_grants.notify_one(),
        }
    }
}

/// An entry about a request.
pub(super) fn about(request: &Request, kind: &'static str, actor: &str) -> Draft {
    let draft = Draft::new(kind, actor, request.id.to_string()).tenant(&request.asked.tenant);
    match request.subject {
        Subject::Command { command, probe } => draft.command(command).probe(probe),
        Subject::Activation { .. } | Subject::Grant { .. } => draft,
    }
}
