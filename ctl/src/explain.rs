//! Why: every judgement of a command, or of one that was not asked for.

use clap::Args;
use serde_json::Value;

use crate::decisions;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::rationale;
use crate::run::What;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Say why a command, or an operation of the API, was allowed, held, queued or denied.
#[derive(Args)]
pub struct Explain {
    /// The command, or the decision that `decisions` lists.
    id: String,
    /// Also the facts that each judgement was based on.
    #[arg(long)]
    facts: bool,
}

/// Say what would be decided, without any of it happening.
#[derive(Args)]
pub struct Simulate {
    /// A probe by name or id.
    probe: String,
    #[command(flatten)]
    what: What,
}

impl Explain {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        if decisions::is_one(&self.id) {
            return decisions::explain(&self.id, self.facts, server, screen).await;
        }
        let explained = server.get(&["api", "v1", "commands", &self.id, "explain"], &[]).await?;
        screen.either(&explained, || {
            screen.data(&format!("{}  {}", field::shown(&explained, "command"), field::shown(&explained, "line")));
            let judgements = field::list(&explained, "decisions");
            for (n, judgement) in judgements.iter().enumerate() {
                screen.data(&format!(
                    "\njudgement {} of {}, {}",
                    n + 1,
                    judgements.len(),
                    field::time(judgement, "at")
                ));
                rationale::explain(screen, judgement);
                if self.facts {
                    screen.data(&crate::clean::lines(&format!("{:#}", judgement["facts"])));
                }
            }
        });
        Ok(Exit::OK)
    }
}

impl Simulate {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "probes", &self.probe, "command", "simulate"];
        let simulated = server.post(&path, &[], &self.what.body()).await?;
        screen.either(&simulated, || {
            screen.data(&field::shown(&simulated, "line"));
            rationale::explain(screen, &simulated);
        });
        Ok(exit_of(&simulated))
    }
}

/// What the command would end with, if it were only asked for.
fn exit_of(simulated: &Value) -> Exit {
    match field::text(simulated, "outcome") {
        "allow" => Exit::OK,
        "hold" => Exit::HELD,
        "queue" => Exit::QUEUED,
        _ => Exit::DENIED,
    }
}

/// The first line of a judgement.
pub fn headline(judgement: &Value) -> String {
    format!("{}{}", word(field::text(judgement, "outcome")), field::shown(judgement, "summary"))
}
