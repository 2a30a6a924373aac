//! The reconciler of held commands: when somebody has voted, each is judged again, from the top, with the votes among the facts.
//! Never: lets a command go because of a vote. Only a new decision does.

use std::sync::Arc;
use std::time::Duration;

use legator_engine::Outcome;

use super::life::{Open, State};
use super::record::binding;
use super::{CommandFault, Road, store};
use crate::approvals::Request;

/// Also without a signal: to let what waited too long expire.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_held(road: Road) {
    loop {
        let _ = tokio::time::timeout(ROUND, road.0.approvals.voted()).await;
        let held = road.0.open.lock().in_state(State::Held);
        for open in held {
            if let Err(fault) = road.look_at_held(&open).await {
                tracing::warn!(%fault, command.id = %open.id(), "a held command was not judged again; it stays held");
            }
        }
    }
}

impl Road {
    async fn look_at_held(&self, open: &Arc<Open>) -> Result<(), CommandFault> {
        let _turn = open.turn.lock().await;
        let (state, approval, agreed) = {
            let life = open.life.lock();
            (life.state, life.approval, life.agreed.clone())
        };
        if state != State::Held || !open.recorded() {
            return Ok(());
        }
        if self.0.clock.now() >= open.proposal.expires_at {
            return self.end(open, State::Expired, "server", "nobody agreed in time").await;
        }
        if self.0.fleet.get(open.probe()).is_none() {
            return self.end(open, State::Canceled, "server", "its probe was removed").await;
        }
        let Some(request) = approval.and_then(|id| self.0.approvals.pending(id)) else { return Ok(()) };
        if self.0.clock.now() >= request.expires_at {
            return self.end(open, State::Expired, "server", "nobody agreed in time").await;
        }
        if let Some(why) = self.forsaken(open, request.asked.key.as_deref()) {
            // Mostly the policies say so themselves, and then it is their answer that stands in the log.
            let (_, decision) = self.0.capacity.with(|counts| self.decide(&open.proposal, counts));
            return match decision.outcome {
                Outcome::Deny => self.walk(vec![open.proposal.clone()]).await.map(drop),
                _ => self.end(open, State::Denied, "server", why).await,
            };
        }
        // A vote came or was withdrawn, or somebody who is counted has gone: then it is judged again.
        let same = request.approvals(|id| self.is_there(id)).by == agreed;
        if same && request.denial().is_none() {
            return Ok(());
        }
        if self.stands(open, &request).await? {
            self.walk(vec![open.proposal.clone()]).await?;
        }
        Ok(())
    }

    /// Whether this person may still do anything at all.
    pub(super) fn is_there(&self, person: &str) -> bool {
        self.0.identity.person(person).is_some()
    }

    /// Why nobody stands behind a command any more that waits: whatever the policies say, it does not run.
    pub(super) fn forsaken(&self, open: &Open, key: Option<&str>) -> Option<&'static str> {
        let principal = &open.proposal.intent.principal;
        if !self.is_there(&principal.id) {
            return Some("who asked for it may no longer sign in");
        }
        if principal.acts_for.as_ref().is_some_and(|owner| !self.is_there(owner)) {
            return Some("whom it was asked for may no longer sign in");
        }
        let key = key.or(open.proposal.intent.by.as_deref());
        key.is_some_and(|key| self.0.identity.taken_back(key)).then_some("the key that it was asked with was revoked")
    }

    /// Whether nobody has objected, and what would run is what people were asked about. If not, the command ends here.
    pub(super) async fn stands(&self, open: &Arc<Open>, request: &Request) -> Result<bool, CommandFault> {
        if let Some(vote) = request.denial() {
            let reason = vote.reason.as_deref().unwrap_or("no reason given");
            self.end(open, State::Denied, &vote.name, &format!("denied by {}: {reason}", vote.name)).await?;
            return Ok(false);
        }
        if !self.binds(open, &request.digest).await? {
            tracing::error!(command.id = %open.id(), "a held command is not the one that people approved");
            self.end(open, State::Denied, "server", "the command is not the one that was approved").await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether what would run is, byte for byte, what people were asked about: in memory and in the database.
    async fn binds(&self, open: &Arc<Open>, digest: &str) -> Result<bool, CommandFault> {
        let row = store::get(&self.0.db, open.id()).await?.ok_or(CommandFault::NoCommand(open.id()))?;
        let same = row.spec == open.proposal.intent.spec && row.expires_at == open.proposal.expires_at;
        Ok(same && row.probe == open.probe() && binding(&open.proposal, &row.revision) == digest)
    }
}
