//! THE ROAD. Whoever wants something done on a host comes here, and nothing else reaches a probe.
//!
//! ```text
//! intent → propose → judge (facts, engine::decide) → record (durable) ─┬─ deny  → refused, with the reasons
//!                                                                      ├─ hold  → held.rs, until people agree
//!                                                                      ├─ queue → queued.rs, until there is room
//!                                                                      └─ allow → clear → seal → dispatch (outbox.rs)
//!                                                       settle ← hear.rs ← what the probe says
//! ```
//! Never: an effect before its entry; a way around `walk`; a verdict of its own (that is `engine::decide`).

pub mod api;
mod cancel;
mod facts;
mod hear;
mod held;
mod judgements;
mod life;
mod outbox;
mod queued;
mod record;
mod rows;
mod seal;
mod stages;
mod step;
mod store;
mod tap;
mod timeline;
mod turn;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use legator_engine::{Bundle, Decision, Outcome};
use legator_protocol::{ApprovalId, CommandId, SpecFault};
use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::held::reconcile_held;
pub use self::life::State;
pub use self::outbox::reconcile_outbox;
pub use self::queued::reconcile_queued;
pub use self::seal::{Keyring, KeyringFault};
pub use self::stages::{Cleared, Idempotency, Intent, Judged, Proposal, Recorded, Sealed};
pub use self::store::{CommandRow, DecisionRow, EventRow, Query};
pub use self::timeline::Output;

use self::life::OpenCommands;
use self::stages::Texts;
use crate::approvals::Approvals;
use crate::audit::{Ledger, WriteFault};
use crate::capacity::Capacity;
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::fleet::{Fleet, Probe};
use crate::hub::Hub;
use crate::identity::Identity;
use crate::judgement::Tap;
use crate::telemetry::Metrics;
use crate::vault::Vault;

/// How many proposals become durable together.
const TOGETHER: usize = 500;

/// How many of those are on their way into the log at a time.
const AHEAD: usize = 2;

/// Walks commands to their hosts. Cheap to clone.
#[derive(Clone)]
pub struct Road(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    events: Events,
    metrics: Metrics,
    identity: Identity,
    fleet: Fleet,
    approvals: Approvals,
    capacity: Capacity,
    hub: Hub,
    keyring: Keyring,
    bundle: watch::Receiver<Arc<Bundle>>,
    open: Mutex<OpenCommands>,
    tap: Tap,
    /// Turns of probes' keys that were offered in sessions that are open.
    offers: Mutex<HashMap<legator_protocol::ProbeId, turn::Offer>>,
    /// Idempotency keys whose first request is still on its way into the database.
    answering: Mutex<HashSet<(String, String)>>,
}

/// What the road needs of the house.
pub struct Needs {
    pub clock: Clock,
    pub db: Db,
    pub ledger: Ledger,
    pub events: Events,
    pub metrics: Metrics,
    pub identity: Identity,
    pub fleet: Fleet,
    pub approvals: Approvals,
    pub capacity: Capacity,
    pub hub: Hub,
    pub vault: Vault,
    pub bundle: watch::Receiver<Arc<Bundle>>,
}

/// What became of a proposal so far.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub probe: legator_protocol::ProbeId,
    pub command: CommandId,
    pub state: State,
    pub approval: Option<ApprovalId>,
    pub decision: Arc<Decision>,
    /// The answer to an earlier request with the same idempotency key.
    pub repeated: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandFault {
    #[error(transparent)]
    Spec(#[from] SpecFault),
    #[error("{0}")]
    Invalid(String),
    #[error("there is no command `{0}`")]
    NoCommand(CommandId),
    #[error("the idempotency key `{0}` came with another body before")]
    KeyReused(String),
    #[error("the first request with the idempotency key `{0}` is still being answered")]
    KeyBusy(String),
    #[error("the command is {} already", .0.as_str())]
    Ended(State),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

impl Road {
    /// Takes up every open command where it was left.
    pub async fn open(needs: Needs) -> Result<Self, CommandFault> {
        let Needs { clock, db, ledger, events, metrics, identity, fleet, approvals, capacity, hub, vault, bundle } =
            needs;
        let keyring = Keyring::new(clock.clone(), fleet.clone(), vault);
        let offers = Mutex::default();
        let (open, answering, tap) = (Mutex::default(), Mutex::default(), Tap::default());
        let inner = Inner {
            clock,
            db,
            ledger,
            events,
            metrics,
            identity,
            fleet,
            approvals,
            capacity,
            hub,
            keyring,
            bundle,
            open,
            tap,
            answering,
            offers,
        };
        let road = Self(Arc::new(inner));
        road.take_up().await?;
        Ok(road)
    }

    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// Asks one probe for something.
    pub async fn ask(&self, intent: Intent, probe: Arc<Probe>) -> Result<Receipt, CommandFault> {
        self.check(&intent)?;
        let intent = Arc::new(intent);
        let _answering = match self.first_answer(&intent).await? {
            Ok(receipt) => return Ok(receipt),
            Err(answering) => answering,
        };
        let proposal = self.propose(intent, probe);
        let mut receipts = self.walk(vec![proposal]).await?;
        receipts.pop().ok_or_else(|| CommandFault::Invalid("there is no proposal to walk".to_owned()))
    }

    /// Asks many probes for the same; each is decided by itself.
    pub async fn ask_all(
        &self,
        intent: Intent,
        probes: Vec<Arc<Probe>>,
    ) -> Result<(String, Vec<Receipt>), CommandFault> {
        self.check(&intent)?;
        let intent = Arc::new(intent);
        let group = self.0.clock.born(CommandId::born).to_string().replacen(CommandId::KIND, "grp", 1);
        let texts = Arc::new(Texts::of(&intent));
        let mut receipts = Vec::with_capacity(probes.len());
        let propose = |probe: &Arc<Probe>| self.propose_in(Some(&group), &intent, &texts, Arc::clone(probe));
        let proposals: Vec<Vec<Proposal>> =
            probes.chunks(TOGETHER).map(|some| some.iter().map(propose).collect()).collect();
        // The next ones are judged while the log takes the last.
        let walks = proposals.into_iter().map(|some| {
            let road = self.clone();
            async move { road.walk(some).await }
        });
        let mut walks = futures_util::stream::iter(walks).buffered(AHEAD);
        while let Some(some) = walks.try_next().await? {
            receipts.extend(some);
        }
        Ok((group, receipts))
    }

    /// What would be decided, without any of it happening.
    pub fn simulate(&self, intent: Intent, probe: Arc<Probe>) -> Result<Arc<Decision>, CommandFault> {
        self.check(&intent)?;
        let proposal = self.propose(Arc::new(intent), probe);
        let (_, decision) = self.0.capacity.with(|counts| self.decide(&proposal, counts));
        Ok(decision)
    }

    /// Every command walks this, whoever asks. A held or queued one walks it again, with what has changed among the facts.
    async fn walk(&self, proposals: Vec<Proposal>) -> Result<Vec<Receipt>, CommandFault> {
        let judged = self.judge(proposals);
        let recorded = self.record(judged).await?; // no record, no effect
        self.tell(&recorded);
        let mut receipts = Vec::with_capacity(recorded.len());
        for recorded in recorded {
            receipts.push(match recorded.outcome() {
                Outcome::Deny => self.refuse(recorded),
                Outcome::Hold { .. } => self.hold(recorded),
                Outcome::Queue { .. } => self.queue(recorded),
                Outcome::Allow => self.release(recorded).await,
            });
        }
        Ok(receipts)
    }

    /// Clears, seals and dispatches. What cannot be handed over now waits in the outbox.
    async fn release(&self, recorded: Recorded) -> Receipt {
        let receipt = self.admitted(&recorded, State::Dispatched);
        crate::fault::point("road.recorded");
        if let Some(cleared) = recorded.clear() {
            self.dispatch(cleared).await;
        }
        receipt
    }

    async fn dispatch(&self, cleared: Cleared) {
        match self.0.keyring.seal(cleared).await {
            Ok(sealed) => {
                crate::fault::point("road.sealed");
                self.hand_over(sealed);
                crate::fault::point("road.dispatched");
            }
            Err(fault) => tracing::error!(%fault, "a command could not be sealed; it stays in the outbox"),
        }
    }
}
