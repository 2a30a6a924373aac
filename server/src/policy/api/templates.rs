//! The policies that decide, and those for people without git: templates applied to a probe or a tag, and one's own.

use legator_engine::Linked;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::super::ceilings::Ceilings;
use super::super::held::{Activations, Answer};
use super::super::templates::Applied;
use super::super::{PolicyFault, Wish};
use super::bundles::ActivationAnswer;
use super::{BundleOut, PolicyOut, Room, bundle};
use crate::error::{Problem, at, json};
use crate::identity::api::Authenticated;
use crate::identity::{Caller, ManageProbe, Permit, PublishBundle, ViewPolicies};

/// A policy template of the bundle that decides.
#[derive(Object)]
pub struct TemplateOut {
    id: String,
    rationale: String,
    /// The highest level that a probe which it is applied to takes at all.
    #[oai(skip_serializing_if_is_none)]
    ceiling: Option<String>,
    /// What has to be filled in.
    wants: Vec<String>,
    file: String,
    source: String,
    applied: Vec<AppliedOut>,
}

/// What a template is applied to.
#[derive(Object)]
pub struct AppliedOut {
    /// The name of the policy that came out.
    id: String,
    #[oai(skip_serializing_if_is_none)]
    principal: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    resource: Option<String>,
}

#[derive(Object)]
pub struct TemplateList {
    templates: Vec<TemplateOut>,
}

/// A policy or a template in Cedar.
#[derive(Object)]
pub struct NewPolicy {
    /// What its file is called: 1 to 100 letters, digits, `-` or `_`.
    name: String,
    /// One policy or more, each with `@id` and `@rationale`. With `?resource` or `?principal` in their scope they are templates.
    source: String,
    reason: Option<String>,
}

pub struct TemplatesApi {
    pub activations: Activations,
    pub ceilings: Ceilings,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Policies")]
impl TemplatesApi {
    /// The live bundle with its policies and scripts.
    #[oai(path = "/policies", method = "get", operation_id = "list_policies")]
    async fn policies(&self, caller: Authenticated) -> Result<Json<BundleOut>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let (bundle, state) = (self.activations.policy.bundle(), self.activations.policy.state());
        Ok(Json(BundleOut {
            revision: bundle.revision().to_owned(),
            source: self.activations.policy.source().to_string(),
            activated_at: at(state.active.at),
            faults: state.faults.iter().map(json).collect(),
            policies: bundle.policies().map(Into::into).collect(),
            scripts: bundle.scripts().map(Into::into).collect(),
        }))
    }

    /// One policy, by its `@id`.
    #[oai(path = "/policies/:id", method = "get", operation_id = "get_policy")]
    async fn policy(&self, caller: Authenticated, id: Path<String>) -> Result<Json<PolicyOut>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let live = self.activations.policy.bundle();
        let found = live.policies().find(|policy| policy.id == id.0);
        found.map(|policy| Json(policy.into())).ok_or_else(|| Problem::not_found("policy", &id.0))
    }

    /// The policy templates, and what each is applied to.
    #[oai(path = "/policies/templates", method = "get", operation_id = "list_policy_templates")]
    async fn list(&self, caller: Authenticated) -> Result<Json<TemplateList>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let templates = self.activations.policy.templates().into_iter().map(Into::into).collect();
        Ok(Json(TemplateList { templates }))
    }

    /// Adds a policy or a template to what decides, or replaces the one of that name that was added so.
    #[oai(path = "/policies", method = "post", operation_id = "write_policy")]
    async fn write(&self, caller: Authenticated, body: Json<NewPolicy>) -> Result<ActivationAnswer, Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let NewPolicy { name, source, reason } = body.0;
        let done = self.activations.write(&caller.0, permit, &name, source, Wish { reason, expect: None }).await;
        self.settled(done).await
    }

    /// Takes away a policy or a template that was added over the API.
    #[oai(path = "/policies/:id", method = "delete", operation_id = "delete_policy")]
    async fn erase(&self, caller: Authenticated, id: Path<String>) -> Result<ActivationAnswer, Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let done = self.activations.erase(&caller.0, permit, &id.0, Wish::default()).await;
        self.settled(done).await
    }

    /// Applies a template to a probe, by its id or name. Its ceiling follows at once.
    #[oai(path = "/probes/:id/apply-policy/:policy", method = "post", operation_id = "apply_policy")]
    async fn apply(
        &self,
        caller: Authenticated,
        id: Path<String>,
        policy: Path<String>,
        reason: Query<Option<String>>,
    ) -> Result<ActivationAnswer, Problem> {
        let (permit, to) = self.probe(&caller.0, &id.0).await?;
        let wish = Wish { reason: reason.0, expect: None };
        let done = self.activations.apply(&caller.0, permit, &policy.0, to, wish).await;
        self.settled(done).await
    }

    /// Takes a template back from a probe.
    #[oai(path = "/probes/:id/apply-policy/:policy", method = "delete", operation_id = "unapply_policy")]
    async fn unapply(
        &self,
        caller: Authenticated,
        id: Path<String>,
        policy: Path<String>,
        reason: Query<Option<String>>,
    ) -> Result<ActivationAnswer, Problem> {
        let (permit, from) = self.probe(&caller.0, &id.0).await?;
        let wish = Wish { reason: reason.0, expect: None };
        let done = self.activations.unapply(&caller.0, permit, &policy.0, from, wish).await;
        self.settled(done).await
    }

    /// Applies a template to every probe with a tag, also to those that get it later.
    #[oai(path = "/tags/:tag/apply-policy/:policy", method = "post", operation_id = "apply_policy_to_tag")]
    async fn apply_to_tag(
        &self,
        caller: Authenticated,
        tag: Path<String>,
        policy: Path<String>,
        reason: Query<Option<String>>,
    ) -> Result<ActivationAnswer, Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let (to, wish) = (Linked::new("Tag", tag.0), Wish { reason: reason.0, expect: None });
        let done = self.activations.apply(&caller.0, permit, &policy.0, to, wish).await;
        self.settled(done).await
    }

    /// Takes a template back from a tag.
    #[oai(path = "/tags/:tag/apply-policy/:policy", method = "delete", operation_id = "unapply_policy_from_tag")]
    async fn unapply_from_tag(
        &self,
        caller: Authenticated,
        tag: Path<String>,
        policy: Path<String>,
        reason: Query<Option<String>>,
    ) -> Result<ActivationAnswer, Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let (from, wish) = (Linked::new("Tag", tag.0), Wish { reason: reason.0, expect: None });
        let done = self.activations.unapply(&caller.0, permit, &policy.0, from, wish).await;
        self.settled(done).await
    }
}

impl TemplatesApi {
    /// The probe as a link names it, and the permit of somebody who may change what holds for it.
    async fn probe(&self, caller: &Caller, id: &str) -> Result<(Permit<PublishBundle>, Linked), Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(caller, bundle()).await?;
        let probe = self.ceilings.fleet.find(&caller.reach, id)?;
        let resource = probe.resource(self.ceilings.fleet.standing(probe.id).status);
        self.activations.identity.permit::<ManageProbe>(caller, resource).await?;
        Ok((permit, Linked::new("Probe", probe.id.to_string())))
    }

    /// The answer, when the probes' ceilings have followed.
    async fn settled(&self, done: Result<Answer, PolicyFault>) -> Result<ActivationAnswer, Problem> {
        let answer = done?;
        if matches!(answer, Answer::InForce(_)) {
            self.ceilings.settle().await?;
        }
        Ok(answer.into())
    }
}

impl From<Applied> for TemplateOut {
    fn from(applied: Applied) -> Self {
        let Applied { template, links } = applied;
        let named = |linked: Option<Linked>| linked.map(|linked| format!("{}::{}", linked.kind, linked.id));
        let wants = [(template.principal, "principal"), (template.resource, "resource")];
        Self {
            id: template.id,
            rationale: template.rationale,
            ceiling: template.ceiling.map(|level| level.to_string()),
            wants: wants.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name.to_owned()).collect(),
            file: template.file,
            source: template.source,
            applied: links
                .into_iter()
                .map(|link| AppliedOut {
                    id: link.id,
                    principal: named(link.principal),
                    resource: named(link.resource),
                })
                .collect(),
        }
    }
}
