//! Revisions: published, looked at, compared, put in force, taken back.

use std::collections::BTreeMap;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiRequest, ApiResponse, Object, OpenApi};

use super::super::held::{Activations, Answer};
use super::super::{Origin, OriginKind, Overlay, Policy, PolicyFault, Publication, Wish};
use super::shown::{
    ActivationHeld, ActivationList, ActivationOut, FileText, PublishedOut, RevisionDetail, RevisionDifferenceOut,
    RevisionList, SourceOut,
};
use super::{Room, bundle};
use crate::error::{Problem, json};
use crate::identity::api::Authenticated;
use crate::identity::{ActivateBundle, PublishBundle, ViewPolicies};

/// A bundle to be published.
#[derive(Object)]
pub struct BundleIn {
    /// Path in the bundle (`policies/own.cedar`) to text.
    files: BTreeMap<String, String>,
    /// A revision that the files are laid over; without it they are the whole bundle.
    base: Option<String>,
    /// Paths of the base that are left out.
    #[oai(default)]
    remove: Vec<String>,
    /// What the change is for.
    message: Option<String>,
}

/// What can be published.
#[derive(ApiRequest)]
pub enum BundleUpload {
    /// Files, whole or laid over a revision.
    Files(Json<BundleIn>),
    /// An archive as `legatorctl bundle build` writes it: every file is the one that its manifest names.
    #[oai(content_type = "application/gzip")]
    Archive(Binary<Vec<u8>>),
}

/// How an activation is meant.
#[derive(Object)]
pub struct ActivationIn {
    /// Why, for the history.
    reason: Option<String>,
    /// The revision that decides now, or the first six characters of it or more. If another decides by then, nothing is done.
    expect: Option<String>,
}

#[derive(ApiResponse)]
pub enum PublishedAnswer {
    /// It was checked, or was stored before.
    #[oai(status = 200)]
    Known(Json<PublishedOut>),
    /// It is stored now.
    #[oai(status = 201)]
    Stored(Json<PublishedOut>),
}

#[derive(ApiResponse)]
pub enum ActivationAnswer {
    /// It decides now.
    #[oai(status = 200)]
    InForce(Json<ActivationOut>),
    /// It waits for people.
    #[oai(status = 202)]
    Held(Json<ActivationHeld>),
}

#[derive(ApiResponse)]
pub enum Unpinned {
    #[oai(status = 204)]
    Done,
}

pub struct BundlesApi {
    pub activations: Activations,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Room::Policies")]
impl BundlesApi {
    /// Published revisions, newest first.
    #[oai(path = "/bundles", method = "get", operation_id = "list_bundles")]
    async fn list(
        &self,
        caller: Authenticated,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
        cursor: Query<Option<i64>>,
    ) -> Result<Json<RevisionList>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let found = self.policy().revisions(cursor.0, limit.0).await?;
        Ok(Json(RevisionList::of(&found, limit.0, self.policy().bundle().revision())))
    }

    /// Publishes a bundle: every fault is found, its cases are run, and it is stored under the digest of its content.
    /// With `check_only` nothing is stored. One whose cases do not all hold is stored and cannot decide. An archive brings
    /// its message as a parameter; where the server has a list of signers, only an archive that one of them signed is taken.
    #[oai(path = "/bundles", method = "post", operation_id = "publish_bundle")]
    async fn publish(
        &self,
        caller: Authenticated,
        #[oai(default)] check_only: Query<bool>,
        message: Query<Option<String>>,
        body: BundleUpload,
    ) -> Result<PublishedAnswer, Problem> {
        let permit = self.activations.identity.permit::<PublishBundle>(&caller.0, bundle()).await?;
        let (files, origin, message) = match body {
            BundleUpload::Files(body) => {
                if !check_only.0 {
                    self.policy().takes_unsigned()?;
                }
                let BundleIn { files, base, remove, message: said } = body.0;
                let (files, base) = self.policy().overlaid(Overlay { base, files, remove }).await?;
                let origin = Origin::of(OriginKind::Upload);
                let origin = if let Some(base) = base { origin.at(base) } else { origin };
                (files, origin, said.or(message.0))
            }
            BundleUpload::Archive(body) => {
                let (files, origin) = self.policy().opened(body.0).await?;
                (files, origin, message.0)
            }
        };
        if check_only.0 {
            return Ok(PublishedAnswer::Known(Json(self.checked(&permit, files).await?)));
        }
        let (revision, stored) = self.policy().publish(permit, Publication { files, origin, message }).await?;
        let out = PublishedOut {
            passed: revision.report.passed(),
            faults: revision.report.faults().iter().map(json).collect(),
            report: Some((&revision.report).into()),
            revision: Some(revision.revision),
            stored,
        };
        Ok(if stored { PublishedAnswer::Stored(Json(out)) } else { PublishedAnswer::Known(Json(out)) })
    }

    /// What came into force, newest first.
    #[oai(path = "/bundles/history", method = "get", operation_id = "list_activations")]
    async fn history(
        &self,
        caller: Authenticated,
        #[oai(default = "fifty", validator(minimum(value = "1"), maximum(value = "500")))] limit: Query<u32>,
        cursor: Query<Option<i64>>,
    ) -> Result<Json<ActivationList>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let found = self.policy().history(cursor.0, limit.0).await?;
        Ok(Json(ActivationList::of(&found, limit.0)))
    }

    /// Where bundles come from by themselves, and how it stands with that.
    #[oai(path = "/bundles/source", method = "get", operation_id = "get_bundle_source")]
    async fn source(&self, caller: Authenticated) -> Result<Json<SourceOut>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        Ok(Json(SourceOut::of(self.policy())))
    }

    /// Goes back to what was in force before, in one step; doing it again goes one further back.
    #[oai(path = "/bundles/rollback", method = "post", operation_id = "roll_back_bundle")]
    async fn roll_back(&self, caller: Authenticated, body: Json<ActivationIn>) -> Result<ActivationAnswer, Problem> {
        let wish = Wish { reason: body.0.reason, expect: body.0.expect };
        Ok(self.activations.roll_back(&caller.0, wish).await?.into())
    }

    /// Takes the pin away, so that the source moves what is in force again.
    #[oai(path = "/bundles/pin", method = "delete", operation_id = "unpin_bundle")]
    async fn unpin(&self, caller: Authenticated) -> Result<Unpinned, Problem> {
        let permit = self.activations.identity.permit::<ActivateBundle>(&caller.0, bundle()).await?;
        self.policy().unpin(permit).await?;
        Ok(Unpinned::Done)
    }

    /// One revision, by its name, six characters of its beginning or more, `active` or `previous`.
    #[oai(path = "/bundles/:revision", method = "get", operation_id = "get_bundle")]
    async fn get(&self, caller: Authenticated, revision: Path<String>) -> Result<Json<RevisionDetail>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let found = self.policy().revision(&revision.0).await?;
        Ok(Json(RevisionDetail::of(self.policy(), &found).await?))
    }

    /// The text of one file of a revision. The slashes of its path are written as `%2F`.
    #[oai(path = "/bundles/:revision/files/:path", method = "get", operation_id = "get_bundle_file")]
    async fn file(
        &self,
        caller: Authenticated,
        revision: Path<String>,
        path: Path<String>,
    ) -> Result<Json<FileText>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let found = self.policy().revision(&revision.0).await?;
        let text = self.policy().file(&found.revision, &path.0).await?;
        text.map(|text| Json(FileText { path: path.0.clone(), text }))
            .ok_or_else(|| Problem::not_found("file", &path.0))
    }

    /// What is different from this revision to another: files line by line, and policies by name.
    #[oai(path = "/bundles/:revision/diff/:other", method = "get", operation_id = "diff_bundles")]
    async fn diff(
        &self,
        caller: Authenticated,
        revision: Path<String>,
        other: Path<String>,
    ) -> Result<Json<RevisionDifferenceOut>, Problem> {
        self.activations.identity.permit::<ViewPolicies>(&caller.0, bundle()).await?;
        let from = self.policy().revision(&revision.0).await?.revision;
        let to = self.policy().revision(&other.0).await?.revision;
        let found = self.policy().diff(&from, &to).await?;
        Ok(Json(RevisionDifferenceOut::of(from, to, found)))
    }

    /// Puts a revision in force. Where policy wants other people's word, it waits for it.
    #[oai(path = "/bundles/:revision/activate", method = "post", operation_id = "activate_bundle")]
    async fn activate(
        &self,
        caller: Authenticated,
        revision: Path<String>,
        body: Json<ActivationIn>,
    ) -> Result<ActivationAnswer, Problem> {
        let wish = Wish { reason: body.0.reason, expect: body.0.expect };
        Ok(self.activations.activate_named(&caller.0, &revision.0, wish).await?.into())
    }
}

impl BundlesApi {
    const fn policy(&self) -> &Policy {
        &self.activations.policy
    }

    async fn checked(
        &self,
        permit: &crate::identity::Permit<PublishBundle>,
        files: super::super::Files,
    ) -> Result<PublishedOut, Problem> {
        match self.policy().check(permit, files).await {
            Ok(tried) => Ok(PublishedOut {
                revision: Some(tried.bundle.revision().to_owned()),
                stored: false,
                passed: tried.trial.passed(),
                faults: tried.trial.faults().iter().map(json).collect(),
                report: Some((&tried.trial).into()),
            }),
            Err(PolicyFault::Refused { faults, .. }) => Ok(PublishedOut {
                revision: None,
                stored: false,
                passed: false,
                faults: faults.iter().map(json).collect(),
                report: None,
            }),
            Err(fault) => Err(fault.into()),
        }
    }
}

const fn fifty() -> u32 {
    50
}

impl From<Answer> for ActivationAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::InForce(activation) => Self::InForce(Json((&activation).into())),
            Answer::Held(request) => Self::Held(Json(ActivationHeld {
                approval: request.id.to_string(),
                revision: request.subject.revision().unwrap_or_default().to_owned(),
                needed: request.needed,
                why: request.asked.why.clone(),
            })),
        }
    }
}
