//! Turning a probe's key inside an open session, without enrolling again.
//!
//! 1. server → probe: `rotate_key` with a fresh X25519 public key
//! 2. probe → server: `key_kept` with its own, once the new key is durable beside the old one, and a tag that proves it
//! 3. the probe opens its next session with the new key, which the server has kept beside the old one; then the old one goes
//!
//! Both sides reach the new key from the secret of the exchange and the old key. Whoever recorded the session cannot compute it,
//! not even with the old key in hand; whoever breaks the exchange needs the old key still.
//! Never: a key, or what it could be computed from, on the wire.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use crate::ProbeKey;

/// One side's half of an exchange. It is used for one turn and forgotten.
pub struct KeyShare(StaticSecret);

/// Why there is no new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnFault {
    #[error("the other side's public key cannot be read")]
    Public,
    #[error("the other side's public key makes a secret that anybody knows")]
    Weak,
    #[error("the other side does not hold the same new key")]
    Unproven,
}

/// Which turn it is, and the public keys of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The probe's id.
    pub probe: &'a str,
    /// The turn's own name, given by the server.
    pub turn: &'a str,
    /// Base 64 of 32 bytes each.
    pub server: &'a str,
    pub own: &'a str,
}

impl KeyShare {
    /// From 32 bytes of chance.
    pub fn new(mut chance: [u8; 32]) -> Self {
        let share = Self(StaticSecret::from(chance));
        chance.zeroize();
        share
    }

    /// What the other side is told, base 64.
    pub fn public(&self) -> String {
        BASE64.encode(PublicKey::from(&self.0).as_bytes())
    }

    /// The new key. `theirs` is the other side's public key.
    pub fn agree(&self, old: &ProbeKey, exchange: Exchange<'_>, theirs: &str) -> Result<ProbeKey, TurnFault> {
        let bytes = BASE64.decode(theirs).map_err(|_| TurnFault::Public)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| TurnFault::Public)?;
        let shared = self.0.diffie_hellman(&PublicKey::from(bytes));
        if !shared.was_contributory() {
            return Err(TurnFault::Weak);
        }
        let mut secret = [0u8; 64];
        secret[..32].copy_from_slice(shared.as_bytes());
        secret[32..].copy_from_slice(old.expose());
        let mut key = [0u8; 32];
        let kdf = Hkdf::<Sha256>::new(Some(b"legator probe key v1"), &secret);
        secret.zeroize();
        let derived = kdf.expand_multi_info(&exchange.told(), &mut key);
        // INVARIANT: 32 bytes is within what HKDF-SHA256 gives (8,160).
        debug_assert!(derived.is_ok());
        let new = ProbeKey::new(key);
        key.zeroize();
        Ok(new)
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyShare(…)")
    }
}

impl Exchange<'_> {
    /// The probe's proof that it holds the new key, base 64.
    pub fn prove(self, new: &ProbeKey) -> String {
        BASE64.encode(new.derive(PROOF, &self.told()).tag(&[]))
    }

    /// Whether that proof is of the key that we reached ourselves.
    pub fn check(self, new: &ProbeKey, proof: &str) -> Result<(), TurnFault> {
        let proof = BASE64.decode(proof).map_err(|_| TurnFault::Unproven)?;
        new.derive(PROOF, &self.told()).verify(&[], &proof).map_err(|_| TurnFault::Unproven)
    }

    /// Everything that both sides have to agree on. An id and base 64 of 32 bytes have one length each, so the parts cannot
    /// run together.
    const fn told(&self) -> [&[u8]; 4] {
        [self.probe.as_bytes(), self.server.as_bytes(), self.own.as_bytes(), self.turn.as_bytes()]
    }
}

const PROOF: &[u8] = b"legator probe key kept v1";

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides of a turn: what each reaches.
    fn turned(server: u8, own: u8, old: [u8; 2], turn: [&str; 2]) -> [ProbeKey; 2] {
        let (server, own) = (KeyShare::new([server; 32]), KeyShare::new([own; 32]));
        let publics = (server.public(), own.public());
        let exchange = |turn| Exchange { probe: "prb_1", turn, server: &publics.0, own: &publics.1 };
        [
            server.agree(&ProbeKey::new([old[0]; 32]), exchange(turn[0]), &publics.1).unwrap(),
            own.agree(&ProbeKey::new([old[1]; 32]), exchange(turn[1]), &publics.0).unwrap(),
        ]
    }

    #[test]
    fn both_sides_reach_one_key_that_neither_had() {
        let [server, own] = turned(1, 2, [9, 9], ["t", "t"]);
        assert!(server == own && server != ProbeKey::new([9; 32]));
        assert!(turned(1, 3, [9, 9], ["t", "t"])[0] != server && turned(3, 2, [9, 9], ["t", "t"])[0] != server);
    }

    #[test]
    fn another_old_key_or_another_turn_leads_elsewhere() {
        for [server, own] in [turned(1, 2, [9, 8], ["t", "t"]), turned(1, 2, [9, 9], ["t", "u"])] {
            assert!(server != own);
        }
    }

    #[test]
    fn the_proof_is_of_this_key_and_this_exchange() {
        let [key, _] = turned(1, 2, [9, 9], ["t", "t"]);
        let exchange = Exchange { probe: "prb_1", turn: "t", server: "s", own: "o" };
        let proof = exchange.prove(&key);
        assert_eq!(exchange.check(&key, &proof), Ok(()));
        assert_eq!(exchange.check(&ProbeKey::new([9; 32]), &proof), Err(TurnFault::Unproven));
        assert_eq!(Exchange { turn: "u", ..exchange }.check(&key, &proof), Err(TurnFault::Unproven));
        assert_eq!(exchange.check(&key, "no proof"), Err(TurnFault::Unproven));
    }

    #[test]
    fn a_public_key_that_is_none_or_that_gives_the_secret_away_is_refused() {
        let (share, old) = (KeyShare::new([1; 32]), ProbeKey::new([9; 32]));
        let exchange = Exchange { probe: "prb_1", turn: "t", server: "s", own: "o" };
        for theirs in ["", "no base 64", "AAAA"] {
            assert_eq!(share.agree(&old, exchange, theirs).err(), Some(TurnFault::Public), "{theirs}");
        }
        let zero = BASE64.encode([0; 32]);
        assert_eq!(share.agree(&old, exchange, &zero).err(), Some(TurnFault::Weak));
        assert_eq!(format!("{share:?}"), "KeyShare(…)");
    }
}
