//! What waits for people, and votes. A vote is always on what was shown: it carries the digest of the request.

mod arranged;
mod key;

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
    /// Only those in this state: pending, approved, denied, expired, withdrawn.
    #[arg(long, value_name = "STATE", conflicts_with = "all")]
    state: Option<String>,
    /// Only those that this person voted on.
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// Only those that this person asked for.
    #[arg(long, value_name = "PERSON")]
    requester: Option<String>,
    /// Only those that were asked for this long ago at most.
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    since: Option<Duration>,
    /// Only those with this text in their command.
    #[arg(short, long, value_name = "TEXT")]
    query: Option<String>,
}

#[derive(Subcommand)]
enum One {
    /// A request in full.
    Show {
        /// The request or its command.
        id: String,
    },
    /// Take my vote back, while nothing is decided.
    Withdraw {
        /// The request or its command.
        id: String,
        /// Why; it is recorded.
        #[arg(long, value_name = "WHY")]
        reason: Option<String>,
    },
    /// Say something about a request.
    Comment(arranged::Comment),
    /// Hand on my votes for a while: to, list, end.
    #[command(subcommand)]
    Delegate(arranged::Delegations),
    /// Keys that votes are signed with: enroll, list, vouch, revoke.
    #[command(subcommand)]
    Key(key::Keys),
    /// How long votes take, and how many were cast without reading.
    Figures {
        /// Of this long; 30 days if absent.
        #[arg(long, value_name = "SPAN", value_parser = span::parse)]
        since: Option<Duration>,
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
    /// Why; it is recorded with the vote. Policy can ask for it.
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// In whose place: somebody who has handed on their votes to me.
    #[arg(long = "for", value_name = "PERSON")]
    stands_for: Option<String>,
    /// Do not sign, though there is a key for votes here.
    #[arg(long)]
    unsigned: bool,
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
        match self.one {
            None => {}
            Some(One::Show { id }) => {
                let mut request = find(server, &id).await?;
                let comments = arranged::comments(server, &request).await?;
                request["comments"] = comments["comments"].clone();
                screen.either(&request, || show(screen, &request));
                return Ok(Exit::OK);
            }
            Some(One::Withdraw { id, reason }) => {
                let request = find(server, &id).await?;
                let path = ["api", "v1", "approvals", field::text(&request, "id"), "withdraw"];
                let after = server.post(&path, &[], &json!({ "reason": reason })).await?;
                screen.either(&after, || screen.note(&format!("{}your vote is withdrawn", word("ok"))));
                return Ok(Exit::OK);
            }
            Some(One::Comment(comment)) => {
                let request = find(server, &comment.id).await?;
                return comment.obey(server, &request, screen).await;
            }
            Some(One::Delegate(delegations)) => return delegations.obey(server, screen).await,
            Some(One::Key(keys)) => return keys.obey(server, screen).await,
            Some(One::Figures { since }) => return arranged::figures(server, since, screen).await,
        }
        let narrowed = self.by.is_some() || self.requester.is_some() || self.since.is_some() || self.query.is_some();
        let status = self.state.as_deref().unwrap_or(if self.all || narrowed { "all" } else { "pending" });
        let since = self.since.and_then(|span| chrono::Duration::from_std(span).ok());
        let since = since.map(|span| (crate::clock::now() - span).to_rfc3339());
        let mut query = vec![("status", status), ("limit", "500")];
        let narrow = [("by", &self.by), ("requester", &self.requester), ("since", &since), ("q", &self.query)];
        query.extend(narrow.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))));
        let page = server.get(&["api", "v1", "approvals"], &query).await?;
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
        let reason = self.reason.as_deref().filter(|reason| !reason.trim().is_empty());
        if request["reason_required"] == true && reason.is_none() {
            return Err(Failure::Usage("policy asks for a reason: give `--reason WHY`".to_owned()));
        }
        if !self.yes && screen::stdin_is_terminal() && !screen::confirm(&format!("{verb} this?"))? {
            return Err(Failure::Local("nothing was voted".to_owned()));
        }
        let mut vote = json!({ "decision": verb, "digest": request["digest"] });
        if let Some(reason) = reason {
            vote["reason"] = reason.into();
        }
        let other = match &self.stands_for {
            Some(name) => Some(stood_in_for(server, name).await?),
            None => None,
        };
        if let Some(other) = &other {
            vote["stands_for"] = other.as_str().into();
        }
        match key::mine(server)?.filter(|_| !self.unsigned) {
            Some(key) => vote["signature"] = key.signature(&request, verb, reason, other.as_deref())?,
            None if request["signature_required"] == true => {
                let help = "policy asks for a signed vote; `legatorctl approvals key enroll` makes a key on this machine, and in the browser a passkey signs";
                return Err(Failure::Usage(help.to_owned()));
            }
            None => {}
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

/// The id of somebody who has handed on their votes; a delegation names both.
async fn stood_in_for(server: &Server, name: &str) -> Result<String, Failure> {
    let all = server.get(&["api", "v1", "approvals", "delegations"], &[]).await?;
    let found = field::list(&all, "delegations")
        .iter()
        .find(|made| field::text(made, "name") == name || field::text(made, "person") == name);
    let found = found.ok_or_else(|| Failure::Usage(format!("`{name}` has handed on their votes to nobody")))?;
    Ok(field::text(found, "person").to_owned())
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
        ("may still vote", said("may_vote")),
        ("digest", said("digest")),
        ("created", field::time(request, "created_at")),
        ("expires", field::time(request, "expires_at")),
        ("escalated", field::time(request, "escalated_at")),
        ("closed", field::time(request, "closed_at")),
    ]);
    let votes = field::list(request, "votes").iter().map(|vote| {
        vec![
            match vote["stands_for"].as_str() {
                Some(other) => format!("{} for {}", field::shown(vote, "name"), clean::line(other)),
                None => field::shown(vote, "name"),
            },
            field::shown(vote, "choice"),
            match field::text(vote, "signed_by") {
                "" => String::new(),
                "webauthn" => "signed by passkey".to_owned(),
                _ => "signed".to_owned(),
            },
            field::time(vote, "at"),
            field::shown(vote, "reason"),
        ]
    });
    let votes: Vec<_> = votes.collect();
    if !votes.is_empty() {
        screen.data("");
        screen.table(&["WHO", "VOTE", "SIGNED", "WHEN", "WHY"], votes);
    }
    if !field::list(request, "comments").is_empty() {
        screen.data("");
        arranged::show_comments(screen, request);
    }
}
