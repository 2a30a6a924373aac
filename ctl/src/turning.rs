//! Turning probes' keys: one, those with a tag, or all, with a look at how far they are.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::bundle::progress::Bar;
use crate::clean;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{self, Screen};
use crate::server::Server;
use crate::span;

const LOOK: Duration = Duration::from_millis(500);

/// Give probes another key, without enrolling them anew.
#[derive(Args)]
#[command(
    after_help = "The probe agrees with the server on a key that neither the network nor a recording of it can know, keeps it \
    beside its own, and opens its next session with it; then the old one is nothing any more. What runs goes on.\n\n\
    A probe that is away is asked when it comes back; `legatorctl probes keys` shows what is waited for."
)]
pub struct RotateKey {
    /// A probe by name or id, or `tag:TAG`.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    target: Option<String>,
    /// Every probe that you manage.
    #[arg(long)]
    all: bool,
    /// How long to look on; `0s` asks and goes.
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "30s")]
    wait: Duration,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// How probes' keys stand, those first whose turn is under way.
#[derive(Args)]
pub struct Keys {
    /// Only those with this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only those whose turn is under way.
    #[arg(long)]
    pending: bool,
}

impl RotateKey {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let target = self.target.as_deref().unwrap_or_default();
        let tag = target.strip_prefix("tag:");
        if self.all && !self.yes && !screen::confirm("Give every probe that you manage another key?")? {
            return Err(Failure::Local("nothing was turned".to_owned()));
        }
        let asked = match (self.all, tag) {
            (false, None) => {
                let one = server.post(&["api", "v1", "probes", target, "rotate-key"], &[], &json!({})).await?;
                vec![one]
            }
            (all, tag) => {
                let of = tag.map_or_else(|| json!({ "all": all }), |tag| json!({ "tag": tag }));
                let several = server.post(&["api", "v1", "fleet", "rotate-keys"], &[], &of).await?;
                field::list(&several, "probes").to_vec()
            }
        };
        if asked.is_empty() {
            return Err(Failure::Local("there is no such probe whose key you may turn".to_owned()));
        }
        let now = self.look_on(server, screen, tag, asked).await?;
        let settled = now.iter().filter(|key| is_settled(key)).count();
        screen.either(&json!({ "probes": now, "turned": settled, "pending": now.len() - settled }), || {
            screen.note(&format!("{settled} of {} have another key", now.len()));
            for key in now.iter().filter(|key| !is_settled(key)) {
                let why = key["why"].as_str().map_or_else(|| "it is under way".to_owned(), clean::line);
                screen.note(&format!("  `{}`: {why}", field::shown(key, "name")));
            }
        });
        Ok(Exit::OK)
    }

    /// Follows the turns, until there is nothing to wait for but probes that are away or cannot.
    async fn look_on(
        &self,
        server: &Server,
        screen: Screen,
        tag: Option<&str>,
        asked: Vec<Value>,
    ) -> Result<Vec<Value>, Failure> {
        let (bar, mut now, end) = (Bar::new(screen, "keys turned"), asked, clock::now() + self.wait);
        loop {
            let settled = now.iter().filter(|key| is_settled(key)).count();
            bar.at(settled, now.len());
            // What is under way and has nothing to say needs a moment; the rest needs somebody.
            let moving = now.iter().any(|key| !is_settled(key) && (key["why"].is_null() || key["state"] == "kept"));
            if !moving || clock::now() >= end {
                return Ok(now);
            }
            tokio::time::sleep(LOOK).await;
            let fresh = match now.as_slice() {
                [one] => {
                    let probe = field::text(one, "probe").to_owned();
                    vec![server.get(&["api", "v1", "probes", &probe, "key"], &[]).await?]
                }
                _ => list(server, tag, false).await?,
            };
            for key in &mut now {
                if let Some(found) = fresh.iter().find(|found| found["probe"] == key["probe"]) {
                    *key = found.clone();
                }
            }
        }
    }
}

impl Keys {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let keys = list(server, self.tag.as_deref(), self.pending).await?;
        screen.either(&json!({ "probes": keys }), || {
            let rows = keys.iter().map(|key| {
                let said = |name| field::shown(key, name);
                vec![said("name"), said("state"), field::time(key, "turned_at"), said("asked_by"), said("why")]
            });
            screen.table(&["NAME", "KEY", "TURNED", "ASKED BY", "WAITS FOR"], rows.collect());
        });
        Ok(Exit::OK)
    }
}

async fn list(server: &Server, tag: Option<&str>, pending: bool) -> Result<Vec<Value>, Failure> {
    let pending = pending.to_string();
    let mut query = vec![("pending", pending.as_str())];
    query.extend(tag.map(|tag| ("tag", tag)));
    let all = server.get(&["api", "v1", "fleet", "keys"], &query).await?;
    Ok(field::list(&all, "probes").to_vec())
}

fn is_settled(key: &Value) -> bool {
    key["state"] == "settled"
}
