//! Every judgement with the facts that it read, in one order for good: for whoever decides them again.

use legator_protocol::CommandId;

use super::facts::MAX_TTL_MS;
use super::{Road, store};
use crate::db::DbFault;

/// A judgement as it is stored: both texts are exactly what was recorded.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub command: String,
    /// Which judgement of that command, from 1.
    pub n: u32,
    pub at: i64,
    pub facts: String,
    pub decision: String,
}

/// Judgements of a time: from `since` on, before `until`, in UTC milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub since: i64,
    pub until: i64,
}

impl Stretch {
    /// Commands that can have been judged in it, by their ids: a command waits no longer than it may.
    fn bounds(self) -> (String, String) {
        let born = |at: i64| CommandId::born(at.max(0).cast_unsigned(), 0).to_string();
        (born(self.since.saturating_sub(MAX_TTL_MS)), born(self.until.max(1)))
    }
}

impl Road {
    /// Judgements behind `after` (a command and the number of its judgement), in the order of commands.
    pub async fn judgements(
        &self,
        stretch: Stretch,
        after: Option<&(String, u32)>,
        limit: u32,
    ) -> Result<Vec<Judgement>, DbFault> {
        let (first, end) = stretch.bounds();
        let start = (first, 0);
        store::judgements(&self.0.db, stretch, after.unwrap_or(&start), &end, limit).await
    }

    pub async fn count_judgements(&self, stretch: Stretch) -> Result<u64, DbFault> {
        let (first, end) = stretch.bounds();
        store::count_judgements(&self.0.db, stretch, &first, &end).await
    }

    /// One judgement of one command.
    pub async fn judgement(&self, command: &str, n: u32) -> Result<Option<Judgement>, DbFault> {
        store::judgement(&self.0.db, command, n).await
    }
}
