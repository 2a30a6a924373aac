//! The reconciler of replays: takes the oldest that is not through, page by page, and writes down after each page where
//! it is, so that a restart goes on there.

use std::sync::Arc;
use std::time::Duration;

use legator_engine::Bundle;

use super::job::{Finding, Job, JobState};
use super::{ReplayFault, Replays, store};
use crate::audit::{Draft, WriteFault};
use crate::judgement::Judgement;

/// Judgements that are decided between two looks at whether to go on.
const PAGE: u32 = 1000;

/// Also without a signal: what could not be written a while ago may be now.
const ROUND: Duration = Duration::from_secs(10);

/// Works until the server ends.
pub async fn work(replays: Replays) {
    loop {
        match store::next_job(&replays.0.db).await {
            Ok(Some(job)) => {
                let id = job.id.clone();
                if let Err(fault) = replays.go_through(job).await {
                    tracing::error!(%fault, replay.id = id, "a replay was broken off");
                    replays.fail(&id, &fault).await;
                }
            }
            Ok(None) => {
                let _ = tokio::time::timeout(ROUND, replays.0.wake.notified()).await;
            }
            Err(fault) => {
                tracing::error!(%fault, "the replays cannot be read");
                tokio::time::sleep(ROUND).await;
            }
        }
    }
}

impl Replays {
    async fn go_through(&self, mut job: Job) -> Result<(), ReplayFault> {
        let bundle = self.candidate(&job.candidate).await?;
        let selection = job.selection.clone();
        let mut page = self.page(&selection, job.cursor.as_ref(), PAGE).await?;
        loop {
            let last = page.last().map(|last| (last.subject.clone(), last.n));
            let through = page.len() < PAGE as usize;
            // The next page is read while this one is decided.
            let decided = decide(Arc::clone(&bundle), job, page);
            let ahead =
                async { if through { Ok(Vec::new()) } else { self.page(&selection, last.as_ref(), PAGE).await } };
            let (decided, ahead) = tokio::join!(decided, ahead);
            let (after, findings) = decided?;
            job = after;
            page = ahead?;
            job.state = if through { JobState::Done } else { JobState::Running };
            if !self.keep(&mut job, findings).await? {
                // Somebody canceled it meanwhile.
                return Ok(());
            }
            self.tell(if through { "replay.ended" } else { "replay.progress" }, &job);
            if through {
                return Ok(());
            }
        }
    }

    /// Writes down how far it is; with the last page also that it is through. `false` if it is no longer wanted.
    async fn keep(&self, job: &mut Job, findings: Vec<Finding>) -> Result<bool, ReplayFault> {
        let now = self.0.clock.now();
        let first = job.listed;
        job.listed += findings.len() as u64;
        let draft = (job.state == JobState::Done).then(|| {
            job.ended_at = Some(now);
            Draft::new("replay.ended", "server", job.id.clone()).body(serde_json::json!({
                "candidate": job.candidate, "decisions": job.tally.decisions, "kinds": job.tally.kinds,
                "reclassified": job.tally.reclassified, "not_replayable": job.tally.not_replayable,
            }))
        });
        let row = job.clone();
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                let connection = batch.connection().await?;
                let wanted = store::advance_job(connection, &row).await?;
                if wanted {
                    store::insert_findings(connection, &row.id, first, &findings).await?;
                }
                if let Some(draft) = draft.filter(|_| wanted) {
                    batch.entry(draft)?;
                }
                Ok::<_, WriteFault>(wanted)
            })
        });
        Ok(written.await?)
    }

    async fn fail(&self, id: &str, fault: &ReplayFault) {
        let now = self.0.clock.now();
        let (row, why) = (id.to_owned(), fault.to_string());
        let draft = Draft::new("replay.ended", "server", id).body(serde_json::json!({ "fault": why }));
        let written = self.0.ledger.write(now, move |batch| {
            Box::pin(async move {
                if store::end_job(batch.connection().await?, &row, JobState::Failed, Some(&why), now).await? {
                    batch.entry(draft)?;
                }
                Ok::<_, WriteFault>(())
            })
        });
        if let Err(fault) = written.await {
            tracing::error!(%fault, replay.id = id, "the end of a replay could not be written; it is tried again");
            tokio::time::sleep(ROUND).await;
        } else if let Ok(job) = self.job(id).await {
            self.tell("replay.ended", &job);
        }
    }
}

async fn decide(bundle: Arc<Bundle>, mut job: Job, page: Vec<Judgement>) -> Result<(Job, Vec<Finding>), ReplayFault> {
    let decided = tokio::task::spawn_blocking(move || {
        let findings = job.take(&bundle, &page);
        (job, findings)
    });
    decided.await.map_err(|fault| ReplayFault::Broken(fault.to_string()))
}
