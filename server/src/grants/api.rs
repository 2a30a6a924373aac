//! What was agreed to ahead, and asking for it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use legator_protocol::{GrantId, Level};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use super::{Ahead, GrantFault, Place, Preview, Wish};
use crate::approvals::Grant;
use crate::error::{Problem, at};
use crate::fleet::Probe as Host;
use crate::identity::api::Authenticated;
use crate::identity::{RevokeGrant, ViewApprovals};

#[derive(Tags)]
enum Room {
    /// Held commands, and the people they wait for.
    Approvals,
}

/// Something that people are asked to agree to ahead. Either `probe` or `tag`.
#[derive(Object)]
pub struct GrantIn {
    /// Whose commands it covers, by id or name; your own, if absent.
    principal: Option<String>,
    /// A probe, by id or name.
    probe: Option<String>,
    /// Every probe with this tag, also those that get it later.
    tag: Option<String>,
    /// The highest level: `observe`, `diagnose`, `remediate`. What is destroyed is not agreed to ahead by the policies that ship.
    level: String,
    /// Every program of a command has to be one of these.
    programs: Vec<String>,
    /// Every effect of a command has to be one of these; any, if empty.
    #[oai(default)]
    effects: Vec<String>,
    /// The command as a person would type it; `*` is any text.
    line: Option<String>,
    /// For how long, from people's agreement on, in seconds.
    for_s: i64,
    /// How often at most.
    uses: Option<u32>,
    /// What it is for. Approvers read it.
    reason: String,
}

/// Something that was agreed to ahead, or is to be.
#[derive(Object)]
#[oai(rename = "Grant")]
pub struct GrantOut {
    id: String,
    /// The request that people are asked in.
    approval: String,
    /// `pending`, `active`, `expired`, `used-up`, `refused` or `revoked`.
    state: String,
    principal: String,
    principal_name: String,
    #[oai(skip_serializing_if_is_none)]
    probe: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    tag: Option<String>,
    /// Where, for people.
    place: String,
    level: String,
    programs: Vec<String>,
    effects: Vec<String>,
    #[oai(skip_serializing_if_is_none)]
    line: Option<String>,
    reason: String,
    requester: String,
    requester_name: String,
    /// The Cedar policy that it covers: what people read and voted on.
    policy: String,
    for_s: i64,
    #[oai(skip_serializing_if_is_none)]
    uses: Option<u32>,
    /// Commands that passed with it.
    used: u32,
    /// Who agreed.
    agreed: Vec<String>,
    created_at: DateTime<Utc>,
    #[oai(skip_serializing_if_is_none)]
    agreed_at: Option<DateTime<Utc>>,
    /// It covers nothing from then on.
    #[oai(skip_serializing_if_is_none)]
    until: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    ended_at: Option<DateTime<Utc>>,
    #[oai(skip_serializing_if_is_none)]
    ended_by: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    ended_why: Option<String>,
}

/// What a wish would come to.
#[derive(Object)]
pub struct GrantPreview {
    /// The Cedar policy that people would read and vote on.
    policy: String,
    /// In words.
    line: String,
    /// How many hosts it would be for now.
    n_hosts: usize,
    /// The first 500 of them, by name.
    hosts: Vec<GrantHost>,
    /// How many people would have to agree; absent where policy refuses.
    #[oai(skip_serializing_if_is_none)]
    approvals: Option<u32>,
    /// Why so many, or why it is refused.
    why: String,
}

#[derive(Object)]
pub struct GrantHost {
    id: String,
    name: String,
}

#[derive(Object)]
pub struct GrantList {
    grants: Vec<GrantOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

#[derive(Object)]
pub struct RevokeGrantIn {
    reason: String,
}

#[derive(ApiResponse)]
pub enum GrantAsked {
    /// People are asked; it counts when they have agreed.
    #[oai(status = 202)]
    Waits(Json<GrantOut>),
}

pub struct GrantsApi {
    pub ahead: Ahead,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Approvals")]
impl GrantsApi {
    /// Lists what was agreed to ahead, or asked for, newest first.
    #[oai(path = "/grants", method = "get", operation_id = "list_grants")]
    async fn list(
        &self,
        caller: Authenticated,
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<GrantList>, Problem> {
        self.ahead.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let before = cursor.0.map(|cursor| cursor.parse()).transpose();
        let before = before.map_err(|_| Problem::new("invalid", "`cursor` is not one of ours"))?;
        let found = self.ahead.approvals.grants(&caller.0.reach, before, limit.0).await?;
        let next_cursor = found.last().filter(|_| found.len() == limit.0 as usize).map(|last| last.id.to_string());
        Ok(Json(GrantList { grants: found.into_iter().map(|grant| self.out(grant)).collect(), next_cursor }))
    }

    /// Asks people to agree ahead to commands of one pattern.
    #[oai(path = "/grants", method = "post", operation_id = "ask_for_grant")]
    async fn ask(&self, caller: Authenticated, body: Json<GrantIn>) -> Result<GrantAsked, Problem> {
        let wish = wish(body.0)?;
        let (grant, _) = self.ahead.ask(&caller.0, wish).await?;
        Ok(GrantAsked::Waits(Json(self.out(grant))))
    }

    /// What asking for it would come to: the policy, the hosts, and how many would have to agree. Nobody is asked.
    #[oai(path = "/grants/preview", method = "post", operation_id = "preview_grant")]
    async fn preview(&self, caller: Authenticated, body: Json<GrantIn>) -> Result<Json<GrantPreview>, Problem> {
        let permit = self.ahead.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let found = self.ahead.preview(permit.caller(), wish(body.0)?)?;
        let named = |host: &Arc<Host>| GrantHost { id: host.id.to_string(), name: host.name.clone() };
        let hosts = found.hosts.iter().take(500).map(named).collect();
        let Preview { policy, line, approvals, why, .. } = found;
        Ok(Json(GrantPreview { policy, line, n_hosts: found.hosts.len(), hosts, approvals, why }))
    }

    /// One grant.
    #[oai(path = "/grants/:id", method = "get", operation_id = "get_grant")]
    async fn get(&self, caller: Authenticated, id: Path<String>) -> Result<Json<GrantOut>, Problem> {
        self.ahead.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let grant = self.ahead.approvals.grant(&caller.0.reach, parse(&id.0)?).await?;
        Ok(Json(self.out(grant)))
    }

    /// Ends a grant, or a wish for one. What ran with it has run.
    #[oai(path = "/grants/:id/revoke", method = "post", operation_id = "revoke_grant")]
    async fn revoke(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<RevokeGrantIn>,
    ) -> Result<Json<GrantOut>, Problem> {
        let permit = self.ahead.identity.permit::<RevokeGrant>(&caller.0, Resource::control_plane()).await?;
        if body.reason.trim().is_empty() || body.reason.len() > 2_000 {
            return Err(Problem::new("invalid", "`reason` says why it ends, in 1 to 2,000 bytes"));
        }
        let grant = self.ahead.approvals.revoke_grant(permit, parse(&id.0)?, &body.reason).await?;
        Ok(Json(self.out(grant)))
    }

    fn out(&self, grant: Grant) -> GrantOut {
        let state = grant.state_now(self.ahead.clock.now()).to_owned();
        let about = grant.about;
        let place = |kind: &str| (about.place_kind == kind).then(|| about.place.clone());
        GrantOut {
            id: grant.id.to_string(),
            approval: grant.approval.to_string(),
            state,
            probe: place("Probe"),
            tag: place("Tag"),
            place: about.place_name,
            principal: about.principal,
            principal_name: about.principal_name,
            level: about.level.to_string(),
            programs: about.programs.into_iter().collect(),
            effects: about.effects.into_iter().collect(),
            line: about.line,
            reason: about.reason,
            requester: about.requester,
            requester_name: about.requester_name,
            policy: grant.policy,
            for_s: grant.duration_ms / 1000,
            uses: grant.most_uses,
            used: grant.used,
            agreed: grant.voices.into_iter().map(|voice| voice.name).collect(),
            created_at: at(grant.created_at),
            agreed_at: grant.agreed_at.map(at),
            until: grant.until.map(at),
            ended_at: grant.ended_at.map(at),
            ended_by: grant.ended_by,
            ended_why: grant.ended_why,
        }
    }
}

/// A wish, as far as it can be read.
fn wish(body: GrantIn) -> Result<Wish, Problem> {
    let place = match (body.probe, body.tag) {
        (Some(probe), None) => Place::Probe(probe),
        (None, Some(tag)) if !tag.trim().is_empty() => Place::Tag(tag),
        _ => return Err(Problem::new("invalid", "a grant is for a `probe` or for a `tag`, one of both")),
    };
    let level: Level = body.level.parse().map_err(|_| {
        Problem::new("invalid", format!("`{}` is no level; observe, diagnose, remediate or destroy", body.level))
    })?;
    Ok(Wish {
        principal: body.principal,
        place,
        level,
        programs: body.programs.into_iter().collect(),
        effects: body.effects.into_iter().collect(),
        line: body.line,
        duration_ms: body.for_s.saturating_mul(1000),
        most_uses: body.uses,
        reason: body.reason,
    })
}

fn parse(id: &str) -> Result<GrantId, Problem> {
    id.parse().map_err(|_| Problem::not_found("grant", id))
}

const fn hundred() -> u32 {
    100
}

impl From<GrantFault> for Problem {
    fn from(fault: GrantFault) -> Self {
        match fault {
            GrantFault::Invalid(_) | GrantFault::Pattern(_) => Problem::new("invalid", fault.to_string()),
            GrantFault::Fleet(fault) => fault.into(),
            GrantFault::Identity(fault) => fault.into(),
            GrantFault::Approval(fault) => fault.into(),
        }
    }
}
