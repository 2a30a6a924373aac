//! Every judgement with the facts that it read, in one order for good: for whoever decides them again.

use legator_protocol::CommandId;

use super::facts::MAX_TTL_MS;
use super::{Road, store};
use crate::db::DbFault;
use crate::judgement::{Judgement, Stretch};

impl Road {
    /// Judgements behind `after` (a command and the number of its judgement), in the order of commands.
    pub async fn judgements(
        &self,
        stretch: Stretch,
        after: Option<&(String, u32)>,
        limit: u32,
    ) -> Result<Vec<Judgement>, DbFault> {
        let (first, end) = bounds(stretch);
        let start = (first, 0);
        store::judgements(&self.0.db, stretch, after.unwrap_or(&start), &end, limit).await
    }

    pub async fn count_judgements(&self, stretch: Stretch) -> Result<u64, DbFault> {
        let (first, end) = bounds(stretch);
        store::count_judgements(&self.0.db, stretch, &first, &end).await
    }

    /// One judgement of one command.
    pub async fn judgement(&self, command: &str, n: u32) -> Result<Option<Judgement>, DbFault> {
        store::judgement(&self.0.db, command, n).await
    }
}

/// Commands that can have been judged in that time, by their ids: a command waits no longer than it may.
fn bounds(stretch: Stretch) -> (String, String) {
    let born = |at: i64| CommandId::born(at.max(0).cast_unsigned(), 0).to_string();
    (born(stretch.since.saturating_sub(MAX_TTL_MS)), born(stretch.until.max(1)))
}
