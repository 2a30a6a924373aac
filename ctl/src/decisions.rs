//! What was asked of the API, and what the access policies said.

use clap::Args;
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::field;
use crate::rationale;
use crate::screen::{Screen, plain_word};
use crate::server::Server;
use crate::span;

/// Operations that were asked of the API, newest first: each once an hour, with how often.
#[derive(Args)]
pub struct Decisions {
    /// Only what was judged of this person or program, by name.
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Only this operation: `manageUsers`, `readAudit`, …
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what ended so.
    #[arg(long, value_name = "OUTCOME", value_parser = ["allow", "hold", "deny"])]
    outcome: Option<String>,
    /// From then on: a span before now (`30d`, `12h`) or a time (RFC 3339).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Before then; now if absent.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// The newest so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl Decisions {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let (since, until) = (span::said(self.since.as_deref())?, span::said(self.until.as_deref())?);
        let limit = self.limit.to_string();
        let narrow = [
            ("principal", &self.principal),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("since", &since),
            ("until", &until),
        ];
        let mut query = vec![("limit", limit.as_str())];
        query.extend(narrow.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let page = server.get(&["api", "v1", "decisions", "operations"], &query).await?;
        screen.either(&page, || {
            let rows: Vec<_> = field::list(&page, "operations").iter().map(row).collect();
            if rows.is_empty() {
                return screen.note("nothing of the kind was asked");
            }
            screen.table(&["DECISION", "OUTCOME", "OPERATION", "WHO", "TIMES", "FIRST", "LAST"], rows);
        });
        Ok(Exit::OK)
    }
}

fn row(asked: &Value) -> Vec<String> {
    vec![
        field::shown(asked, "id"),
        plain_word(field::text(asked, "outcome")),
        field::shown(asked, "action"),
        field::shown(asked, "principal"),
        field::number(asked, "times").to_string(),
        field::time(asked, "at"),
        field::time(asked, "last_at"),
    ]
}

/// Whether this is the id of one of them, and not of a command.
pub fn is_one(id: &str) -> bool {
    id.starts_with("opn_")
}

/// Why an operation was let through, held or refused.
pub async fn explain(id: &str, facts: bool, server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let explained = server.get(&["api", "v1", "decisions", "operations", id], &[]).await?;
    screen.either(&explained, || {
        let said = |name: &str| field::shown(&explained, name);
        screen.data(&format!("{}  {} by {}", said("id"), said("action"), said("principal")));
        screen.data(&format!("\nasked {} times from {}", said("times"), field::time(&explained, "at")));
        rationale::explain(screen, &explained);
        if facts {
            screen.data(&crate::clean::lines(&format!("{:#}", explained["facts"])));
        }
    });
    Ok(Exit::OK)
}
