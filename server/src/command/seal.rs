//! The keyring: the one place that holds probes' keys. It seals what is cleared, and proves the server to a probe.
//! Never: gives a key away, or seals what is not [`Cleared`].

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{
    Exchange, HandshakeFault, Hello, KeyShare, OrderKey, ProbeId, ProbeKey, SealedOrder, TurnFault, greet,
};
use parking_lot::RwLock;

use super::stages::{Cleared, Sealed};
use crate::clock::Clock;
use crate::fleet::{Fleet, FleetFault, key_label};
use crate::hub::Greeting;
use crate::vault::{Vault, VaultFault};

pub struct Keyring {
    clock: Clock,
    fleet: Fleet,
    vault: Vault,
    orders: RwLock<HashMap<ProbeId, OrderKey>>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyringFault {
    #[error("there is no probe `{0}`; it was removed, or never enrolled here")]
    Unknown(ProbeId),
    #[error(
        "none of the probe's keys is the one of `{0}`: it was turned, or the probe enrolled again; enroll this one anew"
    )]
    OtherKey(ProbeId),
    #[error(transparent)]
    Turn(#[from] TurnFault),
    #[error(transparent)]
    Handshake(#[from] HandshakeFault),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error(transparent)]
    Fleet(#[from] FleetFault),
}

/// The key of now, or the next one of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Now,
    Next,
}

impl Keyring {
    pub fn new(clock: Clock, fleet: Fleet, vault: Vault) -> Self {
        Self { clock, fleet, vault, orders: RwLock::default() }
    }

    /// The server's side of the handshake: what to answer, and the session's two halves. Of two keys the next one is
    /// used, if the probe says that it holds it.
    pub async fn greet(&self, hello_text: &str, hello: &Hello) -> Result<Greeting, KeyringFault> {
        let keys = self.keys(hello.probe).await?;
        // A probe that says nothing of its keys is of before and has one.
        let said = |key: &&ProbeKey| hello.keys.is_empty() || hello.keys.contains(&key.mark(hello.probe));
        let next = keys.next.as_ref().filter(|_| !hello.keys.is_empty());
        let key = next.into_iter().chain([&keys.now]).find(said);
        let key = key.ok_or(KeyringFault::OtherKey(hello.probe))?;
        let now = self.clock.now().max(0).cast_unsigned();
        let (welcome, sealer, opener) = greet(hello_text, hello, key, self.clock.secret(), now)?;
        let (key, can_turn) = (key.mark(hello.probe), !hello.keys.is_empty());
        Ok(Greeting { welcome, sealer, opener, key, can_turn })
    }

    /// Which of the probe's keys has this mark, if one has it still.
    pub(super) async fn which(&self, probe: ProbeId, mark: &str) -> Result<Option<Which>, KeyringFault> {
        let keys = self.keys(probe).await?;
        let next = keys.next.is_some_and(|next| next.mark(probe) == mark);
        let now = keys.now.mark(probe) == mark;
        Ok(next.then_some(Which::Next).or(now.then_some(Which::Now)))
    }

    /// Orders are sealed with the key of the session that they go to.
    pub(super) async fn seals_with(&self, probe: ProbeId, mark: &str) -> Result<(), KeyringFault> {
        let Keys { now, next } = self.keys(probe).await?;
        if let Some(key) = next.into_iter().chain([now]).find(|key| key.mark(probe) == mark) {
            self.orders.write().insert(probe, OrderKey::of(&key, probe));
        }
        Ok(())
    }

    /// The next key, sealed: what both sides reach, when the probe has proved that it reached the same.
    pub(super) async fn agree(
        &self,
        probe: ProbeId,
        share: &KeyShare,
        exchange: Exchange<'_>,
        proof: &str,
    ) -> Result<Vec<u8>, KeyringFault> {
        let next = share.agree(&self.keys(probe).await?.now, exchange, exchange.own)?;
        exchange.check(&next, proof)?;
        Ok(self.vault.seal(&self.clock, &key_label(probe), next.expose())?)
    }

    pub(super) async fn seal(&self, cleared: Cleared) -> Result<Sealed, KeyringFault> {
        let Cleared { command, probe, order } = cleared;
        let known = self.orders.read().get(&probe).cloned();
        let key = match known {
            Some(key) => key,
            None => {
                let key = OrderKey::of(&self.keys(probe).await?.now, probe);
                self.orders.write().insert(probe, key.clone());
                key
            }
        };
        let tag = key.seal(order.as_bytes());
        let order = SealedOrder { order: BASE64.encode(&order), tag: BASE64.encode(tag) };
        Ok(Sealed { command, probe, order })
    }

    async fn keys(&self, probe: ProbeId) -> Result<Keys, KeyringFault> {
        let sealed = self.fleet.sealed_keys(probe).await?.ok_or(KeyringFault::Unknown(probe))?;
        let open = |sealed: &Vec<u8>| -> Result<ProbeKey, VaultFault> {
            let bytes = self.vault.unseal(&key_label(probe), sealed)?;
            Ok(ProbeKey::new(bytes.as_slice().try_into().map_err(|_| VaultFault::Foreign)?))
        };
        Ok(Keys { now: open(&sealed.now)?, next: sealed.next.as_ref().map(open).transpose()? })
    }
}

/// A probe's keys: the one of now, and the next one while a turn is under way.
struct Keys {
    now: ProbeKey,
    next: Option<ProbeKey>,
}
