//! The rules that decide, read from a server.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;

/// The policies that decide: list, look, reload.
#[derive(Args)]
pub struct Policies {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// One policy with its text.
    Show {
        /// Its `@id`.
        id: String,
    },
    /// Have the server read its folder again now.
    Reload,
}

impl Policies {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let bundle = server.get(&["api", "v1", "policies"], &[]).await?;
                screen.either(&bundle, || list(screen, &bundle));
            }
            Some(One::Show { id }) => {
                let policy = server.get(&["api", "v1", "policies", &id], &[]).await?;
                screen.either(&policy, || {
                    screen.note(&format!("{}:{}", field::shown(&policy, "file"), field::number(&policy, "line")));
                    screen.data(&clean::lines(field::text(&policy, "source")));
                });
            }
            Some(One::Reload) => {
                let after = server.post(&["api", "v1", "policies", "reload"], &[], &Value::Null).await?;
                screen.either(&after, || {
                    let said = if after["changed"] == true { "now decides" } else { "decides already" };
                    screen.note(&format!("revision {} {said}", field::shown(&after, "revision")));
                });
            }
        }
        Ok(Exit::OK)
    }
}

fn list(screen: Screen, bundle: &Value) {
    let rows = field::list(bundle, "policies").iter().map(|policy| {
        vec![
            field::shown(policy, "id"),
            field::shown(policy, "effect"),
            format!("{}:{}", field::shown(policy, "file"), field::number(policy, "line")),
            field::shown(policy, "rationale"),
        ]
    });
    screen.table(&["POLICY", "EFFECT", "PLACE", "RATIONALE"], rows.collect());
    screen.note(&format!("revision {} from {}", field::shown(bundle, "revision"), field::shown(bundle, "source")));
    for fault in field::list(bundle, "faults") {
        screen.note(&format!(
            "refused: {}:{}: {}",
            field::shown(fault, "file"),
            field::number(fault, "line"),
            field::shown(fault, "message")
        ));
    }
}
