//! Publishing: a bundle is tried, and kept under the digest of its content.

use std::collections::BTreeMap;

use super::revision::{Files, Origin, Revision};
use super::trial::{self, Tried};
use super::{Policy, PolicyFault, store};
use crate::audit;
use crate::events::Whose;
use crate::identity::{Permit, PublishBundle};

/// What somebody wants to publish.
pub struct Draft {
    pub files: Files,
    pub origin: Origin,
    pub message: Option<String>,
}

/// What the API itself writes into a bundle; it is carried over when the source changes.
pub const OVERLAY: &str = "policies/api/";

impl Policy {
    /// Tries files without keeping anything. A bundle that does not load has every fault of it.
    pub async fn check(&self, _: &Permit<PublishBundle>, files: Files) -> Result<Tried, PolicyFault> {
        let refused = |faults| PolicyFault::Refused { from: "upload".to_owned(), faults };
        trial::attempt(files, Some(self.bundle())).await.map_err(refused)
    }

    /// Tries files and keeps them as a revision, also if a case does not hold: then it cannot decide.
    /// Says whether the revision is new.
    pub async fn publish(&self, permit: Permit<PublishBundle>, draft: Draft) -> Result<(Revision, bool), PolicyFault> {
        check_message(draft.message.as_deref())?;
        let tried = self.check(&permit, draft.files).await?;
        self.keep(tried, draft.origin, &permit.caller().person.name, draft.message).await
    }

    pub(super) async fn keep(
        &self,
        tried: Tried,
        origin: Origin,
        publisher: &str,
        message: Option<String>,
    ) -> Result<(Revision, bool), PolicyFault> {
        let at = self.0.needs.clock.now();
        self.remember(&tried.bundle);
        if let Some(known) = store::revision(&self.0.needs.db, tried.bundle.revision()).await? {
            return Ok((known, false));
        }
        let row = row(&tried, &origin, publisher, message, at);
        let (kept, draft, files) = (row.clone(), entry(&row), tried.files);
        let new = self
            .0
            .needs
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    let new = store::keep(batch.connection().await?, &kept, &files).await?;
                    if new {
                        batch.entry(draft)?;
                    }
                    Ok(new)
                })
            })
            .await?;
        let found = store::revision(&self.0.needs.db, &row.revision).await?;
        let found = found.ok_or_else(|| PolicyFault::NoRevision(row.revision.clone()))?;
        if new {
            let body = serde_json::json!({ "passed": found.report.passed(), "origin": found.origin });
            self.0.needs.events.publish(at, Whose::All, "bundle.published", found.revision.clone(), body);
        }
        Ok((found, new))
    }

    /// One file of a stored revision.
    pub async fn file(&self, revision: &str, path: &str) -> Result<Option<String>, PolicyFault> {
        Ok(store::file(&self.0.needs.db, revision, path).await?)
    }

    /// The names, digests and sizes of a stored revision's files.
    pub async fn listing(&self, revision: &str) -> Result<Vec<store::KeptFile>, PolicyFault> {
        Ok(store::listing(&self.0.needs.db, revision).await?)
    }
}

/// The longest message or reason, in bytes.
const LONGEST: usize = 4_000;

pub fn check_message(message: Option<&str>) -> Result<(), PolicyFault> {
    match message {
        Some(text) if text.len() > LONGEST => Err(PolicyFault::Invalid(format!("a text has at most {LONGEST} bytes"))),
        _ => Ok(()),
    }
}

/// The files of a bundle that the API wrote.
pub fn overlay(files: &Files) -> Files {
    files
        .range(OVERLAY.to_owned()..)
        .take_while(|(path, _)| path.starts_with(OVERLAY))
        .map(pair)
        .collect::<BTreeMap<_, _>>()
}

fn pair((path, bytes): (&String, &Vec<u8>)) -> (String, Vec<u8>) {
    (path.clone(), bytes.clone())
}

pub fn row(tried: &Tried, origin: &Origin, publisher: &str, message: Option<String>, at: i64) -> Revision {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Revision {
        n: 0,
        revision: tried.bundle.revision().to_owned(),
        published_at: at,
        publisher: publisher.to_owned(),
        origin: origin.clone(),
        message,
        policies: count(tried.bundle.policies().count()),
        scripts: count(tried.bundle.scripts().count()),
        report: tried.trial.clone(),
    }
}

pub fn entry(row: &Revision) -> audit::Draft {
    audit::Draft::new("bundle.published", row.publisher.clone(), row.revision.clone()).body(serde_json::json!({
        "origin": row.origin, "message": row.message, "policies": row.policies, "scripts": row.scripts,
        "cases": row.report.cases, "failed": row.report.failed.len(),
    }))
}
