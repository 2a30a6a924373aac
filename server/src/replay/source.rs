//! Where recorded decisions come from: the road has those of commands, the identity room those of operations. In one
//! order for good: commands first, then operations, each by when they were first asked.
//! Never: a decision that is still in memory only. What was asked up to now is written down before it is counted.

use legator_engine::replay::{Of, Selection};
use legator_protocol::OperationId;

use super::{ReplayFault, Replays};
use crate::judgement::{Judgement, Stretch};

/// Where to go on: a command or an operation, and the number of its judgement.
pub(super) type Cursor = (String, u32);

impl Replays {
    /// Makes sure that what was asked up to now is among them.
    pub(super) async fn gather(&self, selection: &Selection) -> Result<(), ReplayFault> {
        if takes(selection, Of::Operations) {
            self.0.identity.write_asked().await?;
        }
        Ok(())
    }

    /// How many there are of this time and kind.
    pub(super) async fn count(&self, selection: &Selection) -> Result<u64, ReplayFault> {
        self.gather(selection).await?;
        let stretch = stretch(selection);
        let mut n = 0;
        if takes(selection, Of::Commands) {
            n += self.0.road.count_judgements(stretch).await?;
        }
        if takes(selection, Of::Operations) {
            n += self.0.identity.count_judgements(stretch).await?;
        }
        Ok(n)
    }

    /// So many behind `after`; fewer are the last.
    pub(super) async fn page(
        &self,
        selection: &Selection,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Vec<Judgement>, ReplayFault> {
        let stretch = stretch(selection);
        let operation = after.map(|(subject, _)| subject.as_str()).filter(|subject| is_operation(subject));
        let mut page = Vec::new();
        if operation.is_none() && takes(selection, Of::Commands) {
            page = self.0.road.judgements(stretch, after, limit).await?;
        }
        let room = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        if room > 0 && takes(selection, Of::Operations) {
            page.extend(self.0.identity.judgements(stretch, operation, room).await?);
        }
        Ok(page)
    }

    /// One of them.
    pub(super) async fn judgement(&self, subject: &str, n: u32) -> Result<Option<Judgement>, ReplayFault> {
        if !is_operation(subject) {
            return Ok(self.0.road.judgement(subject, n).await?);
        }
        self.0.identity.write_asked().await?;
        Ok(self.0.identity.judgement(subject).await?.filter(|judgement| judgement.n == n))
    }
}

pub(super) fn is_operation(subject: &str) -> bool {
    subject.strip_prefix(OperationId::KIND).is_some_and(|rest| rest.starts_with('_'))
}

fn takes(selection: &Selection, of: Of) -> bool {
    selection.of.is_none_or(|wanted| wanted == of)
}

fn stretch(selection: &Selection) -> Stretch {
    Stretch { since: selection.since_ms.unwrap_or(0), until: selection.until_ms.unwrap_or(i64::MAX) }
}
