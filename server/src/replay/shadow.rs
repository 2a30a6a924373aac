//! The shadow: a candidate that decides every judgement of a command too, and each new question to the API, on a thread
//! of its own, after the fact.
//! Never: in the way of a live decision. It hears what was decided already; what it has no time for is dropped and counted, and a candidate that is too slow or breaks is counted as that and not as a difference.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use legator_engine::replay::{Difference, Of, Record, Tally, replay};
use legator_engine::{Abort, Bundle};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::store::{self, ShadowRow};
use super::{Candidate, ReplayFault, Replays};
use crate::audit::{Draft, WriteFault};
use crate::events::Whose;
use crate::identity::{Permit, ShadowBundle};
use crate::judgement::{Heard, Tap};
use crate::telemetry::By;

/// Judgements that may wait for the shadow.
const BACKLOG: usize = 4096;

/// The longest that the candidate's scripts may take over one judgement.
const PATIENCE: Duration = Duration::from_millis(100);

/// Differences that are kept, the newest ones.
const MOST_DIFFERENCES: u64 = 1000;

/// How often counts are written down. What came after the last time is lost when the server is killed.
const ROUND: Duration = Duration::from_secs(1);

/// The place for one shadow.
#[derive(Default)]
pub(super) struct Shadow {
    on: Mutex<Option<On>>,
    /// One start or stop at a time.
    turning: tokio::sync::Mutex<()>,
    /// One writer of counts at a time.
    keeping: tokio::sync::Mutex<()>,
    heard: Notify,
}

struct On {
    row: ShadowRow,
    /// Differences that are not written down yet.
    fresh: Vec<Difference>,
    changed: bool,
}

/// How it stands with the shadow.
#[derive(Clone, Debug)]
pub struct ShadowState {
    pub candidate: String,
    /// What it listens to; everything, if absent.
    pub of: Option<Of>,
    pub actor: String,
    pub started_at: i64,
    pub tally: Tally,
    /// Judgements that there was no time for.
    pub dropped: u64,
    /// Judgements that took the candidate too long, or on which it broke.
    pub gave_up: u64,
    /// The newest differences, newest first.
    pub differences: Vec<Difference>,
}

/// Writes down what the shadow counts, until the server ends.
pub async fn keep_shadow(replays: Replays) {
    loop {
        replays.0.shadow.heard.notified().await;
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = replays.keep_counts().await {
            tracing::error!(%fault, "the counts of the shadow could not be written; they are tried again");
            replays.0.shadow.heard.notify_one();
        }
    }
}

impl Replays {
    /// Lets `candidate` decide beside the live bundle from now on, in place of one that did.
    pub async fn start_shadow(
        &self,
        permit: Permit<ShadowBundle>,
        candidate: Candidate,
        of: Option<Of>,
    ) -> Result<ShadowState, ReplayFault> {
        let _turning = self.0.shadow.turning.lock().await;
        let (bundle, files) = self.load(candidate).await?;
        let now = self.0.clock.now();
        let row = ShadowRow {
            candidate: bundle.revision().to_owned(),
            of,
            actor: permit.caller().person.name.clone(),
            started_at: now,
            tally: Tally::default(),
            dropped: 0,
            gave_up: 0,
            listed: 0,
        };
        let draft = Draft::new("shadow.started", row.actor.clone(), row.candidate.clone())
            .body(serde_json::json!({ "live": self.0.policy.bundle().revision(), "of": of }));
        let kept = row.clone();
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                let connection = batch.connection().await?;
                store::keep_candidate(connection, &kept.candidate, &files, now).await?;
                store::put_shadow(connection, &kept).await?;
                batch.entry(draft)?;
                Ok::<_, WriteFault>(())
            })
        });
        written.await?;
        self.listen(row).await?;
        let body = serde_json::json!({ "on": true });
        self.0.events.publish(now, Whose::House, "shadow.started", bundle.revision(), body);
        self.shadow(None, 0).await
    }

    /// Ends the shadow. What it counted is in the log's entry.
    pub async fn stop_shadow(&self, permit: Permit<ShadowBundle>) -> Result<(), ReplayFault> {
        let _turning = self.0.shadow.turning.lock().await;
        let row = self.0.shadow.on.lock().as_ref().map(|on| on.row.clone()).ok_or(ReplayFault::NoShadow)?;
        let now = self.0.clock.now();
        let draft = Draft::new("shadow.stopped", permit.caller().person.name.clone(), row.candidate.clone()).body(
            serde_json::json!({
                "decisions": row.tally.decisions, "kinds": row.tally.kinds, "dropped": row.dropped,
                "gave_up": row.gave_up,
            }),
        );
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                store::end_shadow(batch.connection().await?).await?;
                batch.entry(draft)?;
                Ok::<_, WriteFault>(())
            })
        });
        written.await?;
        self.taps().into_iter().for_each(|(_, tap)| tap.stop());
        *self.0.shadow.on.lock() = None;
        self.0.metrics.shadow_on.set(0);
        self.0.events.publish(now, Whose::House, "shadow.stopped", row.candidate, serde_json::json!({ "on": false }));
        Ok(())
    }

    /// How it stands, with the newest differences of a kind.
    pub async fn shadow(&self, kind: Option<&str>, limit: u32) -> Result<ShadowState, ReplayFault> {
        self.keep_counts().await?;
        let row = self.0.shadow.on.lock().as_ref().map(|on| on.row.clone()).ok_or(ReplayFault::NoShadow)?;
        let differences = store::differences(&self.0.db, kind, limit).await?;
        let ShadowRow { candidate, of, actor, started_at, tally, dropped, gave_up, .. } = row;
        Ok(ShadowState { candidate, of, actor, started_at, tally, dropped, gave_up, differences })
    }

    /// A judgement on which the shadow differs, with both reasons.
    pub async fn explain_shadow(&self, command: &str, n: u32) -> Result<super::Explained, ReplayFault> {
        let revision = self.0.shadow.on.lock().as_ref().map(|on| on.row.candidate.clone());
        self.compare(&revision.ok_or(ReplayFault::NoShadow)?, command, n).await
    }

    pub(super) async fn take_up_shadow(&self) -> Result<(), ReplayFault> {
        match store::shadow(&self.0.db).await? {
            Some(row) => self.listen(row).await,
            None => Ok(()),
        }
    }

    /// Starts the thread, and puts its ear to the road.
    async fn listen(&self, row: ShadowRow) -> Result<(), ReplayFault> {
        let files = self.files_of(&row.candidate).await?;
        let watch = Watch::default();
        let abort = watch.abort();
        let read = tokio::task::spawn_blocking(move || Bundle::load_interruptible(&files, abort)).await;
        let bundle = read.map_err(|fault| ReplayFault::Broken(fault.to_string()))?.map_err(ReplayFault::Refused)?;
        let (ear, heard) = mpsc::channel(BACKLOG);
        let (started_at, wanted) = (row.started_at, row.of);
        *self.0.shadow.on.lock() = Some(On { row, fresh: Vec::new(), changed: false });
        let replays = Arc::downgrade(&self.0);
        let thread = std::thread::Builder::new().name("legator-shadow".to_owned()).spawn(move || {
            let mut heard = heard;
            while let Some(judgement) = heard.blocking_recv() {
                let Some(inner) = replays.upgrade() else { return };
                Self(inner).decide_beside(&bundle, &watch, started_at, judgement);
            }
        });
        thread.map_err(|fault| ReplayFault::Broken(fault.to_string()))?;
        for (of, tap) in self.taps() {
            tap.take_dropped();
            if wanted.is_none_or(|wanted| wanted == of) {
                tap.listen(ear.clone());
            } else {
                tap.stop();
            }
        }
        self.0.metrics.shadow_on.set(1);
        Ok(())
    }

    /// Where decisions are heard of: on the road, and where operations are asked for.
    fn taps(&self) -> [(Of, &Tap); 2] {
        [(Of::Commands, self.0.road.tap()), (Of::Operations, self.0.identity.asked_tap())]
    }

    fn decide_beside(&self, bundle: &Bundle, watch: &Watch, started_at: i64, heard: Heard) {
        let Heard { subject, n, at, facts, decision } = heard;
        let record = Record::new(subject, n, at, facts, Arc::unwrap_or_clone(decision));
        watch.begin();
        let replayed = catch_unwind(AssertUnwindSafe(|| replay(bundle, &record)));
        let missed = |name| self.0.metrics.shadow_missed.get_or_create(&By { name }).inc();
        let mut on = self.0.shadow.on.lock();
        // A thread that still has some of an earlier shadow's backlog counts for nobody.
        let Some(on) = on.as_mut().filter(|on| on.row.started_at == started_at) else { return };
        on.changed = true;
        match replayed {
            Err(_) => {
                on.row.gave_up += 1;
                missed("broken");
            }
            Ok(_) if watch.ran_out() => {
                on.row.gave_up += 1;
                missed("too-slow");
            }
            Ok(Err(obstacle)) => on.row.tally.stop(&obstacle),
            Ok(Ok(replayed)) => {
                on.row.tally.add(&record, &replayed);
                self.0.metrics.shadowed.get_or_create(&By { name: replayed.kind.as_str() }).inc();
                if let Some(difference) = Difference::of(&record, &replayed) {
                    on.fresh.push(difference);
                    // The newest are kept, so the oldest need not be written.
                    if on.fresh.len() as u64 > 2 * MOST_DIFFERENCES {
                        let old = on.fresh.len() - usize::try_from(MOST_DIFFERENCES).unwrap_or_default();
                        on.fresh.drain(..old);
                        on.row.listed += old as u64;
                    }
                }
            }
        }
        self.0.shadow.heard.notify_one();
    }

    async fn keep_counts(&self) -> Result<(), ReplayFault> {
        let _keeping = self.0.shadow.keeping.lock().await;
        let (row, fresh) = {
            let mut on = self.0.shadow.on.lock();
            let Some(on) = on.as_mut() else { return Ok(()) };
            let dropped = self.taps().into_iter().map(|(_, tap)| tap.take_dropped()).sum::<u64>();
            if dropped > 0 {
                on.row.dropped += dropped;
                on.changed = true;
                self.0.metrics.shadow_missed.get_or_create(&By { name: "no-time" }).inc_by(dropped);
            }
            if !on.changed {
                return Ok(());
            }
            on.changed = false;
            let fresh = std::mem::take(&mut on.fresh);
            on.row.listed += fresh.len() as u64;
            (on.row.clone(), fresh)
        };
        let body = serde_json::json!({
            "decisions": row.tally.decisions, "changed": row.tally.kinds.changed(), "dropped": row.dropped,
        });
        let candidate = row.candidate.clone();
        let now = self.0.clock.now();
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                store::advance_shadow(batch.connection().await?, &row, &fresh, MOST_DIFFERENCES).await?;
                Ok::<_, WriteFault>(())
            })
        });
        written.await?;
        self.0.events.publish(now, Whose::House, "shadow.counted", candidate, body);
        Ok(())
    }
}

/// Says when the candidate's scripts have had their time, and whether they were ended for it.
#[derive(Clone, Default)]
struct Watch(Arc<Watched>);

#[derive(Default)]
struct Watched {
    until: Mutex<Option<Instant>>,
    ran_out: AtomicBool,
}

impl Watch {
    fn begin(&self) {
        *self.0.until.lock() = Some(Instant::now() + PATIENCE);
        self.0.ran_out.store(false, Ordering::Relaxed);
    }

    fn ran_out(&self) -> bool {
        self.0.ran_out.load(Ordering::Relaxed)
    }

    fn abort(&self) -> Abort {
        let watch = Arc::clone(&self.0);
        Arc::new(move || {
            let over = watch.until.lock().is_some_and(|until| Instant::now() > until);
            if over {
                watch.ran_out.store(true, Ordering::Relaxed);
            }
            over
        })
    }
}
