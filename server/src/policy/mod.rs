//! The live bundle: loaded from a folder or the one that ships, checked, activated atomically, and kept.
//! A bundle with faults stays outside; the last good one goes on deciding, also over a restart.
//! Never: decides. Everyone who does holds a `watch::Receiver` of the bundle.

pub mod api;
mod folder;
mod store;
mod watcher;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use legator_engine::{Bundle, Fault};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::db::{Db, DbFault};
use crate::events::Events;
use crate::identity::{ActivateBundle, Permit};
use crate::telemetry::Metrics;

pub use self::watcher::watch;

/// A bundle's files: path to bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Holds the live bundle. Cheap to clone.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    clock: Clock,
    ledger: Ledger,
    events: Events,
    metrics: Metrics,
    source: Source,
    live: watch::Sender<Arc<Bundle>>,
    state: Mutex<State>,
    /// One activation at a time.
    activating: tokio::sync::Mutex<()>,
}

/// Where bundles come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The one that is built in.
    Shipped,
    /// A folder, which is watched.
    Folder(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Shipped => f.write_str("shipped"),
            Source::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How it stands with the source.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub activated_at: i64,
    /// The faults of what the source holds now, if it was refused.
    pub faults: Vec<Fault>,
    /// The digest of what was refused, so that it is said once.
    refused: Option<[u8; 32]>,
    /// The digest of the files that decide now, as they were last read.
    decides: [u8; 32],
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error("the bundle in `{from}` has {} fault(s); the first: {}", faults.len(), faults.first().map(ToString::to_string).unwrap_or_default())]
    Refused { from: String, faults: Vec<Fault> },
    #[error("could not read the bundle in `{path}`: {why}")]
    Unreadable { path: String, why: String },
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

/// What a reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Unchanged,
    Activated,
}

impl Policy {
    /// Loads what the source holds. If it is refused, the last good bundle is taken up again; without one, this fails.
    pub async fn open(
        source: Source,
        db: &Db,
        ledger: Ledger,
        events: Events,
        metrics: Metrics,
        clock: Clock,
    ) -> Result<Self, PolicyFault> {
        let last = store::newest(db).await?;
        let found = folder::files(&source).and_then(|files| Ok((load(&source, &files)?, files)));
        let (bundle, files, faults, new) = match (found, last) {
            (Ok((bundle, files)), last) => {
                let new = last.is_none_or(|last| last.revision != bundle.revision());
                (bundle, files, Vec::new(), new)
            }
            (Err(fault), Some(last)) => {
                tracing::error!(%fault, revision = last.revision, "the bundle was refused; the last good one goes on");
                let bundle = load(&source, &last.files)?;
                let faults = if let PolicyFault::Refused { faults, .. } = fault { faults } else { Vec::new() };
                (bundle, last.files, faults, false)
            }
            (Err(fault), None) => return Err(fault),
        };
        let now = clock.now();
        let bundle = Arc::new(bundle);
        let (live, _) = watch::channel(Arc::clone(&bundle));
        let decides = folder::digest(&files);
        let state = Mutex::new(State { activated_at: now, faults, refused: None, decides });
        let activating = tokio::sync::Mutex::default();
        let policy = Self(Arc::new(Inner { clock, ledger, events, metrics, source, live, state, activating }));
        if new {
            policy.keep("server", &bundle, &files).await?;
        }
        Ok(policy)
    }

    /// The live bundle, as it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Bundle>> {
        self.0.live.subscribe()
    }

    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.0.live.borrow())
    }

    pub fn source(&self) -> &Source {
        &self.0.source
    }

    pub fn state(&self) -> State {
        self.0.state.lock().clone()
    }

    /// Reads the source again because somebody asked.
    pub async fn reload(&self, permit: Permit<ActivateBundle>) -> Result<Reload, PolicyFault> {
        self.reconcile(&permit.caller().person.name.clone()).await
    }

    /// Makes the source's bundle the live one, if it is another and has no faults.
    async fn reconcile(&self, actor: &str) -> Result<Reload, PolicyFault> {
        let _activating = self.0.activating.lock().await;
        let source = self.0.source.clone();
        let decides = self.0.state.lock().decides;
        let read = tokio::task::spawn_blocking(move || {
            let files = folder::files(&source)?;
            let digest = folder::digest(&files);
            // Compiling costs a thousand times as much as looking; most looks find what decides already.
            let bundle = (decides != digest).then(|| load(&source, &files));
            Ok::<_, PolicyFault>((files, digest, bundle))
        });
        let (files, digest, bundle) = match read.await {
            Ok(read) => read?,
            Err(fault) => {
                return Err(PolicyFault::Unreadable { path: self.0.source.to_string(), why: fault.to_string() });
            }
        };
        let Some(bundle) = bundle else {
            let mut state = self.0.state.lock();
            state.faults.clear();
            state.refused = None;
            return Ok(Reload::Unchanged);
        };
        let bundle = match bundle {
            Ok(bundle) => Arc::new(bundle),
            Err(fault) => {
                self.refuse(actor, &files, &fault).await?;
                return Err(fault);
            }
        };
        if bundle.revision() == self.bundle().revision() {
            let mut state = self.0.state.lock();
            state.faults.clear();
            state.refused = None;
            state.decides = digest;
            return Ok(Reload::Unchanged);
        }
        self.keep(actor, &bundle, &files).await?;
        *self.0.state.lock() = State { activated_at: self.0.clock.now(), decides: digest, ..State::default() };
        let body = serde_json::json!({ "revision": bundle.revision() });
        self.0.live.send_replace(Arc::clone(&bundle));
        self.0.events.publish(self.0.clock.now(), "bundle.activated", bundle.revision(), body);
        tracing::info!(revision = bundle.revision(), "another bundle decides now");
        Ok(Reload::Activated)
    }

    /// Writes the revision down before it decides anything.
    async fn keep(&self, actor: &str, bundle: &Bundle, files: &Files) -> Result<(), PolicyFault> {
        let at = self.0.clock.now();
        let (revision, source) = (bundle.revision().to_owned(), self.0.source.to_string());
        let texts = store::texts(files);
        let draft = Draft::new("bundle.activated", actor, revision.clone()).body(serde_json::json!({
            "source": source, "policies": bundle.policies().count(), "scripts": bundle.scripts().count(),
        }));
        self.0
            .ledger
            .write(at, move |batch| {
                Box::pin(async move {
                    store::keep(batch.connection().await?, &revision, &texts, &source, at).await?;
                    batch.entry(draft)?;
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    async fn refuse(&self, actor: &str, files: &Files, fault: &PolicyFault) -> Result<(), PolicyFault> {
        let digest = folder::digest(files);
        let faults = if let PolicyFault::Refused { faults, .. } = fault { faults.clone() } else { Vec::new() };
        {
            let mut state = self.0.state.lock();
            state.faults.clone_from(&faults);
            if state.refused.replace(digest) == Some(digest) {
                return Ok(());
            }
        }
        self.0.metrics.bundle_refused.inc();
        for fault in &faults {
            tracing::error!(%fault, "a bundle was refused");
        }
        let body = serde_json::json!({
            "source": self.0.source.to_string(),
            "faults": faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        let revision = self.bundle().revision().to_owned();
        self.0.events.publish(self.0.clock.now(), "bundle.refused", revision.clone(), body.clone());
        self.0.ledger.append(self.0.clock.now(), Draft::new("bundle.refused", actor, revision).body(body)).await?;
        Ok(())
    }
}

fn load(source: &Source, files: &Files) -> Result<Bundle, PolicyFault> {
    Bundle::load(files).map_err(|faults| PolicyFault::Refused { from: source.to_string(), faults })
}
