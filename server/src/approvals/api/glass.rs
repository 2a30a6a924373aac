//! Broken glass, and the look back at it.

use chrono::{DateTime, Utc};
use legator_engine::Resource;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::Room;
use crate::approvals::Approvals;
use crate::approvals::breakglass::{Break, Verdict};
use crate::error::{Problem, at};
use crate::identity::api::Authenticated;
use crate::identity::{Caller, Identity, ReviewBreakglass, ViewApprovals};

/// A command that passed because the glass was broken for it.
#[derive(Object)]
#[oai(rename = "BrokenGlass")]
pub struct BreakOut {
    command: String,
    probe: String,
    probe_name: String,
    level: String,
    line: String,
    person: String,
    person_name: String,
    /// Why the glass was broken.
    reason: String,
    at: DateTime<Utc>,
    /// Whether the caller may review it.
    can_review: bool,
    #[oai(skip_serializing_if_is_none)]
    review: Option<BreakReview>,
}

/// What another person said of it afterwards.
#[derive(Object)]
pub struct BreakReview {
    /// `justified` or `unjustified`.
    verdict: String,
    note: String,
    name: String,
    at: DateTime<Utc>,
}

#[derive(Object)]
pub struct BreakList {
    breaks: Vec<BreakOut>,
    /// How many wait for a review.
    unreviewed: usize,
}

#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub enum VerdictIn {
    Justified,
    Unjustified,
}

#[derive(Object)]
pub struct ReviewIn {
    verdict: VerdictIn,
    /// Why.
    note: String,
}

pub struct GlassApi {
    pub approvals: Approvals,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Approvals")]
impl GlassApi {
    /// Commands that passed by broken glass, newest first.
    #[oai(path = "/breakglass", method = "get", operation_id = "list_broken_glass")]
    async fn list(
        &self,
        caller: Authenticated,
        /// Only what waits for a review.
        unreviewed: Query<Option<bool>>,
        #[oai(default = "hundred", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
    ) -> Result<Json<BreakList>, Problem> {
        self.identity.permit::<ViewApprovals>(&caller.0, Resource::control_plane()).await?;
        let found = self.approvals.list_breaks(&caller.0.reach, unreviewed.0.unwrap_or(false), limit.0).await?;
        let breaks = found.into_iter().map(|broken| self.out(&caller.0, broken)).collect();
        Ok(Json(BreakList { breaks, unreviewed: self.approvals.n_unreviewed(&caller.0.reach) }))
    }

    /// Closes the review with a verdict. Another person than who broke it.
    #[oai(path = "/breakglass/:id/review", method = "post", operation_id = "review_broken_glass")]
    async fn review(
        &self,
        caller: Authenticated,
        id: Path<String>,
        body: Json<ReviewIn>,
    ) -> Result<Json<BreakOut>, Problem> {
        let id = id.0.parse().map_err(|_| Problem::not_found("command", &id.0))?;
        let broken = self.approvals.break_of(&caller.0.reach, id).await?;
        let permit = self.identity.permit::<ReviewBreakglass>(&caller.0, broken.resource()).await?;
        let verdict = match body.verdict {
            VerdictIn::Justified => Verdict::Justified,
            VerdictIn::Unjustified => Verdict::Unjustified,
        };
        let after = self.approvals.review(permit, id, verdict, body.0.note).await?;
        Ok(Json(self.out(&caller.0, after)))
    }

    fn out(&self, caller: &Caller, broken: Break) -> BreakOut {
        let can_review = broken.review.is_none() && self.identity.may::<ReviewBreakglass>(caller, broken.resource());
        let about = broken.about;
        BreakOut {
            command: about.command.to_string(),
            probe: about.probe.to_string(),
            probe_name: about.probe_name,
            level: about.level.to_string(),
            line: about.line,
            person: about.person,
            person_name: about.person_name,
            reason: about.reason,
            at: at(broken.at),
            can_review,
            review: broken.review.map(|review| BreakReview {
                verdict: review.verdict.as_str().to_owned(),
                note: review.note,
                name: review.name,
                at: at(review.at),
            }),
        }
    }
}

const fn hundred() -> u32 {
    100
}
