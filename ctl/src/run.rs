//! `run` and `wait`: asking for a command, being told why it does not go, watching it, ending as it ended.

use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::clean;
use crate::exit::{Exit, Failure};
use crate::field;
use crate::follow::{self, Sink, ended_line, exit_of, follow, has_ended};
use crate::rationale;
use crate::screen::{Screen, word};
use crate::server::Server;
use crate::span;

/// How many commands of one ask are followed at the same time.
const MOST_AT_ONCE: usize = 16;

/// Ask a probe, or every probe with a tag, to run something.
#[derive(Args)]
#[command(
    after_help = "Ends as the program ended. A denied command ends with 3, a held one with 4, a queued one with 6; \
    see `legatorctl help exit-codes`.\n\n\
    legatorctl run web-1 -- systemctl restart nginx\n\
    legatorctl run tag:web --reason \"after the cache move\" -- systemctl reload nginx\n\
    legatorctl run web-1 --shell 'df -h | sort -k5'"
)]
pub struct Run {
    /// A probe by name or id, or `tag:TAG`.
    target: String,
    #[command(flatten)]
    what: What,
    /// Wait through approvals and queues until it has ended, or for so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, conflicts_with = "no_wait")]
    wait: Option<Option<u64>>,
    /// Ask, and do not follow.
    #[arg(long)]
    no_wait: bool,
    /// The same key and command happen once, however often they are asked for.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Do not take control sequences out of the output on a terminal.
    #[arg(long)]
    raw: bool,
}

/// What is asked for.
#[derive(Args)]
pub struct What {
    /// What it is for; approvers read it.
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// Why the glass is broken; policy says when that counts, and it is loud.
    #[arg(long, value_name = "WHY")]
    breakglass: Option<String>,
    /// How long it may run.
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "30s")]
    timeout: Duration,
    /// How long it may wait before it starts.
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "15m")]
    expires_in: Duration,
    /// Set in the program's environment.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// The folder to run in.
    #[arg(long, value_name = "FOLDER")]
    cwd: Option<String>,
    /// A line for the host's `/bin/sh`, instead of a program with arguments.
    #[arg(long, value_name = "LINE", conflicts_with = "argv")]
    shell: Option<String>,
    /// The program and its arguments; no shell looks at them.
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "shell")]
    argv: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `NAME=VALUE`")?;
    if name.is_empty() { Err("the name is empty".to_owned()) } else { Ok((name.to_owned(), value.to_owned())) }
}

impl What {
    /// The API's body.
    pub fn body(&self) -> Value {
        let env: serde_json::Map<String, Value> =
            self.env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let mut body = json!({
            "env": env,
            "timeout_ms": span::ms(self.timeout),
            "expires_in_s": self.expires_in.as_secs(),
            "origin": "cli",
        });
        match &self.shell {
            Some(line) => body["shell"] = line.as_str().into(),
            None => body["argv"] = self.argv.clone().into(),
        }
        let texts = [("reason", &self.reason), ("breakglass", &self.breakglass), ("cwd", &self.cwd)];
        for (name, text) in texts {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        body
    }
}

impl Run {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        match self.target.strip_prefix("tag:") {
            Some(tag) => self.many(tag, server, screen).await,
            None => self.one(server, screen).await,
        }
    }

    async fn one(&self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        let path = ["api", "v1", "probes", &self.target, "command"];
        let asked = server.post_once(&path, &self.what.body(), self.idempotency_key.as_deref()).await;
        let command = match asked {
            Ok(command) => command,
            Err(failure) => {
                let Some(body) = failure.denied() else { return Err(failure) };
                return denied(body, server, screen).await;
            }
        };
        let id = field::text(&command, "id").to_owned();
        let waits = matches!(field::text(&command, "state"), "held" | "queued");
        if has_ended(field::text(&command, "state")) {
            // The first answer to a repeated request.
            return end_with(&command, self.raw, server, screen).await;
        }
        if self.no_wait || (waits && self.wait.is_none()) {
            screen.either(&command, || {
                if waits {
                    rationale::show(screen, &command);
                } else {
                    screen.data(&clean::line(&id));
                }
            });
            return Ok(exit_of(&command));
        }
        if waits && !screen.json {
            rationale::show(screen, &command);
        }
        let most = self.wait.flatten().map(Duration::from_secs);
        to_the_end(&id, most, self.raw, server, screen).await
    }

    async fn many(&self, tag: &str, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        if self.idempotency_key.is_some() {
            return Err(Failure::Usage("`--idempotency-key` is for one probe; a tag's probes change".to_owned()));
        }
        let path = ["api", "v1", "fleet", "by-tag", tag, "command"];
        let group = server.post(&path, &[], &self.what.body()).await?;
        let results = field::list(&group, "results").to_vec();
        if !screen.json {
            for result in &results {
                let line = format!(
                    "{}{}  {}",
                    word(field::text(result, "state")),
                    field::shown(result, "probe_name"),
                    field::shown(result, "summary")
                );
                screen.note(&line);
            }
        }
        let follows = |state: &str| match state {
            "held" | "queued" => self.wait.is_some(),
            state => !has_ended(state),
        };
        let followed = futures_util::stream::iter(results.iter().map(|result| async {
            let id = field::text(result, "command");
            if self.no_wait || !follows(field::text(result, "state")) {
                return server.get(&["api", "v1", "commands", id], &[]).await;
            }
            let mut sink = if screen.json { Sink::Kept } else { Sink::named(field::text(result, "probe_name")) };
            follow(server, id, &mut sink, screen).await
        }))
        .buffered(MOST_AT_ONCE)
        .collect::<Vec<_>>();
        let most = self.wait.flatten().map(Duration::from_secs);
        let Some(commands) = within(most, followed, screen).await? else { return Ok(Exit::TIMED_OUT) };
        let commands = commands.into_iter().collect::<Result<Vec<_>, _>>()?;
        if screen.json {
            screen.document(&json!({ "group": group["group"], "total": group["total"], "commands": commands }));
        } else {
            screen.note("");
            for command in commands.iter().filter(|command| has_ended(field::text(command, "state"))) {
                screen.note(&ended_line(command));
            }
            let mut counts = std::collections::BTreeMap::<&str, usize>::new();
            for command in &commands {
                *counts.entry(field::text(command, "state")).or_default() += 1;
            }
            let counts: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {}", clean::line(state))).collect();
            screen.note(&format!("{} probes: {}", commands.len(), counts.join(", ")));
        }
        // One code for many: that of the first that is not well, in the order of the table.
        let first = |wanted: Exit| commands.iter().map(exit_of).find(|exit| *exit == wanted);
        let mixed = [Exit::DENIED, Exit::HELD, Exit::QUEUED, Exit::NOT_RUN, Exit::TIMED_OUT];
        let other = commands.iter().map(exit_of).find(|exit| *exit != Exit::OK).map(|_| Exit::FAILED);
        Ok(mixed.into_iter().find_map(first).or(other).unwrap_or(Exit::OK))
    }
}

/// Wait for a command's end, with its output.
#[derive(Args)]
pub struct Wait {
    /// The command.
    command: String,
    /// The longest to wait; then the exit code is 124.
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    timeout: Option<Duration>,
    /// Do not take control sequences out of the output on a terminal.
    #[arg(long)]
    raw: bool,
}

impl Wait {
    pub async fn obey(self, server: &Server, screen: Screen) -> Result<Exit, Failure> {
        to_the_end(&self.command, self.timeout, self.raw, server, screen).await
    }
}

async fn to_the_end(
    id: &str,
    most: Option<Duration>,
    raw: bool,
    server: &Server,
    screen: Screen,
) -> Result<Exit, Failure> {
    let mut sink = if screen.json { Sink::Kept } else { Sink::through(raw) };
    let ended = tokio::select! {
        ended = within(most, follow(server, id, &mut sink, screen), screen) => ended?,
        _ = tokio::signal::ctrl_c() => {
            screen.note(&format!("the command goes on; to stop it: legatorctl cancel {}", clean::line(id)));
            return Err(Failure::Interrupted);
        }
    };
    match ended {
        Some(command) => conclude(&command?, screen),
        None => {
            if screen.json {
                screen.document(&server.get(&["api", "v1", "commands", id], &[]).await?);
            }
            screen.aside(&format!("        to go on:    legatorctl wait {}", clean::line(id)));
            Ok(Exit::TIMED_OUT)
        }
    }
}

/// A command that had ended before it could be followed.
async fn end_with(command: &Value, raw: bool, server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let mut sink = if screen.json { Sink::Kept } else { Sink::through(raw) };
    let command = follow(server, field::text(command, "id"), &mut sink, screen).await?;
    conclude(&command, screen)
}

fn conclude(command: &Value, screen: Screen) -> Result<Exit, Failure> {
    screen.either(command, || {
        if field::text(command, "state") == "denied" {
            rationale::show(screen, command);
        } else {
            screen.note(&ended_line(command));
        }
    });
    Ok(exit_of(command))
}

/// What policy denied, as the command that it is.
async fn denied(problem: &Value, server: &Server, screen: Screen) -> Result<Exit, Failure> {
    let id = field::text(&problem["decision"], "command");
    let as_command = json!({ "id": id, "state": "denied", "decision": problem["decision"] });
    if screen.json {
        let whole = server.get(&["api", "v1", "commands", id], &[]).await;
        screen.document(&whole.unwrap_or(as_command));
    } else {
        rationale::show(screen, &as_command);
    }
    Ok(Exit::DENIED)
}

/// `None` when the time was over first.
async fn within<T>(
    most: Option<Duration>,
    future: impl Future<Output = T>,
    screen: Screen,
) -> Result<Option<T>, Failure> {
    let Some(most) = most else { return Ok(Some(future.await)) };
    let ended = tokio::time::timeout(most, future).await.ok();
    if ended.is_none() {
        screen.aside(&format!("{}not over after {} s; it goes on", word("timed_out"), most.as_secs()));
    }
    Ok(ended)
}

/// Follows a command after a vote, for a while.
pub async fn after_a_vote(id: &str, most: Duration, server: &Server, screen: Screen) -> Result<Option<Value>, Failure> {
    let mut sink = if screen.json { Sink::Kept } else { Sink::through(false) };
    match tokio::time::timeout(most, follow::follow(server, id, &mut sink, screen)).await {
        Ok(command) => command.map(Some),
        Err(_) => Ok(None),
    }
}
