//! The file with the key that signs the log; with two keys while one takes the other's place.
//! Never: a key in use that is not durable here, or the old one kept once the new one signs.

use std::path::PathBuf;

use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::vault::{VaultFault, key_lines, replace_keys};

/// Where the keys stand. They are read when they are needed, and not kept here.
pub struct KeyFile {
    path: PathBuf,
    clock: Clock,
}

impl KeyFile {
    /// The file is made, with a key, when it is first read.
    pub const fn at(path: PathBuf, clock: Clock) -> Self {
        Self { path, clock }
    }

    /// One key; two if a turn was begun.
    pub(super) fn keys(&self) -> Result<Vec<SigningKey>, VaultFault> {
        Ok(self.lines()?.iter().map(|line| SigningKey::from_bytes(line)).collect())
    }

    /// The key that is to come after `now`, durable in the file beside it.
    pub(super) fn prepare(&self, now: &VerifyingKey) -> Result<SigningKey, VaultFault> {
        let mut lines = self.lines()?;
        lines.retain(|line| SigningKey::from_bytes(line).verifying_key() == *now);
        let next = Zeroizing::new(self.clock.secret());
        let key = SigningKey::from_bytes(&next);
        lines.push(next);
        replace_keys(&self.path, &lines)?;
        Ok(key)
    }

    /// Leaves the key that signs now alone in the file. What the file does not have of it, is not written either.
    pub(super) fn settle(&self, now: &VerifyingKey) -> Result<(), VaultFault> {
        let mut lines = self.lines()?;
        if lines.len() == 1 {
            return Ok(());
        }
        lines.retain(|line| SigningKey::from_bytes(line).verifying_key() == *now);
        if lines.is_empty() {
            return Err(VaultFault::Foreign);
        }
        replace_keys(&self.path, &lines)
    }

    fn lines(&self) -> Result<Vec<Zeroizing<[u8; 32]>>, VaultFault> {
        key_lines(&self.path, &self.clock)
    }
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyFile(…)")
    }
}
