//! The hands: takes orders, lets the gate judge them, writes them into the journal, runs them, and knows what there is to
//! say of each. It outlives sessions; a session only carries what stands here.
//!
//! Never: starts anything before its journal entry is durable. Never: runs an id twice.

mod telling;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{
    CommandId, CommandResult, End, FloorSummary, Level, MAX_OUTPUT, Order, OrderKey, ProbeId, ProbeKey, RefusedBy,
    SealedOrder, ToServer,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use crate::clock;
use crate::config::{Identity, Places};
use crate::floor::Floor;
use crate::gate::{self, Refused, Standing};
use crate::journal::{Entry, Journal, JournalFault, State};
use crate::look::{self, Account};
use crate::policy::Policy;
use crate::run::{self, Job, Stop};
use crate::{durable, spool};

pub use telling::Told;

/// How long after its order's expiry an id is remembered.
const REMEMBERED_MS: u64 = 60 * 60 * 1000;
/// How long an end is offered to a server that never settles it.
const OFFERED_MS: u64 = 30 * 24 * 60 * 60 * 1000;

pub struct Hands {
    places: Places,
    probe: ProbeId,
    /// The keys that orders are sealed with: the one of the session, and the one of the session before it, which may have
    /// sealed an order that comes in this one.
    keys: Mutex<(OrderKey, Option<OrderKey>)>,
    floor: Floor,
    user: Option<Account>,
    home: String,
    journal: Journal,
    inner: Mutex<Inner>,
    changed: Notify,
}

struct Inner {
    known: BTreeMap<CommandId, Known>,
    policy: Policy,
    draining: bool,
    ran: u64,
}

/// A command as memory has it: its journal entry, and what is only true while it runs.
struct Known {
    entry: Entry,
    /// Whether the journal's file says the same; before that, nothing is said to the server.
    kept: bool,
    chunks: u64,
    running: Option<watch::Sender<Option<Stop>>>,
}

/// How long a cancellation of a command that never came is remembered: no order lives longer.
const NEVER_CAME_MS: u64 = 8 * 24 * 60 * 60 * 1000;

/// What an order came to.
#[derive(Debug)]
pub enum Taken {
    /// Say what there is to say of this command, output from this chunk on.
    Follow { command: CommandId, next_chunk: u64 },
    /// Say this once.
    Say(ToServer),
    /// The probe ends and takes no more orders. Saying nothing lets the server send it again.
    Nothing,
}

impl Hands {
    /// Opens the journal, and closes what an earlier probe left running: it had started, and its end is not known.
    pub fn open(places: &Places, identity: &Identity, floor: Floor) -> Result<Arc<Self>, JournalFault> {
        let unreadable = |source| JournalFault::Unreadable { path: places.state_dir.display().to_string(), source };
        durable::private_dir(&places.state("spool")).map_err(unreadable)?;
        let (journal, entries) = Journal::open(&places.state_dir)?;
        let mut known = BTreeMap::new();
        for mut entry in entries {
            let spooled = places.state("spool").join(entry.command.to_string());
            if let State::Started { at_ms, group } = entry.state {
                run::end_leftovers(entry.command, group);
                entry.state = State::Ended { result: interrupted(&entry, at_ms, spool::count(&spooled)) };
                if let Err(fault) = journal.write(&entry) {
                    // A full disk must not keep the probe away: the next start reads `started` again and says the same.
                    tracing::error!(command.id = %entry.command, %fault, "cannot write the journal");
                }
                tracing::warn!(command.id = %entry.command, "the probe ended while this command ran; it counts as interrupted");
            }
            let chunks = if entry.settled { 0 } else { spool::count(&spooled).chunks };
            known.insert(entry.command, Known { entry, kept: true, chunks, running: None });
        }
        let user = floor.user.as_deref().and_then(look::account);
        let own = rustix::process::geteuid().as_raw();
        let home = user.clone().or_else(|| look::accounts().into_iter().find(|account| account.uid == own));
        Ok(Arc::new(Self {
            places: places.clone(),
            probe: identity.probe,
            keys: Mutex::new((OrderKey::of(&identity.key, identity.probe), None)),
            floor,
            user,
            home: home.map_or_else(|| "/".to_owned(), |account| account.home),
            journal,
            inner: Mutex::new(Inner {
                known,
                policy: Policy::load(&places.state("policy.json")),
                draining: false,
                ran: 0,
            }),
            changed: Notify::new(),
        }))
    }

    /// Orders are sealed with this key from now on. One on its way may have the seal of before; the session vouches for it.
    pub fn orders_by(&self, key: &ProbeKey) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut keys.0, OrderKey::of(key, self.probe));
        keys.1 = Some(before);
    }

    fn unseal(&self, sealed: &SealedOrder) -> Option<Order> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        sealed.open(&keys.0).ok().or_else(|| sealed.open(keys.1.as_ref()?).ok())
    }

    /// Takes an order: opens its seal, knows it again, or has it judged and, if it may, starts it.
    pub fn take(self: &Arc<Self>, sealed: &SealedOrder, next_chunk: u64, server_now_ms: u64) -> Taken {
        let Some(order) = self.unseal(sealed) else { return unsealed(sealed) };
        let command = order.command;
        let digest = BASE64.decode(&sealed.order).map(|bytes| hex::encode(Sha256::digest(bytes))).unwrap_or_default();
        let mut inner = self.lock();
        if let Some(known) = inner.known.get(&command) {
            if known.entry.is_of(&digest) {
                return Taken::Follow { command, next_chunk };
            }
            let detail = format!("`{command}` came before with another order; only the first counts");
            return Taken::Say(ToServer::Refused { command, by: RefusedBy::Altered, detail });
        }
        if inner.draining {
            return Taken::Nothing;
        }
        let standing = Standing {
            probe: self.probe,
            policy: &inner.policy,
            floor: &self.floor,
            server_now_ms,
            host_now_ms: clock::now_ms(),
            running: inner.running(),
        };
        let judged = gate::judge(&order, &standing);
        // An order that came late is remembered from when it came.
        let expires_at_ms = order.expires_at_ms.max(server_now_ms);
        let entry = |state| Entry { command, digest, expires_at_ms, settled: false, state };
        let (stop, stopped) = watch::channel(None);
        let (entry, running) = match judged {
            Ok(()) => (entry(State::Started { at_ms: clock::now_ms(), group: None }), Some(stop)),
            Err(Refused { by, detail }) => (entry(State::Refused { by, detail }), None),
        };
        let starts = running.is_some();
        inner.known.insert(command, Known { entry: entry.clone(), kept: false, chunks: 0, running });
        drop(inner);
        let hands = Arc::clone(self);
        if starts {
            tokio::spawn(async move { hands.carry(entry, order, stopped).await });
        } else {
            tokio::spawn(async move { hands.keep(entry).await });
        }
        Taken::Follow { command, next_chunk }
    }

    /// From the journal to the end.
    async fn carry(self: Arc<Self>, entry: Entry, order: Order, stopped: watch::Receiver<Option<Stop>>) {
        let State::Started { at_ms, .. } = entry.state else { return };
        if !self.keep(entry.clone()).await {
            return;
        }
        let result = self.run(&entry, &order, at_ms, stopped).await;
        tracing::info!(command.id = %order.command, end = ?result.end, "command ended");
        self.keep(Entry { state: State::Ended { result }, ..entry }).await;
    }

    async fn run(
        &self,
        entry: &Entry,
        order: &Order,
        at_ms: u64,
        stopped: watch::Receiver<Option<Stop>>,
    ) -> CommandResult {
        let command = order.command;
        let mut result = CommandResult {
            command,
            end: End::Interrupted,
            started_at_ms: at_ms,
            ended_at_ms: at_ms,
            chunks: 0,
            stdout_bytes: 0,
            stderr_bytes: 0,
            truncated: false,
            seen: Vec::new(),
        };
        let mut spool = match order.spec.check().map_err(|fault| fault.to_string()).and_then(|()| {
            spool::Writer::create(&self.spool(command)).map_err(|fault| format!("cannot keep its output: {fault}"))
        }) {
            Ok(spool) => spool,
            Err(why) => return CommandResult { end: End::NotStarted { why }, ..result },
        };
        let before = look::look(&order.look).await;
        let job = Job {
            command,
            spec: &order.spec,
            max_output: order.max_output.min(MAX_OUTPUT),
            user: self.user.as_ref(),
            home: &self.home,
            limits: self.floor.limits,
        };
        let started = |group| {
            let entry = Entry { state: State::Started { at_ms, group: Some(group) }, ..entry.clone() };
            if let Err(fault) = self.journal.amend(&entry) {
                tracing::warn!(command.id = %command, %fault, "cannot write a command's process group into the journal");
            }
            self.lock().ran += 1;
        };
        let grown = |chunks| {
            if let Some(known) = self.lock().known.get_mut(&command) {
                known.chunks = chunks;
            }
            self.changed.notify_one();
        };
        let outcome = run::run(job, &mut spool, stopped, started, grown).await;
        let after = look::look(&order.look).await;
        result.seen = look::compare(&order.look, before, after);
        result.chunks = self.lock().known.get(&command).map_or(0, |known| known.chunks);
        result.ended_at_ms = clock::now_ms();
        let _ = tokio::task::spawn_blocking(move || spool.sync()).await;
        CommandResult {
            end: outcome.end,
            stdout_bytes: outcome.stdout_bytes,
            stderr_bytes: outcome.stderr_bytes,
            truncated: outcome.truncated,
            ..result
        }
    }

    /// Makes an entry durable, and then true. `false`: the journal could not be written, and the command is refused.
    async fn keep(self: &Arc<Self>, entry: Entry) -> bool {
        let (hands, written) = (Arc::clone(self), entry.clone());
        let kept = tokio::task::spawn_blocking(move || hands.journal.write(&written)).await;
        let fault = match kept {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(fault.to_string()),
            Err(fault) => Some(fault.to_string()),
        };
        let mut inner = self.lock();
        let Some(known) = inner.known.get_mut(&entry.command) else { return false };
        let starts = !entry.ended();
        known.kept = true;
        known.entry = entry;
        if let Some(fault) = &fault {
            tracing::error!(command.id = %known.entry.command, %fault, "cannot write the journal");
            if starts {
                let detail = format!("the probe's journal cannot be written, so nothing was started: {fault}");
                known.entry.state = State::Refused { by: RefusedBy::Journal, detail };
            }
        }
        if known.entry.ended() {
            known.running = None;
        }
        drop(inner);
        self.changed.notify_one();
        fault.is_none() || !starts
    }

    /// The server keeps this command's end.
    pub fn settle(&self, command: CommandId) {
        let mut inner = self.lock();
        let Some(known) = inner.known.get_mut(&command).filter(|known| known.kept && known.entry.ended()) else {
            return;
        };
        if std::mem::replace(&mut known.entry.settled, true) {
            return;
        }
        known.chunks = 0;
        let entry = known.entry.clone();
        drop(inner);
        if let Err(fault) = self.journal.amend(&entry) {
            tracing::warn!(command.id = %command, %fault, "cannot note that a command is settled; it will be offered again");
        }
        spool::remove(&self.spool(command));
    }

    /// Stops a command that runs, and leaves one that ended as it is. One that never came is noted as canceled, so that
    /// an order that is still on its way finds its end here and never starts.
    pub fn cancel(self: &Arc<Self>, command: CommandId, server_now_ms: u64) -> Taken {
        let mut inner = self.lock();
        if inner.known.contains_key(&command) || inner.draining {
            drop(inner);
            self.stop(Stop::Canceled, |id| id == command);
            return Taken::Nothing;
        }
        let at_ms = clock::now_ms();
        let result = CommandResult {
            command,
            end: End::Canceled,
            started_at_ms: at_ms,
            ended_at_ms: at_ms,
            chunks: 0,
            stdout_bytes: 0,
            stderr_bytes: 0,
            truncated: false,
            seen: Vec::new(),
        };
        let entry = Entry {
            command,
            digest: String::new(),
            expires_at_ms: server_now_ms.saturating_add(NEVER_CAME_MS),
            settled: false,
            state: State::Ended { result },
        };
        inner.known.insert(command, Known { entry: entry.clone(), kept: false, chunks: 0, running: None });
        drop(inner);
        let hands = Arc::clone(self);
        tokio::spawn(async move { hands.keep(entry).await });
        Taken::Follow { command, next_chunk: 0 }
    }

    /// Takes no more orders and stops what runs.
    pub fn drain(&self) {
        self.lock().draining = true;
        self.stop(Stop::Interrupted, |_| true);
        self.changed.notify_one();
    }

    fn stop(&self, stop: Stop, which: impl Fn(CommandId) -> bool) {
        for (_, known) in self.lock().known.iter().filter(|(id, _)| which(**id)) {
            if let Some(running) = &known.running {
                running.send_if_modified(|now| now.is_none() && now.replace(stop).is_none());
            }
        }
    }

    /// What the server has yet to settle, or that runs.
    pub fn unsettled(&self) -> Vec<CommandId> {
        self.lock().known.iter().filter(|(_, known)| !known.entry.settled).map(|(id, _)| *id).collect()
    }

    /// Forgets what is settled and long expired, and what no server settled in a month.
    pub fn purge(&self, server_now_ms: u64) {
        let mut inner = self.lock();
        let gone = |known: &Known| {
            let rest = if known.entry.settled { REMEMBERED_MS } else { OFFERED_MS };
            known.entry.ended() && known.kept && server_now_ms > known.entry.expires_at_ms.saturating_add(rest)
        };
        let old: Vec<_> = inner.known.iter().filter(|(_, known)| gone(known)).map(|(id, _)| *id).collect();
        for command in old {
            // What stays on disk stays in memory, so that both know the same ids.
            if self.journal.forget(command).is_ok() {
                inner.known.remove(&command);
                spool::remove(&self.spool(command));
            }
        }
    }

    /// Waits until there may be something new to tell.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Lets whoever waits for a change look again.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    pub fn running(&self) -> usize {
        self.lock().running()
    }

    /// How many commands were started since the probe was.
    pub fn ran(&self) -> u64 {
        self.lock().ran
    }

    pub fn ceiling(&self) -> Level {
        self.lock().policy.ceiling
    }

    pub fn table_digest(&self) -> String {
        self.lock().policy.table().digest().to_owned()
    }

    pub fn floor(&self) -> FloorSummary {
        self.floor.summary()
    }

    /// Takes what the server said about this probe.
    pub fn govern(&self, ceiling: Level, table: Option<BTreeMap<String, String>>) {
        if let Err(fault) = self.lock().policy.take(&self.places.state("policy.json"), ceiling, table) {
            tracing::error!(%fault, "the server's policy");
        }
    }

    fn spool(&self, command: CommandId) -> std::path::PathBuf {
        self.places.state("spool").join(command.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds the lock; if something did, the entries are still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn running(&self) -> usize {
        self.known.values().filter(|known| known.running.is_some()).count()
    }
}

fn interrupted(entry: &Entry, at_ms: u64, held: spool::Held) -> CommandResult {
    CommandResult {
        command: entry.command,
        end: End::Interrupted,
        started_at_ms: at_ms,
        ended_at_ms: clock::now_ms(),
        chunks: held.chunks,
        stdout_bytes: held.stdout_bytes,
        stderr_bytes: held.stderr_bytes,
        truncated: false,
        seen: Vec::new(),
    }
}

/// A seal that does not open. The id is read only to name what is refused; nothing is kept under it, or whoever sends a
/// broken order could spoil the id of a good one.
fn unsealed(sealed: &SealedOrder) -> Taken {
    #[derive(Deserialize)]
    struct Named {
        command: CommandId,
    }
    let named = BASE64.decode(&sealed.order).ok().and_then(|bytes| serde_json::from_slice::<Named>(&bytes).ok());
    let Some(Named { command }) = named else {
        tracing::warn!("an order came whose seal does not match and which names no command");
        return Taken::Nothing;
    };
    let detail = "the order's seal does not match: it was changed on its way, or is not for this probe".to_owned();
    Taken::Say(ToServer::Refused { command, by: RefusedBy::Seal, detail })
}
