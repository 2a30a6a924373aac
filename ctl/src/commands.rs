//! Commands: list, look, stop.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::field;
use crate::follow::ended_line;
use crate::screen::{Screen, plain_word, word};
use crate::server::Server;

/// Commands: list, look.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Commands {
    #[command(subcommand)]
    one: Option<One>,
    /// Only those in this state: `held`, `queued`, `running`, `succeeded`, `failed`, …
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only those of this probe, by name or id.
    #[arg(long, value_name = "PROBE")]
    probe: Option<String>,
    /// Only those of one ask to a tag.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

#[derive(Subcommand)]
enum One {
    /// A command with its output.
    Show {
        /// The command.
        id: String,
    },
}

/// Stop a command.
#[derive(Args)]
pub struct Cancel {
    /// The command.
    id: String,
    /// Why; it is recorded.
    #[arg(long, value_name = "WHY", default_value = "")]
    reason: String,
}

impl Commands {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        if let Some(One::Show { id }) = self.one {
            let command = server.get(&["api", "v1", "commands", &id], &[("output", "true")]).await?;
            screen.either(&command, || show(screen, &command));
            return Ok(Exit::OK);
        }
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        let narrow = [("state", &self.state), ("probe", &self.probe), ("group", &self.group)];
        query.extend(narrow.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let page = server.get(&["api", "v1", "commands"], &query).await?;
        screen.either(&page, || {
            let rows = field::list(&page, "commands").iter().map(|command| {
                vec![
                    field::shown(command, "id"),
                    plain_word(field::text(command, "state")),
                    field::shown(command, "probe_name"),
                    field::shown(command, "level"),
                    field::shown(command, "line"),
                    field::shown(command, "requester_name"),
                    field::time(command, "created_at"),
                ]
            });
            screen.table(&["COMMAND", "STATE", "PROBE", "LEVEL", "LINE", "REQUESTER", "CREATED"], rows.collect());
        });
        Ok(Exit::OK)
    }
}

impl Cancel {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "commands", &self.id, "cancel"];
        let after = server.post(&path, &[], &json!({ "reason": self.reason })).await?;
        let state = field::text(&after, "state");
        screen.either(&after, || {
            let said = if state == "canceled" { "" } else { "until its probe has stopped it" };
            screen.note(format!("{}{said}", word(state)).trim_end());
        });
        Ok(Exit::OK)
    }
}

fn show(screen: Screen, command: &Value) {
    let said = |name: &str| field::shown(command, name);
    let summary = field::shown(&command["decision"]["rationale"], "summary");
    screen.facts(&[
        ("command", said("id")),
        ("state", if command["ended"] == true { ended_line(command) } else { said("state") }),
        ("line", said("line")),
        ("level", said("level")),
        ("probe", format!("{} ({})", said("probe_name"), said("probe"))),
        ("requester", format!("{} ({})", said("requester_name"), said("requester"))),
        ("reason", said("reason")),
        ("decision", summary),
        ("approval", said("approval")),
        ("created", field::time(command, "created_at")),
        ("expires", field::time(command, "expires_at")),
        ("started", field::time(command, "started_at")),
        ("ended", field::time(command, "ended_at")),
    ]);
    for stream in ["stdout", "stderr"] {
        let text = field::text(command, stream);
        if !text.is_empty() {
            screen.data(&format!("\n{stream}:"));
            screen.data(&crate::clean::lines(text.strip_suffix('\n').unwrap_or(text)));
        }
    }
}
