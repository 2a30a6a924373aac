//! The time machine: recorded decisions, decided again under another bundle, and a bundle that decides beside the live one.
//! Never: changes what was or is decided. It reads judgements, and writes nothing but what it found.

pub mod api;
mod candidate;
mod export;
mod job;
mod shadow;
mod source;
mod store;
mod work;

use std::sync::Arc;

use legator_engine::replay::{Obstacle, Record, Selection, Tally, replay};
use legator_engine::{Bundle, Decision, Fault};
use legator_protocol::ReplayId;
use parking_lot::Mutex;
use tokio::sync::Notify;
use zeroize::Zeroizing;

pub use self::candidate::Candidate;
pub use self::job::{Finding, Job, JobState};
pub use self::shadow::{ShadowState, keep_shadow};
pub use self::store::Narrow;
pub use self::work::work;

use self::shadow::Shadow;
use crate::audit::{Draft, Ledger, WriteFault};
use crate::clock::Clock;
use crate::command::Road;
use crate::db::{Db, DbFault};
use crate::events::{Events, Whose};
use crate::identity::{Identity, Permit, ReplayDecisions};
use crate::policy::Policy;
use crate::telemetry::Metrics;

/// Replays that may wait for their turn.
const MOST_WAITING: usize = 20;

/// Replays and the shadow. Cheap to clone.
#[derive(Clone)]
pub struct Replays(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Db,
    ledger: Ledger,
    events: Events,
    metrics: Metrics,
    policy: Policy,
    identity: Identity,
    road: Road,
    /// There is something to do.
    wake: Notify,
    /// The candidate that was used last: reasons are asked for one after the other.
    loaded: Mutex<Option<Arc<Bundle>>>,
    shadow: Shadow,
    /// What pseudonyms are made with.
    mask_key: Zeroizing<[u8; 32]>,
}

/// What the time machine needs of the house.
pub struct Needs {
    pub clock: Clock,
    pub db: Db,
    pub ledger: Ledger,
    pub events: Events,
    pub metrics: Metrics,
    pub policy: Policy,
    pub identity: Identity,
    pub road: Road,
    /// What pseudonyms are made with; the same for every export.
    pub mask_key: Zeroizing<[u8; 32]>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    #[error("there is no replay `{0}`")]
    NoReplay(String),
    #[error("there is no bundle revision `{0}`")]
    NoRevision(String),
    #[error("there is no judgement {n} of `{command}`")]
    NoJudgement { command: String, n: u32 },
    #[error("nothing decides in the shadow")]
    NoShadow,
    #[error("the candidate has {} fault(s); the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Refused(Vec<Fault>),
    #[error("{0}")]
    Unfit(String),
    #[error("the replay is {} already", .0.as_str())]
    Ended(JobState),
    #[error("{MOST_WAITING} replays wait already; cancel one, or ask again later")]
    TooMany,
    #[error("the decision cannot be decided again: {0}")]
    Obstacle(Obstacle),
    #[error("the work was broken off: {0}")]
    Broken(String),
    #[error(transparent)]
    Write(#[from] WriteFault),
    #[error(transparent)]
    Read(#[from] DbFault),
}

/// A decision as it was and as the candidate makes it, both with their reasons.
pub struct Explained {
    pub before: Decision,
    pub after: Decision,
}

impl Replays {
    /// Takes up the shadow where it was left; [`work`] takes up the replays.
    pub async fn open(needs: Needs) -> Result<Self, ReplayFault> {
        let Needs { clock, db, ledger, events, metrics, policy, identity, road, mask_key } = needs;
        let (wake, loaded, shadow) = (Notify::new(), Mutex::default(), Shadow::default());
        let inner =
            Inner { clock, db, ledger, events, metrics, policy, identity, road, wake, loaded, shadow, mask_key };
        let replays = Self(Arc::new(inner));
        if let Err(fault) = replays.take_up_shadow().await {
            tracing::error!(%fault, "the shadow could not be taken up; nothing decides beside the live bundle");
        }
        Ok(replays)
    }

    /// Has recorded decisions decided again under `candidate`; returns at once.
    pub async fn start(
        &self,
        permit: Permit<ReplayDecisions>,
        candidate: Candidate,
        selection: Selection,
    ) -> Result<Job, ReplayFault> {
        if store::count_open(&self.0.db).await? >= MOST_WAITING {
            return Err(ReplayFault::TooMany);
        }
        let (bundle, files) = self.load(candidate).await?;
        let now = self.0.clock.now();
        // What is decided from now on is not part of it, or it would never end.
        let until = selection.until_ms.unwrap_or(i64::MAX).min(now.saturating_add(1));
        let selection = Selection { until_ms: Some(until), ..selection };
        let total = self.count(&selection).await?;
        let job = Job {
            id: self.0.clock.born(ReplayId::born).to_string(),
            candidate: bundle.revision().to_owned(),
            actor: permit.caller().person.name.clone(),
            selection,
            state: JobState::Waiting,
            total,
            seen: 0,
            cursor: None,
            listed: 0,
            tally: Tally::default(),
            fault: None,
            created_at: now,
            ended_at: None,
        };
        let draft = Draft::new("replay.started", job.actor.clone(), job.id.clone()).body(serde_json::json!({
            "candidate": job.candidate, "selection": job.selection, "decisions": total,
        }));
        let row = job.clone();
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                let connection = batch.connection().await?;
                store::keep_candidate(connection, &row.candidate, &files, now).await?;
                store::insert_job(connection, &row).await?;
                batch.entry(draft)?;
                Ok::<_, WriteFault>(())
            })
        });
        written.await?;
        self.0.wake.notify_one();
        Ok(job)
    }

    /// Ends a replay before it is through. What it found so far stays.
    pub async fn cancel(&self, permit: Permit<ReplayDecisions>, id: &str) -> Result<Job, ReplayFault> {
        let job = self.job(id).await?;
        let now = self.0.clock.now();
        let (row, actor) = (job.id.clone(), permit.caller().person.name.clone());
        let draft = Draft::new("replay.canceled", actor, job.id.clone())
            .body(serde_json::json!({ "seen": job.seen, "decisions": job.total }));
        let ended = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                let ended = store::end_job(batch.connection().await?, &row, JobState::Canceled, None, now).await?;
                if ended {
                    batch.entry(draft)?;
                }
                Ok::<_, WriteFault>(ended)
            })
        });
        let canceled = ended.await?;
        let job = self.job(id).await?;
        if !canceled {
            return Err(ReplayFault::Ended(job.state));
        }
        self.tell("replay.ended", &job);
        Ok(job)
    }

    pub async fn job(&self, id: &str) -> Result<Job, ReplayFault> {
        store::job(&self.0.db, id).await?.ok_or_else(|| ReplayFault::NoReplay(id.to_owned()))
    }

    /// The newest replays.
    pub async fn jobs(&self, limit: u32) -> Result<Vec<Job>, ReplayFault> {
        Ok(store::jobs(&self.0.db, limit).await?)
    }

    /// What a replay found, in the order in which it did.
    pub async fn findings(&self, id: &str, narrow: &Narrow) -> Result<Vec<(u64, Finding)>, ReplayFault> {
        let job = self.job(id).await?;
        Ok(store::findings(&self.0.db, &job.id, narrow).await?)
    }

    /// One judgement, as it was and as the replay's candidate makes it.
    pub async fn explain(&self, id: &str, command: &str, n: u32) -> Result<Explained, ReplayFault> {
        let candidate = self.job(id).await?.candidate;
        self.compare(&candidate, command, n).await
    }

    async fn compare(&self, revision: &str, command: &str, n: u32) -> Result<Explained, ReplayFault> {
        let missing = || ReplayFault::NoJudgement { command: command.to_owned(), n };
        let judgement = self.judgement(command, n).await?.ok_or_else(missing)?;
        let bundle = self.candidate(revision).await?;
        let record = Record::read(command, n, judgement.at, &judgement.facts, &judgement.decision)
            .map_err(ReplayFault::Obstacle)?;
        let decided = tokio::task::spawn_blocking(move || {
            replay(&bundle, &record).map(|replayed| Explained { before: record.decision, after: replayed.decision })
        });
        decided.await.map_err(|fault| ReplayFault::Broken(fault.to_string()))?.map_err(ReplayFault::Obstacle)
    }

    fn tell(&self, topic: &'static str, job: &Job) {
        let body = serde_json::json!({
            "state": job.state.as_str(), "seen": job.seen, "total": job.total,
            "changed": job.tally.kinds.changed(), "not_replayable": job.tally.stopped(),
        });
        self.0.events.publish(self.0.clock.now(), Whose::House, topic, job.id.clone(), body);
    }
}
