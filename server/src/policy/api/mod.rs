//! The rules that decide, to be read; `bundles.rs` has the revisions that they come from.

mod bundles;
mod check;
mod compare;
mod shown;
mod templates;
mod webhook;

use chrono::{DateTime, Utc};
use legator_engine::{Effect, Fault, OtherKind, PolicyInfo, Resource, ScriptInfo};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

pub use self::bundles::BundlesApi;
pub use self::check::CheckApi;
pub use self::templates::TemplatesApi;
pub use self::webhook::WebhookApi;
#[cfg(any(test, fuzzing))]
pub(super) use self::webhook::proves;

use super::{Policy, PolicyFault, Reload};
use crate::error::{Problem, json};
use crate::identity::api::Authenticated;
use crate::identity::{ActivateBundle, Identity};

#[derive(Tags)]
enum Room {
    /// The bundle: guardrails, roles, admission scripts.
    Policies,
}

/// A policy of the live bundle.
#[derive(Object)]
pub struct PolicyOut {
    id: String,
    rationale: String,
    /// `permit` or `forbid`.
    effect: String,
    file: String,
    line: u32,
    source: String,
}

/// A script of the live bundle.
#[derive(Object)]
pub struct ScriptOut {
    path: String,
    source: String,
}

#[derive(Object)]
pub struct BundleOut {
    /// The bundle's digest. Every decision names it.
    revision: String,
    /// `shipped`, or the folder that it came from.
    source: String,
    activated_at: DateTime<Utc>,
    /// Faults of what the source holds now, if that was refused; the bundle shown goes on deciding.
    faults: Vec<serde_json::Value>,
    policies: Vec<PolicyOut>,
    scripts: Vec<ScriptOut>,
}

#[derive(Object)]
pub struct Reloaded {
    revision: String,
    /// Whether another bundle decides now.
    changed: bool,
}

pub struct PolicyApi {
    pub policy: Policy,
    pub identity: Identity,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Policies")]
impl PolicyApi {
    /// Reads the source again now. A bundle with faults is refused with each of them, and the old one goes on.
    #[oai(path = "/policies/reload", method = "post", operation_id = "reload_policies")]
    async fn reload(&self, caller: Authenticated) -> Result<Json<Reloaded>, Problem> {
        let permit = self.identity.permit::<ActivateBundle>(&caller.0, bundle()).await?;
        let changed = self.policy.reload(permit).await? == Reload::Activated;
        Ok(Json(Reloaded { revision: self.policy.bundle().revision().to_owned(), changed }))
    }
}

fn bundle() -> Resource {
    Resource::other(OtherKind::Bundle, "live")
}

impl From<&PolicyInfo> for PolicyOut {
    fn from(policy: &PolicyInfo) -> Self {
        let effect = match policy.effect {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        Self {
            id: policy.id.clone(),
            rationale: policy.rationale.clone(),
            effect: effect.to_owned(),
            file: policy.file.clone(),
            line: policy.span.line,
            source: policy.source.clone(),
        }
    }
}

impl From<&ScriptInfo> for ScriptOut {
    fn from(script: &ScriptInfo) -> Self {
        Self { path: script.path.clone(), source: script.source.clone() }
    }
}

impl From<PolicyFault> for Problem {
    fn from(fault: PolicyFault) -> Self {
        let detail = fault.to_string();
        match fault {
            PolicyFault::Refused { faults, .. } => Problem::new("bundle-refused", detail)
                .help(faults.first().map(Fault::render).unwrap_or_default())
                .faults(faults.iter().map(json).collect()),
            PolicyFault::Untested { faults, .. } => Problem::new("bundle-refused", detail)
                .help("mend the cases or the policies, and publish again")
                .faults(faults.iter().map(json).collect()),
            PolicyFault::Unreadable { .. } | PolicyFault::Git(_) | PolicyFault::Altered(_) => {
                Problem::new("bundle-refused", detail)
            }
            PolicyFault::NoTemplate(_) | PolicyFault::NotApplied { .. } | PolicyFault::NotOurs(_) => {
                Problem::new("not-found", detail).help("`GET /api/v1/policies/templates` lists what there is")
            }
            PolicyFault::NoRevision(_) => {
                Problem::new("not-found", detail).help("`GET /api/v1/bundles` lists the revisions")
            }
            PolicyFault::Ambiguous(_) | PolicyFault::Invalid(_) => Problem::new("invalid", detail),
            PolicyFault::Unsigned(_) => Problem::new("bundle-refused", detail)
                .help("build the archive with `legatorctl bundle build --key FILE`; the server's `--bundle-signers` lists who may"),
            PolicyFault::Active(_) | PolicyFault::NoEarlier | PolicyFault::NotPinned => {
                Problem::new("conflict", detail)
            }
            PolicyFault::Moved { .. } => Problem::new("conflict", detail).help("look at what decides now, then decide"),
            PolicyFault::Busy => Problem::new("conflict", detail).help("try again when it has ended"),
            PolicyFault::Approval(fault) => fault.into(),
            PolicyFault::Identity(fault) => fault.into(),
            PolicyFault::Write(fault) => fault.into(),
            PolicyFault::Read(fault) => Problem::internal(fault),
        }
    }
}
