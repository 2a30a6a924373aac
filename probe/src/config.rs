//! Who this probe is: `probe.toml`, written at enrollment. And where its files are.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use legator_protocol::{ProbeId, ProbeKey};
use serde::{Deserialize, Serialize};

use crate::address::{Address, AddressFault};
use crate::durable::{self, GuardFault, Keep};
use crate::token::{Pin, TokenFault};

/// The two directories that everything is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub config_dir: PathBuf,
    pub state_dir: PathBuf,
}

impl Places {
    pub fn config(&self) -> PathBuf {
        self.config_dir.join("probe.toml")
    }

    pub fn floor(&self) -> PathBuf {
        self.config_dir.join("floor.toml")
    }

    pub fn state(&self, name: &str) -> PathBuf {
        self.state_dir.join(name)
    }
}

/// What enrollment bought.
#[derive(Clone)]
pub struct Identity {
    pub server: Address,
    pub allow_plain_http: bool,
    pub probe: ProbeId,
    pub name: String,
    pub key: ProbeKey,
    /// The key that both sides keep and the server has not proved yet.
    pub next_key: Option<ProbeKey>,
    pub pin: Option<Pin>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    server: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_plain_http: bool,
    probe_id: ProbeId,
    name: String,
    /// Base 64 of 32 bytes.
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    #[error("this host has not enrolled: `{0}` is not there; run `legator-probe init --server URL --token TOKEN`")]
    Absent(String),
    #[error("cannot read `{path}`: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error(
        "cannot write `{path}`: {source}; run as root, or name other directories with `--config-dir` and `--state-dir`"
    )]
    Unwritable { path: String, source: io::Error },
    #[error("`{path}` does not read as a probe's configuration ({why}); enroll again with `legator-probe init`")]
    Malformed { path: String, why: String },
    #[error(transparent)]
    Guard(#[from] GuardFault),
    #[error(transparent)]
    Address(#[from] AddressFault),
    #[error(transparent)]
    Pin(#[from] TokenFault),
}

impl Identity {
    pub fn load(path: &Path) -> Result<Self, ConfigFault> {
        let name = || path.display().to_string();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Err(ConfigFault::Absent(name())),
            Err(source) => return Err(ConfigFault::Unreadable { path: name(), source }),
        };
        durable::guard(path, Keep::Secret)?;
        // The parser's own message would quote the line, and the line may be the key.
        let malformed = |why: &str| ConfigFault::Malformed { path: name(), why: why.to_owned() };
        let stored: Stored = toml::from_str(&text).map_err(|fault| malformed(fault.message()))?;
        let key = |text: &String| {
            let key = BASE64.decode(text).map_err(|_| malformed("a key is not base 64"))?;
            let key: [u8; 32] = key.try_into().map_err(|_| malformed("a key has not 32 bytes"))?;
            Ok::<_, ConfigFault>(ProbeKey::new(key))
        };
        Ok(Self {
            server: Address::parse(&stored.server, stored.allow_plain_http)?,
            allow_plain_http: stored.allow_plain_http,
            probe: stored.probe_id,
            name: stored.name,
            key: key(&stored.key)?,
            next_key: stored.next_key.as_ref().map(key).transpose()?,
            pin: stored.pin.as_deref().map(str::parse).transpose()?,
        })
    }

    pub fn save(&self, path: &Path) -> Result<(), ConfigFault> {
        let name = || path.display().to_string();
        let stored = Stored {
            server: self.server.to_string(),
            allow_plain_http: self.allow_plain_http,
            probe_id: self.probe,
            name: self.name.clone(),
            key: BASE64.encode(self.key.expose()),
            next_key: self.next_key.as_ref().map(|key| BASE64.encode(key.expose())),
            pin: self.pin.map(|pin| pin.to_string()),
        };
        let text = toml::to_string(&stored)
            .map_err(|_| ConfigFault::Malformed { path: name(), why: "it cannot be written as TOML".to_owned() })?;
        let text =
            format!("# Written by `legator-probe init`. Holds this probe's key: nobody else may read it.\n{text}");
        durable::write(path, text.as_bytes()).map_err(|source| ConfigFault::Unwritable { path: name(), source })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("server", &self.server).field("probe", &self.probe).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn identity() -> Identity {
        Identity {
            server: Address::parse("https://legator.example.org", false).unwrap(),
            allow_plain_http: false,
            probe: ProbeId::born(1, 2),
            name: "db-1".into(),
            key: ProbeKey::new([9; 32]),
            next_key: None,
            pin: Some(Pin([3; 32])),
        }
    }

    #[test]
    fn is_read_back_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("probe.toml");
        identity().save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Identity::load(&path).unwrap();
        assert_eq!((read.probe, read.pin, read.key.expose()), (ProbeId::born(1, 2), Some(Pin([3; 32])), &[9; 32]));
        assert!(!format!("{read:?}").contains(&BASE64.encode([9; 32])));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("probe.toml");
        identity().save(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let fault = Identity::load(&path).unwrap_err();
        assert!(matches!(fault, ConfigFault::Guard(GuardFault::Readable { mode: 0o640, .. })), "{fault}");
    }

    #[test]
    fn a_key_that_somebody_else_owns_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("probe.toml");
        identity().save(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let fault = Identity::load(&path).unwrap_err();
        assert!(matches!(fault, ConfigFault::Guard(GuardFault::Owner { owner: 12_345, .. })), "{fault}");
    }

    #[test]
    fn a_broken_file_is_named_without_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("probe.toml");
        assert!(matches!(Identity::load(&path), Err(ConfigFault::Absent(_))));
        durable::write(&path, b"key = \"c2VjcmV0\" oops").unwrap();
        let fault = Identity::load(&path).unwrap_err().to_string();
        assert!(fault.contains("probe.toml") && !fault.contains("c2VjcmV0"), "{fault}");
    }
}
