//! Turning the server's seal key while it runs: a new one seals from now on, everything is sealed anew, the old one goes.
//! Never: forgets the old key while something may still be sealed with it. A restart in the middle goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::fleet::{Fleet, FleetFault};
use crate::identity::{Identity, IdentityFault, Permit, TurnKeys};
use crate::vault::{Vault, VaultFault};

/// What was sealed with the old key just before may be written a moment after.
const GRACE_MS: i64 = 60_000;

/// Turns the seal key. Cheap to clone.
#[derive(Clone)]
pub struct Rotation(Arc<Inner>);

struct Inner {
    clock: Clock,
    ledger: Ledger,
    vault: Vault,
    identity: Identity,
    fleet: Fleet,
    /// When the key was turned, or this server began to go on with it.
    since: AtomicI64,
    /// One round at a time.
    round: tokio::sync::Mutex<()>,
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
    pub fn new(clock: Clock, ledger: Ledger, vault: Vault, identity: Identity, fleet: Fleet) -> Self {
        let since = AtomicI64::new(clock.now());
        Self(Arc::new(Inner { clock, ledger, vault, identity, fleet, since, round: tokio::sync::Mutex::default() }))
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

/// Goes on with a turn until it is done, over a restart too.
pub async fn reconcile(rotation: Rotation) {
    const ROUND: Duration = Duration::from_secs(30);
    loop {
        if rotation.turning()
            && let Err(fault) = rotation.go_on().await
        {
            tracing::warn!(%fault, "secrets could not be sealed anew; it is tried again");
        }
        tokio::time::sleep(ROUND).await;
    }
}
