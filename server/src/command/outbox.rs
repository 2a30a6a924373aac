//! The outbox: what is cleared and not ended. It is handed over when it is cleared, when its probe opens a session, and
//! after a restart of the server; the probe's journal sees to it that it runs once.

use std::sync::Arc;
use std::time::Duration;

use legator_protocol::{ProbeId, ToProbe};

use super::life::{Life, Open, State};
use super::stages::{Cleared, Intent, Proposal, Sealed, Texts};
use super::{CommandFault, Road, rows, store};
use crate::audit::Batch;
use crate::capacity::Seat;
use crate::fleet::Probe;

const ROUND: Duration = Duration::from_secs(1);

/// How long after its time a command without word of its probe is given up.
const GRACE_MS: i64 = 60_000;

/// Gives up what its probe does not come back for. Runs until the server ends.
pub async fn reconcile_outbox(road: Road) {
    loop {
        tokio::time::sleep(ROUND).await;
        let mut out = road.0.open.lock().in_state(State::Dispatched);
        out.extend(road.0.open.lock().in_state(State::Running));
        for open in out {
            if let Err(fault) = road.look_at_dispatched(&open).await {
                tracing::warn!(%fault, command.id = %open.id(), "an overdue command was not given up; it stays open");
            }
        }
    }
}

impl Road {
    /// Gives a sealed order to the probe's session, if there is one.
    pub(super) fn hand_over(&self, sealed: Sealed) {
        let Sealed { command, probe, order } = sealed;
        let chunks = self.0.open.lock().get(command).map_or(0, |open| open.life.lock().chunks);
        let handed = self.0.hub.send(probe, &ToProbe::Command { sealed: order, next_chunk: chunks });
        tracing::debug!(command.id = %command, probe.id = %probe, handed, "a command was dispatched");
    }

    /// A probe has opened a session: everything of its that is out goes to it again.
    pub async fn resume(&self, probe: ProbeId) {
        let open = self.0.open.lock().of_probe(probe);
        for open in open {
            self.hand_over_again(&open).await;
        }
    }

    /// Says what is out once more. The probe answers from its journal, or takes it up.
    async fn hand_over_again(&self, open: &Arc<Open>) {
        let (order, cancel) = {
            let life = open.life.lock();
            match life.state {
                State::Dispatched | State::Running => (life.order.clone(), life.cancel.clone()),
                _ => return,
            }
        };
        let (command, probe) = (open.id(), open.probe());
        match (cancel, order) {
            // What is to be stopped is not started: a probe that never saw it notes that it never will.
            (Some(reason), _) => {
                self.0.hub.send(probe, &ToProbe::Cancel { command, reason });
            }
            (None, Some(order)) => self.dispatch(Cleared { command, probe, order }).await,
            (None, None) => {}
        }
    }

    async fn look_at_dispatched(&self, open: &Arc<Open>) -> Result<(), CommandFault> {
        let now = self.0.clock.now();
        let (state, started_at, settling, reminded_at) = {
            let life = open.life.lock();
            (life.state, life.started_at, life.settling, life.reminded_at)
        };
        let timeout = i64::try_from(open.proposal.intent.spec.timeout_ms).unwrap_or(i64::MAX);
        let over = match (state, started_at) {
            (State::Running, Some(started_at)) => started_at.saturating_add(timeout),
            (State::Dispatched | State::Running, _) => open.proposal.expires_at,
            _ => return Ok(()),
        };
        if settling || now < over.saturating_add(GRACE_MS) {
            return Ok(());
        }
        if self.0.hub.connected(open.probe()) {
            if now - reminded_at > GRACE_MS {
                open.life.lock().reminded_at = now;
                self.hand_over_again(open).await;
            }
            return Ok(());
        }
        let _turn = open.turn.lock().await;
        let reason = "its probe stayed away past the command's time; nobody knows whether it ran";
        self.give_up(open, reason).await
    }

    /// Nobody will say how it ended, or not before it is looked for no more.
    async fn give_up(&self, open: &Arc<Open>, reason: &'static str) -> Result<(), CommandFault> {
        let (now, id, state) = (self.0.clock.now(), open.id(), State::Lost);
        let mut seq = 0;
        let plan = |life: &mut Life| {
            if !life.is_out() {
                return None; // its probe was faster
            }
            life.settling = true;
            life.seq += 1;
            seq = life.seq;
            let ended = serde_json::json!({ "by": "server", "reason": reason });
            let event = rows::Event::new(id, seq, now, state.as_str(), &ended);
            let draft = super::cancel::settled("server", open, state, reason);
            Some(move |batch: &mut Batch| {
                rows::push_ended(batch, id, state, now, &ended)?;
                event.push(batch)?;
                batch.entry(draft).map(drop)
            })
        };
        if self.step_through(open, now, plan).await? {
            self.settled(open, seq, state);
        }
        Ok(())
    }

    /// After a restart: every open command, where it was.
    pub(super) async fn take_up(&self) -> Result<(), CommandFault> {
        for row in store::open(&self.0.db).await? {
            let (seq, chunks, judged) = store::counts(&self.0.db, row.id).await?;
            let probe = self.0.fleet.get(row.probe).unwrap_or_else(|| Arc::new(removed(&row)));
            let level = row.level.parse().unwrap_or(legator_protocol::Level::Destroy);
            let state = row.state;
            let intent = Intent {
                principal: row.principal,
                spec: row.spec,
                context: row.context,
                ttl_ms: row.expires_at - row.created_at,
                idempotency: None,
                by: None,
            };
            let proposal = Proposal {
                id: row.id,
                probe,
                texts: Arc::new(Texts::of(&intent)),
                intent: Arc::new(intent),
                group: row.group,
                created_at: row.created_at,
                expires_at: row.expires_at,
            };
            let seat = match state {
                State::Queued => Some(Seat::Queued),
                State::Dispatched | State::Running => Some(Seat::Running),
                _ => None,
            };
            if let Some(seat) = seat {
                self.0.capacity.with(|counts| counts.seat(super::facts::guest(&proposal, level), seat));
            }
            let mut life = Life::new(state);
            (life.seq, life.chunks, life.judged) = (seq, chunks, judged);
            (life.approval, life.order) = (row.approval, row.sealable);
            (life.started_at, life.cancel) = (row.started_at, row.cancel);
            self.0.open.lock().insert(Open::new(proposal, level, life));
        }
        let n = self.0.open.lock().len();
        if n > 0 {
            tracing::info!(n, "open commands were taken up where they were left");
        }
        Ok(())
    }
}

/// A probe that was removed while a command for it was open.
fn removed(row: &store::CommandRow) -> Probe {
    Probe {
        id: row.probe,
        name: row.probe_name.clone(),
        hostname: row.probe_name.clone(),
        os: String::new(),
        arch: String::new(),
        version: String::new(),
        machine_id: String::new(),
        tags: std::collections::BTreeSet::new(),
        site: None,
        tenant: row.tenant.clone(),
        ceiling: legator_protocol::Level::Observe,
        floor: None,
        inventory: None,
        enrolled_at: 0,
        last_seen_at: None,
        key_turn: None,
        key_turned_at: None,
    }
}
