//! When too few answer: more people hear of a request, once, after the time that policy or the server's option says.
//! Never: an approval by silence. A request that nobody answers expires.

use std::sync::Arc;
use std::time::Duration;

use super::request::Request;
use super::vote::about;
use super::{ApprovalFault, Approvals, store};
use crate::identity::{DecideApproval, Identity};

/// How often open requests are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_silence(approvals: Approvals, identity: Identity) {
    loop {
        tokio::time::sleep(ROUND).await;
        for request in approvals.unanswered() {
            if let Err(fault) = approvals.escalate(&identity, &request).await {
                tracing::warn!(%fault, approval.id = %request.id, "a request was not escalated; it is tried again");
            }
        }
    }
}

impl Approvals {
    /// Open requests whose time to be answered quietly is over.
    fn unanswered(&self) -> Vec<Arc<Request>> {
        let now = self.0.clock.now();
        let due = |request: &Arc<Request>| {
            let after = request.asked.escalate_after_ms.or(self.0.escalate_after_ms);
            let over = after.is_some_and(|after| now - request.created_at >= after);
            over && request.escalated_at.is_none() && now < request.expires_at
        };
        self.0.pending.lock().values().filter(|request| due(request)).cloned().collect()
    }

    async fn escalate(&self, identity: &Identity, request: &Request) -> Result<(), ApprovalFault> {
        let (id, now) = (request.id, self.0.clock.now());
        let may = identity.who_may::<DecideApproval>(&request.resource());
        let waited: Vec<_> = may
            .iter()
            .filter(|person| request.is_within(&person.reach) && !request.heard(&person.id.to_string()))
            .collect();
        let people: Vec<String> = waited.iter().map(|person| person.id.to_string()).collect();
        let names: Vec<String> = waited.iter().map(|person| person.name.clone()).collect();
        let told = serde_json::json!({
            "people": people, "names": names, "groups": request.asked.escalate_to, "needed": request.needed,
            "votes": request.votes.len(), "waits_since": request.created_at, "expires_at": request.expires_at,
        });
        let draft = about(request, "approval.escalated", "server").body(told.clone());
        self.0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    store::escalate(batch.connection().await?, id, now).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        self.change(id, |request| request.escalated_at = Some(now));
        self.0.metrics.escalations.inc();
        self.0.events.publish(now, &request.asked.tenant, "approval.escalated", id.to_string(), told);
        Ok(())
    }
}
