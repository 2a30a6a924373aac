//! Secrets at rest: sealed with XChaCha20-Poly1305 under the server's key, and never shown by `Debug`.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize as _, Zeroizing};

use crate::clock::Clock;

/// A value that neither a log nor an answer may carry by accident.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, at the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum VaultFault {
    #[error("`{0}` can be read by others; run `chmod 600 {0}`", path.display())]
    Exposed { path: PathBuf },
    #[error("`{}` does not hold 32 bytes in hex", path.display())]
    Malformed { path: PathBuf },
    #[error("could not {what} `{}`: {source}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("a sealed secret does not open with this server's key")]
    Foreign,
}

/// Seals and opens with the server's own key.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

impl Vault {
    /// Opens the vault with the key in `path`, making one on the first start.
    pub fn open(path: &Path, clock: &Clock) -> Result<Self, VaultFault> {
        let key = key_file(path, clock)?;
        Ok(Self(XChaCha20Poly1305::new((&*key).into())))
    }

    /// Seals `secret`; `label` says what it is and has to be the same when it is opened.
    pub fn seal(&self, clock: &Clock, label: &str, secret: &[u8]) -> Result<Vec<u8>, VaultFault> {
        let chance = clock.secret();
        let mut nonce = [0u8; 24];
        nonce.copy_from_slice(&chance[..24]);
        let payload = chacha20poly1305::aead::Payload { msg: secret, aad: label.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultFault::Foreign)?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub fn unseal(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultFault> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(VaultFault::Foreign)?;
        let payload = chacha20poly1305::aead::Payload { msg: sealed, aad: label.as_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| VaultFault::Foreign)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// 32 secret bytes from a file that only the server may read; made on the first start.
pub fn key_file(path: &Path, clock: &Clock) -> Result<Zeroizing<[u8; 32]>, VaultFault> {
    let fault = |what| move |source| VaultFault::Unreadable { what, path: path.to_owned(), source };
    if !path.exists() {
        let mut text = hex::encode(clock.secret());
        write_private(path, text.as_bytes()).map_err(fault("write"))?;
        text.zeroize();
    }
    let mode = fs::metadata(path).map_err(fault("read"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultFault::Exposed { path: path.to_owned() });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(fault("read"))?);
    let mut key = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| VaultFault::Malformed { path: path.to_owned() })?;
    Ok(key)
}

/// Writes a file that only its owner can read, whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_under_the_same_label() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let vault = Vault::open(&folder.path().join("server.key"), &clock).unwrap();
        let sealed = vault.seal(&clock, "probe", b"secret").unwrap();
        assert_eq!(&**vault.unseal("probe", &sealed).unwrap(), b"secret");
        assert!(matches!(vault.unseal("other", &sealed), Err(VaultFault::Foreign)));
        let again = Vault::open(&folder.path().join("server.key"), &clock).unwrap();
        assert_eq!(&**again.unseal("probe", &sealed).unwrap(), b"secret");
        let other = Vault::open(&folder.path().join("other.key"), &clock).unwrap();
        assert!(matches!(other.unseal("probe", &sealed), Err(VaultFault::Foreign)));
    }

    #[test]
    fn refuses_a_key_that_others_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        Vault::open(&path, &Clock::system()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Vault::open(&path, &Clock::system()), Err(VaultFault::Exposed { .. })));
    }
}
