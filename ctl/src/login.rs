//! Signing in: whose certificate, whose key, and where they are kept.
//! Never: a certificate accepted without a person or a pin; a key echoed.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::json;

use crate::clean;
use crate::cli::Global;
use crate::config::{Config, Profile, config_path};
use crate::device;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{self, Screen};
use crate::server::{self, Access, Server};

/// Keep a server's address, and an API key or a session for it.
#[derive(Args)]
pub struct Login {
    /// Sign in with this name and a password; without it an API key is asked for.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Six digits of the authenticator app, or a recovery code; asked for where it is needed.
    #[arg(long, value_name = "CODE", requires = "name")]
    code: Option<String>,
    /// Read the password from standard input instead of asking for it.
    #[arg(long, requires = "name")]
    password_stdin: bool,
    /// Read the key from standard input instead of asking for it.
    #[arg(long, conflicts_with = "name")]
    key_stdin: bool,
    /// Sign in with a browser, here or elsewhere, in whatever way the server offers: single sign-on, passkeys.
    #[arg(long, conflicts_with_all = ["name", "key_stdin"])]
    web: bool,
    /// Show the page's address, and open no browser.
    #[arg(long, requires = "web")]
    no_browser: bool,
}

impl Login {
    pub async fn obey(self, global: &Global, screen: Screen) -> Result<Exit, Failure> {
        let path = config_path(global)?;
        let mut config = Config::read(&path)?;
        let name = global.profile.clone().or_else(|| config.current.clone()).unwrap_or_else(|| "default".to_owned());
        let known = config.profiles.get(&name).cloned();
        let address = global.server.clone().or_else(|| known.as_ref().map(|known| known.server.clone()));
        let address =
            address.ok_or_else(|| Failure::Usage("say which server: `legatorctl login --server URL`".to_owned()))?;
        let kept = known.filter(|known| known.server == address).and_then(|known| known.fingerprint);
        let mut access = Access {
            server: address.clone(),
            fingerprint: global.fingerprint.clone().or(kept),
            api_key: None,
            session: None,
            plain_allowed: global.insecure_plain_http,
            tenant: None,
        };
        access.fingerprint = trust(&access, screen).await?;
        match &self.name {
            Some(name) => access.session = Some(self.sign_in(name, &Server::new(access.clone())?).await?),
            None if self.web => {
                access.session = Some(device::sign_in(&Server::new(access.clone())?, screen, !self.no_browser).await?);
            }
            None => {
                access.api_key = Some(match &global.api_key {
                    Some(key) if !self.key_stdin => key.clone(),
                    _ => ask_for("API key", self.key_stdin, "--key-stdin")?.trim().to_owned(),
                });
            }
        }
        let server = Server::new(access.clone())?;
        let me = server.get(&["api", "v1", "me"], &[]).await?;
        let Access { server: address, fingerprint, api_key, session, .. } = access;
        config.profiles.insert(name.clone(), Profile { server: address.clone(), fingerprint, api_key, session });
        config.current = Some(name.clone());
        config.write(&path)?;
        let said = json!({ "profile": name, "server": address, "me": me, "config": path });
        screen.either(&said, || {
            let roles = field::shown(&me, "roles");
            screen.note(&format!("signed in to {} as {} ({roles})", clean::line(&address), field::shown(&me, "name")));
            screen.note(&format!("kept as profile `{}` in `{}`", clean::line(&name), path.display()));
        });
        Ok(Exit::OK)
    }

    async fn sign_in(&self, name: &str, server: &Server) -> Result<String, Failure> {
        let password = ask_for("Password", self.password_stdin, "--password-stdin")?;
        let mut body = json!({ "name": name, "password": password });
        if let Some(code) = &self.code {
            body["code"] = code.as_str().into();
        }
        match server.sign_in(&body).await {
            Err(Failure::Problem(problem)) if problem.code == "second-factor-needed" && screen::stdin_is_terminal() => {
                body["code"] = ask_for("Code", false, "--code")?.into();
                Ok(server.sign_in(&body).await?.1)
            }
            answer => Ok(answer?.1),
        }
    }
}

/// A secret from the terminal, unseen, or the first line of standard input.
fn ask_for(what: &str, from_stdin: bool, option: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let asks = !from_stdin && stdin.is_terminal();
    if !from_stdin && !asks {
        return Err(Failure::Usage(format!(
            "nobody can be asked for the {} here: give `{option}`",
            what.to_lowercase()
        )));
    }
    let quiet = if asks { Some(Quiet::begin()?) } else { None };
    if asks {
        let _ = write!(std::io::stderr(), "{what}: ");
    }
    let mut said = String::new();
    let read = stdin.lock().read_line(&mut said);
    if quiet.is_some() {
        let _ = writeln!(std::io::stderr());
    }
    drop(quiet);
    read.map_err(|fault| Failure::Local(format!("could not read it: {fault}")))?;
    let said = said.trim_end_matches(['\r', '\n']);
    if said.trim().is_empty() { Err(Failure::Usage(format!("the {what} is empty"))) } else { Ok(said.to_owned()) }
}

/// The pin to use from now on: none where a certificate authority vouches for the server.
async fn trust(access: &Access, screen: Screen) -> Result<Option<String>, Failure> {
    let server = Server::new(access.clone())?;
    let failure = match server.get(&["version"], &[]).await {
        Ok(_) => return Ok(access.fingerprint.clone()),
        Err(failure @ Failure::Untrusted { .. }) => failure,
        Err(failure) => return Err(failure),
    };
    let Some(found) = server::look_at(&access.server).await? else { return Err(failure) };
    screen.note("No certificate authority vouches for this server. Its key has the fingerprint");
    screen.note(&format!("\n  {}\n", clean::line(&found)));
    screen.note("The server printed its own when it started, and keeps it in `tls.fingerprint` in its data folder.");
    if !screen::stdin_is_terminal() {
        return Err(failure);
    }
    if screen::confirm("Is it the same?")? { Ok(Some(found)) } else { Err(failure) }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(rustix::termios::Termios);

impl Quiet {
    fn begin() -> Result<Self, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let fault =
            |fault: rustix::io::Errno| Failure::Local(format!("could not turn the terminal's echo off: {fault}"));
        let before = tcgetattr(std::io::stdin()).map_err(fault)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet).map_err(fault)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Flush, &self.0);
    }
}

/// Forget what a profile signs in with. A session ends on the server too.
pub async fn logout(global: &Global, screen: Screen) -> Result<Exit, Failure> {
    let path = config_path(global)?;
    let mut config = Config::read(&path)?;
    let name = config.profile(global)?.0;
    let mut access = crate::config::access(global).ok();
    let mut had = false;
    if let Some(profile) = config.profiles.get_mut(&name) {
        let session = profile.session.take();
        had = profile.api_key.take().is_some() || session.is_some();
        if let (Some(session), Some(access)) = (session, access.take().filter(|it| it.server == profile.server)) {
            let server = Server::new(Access { api_key: None, session: Some(session), ..access })?;
            // It is forgotten here in any case; there it ends by itself.
            if let Err(fault) = server.post(&["api", "v1", "auth", "sign-out"], &[], &json!({})).await {
                screen.aside(&format!(
                    "the session could not be ended on the server: {}",
                    clean::line(&fault.to_string())
                ));
            }
        }
    }
    if had {
        config.write(&path)?;
    }
    let said = if had { "forgot the key or session of" } else { "there was no key in" };
    screen.either(&json!({ "profile": name, "had_key": had }), || {
        screen.note(&format!("{said} profile `{}`", clean::line(&name)))
    });
    Ok(Exit::OK)
}
