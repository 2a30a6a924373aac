//! Commands that passed because the glass was broken, and the look back at them.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::{Screen, word};
use crate::server::Server;

/// Broken glass: what waits for a review.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Breakglass {
    #[command(subcommand)]
    one: Option<One>,
    /// Also what has been reviewed.
    #[arg(long)]
    all: bool,
}

#[derive(Subcommand)]
enum One {
    /// Say whether it was right. Nobody reviews themselves.
    Review {
        /// The command.
        command: String,
        #[arg(long, value_enum)]
        verdict: Verdict,
        /// Why.
        #[arg(long, value_name = "WHY")]
        note: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Verdict {
    Justified,
    Unjustified,
}

impl Breakglass {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        if let Some(One::Review { command, verdict, note }) = self.one {
            let verdict = match verdict {
                Verdict::Justified => "justified",
                Verdict::Unjustified => "unjustified",
            };
            let body = json!({ "verdict": verdict, "note": note });
            let done = server.post(&["api", "v1", "breakglass", &command, "review"], &[], &body).await?;
            screen.either(&done, || screen.note(&format!("{}{verdict}", word("ok"))));
            return Ok(Exit::OK);
        }
        let unreviewed = if self.all { "false" } else { "true" };
        let found = server.get(&["api", "v1", "breakglass"], &[("unreviewed", unreviewed)]).await?;
        screen.either(&found, || {
            let rows = field::list(&found, "breaks").iter().map(|one| {
                let said = |name: &str| field::shown(one, name);
                let review = match &one["review"] {
                    Value::Null => "open".to_owned(),
                    review => format!("{} ({})", field::shown(review, "verdict"), field::shown(review, "name")),
                };
                vec![
                    said("command"),
                    field::time(one, "at"),
                    said("person_name"),
                    said("probe_name"),
                    said("line"),
                    said("reason"),
                    review,
                ]
            });
            screen.table(&["COMMAND", "AT", "WHO", "PROBE", "LINE", "WHY", "REVIEW"], rows.collect());
        });
        Ok(Exit::OK)
    }
}
