//! What people arrange around votes: talk, standing in for each other, and how they decide.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::screen::Screen;
use crate::server::Server;
use crate::span;

/// Say something about a request.
#[derive(Args)]
pub struct Comment {
    /// The request or its command.
    pub id: String,
    /// What to say.
    pub text: String,
    /// The comment that it answers.
    #[arg(long, value_name = "COMMENT")]
    pub reply_to: Option<String>,
}

/// Votes that are handed on for a while.
#[derive(Subcommand)]
pub enum Delegations {
    /// Hand on my votes. Of the two of us there is one voice.
    To {
        /// Who stands in; policy has to let them vote themselves.
        person: String,
        /// For how long.
        #[arg(long = "for", value_name = "SPAN", value_parser = span::parse)]
        long: Duration,
        /// Why; others see it.
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
    },
    /// Who stands in for whom.
    List {
        /// Also what is over.
        #[arg(long)]
        all: bool,
    },
    /// End a delegation that I made, or by which I stand in.
    End {
        /// The delegation's id.
        id: String,
    },
}

impl Comment {
    pub async fn obey(self, server: &Server, request: &Value, screen: Screen) -> Result<Exit, Failure> {
        let mut body = json!({ "text": self.text });
        if let Some(other) = self.reply_to {
            body["reply_to"] = other.into();
        }
        let path = ["api", "v1", "approvals", field::text(request, "id"), "comments"];
        let made = server.post(&path, &[], &body).await?;
        screen.either(&made, || screen.data(&field::shown(&made, "id")));
        Ok(Exit::OK)
    }
}

/// What was said about a request.
pub async fn comments(server: &Server, request: &Value) -> Result<Value, Failure> {
    server.get(&["api", "v1", "approvals", field::text(request, "id"), "comments"], &[]).await
}

pub fn show_comments(screen: Screen, comments: &Value) {
    for comment in field::list(comments, "comments") {
        let said = |name: &str| field::shown(comment, name);
        let answers =
            if comment["reply_to"].is_string() { format!(" answers {}", said("reply_to")) } else { String::new() };
        screen.data(&format!("{}  {}{answers}: {}", field::time(comment, "at"), said("name"), said("text")));
    }
}

impl Delegations {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        const PATH: [&str; 4] = ["api", "v1", "approvals", "delegations"];
        match self {
            Self::To { person, long, reason } => {
                let long = chrono::Duration::from_std(long)
                    .map_err(|_| Failure::Usage("that is longer than anything lasts".to_owned()))?;
                let mut body = json!({ "to": person, "until": (clock::now() + long).to_rfc3339() });
                if let Some(reason) = reason {
                    body["reason"] = reason.into();
                }
                let made = server.post(&PATH, &[], &body).await?;
                screen.either(&made, || {
                    screen.data(&field::shown(&made, "id"));
                    let until = field::time(&made, "until");
                    screen
                        .note(&format!("`{}` votes in your place until {until}", field::shown(&made, "delegate_name")));
                });
            }
            Self::List { all } => {
                let found = server.get(&PATH, &[("all", if all { "true" } else { "false" })]).await?;
                screen.either(&found, || {
                    let rows = field::list(&found, "delegations").iter().map(|made| {
                        let said = |name: &str| field::shown(made, name);
                        let until =
                            if made["ended_at"].is_string() { "ended".to_owned() } else { field::time(made, "until") };
                        vec![
                            said("id"),
                            said("name"),
                            said("delegate_name"),
                            field::time(made, "since"),
                            until,
                            said("reason"),
                        ]
                    });
                    screen.table(&["DELEGATION", "OF", "TO", "SINCE", "UNTIL", "WHY"], rows.collect());
                });
            }
            Self::End { id } => {
                server.delete(&["api", "v1", "approvals", "delegations", &id]).await?;
                screen.either(&json!({ "id": id, "ended": true }), || {
                    screen.note(&format!("ended `{}`", clean::line(&id)))
                });
            }
        }
        Ok(Exit::OK)
    }
}

/// How long votes take, and how many were cast without reading.
pub async fn figures(server: &Server, since: Option<Duration>, screen: Screen) -> Result<Exit, Failure> {
    let since =
        since.and_then(|span| chrono::Duration::from_std(span).ok()).map(|span| (clock::now() - span).to_rfc3339());
    let query: Vec<(&str, &str)> = since.iter().map(|since| ("since", since.as_str())).collect();
    let found = server.get(&["api", "v1", "approvals", "figures"], &query).await?;
    screen.either(&found, || {
        let row = |name: String, figures: &Value| {
            let seconds =
                |field: &str| figures[field].as_f64().map_or_else(String::new, |ms| format!("{:.1} s", ms / 1000.0));
            let hasty = figures["hasty_pct"].as_f64().unwrap_or_default();
            vec![
                name,
                field::shown(figures, "votes"),
                field::shown(figures, "denials"),
                field::shown(figures, "withdrawn"),
                seconds("p50_ms"),
                seconds("p90_ms"),
                field::shown(figures, "hasty"),
                field::shown(figures, "unseen"),
                format!("{hasty:.0} %"),
            ]
        };
        let mut rows = vec![row("everybody".to_owned(), &found["all"])];
        rows.extend(
            field::list(&found, "voters").iter().map(|voter| row(field::shown(voter, "name"), &voter["figures"])),
        );
        screen
            .table(&["WHO", "VOTES", "DENIED", "WITHDRAWN", "P50", "P90", "UNDER 3 S", "NEVER LOOKED", "UNREAD"], rows);
        let open = field::number(&found, "breakglass_unreviewed");
        if open > 0 {
            screen
                .note(&format!("{open} commands passed by broken glass and wait for a review:  legatorctl breakglass"));
        }
    });
    Ok(Exit::OK)
}
