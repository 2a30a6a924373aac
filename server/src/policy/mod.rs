//! Bundles: published as revisions, tried before they count, put in force one at a time, and taken back in one step.
//! A bundle with faults or with a case that does not hold stays outside; the last good one goes on, also over a restart.
//! Never: decides. Everyone who does holds a `watch::Receiver` of the bundle.

mod activate;
mod answers;
pub mod api;
mod ceilings;
mod diff;
mod draft;
mod folder;
mod follow;
mod git;
mod held;
#[cfg(any(test, fuzzing))]
pub mod hostile;
mod open;
mod publish;
mod revision;
mod source;
mod store;
mod templates;
mod trial;
mod upload;
mod watcher;

use std::collections::VecDeque;
use std::sync::Arc;

use legator_engine::tlog::Verifier;
use legator_engine::{Bundle, Fault};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::audit::{Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::telemetry::Metrics;

pub use self::activate::Wish;
pub use self::ceilings::{Ceilings, reconcile_ceilings};
pub use self::draft::{Depth, Examined, Overlay};
pub use self::git::{Git, GitFault, GitSettings};
pub use self::held::{Activations, reconcile_activations};
pub use self::publish::Draft as Publication;
pub use self::revision::{Activation, FailedCase, Files, How, Origin, OriginKind, Pin, Revision, Trial};
pub use self::source::{Mode, Source};
pub use self::upload::{UploadFault, signers};
pub use self::watcher::watch;

/// Holds the live bundle and every revision. Cheap to clone.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    needs: Needs,
    live: watch::Sender<Arc<Bundle>>,
    state: Mutex<State>,
    /// Bundles that were loaded lately, so that what was just published or left is not read again.
    recent: Mutex<VecDeque<Arc<Bundle>>>,
    /// One activation at a time.
    activating: tokio::sync::Mutex<()>,
    /// Somebody says that the source has changed.
    nudged: Notify,
}

/// What the room needs of the rooms below.
pub struct Needs {
    pub source: Source,
    pub mode: Mode,
    /// The keys that may sign an upload; without one, uploads need no signature.
    pub signers: Vec<Verifier>,
    pub db: Db,
    pub ledger: Ledger,
    pub events: Events,
    pub metrics: Metrics,
    pub clock: Clock,
}

/// The files of a revision that is kept; `None` for one that is not.
pub async fn files_of(db: &Db, revision: &str) -> Result<Option<Files>, DbFault> {
    let files = store::files(db, revision).await?;
    Ok((!files.is_empty()).then_some(files))
}

/// How it stands.
#[derive(Clone, Debug)]
pub struct State {
    pub active: Activation,
    pub pin: Option<Pin>,
    /// The faults of what the source holds now, if it was refused.
    pub faults: Vec<Fault>,
    /// Why the source could not be read, if it could not.
    pub trouble: Option<String>,
    /// The newest revision that the source held.
    pub seen: Option<Seen>,
    /// When the source was read last.
    pub checked_at: Option<i64>,
    /// The digest of what was refused, so that it is said once.
    refused: Option<[u8; 32]>,
    /// The digest of what was taken up, so that it is not tried again.
    taken: Option<[u8; 32]>,
}

/// What the source held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub revision: String,
    pub origin: Origin,
}

/// Bundles that are kept loaded.
const RECENT: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error("the bundle in `{from}` has {} fault(s); the first: {}", faults.len(), faults.first().map(ToString::to_string).unwrap_or_default())]
    Refused { from: String, faults: Vec<Fault> },
    #[error("could not read the bundle in `{path}`: {why}")]
    Unreadable { path: String, why: String },
    #[error("there is no revision `{0}`")]
    NoRevision(String),
    #[error("`{0}` is the beginning of more than one revision")]
    Ambiguous(String),
    #[error("revision `{revision}` has {failed} case(s) that do not hold, so it cannot decide")]
    Untested { revision: String, failed: usize, faults: Vec<Fault> },
    #[error("revision `{0}` decides already")]
    Active(String),
    #[error("revision `{found}` decides now, and not `{expected}`")]
    Moved { expected: String, found: String },
    #[error("another activation is under way")]
    Busy,
    #[error("there is nothing to roll back to: no other revision was in force before this one")]
    NoEarlier,
    #[error("the bundle is not signed by a key that may: {0}")]
    Unsigned(String),
    #[error("no revision is pinned")]
    NotPinned,
    #[error("what is stored as revision `{0}` is not what bears that name")]
    Altered(String),
    #[error("there is no template `{0}` in the bundle that decides")]
    NoTemplate(String),
    #[error("template `{template}` is not applied to `{to}`")]
    NotApplied { template: String, to: String },
    #[error("there is no policy `{0}` that was written over the API")]
    NotOurs(String),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Git(#[from] GitFault),
    #[error(transparent)]
    Approval(#[from] crate::approvals::ApprovalFault),
    #[error(transparent)]
    Identity(#[from] crate::identity::IdentityFault),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

impl PolicyFault {
    fn unreadable(path: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::Unreadable { path: path.to_string(), why: why.to_string() }
    }
}

/// What a look at the source came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Unchanged,
    /// It is stored; it does not decide, because a person pinned another or the source only publishes.
    Published,
    Activated,
}

impl Policy {
    /// The live bundle, as it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Bundle>> {
        self.0.live.subscribe()
    }

    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.0.live.borrow())
    }

    pub fn source(&self) -> &Source {
        &self.0.needs.source
    }

    pub fn mode(&self) -> Mode {
        self.0.needs.mode
    }

    pub fn state(&self) -> State {
        self.0.state.lock().clone()
    }

    /// A revision by its name, the beginning of it, `active` or `previous`.
    pub async fn revision(&self, name: &str) -> Result<Revision, PolicyFault> {
        let none = || PolicyFault::NoRevision(name.chars().take(80).collect());
        let name = match name {
            "active" => self.state().active.revision,
            "previous" => self.previous().await?.revision,
            name => name.to_ascii_lowercase(),
        };
        if let Some(found) = store::revision(&self.0.needs.db, &name).await? {
            return Ok(found);
        }
        // Short enough to type, long enough to be meant.
        if name.len() < 6 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(none());
        }
        let mut found = store::beginning_with(&self.0.needs.db, &name).await?;
        match (found.pop(), found.pop()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(PolicyFault::Ambiguous(name)),
            (None, _) => Err(none()),
        }
    }

    /// Revisions, newest first; `before` goes on from an earlier page.
    pub async fn revisions(&self, before: Option<i64>, limit: u32) -> Result<Vec<Revision>, PolicyFault> {
        Ok(store::revisions(&self.0.needs.db, before, limit).await?)
    }

    /// Activations, newest first.
    pub async fn history(&self, before: Option<i64>, limit: u32) -> Result<Vec<Activation>, PolicyFault> {
        Ok(store::activations(&self.0.needs.db, before, limit).await?)
    }

    /// A stored revision's files.
    pub async fn files(&self, revision: &str) -> Result<Files, PolicyFault> {
        Ok(store::files(&self.0.needs.db, revision).await?)
    }

    /// A stored revision, ready to decide. It is what bears that name, or it is refused.
    pub async fn load(&self, revision: &str) -> Result<Arc<Bundle>, PolicyFault> {
        if let Some(bundle) = self.recent(revision) {
            return Ok(bundle);
        }
        let files = self.files(revision).await?;
        if files.is_empty() {
            return Err(PolicyFault::NoRevision(revision.to_owned()));
        }
        let from = revision.to_owned();
        let bundle =
            trial::load(files, Some(self.bundle())).await.map_err(|faults| PolicyFault::Refused { from, faults })?;
        if bundle.revision() != revision {
            return Err(PolicyFault::Altered(revision.to_owned()));
        }
        self.remember(&bundle);
        Ok(bundle)
    }

    /// Says that the source may have changed: it is read now.
    pub fn nudge(&self) {
        self.0.nudged.notify_one();
    }

    fn recent(&self, revision: &str) -> Option<Arc<Bundle>> {
        let live = self.bundle();
        if live.revision() == revision {
            return Some(live);
        }
        self.0.recent.lock().iter().find(|bundle| bundle.revision() == revision).cloned()
    }

    fn remember(&self, bundle: &Arc<Bundle>) {
        let mut recent = self.0.recent.lock();
        recent.retain(|kept| kept.revision() != bundle.revision());
        recent.push_front(Arc::clone(bundle));
        recent.truncate(RECENT);
    }
}
