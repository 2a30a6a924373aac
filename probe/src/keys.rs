//! The keys that this probe holds: the one of now, and the next one while it is being turned.
//! A next key is durable before the server hears of it, and the old one stays until the server has proved the next.
//! Never: only a key that the server may not have, or another enrollment written over.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use legator_protocol::{Exchange, KeyShare, ProbeKey, ToServer, TurnFault};

use crate::clock::{self, NoChance};
use crate::config::{ConfigFault, Identity};

/// The identity's keys, and the file that they are kept in.
pub struct Keys {
    path: PathBuf,
    inner: Mutex<Identity>,
}

/// Why there is no next key here.
#[derive(Debug, thiserror::Error)]
pub enum KeptFault {
    #[error(transparent)]
    Chance(#[from] NoChance),
    #[error(transparent)]
    Turn(#[from] TurnFault),
    #[error(transparent)]
    Config(#[from] ConfigFault),
    #[error("`{0}` holds another enrollment than the probe runs with; restart the probe")]
    Another(String),
}

impl Keys {
    pub const fn of(identity: Identity, path: PathBuf) -> Self {
        Self { path, inner: Mutex::new(identity) }
    }

    /// The key that is rather used first: the next one, then the one of now.
    pub fn held(&self) -> Vec<ProbeKey> {
        let identity = self.lock();
        identity.next_key.iter().chain([&identity.key]).cloned().collect()
    }

    /// Agrees with the server on a next key and keeps it beside the one of now; what to tell the server.
    pub fn turn(&self, turn: String, public: &str) -> ToServer {
        match self.keep_next(&turn, public) {
            Ok((public, proof)) => {
                tracing::info!("the next key is kept beside the one of now");
                ToServer::KeyKept { turn, public, proof }
            }
            Err(fault) => {
                tracing::error!(%fault, "the next key could not be kept; the one of now goes on");
                ToServer::KeyNotKept { turn, why: fault.to_string() }
            }
        }
    }

    fn keep_next(&self, turn: &str, public: &str) -> Result<(String, String), KeptFault> {
        let share = KeyShare::new(clock::nonce()?);
        let own = share.public();
        let mut identity = self.lock();
        let probe = identity.probe.to_string();
        let exchange = Exchange { probe: &probe, turn, server: public, own: &own };
        let next = share.agree(&identity.key, exchange, public)?;
        let proof = exchange.prove(&next);
        // An earlier next key that the server has not proved is one that it never had.
        self.write(&mut identity, |identity| identity.next_key = Some(next))?;
        Ok((own, proof))
    }

    /// The server has proved this key. If it is the next one, the old one is forgotten.
    pub fn proved(&self, key: &ProbeKey) {
        let mut identity = self.lock();
        if identity.next_key.as_ref() != Some(key) {
            return;
        }
        let taken = self.write(&mut identity, |identity| {
            if let Some(next) = identity.next_key.take() {
                identity.key = next;
            }
        });
        match taken {
            Ok(()) => tracing::info!("the key was turned"),
            // The file has both still, and the next one is tried first.
            Err(fault) => tracing::warn!(%fault, "the old key could not be taken out of the file yet"),
        }
    }

    /// Changes the file first and then what is in memory, unless the file is no longer ours to change.
    fn write(&self, identity: &mut Identity, change: impl FnOnce(&mut Identity)) -> Result<(), KeptFault> {
        let stored = Identity::load(&self.path)?;
        if stored.probe != identity.probe || stored.key != identity.key {
            return Err(KeptFault::Another(self.path.display().to_string()));
        }
        let mut after = identity.clone();
        change(&mut after);
        after.save(&self.path)?;
        *identity = after;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Identity> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use legator_protocol::ProbeId;

    use super::*;
    use crate::address::Address;

    fn kept() -> (tempfile::TempDir, PathBuf, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("probe.toml");
        let identity = Identity {
            server: Address::parse("https://legator.example.org", false).unwrap(),
            allow_plain_http: false,
            probe: ProbeId::born(1, 2),
            name: "db-1".into(),
            key: ProbeKey::new([9; 32]),
            next_key: None,
            pin: None,
        };
        identity.save(&path).unwrap();
        let keys = Keys::of(identity, path.clone());
        (dir, path, keys)
    }

    fn turned(keys: &Keys) -> ProbeKey {
        let share = KeyShare::new([4; 32]);
        let server = share.public();
        let ToServer::KeyKept { turn, public, proof } = keys.turn("t".into(), &server) else { panic!("not kept") };
        let probe = ProbeId::born(1, 2).to_string();
        let exchange = Exchange { probe: &probe, turn: &turn, server: &server, own: &public };
        let next = share.agree(&ProbeKey::new([9; 32]), exchange, &public).unwrap();
        exchange.check(&next, &proof).unwrap();
        next
    }

    #[test]
    fn a_next_key_is_in_the_file_beside_the_old_one_until_it_is_proved() {
        let (_dir, path, keys) = kept();
        let next = turned(&keys);
        let read = Identity::load(&path).unwrap();
        assert_eq!((&read.key, read.next_key.as_ref()), (&ProbeKey::new([9; 32]), Some(&next)));
        assert_eq!(keys.held(), [next.clone(), ProbeKey::new([9; 32])]);
        keys.proved(&ProbeKey::new([9; 32]));
        assert_eq!(keys.held().len(), 2, "the old one proves nothing of the next");
        keys.proved(&next);
        let read = Identity::load(&path).unwrap();
        assert_eq!((&read.key, read.next_key.as_ref(), keys.held()), (&next, None, vec![next.clone()]));
    }

    #[test]
    fn a_turn_that_was_lost_is_begun_anew() {
        let (_dir, path, keys) = kept();
        let (lost, next) = (turned(&keys), turned(&keys));
        assert!(lost != next && keys.held() == [next.clone(), ProbeKey::new([9; 32])]);
        assert_eq!(Identity::load(&path).unwrap().next_key, Some(next));
    }

    #[test]
    fn a_file_that_cannot_be_written_or_is_another_enrollments_keeps_nothing() {
        let (_dir, path, keys) = kept();
        let other = Identity { key: ProbeKey::new([8; 32]), ..Identity::load(&path).unwrap() };
        other.save(&path).unwrap();
        let said = keys.turn("t".into(), &KeyShare::new([4; 32]).public());
        assert!(matches!(said, ToServer::KeyNotKept { why, .. } if why.contains("another enrollment")));
        assert_eq!(Identity::load(&path).unwrap().key, ProbeKey::new([8; 32]));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(keys.turn("t".into(), "AAAA"), ToServer::KeyNotKept { .. }));
        assert_eq!(keys.held(), [ProbeKey::new([9; 32])]);
    }
}
