//! Replays and the shadow, from outside.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use legator_engine::replay::{Counts, Difference, Kind, ObstacleKind, Of, Selection, Tally};
use legator_engine::{Fault, OtherKind, Resource};
use poem::Body;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, Tags};

use super::source::is_operation;
use super::{Candidate, Explained, Finding, Job, Narrow, ReplayFault, Replays, ShadowState};
use crate::error::{Problem, at, json};
use crate::identity::api::Authenticated;
use crate::identity::{Act, Caller, Identity, Permit, ReadAudit, ReplayDecisions, ShadowBundle};
use crate::policy::Overlay;

#[derive(Tags)]
enum Room {
    /// Recorded decisions, decided again; and a bundle that decides beside the live one.
    Replays,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum OfIn {
    /// What was to be run on a host.
    Commands,
    /// Everything else that was asked of the API.
    Operations,
}

/// Which recorded decisions are decided again; what is absent asks nothing.
#[derive(Clone, Object)]
pub struct SelectionIn {
    /// Of `commands`, or of `operations` of the API; of both, if absent.
    of: Option<OfIn>,
    /// From this time on.
    since: Option<DateTime<Utc>>,
    /// Before this time; now, if absent.
    until: Option<DateTime<Utc>>,
    /// Who asked, by id or name.
    principal: Option<String>,
    /// A tag of the probe.
    tag: Option<String>,
    /// What the command was classified as (`observe`, `diagnose`, `remediate` or `destroy`), or the operation.
    action: Option<String>,
    /// `deny`, `hold`, `queue` or `allow`.
    outcome: Option<String>,
    /// A policy or script that drove the outcome.
    policy: Option<String>,
}

/// A candidate, and what to hold it against. Either `revision` or `files`.
#[derive(Object)]
pub struct ReplayIn {
    /// A revision that the server keeps; `live` is the one that decides now.
    revision: Option<String>,
    /// A bundle that the server does not know: path to text.
    files: Option<BTreeMap<String, String>>,
    /// A revision that the files are laid over; without it they are the whole bundle.
    base: Option<String>,
    /// Paths of the base that are left out.
    #[oai(default)]
    remove: Vec<String>,
    #[oai(flatten)]
    selection: SelectionIn,
}

/// A candidate. Either `revision` or `files`.
#[derive(Object)]
pub struct CandidateIn {
    revision: Option<String>,
    files: Option<BTreeMap<String, String>>,
    /// A revision that the files are laid over; without it they are the whole bundle.
    base: Option<String>,
    /// Paths of the base that are left out.
    #[oai(default)]
    remove: Vec<String>,
    /// Listen to `commands`, or to `operations` of the API; to both, if absent.
    of: Option<OfIn>,
}

/// How many decisions came out how.
#[derive(Object)]
pub struct TallyOut {
    /// Decisions that were decided again.
    decisions: u64,
    /// By how the answers compare: `same`, `other-reasons`, `other-approvals`, `newly-denied`, `newly-held`,
    /// `newly-queued`, `newly-allowed`.
    kinds: BTreeMap<String, u64>,
    /// Commands that the candidate's table takes for something else.
    reclassified: u64,
    /// Decisions that the candidate itself had made …
    own: u64,
    /// … and of these, those that came out the same to the byte.
    identical: u64,
    /// Decisions that could not be decided again, by what stood in the way.
    not_replayable: BTreeMap<String, u64>,
    by_principal: BTreeMap<String, BTreeMap<String, u64>>,
    by_tag: BTreeMap<String, BTreeMap<String, u64>>,
    /// By the action that was recorded.
    by_action: BTreeMap<String, BTreeMap<String, u64>>,
    /// By the policy or script that made the difference.
    by_policy: BTreeMap<String, BTreeMap<String, u64>>,
}

#[derive(Object)]
pub struct ReplayOut {
    id: String,
    /// `waiting`, `running`, `done`, `canceled` or `failed`.
    state: String,
    ended: bool,
    /// The candidate's revision.
    candidate: String,
    actor: String,
    /// Recorded decisions of the time that was asked for.
    total: u64,
    /// Of these, looked at so far.
    seen: u64,
    /// Findings that are listed; what comes after the first 100,000 is counted only.
    listed: u64,
    selection: serde_json::Value,
    tally: TallyOut,
    #[oai(skip_serializing_if_is_none)]
    fault: Option<String>,
    created_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    ended_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct ReplayList {
    replays: Vec<ReplayOut>,
}

/// A decision that the candidate changes.
#[derive(Object)]
pub struct DifferenceOut {
    kind: String,
    /// The command, or the operation (`opn_…`).
    command: String,
    /// Which judgement of it, from 1.
    judgement: u32,
    at: DateTime<Utc>,
    principal: String,
    #[oai(skip_serializing_if_is_none)]
    probe: Option<String>,
    tags: Vec<String>,
    line: String,
    reclassified: bool,
    action_before: String,
    action_after: String,
    outcome_before: String,
    outcome_after: String,
    summary_before: String,
    summary_after: String,
    /// The policies and scripts that made the difference.
    policies: Vec<String>,
    /// Where its decisions are explained.
    command_url: String,
}

/// A decision that could not be decided again.
#[derive(Object)]
pub struct ObstacleOut {
    kind: String,
    command: String,
    judgement: u32,
    at: DateTime<Utc>,
    detail: String,
}

#[derive(Object)]
pub struct FindingPage {
    differences: Vec<DifferenceOut>,
    not_replayable: Vec<ObstacleOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<u64>,
}

/// Both decisions in full, with their rationales.
#[derive(Object)]
pub struct ComparedOut {
    before: serde_json::Value,
    after: serde_json::Value,
}

/// The bundle that decides beside the live one, and what it would have changed since it began.
#[derive(Object)]
pub struct ShadowOut {
    candidate: String,
    /// What it listens to, `commands` or `operations`; both, if absent.
    #[oai(skip_serializing_if_is_none)]
    of: Option<String>,
    actor: String,
    started_at: DateTime<Utc>,
    /// Judgements that there was no time for.
    dropped: u64,
    /// Judgements that took the candidate too long, or on which it broke.
    gave_up: u64,
    tally: TallyOut,
    /// The newest, newest first; the newest 1,000 are kept.
    differences: Vec<DifferenceOut>,
}

#[derive(ApiResponse)]
pub enum Started {
    /// It waits for its turn, or runs.
    #[oai(status = 202)]
    Accepted(Json<ReplayOut>),
}

#[derive(ApiResponse)]
pub enum Exported {
    /// One JSON document a line. The last one says how many there were; without it the export was cut.
    #[oai(status = 200, content_type = "application/jsonl")]
    Lines(Binary<Body>),
}

#[derive(ApiResponse)]
pub enum Stopped {
    #[oai(status = 204)]
    Done,
}

pub struct ReplayApi {
    pub replays: Replays,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Replays")]
impl ReplayApi {
    /// Decides recorded decisions again under a revision that the server keeps.
    #[oai(path = "/bundles/:rev/replay", method = "post", operation_id = "replay_bundle")]
    async fn replay(
        &self,
        caller: Authenticated,
        rev: Path<String>,
        body: Json<SelectionIn>,
    ) -> Result<Started, Problem> {
        self.start(&caller.0, Candidate::Revision(rev.0), body.0).await
    }

    /// Decides recorded decisions again, under a kept revision or under files that come with the request.
    #[oai(path = "/replays", method = "post", operation_id = "create_replay")]
    async fn create(&self, caller: Authenticated, body: Json<ReplayIn>) -> Result<Started, Problem> {
        let ReplayIn { revision, files, base, remove, selection } = body.0;
        self.start(&caller.0, candidate(revision, files, base, remove)?, selection).await
    }

    /// Replays, newest first.
    #[oai(path = "/replays", method = "get", operation_id = "list_replays")]
    async fn list(
        &self,
        caller: Authenticated,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "200")))] limit: Query<u32>,
    ) -> Result<Json<ReplayList>, Problem> {
        self.reader(&caller.0).await?;
        let replays = self.replays.jobs(limit.0).await?.into_iter().map(Into::into).collect();
        Ok(Json(ReplayList { replays }))
    }

    /// How far a replay is, and what it has counted. The live feed says `replay.progress` and `replay.ended`.
    #[oai(path = "/replays/:id", method = "get", operation_id = "get_replay")]
    async fn get(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ReplayOut>, Problem> {
        self.reader(&caller.0).await?;
        Ok(Json(self.replays.job(&id.0).await?.into()))
    }

    /// Ends a replay before it is through. What it found so far stays.
    #[oai(path = "/replays/:id/cancel", method = "post", operation_id = "cancel_replay")]
    async fn cancel(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ReplayOut>, Problem> {
        let permit = self.identity.permit::<ReplayDecisions>(&caller.0, bundle("replay")).await?;
        Ok(Json(self.replays.cancel(permit, &id.0).await?.into()))
    }

    /// What a replay found: each changed decision, and each that could not be decided again.
    #[oai(path = "/replays/:id/findings", method = "get", operation_id = "list_replay_findings")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn findings(
        &self,
        caller: Authenticated,
        id: Path<String>,
        /// `newly-allowed`, …, or what stood in the way: `missing-facts`, ….
        kind: Query<Option<String>>,
        principal: Query<Option<String>>,
        tag: Query<Option<String>>,
        action: Query<Option<String>>,
        policy: Query<Option<String>>,
        cursor: Query<Option<u64>>,
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<u32>,
    ) -> Result<Json<FindingPage>, Problem> {
        self.reader(&caller.0).await?;
        let narrow = Narrow {
            kind: kind.0.map(known_kind).transpose()?,
            principal: principal.0,
            tag: tag.0,
            action: action.0,
            policy: policy.0,
            after: cursor.0,
            limit: limit.0,
        };
        let found = self.replays.findings(&id.0, &narrow).await?;
        let next_cursor = found.last().filter(|_| found.len() == limit.0 as usize).map(|(seq, _)| *seq);
        let mut page = FindingPage { differences: Vec::new(), not_replayable: Vec::new(), next_cursor };
        for (_, finding) in found {
            match finding {
                Finding::Changed(difference) => page.differences.push((*difference).into()),
                Finding::Stopped { command, judgement, at_ms, obstacle } => page.not_replayable.push(ObstacleOut {
                    kind: obstacle.kind.as_str().to_owned(),
                    command,
                    judgement,
                    at: at(at_ms),
                    detail: obstacle.detail,
                }),
            }
        }
        Ok(Json(page))
    }

    /// One judgement, as it was and as the replay's candidate makes it, both with their rationale.
    #[oai(path = "/replays/:id/findings/:command/:n", method = "get", operation_id = "compare_replayed_decision")]
    async fn compare(
        &self,
        caller: Authenticated,
        id: Path<String>,
        command: Path<String>,
        n: Path<u32>,
    ) -> Result<Json<ComparedOut>, Problem> {
        self.reader(&caller.0).await?;
        Ok(Json(self.replays.explain(&id.0, &command.0, n.0).await?.into()))
    }

    /// Recorded decisions with their facts, one a line, for a replay elsewhere; masked, nobody's name is in them.
    #[oai(path = "/decisions/export", method = "get", operation_id = "export_decisions")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn export(
        &self,
        caller: Authenticated,
        /// Of `commands`, or of `operations` of the API; of both, if absent.
        of: Query<Option<OfIn>>,
        since: Query<Option<DateTime<Utc>>>,
        until: Query<Option<DateTime<Utc>>>,
        principal: Query<Option<String>>,
        tag: Query<Option<String>>,
        action: Query<Option<String>>,
        outcome: Query<Option<String>>,
        policy: Query<Option<String>>,
        /// Replace names, arguments and texts by pseudonyms, but for what the policies name.
        #[oai(default)]
        masked: Query<bool>,
    ) -> Result<Exported, Problem> {
        let permit = self.reader(&caller.0).await?;
        let (principal, tag, action) = (principal.0, tag.0, action.0);
        let (outcome, policy) = (outcome.0, policy.0);
        let selection =
            SelectionIn { of: of.0, since: since.0, until: until.0, principal, tag, action, outcome, policy };
        let lines = self.replays.export(permit, selection.into(), masked.0).await?;
        Ok(Exported::Lines(Binary(Body::from_bytes_stream(lines))))
    }

    /// Lets a revision that the server keeps decide beside the live one, and counts where it differs.
    #[oai(path = "/bundles/:rev/shadow", method = "post", operation_id = "shadow_bundle")]
    async fn shadow(&self, caller: Authenticated, rev: Path<String>) -> Result<Json<ShadowOut>, Problem> {
        let permit = self.may_shadow(&caller.0, &rev.0).await?;
        Ok(Json(self.replays.start_shadow(permit, Candidate::Revision(rev.0), None).await?.into()))
    }

    /// The same for a kept revision or for files that come with the request.
    #[oai(path = "/bundles/shadow", method = "post", operation_id = "start_shadow")]
    async fn start_shadow(&self, caller: Authenticated, body: Json<CandidateIn>) -> Result<Json<ShadowOut>, Problem> {
        let permit = self.may_shadow(&caller.0, "candidate").await?;
        let CandidateIn { revision, files, base, remove, of } = body.0;
        let candidate = candidate(revision, files, base, remove)?;
        Ok(Json(self.replays.start_shadow(permit, candidate, of.map(Of::from)).await?.into()))
    }

    /// What the shadow has counted so far, and its newest differences.
    #[oai(path = "/bundles/shadow", method = "get", operation_id = "get_shadow")]
    async fn get_shadow(
        &self,
        caller: Authenticated,
        kind: Query<Option<String>>,
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<u32>,
    ) -> Result<Json<ShadowOut>, Problem> {
        self.reader(&caller.0).await?;
        let kind = kind.0.map(known_kind).transpose()?;
        Ok(Json(self.replays.shadow(kind.as_deref(), limit.0).await?.into()))
    }

    /// One judgement on which the shadow may differ, as it was and as the shadow makes it.
    #[oai(path = "/bundles/shadow/:command/:n", method = "get", operation_id = "compare_shadow_decision")]
    async fn compare_shadow(
        &self,
        caller: Authenticated,
        command: Path<String>,
        n: Path<u32>,
    ) -> Result<Json<ComparedOut>, Problem> {
        self.reader(&caller.0).await?;
        Ok(Json(self.replays.explain_shadow(&command.0, n.0).await?.into()))
    }

    /// Ends the shadow. What it counted stands in the audit log.
    #[oai(path = "/bundles/shadow", method = "delete", operation_id = "stop_shadow")]
    async fn stop_shadow(&self, caller: Authenticated) -> Result<Stopped, Problem> {
        let permit = self.may_shadow(&caller.0, "candidate").await?;
        self.replays.stop_shadow(permit).await?;
        Ok(Stopped::Done)
    }
}

impl ReplayApi {
    async fn start(&self, caller: &Caller, candidate: Candidate, selection: SelectionIn) -> Result<Started, Problem> {
        let named = match &candidate {
            Candidate::Revision(revision) => revision.clone(),
            Candidate::Files(_) => "candidate".to_owned(),
        };
        let permit = self.identity.permit::<ReplayDecisions>(caller, bundle(&named)).await?;
        let job = self.replays.start(permit, candidate, selection.into()).await?;
        Ok(Started::Accepted(Json(job.into())))
    }

    /// What is found speaks of who did what, as the audit log does.
    async fn reader(&self, caller: &Caller) -> Result<Permit<ReadAudit>, Problem> {
        self.permit(caller, Resource::other(OtherKind::AuditLog, "whole")).await
    }

    async fn may_shadow(&self, caller: &Caller, revision: &str) -> Result<Permit<ShadowBundle>, Problem> {
        self.permit(caller, bundle(revision)).await
    }

    async fn permit<A: Act>(&self, caller: &Caller, resource: Resource) -> Result<Permit<A>, Problem> {
        Ok(self.identity.permit::<A>(caller, resource).await?)
    }
}

const fn fifty() -> u32 {
    50
}

const fn hundred() -> u32 {
    100
}

fn bundle(revision: &str) -> Resource {
    Resource::other(OtherKind::Bundle, revision)
}

fn candidate(
    revision: Option<String>,
    files: Option<BTreeMap<String, String>>,
    base: Option<String>,
    remove: Vec<String>,
) -> Result<Candidate, Problem> {
    match (revision, files) {
        (Some(revision), None) if base.is_none() && remove.is_empty() => Ok(Candidate::Revision(revision)),
        (None, Some(files)) => Ok(Candidate::Files(Overlay { base, files, remove })),
        _ => Err(Problem::new("invalid", "give either a `revision`, or `files` with what they are laid over")),
    }
}

fn known_kind(kind: String) -> Result<String, Problem> {
    let known = Kind::named(&kind).is_some() || ObstacleKind::ALL.into_iter().any(|it| it.as_str() == kind);
    let names: Vec<&str> =
        Kind::ALL.into_iter().map(Kind::as_str).chain(ObstacleKind::ALL.map(ObstacleKind::as_str)).collect();
    if known { Ok(kind) } else { Err(Problem::new("invalid", format!("`kind` is none of {}", names.join(", ")))) }
}

impl From<OfIn> for Of {
    fn from(of: OfIn) -> Self {
        match of {
            OfIn::Commands => Self::Commands,
            OfIn::Operations => Self::Operations,
        }
    }
}

impl From<SelectionIn> for Selection {
    fn from(given: SelectionIn) -> Self {
        let SelectionIn { of, since, until, principal, tag, action, outcome, policy } = given;
        let of = of.map(Of::from);
        let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
        Self { of, since_ms: ms(since), until_ms: ms(until), principal, tag, action, outcome, policy }
    }
}

impl From<Tally> for TallyOut {
    fn from(tally: Tally) -> Self {
        let counts = |counts: Counts| -> BTreeMap<String, u64> {
            BTreeMap::<Kind, u64>::from(counts).into_iter().map(|(kind, n)| (kind.as_str().to_owned(), n)).collect()
        };
        let all = |by: BTreeMap<String, Counts>| by.into_iter().map(|(name, some)| (name, counts(some))).collect();
        Self {
            decisions: tally.decisions,
            kinds: counts(tally.kinds),
            reclassified: tally.reclassified,
            own: tally.own,
            identical: tally.identical,
            not_replayable: tally.not_replayable.into_iter().map(|(kind, n)| (kind.as_str().to_owned(), n)).collect(),
            by_principal: all(tally.by_principal),
            by_tag: all(tally.by_tag),
            by_action: all(tally.by_action),
            by_policy: all(tally.by_policy),
        }
    }
}

impl From<Job> for ReplayOut {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            state: job.state.as_str().to_owned(),
            ended: job.state.ended(),
            candidate: job.candidate,
            actor: job.actor,
            total: job.total,
            seen: job.seen,
            listed: job.listed,
            selection: json(&job.selection),
            tally: job.tally.into(),
            fault: job.fault,
            created_at: at(job.created_at),
            ended_at: job.ended_at.map(at),
        }
    }
}

impl From<Difference> for DifferenceOut {
    fn from(found: Difference) -> Self {
        Self {
            kind: found.kind.as_str().to_owned(),
            command_url: match is_operation(&found.command) {
                true => format!("/api/v1/decisions/operations/{}", found.command),
                false => format!("/api/v1/commands/{}/explain", found.command),
            },
            command: found.command,
            judgement: found.judgement,
            at: at(found.at_ms),
            principal: found.principal,
            probe: found.probe,
            tags: found.tags.into_iter().collect(),
            line: found.line,
            reclassified: found.reclassified,
            action_before: found.action_before,
            action_after: found.action_after,
            outcome_before: found.outcome_before.as_str().to_owned(),
            outcome_after: found.outcome_after.as_str().to_owned(),
            summary_before: found.summary_before,
            summary_after: found.summary_after,
            policies: found.policies.into_iter().collect(),
        }
    }
}

impl From<Explained> for ComparedOut {
    fn from(both: Explained) -> Self {
        Self { before: json(&both.before), after: json(&both.after) }
    }
}

impl From<ShadowState> for ShadowOut {
    fn from(state: ShadowState) -> Self {
        Self {
            candidate: state.candidate,
            of: state.of.map(|of| of.as_str().to_owned()),
            actor: state.actor,
            started_at: at(state.started_at),
            dropped: state.dropped,
            gave_up: state.gave_up,
            tally: state.tally.into(),
            differences: state.differences.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ReplayFault> for Problem {
    fn from(fault: ReplayFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ReplayFault::NoReplay(_)
            | ReplayFault::NoRevision(_)
            | ReplayFault::NoJudgement { .. }
            | ReplayFault::NoShadow => Problem::new("not-found", detail),
            ReplayFault::Refused(faults) => Problem::new("bundle-refused", detail)
                .help(faults.first().map(Fault::render).unwrap_or_default())
                .faults(faults.iter().map(json).collect()),
            ReplayFault::Unfit(_) => Problem::new("invalid", detail),
            ReplayFault::Ended(_) | ReplayFault::TooMany | ReplayFault::Obstacle(_) => Problem::new("conflict", detail),
            ReplayFault::Write(fault) => fault.into(),
            ReplayFault::Broken(_) | ReplayFault::Read(_) => Problem::internal(detail),
        }
    }
}
