//! A command's life: its states, and the commands that are still open, in memory.
//! The database is the truth; what is here is what the road needs at hand.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use legator_protocol::{ApprovalId, CommandId, End, Level, ProbeId};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::stages::Proposal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for people.
    Held,
    /// Waits for room.
    Queued,
    /// Recorded and cleared: on its way to the probe, or waiting for the probe to come back.
    Dispatched,
    /// The probe has started it.
    Running,
    Denied,
    /// It did not start in time.
    Expired,
    Canceled,
    /// It ended with code 0.
    Succeeded,
    /// It ended with another code, by a signal, or could not be started.
    Failed,
    TimedOut,
    /// The probe's own rules did not let it run.
    Refused,
    /// Nobody knows how it ended, or whether it began.
    Lost,
}

impl State {
    pub const ALL: [State; 12] = [
        State::Held,
        State::Queued,
        State::Dispatched,
        State::Running,
        State::Denied,
        State::Expired,
        State::Canceled,
        State::Succeeded,
        State::Failed,
        State::TimedOut,
        State::Refused,
        State::Lost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            State::Held => "held",
            State::Queued => "queued",
            State::Dispatched => "dispatched",
            State::Running => "running",
            State::Denied => "denied",
            State::Expired => "expired",
            State::Canceled => "canceled",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::TimedOut => "timed_out",
            State::Refused => "refused",
            State::Lost => "lost",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub const fn ended(self) -> bool {
        !matches!(self, State::Held | State::Queued | State::Dispatched | State::Running)
    }

    /// The state that an end leads to.
    pub const fn of(end: &End) -> Self {
        match end {
            End::Exited { code: 0 } => State::Succeeded,
            End::Exited { .. } | End::Signaled { .. } | End::NotStarted { .. } => State::Failed,
            End::TimedOut => State::TimedOut,
            End::Canceled => State::Canceled,
            End::Interrupted => State::Lost,
        }
    }
}

/// An open command.
pub struct Open {
    pub proposal: Proposal,
    pub level: Level,
    pub life: Mutex<Life>,
    /// Whoever judges it again, cancels it or lets it expire takes turns.
    pub turn: tokio::sync::Mutex<()>,
    /// Says which event is the newest durable one.
    pub tick: watch::Sender<Tick>,
}

/// What changes while a command is open.
#[derive(Clone, Debug)]
pub struct Life {
    pub state: State,
    /// The number of the newest event, durable or about to be.
    pub seq: u64,
    /// How often it was judged.
    pub judged: u32,
    /// How many output chunks came.
    pub chunks: u64,
    /// How many bytes of output came since this server knows of it.
    pub output_bytes: u64,
    pub approval: Option<ApprovalId>,
    /// Whose agreement the newest judgement knew of.
    pub agreed: BTreeSet<String>,
    /// The order's exact bytes, once it is cleared.
    pub order: Option<String>,
    pub started_at: Option<i64>,
    /// Why it is to be stopped, once somebody said so.
    pub cancel: Option<String>,
    /// Its end is being written.
    pub settling: bool,
    /// When its connected probe was last reminded that it owes an answer.
    pub reminded_at: i64,
    /// How often something of it was not written: what was in the line behind that is of an era that is over.
    pub era: u64,
}

/// What a step changes of a life, as it was before: this holds again where the step is not written.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    state: State,
    seq: u64,
    chunks: u64,
    output_bytes: u64,
    started_at: Option<i64>,
}

impl Life {
    /// A command that nothing happened to yet.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            seq: 0,
            judged: 0,
            chunks: 0,
            output_bytes: 0,
            approval: None,
            agreed: BTreeSet::new(),
            order: None,
            started_at: None,
            cancel: None,
            settling: false,
            reminded_at: 0,
            era: 0,
        }
    }

    /// Whether it is with its probe, and nothing has said yet how it ended.
    pub const fn is_out(&self) -> bool {
        matches!(self.state, State::Dispatched | State::Running) && !self.settling
    }

    pub const fn mark(&self) -> Mark {
        let Self { state, seq, chunks, output_bytes, started_at, .. } = *self;
        Mark { state, seq, chunks, output_bytes, started_at }
    }

    /// A step of `era` was not written. Those behind it are not written either, and are told after it.
    pub const fn take_back(&mut self, era: u64, to: Mark) {
        if self.era != era {
            return;
        }
        let Mark { state, seq, chunks, output_bytes, started_at } = to;
        (self.state, self.seq, self.chunks) = (state, seq, chunks);
        (self.output_bytes, self.started_at) = (output_bytes, started_at);
        self.settling = false;
        self.era += 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    pub seq: u64,
    pub state: State,
}

impl Open {
    pub fn new(proposal: Proposal, level: Level, life: Life) -> Arc<Self> {
        let (tick, _) = watch::channel(Tick { seq: life.seq, state: life.state });
        Arc::new(Self { proposal, level, life: Mutex::new(life), turn: tokio::sync::Mutex::default(), tick })
    }

    pub fn id(&self) -> CommandId {
        self.proposal.id
    }

    pub fn probe(&self) -> ProbeId {
        self.proposal.probe.id
    }

    /// Whether its first judgement is durable. Before that it is nobody's to judge again.
    pub fn recorded(&self) -> bool {
        self.tick.borrow().seq > 0
    }

    /// The event before this many is durable now; watchers read on.
    pub fn durable(&self, seq: u64, state: State) {
        self.tick.send_modify(|tick| {
            // What is told late says nothing new.
            if seq >= tick.seq {
                *tick = Tick { seq, state };
            }
        });
    }
}

/// Every open command, and which probe it is for.
#[derive(Default)]
pub struct OpenCommands {
    all: HashMap<CommandId, Arc<Open>>,
    by_probe: HashMap<ProbeId, BTreeSet<CommandId>>,
}

impl OpenCommands {
    pub fn insert(&mut self, open: Arc<Open>) {
        self.by_probe.entry(open.probe()).or_default().insert(open.id());
        self.all.insert(open.id(), open);
    }

    pub fn remove(&mut self, id: CommandId) {
        let Some(open) = self.all.remove(&id) else { return };
        if let Some(of_probe) = self.by_probe.get_mut(&open.probe()) {
            of_probe.remove(&id);
            if of_probe.is_empty() {
                self.by_probe.remove(&open.probe());
            }
        }
    }

    pub fn get(&self, id: CommandId) -> Option<Arc<Open>> {
        self.all.get(&id).cloned()
    }

    pub fn of_probe(&self, probe: ProbeId) -> Vec<Arc<Open>> {
        let ids = self.by_probe.get(&probe).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id).cloned()).collect()
    }

    /// Those in `state`, oldest first.
    pub fn in_state(&self, state: State) -> Vec<Arc<Open>> {
        let mut found: Vec<_> = self.all.values().filter(|open| open.life.lock().state == state).cloned().collect();
        found.sort_by_key(|open| open.id());
        found
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_leads_to_a_final_state() {
        let ends = [
            (End::Exited { code: 0 }, State::Succeeded),
            (End::Exited { code: 1 }, State::Failed),
            (End::Signaled { signal: 9 }, State::Failed),
            (End::NotStarted { why: String::new() }, State::Failed),
            (End::TimedOut, State::TimedOut),
            (End::Canceled, State::Canceled),
            (End::Interrupted, State::Lost),
        ];
        for (end, state) in ends {
            assert_eq!(State::of(&end), state);
            assert!(state.ended());
        }
    }

    #[test]
    fn states_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(State::read(state.as_str()), Some(state));
        }
    }
}
