//! What waits for people.

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi, Tags};

use super::{ApprovalFault, Approvals, Choice, Request, RequestState};
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::{Caller, DecideApproval, Identity, ViewApprovals};

#[derive(Tags)]
enum Room {
    /// Held commands, and the people they wait for.
    Approvals,
}

/// A request for approval.
#[derive(Object)]
pub struct ApprovalOut {
    id: String,
    /// `command` or `activation`.
    kind: String,
    /// The held command; empty for an activation.
    command: String,
    probe: String,
    probe_name: String,
    /// Whose it is; absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    /// The revision that is to be put in force, for an activation.
    #[oai(skip_serializing_if_is_none)]
    revision: Option<String>,
    /// The command as a person would type it, or the activation in words.
    line: String,
    /// `observe`, `diagnose`, `remediate` or `destroy`.
    #[oai(skip_serializing_if_is_none)]
    level: Option<String>,
    /// `pending`, `approved`, `denied`, `expired` or `withdrawn`.
    state: String,
    requester: String,
    requester_name: String,
    /// What the requester says it is for.
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// Why it waits.
    why: String,
    /// Over exactly what will run. Give it back with the vote.
    digest: String,
    /// How many approvals are needed in all.
    needed: u32,
    votes: Vec<VoteOut>,
    /// Whether the caller may vote.
    can_decide: bool,
    /// If not, why.
    #[oai(skip_serializing_if_is_none)]
    why_not: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    closed_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct VoteOut {
    person: String,
    name: String,
    /// `approve` or `deny`.
    choice: String,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    at: DateTime<Utc>,
}

#[derive(Object)]
pub struct ApprovalList {
    approvals: Vec<ApprovalOut>,
    pending_count: usize,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ChoiceIn {
    Approve,
    Deny,
}

/// A vote.
#[derive(Object)]
pub struct VoteIn {
    decision: ChoiceIn,
    reason: Option<String>,
    /// The digest that was looked at. If another command waits by now, nothing is counted.
    digest: Option<String>,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum StateIn {
    Pending,
    Approved,
    Denied,
    Expired,
    Withdrawn,
    All,
}

pub struct ApprovalsApi {
    pub approvals: Approvals,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Approvals")]
impl ApprovalsApi {
    /// Lists requests, newest first.
    #[oai(path = "/approvals", method = "get", operation_id = "list_approvals")]
    async fn list(
        &self,
        caller: Authenticated,
        /// `pending`, if absent.
        status: Query<Option<StateIn>>,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApprovalList>, Problem> {
        let permit = self.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let before = cursor.0.map(|cursor| cursor.parse()).transpose();
        let before = before.map_err(|_| Problem::new("invalid", "`cursor` is not one of ours"))?;
        let state = match status.0.unwrap_or(StateIn::Pending) {
            StateIn::Pending => Some(RequestState::Pending),
            StateIn::Approved => Some(RequestState::Approved),
            StateIn::Denied => Some(RequestState::Denied),
            StateIn::Expired => Some(RequestState::Expired),
            StateIn::Withdrawn => Some(RequestState::Withdrawn),
            StateIn::All => None,
        };
        let reach = &permit.caller().reach;
        let found = self.approvals.list(reach, state, before, limit.0).await?;
        let next_cursor = found.last().filter(|_| found.len() == limit.0 as usize).map(|last| last.id.to_string());
        let within = found.iter().filter(|request| request.is_within(reach));
        let approvals = within.map(|request| self.out(permit.caller(), request)).collect();
        Ok(Json(ApprovalList { approvals, pending_count: self.approvals.n_pending(reach), next_cursor }))
    }

    /// One request.
    #[oai(path = "/approvals/:id", method = "get", operation_id = "get_approval")]
    async fn get(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ApprovalOut>, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        self.identity.permit::<ViewApprovals>(&caller.0, request.resource()).await?;
        Ok(Json(self.out(&caller.0, &request)))
    }

    /// Votes on a held command. With the last vote that policy wants the command is judged again, and runs if it passes.
    #[oai(path = "/approvals/:id/decide", method = "post", operation_id = "decide_approval")]
    async fn decide(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<VoteIn>,
    ) -> Result<Json<ApprovalOut>, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        let permit = self.identity.permit::<DecideApproval>(&caller.0, request.resource()).await?;
        let choice = match body.decision {
            ChoiceIn::Approve => Choice::Approve,
            ChoiceIn::Deny => Choice::Deny,
        };
        let after = self.approvals.vote(permit, request.id, choice, body.0.reason, body.0.digest).await?;
        Ok(Json(self.out(&caller.0, &after)))
    }
}

impl ApprovalsApi {
    async fn find(&self, caller: &Caller, id: &str) -> Result<std::sync::Arc<Request>, Problem> {
        let parsed = id.parse().map_err(|_| Problem::not_found("approval", id))?;
        Ok(self.approvals.get(&caller.reach, parsed).await?)
    }

    fn out(&self, caller: &Caller, request: &Request) -> ApprovalOut {
        let voted = request.votes.iter().any(|vote| vote.person == caller.person.id.to_string());
        let why_not = match request.state {
            RequestState::Pending if voted => Some("you have voted on this already".to_owned()),
            RequestState::Pending => self.identity.why_not::<DecideApproval>(caller, request.resource()),
            state => Some(format!("it is {} already", state.as_str())),
        };
        let asked = &request.asked;
        ApprovalOut {
            id: request.id.to_string(),
            kind: if request.subject.revision().is_some() { "activation" } else { "command" }.to_owned(),
            command: request.subject.command().map(|command| command.to_string()).unwrap_or_default(),
            probe: request.subject.probe().map(|probe| probe.to_string()).unwrap_or_default(),
            revision: request.subject.revision().map(str::to_owned),
            probe_name: asked.probe_name.clone(),
            tenant: asked.tenant.said().map(str::to_owned),
            line: asked.line.clone(),
            level: asked.level.map(|level| level.to_string()),
            state: request.state.as_str().to_owned(),
            requester: asked.requester.clone(),
            requester_name: asked.requester_name.clone(),
            reason: asked.reason.clone(),
            why: asked.why.clone(),
            digest: request.digest.clone(),
            needed: request.needed,
            votes: request
                .votes
                .iter()
                .map(|vote| VoteOut {
                    person: vote.person.clone(),
                    name: vote.name.clone(),
                    choice: vote.choice.as_str().to_owned(),
                    reason: vote.reason.clone(),
                    at: at(vote.at),
                })
                .collect(),
            can_decide: why_not.is_none(),
            why_not,
            created_at: at(request.created_at),
            expires_at: at(request.expires_at),
            closed_at: request.closed_at.map(at),
        }
    }
}

const fn fifty() -> u32 {
    50
}

impl From<ApprovalFault> for Problem {
    fn from(fault: ApprovalFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ApprovalFault::NoApproval(_) => Problem::new("not-found", detail),
            ApprovalFault::Closed(_) => Problem::new("conflict", detail),
            ApprovalFault::AlreadyVoted => Problem::new("already-voted", detail),
            ApprovalFault::Stale => Problem::new("stale-approval", detail).help("look at it again, then vote"),
            ApprovalFault::LongReason => Problem::new("invalid", detail),
            ApprovalFault::Write(fault) => fault.into(),
            ApprovalFault::Read(fault) => Problem::internal(fault),
        }
    }
}
