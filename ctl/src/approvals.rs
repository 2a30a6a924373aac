//! What waits for people, and votes. A vote is always on what was shown: it carries the digest of the request.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::follow::{ended_line, has_ended};
use crate::run;
use crate::screen::{self, Screen, word};
use crate::server::Server;
use crate::span;

/// What waits for people.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Approvals {
    #[command(subcommand)]
    one: Option<One>,
    /// Also those that are decided, expired or withdrawn.
    #[arg(long)]
    all: bool,
}

#[derive(Subcommand)]
enum One {
    /// A request in full.
    Show {
        /// The request or its command.
        id: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Approve,
    Deny,
}

/// A vote on a held command.
#[derive(Args)]
pub struct Vote {
    /// The command or the request.
    id: String,
    /// Why; it is recorded with the vote.
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// Do not ask on a terminal.
    #[arg(long, short)]
    yes: bool,
    /// How long to follow a command that goes on after the vote.
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "60s")]
    wait: Duration,
    /// Vote, and do not follow.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
}

impl Approvals {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        if let Some(One::Show { id }) = self.one {
            let request = find(server, &id).await?;
            screen.either(&request, || show(screen, &request));
            return Ok(Exit::OK);
        }
        let status = if self.all { "all" } else { "pending" };
        let page = server.get(&["api", "v1", "approvals"], &[("status", status), ("limit", "500")]).await?;
        screen.either(&page, || {
            let rows = field::list(&page, "approvals").iter().map(|request| {
                vec![
                    name_of(request),
                    field::shown(request, "state"),
                    field::shown(request, "probe_name"),
                    field::shown(request, "line"),
                    field::shown(request, "requester_name"),
                    format!("{}/{}", approvals_of(request), field::number(request, "needed")),
                    field::time(request, "expires_at"),
                ]
            });
            let header = ["COMMAND", "STATE", "PROBE", "LINE", "REQUESTER", "VOTES", "EXPIRES"];
            screen.table(&header, rows.collect());
        });
        Ok(Exit::OK)
    }
}

impl Vote {
    pub async fn obey(self, choice: Choice, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let request = find(server, &self.id).await?;
        if !screen.json {
            summary(screen, &request);
        }
        let verb = if choice == Choice::Approve { "approve" } else { "deny" };
        if !self.yes && screen::stdin_is_terminal() && !screen::confirm(&format!("{verb} this?"))? {
            return Err(Failure::Local("nothing was voted".to_owned()));
        }
        let mut vote = json!({ "decision": verb, "digest": request["digest"] });
        if let Some(reason) = &self.reason {
            vote["reason"] = reason.as_str().into();
        }
        let path = ["api", "v1", "approvals", field::text(&request, "id"), "decide"];
        let after = server.post(&path, &[], &vote).await?;
        let state = field::text(&after, "state");
        let missing = field::number(&after, "needed").saturating_sub(approvals_of(&after) as u64);
        // The server answers before it has judged again: votes that suffice are what counts here.
        let suffices = choice == Choice::Approve && (state == "approved" || (state == "pending" && missing == 0));
        let (first, said) = match choice {
            Choice::Approve if suffices && after["revision"].is_string() => {
                ("approved", "the bundle is judged again".to_owned())
            }
            Choice::Approve if suffices => ("approved", "the command is judged again".to_owned()),
            Choice::Approve => (state, format!("{missing} more needed")),
            Choice::Deny if after["revision"].is_string() => ("denied", "the bundle stays out".to_owned()),
            Choice::Deny => ("denied", "the command does not run".to_owned()),
        };
        screen.aside(&format!("{}{said}", word(first)));
        let id = field::text(&after, "command");
        // A bundle that comes into force is seen in its history.
        if !suffices || self.no_wait || id.is_empty() {
            screen.either(&after, || {});
            return Ok(Exit::OK);
        }
        let command = run::after_a_vote(id, self.wait, server, screen).await?;
        if screen.json {
            // By now it says `approved`; what the vote was answered with could not.
            let mut both = server.get(&["api", "v1", "approvals", field::text(&request, "id")], &[]).await?;
            both["result"] = command.unwrap_or(Value::Null);
            screen.document(&both);
            return Ok(Exit::OK);
        }
        match command {
            Some(command) if has_ended(field::text(&command, "state")) => screen.note(&ended_line(&command)),
            _ => screen.note(&format!("        it goes on:  legatorctl wait {}", clean::line(id))),
        }
        Ok(Exit::OK)
    }
}

/// A request by its own id or by its command's.
async fn find(server: &Server, id: &str) -> Result<Value, Failure> {
    if !id.starts_with("cmd_") {
        return server.get(&["api", "v1", "approvals", id], &[]).await;
    }
    let command = server.get(&["api", "v1", "commands", id], &[]).await?;
    let Some(request) = command["approval"].as_str() else {
        let state = field::shown(&command, "state");
        return Err(Failure::Local(format!("`{}` is {state} and waits for nobody", clean::line(id))));
    };
    server.get(&["api", "v1", "approvals", request], &[]).await
}

/// What a vote names it by: its command, or the request itself where there is none.
fn name_of(request: &Value) -> String {
    let command = field::shown(request, "command");
    if command.is_empty() { field::shown(request, "id") } else { command }
}

fn approvals_of(request: &Value) -> usize {
    field::list(request, "votes").iter().filter(|vote| field::text(vote, "choice") == "approve").count()
}

/// What somebody needs to see before a vote.
fn summary(screen: Screen, request: &Value) {
    let said = |name: &str| field::shown(request, name);
    screen.note(&format!("{}{} on {}", word(field::text(request, "state")), said("line"), said("probe_name")));
    screen.note(&format!("        {} asks{}", said("requester_name"), reason(request)));
    screen.note(&format!("        {}", said("why")));
    if let Some(why_not) = request["why_not"].as_str() {
        screen.note(&format!("        you cannot vote: {}", clean::line(why_not)));
    }
}

fn reason(request: &Value) -> String {
    let reason = field::shown(request, "reason");
    if reason.is_empty() { ", and says nothing why".to_owned() } else { format!(": {reason}") }
}

fn show(screen: Screen, request: &Value) {
    let said = |name: &str| field::shown(request, name);
    screen.facts(&[
        ("request", said("id")),
        ("command", said("command")),
        ("state", said("state")),
        ("line", said("line")),
        ("level", said("level")),
        ("probe", format!("{} ({})", said("probe_name"), said("probe"))),
        ("requester", format!("{} ({})", said("requester_name"), said("requester"))),
        ("reason", said("reason")),
        ("why it waits", said("why")),
        ("votes", format!("{} of {} approvals", approvals_of(request), field::number(request, "needed"))),
        (
            "you",
            request["why_not"]
                .as_str()
                .map_or("may vote".to_owned(), |why| format!("may not vote: {}", clean::line(why))),
        ),
        ("digest", said("digest")),
        ("created", field::time(request, "created_at")),
        ("expires", field::time(request, "expires_at")),
        ("closed", field::time(request, "closed_at")),
    ]);
    let votes = field::list(request, "votes").iter().map(|vote| {
        vec![
            field::shown(vote, "name"),
            field::shown(vote, "choice"),
            field::time(vote, "at"),
            field::shown(vote, "reason"),
        ]
    });
    let votes: Vec<_> = votes.collect();
    if !votes.is_empty() {
        screen.data("");
        screen.table(&["WHO", "VOTE", "WHEN", "WHY"], votes);
    }
}
