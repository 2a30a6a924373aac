//! Commands: asking, watching, canceling, and reading back why.

mod group;
pub mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use legator_engine::{Context, Decision, Outcome, Resource};
use legator_protocol::{CommandId, CommandSpec, End, Invocation};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};
use sha2::{Digest as _, Sha256};

use self::group::{AskSeveral, GroupForecast, GroupOut};
use super::store::Query as Narrow;
use super::{CommandFault, CommandRow, Idempotency, Intent, Output, Receipt, Road, State, hear};
use crate::error::{Problem, at, json};
use crate::fleet::{Fleet, Probe};
use crate::identity::api::Authenticated;
use crate::identity::{Act, Caller, CancelCommand, Identity, SimulateCommand, ViewCommands};

#[derive(Tags)]
enum Room {
    /// Commands on their way to hosts, and what became of them.
    Commands,
}

/// The longest that one request waits for a command.
const MAX_WAIT_S: u64 = 600;

/// What is asked. Either `command` with `args`, or `argv`, or `shell`.
#[derive(Object)]
pub struct Ask {
    /// The program; `args` follow it. Run as it is, without a shell.
    command: Option<String>,
    #[oai(default)]
    args: Vec<String>,
    /// The program with its arguments.
    argv: Option<Vec<String>>,
    /// A line for the host's `/bin/sh`.
    shell: Option<String>,
    /// Set on top of the probe's clean environment.
    #[oai(default)]
    env: BTreeMap<String, String>,
    /// An absolute path.
    cwd: Option<String>,
    /// How long it may run, in milliseconds. 30,000 if absent.
    timeout_ms: Option<u64>,
    /// What it is for. Approvers read it.
    reason: Option<String>,
    /// Why the glass is broken; policy says when that counts.
    breakglass: Option<String>,
    /// How long it may wait before it starts, in seconds. 900 if absent.
    expires_in_s: Option<i64>,
}

/// A command.
#[derive(Object)]
pub struct CommandOut {
    id: String,
    probe: String,
    probe_name: String,
    /// Whose it is; absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    /// `held`, `queued`, `dispatched`, `running`, or how it ended: `denied`, `expired`, `canceled`, `succeeded`,
    /// `failed`, `timed_out`, `refused`, `lost`.
    state: String,
    ended: bool,
    /// The command as a person would type it.
    line: String,
    #[oai(skip_serializing_if_is_none)]
    argv: Option<Vec<String>>,
    #[oai(skip_serializing_if_is_none)]
    shell: Option<String>,
    /// `observe`, `diagnose`, `remediate` or `destroy`.
    level: String,
    requester: String,
    requester_name: String,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// What people are asked, while it is held and after.
    #[oai(skip_serializing_if_is_none)]
    approval: Option<String>,
    /// Commands of one ask to many probes share it.
    #[oai(skip_serializing_if_is_none)]
    group: Option<String>,
    /// The newest decision, with its rationale.
    #[oai(skip_serializing_if_is_none)]
    decision: Option<serde_json::Value>,
    #[oai(skip_serializing_if_is_none)]
    exit_code: Option<i32>,
    /// How it ended, in full: sizes, truncation, and what was seen before and after.
    #[oai(skip_serializing_if_is_none)]
    result: Option<serde_json::Value>,
    /// What it wrote, where it was asked for; bytes that are not UTF-8 are replaced.
    #[oai(skip_serializing_if_is_none)]
    stdout: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    stderr: Option<String>,
    /// Where its events can be followed as Server-Sent Events.
    stream: String,
    created_at: DateTime<Utc>,
    /// It does not start after this.
    expires_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    dispatched_at: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    started_at: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    ended_at: Option<DateTime<Utc>>,
    /// The answer to an earlier request with the same idempotency key.
    repeated: bool,
}

#[derive(Object)]
pub struct CommandPage {
    commands: Vec<CommandOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// What would be decided.
#[derive(Object)]
pub struct Simulated {
    probe: String,
    line: String,
    /// `deny`, `hold`, `queue` or `allow`.
    outcome: String,
    summary: String,
    decision: serde_json::Value,
}

#[derive(Object)]
pub struct Canceling {
    command: String,
    /// `canceled` if it waited; else the state until its probe has stopped it.
    state: String,
}

#[derive(Object)]
pub struct CancelAsk {
    #[oai(default)]
    reason: String,
}

/// One event of a command.
#[derive(Object)]
pub struct EventOut {
    /// Counts from 1, without a gap.
    seq: u64,
    at: DateTime<Utc>,
    /// `decision`, `started`, `output`, `cancel`, or how it ended.
    kind: String,
    body: serde_json::Value,
}

/// A command's events, a page of them.
#[derive(Object)]
pub struct Replay {
    command: String,
    events: Vec<EventOut>,
    /// Give it as `after` to go on.
    next_after: u64,
    /// Whether there is more at this moment.
    has_more: bool,
    /// Whether the command has ended.
    ended: bool,
}

/// Every judgement of a command, with the facts that it read.
#[derive(Object)]
pub struct Explained {
    command: String,
    line: String,
    state: String,
    decisions: Vec<Judgement>,
}

#[derive(Object)]
pub struct Judgement {
    at: DateTime<Utc>,
    revision: String,
    outcome: String,
    summary: String,
    decision: serde_json::Value,
    facts: serde_json::Value,
}

#[derive(ApiResponse)]
pub enum Asked {
    /// It has ended, and this is how.
    #[oai(status = 200)]
    Ended(Json<CommandOut>),
    /// It is on its way, held or queued; `state` says which.
    #[oai(status = 202)]
    Open(Json<CommandOut>),
}

pub struct CommandApi {
    pub road: Road,
    pub fleet: Fleet,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Commands")]
impl CommandApi {
    /// Asks a probe to run something. Policy decides; a denied command is 403 with its reasons.
    #[oai(path = "/probes/:id/command", method = "post", operation_id = "run_command")]
    #[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
    async fn run(
        &self,
        caller: Authenticated,
        id: Path<String>,
        /// Answer when the command has ended, or after `wait_s`.
        wait: Query<Option<bool>>,
        /// Answer at once, to follow the command on its `stream`; the opposite of `wait`.
        stream: Query<Option<bool>>,
        /// The longest to wait, in seconds: 60 if absent, at most 600.
        wait_s: Query<Option<u64>>,
        /// The same key and body give the first answer again.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<Ask>,
    ) -> Result<Asked, Problem> {
        let probe = self.fleet.find(&caller.0.reach, &id.0)?;
        let intent = intent(&caller.0, body.0, idempotency_key.0, &probe.id.to_string())?;
        let receipt = self.road.ask(intent, probe).await?;
        if matches!(receipt.decision.outcome, Outcome::Deny) && receipt.state == State::Denied {
            return Err(denied(&receipt));
        }
        let wait = wait.0.unwrap_or(false) && !stream.0.unwrap_or(false);
        if wait {
            self.road.wait(receipt.command, Duration::from_secs(wait_s.0.unwrap_or(60).min(MAX_WAIT_S))).await;
        }
        // What was dispatched at once is not judged again, so its decision is at hand.
        let at_hand = (receipt.state == State::Dispatched && !receipt.repeated).then(|| Arc::clone(&receipt.decision));
        let mut command = self.out(&caller.0, receipt.command, wait, at_hand).await?;
        command.repeated = receipt.repeated;
        Ok(if command.ended { Asked::Ended(Json(command)) } else { Asked::Open(Json(command)) })
    }

    /// Says what would be decided, without any of it happening.
    #[oai(path = "/probes/:id/command/simulate", method = "post", operation_id = "simulate_command")]
    async fn simulate(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<Ask>,
    ) -> Result<Json<Simulated>, Problem> {
        let probe = self.fleet.find(&caller.0.reach, &id.0)?;
        self.identity.permit::<SimulateCommand>(&caller.0, self.resource(&probe)).await?;
        let intent = intent(&caller.0, body.0, None, "")?;
        let line = intent.spec.line();
        let decision = self.road.simulate(intent, Arc::clone(&probe))?;
        Ok(Json(Simulated {
            probe: probe.id.to_string(),
            line,
            outcome: decision.outcome.as_str().to_owned(),
            summary: decision.rationale.summary.clone(),
            decision: json(&*decision),
        }))
    }

    /// Asks every probe with a tag. Each is decided by itself.
    #[oai(path = "/fleet/by-tag/:tag/command", method = "post", operation_id = "run_command_by_tag")]
    async fn run_by_tag(
        &self,
        caller: Authenticated,
        tag: Path<String>,
        body: Json<Ask>,
    ) -> Result<Json<GroupOut>, Problem> {
        let probes = self.fleet.tagged(&caller.0.reach, &tag.0);
        if probes.is_empty() {
            return Err(Problem::not_found("probe with the tag", &tag.0));
        }
        self.ask_all(&caller.0, body.0, probes).await
    }

    /// Asks several probes. Each is decided by itself; one that is not known, and nothing is asked.
    #[oai(path = "/commands", method = "post", operation_id = "run_command_on_several")]
    async fn run_on_several(&self, caller: Authenticated, body: Json<AskSeveral>) -> Result<Json<GroupOut>, Problem> {
        self.ask_several(&caller.0, body.0).await
    }

    /// Says what would be decided for several probes, without any of it happening.
    #[oai(path = "/commands/simulate", method = "post", operation_id = "simulate_command_on_several")]
    async fn simulate_several(
        &self,
        caller: Authenticated,
        body: Json<AskSeveral>,
    ) -> Result<Json<GroupForecast>, Problem> {
        self.forecast(&caller.0, body.0).await
    }

    /// Lists commands, newest first.
    #[oai(path = "/commands", method = "get", operation_id = "list_commands")]
    async fn list(
        &self,
        caller: Authenticated,
        state: Query<Option<String>>,
        /// A probe, by id or name.
        probe: Query<Option<String>>,
        group: Query<Option<String>>,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<CommandPage>, Problem> {
        let state = state.0.map(|state| {
            State::read(&state).ok_or_else(|| Problem::new("invalid", format!("`{state}` is not a state of a command")))
        });
        let before = cursor.0.map(|cursor| cursor.parse()).transpose();
        let before = before.map_err(|_| Problem::new("invalid", "`cursor` is not one of ours"))?;
        let probe = probe.0.map(|probe| self.fleet.find(&caller.0.reach, &probe)).transpose()?.map(|probe| probe.id);
        let reach = caller.0.reach.clone();
        let narrow = Narrow { state: state.transpose()?, probe, group: group.0, before, limit: limit.0, reach };
        let rows = self.road.list(&narrow).await?;
        let next_cursor = rows.last().filter(|_| rows.len() == limit.0 as usize).map(|row| row.id.to_string());
        let seen = rows.into_iter().filter(|row| self.sees(&caller.0, row));
        let commands = seen.map(|row| self.shape(row, None, None)).collect();
        Ok(Json(CommandPage { commands, next_cursor }))
    }

    /// One command, with its newest decision; with `output`, what it wrote.
    #[oai(path = "/commands/:id", method = "get", operation_id = "get_command")]
    async fn get(
        &self,
        caller: Authenticated,
        id: Path<String>,
        output: Query<Option<bool>>,
    ) -> Result<Json<CommandOut>, Problem> {
        let id = self.permitted::<ViewCommands>(&caller.0, &id.0).await?.0;
        Ok(Json(self.out(&caller.0, id, output.0.unwrap_or(false), None).await?))
    }

    /// Every judgement of a command, with the facts that it read.
    #[oai(path = "/commands/:id/explain", method = "get", operation_id = "explain_command")]
    async fn explain(&self, caller: Authenticated, id: Path<String>) -> Result<Json<Explained>, Problem> {
        let (id, _) = self.permitted::<ViewCommands>(&caller.0, &id.0).await?;
        let row = self.road.get(&caller.0.reach, id).await?;
        let decisions = self.road.decisions(id).await?;
        let judgement = |row: &super::DecisionRow| Judgement {
            at: at(row.at),
            revision: row.revision.clone(),
            outcome: row.decision.outcome.as_str().to_owned(),
            summary: row.decision.rationale.summary.clone(),
            decision: json(&row.decision),
            facts: json(&row.facts),
        };
        Ok(Json(Explained {
            command: id.to_string(),
            state: self.road.state_now(&row).as_str().to_owned(),
            line: row.line,
            decisions: decisions.iter().map(judgement).collect(),
        }))
    }

    /// Stops a command.
    #[oai(path = "/commands/:id/cancel", method = "post", operation_id = "cancel_command")]
    async fn cancel(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<CancelAsk>,
    ) -> Result<Json<Canceling>, Problem> {
        let (id, permit) = self.permitted::<CancelCommand>(&caller.0, &id.0).await?;
        let state = self.road.cancel(permit, id, &body.reason).await?;
        Ok(Json(Canceling { command: id.to_string(), state: state.as_str().to_owned() }))
    }

    /// A command's events as JSON, a page of them. `GET /api/v1/commands/{id}/stream` is the same as a live stream.
    #[oai(path = "/commands/:id/replay", method = "get", operation_id = "replay_command")]
    async fn replay(
        &self,
        caller: Authenticated,
        id: Path<String>,
        /// Events after this one.
        #[oai(default)]
        after: Query<u64>,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
    ) -> Result<Json<Replay>, Problem> {
        let (id, _) = self.permitted::<ViewCommands>(&caller.0, &id.0).await?;
        let ended = self.road.get(&caller.0.reach, id).await?.state.ended();
        let mut events = self.road.events(id, after.0, limit.0 + 1).await?;
        let has_more = events.len() > limit.0 as usize;
        events.truncate(limit.0 as usize);
        let next_after = events.last().map_or(after.0, |event| event.seq);
        let events = events.into_iter().map(Into::into).collect();
        Ok(Json(Replay { command: id.to_string(), events, next_after, has_more, ended }))
    }
}

const fn fifty() -> u32 {
    50
}

impl CommandApi {
    fn resource(&self, probe: &Probe) -> Resource {
        probe.resource(self.fleet.standing(probe.id).status)
    }

    fn sees(&self, caller: &Caller, row: &CommandRow) -> bool {
        self.identity.may::<ViewCommands>(caller, self.resource_of(row))
    }

    pub(crate) fn resource_of(&self, row: &CommandRow) -> Resource {
        match self.fleet.get(row.probe) {
            Some(probe) => self.resource(&probe),
            None => Resource::Probe(legator_engine::Probe {
                id: row.probe.to_string(),
                tenant: row.tenant.said().map(str::to_owned),
                ..Default::default()
            }),
        }
    }

    pub(crate) async fn permitted<A: Act>(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(CommandId, crate::identity::Permit<A>), Problem> {
        let parsed = id.parse().map_err(|_| Problem::not_found("command", id))?;
        let row = self.road.get(&caller.reach, parsed).await?;
        let permit = self.identity.permit::<A>(caller, self.resource_of(&row)).await?;
        Ok((parsed, permit))
    }

    async fn out(
        &self,
        caller: &Caller,
        id: CommandId,
        with_output: bool,
        at_hand: Option<Arc<Decision>>,
    ) -> Result<CommandOut, Problem> {
        let row = self.road.get(&caller.reach, id).await?;
        let decision = match at_hand {
            Some(decision) => Some(decision),
            None => self.road.newest_decision(id).await?.map(|row| Arc::new(row.decision)),
        };
        let output = if with_output { Some(self.road.read_output(id).await?) } else { None };
        Ok(self.shape(row, decision.as_deref(), output.as_ref()))
    }

    fn shape(&self, row: CommandRow, decision: Option<&Decision>, output: Option<&Output>) -> CommandOut {
        let (argv, shell) = match row.spec.run {
            Invocation::Argv(argv) => (Some(argv), None),
            Invocation::Shell(line) => (None, Some(line)),
        };
        let end = row.ended.as_ref().and_then(|ended| serde_json::from_value::<End>(ended["end"].clone()).ok());
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        CommandOut {
            id: row.id.to_string(),
            probe: row.probe.to_string(),
            probe_name: row.probe_name,
            tenant: row.tenant.said().map(str::to_owned),
            state: row.state.as_str().to_owned(),
            ended: row.state.ended(),
            line: row.line,
            argv,
            shell,
            level: row.level,
            requester: row.principal.id,
            requester_name: row.principal.name,
            reason: row.context.reason,
            approval: row.approval.map(|approval| approval.to_string()),
            group: row.group,
            decision: decision.map(json),
            exit_code: end.as_ref().and_then(hear::exit_code),
            result: row.ended,
            stdout: output.map(|output| text(&output.stdout)),
            stderr: output.map(|output| text(&output.stderr)),
            stream: format!("/api/v1/commands/{}/stream", row.id),
            created_at: at(row.created_at),
            expires_at: at(row.expires_at),
            dispatched_at: row.dispatched_at.map(at),
            started_at: row.started_at.map(at),
            ended_at: row.ended_at.map(at),
            repeated: false,
        }
    }
}

/// What a caller's body comes to. The caller never says who they are, what the command is, or who approved it.
fn intent(caller: &Caller, ask: Ask, key: Option<String>, probe: &str) -> Result<Intent, Problem> {
    let body_digest = digest(&ask, probe);
    let run = match (ask.command, ask.argv, ask.shell) {
        (Some(command), None, None) => Invocation::Argv(std::iter::once(command).chain(ask.args).collect()),
        (None, Some(argv), None) if ask.args.is_empty() => Invocation::Argv(argv),
        (None, None, Some(line)) if ask.args.is_empty() => Invocation::Shell(line),
        _ => {
            return Err(Problem::new("bad-command", "give exactly one of `command` (with `args`), `argv` and `shell`"));
        }
    };
    // Where a request comes from is what policies may go by, so it is not the caller's to say.
    let context = Context { reason: ask.reason, breakglass: ask.breakglass, ..caller.context() };
    let spec = CommandSpec { run, env: ask.env, cwd: ask.cwd, timeout_ms: ask.timeout_ms.unwrap_or(30_000) };
    let idempotency = key.map(|key| Idempotency { key, body_digest });
    let ttl_ms = ask.expires_in_s.unwrap_or(900).saturating_mul(1000);
    let by = Some(caller.by.remembered(caller.mfa));
    Ok(Intent { principal: caller.principal(), spec, context, ttl_ms, idempotency, by })
}

fn digest(ask: &Ask, probe: &str) -> String {
    use poem_openapi::types::ToJSON as _;
    let mut hash = Sha256::new();
    hash.update(probe.as_bytes());
    hash.update(ask.to_json_string().as_bytes());
    hex::encode(hash.finalize())
}

fn denied(receipt: &Receipt) -> Problem {
    let rationale = &receipt.decision.rationale;
    let mut decision = json(&*receipt.decision);
    decision["command"] = receipt.command.to_string().into();
    let help = rationale.counterfactual.as_ref().map(|counterfactual| counterfactual.message().to_owned());
    let problem = Problem::new("denied", rationale.summary.clone()).decision(decision);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

impl From<super::EventRow> for EventOut {
    fn from(row: super::EventRow) -> Self {
        Self { seq: row.seq, at: at(row.at), kind: row.kind, body: row.body }
    }
}

impl From<CommandFault> for Problem {
    fn from(fault: CommandFault) -> Self {
        let detail = fault.to_string();
        match fault {
            CommandFault::Spec(_) => Problem::new("bad-command", detail),
            CommandFault::Invalid(_) => Problem::new("invalid", detail),
            CommandFault::NoCommand(_) => Problem::new("not-found", detail),
            CommandFault::KeyReused(_) => Problem::new("idempotency-key-reused", detail).help("use a new key"),
            CommandFault::KeyBusy(_) => Problem::new("conflict", detail).help("ask again in a moment"),
            CommandFault::Ended(_) => Problem::new("conflict", detail),
            CommandFault::Write(fault) => fault.into(),
            CommandFault::Read(fault) => Problem::internal(fault),
        }
    }
}

impl EventOut {
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }
}
