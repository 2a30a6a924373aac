//! Enrollment tokens, and the exact line that a machine enrolls with.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;
use crate::span;

/// Enrollment tokens: list, create, revoke.
#[derive(Args)]
pub struct Tokens {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// Make a token; its text is shown this once.
    Create(Create),
    /// End a token at once.
    Revoke {
        /// The token's id.
        id: String,
    },
}

#[derive(Args)]
struct Create {
    /// Given to every probe that enrolls with it; may be given several times.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// How often it can be used.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "many", value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
    /// It can be used any number of times.
    #[arg(long)]
    many: bool,
    /// How long it lives.
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "1h")]
    ttl: Duration,
    /// Only this probe may enroll again with it.
    #[arg(long, value_name = "PROBE")]
    probe: Option<String>,
    /// The site of every probe that enrolls with it.
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// What to call it in lists.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

impl Tokens {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let all = server.get(&["api", "v1", "tokens"], &[]).await?;
                screen.either(&all, || list(screen, &all));
            }
            Some(One::Create(create)) => {
                let token = server.post(&["api", "v1", "tokens"], &[], &create.body()).await?;
                screen.either(&token, || minted(screen, &token, server.address()));
            }
            Some(One::Revoke { id }) => {
                server.delete(&["api", "v1", "tokens", &id]).await?;
                screen.either(&json!({ "id": id, "revoked": true }), || {
                    screen.note(&format!("revoked `{}`", clean::line(&id)))
                });
            }
        }
        Ok(Exit::OK)
    }
}

impl Create {
    fn body(&self) -> Value {
        let mut body = json!({
            "name": self.name,
            "tags": self.tags,
            "max_uses": (!self.many).then_some(self.uses),
            "ttl_s": self.ttl.as_secs(),
        });
        for (name, text) in [("probe", &self.probe), ("site", &self.site)] {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        body
    }
}

fn minted(screen: Screen, token: &Value, address: &str) {
    let text = field::shown(token, "token");
    screen.data(&text);
    screen.note(&format!(
        "`{}`, until {}; it is not shown again. On the machine:",
        field::shown(token, "id"),
        field::time(token, "expires_at")
    ));
    screen.note(&format!("  legator-probe init --server {} --token {text}", clean::line(address)));
}

fn list(screen: Screen, all: &Value) {
    let rows = field::list(all, "tokens").iter().map(|token| {
        let most = token["max_uses"].as_u64().map_or("any".to_owned(), |most| most.to_string());
        let state =
            if token["revoked_at"].is_string() { "revoked".to_owned() } else { field::time(token, "expires_at") };
        vec![
            field::shown(token, "id"),
            field::shown(token, "name"),
            field::shown(token, "tags"),
            format!("{}/{most}", field::number(token, "uses")),
            field::shown(token, "probe"),
            state,
        ]
    });
    screen.table(&["TOKEN", "NAME", "TAGS", "USES", "PROBE", "EXPIRES"], rows.collect());
}
