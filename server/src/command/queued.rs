//! The reconciler of queued commands: when there may be room, each is judged again, oldest first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use legator_engine::Outcome;
use legator_protocol::Level;

use super::life::{Open, State};
use super::{CommandFault, Road};

/// Also without a signal: load falls without anything ending here.
const ROUND: Duration = Duration::from_secs(1);

/// Runs until the server ends.
pub async fn reconcile_queued(road: Road) {
    loop {
        let _ = tokio::time::timeout(ROUND, road.0.capacity.freed()).await;
        let queued = road.0.open.lock().in_state(State::Queued);
        // Where the oldest of a lane still waits, those behind it wait too, and need not be judged to know it.
        let mut waiting = HashSet::new();
        for open in queued {
            let lane = (open.probe(), open.level >= Level::Remediate);
            if waiting.contains(&lane) && road.0.clock.now() < open.proposal.expires_at {
                continue;
            }
            match road.look_at_queued(&open).await {
                Ok(Look::Waits) => {
                    waiting.insert(lane);
                }
                Ok(Look::Moved) => {}
                Err(fault) => {
                    tracing::warn!(%fault, command.id = %open.id(), "a queued command was not judged again; it stays queued");
                }
            }
        }
    }
}

/// What a look at a queued command came to.
enum Look {
    Waits,
    Moved,
}

impl Road {
    async fn look_at_queued(&self, open: &Arc<Open>) -> Result<Look, CommandFault> {
        let _turn = open.turn.lock().await;
        if open.life.lock().state != State::Queued || !open.recorded() {
            return Ok(Look::Moved);
        }
        if self.0.clock.now() >= open.proposal.expires_at {
            self.end(open, State::Expired, "server", "there was no room in time").await?;
            return Ok(Look::Moved);
        }
        if self.0.fleet.get(open.probe()).is_none() {
            self.end(open, State::Canceled, "server", "its probe was removed").await?;
            return Ok(Look::Moved);
        }
        let request = open.life.lock().approval.and_then(|id| self.0.approvals.pending(id));
        let key = request.as_ref().and_then(|request| request.asked.key.clone());
        if let Some(request) = request
            && !self.stands(open, &request).await?
        {
            return Ok(Look::Moved);
        }
        // A look first: a judgement that changes nothing is not worth an entry in the log.
        let (_, decision) = self.0.capacity.with(|counts| {
            counts.stand_up(open.id());
            let judged = self.decide(&open.proposal, counts);
            counts.seat(super::facts::guest(&open.proposal, open.level), crate::capacity::Seat::Queued);
            judged
        });
        if let Some(why) = self.forsaken(open, key.as_deref())
            && !matches!(decision.outcome, Outcome::Deny)
        {
            self.end(open, State::Denied, "server", why).await?;
            return Ok(Look::Moved);
        }
        if matches!(decision.outcome, Outcome::Queue { .. }) {
            return Ok(Look::Waits);
        }
        self.walk(vec![open.proposal.clone()]).await?;
        Ok(Look::Moved)
    }
}
