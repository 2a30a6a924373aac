//! The configuration file: named servers with their keys, readable by its owner alone.
//! Never: a key for one server sent to another.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Global;
use crate::exit::Failure;
use crate::server::Access;

/// `config.toml`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The profile that is used where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
}

/// One server, and how to be let in there.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The cookie of a session, as `name=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Config {
    /// The file's content; an absent file is an empty one.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let fault = |source| Failure::File { verb: "read", path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(fault(source)),
        };
        let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode();
        if mode & 0o077 != 0 {
            let shown = path.display();
            return Err(Failure::Usage(format!(
                "`{shown}` holds keys and others can read it; `chmod 600 {shown}` mends that"
            )));
        }
        // The parser's own message would quote the line, and the line may be a key.
        toml::from_str(&text).map_err(|fault| {
            let line = fault.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
            let line = line.map(|line| format!(" near line {line}")).unwrap_or_default();
            Failure::Usage(format!("`{}` is not a configuration{line}", path.display()))
        })
    }

    /// Written beside and put in place, so that no moment has half a file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let fault = |source| Failure::File { verb: "write", path: path.to_owned(), source };
        let text = toml::to_string(self)
            .map_err(|fault| Failure::Local(format!("could not write the configuration: {fault}")))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(fault)?;
        let beside = path.with_extension("toml.new");
        let _ = std::fs::remove_file(&beside);
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(fault)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
        std::fs::rename(&beside, path).map_err(fault)
    }

    /// The profile that these options mean, with its name.
    pub fn profile(&self, global: &Global) -> Result<(String, Option<&Profile>), Failure> {
        if let Some(name) = &global.profile {
            let found = self.profiles.get(name);
            if found.is_none() && global.server.is_none() {
                return Err(Failure::Usage(format!(
                    "there is no profile `{name}`; `legatorctl login --profile {name}` makes one"
                )));
            }
            return Ok((name.clone(), found));
        }
        let name = self.current.clone().unwrap_or_else(|| "default".to_owned());
        let found = self.profiles.get(&name);
        Ok((name, found))
    }
}

/// Flags and environment first, then the profile; a profile's secrets go to the profile's server only.
pub fn access(global: &Global) -> Result<Access, Failure> {
    let config = Config::read(&config_path(global)?)?;
    let (_, profile) = config.profile(global)?;
    let server = global.server.clone().or_else(|| profile.map(|profile| profile.server.clone())).ok_or_else(|| {
        Failure::Usage("no server is named; `legatorctl login --server URL` keeps one, or give `--server`".to_owned())
    })?;
    let same = profile.filter(|profile| profile.server.trim_end_matches('/') == server.trim_end_matches('/'));
    Ok(Access {
        fingerprint: global.fingerprint.clone().or_else(|| same.and_then(|profile| profile.fingerprint.clone())),
        api_key: global.api_key.clone().or_else(|| same.and_then(|profile| profile.api_key.clone())),
        session: same.and_then(|profile| profile.session.clone()),
        card: global.card(),
        plain_allowed: global.insecure_plain_http,
        tenant: global.tenant.clone(),
        server,
    })
}

pub fn config_path(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(path) = &global.config {
        return Ok(path.clone());
    }
    Ok(folder("XDG_CONFIG_HOME", ".config")?.join("legator/config.toml"))
}

/// Where what is this person's own is kept.
pub fn config_folder() -> Result<PathBuf, Failure> {
    Ok(folder("XDG_CONFIG_HOME", ".config")?.join("legator"))
}

/// Where what was once seen is remembered.
pub fn state_folder() -> Result<PathBuf, Failure> {
    Ok(folder("XDG_STATE_HOME", ".local/state")?.join("legator"))
}

fn folder(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    if let Some(folder) = std::env::var_os(variable).filter(|folder| Path::new(folder).is_absolute()) {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home =
        home.ok_or_else(|| Failure::Usage(format!("neither `{variable}` nor `HOME` is set; give `--config`")))?;
    Ok(Path::new(&home).join(below_home))
}
