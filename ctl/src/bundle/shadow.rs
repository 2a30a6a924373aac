//! `bundle shadow`: a candidate that decides beside the live bundle on the server.

use clap::{Args, Subcommand};
use legator_engine::replay::Tally;
use serde_json::Value;

use super::budget::{self, BudgetArgs};
use super::candidate::Candidate;
use super::replay::{listed, tallied};
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

const PATH: [&str; 4] = ["api", "v1", "bundles", "shadow"];

/// Let a bundle decide beside the live one, and see where it differs.
#[derive(Args)]
pub struct Shadow {
    #[command(subcommand)]
    one: One,
}

#[derive(Subcommand)]
enum One {
    /// Let it decide from now on, in place of one that did.
    Start(Start),
    /// What it would have changed so far.
    Status(Status),
    /// End it. What it counted stands in the audit log.
    Stop,
}

#[derive(Args)]
struct Start {
    #[command(flatten)]
    candidate: Candidate,
    /// Listen only to commands, or only to operations of the API.
    #[arg(long, value_name = "WHAT", value_parser = ["commands", "operations"])]
    of: Option<String>,
}

#[derive(Args)]
struct Status {
    /// List so many of the newest differences.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    list: u32,
    /// Only list differences of this kind: `newly-allowed`, `newly-denied`, …
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    #[command(flatten)]
    budget: BudgetArgs,
}

impl Shadow {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.one {
            One::Start(Start { candidate, of }) => {
                let mut body = candidate.body()?;
                body.extend(of.map(|of| ("of".to_owned(), of.into())));
                let started = server.post(&PATH, &[], &Value::Object(body)).await?;
                screen.either(&started, || {
                    screen.data(&format!(
                        "{}{} decides in the shadow",
                        word("ok"),
                        field::shown(&started, "candidate")
                    ));
                });
                Ok(Exit::OK)
            }
            One::Status(status) => status.obey(server, screen).await,
            One::Stop => {
                server.delete(&PATH).await?;
                screen.either(&serde_json::json!({ "on": false }), || {
                    screen.data(&format!("{}nothing decides in the shadow", word("ok")));
                });
                Ok(Exit::OK)
            }
        }
    }
}

impl Status {
    async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let limit = self.list.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.kind.as_deref().map(|kind| ("kind", kind)));
        let mut shadow = server.get(&PATH, &query).await?;
        let tally: Tally =
            serde_json::from_value(shadow["tally"].clone()).map_err(|fault| Failure::Answer(fault.to_string()))?;
        let overruns = self.budget.overruns(&tally);
        shadow["budget"] = budget::document(&overruns);
        screen.either(&shadow, || {
            screen.facts(&[
                ("candidate", field::shown(&shadow, "candidate")),
                ("of", field::shown(&shadow, "of")),
                ("since", field::time(&shadow, "started_at")),
                ("by", field::shown(&shadow, "actor")),
                ("no time for", field::shown(&shadow, "dropped")),
                ("gave up on", field::shown(&shadow, "gave_up")),
            ]);
            tallied(screen, &tally);
            listed(screen, field::list(&shadow, "differences"));
        });
        Ok(budget::settle(screen, &overruns))
    }
}
