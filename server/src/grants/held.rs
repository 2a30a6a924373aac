//! The reconciler of what is to be agreed to ahead: when somebody has voted, it is judged again, from the top.
//! Never: counts a grant because of a vote. Only a new answer of the access policies does.

use std::sync::Arc;
use std::time::Duration;

use super::{Ahead, Answer, GrantFault, binding, pattern};
use crate::approvals::{Request, RequestState};
use crate::identity::IdentityFault;
use crate::tenant::Reach;

/// Also without a signal: to let what waited too long expire.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_grants(ahead: Ahead) {
    loop {
        let _ = tokio::time::timeout(ROUND, ahead.approvals.voted_on_grants()).await;
        for request in ahead.approvals.pending_grants() {
            if let Err(fault) = ahead.look(&request).await {
                tracing::warn!(%fault, approval.id = %request.id, "a grant was not judged again; it waits on");
            }
        }
    }
}

impl Ahead {
    async fn look(&self, request: &Arc<Request>) -> Result<(), GrantFault> {
        let Some(id) = request.subject.grant() else { return Ok(()) };
        let refuse = async |state, by: &str, why: &str| {
            self.approvals.refuse_ahead(request, state, by, why).await.map_err(GrantFault::from)
        };
        if let Some(vote) = request.denial() {
            let reason = vote.reason.as_deref().unwrap_or("no reason given");
            return refuse(RequestState::Denied, &vote.name, reason).await;
        }
        if self.clock.now() >= request.expires_at {
            return refuse(RequestState::Expired, "server", "nobody agreed in time").await;
        }
        let agreed = request.approvals(|person| self.identity.person(person).is_some());
        if agreed.by.is_empty() {
            return Ok(());
        }
        let grant = self.approvals.grant(&Reach::everything(), id).await?;
        let Ok(kind) = self.kind_of(&grant.about) else {
            return refuse(RequestState::Denied, "server", "who it is for may no longer do anything").await;
        };
        let wanted = pattern(&grant.about, kind).policy()?;
        let digest = binding(&wanted, grant.duration_ms, grant.most_uses, &grant.about.requester, request.expires_at);
        if wanted != grant.policy || digest != request.digest {
            return refuse(RequestState::Denied, "server", "it is not what people were asked about").await;
        }
        let key = request.asked.key.as_deref().unwrap_or_default();
        let Some(caller) = self.identity.recall(&request.asked.requester, key) else {
            return refuse(RequestState::Denied, "server", "who asked for it may no longer sign in").await;
        };
        let have = u32::try_from(agreed.by.len()).unwrap_or(u32::MAX);
        match self.judge(&caller, &grant.about, agreed).await {
            Ok(Answer::Agreed(permit)) => Ok(self.approvals.agree_ahead(permit, request).await?),
            Ok(Answer::Waits { approvals, .. }) => {
                Ok(self.approvals.need(request, have.saturating_add(approvals)).await?)
            }
            Err(GrantFault::Identity(IdentityFault::Forbidden { decision, .. })) => {
                refuse(RequestState::Denied, "server", &decision.rationale.summary).await
            }
            Err(GrantFault::Fleet(fault)) => refuse(RequestState::Denied, "server", &fault.to_string()).await,
            Err(fault) => Err(fault),
        }
    }
}
