//! Who I am and what I may do, my sessions, and what roles mean.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// My sessions: list, end.
#[derive(Args)]
pub struct Sessions {
    #[command(subcommand)]
    one: Option<OneSession>,
}

#[derive(Subcommand)]
enum OneSession {
    /// End one.
    End {
        /// The session's id.
        id: String,
    },
    /// End all but the one that asks.
    EndOthers,
}

impl Sessions {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "auth", "sessions"];
        match self.one {
            None => {
                let all = server.get(&path, &[]).await?;
                screen.either(&all, || {
                    let rows = field::list(&all, "sessions").iter().map(|session| {
                        let current = if session["current"].as_bool() == Some(true) { "this one" } else { "" };
                        vec![
                            field::shown(session, "id"),
                            current.to_owned(),
                            field::shown(session, "address"),
                            field::shown(session, "agent"),
                            field::time(session, "last_seen_at"),
                            field::time(session, "idle_expires_at"),
                        ]
                    });
                    screen.table(&["SESSION", "", "ADDRESS", "AGENT", "LAST SEEN", "ENDS"], rows.collect());
                });
            }
            Some(OneSession::End { id }) => {
                server.delete(&["api", "v1", "auth", "sessions", &id]).await?;
                screen.either(&json!({ "id": id, "ended": true }), || {
                    screen.note(&format!("ended `{}`", clean::line(&id)))
                });
            }
            Some(OneSession::EndOthers) => {
                server.delete(&path).await?;
                screen.either(&json!({ "ended": true }), || screen.note("ended every other session"));
            }
        }
        Ok(Exit::OK)
    }
}

pub async fn whoami(server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let me = server.get(&["api", "v1", "me"], &[]).await?;
    screen.either(&me, || {
        let said = |name: &str| field::shown(&me, name);
        let second = if me["mfa"].as_bool() == Some(true) { "given" } else { "not given" };
        screen.facts(&[
            ("name", said("name")),
            ("id", said("id")),
            ("kind", said("kind")),
            ("owner", said("owner")),
            ("roles", said("roles")),
            ("groups", said("groups")),
            ("grants", said("grants")),
            ("second factor", second.to_owned()),
            ("key", said("key")),
            ("scopes", said("scopes")),
            ("session ends", field::time(&me["session"], "idle_expires_at")),
            ("may", said("permissions")),
        ]);
    });
    Ok(Exit::OK)
}

pub async fn roles(server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let all = server.get(&["api", "v1", "roles"], &[]).await?;
    screen.either(&all, || {
        let rows = field::list(&all, "roles").iter().map(|role| {
            let agents = field::shown(role, "agent_permissions");
            let people = field::shown(role, "permissions");
            let agents = if agents == people { "the same".to_owned() } else { agents };
            vec![field::shown(role, "name"), people, agents]
        });
        screen.table(&["ROLE", "A PERSON MAY", "AN AGENT MAY"], rows.collect());
    });
    Ok(Exit::OK)
}
