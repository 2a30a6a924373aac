//! People and their API keys.

use std::time::Duration;

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{self, Screen};
use crate::server::Server;
use crate::span;
use crate::tenants;

/// People: list, create, change, send away.
#[derive(Args)]
pub struct Users {
    #[command(subcommand)]
    one: Option<NewUser>,
}

#[derive(Subcommand)]
enum NewUser {
    /// Add a person.
    Create {
        /// 1 to 64 letters, digits, spaces or `-_.@+`.
        name: String,
        /// A role of the bundle: `viewer`, `operator`, `approver`, `auditor`, `policy-author`, `administrator`.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// A group that policy knows.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// What of the server they are for: `tenant:NAME`, `org:NAME` or `scope:TAG`; what you are, if absent.
        #[arg(long = "grant", value_name = "GRANT")]
        grants: Vec<String>,
        /// Give a one-time link by which they choose a password.
        #[arg(long, conflicts_with = "kind")]
        invite: bool,
        /// What it is: a person, a program, or a language model.
        #[arg(long, value_name = "KIND", value_parser = ["user", "service", "agent"], requires = "owner")]
        kind: Option<String>,
        /// Whose program or model it is; it never may do more than they.
        #[arg(long, value_name = "PERSON", requires = "kind")]
        owner: Option<String>,
    },
    /// Let nobody in under this name, for now.
    Disable {
        /// By name or id.
        user: String,
    },
    /// Let them in again.
    Enable {
        /// By name or id.
        user: String,
    },
    /// Take away password, second factor and sessions, and give a link to choose a new password.
    Reset {
        /// By name or id.
        user: String,
    },
    /// Say which roles somebody has from now on, and no others.
    Roles {
        /// By name or id.
        user: String,
        /// One or more roles; none takes all away.
        roles: Vec<String>,
    },
    /// Say which groups somebody is in from now on, and no others.
    Groups {
        /// By name or id.
        user: String,
        /// One or more groups; none takes all away.
        groups: Vec<String>,
    },
    /// Say what somebody is granted from now on, and nothing else; or show it.
    Grants {
        /// By name or id.
        user: String,
        /// `tenant:NAME`, `org:NAME` (`org:house` is every tenant) or `scope:TAG`.
        grants: Vec<String>,
        /// Take all away: what is left is the default tenant.
        #[arg(long, conflicts_with = "grants")]
        none: bool,
    },
    /// Send somebody away for good; their name stays theirs.
    Remove {
        /// By name or id.
        user: String,
    },
}

/// API keys: list, create, revoke.
#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    one: Option<NewKey>,
}

#[derive(Subcommand)]
enum NewKey {
    /// Make a key; its text is shown this once.
    Create {
        /// Whose it is, by name or id.
        #[arg(long, value_name = "PERSON")]
        user: String,
        /// What to call it in lists.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// How long it lives; for ever, if absent.
        #[arg(long, visible_alias = "expires", value_name = "SPAN", value_parser = span::parse)]
        ttl: Option<Duration>,
        /// An action that it is for, as `viewFleet` or `observe`; all that its owner may, if absent.
        #[arg(long = "scope", value_name = "ACTION")]
        scopes: Vec<String>,
    },
    /// Take a client's certificate as a program's key (mutual TLS); it is listed and revoked like one.
    Certify {
        /// The service account or agent, by name or id.
        #[arg(long, value_name = "PERSON")]
        user: String,
        /// What to call it in lists.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The one URI that the certificate is for, as `spiffe://example/ci`.
        #[arg(long, value_name = "URI")]
        uri: String,
        /// How long it counts; as long as the certificate is good, if absent.
        #[arg(long, visible_alias = "expires", value_name = "SPAN", value_parser = span::parse)]
        ttl: Option<Duration>,
        /// An action that it is for, as `viewFleet` or `observe`; all that its owner may, if absent.
        #[arg(long = "scope", value_name = "ACTION")]
        scopes: Vec<String>,
    },
    /// Make a key in place of another, for the same; the old one goes on for a while.
    Rotate {
        /// The old key's id.
        id: String,
        /// How long the old one goes on.
        #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "1d")]
        overlap: Duration,
    },
    /// Seal the server's secrets with another key from now on; asked again, it says how far that is.
    RotateSeal,
    /// Sign the log with another key from now on; the old one names it in the log, and is destroyed.
    RotateLog {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// End a key at once.
    Revoke {
        /// The key's id.
        id: String,
    },
}

impl Users {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "users"];
        match self.one {
            None => {
                let all = server.get(&path, &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "users").iter().map(|person| {
                        let state = if person["disabled"].as_bool() == Some(true) { "disabled" } else { "" };
                        vec![
                            field::shown(person, "id"),
                            field::shown(person, "name"),
                            field::shown(person, "roles"),
                            field::shown(person, "groups"),
                            state.to_owned(),
                        ]
                    });
                    screen.table(&["USER", "NAME", "ROLES", "GROUPS", "STATE"], rows.collect());
                });
            }
            Some(NewUser::Create { name, roles, groups, grants, invite, kind, owner }) => {
                let mut body = json!({ "name": name, "roles": roles, "groups": groups, "invite": invite });
                if !grants.is_empty() {
                    body["grants"] = grants.into();
                }
                if let (Some(kind), Some(owner)) = (kind, owner) {
                    (body["kind"], body["owner"]) = (kind.into(), owner.into());
                }
                let person = server.post(&path, &[], &body).await?;
                screen.either(&person, || {
                    screen.data(&field::shown(&person, "id"));
                    let name = field::shown(&person, "name");
                    screen.note(&format!("added `{name}`; a key: legatorctl keys create --user {name} --name NAME"));
                    link(screen, server, &person["link"]);
                });
            }
            Some(NewUser::Disable { user }) => change(server, screen, &user, json!({ "disabled": true })).await?,
            Some(NewUser::Enable { user }) => change(server, screen, &user, json!({ "disabled": false })).await?,
            Some(NewUser::Roles { user, roles }) => change(server, screen, &user, json!({ "roles": roles })).await?,
            Some(NewUser::Groups { user, groups }) => {
                change(server, screen, &user, json!({ "groups": groups })).await?
            }
            Some(NewUser::Grants { user, grants, none }) => {
                let change = (none || !grants.is_empty()).then_some(grants);
                tenants::grants(server, screen, &user, change).await?;
            }
            Some(NewUser::Reset { user }) => {
                let made = server.post(&["api", "v1", "users", &user, "reset"], &[], &json!({})).await?;
                screen.either(&made, || link(screen, server, &made));
            }
            Some(NewUser::Remove { user }) => {
                server.delete(&["api", "v1", "users", &user]).await?;
                screen.either(&json!({ "user": user, "removed": true }), || {
                    screen.note(&format!("sent `{}` away", clean::line(&user)))
                });
            }
        }
        Ok(Exit::OK)
    }
}

impl Keys {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "auth", "keys"];
        match self.one {
            None => {
                let all = server.get(&path, &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "keys").iter().map(|key| {
                        let expires = if key["revoked_at"].is_string() {
                            "revoked".to_owned()
                        } else {
                            field::time(key, "expires_at")
                        };
                        vec![
                            field::shown(key, "id"),
                            field::shown(key, "name"),
                            field::shown(key, "user"),
                            field::time(key, "created_at"),
                            expires,
                            field::shown(key, "certificate"),
                        ]
                    });
                    screen.table(&["KEY", "NAME", "USER", "CREATED", "EXPIRES", "CERTIFICATE"], rows.collect());
                });
            }
            Some(NewKey::Create { user, name, ttl, scopes }) => {
                let mut body = json!({ "user": user, "name": name });
                if let Some(ttl) = ttl {
                    body["expires_at"] = after(ttl)?;
                }
                if !scopes.is_empty() {
                    body["scopes"] = scopes.into();
                }
                let key = server.post(&path, &[], &body).await?;
                screen.either(&key, || {
                    screen.data(&field::shown(&key, "plain_key"));
                    screen.note(&format!("`{}`; it is not shown again", field::shown(&key, "id")));
                });
            }
            Some(NewKey::Certify { user, name, uri, ttl, scopes }) => {
                let mut body = json!({ "user": user, "name": name, "uri": uri });
                if let Some(ttl) = ttl {
                    body["expires_at"] = after(ttl)?;
                }
                if !scopes.is_empty() {
                    body["scopes"] = scopes.into();
                }
                let key = server.post(&["api", "v1", "auth", "certificates"], &[], &body).await?;
                screen.either(&key, || {
                    screen.data(&field::shown(&key, "id"));
                    let (uri, user) = (field::shown(&key, "certificate"), clean::line(&user));
                    screen.note(&format!("who shows a certificate of `{uri}` is `{user}`; end it with `keys revoke`"));
                });
            }
            Some(NewKey::Rotate { id, overlap }) => {
                let body = json!({ "overlap_s": overlap.as_secs() });
                let key = server.post(&["api", "v1", "auth", "keys", &id, "rotate"], &[], &body).await?;
                screen.either(&key, || {
                    screen.data(&field::shown(&key, "plain_key"));
                    screen.note(&format!("`{}`; it is not shown again", field::shown(&key, "id")));
                });
            }
            Some(NewKey::RotateSeal) => {
                let turn = server.post(&["api", "v1", "server", "seal-key", "rotate"], &[], &json!({})).await?;
                screen.either(&turn, || {
                    let n_anew = field::number(&turn, "sealed_anew");
                    screen.note(&format!("{n_anew} secrets were sealed anew"));
                    match turn["turning"].as_bool() {
                        Some(true) => screen.note("the old key is kept for a minute more, and goes by itself"),
                        _ => screen.note("nothing is sealed with an old key"),
                    }
                });
            }
            Some(NewKey::RotateLog { yes }) => rotate_log(server, screen, yes).await?,
            Some(NewKey::Revoke { id }) => {
                server.delete(&["api", "v1", "auth", "keys", &id]).await?;
                screen.either(&json!({ "id": id, "revoked": true }), || {
                    screen.note(&format!("revoked `{}`", clean::line(&id)))
                });
            }
        }
        Ok(Exit::OK)
    }
}

/// Turns the key that was looked at, and no other.
async fn rotate_log(server: &Server, screen: Screen, yes: bool) -> Result<(), Failure> {
    let head = server.get(&["api", "v1", "audit", "checkpoint"], &[]).await?;
    let old = field::text(&head, "verifier");
    let question = format!("Turn the log's key `{}`? Its private half is destroyed.", clean::line(old));
    if !yes && !screen::confirm(&question)? {
        return Err(Failure::Local("nothing was turned".to_owned()));
    }
    let turned = server.post(&["api", "v1", "server", "log-key", "rotate"], &[], &json!({ "expect": old })).await?;
    screen.either(&turned, || {
        screen.data(&field::shown(&turned, "verifier"));
        let index = field::number(&turned, "size").saturating_sub(1);
        screen
            .note(&format!("entry {index} names it, signed by the old key and the new one; the old one is destroyed"));
        screen.note("whoever keeps the log's key follows by themselves: legatorctl audit verify");
    });
    Ok(())
}

async fn change(server: &Server, screen: Screen, user: &str, change: Value) -> Result<(), Failure> {
    let person = server.patch(&["api", "v1", "users", user], &change).await?;
    screen.either(&person, || {
        let state = if person["disabled"].as_bool() == Some(true) { "disabled" } else { "enabled" };
        let (name, roles, groups) =
            (field::shown(&person, "name"), field::shown(&person, "roles"), field::shown(&person, "groups"));
        screen.note(&format!("`{name}` is {state}, has the roles ({roles}) and is in the groups ({groups})"));
    });
    Ok(())
}

/// A one-time link, with the server's address in front.
fn link(screen: Screen, server: &Server, link: &Value) {
    if let Some(path) = link["path"].as_str() {
        screen.data(&format!("{}{}", server.address(), clean::line(path)));
        screen.note("they choose a password there; the link works once and is not shown again");
    }
}

fn after(ttl: Duration) -> Result<Value, Failure> {
    let end = chrono::Duration::from_std(ttl).ok().and_then(|ttl| clock::now().checked_add_signed(ttl));
    let end = end.ok_or_else(|| {
        Failure::Usage("`--ttl` leads beyond the calendar; leave it out for a key without an end".to_owned())
    })?;
    Ok(end.to_rfc3339_opts(SecondsFormat::Millis, true).into())
}
