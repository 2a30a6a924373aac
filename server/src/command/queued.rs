//! The reconciler of queued commands: when there may be room, each is judged again, oldest first.

use std::sync::Arc;
use std::time::Duration;

use legator_engine::Outcome;

use super::life::{Open, State};
use super::{CommandFault, Road};

/// Also without a signal: load falls without anything ending here.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_queued(road: Road) {
    loop {
        let _ = tokio::time::timeout(ROUND, road.0.capacity.freed()).await;
        let queued = road.0.open.lock().in_state(State::Queued);
        for open in queued {
            if let Err(fault) = road.look_at_queued(&open).await {
                tracing::warn!(%fault, command.id = %open.id(), "a queued command was not judged again; it stays queued");
            }
        }
    }
}

impl Road {
    async fn look_at_queued(&self, open: &Arc<Open>) -> Result<(), CommandFault> {
        let _turn = open.turn.lock().await;
        if open.life.lock().state != State::Queued || !open.recorded() {
            return Ok(());
        }
        if self.0.clock.now() >= open.proposal.expires_at {
            return self.end(open, State::Expired, "server", "there was no room in time").await;
        }
        if self.0.fleet.get(open.probe()).is_none() {
            return self.end(open, State::Canceled, "server", "its probe was removed").await;
        }
        let request = open.life.lock().approval.and_then(|id| self.0.approvals.pending(id));
        if let Some(request) = request
            && !self.stands(open, &request).await?
        {
            return Ok(());
        }
        // A look first: a judgement that changes nothing is not worth an entry in the log.
        let (_, decision) = self.0.capacity.with(|counts| {
            counts.stand_up(open.id());
            let judged = self.decide(&open.proposal, counts);
            counts.seat(super::facts::guest(&open.proposal, open.level), crate::capacity::Seat::Queued);
            judged
        });
        if !matches!(decision.outcome, Outcome::Queue { .. }) {
            self.walk(vec![open.proposal.clone()]).await?;
        }
        Ok(())
    }
}
