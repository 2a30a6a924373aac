//! What people agreed to ahead: asked for, listed, and ended.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::span;

/// What people agreed to ahead: list, ask, end.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Grants {
    #[command(subcommand)]
    one: Option<One>,
}

#[derive(Subcommand)]
enum One {
    /// Ask people to agree ahead to commands of one pattern.
    Ask(Ask),
    /// A grant in full, with the policy that people read.
    Show {
        /// The grant's id.
        id: String,
    },
    /// End a grant, or a wish for one.
    Revoke {
        /// The grant's id.
        id: String,
        /// Why.
        #[arg(long, value_name = "WHY")]
        reason: String,
    },
}

#[derive(Args)]
struct Ask {
    /// A probe, or every probe with a tag: `tag:prod`.
    target: String,
    /// Every program of a command has to be one of these; may be given several times.
    #[arg(long = "program", value_name = "PROGRAM", required = true)]
    programs: Vec<String>,
    /// Every effect of a command has to be one of these; any, if absent.
    #[arg(long = "effect", value_name = "EFFECT")]
    effects: Vec<String>,
    /// The command as a person would type it; `*` is any text.
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    /// The highest level: observe, diagnose, remediate.
    #[arg(long, value_name = "LEVEL", default_value = "remediate")]
    level: String,
    /// For how long, from people's agreement on.
    #[arg(long = "for", value_name = "SPAN", value_parser = span::parse)]
    long: Duration,
    /// How often at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// Whose commands, by id or name; mine, if absent.
    #[arg(long, value_name = "PERSON")]
    principal: Option<String>,
    /// What it is for; approvers read it.
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Show what it would come to, and ask nobody.
    #[arg(long)]
    preview: bool,
}

impl Grants {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            None => {
                let all = server.get(&["api", "v1", "grants"], &[]).await?;
                screen.either(&all, || list(screen, &all));
            }
            Some(One::Ask(ask)) if ask.preview => {
                let seen = server.post(&["api", "v1", "grants", "preview"], &[], &ask.body()).await?;
                screen.either(&seen, || preview(screen, &seen));
            }
            Some(One::Ask(ask)) => {
                let grant = server.post(&["api", "v1", "grants"], &[], &ask.body()).await?;
                screen.either(&grant, || {
                    screen.data(&field::shown(&grant, "id"));
                    screen.note(&format!(
                        "{}people are asked in `{}`",
                        word("pending"),
                        field::shown(&grant, "approval")
                    ));
                });
            }
            Some(One::Show { id }) => {
                let grant = server.get(&["api", "v1", "grants", &id], &[]).await?;
                screen.either(&grant, || show(screen, &grant));
            }
            Some(One::Revoke { id, reason }) => {
                let path = ["api", "v1", "grants", &id, "revoke"];
                let grant = server.post(&path, &[], &json!({ "reason": reason })).await?;
                screen.either(&grant, || screen.note(&format!("revoked `{}`", field::shown(&grant, "id"))));
            }
        }
        Ok(Exit::OK)
    }
}

impl Ask {
    fn body(&self) -> Value {
        let mut body = json!({
            "level": self.level, "programs": self.programs, "effects": self.effects, "for_s": self.long.as_secs(),
            "uses": self.uses, "reason": self.reason,
        });
        match self.target.strip_prefix("tag:") {
            Some(tag) => body["tag"] = tag.into(),
            None => body["probe"] = self.target.as_str().into(),
        }
        for (name, text) in [("line", &self.line), ("principal", &self.principal)] {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        body
    }
}

fn list(screen: Screen, all: &Value) {
    let rows = field::list(all, "grants").iter().map(|grant| {
        let said = |name: &str| field::shown(grant, name);
        let uses = grant["uses"].as_u64().map_or_else(|| said("used"), |most| format!("{}/{most}", said("used")));
        vec![
            said("id"),
            said("state"),
            said("principal_name"),
            said("place"),
            said("programs"),
            said("line"),
            uses,
            field::time(grant, "until"),
        ]
    });
    screen.table(&["GRANT", "STATE", "WHO", "WHERE", "PROGRAMS", "LINE", "USED", "UNTIL"], rows.collect());
}

fn preview(screen: Screen, seen: &Value) {
    screen.data(&clean::lines(field::text(seen, "policy")));
    let names: Vec<String> = field::list(seen, "hosts").iter().map(|host| field::shown(host, "name")).collect();
    screen.note(&format!("{} hosts now: {}", field::number(seen, "n_hosts"), names.join(", ")));
    let why = field::shown(seen, "why");
    match seen["approvals"].as_u64() {
        Some(n) => screen.note(&format!("{n} people would have to agree: {why}")),
        None => screen.note(&format!("{}policy refuses it: {why}", word("denied"))),
    }
}

fn show(screen: Screen, grant: &Value) {
    let said = |name: &str| field::shown(grant, name);
    screen.facts(&[
        ("grant", said("id")),
        ("state", said("state")),
        ("request", said("approval")),
        ("who", format!("{} ({})", said("principal_name"), said("principal"))),
        ("where", said("place")),
        ("level", said("level")),
        ("programs", said("programs")),
        ("effects", said("effects")),
        ("line", said("line")),
        ("reason", said("reason")),
        ("asked by", said("requester_name")),
        ("agreed", said("agreed")),
        ("used", said("used")),
        ("until", field::time(grant, "until")),
        ("ended", said("ended_why")),
    ]);
    screen.data("");
    for line in field::text(grant, "policy").lines() {
        screen.data(&crate::clean::line(line));
    }
}
