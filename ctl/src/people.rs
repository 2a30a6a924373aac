//! People and their API keys.

use std::time::Duration;

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;
use crate::span;

/// People: list, create.
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
        #[arg(long, value_name = "SPAN", value_parser = span::parse)]
        ttl: Option<Duration>,
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
            Some(NewUser::Create { name, roles, groups }) => {
                let person =
                    server.post(&path, &[], &json!({ "name": name, "roles": roles, "groups": groups })).await?;
                screen.either(&person, || {
                    screen.data(&field::shown(&person, "id"));
                    let name = field::shown(&person, "name");
                    screen.note(&format!("added `{name}`; a key: legatorctl keys create --user {name} --name NAME"));
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
                        ]
                    });
                    screen.table(&["KEY", "NAME", "USER", "CREATED", "EXPIRES"], rows.collect());
                });
            }
            Some(NewKey::Create { user, name, ttl }) => {
                let mut body = json!({ "user": user, "name": name });
                if let Some(ttl) = ttl {
                    body["expires_at"] = after(ttl)?;
                }
                let key = server.post(&path, &[], &body).await?;
                screen.either(&key, || {
                    screen.data(&field::shown(&key, "plain_key"));
                    screen.note(&format!("`{}`; it is not shown again", field::shown(&key, "id")));
                });
            }
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

fn after(ttl: Duration) -> Result<Value, Failure> {
    let end = chrono::Duration::from_std(ttl).ok().and_then(|ttl| clock::now().checked_add_signed(ttl));
    let end = end.ok_or_else(|| {
        Failure::Usage("`--ttl` leads beyond the calendar; leave it out for a key without an end".to_owned())
    })?;
    Ok(end.to_rfc3339_opts(SecondsFormat::Millis, true).into())
}
