//! Turning the server's own keys while it runs. The seal key: a new one seals from now on, everything is sealed anew, the old
//! one goes. The log's key: the log itself says which one signs, see `audit/turn.rs`.
//! Never: forgets the old key while something may still be sealed with it. A restart in the middle goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use legator_engine::tlog::TURNED;
use legator_protocol::ToProbe;

use crate::audit::{Draft, Head, Ledger, LogKeyFault, WriteFault};
use crate::clock::Clock;
use crate::fleet::{Fleet, FleetFault};
use crate::hub::Hub;
use crate::identity::{Identity, IdentityFault, Permit, TurnKeys};
use crate::vault::{Vault, VaultFault};

/// What was sealed with the old key just before may be written a moment after.
const GRACE_MS: i64 = 60_000;

/// Turns keys. Cheap to clone.
#[derive(Clone)]
pub struct Rotation(Arc<Inner>);

struct Inner {
    clock: Clock,
    ledger: Ledger,
    vault: Vault,
    identity: Identity,
    fleet: Fleet,
    hub: Hub,
    /// When the key was turned, or this server began to go on with it.
    since: AtomicI64,
    /// One round at a time.
    round: tokio::sync::Mutex<()>,
}

/// What it is built from.
pub struct Needs {
    pub clock: Clock,
    pub ledger: Ledger,
    pub vault: Vault,
    pub identity: Identity,
    pub fleet: Fleet,
    pub hub: Hub,
}

#[derive(Debug, thiserror::Error)]
pub enum RotationFault {
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error(transparent)]
    Identity(#[from] IdentityFault),
    #[error(transparent)]
    Fleet(#[from] FleetFault),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Log(#[from] LogKeyFault),
    #[error("the turn was stopped: the server is going down")]
    Stopped,
}

/// How far a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whether the old key is kept still.
    pub turning: bool,
    /// Secrets that this round sealed anew.
    pub sealed_anew: usize,
}

impl Rotation {
    pub fn new(needs: Needs) -> Self {
        let Needs { clock, ledger, vault, identity, fleet, hub } = needs;
        let (since, round) = (AtomicI64::new(clock.now()), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { clock, ledger, vault, identity, fleet, hub, since, round }))
    }

    /// Turns the log's key, if it still is the one that was looked at, and hands the checkpoint that both keys signed to
    /// every connected probe. It is carried to its end, also when nobody waits any more.
    pub async fn turn_log(&self, permit: Permit<TurnKeys>, expect: Option<String>) -> Result<Head, RotationFault> {
        let rotation = self.clone();
        let turn = tokio::spawn(async move {
            let Inner { clock, ledger, hub, .. } = &*rotation.0;
            // The origin is what the log's keys are called.
            let draft = Draft::new(TURNED, permit.caller().person.name.clone(), ledger.verifier().name());
            let head = ledger.turn_key(clock.now(), draft, expect.as_deref()).await?;
            hub.broadcast(&ToProbe::Checkpoint { note: head.note.to_string() });
            tracing::info!(key = &*head.verifier, size = head.size, "the log's key was turned");
            Ok(head)
        });
        turn.await.map_err(|_stopped| RotationFault::Stopped)?
    }

    pub fn turning(&self) -> bool {
        self.0.vault.turning()
    }

    /// Turns the key, or goes on with a turn that is under way.
    pub async fn turn(&self, permit: Permit<TurnKeys>) -> Result<Turn, RotationFault> {
        if !self.turning() {
            let now = self.0.clock.now();
            // The log says so before it happens; a turn that then fails changes nothing.
            let draft = Draft::new("seal-key.turned", permit.caller().person.name.clone(), "seal-key");
            self.0.ledger.append(now, draft).await?;
            self.0.vault.turn(&self.0.clock)?;
            self.0.since.store(now, Ordering::Relaxed);
        }
        self.go_on().await
    }

    /// Seals anew what is not, and forgets the old key when a round finds nothing any more.
    async fn go_on(&self) -> Result<Turn, RotationFault> {
        let _round = self.0.round.lock().await;
        if !self.turning() {
            return Ok(Turn { turning: false, sealed_anew: 0 });
        }
        let waited = self.0.clock.now().saturating_sub(self.0.since.load(Ordering::Relaxed)) >= GRACE_MS;
        let sealed_anew = self.0.identity.reseal().await? + self.0.fleet.reseal().await?;
        if sealed_anew == 0 && waited {
            self.0.vault.settle()?;
            let draft = Draft::new("seal-key.settled", "server", "seal-key");
            self.0.ledger.append(self.0.clock.now(), draft).await?;
        }
        Ok(Turn { turning: self.turning(), sealed_anew })
    }
}

/// Goes on with turns until they are done, over a restart too.
pub async fn reconcile(rotation: Rotation) {
    const ROUND: Duration = Duration::from_secs(30);
    loop {
        if rotation.turning()
            && let Err(fault) = rotation.go_on().await
        {
            tracing::warn!(%fault, "secrets could not be sealed anew; it is tried again");
        }
        if let Err(fault) = rotation.0.ledger.settle_key().await {
            tracing::warn!(%fault, "the file of the log's key could not be settled; it is tried again");
        }
        tokio::time::sleep(ROUND).await;
    }
}
