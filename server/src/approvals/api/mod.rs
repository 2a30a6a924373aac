//! What waits for people: requests and votes here, what people arrange around them in `arranged.rs`, keys that votes
//! are signed with in `keys.rs`, broken glass in `glass.rs`.

pub mod arranged;
pub mod glass;
pub mod keys;

use chrono::{DateTime, Utc};
use legator_engine::{Ballot as Came, Context, Resource};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi, Tags};

use super::{ApprovalFault, Approvals, Ballot, Choice, Means, Narrow, Request, RequestState, Said, Signature, Vote};
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::api::passkeys::PasskeyProof;
use crate::identity::caller::place;
use crate::identity::{Caller, DecideApproval, Identity, Person, ViewApprovals};

#[derive(Tags)]
pub(super) enum Room {
    /// Held commands, and the people they wait for.
    Approvals,
}

/// A request for approval.
#[derive(Object)]
pub struct ApprovalOut {
    id: String,
    /// `command`, `activation` or `grant`.
    kind: String,
    /// The held command; empty for anything else.
    command: String,
    probe: String,
    probe_name: String,
    /// Whose it is; absent for the default tenant.
    #[oai(skip_serializing_if_is_none)]
    tenant: Option<String>,
    /// The revision that is to be put in force, for an activation.
    #[oai(skip_serializing_if_is_none)]
    revision: Option<String>,
    /// What is to be agreed to ahead, for a grant.
    #[oai(skip_serializing_if_is_none)]
    grant: Option<String>,
    /// The command as a person would type it, or in words what is asked.
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
    /// Votes that were withdrawn; only where one request is asked for.
    #[oai(skip_serializing_if_is_empty)]
    withdrawn: Vec<WithdrawnVote>,
    /// Whether a vote has to say why.
    reason_required: bool,
    /// Whether the caller's vote counts only if it is signed with their key.
    signature_required: bool,
    /// In whose place the caller may vote too, by name.
    #[oai(skip_serializing_if_is_empty)]
    stands_in_for: Vec<String>,
    /// Who may vote and has not, by name; only where one request is asked for.
    #[oai(skip_serializing_if_is_empty)]
    may_vote: Vec<String>,
    /// When more people heard of it, because too few had answered.
    #[oai(skip_serializing_if_is_none)]
    escalated_at: Option<DateTime<Utc>>,
    /// The groups that hear of it then, beside everybody who may vote.
    #[oai(skip_serializing_if_is_empty)]
    escalate_to: Vec<String>,
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
    /// In whose place, by name: of the two there is one voice.
    #[oai(skip_serializing_if_is_none)]
    stands_for: Option<String>,
    /// The key that it is signed with.
    #[oai(skip_serializing_if_is_none)]
    signed_with: Option<String>,
    /// How: `ed25519`, by a key of the command line, or `webauthn`, by a passkey.
    #[oai(skip_serializing_if_is_none)]
    signed_by: Option<String>,
}

/// A vote that does not count any more.
#[derive(Object)]
pub struct WithdrawnVote {
    name: String,
    choice: String,
    at: DateTime<Utc>,
    withdrawn_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    why: Option<String>,
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
    /// In whose place, by id or name: somebody who has handed on their votes to the caller.
    stands_for: Option<String>,
    /// The signature of a key of the caller's over exactly this vote.
    signature: Option<VoteSignature>,
}

/// A signature over the text that `legator vote v1` begins; `deploy/handbook/approvals.md` has it.
#[derive(Object)]
pub struct VoteSignature {
    /// The key's id.
    key: String,
    /// When it was signed, in UTC milliseconds; at most five minutes ago.
    at_ms: i64,
    /// 16 bytes in hex that no vote was signed with before.
    nonce: String,
    /// Base 64; of a key of the command line.
    signature: Option<String>,
    /// What a passkey shows when its challenge is the SHA-256 of the text.
    passkey: Option<PasskeyProof>,
}

/// Why a vote is withdrawn.
#[derive(Object)]
pub struct WithdrawIn {
    reason: Option<String>,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ApprovalKindIn {
    Command,
    Activation,
    Grant,
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
    /// Lists requests, newest first. They are kept for ever.
    #[oai(path = "/approvals", method = "get", operation_id = "list_approvals")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        caller: Authenticated,
        /// `pending`, if absent.
        status: Query<Option<StateIn>>,
        kind: Query<Option<ApprovalKindIn>>,
        /// Who voted on it, by id or name.
        by: Query<Option<String>>,
        /// Who asked, by id or name.
        requester: Query<Option<String>>,
        /// A probe's id.
        probe: Query<Option<String>>,
        /// Asked from this time on.
        since: Query<Option<DateTime<Utc>>>,
        /// Asked before this time.
        until: Query<Option<DateTime<Utc>>>,
        /// Somewhere in the command.
        q: Query<Option<String>>,
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
        let probe = probe.0.map(|probe| probe.parse().map_err(|_| Problem::new("invalid", "`probe` is no probe's id")));
        let narrow = Narrow {
            state,
            kind: kind.0.map(|kind| match kind {
                ApprovalKindIn::Command => "command",
                ApprovalKindIn::Activation => "activation",
                ApprovalKindIn::Grant => "grant",
            }),
            by: by.0.map(|name| self.id_of(&caller.0, name)),
            requester: requester.0.map(|name| self.id_of(&caller.0, name)),
            probe: probe.transpose()?,
            since: since.0.map(|at| at.timestamp_millis()),
            until: until.0.map(|at| at.timestamp_millis()),
            text: q.0,
        };
        let reach = &permit.caller().reach;
        let found = self.approvals.list(reach, &narrow, before, limit.0).await?;
        let next_cursor = found.last().filter(|_| found.len() == limit.0 as usize).map(|last| last.id.to_string());
        let within = found.iter().filter(|request| request.is_within(reach));
        let approvals = within.map(|request| self.out(permit.caller(), request)).collect();
        Ok(Json(ApprovalList { approvals, pending_count: self.approvals.n_pending(reach), next_cursor }))
    }

    /// One request. That the caller has it before them now counts in the figures of their votes.
    #[oai(path = "/approvals/:id", method = "get", operation_id = "get_approval")]
    async fn get(&self, caller: Authenticated, id: Path<String>) -> Result<Json<ApprovalOut>, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        self.identity.permit::<ViewApprovals>(&caller.0, request.resource()).await?;
        self.approvals.looked(&request, &caller.0.person);
        let mut out = self.one(&caller.0, &request);
        let withdrawn = self.approvals.withdrawn(request.id).await?.into_iter();
        out.withdrawn = withdrawn
            .map(|(vote, withdrawn_at, why)| WithdrawnVote {
                choice: vote.choice.as_str().to_owned(),
                name: vote.name,
                at: at(vote.at),
                withdrawn_at: at(withdrawn_at),
                why,
            })
            .collect();
        Ok(Json(out))
    }

    /// Votes on a held command. With the last vote that policy wants the command is judged again, and runs if it passes.
    #[oai(path = "/approvals/:id/decide", method = "post", operation_id = "decide_approval")]
    async fn decide(
        &self,
        caller: Authenticated,
        came: &poem::Request,
        id: Path<String>,
        body: Json<VoteIn>,
    ) -> Result<Json<ApprovalOut>, Problem> {
        let (caller, body) = (&caller.0, body.0);
        let request = self.find(caller, &id.0).await?;
        let choice = match body.decision {
            ChoiceIn::Approve => Choice::Approve,
            ChoiceIn::Deny => Choice::Deny,
        };
        let other = body.stands_for.as_ref().map(|name| {
            let found = self.identity.named(&caller.reach, name);
            found.ok_or_else(|| Problem::new("invalid", format!("there is nobody `{name}` to vote in place of")))
        });
        let other = other.transpose()?;
        let stands_for = other.as_ref().map(|other| other.id.to_string());
        let said = Said { choice, reason: body.reason.as_deref(), stands_for: stands_for.as_deref() };
        let signed = match body.signature {
            None => None,
            Some(VoteSignature { key, at_ms, nonce, signature, passkey }) => {
                let means = means(came, &self.identity, signature, passkey)?;
                let given = Signature { key, at_ms, nonce, means };
                Some(self.approvals.check_signature(&self.identity, caller, &request, &said, given).await?)
            }
        };
        let context = self.came(caller, signed.is_some());
        let permit = self.identity.permit_in::<DecideApproval>(caller, request.resource(), context.clone()).await?;
        if let Some(other) = &other {
            self.approvals.speaks_for(caller, other, &request)?;
            if let Some(why) = self.identity.why_not_person::<DecideApproval>(other, request.resource(), context) {
                let detail = format!("`{}` could not vote on this themselves: {why}", other.name);
                return Err(Problem::new("forbidden", detail));
            }
        }
        let ballot = Ballot { choice, reason: body.reason, digest: body.digest, stands_for: other, signed };
        let after = self.approvals.vote(permit, request.id, ballot).await?;
        Ok(Json(self.one(caller, &after)))
    }

    /// Takes the caller's vote back, while the request is open. They may vote again.
    #[oai(path = "/approvals/:id/withdraw", method = "post", operation_id = "withdraw_vote")]
    async fn withdraw(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<WithdrawIn>,
    ) -> Result<Json<ApprovalOut>, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        // Whoever could sign a vote may take it back without: that opens nothing.
        let context = self.came(&caller.0, true);
        let permit = self.identity.permit_in::<DecideApproval>(&caller.0, request.resource(), context).await?;
        let after = self.approvals.withdraw(permit, request.id, body.0.reason).await?;
        Ok(Json(self.one(&caller.0, &after)))
    }
}

impl ApprovalsApi {
    async fn find(&self, caller: &Caller, id: &str) -> Result<std::sync::Arc<Request>, Problem> {
        let parsed = id.parse().map_err(|_| Problem::not_found("approval", id))?;
        Ok(self.approvals.get(&caller.reach, parsed).await?)
    }

    /// The id of somebody who may be gone; a text that names nobody finds nothing.
    fn id_of(&self, caller: &Caller, name: String) -> String {
        self.identity.named(&caller.reach, &name).map_or(name, |person| person.id.to_string())
    }

    /// How the caller's vote comes in.
    fn came(&self, caller: &Caller, signed: bool) -> Context {
        let enrolled = self.approvals.is_enrolled(&self.identity, &caller.person.id.to_string());
        Context { vote: Some(Came { enrolled, signed }), ..caller.context() }
    }

    /// Who may vote on this and has not, of those whom the caller may know of.
    fn may_vote(&self, caller: &Caller, request: &Request) -> Vec<String> {
        if request.state != RequestState::Pending {
            return Vec::new();
        }
        let known = |person: &Person| person.reach.only().is_none_or(|home| caller.reach.has(home));
        let open = |person: &Person| request.is_within(&person.reach) && !request.heard(&person.id.to_string());
        let may = self.identity.who_may::<DecideApproval>(&request.resource());
        may.iter().filter(|person| known(person) && open(person)).map(|person| person.name.clone()).collect()
    }

    /// Who hands on their votes to the caller and may vote on this.
    fn stands_in_for(&self, caller: &Caller, request: &Request) -> Vec<String> {
        let made = self.approvals.stands_in_for(&caller.person.id.to_string()).into_iter();
        let people = made.filter_map(|made| self.identity.person(&made.person));
        let speaks = |other: &std::sync::Arc<Person>| {
            !request.heard(&other.id.to_string())
                && self.approvals.speaks_for(caller, other, request).is_ok()
                && self
                    .identity
                    .why_not_person::<DecideApproval>(other, request.resource(), self.came(caller, true))
                    .is_none()
        };
        people.filter(speaks).map(|other| other.name.clone()).collect()
    }

    /// One request by itself, with what a list of many does not say.
    fn one(&self, caller: &Caller, request: &Request) -> ApprovalOut {
        ApprovalOut { may_vote: self.may_vote(caller, request), ..self.out(caller, request) }
    }

    fn out(&self, caller: &Caller, request: &Request) -> ApprovalOut {
        let voted = request.heard(&caller.person.id.to_string());
        let refusal =
            |signed| self.identity.why_not_in::<DecideApproval>(caller, request.resource(), self.came(caller, signed));
        let open = request.state == RequestState::Pending && !voted;
        let unsigned = if open { refusal(false) } else { None };
        let signature_required = unsigned.is_some() && refusal(true).is_none();
        let why_not = match request.state {
            RequestState::Pending if voted => Some("you have voted on this already".to_owned()),
            RequestState::Pending => unsigned.filter(|_| !signature_required),
            state => Some(format!("it is {} already", state.as_str())),
        };
        let asked = &request.asked;
        ApprovalOut {
            id: request.id.to_string(),
            kind: request.subject.kind().to_owned(),
            grant: request.subject.grant().map(|grant| grant.to_string()),
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
            votes: request.votes.iter().map(voted_out).collect(),
            withdrawn: Vec::new(),
            reason_required: asked.reason_required,
            signature_required,
            stands_in_for: if why_not.is_none() { self.stands_in_for(caller, request) } else { Vec::new() },
            may_vote: Vec::new(),
            escalated_at: request.escalated_at.map(at),
            escalate_to: asked.escalate_to.iter().cloned().collect(),
            can_decide: why_not.is_none(),
            why_not,
            created_at: at(request.created_at),
            expires_at: at(request.expires_at),
            closed_at: request.closed_at.map(at),
        }
    }
}

fn voted_out(vote: &Vote) -> VoteOut {
    VoteOut {
        person: vote.person.clone(),
        name: vote.name.clone(),
        choice: vote.choice.as_str().to_owned(),
        reason: vote.reason.clone(),
        at: at(vote.at),
        stands_for: vote.stands_for.as_ref().map(|other| other.name.clone()),
        signed_with: vote.signed.as_ref().map(|signed| signed.key.clone()),
        signed_by: vote.signed.as_ref().map(|signed| signed.algorithm.as_str().to_owned()),
    }
}

/// What a signature is made with: one of both.
fn means(
    came: &poem::Request,
    identity: &Identity,
    signature: Option<String>,
    passkey: Option<PasskeyProof>,
) -> Result<Means, Problem> {
    match (signature, passkey) {
        (Some(signature), None) => Ok(Means::Key(signature)),
        (None, Some(passkey)) => Ok(Means::Passkey(Box::new(passkey.read()?), place(came, identity))),
        _ => Err(Problem::new("invalid", "a signature is given as `signature` or as `passkey`, one of both")),
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
            ApprovalFault::LongReason | ApprovalFault::Invalid(_) => Problem::new("invalid", detail),
            ApprovalFault::NotVoted => Problem::new("conflict", detail),
            ApprovalFault::ReasonRequired => Problem::new("reason-required", detail).help("give `reason`"),
            ApprovalFault::BadSignature(_)
            | ApprovalFault::Signature(_)
            | ApprovalFault::Passkey(_)
            | ApprovalFault::Unvouched => Problem::new("vote-signature", detail),
            ApprovalFault::Identity(fault) => (*fault).into(),
            ApprovalFault::NoDelegation(_)
            | ApprovalFault::NoKey(_)
            | ApprovalFault::NoGrant(_)
            | ApprovalFault::NoBreak(_) => Problem::new("not-found", detail),
            ApprovalFault::Write(fault) => fault.into(),
            ApprovalFault::Read(fault) => Problem::internal(fault),
        }
    }
}
