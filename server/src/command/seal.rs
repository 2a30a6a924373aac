//! The keyring: the one place that holds probes' keys. It seals what is cleared, and proves the server to a probe.
//! Never: gives a key away, or seals what is not [`Cleared`].

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{HandshakeFault, Hello, Opener, OrderKey, ProbeId, ProbeKey, SealedOrder, Sealer, greet};
use parking_lot::RwLock;

use super::stages::{Cleared, Sealed};
use crate::clock::Clock;
use crate::fleet::{Fleet, FleetFault};
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
    #[error(transparent)]
    Handshake(#[from] HandshakeFault),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error(transparent)]
    Fleet(#[from] FleetFault),
}

impl Keyring {
    pub fn new(clock: Clock, fleet: Fleet, vault: Vault) -> Self {
        Self { clock, fleet, vault, orders: RwLock::default() }
    }

    /// The server's side of the handshake: what to answer, and the session's two halves.
    pub async fn greet(&self, hello_text: &str, hello: &Hello) -> Result<(String, Sealer, Opener), KeyringFault> {
        let key = self.key(hello.probe).await?;
        // The probe may have enrolled again since its key was last used.
        self.orders.write().insert(hello.probe, OrderKey::of(&key, hello.probe));
        let now = self.clock.now().max(0).cast_unsigned();
        Ok(greet(hello_text, hello, &key, self.clock.secret(), now)?)
    }

    pub(super) async fn seal(&self, cleared: Cleared) -> Result<Sealed, KeyringFault> {
        let Cleared { command, probe, order } = cleared;
        let known = self.orders.read().get(&probe).cloned();
        let key = match known {
            Some(key) => key,
            None => {
                let key = OrderKey::of(&self.key(probe).await?, probe);
                self.orders.write().insert(probe, key.clone());
                key
            }
        };
        let tag = key.seal(order.as_bytes());
        let order = SealedOrder { order: BASE64.encode(&order), tag: BASE64.encode(tag) };
        Ok(Sealed { command, probe, order })
    }

    async fn key(&self, probe: ProbeId) -> Result<ProbeKey, KeyringFault> {
        let sealed = self.fleet.sealed_key(probe).await?.ok_or(KeyringFault::Unknown(probe))?;
        let bytes = self.vault.unseal(&format!("probe key {probe}"), &sealed)?;
        let bytes = bytes.as_slice().try_into().map_err(|_| VaultFault::Foreign)?;
        Ok(ProbeKey::new(bytes))
    }
}
