//! The bundle that is tried out: one that the server keeps, or one that comes with the request.

use std::collections::BTreeMap;
use std::sync::Arc;

use legator_engine::Bundle;

use super::{ReplayFault, Replays, store};
use crate::policy::{self, Overlay, PolicyFault};

/// What is tried out.
pub enum Candidate {
    /// A revision that the server keeps; `live` is the one that decides now.
    Revision(String),
    /// Files that come with the request, laid over a revision or a bundle of their own.
    Files(Overlay),
}

type Files = BTreeMap<String, Vec<u8>>;

impl Replays {
    /// The bundle, and its files as they are kept.
    pub(super) async fn load(&self, candidate: Candidate) -> Result<(Arc<Bundle>, String), ReplayFault> {
        let files = match candidate {
            Candidate::Files(overlay) => self.0.policy.overlaid(overlay).await.map_err(unlaid)?.0,
            Candidate::Revision(revision) => {
                let live = self.0.policy.bundle().revision().to_owned();
                let revision = if revision == "live" { live } else { revision };
                self.files_of(&revision).await?
            }
        };
        let kept = store::texts(&files);
        let bundle = self.read(files).await?;
        *self.0.loaded.lock() = Some(Arc::clone(&bundle));
        Ok((bundle, kept))
    }

    /// A bundle that was tried out before.
    pub(super) async fn candidate(&self, revision: &str) -> Result<Arc<Bundle>, ReplayFault> {
        let loaded = self.0.loaded.lock().clone();
        if let Some(loaded) = loaded.filter(|loaded| loaded.revision() == revision) {
            return Ok(loaded);
        }
        let (bundle, _) = self.load(Candidate::Revision(revision.to_owned())).await?;
        Ok(bundle)
    }

    /// The files of a revision that was tried out, or that decided once.
    pub(super) async fn files_of(&self, revision: &str) -> Result<Files, ReplayFault> {
        if let Some(files) = store::candidate(&self.0.db, revision).await? {
            return Ok(files);
        }
        let kept = policy::files_of(&self.0.db, revision).await?;
        kept.ok_or_else(|| ReplayFault::NoRevision(revision.to_owned()))
    }

    async fn read(&self, files: Files) -> Result<Arc<Bundle>, ReplayFault> {
        let read = tokio::task::spawn_blocking(move || Bundle::load(&files));
        let bundle = read.await.map_err(|fault| ReplayFault::Broken(fault.to_string()))?;
        bundle.map(Arc::new).map_err(ReplayFault::Refused)
    }
}

fn unlaid(fault: PolicyFault) -> ReplayFault {
    match fault {
        PolicyFault::NoRevision(revision) => ReplayFault::NoRevision(revision),
        PolicyFault::Read(fault) => ReplayFault::Read(fault),
        other => ReplayFault::Unfit(other.to_string()),
    }
}
