//! What people arrange around votes: comments, delegations, and the figures of how they decide.

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Room;
use crate::approvals::{Approvals, Comment, Delegation, Figures, Request, Span};
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::{Caller, CommentApproval, DelegateVotes, Identity, ViewApprovals};

/// Something that was said about a request.
#[derive(Object)]
#[oai(rename = "Comment")]
pub struct CommentOut {
    id: String,
    /// The comment that it answers.
    #[oai(skip_serializing_if_is_none)]
    reply_to: Option<String>,
    person: String,
    name: String,
    text: String,
    at: DateTime<Utc>,
}

#[derive(Object)]
pub struct CommentList {
    comments: Vec<CommentOut>,
}

#[derive(Object)]
pub struct CommentIn {
    /// 1 to 4,000 bytes.
    text: String,
    reply_to: Option<String>,
}

#[derive(ApiResponse)]
pub enum CommentMade {
    #[oai(status = 201)]
    Made(Json<CommentOut>),
}

/// Votes that are handed on for a while.
#[derive(Object)]
#[oai(rename = "Delegation")]
pub struct DelegationOut {
    id: String,
    person: String,
    name: String,
    /// Who stands in.
    delegate: String,
    delegate_name: String,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    ended_at: Option<DateTime<Utc>>,
}

#[derive(Object)]
pub struct DelegationList {
    delegations: Vec<DelegationOut>,
}

#[derive(Object)]
pub struct DelegationIn {
    /// Who stands in, by id or name.
    to: String,
    /// Now, if absent.
    since: Option<DateTime<Utc>>,
    /// At most 90 days ahead.
    until: DateTime<Utc>,
    reason: Option<String>,
}

#[derive(ApiResponse)]
pub enum DelegationMade {
    #[oai(status = 201)]
    Made(Json<DelegationOut>),
}

#[derive(ApiResponse)]
pub enum Gone {
    #[oai(status = 204)]
    Gone,
}

/// Figures of some votes.
#[derive(Object)]
pub struct FiguresOut {
    votes: usize,
    approvals: usize,
    denials: usize,
    withdrawn: usize,
    /// Half of the votes came this soon after the asking, in milliseconds.
    #[oai(skip_serializing_if_is_none)]
    p50_ms: Option<i64>,
    #[oai(skip_serializing_if_is_none)]
    p90_ms: Option<i64>,
    /// Votes in under 3 s after the voter's first look.
    hasty: usize,
    /// Votes of somebody who never looked at the request.
    unseen: usize,
    /// Both as a share of all, in percent.
    hasty_pct: f64,
}

#[derive(Object)]
pub struct VoterOut {
    person: String,
    name: String,
    figures: FiguresOut,
}

/// How people decide.
#[derive(Object)]
pub struct ApprovalFigures {
    since: DateTime<Utc>,
    all: FiguresOut,
    /// Who voted most comes first.
    voters: Vec<VoterOut>,
    /// Commands that passed by broken glass and that nobody has reviewed.
    breakglass_unreviewed: usize,
}

pub struct ArrangedApi {
    pub approvals: Approvals,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Approvals")]
impl ArrangedApi {
    /// What was said about a request, oldest first.
    #[oai(path = "/approvals/:id/comments", method = "get", operation_id = "list_comments")]
    async fn comments(&self, caller: Authenticated, id: Path<String>) -> Result<Json<CommentList>, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        self.identity.permit::<ViewApprovals>(&caller.0, request.resource()).await?;
        let comments = self.approvals.comments(request.id).await?;
        Ok(Json(CommentList { comments: comments.into_iter().map(comment_out).collect() }))
    }

    /// Says something about a request, open or not. It counts for nothing, and is kept.
    #[oai(path = "/approvals/:id/comments", method = "post", operation_id = "comment_on_approval")]
    async fn comment(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<CommentIn>,
    ) -> Result<CommentMade, Problem> {
        let request = self.find(&caller.0, &id.0).await?;
        let permit = self.identity.permit::<CommentApproval>(&caller.0, request.resource()).await?;
        let CommentIn { text, reply_to } = body.0;
        let comment = self.approvals.comment(permit, request.id, text, reply_to).await?;
        Ok(CommentMade::Made(Json(comment_out(comment))))
    }

    /// How long votes take and how many were cast without reading, over all and by voter.
    #[oai(path = "/approvals/figures", method = "get", operation_id = "get_approval_figures")]
    async fn figures(
        &self,
        caller: Authenticated,
        /// 30 days ago, if absent.
        since: Query<Option<DateTime<Utc>>>,
    ) -> Result<Json<ApprovalFigures>, Problem> {
        self.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let month = || self.approvals.now() - 30 * 24 * 60 * 60 * 1000;
        let since = since.0.map_or_else(month, |at| at.timestamp_millis());
        let (all, voters) = self.approvals.figures(&caller.0.reach, since).await?;
        let voters = voters.into_iter().map(|voter| VoterOut {
            person: voter.person,
            name: voter.name,
            figures: figures_out(&voter.figures),
        });
        Ok(Json(ApprovalFigures {
            since: at(since),
            all: figures_out(&all),
            voters: voters.collect(),
            breakglass_unreviewed: self.approvals.n_unreviewed(&caller.0.reach),
        }))
    }

    /// Who stands in for whom: what holds now or will, or everything that there was.
    #[oai(path = "/approvals/delegations", method = "get", operation_id = "list_delegations")]
    async fn delegations(
        &self,
        caller: Authenticated,
        /// Those that are over as well.
        all: Query<Option<bool>>,
    ) -> Result<Json<DelegationList>, Problem> {
        self.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let found = match all.0.unwrap_or(false) {
            true => self.approvals.past_delegations(500).await?,
            false => self.approvals.delegations(),
        };
        Ok(Json(DelegationList {
            delegations: found
                .into_iter()
                .filter(|made| knows(&self.identity, &caller.0, &made.person))
                .map(delegation_out)
                .collect(),
        }))
    }

    /// Hands on the caller's votes for a while, to somebody whom policy lets vote themselves.
    #[oai(path = "/approvals/delegations", method = "post", operation_id = "delegate_votes")]
    async fn delegate(&self, caller: Authenticated, body: Json<DelegationIn>) -> Result<DelegationMade, Problem> {
        let permit = self.identity.permit::<DelegateVotes>(&caller.0, Resource::control_plane()).await?;
        let DelegationIn { to, since, until, reason } = body.0;
        let delegate = self.identity.named(&caller.0.reach, &to);
        let delegate =
            delegate.ok_or_else(|| Problem::new("invalid", format!("there is nobody `{to}` to stand in")))?;
        if !self.identity.could_vote(&delegate) {
            let detail = format!("policy does not let `{}` vote, so they cannot stand in", delegate.name);
            return Err(Problem::new("invalid", detail));
        }
        let since = since.map(|at| at.timestamp_millis());
        let span = Span { since, until: until.timestamp_millis(), reason };
        let made = self.approvals.delegate(permit, &delegate, span).await?;
        Ok(DelegationMade::Made(Json(delegation_out(made))))
    }

    /// Ends a delegation before its time: who made it, or who stands in.
    #[oai(path = "/approvals/delegations/:id", method = "delete", operation_id = "end_delegation")]
    async fn end_delegation(&self, caller: Authenticated, id: Path<String>) -> Result<Gone, Problem> {
        let permit = self.identity.permit::<DelegateVotes>(&caller.0, Resource::control_plane()).await?;
        let unknown = || Problem::not_found("delegation", &id.0);
        let parsed = id.0.parse().map_err(|_| unknown())?;
        // What is between people of another tenant is as unknown as what never was.
        if self.approvals.delegation(parsed).is_some_and(|made| !knows(&self.identity, &caller.0, &made.person)) {
            return Err(unknown());
        }
        self.approvals.end_delegation(permit, parsed).await?;
        Ok(Gone::Gone)
    }

    async fn find(&self, caller: &Caller, id: &str) -> Result<std::sync::Arc<Request>, Problem> {
        let parsed = id.parse().map_err(|_| Problem::not_found("approval", id))?;
        Ok(self.approvals.get(&caller.reach, parsed).await?)
    }
}

/// Whether the caller may know of somebody. Who is gone is known to who reaches every tenant.
pub(super) fn knows(identity: &Identity, caller: &Caller, person: &str) -> bool {
    match identity.person(person) {
        Some(person) => person.reach.meets(&caller.reach),
        None => caller.reach.is_every_tenant(),
    }
}

fn comment_out(comment: Comment) -> CommentOut {
    let Comment { id, reply_to, person, name, text, at: when } = comment;
    CommentOut { id: id.to_string(), reply_to, person, name, text, at: at(when) }
}

fn delegation_out(made: Delegation) -> DelegationOut {
    DelegationOut {
        id: made.id.to_string(),
        person: made.person,
        name: made.name,
        delegate: made.delegate,
        delegate_name: made.delegate_name,
        reason: made.reason,
        since: at(made.since),
        until: at(made.until),
        ended_at: made.ended_at.map(at),
    }
}

fn figures_out(figures: &Figures) -> FiguresOut {
    FiguresOut {
        votes: figures.votes,
        approvals: figures.approvals,
        denials: figures.denials,
        withdrawn: figures.withdrawn,
        p50_ms: figures.p50_ms,
        p90_ms: figures.p90_ms,
        hasty: figures.hasty,
        unseen: figures.unseen,
        hasty_pct: figures.hasty_pct(),
    }
}
