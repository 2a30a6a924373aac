//! The first look: which bundle decides when the server starts.

use std::collections::VecDeque;
use std::sync::Arc;

use legator_engine::{Bundle, Fault};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::revision::{Activation, FailedCase, How, Origin, OriginKind, Pin, Revision, Trial, files_digest};
use super::trial::Tried;
use super::{Inner, Mode, Needs, Policy, PolicyFault, Seen, State, store, trial};
use crate::audit::Draft;

/// What the source holds, tried: it can decide.
struct Offer {
    tried: Tried,
    origin: Origin,
    digest: [u8; 32],
}

impl Policy {
    /// Takes up the revision that was in force, or what the source holds if it may. Without any good bundle this fails.
    pub async fn open(needs: Needs) -> Result<Self, PolicyFault> {
        carry_over(&needs).await?;
        let (last, pin) = (store::newest(&needs.db).await?, store::pinned(&needs.db).await?);
        if let (Some(last), Some(_)) = (&last, &pin) {
            // A person's word stands; the source is looked at when the server runs.
            let bundle = stored(&needs, &last.revision).await?;
            return Ok(Self::with(needs, bundle, last.clone(), pin, None, None));
        }
        match (offer(&needs).await, last) {
            (Ok(offer), Some(last)) if last.revision == offer.tried.bundle.revision() => {
                let bundle = Arc::clone(&offer.tried.bundle);
                Ok(Self::with(needs, bundle, last, pin, Some(&offer), None))
            }
            (Ok(offer), Some(last)) => Self::moved(needs, offer, last, pin).await,
            (Ok(offer), None) => {
                let (bundle, first) = (Arc::clone(&offer.tried.bundle), first(&needs, &offer));
                let first = begin(&needs, &offer, first).await?;
                Ok(Self::with(needs, bundle, first, pin, Some(&offer), None))
            }
            (Err(fault), Some(last)) => {
                tracing::error!(%fault, revision = last.revision, "the bundle was not taken up; the last good one goes on");
                let bundle = stored(&needs, &last.revision).await?;
                Ok(Self::with(needs, bundle, last, pin, None, Some(fault)))
            }
            (Err(fault), None) => Err(fault),
        }
    }

    /// The source changed while the server was away.
    async fn moved(needs: Needs, offer: Offer, last: Activation, pin: Option<Pin>) -> Result<Self, PolicyFault> {
        let overlay = super::publish::overlay(&store::files(&needs.db, &last.revision).await?);
        if needs.mode == Mode::Manual || !overlay.is_empty() {
            // The watcher looks at it at once, as at any other change.
            match stored(&needs, &last.revision).await {
                Ok(bundle) => {
                    let policy = Self::with(needs, bundle, last, pin, None, None);
                    policy.nudge();
                    return Ok(policy);
                }
                Err(fault) => {
                    tracing::error!(%fault, "the last bundle cannot be loaded; what the source holds decides")
                }
            }
        }
        let next = Activation { how: How::Source, below: Some(last.n), ..first(&needs, &offer) };
        let (bundle, next) = (Arc::clone(&offer.tried.bundle), begin(&needs, &offer, next).await?);
        Ok(Self::with(needs, bundle, next, pin, Some(&offer), None))
    }

    fn with(
        needs: Needs,
        bundle: Arc<Bundle>,
        active: Activation,
        pin: Option<Pin>,
        offer: Option<&Offer>,
        fault: Option<PolicyFault>,
    ) -> Self {
        let (live, _) = watch::channel(bundle);
        let (mut faults, mut trouble): (Vec<Fault>, Option<String>) = (Vec::new(), None);
        match fault {
            Some(PolicyFault::Refused { faults: found, .. }) => faults = found,
            Some(other) => trouble = Some(other.to_string()),
            None => {}
        }
        let seen = offer
            .map(|offer| Seen { revision: offer.tried.bundle.revision().to_owned(), origin: offer.origin.clone() });
        let checked_at = offer.map(|_| needs.clock.now());
        let taken = offer.map(|offer| offer.digest);
        let state = State { active, pin, faults, trouble, seen, checked_at, refused: None, taken };
        Self(Arc::new(Inner {
            needs,
            live,
            state: Mutex::new(state),
            recent: Mutex::new(VecDeque::new()),
            activating: tokio::sync::Mutex::default(),
            nudged: Notify::new(),
        }))
    }
}

async fn offer(needs: &Needs) -> Result<Offer, PolicyFault> {
    let found = needs.source.read().await?;
    let digest = files_digest(&found.files);
    let refused = |faults| PolicyFault::Refused { from: needs.source.to_string(), faults };
    let tried = trial::attempt(found.files, None).await.map_err(refused)?;
    if !tried.trial.passed() {
        return Err(refused(tried.trial.faults()));
    }
    Ok(Offer { tried, origin: found.origin, digest })
}

fn first(needs: &Needs, offer: &Offer) -> Activation {
    Activation {
        n: 0,
        revision: offer.tried.bundle.revision().to_owned(),
        at: needs.clock.now(),
        actor: "server".to_owned(),
        how: How::Start,
        reason: None,
        approval: None,
        below: None,
    }
}

/// Writes down what the server begins with, before it decides anything.
async fn begin(needs: &Needs, offer: &Offer, mut next: Activation) -> Result<Activation, PolicyFault> {
    let row = super::publish::row(&offer.tried, &offer.origin, "server", None, next.at);
    let (files, written) = (offer.tried.files.clone(), next.clone());
    let drafts = [super::publish::entry(&row), super::activate::entry(&next, None, &row)];
    next.n = needs
        .ledger
        .write(next.at, move |batch| {
            Box::pin(async move {
                let [published, activated] = drafts;
                let new = store::keep(batch.connection().await?, &row, &files).await?;
                let n = store::activate(batch.connection().await?, &written).await?;
                if new {
                    batch.entry(published)?;
                }
                batch.entry(activated)?;
                Ok(n)
            })
        })
        .await?;
    Ok(next)
}

async fn stored(needs: &Needs, revision: &str) -> Result<Arc<Bundle>, PolicyFault> {
    let files = store::files(&needs.db, revision).await?;
    let refused = |faults| PolicyFault::Refused { from: revision.to_owned(), faults };
    let bundle = trial::load(files, None).await.map_err(refused)?;
    if bundle.revision() != revision {
        return Err(PolicyFault::Altered(revision.to_owned()));
    }
    Ok(bundle)
}

/// Moves what an earlier build kept of its bundles to where revisions stand now.
async fn carry_over(needs: &Needs) -> Result<(), PolicyFault> {
    let earlier = store::earlier(&needs.db).await?;
    if earlier.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::new();
    for kept in earlier {
        let origin = Origin::of(OriginKind::Earlier).at(kept.source);
        let row = match trial::attempt(kept.files.clone(), None).await {
            Ok(tried) if tried.bundle.revision() == kept.revision => {
                super::publish::row(&tried, &origin, "server", None, kept.at)
            }
            other => unfit(kept.revision, origin, kept.at, other.err()),
        };
        rows.push((row, kept.files));
    }
    let draft = Draft::new("bundle.carried", "server", "policy").body(serde_json::json!({ "revisions": rows.len() }));
    let work = needs.ledger.write(needs.clock.now(), move |batch| {
        Box::pin(async move {
            let mut below = None;
            for (row, files) in rows {
                store::keep(batch.connection().await?, &row, &files).await?;
                if row.report.passed() {
                    let next = Activation {
                        n: 0,
                        revision: row.revision,
                        at: row.published_at,
                        actor: row.publisher,
                        how: How::Source,
                        reason: None,
                        approval: None,
                        below,
                    };
                    below = Some(store::activate(batch.connection().await?, &next).await?);
                }
            }
            store::forget_earlier(batch.connection().await?).await?;
            batch.entry(draft)?;
            Ok(())
        })
    });
    Ok(work.await?)
}

/// A revision of an earlier build that this one cannot decide with. It stays readable.
fn unfit(revision: String, origin: Origin, at: i64, faults: Option<Vec<Fault>>) -> Revision {
    let why = faults.and_then(|faults| faults.first().map(ToString::to_string));
    let problems = vec![why.unwrap_or_else(|| "this build gives it another name".to_owned())];
    let failed = FailedCase { file: "bundle.toml".to_owned(), line: 0, name: "it loads".to_owned(), problems };
    let report =
        Trial { build: env!("CARGO_PKG_VERSION").to_owned(), cases: 0, failed: vec![failed], gaps: Vec::new() };
    Revision {
        n: 0,
        revision,
        published_at: at,
        publisher: "server".to_owned(),
        origin,
        message: None,
        policies: 0,
        scripts: 0,
        report,
    }
}
