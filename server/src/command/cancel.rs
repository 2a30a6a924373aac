//! Ending a command before its time: because somebody cancels it, or because it waited too long.

use std::sync::Arc;
use std::time::Duration;

use legator_protocol::{CommandId, ToProbe};

use super::life::{Life, Open, State};
use super::rows;
use super::{CommandFault, Road};
use crate::approvals::{Approvals, RequestState};
use crate::audit::{Batch, Draft, WriteFault};
use crate::identity::{CancelCommand, Permit};
use crate::telemetry::By;

/// How long a cancellation waits for an end that is on its way to the disk.
const ENDING: Duration = Duration::from_secs(5);

impl Road {
    /// Stops a command. One that waits ends at once; one on its way is ended by its probe.
    pub async fn cancel(
        &self,
        permit: Permit<CancelCommand>,
        id: CommandId,
        reason: &str,
    ) -> Result<State, CommandFault> {
        if reason.len() > 2_000 {
            return Err(CommandFault::Invalid("`reason` has at most 2,000 bytes".to_owned()));
        }
        let Some(open) = self.0.open.lock().get(id) else {
            let row = super::store::get(&self.0.db, id).await?.ok_or(CommandFault::NoCommand(id))?;
            return Err(CommandFault::Ended(row.state));
        };
        let actor = permit.caller().person.name.clone();
        let _turn = open.turn.lock().await;
        let state = open.life.lock().state;
        match state {
            State::Held | State::Queued => {
                self.end(&open, State::Canceled, &actor, reason).await?;
                Ok(State::Canceled)
            }
            State::Dispatched | State::Running => {
                self.stop(&open, &actor, reason).await?;
                Ok(state)
            }
            ended => Err(CommandFault::Ended(ended)),
        }
    }

    /// Writes down that it is to be stopped, and tells the probe. Without a session the probe hears it when it is back.
    async fn stop(&self, open: &Arc<Open>, actor: &str, reason: &str) -> Result<(), CommandFault> {
        let (now, id) = (self.0.clock.now(), open.id());
        let mut seq = 0;
        let plan = |life: &mut Life| {
            if !life.is_out() {
                return None;
            }
            life.seq += 1;
            seq = life.seq;
            let event = rows::Event::new(id, seq, now, "cancel", &serde_json::json!({ "by": actor, "reason": reason }));
            let draft = Draft::new("command.cancel_requested", actor, open.proposal.probe.name.clone())
                .command(id)
                .probe(open.probe())
                .tenant(&open.proposal.probe.tenant)
                .body(serde_json::json!({ "reason": reason }));
            let text = reason.to_owned();
            Some(move |batch: &mut Batch| {
                rows::push_cancel(batch, id, &text)?;
                event.push(batch)?;
                batch.entry(draft).map(drop)
            })
        };
        if !self.step_through(open, now, plan).await? {
            return Err(self.its_end(open).await);
        }
        let state = {
            let mut life = open.life.lock();
            life.cancel = Some(reason.to_owned());
            life.state
        };
        open.durable(seq, state);
        self.0.hub.send(open.probe(), &ToProbe::Cancel { command: id, reason: reason.to_owned() });
        Ok(())
    }

    /// It has ended, or its end is on its way to the disk: says which it is.
    async fn its_end(&self, open: &Arc<Open>) -> CommandFault {
        let mut tick = open.tick.subscribe();
        let ended = tokio::time::timeout(ENDING, tick.wait_for(|tick| tick.state.ended())).await;
        match ended {
            Ok(Ok(tick)) => CommandFault::Ended(tick.state),
            // Then it was not written, and the command is out as before.
            _ => WriteFault::Orphaned.into(),
        }
    }

    /// Ends a command that waits. The caller holds the command's turn.
    pub(super) async fn end(
        &self,
        open: &Arc<Open>,
        state: State,
        actor: &str,
        reason: &str,
    ) -> Result<(), CommandFault> {
        let now = self.0.clock.now();
        let id = open.id();
        let (seq, approval) = {
            let mut life = open.life.lock();
            life.seq += 1;
            (life.seq, life.approval.filter(|approval| self.0.approvals.pending(*approval).is_some()))
        };
        let closing = match state {
            State::Expired => RequestState::Expired,
            State::Denied => RequestState::Denied,
            _ => RequestState::Withdrawn,
        };
        let ended = serde_json::json!({ "by": actor, "reason": reason });
        let event = rows::Event::new(id, seq, now, state.as_str(), &ended);
        let draft = settled(actor, open, state, reason);
        let written = self
            .0
            .ledger
            .write(now, move |batch| {
                Box::pin(async move {
                    rows::push_ended(batch, id, state, now, &ended)?;
                    event.push(batch)?;
                    if let Some(approval) = approval {
                        Approvals::close(batch, approval, closing).await?;
                    }
                    batch.entry(draft)?;
                    Ok::<_, WriteFault>(())
                })
            })
            .await;
        if let Err(fault) = written {
            // Whoever judges it again, cancels it or lets it expire takes turns, so nothing has come since.
            open.life.lock().seq -= 1;
            return Err(fault.into());
        }
        if let Some(approval) = approval {
            self.0.approvals.closed(approval, closing);
        }
        self.settled(open, seq, state);
        Ok(())
    }

    /// The end is durable: it counts in memory, for watchers, and for who waits for room.
    pub(super) fn settled(&self, open: &Arc<Open>, seq: u64, state: State) {
        open.life.lock().state = state;
        self.0.capacity.leave(open.id());
        self.forget(open.id());
        open.durable(seq, state);
        self.announce(&open.proposal, state);
        self.0.metrics.settled.get_or_create(&By { name: state.as_str() }).inc();
        let took = self.0.clock.now() - open.proposal.created_at;
        self.0.metrics.road_seconds.observe(took.max(0) as f64 / 1000.0);
    }
}

/// What the log says of a command that did not end with its probe.
pub(super) fn settled(actor: &str, open: &Open, state: State, reason: &str) -> Draft {
    Draft::new("command.settled", actor, open.proposal.probe.name.clone())
        .command(open.id())
        .probe(open.probe())
        .tenant(&open.proposal.probe.tenant)
        .body(serde_json::json!({ "state": state.as_str(), "reason": reason }))
}
