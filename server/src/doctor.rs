//! What is unsafe in a configuration and in the data folder beside it, with what would help.
//! Never: changes anything, opens the database, or shows a secret.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde::Serialize;

use crate::clock::Clock;
use crate::config::{Config, Tls};
use crate::tls::Clients;

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
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Everything that is to be looked at, what is unsafe first.
pub fn examine(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    connections(config, &mut found);
    sessions(config, &mut found);
    strangers(config, &mut found);
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
    clients(config, found);
}

/// Who is let in by a certificate.
fn clients(config: &Config, found: &mut Vec<Finding>) {
    let Some(authority) = &config.client_ca else { return };
    let (list, now) = (config.client_crl.as_deref(), Clock::system().now());
    if let Err(fault) = Clients::read(authority, !config.client_cert_optional, list, now) {
        let help = "correct it: the server does not start, and one that runs lets nobody in once its list has run out";
        return note(found, "client-list-unusable", Weight::Unsafe, fault.to_string(), help);
    }
    let Some(list) = list else {
        let what = "a client's certificate that was stolen or taken back is good until it ends by itself".to_owned();
        return note(found, "no-client-list", Weight::Advice, what, "give the authority's list with `--client-crl`");
    };
    if Clients::read(authority, true, Some(list), now + DAY_MS).is_err() {
        let what = format!("the list of revoked certificates `{}` runs out within a day", list.display());
        note(found, "client-list-ends", Weight::Advice, what, "get a newer one; after that nobody is let in");
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

/// Who is let in from outside, and who is believed.
fn strangers(config: &Config, found: &mut Vec<Finding>) {
    if let Some(issuer) = config.oidc.provider_url.as_deref().filter(|_| config.oidc.enabled != Some(false)) {
        if config.oidc.auto_create_users && !config.oidc.default_role.trim().is_empty() {
            let what = format!(
                "everybody who has an account at `{issuer}` is let in as `{}`",
                config.oidc.default_role.trim()
            );
            let help =
                "set `--oidc-default-role ''` and map groups to roles, unless only your people have accounts there";
            note(found, "provider-lets-everybody-in", Weight::Advice, what, help);
        }
        if let Err(fault) = config.oidc.providers() {
            note(
                found,
                "provider-unusable",
                Weight::Unsafe,
                fault.to_string(),
                "correct it; the server does not start",
            );
        }
    }
    if config.trusted_proxies.iter().any(crate::config::Network::is_everything) {
        let what = "every address is a trusted proxy, so anybody says where they come from".to_owned();
        note(found, "everybody-is-a-proxy", Weight::Unsafe, what, "name your proxies' network with `--trusted-proxy`");
    }
    if config.rate_per_s == 0 || config.stranger_rate_per_s == 0 {
        let what = "requests are not bounded, so one caller can take all there is".to_owned();
        note(found, "no-rate", Weight::Advice, what, "set `--rate-per-s` and `--stranger-rate-per-s` above 0");
    }
    if let Some(url) = config.public_url.as_deref().filter(|url| !url.starts_with("https://")) {
        let what = format!("people are sent to `{url}`, where what they say goes in the clear");
        note(found, "plain-public-url", Weight::Advice, what, "put TLS in front, and write `https://`");
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
    // A turn takes a minute; a file with two keys for longer is a turn that does not end.
    if std::fs::read_to_string(data.join("server.key")).is_ok_and(|keys| keys.trim().lines().count() > 1) {
        let what = "the seal key is being turned, and the old one is kept still".to_owned();
        note(found, "seal-key-turning", Weight::Advice, what, "let the server run for two minutes, and look again");
    }
    if std::fs::read_to_string(data.join("log.key")).is_ok_and(|keys| keys.trim().lines().count() > 1) {
        let what = "a turn of the log's key was broken off, and `log.key` has two keys still".to_owned();
        note(
            found,
            "log-key-turning",
            Weight::Advice,
            what,
            "start the server: it brings the turn to its end by itself",
        );
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
        let beside = ["runs-as-root", "no-rate"];
        examine(config).iter().map(|finding| finding.code).filter(|code| !beside.contains(code)).collect()
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
    fn names_who_is_let_in_and_believed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let bounded = Config { rate_per_s: 1, stranger_rate_per_s: 1, ..Config::on_loopback(folder.path()) };
        assert_eq!(codes(&bounded), [] as [&str; 0]);
        let mut open = bounded.clone();
        open.oidc.provider_url = Some("https://id.example".to_owned());
        assert_eq!(codes(&open), ["provider-unusable", "provider-lets-everybody-in"]);
        open.oidc.client_id = "legator".to_owned();
        assert_eq!(codes(&open), ["provider-lets-everybody-in"]);
        open.oidc.default_role = String::new();
        open.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap()];
        open.public_url = Some("http://legator.example".to_owned());
        assert_eq!(codes(&open), ["everybody-is-a-proxy", "plain-public-url"]);
        let key = folder.path().join("server.key");
        std::fs::write(&key, "00\n11").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(codes(&bounded), ["seal-key-turning"]);
        std::fs::write(&key, "00").unwrap();
        let key = folder.path().join("log.key");
        std::fs::write(&key, "00\n11\n").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(codes(&bounded), ["log-key-turning"]);
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
