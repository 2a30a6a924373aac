//! What was asked of the API, and what the access policies said.

use chrono::{DateTime, Utc};
use legator_engine::{OtherKind, Resource};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::{Authenticated, Room};
use crate::error::{Problem, at};
use crate::identity::{Asked, Identity, Narrow, ReadAudit};

/// An operation that was asked of the API, once for each hour, principal, circumstances and bundle.
#[derive(Object)]
pub struct AskedOut {
    /// `opn_…`.
    id: String,
    /// When it was first asked in that hour.
    at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    /// How often it was asked in that hour.
    times: u64,
    /// `manageUsers`, `readAudit`, …
    action: String,
    /// Who was judged: who asked, or the owner of the program that did.
    principal: String,
    tenant: String,
    /// `allow`, `hold` or `deny`.
    outcome: String,
}

#[derive(Object)]
pub struct AskedPage {
    operations: Vec<AskedOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<String>,
}

/// One of them with its reasons.
#[derive(Object)]
pub struct AskedExplained {
    #[oai(flatten)]
    operation: AskedOut,
    summary: String,
    /// The bundle that decided.
    revision: String,
    /// The whole decision, with its rationale.
    decision: serde_json::Value,
    /// What it read.
    facts: serde_json::Value,
}

pub struct AskedApi(pub Identity);

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Identity")]
impl AskedApi {
    /// What was asked of the API and decided by the access policies, newest first. Commands have their own list.
    #[oai(path = "/decisions/operations", method = "get", operation_id = "list_operation_decisions")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        caller: Authenticated,
        /// By name.
        principal: Query<Option<String>>,
        action: Query<Option<String>>,
        /// `allow`, `hold` or `deny`.
        outcome: Query<Option<String>>,
        since: Query<Option<DateTime<Utc>>>,
        until: Query<Option<DateTime<Utc>>>,
        cursor: Query<Option<String>>,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<u32>,
    ) -> Result<Json<AskedPage>, Problem> {
        self.0.permit::<ReadAudit>(&caller.0, log()).await?;
        let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
        let narrow = Narrow {
            principal: principal.0,
            action: action.0,
            outcome: outcome.0,
            since: ms(since.0),
            until: ms(until.0),
            before: cursor.0,
            limit: limit.0,
        };
        let found = self.0.asked(&caller.0.reach, &narrow).await?;
        let next_cursor = found.last().filter(|_| found.len() == limit.0 as usize).map(|last| last.id.clone());
        Ok(Json(AskedPage { operations: found.into_iter().map(Into::into).collect(), next_cursor }))
    }

    /// One of them, with the decision and the facts that it read.
    #[oai(path = "/decisions/operations/:id", method = "get", operation_id = "explain_operation_decision")]
    async fn explain(&self, caller: Authenticated, id: Path<String>) -> Result<Json<AskedExplained>, Problem> {
        self.0.permit::<ReadAudit>(&caller.0, log()).await?;
        let (asked, judgement) = self.0.asked_once(&caller.0.reach, &id.0).await?;
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        let (decision, facts) = (value(&judgement.decision), value(&judgement.facts));
        let said = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Json(AskedExplained {
            operation: asked.into(),
            summary: said(&decision["rationale"]["summary"]),
            revision: said(&decision["revision"]),
            decision,
            facts,
        }))
    }
}

impl From<Asked> for AskedOut {
    fn from(asked: Asked) -> Self {
        let Asked { id, at: first, last_at, times, action, principal, tenant, outcome } = asked;
        Self { id, at: at(first), last_at: at(last_at), times, action, principal, tenant, outcome }
    }
}

fn log() -> Resource {
    Resource::other(OtherKind::AuditLog, "log")
}

const fn fifty() -> u32 {
    50
}
