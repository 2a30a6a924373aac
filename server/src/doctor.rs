//! What is unsafe in a configuration and in the data folder beside it, with what would help.
//! Never: changes anything, opens the database, or shows a secret.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Tls};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Somebody could get in, or read what is not theirs.
    Unsafe,
    /// It holds, and could be better.
    Advice,
}

impl Weight {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsafe => "unsafe",
            Self::Advice => "advice",
        }
    }
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable, kebab-case.
    pub code: &'static str,
    pub weight: Weight,
    pub what: String,
    pub help: String,
}

/// Files that hold secrets.
const SECRETS: &[&str] =
    &["server.key", "log.key", "admin.key", "setup.link", "legator.db", "legator.db-wal", "tls/key.pem"];

const DAY_S: u32 = 24 * 60 * 60;

/// Everything that is to be looked at, what is unsafe first.
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    connections(config, &mut found);
    sessions(config, &mut found);
    files(config, &mut found);
    found.sort_by_key(|finding| finding.weight == Weight::Advice);
    found
}

fn note(found: &mut Vec<Finding>, code: &'static str, weight: Weight, what: String, help: &str) {
    found.push(Finding { code, weight, what, help: help.to_owned() });
}

fn connections(config: &Config, found: &mut Vec<Finding>) {
    let everybody = !config.listen.ip().is_loopback();
    match config.tls() {
        Tls::Plain if everybody => note(
            found,
            "plain-http",
            Weight::Unsafe,
            format!("keys and passwords go in the clear to {}", config.listen),
            "give `--tls-cert` and `--tls-key`, or listen on loopback behind a proxy that does TLS",
        ),
        Tls::SelfMade { .. } if everybody => note(
            found,
            "self-made-certificate",
            Weight::Advice,
            "no certificate authority vouches for the server, so people have to compare a fingerprint".to_owned(),
            "give `--tls-cert` and `--tls-key` with a certificate that browsers know",
        ),
        Tls::Given { key, .. } => exposed(&key, found),
        Tls::Plain | Tls::SelfMade { .. } => {}
    }
}

fn sessions(config: &Config, found: &mut Vec<Finding>) {
    if config.session_longest_s > 30 * DAY_S {
        let what = format!("a stolen session is good for {} days", config.session_longest_s / DAY_S);
        note(found, "long-sessions", Weight::Unsafe, what, "lower `--session-longest-s`");
    }
    if config.session_idle_s > config.session_longest_s {
        let what = "`--session-idle-s` is above `--session-longest-s` and ends nothing".to_owned();
        note(found, "idle-never-ends", Weight::Advice, what, "lower `--session-idle-s`");
    }
}

fn files(config: &Config, found: &mut Vec<Finding>) {
    let data = config.data.as_path();
    let Ok(folder) = std::fs::metadata(data) else {
        let what = format!("there is no data folder `{}` yet", data.display());
        return note(
            found,
            "no-data-folder",
            Weight::Advice,
            what,
            "say where it is with `--data`, and run this as its owner",
        );
    };
    if folder.permissions().mode() & 0o077 != 0 {
        let what = format!("others can look into `{}`", data.display());
        note(found, "open-data-folder", Weight::Unsafe, what, &format!("chmod 700 {}", data.display()));
    }
    if folder.uid() == 0 {
        let what = format!("`{}` belongs to root, so the server runs as root", data.display());
        note(found, "runs-as-root", Weight::Advice, what, "run it as a user of its own, as the shipped unit does");
    }
    for name in SECRETS {
        exposed(&data.join(name), found);
    }
    if data.join("admin.key").exists() {
        let what = format!("the first administrator's API key still stands in `{}`", data.join("admin.key").display());
        note(found, "admin-key-kept", Weight::Advice, what, "put it where you keep secrets, and remove the file");
    }
    if data.join("setup.link").exists() {
        let what = "nobody has used the setup link: nobody can sign in with a password".to_owned();
        note(found, "setup-open", Weight::Advice, what, "open the link that the server prints when it starts");
    }
    if let Some(bundle) = &config.bundle
        && std::fs::metadata(bundle).is_ok_and(|folder| folder.permissions().mode() & 0o022 != 0)
    {
        let what = format!("others can write into the bundle `{}`, so they decide who may do what", bundle.display());
        note(found, "open-bundle", Weight::Unsafe, what, &format!("chmod -R go-w {}", bundle.display()));
    }
}

fn exposed(path: &Path, found: &mut Vec<Finding>) {
    let open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    // What the folder hides is hidden, but a copy or a move takes the file's own mode along.
    if open {
        let what = format!("others may read `{}`", path.display());
        note(found, "open-secret", Weight::Unsafe, what, &format!("chmod 600 {}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(config: &Config) -> Vec<&'static str> {
        examine(config).iter().map(|finding| finding.code).filter(|code| *code != "runs-as-root").collect()
    }

    #[test]
    fn names_what_is_unsafe_and_nothing_of_a_sound_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let sound = Config::on_loopback(&data);
        assert_eq!(codes(&sound), ["no-data-folder"]);
        std::fs::create_dir(&data).unwrap();
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(&data, 0o700);
        assert_eq!(codes(&sound), [] as [&str; 0]);
        for name in ["server.key", "admin.key"] {
            std::fs::write(data.join(name), "secret").unwrap();
            mode(&data.join(name), 0o600);
        }
        assert_eq!(codes(&sound), ["admin-key-kept"]);
        mode(&data.join("server.key"), 0o640);
        mode(&data, 0o755);
        assert_eq!(codes(&sound), ["open-data-folder", "open-secret", "admin-key-kept"]);
        let told = format!("{:?}", examine(&sound));
        assert!(told.contains("chmod 600") && !told.contains("secret\\n"), "{told}");
    }

    #[test]
    fn names_what_is_unsafe_about_connections_and_sessions() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let everybody = Config { listen: ([0, 0, 0, 0], 8443).into(), ..Config::on_loopback(folder.path()) };
        assert_eq!(codes(&everybody), ["plain-http"]);
        let with_tls = Config { plain_http: false, ..everybody };
        assert_eq!(codes(&with_tls), ["self-made-certificate"]);
        let long = Config { session_longest_s: 31 * DAY_S, session_idle_s: 40 * DAY_S, ..with_tls };
        assert_eq!(codes(&long), ["long-sessions", "self-made-certificate", "idle-never-ends"]);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let bundle = Config { bundle: Some(folder.path().to_owned()), ..Config::on_loopback(folder.path()) };
        assert_eq!(codes(&bundle), ["open-data-folder", "open-bundle"]);
    }
}
