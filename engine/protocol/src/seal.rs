//! Keys and tags: HMAC-SHA256 over exact bytes, with keys that HKDF-SHA256 derives from the probe's own.
//! Never: signs a structure. Who seals hands in bytes, and who opens parses only bytes that verified.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ProbeId;

/// 32 bytes of chance that one side contributes to a session.
pub type Nonce = [u8; 32];

/// An HMAC-SHA256 tag.
pub type Tag = [u8; 32];

/// The secret that one probe and the server share. It seals nothing itself; it only derives.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ProbeKey([u8; 32]);

impl ProbeKey {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be sealed at rest or sent once at enrollment.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A name for the key that tells nothing of it: by it both sides find the key that they share, where there are two.
    pub fn mark(&self, probe: ProbeId) -> String {
        let tag = self.derive(b"legator key mark v1", &[probe.to_string().as_bytes()]).tag(&[]);
        tag.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn derive(&self, salt: &[u8], info: &[&[u8]]) -> MacKey {
        let mut okm = [0u8; 32];
        let derived = Hkdf::<Sha256>::new(Some(salt), &self.0).expand_multi_info(info, &mut okm);
        // INVARIANT: 32 bytes is within what HKDF-SHA256 gives (8,160).
        debug_assert!(derived.is_ok());
        let key = MacKey::new(&okm);
        okm.zeroize();
        key
    }
}

impl fmt::Debug for ProbeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeKey(…)")
    }
}

/// Why bytes did not open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not match")]
pub struct OpenFault;

/// Seals orders. It is the same in every session, so an order outlives the connection that it was meant for.
#[derive(Clone)]
pub struct OrderKey(MacKey);

impl OrderKey {
    pub fn of(key: &ProbeKey, probe: ProbeId) -> Self {
        Self(key.derive(b"legator order v1", &[probe.to_string().as_bytes()]))
    }

    pub fn seal(&self, order: &[u8]) -> Tag {
        self.0.tag(&[order])
    }

    pub fn open(&self, order: &[u8], tag: &[u8]) -> Result<(), OpenFault> {
        self.0.verify(&[order], tag)
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderKey(…)")
    }
}

/// One key for each direction of one session.
#[derive(Clone)]
pub struct SessionKeys {
    pub(crate) to_probe: MacKey,
    pub(crate) to_server: MacKey,
}

impl SessionKeys {
    /// Both sides reach the same keys from the shared key and both nonces; neither alone chooses them.
    pub fn derive(key: &ProbeKey, probe: ProbeId, version: u16, server: &Nonce, own: &Nonce) -> Self {
        let mut salt = [0u8; 64];
        salt[..32].copy_from_slice(server);
        salt[32..].copy_from_slice(own);
        let probe = probe.to_string();
        let version = version.to_be_bytes();
        let direction = |name: &[u8]| key.derive(&salt, &[b"legator session", &version, probe.as_bytes(), name]);
        Self { to_probe: direction(b" to probe"), to_server: direction(b" to server") }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(…)")
    }
}

/// A keyed HMAC state, cloned for each tag so that the key schedule runs once.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a short key with zeros to the block; doing it here leaves no failure to handle.
        let mut block = [0u8; 64];
        block[..32].copy_from_slice(key);
        let mac = Self(<Hmac<Sha256> as KeyInit>::new(&block.into()));
        block.zeroize();
        mac
    }

    pub(crate) fn tag(&self, parts: &[&[u8]]) -> Tag {
        self.absorb(parts).finalize().into_bytes().into()
    }

    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), OpenFault> {
        self.absorb(parts).verify_slice(tag).map_err(|_| OpenFault)
    }

    fn absorb(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}
