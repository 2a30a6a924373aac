//! Secrets at rest: sealed with XChaCha20-Poly1305 under the server's key, and never shown by `Debug`.
//! The key can be turned while the server runs: its file then has the old one too, until nothing is sealed with it.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
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
    #[error("the key is being turned already")]
    Turning,
}

/// Seals and opens with the server's own key.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    path: PathBuf,
    keys: ArcSwap<Keys>,
}

/// The key that seals; and the one before it, while something is sealed with that.
struct Keys {
    now: Zeroizing<[u8; 32]>,
    before: Option<Zeroizing<[u8; 32]>>,
}

impl Vault {
    /// Opens the vault with the key in `path`, making one on the first start.
    pub fn open(path: &Path, clock: &Clock) -> Result<Self, VaultFault> {
        let mut keys = key_lines(path, clock)?.into_iter();
        let malformed = || VaultFault::Malformed { path: path.to_owned() };
        let keys = Keys { now: keys.next().ok_or_else(malformed)?, before: keys.next() };
        Ok(Self(Arc::new(Inner { path: path.to_owned(), keys: ArcSwap::from_pointee(keys) })))
    }

    /// Whether something may be sealed with the key before.
    pub fn turning(&self) -> bool {
        self.0.keys.load().before.is_some()
    }

    /// Seals with another key from now on. The file has both before anything is sealed with the new one.
    pub fn turn(&self, clock: &Clock) -> Result<(), VaultFault> {
        let old = self.0.keys.load_full();
        if old.before.is_some() {
            return Err(VaultFault::Turning);
        }
        let next = Keys { now: Zeroizing::new(clock.secret()), before: Some(old.now.clone()) };
        self.write(&next)?;
        self.0.keys.store(Arc::new(next));
        Ok(())
    }

    /// The same secret under the key of now; `None` where it is already.
    pub fn renew(&self, clock: &Clock, label: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, VaultFault> {
        let keys = self.0.keys.load_full();
        if opened(&keys.now, label, sealed).is_ok() {
            return Ok(None);
        }
        let before = keys.before.as_ref().ok_or(VaultFault::Foreign)?;
        self.seal(clock, label, &opened(before, label, sealed)?).map(Some)
    }

    /// Forgets the key before; nothing is sealed with it any more.
    pub fn settle(&self) -> Result<(), VaultFault> {
        let next = Keys { now: self.0.keys.load().now.clone(), before: None };
        self.write(&next)?;
        self.0.keys.store(Arc::new(next));
        Ok(())
    }

    fn write(&self, keys: &Keys) -> Result<(), VaultFault> {
        let lines: Vec<_> = std::iter::once(&keys.now).chain(&keys.before).cloned().collect();
        replace_keys(&self.0.path, &lines)
    }

    /// Seals `secret`; `label` says what it is and has to be the same when it is opened.
    pub fn seal(&self, clock: &Clock, label: &str, secret: &[u8]) -> Result<Vec<u8>, VaultFault> {
        let chance = clock.secret();
        let mut nonce = [0u8; 24];
        nonce.copy_from_slice(&chance[..24]);
        let payload = chacha20poly1305::aead::Payload { msg: secret, aad: label.as_bytes() };
        let cipher = XChaCha20Poly1305::new((&*self.0.keys.load().now).into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultFault::Foreign)?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub fn unseal(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultFault> {
        let keys = self.0.keys.load();
        match (opened(&keys.now, label, sealed), &keys.before) {
            (Err(VaultFault::Foreign), Some(before)) => opened(before, label, sealed),
            (opened, _) => opened,
        }
    }
}

fn opened(key: &[u8; 32], label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultFault> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(VaultFault::Foreign)?;
    let payload = chacha20poly1305::aead::Payload { msg: sealed, aad: label.as_bytes() };
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| VaultFault::Foreign)
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// 32 secret bytes from a file that only the server may read; made on the first start.
pub fn key_file(path: &Path, clock: &Clock) -> Result<Zeroizing<[u8; 32]>, VaultFault> {
    let mut keys = key_lines(path, clock)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(VaultFault::Malformed { path: path.to_owned() }),
    }
}

/// One such key, or two while one takes the other's place.
pub fn key_lines(path: &Path, clock: &Clock) -> Result<Vec<Zeroizing<[u8; 32]>>, VaultFault> {
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
    let malformed = || VaultFault::Malformed { path: path.to_owned() };
    let read = |line: &str| {
        let mut key = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(line.trim(), &mut *key).map(|()| key).map_err(|_| malformed())
    };
    let keys: Vec<_> = text.trim().lines().map(read).collect::<Result<_, _>>()?;
    if (1..=2).contains(&keys.len()) { Ok(keys) } else { Err(malformed()) }
}

/// Writes a file that only its owner can read, whole or not at all. When this returns, a power cut does not take it away.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Puts `keys` in the place of those in the file, and writes over the old file's bytes once the new one is safe. A disk or
/// file system that never writes in place keeps them still; that much a program cannot help.
pub fn replace_keys(path: &Path, keys: &[Zeroizing<[u8; 32]>]) -> Result<(), VaultFault> {
    let fault = |source| VaultFault::Unreadable { what: "write", path: path.to_owned(), source };
    let mut old = fs::OpenOptions::new().write(true).open(path).map_err(fault)?;
    let length = old.metadata().map_err(fault)?.len();
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        text.push_str(&Zeroizing::new(hex::encode(**key)));
        text.push('\n');
    }
    write_private(path, text.as_bytes()).map_err(fault)?;
    let blank = vec![0; usize::try_from(length).unwrap_or_default()];
    old.write_all(&blank).and_then(|()| old.sync_all()).map_err(fault)
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
    fn a_key_is_turned_and_the_old_one_opens_until_nothing_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let (clock, path) = (Clock::system(), folder.path().join("server.key"));
        let vault = Vault::open(&path, &clock).unwrap();
        let old = vault.seal(&clock, "a", b"secret").unwrap();
        assert!(vault.renew(&clock, "a", &old).unwrap().is_none() && !vault.turning());
        let other_handle = vault.clone();
        vault.turn(&clock).unwrap();
        assert!(other_handle.turning() && matches!(vault.turn(&clock), Err(VaultFault::Turning)));
        assert_eq!(&**other_handle.unseal("a", &old).unwrap(), b"secret");
        // The server may end here; both keys are in the file.
        let vault = Vault::open(&path, &clock).unwrap();
        assert!(vault.turning() && key_file(&path, &clock).is_err());
        let new = vault.renew(&clock, "a", &old).unwrap().unwrap();
        assert!(vault.renew(&clock, "a", &new).unwrap().is_none());
        assert!(matches!(vault.renew(&clock, "b", &old), Err(VaultFault::Foreign)));
        vault.settle().unwrap();
        assert_eq!(&**vault.unseal("a", &new).unwrap(), b"secret");
        assert!(matches!(vault.unseal("a", &old), Err(VaultFault::Foreign)));
        assert_eq!(&**Vault::open(&path, &clock).unwrap().unseal("a", &new).unwrap(), b"secret");
        fs::write(&path, "00").unwrap();
        assert!(matches!(Vault::open(&path, &clock), Err(VaultFault::Malformed { .. })));
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
