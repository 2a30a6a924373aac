//! What was asked of the API and what the access policies said, with the facts that they read, so that it can be decided
//! again under other policies.
//! Never: in the way of an answer. It is written down together every few seconds; the log has its own entry of every
//! refusal and every change.

mod notebook;
pub(super) mod store;

use std::sync::Arc;
use std::time::Duration;

use legator_engine::{Decision, Facts};
use legator_protocol::OperationId;

pub use self::notebook::Notebook;
use self::notebook::Noted;
pub use self::store::{Asked, Narrow};
use super::{Identity, IdentityFault};
use crate::audit::WriteFault;
use crate::db::DbFault;
use crate::judgement::{Heard, Judgement, Stretch, Tap};
use crate::tenant::{Reach, Tenant};

/// How often it is written down. What was asked after the last time is lost when the server is killed.
const ROUND: Duration = Duration::from_secs(5);

/// Writes down what was asked, until the server ends.
pub async fn keep_asked(identity: Identity) {
    loop {
        identity.0.notebook.noted().await;
        tokio::time::sleep(ROUND).await;
        if let Err(fault) = identity.write_asked().await {
            tracing::error!(%fault, "what was asked of the API could not be written down; it is tried again");
        }
    }
}

impl Identity {
    /// Notes an answer of the access policies.
    pub(super) fn note(&self, tenant: &Tenant, facts: Facts, decision: &Decision) {
        let notebook = &self.0.notebook;
        let born = || self.0.clock.born(OperationId::born);
        match notebook.note(tenant, &facts, decision, born) {
            Noted::First(id) => notebook.tap().tell(std::iter::once(|| Heard {
                subject: id.to_string(),
                n: 1,
                at: i64::try_from(facts.at_ms).unwrap_or(i64::MAX),
                facts,
                decision: Arc::new(decision.clone()),
            })),
            Noted::Again => {}
            Noted::Full => {
                self.0.metrics.asked_dropped.inc();
            }
        }
    }

    /// Who wants to hear each new question with its answer.
    pub fn asked_tap(&self) -> &Tap {
        self.0.notebook.tap()
    }

    /// Writes down what was noted since the last time.
    pub async fn write_asked(&self) -> Result<(), WriteFault> {
        let notebook = &self.0.notebook;
        let _writing = notebook.writing().await;
        let page = notebook.unwritten();
        if page.is_empty() {
            return Ok(());
        }
        let rows = Arc::clone(&page);
        let written = self.0.ledger.write(self.0.clock.now(), move |batch| {
            Box::pin(async move {
                store::write(batch.connection().await?, &rows).await?;
                Ok::<_, WriteFault>(())
            })
        });
        written.await?;
        notebook.wrote(page.len());
        Ok(())
    }

    /// What was asked, newest first, as far as `reach` goes.
    pub async fn asked(&self, reach: &Reach, narrow: &Narrow) -> Result<Vec<Asked>, IdentityFault> {
        self.write_asked().await?;
        Ok(store::asked(&self.0.db, reach, narrow).await?)
    }

    /// One of them, with its facts and the decision.
    pub async fn asked_once(&self, reach: &Reach, id: &str) -> Result<(Asked, Judgement), IdentityFault> {
        self.write_asked().await?;
        let found = store::asked_once(&self.0.db, reach, id).await?;
        found.ok_or_else(|| IdentityFault::NotAsked(id.chars().take(80).collect()))
    }

    /// Judgements of operations behind `after`, in the order in which they were made.
    pub async fn judgements(
        &self,
        stretch: Stretch,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Judgement>, DbFault> {
        store::judgements(&self.0.db, stretch, after.unwrap_or_default(), limit).await
    }

    pub async fn count_judgements(&self, stretch: Stretch) -> Result<u64, DbFault> {
        store::count_judgements(&self.0.db, stretch).await
    }

    pub async fn judgement(&self, operation: &str) -> Result<Option<Judgement>, DbFault> {
        store::judgement(&self.0.db, operation).await
    }
}
