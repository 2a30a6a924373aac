//! Revisions, activations and sources as the API shows them.

use chrono::{DateTime, Utc};
use poem_openapi::Object;

use super::super::diff::{Difference, FileChange, PolicyChange};
use super::super::{Activation, FailedCase, Git, Origin, Pin, Policy, Revision, Seen, Source, Trial};
use super::PolicyOut;
use crate::error::{at, json};

/// Where a revision came from.
#[derive(Object)]
pub struct OriginOut {
    /// `shipped`, `folder`, `git`, `upload`, `template` or `earlier`.
    kind: String,
    /// The folder, the repository, or the revision that it was derived from.
    #[oai(skip_serializing_if_is_none)]
    place: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    commit: Option<String>,
    /// Who signed the commit, where signatures are asked for.
    #[oai(skip_serializing_if_is_none)]
    signer: Option<String>,
    /// The commit that history no longer contains, where it was rewritten.
    #[oai(skip_serializing_if_is_none)]
    rewrote: Option<String>,
}

/// A published bundle.
#[derive(Object)]
pub struct RevisionOut {
    /// The digest of its content, which is its name.
    revision: String,
    published_at: DateTime<Utc>,
    publisher: String,
    origin: OriginOut,
    #[oai(skip_serializing_if_is_none)]
    message: Option<String>,
    policies: u32,
    scripts: u32,
    cases: usize,
    /// Whether all its cases hold. If not, it cannot decide.
    passed: bool,
    /// Whether it decides now.
    active: bool,
}

/// A case that does not come out as it says.
#[derive(Object)]
pub struct FailedCaseOut {
    file: String,
    line: u32,
    name: String,
    problems: Vec<String>,
}

/// What a revision's cases came to when it was published.
#[derive(Object)]
pub struct TrialOut {
    /// The version of the server that tried it.
    build: String,
    cases: usize,
    failed: Vec<FailedCaseOut>,
    /// What no case shows.
    gaps: Vec<String>,
}

#[derive(Object)]
pub struct BundleFileOut {
    path: String,
    /// SHA-256 of its text.
    digest: String,
    bytes: i64,
}

/// A published bundle with its files and the report of its cases.
#[derive(Object)]
pub struct RevisionDetail {
    #[oai(flatten)]
    revision: RevisionOut,
    files: Vec<BundleFileOut>,
    report: TrialOut,
}

#[derive(Object)]
pub struct RevisionList {
    bundles: Vec<RevisionOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<i64>,
}

/// A file's text.
#[derive(Object)]
pub struct FileText {
    pub path: String,
    pub text: String,
}

/// What became of an upload.
#[derive(Object)]
pub struct PublishedOut {
    /// Its revision; none for a bundle that does not load.
    #[oai(skip_serializing_if_is_none)]
    pub revision: Option<String>,
    /// Whether it was stored now; a check stores nothing, and what was stored before is not stored again.
    pub stored: bool,
    /// Whether it may decide.
    pub passed: bool,
    /// Every fault with its place, the cases that do not hold among them.
    pub faults: Vec<serde_json::Value>,
    #[oai(skip_serializing_if_is_none)]
    pub report: Option<TrialOut>,
}

/// That a revision came into force.
#[derive(Object)]
pub struct ActivationOut {
    n: i64,
    revision: String,
    at: DateTime<Utc>,
    actor: String,
    /// `start`, `source`, `person`, `rollback` or `template`.
    how: String,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// The request that people agreed to.
    #[oai(skip_serializing_if_is_none)]
    approval: Option<String>,
}

#[derive(Object)]
pub struct ActivationList {
    /// Newest first: the first decides.
    activations: Vec<ActivationOut>,
    /// Give it as `cursor` to go on.
    #[oai(skip_serializing_if_is_none)]
    next_cursor: Option<i64>,
}

/// An activation that waits for people.
#[derive(Object)]
pub struct ActivationHeld {
    /// The request to vote on.
    pub approval: String,
    pub revision: String,
    /// How many approvals are needed in all.
    pub needed: u32,
    pub why: String,
}

/// A person's word that the source does not take back.
#[derive(Object)]
pub struct PinOut {
    actor: String,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    at: DateTime<Utc>,
}

/// What the source held when it was read last and was good.
#[derive(Object)]
pub struct SeenOut {
    revision: String,
    origin: OriginOut,
}

/// Where bundles come from by themselves, and how it stands with that.
#[derive(Object)]
pub struct SourceOut {
    /// `shipped`, `folder` or `git`.
    kind: String,
    place: String,
    /// `auto`: what it holds comes into force. `manual`: it is only published.
    mode: String,
    /// Whether a webhook is taken.
    webhook: bool,
    /// The revision that decides.
    active: String,
    #[oai(skip_serializing_if_is_none)]
    pin: Option<PinOut>,
    #[oai(skip_serializing_if_is_none)]
    seen: Option<SeenOut>,
    #[oai(skip_serializing_if_is_none)]
    checked_at: Option<DateTime<Utc>>,
    /// Why it cannot be read, if it cannot.
    #[oai(skip_serializing_if_is_none)]
    trouble: Option<String>,
    /// The faults of what it holds, if that was refused.
    faults: Vec<serde_json::Value>,
}

#[derive(Object)]
pub struct FileChangeOut {
    path: String,
    /// `added`, `removed` or `changed`.
    change: String,
    /// A unified diff.
    diff: String,
}

#[derive(Object)]
pub struct PolicyChangeOut {
    id: String,
    /// `added`, `removed` or `changed`.
    change: String,
    #[oai(skip_serializing_if_is_none)]
    before: Option<PolicyOut>,
    #[oai(skip_serializing_if_is_none)]
    after: Option<PolicyOut>,
}

/// What is different between two revisions.
#[derive(Object)]
pub struct RevisionDifferenceOut {
    from: String,
    to: String,
    files: Vec<FileChangeOut>,
    policies: Vec<PolicyChangeOut>,
}

impl From<&Origin> for OriginOut {
    fn from(origin: &Origin) -> Self {
        let Origin { kind, place, commit, signer, rewrote } = origin.clone();
        Self { kind: kind.as_str().to_owned(), place, commit, signer, rewrote }
    }
}

impl RevisionOut {
    pub fn of(revision: &Revision, active: &str) -> Self {
        Self {
            revision: revision.revision.clone(),
            published_at: at(revision.published_at),
            publisher: revision.publisher.clone(),
            origin: (&revision.origin).into(),
            message: revision.message.clone(),
            policies: revision.policies,
            scripts: revision.scripts,
            cases: revision.report.cases,
            passed: revision.report.passed(),
            active: revision.revision == active,
        }
    }
}

impl RevisionList {
    pub fn of(found: &[Revision], limit: u32, active: &str) -> Self {
        let next_cursor = found.last().filter(|_| found.len() == limit as usize).map(|last| last.n);
        Self { bundles: found.iter().map(|revision| RevisionOut::of(revision, active)).collect(), next_cursor }
    }
}

impl From<&Trial> for TrialOut {
    fn from(trial: &Trial) -> Self {
        let failed = |case: &FailedCase| {
            let FailedCase { file, line, name, problems } = case.clone();
            FailedCaseOut { file, line, name, problems }
        };
        Self {
            build: trial.build.clone(),
            cases: trial.cases,
            failed: trial.failed.iter().map(failed).collect(),
            gaps: trial.gaps.clone(),
        }
    }
}

impl RevisionDetail {
    pub async fn of(policy: &Policy, revision: &Revision) -> Result<Self, super::PolicyFault> {
        let files = policy.listing(&revision.revision).await?.into_iter();
        let files = files.map(|file| BundleFileOut { path: file.path, digest: file.digest, bytes: file.bytes });
        Ok(Self {
            revision: RevisionOut::of(revision, policy.bundle().revision()),
            files: files.collect(),
            report: (&revision.report).into(),
        })
    }
}

impl From<&Activation> for ActivationOut {
    fn from(activation: &Activation) -> Self {
        let Activation { n, revision, at: when, actor, how, reason, approval, below: _ } = activation.clone();
        Self { n, revision, at: at(when), actor, how: how.as_str().to_owned(), reason, approval }
    }
}

impl ActivationList {
    pub fn of(found: &[Activation], limit: u32) -> Self {
        let next_cursor = found.last().filter(|_| found.len() == limit as usize).map(|last| last.n);
        Self { activations: found.iter().map(Into::into).collect(), next_cursor }
    }
}

impl SourceOut {
    pub fn of(policy: &Policy) -> Self {
        let (source, state) = (policy.source(), policy.state());
        let pin = |pin: Pin| PinOut { actor: pin.actor, reason: pin.reason, at: at(pin.at) };
        let seen = |seen: Seen| SeenOut { revision: seen.revision, origin: (&seen.origin).into() };
        let signs = |git: &Git| git.webhook_secret().is_some();
        Self {
            kind: source.kind().as_str().to_owned(),
            place: source.to_string(),
            mode: policy.mode().as_str().to_owned(),
            webhook: matches!(source, Source::Git(git) if signs(git)),
            active: state.active.revision,
            pin: state.pin.map(pin),
            seen: state.seen.map(seen),
            checked_at: state.checked_at.map(at),
            trouble: state.trouble,
            faults: state.faults.iter().map(json).collect(),
        }
    }
}

impl RevisionDifferenceOut {
    pub fn of(from: String, to: String, found: Difference) -> Self {
        let file = |file: FileChange| FileChangeOut {
            path: file.path,
            change: file.change.as_str().to_owned(),
            diff: file.diff,
        };
        let policy = |policy: PolicyChange| PolicyChangeOut {
            id: policy.id,
            change: policy.change.as_str().to_owned(),
            before: policy.before.as_ref().map(Into::into),
            after: policy.after.as_ref().map(Into::into),
        };
        Self {
            from,
            to,
            files: found.files.into_iter().map(file).collect(),
            policies: found.policies.into_iter().map(policy).collect(),
        }
    }
}
