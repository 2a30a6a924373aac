//! What a probe says of its commands. A result counts only from the probe that the command was addressed to.
//!
//! Nothing here waits for the disk: writes stand in the ledger's line in the order in which the session brought them,
//! and what follows from them happens when they are durable. If one fails, the session is dropped; the probe says it again.

use std::sync::Arc;

use legator_protocol::{CommandId, CommandResult, End, Output, ProbeId, RefusedBy, ToProbe};

use super::life::{Life, Open, State};
use super::{Road, rows, store};
use crate::audit::{Batch, Draft, WriteFault};
use crate::telemetry::By;

/// Both streams as long as an order lets them be, and what base 64 rounds up.
const MOST_OUTPUT: u64 = 2 * legator_protocol::MAX_OUTPUT + 64 * 1024;

impl Road {
    /// The probe has started a command.
    pub async fn accepted(&self, probe: ProbeId, command: CommandId) {
        let Some(open) = self.addressed(probe, command, "accepted").await else { return };
        let now = self.0.clock.now();
        let plan = |life: &mut Life| {
            if life.state != State::Dispatched || life.settling {
                return None; // said again after a reconnect
            }
            life.state = State::Running;
            life.started_at = Some(now);
            life.seq += 1;
            let seq = life.seq;
            let event = rows::Event::new(command, seq, now, "started", &serde_json::json!({ "probe": probe }));
            let draft = Draft::new("command.started", probe.to_string(), open.proposal.probe.name.clone())
                .command(command)
                .probe(probe)
                .tenant(&open.proposal.probe.tenant);
            crate::fault::point("hear.accepted");
            let write = move |batch: &mut Batch| {
                rows::push_started(batch, command, now)?;
                event.push(batch)?;
                batch.entry(draft).map(drop)
            };
            let (road, open) = (self.clone(), Arc::clone(&open));
            let then = move |written: Result<(), WriteFault>| match written {
                Ok(()) => {
                    open.durable(seq, State::Running);
                    road.announce(&open.proposal, State::Running);
                }
                Err(fault) => road.unheard(probe, &fault),
            };
            Some((write, then))
        };
        self.step(&open, now, plan).await.unwrap_or_else(|fault| self.unheard(probe, &fault));
    }

    /// A piece of output.
    pub async fn output(&self, probe: ProbeId, output: Output) {
        let Some(open) = self.addressed(probe, output.command, "output").await else { return };
        let now = self.0.clock.now();
        let mut overflows = false;
        let plan = |life: &mut Life| {
            if output.chunk != life.chunks || !life.is_out() {
                return None; // said again, or out of turn: the count says what comes next
            }
            // The order says how much of each stream is kept; a probe that sends more fills our disk, not its own.
            let bytes = life.output_bytes.saturating_add(output.data.len() as u64 / 4 * 3);
            overflows = bytes > MOST_OUTPUT;
            if overflows {
                return None;
            }
            life.output_bytes = bytes;
            life.chunks += 1;
            life.seq += 1;
            let seq = life.seq;
            let body = serde_json::json!({ "stream": output.stream, "data": output.data });
            let event = rows::Event::output(output.command, seq, now, output.chunk, &body);
            crate::fault::point("hear.output");
            let (road, open) = (self.clone(), Arc::clone(&open));
            let then = move |written: Result<(), WriteFault>| match written {
                Ok(()) => open.durable(seq, State::Running),
                Err(fault) => road.unheard(probe, &fault),
            };
            Some((move |batch: &mut Batch| event.push(batch), then))
        };
        self.step(&open, now, plan).await.unwrap_or_else(|fault| self.unheard(probe, &fault));
        if overflows {
            self.overflowing(probe, output.command).await;
        }
    }

    /// How a command ended.
    pub async fn result(&self, probe: ProbeId, result: CommandResult) {
        let state = State::of(&result.end);
        let ended = serde_json::json!({
            "end": result.end,
            "chunks": result.chunks,
            "stdout_bytes": result.stdout_bytes,
            "stderr_bytes": result.stderr_bytes,
            "truncated": result.truncated,
            "seen": result.seen,
            "took_ms": result.ended_at_ms.saturating_sub(result.started_at_ms),
        });
        self.settle(probe, result.command, state, ended, Some(result.chunks)).await;
    }

    /// The probe's own rules did not let a command run.
    pub async fn refused(&self, probe: ProbeId, command: CommandId, by: RefusedBy, detail: String) {
        let state = match by {
            RefusedBy::Expired => State::Expired,
            _ => State::Refused,
        };
        let ended = serde_json::json!({ "refused_by": by.as_str(), "reason": detail });
        self.settle(probe, command, state, ended, None).await;
    }

    async fn settle(
        &self,
        probe: ProbeId,
        command: CommandId,
        state: State,
        ended: serde_json::Value,
        chunks: Option<u64>,
    ) {
        let open = self.0.open.lock().get(command);
        let Some(open) = open else { return self.settle_late(probe, command, state, ended).await };
        if open.probe() != probe {
            return self.misaddressed(probe, command, "result").await;
        }
        let now = self.0.clock.now();
        let mut missing = None;
        let plan = |life: &mut Life| {
            if !life.is_out() {
                return None;
            }
            if chunks.is_some_and(|chunks| chunks != life.chunks) {
                missing = Some(life.chunks);
                return None;
            }
            life.settling = true;
            life.seq += 1;
            let seq = life.seq;
            let event = rows::Event::new(command, seq, now, "ended", &with_state(state, &ended));
            let draft = Draft::new("command.settled", probe.to_string(), open.proposal.probe.name.clone())
                .command(command)
                .probe(probe)
                .tenant(&open.proposal.probe.tenant)
                .body(with_state(state, &ended));
            crate::fault::point("hear.settling");
            let write = move |batch: &mut Batch| {
                rows::push_ended(batch, command, state, now, &ended)?;
                event.push(batch)?;
                batch.entry(draft).map(drop)
            };
            let (road, open) = (self.clone(), Arc::clone(&open));
            let then = move |written: Result<(), WriteFault>| match written {
                Ok(()) => {
                    crate::fault::point("hear.settled");
                    road.settled(&open, seq, state);
                    road.0.hub.send(probe, &ToProbe::Settled { command });
                }
                Err(fault) => road.unheard(probe, &fault),
            };
            Some((write, then))
        };
        self.step(&open, now, plan).await.unwrap_or_else(|fault| self.unheard(probe, &fault));
        if let Some(have) = missing {
            // The probe keeps the end until it is told otherwise, and sends from the gap on.
            tracing::warn!(command.id = %command, have, ?chunks, "a result came before its output; the session starts anew");
            self.0.hub.drop_session(probe, "output is missing");
        }
    }

    /// A result for a command that is not open: said again, or of one that was given up as lost.
    async fn settle_late(&self, probe: ProbeId, command: CommandId, state: State, ended: serde_json::Value) {
        let row = match store::get(&self.0.db, command).await {
            Ok(row) => row,
            Err(fault) => return tracing::error!(%fault, "a late result could not be looked up"),
        };
        let Some(row) = row else {
            // A log that was restored from a backup does not know it; the probe need not say it for ever.
            self.misaddressed(probe, command, "result").await;
            self.0.hub.send(probe, &ToProbe::Settled { command });
            return;
        };
        if row.probe != probe {
            return self.misaddressed(probe, command, "result").await;
        }
        if row.state == State::Lost && state != State::Lost {
            let now = self.0.clock.now();
            let body = with_state(state, &ended);
            let draft = Draft::new("command.found", probe.to_string(), row.probe_name)
                .command(command)
                .probe(probe)
                .tenant(&row.tenant)
                .body(&body);
            let written = self.0.ledger.write(now, move |batch| {
                Box::pin(async move {
                    // Not if it was said in another session meanwhile.
                    if store::find(batch.connection().await?, command, state, now, &ended, &body).await? {
                        batch.entry(draft)?;
                    }
                    Ok::<_, WriteFault>(())
                })
            });
            if let Err(fault) = written.await {
                return self.unheard(probe, &fault);
            }
        }
        self.0.hub.send(probe, &ToProbe::Settled { command });
    }

    /// The open command, if it is this probe's.
    async fn addressed(&self, probe: ProbeId, command: CommandId, what: &'static str) -> Option<Arc<Open>> {
        let open = self.0.open.lock().get(command)?;
        if open.probe() == probe {
            return Some(open);
        }
        self.misaddressed(probe, command, what).await;
        None
    }

    /// A probe sends more output than was ordered.
    async fn overflowing(&self, probe: ProbeId, command: CommandId) {
        self.0.hub.drop_session(probe, "it sends more output than was ordered");
        self.0.metrics.bad_frames.get_or_create(&By { name: "overflowing" }).inc();
        let draft = Draft::new("frame.overflowing", probe.to_string(), command.to_string())
            .probe(probe)
            .command(command)
            .tenant(&self.0.fleet.get(probe).map(|probe| probe.tenant.clone()).unwrap_or_default());
        if let Err(fault) = self.0.ledger.append(self.0.clock.now(), draft).await {
            tracing::error!(%fault, "an overflow could not be recorded");
        }
    }

    /// A probe spoke of a command that is not its own.
    async fn misaddressed(&self, probe: ProbeId, command: CommandId, what: &'static str) {
        tracing::warn!(probe.id = %probe, command.id = %command, what, "a probe spoke of a command that is not its own");
        self.0.metrics.bad_frames.get_or_create(&By { name: "misaddressed" }).inc();
        let draft = Draft::new("frame.misaddressed", probe.to_string(), command.to_string())
            .probe(probe)
            .tenant(&self.0.fleet.get(probe).map(|probe| probe.tenant.clone()).unwrap_or_default())
            .body(serde_json::json!({ "what": what }));
        if let Err(fault) = self.0.ledger.append(self.0.clock.now(), draft).await {
            tracing::error!(%fault, "a misaddressed frame could not be recorded");
        }
    }

    /// What the probe said did not become durable. It says it again in its next session.
    fn unheard(&self, probe: ProbeId, fault: &WriteFault) {
        tracing::error!(%fault, probe.id = %probe, "what a probe said could not be recorded; its session starts anew");
        self.0.hub.drop_session(probe, "the server cannot write its log");
    }
}

fn with_state(state: State, ended: &serde_json::Value) -> serde_json::Value {
    let mut body = ended.clone();
    body["state"] = state.as_str().into();
    body
}

/// What an exit is called in one word, for showing.
pub fn exit_code(end: &End) -> Option<i32> {
    match end {
        End::Exited { code } => Some(*code),
        End::Signaled { signal } => Some(128 + signal),
        End::TimedOut => Some(124),
        End::Canceled | End::NotStarted { .. } | End::Interrupted => None,
    }
}
